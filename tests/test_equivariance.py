"""Whole models commute with random group elements, in float64, on everything the groups allow:
collections, tuples, wreath products, coded axes, maps to other types.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compiled import build, layer_report
from oracles.action import Axis, Hom, Space, Tensor, destinations, random_element
from oracles.linear_algebra import commutant, rank, residual
from oracles.spaces import homs
from oracles.values import affine_map, apply, permuted
from torch import nn

NODE = Axis("node", 4)
PIXEL = Axis("pixel", 3, pinned=True)
FREE = Axis("pixel", 3)
CLOUD = Axis("cloud", 3)
MEMBER = Axis("member", 2, parent=CLOUD)


def bare(*axes: Axis, channels: int | None = None) -> Space:
    return Space(None, (Tensor("x", axes, channels),))


def commutes(module: nn.Module, hom: Hom) -> None:
    """M(g x) = g M(x) for random g, and M is not constant."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((5, hom.source.size)))
    with torch.no_grad():
        y = apply(module, hom, x)
        assert y.isfinite().all()
        assert y.var(dim=0).max() > 1e-6, "the model ignores its input"
        for _ in range(4):
            g = random_element(hom.axes, rng)
            moved = apply(module, hom, permuted(x, destinations(g, hom.source)))
            expected = permuted(y, destinations(g, hom.target))
            torch.testing.assert_close(moved, expected, rtol=1e-9, atol=1e-9)


BODIES = {
    "deep": """
        z = relu(equivariant(INPUT, 3))
        z = z + tanh(equivariant(z, 3))
        return equivariant(z, OUTPUT)
    """,
    "channels": "return equivariant(gelu(linear(equivariant(INPUT, 4), 5)), OUTPUT)",
    "normalised": "return equivariant(layer_norm(equivariant(INPUT, 4)), OUTPUT)",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("hom", [h for h in homs(20, 30) if len(h.sources) == 1], ids=str)
def test_deep_models_are_equivariant(hom: Hom, body: str) -> None:
    commutes(build(hom.model(BODIES[body])), hom)


@pytest.mark.parametrize("hom", homs(21, 12), ids=str)
def test_invariant_models_are_invariant(hom: Hom) -> None:
    scores = Hom(hom.sources, bare(channels=3))
    body = "return mlp(relu(invariant(INPUT, 8)), 8, 3)"
    commutes(build(scores.model(body)), scores)


@pytest.mark.parametrize("hom", [h for h in homs(22, 60) if len(h.sources) == 2], ids=str)
def test_tuples_are_direct_sums(hom: Hom) -> None:
    commutes(build(hom.spec), hom)


def test_wreath_products_forbid_what_a_plain_product_allows() -> None:
    """Members of different clouds are permuted separately: moving one cloud's alone is a symmetry."""
    hom = Hom((bare(CLOUD, MEMBER, channels=2),), bare(CLOUD, MEMBER, channels=2))
    body = "return equivariant(relu(equivariant(INPUT, 4)), OUTPUT)"
    module = build(hom.model(body))
    commutes(module, hom)
    x = torch.randn(2, 3, 2, 2, dtype=torch.float64)
    moved = x.clone()
    moved[:, 1] = x[:, 1].flip(1)  # swap the members of cloud 1
    with torch.no_grad():
        expected = module(x)
        expected[:, 1] = expected[:, 1].flip(1)
        torch.testing.assert_close(module(moved), expected)


# --- Coded axes ----------------------------------------------------------------------------------

IMAGE = Space("Image", (Tensor("grid", (PIXEL, NODE), 2), Tensor("line", (PIXEL,), 2)))
FREE_IMAGE = Space("Image", (Tensor("grid", (FREE, NODE), 2), Tensor("line", (FREE,), 2)))

# Per row: the space with the axis pinned, and what it is once the axis is coded.
CODED = {
    "one tensor": (bare(PIXEL, channels=2), bare(FREE, channels=2)),
    "twice in one tensor": (bare(PIXEL, PIXEL, channels=2), bare(FREE, FREE, channels=2)),
    "beside an axis": (bare(NODE, PIXEL, channels=2), bare(NODE, FREE, channels=2)),
    "collection": (IMAGE, FREE_IMAGE),
}


@pytest.mark.parametrize("case", CODED)
def test_a_coded_axis_counts_as_interchangeable(case: str) -> None:
    pinned, free = (Hom((space,), space) for space in CODED[case])
    text = pinned.model("return equivariant(coded(INPUT), 2, name = layer)")
    assert layer_report(text)["maps"] == len(commutant(free.one_channel))

    kernel = commutant(free).reshape(-1, free.target.size * free.source.size)
    maps = [affine_map(build(text, seed), pinned)[0].ravel() for seed in range(len(kernel) + 2)]
    assert residual(np.stack(maps), kernel) < 1e-9
    assert rank(np.stack(maps)) == len(kernel)


@pytest.mark.parametrize("case", CODED)
def test_codes_move_with_the_positions_they_tell_apart(case: str) -> None:
    """Permuting positions of input and codes permutes the output; of the input alone it does not."""
    pinned, free = (Hom((space,), space) for space in CODED[case])
    module = build(pinned.model("return equivariant(relu(coded(INPUT)), 2, name = layer)"))
    codes = [p for name, p in module.named_parameters() if not name.startswith("layer.")]
    assert codes and all(code.shape == (PIXEL.size, 2) for code in codes)

    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((3, free.source.size)))
    g = {"pixel": np.array([1, 2, 0]), "node": np.arange(NODE.size)}
    with torch.no_grad():
        expected = permuted(apply(module, pinned, x), destinations(g, free.target))
        moved = permuted(x, destinations(g, free.source))
        assert (apply(module, pinned, moved) - expected).abs().max() > 1e-3
        for code in codes:
            code.copy_(permuted(code.T, g["pixel"]).T)
        torch.testing.assert_close(apply(module, pinned, moved), expected)


def test_fresh_codes_differ() -> None:
    hom = Hom((bare(PIXEL, channels=2),), bare(PIXEL, channels=2))
    torch.manual_seed(0)
    module = build(hom.model("return equivariant(coded(INPUT), 2, name = layer)"), seed=None)
    (code,) = (p for name, p in module.named_parameters() if not name.startswith("layer."))
    assert len({tuple(row.tolist()) for row in code}) == PIXEL.size


def test_a_code_over_one_axis_leaves_the_other_pinned() -> None:
    text = """
        axis pixel = 3  axis colour = 2
        model M(x: [pixel, colour; 2]) -> [pixel, colour; 2] {
            return equivariant(coded(x, over = pixel), 2, name = layer)
        }
    """
    assert layer_report(text)["maps"] == 2 * (2 * 2)  # S(3) on pixel, all 2 x 2 matrices on colour
