"""The symmetry of the weights of attention and experts: products, sums and wreath products of axes.

The group is stated by hand and held against three things: the network, whose function no element may
change; brute force over all permutations of rows and columns, of which no others leave it as it is;
and the compiler, which has to infer it and to know every equivariant map.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, permutations, product

import numpy as np
import pytest
import torch
from compiled import build, layer_report, model_report
from inferred import state_space
from oracles.action import Matrix, generators, order, random_element
from oracles.attentive import ATTENTIVE, Attentive, Place
from oracles.linear_algebra import rank
from oracles.stored import State, StateSpace, count, orbit_means, pair_labels
from oracles.values import randomise
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

import specc

READ = "model Read(w: weights(Net)) -> [; 1] { return invariant(w, 1) }"

EDIT = "model M(w: weights(Net)) -> weights(Net) { return equivariant(w, 1, name = layer) }"

every_network = pytest.mark.parametrize("name", ATTENTIVE)


def random_network(network: Attentive, seed: int = 0) -> nn.Module:
    module = network.make().double()
    randomise(module, torch.Generator().manual_seed(seed))
    return module


def random_inputs(network: Attentive, batch: int = 2) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.randn(batch, *shape, generator=generator, dtype=torch.float64)
        for shape in network.inputs
    )


def state_of(module: nn.Module) -> State:
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def inferred(network: Attentive) -> StateSpace:
    """The state_dict with what moves according to the compiler."""
    return state_space(model_report(f"{network.spec} {READ}", "Read"))


# --- The network ---------------------------------------------------------------------------------


@every_network
def test_the_spec_describes_the_network(name: str) -> None:
    network = ATTENTIVE[name]
    module, inputs = random_network(network), random_inputs(network)
    ours = specc.load(network.spec).Net(dtype=torch.float64)
    assert list(ours.state_dict()) == list(module.state_dict())
    ours.load_state_dict(module.state_dict())
    torch.testing.assert_close(ours(*inputs), module(*inputs), rtol=1e-11, atol=1e-11)


@every_network
def test_the_group_by_hand_leaves_the_function_unchanged(name: str) -> None:
    network = ATTENTIVE[name]
    module, inputs, space = random_network(network), random_inputs(network), network.space
    state = state_of(module)
    assert {t.name: t.shape for t in space.tensors} == {n: t.shape for n, t in state.items()}
    assert order(space.axes) == network.order
    rng = np.random.default_rng(0)
    elements = [*generators(space.axes), *(random_element(space.axes, rng) for _ in range(10))]
    with torch.no_grad():
        expected = module(*inputs)
        for element in elements:
            found = functional_call(module, space.moved(state, element), inputs)
            torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


CHUNK = 1 << 15


@pytest.mark.parametrize("name", [name for name in ATTENTIVE if ATTENTIVE[name].places])
def test_no_other_permutations_leave_the_function_unchanged(name: str) -> None:
    """All permutations of all places at once: as many leave the function as the group has elements."""
    network = ATTENTIVE[name]
    module, inputs = random_network(network), random_inputs(network, batch=1)
    state = state_of(module)
    with torch.no_grad():
        expected = module(*inputs)
        evaluate = vmap(lambda own: functional_call(module, own, inputs))
        unchanged = 0
        images = [list(permutations(range(place[0].length))) for place in network.places]
        choices = product(*images)
        while chunk := list(islice(choices, CHUNK)):
            change = evaluate(moved(state, network.places, chunk)) - expected
            size = change.abs().flatten(1).amax(1) / expected.abs().max()
            assert not ((size > 1e-11) & (size < 1e-7)).any(), "too close to call"
            unchanged += int((size < 1e-11).sum())
    assert unchanged == network.order


def moved(
    state: State, places: Sequence[Place], chosen: Sequence[tuple[tuple[int, ...], ...]]
) -> State:
    """For each choice of a permutation for every place the state moved so, stacked."""
    result = {name: t.expand(len(chosen), *t.shape).clone() for name, t in state.items()}
    rows = torch.arange(len(chosen))[:, None]
    for number, place in enumerate(places):
        image = torch.tensor([choice[number] for choice in chosen])
        for slots in place:
            tensor = result[slots.tensor]
            if slots.rows is not None:
                tensor = tensor[:, slice(*slots.rows)]
            positions = tensor.narrow(slots.dim + 1, slots.start, slots.length)
            positions = positions.movedim(slots.dim + 1, 1)
            positions.copy_(positions.clone()[rows, image])
    return result


# --- The compiler --------------------------------------------------------------------------------


@every_network
def test_the_inferred_group_is_the_one_by_hand(name: str) -> None:
    """Of one order, and the same pairs of entries are moved to each other."""
    network = ATTENTIVE[name]
    by_hand, found = network.space, inferred(network)
    assert [t.name for t in found.tensors] == [t.name for t in by_hand.tensors]
    assert order(found.axes) == network.order
    labels = [pair_labels(space, generators(space.axes)) for space in (by_hand, found)]
    assert labels[0] == labels[1]


@every_network
def test_equivariant_layers_have_all_maps(name: str) -> None:
    """As many as there are orbits of the group by hand on pairs of entries of the state_dict."""
    network = ATTENTIVE[name]
    space = network.space
    expected = count(space, generators(space.axes))
    report = layer_report(f"{network.spec} {EDIT}")
    assert (report["maps"], report["bias_maps"]) == (expected.maps, expected.bias_maps)


@every_network
def test_random_layers_span_all_maps(name: str) -> None:
    """On state_dicts as they are stored: maps of random parameters commute, and their rank is the dimension."""
    network = ATTENTIVE[name]
    space = network.space
    labels = pair_labels(space, generators(space.axes))
    module, generator = build(f"{network.spec} {EDIT}"), torch.Generator().manual_seed(0)
    dimension = len(set(labels))
    coordinates = []
    for _ in range(dimension + 3):
        randomise(module, generator)
        matrix = linear_part(module, space).reshape(1, -1)
        means = orbit_means(matrix, labels)
        assert np.abs(matrix - means).max() < 1e-10 * np.abs(matrix).max()
        coordinates.append(matrix[0, sorted(set(labels))])
    assert rank(np.stack(coordinates)) == dimension


def linear_part(module: nn.Module, space: StateSpace) -> Matrix:
    """The matrix of an affine module on flat state_dicts."""
    probes = torch.cat([torch.zeros(1, space.size), torch.eye(space.size)]).double()
    with torch.no_grad():
        images = space.flat(module(space.unflat(probes)), batch=1)
    matrix: Matrix = (images[1:] - images[0]).T.numpy()
    return matrix


@every_network
def test_models_of_weights_respect_the_group(name: str) -> None:
    """A score of the weights is invariant and an edit equivariant, on weights as torch stacks them."""
    network = ATTENTIVE[name]
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
