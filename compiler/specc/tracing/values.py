"""What is known of a tensor while a graph is traced: which positions lie along each of its dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ..symmetry.positions import MOST_PLACES, Positions
from ..symmetry.terms import Atom, Sum, Term, atoms_of, joined, product_of
from ..symmetry.weight_space import Pin

Dims = tuple[Term, ...]
"""The positions along each dimension of a tensor."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor: its dimensions, and for one of integers the dimension whose positions they are, if known.

    Along `uniform` dimensions all entries are the same. `known` are the entries of a constant.
    Along `alike` positions entries may well be equal exactly; a tensor that `vanishes` may be zero on
    whole stretches. `bent`: in parts it may be an earlier tensor as it is, of the same `origins`: inputs,
    weights, and products with weights. `learned`: a function of the weights alone.
    """

    dims: Dims
    refers: Term | None = None
    uniform: frozenset[int] = frozenset()
    known: Tensor | None = None
    alike: frozenset[Term] = frozenset()
    vanishes: bool = False
    bent: bool = False
    learned: bool = False
    origins: frozenset[int] = frozenset()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(term.size for term in self.dims)


@dataclass(slots=True)
class Facts:
    """Everything that the rules have said so far, in the name of the operation that is looked at.

    `place` says where that is, `birth` is the module that positions are named after.
    """

    positions: Positions[Pin]
    place: str = ""
    birth: str = ""
    roles: list[tuple[Term, str]] = field(default_factory=list)
    copies: list[Term] = field(default_factory=list)
    """Positions that the operation makes, at all of which entries are the same."""
    _origins: int = 0
    spaces: list[Dims] = field(default_factory=list)
    """What lives in others has to find them in each of these: tensors, and the indices of operations."""

    # --- New positions

    def fresh(self, size: int, inside: Iterable[Term] = ()) -> Atom:
        """New positions with no constraint yet, which live in others."""
        return self.positions.fresh(size, self.birth, inside)

    def copy(self, size: int, inside: Iterable[Term] = ()) -> Atom:
        """New positions at all of which entries are the same."""
        atom = self.fresh(size, inside)
        self.copies.append(atom)
        return atom

    def pinned(self, size: int, reason: str) -> Atom:
        """New positions none of which may move."""
        atom = self.fresh(size)
        self.pin(atom, reason)
        return atom

    def one(self) -> Atom:
        """The single position of a dimension of size one."""
        return self.fresh(1)

    def uniform(self, sizes: Sequence[int]) -> Dims:
        """The dimensions of a tensor whose entries are all the same: each lives in those before it."""
        dims: list[Atom] = []
        for size in sizes:
            dims.append(self.fresh(size, list(dims)))
        return tuple(dims)

    # --- Constraints

    def pin(self, term: Term, reason: str) -> None:
        """No position of a dimension may move."""
        self.positions.pin(term, Pin(reason, self.place))

    def origin(self) -> frozenset[int]:
        """What is computed from here on is no function of the entries of anything before alone."""
        self._origins += 1
        return frozenset([self._origins])

    def compared(self, value: Value, dim: int) -> None:
        """The first of equal entries along a dimension is taken: their order matters."""
        for atom in self._equal(value, dim):
            self.pin(atom, "of equal entries the first is taken")

    def sorted(self, value: Value, dim: int) -> None:
        """Entries along a dimension are sorted: the order of equal ones depends on all others."""
        if self._equal(value, dim):
            self.pin(value.dims[dim], "equal entries have no order")

    def _equal(self, value: Value, dim: int) -> frozenset[Term]:
        """Where entries may be equal, or a pair of positions is compared with the same pair the other way round."""
        here = [value.dims[dim]]
        return self.among(here, value.alike) | self.twice(here)

    def pin_all(self, dims: Iterable[Term], reason: str) -> None:
        for term in dims:
            self.pin(term, reason)

    def same(self, first: Term, second: Term) -> None:
        """Two dimensions are moved by one permutation."""
        self.positions.same(first, second, Pin("what moves together does not fit", self.place))

    def all_same(self, first: Sequence[Term], second: Sequence[Term]) -> None:
        for a, b in zip(first, second, strict=True):
            self.same(a, b)

    def together(self, *dims: Term) -> None:
        """An operation computes with all these indices at once: each is a variable of its own."""
        self.spaces.append(dims)

    def mixed(self, dims: Dims, over: Sequence[int]) -> None:
        """What comes out at each position of some dimensions depends on all their positions."""
        others = [term for dim, term in enumerate(dims) if dim not in over]
        read = self.merged([dims[dim] for dim in over])
        self.together(*others, read, read)

    def called(self, term: Term, role: str) -> None:
        """What a dimension is called, if it turns out to be one axis: `head`."""
        self.roles.append((term, f"{self.birth}_{role}" if self.birth else role))

    # --- Positions of several dimensions

    def atoms(self, terms: Iterable[Term]) -> set[Atom]:
        return {a for term in terms for a in atoms_of(self.positions.resolve(term)) if a.size > 1}

    def twice(self, terms: Iterable[Term]) -> set[Atom]:
        """Those that occur more than once."""
        found = [a for term in terms for a in atoms_of(self.positions.resolve(term)) if a.size > 1]
        return {atom for atom in found if found.count(atom) > 1}

    def among(self, terms: Iterable[Term], others: Iterable[Term]) -> frozenset[Term]:
        """Those that are, at places or as a whole, among others."""
        known = self.atoms(others)
        if not known:
            return frozenset()
        places = set[Atom]().union(*map(self.positions.anywhere, known))
        return frozenset(
            atom
            for atom in self.atoms(terms)
            if atom in known or places & self.positions.anywhere(atom)
        )

    # --- Dimensions from dimensions

    def broadcast(self, many: Sequence[Dims]) -> Dims:
        """Dimensions aligned from the last, as pointwise operations do: one position goes with any."""
        rank = max((len(dims) for dims in many), default=0)
        result: list[Term] = []
        for place in range(rank, 0, -1):
            (first, *others) = [dims[-place] for dims in many if len(dims) >= place]
            for other in others:
                if other.size == first.size:
                    self.same(first, other)
                elif first.size == 1:
                    first = other
            result.append(first)
        return tuple(result)

    def split(self, term: Term, sizes: Sequence[int]) -> Dims:
        """A dimension as a row-major grid: each factor lives in those before it."""
        wide = [size for size in sizes if size > 1]
        if len(wide) < 2:
            return tuple(term if size > 1 else self.one() for size in sizes)
        grid = self._grid(self.positions.resolve(term), wide)
        self.positions.same(
            term, product_of(grid), Pin("it is split into a grid that does not fit", self.place)
        )
        factors = iter(grid)
        return tuple(next(factors) if size > 1 else self.one() for size in sizes)

    def _grid(self, term: Term, sizes: Sequence[int]) -> list[Atom]:
        birth = next(atoms_of(term)).birth
        grid: list[Atom] = []
        for size in sizes:
            grid.append(self.positions.fresh(size, birth, list(grid) or None))
        return grid

    def merged(self, dims: Sequence[Term]) -> Term:
        """Dimensions flattened row-major into one."""
        return product_of([self.positions.resolve(term) for term in dims]) if dims else self.one()

    def cut(self, term: Term, sizes: Sequence[int]) -> Dims:
        """A dimension as parts one after the other, some of which may have no position."""
        wide = [size for size in sizes if size]
        if len(wide) == 1:
            return tuple(term if size else self.fresh(0) for size in sizes)
        pin = Pin("it is cut where it does not fit", self.place)
        parts = iter(self.positions.cut(term, wide, pin))
        return tuple(next(parts) if size else self.fresh(0) for size in sizes)

    def joined(self, terms: Sequence[Term]) -> Term:
        """Dimensions one after the other."""
        wide = [self.positions.resolve(term) for term in terms if term.size]
        return joined(wide) if wide else self.fresh(0)

    def at(self, dims: Dims, dim: int, position: int) -> Dims:
        """All other dimensions, of what is read at one position of a dimension, which is pinned."""
        others = dims[:dim] + dims[dim + 1 :]
        home = self.positions.resolve(dims[dim])
        self.pin(self._around(home, position), "one of its positions is picked")
        if not isinstance(home, Atom) or home.size == 1:
            return others
        return tuple(self.positions.at(term, home, position) for term in others)

    def stretch(self, dims: Dims, dim: int, start: int, count: int) -> Dims:
        """The dimensions of a stretch of positions of one; a single position is picked."""
        if count == 1:
            others = self.at(dims, dim, start)
            return (*others[:dim], self.one(), *others[dim:])
        _, part, _ = self.cut(dims[dim], [start, count, dims[dim].size - start - count])
        return (*dims[:dim], part, *dims[dim + 1 :])

    def _around(self, term: Term, position: int) -> Term:
        """The part of a sum in which a position lies; all of any other dimension."""
        if not isinstance(term, Sum):
            return term
        for part in term.parts:
            if position < part.size:
                return part
            position -= part.size
        return term

    def rearranged(self, dims: Dims, dim: int, order: Sequence[int], reason: str) -> Dims:
        """The dimensions of what has the positions of one, which are pinned, in another order."""
        home = self.positions.resolve(dims[dim])
        self.pin(home, reason)
        if not isinstance(home, Atom) or max(home.size, len(order)) > MOST_PLACES:
            self.together(*dims, dims[dim])
            return (*dims[:dim], self.pinned(len(order), reason), *dims[dim + 1 :])
        new, others = self.stacked([self.at(dims, dim, place) for place in order], reason)
        return (*others[:dim], new, *others[dim:])

    def stacked(self, items: Sequence[Dims], reason: str) -> tuple[Atom, Dims]:
        """A new pinned dimension, and the others of what has each of the items at one of its positions."""
        stack = self.pinned(len(items), reason)
        dims: list[Term] = []
        for terms in zip(*items, strict=True):
            resolved = {self.positions.resolve(term) for term in terms}
            if len(resolved) == 1 or stack.size == 1:
                dims.append(terms[0])
                continue
            whole = self.fresh(terms[0].size, [stack, *dims])
            for position, term in enumerate(terms):
                self.same(self.positions.at(whole, stack, position), term)
            dims.append(whole)
        return stack, tuple(dims)
