"""A model's graph as data: every value of every run, nothing folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ...graph import Node, Region, Typed
from ...operations import Operation
from ...types import axes_of


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class AxisData(_Record):
    """An axis of a value, and the group that moves its positions there."""

    name: str
    size: int
    group: str


class NodeData(_Record):
    """A value. `label` is its name in the spec, `path` where its parameters live; both may be empty.

    `text` is the operation with its attributes in one line; `region` names the repeats, runs and
    blocks that the value is in, the outermost first.
    """

    id: int
    label: str
    operation: str
    attributes: dict[str, JsonValue]
    text: str
    type: str
    axes: list[AxisData]
    path: str
    region: list[str]


class EdgeData(_Record):
    """Value `to` is made of value `from`, which it takes at a place that counts from 0."""

    source: int = Field(serialization_alias="from")
    to: int
    place: int


class ModelData(_Record):
    """A model: its inputs and outputs are among the nodes."""

    name: str
    inputs: list[int]
    outputs: list[int]
    output_types: list[str]
    nodes: list[NodeData]
    edges: list[EdgeData]


class GraphData(_Record):
    """The models of a specification."""

    models: list[ModelData]


def graph_data(models: Sequence[Typed]) -> GraphData:
    """The graphs of models."""
    return GraphData(models=[_model(typed) for typed in models])


def _model(typed: Typed) -> ModelData:
    graph = typed.graph
    regions: dict[int, list[str]] = {}
    for name, region in _named(graph.regions):
        for number in range(region.first, region.last):
            regions.setdefault(number, []).append(name)
    return ModelData(
        name=typed.name,
        inputs=list(graph.inputs),
        outputs=list(graph.outputs),
        output_types=list(map(str, graph.output_types)),
        nodes=[_node(node, typed, regions.get(node.number, [])) for node in graph.nodes],
        edges=[
            EdgeData(source=source, to=node.number, place=place)
            for node in graph.nodes
            for place, source in enumerate(node.inputs)
        ],
    )


def _named(regions: Sequence[Region]) -> Iterator[tuple[str, Region]]:
    """Every region with its name, the outer before the inner."""
    for region in regions:
        yield " ".join(filter(None, (region.kind, region.name))), region
        for number, inner in enumerate(region.inner):
            if inner.kind == "iteration":
                yield f"run {number}", inner
                yield from _named(inner.inner)
            else:
                yield from _named((inner,))


def _node(node: Node, typed: Typed, region: list[str]) -> NodeData:
    kind = typed.type(node)
    return NodeData(
        id=node.number,
        label=node.label,
        operation=node.operation.word,
        attributes=_attributes(node.operation),
        text=str(node.operation),
        type=str(kind),
        axes=[AxisData(name=a.name, size=a.size, group=a.symmetry) for a in axes_of(kind)],
        path=node.path,
        region=region,
    )


def _attributes(operation: Operation) -> dict[str, JsonValue]:
    return {name: _attribute(value) for name, value in operation}


def _attribute(value: object) -> JsonValue:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case tuple() | list():
            return [_attribute(each) for each in value]
        case _:
            return str(value)
