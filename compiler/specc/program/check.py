"""Gives every value its type: symmetry as a type, so that what passes here is equivariant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import Consequence, Errors, Note, Span, SpecError
from ..graph import Carry, Graph, Node, Region, Typed
from ..names import counted
from ..operations import Equivariant, Operation, Parameter, Refusal
from ..operations.complex_values import real_of, refuse_complex
from ..operations.points import refuse_points
from ..operations.representations import admit, refuse_torn
from ..symmetry.count import count_coefficients, count_maps, is_reached
from ..symmetry.folding import Folded, Operand, fold
from ..types import (
    Axis,
    Collection,
    Exchange,
    Tensor,
    Type,
    axes_of,
    map_tensors,
    tensor_named,
    tensors_of,
)
from .unreached import reason_and_hint

MOST_MAPS = 1_000_000
"""The default limit on the maps of one layer, pinned positions included."""

MOST_COEFFICIENTS = 200_000_000
"""The limit on a layer's parameters, which follows the limit on its maps."""


def check(graph: Graph, most_maps: int = MOST_MAPS) -> Typed:
    """The graph with the type of each value; raises all independent mistakes."""
    errors = Errors()
    types: list[Type | None] = []
    carried: dict[int, list[Carry]] = {}
    for carry in graph.carries:
        carried.setdefault(max(carry.before, carry.after), []).append(carry)
    for node in graph.nodes:
        types.append(None)
        with errors.collect():
            types[-1] = _type(node, graph, types, most_maps)
        for carry in carried.get(node.number, []):
            with errors.collect():
                _check_carry(carry, graph, types)
    for number, declared, span in zip(
        graph.outputs, graph.output_types, graph.output_spans, strict=False
    ):
        with errors.collect():
            _check_output(types[number], declared, graph.nodes[number], span)
    with errors.collect():
        _check_ties(graph, types)
    errors.raise_if_any()
    return Typed(graph, tuple(known for known in types if known is not None))


def _type(node: Node, graph: Graph, types: list[Type | None], most_maps: int) -> Type:
    inputs = []
    for number in node.inputs:
        known = types[number]
        if known is None:
            raise Consequence("what it is made of has no type", node.span)
        inputs.append(known)
    try:
        _refuse_indices(node.operation, inputs)
        if not node.operation.takes_points and node.operation.arity != 0:
            refuse_points(_word(node.operation), inputs)
        _refuse_unfit(node.operation, inputs)
        if not node.operation.takes_complex:
            refuse_complex(_word(node.operation), inputs)
        result = node.operation.result(tuple(inputs))
    except Refusal as refusal:
        notes = _origins(node, graph, inputs) if refusal.show_types else ()
        raise SpecError(refusal.message, node.span, refusal.hint, notes) from None
    if isinstance(node.operation, Equivariant):
        _affordable(node, node.operation, tuple(inputs), result, most_maps)
    return map_tensors(result, lambda tensor: _exchanges_kept(node.operation, tensor))


def _exchanges_kept(operation: Operation, tensor: Tensor) -> Tensor:
    """A result without the exchanges of indices that its operation does not keep."""
    kept = tuple(each for each in tensor.exchanges if _is_kept(operation, each))
    return tensor if kept == tensor.exchanges else replace(tensor, exchanges=kept)


def _is_kept(operation: Operation, exchange: Exchange) -> bool:
    inside = (part for part in exchange.parts if isinstance(part, Exchange))
    return operation.keeps_exchange(exchange.sign) and all(_is_kept(operation, e) for e in inside)


def _refuse_indices(operation: Operation, inputs: list[Type]) -> None:
    for kind in inputs:
        for _, tensor in tensors_of(kind):
            if tensor.index is not None and not operation.takes_indices:
                raise Refusal(
                    f"`{_word(operation)}` works on numbers, and {tensor} holds indices",
                    "`embedding(x, c)` makes a vector of each",
                )


def _refuse_unfit(operation: Operation, inputs: list[Type]) -> None:
    """Every operation commutes with the groups on the axes of its inputs."""
    for kind in inputs:
        refuse_torn(_word(operation), operation.named_axes, kind)
    if operation.algebra is None:
        return
    has_bias = "bias" in type(operation).model_fields
    for kind in inputs:
        admit(_word(operation), operation.algebra, kind, has_bias)


def _word(operation: Operation) -> str:
    """How a spec calls an operation, without its attributes."""
    return str(operation).partition("{")[0].partition("[")[0]


def _origins(node: Node, graph: Graph, inputs: list[Type]) -> tuple[Note, ...]:
    """What each input is, and where it comes from."""
    return tuple(
        Note(f"{_called(graph.nodes[number])} is {known}", graph.nodes[number].span)
        for number, known in zip(node.inputs, inputs, strict=True)
    )


def _called(node: Node) -> str:
    return f"`{node.label}`" if node.label else "this"


def _affordable(
    node: Node, layer: Equivariant, inputs: tuple[Type, ...], result: Type, most_maps: int
) -> None:
    """Counts a layer's maps before anything is derived, and refuses it when they are too many."""
    read, written = layer.operands(inputs, result)
    maps = count_maps(read, written)
    coefficients = 0
    if maps <= most_maps:
        full = layer.coupling == "all" and layer.rank is None
        coefficients = (
            count_coefficients(read, written) if full else layer.derived(read, written).parameters
        )
    raised = f"a larger limit is `--max-maps {maps}`"
    if maps > most_maps:
        raise SpecError(
            f"this layer has {maps} maps{_most_indices(read, written)}, and the limit is {most_maps}",
            node.span,
            "; ".join(filter(None, (_shorter(inputs, result), raised))),
        )
    limit = MOST_COEFFICIENTS * max(1, most_maps // MOST_MAPS)
    if coefficients > limit:
        more = f"a larger limit is `--max-maps {MOST_MAPS * -(-coefficients // MOST_COEFFICIENTS)}`"
        raise SpecError(
            f"this layer has {maps} maps and {coefficients} coefficients, and the limit is {limit}",
            node.span,
            _shorter(inputs, result)
            or f"`coupling = near`, `rank = 64` or fewer channels need fewer; {more}",
        )
    folded = fold(read, written)
    for number, target in enumerate(folded.outputs):
        if not _is_reached(layer, folded, number):
            named = f"`{target.names[0]}`, " if target.name else ""
            shown = f"no linear map leads from {_written(inputs)} to {named}{target.tensor}"
            reason, hint = reason_and_hint([each.tensor for each in read], target.tensor)
            raise SpecError(shown + reason, node.span, hint)


def _is_reached(layer: Equivariant, folded: Folded, output: int) -> bool:
    """Whether any map leads to an output; exchanges of indices may leave none of those that are counted."""
    if folded.outputs[output].tensor.points:
        return True  # the mean of the points leads there
    if any(each.tensor.exchanges for each in (*folded.inputs, *folded.outputs)):
        return layer.derived(folded.inputs, folded.outputs).reaches(output)
    return is_reached(folded.inputs, folded.outputs[output])


def _most_indices(read: tuple[Operand, ...], written: tuple[Operand, ...]) -> str:
    """Which group meets itself most often, where that is what makes the maps many."""
    most, name = max(
        (
            (sum(axis.name == each for axis in (*source.tensor.axes, *target.tensor.axes)), each)
            for source in read
            for target in written
            for each in {a.name for a in (*source.tensor.axes, *target.tensor.axes) if not a.pinned}
        ),
        default=(0, ""),
    )
    return f" ({most} indices of `{name}` meet)" if most > 6 else ""


def _shorter(inputs: tuple[Type, ...], result: Type) -> str | None:
    """A way to fewer maps, where long pinned axes are what makes them many."""
    long = {
        axis.name: axis.size
        for value in (*inputs, result)
        for axis in axes_of(value)
        if axis.pinned and axis.size > 8
    }
    if not long:
        return None
    shown = ", ".join(f"`{name}` ({size})" for name, size in list(long.items())[:3])
    return f"`coded(x)` before it makes long pinned axes cheap: {shown}"


def _written(types: tuple[Type, ...]) -> str:
    return " and ".join(map(str, types))


def _check_carry(carry: Carry, graph: Graph, types: list[Type | None]) -> None:
    before, after = types[carry.before], types[carry.after]
    if before is None or after is None or before == after:
        return
    notes = (
        Note(f"`{carry.name}` goes in as {before}", graph.nodes[carry.before].span),
        Note(f"`{carry.name}` comes out as {after}", graph.nodes[carry.after].span),
    )
    types[carry.after] = None  # what the next run makes of it is a consequence
    raise SpecError(
        f"a repeat has to keep the type of `{carry.name}`: it goes in as {before} and comes out as {after}",
        carry.span,
        notes=notes,
    )


def _check_output(actual: Type | None, declared: Type, node: Node, span: Span) -> None:
    if actual is None:
        raise Consequence("the result has no type", span)
    problem = unlike(actual, declared)
    if problem is not None:
        note = Note(f"{_called(node)} is {actual}", node.span)
        raise SpecError(
            f"the model declares {declared} and returns {actual}: {problem}", span, notes=(note,)
        )


def unlike(actual: Type, declared: Type) -> str | None:
    """Why a value is not of a declared type; None where it is.

    A value may have more symmetry than is declared, and one channel may stand for no channel dimension.
    """
    if isinstance(actual, Collection) != isinstance(declared, Collection):
        return "one is a tensor, the other a collection"
    if [name for name, _ in tensors_of(actual)] != [name for name, _ in tensors_of(declared)]:
        return "they hold different tensors"
    for name, wanted in tensors_of(declared):
        problem = _unlike_tensor(tensor_named(actual, name), wanted)
        if problem is not None:
            return f"`{name}`: {problem}" if name else problem
    return None


def _unlike_tensor(actual: Tensor, declared: Tensor) -> str | None:
    if [axis.name for axis in actual.axes] != [axis.name for axis in declared.axes]:
        same = sorted(a.name for a in actual.axes) == sorted(a.name for a in declared.axes)
        return "its axes stand in another order" if same else "it has other axes"
    for have, want in zip(actual.axes, declared.axes, strict=True):
        if have.size != want.size:
            return f"axis `{have.name}` has {have.size} positions, not {want.size}"
        if not _as_symmetric(have, want):
            return f"axis `{have.name}` is {have.symmetry} by now, and {want.symmetry} is declared"
    if actual.points != declared.points and any(axis.affine for axis in declared.axes):
        kinds = ("points", "displacements") if actual.points else ("displacements", "points")
        return f"it holds {kinds[0]}, not {kinds[1]}"
    if actual.complex and not declared.complex:
        return f"it is complex, and {real_of(actual)}"
    if declared.complex and not actual.complex:
        return "it is real, and `complex(x)` is complex"
    if actual.index != declared.index:
        return f"it holds {_held(actual)}, not {_held(declared)}"
    for exchange in declared.exchanges:
        if exchange not in actual.exchanges:
            written = exchange.written([axis.name for axis in declared.axes])
            return f"nothing makes it `{written}`, which `equivariant(x, TYPE)` does"
    if actual.width != declared.width:
        return f"it has {counted(actual.width, 'channel')}, not {declared.width}"
    return None


def _held(tensor: Tensor) -> str:
    return "numbers" if tensor.index is None else f"indices below {tensor.index}"


def _as_symmetric(have: Axis, want: Axis) -> bool:
    return want.pinned or have == want


@dataclass(frozen=True, slots=True)
class _Layer:
    """What layers that share a name have in common; `inputs` where their class depends on them."""

    tie: object
    parameters: tuple[Parameter, ...]
    inputs: tuple[Type, ...]


def _check_ties(graph: Graph, types: list[Type | None]) -> None:
    """Layers that share a name are the same layer, and blocks that do the same block."""
    first: dict[str, tuple[Node, object]] = {}
    for node in graph.nodes:
        known = tuple(each for i in node.inputs if (each := types[i]) is not None)
        result = types[node.number]
        if not node.path or result is None or len(known) < len(node.inputs):
            continue
        shapes = node.operation.parameters(known, result)
        own_class = known if isinstance(node.operation, Equivariant) else ()
        layer = _Layer(node.operation.tie, shapes, own_class)
        _refuse_unlike(node, layer, f"two layers are called `{node.path}`", first)
    for region in (each for outer in graph.regions for each in outer.walk()):
        nodes = graph.nodes[region.first : region.last]
        if region.kind == "block" and region.path and nodes:
            wiring = _wiring(region, nodes, types)
            _refuse_unlike(nodes[0], wiring, f"two blocks are called `{region.path}`", first)


def _refuse_unlike(
    node: Node, key: object, message: str, first: dict[str, tuple[Node, object]]
) -> None:
    kept, wanted = first.setdefault(message, (node, key))
    if wanted != key:
        note = Note("the other one", kept.span)
        hint = _way_to_tie(wanted, key)
        raise SpecError(f"{message}, and they differ", node.span, hint, (note,))


def _way_to_tie(first: object, second: object) -> str | None:
    """What would make two layers the same, if they differ in a bias alone."""
    if not isinstance(first, _Layer) or not isinstance(second, _Layer):
        return None
    without = [[p for p in each.parameters if p.name != "bias"] for each in (first, second)]
    alike = first.tie == second.tie and without[0] == without[1]
    return "`bias = false`: one of them has no bias" if alike else None


def _wiring(region: Region, nodes: Sequence[Node], types: list[Type | None]) -> object:
    """What a use of a block computes, apart from where it stands."""
    places = {number: -1 - place for place, (_, number) in enumerate(region.arguments)}
    return tuple(
        (
            node.operation,
            tuple(places.get(i, i - region.first) for i in node.inputs),
            types[node.number],
        )
        for node in nodes
    )
