"""What stands along a dimension: atoms, products of them, sums.

An *atom* is a set of positions. A dimension is an atom, a product stored row-major (heads and keys), or a sum
of terms stored one after the other (concatenated channels); a product may end in a sum (heads, and in each
queries, keys and values).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod


@dataclass(frozen=True, slots=True)
class Atom:
    """`size` positions, the number-th to be born; `birth` is the layer they were born at."""

    number: int
    size: int
    birth: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Product:
    """Atoms flattened into one dimension, row-major; a sum may stand in the place of the last.

    Where a sum is followed by more it is the sum of products: `(a + b) c` is `a c + b c`.
    """

    factors: tuple[Atom | Sum, ...]

    @property
    def size(self) -> int:
        return prod(factor.size for factor in self.factors)


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms one after the other along one dimension."""

    parts: tuple[Atom | Product, ...]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


Term = Atom | Product | Sum


def factors_of(term: Term) -> tuple[Atom | Sum, ...]:
    """The factors of a product; any other term is its only one."""
    return term.factors if isinstance(term, Product) else (term,)


def led_by(term: Atom | Product) -> tuple[Atom, tuple[Atom | Sum, ...]]:
    """The first factor, and those that stand in each of its positions."""
    first, *others = factors_of(term)
    assert isinstance(first, Atom), "no product begins with a sum"
    return first, tuple(others)


def atoms_of(term: Term) -> Iterator[Atom]:
    """The atoms of a term, in the order of its positions."""
    match term:
        case Atom():
            yield term
        case Product(terms) | Sum(terms):
            for each in terms:
                yield from atoms_of(each)


def product_of(terms: Sequence[Term]) -> Term:
    """The terms flattened row-major into one dimension, without those of size one."""
    wide = [term for term in terms if term.size > 1]
    if not wide:
        return terms[0] if terms else Product(())
    *outer, found = wide
    for term in reversed(outer):
        found = _in_each(term, found)
    return found


def _in_each(outer: Term, inner: Term) -> Term:
    """The positions of a term with those of another in the place of each."""
    match outer:
        case Atom():
            return Product((outer, *factors_of(inner))) if outer.size > 1 else inner
        case Product(factors):
            return product_of([*factors, inner])
        case Sum(parts):
            return joined([_in_each(part, inner) for part in parts])


def joined(terms: Sequence[Term]) -> Term:
    """The terms one after the other along one dimension."""
    parts: list[Atom | Product] = []
    for term in terms:
        parts += term.parts if isinstance(term, Sum) else (term,)
    return parts[0] if len(parts) == 1 else Sum(tuple(parts))
