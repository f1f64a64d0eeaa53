"""The permutation symmetry of a model's weights, inferred from what its operations do.

The positions along each dimension of each parameter are an *atom*. Operations say which atoms move
together and which are pinned; a union-find solves that. Two permutations of weights that leave the
function unchanged for every choice of the other weights can only come from atoms that nothing pins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

from ..graph import Node, Typed
from ..groups import Pinned, Symmetric
from ..operations import Atom, Channels
from ..types import Axis, Collection, Tensor


@dataclass(frozen=True, slots=True)
class Positions:
    """An atom: `size` positions, born as number `number` at the layer called `birth`."""

    number: int
    size: int
    birth: str


@dataclass(frozen=True, slots=True)
class Pin:
    """Why positions may not move: the operation, and where it stands in the text."""

    reason: str
    node: Node


@dataclass(frozen=True, slots=True)
class StoredParameter:
    """A parameter by its name in the state_dict, with an atom for each dimension."""

    name: str
    dims: tuple[Positions, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight space of a model: its type, and for each pinned axis what pinned it first."""

    space: Collection
    pins: tuple[tuple[Axis, Pin], ...]


def infer(typed: Typed) -> Weights:
    """The tensors of a model's state_dict with the axes that move together."""
    solver = _Solver()
    channels: list[Channels] = []
    for node in typed.graph.nodes:
        solver.enter(node)
        inputs = tuple(channels[i] for i in node.inputs)
        channels.append(
            node.operation.symmetry(solver, inputs, typed.input_types(node), typed.type(node))
        )
    for number in typed.graph.outputs:
        solver.enter(typed.graph.nodes[number])
        for atom in channels[number].values():
            solver.pin(atom, "an output of the model")
    return solver.solution(typed)


class _Solver:
    """Collects what the rules say (it is their `Rules`); `solution` reads it off."""

    def __init__(self) -> None:
        self._atoms: list[Positions] = []
        self._together: nx.utils.UnionFind[Positions] = nx.utils.UnionFind()
        self._pins: dict[Positions, Pin] = {}
        self._parameters: dict[str, StoredParameter] = {}
        self._node: Node | None = None

    def enter(self, node: Node) -> None:
        self._node = node

    def fresh(self, size: int) -> Positions:
        assert self._node is not None
        birth = self._node.path or self._node.label or str(self._node.operation)
        atom = Positions(len(self._atoms), size, birth)
        self._atoms.append(atom)
        self._together[atom]  # a set of its own
        return atom

    def same(self, first: Atom, second: Atom) -> None:
        assert isinstance(first, Positions) and isinstance(second, Positions)
        self._together.union(first, second)

    def pin(self, atom: Atom, reason: str) -> None:
        assert isinstance(atom, Positions) and self._node is not None
        self._pins.setdefault(atom, Pin(reason, self._node))

    def parameter(self, name: str, dims: Sequence[Atom]) -> None:
        assert self._node is not None
        path = f"{self._node.path}.{name}"
        atoms = tuple(atom for atom in dims if isinstance(atom, Positions))
        tied = self._parameters.setdefault(path, StoredParameter(path, atoms))
        for atom, other in zip(atoms, tied.dims, strict=True):
            self.same(atom, other)

    def solution(self, typed: Typed) -> Weights:
        """One axis for each set of atoms that move together, named after the first born."""
        first: dict[Positions, Positions] = {}
        for atom in self._atoms:
            first.setdefault(self._together[atom], atom)
        pins: dict[Positions, Pin] = {}
        for atom, pin in self._pins.items():
            pins.setdefault(self._together[atom], pin)
        axes: dict[Positions, Axis] = {}
        taken: dict[str, int] = {}
        for atom in (each for stored in self._parameters.values() for each in stored.dims):
            root = self._together[atom]
            if root in axes:
                continue
            name = f"{typed.name}.{first[root].birth.replace('.', '_')}"
            taken[name] = taken.get(name, 0) + 1
            if taken[name] > 1:
                name = f"{name}_{taken[name]}"
            group = Pinned() if root in pins else Symmetric()
            axes[root] = Axis(name, atom.size, group)
        tensors = tuple(
            (stored.name, Tensor(tuple(axes[self._together[a]] for a in stored.dims), None))
            for stored in self._parameters.values()
        )
        space = Collection(tensors, f"weights({typed.name})")
        return Weights(space, tuple((axis, pins[r]) for r, axis in axes.items() if r in pins))
