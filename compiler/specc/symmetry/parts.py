"""Solved dimensions as they are stored: what lives in a pinned atom has a part for each position of that one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar

from .positions import Positions
from .terms import Atom, Product, Sum, Term, atoms_of, joined, led_by, product_of

Reason = TypeVar("Reason")


def separated(positions: Positions[Reason], dims: Sequence[Term]) -> list[list[Term]]:
    """A stored tensor as parts along its first dimension, so that nothing lives in a pinned atom."""
    others = [_parts(positions, term) for term in dims[1:]]
    if dims and dims[0].size > 1 and not isinstance(dims[0], Sum):
        lead, below = led_by(dims[0])
        if any(_is_home(positions, lead, atom) for term in others for atom in atoms_of(term)):
            terms = (product_of(below), *others)
            places = [[positions.at(t, lead, n) for t in terms] for n in range(lead.size)]
            return [part for each in places for part in separated(positions, each)]
    return [[*(_parts(positions, term) for term in dims[:1]), *others]]


def _parts(positions: Positions[Reason], term: Term) -> Term:
    """A dimension as parts, where what it holds lives in a pinned atom in front."""
    match term:
        case Product((Atom() as lead, *below)):
            inner = product_of(below)
            if not any(_is_home(positions, lead, atom) for atom in atoms_of(inner)):
                return product_of([lead, _parts(positions, inner)])
            places = [positions.at(inner, lead, place) for place in range(lead.size)]
            return joined([_parts(positions, each) for each in places])
        case Sum(parts):
            return joined([_parts(positions, part) for part in parts])
        case _:
            return term


Runs = dict[tuple[Term, ...], Atom]
"""One atom for pinned terms one after the other."""


def gathered(positions: Positions[Reason], term: Term, known: Runs) -> Term:
    """A dimension with pinned positions one after the other inside a product as one pinned atom."""
    match term:
        case Sum(parts):
            return joined([gathered(positions, part, known) for part in parts])
        case Product((*outer, Sum(parts))):
            inner: list[Term] = []
            for pinned, run in groupby(parts, lambda part: _is_pinned(positions, part)):
                terms = tuple(run)
                if not pinned or len(terms) == 1:
                    inner += [gathered(positions, part, known) for part in terms]
                    continue
                if terms not in known:
                    known[terms] = _pinned_as(positions, terms)
                inner.append(known[terms])
            return product_of([*outer, joined(inner)])
        case _:
            return term


def _is_pinned(positions: Positions[Reason], term: Term) -> bool:
    return all(positions.pin_of(atom) is not None for atom in atoms_of(term))


def _pinned_as(positions: Positions[Reason], terms: Sequence[Term]) -> Atom:
    """New positions that are pinned as the first of some terms are."""
    first = next(atoms_of(terms[0]))
    pin = positions.pin_of(first)
    assert pin is not None, "the terms are pinned"
    whole = positions.fresh(sum(term.size for term in terms), first.birth)
    positions.pin(whole, pin)
    return whole


def _is_home(positions: Positions[Reason], home: Atom, atom: Atom) -> bool:
    """Whether an atom that moves lives in a pinned one."""
    if 1 in (home.size, atom.size) or positions.pin_of(home) is None:
        return False
    return home in positions.lives_in(atom)
