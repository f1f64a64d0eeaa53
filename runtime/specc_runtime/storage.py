"""Stored tensors taken apart into tensors with one dimension for each axis, and put together again.

Dimensions are written as words: `64` or `hidden` is one axis, `(4 8)` two flattened into one row-major,
`a+b` two parts one after the other. `"batch (4 8)+(4 8)+(4 8) hidden"` is a fused projection of queries,
keys and values; its parts are called `name.0`, `name.1`, `name.2`. Taking apart makes views, putting
together copies once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod

import torch
from torch import Tensor

_WORD = re.compile(r"(?:\([^)]*\)|[^ ])+")


def words_of(shape: str) -> list[str]:
    """The dimensions of a shape, a bracket being part of one: `["batch", "(4 8)+(4 8)", "hidden"]`."""
    return _WORD.findall(shape)


def size_of(word: str) -> int | None:
    """The size that a dimension must have; None where a word stands for any."""
    try:
        return sum(prod(sizes or (1,)) for sizes in _parts(word))
    except ValueError:
        return None


def take_apart(values: Mapping[str, Tensor], shapes: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors with a dimension for each axis, from tensors as they are stored."""
    found: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        dims = _dimensions(shape)
        if not dims:
            found[name] = values[name]
            continue
        for suffix, choice in _choices(dims):
            found[name + suffix] = _cut(values[name], dims, choice)
    return found


def put_together(values: Mapping[str, Tensor], shapes: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors as they are stored: what `take_apart` was given."""
    found: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        dims = _dimensions(shape)
        found[name] = _joined(values, name, dims, ()) if dims else values[name]
    return found


Parts = list[tuple[int, ...]]


def _parts(word: str) -> Parts:
    """The sizes of the axes in each part of a dimension; `ValueError` where it is a plain word."""
    parts = word.split("+")
    return [tuple(map(int, part.strip("()").split())) for part in parts]


def _dimensions(shape: str) -> dict[int, Parts]:
    """The dimensions that are not one axis, and what they are made of."""
    words = words_of(shape)
    return {i: _parts(w) for i, w in enumerate(words) if w.startswith("(") or "+" in w}


def _choices(dims: Mapping[int, Parts]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """One part of each dimension, with the ends of the names: `.0.2`."""
    for choice in product(*(range(len(parts)) for parts in dims.values())):
        yield _suffix(dims, choice), choice


def _suffix(dims: Mapping[int, Parts], choice: tuple[int, ...]) -> str:
    several = zip(choice, dims.values(), strict=True)
    return "".join(f".{number}" for number, parts in several if len(parts) > 1)


def _cut(value: Tensor, dims: Mapping[int, Parts], choice: tuple[int, ...]) -> Tensor:
    """One piece of a stored tensor, its dimensions unflattened, the last first."""
    for (dim, parts), number in reversed(list(zip(dims.items(), choice, strict=True))):
        sizes = parts[number]
        start = sum(prod(each) for each in parts[:number])
        if len(parts) > 1:
            value = value.narrow(dim, start, prod(sizes))
        if len(sizes) != 1:
            value = value.unflatten(dim, sizes) if sizes else value.squeeze(dim)
    return value


def _joined(
    values: Mapping[str, Tensor], name: str, dims: Mapping[int, Parts], choice: tuple[int, ...]
) -> Tensor:
    """The parts of the dimensions from number `len(choice)` on, joined; the first were chosen."""
    if len(choice) == len(dims):
        return _flattened(values[name + _suffix(dims, choice)], dims, choice)
    dim, parts = list(dims.items())[len(choice)]
    joined = [_joined(values, name, dims, (*choice, number)) for number in range(len(parts))]
    return joined[0] if len(joined) == 1 else torch.cat(joined, dim)


def _flattened(value: Tensor, dims: Mapping[int, Parts], choice: tuple[int, ...]) -> Tensor:
    """A piece with its axes flattened into the dimensions of the stored tensor, the first first."""
    for (dim, parts), number in zip(dims.items(), choice, strict=True):
        sizes = parts[number]
        if not sizes:
            value = value.unsqueeze(dim)
        elif len(sizes) > 1:
            value = value.flatten(dim, dim + len(sizes) - 1)
    return value
