"""A model for mermaid, which pages and code hosts draw: `specc graph --format mermaid digits.spec`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...graph import Typed
from .palette import Palette, palette, web_colour
from .picture import Frame, Picture, Value, picture, unframed

_ENTITIES = str.maketrans(
    {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\n": "<br/>"}
)


def mermaid(models: Sequence[Typed]) -> str:
    """One flowchart with a subgraph for each model. What a run reads of the run before is dotted."""
    lines = ["flowchart TD"]
    for number, typed in enumerate(models):
        lines += [f"    {line}" for line in _model(picture(typed), f"m{number}")]
    return "\n".join(lines)


def _model(shown: Picture, key: str) -> list[str]:
    colours = palette(value.type for value in shown.values)
    types = ", ".join(map(str, shown.output_types))
    lines = [f"subgraph {key}[{quoted(shown.name)}]"]
    lines += _framed(shown.values, shown.frames, key)
    lines.append(f"    {key}_return([{quoted(f'return: {types}')}])")
    for value in shown.values:
        lines += [f"    {key}_{read} --> {key}_{value.number}" for read in value.reads]
        lines += [f"    {key}_{read} -.-> {key}_{value.number}" for read in value.reads_again]
    lines += [f"    {key}_{number} --> {key}_return" for number in shown.outputs]
    return [*lines, "end", *_styles(shown, key, colours)]


def _framed(values: Sequence[Value], frames: Sequence[Frame], key: str) -> Iterator[str]:
    """The nodes, those of a frame in a subgraph of its own."""
    for value in unframed(values, frames):
        label = quoted(f"{value.name}: {value.type}\n{value.node.operation}")
        yield f"    {key}_{value.number}[{label}]"
    for frame in frames:
        held = frame.held(values)
        title = quoted(" ".join(filter(None, (frame.title, frame.detail))))
        yield f"    subgraph {key}_frame_{frame.first}_{len(held)}[{title}]"
        for line in _framed(held, frame.inner, key):
            yield "    " + line
        yield "    end"


def _styles(shown: Picture, key: str, colours: Palette) -> Iterator[str]:
    """The colour of the first group that acts on each value."""
    for value in shown.values:
        colour = web_colour(value.type, colours)
        if colour:
            yield f"style {key}_{value.number} stroke:{colour},color:{colour}"


def quoted(text: str) -> str:
    """A text as mermaid reads it: signs that mean something there as entities."""
    return f'"{text.translate(_ENTITIES)}"'
