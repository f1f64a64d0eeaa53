"""The symmetry of the weights of attention and experts, more closely than that of other networks.

The group by hand is held against brute force over all permutations of rows and columns, and random
equivariant layers against all maps that commute with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, permutations, product

import numpy as np
import pytest
import torch
from compiled import build
from oracles.action import Matrix, generators, order
from oracles.attentive import ATTENTIVE, Place
from oracles.linear_algebra import rank
from oracles.stored import State, StateSpace, orbit_means, pair_labels, state_of
from oracles.values import randomise
from torch import nn
from torch.func import functional_call, vmap

pytestmark = pytest.mark.grid

EDIT = "model M(w: weights(Net)) -> weights(Net) { return equivariant(w, 1, name = layer) }"

every_network = pytest.mark.parametrize("name", ATTENTIVE)


@every_network
def test_the_order_of_the_group_by_hand(name: str) -> None:
    network = ATTENTIVE[name]
    assert order(network.space.axes) == network.order


CHUNK = 1 << 15


@pytest.mark.parametrize("name", [name for name in ATTENTIVE if ATTENTIVE[name].places])
def test_no_other_permutations_leave_the_function_unchanged(name: str) -> None:
    """All permutations of all places at once: as many leave the function as the group has elements."""
    network = ATTENTIVE[name]
    module, inputs = network.random(), network.random_inputs(batch=1)
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
