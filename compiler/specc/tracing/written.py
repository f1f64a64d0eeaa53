"""A weight space as the text of a specification."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from ..symmetry.weight_space import Pin
from ..types import Axis, Collection, Dimension, Part, Stored, axes_of, dimension_text, stored


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
    plain = (stored(name, [[(Part((axis,)),) for axis in t.axes]]) for name, t in space.tensors)
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
    written = []
    for columns, blocks in groupby(tensor.blocks, key=lambda dims: dims[1:]):
        rows = tuple(part for dims in blocks for dim in dims[:1] for part in dim)
        dims = [rows, *columns] if rows else []
        written.append(f"[{', '.join(dimension_text(_wide(dim)) for dim in dims)}]")
    return " + ".join(written)


def _wide(dimension: Dimension) -> Dimension:
    """A dimension without the axes of one position, which are not declared."""
    return tuple(
        Part(tuple(axis for axis in part.axes if axis.size > 1), _wide(part.within))
        for part in dimension
    )
