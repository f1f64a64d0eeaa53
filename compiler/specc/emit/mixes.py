"""The lines of a layer's matrix products: one for each level, and the cut of what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ..planning.plan import Arranged, Mix
from .layout import statement, unpacking
from .steps import for_each, permuted


def mix_lines(step: Mix, comment: str) -> list[str]:
    """A product, and the cut of its result into what belongs to each spread."""
    level = f"{step.module.removeprefix('mix_').removeprefix('bias_')}_level"
    (first, *others) = step.targets
    names = [target.name for target in step.targets]
    widths = _sizes([target.width for target in step.targets])
    product = _product(step)
    if step.runs is not None:
        name = level if others else first.name
        lines = statement(f"{name} = {for_each(product, step.runs)}", 2, f"each {comment}")
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
        whole = permuted(source, operand.permutation)
        return f"{whole}[..., 1:]" if operand.without_first else whole
    if operand.permutation is None:
        return f"*{operand.source}"
    return f"*[{permuted('each', operand.permutation)} for each in {operand.source}]"


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
