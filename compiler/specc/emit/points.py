"""The lines of a layer that take points from their center, and bring them back."""

from __future__ import annotations

from typing import assert_never

from ..operations.broadcast import unsqueezed
from ..operations.masks import masked_reductions
from ..planning.plan import Center, Copy, LayerPlan, PointSource, PointStep, Shift
from .layout import statement
from .steps import axis_size


def point_lines(step: PointStep, plan: LayerPlan, comment: str) -> list[str]:
    """The line of a step, with its shape beside it."""
    return statement(f"{step.target} = {_code(step, plan)}", 2, comment)


def _code(step: PointStep, plan: LayerPlan) -> str:
    match step:
        case Center():
            means = [_mean(source) for source in step.sources]
            total = " + ".join(means)
            return total if len(means) == 1 else f"({total}) / {len(means)}"
        case Shift():
            sign = "+" if step.added else "-"
            return f"{step.source} {sign} {unsqueezed(step.center, step.inserted)}"
        case Copy():
            sizes = ["-1"] * (2 + len(step.shape.axes))
            sizes[-1] = str(step.shape.features)
            for dim in step.inserted:
                sizes[dim] = axis_size(step.shape.axes[dim - 1], plan)
            if sizes[-1] == "1" and not step.inserted:
                return step.center
            return f"{unsqueezed(step.center, step.inserted)}.expand({', '.join(sizes)})"
        case _:
            assert_never(step)


def _mean(source: PointSource) -> str:
    """The mean over positions, over what is there alone, and over channels."""
    tensor = source.tensor
    dims = [1 + i for i in range(len(tensor.axes)) if i != tensor.coordinates]
    if any(tensor.axes[dim - 1].masked for dim in dims):
        value = masked_reductions("mean", source.code, tensor.axes, dims)
    elif dims:
        value = f"{source.code}.mean({dims[0] if len(dims) == 1 else tuple(dims)})"
    else:
        value = source.code
    return f"{value}.mean(-1, keepdim=True)" if tensor.width > 1 else value
