"""The commutant's dimension three more ways: a closed formula, a Burnside mean, counted orbits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np

from .action import Axis, Hom, Matrix, Positions, Tensor, destinations, elements, generators

T = TypeVar("T")


@cache
def stirling(m: int, blocks: int) -> int:
    """Stirling2(m, blocks): partitions of m indices into exactly so many blocks."""
    if m == 0 or blocks == 0:
        return int(m == blocks)
    return blocks * stirling(m - 1, blocks) + stirling(m - 1, blocks - 1)


def partitions_up_to(m: int, blocks: int) -> int:
    """sum over t <= blocks of Stirling2(m, t): the S(n) maps with m indices, n = blocks."""
    return sum(stirling(m, t) for t in range(blocks + 1))


def bell(m: int) -> int:
    """Partitions of m indices, by Bell's triangle (not by Stirling numbers)."""
    row = [1]
    for _ in range(m):
        following = [row[-1]]
        for value in row:
            following.append(following[-1] + value)
        row = following
    return row[0]


def set_partitions(items: Sequence[T]) -> Iterator[list[list[T]]]:
    """Every partition of the items into blocks, each once."""
    if not items:
        yield []
        return
    for smaller in set_partitions(items[1:]):
        yield [[items[0]], *smaller]
        for k, block in enumerate(smaller):
            yield [*smaller[:k], [items[0], *block], *smaller[k + 1 :]]


Chain = tuple[Axis, ...]
"""An index and the indices within it: (cloud, member), or (node,)."""


def chains(tensor: Tensor) -> list[Chain]:
    """The tensor's indices, each outermost one with those within it."""
    starts = [k for k, axis in enumerate(tensor.axes) if axis.parent is None]
    return [tensor.axes[a:b] for a, b in pairwise([*starts, len(tensor.axes)])]


def orbits_of(indices: Sequence[Chain]) -> int:
    """The number of orbits on joint values of the indices.

    Per outermost axis: partition its indices by equal value; an S(n) axis has room for n blocks and
    forgets which is which, a pinned one assigns them n!/(n-t)! ways. What lies within different
    blocks is permuted independently: multiply.
    """
    total = 1
    for axis in {chain[0]: None for chain in indices}:
        own = [chain for chain in indices if chain[0] == axis]
        total *= sum(
            (math.perm(axis.size, len(blocks)) if axis.pinned else len(blocks) <= axis.size)
            * math.prod(orbits_of([chain[1:] for chain in b if chain[1:]]) for b in blocks)
            for blocks in set_partitions(own)
        )
    return total


@dataclass(frozen=True, slots=True)
class Count:
    """Dimensions of a `Hom`: of its linear maps, and of the invariant biases of its target."""

    maps: int
    bias_maps: int


def by_formula(hom: Hom) -> Count:
    """Blockwise over pairs of tensors, the closed formula; channels count as pinned positions."""
    maps = sum(
        block_maps(out, into) * (out.channels or 1) * (into.channels or 1)
        for out in hom.target.tensors
        for into in hom.source.tensors
    )
    biases = sum(orbits_of(chains(out)) * (out.channels or 1) for out in hom.target.tensors)
    return Count(maps, biases)


def block_maps(out: Tensor, into: Tensor) -> int:
    """The maps from one tensor to one other, at one channel each."""
    return orbits_of([*chains(out), *chains(into)])


def by_burnside(hom: Hom) -> Count:
    """The mean over all group elements of fix_out(g) fix_in(g), and of fix_out(g)."""
    maps, biases, order = 0, 0, 0
    for g in elements(hom.axes):
        out, into = (_fixed(destinations(g, space)) for space in (hom.target, hom.source))
        maps, biases, order = maps + out * into, biases + out, order + 1
    assert Fraction(maps, order).denominator == Fraction(biases, order).denominator == 1
    return Count(maps // order, biases // order)


def _fixed(image: Positions) -> int:
    return int((image == np.arange(image.size)).sum())


def by_orbits(hom: Hom) -> Count:
    """The number of orbits on matrix entries (output position, input position), and on outputs."""
    biases = orbit_labels(
        hom.target.size, [destinations(g, hom.target) for g in generators(hom.axes)]
    )
    return Count(len(set(entry_labels(hom))), len(set(biases)))


def orbit_basis(hom: Hom) -> Matrix:
    """The orbits' indicator matrices, (dimension, rows, columns): always a basis, 0s and 1s."""
    labels = np.array(entry_labels(hom))
    indicators: Matrix = (labels == np.unique(labels)[:, None]).astype(np.float64)
    return indicators.reshape(-1, hom.target.size, hom.source.size)


def entry_labels(hom: Hom) -> list[int]:
    """For each entry of a (rows, columns) matrix, row-major, the first entry of its orbit."""
    rows, columns = hom.target.size, hom.source.size
    images = []
    for g in generators(hom.axes):
        out, into = destinations(g, hom.target), destinations(g, hom.source)
        images.append((out[:, None] * columns + into).ravel())
    return orbit_labels(rows * columns, images)


def orbit_labels(size: int, images: Sequence[Positions]) -> list[int]:
    """The least position of each position's orbit under the permutations, by union-find."""
    parent = list(range(size))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for image in images:
        for k, target in enumerate(image.tolist()):
            first, second = sorted((root(k), root(target)))
            parent[second] = first
    return [root(k) for k in range(size)]
