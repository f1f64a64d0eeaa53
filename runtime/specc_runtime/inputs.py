"""Checks of what a generated module is given: one clear sentence for each way to be wrong.

Shapes are written as words: `"batch hidden 64"`. A number is the size that a dimension must have; a
word stands for one size wherever it occurs among the inputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

Shapes = Mapping[str, str | Mapping[str, str]]


class InputError(ValueError):
    """A module was given something else than it declares."""


def check_inputs(
    module: nn.Module, shapes: Shapes, **values: Tensor | Mapping[str, Tensor]
) -> None:
    """Compares inputs with their declared shapes and the module's dtype; raises `InputError`."""
    dtype = next((p.dtype for p in module.parameters() if p.dtype.is_floating_point), None)
    sizes: dict[str, tuple[int, str]] = {}
    for name, declared in shapes.items():
        value = values[name]
        if isinstance(declared, str):
            _check_tensor(name, value, declared, dtype, sizes)
            continue
        if not isinstance(value, Mapping):
            raise InputError(f"`{name}` is a dict of tensors, and {_kind(value)} was given")
        for key, shape in declared.items():
            if key not in value:
                raise InputError(f"`{name}` lacks `{key}`: it needs {_listed(declared)}")
            _check_tensor(f'{name}["{key}"]', value[key], shape, dtype, sizes)


def check_mask(name: str, mask: Tensor, shape: tuple[int, ...]) -> None:
    """Compares a mask with the shape that the inputs ask for; raises `InputError`."""
    if mask.dtype != torch.bool:
        raise InputError(f"`{name}` is a boolean mask, and its dtype is {mask.dtype}")
    if tuple(mask.shape) != shape:
        raise InputError(f"`{name}` has shape {tuple(mask.shape)}, and {shape} is needed")


def _check_tensor(
    name: str,
    value: Tensor | Mapping[str, Tensor],
    shape: str,
    dtype: torch.dtype | None,
    sizes: dict[str, tuple[int, str]],
) -> None:
    if not isinstance(value, Tensor):
        raise InputError(f"`{name}` is a tensor, and {_kind(value)} was given")
    words = shape.split()
    given = tuple(value.shape)
    if len(given) != len(words):
        raise InputError(f"`{name}` has shape {given}, and ({', '.join(words)}) is needed")
    for place, (word, size) in enumerate(zip(words, given, strict=True)):
        if word.isdigit():
            if size != int(word):
                raise InputError(
                    f"`{name}` has shape {given}, and ({', '.join(words)}) is needed: "
                    f"dimension {place} is {size}, not {word}"
                )
            continue
        expected, where = sizes.setdefault(word, (size, name))
        if size != expected:
            raise InputError(
                f"`{name}` has shape {given}, and ({', '.join(words)}) is needed: "
                f"`{word}` is {size} here and {expected} in `{where}`"
            )
    if dtype is not None and value.dtype != dtype and not _autocast(value):
        raise InputError(
            f"`{name}` is {value.dtype}, and the module is {dtype}: convert one of them"
        )


def _autocast(value: Tensor) -> bool:
    """Whether autocast makes a floating dtype other than the module's right."""
    return value.is_floating_point() and torch.is_autocast_enabled(value.device.type)


def _kind(value: object) -> str:
    return "a dict" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def _listed(names: Mapping[str, str]) -> str:
    shown = [f"`{name}`" for name in names][:8]
    return ", ".join(shown) + (", ..." if len(names) > 8 else "")
