"""What is read off the nodes of a graph: arguments, shapes, kinds of numbers, and what is written where."""

from __future__ import annotations

import operator
from collections.abc import Iterator

import torch
from torch import Tensor, fx


def bound(
    target: torch._ops.OpOverload, node: fx.Node
) -> Iterator[tuple[torch._C.Argument, object]]:
    """Each argument of an operation with what it is given, its default where it is left out."""
    for place, argument in enumerate(target._schema.arguments):
        if place < len(node.args) and not argument.kwarg_only:
            yield argument, node.args[place]
        elif argument.name in node.kwargs:
            yield argument, node.kwargs[argument.name]
        elif argument.has_default_value():
            yield argument, argument.default_value


def written(graph: fx.Graph) -> set[fx.Node]:
    """Nodes whose tensors are written into, with all that these may be views of and that may be views of them."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        target = node.target
        if isinstance(target, torch._ops.OpOverload) and target._schema.is_mutable:
            base: fx.Node | None = node
            while base is not None:
                found.add(base)
                base = next(iter(base.all_input_nodes), None)
    for node in graph.nodes:
        if any(first in found for first in node.all_input_nodes[:1]):
            found.add(node)
    return found


def overwritten(graph: fx.Graph) -> set[fx.Node]:
    """Nodes whose tensors are written into through a view, with all views of these."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        target = node.target
        if isinstance(target, torch._ops.OpOverload) and target._schema.is_mutable:
            view = node.all_input_nodes[0]
            while _is_view(view):
                view = view.all_input_nodes[0]
                found.add(view)
    for node in graph.nodes:
        if _is_view(node) and node.all_input_nodes[0] in found:
            found.add(node)
    return found


def _is_view(node: fx.Node) -> bool:
    """Whether what a node gives may share the memory of its first argument."""
    if node.target is operator.getitem:
        return _is_view(node.all_input_nodes[0])
    if not isinstance(node.target, torch._ops.OpOverload) or not node.all_input_nodes:
        return False
    return any(each.alias_info is not None for each in node.target._schema.returns)


def integral(node: fx.Node) -> tuple[bool, ...]:
    held = node.meta.get("val")
    many = held if isinstance(held, (list, tuple)) else (held,)
    return tuple(
        isinstance(each, Tensor) and not (each.is_floating_point() or each.is_complex())
        for each in many
    )


def is_mask(node: fx.Node) -> bool:
    held = node.meta.get("val")
    return isinstance(held, Tensor) and held.dtype in (torch.bool, torch.uint8)


def shapes(node: fx.Node) -> tuple[tuple[int, ...] | None, ...]:
    held = node.meta.get("val")
    many = held if isinstance(held, (list, tuple)) else (held,)
    return tuple(tuple(map(int, each.shape)) if isinstance(each, Tensor) else None for each in many)
