"""What a network itself says of symmetries of a state_dict whose dimensions are products and sums.

A *place* is an axis where it stands in a tensor: along one part of a dimension, and for an axis that
lives in another in one position of that one. Positions are swapped at every set of places of one size;
the network is run before and after. Nothing is derived here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from .action import Axis, Positions
from .stored import StateSpace


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """Where an axis stands; `scope` are the positions of what it lives in, outermost first.

    `entries` are those of the whole state_dict, one tensor after the other: a row for each position.
    """

    axis: Axis
    scope: tuple[int, ...]
    entries: Positions


def places(space: StateSpace) -> list[Place]:
    """Every place in all tensors, in their order."""
    found: list[Place] = []
    offset = 0
    for tensor in space.tensors:
        rows: dict[tuple[object, ...], list[list[int]]] = {}
        axes_of: dict[tuple[object, ...], tuple[Axis, tuple[int, ...]]] = {}
        for entry, (block, parts, index) in enumerate(tensor.entries()):
            axes = tensor.axes_at(block, parts)
            for number, axis in enumerate(axes):
                scope = _scope(axes, index, number)
                key = (block, parts, number, scope)
                axes_of[key] = (axis, scope)
                rows.setdefault(key, [[] for _ in range(axis.size)])
                rows[key][index[number]].append(offset + entry)
        found += [Place(*axes_of[key], np.array(entries)) for key, entries in rows.items()]
        offset += tensor.size
    return found


def _scope(axes: Sequence[Axis], index: Sequence[int], number: int) -> tuple[int, ...]:
    """The positions of the axes that one lives in, each the nearest before it."""
    return tuple(
        next(index[k] for k in range(number - 1, -1, -1) if axes[k] == outer)
        for outer in axes[number].lineage[:-1]
    )


def orbits(everywhere: Sequence[Place]) -> list[frozenset[Place]]:
    """For each free axis, in each position of what it lives in: all the places that it stands at."""
    found: dict[tuple[str, tuple[int, ...]], set[Place]] = {}
    for place in everywhere:
        if not place.axis.pinned:
            found.setdefault((place.axis.name, place.scope), set()).add(place)
    return [frozenset(places) for places in found.values()]


def chosen_sets(everywhere: Sequence[Place], most: int) -> Iterator[frozenset[Place]]:
    """Sets of places of one size: all, or where these are more than `most` the small ones, those that differ
    little from what moves by hand, and random ones."""
    random = np.random.default_rng(0)
    classes = orbits(everywhere)
    for size in sorted({place.axis.size for place in everywhere} - {1}):
        alike = [place for place in everywhere if place.axis.size == size]
        if 2 ** len(alike) <= most:
            for count in range(1, len(alike) + 1):
                yield from map(frozenset, combinations(alike, count))
            continue
        pairs = list(combinations(alike, 2))
        some = random.permutation(len(pairs))[: most // 4]
        few = [frozenset[Place](), *(frozenset([each]) for each in alike)]
        few += [frozenset(pairs[number]) for number in some]
        for whole in (frozenset[Place](), *(each for each in classes if each <= set(alike))):
            yield from (near for each in few if (near := whole ^ each))
        for _ in range(most // 4):
            yield frozenset(place for place in alike if random.random() < 0.5) or frozenset(alike)


def swapped(flat: Tensor, chosen: Collection[Place]) -> Tensor:
    """`(..., entries)`: with the first and the last position exchanged at all these places, outer axes first."""
    taken = np.arange(flat.shape[-1])
    for place in sorted(chosen, key=lambda place: len(place.scope)):
        first, last = place.entries[0], place.entries[-1]
        taken[first], taken[last] = taken[last], taken[first].copy()
    return flat[..., torch.from_numpy(taken)]
