"""The class of an equivariant layer: pool, mix, spread, one line a step, shapes beside the lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import assert_never

from ..names import counted
from ..operations.broadcast import unsqueezed
from ..operations.masks import mask_axes, mask_name, masked_reduction
from ..planning.module_plan import LayerUse
from ..planning.plan import (
    Arranged,
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
from ..symmetry.derive import Maps
from ..symmetry.folding import Runs
from ..types import Axis
from .layout import docstring, indent, statement, unpacking
from .tables import Words, layer_tables, layer_words, module_name, moves, products


def emit_layer(layer: LayerUse) -> list[str]:
    """The lines of the class."""
    words = layer_words(layer.plan.maps)
    body = [
        *docstring([layer.signature, *_paragraphs(layer, words)]),
        "",
        *layer_tables(layer, words),
        "",
        *_constructor(layer.plan.maps),
        "",
        *_reset(layer.plan.maps),
        "",
        *_forward(layer, words),
    ]
    return [f"class {layer.name}(Equivariant):", *indent(body)]


# --- What the class says of itself ----------------------------------------------------------------


def _paragraphs(layer: LayerUse, words: Words) -> list[str]:
    maps = layer.plan.maps
    own = dict(maps.own)
    moving = dict.fromkeys(
        axis
        for each in (*maps.inputs, *maps.outputs)
        for axis in each.tensor.axes
        if not axis.pinned
    )
    groups = ", ".join(moves(axis, words.plain) + _of_each(own.get(axis.name)) for axis in moving)
    counts = (
        f"{counted(maps.dimension, 'map')} and {counted(maps.bias_dimension, 'bias', 'biases')} "
        f"for each pair of channels, from {counted(maps.pool_total, 'pool')} and "
        f"{counted(maps.spread_total, 'spread')} in {counted(maps.product_total, 'product')}."
    )
    return [(f"Commutes with {groups}.\n" if groups else "") + counts]


def _of_each(runs: Runs | None) -> str:
    if runs is None:
        return ""
    first, last = runs.named(0), runs.named(runs.count - 1)
    return f" in each of `{first}` to `{last}`"


# --- Parameters ----------------------------------------------------------------------------------


def _constructor(maps: Maps) -> list[str]:
    body = ["super().__init__()", 'factory = {"device": device, "dtype": dtype}']
    for level, each in products(maps):
        read, written = maps.pool_width(level, each), maps.spread_width(level, each)
        name = module_name(each)
        if not each.pools:
            body += statement(f"self.{name} = nn.Parameter(torch.empty({written}, **factory))", 2)
            continue
        bias = "" if each.bias else "bias=False, "
        mix = f"Mix({read}, {written}, {bias}**factory)"
        if each.rank is not None:
            mix = f"FactoredMix({read}, {written}, {each.rank}, {bias}**factory)"
        if each.runs is not None:
            mix = f"nn.ModuleList([{mix} for _ in range({each.count})])"
        body += statement(f"self.{name} = {mix}", 2)
    return [*CONSTRUCTOR, *indent([*body, "self.reset_parameters()"])]


CONSTRUCTOR = [
    "def __init__(",
    "    self, device: torch.device | str | None = None, dtype: torch.dtype | None = None",
    ") -> None:",
]


def _reset(maps: Maps) -> list[str]:
    fans = _fan_ins(maps)
    body = ['"""Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""']
    for level, each in products(maps):
        name = module_name(each)
        rows = []
        for s in each.spreads:
            number = level.spreads[s].tensor
            count = maps.outputs[number].features * maps.spread_count(level, each, s)
            rows.append(f"({count}, {fans[number]})")
        draw = "init_mix_({}.weight, [{}])" if each.rank is None else "init_factored_mix_({}, [{}])"
        if each.pools and each.runs:
            body.append(f"for mix in self.{name}:")
            body += indent(statement(draw.format("mix", ", ".join(rows)), 3))
        elif each.pools:
            body += statement(draw.format(f"self.{name}", ", ".join(rows)), 2)
        if each.bias:
            body.append(f"nn.init.zeros_(self.{name}{'.bias' if each.pools else ''})")
    return ["def reset_parameters(self) -> None:", *indent(body)]


def _fan_ins(maps: Maps) -> list[int]:
    """For each output the pooled features that one of its entries sums up, on average."""
    totals = [0.0] * len(maps.outputs)
    for level, each in products(maps):
        for s in each.spreads:
            spread = level.spreads[s]
            axes = maps.outputs[spread.tensor].tensor.axes
            share = 1.0
            for block in (*spread.strands, *spread.whole):
                share /= axes[block[0]].size ** (len(block) - 1)
            totals[spread.tensor] += share * maps.pool_width(level, each)
    return [max(1, round(total)) for total in totals]


# --- Forward -------------------------------------------------------------------------------------


def _forward(layer: LayerUse, words: Words) -> list[str]:
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


def _step(step: Step, plan: LayerPlan, words: Words) -> list[str]:
    comment = _comment(step.shape, words)
    if isinstance(step, Mix):
        return _mix(step, comment)
    if step.runs is None:
        text = _code(step, plan)
        return [] if text is None else statement(f"{step.target} = {text}", 2, comment)
    text = _for_each(_code(_of_run(step), plan), step.runs)
    return statement(f"{step.target} = {text}", 2, f"each {comment}")


def _for_each(code: str | None, runs: Runs) -> str:
    return f"[{code} for i in range({runs.count})]"


def _of_run(step: Fold | Diagonal | Mean | SpreadStep) -> Fold | Diagonal | Mean | SpreadStep:
    """The step for run number `i`: it reads that one of each list."""
    match step:
        case Fold():
            return step
        case Sum():
            terms = (replace(term, source=f"{term.source}[i]") for term in step.terms)
            return replace(step, terms=tuple(terms))
        case _:
            return replace(step, source=f"{step.source}[i]")


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
    source = f"{step.argument}[{_key(step)}]" if step.key else step.argument
    text = _permuted(source, step.permutation)
    if step.pinned:
        text = f"{text}.flatten(-{step.pinned + 1})"
    return None if text == step.target else text


def _key(step: Fold) -> str:
    """The key of an input, with the number of the run where there is one for each."""
    return f'"{step.key}"' if step.runs is None else f'f"{_numbered(step.key, step.runs)}"'


def _numbered(name: str, runs: Runs) -> str:
    """A name with the number of run `i` of a list."""
    return name.format(f"{{i + {runs.first}}}" if runs.first else "{i}")


def _mix(step: Mix, comment: str) -> list[str]:
    """A product, and the cut of its result into what belongs to each spread."""
    level = f"{step.module.removeprefix('mix_').removeprefix('bias_')}_level"
    (first, *others) = step.targets
    names = [target.name for target in step.targets]
    widths = _sizes([target.width for target in step.targets])
    product = _product(step)
    if step.runs is not None:
        name = level if others else first.name
        lines = statement(f"{name} = {_for_each(product, step.runs)}", 2, f"each {comment}")
        split = f"zip(*[each.split({widths}, -1) for each in {level}], strict=True)"
        return [*lines, *unpacking(names, split, 2)] if others else lines
    if not others:
        split = "" if first.count is None else f".split({first.width}, -1)"
        return statement(f"{first.name} = {product}{split}", 2, comment)
    split = f"{level}.split({widths}, -1)"
    if any(target.count for target in step.targets):
        counts = [f"[{t.width}] * {t.count}" if t.count else str(t.width) for t in step.targets]
        split = f"sections({level}, {', '.join(counts)})"
    return [*statement(f"{level} = {product}", 2, comment), *unpacking(names, split, 2)]


def _product(step: Mix) -> str:
    """The matrix product of a level, of run `i` where each has its own."""
    of_run = "[i]" if step.runs else ""
    module = f"self.{step.module}{of_run}"
    parts = [_operand(each) for each in step.operands]
    if not parts:
        return f"{module}[None]"
    if len(parts) == 1 and step.operands[0].count is None:
        return f"{module}({parts[0]})"
    if step.formulation == "stack":
        return f"{module}(torch.cat([{', '.join(parts)}], -1))"
    return f"accumulate({module}, {', '.join(parts)})"


def _operand(operand: Arranged) -> str:
    if operand.count is None:
        source = f"{operand.source}[i]" if operand.of_run else operand.source
        return _permuted(source, operand.permutation)
    if operand.permutation is None:
        return f"*{operand.source}"
    return f"*[{_permuted('each', operand.permutation)} for each in {operand.source}]"


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
    own = dict(plan.maps.own)
    for fold in sorted(_folds(plan), key=lambda fold: fold.runs is not None):
        if axis in fold.shape.axes:
            run = "" if fold.runs is None else "[i]" if axis.name in own else "[0]"
            return f"{fold.target}{run}.shape[{1 + fold.shape.axes.index(axis)}]"
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
        name, runs = result.operand.name, result.operand.runs
        source = result.source if runs is None else f"{result.source}[i]"
        value = masked_value(source, result.operand.tensor.axes)
        if not name:
            return value
        if runs is None:
            values.append(f'"{name}": {value}')
        else:
            entry = f'f"{_numbered(name, runs)}": {value}'
            values.append(f"**{{{entry} for i in range({runs.count})}}")
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


def _comment(shape: Shape, words: Words) -> str:
    dims = ["batch", *(words.plain[axis.name] for axis in shape.axes), str(shape.features)]
    return f"({', '.join(dims)})"
