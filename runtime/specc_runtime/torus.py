"""Abelian groups that move positions transitively: their positions as those of a torus.

Such a group has exactly one element that takes position 0 to a given one, so that positions are its
elements: a product of cyclic groups, whose exponents are coordinates on a product of rings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import NamedTuple

from .actions import Action, SignedPermutation

Images = tuple[int, ...]
Row = list[int]


class Torus(NamedTuple):
    """The lengths of the rings, and which position stands at each place, row-major; 0 at the first."""

    sizes: tuple[int, ...]
    positions: tuple[int, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether positions stand in their own order."""
        return self.positions == tuple(range(len(self.positions)))


@cache
def torus(action: Action) -> Torus | None:
    """The torus that an action shifts, in every way; None where it is not transitive and abelian."""
    moves = [
        each.images
        for each in action.generators
        if isinstance(each, SignedPermutation) and -1 not in each.signs
    ]
    if action.algebra or not moves or len(moves) < len(action.generators) or not _commute(moves):
        return None
    exponents, relations = _powers(moves, action.size)
    if len(exponents) < action.size:
        return None
    orders, change = _independent(relations)
    rings = [k for k, order in enumerate(orders) if order > 1] or [0]
    turned = {
        position: tuple(_dot(powers, [row[k] for row in change]) % orders[k] for k in rings)
        for position, powers in exponents.items()
    }
    return _arranged(turned, [orders[k] for k in rings])


def _arranged(turned: Mapping[int, tuple[int, ...]], orders: Sequence[int]) -> Torus:
    """The torus of positions by their turns about each ring, as near to their own order as may be.

    Rings with the farther neighbours of position 0 come first; the nearer of its two is the next one.
    """
    rings = range(len(orders))
    at = {turns: position for position, turns in turned.items()}
    neighbours = [
        [at[tuple(sign * (j == k) % orders[j] for j in rings)] for sign in (1, -1)] for k in rings
    ]
    signs = [1 if next_ <= last else -1 for next_, last in neighbours]
    order = sorted(rings, key=lambda k: -min(neighbours[k]))
    positions = [0] * len(turned)
    for position, turns in turned.items():
        place = 0
        for k in order:
            place = place * orders[k] + signs[k] * turns[k] % orders[k]
        positions[place] = position
    return Torus(tuple(orders[k] for k in order), tuple(positions))


def _dot(first: Sequence[int], second: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _commute(moves: Sequence[Images]) -> bool:
    return all(
        all(first[q] == second[p] for p, q in zip(first, second, strict=True))
        for first, second in combinations(moves, 2)
    )


def _powers(moves: Sequence[Images], size: int) -> tuple[dict[int, tuple[int, ...]], list[Row]]:
    """For each position that is reached the powers of the generators that bring 0 there, and which
    products of powers are the identity.

    Powers of a generator are below the first that those before it make: that is a relation.
    """
    reached: dict[int, tuple[int, ...]] = {0: ()}
    relations: list[Row] = []
    for number, images in enumerate(moves):
        coset, power = dict(reached), 0
        found: dict[int, tuple[int, ...]] = {}
        first = 0
        while power == 0 or first not in reached:
            found |= {position: (*powers, power) for position, powers in coset.items()}
            coset = {images[position]: powers for position, powers in coset.items()}
            first, power = images[first], power + 1
        zeros = [0] * (len(moves) - number - 1)
        relations.append([*(-each for each in reached[first]), power, *zeros])
        reached = found
    return reached, relations


def _independent(relations: list[Row]) -> tuple[list[int], list[Row]]:
    """Orders of independent generators, and what takes powers of the given ones to powers of these.

    Rows and columns are added to each other until the relations R are diagonal (Smith's normal form
    without its order): U R V = D, and powers e of the given generators are e V of the others.
    """
    left = [list(row) for row in relations]
    count = len(left)
    change = [[int(i == k) for k in range(count)] for i in range(count)]
    for t in range(count):
        while _is_bound(left, t):
            _move_least(left, change, t)
            for k in range(t + 1, count):
                factor = left[t][k] // left[t][t]
                for row in (*left, *change):
                    row[k] -= factor * row[t]
            for i in range(t + 1, count):
                factor = left[i][t] // left[t][t]
                left[i] = [a - factor * b for a, b in zip(left[i], left[t], strict=True)]
    return [abs(left[t][t]) for t in range(count)], change


def _is_bound(rows: Sequence[Row], t: int) -> bool:
    """Whether anything beside the diagonal stands in row or column t, from there on."""
    return any(rows[t][t + 1 :]) or any(row[t] for row in rows[t + 1 :])


def _move_least(rows: list[Row], change: Sequence[Row], t: int) -> None:
    """Brings the least entry of row and column t that is not zero to the diagonal."""
    across = [(abs(value), k, True) for k, value in enumerate(rows[t]) if k >= t and value]
    down = [(abs(row[t]), i, False) for i, row in enumerate(rows) if i > t and row[t]]
    _, other, is_column = min((*across, *down))
    if is_column:
        for row in (*rows, *change):
            row[t], row[other] = row[other], row[t]
    else:
        rows[t], rows[other] = rows[other], rows[t]
