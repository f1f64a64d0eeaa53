"""Sums inside products, `(head (query + key))`: what is stored, what layers do with it, and what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from oracles.action import generators, random_element
from oracles.adversarial import INSIDE
from oracles.stored import StateSpace, assert_same_group, by_lines, count, declared, stored
from torch import Tensor
from traced import state_space

import specc
from specc.api import spaces
from specc.symmetry.weight_space import Weights
from specc.tracing.trace import infer
from specc.tracing.written import specification
from specc_runtime import put_together, take_apart
from specc_runtime.storage import size_of, words_of

# --- Stored tensors ---------------------------------------------------------------------------------

HEADS = "batch (2 (3+4+3)) 5"
TWICE = "batch (2 (3+(4 (1+2))))+6 (3 (2+1))"


def numbers(*shape: int) -> Tensor:
    return torch.arange(float(np.prod(shape))).reshape(shape)


def test_the_parts_of_each_head_are_views() -> None:
    value = numbers(2, 20, 5)
    parts = take_apart({"in": value}, {"in": HEADS})
    grid = value.reshape(2, 2, 10, 5)
    assert list(parts) == ["in.0", "in.1", "in.2"]
    for name, start, end in (("in.0", 0, 3), ("in.1", 3, 7), ("in.2", 7, 10)):
        assert torch.equal(parts[name], grid[:, :, start:end])
        assert parts[name].untyped_storage().data_ptr() == value.untyped_storage().data_ptr()


def test_parts_of_parts_along_two_dimensions() -> None:
    value = numbers(2, 36, 9)
    parts = take_apart({"w": value}, {"w": TWICE})
    rows = value[:, :30].reshape(2, 2, 15, 3, 3)
    inner = rows[:, :, 3:].reshape(2, 2, 4, 3, 3, 3)
    last = value[:, 30:].reshape(2, 6, 3, 3)
    expected = {
        "w.0.0": rows[:, :, :3, :, :2],
        "w.0.1": rows[:, :, :3, :, 2],
        "w.1.0": inner[:, :, :, 0, :, :2],
        "w.2.1": inner[:, :, :, 1:, :, 2:],
        "w.3.0": last[..., :2],
    }
    assert list(parts) == [f"w.{row}.{column}" for row in range(4) for column in range(2)]
    for name, each in expected.items():
        assert torch.equal(parts[name].flatten(), each.flatten()), name


@pytest.mark.parametrize(("word", "shape"), [(HEADS, (2, 20, 5)), (TWICE, (2, 36, 9))])
def test_what_is_taken_apart_is_put_together_again(word: str, shape: tuple[int, ...]) -> None:
    value = {"w": numbers(*shape)}
    assert torch.equal(put_together(take_apart(value, {"w": word}), {"w": word})["w"], value["w"])


def test_words_of_nested_brackets() -> None:
    assert words_of(TWICE) == ["batch", "(2 (3+(4 (1+2))))+6", "(3 (2+1))"]
    assert [size_of(word) for word in words_of(TWICE)] == [None, 36, 9]


# --- Layers -----------------------------------------------------------------------------------------

SPACE = """
axis head = S(2)
axis turned = 2
axis key = S(2) in head
axis value = S(2) in head
axis group = S(2) in head
space Heads {
    rows: [(head (turned + key + turned + key + value)), 2]
    grid: [(head (key + (group (turned + value))))]
    out:  [2, (head value)]
}
"""
READS = """
model Read(a: Heads) -> [; 3] { return invariant(relu(equivariant(a, 2)), 3) }
model Edit(a: Heads) -> Heads { return equivariant(tanh(equivariant(a, 2)), 1) }
model Once(a: Heads) -> Heads { return equivariant(a, 1) }
"""
BY_HAND = """
    rows: (head (turned + key + turned + key + value)), two
    grid: (head (key + (group (turned + value))))
    out: two, (head value)
"""


def by_hand() -> StateSpace:
    axes = declared(
        "head = S(2)  turned = 2  two = 2  key = S(2) in head  value = S(2) in head"
        "  group = S(2) in head"
    )
    return StateSpace(tuple(stored(n, text, axes) for n, text in by_lines(BY_HAND).items()))


def test_layers_commute_with_the_group_by_hand(tmp_path: Path) -> None:
    (tmp_path / "heads.spec").write_text(SPACE + READS, encoding="utf-8")
    module = specc.load(tmp_path / "heads.spec")
    read, edit = (kind(dtype=torch.float64) for kind in (module.Read, module.Edit))
    space, rng = by_hand(), np.random.default_rng(0)
    shapes = {tensor.name: tensor.shape for tensor in space.tensors}
    given = {n: torch.randn(3, *shape, dtype=torch.float64) for n, shape in shapes.items()}
    for element in [*generators(space.axes), random_element(space.axes, rng)]:
        moved = space.moved(given, element, batch=1)
        torch.testing.assert_close(read(moved), read(given), rtol=1e-10, atol=1e-10)
        expected, found = space.moved(edit(given), element, batch=1), edit(moved)
        for name in shapes:
            torch.testing.assert_close(found[name], expected[name], rtol=1e-10, atol=1e-10)


def test_a_layer_has_a_map_for_each_orbit_of_pairs(tmp_path: Path) -> None:
    (tmp_path / "heads.spec").write_text(SPACE + READS, encoding="utf-8")
    (once,) = (m for m in specc.explain(tmp_path / "heads.spec").models if m.name == "Once")
    space = by_hand()
    orbits = count(space, generators(space.axes))
    (layer,) = once.layers
    assert (layer.maps, layer.bias_maps) == (orbits.maps, orbits.bias_maps)


# --- Written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INSIDE)
def test_what_is_traced_is_written_and_read_again(name: str, tmp_path: Path) -> None:
    network = INSIDE[name]
    weights = infer(network.random(), network.random_inputs(network.batch), {}, "Net")
    text = specification(weights.space, dict(weights.pins), ["Traced."])
    (tmp_path / "net.spec").write_text(text, encoding="utf-8")
    read = spaces(tmp_path / "net.spec")["Net"]
    assert_same_group(state_space(Weights(read, ())), state_space(weights))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("(head (key + word))", "`word` is masked and stands alone"),
        ("(head (key + 2 * 3))", "the name of an axis is needed here"),
        ("(turned (key + turned))", "`key` lives in `head` and has to follow it"),
    ],
)
def test_mistakes(entry: str, message: str) -> None:
    text = f"""axis head = S(2)  axis key = S(2) in head  axis turned = 2  axis word = S(4, masked)
    space Wrong {{ a: [{entry}] }}"""
    with pytest.raises(specc.SpecError) as caught:
        specc.check(text)
    assert message in str(caught.value)
