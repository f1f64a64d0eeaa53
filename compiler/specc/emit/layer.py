"""The class of an equivariant layer: pool, mix, spread, one line a step, shapes beside the lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import assert_never

from ..names import Variables, counted, letter
from ..operations.broadcast import unsqueezed
from ..operations.masks import mask_axes, mask_name, masked_reduction
from ..planning.module_plan import LayerUse
from ..planning.plan import (
    Diagonal,
    Embed,
    Expand,
    Fold,
    LayerPlan,
    Mean,
    Mix,
    Shape,
    SpreadStep,
    Step,
    Sum,
    Term,
    Unfold,
)
from ..symmetry.derive import Level, Maps, Operand, Product, short_names
from ..symmetry.diagrams import Half
from ..types import Axis, Tensor
from .layout import docstring, indent, statement, unpacking


def emit_layer(layer: LayerUse) -> list[str]:
    """The lines of the class."""
    words = _words(layer.plan.maps)
    body = [
        *docstring([layer.signature, *_paragraphs(layer.plan)]),
        "",
        *_tables(layer.plan.maps, words),
        *_argument_tables(layer, words),
        "",
        *_constructor(layer.plan.maps),
        "",
        *_reset(layer.plan.maps),
        "",
        *_forward(layer, words),
    ]
    return [f"class {layer.name}(Equivariant):", *indent(body)]


# --- What the class says of itself ----------------------------------------------------------------


def axis_words(axes: Iterable[Axis]) -> dict[str, str]:
    """Axis names as they stand in shapes, where `batch` is the batch alone."""
    words = Variables(frozenset({"batch"}))
    short = short_names(tuple(dict.fromkeys(axis.name for axis in axes)))
    return {name: words.claim(each) for name, each in short.items()}


def mask_table(masks: Sequence[Axis], words: dict[str, str]) -> list[str]:
    """The shapes of masks, where there are any."""
    shapes = [" ".join(["batch", *(words[a.name] for a in mask_axes(axis))]) for axis in masks]
    entries = [f'"{mask_name(a)}": "{shape}"' for a, shape in zip(masks, shapes, strict=True)]
    return statement(f"masks = {{{', '.join(entries)}}}", 1) if masks else []


def _words(maps: Maps) -> dict[str, str]:
    return axis_words(axis for each in (*maps.inputs, *maps.outputs) for axis in each.tensor.axes)


def _paragraphs(plan: LayerPlan) -> list[str]:
    maps = plan.maps
    moving = dict.fromkeys(
        axis
        for each in (*maps.inputs, *maps.outputs)
        for axis in each.tensor.axes
        if not axis.pinned
    )
    words = _words(maps)
    groups = ", ".join(f"{axis.symmetry} on {words[axis.name]}" for axis in moving)
    pools = sum(len({p for each in level.products for p in each.pools}) for level in maps.levels)
    spreads = sum(len(each.spreads) for level in maps.levels for each in level.products)
    counts = (
        f"{counted(maps.dimension, 'map')} and {counted(maps.bias_dimension, 'bias', 'biases')} "
        f"for each pair of channels, from {counted(pools, 'pool')} and "
        f"{counted(spreads, 'spread')} in {counted(len(plan.mixes), 'product')}."
    )
    return [(f"Commutes with {groups}.\n" if groups else "") + counts]


def _tables(maps: Maps, words: dict[str, str]) -> list[str]:
    """Shapes, sizes, and what the columns and rows of each product's weight stand for."""
    sizes = {
        words[axis.name]: axis.size
        for each in (*maps.inputs, *maps.outputs)
        for axis in each.tensor.axes
        if not axis.pinned
    }
    lines = statement(f"inputs = {_shapes(maps.inputs, words)}", 1)
    lines += statement(f"outputs = {_shapes(maps.outputs, words)}", 1)
    entries = ", ".join(f'"{name}": {size}' for name, size in sizes.items())
    lines += statement(f"sizes = {{{entries}}}", 1)
    columns, rows = [], []
    for level, each in _products(maps):
        module = _module(maps, level, each)
        pools = [_part(maps.inputs, level.pools[p], "ijklmno", "x") for p in each.pools]
        spreads = [_part(maps.outputs, level.spreads[s], "pqrstuvw", "y") for s in each.spreads]
        columns.append(f'"{module}": [{", ".join(pools)}]')
        rows.append(f'"{module}": [{", ".join(spreads)}]')
    lines += statement(f"columns = {{{', '.join(columns)}}}", 1)
    lines += statement(f"rows = {{{', '.join(rows)}}}", 1)
    return lines


def _argument_tables(layer: LayerUse, words: dict[str, str]) -> list[str]:
    """The shapes of masks and the names of several arguments, where there are any."""
    lines = mask_table(layer.masks, words)
    if len(layer.plan.arguments) > 1:
        names = ", ".join(f'"{argument.name}"' for argument in layer.plan.arguments)
        lines += statement(f"arguments = ({names})", 1)
    return lines


def _shapes(operands: Sequence[Operand], words: dict[str, str]) -> str:
    entries = ", ".join(f'"{o.name}": "{shape_words(o.tensor, words)}"' for o in operands)
    return f"{{{entries}}}"


def shape_words(tensor: Tensor, words: dict[str, str], channels: int | None = None) -> str:
    """`batch hidden 64 32`: words for the axes that may have another size, numbers for the others."""
    dims = [str(axis.size) if axis.pinned else words[axis.name] for axis in tensor.axes]
    last = tensor.width if channels is None else channels
    return " ".join(["batch", *dims, str(last)])


def _part(operands: Sequence[Operand], half: Half, letters: str, unnamed: str) -> str:
    """`Part("fc1.weight[a,i]", 32)`: strands are a, b, ..., indices that stay on one side are not."""
    operand = operands[half.tensor]
    index: dict[int, str] = {}
    for number, block in enumerate(half.strands):
        index.update(dict.fromkeys(block, letter("abcdefgh", number)))
    for number, block in enumerate(half.whole):
        index.update(dict.fromkeys(block, letter(letters, number)))
    written = ",".join(index.get(i, "{}") for i in range(len(operand.tensor.axes)))
    label = f'"{operand.name or unnamed}[{written}]"'
    pinned = [str(axis.size) for axis in operand.tensor.axes if axis.pinned]
    sizes = f", ({', '.join(pinned)}{',' if len(pinned) == 1 else ''})" if pinned else ""
    return f"Part({label}, {operand.tensor.width}{sizes})"


def _products(maps: Maps) -> Iterator[tuple[Level, Product]]:
    for level in maps.levels:
        for each in level.products:
            yield level, each


def _module(maps: Maps, level: Level, each: Product) -> str:
    return f"mix_{each.name}" if each.pools else f"bias_{each.name}"


# --- Parameters ----------------------------------------------------------------------------------


def _constructor(maps: Maps) -> list[str]:
    body = ["super().__init__()", 'factory = {"device": device, "dtype": dtype}']
    for level, each in _products(maps):
        read, written = maps.pool_width(level, each), maps.spread_width(level, each)
        name = _module(maps, level, each)
        if not each.pools:
            body += statement(f"self.{name} = nn.Parameter(torch.empty({written}, **factory))", 2)
            continue
        bias = "" if each.bias else "bias=False, "
        body += statement(f"self.{name} = Mix({read}, {written}, {bias}**factory)", 2)
    return [*CONSTRUCTOR, *indent([*body, "self.reset_parameters()"])]


CONSTRUCTOR = [
    "def __init__(",
    "    self, device: torch.device | str | None = None, dtype: torch.dtype | None = None",
    ") -> None:",
]


def _reset(maps: Maps) -> list[str]:
    fans = _fan_ins(maps)
    body = ['"""Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""']
    for level, each in _products(maps):
        name = _module(maps, level, each)
        rows = []
        for s in each.spreads:
            number = level.spreads[s].tensor
            rows.append(f"({maps.outputs[number].features}, {fans[number]})")
        if each.pools:
            body += statement(f"init_mix_(self.{name}.weight, [{', '.join(rows)}])", 2)
        if each.bias:
            body.append(f"nn.init.zeros_(self.{name}{'.bias' if each.pools else ''})")
    return ["def reset_parameters(self) -> None:", *indent(body)]


def _fan_ins(maps: Maps) -> list[int]:
    """For each output the pooled features that one of its entries sums up, on average."""
    totals = [0.0] * len(maps.outputs)
    for level, each in _products(maps):
        for s in each.spreads:
            spread = level.spreads[s]
            axes = maps.outputs[spread.tensor].tensor.axes
            share = 1.0
            for block in (*spread.strands, *spread.whole):
                share /= axes[block[0]].size ** (len(block) - 1)
            totals[spread.tensor] += share * maps.pool_width(level, each)
    return [max(1, round(total)) for total in totals]


# --- Forward -------------------------------------------------------------------------------------


def _forward(layer: LayerUse, words: dict[str, str]) -> list[str]:
    plan = layer.plan
    body: list[str] = []
    for title, steps in (("pool", plan.pools), ("mix", plan.mixes), ("spread", plan.spreads)):
        lines = [line for step in steps for line in _step(step, plan, words)]
        if lines:
            body += [f"# {title}", *lines]
    body += statement(f"return {_returned(plan)}", 2)
    arguments = [
        f"{argument.name}: {'dict[str, Tensor]' if argument.is_collection else 'Tensor'}"
        for argument in plan.arguments
    ]
    arguments += [f"{mask_name(axis)}: Tensor" for axis in layer.masks]
    single = len(plan.results) == 1 and not plan.results[0].operand.name
    kind = "Tensor" if single else "dict[str, Tensor]"
    head = statement(f"def forward(self, {', '.join(arguments)}) -> {kind}:", 1)
    return [*head, *indent(body)]


def _folds(plan: LayerPlan) -> list[Fold]:
    return [step for step in plan.pools if isinstance(step, Fold)]


def _step(step: Step, plan: LayerPlan, words: dict[str, str]) -> list[str]:
    if isinstance(step, Mix):
        return _mix(step, words)
    text = _code(step, plan)
    if text is None:
        return []
    return statement(f"{step.target} = {text}", 2, _comment(step.shape, words))


def _code(step: Fold | Diagonal | Mean | SpreadStep, plan: LayerPlan) -> str | None:
    match step:
        case Fold():
            return _fold(step)
        case Diagonal():
            return f"diagonal({step.source}, {step.first}, {step.second})"
        case Mean():
            if step.axes[step.dim - 1].masked:
                return masked_reduction("mean", step.source, step.axes, step.dim)
            return f"{step.source}.mean({step.dim})"
        case Sum():
            return " + ".join(_term(term) for term in step.terms)
        case Expand():
            return _expand(step, plan)
        case Embed():
            return f"embed_diagonal({step.source}, {step.dim}, {step.first}, {step.second})"
        case Unfold():
            return _unfold(step)
        case _:
            assert_never(step)


def _fold(step: Fold) -> str | None:
    source = f'{step.argument}["{step.key}"]' if step.key else step.argument
    text = _permuted(source, step.permutation)
    if step.pinned:
        text = f"{text}.flatten(-{step.pinned + 1})"
    return None if text == step.target else text


def _mix(step: Mix, words: dict[str, str]) -> list[str]:
    parts = [_permuted(operand.source, operand.permutation) for operand in step.operands]
    if not parts:
        product = f"self.{step.module}[None]"
    elif len(parts) == 1:
        product = f"self.{step.module}({parts[0]})"
    elif step.formulation == "stack":
        product = f"self.{step.module}(torch.cat([{', '.join(parts)}], -1))"
    else:
        product = f"accumulate(self.{step.module}, {', '.join(parts)})"
    if len(step.targets) == 1:
        return statement(f"{step.targets[0]} = {product}", 2, _comment(step.shape, words))
    name = f"{step.module.removeprefix('mix_').removeprefix('bias_')}_level"
    lines = statement(f"{name} = {product}", 2, _comment(step.shape, words))
    sizes = _sizes(step.output_widths)
    return [*lines, *unpacking(step.targets, f"{name}.split({sizes}, -1)", 2)]


def _sizes(widths: Sequence[int]) -> str:
    """What `split` takes: the one width, or a list in which many equal ones in a row are a product."""
    if len(set(widths)) == 1:
        return str(widths[0])
    runs = [(width, len(list(equal))) for width, equal in groupby(widths)]
    parts = [
        f"*[{width}] * {count}" if count > 8 else ", ".join([str(width)] * count)
        for width, count in runs
    ]
    return f"[{', '.join(parts)}]"


def _term(term: Term) -> str:
    return unsqueezed(_permuted(term.source, term.permutation), term.inserted)


def _expand(step: Expand, plan: LayerPlan) -> str:
    sizes = ["-1"] * (2 + len(step.shape.axes))
    for dim in step.dims:
        sizes[dim] = _size(step.shape.axes[dim - 1], plan)
    return f"{step.source}.expand({', '.join(sizes)})"


def _size(axis: Axis, plan: LayerPlan) -> str:
    """The size of an axis: read off an input or a mask, else the one it was built with."""
    if axis.masked:
        return f"{mask_name(axis)}.shape[{len(mask_axes(axis))}]"
    for fold in _folds(plan):
        if axis in fold.shape.axes:
            return f"{fold.target}.shape[{1 + fold.shape.axes.index(axis)}]"
    return str(axis.size)


def _unfold(step: Unfold) -> str:
    text = step.source
    if step.pinned:
        sizes = ", ".join(map(str, (*step.pinned, step.channels)))
        text = f"{text}.unflatten(-1, ({sizes}))"
    return _permuted(text, step.permutation)


def _permuted(text: str, permutation: tuple[int, ...] | None) -> str:
    if permutation is None:
        return text
    moved = [i for i, dim in enumerate(permutation) if i != dim]
    if len(moved) == 2:
        return f"{text}.transpose({moved[0]}, {moved[1]})"
    return f"{text}.permute({', '.join(map(str, permutation))})"


def _returned(plan: LayerPlan) -> str:
    values = []
    for result in plan.results:
        value = masked_value(result.source, result.operand.tensor.axes)
        if not result.operand.name:
            return value
        values.append(f'"{result.operand.name}": {value}')
    return f"{{{', '.join(values)}}}"


def masked_value(value: str, axes: Sequence[Axis]) -> str:
    """Code that puts zeros where masked axes have no position."""
    for dim, axis in enumerate(axes, start=1):
        if axis.masked:
            dims = [
                next(d for d in range(dim, 0, -1) if axes[d - 1].name == each.name)
                for each in mask_axes(axis)
            ]
            value = f"apply_mask({value}, {mask_name(axis)}, {', '.join(map(str, dims))})"
    return value


def _comment(shape: Shape, words: dict[str, str]) -> str:
    dims = ["batch", *(words[axis.name] for axis in shape.axes), str(shape.features)]
    return f"({', '.join(dims)})"
