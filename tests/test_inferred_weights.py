"""The symmetry of the weights of networks that convolve, recur and attend: products, sums, wreath products.

The group is stated by hand and held against three things: the network, whose function no element may
change; swaps of positions at any set of places, of which no others leave it as it is; and the compiler,
which has to infer it and to know every equivariant map.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from compiled import layer_report, model_report
from inferred import state_space
from oracles.action import generators, random_element
from oracles.attentive import ATTENTIVE
from oracles.convolutional import CONVOLUTIONAL
from oracles.multiplicative import MULTIPLICATIVE
from oracles.sequential import SEQUENTIAL
from oracles.stored import (
    Network,
    StateSpace,
    assert_leaves_unchanged,
    assert_same_group,
    count,
    state_of,
)
from oracles.swapped import chosen_sets, orbits, places, swapped
from torch.func import functional_call, stack_module_state

import specc

pytestmark = pytest.mark.grid

NETWORKS: dict[str, Network] = {
    **CONVOLUTIONAL,
    **SEQUENTIAL,
    **ATTENTIVE,
    **MULTIPLICATIVE,
}

READ = "model Read(w: weights(Net)) -> [; 1] { return invariant(w, 1) }"

EDIT = "model M(w: weights(Net)) -> weights(Net) { return equivariant(w, 1, name = layer) }"

MODELS = """
    model Score(w: weights(Net)) -> [; 2] {
        z = relu(equivariant(w, 3))
        return invariant(tanh(equivariant(z, 3)), 2)
    }
    model Edit(w: weights(Net)) -> weights(Net) {
        z = tanh(equivariant(w, 3))
        return w + equivariant(z, 1)
    }
"""

MOST_SETS = 1 << 10
"""Of places of one size: where there are more, some are tried."""


def test_no_two_networks_have_one_name() -> None:
    assert len(NETWORKS) == sum(map(len, (CONVOLUTIONAL, SEQUENTIAL, ATTENTIVE, MULTIPLICATIVE)))


@pytest.fixture(params=NETWORKS)
def network(request: Any) -> Network:
    return NETWORKS[request.param]


# --- The network ---------------------------------------------------------------------------------


def test_the_spec_describes_the_network(network: Network) -> None:
    """Same parameters and buffers under the same names in the same order, same function."""
    module, inputs = network.random(), network.random_inputs()
    ours = specc.load(network.spec).Net(dtype=torch.float64).eval()
    assert list(ours.state_dict()) == list(module.state_dict())
    ours.load_state_dict(module.state_dict())
    found = ours(*network.as_declared(inputs))
    torch.testing.assert_close(found, module(*inputs), rtol=1e-11, atol=1e-11)


def test_the_group_by_hand_leaves_the_function_unchanged(network: Network) -> None:
    assert_leaves_unchanged(network)


@pytest.mark.parametrize("name", {**CONVOLUTIONAL, **SEQUENTIAL, **MULTIPLICATIVE})
def test_no_larger_group_leaves_the_function_unchanged(name: str) -> None:
    """A swap at a set of places is a symmetry if and only if the group by hand has it.

    Attention, where the bias of the keys changes nothing, has a test of its own.
    """
    network = NETWORKS[name]
    module, inputs, space = network.random(), network.random_inputs(), network.space
    flat = space.flat(state_of(module))
    everywhere = places(space)
    classes = orbits(everywhere)
    with torch.no_grad():
        expected = module(*inputs)
        for chosen in chosen_sets(everywhere, MOST_SETS):
            found = functional_call(module, space.unflat(swapped(flat, chosen)), inputs)
            change = float((found - expected).abs().max() / expected.abs().max())
            assert change < 1e-12 or change > 1e-8, f"too close to call: {change}"
            whole = frozenset[object]().union(*(each for each in classes if each <= chosen))
            moved = sorted(f"{place.axis.name} {place.entries[0, 0]}" for place in chosen)
            assert (change < 1e-12) == (whole == chosen), moved


# --- The compiler --------------------------------------------------------------------------------


def inferred(network: Network) -> StateSpace:
    """The state_dict with what moves according to the compiler."""
    return state_space(model_report(f"{network.spec} {READ}", "Read"))


def test_the_inferred_group_is_the_one_by_hand(network: Network) -> None:
    assert_same_group(inferred(network), network.space)


def test_equivariant_layers_have_all_maps(network: Network) -> None:
    """As many as there are orbits of the group by hand on pairs of entries of the state_dict."""
    space = network.space
    expected = count(space, generators(space.axes))
    report = layer_report(f"{network.spec} {EDIT}")
    assert (report["maps"], report["bias_maps"]) == (expected.maps, expected.bias_maps)


def test_models_of_weights_respect_the_group(network: Network) -> None:
    """A score of the weights is invariant and an edit equivariant, on weights as torch stacks them."""
    space = network.space
    compiled = specc.load(f"{network.spec} {MODELS}")
    score, edit = (m(dtype=torch.float64) for m in (compiled.Score, compiled.Edit))
    parameters, buffers = stack_module_state([network.random(seed) for seed in range(3)])
    weights = {**parameters, **buffers}
    element = random_element(space.axes, np.random.default_rng(2))
    stacked = {tensor.name: weights[tensor.name].detach() for tensor in space.tensors}
    moved = space.moved(stacked, element, batch=1)
    with torch.no_grad():
        scores = score(weights)
        torch.testing.assert_close(score({**weights, **moved}), scores, rtol=1e-9, atol=1e-9)
        assert scores.var(dim=0).max() > 1e-9
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
