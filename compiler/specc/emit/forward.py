"""The `forward` of an equivariant layer: pool, mix, spread, one line a step, shapes beside the lines."""

from __future__ import annotations

from collections.abc import Sequence

from ..operations.masks import mask_axes, mask_name
from ..planning.module_plan import LayerUse
from ..planning.plan import Center, Copy, LayerPlan, Mix, Pooled, Shift, Step
from ..types import Axis
from .layout import indent, statement
from .mixes import mix_lines
from .points import point_lines
from .steps import numbered, shape_comment, step_lines
from .tables import Words


def forward(layer: LayerUse, words: Words) -> list[str]:
    """The lines of the method."""
    plan = layer.plan
    body = _promotions(plan)
    sections: tuple[tuple[str, Sequence[Step]], ...] = (
        ("displacements from the center of all points", plan.centers),
        ("pool", plan.pools),
        ("mix", plan.mixes),
        ("spread", plan.spreads),
        ("points", plan.points),
    )
    for title, steps in sections:
        lines = [line for step in steps for line in _lines(step, plan, words)]
        if lines:
            body += [f"# {title}", *lines]
    body += statement(f"return {_returned(plan)}", 2)
    arguments = [
        f"{argument.name}: {'dict[str, Tensor]' if argument.is_collection else 'Tensor'}"
        for argument in plan.arguments
    ]
    arguments += [f"{mask_name(axis)}: Tensor" for axis in layer.masks]
    if plan.activated:
        arguments.append("activation: Activation = as_is")
    single = len(plan.results) == 1 and not plan.results[0].operand.name
    kind = "Tensor" if single else "dict[str, Tensor]"
    head = statement(f"def forward(self, {', '.join(arguments)}) -> {kind}:", 1)
    decorator = ["@fused_if_small"] if plan.is_plain else []
    return [*decorator, *head, *indent(body)]


def _promotions(plan: LayerPlan) -> list[str]:
    """A layer with complex coefficients reads real tensors as complex ones."""
    if not plan.maps.is_complex:
        return []
    real = [each.name for each in plan.maps.inputs if not each.tensor.complex]
    alone = len(plan.arguments) == 1
    lines: list[str] = []
    for argument in plan.arguments:
        if any(alone or name.partition(".")[0] == argument.name for name in real):
            word = "all_complex" if argument.is_collection else "as_complex"
            lines += statement(f"{argument.name} = {word}({argument.name})", 2)
    return lines


def _lines(step: Step, plan: LayerPlan, words: Words) -> list[str]:
    comment = shape_comment(step.shape, words)
    match step:
        case Pooled():
            shapes = (shape_comment(mean.shape, words) for mean in step.means)
            return step_lines(step, plan, ", ".join(shapes))
        case Mix():
            return mix_lines(step, comment)
        case Center() | Shift() | Copy():
            return point_lines(step, plan, comment)
        case _:
            return step_lines(step, plan, comment)


def _returned(plan: LayerPlan) -> str:
    values = []
    for result in plan.results:
        name, runs = result.operand.name, result.operand.runs
        source = result.source if runs is None else f"{result.source}[i]"
        if plan.activated and not result.activated:
            source = f"activation({source})"
        value = masked_value(source, result.operand.tensor.axes)
        if not name:
            return value
        if runs is None:
            values.append(f'"{name}": {value}')
        else:
            entry = f'f"{numbered(name, runs)}": {value}'
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
