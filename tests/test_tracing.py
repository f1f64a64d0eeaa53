"""What tracing a model gives: a space that specifications use, reasons for pins, a figure that can fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from oracles.action import random_element
from oracles.stored import assert_same_group
from torch import Tensor, nn
from torch.func import stack_module_state
from traced import state_space

import specc
from specc.api import spaces
from specc.errors import SpecError
from specc.symmetry.weight_space import Weights
from specc.tracing.interchange import from_dimensions
from specc.tracing.traced import verified
from specc.tracing.written import tensors_of


class Attends(nn.Module):
    """Words, attention, a head tied with the embedding; and a table that no weight is in."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 9, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("order", torch.arange(5))

    def forward(self, words: Tensor) -> Tensor:
        x = self.embed(words)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return self.head(x)  # type: ignore[no-any-return]


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.relu(self.fc1(x)))  # type: ignore[no-any-return]


WORDS = torch.tensor([[0, 3, 8, 1], [5, 5, 2, 7]])


# --- The space --------------------------------------------------------------------------------------


def test_every_entry_of_the_state_dict_that_is_no_integer_is_a_tensor() -> None:
    module = Attends()
    traced = specc.trace(module, WORDS)
    named = {each.name: each.shape for each in tensors_of(traced.space)}
    state = module.state_dict()
    assert named == {n: tuple(t.shape) for n, t in state.items() if t.is_floating_point()}
    assert traced.left_out == ("order", "norm.num_batches_tracked")
    assert traced.name == "Attends"


def test_tied_entries_have_the_same_axes() -> None:
    tensors = {each.name: each for each in tensors_of(specc.trace(Attends(), WORDS).space)}
    assert tensors["embed.weight"].notation() == tensors["head.weight"].notation()


def test_a_specification_of_a_traced_space_declares_the_same_space(tmp_path: Path) -> None:
    traced = specc.trace(Attends(), WORDS)
    (tmp_path / "net.spec").write_text(traced.spec(), encoding="utf-8")
    read = spaces(tmp_path / "net.spec")["Attends"]
    assert [e.shape for e in tensors_of(read)] == [e.shape for e in tensors_of(traced.space)]
    assert_same_group(state_space(Weights(read, ())), state_space(Weights(traced.space, ())))


def test_names_that_the_language_has_not_are_changed() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module("return", nn.Linear(2, 3))
            self.add_module("0", nn.Linear(3, 3))
            self.add_module("axis", nn.Linear(3, 1))

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.children():
                x = torch.tanh(layer(x))
            return x

    text = specc.trace(Odd(), torch.randn(2, 2), name="class").spec()
    assert 'space Netclass {\n    "return.weight": [layer_return, layer_return_in]' in text
    assert '"0.weight": [layer_0, layer_return]' in text
    assert "axis.weight: [1, layer_0]" in text
    assert specc.check(text).models == ()


def test_parts_with_columns_of_their_own_are_written_one_below_the_other() -> None:
    class Rows(nn.Module):
        """The rows of one parameter multiply different things."""

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(2, 4), nn.Linear(2, 4)
            self.rows = nn.Parameter(torch.randn(2, 4))

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.a(x)) @ self.rows[0] + torch.sin(self.b(x)) @ self.rows[1]

    text = specc.trace(Rows(), torch.randn(5, 2)).spec()
    assert "rows: [1, a] + [1, b]" in text
    assert specc.check(text).models == ()


def test_models_read_weights_of_a_traced_model(tmp_path: Path) -> None:
    """A score is invariant and an edit equivariant under the group, on weights as torch stacks them."""
    traced = specc.trace(Perceptron(), torch.randn(4, 3), name="Net")
    (tmp_path / "net.spec").write_text(traced.spec(), encoding="utf-8")
    (tmp_path / "models.spec").write_text(
        """from "net.spec" import Net
        model Score(w: Net) -> [; 2] { return invariant(relu(equivariant(w, 3)), 2) }
        model Edit(w: Net) -> Net { return w + equivariant(tanh(equivariant(w, 3)), 1) }
        """,
        encoding="utf-8",
    )
    module = specc.load(tmp_path / "models.spec")
    score, edit = (kind(dtype=torch.float64) for kind in (module.Score, module.Edit))
    weights, _ = stack_module_state([Perceptron().double() for _ in range(3)])
    weights = {name: tensor.detach() for name, tensor in weights.items()}
    space = state_space(Weights(traced.space, ()))
    element = random_element(space.axes, np.random.default_rng(0))
    moved = space.moved(weights, element, batch=1)
    with torch.no_grad():
        torch.testing.assert_close(score(moved), score(weights), rtol=1e-9, atol=1e-9)
        expected = space.moved(edit(weights), element, batch=1)
        torch.testing.assert_close(edit(moved), expected, rtol=1e-9, atol=1e-9)


# --- The report -------------------------------------------------------------------------------------


def test_the_report_says_where_groups_are_born_and_what_pins_the_rest() -> None:
    report = specc.trace(Perceptron(), torch.randn(4, 3)).report()
    (group,) = report.groups
    assert (group.axis, group.group, group.size, group.inside) == ("fc1", "S(6)", 6, None)
    assert group.born == "fc1.weight, dimension 0"
    touched = [(each.tensor, each.dimension) for each in group.touches]
    assert touched == [("fc1.weight", 0), ("fc1.bias", 0), ("fc2.weight", 1)]
    pins = {pin.axis: (pin.reason, pin.remedy) for pin in report.pins}
    assert pins == {
        "fc1_in": ("an input of the model", None),
        "fc2": ("an output of the model", "a layer behind it"),
    }
    (place,) = (pin.place for pin in report.pins if pin.axis == "fc2")
    assert place.startswith("fc2, test_tracing.py:")
    assert report.verification is not None and report.verification.deviation < 1e-12


def test_an_operation_without_a_rule_pins_and_says_so() -> None:
    class Decomposes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(torch.linalg.qr(self.a(x))[0])  # type: ignore[no-any-return]

    (pin,) = (
        p for p in specc.trace(Decomposes(), torch.randn(5, 3)).report().pins if p.axis == "a"
    )
    assert pin.reason == "`linalg_qr` has no rule"
    assert pin.remedy == "a rule for `linalg_qr`"


def test_what_has_no_influence_is_named() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
            self.dead = nn.Parameter(torch.randn(4))

        def forward(self, x: Tensor) -> Tensor:
            return self.b(torch.tanh(self.a(x)) + self.dead - self.dead)  # type: ignore[no-any-return]

    report = specc.trace(Half(), torch.randn(5, 3)).report()
    assert report.verification is not None
    assert report.verification.unseen == ["dead"]


# --- Verification -----------------------------------------------------------------------------------


def test_a_wrong_space_is_refused_and_its_group_named() -> None:
    module, inputs = Perceptron(), (torch.randn(4, 3),)
    shapes = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    dims = {
        "fc1.weight": ["P", "Q"],
        "fc1.bias": ["P"],
        "fc2.weight": [None, "P"],
        "fc2.bias": [None],
    }
    with pytest.raises(SpecError, match="this is not the symmetry of the model") as caught:
        verified(from_dimensions(dims, shapes, "wrong"), module, inputs, {})
    assert caught.value.hint is not None and caught.value.hint.startswith("alone `Q` (S(3)) by")
    dims["fc1.weight"][1] = None
    assert verified(from_dimensions(dims, shapes, "right"), module, inputs, {}).deviation < 1e-12


def test_a_scale_of_ones_does_not_hide_a_wrong_group() -> None:
    """A fresh norm has scales of one: any permutation of those alone leaves it as it is."""
    module = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    shapes = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    dims: dict[str, list[str | None]] = {"1.weight": ["P"]}
    with pytest.raises(SpecError, match="not the symmetry"):
        verified(from_dimensions(dims, shapes, "wrong"), module, (torch.randn(4, 3),), {})


def test_other_tensors_are_refused() -> None:
    space = specc.trace(Perceptron(), torch.randn(4, 3)).space
    with pytest.raises(SpecError, match=r"the model has no tensor `fc1\.weight`"):
        verified(space, nn.Linear(3, 2), (torch.randn(4, 3),), {})


# --- The model --------------------------------------------------------------------------------------


def test_the_model_is_left_as_it_was() -> None:
    module = Attends().train()
    module.norm.eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    specc.trace(module, WORDS)
    assert torch.equal(torch.rand(2), expected)
    assert module.training and module.attention.training and not module.norm.training
    after = module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert next(module.parameters()).dtype == torch.float32


def test_inputs_by_name() -> None:
    traced = specc.trace(Attends(), kwargs={"words": WORDS}, verify=False)
    assert traced.finding is None
    assert next(axis.name for axis in traced.free) == "embed"


def test_what_cannot_be_captured_has_the_reason_of_torch_in_a_sentence() -> None:
    class Decides(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.a(x)
            return y if float(y.sum()) > 0 else -y

    with pytest.raises(SpecError) as caught:
        specc.trace(Decides(), torch.randn(4, 3))
    assert caught.value.message.startswith(
        "torch.export cannot capture this model: Could not guard"
    )
    assert "\n" not in caught.value.message
