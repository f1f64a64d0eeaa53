"""What may multiply hidden positions: a sign for each, or a positive scale, that the function undoes.

A hidden position whose activation is odd may change its sign, one whose activation is positively
homogeneous may be scaled: what makes it is multiplied, what reads it is divided. One notion serves both.
Each dimension of a parameter *carries* the factor of its positions with a power: 1 (rows, biases),
-1 (columns) or 0 (the kernel of a depthwise convolution, the scale of a norm). Which factors an
operation lets through it says itself; those of positions that it does not are refused. Sound first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from .positions import Positions
from .terms import Atom, Term, atoms_of

Reason = TypeVar("Reason")


class Factor(Enum):
    """A factor for each position, by the option of `weights` that asks for it."""

    SIGN = "signs"
    SCALE = "scales"


Factors = frozenset[Factor]

NO_FACTORS: Factors = frozenset()
ALL_FACTORS: Factors = frozenset(Factor)

Powers = tuple[int, ...]
"""With which power each dimension of a parameter carries the factors of its positions."""


def disagreeing(first: int, second: int) -> Factors:
    """The factors that cannot pass a dimension which carries them with either power: signs are their own inverse."""
    if first == second:
        return NO_FACTORS
    return ALL_FACTORS if (first - second) % 2 else frozenset({Factor.SCALE})


def refused_atoms(
    positions: Positions[Reason], refused: Iterable[tuple[Term, Reason]]
) -> dict[Atom, Reason]:
    """The solved atoms that no factor may multiply, each with the first reason."""
    found: dict[Atom, Reason] = {}
    for term, reason in refused:
        for atom in atoms_of(positions.resolve(term)):
            found.setdefault(atom, reason)
    return found


def plain_atoms(positions: Positions[Reason], atoms: Sequence[Atom]) -> list[Atom]:
    """The atoms that factors may multiply at all: free, in no wreath product, and more than one position.

    A single position leaves products of atoms, so that nothing would say where its factor is.
    """
    homes = {home for atom in atoms for home in positions.lives_in(atom)}
    apart = positions.at_places()
    return [
        atom
        for atom in atoms
        if positions.pin_of(atom) is None
        and atom.size > 1
        and atom not in homes | apart
        and not positions.lives_in(atom)
    ]


@dataclass(frozen=True, slots=True)
class Scaled:
    """How the positive factors of an atom are divided out: by the norm of `measured`, dimensions of
    tensors that carry them once. What is `multiplied` by the factors is divided by that norm, and what is
    `divided` by them is multiplied by it."""

    atom: Atom
    measured: tuple[tuple[str, int], ...]
    multiplied: tuple[tuple[str, int], ...]
    divided: tuple[tuple[str, int], ...]


Carried = Mapping[str, Sequence[tuple[Atom, int]]]
"""For each tensor by name, the atom along each of its dimensions and the power that it is carried with."""


def canonical_scales(carried: Carried, atoms: Sequence[Atom]) -> list[Scaled]:
    """The atoms in an order in which their scales can be divided out, the first born first.

    An atom is measured by tensors whose other factors have been divided out before; one for which
    there is none stays as it is.
    """
    waiting = sorted(atoms, key=lambda atom: atom.number)
    found: list[Scaled] = []
    while True:
        ready = ((atom, _measured(carried, atom, set(waiting) - {atom})) for atom in waiting)
        atom, measured = next(((a, m) for a, m in ready if m), (None, ()))
        if atom is None:
            return found
        found.append(
            Scaled(atom, measured, _carrying(carried, atom, 1), _carrying(carried, atom, -1))
        )
        waiting.remove(atom)


def _measured(carried: Carried, atom: Atom, waiting: set[Atom]) -> tuple[tuple[str, int], ...]:
    """Where an atom's factor stands once and alone, but for those that have been divided out."""
    found = []
    for name, dims in carried.items():
        own = [(dim, power) for dim, (each, power) in enumerate(dims) if each == atom and power]
        free = all(each not in waiting for each, power in dims if power)
        if free and [power for _, power in own] == [1]:
            found.append((name, own[0][0]))
    return tuple(found)


def _carrying(carried: Carried, atom: Atom, power: int) -> tuple[tuple[str, int], ...]:
    return tuple(
        (name, dim)
        for name, dims in carried.items()
        for dim, (each, own) in enumerate(dims)
        if each == atom and own == power
    )
