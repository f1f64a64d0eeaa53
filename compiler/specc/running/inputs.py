"""Random inputs of a model, made from the types of its specification."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ..graph import Typed
from ..operations.masks import mask_name
from ..planning.compose import masked_axes
from ..reference.stored import put_together
from ..types import Tensor as TensorType
from ..types import Type, tensors_of
from ..verification.draws import random_mask, random_value

Value = Tensor | dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model is called with: values in the order of its arguments, masks by name."""

    values: tuple[Value, ...]
    masks: dict[str, Tensor]


def random_inputs(
    typed: Typed, batch: int, generator: torch.Generator, device: str = "cpu"
) -> Inputs:
    """Inputs in float32 of the sizes that the specification says; masks of two thirds of the positions."""

    def placed(x: Tensor) -> Tensor:
        if x.is_complex():
            return x.to(device, torch.complex64)
        return x.to(device, torch.float32 if x.is_floating_point() else x.dtype)

    def drawn(kind: Type) -> Value:
        tensors = {name: random_value(each, batch, generator) for name, each in tensors_of(kind)}
        return tensors[""] if isinstance(kind, TensorType) else put_together(tensors, kind)

    values = [drawn(typed.types[number]) for number in typed.graph.inputs]
    masks = {mask_name(axis): random_mask(batch, axis, generator) for axis in masked_axes(typed)}
    return Inputs(tuple(tree_map(placed, value) for value in values), tree_map(placed, masks))
