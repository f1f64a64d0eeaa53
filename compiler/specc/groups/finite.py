"""Whether matrices generate a finite group, as a specification claims that gives generators.

A finite group has generators of finite order, and its elements keep their size and their denominators.
Random words that grow show an infinite one; a group that is neither rational nor closed after many
elements is taken for infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random

from .tied import Matrix

MOST_ORDER = 2_000
"""The largest order of a generator."""

MOST_ELEMENTS = 20_000
"""So many elements are listed of a group whose entries are not rational."""

WORDS, LENGTH = 6, 400
"""Random words that are looked at, and how long they are."""

LARGEST = 1e6
"""An entry, or a denominator, above this shows that a group is infinite."""

NEAR = 1e-6
"""Entries nearer than this are the same, where they are no fractions."""


def why_infinite(matrices: Sequence[Matrix]) -> str | None:
    """A reason why matrices generate no finite group; None where they do."""
    if all(_is_monomial(matrix) for matrix in matrices):
        return None
    for number, matrix in enumerate(matrices, start=1):
        if not _has_finite_order(matrix):
            return f"generator {number} has infinite order"
    if len(matrices) > 1 and (_grows(matrices) or not _closes(matrices)):
        return "its generators make infinitely many elements"
    return None


def _is_monomial(matrix: Matrix) -> bool:
    lines = (*matrix, *zip(*matrix, strict=True))
    return all(sorted(map(abs, line)) == [0] * (len(line) - 1) + [1] for line in lines)


def _is_rational(matrix: Matrix) -> bool:
    return all(isinstance(value, Fraction) for row in matrix for value in row)


def _has_finite_order(matrix: Matrix) -> bool:
    power = matrix
    for _ in range(MOST_ORDER):
        if _is_identity(power):
            return True
        if _is_large(power):
            return False
        power = _product(power, matrix)
    return False


def _is_identity(matrix: Matrix) -> bool:
    return all(
        abs(float(value) - (i == j)) < NEAR
        for i, row in enumerate(matrix)
        for j, value in enumerate(row)
    )


def _is_large(matrix: Matrix) -> bool:
    return any(
        abs(float(value)) > LARGEST or (isinstance(value, Fraction) and value.denominator > LARGEST)
        for row in matrix
        for value in row
    )


def _grows(matrices: Sequence[Matrix]) -> bool:
    """Whether random words in the generators become large, or have large denominators."""
    random = Random(0)
    for _ in range(WORDS):
        word = random.choice(matrices)
        for _ in range(LENGTH):
            word = _product(word, random.choice(matrices))
            if _is_large(word):
                return True
    return False


def _closes(matrices: Sequence[Matrix]) -> bool:
    """Whether the elements can be listed; rational ones that stay bounded are finitely many."""
    if all(_is_rational(matrix) for matrix in matrices):
        return True
    found = {_rounded(matrices[0])}
    waiting: list[Matrix] = [matrices[0]]
    while waiting:
        element = waiting.pop()
        for matrix in matrices:
            made = _product(element, matrix)
            key = _rounded(made)
            if key not in found:
                if len(found) == MOST_ELEMENTS:
                    return False
                found.add(key)
                waiting.append(made)
    return True


def _rounded(matrix: Matrix) -> tuple[int, ...]:
    return tuple(round(float(value) / (100 * NEAR)) for row in matrix for value in row)


def _product(first: Matrix, second: Matrix) -> Matrix:
    columns = list(zip(*second, strict=True))
    return tuple(tuple(_inner(row, column) for column in columns) for row in first)


def _inner(row: Sequence[Fraction | float], column: Sequence[Fraction | float]) -> Fraction | float:
    total: Fraction | float = Fraction(0)
    for a, b in zip(row, column, strict=True):
        if a and b:
            total = total + a * b
    return total
