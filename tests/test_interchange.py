"""Specifications of other projects: written, read, and held against the function."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import specc
from specc.errors import SpecError
from specc.tracing.interchange import left_out, read, to_git_rebasin, to_unf
from specc.tracing.verify import verify


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))


INPUTS = (torch.randn(6, 3),)

GIT_REBASIN = {
    "axes_to_perm": {
        "0.weight": ["layer_0", None],
        "0.bias": ["layer_0"],
        "2.weight": ["layer_2", "layer_0"],
        "2.bias": ["layer_2"],
        "4.weight": [None, "layer_2"],
        "4.bias": [None],
    },
    "perm_to_axes": {
        "layer_0": [["0.weight", 0], ["0.bias", 0], ["2.weight", 1]],
        "layer_2": [["2.weight", 0], ["2.bias", 0], ["4.weight", 1]],
    },
}

UNF = {
    "0": {"weight": [0, -1], "bias": [0]},
    "2": {"weight": [1, 0], "bias": [1]},
    "4": {"weight": [-2, 1], "bias": [-2]},
}


def shapes() -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in perceptron().state_dict().items()}


def test_a_traced_space_as_git_rebasin_writes_it() -> None:
    assert to_git_rebasin(specc.trace(perceptron(), *INPUTS).space) == GIT_REBASIN


def test_a_traced_space_as_a_tree_of_integers() -> None:
    found = to_unf(specc.trace(perceptron(), *INPUTS).space)
    assert json.loads(json.dumps(found))["2"] == UNF["2"]
    assert found["0"] == {"weight": [0, -1], "bias": [0]}


@pytest.mark.parametrize(
    "given",
    [
        GIT_REBASIN,
        {"axes_to_perm": GIT_REBASIN["axes_to_perm"]},
        {"perm_to_axes": GIT_REBASIN["perm_to_axes"]},
        UNF,
    ],
)
def test_what_is_read_is_the_symmetry(given: object, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(json.dumps(given), encoding="utf-8")
    space = read(tmp_path / "net.json", shapes())
    moving = {axis.name for _, tensor in space.tensors for axis in tensor.axes if not axis.pinned}
    assert len(moving) == 2
    assert verify(space, perceptron(), INPUTS, {}).ok


def test_the_wrong_permutation_of_a_specification_is_named(tmp_path: Path) -> None:
    """A known slip: the columns of a layer are said to be moved by its own permutation."""
    wrong = {"perm_to_axes": {**GIT_REBASIN["perm_to_axes"], "layer_0": [["0.weight", 0]]}}
    (tmp_path / "net.json").write_text(json.dumps(wrong), encoding="utf-8")
    finding = verify(read(tmp_path / "net.json", shapes()), perceptron(), INPUTS, {})
    assert not finding.ok
    assert [axis.name for axis, _ in finding.wrong] == ["layer_0"]


def test_axes_in_products_cannot_be_said_and_are_pinned() -> None:
    """Of attention only the stream and the hidden layer are whole dimensions."""
    layer = nn.Sequential(
        nn.Linear(3, 8), nn.TransformerEncoderLayer(8, 2, 6, batch_first=True), nn.Linear(8, 2)
    )
    traced = specc.trace(layer, torch.randn(2, 5, 3))
    names = [axis.name for axis in left_out(traced.space)]
    assert names == ["layer_1_self_attn_head", "layer_1_self_attn_key", "layer_1_self_attn_value"]
    said = to_git_rebasin(traced.space)["perm_to_axes"]
    assert isinstance(said, dict) and list(said) == ["layer_0", "layer_1_linear1"]


def test_published_specifications_of_residual_networks_are_told_apart(tmp_path: Path) -> None:
    """Residual streams that are not tied are wrong; one permutation for the stream is right."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4)
            self.head = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.stem(x)
            h = h + self.b(torch.relu(self.a(h)))
            return self.head(torch.tanh(h))  # type: ignore[no-any-return]

    tied = {
        "P_stream": [["stem.weight", 0], ["stem.bias", 0], ["a.weight", 1], ["b.weight", 0], ["b.bias", 0], ["head.weight", 1]],
        "P_a": [["a.weight", 0], ["a.bias", 0], ["b.weight", 1]],
    }  # fmt: skip
    untied = {
        "P_stem": [["stem.weight", 0], ["stem.bias", 0], ["a.weight", 1]],
        "P_a": tied["P_a"],
        "P_b": [["b.weight", 0], ["b.bias", 0], ["head.weight", 1]],
    }
    module, inputs = Residual(), (torch.randn(5, 3),)
    sizes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = {}
    for name, perms in (("tied", tied), ("untied", untied)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"perm_to_axes": perms}))
        found[name] = verify(read(tmp_path / f"{name}.json", sizes), module, inputs, {})
    assert found["tied"].ok
    assert [axis.name for axis, _ in found["untied"].wrong] == ["P_stem", "P_b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "holds no specification"),
        ("{", "is no JSON"),
        ('{"axes_to_perm": {"0.weigth": ["P", null]}}', "the model has no tensor `0.weigth`"),
        (
            '{"axes_to_perm": {"0.weight": ["P"]}}',
            "`0.weight` has 2 dimensions, and 1 are specified",
        ),
        ('{"axes_to_perm": {"0.weight": 3}}', "`0.weight` has no list with a permutation for each"),
        ('{"perm_to_axes": {"P": [["0.weight", 5]]}}', "`0.weight` has no dimension 5"),
        ('{"perm_to_axes": {"P": [["0.weight"]]}}', "which is no tensor with a dimension"),
        ('{"perm_to_axes": 3}', "`perm_to_axes` is no object"),
        ('{"0": {"weight": [0, 0]}}', "`P_0` moves 4 positions of `0.weight` and 3 of `0.weight`"),
        ('{"0": {"weight": "x"}}', "`0.weight` is neither a tree nor a list of integers"),
    ],
)
def test_a_mistake_is_told(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read(tmp_path / "net.json", shapes())
    assert message in caught.value.message
