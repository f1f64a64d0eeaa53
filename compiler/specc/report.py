"""What was derived, as data: groups, spaces, and for each equivariant layer its maps and their cost."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from pydantic import BaseModel, ConfigDict

from .compile import Program
from .graph import Node, Typed
from .groups import Structure
from .operations import Equivariant
from .planning.compose import layer_plan
from .planning.cost import cost, floor, passes
from .planning.plan import Formulation, LayerPlan
from .symmetry.coupling import Coupling, couple
from .types import Axis, Collection, Stored, Tensor, Type, axes_of


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class GroupReport(_Record):
    """An axis and the group that moves its positions; `pin` says why nothing may move them.

    `larger` are the options of `weights` that would make the group larger, `divided` says that scales of the
    positions are divided out of what comes in.
    """

    axis: str
    group: str
    size: int
    pin: str | None = None
    larger: list[str] = []
    divided: bool = False


class TensorReport(_Record):
    """A tensor of a space: what stands along its dimensions, its shape, its channels (None: no such
    dimension).

    A dimension is an axis, `(head key)` for axes flattened row-major, `(a + b)` for parts one after the
    other. A layer sees each choice of parts as a tensor of its own: these are the `pieces`.
    """

    name: str
    axes: list[str]
    shape: list[int]
    channels: int | None
    pieces: list[TensorReport] = []


class SpaceReport(_Record):
    """A collection that a model reads or writes."""

    name: str
    tensors: list[TensorReport]


class LevelReport(_Record):
    """The maps through one multiset of strands; `count` levels of as many runs of a repeat are alike."""

    name: str
    count: int
    pools: int
    spreads: int
    products: int


class LayerReport(_Record):
    """An equivariant layer. `maps` and `bias_maps` count at one channel in and out, pinned positions
    included; `flops` and `bytes` are for a batch of one in float32, `floor_flops` and `floor_bytes` the
    least that any plan needs, `passes` how often the tensors are gone through (2 at the least);
    `parameters_near` is what `coupling = near` would have."""

    name: str
    input: str
    output: str
    maps: int
    bias_maps: int
    pools: int
    spreads: int
    products: int
    parameters: int
    parameters_near: int
    flops: int
    bytes: int
    floor_flops: int
    floor_bytes: int
    passes: float
    levels: list[LevelReport]


class ModelReport(_Record):
    """A model: its signature, the groups on its inputs and outputs, its spaces and layers."""

    name: str
    inputs: dict[str, str]
    output: str
    groups: list[GroupReport]
    spaces: list[SpaceReport]
    layers: list[LayerReport]
    parameters: int


class Report(_Record):
    """A specification."""

    models: list[ModelReport]


def report(program: Program, formulation: Formulation | None = None) -> Report:
    """Everything that `specc explain` shows."""
    pins = {
        axis.name: f"{pin.reason} ({pin.place})"
        for weights in program.weights
        for axis, pin in weights.pins
    }
    allowed: dict[str, list[str]] = {}
    for weights in program.weights:
        for each in weights.factors:
            options = allowed.setdefault(each.axis.name, [])
            if each.pin is None and each.factor.value not in options:
                options.append(each.factor.value)
    return Report(models=[_model(typed, pins, allowed, formulation) for typed in program.models])


def _model(
    typed: Typed,
    pins: dict[str, str],
    allowed: dict[str, list[str]],
    formulation: Formulation | None,
) -> ModelReport:
    graph = typed.graph
    inputs = [(graph.nodes[number], typed.types[number]) for number in graph.inputs]
    kinds = [*(kind for _, kind in inputs), *graph.output_types]
    axes = dict.fromkeys(axis for kind in kinds for axis in axes_of(kind))
    return ModelReport(
        name=typed.name,
        inputs={node.label: str(kind) for node, kind in inputs},
        output=", ".join(map(str, graph.output_types)),
        groups=[_group(axis, pins, allowed, kinds) for axis in axes],
        spaces=_spaces(kinds),
        layers=[
            _layer(node, layer_plan(typed, node, formulation), typed)
            for node in graph.nodes
            if isinstance(node.operation, Equivariant)
        ],
        parameters=_parameters(typed),
    )


def _group(
    axis: Axis, pins: dict[str, str], allowed: dict[str, list[str]], kinds: list[Type]
) -> GroupReport:
    divided = any(
        axis.name == scale.axis
        for kind in kinds
        if isinstance(kind, Collection)
        for scale in kind.scales
    )
    used = {"signs": axis.structure is Structure.SIGNED, "scales": divided}
    return GroupReport(
        axis=axis.name,
        group=axis.called,
        size=axis.size,
        pin=pins.get(axis.name),
        larger=[option for option in allowed.get(axis.name, []) if not used[option]],
        divided=divided,
    )


def _spaces(kinds: list[Type]) -> list[SpaceReport]:
    spaces = {str(kind): kind for kind in kinds if isinstance(kind, Collection)}
    return [
        SpaceReport(
            name=name,
            tensors=[
                _stored(each, kind) if each else _tensor(key, tensor)
                for key, tensor, each in _as_stored(kind)
            ],
        )
        for name, kind in spaces.items()
    ]


def _as_stored(kind: Collection) -> Iterator[tuple[str, Tensor, Stored | None]]:
    """The tensors of a space by the first piece of each; with it, how it is stored if not as it is."""
    tensors = dict(kind.tensors)
    if not kind.stored:
        yield from ((name, tensor, None) for name, tensor in kind.tensors)
    for each in kind.stored:
        yield each.name, tensors[each.pieces[0].name], None if each.is_plain else each


def _tensor(name: str, tensor: Tensor) -> TensorReport:
    return TensorReport(
        name=name,
        axes=[axis.name for axis in tensor.axes],
        shape=[axis.size for axis in tensor.axes],
        channels=tensor.channels,
    )


def _stored(stored: Stored, kind: Collection) -> TensorReport:
    tensors = dict(kind.tensors)
    pieces = [_tensor(piece.name, tensors[piece.name]) for piece in stored.pieces]
    return TensorReport(
        name=stored.name,
        axes=list(stored.notation()),
        shape=list(stored.shape),
        channels=pieces[0].channels,
        pieces=pieces,
    )


def _layer(node: Node, plan: LayerPlan, typed: Typed) -> LayerReport:
    maps = plan.maps
    total, least = cost(plan), floor(plan)
    levels = [
        LevelReport(
            name=level.name,
            count=level.count,
            pools=sum(
                1 if level.runs else maps.inputs[level.pools[p].tensor].count
                for p in {p for each in level.products for p in each.pools}
            ),
            spreads=sum(
                maps.spread_count(level, each, s)
                for each in level.products
                if not each.beside
                for s in each.spreads
            ),
            products=len(level.products),
        )
        for level in maps.levels
    ]
    return LayerReport(
        name=node.path,
        input=", ".join(map(str, typed.input_types(node))),
        output=str(typed.type(node)),
        maps=maps.dimension,
        bias_maps=maps.bias_dimension,
        pools=maps.pool_total,
        spreads=maps.spread_total,
        products=maps.product_total,
        parameters=maps.parameters,
        parameters_near=couple(maps, Coupling(near=True)).parameters,
        flops=total.flops,
        bytes=total.bytes,
        floor_flops=least.flops,
        floor_bytes=least.bytes,
        passes=passes(plan),
        levels=levels,
    )


def _parameters(typed: Typed) -> int:
    """The numbers that are trained; layers that share a name count once."""
    counted: dict[str, int] = {}
    for node in typed.graph.nodes:
        for parameter in node.operation.parameters(typed.input_types(node), typed.type(node)):
            if not parameter.buffer:
                counted[f"{node.path}.{parameter.name}"] = prod(parameter.shape)
    return sum(counted.values())
