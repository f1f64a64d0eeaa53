"""Diagrams between symmetric and antisymmetric tensors: `[sym(v, v)]`, `[alt(v, v)]`, one in the other.

Maps between such tensors are maps between plain ones that are averaged over the exchanges of indices on
both sides. Diagrams that an exchange takes to each other become one map, or none where signs
contradict, and few dimensions make more of them depend on each other. Which are a basis is decided
exactly: diagrams are polynomials of vectors, one for each index, and polynomials are independent when
their values at random points modulo a prime are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING, Any

from ..groups import Diagrams, Kinds
from ..types import Swap
from .diagrams import set_partitions
from .modular import PRIME, independent_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Joined = frozenset[tuple[bool, frozenset[int]]]
"""A joint diagram: its blocks, each with whether a determinant joins it."""

EXTRA_POINTS = 4
"""Polynomials are evaluated at so many points more than there are of them."""


@cache
def independent_diagrams(
    group: Diagrams, size: int, kinds: Kinds, swaps: tuple[Swap, ...]
) -> frozenset[Joined]:
    """Diagrams on joint indices of these kinds whose averages over the exchanges are a basis."""
    elements = generated(swaps, len(kinds))
    orbits: dict[Joined, Joined] = {}
    for diagram in _diagrams(group, size, kinds):
        if diagram not in orbits:
            orbits |= {_exchanged(diagram, order): diagram for order, _ in elements}
    chosen = list(dict.fromkeys(orbits.values()))
    if not chosen:
        return frozenset()
    values = _values(group, size, kinds, chosen, elements)
    return frozenset(chosen[row] for row in independent_rows(values))


def generated(swaps: Sequence[Swap], indices: int) -> list[Swap]:
    """All elements of the group that the exchanges generate, each an order of indices and a sign.

    An order that comes with both signs is kept with both: then every average is zero.
    """
    found: dict[Swap, None] = {(tuple(range(indices)), 1): None}
    waiting = list(found)
    while waiting:
        order, sign = waiting.pop()
        for swap, other in swaps:
            made = tuple(order[i] for i in swap), sign * other
            if made not in found:
                found[made] = None
                waiting.append(made)
    return list(found)


def _exchanged(diagram: Joined, order: Sequence[int]) -> Joined:
    return frozenset((wedge, frozenset(order[i] for i in block)) for wedge, block in diagram)


def _diagrams(group: Diagrams, size: int, kinds: Kinds) -> Iterator[Joined]:
    """Every diagram on joint indices that the group leaves fixed."""
    indices = range(len(kinds))
    for blocks in _partitions(group, size, indices, kinds):
        yield frozenset(blocks)
    number = group.most_determinants(size, kinds, ())
    for kind in group.determinants if number else ():
        same = [i for i in indices if kinds[i] == kind]
        for wedges in _wedges(same, number, size):
            rest = [i for i in indices if not any(i in wedge for wedge in wedges)]
            joined = [(True, wedge) for wedge in wedges]
            for blocks in _partitions(group, size, rest, kinds):
                yield frozenset([*joined, *blocks])


def _wedges(indices: Sequence[int], number: int, size: int) -> Iterator[list[frozenset[int]]]:
    """So many disjoint sets of `size` indices, whatever their order."""
    if number == 0:
        yield []
        return
    for first in combinations(indices, size):
        rest = [i for i in indices if i > first[0] and i not in first]
        for others in _wedges(rest, number - 1, size):
            yield [frozenset(first), *others]


def _partitions(
    group: Diagrams, size: int, indices: Sequence[int], kinds: Kinds
) -> Iterator[list[tuple[bool, frozenset[int]]]]:
    most = group.most_blocks(size)
    most = len(indices) if most is None else most
    for partition in set_partitions(indices, most, group.largest):
        if all(group.closes(tuple(kinds[i] for i in block)) for block in partition):
            yield [(False, frozenset(block)) for block in partition]


def _values(
    group: Diagrams,
    size: int,
    kinds: Kinds,
    diagrams: Sequence[Joined],
    elements: Sequence[Swap],
) -> Array:
    """The averages of diagrams, times the number of exchanges, at random points modulo the prime."""
    import numpy as np

    points = len(diagrams) + EXTRA_POINTS
    random = Random(0)
    count = points * len(kinds) * size
    vectors = np.array([random.randrange(PRIME) for _ in range(count)], dtype=np.int64)
    vectors = vectors.reshape(len(kinds), points, size)
    known: dict[tuple[bool, frozenset[int]], Array] = {}

    def block_values(wedge: bool, block: frozenset[int]) -> Array:
        if (wedge, block) not in known:
            chosen = [vectors[i] for i in sorted(block)]
            known[wedge, block] = _determinants(chosen) if wedge else _contracted(group, chosen)
        return known[wedge, block]

    rows = []
    for diagram in diagrams:
        total = np.zeros(points, dtype=np.int64)
        for order, sign in elements:
            value = np.full(points, sign % PRIME, dtype=np.int64)
            for wedge, block in _exchanged(diagram, order):
                value = value * block_values(wedge, block) % PRIME
            total = (total + _orientation(group, diagram, order) * value) % PRIME
        rows.append(total)
    return np.stack(rows)


def _orientation(group: Diagrams, diagram: Joined, order: Sequence[int]) -> int:
    """The sign that comes from reading blocks in ascending order after an exchange: that of a
    determinant's order, and of pairs under an antisymmetric form."""
    sign = 1
    for wedge, block in diagram:
        antisymmetric = wedge or (group.form is not None and group.form.negative is None)
        if antisymmetric:
            moved = [order[i] for i in sorted(block)]
            for i, j in combinations(range(len(moved)), 2):
                sign *= 1 if moved[i] < moved[j] else -1
    return sign


def _contracted(group: Diagrams, vectors: Sequence[Array]) -> Array:
    """The contraction of a block: the sum of products along it, a pair with its form.

    A vector that is fixed may be any for the purpose, the first unit vector too.
    """
    if group.contracts_with and len(vectors) == 1:
        along: Array = vectors[0][:, 0]
        return along
    if group.form is not None:
        first, second = vectors
        size = first.shape[1]
        import numpy as np

        form = np.array(group.form.matrix(size), dtype=np.int64)
        vectors = [first, second @ form.T % PRIME]
    product = vectors[0]
    for vector in vectors[1:]:
        product = product * vector % PRIME
    summed: Array = product.sum(1) % PRIME
    return summed


def _determinants(vectors: Sequence[Array]) -> Array:
    """The determinants of as many vectors as they have entries, by expansion along the first."""
    import numpy as np

    first, *others = vectors
    if not others:
        only: Array = first[:, 0]
        return only
    total = np.zeros(len(first), dtype=np.int64)
    for column in range(first.shape[1]):
        minor = _determinants([np.delete(vector, column, axis=1) for vector in others])
        sign = 1 if column % 2 == 0 else -1
        total = (total + sign * first[:, column] * minor) % PRIME
    return total
