"""The lines of a layer's matrix products: one for each level, and the cut of what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ..planning.plan import Arranged, Mix
from .layout import statement, unpacking
from .steps import after_runs, for_each, of_all_runs, operand_code, permuted


def mix_lines(step: Mix, comment: str) -> list[str]:
    """A product, and the cut of its result into what belongs to each spread; none if spreads have it."""
    if step.fused:
        return []
    level = f"{step.module.removeprefix('mix_').removeprefix('bias_')}_level"
    (first, *others) = step.targets
    names = [target.name for target in step.targets]
    widths = _sizes([target.width for target in step.targets])
    product = _product(step)
    if step.batched:
        assert step.runs is not None
        comment = of_all_runs(comment, step.runs)
    elif step.runs is not None:
        name = level if others else first.name
        lines = statement(f"{name} = {for_each(product, step.runs)}", 2, f"each {comment}")
        split = f"zip(*[each.split({widths}, -1) for each in {level}], strict=True)"
        return [*lines, *unpacking(names, split, 2)] if others else lines
    if not others:
        if first.count is not None:
            product = f"runs_first({product}, {first.count})"
        return statement(f"{first.name} = {product}", 2, comment if first.count is None else "")
    split = f"{level}.split({widths}, -1)"
    if any(target.count for target in step.targets):
        counts = [f"[{t.width}] * {t.count}" if t.count else str(t.width) for t in step.targets]
        split = f"sections({level}, {', '.join(counts)})"
    return [*statement(f"{level} = {product}", 2, comment), *unpacking(names, split, 2)]


def _product(step: Mix) -> str:
    """The matrix product of a level, of run `i` where each has its own."""
    module = f"self.{step.module}"
    parts = [_operand(each, step) for each in step.operands]
    if not parts:
        return f"{module}[None]"
    one = len(parts) == 1 and step.operands[0].count is None
    joined = parts[0] if one else f"torch.cat([{', '.join(parts)}], -1)"
    if step.runs is not None and not step.batched:
        if step.is_matrix:
            return f"F.linear({joined}, {module}.weight[i])"
        module += "[i]"
    if one or step.formulation == "stack":
        return f"{module}({joined})"
    return f"accumulate({module}, {', '.join(parts)})"


def _operand(operand: Arranged, step: Mix) -> str:
    if step.batched and step.runs is not None:
        if operand.of_run:
            return permuted(operand.source, after_runs(operand.permutation))
        sizes = ", ".join(["-1"] * (2 + len(step.shape.axes)))
        return f"{operand_code(operand)}.expand({step.runs.count}, {sizes})"
    if operand.count is None:
        return operand_code(operand)
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
