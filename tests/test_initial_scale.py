"""A fresh layer keeps the scale of its input whatever the width, and one module serves every width.

Inputs have unit second moment and are constant along permutable axes (what means preserve; zero-mean
independent inputs shrink in the pooled terms by design).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import mean

import pytest
import torch
from compiled import build
from oracles.action import Axis, Hom, Space, Tensor
from oracles.spaces import homs
from oracles.values import apply, unflatten

CHANNELS = 8


def seeds(width: int) -> range:
    """Fewer where layers are large: the same draws meet every width."""
    return range(12 if width < 1024 else 2)


def bare(*axes: Axis, channels: int = CHANNELS) -> Space:
    return Space(None, (Tensor("x", axes, channels),))


def mlp_weights(width: int) -> Space:
    """Two hidden layers of that width, between 3 and 2 positions that are permutable as well."""
    sizes = (3, width, width, 2)
    axes = [Axis(f"h{k}", size) for k, size in enumerate(sizes)]
    tensors = [
        (Tensor(f"w{k}", (b, a), CHANNELS), Tensor(f"b{k}", (b,), CHANNELS))
        for k, (a, b) in enumerate(pairwise(axes))
    ]
    return Space("Weights", tuple(tensor for layer in tensors for tensor in layer))


def node(width: int) -> Axis:
    return Axis("node", width)


def graph(width: int) -> Space:
    adjacency = Tensor("adjacency", (node(width), node(width)), CHANNELS)
    return Space("Graph", (adjacency, Tensor("feature", (node(width),), CHANNELS)))


def clouds(width: int) -> Space:
    cloud = Axis("cloud", 8)
    return bare(cloud, Axis("member", width, parent=cloud))


def same(space: Callable[[int], Space]) -> Callable[[int], Hom]:
    return lambda width: Hom((space(width),), space(width))


# Per row: the maps at a width, the widest that is tried.
SPACES: dict[str, tuple[Callable[[int], Hom], int]] = {
    "set": (same(lambda n: bare(node(n))), 2048),
    "edges": (same(lambda n: bare(node(n), node(n))), 512),
    "graph": (same(graph), 512),
    "set to scalar": (lambda n: Hom((bare(node(n)),), bare()), 2048),
    "scalar to edges": (lambda n: Hom((bare(),), bare(node(n), node(n))), 512),
    "table": (same(lambda n: bare(node(n), Axis("item", 8))), 2048),
    "clouds": (same(clouds), 2048),
    "weights of an mlp": (same(mlp_weights), 2048),
}
CASES = [
    (name, width)
    for name, (_, widest) in SPACES.items()
    for width in (8, 64, 512, 1024, 2048)
    if width <= widest
]


def constant_input(space: Space, generator: torch.Generator) -> torch.Tensor:
    """(1, size): each tensor constant along its axes, with channels of unit second moment."""
    parts = []
    for tensor in space.tensors:
        channels = torch.randn(CHANNELS, generator=generator)
        channels = channels / channels.square().mean().sqrt()
        parts.append(channels.expand(tensor.shape).reshape(1, -1))
    return torch.cat(parts, dim=1)


def second_moments(hom: Hom, seeds: range) -> Iterator[dict[str, float]]:
    """For each seed, the mean square of each output tensor of a fresh layer."""
    for seed in seeds:
        torch.manual_seed(seed)
        module = build(hom.spec, seed=None, dtype=torch.float32)
        x = constant_input(hom.source, torch.Generator().manual_seed(1000 + seed))
        with torch.no_grad():
            y = unflatten(apply(module, hom, x), Space("out", hom.target.tensors))
        assert isinstance(y, dict)
        yield {name: float(tensor.square().mean()) for name, tensor in y.items()}


@pytest.mark.parametrize(("name", "width"), CASES)
def test_outputs_keep_root_mean_square_within_a_factor_of_two(name: str, width: int) -> None:
    moments = list(second_moments(SPACES[name][0](width), seeds(width)))
    for tensor in moments[0]:
        rms = math.sqrt(mean(each[tensor] for each in moments))
        assert 0.5 <= rms <= 2.0, f"{tensor}: {rms:.2f}"


@pytest.mark.parametrize("pinned", [1, 4, 32])
def test_pinned_axes_keep_the_scale_too(pinned: int) -> None:
    pixel = Axis("pixel", pinned, pinned=True)
    hom = Hom((bare(node(64), pixel),), bare(node(64), pixel))
    assert 0.5 <= math.sqrt(mean(each["x"] for each in second_moments(hom, range(12)))) <= 2.0


def widened(space: Space) -> Space:
    tensors = (Tensor(tensor.name, tensor.axes, CHANNELS) for tensor in space.tensors)
    return Space(space.name, tuple(tensors))


@pytest.mark.parametrize("hom", homs(seed=50, number=20), ids=str)
def test_random_spaces_keep_the_scale(hom: Hom) -> None:
    """Few positions, diagonals, axes within axes, pinned ones: each output tensor keeps the scale."""
    wide = Hom(tuple(map(widened, hom.sources)), widened(hom.target))
    moments = list(second_moments(wide, range(12)))
    for tensor in moments[0]:
        rms = math.sqrt(mean(each[tensor] for each in moments))
        assert 0.5 <= rms <= 2.0, f"{tensor}: {rms:.2f}"


# --- One module for every width ------------------------------------------------------------------

BUILT = 7
READS_WIDTH = [name for name in SPACES if name != "scalar to edges"]
"""A layer whose inputs do not show the width has that it was built for."""


@pytest.mark.parametrize("width", [4, 9])
@pytest.mark.parametrize("name", READS_WIDTH)
def test_a_module_runs_at_other_widths_than_built_for(name: str, width: int) -> None:
    """With the result of the module built at that width from the same state_dict."""
    at, hom = SPACES[name][0](BUILT), SPACES[name][0](width)
    elsewhere, here = build(at.spec), build(hom.spec, seed=None)
    here.load_state_dict(elsewhere.state_dict())
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, hom.source.size, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        expected = apply(here, hom, x)
        found = apply(elsewhere, hom, x)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
