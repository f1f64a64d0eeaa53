"""A weight space as the text of a specification."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from ..symmetry.weight_space import Pin
from ..types import Axis, Collection, Part, Stored, axes_of, stored


def specification(space: Collection, pins: Mapping[Axis, Pin], heading: Sequence[str]) -> str:
    """A file that declares the axes of a space and the space; pinned axes say what pins them."""
    axes = [axis for axis in outer_first(space) if axis.size > 1]
    declared = [f"axis {axis.name} = {_group(axis)}" for axis in axes]
    width = min(max(map(len, declared), default=0), 60)
    lines = [f"# {line}".rstrip() for line in heading]
    lines += [
        "",
        *(_commented(text, pins.get(a), width) for text, a in zip(declared, axes, strict=True)),
    ]
    lines += ["", f"space {space.label} {{"]
    lines += [f"    {_label(each.name)}: {_brackets(each)}" for each in tensors_of(space)]
    return "\n".join([*lines, "}", ""])


def tensors_of(space: Collection) -> tuple[Stored, ...]:
    """The tensors of a space as they are stored."""
    plain = (stored(name, [[(axis,)] for axis in t.axes]) for name, t in space.tensors)
    return space.stored or tuple(plain)


def outer_first(space: Collection) -> Iterator[Axis]:
    """Every axis once, after the one that it lives in."""
    given: set[str] = set()

    def with_outer(axis: Axis) -> Iterator[Axis]:
        if axis.parent is not None:
            yield from with_outer(axis.parent)
        if axis.name not in given:
            given.add(axis.name)
            yield axis

    for axis in axes_of(space):
        yield from with_outer(axis)


def _group(axis: Axis) -> str:
    return str(axis.size) if axis.pinned else axis.symmetry


def _commented(text: str, pin: Pin | None, width: int) -> str:
    return text if pin is None else f"{text:<{width}}  # {pin.reason} ({pin.place})"


def _label(name: str) -> str:
    plain = re.fullmatch(r"(?!(return|repeat|true|false)\b)[A-Za-z]\w*(\.\w+)*", name, re.ASCII)
    return name if plain else f'"{name}"'


def _brackets(tensor: Stored) -> str:
    """`[hidden, input]`, and `[a, x] + [b, y]` for parts with columns of their own."""
    if not tensor.sizes:
        return "[]"
    rows = [(columns, first) for first, *columns in _rows(tensor)]
    written = []
    for columns, together in groupby(rows, key=lambda row: row[0]):
        firsts = [part for _, parts in together for part in parts]
        written.append(f"[{', '.join(map(_dimension, [firsts, *columns]))}]")
    return " + ".join(written)


def _rows(tensor: Stored) -> Iterator[list[list[Part]]]:
    """For each part of the first dimension the parts along all dimensions."""
    counts = [len(sizes) for sizes in tensor.sizes]
    strides = [1] * len(counts)
    for dim in range(len(counts) - 2, -1, -1):
        strides[dim] = strides[dim + 1] * counts[dim + 1]
    for row in range(counts[0]):
        start = row * strides[0]
        first = [tensor.pieces[start].dims[0]]
        yield [
            first,
            *(
                [
                    tensor.pieces[start + place * strides[dim]].dims[dim]
                    for place in range(counts[dim])
                ]
                for dim in range(1, len(counts))
            ),
        ]


def _dimension(parts: Sequence[Part]) -> str:
    written = [_part(part) for part in parts]
    return written[0] if len(written) == 1 else f"({' + '.join(written)})"


def _part(part: Part) -> str:
    names = [axis.name for axis in part if axis.size > 1]
    return f"({' '.join(names)})" if len(names) > 1 else names[0] if names else "1"
