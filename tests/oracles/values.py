"""Between flat vectors, on which groups act, and the tensors and dicts that a module takes and gives."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .action import Hom, Matrix, Positions, Space

Value = Tensor | Mapping[str, Tensor]


def unflatten(flat: Tensor, space: Space) -> Value:
    """(batch, space.size) -> what a module takes: a tensor (batch, *shape), or a dict of them."""
    parts = torch.split(flat, [math.prod(tensor.shape) for tensor in space.tensors], dim=1)
    shaped = [p.reshape(-1, *t.shape) for p, t in zip(parts, space.tensors, strict=True)]
    if space.name is None:
        return shaped[0]
    return {tensor.name: part for tensor, part in zip(space.tensors, shaped, strict=True)}


def flatten(value: Value, space: Space) -> Tensor:
    """The inverse of `unflatten`; AssertionError unless names, order and shapes are the space's."""
    if space.name is None:
        assert isinstance(value, Tensor)
        tensors = [value]
    else:
        assert isinstance(value, Mapping)
        assert list(value) == [tensor.name for tensor in space.tensors]
        tensors = list(value.values())
    for tensor, expected in zip(tensors, space.tensors, strict=True):
        assert tensor.shape[1:] == expected.shape, f"{expected}: {tuple(tensor.shape)}"
    return torch.cat([tensor.reshape(len(tensor), -1) for tensor in tensors], dim=1)


def apply(module: nn.Module, hom: Hom, flat: Tensor, **masks: Tensor) -> Tensor:
    """(batch, source size) -> (batch, target size): the module on flat vectors."""
    parts = torch.split(flat, [space.size for space in hom.sources], dim=1)
    inputs = [unflatten(part, space) for part, space in zip(parts, hom.sources, strict=True)]
    return flatten(module(*inputs, **masks), hom.target)


def permuted(x: torch.Tensor, image: Positions) -> torch.Tensor:
    """(batch, size): each position moved to its image."""
    moved = torch.empty_like(x)
    moved[:, torch.from_numpy(image)] = x
    return moved


def affine_map(module: nn.Module, hom: Hom) -> tuple[Matrix, Matrix]:
    """The matrix (target size, source size) and the bias (target size) of an affine module."""
    probes = torch.cat([torch.zeros(1, hom.source.size), torch.eye(hom.source.size)])
    with torch.no_grad():
        images = apply(module, hom, probes.double())
    bias = images[0]
    matrix = (images[1:] - bias).T
    return matrix.numpy(), bias.numpy()


def randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Draws every parameter from a standard normal distribution, running statistics from positive numbers."""
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.normal_(generator=generator)
        for name, buffer in module.state_dict().items():
            if name not in parameters and buffer.is_floating_point():
                buffer.uniform_(0.5, 2.0, generator=generator)
