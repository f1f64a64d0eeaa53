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
from oracles.spaces import homs
from oracles.values import apply
from torch import nn

pytestmark = pytest.mark.grid

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

BY_HAND = {
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
    "only in the output": Case(
        lambda n: Hom((bare(channels=2),), bare(n, n, channels=3)),
        "return equivariant(INPUT, OUTPUT)",
        2,
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


def resized(space: Space, node: Axis) -> Space:
    """The space over other nodes."""
    tensors = [
        Tensor(t.name, tuple(node if a.name == node.name else a for a in t.axes), t.channels)
        for t in space.tensors
    ]
    return Space(space.name, tuple(tensors))


def random_case(hom: Hom) -> Case:
    """One layer over a random space; its least set has as many nodes as any pair has indices."""

    def types(node: Axis) -> Hom:
        return Hom(tuple(resized(s, node) for s in hom.sources), resized(hom.target, node))

    rows = [[axis.name for axis in t.axes].count("node") for t in hom.target.tensors]
    columns = [[axis.name for axis in t.axes].count("node") for t in hom.source.tensors]
    body = "return equivariant(INPUT, OUTPUT)"
    return Case(types, body, max(1, max(rows) + max(columns)))


RANDOM = [
    random_case(hom)
    for hom in homs(30, 60)
    if any(axis.name == "node" for tensor in hom.source.tensors for axis in tensor.axes)
]
CASES = BY_HAND | {
    str(case.types(Axis("node", ROOM))): case for case in RANDOM if case.fewest < ROOM
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


@pytest.mark.parametrize("name", CASES, ids=str)
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
@pytest.mark.parametrize("name", CASES, ids=str)
def test_absent_positions_have_no_influence(name: str, garbage: float) -> None:
    case = CASES[name]
    module, hom = built(case, ROOM, masked=True)
    x, masks = inputs_and_masks(case, hom)
    absent = torch.from_numpy(np.stack([~present_positions(hom.source, m) for m in masks]))
    with torch.no_grad():
        mask = torch.from_numpy(masks)
        clean = apply(module, hom, x.masked_fill(absent, 0.0), node_mask=mask)
        spoilt = apply(module, hom, x.masked_fill(absent, garbage), node_mask=mask)
    assert torch.equal(clean, spoilt)


@pytest.mark.parametrize("name", CASES, ids=str)
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


@pytest.mark.parametrize("name", CASES, ids=str)
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


# --- A masked axis within another ----------------------------------------------------------------

CLOUDS = """
    axis cloud = S(3{cloud})
    axis member = S(4{member}) in cloud
    model M(x: [cloud, member; 2]) -> [cloud, member; 2] {{
        z = relu(equivariant(x, 3))
        return equivariant(z, 2)
    }}
"""


def test_clouds_of_equal_size_are_those_of_a_smaller_model() -> None:
    """Two clouds of three members, scattered, are what S(3) in S(2) is."""
    module = build(CLOUDS.format(cloud=", masked", member=", masked"))
    small = build(CLOUDS.format(cloud="", member="").replace("S(3)", "S(2)").replace("4", "3"))
    small.load_state_dict(module.state_dict())
    member = torch.tensor([[[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 1]]], dtype=torch.bool)
    cloud = torch.tensor([[True, False, True]])
    x = torch.randn(1, 3, 4, 2, dtype=torch.float64)
    with torch.no_grad():
        y = module(x, cloud_mask=cloud, member_mask=member)
        expected = small(x[member].reshape(1, 2, 3, 2))
    torch.testing.assert_close(y[member].reshape(1, 2, 3, 2), expected)
    assert (y[~member] == 0).all()


def test_members_that_are_absent_have_no_influence() -> None:
    """Clouds of unequal size, some empty, members that are marked in clouds that are absent."""
    module = build(CLOUDS.format(cloud=", masked", member=", masked"))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 3, 4, 2, generator=generator, dtype=torch.float64)
    member = torch.rand(8, 3, 4, generator=generator) < 0.5
    cloud = torch.rand(8, 3, generator=generator) < 0.7
    there = member & cloud[..., None]
    spoilt = x.masked_fill(~there[..., None], float("nan"))
    with torch.no_grad():
        clean = module(x, cloud_mask=cloud, member_mask=member)
        assert torch.equal(clean, module(spoilt, cloud_mask=cloud, member_mask=member))
    assert (clean[~there] == 0).all() and clean[there].abs().min() > 0
