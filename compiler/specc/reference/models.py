"""The slow, obvious meaning of a model: its graph, node by node.

This is what tests hold generated modules against: it reads the types, and nothing of plans or emitted
code. `xp` is a tensor library with the interface of torch, handed in by the caller: the compiler imports
none. Values are `(batch, *axes, channels)`, or dicts of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..graph import Node, Typed
from ..operations.masks import without_absent
from ..types import Collection, Tensor, Type, tensor_named
from .stored import put_together, taken_apart

Array = Any
"""A tensor of the library `xp`."""

Value = Array | dict[str, Array]


def evaluate(
    xp: Any,
    typed: Typed,
    inputs: Sequence[Value],
    parameters: Mapping[str, Array],
    masks: Mapping[str, Array] | None = None,
) -> tuple[Value, ...]:
    """The results of a model in evaluation.

    Inputs are as `forward` takes them, without a channel dimension where the type declares none;
    parameters are keyed like the state_dict, masks by argument (`node_mask`). An axis whose mask is
    not given has all of its positions.
    """
    masks = masks or {}
    given = iter(inputs)
    values: list[Value] = []
    for node in typed.graph.nodes:
        if node.number in typed.graph.inputs:
            values.append(_entered(next(given), typed.type(node), masks))
        else:
            read = tuple(values[number] for number in node.inputs)
            values.append(_node(xp, typed, node, read, {**_own(typed, node, parameters), **masks}))
    return tuple(
        _left(values[number], declared, masks)
        for number, declared in zip(typed.graph.outputs, typed.graph.output_types, strict=True)
    )


def _own(typed: Typed, node: Node, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """The parameters of one layer, by the names that its operation gives them."""
    declared = node.operation.parameters(typed.input_types(node), typed.type(node))
    return {each.name: parameters[f"{node.path}.{each.name}"] for each in declared}


def _node(
    xp: Any, typed: Typed, node: Node, values: tuple[Value, ...], known: Mapping[str, Array]
) -> Value:
    """One operation; an elementwise one acts on each tensor of a collection alone."""
    inputs, result = typed.input_types(node), typed.type(node)
    if not (node.operation.elementwise and isinstance(result, Collection)):
        value: Value = node.operation.reference(xp, values, inputs, result, known)
        return value
    return {
        name: node.operation.reference(
            xp,
            tuple(value[name] if isinstance(value, dict) else value for value in values),
            tuple(tensor_named(kind, name) for kind in inputs),
            tensor,
            known,
        )
        for name, tensor in result.tensors
    }


def _entered(value: Value, declared: Type, masks: Mapping[str, Array]) -> Value:
    """An input with a channel dimension, and zeros where nothing is."""

    def enter(array: Array, tensor: Tensor) -> Array:
        array = array.unsqueeze(-1) if tensor.bare else array
        return without_absent(array, tensor.axes, masks)

    if isinstance(declared, Tensor):
        return enter(value, declared)
    value = taken_apart(value, declared)
    return {name: enter(value[name], tensor) for name, tensor in declared.tensors}


def _left(value: Value, declared: Type, masks: Mapping[str, Array]) -> Value:
    """A result as `forward` gives it: zeros where nothing is, channels only where declared."""

    def leave(array: Array, tensor: Tensor) -> Array:
        array = without_absent(array, tensor.axes, masks)
        return array.squeeze(-1) if tensor.bare else array

    if isinstance(declared, Tensor):
        return leave(value, declared)
    left = {name: leave(value[name], tensor) for name, tensor in declared.tensors}
    return put_together(left, declared)
