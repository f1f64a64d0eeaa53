"""What a plan costs: floating-point operations and bytes through memory, in float32, for a batch of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from .plan import (
    Along,
    Average,
    Diagonal,
    Embed,
    Expand,
    Fold,
    Formulation,
    LayerPlan,
    Lower,
    Mean,
    Mix,
    Project,
    Step,
    Sum,
    Trace,
    Unfold,
    Unwedge,
    Wedge,
)

BYTES = 4
LAUNCH_BYTES = 32_768
"""What starting one more kernel costs, as bytes moved in the same time."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Floating-point operations, and bytes read and written."""

    flops: int
    bytes: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


def cost(plan: LayerPlan) -> Cost:
    """The cost of a layer at the sizes it is built for."""
    sizes = {step.target: step.shape.numbers for step in plan.pools}
    total = Cost(0, 0)
    for step in plan.steps:
        once = _step(step, sizes)
        count = step.runs.count if step.runs else 1
        total += Cost(count * once.flops, count * once.bytes)
    return total


def cheaper_formulation(
    inputs: Sequence[int], outputs: Sequence[int], positions: int
) -> Formulation:
    """Stack the pools for one product, or add up a product for each: whichever moves fewer bytes.

    Stacking writes the pools once more and reads them again; adding up reads and writes the
    products once more for each pool after the first, and starts as many kernels.
    """
    stacked = BYTES * positions * 2 * sum(inputs)
    extra = len(inputs) - 1
    added = extra * (BYTES * positions * 2 * sum(outputs) + LAUNCH_BYTES)
    return "stack" if stacked <= added else "accumulate"


def _step(step: Step, sizes: dict[str, int]) -> Cost:
    written = step.shape.numbers
    match step:
        case Fold():
            return Cost(0, 2 * BYTES * written if step.permutation and step.pinned else 0)
        case Diagonal():
            return Cost(0, 0)
        case Mean() | Trace() | Project() | Wedge():
            return Cost(sizes[step.source], BYTES * (sizes[step.source] + written))
        case Mix():
            return _mix(step)
        case Sum():
            return Cost(
                (len(step.terms) - 1) * written, 2 * BYTES * written * (len(step.terms) - 1)
            )
        case Expand():
            return Cost(0, 0)
        case Average():
            return Cost(len(step.parts) * written, 3 * BYTES * written)
        case Embed() | Along() | Lower() | Unwedge():
            return Cost(0, BYTES * written)
        case Unfold():
            return Cost(0, 2 * BYTES * written if step.permutation else 0)
        case _:
            assert_never(step)


def _mix(step: Mix) -> Cost:
    positions = step.shape.positions
    read, written = sum(step.input_widths), step.shape.features
    matrix = read * written if step.rank is None else step.rank * (read + written)
    flops = 2 * positions * matrix
    moved = positions * (read + written + 2 * (step.rank or 0)) + matrix
    if step.formulation == "accumulate":
        moved += 2 * positions * written * (len(step.input_widths) - 1)
    elif len(step.input_widths) > 1:
        moved += 2 * positions * read
    return Cost(flops, BYTES * moved)
