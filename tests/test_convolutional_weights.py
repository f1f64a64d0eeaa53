"""The symmetry of convolutional networks' weights: channels in groups, joined, cut, flattened.

The group is stated by hand and held against three things: the network, whose function no element may
change; swaps of positions at any set of places, of which no others leave it as it is; and the compiler,
which has to infer it.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compiled import model_report
from inferred import state_space
from oracles.action import generators, order, random_element
from oracles.convolutional import NETWORKS, Network
from oracles.stored import State, pair_labels
from oracles.swapped import orbits, places, swaps
from oracles.values import randomise
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

import specc

every_network = pytest.mark.parametrize("name", NETWORKS)


def random_network(network: Network, seed: int = 0) -> nn.Module:
    """In float64 and evaluation, with generic weights and running statistics."""
    module = network.make().double().eval()
    randomise(module, torch.Generator().manual_seed(seed))
    return module


def random_images(network: Network, batch: int = 3) -> Tensor:
    """`(batch, channels, *positions)`, as torch has them."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, *network.inputs, generator=generator, dtype=torch.float64)


def state_of(module: nn.Module) -> State:
    """What of the state_dict is a weight: integers count batches."""
    state = module.state_dict()
    return {n: tensor.detach() for n, tensor in state.items() if tensor.is_floating_point()}


# --- The network ---------------------------------------------------------------------------------


@every_network
def test_the_spec_describes_the_network(name: str) -> None:
    """Same parameters and buffers under the same names, same function."""
    network = NETWORKS[name]
    module, images = random_network(network), random_images(network)
    ours = specc.load(network.spec).Net(dtype=torch.float64).eval()
    assert list(ours.state_dict()) == list(module.state_dict())
    ours.load_state_dict(module.state_dict())
    found, expected = ours(images.movedim(1, -1)), module(images)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@every_network
def test_the_group_by_hand_leaves_the_function_unchanged(name: str) -> None:
    network = NETWORKS[name]
    module, images, space = random_network(network), random_images(network), network.space
    state = state_of(module)
    assert {t.name: t.shape for t in space.tensors} == {n: t.shape for n, t in state.items()}
    rng = np.random.default_rng(0)
    elements = [*generators(space.axes), *(random_element(space.axes, rng) for _ in range(5))]
    with torch.no_grad():
        expected = module(images)
        for element in elements:
            found = functional_call(module, space.moved(state, element), images)
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@every_network
def test_no_larger_group_leaves_the_function_unchanged(name: str) -> None:
    """A swap at a set of places is a symmetry if and only if the group by hand has it."""
    network = NETWORKS[name]
    module, images, space = random_network(network), random_images(network), network.space
    flat = space.flat(state_of(module))
    everywhere = places(space)
    classes = orbits(everywhere)
    with torch.no_grad():
        expected = module(images)
        for chosen, taken in swaps(everywhere):
            state = space.unflat(flat[torch.from_numpy(taken)])
            found = functional_call(module, state, images)
            change = float((found - expected).abs().max() / expected.abs().max())
            assert change < 1e-12 or change > 1e-7, f"too close to call: {change}"
            whole = frozenset[object]().union(*(each for each in classes if each <= chosen))
            moved = [f"{place.axis.name}{place.scope}" for place in chosen]
            assert (change < 1e-12) == (whole == chosen), moved


# --- The compiler --------------------------------------------------------------------------------


@every_network
def test_the_inferred_group_is_the_one_by_hand(name: str) -> None:
    """Of one order, and the same pairs of entries are moved to each other."""
    read = "model Read(w: weights(Net)) -> [; 1] { return invariant(w, 1) }"
    by_hand = NETWORKS[name].space
    found = state_space(model_report(f"{NETWORKS[name].spec} {read}", "Read"))
    assert [t.name for t in found.tensors] == [t.name for t in by_hand.tensors]
    assert order(found.axes) == order(by_hand.axes)
    labels = [pair_labels(space, generators(space.axes)) for space in (by_hand, found)]
    assert labels[0] == labels[1]


@every_network
def test_models_of_weights_respect_the_group(name: str) -> None:
    """A score of the weights is invariant and an edit equivariant, on weights as torch stacks them."""
    network = NETWORKS[name]
    space = network.space
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
    parameters, buffers = stack_module_state([random_network(network, seed) for seed in range(3)])
    weights = {**parameters, **buffers}
    stacked = {tensor.name: weights[tensor.name].detach() for tensor in space.tensors}
    element = random_element(space.axes, np.random.default_rng(2))
    moved = space.moved(stacked, element, batch=1)
    with torch.no_grad():
        torch.testing.assert_close(
            score({**weights, **moved}), score(weights), rtol=1e-9, atol=1e-9
        )
        assert score(weights).var(dim=0).max() > 1e-9
        expected = space.moved(edit(weights), element, batch=1)
        torch.testing.assert_close(edit(moved), expected, rtol=1e-9, atol=1e-9)


def test_tied_layers_of_which_one_reads_joined_channels_are_pinned() -> None:
    """Their matrix would be cut in different places: sound, though not complete."""
    text = """
        axis x = 5
        model Net(v: [x; 2]) -> [; 2] {
            a = conv(v, 4, over = x, kernel = 1)
            b = conv(v, 4, over = x, kernel = 1)
            c = conv(v, 8, over = x, kernel = 1)
            h = conv(concat(a, b), 8, over = x, kernel = 1, groups = 4, name = same)
            g = conv(c, 8, over = x, kernel = 1, groups = 4, name = same)
            return linear(mean[x](h * sin(g)), 2)
        }
        model Read(w: weights(Net)) -> [; 1] { return invariant(w, 1) }
    """
    groups = model_report(text, "Read")["groups"]
    assert {each["group"] for each in groups if each["size"] > 1} == {"pinned"}
