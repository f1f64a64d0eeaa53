"""Reports as text for a terminal: what `explain` derived, in tables of at most 80 columns if it can."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

from pydantic import BaseModel, JsonValue
from rich.text import Text

from ..report import GroupReport, LayerReport, LevelReport, ModelReport, Report, SpaceReport
from .draw.palette import COLOURS

_GAP = 2
_LONG = 8
"""A pinned axis with more positions than this is long."""
_MANY = 64
"""With so many coefficients for each pair of pool and spread, positions are what makes them many."""
_COSTLY = 100_000
"""A layer with more parameters is told how to have fewer."""
_LISTED = 3
_COUNTS = ("maps", "biases", "pools", "spreads", "products", "params")
_COSTS = ("flops", "bytes", "passes", "least flops", "least bytes")


def tabulate(report: Report, width: int = 80) -> list[Text]:
    """The lines of a report."""
    lines: list[Text] = []
    for model in report.models:
        if lines:
            lines += [Text(), Text()]
        lines += _model(model, width)
    return lines


def _model(model: ModelReport, width: int) -> Iterator[Text]:
    inputs = ", ".join(f"{name}: {kind}" for name, kind in model.inputs.items())
    yield from wrapped(Text.assemble((model.name, "bold"), f"({inputs}) -> {model.output}"), width)
    yield Text(f"{count(model.parameters)} parameters", "dim")
    axes = _axis_names(model.groups)
    if model.groups:
        yield from _section("groups", _groups(model.groups, axes), width)
    for space in model.spaces:
        yield from _section(space.name, _space(space, axes), width)
    if model.layers:
        yield from _section("layers", _layers(model.layers), width)
        yield from _levels(model.layers, width)
        yield from _section("cost for a batch of one, float32", _costs(model.layers), width)
    yield from _hint(model, width)
    yield from _coupling_hint(model, width)


def _section(title: str, rows: Sequence[Sequence[Text]], width: int) -> Iterator[Text]:
    yield Text()
    yield Text(title, "bold")
    yield from columns(rows, width)


def _axis_names(groups: Sequence[GroupReport]) -> dict[str, Text]:
    """How axes are shown: without their model where that is clear, those that move in colours."""
    last = [_short(group.axis) for group in groups]
    colours = cycle(COLOURS)
    return {
        group.axis: Text(
            short if last.count(short) == 1 else group.axis,
            "dim" if group.group == "pinned" else next(colours),
        )
        for group, short in zip(groups, last, strict=True)
    }


def _short(axis: str) -> str:
    """Without the model: `h` for `Net.h`, `abs(h)` for `abs(Net.h)`."""
    word, _, inner = axis.rpartition("(")
    last = inner.rpartition(".")[2]
    return f"{word}({last}" if word else last


def _groups(groups: Sequence[GroupReport], axes: Mapping[str, Text]) -> list[list[Text]]:
    """Which group moves which axis, and why nothing moves the others."""
    return [
        [
            axes[group.axis],
            Text(group.group, axes[group.axis].style),
            right(str(group.size)),
            Text(group.pin or _allowed(group), "dim"),
        ]
        for group in groups
    ]


def _allowed(group: GroupReport) -> str:
    """Scales that are divided out, and the options that would make the group larger."""
    divided = ["scales divided out"] if group.divided else []
    larger = [f"`{option} = true` makes the group larger" for option in group.larger]
    return "; ".join(divided + larger)


def _space(space: SpaceReport, axes: Mapping[str, Text]) -> list[list[Text]]:
    """Each tensor with its axes and its shape, channels last."""
    rows = []
    for tensor in space.tensors:
        shape = [*tensor.shape, *([] if tensor.channels is None else [tensor.channels])]
        channels = "" if tensor.channels is None else f"; {tensor.channels}"
        names = Text(", ").join(_dimension(axis, axes) for axis in tensor.axes)
        written = Text(" x ".join(map(str, shape)) or "one number", "dim")
        rows.append([Text(tensor.name), Text.assemble("[", names, f"{channels}]"), written])
    return rows


def _dimension(written: str, axes: Mapping[str, Text]) -> Text:
    """A dimension with its axes in their colours: `(head key)`."""
    parts = re.split(r"([ ()|+]+)", written)
    return Text.assemble(*(axes.get(part, Text(part)) for part in parts))


def _layers(layers: Sequence[LayerReport]) -> list[list[Text]]:
    """A row of counts for each layer."""
    rows = [[Text("", "dim"), *(right(heading, "dim") for heading in _COUNTS)]]
    for layer in layers:
        counts = (layer.maps, layer.bias_maps, layer.pools, layer.spreads, layer.products)
        cells = [right(count(number)) for number in (*counts, layer.parameters)]
        rows.append([Text(layer.name), *cells])
    return rows


def _costs(layers: Sequence[LayerReport]) -> list[list[Text]]:
    """A row for each layer: what its plan does, and what any plan has to do."""
    rows = [[Text("", "dim"), *(right(heading, "dim") for heading in _COSTS)]]
    for layer in layers:
        made = [count(layer.flops), size(layer.bytes), f"{layer.passes:.1f}"]
        least = [count(layer.floor_flops), size(layer.floor_bytes)]
        rows.append([Text(layer.name), *map(right, (*made, *least))])
    return rows


def _levels(layers: Sequence[LayerReport], width: int) -> Iterator[Text]:
    """The levels of the layers, those that have the same ones together."""
    alike: dict[tuple[object, ...], list[LayerReport]] = {}
    for layer in layers:
        alike.setdefault(tuple(layer.levels), []).append(layer)
    rows = []
    for group in alike.values():
        levels = ", ".join(map(_level, group[0].levels))
        rows.append([Text(_listed([layer.name for layer in group])), Text(levels, "dim")])
    yield from _section("levels (pools → spreads)", rows, width)


def _level(level: LevelReport) -> str:
    several = f" in {level.products} products" if level.products > 1 else ""
    times = f"{level.count} x " if level.count > 1 else ""
    return f"{times}{level.name} {level.pools}→{level.spreads}{several}"


def _hint(model: ModelReport, width: int) -> Iterator[Text]:
    """Says so where coefficients are many because pinned axes are long."""
    long = [group for group in model.groups if group.group == "pinned" and group.size > _LONG]
    layers = [layer for layer in model.layers if _by_position(layer)]
    if not long or not layers:
        return
    axes = _listed([f"`{group.axis}` ({group.size})" for group in long])
    names = _listed([f"`{layer.name}`" for layer in layers])
    text = (
        f"most of the {count(sum(layer.parameters for layer in layers))} parameters of {names} "
        f"tell apart the positions of long pinned axes, {axes}; "
        f"`coded(x)` before them needs far fewer"
    )
    yield Text()
    yield from wrapped(Text.assemble(("hint: ", "bold green"), text), width)


def _coupling_hint(model: ModelReport, width: int) -> Iterator[Text]:
    """Says so where coefficients are many because every tensor has some for every other."""
    layers = [
        layer
        for layer in model.layers
        if layer.parameters > _COSTLY and 2 * layer.parameters_near < layer.parameters
    ]
    if not layers:
        return
    text = (
        f"the {count(sum(layer.parameters for layer in layers))} parameters of "
        f"{_listed([f'`{layer.name}`' for layer in layers])} grow with the square of the number of "
        f"tensors, for each is coupled with each; `coupling = near` has "
        f"{count(sum(layer.parameters_near for layer in layers))} and grows in proportion, and "
        f"`rank = r` makes large matrices thin"
    )
    yield Text()
    yield from wrapped(Text.assemble(("hint: ", "bold green"), text), width)


def _by_position(layer: LayerReport) -> bool:
    """Whether a layer's maps are many for what it pools and spreads."""
    return layer.maps >= _MANY * max(1, sum(each.pools * each.spreads for each in layer.levels))


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


# --- Verification --------------------------------------------------------------------------------


def tabulate_verification(verification: BaseModel, width: int = 80) -> list[Text]:
    """The lines of a verification: each model with what was measured of it and of its layers.

    It is read as data, so that what verification measures needs no second description here.
    """
    lines: list[Text] = []
    models = verification.model_dump(mode="json")["models"]
    for model in models:
        lines += [Text()] * bool(lines)
        facts = {name: value for name, value in model.items() if not isinstance(value, list | dict)}
        lines += wrapped(_facts(facts), width)
        for name, records in model.items():
            if isinstance(records, list) and records:
                lines += columns(_records(records, name), width)
    return lines


def _facts(facts: Mapping[str, JsonValue]) -> Text:
    """A model in a line: its name, whether it passed, and what was measured."""
    parts = [Text(str(facts.get("name", "")), "bold")]
    parts += [
        Text.assemble((f"{name.replace('_', ' ')} ", "dim"), _fact(value, name))
        for name, value in facts.items()
        if name != "name" and value is not None
    ]
    return Text("  ").join(parts)


def _records(records: Sequence[JsonValue], title: str) -> list[list[Text]]:
    """Records of one kind with the names of their fields above; what is no record alone in a row."""
    tables = [record for record in records if isinstance(record, dict)]
    if not tables:
        return [[Text(str(record))] for record in records]
    fields = [name for name, value in tables[0].items() if not isinstance(value, list | dict)]
    heads = [name.replace("_", " ") for name in fields]
    rows = [[Text(title, "dim"), *(right(head, "dim") for head in heads[1:])]]
    for record in tables:
        first, *others = (_fact(record.get(name), name) for name in fields)
        rows.append([first, *others])
    return rows


def _fact(value: JsonValue, name: str) -> Text:
    """A measured value: deviations as powers of ten, verdicts and what is unchecked in colours."""
    match value:
        case None:
            return right("")
        case bool():
            return right("yes" if value else "no", "green" if value else "bold red")
        case float():
            return right(f"{value:.1e}")
        case int():
            return right(count(value))
        case _:
            return Text(str(value), "yellow" if name == "unchecked" else "")


# --- Text ----------------------------------------------------------------------------------------


def right(text: str, style: str = "") -> Text:
    """A field that is set to the right of its column."""
    return Text(text, style, justify="right")


def columns(rows: Sequence[Sequence[Text]], width: int) -> Iterator[Text]:
    """Rows of fields in columns; the last wraps where the width is too small."""
    if not rows:
        return
    widths = [max(field.cell_len for field in column) for column in zip(*rows, strict=True)]
    indent = _GAP + sum(width + _GAP for width in widths[:-1])
    for row in rows:
        line = Text(" " * _GAP)
        for field, room in zip(row[:-1], widths[:-1], strict=True):
            line.append_text(_padded(field, room)).append(" " * _GAP)
        last = row[-1]
        if last.justify == "right":
            yield line.append_text(_padded(last, widths[-1]))
            continue
        first, *rest = wrapped(last, max(width - indent, 20), 0) or [Text()]
        line.append_text(first)
        line.rstrip()
        yield line
        yield from (Text(" " * indent).append_text(more) for more in rest)


def _padded(field: Text, room: int) -> Text:
    padded = field.copy()
    padded.truncate(room, overflow="ellipsis")
    space = room - padded.cell_len
    if field.justify == "right":
        padded.pad_left(space)
    else:
        padded.pad_right(space)
    return padded


def wrapped(text: Text, width: int, indent: int = 4) -> list[Text]:
    """A text in lines that break at spaces, the second and later ones indented."""
    lines: list[Text] = []
    line = Text()
    for word in text.split(" "):
        if line and line.cell_len + 1 + word.cell_len > width:
            lines.append(line)
            line = Text(" " * indent)
            line.append_text(word)
        elif line:
            line.append(" ").append_text(word)
        else:
            line = word
    return [*lines, line]


def count(number: int) -> str:
    """A number as people read it: `9,216`, `1.33M`."""
    if number < 100_000:
        return f"{number:,}"
    return _scaled(number, ("k", "M", "G", "T", "P"))


def size(number: int) -> str:
    """Bytes as people read them: `640 B`, `1.33 MB`."""
    return f"{number} B" if number < 1000 else _scaled(number, (" kB", " MB", " GB", " TB", " PB"))


def _scaled(number: int, units: Sequence[str]) -> str:
    """Three digits and a unit."""
    value = float(number)
    for unit in units:
        value /= 1000
        if value < 999.5 or unit == units[-1]:
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}{unit}"
