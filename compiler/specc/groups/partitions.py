"""Counting: set partitions with allowed blocks, standard Young tableaux, integer partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from math import comb, factorial, prod

from .interface import Kinds


@cache
def count_partitions(kinds: Kinds, most: int, closes: Callable[[Kinds], bool]) -> int:
    """Set partitions of indices into at most `most` blocks that may be whole.

    The block that holds the first index chooses its companions; the rest is counted like that.
    """

    @cache
    def count(left: tuple[tuple[int, int], ...], blocks: int) -> int:
        if not left:
            return 1
        if blocks == 0:
            return 0
        (first, number), *others = left
        pool = Counter({first: number - 1, **dict(others)})
        total = 0
        for taken in _choices(pool):
            block = (first, *taken.elements())
            if closes(block):
                ways = prod(comb(pool[kind], taken[kind]) for kind in taken)
                rest = tuple(sorted((k, pool[k] - taken[k]) for k in pool if pool[k] > taken[k]))
                total += ways * count(rest, blocks - 1)
        return total

    return count(tuple(sorted(Counter(kinds).items())), most)


def _choices(pool: Counter[int]) -> Iterator[Counter[int]]:
    """Every sub-multiset."""
    found: list[Counter[int]] = [Counter()]
    for kind, number in pool.items():
        found = [each + Counter({kind: n}) for each in found for n in range(number + 1)]
    yield from found


def integer_partitions(total: int, most: int) -> Iterator[tuple[int, ...]]:
    """The partitions of a number into at most `most` parts, each at least one, in descending order."""

    def below(left: int, parts: int, largest: int) -> Iterator[tuple[int, ...]]:
        if left == 0:
            yield ()
        elif parts:
            for part in range(min(left, largest), 0, -1):
                for rest in below(left - part, parts - 1, part):
                    yield (part, *rest)

    yield from below(total, most, total)


@cache
def tableaux(shape: tuple[int, ...]) -> int:
    """The standard Young tableaux of a shape, by the hook length formula."""
    columns = [sum(row > j for row in shape) for j in range(shape[0] if shape else 0)]
    hooks = prod(
        shape[i] - j + columns[j] - i - 1 for i in range(len(shape)) for j in range(shape[i])
    )
    return factorial(sum(shape)) // hooks
