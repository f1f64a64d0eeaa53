"""Positions along the dimensions of weights, and which of them move together: unification of terms.

Two dimensions that are the same are unified; where one is coarser than the other it is cut to fit. What cannot
be made to fit is pinned: sound first.

An atom may *live in* others (keys in a head): its positions may then be permuted in each position of
those separately. It stays so only while all that it is unified with lives there too. What is read at one
position of a pinned atom is an atom of its own: the queries of a matrix that holds queries, keys and
values lie at the first of three.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from typing import Generic, TypeVar

from .terms import Atom, Product, Sum, Term, atoms_of, factors_of, joined, led_by, product_of

Reason = TypeVar("Reason")


@dataclass(frozen=True, slots=True)
class _Place:
    """What an atom is at one position of another, in which it lives."""

    atom: Atom
    home: Atom
    position: int


_Bound = frozenset[Term | _Place]
"""What an atom lives in at most: terms and what those live in, what another lives in at a place."""


MOST_ROUNDS = 30
"""So often what atoms are at places is settled; a few times are enough but for places within places."""

MOST_PLACES = 64
"""What lives in a pinned atom is told apart by its positions only where that has no more."""


class Positions(Generic[Reason]):
    """Everything that is known of the atoms so far.

    Every constraint is final and only takes symmetry away, so that their order does not matter for
    what may move.
    """

    def __init__(self, reason: Reason) -> None:
        """`reason` pins what would have to agree at positions where it does not fit."""
        self._reason = reason
        self._atoms: list[Atom] = []
        self._leader: list[int] = []
        self._bound: dict[int, Term] = {}
        self._bounds: dict[int, set[_Bound]] = {}
        self._places: dict[_Place, Atom] = {}
        self._rounds = 0
        self._pins: dict[int, Reason] = {}

    # --- What operations say

    def fresh(self, size: int, birth: str, inside: Iterable[Term] | None = ()) -> Atom:
        """New positions with no constraint yet; `inside` is what they live in, and what those live in.

        None leaves that to what they turn out to be the same as.
        """
        return self._born(size, birth, set() if inside is None else {frozenset(inside)})

    def same(self, first: Term, second: Term, reason: Reason) -> None:
        """The two dimensions are moved by one and the same permutation."""
        waiting = [(first, second)]
        while waiting:
            a, b = (self.resolve(term) for term in waiting.pop())
            assert a.size == b.size, "dimensions that are the same have the same size"
            if a == b:
                continue
            more = self._unified(a, b, reason)
            if more is None:
                self.pin(a, reason)
                self.pin(b, reason)
            else:
                waiting += more

    def pin(self, term: Term, reason: Reason) -> None:
        """No position of the dimension may move."""
        for atom in atoms_of(self.resolve(term)):
            self._pins.setdefault(atom.number, reason)

    def split(self, term: Term, sizes: Sequence[int], reason: Reason) -> Term:
        """The dimension as a product of factors of these sizes, later ones living in the first.

        Concatenated parts are split each on its own where they can be; what cannot be split is pinned.
        """
        found = self.resolve(term)
        inner = prod(sizes[1:])
        if isinstance(found, Sum) and all(part.size % inner == 0 for part in found.parts):
            parts = [self.split(p, (p.size // inner, *sizes[1:]), reason) for p in found.parts]
            return joined(parts)
        birth = next(atoms_of(found)).birth
        outer = self.fresh(sizes[0], birth, None)
        grid = product_of([outer, *(self.fresh(size, birth, [outer]) for size in sizes[1:])])
        self.same(found, grid, reason)
        return self.resolve(grid)

    def cut(self, term: Term, sizes: Sequence[int], reason: Reason) -> tuple[Term, ...]:
        """The dimension as terms of these sizes, one after the other."""
        birth = next(atoms_of(self.resolve(term))).birth
        parts = tuple(self.fresh(size, birth, None) for size in sizes)
        self.same(term, Sum(parts), reason)
        return parts

    # --- What follows

    def resolve(self, term: Term) -> Term:
        """The term in atoms that nothing has cut, one for each set that moves together."""
        match term:
            case Atom():
                leader = self._find(term.number)
                bound = self._bound.get(leader)
                return self._atoms[leader] if bound is None else self.resolve(bound)
            case Product(factors):
                return product_of([self.resolve(factor) for factor in factors])
            case Sum(parts):
                return joined([self.resolve(part) for part in parts])

    def rename(self, term: Term, birth: str) -> None:
        """Calls the positions of a dimension something else, if they are no grid; of a sum those that move."""
        found = self.resolve(term)
        parts = found.parts if isinstance(found, Sum) else (found,)
        for part in parts:
            if isinstance(part, Atom) and (part is found or part.number not in self._pins):
                self._atoms[part.number] = replace(part, birth=birth)

    def pin_of(self, atom: Atom) -> Reason | None:
        """Why a resolved atom may not move, if it may not."""
        return self._pins.get(atom.number)

    def lives_in(self, atom: Atom) -> frozenset[Atom]:
        """The atoms in each of whose positions a resolved one may be permuted by itself; none if it cannot move."""
        return self._lives_in(atom, frozenset())

    def _lives_in(self, atom: Atom, asked: frozenset[Atom]) -> frozenset[Atom]:
        """`asked` are those of which the same is being asked: nothing lives in itself."""
        bounds = self._bounds[atom.number]
        fixed = atom.size == 1 or atom.number in self._pins or atom in asked
        if fixed or not bounds or frozenset() in bounds:
            return frozenset()
        asked |= {atom}
        return frozenset.intersection(*(self._allowed(bound, asked) for bound in bounds))

    def _allowed(self, bound: _Bound, asked: frozenset[Atom]) -> frozenset[Atom]:
        """What a bound lets an atom live in, with all that those live in."""
        found: set[Atom] = set()
        for each in bound:
            for term in self._moved(each, asked) if isinstance(each, _Place) else [each]:
                for factor in factors_of(self.resolve(term)):
                    if isinstance(factor, Atom) and factor.size > 1:
                        found |= {factor, *self._lives_in(factor, asked)}
        return frozenset(found)

    def _moved(self, place: _Place, asked: frozenset[Atom]) -> Iterator[Term]:
        """What an atom at a place lives in: what it lives in elsewhere, at that place."""
        home = self.resolve(place.home)
        for atom in atoms_of(self.resolve(place.atom)):
            for each in self._lives_in(atom, asked) - {home}:
                there = home in self._lives_in(each, asked)
                yield self._at(each, place) if there else each

    # --- Places

    def at(self, term: Term, home: Atom, position: int) -> Term:
        """What a dimension is at one position of a pinned atom: what lives there is of its own."""
        match self.resolve(term):
            case Atom() as atom if home in self.lives_in(atom):
                return self.resolve(self._at(atom, _Place(atom, home, position)))
            case Atom() as atom:
                return atom
            case Product(factors):
                return product_of([self.at(factor, home, position) for factor in factors])
            case Sum(parts):
                return joined([self.at(part, home, position) for part in parts])

    def _at(self, atom: Atom, place: _Place) -> Atom:
        if self._rounds > MOST_ROUNDS:
            return atom
        place = _Place(atom, place.home, place.position)
        if place not in self._places:
            birth = f"{atom.birth}_{place.position}"
            self._places[place] = self._born(atom.size, birth, {frozenset([place])})
        return self._places[place]

    def at_places(self) -> frozenset[Atom]:
        """The resolved atoms that are what others are at a place, and these others."""
        terms = [*self._places.values(), *(place.atom for place in self._places)]
        return frozenset(atom for term in terms for atom in atoms_of(self.resolve(term)))

    def anywhere(self, term: Term) -> set[Atom]:
        """The atoms of a dimension, and what those are at places."""
        found = set(atoms_of(self.resolve(term)))
        size = 0
        while size < len(found):
            size = len(found)
            for place, there in self._places.items():
                if found & set(atoms_of(self.resolve(place.atom))):
                    found |= set(atoms_of(self.resolve(there)))
        return found

    def confine(self, atom: Atom, inside: Iterable[Atom]) -> bool:
        """A resolved atom lives in no other atoms than these; returns whether it has so far."""
        before, allowed = self.lives_in(atom), frozenset[Term | _Place](inside)
        if before <= allowed:
            return False
        self._bounds[atom.number].add(allowed)
        return self.lives_in(atom) != before

    def settle(self) -> bool:
        """Makes what atoms are at places follow what has become of them; returns whether anything changed.

        What is read at places of two homes is the same in either order.
        Where that does not come to an end, all places of an atom are made the same.
        """
        self._rounds += 1
        changed = False
        for place, found in list(self._places.items()):
            whole = self.resolve(place.atom)
            home = self.resolve(place.home)
            here = self.at(whole, home, place.position) if isinstance(home, Atom) else whole
            changed |= self._made_same(found, here)
        read: dict[Atom, list[_Place]] = {}
        for place in self._places:
            whole, home = self.resolve(place.atom), self.resolve(place.home)
            if isinstance(whole, Atom) and isinstance(home, Atom):
                read.setdefault(whole, []).append(_Place(whole, home, place.position))
        for atom, places in read.items():
            for one, other in combinations(dict.fromkeys(places), 2):
                if one.home != other.home:
                    either = self._at_both(atom, one, other), self._at_both(atom, other, one)
                    changed |= self._made_same(*either)
        return changed

    def _at_both(self, atom: Atom, first: _Place, second: _Place) -> Term:
        return self.at(self.at(atom, first.home, first.position), second.home, second.position)

    def _made_same(self, first: Term, second: Term) -> bool:
        """Makes two dimensions the same; returns whether that changes anything."""
        before = (self.resolve(first), self.resolve(second), len(self._pins))
        if before[0] == before[1]:
            return False
        self.same(first, second, self._reason)
        return before != (self.resolve(first), self.resolve(second), len(self._pins))

    # --- Unification

    def _find(self, number: int) -> int:
        while self._leader[number] != number:
            self._leader[number] = self._leader[self._leader[number]]
            number = self._leader[number]
        return number

    def _unified(self, a: Term, b: Term, reason: Reason) -> list[tuple[Term, Term]] | None:
        """Makes two resolved terms the same, or says which smaller ones have to be; None: it cannot be."""
        match a, b:
            case Atom(), Atom():
                self._union(a, b)
                return []
            case (Atom() as atom, term) | (term, Atom() as atom):
                if atom in atoms_of(term) or atom.size == 1:
                    return None
                self._bind(atom, term)
                return []
            case Product(), Product():
                return self._factorwise(a, b, reason)
            case Sum(), Sum():
                return self._partwise(a, b, reason)
            case (Sum() as parts, Product() as product) | (Product() as product, Sum() as parts):
                first = parts.parts[0].size
                if self._cut_after(product, first):
                    return [(a, b)]
                found = self._apart(product, reason)
                return None if found is None else [(found, parts)]
            case _:
                raise AssertionError("the cases above are all pairs of terms")

    def _union(self, a: Atom, b: Atom) -> None:
        first, second = sorted((a.number, b.number))
        self._leader[second] = first
        self._bounds[first] |= self._bounds.pop(second)
        if second in self._pins:
            self._pins.setdefault(first, self._pins.pop(second))

    def _bind(self, atom: Atom, term: Term) -> None:
        """An atom turns out to be a product or sum: its pins, and what it lives in, are those of all parts."""
        self._bound[atom.number] = term
        inside = set(atoms_of(term))
        for each in inside:
            if atom.number in self._pins:
                self._pins.setdefault(each.number, self._pins[atom.number])
            within = self.lives_in(each) & inside
            self._bounds[each.number] |= {bound | within for bound in self._bounds[atom.number]}

    def _factorwise(self, a: Product, b: Product, reason: Reason) -> list[tuple[Term, Term]] | None:
        """First factors of one size are the same, and so is what follows them; a larger one is split."""
        (f, below_f), (g, below_g) = led_by(a), led_by(b)
        if f.size == g.size:
            return [(f, g), (product_of(below_f), product_of(below_g))]
        large, small, short, long = (f, g, b, a) if f.size > g.size else (g, f, a, b)
        if large.size % small.size:
            found = self._apart(short, reason)
            return None if found is None else [(found, long)]
        outer = self._heir(small.size, large)
        inner = self.fresh(large.size // small.size, large.birth, [outer])
        self._bind(large, Product((outer, inner)))
        return [(a, b)]

    def _partwise(self, a: Sum, b: Sum, reason: Reason) -> list[tuple[Term, Term]] | None:
        for place, (p, q) in enumerate(zip(a.parts, b.parts, strict=False)):
            if p.size == q.size:
                continue
            large, small = (p, q) if p.size > q.size else (q, p)
            if self._cut_after(large, small.size):
                return [(a, b)]
            assert isinstance(large, Product), "an atom is cut anywhere"
            found = self._apart(large, reason)
            if found is None:
                return None
            whole, other = (a, b) if large is p else (b, a)
            replaced = joined([*whole.parts[:place], found, *whole.parts[place + 1 :]])
            return [(replaced, other)]
        return list(zip(a.parts, b.parts, strict=True))

    def _apart(self, product: Product, reason: Reason) -> Term | None:
        """A product that does not fit as the positions of its first factor one by one, which is pinned.

        None where these are too many.
        """
        first, below = led_by(product)
        if first.size > MOST_PLACES:
            return None
        self.pin(first, reason)
        return joined([self.at(product_of(below), first, n) for n in range(first.size)])

    def _cut_after(self, term: Atom | Product, size: int) -> bool:
        """Cuts a term in two after so many positions, if it can be cut there."""
        first, _ = led_by(term)
        inner = term.size // first.size
        if size % inner or size // inner >= first.size:
            return False
        before = self._heir(size // inner, first)
        after = self._heir(first.size - size // inner, first)
        self._bind(first, Sum((before, after)))
        return True

    def _heir(self, size: int, atom: Atom) -> Atom:
        """New positions that are to take the place of an atom, and live where it does."""
        return self._born(size, atom.birth, self._bounds[atom.number])

    def _born(self, size: int, birth: str, bounds: set[_Bound]) -> Atom:
        atom = Atom(len(self._atoms), size, birth)
        self._atoms.append(atom)
        self._leader.append(atom.number)
        self._bounds[atom.number] = set(bounds)
        return atom
