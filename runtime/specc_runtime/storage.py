"""Stored tensors taken apart into tensors with one dimension for each axis, and put together again.

Dimensions are written as words: `64` or `hidden` is one axis, `(4 8)` two flattened into one row-major,
`a+b` two parts one after the other, `(4 (8+16))` two parts in each of four positions.
`"batch (4 8)+(4 8)+(4 8) hidden"` is a fused projection of queries, keys and values; its parts are called
`name.0`, `name.1`, `name.2`. Taking apart makes views, putting together copies once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod

import torch
from torch import Tensor

_TOKEN = re.compile(r"[^ ()+]+|[()+]")


def words_of(shape: str) -> list[str]:
    """The dimensions of a shape, a bracket being part of one: `["batch", "(4 8)+(4 8)", "hidden"]`."""
    if "(" not in shape:
        return shape.split(" ")
    words: list[str] = []
    for text in shape.split(" "):
        if words and words[-1].count("(") > words[-1].count(")"):
            words[-1] += f" {text}"
        else:
            words.append(text)
    return words


def size_of(word: str) -> int | None:
    """The size that a dimension must have; None where a word stands for any."""
    if word.isdecimal() or word.isidentifier():
        return int(word) if word.isdecimal() else None
    try:
        return _size(_parts(word))
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
            piece = values[name]
            for (dim, parts), number in reversed(list(zip(dims.items(), choice, strict=True))):
                piece = _cut(piece, dim, parts, number)
            found[name + suffix] = piece
    return found


def put_together(values: Mapping[str, Tensor], shapes: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors as they are stored: what `take_apart` was given."""
    found: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        dims = _dimensions(shape)
        found[name] = _joined(values, name, dims, ()) if dims else values[name]
    return found


Part = tuple[tuple[int, ...], "Parts"]
"""The sizes of axes flattened into one, and the parts in each of their positions, if there are any."""

Parts = list[Part]


def _parts(word: str) -> Parts:
    """What a dimension is made of; `ValueError` where it is a plain word."""
    return _read(_TOKEN.findall(word)[::-1])


def _read(tokens: list[str]) -> Parts:
    """The parts up to the closing bracket, from tokens whose first is the last of the list."""
    parts: Parts = []
    end = False
    while tokens and not end:
        sizes: list[int] = []
        within: Parts = []
        token = tokens.pop()
        if token == "(":
            while (token := tokens.pop()) != ")":
                if token == "(":
                    within = _read(tokens)
                else:
                    sizes.append(int(token))
        else:
            sizes.append(int(token))
        parts.append((tuple(sizes), within))
        end = not tokens or tokens.pop() == ")"
    return parts


def _size(parts: Parts) -> int:
    return sum(prod(sizes) * (_size(within) if within else 1) for sizes, within in parts)


def _dimensions(shape: str) -> dict[int, Parts]:
    """The dimensions that are not one axis, and what they are made of."""
    words = words_of(shape)
    return {i: _parts(w) for i, w in enumerate(words) if w.startswith("(") or "+" in w}


def _count(parts: Parts) -> int:
    """The number of innermost parts."""
    return sum(_count(within) if within else 1 for _, within in parts)


def _choices(dims: Mapping[int, Parts]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """One innermost part of each dimension, with the ends of the names: `.0.2`."""
    for choice in product(*(range(_count(parts)) for parts in dims.values())):
        yield _suffix(dims, choice), choice


def _suffix(dims: Mapping[int, Parts], choice: tuple[int, ...]) -> str:
    several = zip(choice, dims.values(), strict=True)
    return "".join(f".{number}" for number, parts in several if _count(parts) > 1)


def _cut(value: Tensor, dim: int, parts: Parts, number: int) -> Tensor:
    """An innermost part of a dimension, unflattened."""
    start = 0
    for sizes, within in parts:
        size = _size([(sizes, within)])
        count = _count(within) if within else 1
        if number < count:
            break
        start, number = start + size, number - count
    if len(parts) > 1:
        value = value.narrow(dim, start, size)
    grid = (*sizes, _size(within)) if within else sizes
    if len(grid) != 1:
        value = value.unflatten(dim, grid) if grid else value.squeeze(dim)
    return _cut(value, dim + len(sizes), within, number) if within else value


def _joined(
    values: Mapping[str, Tensor], name: str, dims: Mapping[int, Parts], choice: tuple[int, ...]
) -> Tensor:
    """The first dimensions put together, of the pieces that are `choice` along the last ones."""
    left = len(dims) - len(choice)
    if left == 0:
        return values[name + _suffix(dims, choice)]
    dim, parts = list(dims.items())[left - 1]
    pieces = [_joined(values, name, dims, (number, *choice)) for number in range(_count(parts))]
    return _flattened(pieces[::-1], dim, parts)


def _flattened(pieces: list[Tensor], dim: int, parts: Parts) -> Tensor:
    """A dimension from its innermost parts, the first of which is the last of the list; they are used up."""
    found = []
    for sizes, within in parts:
        value = _flattened(pieces, dim + len(sizes), within) if within else pieces.pop()
        count = len(sizes) + bool(within)
        if count == 0:
            value = value.unsqueeze(dim)
        elif count > 1:
            value = value.flatten(dim, dim + count - 1)
        found.append(value)
    return found[0] if len(found) == 1 else torch.cat(found, dim)
