"""A masked axis holds sets of unequal size: a set of k behaves as the model built for S(k) does.

Whatever stands in absent positions, NaN included, has no influence, and absent outputs are zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from compiled import build
from numpy.typing import NDArray
from oracles.action import Axis, Hom, Space, Tensor
from oracles.values import apply
from torch import nn

ROOM = 6
"""Positions of the masked axis."""

EDGE = Axis("edge", 3)
PIXEL = Axis("pixel", 2, pinned=True)


def bare(*axes: Axis, channels: int | None = None) -> Space:
    return Space(None, (Tensor("x", axes, channels),))


@dataclass(frozen=True, slots=True)
class Case:
    """A model by its body, and its types by the node axis they are over.

    `fewest` is the least set on which the model has the parameters of the full one: as many nodes as
    there are node indices in a pair of tensors.
    """

    types: Callable[[Axis], Hom]
    body: str
    fewest: int


def graph(node: Axis) -> Space:
    features = (Tensor("feature", (node,), 3), Tensor("label", (), 1))
    return Space("Graph", (Tensor("adjacency", (node, node), 2), *features))


def member(node: Axis) -> Axis:
    return Axis("member", 3, parent=node)


DEEP = "return equivariant(relu(equivariant(INPUT, 4)), OUTPUT)"

CASES = {
    "set": Case(
        lambda n: Hom((bare(n, channels=2),), bare(n, channels=3)),
        "return equivariant(INPUT, OUTPUT)",
        2,
    ),
    "deep set": Case(lambda n: Hom((bare(n, channels=2),), bare(n, channels=3)), DEEP, 2),
    "invariant": Case(
        lambda n: Hom((bare(n, channels=2),), bare(channels=3)),
        "return mlp(relu(invariant(relu(equivariant(INPUT, 4)), 5)), 5, 3)",
        2,
    ),
    "edges": Case(lambda n: Hom((bare(n, n),), bare(n, n)), DEEP, 4),
    "graph": Case(lambda n: Hom((graph(n),), graph(n)), DEEP, 4),
    "graph to nodes": Case(lambda n: Hom((graph(n),), bare(n, channels=2)), DEEP, 4),
    "two inputs": Case(
        lambda n: Hom((graph(n), bare(n)), bare(n, n, channels=2)),
        "return equivariant(INPUT, OUTPUT)",
        4,
    ),
    "from a scalar": Case(
        lambda n: Hom((bare(channels=2), bare(n)), bare(n, n, channels=3)),
        "return equivariant(INPUT, OUTPUT)",
        3,
    ),
    "pinned beside": Case(lambda n: Hom((bare(n, PIXEL),), bare(PIXEL, n, channels=2)), DEEP, 2),
    "another set beside": Case(
        lambda n: Hom((bare(n, EDGE, n, channels=1),), bare(EDGE, n, channels=2)),
        "return equivariant(INPUT, OUTPUT)",
        3,
    ),
    "members within": Case(
        lambda n: Hom((bare(n, member(n), channels=2),), bare(n, channels=2)), DEEP, 2
    ),
    "layer norm": Case(
        lambda n: Hom((bare(n, channels=2),), bare(n, channels=2)),
        "return equivariant(layer_norm(equivariant(INPUT, 4)), OUTPUT)",
        2,
    ),
    "mean": Case(
        lambda n: Hom((bare(n, channels=2),), bare(channels=2)), "return mean[node](INPUT)", 1
    ),
    "sum": Case(
        lambda n: Hom((bare(n, channels=2),), bare(channels=2)), "return sum[node](exp(INPUT))", 1
    ),
    "max": Case(
        lambda n: Hom((bare(n, channels=2),), bare(channels=2)), "return max[node](INPUT - 9)", 1
    ),
}


def built(case: Case, size: int, *, masked: bool) -> tuple[nn.Module, Hom]:
    """The model over `size` nodes and its types, all parameters drawn at random."""
    hom = case.types(Axis("node", size))
    text = hom.model(case.body)
    if masked:
        text = text.replace(f"axis node = S({size})", f"axis node = S({size}, masked)")
        assert "masked" in text
    return build(text), hom


def present_positions(space: Space, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The flat positions of the space all of whose nodes are present."""
    found = []
    for tensor in space.tensors:
        keep = np.ones(tensor.shape, dtype=bool)
        for dim, axis in enumerate(tensor.axes):
            if axis.name == "node":
                keep &= np.expand_dims(present, [d for d in range(keep.ndim) if d != dim])
        found.append(keep.ravel())
    return np.concatenate(found)


def random_sets(case: Case, number: int) -> NDArray[np.bool_]:
    """Masks (number, ROOM) of random subsets, of every size that the case allows."""
    rng = np.random.default_rng(0)
    masks = np.zeros((number, ROOM), dtype=bool)
    for k, mask in enumerate(masks):
        size = case.fewest + k % (ROOM - case.fewest + 1)
        mask[rng.permutation(ROOM)[:size]] = True
    return masks


def inputs_and_masks(case: Case, hom: Hom) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    masks = random_sets(case, 12)
    x = np.random.default_rng(1).standard_normal((len(masks), hom.source.size))
    return torch.from_numpy(x), masks


@pytest.mark.parametrize("name", CASES)
def test_a_masked_set_of_k_is_a_set_of_k(name: str) -> None:
    case = CASES[name]
    module, hom = built(case, ROOM, masked=True)
    x, masks = inputs_and_masks(case, hom)
    with torch.no_grad():
        y = apply(module, hom, x, node_mask=torch.from_numpy(masks))
        for k, mask in enumerate(masks):
            small, types = built(case, int(mask.sum()), masked=False)
            small.load_state_dict(module.state_dict())
            there = x[k : k + 1, present_positions(hom.source, mask)]
            expected = apply(small, types, there)
            found = y[k : k + 1, present_positions(hom.target, mask)]
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("name", CASES)
def test_absent_positions_have_no_influence(name: str, garbage: float) -> None:
    case = CASES[name]
    module, hom = built(case, ROOM, masked=True)
    x, masks = inputs_and_masks(case, hom)
    absent = torch.from_numpy(np.stack([~present_positions(hom.source, m) for m in masks]))
    assert absent.any() or hom.source.size == 0
    with torch.no_grad():
        mask = torch.from_numpy(masks)
        clean = apply(module, hom, x.masked_fill(absent, 0.0), node_mask=mask)
        spoilt = apply(module, hom, x.masked_fill(absent, garbage), node_mask=mask)
    assert torch.equal(clean, spoilt)


@pytest.mark.parametrize("name", CASES)
def test_absent_outputs_are_zero(name: str) -> None:
    case = CASES[name]
    module, hom = built(case, ROOM, masked=True)
    x, masks = inputs_and_masks(case, hom)
    masks[0] = False
    with torch.no_grad():
        y = apply(module, hom, x, node_mask=torch.from_numpy(masks))
    for row, mask in zip(y, masks, strict=True):
        assert (row[~present_positions(hom.target, mask)] == 0).all()


@pytest.mark.parametrize("name", [name for name in CASES if name != "max"])
def test_an_empty_set_gives_finite_numbers(name: str) -> None:
    module, hom = built(CASES[name], ROOM, masked=True)
    x = torch.full((2, hom.source.size), 3.0, dtype=torch.float64, requires_grad=True)
    y = apply(module, hom, x, node_mask=torch.zeros(2, ROOM, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert y.isfinite().all() and gradient.isfinite().all()


@pytest.mark.parametrize("name", CASES)
def test_a_full_mask_changes_nothing(name: str) -> None:
    case = CASES[name]
    module, hom = built(case, ROOM, masked=True)
    plain, _ = built(case, ROOM, masked=False)
    plain.load_state_dict(module.state_dict())
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((4, hom.source.size)))
    with torch.no_grad():
        masked = apply(module, hom, x, node_mask=torch.ones(4, ROOM, dtype=torch.bool))
        torch.testing.assert_close(masked, apply(plain, hom, x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in CASES if "equivariant" in CASES[name].body])
def test_gradients_of_present_positions_ignore_garbage(name: str) -> None:
    """NaN in absent positions must not reach the gradients of parameters either."""
    case = CASES[name]
    module, hom = built(case, ROOM, masked=True)
    x, masks = inputs_and_masks(case, hom)
    absent = torch.from_numpy(np.stack([~present_positions(hom.source, m) for m in masks]))
    mask = torch.from_numpy(masks)
    parameters = list(module.parameters())

    def gradients(garbage: float) -> list[torch.Tensor]:
        y = apply(module, hom, x.masked_fill(absent, garbage), node_mask=mask)
        return list(torch.autograd.grad(y.square().sum(), parameters))

    for clean, spoilt in zip(gradients(0.0), gradients(float("nan")), strict=True):
        torch.testing.assert_close(spoilt, clean)
