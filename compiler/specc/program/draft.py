"""A graph in the making: nodes as they come, the regions they stand in, what runs of a repeat carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ..errors import Span, SpecError
from ..graph import Carry, Graph, Node, Region
from ..operations import Operation, Take
from ..types import Type
from .meanings import Broken, Known, Meaning, Result, Several, Value

MOST_NODES = 100_000
"""Values, and blocks and runs, of a model: no short text takes forever."""


class Draft:
    """What becomes a frozen `Graph`."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._carries: list[Carry] = []
        self._regions: list[list[Region]] = [[]]
        self._steps = 0

    def add(
        self,
        operation: Operation,
        inputs: tuple[Value, ...],
        span: Span,
        path: str = "",
        label: str = "",
    ) -> Value:
        if len(self.nodes) >= MOST_NODES:
            raise SpecError(f"the model has more than {MOST_NODES} values", span)
        number = len(self.nodes)
        self.nodes.append(Node(number, operation, tuple(v.node for v in inputs), label, path, span))
        return Value(number)

    def taken(self, made: Value, keys: Sequence[str], span: Span) -> Several:
        """The tensors of a collection one by one."""
        return Several(tuple(self.add(Take(key=key), (made,), span) for key in keys))

    def label(self, value: Value, label: str) -> None:
        """Gives a value the name that the text has for it."""
        self.nodes[value.node] = replace(self.nodes[value.node], label=label)

    @contextmanager
    def region(
        self, kind: str, name: str, path: str = "", given: Sequence[tuple[str, Meaning]] = ()
    ) -> Iterator[None]:
        """What is added meanwhile stands in a region; a block was `given` something for its parameters."""
        first = len(self.nodes)
        arguments = tuple((each, v.node) for each, v in given if isinstance(v, Value))
        self._regions.append([])
        try:
            yield
        finally:
            inner = tuple(self._regions.pop())
            region = Region(kind, name, path, first, len(self.nodes), inner, arguments)
            self._regions[-1].append(region)

    def returned(self, results: Sequence[Value]) -> None:
        """Notes what the block whose region ended last gave back."""
        region = self._regions[-1].pop()
        made = tuple(value.node for value in results)
        self._regions[-1].append(replace(region, results=made))

    def step(self, span: Span) -> None:
        """Counts a run or a block."""
        self._steps += 1
        if self._steps > MOST_NODES:
            raise SpecError(f"the model has more than {MOST_NODES} blocks and runs", span)

    def carry(
        self, before: Mapping[str, Meaning], after: Mapping[str, Meaning], first: int, span: Span
    ) -> None:
        """Notes what a run, whose nodes begin with `first`, reads of the one before and rebinds."""
        read = {number for node in self.nodes[first:] for number in node.inputs}
        for name, old in before.items():
            new = after[name]
            if isinstance(old, Value) and isinstance(new, Value) and old != new:
                kept = any(after[other] == old for other in before)
                if old.node not in read or kept:
                    continue  # nobody reads it, or by a name that stays
                made = self.nodes[new.node].span if new.node >= first else span
                self._carries.append(Carry(name, old.node, new.node, made))
            elif isinstance(old, Known) and old != new and not isinstance(new, Broken):
                raise SpecError(f"a repeat cannot change the number `{name}`", span)

    def graph(
        self,
        name: str,
        inputs: tuple[int, ...],
        results: Sequence[Result],
        types: tuple[Type, ...],
        span: Span,
    ) -> Graph:
        """All of it, frozen."""
        return Graph(
            name,
            tuple(self.nodes),
            inputs,
            tuple(result.value.node for result in results),
            types,
            tuple(result.span for result in results),
            tuple(self._regions[0]),
            tuple(self._carries),
            span,
        )
