"""The graph of a model: what is computed from what, before and after it has types.

Nodes are values in the order of the text, each made by one operation from earlier ones. Frozen
dataclasses are the truth; `networkx` carries them for queries, algorithms and drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import networkx as nx

from .errors import Span
from .operations import Operation
from .types import Type


@dataclass(frozen=True, slots=True)
class Node:
    """One value. `label` is the name it is bound to in the spec; `path` is where its parameters live."""

    number: int
    operation: Operation
    inputs: tuple[int, ...]
    label: str
    path: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Region:
    """Nodes `first` to `last` (excluded) that belong together.

    A `block` region is one use of a block, whose parameters are under `path`; `arguments` are the
    values that its parameters are bound to, `results` what it returns. A `repeat` region holds its
    `iteration` regions.
    """

    kind: str
    name: str
    path: str
    first: int
    last: int
    inner: tuple[Region, ...] = ()
    arguments: tuple[tuple[str, int], ...] = ()
    results: tuple[int, ...] = ()

    def walk(self) -> Iterator[Region]:
        yield self
        for region in self.inner:
            yield from region.walk()


@dataclass(frozen=True, slots=True)
class Carry:
    """A name that a repeat carries from one run to the next: it must keep its type."""

    name: str
    before: int
    after: int
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Graph:
    """A model: its inputs are the first nodes, its outputs are among the nodes."""

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_types: tuple[Type, ...]
    output_spans: tuple[Span, ...]
    regions: tuple[Region, ...]
    carries: tuple[Carry, ...]
    span: Span = field(compare=False, repr=False)

    def networkx(self) -> nx.MultiDiGraph[int]:
        """The graph for algorithms: node attribute `node`, edge attribute `place` (which input)."""
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(name=self.name)
        for node in self.nodes:
            graph.add_node(node.number, node=node)
        for node in self.nodes:
            for place, source in enumerate(node.inputs):
                graph.add_edge(source, node.number, place=place)
        frozen: nx.MultiDiGraph[int] = nx.freeze(graph)
        return frozen


@dataclass(frozen=True, slots=True)
class Typed:
    """A graph whose operations all have meaning: the type of each node by its number."""

    graph: Graph
    types: tuple[Type, ...]

    @property
    def name(self) -> str:
        return self.graph.name

    def type(self, node: Node) -> Type:
        return self.types[node.number]

    def input_types(self, node: Node) -> tuple[Type, ...]:
        return tuple(self.types[i] for i in node.inputs)

    def __str__(self) -> str:
        """One line a value: `%3 z: [node; 32] = equivariant(%2)`."""
        lines = [f"model {self.name}"]
        for node in self.graph.nodes:
            of = ", ".join(f"%{i}" for i in node.inputs)
            name = f" {node.label}" if node.label else ""
            lines.append(f"  %{node.number}{name}: {self.type(node)} = {node.operation}({of})")
        lines.append("  return " + ", ".join(f"%{i}" for i in self.graph.outputs))
        return "\n".join(lines)
