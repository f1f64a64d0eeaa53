"""Tracing on networks made to deceive it: the group that it derives is the one stated by hand, and never larger.

What is stated is held against the network first: no element of the group changes the function, and no other
swap of positions leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest
import torch
from oracles.action import Element, generators, order, random_element
from oracles.adversarial import ADVERSARIAL
from oracles.stored import State, StateSpace, assert_same_group, pair_labels, state_of
from oracles.swapped import chosen_sets, orbits, places, swapped
from torch import Tensor, nn
from torch.func import functional_call
from traced import state_space

from specc.symmetry.weight_space import Weights
from specc.tracing.trace import infer
from specc.tracing.verify import verify

OTHER_ORDER = "its positions stand in an order that no product or sum of axes has"

INSIDE = "what lives in an axis stands before it in a stored tensor"

MISSES: dict[str, str] = {
    "flip alone": OTHER_ORDER,
    "two grids of one layer": OTHER_ORDER,
    "maxout, pieces first": INSIDE,
    "a grid, transposed": INSIDE,
    "two layers, interleaved": INSIDE,
    "ranks": "an argsort of an argsort is a permutation by its history alone",
    "the weights of one expert": "hidden channels live in an expert that is known by its number alone",
}
"""Where the derived group is smaller than the one by hand, and why."""

MOST_SETS = 1 << 7
"""Of places of one size: where there are more, some are tried."""

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")

every_network = pytest.mark.parametrize("name", ADVERSARIAL)


@cache
def network(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A random module and random inputs."""
    return ADVERSARIAL[name].random(), ADVERSARIAL[name].random_inputs(ADVERSARIAL[name].batch)


@cache
def derived(name: str) -> Weights:
    return infer(*network(name), {}, "Net")


def first_names(space: StateSpace, module: nn.Module) -> StateSpace:
    """Without what the state_dict has under a second name."""
    names = {*dict(module.named_parameters()), *dict(module.named_buffers())}
    return StateSpace(tuple(tensor for tensor in space.tensors if tensor.name in names))


def relative_change(name: str, state: State) -> float:
    """Of the outputs, with other weights; those of second names have to be those of the first."""
    module, inputs = network(name)
    with torch.no_grad():
        expected = module(*inputs)
        found = functional_call(module, state, inputs)
    return float((found - expected).abs().max() / expected.abs().max())


def assert_unchanged(name: str, space: StateSpace, elements: Iterable[Element]) -> None:
    module, _ = network(name)
    state = state_of(module)
    assert {t.name: t.shape for t in space.tensors} == {n: t.shape for n, t in state.items()}
    once = first_names(space, module)
    for element in elements:
        moved = space.moved(state, element)
        assert relative_change(name, {t.name: moved[t.name] for t in once.tensors}) < 1e-11


def some_elements(space: StateSpace) -> list[Element]:
    rng = np.random.default_rng(0)
    return [*generators(space.axes), *(random_element(space.axes, rng) for _ in range(5))]


# --- By hand -------------------------------------------------------------------------------------


@every_network
def test_the_group_by_hand_leaves_the_function_unchanged(name: str) -> None:
    space = ADVERSARIAL[name].space
    assert_unchanged(name, space, some_elements(space))


@every_network
def test_no_larger_group_leaves_the_function_unchanged(name: str) -> None:
    """A swap at a set of places is a symmetry if and only if the group by hand has it."""
    module, _ = network(name)
    if ADVERSARIAL[name].degenerate:
        pytest.skip(ADVERSARIAL[name].degenerate)
    space = first_names(ADVERSARIAL[name].space, module)
    flat = space.flat(state_of(module))
    everywhere = places(space)
    classes = orbits(everywhere)
    for chosen in chosen_sets(everywhere, MOST_SETS):
        change = relative_change(name, space.unflat(swapped(flat, chosen)))
        assert change < 1e-12 or change > 1e-8, f"too close to call: {change}"
        whole = frozenset[object]().union(*(each for each in classes if each <= chosen))
        moved = sorted(f"{place.axis.name} {place.entries[0, 0]}" for place in chosen)
        assert (change < 1e-12) == (whole == chosen), moved


# --- Derived -------------------------------------------------------------------------------------


@every_network
def test_the_derived_group_leaves_the_function_unchanged(name: str) -> None:
    space = state_space(derived(name))
    assert_unchanged(name, space, some_elements(space))
    fresh, inputs = ADVERSARIAL[name].random(), network(name)[1]
    assert verify(derived(name).space, fresh, inputs, {}).ok


@every_network
def test_the_derived_group_lies_in_the_one_by_hand(name: str) -> None:
    """Its order divides the other's, and its elements move no pair of entries out of the other's orbit."""
    space, stated = state_space(derived(name)), ADVERSARIAL[name].space
    assert order(stated.axes) % order(space.axes) == 0
    labels = np.array(pair_labels(stated, generators(stated.axes))).reshape(stated.size, -1)
    for element in generators(space.axes):
        image = space.destinations(element)
        assert (labels[np.ix_(image, image)] == labels).all()


@every_network
def test_the_derived_group_is_the_one_by_hand(name: str) -> None:
    space, stated = state_space(derived(name)), ADVERSARIAL[name].space
    if name in MISSES:
        assert order(space.axes) < order(stated.axes), "no longer a miss"
    else:
        assert_same_group(space, stated)


def test_at_most_one_in_ten_is_missed() -> None:
    assert set(MISSES) <= set(ADVERSARIAL)
    assert len(MISSES) <= len(ADVERSARIAL) / 10
