"""The inferred symmetry of a model's weights against networks written by hand.

Sound: moving positions as the inferred groups allow leaves the hand-written network's function as it
was. Complete: among all ways to move one pair of positions along any set of dimensions at once, those
that leave the function unchanged are exactly the ones that the groups contain.
"""

from __future__ import annotations

import pytest
import torch
from compiled import layer_report, model_report
from oracles.action import Axis, Hom, Space, Tensor
from oracles.counting import by_formula
from oracles.described import NETWORKS
from oracles.swaps import (
    Dimension,
    State,
    dimensions_of,
    moved,
    random_inputs,
    random_network,
    state_of,
    swaps,
    symmetric,
)
from torch import nn
from torch.func import functional_call, stack_module_state

import specc

READ = "model Read(w: weights(Net)) -> [; 1] { return invariant(w, 1) }"

Orbits = dict[str, list[Dimension]]
"""Axis name -> the dimensions of the state_dict that move together."""


def weight_space(spec: str) -> list[dict[str, object]]:
    """The tensors of `weights(Net)` as `explain` tells them."""
    spaces = model_report(f"{spec} {READ}", "Read")["spaces"]
    (space,) = (space for space in spaces if len(space["tensors"]) > 1 or space["name"] == "w")
    tensors = space["tensors"]
    assert isinstance(tensors, list)
    return tensors


def inferred(spec: str) -> tuple[Orbits, dict[str, bool]]:
    """The dimensions along each axis of the weight space, and whether the axis is permuted."""
    orbits: Orbits = {}
    for tensor in weight_space(spec):
        assert isinstance(tensor["axes"], list)
        for dim, axis in enumerate(tensor["axes"]):
            orbits.setdefault(axis, []).append((str(tensor["name"]), dim))
    groups = model_report(f"{spec} {READ}", "Read")["groups"]
    free = {g["axis"]: g["group"] == f"S({g['size']})" for g in groups}
    assert all(g["group"] in ("pinned", f"S({g['size']})") for g in groups)
    assert set(orbits) <= set(free)
    return orbits, free


def random_images(
    module: nn.Module, orbits: Orbits, free: dict[str, bool], seed: int
) -> dict[str, torch.Tensor]:
    """A random permutation for every permuted axis."""
    generator = torch.Generator().manual_seed(seed)
    sizes = dimensions_of(module)
    return {
        axis: torch.randperm(sizes[dims[0]], generator=generator)
        for axis, dims in orbits.items()
        if free[axis]
    }


def rearranged(
    state: State, orbits: Orbits, images: dict[str, torch.Tensor], leading: int = 0
) -> State:
    """The state with each axis reordered in all its dimensions, which follow `leading` others."""
    for axis, image in images.items():
        state = moved(state, [(name, dim + leading) for name, dim in orbits[axis]], image)
    return state


@pytest.mark.parametrize("name", NETWORKS)
def test_the_spec_describes_the_network(name: str) -> None:
    """Same parameters under the same names, same function."""
    network = NETWORKS[name]
    module, inputs = random_network(network), random_inputs(network)
    ours = specc.load(network.spec).Net(dtype=torch.float64)
    ours.load_state_dict(module.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(ours(*inputs), module(*inputs), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_weight_space_is_the_state_dict(name: str) -> None:
    tensors = weight_space(NETWORKS[name].spec)
    shapes = {tensor["name"]: tensor["shape"] for tensor in tensors}
    state = NETWORKS[name].make().state_dict()
    assert {key: list(shape) for key, shape in shapes.items()} == {  # type: ignore[call-overload]
        key: list(tensor.shape) for key, tensor in state.items()
    }
    assert list(shapes) == list(state)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_free_axes_are_those_listed_by_hand(name: str) -> None:
    orbits, free = inferred(NETWORKS[name].spec)
    sizes = dimensions_of(NETWORKS[name].make())
    found = sorted(sizes[dims[0]] for axis, dims in orbits.items() if free[axis])
    assert found == sorted(NETWORKS[name].axes)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_inferred_group_leaves_the_function_unchanged(name: str) -> None:
    """All axes permuted at once, at random."""
    network = NETWORKS[name]
    module, inputs = random_network(network), random_inputs(network)
    orbits, free = inferred(network.spec)
    with torch.no_grad():
        expected = module(*inputs)
        for seed in range(5):
            images = random_images(module, orbits, free, seed)
            found = functional_call(module, rearranged(state_of(module), orbits, images), inputs)
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_larger_group_leaves_the_function_unchanged(name: str) -> None:
    """Swap two positions along every set of dimensions: a symmetry if and only if inferred as one.

    This sees an axis that is pinned without need, two that are merged without need, and two that
    ought to move together.
    """
    network = NETWORKS[name]
    module, inputs = random_network(network), random_inputs(network)
    orbits, free = inferred(network.spec)
    classes = [frozenset(dims) for axis, dims in orbits.items() if free[axis]]
    for chosen, swap in swaps(module):
        whole = frozenset().union(*(c for c in classes if c <= chosen))
        assert symmetric(module, inputs, sorted(chosen), swap) == (whole == chosen), sorted(chosen)


def oracle_space(spec: str, *, coded: bool) -> Space:
    """The inferred weight space in the oracle's terms; codes make its pinned axes permutable."""
    _, free = inferred(spec)
    tensors = []
    for tensor in weight_space(spec):
        assert isinstance(tensor["axes"], list) and isinstance(tensor["shape"], list)
        named = zip(tensor["axes"], tensor["shape"], strict=True)
        axes = tuple(Axis(axis, size, pinned=not (free[axis] or coded)) for axis, size in named)
        tensors.append(Tensor(str(tensor["name"]), axes))
    return Space("Weights", tuple(tensors))


@pytest.mark.parametrize("coded", [False, True], ids=["plain", "coded"])
@pytest.mark.parametrize("name", NETWORKS)
def test_equivariant_layers_use_the_whole_inferred_group(name: str, coded: bool) -> None:
    """As many maps from weights to weights as the oracle counts for the inferred space."""
    spec = NETWORKS[name].spec
    value = "coded(w)" if coded else "w"
    layer = f"equivariant({value}, 1, name = layer)"
    model = f"model M(w: weights(Net)) -> weights(Net) {{ return {layer} }}"
    space = oracle_space(spec, coded=coded)
    expected = by_formula(Hom((space,), space))
    report = layer_report(f"{spec} {model}")
    assert (report["maps"], report["bias_maps"]) == (expected.maps, expected.bias_maps)


@pytest.mark.parametrize("name", NETWORKS)
def test_models_of_weights_respect_the_symmetry_of_the_network(name: str) -> None:
    """A score of the weights is invariant and an edit equivariant, on weights as torch stacks them."""
    network = NETWORKS[name]
    orbits, free = inferred(network.spec)
    text = f"""{network.spec}
        model Score(w: weights(Net)) -> [; 2] {{
            z = relu(equivariant(w, 3))
            return invariant(tanh(equivariant(z, 3)), 2)
        }}
        model Edit(w: weights(Net)) -> weights(Net) {{
            z = tanh(equivariant(w, 3))
            return w + equivariant(z, 1)
        }}
    """
    compiled = specc.load(text)
    score, edit = (m(dtype=torch.float64) for m in (compiled.Score, compiled.Edit))
    weights, _ = stack_module_state([random_network(network, seed) for seed in range(3)])
    images = random_images(network.make(), orbits, free, seed=3)
    permuted = rearranged(weights, orbits, images, leading=1)
    with torch.no_grad():
        torch.testing.assert_close(score(permuted), score(weights), rtol=1e-9, atol=1e-9)
        assert score(weights).var(dim=0).max() > 1e-9
        expected = rearranged(edit(weights), orbits, images, leading=1)
        torch.testing.assert_close(edit(permuted), expected, rtol=1e-9, atol=1e-9)
