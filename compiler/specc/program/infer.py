"""The symmetry of a model's weights, inferred from what its operations do.

Each operation says which positions along the dimensions of parameters and values are the same, and
which may not move; `symmetry.positions` solves that. What is left free are permutations of weights
that leave the function unchanged, whatever the weights are. Each says also which factors of channels it
lets through, signs or positive scales; what is left of these makes the group larger, where it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import Span, SpecError
from ..graph import Node, Typed
from ..operations import Channels
from ..symmetry.factors import ALL_FACTORS, NO_FACTORS, Factor, Factors, Powers, disagreeing
from ..symmetry.positions import Positions
from ..symmetry.terms import Atom, Term
from ..symmetry.weight_space import Pin, Stack, Weights, weight_space
from ..types import Collection, tensors_of


def infer(typed: Typed, asked: Factors = NO_FACTORS) -> Weights:
    """The tensors of a model's state_dict with the axes that move together, and the factors asked for."""
    rules = _Rules(typed.graph.nodes[0])
    channels: list[Channels] = []
    for node in typed.graph.nodes:
        rules.node = node
        inputs = tuple(channels[i] for i in node.inputs)
        types, result = typed.input_types(node), typed.type(node)
        channels.append(node.operation.symmetry(rules, inputs, types, result))
        points = any(each.points for kind in (*types, result) for _, each in tensors_of(kind))
        passing = NO_FACTORS if points else node.operation.passes
        for term in (term for value in (*inputs, channels[-1]) for term in value.values()):
            rules.restrict(term, passing)
    for number in typed.graph.outputs:
        rules.node = typed.graph.nodes[number]
        for term in channels[number].values():
            rules.pin(term, "an output of the model")
    options = "".join(f", {factor.value} = true" for factor in Factor if factor in asked)
    found = weight_space(
        f"weights({typed.name}{options})",
        f"{typed.name}.",
        rules.parameters,
        rules.positions,
        refused=rules.refused,
        asked=asked,
    )
    return replace(found, space=_with_complex(found.space, typed))


def _with_complex(space: Collection, typed: Typed) -> Collection:
    """The weights of layers with complex coefficients are complex."""
    found = {
        f"{node.path}.{parameter.name}"
        for node in typed.graph.nodes
        for parameter in node.operation.parameters(typed.input_types(node), typed.type(node))
        if parameter.complex
    }
    if not found:
        return space
    pieces = {piece.name for each in space.stored if each.name in found for piece in each.pieces}
    tensors = tuple(
        (name, replace(tensor, complex=name in found | pieces)) for name, tensor in space.tensors
    )
    return replace(space, tensors=tensors)


def refuse_without(weights: Weights, asked: Factors, name: str, span: Span) -> None:
    """Raises `SpecError` where factors are asked for and no positions have them."""
    for factor in (each for each in Factor if each in asked):
        known = [each for each in weights.factors if each.factor is factor]
        if any(each.pin is None for each in known):
            continue
        reasons = [f"{each.pin.reason} ({each.pin.place})" for each in known if each.pin]
        raise SpecError(
            f"no hidden positions of `{name}` may {_DONE[factor]}",
            span,
            reasons[0] if reasons else "no hidden positions are free to move",
        )


_DONE = {Factor.SIGN: "change signs", Factor.SCALE: "be scaled"}


class _Rules:
    """What the operations' symmetry rules may say: constraints on positions, in the name of a node."""

    def __init__(self, first: Node) -> None:
        self.node = first
        self.positions: Positions[Pin] = Positions(
            self._reason("what is read at its positions does not fit")
        )
        self.parameters: dict[str, Stack] = {}
        self.refused: dict[Factor, list[tuple[Term, Pin]]] = {factor: [] for factor in Factor}

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

    def restrict(self, term: Term, passing: Factors) -> None:
        for factor in ALL_FACTORS - passing:
            reason = self._reason(f"`{self.node.operation}` does not let {factor.value} through")
            self.refused[factor].append((term, reason))

    def parameter(self, name: str, dims: Sequence[Term], carries: Powers | None = None) -> None:
        self.stacked(name, [dims], None if carries is None else [carries])

    def stacked(
        self,
        name: str,
        parts: Sequence[Sequence[Term]],
        carries: Sequence[Powers] | None = None,
    ) -> None:
        path = f"{self.node.path}.{name}"
        reason = self._reason("parts of one matrix do not fit")
        stack = Stack(tuple(map(tuple, parts)), reason, tuple(carries or ()))
        if carries is None:
            for term in (term for dims in stack.parts for term in dims):
                self.restrict(term, NO_FACTORS)
        tied = self.parameters.setdefault(path, stack)
        if _sizes(stack) != _sizes(tied):
            for term in (term for dims in (*stack.parts, *tied.parts) for term in dims):
                self.pin(term, "layers that are one have their channels joined in different places")
            return
        for number, (dims, others) in enumerate(zip(stack.parts, tied.parts, strict=True)):
            powers = zip(stack.powers(number), tied.powers(number), strict=True)
            for term, other, (own, first) in zip(dims, others, powers, strict=True):
                self.same(term, other)
                self.restrict(term, ALL_FACTORS - disagreeing(own, first))

    def _reason(self, reason: str) -> Pin:
        node = self.node
        return Pin(reason, f"{_called(node)}, line {node.span.line}")


def _called(node: Node) -> str:
    return node.label or node.path or str(node.operation)


def _sizes(stack: Stack) -> list[list[int]]:
    return [[term.size for term in dims] for dims in stack.parts]
