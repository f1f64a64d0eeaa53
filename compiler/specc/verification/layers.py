"""An equivariant layer by itself: what it reads and writes, whether it commutes and what it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor, nn

from ..operations import Equivariant
from ..operations.masks import mask_axes, mask_name, without_absent
from ..reference.maps import evaluate_maps
from ..symmetry.expansion import expand
from ..symmetry.folding import Operand
from ..symmetry.maps import Maps
from ..types import Axis, Type, tensors_of
from .actions import Element, act_on_mask, generators, moved, random_element
from .draws import gap, random_mask, random_value

BATCH = 2
DRAWS = 2
MOST_GENERATORS = 8


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a module with the tensors it reads and writes, and how they are grouped in arguments.

    `maps` are those at the sizes that the module was built for.
    """

    name: str
    module: nn.Module
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    arguments: tuple[tuple[str, ...], ...]
    masks: tuple[Axis, ...]
    result: Type
    maps: Maps
    bias: bool

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes that the group moves, those that others live in first."""
        found: dict[str, Axis] = {}
        for operand in (*self.inputs, *self.outputs):
            for axis in operand.tensor.axes:
                for each in (*mask_axes(axis)[:-1], axis):
                    if not each.pinned:
                        found.setdefault(each.name, each)
        return tuple(found.values())

    @property
    def kind(self) -> object:
        """Layers of one kind run the same code on the same types."""
        return type(self.module), self.inputs, self.outputs, self.maps


def layer_of(
    name: str, module: nn.Module, operation: Equivariant, inputs: Sequence[Type], result: Type
) -> Layer:
    """A layer as its operation and types describe it."""
    read, written = operation.operands(tuple(inputs), result)
    arguments = tuple(tuple(key for key, _ in tensors_of(value)) for value in inputs)
    masked = dict.fromkeys(
        axis for each in (*read, *written) for axis in each.tensor.axes if axis.masked
    )
    maps = operation.derived(read, written)
    masks = tuple(masked)
    return Layer(name, module, read, written, arguments, masks, result, maps, operation.bias)


def shrunk(layer: Layer) -> Layer:
    """The layer at the smallest widths at which it has as many maps; modules run at any width.

    With as many positions as indices that a group meets there are all diagrams. An axis that no
    input has keeps the width it was built with.
    """
    indices: dict[str, int] = {}
    for source in layer.inputs:
        for target in layer.outputs:
            names = [axis.name for axis in (*source.tensor.axes, *target.tensor.axes)]
            for name in names:
                indices[name] = max(indices.get(name, 0), names.count(name))
    read = {axis.name for operand in layer.inputs for axis in operand.tensor.axes}

    def narrow(axis: Axis) -> Axis:
        parent = narrow(axis.parent) if axis.parent else None
        if axis.fixed or axis.name not in read:
            return replace(axis, parent=parent)
        return replace(axis, size=min(axis.size, max(2, indices[axis.name])), parent=parent)

    def smaller(operand: Operand) -> Operand:
        axes = tuple(narrow(axis) for axis in operand.tensor.axes)
        return Operand(operand.name, replace(operand.tensor, axes=axes))

    return replace(
        layer,
        inputs=tuple(map(smaller, layer.inputs)),
        outputs=tuple(map(smaller, layer.outputs)),
        masks=tuple(narrow(axis) for axis in layer.masks),
    )


def run(layer: Layer, values: Sequence[Tensor], masks: Mapping[str, Tensor]) -> list[Tensor]:
    """The layer on tensors in the order of its inputs; its results in the order of its outputs."""
    given = iter(values)
    arguments: list[Tensor | dict[str, Tensor]] = [
        next(given) if keys == ("",) else {key: next(given) for key in keys}
        for keys in layer.arguments
    ]
    answer = layer.module(*arguments, **masks)
    return [answer] if isinstance(answer, Tensor) else [answer[o.name] for o in layer.outputs]


def full_masks(layer: Layer, batch: int) -> dict[str, Tensor]:
    """Masks with every position there."""
    return {
        mask_name(axis): torch.ones(batch, *(a.size for a in mask_axes(axis)), dtype=torch.bool)
        for axis in layer.masks
    }


def _random(layer: Layer, generator: torch.Generator) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Random inputs and masks."""
    values = [
        random_value(operand.tensor.with_channels(operand.tensor.width), BATCH, generator)
        for operand in layer.inputs
    ]
    return values, {mask_name(axis): random_mask(BATCH, axis, generator) for axis in layer.masks}


def equivariance_gap(layer: Layer, generator: torch.Generator) -> float:
    """The largest relative difference between acting before the layer and after it."""
    elements: list[Element] = [random_element(layer.axes, generator) for _ in range(DRAWS)]
    elements += islice(generators(layer.axes, generator), MOST_GENERATORS)
    values, masks = _random(layer, generator)
    masked = {mask_name(axis): axis for axis in layer.masks}
    plain = run(layer, values, masks)
    worst = 0.0
    for element in elements:
        inputs = [moved(element, x, o.tensor) for x, o in zip(values, layer.inputs, strict=True)]
        moved_masks = {name: act_on_mask(element, m, masked[name]) for name, m in masks.items()}
        wanted = [moved(element, y, o.tensor) for y, o in zip(plain, layer.outputs, strict=True)]
        worst = max(
            worst, _present_gap(layer, run(layer, inputs, moved_masks), wanted, moved_masks)
        )
    return worst


def _present_gap(
    layer: Layer, found: Sequence[Tensor], wanted: Sequence[Tensor], masks: Mapping[str, Tensor]
) -> float:
    """The gap at positions that are there: others are zero, wherever the origin is."""
    axes = [operand.tensor.axes for operand in layer.outputs]
    clean = [without_absent(y, each, masks) for y, each in zip(wanted, axes, strict=True)]
    return gap(found, clean)


def absence_gap(layer: Layer, generator: torch.Generator) -> float:
    """How much the layer answers to what stands in positions that are not there."""
    values, masks = _random(layer, generator)
    axes = [operand.tensor.axes for operand in layer.inputs]
    clean = [without_absent(x, each, masks) for x, each in zip(values, axes, strict=True)]
    return gap(run(layer, values, masks), run(layer, clean, masks)) if masks else 0.0


def meaning_gap(layer: Layer, generator: torch.Generator) -> float:
    """How far the layer is from the sum over its diagrams, with the parameters it has."""
    maps = expand(layer.maps, layer.inputs, layer.outputs)
    values, masks = _random(layer, generator)
    state: Mapping[str, Tensor] = dict(layer.module.state_dict())
    named = {operand.name: value for operand, value in zip(layer.inputs, values, strict=True)}
    expected = evaluate_maps(torch, maps, named, layer.result, {**state, **masks})
    wanted = [expected] if isinstance(expected, Tensor) else list(expected.values())
    return gap(run(layer, values, masks), wanted)
