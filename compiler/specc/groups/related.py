"""Other representations of the group that acts on an axis, and the forms that two of them pair with.

The dual moves vectors by the inverse transpose. What a group of signed permutations moves has absolute
values, which it permutes without the signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import prod

from .classical import Linear
from .interface import Diagrams, Form, Group
from .signed import Signed
from .spins import EVEN, Spin
from .stabilisers import Stabiliser
from .tied import Action, Joint, Matrices, Matrix, Permuted, Represented, Tied, transposed

TOLERANCE = 1e-9
"""What is nearer to zero counts as zero, where entries are no fractions."""


def dual_name(name: str) -> str:
    """`dual(v)` for `v`, and `v` for `dual(v)`."""
    inner = name.removeprefix("dual(")
    return f"dual({name})" if inner == name else inner.removesuffix(")")


def absolute_name(name: str) -> str:
    return f"abs({name})"


def dual(group: Group, size: int) -> Group:
    """The group as it acts on linear forms; a group that keeps a form acts on these as on vectors."""
    match group:
        case Linear() | Stabiliser():
            return replace(group, dual=not group.dual)
        case Matrices() if isinstance(group.action(size), Represented):
            return replace(group, dual=not group.dual)
        case Joint():
            inner = dual(group.group, prod(group.sizes))
            assert isinstance(inner, Tied), "the dual of generators is by generators"
            changed = inner != group.group
            axes = tuple(map(dual_name, group.axes)) if changed else group.axes
            return replace(group, group=inner, axes=axes)
        case _:
            return group


def absolute(group: Group) -> Group:
    """A group of signed permutations without the signs; a group of permutations is as it is."""
    match group:
        case Signed() | Matrices():
            return replace(group, unsigned=True)
        case Spin():
            return replace(group, parity=EVEN)
        case Joint():
            plain = absolute(group.group)
            assert isinstance(plain, Tied), "generators without signs are generators"
            return replace(group, group=plain, axes=tuple(map(absolute_name, group.axes)))
        case _:
            return group


def pairing(first: Group, second: Group, size: int) -> Form | None:
    """An invariant form of vectors moved by one group element in two ways; None where there is none.

    Of a group given by matrices it is the first that they keep of diag(1, ..., 1, -1, ..., -1), with the
    fewest -1, and [[0, 1], [-1, 0]].
    """
    match first, second:
        case Diagrams(), Diagrams() if first.base == second.base:
            return (first.form or Form(0)) if first.closes((first.kind, second.kind)) else None
        case Joint(), Joint():
            actions = first.action(size), second.action(size)
            identity = Form(0)
            kept = first.place == second.place and _keeps(*actions, identity, prod(first.sizes))
            return identity if kept else None
        case Tied(), Tied():
            return _kept(first.action(size), second.action(size), size)
        case _:
            return None


@cache
def _kept(first: Action, second: Action, size: int) -> Form | None:
    """The first form that the generators keep."""
    forms = [Form(negative) for negative in range(size)]
    forms += [] if size % 2 else [Form(None)]
    return next((form for form in forms if _keeps(first, second, form, size)), None)


@cache
def _keeps(first: Action, second: Action, form: Form, size: int) -> bool:
    """Whether g^T F h = F for all generators g and h, and X^T F + F Y = 0 in the algebra."""
    if isinstance(first, Permuted) and isinstance(second, Permuted):
        return form == Form(0) and first == second
    if isinstance(first, Permuted) or isinstance(second, Permuted):
        return False
    rows = form.matrix(size)
    matrix: Matrix = tuple(tuple(map(Fraction, row)) for row in rows)
    return all(
        _near(_product(transposed(g), _product(matrix, h)), matrix, 1)
        for g, h in zip(first.generators, second.generators, strict=True)
    ) and all(
        _near(_product(transposed(x), matrix), _product(matrix, y), -1)
        for x, y in zip(first.algebra, second.algebra, strict=True)
    )


def _product(first: Matrix, second: Matrix) -> Matrix:
    columns = transposed(second)
    return tuple(tuple(_inner(row, column) for column in columns) for row in first)


def _inner(row: Sequence[Fraction | float], column: Sequence[Fraction | float]) -> Fraction | float:
    total: Fraction | float = Fraction(0)
    for a, b in zip(row, column, strict=True):
        total = total + a * b
    return total


def _near(first: Matrix, second: Matrix, sign: int) -> bool:
    """Whether the first is the second, or its negative."""
    return all(
        abs(a - sign * b) <= TOLERANCE
        for rows in zip(first, second, strict=True)
        for a, b in zip(*rows, strict=True)
    )
