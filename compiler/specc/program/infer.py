"""The permutation symmetry of a model's weights, inferred from what its operations do.

Each operation says which positions along the dimensions of parameters and values are the same, and
which may not move; `symmetry.positions` solves that. What is left free are permutations of weights
that leave the function unchanged, whatever the weights are.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Node, Typed
from ..operations import Channels
from ..symmetry.positions import Positions
from ..symmetry.terms import Atom, Term
from ..symmetry.weight_space import Pin, Stack, Weights, weight_space


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
    return weight_space(
        f"weights({typed.name})", f"{typed.name}.", rules.parameters, rules.positions
    )


class _Rules:
    """What the operations' symmetry rules may say: constraints on positions, in the name of a node."""

    def __init__(self, first: Node) -> None:
        self.node = first
        self.positions: Positions[Pin] = Positions(
            self._reason("what is read at its positions does not fit")
        )
        self.parameters: dict[str, Stack] = {}

    def fresh(self, size: int, inside: Atom | None = None, name: str = "") -> Atom:
        return self.positions.fresh(size, self._birth(name), [] if inside is None else [inside])

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
