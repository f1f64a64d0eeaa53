"""Verification of one equivariant layer: commutes, spans, and means what its diagrams say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..derive import Maps, Operand, derive
from ..operations import Equivariant
from ..operations.masks import mask_axes, mask_name
from ..reference import evaluate_maps
from ..types import Axis, Type, tensors_of
from .actions import Element, act, generators, random_element
from .records import TOLERANCE, LayerVerification

MOST_ENTRIES = 20_000_000
"""Above so many numbers, matrices of all maps are not made."""

DRAWS = 2


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a module with the tensors it reads and writes, and how they are grouped in arguments."""

    name: str
    module: nn.Module
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    arguments: tuple[tuple[str, ...], ...]
    masks: tuple[Axis, ...]
    result: Type
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


def layer_of(
    name: str, module: nn.Module, operation: Equivariant, inputs: Sequence[Type], result: Type
) -> Layer:
    """A layer as its operation and types describe it."""
    read, written = operation.operands(tuple(inputs), result)
    arguments = tuple(tuple(key for key, _ in tensors_of(value)) for value in inputs)
    masked = dict.fromkeys(
        axis for each in (*read, *written) for axis in each.tensor.axes if axis.masked
    )
    return Layer(name, module, read, written, arguments, tuple(masked), result, operation.bias)


def verify_layer(layer: Layer, generator: torch.Generator) -> LayerVerification:
    """Whether a layer commutes with its group, can be every map that does, and computes its diagrams."""
    deviation = _deviation(layer, generator)
    if not deviation <= TOLERANCE:
        problem = "it does not commute with its group"
        return _record(layer, deviation, problem=problem)
    small = _shrunk(layer)
    columns = sum(operand.tensor.positions for operand in small.inputs)
    rows = sum(operand.tensor.positions for operand in small.outputs)
    maps = None
    if columns * rows <= MOST_ENTRIES:
        maps = _orbits(small)
    if maps is None or (maps + DRAWS) * columns * rows > MOST_ENTRIES:
        return _record(layer, deviation, unchecked="too large for matrices of all its maps")
    meaning = _distance_to_reference(small, generator)
    if not meaning <= TOLERANCE:
        wrong = "it is not the sum of its diagrams with its coefficients"
        return _record(layer, max(deviation, meaning), problem=wrong)
    rank = _rank(small, maps + DRAWS, generator)
    missing = None if rank == maps else f"it spans {rank} of {maps} maps"
    return _record(layer, deviation, problem=missing, rank=rank, maps=maps)


def _record(
    layer: Layer,
    deviation: float,
    problem: str | None = None,
    unchecked: str | None = None,
    rank: int | None = None,
    maps: int | None = None,
) -> LayerVerification:
    return LayerVerification(
        name=layer.name,
        ok=problem is None,
        deviation=deviation,
        rank=rank,
        maps=maps,
        unchecked=unchecked,
        problem=problem,
    )


# --- Running a layer ------------------------------------------------------------------------------


def run(layer: Layer, values: Sequence[Tensor], masks: Mapping[str, Tensor]) -> list[Tensor]:
    """The layer on tensors in the order of its inputs; its results in the order of its outputs."""
    given = iter(values)
    arguments: list[Tensor | dict[str, Tensor]] = [
        next(given) if keys == ("",) else {key: next(given) for key in keys}
        for keys in layer.arguments
    ]
    answer = layer.module(*arguments, **masks)
    return [answer] if isinstance(answer, Tensor) else list(answer.values())


def _random(operands: Sequence[Operand], batch: int, generator: torch.Generator) -> list[Tensor]:
    return [
        torch.randn(
            batch,
            *(axis.size for axis in operand.tensor.axes),
            operand.tensor.width,
            generator=generator,
            dtype=torch.float64,
        )
        for operand in operands
    ]


def _full_masks(layer: Layer, batch: int) -> dict[str, Tensor]:
    return {
        mask_name(axis): torch.ones(batch, *(a.size for a in mask_axes(axis)), dtype=torch.bool)
        for axis in layer.masks
    }


def relative(difference: float, scale: float) -> float:
    """A deviation relative to the size of what deviates."""
    return difference / scale if scale > 0 else difference


# --- Equivariance ---------------------------------------------------------------------------------


def _deviation(layer: Layer, generator: torch.Generator) -> float:
    """The largest relative difference between acting before the layer and after it."""
    elements: list[Element] = [random_element(layer.axes, generator) for _ in range(DRAWS)]
    elements += list(generators(layer.axes))[:8]
    values = _random(layer.inputs, 1, generator)
    masks = _full_masks(layer, 1)
    plain = run(layer, values, masks)
    scale = max(float(each.abs().max()) for each in plain)
    worst = 0.0
    for element in elements:
        moved = [act(element, x, o.tensor.axes) for x, o in zip(values, layer.inputs, strict=True)]
        answers = run(layer, moved, masks)
        for answer, before, operand in zip(answers, plain, layer.outputs, strict=True):
            expected = act(element, before, operand.tensor.axes)
            worst = max(worst, float((answer - expected).abs().max()))
    return relative(worst, scale)


# --- Completeness ---------------------------------------------------------------------------------


def _shrunk(layer: Layer) -> Layer:
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
        if axis.pinned or axis.name not in read:
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


def _orbits(layer: Layer) -> int:
    """The orbits of the group on pairs of an output and an input position: the number of maps."""
    moves = [
        (_positions(layer.outputs, element), _positions(layer.inputs, element))
        for element in generators(layer.axes)
    ]
    rows = sum(operand.tensor.positions for operand in layer.outputs)
    columns = sum(operand.tensor.positions for operand in layer.inputs)
    labels = torch.arange(rows * columns).reshape(rows, columns)
    while True:
        before = labels
        for out, into in moves:
            labels = torch.minimum(labels, labels[out][:, into])
            back = torch.empty_like(labels)
            back[out[:, None], into[None]] = labels
            labels = torch.minimum(labels, back)
        if torch.equal(labels, before):
            return int(labels.unique().numel())


def _positions(operands: Sequence[Operand], element: Element) -> Tensor:
    """Where an element takes each position of all tensors from, flattened and numbered through."""
    found, start = [], 0
    for operand in operands:
        count = operand.tensor.positions
        sizes = [axis.size for axis in operand.tensor.axes]
        numbers = torch.arange(start, start + count).reshape(1, *sizes)
        found.append(act(element, numbers, operand.tensor.axes).flatten())
        start += count
    return torch.cat(found)


def _rank(layer: Layer, draws: int, generator: torch.Generator) -> int:
    """The rank of the matrices that random parameters make, seen through one random channel."""
    matrices = []
    with _parameters_kept(layer.module):
        columns = [torch.randn(o.tensor.width, generator=generator).double() for o in layer.inputs]
        rows = [torch.randn(o.tensor.width, generator=generator).double() for o in layer.outputs]
        batch = _one_hot(layer, columns)
        masks = _full_masks(layer, len(batch[0]))
        for _ in range(draws):
            randomise(layer.module, generator, bias=False)
            answers = run(layer, batch, masks)
            flat = [(y @ row).reshape(len(y), -1) for y, row in zip(answers, rows, strict=True)]
            matrices.append(torch.cat(flat, 1).flatten())
    values = torch.linalg.svdvals(torch.stack(matrices))
    return int((values > 1e-9 * values[0]).sum())


def _one_hot(layer: Layer, channels: Sequence[Tensor]) -> list[Tensor]:
    """A batch with one element for each input position, the given channels there and zero elsewhere."""
    counts = [operand.tensor.positions for operand in layer.inputs]
    values, start = [], 0
    for operand, count, vector in zip(layer.inputs, counts, channels, strict=True):
        value = torch.zeros(sum(counts), count, len(vector), dtype=torch.float64)
        value[torch.arange(start, start + count), torch.arange(count)] = vector
        sizes = [axis.size for axis in operand.tensor.axes]
        values.append(value.reshape(sum(counts), *sizes, len(vector)))
        start += count
    return values


# --- Meaning --------------------------------------------------------------------------------------


def _distance_to_reference(layer: Layer, generator: torch.Generator) -> float:
    """How far the layer is from the sum over its diagrams, with the parameters it has."""
    maps: Maps = derive(layer.inputs, layer.outputs, layer.bias)
    values = _random(layer.inputs, 2, generator)
    masks = _full_masks(layer, 2)
    state: Mapping[str, Tensor] = dict(layer.module.state_dict())
    expected = evaluate_maps(torch, maps, values, layer.result, {**state, **masks})
    wanted = [expected] if isinstance(expected, Tensor) else list(expected.values())
    answers = run(layer, values, masks)
    worst = max(float((a - w).abs().max()) for a, w in zip(answers, wanted, strict=True))
    return relative(worst, max(float(each.abs().max()) for each in wanted))


# --- Parameters -----------------------------------------------------------------------------------


def randomise(module: nn.Module, generator: torch.Generator, bias: bool = True) -> None:
    """Draws every parameter anew, weights to the scale of their inputs; biases zero without `bias`."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            is_bias = "bias" in name and parameter.dim() < 2
            scale = parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 1.0
            parameter.copy_(noise * (scale if bias or not is_bias else 0.0))


@contextmanager
def _parameters_kept(module: nn.Module) -> Iterator[None]:
    """Restores the parameters of a module at the end of a block."""
    kept = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        yield
    finally:
        module.load_state_dict(kept)
