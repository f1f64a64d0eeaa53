"""A model for graphviz: `specc graph --format dot digits.spec | dot -Tsvg > digits.svg`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...graph import Typed
from .palette import Palette, palette, web_colour
from .picture import Frame, Picture, Value, picture, unframed

_HEAD = (
    'graph [fontname="Helvetica", color="#9ca3af", style="rounded"]',
    'node [fontname="Helvetica", fontsize=11, shape=box, style="rounded", color="#9ca3af"]',
    'edge [color="#6b7280", arrowsize=0.7]',
)


def dot(models: Sequence[Typed]) -> str:
    """One graph with a cluster for each model. What a run reads of the run before it is dashed.

    A node has the colour of the first group that acts on its value.
    """
    lines = ["digraph specc {", *(f"    {line}" for line in _HEAD)]
    for number, typed in enumerate(models):
        lines += [f"    {line}" for line in _model(picture(typed), f"m{number}")]
    return "\n".join([*lines, "}"])


def _model(shown: Picture, key: str) -> list[str]:
    colours = palette(value.type for value in shown.values)
    types = ", ".join(map(str, shown.output_types))
    returned = quoted(f"return\n{types}")
    lines = [f"subgraph cluster_{key} {{", f"    label={quoted(shown.name)}"]
    lines += _framed(shown.values, shown.frames, key, colours)
    lines.append(f'    {key}_return [label={returned}, style="rounded,bold"]')
    for value in shown.values:
        lines += [f"    {key}_{read} -> {key}_{value.number}" for read in value.reads]
        lines += [
            f"    {key}_{read} -> {key}_{value.number} [style=dashed, constraint=false]"
            for read in value.reads_again
        ]
    lines += [f"    {key}_{number} -> {key}_return" for number in shown.outputs]
    return [*lines, "}"]


def _framed(
    values: Sequence[Value], frames: Sequence[Frame], key: str, colours: Palette
) -> Iterator[str]:
    """The nodes, those of a frame in a cluster of its own."""
    for value in unframed(values, frames):
        yield "    " + _node(value, key, colours)
    for frame in frames:
        held = frame.held(values)
        yield f"    subgraph cluster_{key}_{frame.first}_{len(held)} {{"
        yield f"        label={quoted(' '.join(filter(None, (frame.title, frame.detail))))}"
        for line in _framed(held, frame.inner, key, colours):
            yield "    " + line
        yield "    }"


def _node(value: Value, key: str, colours: Palette) -> str:
    label = quoted(f"{value.name}: {value.type}\n{value.node.operation}")
    colour = web_colour(value.type, colours)
    shown = f', color="{colour}", fontcolor="{colour}"' if colour else ""
    return f"{key}_{value.number} [label={label}{shown}]"


def quoted(text: str) -> str:
    """A text as graphviz reads it: quotes and backslashes escaped, lines centred."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
