"""The solved positions of a network's weights as a type: a tensor for each entry of the state_dict.

One axis stands for each atom that is left. What lives in a pinned atom has an axis of its own for each
position of that one: queries, keys and values of one matrix become three parts of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count, product

from ..groups import Pinned, Signed, Symmetric
from ..types import Axis, Collection, Dimension, Part, Scale, Stored, Tensor, stored
from .factors import (
    NO_FACTORS,
    Factor,
    Factors,
    Powers,
    canonical_scales,
    plain_atoms,
    refused_atoms,
)
from .parts import Runs, gathered, separated
from .positions import MOST_PLACES, Positions
from .terms import Atom, Product, Sum, Term, atoms_of, factors_of, product_of


@dataclass(frozen=True, slots=True)
class Pin:
    """Why positions may not move, and where that is said: `embed, line 12`."""

    reason: str
    place: str


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight space of a model: its type, and for each pinned axis what pinned it first.

    `factors` says which larger groups the activations allow, axis by axis.
    """

    space: Collection
    pins: tuple[tuple[Axis, Pin], ...]
    factors: tuple[Allowance, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether factors of an axis' positions leave the function as it is: `pin` says what keeps them from it."""

    axis: Axis
    factor: Factor
    pin: Pin | None


@dataclass(frozen=True, slots=True)
class Stack:
    """A parameter of parts one after the other along its first dimension, each with its own dimensions.

    Where their columns do not fit `pin` says so. `carries` are the powers with which the dimensions of
    each part carry factors, empty where there is no factor.
    """

    parts: tuple[tuple[Term, ...], ...]
    pin: Pin
    carries: tuple[Powers, ...] = ()

    def powers(self, part: int) -> Powers:
        """Those of the dimensions of a part."""
        return self.carries[part] if self.carries else (0,) * len(self.parts[part])


Refused = Mapping[Factor, Sequence[tuple[Term, Pin]]]
"""The positions that factors of a kind may not multiply, with the reason."""


_Parts = list[list[Term]]
"""The terms of a parameter: its parts, and the dimensions of each."""

_Solved = list[tuple[list[Term], Powers]]
"""The parts of a parameter in solved terms, each with the powers that its dimensions carry."""


def weight_space(
    label: str,
    prefix: str,
    parameters: Mapping[str, Stack],
    positions: Positions[Pin],
    values: Iterable[Sequence[Term]] = (),
    refused: Refused | None = None,
    asked: Factors = NO_FACTORS,
) -> Weights:
    """The type of a model's weights, one axis for each solved atom, named after the first born.

    The type is called `label`, and axes begin with `prefix`.

    `values` are the dimensions of tensors that are computed from the parameters: what lives in
    something may do so only where that stands beside it.

    `refused` are positions without factors; None where nothing is known of factors, so that there are
    none. Those that are `asked` for become part of the type: signs as signed axes, scales as what is
    divided out.
    """
    solved = _settled(parameters, positions, list(values))
    atoms = {a for parts in solved.values() for dims, _ in parts for t in dims for a in atoms_of(t)}
    allowed = _allowed(positions, atoms, refused)
    signed = {atom for atom, pin in allowed[Factor.SIGN].items() if pin is None}
    scaled = {atom for atom, pin in allowed[Factor.SCALE].items() if pin is None}
    axes = _Axes(prefix, positions, signed if Factor.SIGN in asked else set())
    kept = tuple(axes.stored(name, parts) for name, parts in solved.items())
    tensors = tuple((p.name, Tensor(p.axes, None)) for each in kept for p in each.pieces)
    plain = all(each.is_plain for each in kept)
    scales = axes.scales(scaled if Factor.SCALE in asked else set())
    space = Collection(tensors, label, () if plain else kept, scales)
    return Weights(space, tuple(axes.pins), tuple(axes.allowances(allowed)))


def _allowed(
    positions: Positions[Pin], atoms: Iterable[Atom], refused: Refused | None
) -> dict[Factor, dict[Atom, Pin | None]]:
    """The atoms that may have factors of each kind, with what refuses them."""
    if refused is None:
        return {factor: {} for factor in Factor}
    plain = plain_atoms(positions, sorted(atoms, key=lambda atom: atom.number))
    reasons = {factor: refused_atoms(positions, refused.get(factor, ())) for factor in Factor}
    return {factor: {atom: reasons[factor].get(atom) for atom in plain} for factor in Factor}


# --- Until nothing changes any more -----------------------------------------------------------------


def _settled(
    parameters: Mapping[str, Stack], positions: Positions[Pin], values: Sequence[Sequence[Term]]
) -> dict[str, _Solved]:
    """The parameters in solved terms; the parts of one are stored alike along all dimensions but the first.

    Where they would not be, they are made to move together.
    """
    given = {name: [list(dims) for dims in stack.parts] for name, stack in parameters.items()}
    while True:
        solved = {name: [_resolved(dims, positions) for dims in p] for name, p in given.items()}
        changed = [_confine_values(positions, [_resolved(dims, positions) for dims in values])]
        changed += [_confine_stored(positions, dims) for parts in solved.values() for dims in parts]
        if positions.settle() or any(changed):
            continue
        cut = {
            name: [
                (part, parameters[name].powers(number))
                for number, dims in enumerate(parts)
                for part in separated(positions, dims)
            ]
            for name, parts in solved.items()
        }
        changed = [_confine_stored(positions, dims) for parts in cut.values() for dims, _ in parts]
        if positions.settle() or any(changed):
            continue
        uneven = [
            (name, dim)
            for name, parts in cut.items()
            for dim in range(1, len(parts[0][0]))
            if not _alike([dims[dim] for dims, _ in parts])
        ]
        if not uneven:
            known: Runs = {}
            return {
                name: [
                    ([gathered(positions, term, known) for term in dims], powers)
                    for dims, powers in parts
                ]
                for name, parts in cut.items()
            }
        for name, dim in uneven:
            terms, pin = [dims[dim] for dims, _ in cut[name]], parameters[name].pin
            if not _move_together(terms, positions, pin):
                whole = positions.fresh(terms[0].size, next(atoms_of(terms[0])).birth)
                positions.pin(whole, pin)
                for term in terms:
                    positions.pin(term, pin)
                for dims in given[name]:
                    dims[dim] = whole


def _resolved(dims: Sequence[Term], positions: Positions[Pin]) -> list[Term]:
    return [positions.resolve(term) for term in dims]


def _move_together(terms: Sequence[Term], positions: Positions[Pin], pin: Pin) -> bool:
    """Makes the parts the same along a dimension; returns whether they are alike then."""
    first, *others = terms
    for other in others:
        positions.same(first, other, pin)
    return _alike(_resolved(terms, positions))


def _alike(terms: Sequence[Term]) -> bool:
    """Whether resolved terms are stored alike: each as one axis, or all as the same parts and factors."""
    return all(isinstance(term, Atom) for term in terms) or len(set(terms)) == 1


# --- What lives where -------------------------------------------------------------------------------


_Factors = tuple[Atom, ...]
_Choices = list[_Factors]
"""What may stand at a position of a dimension: the atoms of each of its parts."""


def _choices(term: Term) -> _Choices:
    match term:
        case Sum(parts):
            return [factors for part in parts for factors in _choices(part)]
        case Product((first, *below)) if below:
            inner = _choices(product_of(below))
            return [(*outer, *each) for outer in _choices(first) for each in inner]
        case _:
            return [tuple(atoms_of(term))]


def _homes(
    positions: Positions[Pin], dims: Sequence[_Choices]
) -> Iterator[tuple[int, _Factors, int, frozenset[Atom]]]:
    """Each free atom that lives in others: its dimension, its part and place there, and in what it lives."""
    for dim, choices in enumerate(dims):
        for factors in choices:
            for place, atom in enumerate(factors):
                homes = positions.lives_in(atom)
                if homes:
                    yield dim, factors, place, homes


def _confine_values(positions: Positions[Pin], values: Sequence[Sequence[Term]]) -> bool:
    """What lives in an atom has to find it beside itself: in its product, else in one other dimension."""
    changed = False
    for terms in values:
        dims = [_choices(term) for term in terms]
        for dim, factors, place, homes in list(_homes(positions, dims)):
            others = [choices for number, choices in enumerate(dims) if number != dim]
            found = {home for home in homes if _stands_beside(home, factors, others)}
            changed |= positions.confine(factors[place], found)
    return changed


def _stands_beside(atom: Atom, factors: _Factors, dims: Sequence[_Choices]) -> bool:
    """Whether an atom stands once in a product, or else in one of the dimensions, once in each of its parts."""
    if atom in factors:
        return factors.count(atom) == 1
    having = [choices for choices in dims if any(atom in each for each in choices)]
    return len(having) == 1 and all(each.count(atom) == 1 for each in having[0])


def _confine_stored(positions: Positions[Pin], terms: Sequence[Term]) -> bool:
    """What lives in an atom stands behind it in a stored tensor.

    What stands at each position of a pinned one is a part by itself; in another dimension that one has to
    come first.
    """
    changed = False
    dims = [_choices(term) for term in terms]
    for dim, factors, place, homes in list(_homes(positions, dims)):
        found: set[Atom] = set()
        others = [choices for number, choices in enumerate(dims) if number != dim]
        for home in homes:
            if not _stands_beside(home, factors, others):
                continue
            if positions.pin_of(home) is None:
                before = home in factors[:place]
                before |= any(home in each for choices in dims[:dim] for each in choices)
            else:
                before = home in factors[:place]
                before |= dim > 0 and all(home in each[:1] for each in dims[0])
                before &= home.size <= MOST_PLACES
            if before:
                found.add(home)
        changed |= positions.confine(factors[place], found)
    return changed


# --- Axes -------------------------------------------------------------------------------------------


class _Axes:
    """The axis of each solved atom; `signed` are those with signs."""

    def __init__(self, prefix: str, positions: Positions[Pin], signed: set[Atom]) -> None:
        self._prefix = prefix
        self._positions = positions
        self._signed = signed
        self._axes: dict[Atom, Axis] = {}
        self._carried: dict[str, list[tuple[Atom, int]]] = {}
        self._taken: set[str] = set()
        self.pins: list[tuple[Axis, Pin]] = []

    def stored(self, name: str, parts: _Solved) -> Stored:
        """A parameter with the axes of all its pieces."""
        blocks, carried = [], []
        for terms, powers in parts:
            each = list(zip(terms, powers, strict=True))
            blocks.append([self._dimension(term, power) for term, power in each])
            for choice in product(*map(_choices, terms)):
                along = zip(choice, powers, strict=True)
                carried.append([(atom, power) for part, power in along for atom in part])
        found = stored(name, blocks)
        named = (piece.name for piece in found.pieces)
        self._carried |= dict(zip(named, carried, strict=True))
        return found

    def _dimension(self, term: Term, power: int) -> Dimension:
        match term:
            case Sum(parts):
                return tuple(part for each in parts for part in self._dimension(each, power))
            case _:
                factors = factors_of(term)
                atoms = (each for each in factors if isinstance(each, Atom))
                axes = tuple(self._along(atom, power) for atom in atoms)
                within = [self._dimension(e, power) for e in factors if isinstance(e, Sum)]
                return (Part(axes, *within),)

    def scales(self, atoms: set[Atom]) -> tuple[Scale, ...]:
        """How the scales of these atoms are divided out."""
        return tuple(
            Scale(self._axes[each.atom].name, each.measured, each.multiplied, each.divided)
            for each in canonical_scales(self._carried, list(atoms))
        )

    def allowances(
        self, allowed: Mapping[Factor, Mapping[Atom, Pin | None]]
    ) -> Iterator[Allowance]:
        """For each axis that may have factors of a kind whether it does; scales can be divided out."""
        divisible = {
            each.atom
            for each in canonical_scales(
                self._carried,
                [atom for atom, pin in allowed[Factor.SCALE].items() if pin is None],
            )
        }
        for atom, axis in self._axes.items():
            for factor, pins in allowed.items():
                lost = factor is Factor.SCALE and pins.get(atom) is None and atom not in divisible
                if atom in pins and not lost:
                    yield Allowance(axis, factor, pins[atom])

    def _along(self, atom: Atom, power: int) -> Axis:
        """The axis of an atom in a dimension that carries its factors with a power; signs have no more
        than one."""
        axis = self._axis(atom)
        return axis if power % 2 else axis.absolute()

    def _axis(self, atom: Atom) -> Axis:
        if atom not in self._axes:
            pin = self._positions.pin_of(atom)
            name, home = self._name(atom), self._home(atom) if pin is None else None
            parent = None if home is None else self._axis(home)
            moving = Signed() if atom in self._signed else Symmetric()
            group = moving if pin is None else Pinned()
            self._axes[atom] = Axis(name, atom.size, group, parent)
            if pin is not None:
                self.pins.append((self._axes[atom], pin))
        return self._axes[atom]

    def _home(self, atom: Atom) -> Atom | None:
        """The innermost free atom that one lives in; of several that do not live in each other the last."""
        homes = [
            each for each in self._positions.lives_in(atom) if self._positions.pin_of(each) is None
        ]
        depth = {each: len(self._positions.lives_in(each)) for each in homes}
        return max(homes, key=lambda each: (depth[each], each.number), default=None)

    def _name(self, atom: Atom) -> str:
        base = f"{self._prefix}{atom.birth}"
        names = chain([base], (f"{base}_{number}" for number in count(2)))
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        return name
