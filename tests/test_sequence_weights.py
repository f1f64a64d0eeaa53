"""The symmetry of the weights of recurrent networks, tables, gates and splines.

The group is stated by hand and held against three things: the network, whose function no element may
change; swaps of positions at any set of places, of which no others leave it as it is; and the compiler,
which has to infer it and to know every equivariant map.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from compiled import layer_report, model_report
from inferred import state_space
from networks import draw
from oracles.action import generators, order, random_element
from oracles.sequential import NETWORKS, Network, chosen_sets, orbits, places, swapped
from oracles.stored import State, count, pair_labels
from programs import PROGRAMS
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

import specc

READ = "model Read(w: weights(Net)) -> [; 1] { return invariant(w, 1) }"

EDIT = "model M(w: weights(Net)) -> weights(Net) { return equivariant(w, 1, name = layer) }"

every_network = pytest.mark.parametrize("name", NETWORKS)

MOST_SETS = 1 << 10
"""Of places of one size: where there are more, some are tried."""


def random_network(network: Network, seed: int = 0) -> nn.Module:
    """In float64 with generic weights, small enough that nothing saturates."""
    module = network.make().double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.7, generator=generator)
    return module


def random_inputs(network: Network, batch: int = 6) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    found = [
        torch.randn(batch, *s, generator=generator, dtype=torch.float64) for s in network.inputs
    ]
    if network.words is not None:
        found[0] = torch.randint(network.words, (batch, *network.inputs[0]), generator=generator)
    return tuple(found)


def state_of(module: nn.Module) -> State:
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


# --- The network ---------------------------------------------------------------------------------


@every_network
def test_the_spec_describes_the_network(name: str) -> None:
    """Same parameters under the same names in the same order, same function."""
    network = NETWORKS[name]
    module, inputs = random_network(network), random_inputs(network)
    ours = specc.load(network.spec).Net(dtype=torch.float64)
    assert list(ours.state_dict()) == list(module.state_dict())
    ours.load_state_dict(module.state_dict())
    torch.testing.assert_close(ours(*inputs), module(*inputs), rtol=1e-12, atol=1e-12)


@every_network
def test_the_group_by_hand_leaves_the_function_unchanged(name: str) -> None:
    network = NETWORKS[name]
    module, inputs, space = random_network(network), random_inputs(network), network.space
    state = state_of(module)
    assert {t.name: t.shape for t in space.tensors} == {n: t.shape for n, t in state.items()}
    rng = np.random.default_rng(0)
    elements = [*generators(space.axes), *(random_element(space.axes, rng) for _ in range(5))]
    with torch.no_grad():
        expected = module(*inputs)
        for element in elements:
            found = functional_call(module, space.moved(state, element), inputs)
            torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@every_network
def test_no_larger_group_leaves_the_function_unchanged(name: str) -> None:
    """A swap at a set of places is a symmetry if and only if the group by hand has it."""
    network = NETWORKS[name]
    module, inputs, space = random_network(network), random_inputs(network), network.space
    flat = space.flat(state_of(module))
    everywhere = places(space)
    classes = orbits(everywhere)
    with torch.no_grad():
        expected = module(*inputs)
        for chosen in chosen_sets(everywhere, MOST_SETS):
            state = space.unflat(swapped(flat, list(chosen)))
            found = functional_call(module, state, inputs)
            change = float((found - expected).abs().max() / expected.abs().max())
            assert change < 1e-12 or change > 1e-8, f"too close to call: {change}"
            whole = frozenset[object]().union(*(each for each in classes if each <= chosen))
            moved = sorted(f"{place.axis.name} {place.entries[0, 0]}" for place in chosen)
            assert (change < 1e-12) == (whole == chosen), moved


# --- The compiler --------------------------------------------------------------------------------


@every_network
def test_the_inferred_group_is_the_one_by_hand(name: str) -> None:
    """Of one order, and the same pairs of entries are moved to each other."""
    by_hand = NETWORKS[name].space
    found = state_space(model_report(f"{NETWORKS[name].spec} {READ}", "Read"))
    assert [t.name for t in found.tensors] == [t.name for t in by_hand.tensors]
    assert order(found.axes) == order(by_hand.axes)
    labels = [pair_labels(space, generators(space.axes)) for space in (by_hand, found)]
    assert labels[0] == labels[1]


@every_network
def test_equivariant_layers_have_all_maps(name: str) -> None:
    """As many as there are orbits of the group by hand on pairs of entries of the state_dict."""
    space = NETWORKS[name].space
    expected = count(space, generators(space.axes))
    report = layer_report(f"{NETWORKS[name].spec} {EDIT}")
    assert (report["maps"], report["bias_maps"]) == (expected.maps, expected.bias_maps)


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
    weights, _ = stack_module_state([random_network(network, seed) for seed in range(3)])
    element = random_element(space.axes, np.random.default_rng(2))
    permuted = space.moved(weights, element, batch=1)
    with torch.no_grad():
        torch.testing.assert_close(score(permuted), score(weights), rtol=1e-9, atol=1e-9)
        assert score(weights).var(dim=0).max() > 1e-9
        expected = space.moved(edit(weights), element, batch=1)
        torch.testing.assert_close(edit(permuted), expected, rtol=1e-9, atol=1e-9)


# --- The library ---------------------------------------------------------------------------------

SPECS = Path(__file__).parents[1] / "specs"

# A file of the library, small values of its parameters, a network, and a model of its weights.
LIBRARY = [
    ("sequences", {"hidden": 6}, "Adder", "SuccessRate"),
    ("names", {"hidden": 6, "embedded": 4}, "LstmClassifier", "LstmAccuracy"),
    ("names", {"hidden": 6, "embedded": 4}, "GruClassifier", "GruAccuracy"),
    (
        "translation",
        {"hidden": 6, "embedded": 4, "source_words": 9, "target_words": 7},
        "Translation",
        "Optimiser",
    ),
    ("splines", {"hidden": 4}, "Kan", "KanLoss"),
    ("splines", {"hidden": 4}, "Gated", "GatedLoss"),
]


def test_the_target_program_stands_in_the_library_as_it_is() -> None:
    assert (SPECS / "sequences.spec").read_text(encoding="utf-8") == PROGRAMS["sequences"]


@pytest.mark.parametrize(("file", "params", "network", "reader"), LIBRARY)
def test_models_of_the_library_read_the_weights_of_its_networks(
    file: str, params: dict[str, int], network: str, reader: str
) -> None:
    module = specc.load(SPECS / f"{file}.spec", **params)
    networks = [getattr(module, network)() for _ in range(3)]
    said = networks[0](**draw(networks[0], 2))
    assert said.shape[0] == 2 and said.isfinite().all()
    weights, _ = stack_module_state(networks)
    model = getattr(module, reader)()
    if reader == "Optimiser":
        weights = {
            name: tensor.unsqueeze(-1).expand(*tensor.shape, 3) for name, tensor in weights.items()
        }
    found = model(weights)
    shapes = {n: t.shape for n, t in found.items()} if isinstance(found, dict) else found.shape
    expected = {n: t.shape[:-1] for n, t in weights.items()} if isinstance(found, dict) else (3, 1)
    assert shapes == expected
