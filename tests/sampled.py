"""Runs the models of a spec on random inputs of their declared types, and compares the shapes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

import specc
from specc.graph import Typed
from specc.operations.masks import mask_axes, mask_name
from specc.types import Collection, Type, axes_of
from specc.types import Tensor as TensorType

Value = Tensor | dict[str, Tensor]
Shapes = tuple[int, ...] | dict[str, tuple[int, ...]]

BATCH = 3


def models_of(source: Path | str) -> Iterator[tuple[Typed, nn.Module]]:
    """Each model of a spec with an instance of its class."""
    program = specc.check(source)
    module = specc.load(source)
    for typed in program.models:
        yield typed, instance(module, typed.name)


def instance(module: ModuleType, name: str) -> nn.Module:
    """An instance of a class of a generated module."""
    made = getattr(module, name)()
    assert isinstance(made, nn.Module)
    return made


def check_runs(typed: Typed, model: nn.Module) -> None:
    """The model takes what it declares, and gives what it declares: without masks and with them."""
    inputs = {typed.graph.nodes[n].label: random_value(typed.types[n]) for n in typed.graph.inputs}
    arguments = list(inspect.signature(model.forward).parameters)[: len(inputs)]
    given = dict(zip(arguments, inputs.values(), strict=True))
    expected = [shapes_of_type(declared) for declared in typed.graph.output_types]
    for masks in ({}, random_masks(typed)):
        result = model(**given, **masks)
        results = result if len(expected) > 1 else (result,)
        assert [shapes_of_value(each) for each in results] == expected


def random_value(kind: Type) -> Value:
    match kind:
        case TensorType():
            return random_tensor(kind)
        case Collection():
            if kind.stored:
                return {name: torch.randn(shape) for name, shape in stored_shapes(kind).items()}
            return {name: random_tensor(tensor) for name, tensor in kind.tensors}


def random_tensor(kind: TensorType) -> Tensor:
    shape = run_time_shape(kind)
    if kind.index is not None:
        return torch.randint(kind.index, shape)
    return torch.randn(shape, dtype=torch.complex64 if kind.complex else torch.float32)


def random_masks(typed: Typed) -> dict[str, Tensor]:
    """A mask for each masked axis of the inputs; at each position something is there."""
    axes = {axis for n in typed.graph.inputs for axis in axes_of(typed.types[n]) if axis.masked}
    masks = {}
    for axis in axes:
        mask = torch.rand(BATCH, *(each.size for each in mask_axes(axis))) < 0.6
        mask[..., 0] = True
        masks[mask_name(axis)] = mask
    return masks


def run_time_shape(tensor: TensorType) -> tuple[int, ...]:
    channels = () if tensor.channels is None else (tensor.channels,)
    return (BATCH, *(axis.size for axis in tensor.axes), *channels)


def shapes_of_type(kind: Type) -> Shapes:
    if isinstance(kind, TensorType):
        return run_time_shape(kind)
    if kind.stored:
        return dict(stored_shapes(kind))
    return {name: run_time_shape(tensor) for name, tensor in kind.tensors}


def stored_shapes(kind: Collection) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors that a collection is kept in, where those are not its own."""
    channels = kind.tensors[0][1].channels
    after = () if channels is None else (channels,)
    return {each.name: (BATCH, *each.shape, *after) for each in kind.stored}


def shapes_of_value(value: Value) -> Shapes:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    return {name: tuple(tensor.shape) for name, tensor in value.items()}


def parameter_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The state_dict as names and shapes, in its order."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
