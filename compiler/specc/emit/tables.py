"""The tables of a layer's class: shapes in words, sizes, what columns and rows of its weights stand for.

What stands for a tensor of each run of a repeat is one entry, with `i` for the number of the run and a
comprehension around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..names import Variables, letter
from ..operations.masks import mask_axes, mask_name
from ..planning.module_plan import LayerUse
from ..symmetry.derive import short_names
from ..symmetry.diagrams import Half
from ..symmetry.folding import Operand, Runs
from ..symmetry.maps import Level, Maps, Product
from ..types import Axis, Tensor
from .layout import statement


@dataclass(frozen=True, slots=True)
class Words:
    """Axes as they stand in shapes. In `numbered`, those of one run have `{i}` for its number."""

    plain: Mapping[str, str]
    numbered: Mapping[str, str]


def axis_words(axes: Iterable[Axis]) -> dict[str, str]:
    """Axis names as they stand in shapes, where `batch` is the batch and `complex` says of what."""
    words = Variables(frozenset({"batch", "complex"}))
    short = short_names(tuple(dict.fromkeys(axis.name for axis in axes)))
    return {name: words.claim(each) for name, each in short.items()}


def layer_words(maps: Maps) -> Words:
    """The words for the axes of a layer."""
    axes = [axis for each in (*maps.inputs, *maps.outputs) for axis in each.tensor.axes]
    words = axis_words([*axes, *(axis.moved for axis in axes)])  # a strand is called by its mover
    plain, numbered = dict(words), dict(words)
    for name, runs in maps.own:
        path = f"{runs.path.replace('.', '_')}_" if runs.path else ""
        start = f"{path}{runs.first}_"
        if words[name].startswith(start):
            rest = words[name].removeprefix(start)
            plain[name], numbered[name] = f"{path}{rest}", f"{path}{{i}}_{rest}"
        else:
            numbered[name] = f"{words[name]}_{{i}}"
    return Words(plain, numbered)


def moves(axis: Axis, words: Mapping[str, str]) -> str:
    """What moves an axis: `S(4) on key in each head`."""
    inside = f" in each {words[axis.parent.name]}" if axis.parent else ""
    return f"{axis.group.notation(axis.size)} on {words[axis.name]}{inside}"


def shape_words(tensor: Tensor, words: Mapping[str, str]) -> str:
    """`batch hidden 64 32`: words for the axes that may have another size, numbers for the others."""
    dims = [str(axis.size) if axis.fixed else words[axis.name] for axis in tensor.axes]
    return " ".join(["batch", *dims, str(tensor.width)])


def layer_tables(layer: LayerUse, words: Words) -> list[str]:
    """All tables of a layer."""
    maps = layer.plan.maps
    lines = statement(f"inputs = {_shapes(maps.inputs, words)}", 1)
    lines += statement(f"outputs = {_shapes(maps.outputs, words)}", 1)
    lines += statement(f"sizes = {_sizes(maps, words)}", 1)
    columns, rows = [], []
    for level, each in products(maps):
        if each.beside:
            continue
        pools = [(maps.inputs[level.pools[p].tensor], level.pools[p]) for p in each.pools]
        spreads = [(maps.outputs[level.spreads[s].tensor], level.spreads[s]) for s in each.spreads]
        left_out = [maps.leaves_out(level, each, p) for p in each.pools]
        columns.append(
            _entry(
                each,
                [
                    _part(o, h, "ijklmno", "x", first)
                    for (o, h), first in zip(pools, left_out, strict=True)
                ],
            )
        )
        rows.append(_entry(each, [_part(o, h, "pqrstuvw", "y") for o, h in spreads]))
    lines += statement(f"columns = {{{', '.join(columns)}}}", 1)
    lines += statement(f"rows = {{{', '.join(rows)}}}", 1)
    lines += mask_table(layer.masks, words.plain)
    points = [maps.inputs[n].name for centre in maps.centres for n in centre.inputs]
    if points:
        names = ", ".join(f'"{name}"' for name in points)
        lines += statement(f"points = ({names}{',' if len(points) == 1 else ''})", 1)
    if len(layer.plan.arguments) > 1:
        names = ", ".join(f'"{argument.name}"' for argument in layer.plan.arguments)
        lines += statement(f"arguments = ({names})", 1)
    return lines


def mask_table(masks: Sequence[Axis], words: Mapping[str, str]) -> list[str]:
    """The shapes of masks, where there are any."""
    shapes = [" ".join(["batch", *(words[a.name] for a in mask_axes(axis))]) for axis in masks]
    entries = [f'"{mask_name(a)}": "{shape}"' for a, shape in zip(masks, shapes, strict=True)]
    return statement(f"masks = {{{', '.join(entries)}}}", 1) if masks else []


def products(maps: Maps) -> Iterator[tuple[Level, Product]]:
    for level in maps.levels:
        for each in level.products:
            yield level, each


def module_name(each: Product) -> str:
    """The attribute that holds the matrix of a product, or its bias alone."""
    return f"mix_{each.name}" if each.pools else f"bias_{each.name}"


def numbers_of(runs: Runs) -> str:
    """The numbers of the runs: `range(12)`."""
    last = runs.first + runs.count
    return f"range({runs.first}, {last})" if runs.first else f"range({last})"


def _shapes(operands: Sequence[Operand], words: Words) -> str:
    entries = []
    for each in operands:
        shape = shape_words(each.tensor, words.numbered)
        if each.runs is None:
            entries.append(f'"{each.name}": "{shape}"')
            continue
        name = each.name.format("{i}")
        value = f'f"{shape}"' if "{i}" in shape else f'"{shape}"'
        entries.append(f'**{{f"{name}": {value} for i in {numbers_of(each.runs)}}}')
    return f"{{{', '.join(entries)}}}"


def _sizes(maps: Maps, words: Words) -> str:
    own = dict(maps.own)
    axes = dict.fromkeys(
        axis
        for each in (*maps.inputs, *maps.outputs)
        for axis in each.tensor.axes
        if not axis.fixed
    )
    entries = []
    for axis in axes:
        word = words.numbered[axis.name]
        runs = own.get(axis.name)
        entry = f'"{word}": {axis.size}'
        entries.append(f"**{{f{entry} for i in {numbers_of(runs)}}}" if runs else entry)
    return f"{{{', '.join(entries)}}}"


@dataclass(frozen=True, slots=True)
class _Part:
    """The code of a part, and the runs that it has one in, with `{i}` for the number."""

    code: str
    runs: Runs | None


def _part(
    operand: Operand, half: Half, letters: str, unnamed: str, first_left_out: bool = False
) -> _Part:
    """`Part("fc1.weight[a,i]", 32)`: strands are a, b, ..., indices that stay on one side are not."""
    index: dict[int, str] = {}
    for number, block in enumerate(half.strands):
        index.update(dict.fromkeys(block, letter("abcdefgh", number)))
    for number, block in enumerate(half.whole):
        index.update(dict.fromkeys(block, letter(letters, number)))
    place = "{{}}" if operand.runs else "{}"
    written = ",".join(index.get(i, place) for i in range(len(operand.tensor.axes)))
    name = operand.name.format("{i}") if operand.runs else operand.name or unnamed
    label = f'{"f" if operand.runs else ""}"{name}[{written}]"'
    pinned = [str(axis.size) for axis in operand.tensor.axes if axis.pinned or axis.tied]
    sizes = f", ({', '.join(pinned)}{',' if len(pinned) == 1 else ''})" if pinned else ""
    first = ", first_left_out=True" if first_left_out else ""
    return _Part(f"Part({label}, {operand.tensor.width}{sizes}{first})", operand.runs)


def _entry(each: Product, parts: Sequence[_Part]) -> str:
    """The parts of a product's columns or rows, by the product; of each run's where it has its own."""
    module = module_name(each)
    if each.runs is None:
        codes = [
            f"*({part.code} for i in {numbers_of(part.runs)})" if part.runs else part.code
            for part in parts
        ]
        return f'"{module}": [{", ".join(codes)}]'
    number = f"{{i - {each.runs.first}}}" if each.runs.first else "{i}"
    codes = [part.code for part in parts]
    return f'**{{f"{module}.{number}": [{", ".join(codes)}] for i in {numbers_of(each.runs)}}}'
