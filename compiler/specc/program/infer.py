"""The permutation symmetry of a model's weights, inferred from what its operations do.

Each operation says which positions along the dimensions of parameters and values are the same, and
which may not move; `symmetry.positions` solves that. What is left free are permutations of weights
that leave the function unchanged, whatever the weights are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from ..graph import Node, Typed
from ..groups import Pinned, Symmetric
from ..operations import Channels
from ..symmetry.positions import Atom, Positions, Product, Sum, Term, atoms_of
from ..types import Axis, Collection, Part, Stored, Tensor, stored_as


@dataclass(frozen=True, slots=True)
class Pin:
    """Why positions may not move, and where that is said: `embed, line 12`."""

    reason: str
    place: str


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight space of a model: its type, and for each pinned axis what pinned it first."""

    space: Collection
    pins: tuple[tuple[Axis, Pin], ...]


def infer(typed: Typed) -> Weights:
    """The tensors of a model's state_dict with the axes that move together."""
    rules = _Rules(typed.graph.nodes[0])
    channels: list[Channels] = []
    for node in typed.graph.nodes:
        rules.node = node
        inputs = tuple(channels[i] for i in node.inputs)
        channels.append(
            node.operation.symmetry(rules, inputs, typed.input_types(node), typed.type(node))
        )
    for number in typed.graph.outputs:
        rules.node = typed.graph.nodes[number]
        for term in channels[number].values():
            rules.pin(term, "an output of the model")
    return weight_space(typed.name, rules.parameters, rules.positions)


@dataclass(frozen=True, slots=True)
class Stack:
    """A parameter of parts one after the other along its first dimension, each with its own dimensions.

    Where their columns do not fit `pin` says so.
    """

    parts: tuple[tuple[Term, ...], ...]
    pin: Pin


class _Rules:
    """What the operations' symmetry rules may say: constraints on positions, in the name of a node."""

    def __init__(self, first: Node) -> None:
        self.node = first
        self.positions: Positions[Pin] = Positions(self._reason("a sum stands inside a product"))
        self.parameters: dict[str, Stack] = {}

    def fresh(self, size: int, inside: Atom | None = None, name: str = "") -> Atom:
        return self.positions.fresh(size, self._birth(name), inside)

    def pinned(self, size: int, reason: str, name: str = "") -> Atom:
        atom = self.positions.fresh(size, self._birth(name))
        self.pin(atom, reason)
        return atom

    def _birth(self, name: str) -> str:
        birth = self.node.path or self.node.label or self.node.operation.word
        return "_".join(filter(None, (birth.replace(".", "_"), name)))

    def same(self, first: Term, second: Term) -> None:
        self.positions.same(first, second, self._reason("what moves together does not fit"))

    def pin(self, term: Term, reason: str) -> None:
        self.positions.pin(term, self._reason(reason))

    def split(self, term: Term, sizes: Sequence[int]) -> Term:
        return self.positions.split(term, sizes, self._reason("channels do not split evenly"))

    def cut(self, term: Term, sizes: Sequence[int]) -> tuple[Term, ...]:
        return self.positions.cut(term, sizes, self._reason("channels do not split there"))

    def parameter(self, name: str, dims: Sequence[Term]) -> None:
        self.stacked(name, [dims])

    def stacked(self, name: str, parts: Sequence[Sequence[Term]]) -> None:
        path = f"{self.node.path}.{name}"
        stack = Stack(tuple(map(tuple, parts)), self._reason("parts of one matrix do not fit"))
        tied = self.parameters.setdefault(path, stack)
        if _sizes(stack) != _sizes(tied):
            for term in (term for dims in (*stack.parts, *tied.parts) for term in dims):
                self.pin(term, "layers that are one have their channels joined in different places")
            return
        for dims, others in zip(stack.parts, tied.parts, strict=True):
            for term, other in zip(dims, others, strict=True):
                self.same(term, other)

    def _reason(self, reason: str) -> Pin:
        node = self.node
        return Pin(reason, f"{_called(node)}, line {node.span.line}")


def _called(node: Node) -> str:
    return node.label or node.path or str(node.operation)


def _sizes(stack: Stack) -> list[list[int]]:
    return [[term.size for term in dims] for dims in stack.parts]


def weight_space(model: str, parameters: Mapping[str, Stack], positions: Positions[Pin]) -> Weights:
    """The solved positions as a type: one axis for each atom, named after the first born."""
    stacks = _evenly_cut(parameters, positions)
    axes = _Axes(model, positions, [dims for parts in stacks.values() for dims in parts])
    kept = tuple(axes.stored(name, parts) for name, parts in stacks.items())
    tensors = tuple((p.name, Tensor(p.axes, None)) for each in kept for p in each.pieces)
    plain = all(each.is_plain for each in kept)
    space = Collection(tensors, f"weights({model})", () if plain else kept)
    return Weights(space, tuple(axes.pins))


_Parts = list[list[Term]]
"""The terms of a parameter: its parts, and the dimensions of each."""


def _evenly_cut(parameters: Mapping[str, Stack], positions: Positions[Pin]) -> dict[str, _Parts]:
    """The parameters in solved terms; the parts of one are stored alike along all dimensions but the first.

    Where they would not be, they are made to move together.
    """
    given = {name: [list(dims) for dims in stack.parts] for name, stack in parameters.items()}
    while True:
        solved = {
            name: [[positions.resolve(term) for term in dims] for dims in parts]
            for name, parts in given.items()
        }
        uneven = [
            (name, dim)
            for name, parts in solved.items()
            for dim in range(1, len(parts[0]))
            if not _alike([dims[dim] for dims in parts])
        ]
        if not uneven:
            return solved
        for name, dim in uneven:
            _move_together(given[name], dim, positions, parameters[name].pin)


def _move_together(parts: _Parts, dim: int, positions: Positions[Pin], pin: Pin) -> None:
    """Makes the parts the same along a dimension; where they cannot be it is pinned, and taken as one."""
    first, *others = [dims[dim] for dims in parts]
    for other in others:
        positions.same(first, other, pin)
    if not _alike([positions.resolve(dims[dim]) for dims in parts]):
        whole = positions.fresh(first.size, next(atoms_of(first)).birth)
        positions.pin(whole, pin)
        for dims in parts:
            dims[dim] = whole


def _alike(terms: Sequence[Term]) -> bool:
    """Whether resolved terms are stored alike: each as one axis, or all as the same parts and factors."""
    return all(isinstance(term, Atom) for term in terms) or len(set(terms)) == 1


_Choice = tuple[tuple[Atom, ...], Mapping[Atom, int]]
"""The factors of one part of a dimension, and at which position of a pinned atom the part stands."""


class _Axes:
    """The axis of each solved atom.

    What lives in a pinned atom has an axis of its own for each position of that one: then a product
    with the pinned atom in front becomes a sum of parts, one for each position.
    """

    def __init__(
        self, model: str, positions: Positions[Pin], tensors: Sequence[Sequence[Term]]
    ) -> None:
        self._model = model
        self._positions = positions
        self._homes = _homes(positions, tensors)
        self._separate = {
            home
            for atom, home in self._homes.items()
            if self._pinned(home) and not self._pinned(atom)
        }
        self._axes: dict[tuple[Atom, int | None], Axis] = {}
        self._taken: dict[str, int] = {}
        self.pins: list[tuple[Axis, Pin]] = []

    def stored(self, name: str, parts: _Parts) -> Stored:
        """A parameter with the axes of all its pieces."""
        sizes: list[list[int]] = []
        pieces: list[list[Part]] = []
        for terms in parts:
            dims = [list(self._parts(term)) for term in terms]
            own = [[prod(atom.size for atom in factors) for factors, _ in dim] for dim in dims]
            assert not sizes or own[1:] == sizes[1:], "parts are stored alike along their columns"
            sizes = [sizes[0] + own[0], *own[1:]] if sizes else own
            pieces += [self._piece(choice) for choice in product(*dims)]
        return stored_as(name, sizes, pieces)

    def _piece(self, choice: Sequence[_Choice]) -> list[Part]:
        """The axes along each dimension, in one choice of parts."""
        place: dict[Atom, int] = {}
        piece: list[Part] = []
        for factors, here in choice:
            place.update(here)
            piece.append(tuple(self._axis(factor, place) for factor in factors))
        return piece

    def _parts(self, term: Term) -> Iterator[_Choice]:
        """A dimension as parts one after the other."""
        for factors in _factor_lists(term):
            first, *others = factors
            if first in self._separate:
                yield from ((tuple(others), {first: place}) for place in range(first.size))
            else:
                yield factors, {}

    def _pinned(self, atom: Atom) -> bool:
        return self._positions.pin_of(atom) is not None

    def _axis(self, atom: Atom, place: Mapping[Atom, int]) -> Axis:
        home = self._homes.get(atom)
        pin = self._positions.pin_of(atom)
        run = None if pin else self._run(atom, place)
        if (atom, run) in self._axes:
            return self._axes[atom, run]
        axis = Axis(self._name(atom, run), atom.size, Symmetric() if pin is None else Pinned())
        if pin is None and home is not None and home not in self._separate:
            axis = replace(axis, parent=self._axis(home, place))
        self._axes[atom, run] = axis
        if pin is not None:
            self.pins.append((axis, pin))
        return axis

    def _run(self, atom: Atom, place: Mapping[Atom, int]) -> int | None:
        """At which position of a pinned atom something stands that lives there, however deep."""
        home = self._homes.get(atom)
        if home is None:
            return None
        return place[home] if home in self._separate else self._run(home, place)

    def _name(self, atom: Atom, run: int | None) -> str:
        name = f"{self._model}.{atom.birth}" + ("" if run is None else f"_{run}")
        self._taken[name] = self._taken.get(name, 0) + 1
        return name if self._taken[name] == 1 else f"{name}_{self._taken[name]}"


def _homes(positions: Positions[Pin], tensors: Sequence[Sequence[Term]]) -> dict[Atom, Atom]:
    """What each free atom lives in, where that stands before every one of its occurrences.

    A home that is pinned has to stand first in its dimension, so that each of its positions is a part
    of its own.
    """
    homes = {
        atom: home
        for terms in tensors
        for term in terms
        for atom in atoms_of(term)
        if positions.pin_of(atom) is None and (home := positions.home_of(atom)) is not None
    }
    for terms in tensors:
        for factors in _pieces(terms):
            before: set[Atom] = set()
            first: set[Atom] = set()
            for atom, leads in factors:
                home = homes.get(atom)
                pinned = home is not None and positions.pin_of(home) is not None
                if home is not None and home not in (first if pinned else before):
                    del homes[atom]
                before.add(atom)
                if leads:
                    first.add(atom)
    return homes


def _pieces(terms: Sequence[Term]) -> Iterator[list[tuple[Atom, bool]]]:
    """The atoms along a tensor, one list for each choice of parts; with each, whether it leads its dimension."""
    for choice in product(*(_factor_lists(term) for term in terms)):
        yield [(atom, place == 0) for factors in choice for place, atom in enumerate(factors)]


def _factor_lists(term: Term) -> list[tuple[Atom, ...]]:
    match term:
        case Atom():
            return [(term,)]
        case Product():
            return [term.factors]
        case Sum():
            return [factors for part in term.parts for factors in _factor_lists(part)]
