"""Characters of tensors, and dimensions of invariants as their mean over a listed finite group.

A character knows of a tensor only the traces of its indices; those of symmetric and antisymmetric
powers follow by Newton's identities from traces of powers of the element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from .representations import Axis, Node, Square, Tensor, indices

Ints = NDArray[np.int64]

LONGEST_WORD = 100
"""In the generators, of the elements of a group that is listed."""


class Value(Protocol):
    """What characters take their values in: whole numbers by element, or Laurent polynomials."""

    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __mul__(self, other: Self, /) -> Self: ...
    def __floordiv__(self, other: int, /) -> Self: ...


T = TypeVar("T", bound=Value)


def character(node: Node, leaf: Callable[[Axis, int], T], power: int = 1) -> T:
    """The trace of g^power on a node; `leaf` gives those on an axis."""
    if isinstance(node, Axis):
        return leaf(node, power)
    values: list[T] = []
    traces = [character(node.parts[0], leaf, power * i) for i in range(1, len(node.parts) + 1)]
    for degree in range(1, len(traces) + 1):
        total = _alternating(traces[degree - 1], degree, node.sign)
        for i in range(1, degree):
            total = total + _alternating(traces[i - 1], i, node.sign) * values[degree - i - 1]
        values.append(total // degree)
    return values[-1]


def _alternating(trace: T, i: int, sign: int) -> T:
    return trace if sign == 1 or i % 2 else trace - trace - trace


def by_listing(tensor: Tensor) -> int:
    """The mean of the character over every element, each listed as a product of generators.

    For permutations it is Burnside's count: the character is the number of fixed tuples.
    """
    axes = list({(axis.mover, axis.words): axis for axis in indices(tensor)}.values())
    if not axes:
        return 1
    places = np.cumsum([0, *(axis.size for axis in axes)])
    group = closure(_blocks(axes))
    blocks = {
        (axis.mover, axis.words): group[:, a:b, a:b]
        for axis, a, b in zip(axes, places, places[1:], strict=False)
    }

    def traces(axis: Axis, power: int) -> Ints:
        own = np.linalg.matrix_power(blocks[axis.mover, axis.words], power)
        return np.trace(own, axis1=1, axis2=2)

    total = int(math.prod(character(node, traces) for node in tensor).sum())
    assert total % len(group) == 0
    return total // len(group)


def closure(generators: Sequence[Square]) -> Ints:
    """All products of whole-numbered matrices, (order, n, n); they must be finitely many."""
    n = len(generators[0])
    steps = np.stack([np.eye(n, dtype=np.int64), *generators])
    found = steps[:1]
    for _ in range(LONGEST_WORD):
        products = (found[:, None] @ steps).reshape(-1, n * n)
        longer = np.unique(products, axis=0).reshape(-1, n, n)
        if len(longer) == len(found):
            return longer
        found = longer
    raise AssertionError("the group is not finite, or too large to list")


def _blocks(axes: Sequence[Axis]) -> list[Square]:
    """Each generator of each mover as one block-diagonal matrix over the axes."""
    found = [np.eye(sum(axis.size for axis in axes), dtype=np.int64)]
    for mover in dict.fromkeys(axis.mover for axis in axes):
        own = next(axis for axis in axes if axis.mover == mover)
        assert not own.algebra, "a finite group"
        for k in range(len(own.elements)):
            matrix, start = found[0].copy(), 0
            for axis in axes:
                if axis.mover == mover:
                    place = slice(start, start + axis.size)
                    matrix[place, place] = _quotient(*axis.elements[k])
                start += axis.size
            found.append(matrix)
    return found


def _quotient(left: Square, right: Square) -> Square:
    """right^-1 left, of whole numbers."""
    quotient = np.rint(np.linalg.solve(right.astype(float), left.astype(float))).astype(np.int64)
    assert np.array_equal(right @ quotient, left)
    return quotient
