"""Dimensions of invariants of tensor powers in closed form: partitions, Young tableaux, matchings.

For each family the sum that the representation theory gives and, where there is one, a count of
listed diagrams by a combinatorial rule; the two are tied by the Robinson-Schensted correspondence,
which neither uses. Tensors have m indices, or a defining and b dual ones where these differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import permutations

from .counting import partitions_up_to, set_partitions, stirling

Shape = tuple[int, ...]
"""Rows of a Young diagram, longest first."""

# --- Set partitions ------------------------------------------------------------------------------


def symmetric(m: int, n: int) -> int:
    """S(n): partitions into at most n blocks."""
    return partitions_up_to(m, n)


def alternating(m: int, n: int) -> int:
    """A(n): one signed diagram more for n - 1 and n blocks, where the stabiliser has only even elements."""
    if n == 1:
        return 1
    return partitions_up_to(m, n) + stirling(m, n - 1) + stirling(m, n)


def signed(m: int, n: int, unsigned: int = 0) -> int:
    """B(n): partitions into at most n blocks with an even number of signed indices in each.

    `unsigned` further indices are moved without signs, so that any number may be in a block.
    """
    kinds = [1] * m + [0] * unsigned
    return sum(
        len(blocks) <= n and all(sum(kinds[i] for i in block) % 2 == 0 for block in blocks)
        for blocks in set_partitions(range(m + unsigned))
    )


def cyclic(m: int, n: int) -> int:
    """C(n): every orbit on tuples has n elements."""
    return n ** (m - 1) if m else 1


def dihedral(m: int, n: int) -> int:
    """D(n): the mean of fixed points; mirrors keep 1 position, or 0 and 2 by turns where n is even."""
    if n <= 2:
        return cyclic(m, n)
    mirrors = n if n % 2 else n // 2 * 2**m + (n // 2 if m == 0 else 0)
    total, order = n**m + (n - 1 if m == 0 else 0) + mirrors, 2 * n
    assert total % order == 0
    return total // order


def wreath(sizes: Sequence[int], depths: Sequence[int]) -> int:
    """Nested symmetric groups: index k runs over the positions of the first depths[k] levels.

    Outer positions fall into blocks; in each block the rest is partitioned on its own.
    """
    if not depths:
        return 1
    return sum(
        math.prod(wreath(sizes[1:], [d - 1 for d in block if d > 1]) for block in blocks)
        for blocks in set_partitions(list(depths))
        if len(blocks) <= sizes[0]
    )


# --- Young tableaux ------------------------------------------------------------------------------


def shapes(m: int, rows: int, longest: int | None = None) -> Iterator[Shape]:
    """The partitions of the number m into at most `rows` parts."""
    if m == 0:
        yield ()
    elif rows:
        for first in range(min(m, m if longest is None else longest), 0, -1):
            for rest in shapes(m - first, rows - 1, first):
                yield (first, *rest)


def standard_tableaux(shape: Shape) -> int:
    """By the hook lengths (Frame, Robinson, Thrall 1954): the multiplicity of S_shape(V) in V^m."""
    columns = transposed(shape)
    hooks = math.prod(
        row - j + columns[j] - i - 1 for i, row in enumerate(shape) for j in range(row)
    )
    return math.factorial(sum(shape)) // hooks


def transposed(shape: Shape) -> Shape:
    return tuple(sum(row > j for row in shape) for j in range(shape[0] if shape else 0))


def orthogonal(m: int, n: int) -> int:
    """O(n): S_shape(V) has an invariant, one, just where all rows are even (Goodman, Wallach 2009,
    section 12.3; Macdonald, Symmetric Functions, VII.3)."""
    return sum(standard_tableaux(s) for s in shapes(m, n) if all(row % 2 == 0 for row in s))


def special_orthogonal(m: int, n: int) -> int:
    """SO(n): besides, where S_shape(V) / det has one: n rows, all odd."""
    odd = (s for s in shapes(m, n) if len(s) == n and all(row % 2 for row in s))
    return orthogonal(m, n) + sum(map(standard_tableaux, odd))


def symplectic(m: int, n: int) -> int:
    """Sp(n): all columns even (the same sources)."""
    even = (s for s in shapes(m, n) if all(column % 2 == 0 for column in transposed(s)))
    return sum(map(standard_tableaux, even))


def general_linear(a: int, b: int, n: int) -> int:
    """GL(n) and U(n), by Schur-Weyl duality: pairs of tableaux of one shape."""
    return sum(standard_tableaux(s) ** 2 for s in shapes(a, n)) if a == b else 0


def special_linear(a: int, b: int, n: int) -> int:
    """SL(n) and SU(n): pairs of tableaux whose shapes differ by whole columns of n boxes."""
    if (a - b) % n:
        return 0
    if a < b:
        a, b = b, a
    columns, total = (a - b) // n, 0
    for small in shapes(b, n):
        padded = (*small, *(0,) * (n - len(small)))
        large = tuple(row + columns for row in padded if row + columns)
        total += standard_tableaux(small) * standard_tableaux(large)
    return total


def real_unitary(m: int, n: int, special: bool = False) -> int:
    """U(n), SU(n) on real and imaginary parts: complexified, each index is a vector or a dual one."""
    count = special_linear if special else general_linear
    return sum(math.comb(m, a) * count(a, m - a, n) for a in range(m + 1))


def fixing(m: int, n: int, special: bool = False) -> int:
    """O(n), SO(n) fixing a vector: each index lies along it or across, in the group one smaller."""
    count = special_orthogonal if special else orthogonal
    return sum(math.comb(m, k) * count(k, n - 1) for k in range(m + 1))


def spins(degrees: Sequence[int]) -> int:
    """SO(3): the multiplicity of 0 in a product of spins, by the Clebsch-Gordan series."""
    series = {0: 1}
    for degree in degrees:
        following: dict[int, int] = {}
        for total, count in series.items():
            for each in range(abs(total - degree), total + degree + 1):
                following[each] = following.get(each, 0) + count
        series = following
    return series.get(0, 0)


def spins_with_parity(degrees: Sequence[tuple[int, int]]) -> int:
    """O(3): the same, zero unless the parities (1 even, -1 odd) multiply to 1."""
    return spins([degree for degree, _ in degrees]) * (math.prod(p for _, p in degrees) == 1)


# --- Listed diagrams -----------------------------------------------------------------------------


def involutions(items: Sequence[int]) -> Iterator[dict[int, int]]:
    """Every way to match some of the items in pairs, the others with themselves."""
    if not items:
        yield {}
        return
    first, *rest = items
    for smaller in involutions(rest):
        yield {first: first, **smaller}
    for k, partner in enumerate(rest):
        for smaller in involutions([*rest[:k], *rest[k + 1 :]]):
            yield {first: partner, partner: first, **smaller}


def longest_increasing(word: Sequence[int]) -> int:
    """The length of a longest increasing subsequence, from those that end at each place."""
    ending: list[int] = []
    for k, value in enumerate(word):
        before = (ending[i] for i in range(k) if word[i] < value)
        ending.append(1 + max(before, default=0))
    return max(ending, default=0)


def _words(m: int, fixed: int) -> Iterator[list[int]]:
    """The involutions of m items with so many fixed points, as sequences of images."""
    for involution in involutions(range(m)):
        if sum(k == image for k, image in involution.items()) == fixed:
            yield [involution[k] for k in range(m)]


def orthogonal_matchings(m: int, n: int) -> int:
    """O(n): perfect matchings without an increasing subsequence longer than n."""
    return sum(longest_increasing(word) <= n for word in _words(m, 0))


def determinant_matchings(m: int, n: int) -> int:
    """What SO(n) has beyond O(n): the same with n fixed points."""
    return sum(longest_increasing(word) <= n for word in _words(m, n))


def symplectic_matchings(m: int, n: int) -> int:
    """Sp(n): perfect matchings without a decreasing subsequence longer than n."""
    return sum(longest_increasing(word[::-1]) <= n for word in _words(m, 0))


def bijections(k: int, n: int) -> int:
    """U(n), GL(n): permutations of k without a decreasing subsequence longer than n."""
    return sum(longest_increasing(word[::-1]) <= n for word in permutations(range(k)))
