"""What a plan costs: floating-point operations and bytes through memory, in float32, for a batch of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log2
from typing import assert_never

from .plan import (
    Along,
    Average,
    Center,
    Copy,
    Diagonal,
    Embed,
    Expand,
    Fold,
    Formulation,
    LayerPlan,
    Lower,
    Mean,
    Mix,
    MixSpread,
    Pooled,
    PoolStep,
    Project,
    Shift,
    Step,
    Sum,
    TiedForm,
    TiedProduct,
    TiedSize,
    Trace,
    Unfold,
    Unwedge,
    Wedge,
)

BYTES = 4
LAUNCH_BYTES = 32_768
"""What starting one more kernel costs, as bytes moved in the same time."""
FLOPS_PER_BYTE = 8
"""So many floating-point operations take as long as moving a byte; measured with the next on a CPU."""
MATRIX_KERNELS, WINDOW_KERNELS, FREQUENCY_KERNELS = 4, 20, 32
"""How many kernels a block of a tied product starts: as a matrix, a convolution, in frequencies."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Floating-point operations, and bytes read and written."""

    flops: int
    bytes: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


def cost(plan: LayerPlan) -> Cost:
    """The cost of a layer at the sizes it is built for."""
    sizes = {step.target: step.shape.numbers for step in reductions(plan)}
    total = Cost(0, 0)
    for step in plan.steps:
        once = _step(step, sizes)
        count = step.runs.count if step.runs else 1
        total += Cost(count * once.flops, count * once.bytes)
    return total


def reductions(plan: LayerPlan) -> Iterator[PoolStep]:
    """The pools of a layer, those that are taken in one pass each by itself."""
    for step in plan.pools:
        if isinstance(step, Pooled):
            yield from step.means
        else:
            yield step


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


def cheaper_tied_form(blocks: Sequence[TiedSize], positions: int) -> TiedForm:
    """A tied product as a matrix or along its rings as a correlation: whichever takes less time."""
    if all(block.ring == 1 for block in blocks):
        return "matrix"
    matrix = _duration(_tied(TiedProduct("matrix", tuple(blocks)), positions))
    circulant = _duration(_tied(TiedProduct("circulant", tuple(blocks)), positions))
    return "matrix" if matrix <= circulant else "circulant"


def _duration(cost: Cost) -> float:
    """How long something takes, as bytes moved in that time."""
    return cost.bytes + cost.flops / FLOPS_PER_BYTE


def _tied(product: TiedProduct, positions: int) -> Cost:
    total = Cost(0, 0)
    for block in product.blocks:
        if product.form == "matrix" or block.ring == 1:
            total += _as_matrix(block, positions)
        elif block.windowed:
            total += _as_window(block, positions)
        else:
            total += _in_frequencies(block, positions)
    return total


def _as_matrix(block: TiedSize, positions: int) -> Cost:
    """The matrix is written from a table of its coefficients, and read."""
    entries = block.rows * block.columns
    moved = 3 * entries + positions * (block.rows + block.columns)
    return Cost(2 * positions * entries, BYTES * moved + MATRIX_KERNELS * LAUNCH_BYTES)


def _as_window(block: TiedSize, positions: int) -> Cost:
    """A convolution; inputs and results are copied into its order of dimensions and back."""
    kernel = block.taps * block.rows * block.columns // block.ring**2
    moved = 2 * kernel + 4 * positions * (block.rows + block.columns)
    flops = 2 * positions * block.ring * kernel
    return Cost(flops, BYTES * moved + WINDOW_KERNELS * LAUNCH_BYTES)


def _in_frequencies(block: TiedSize, positions: int) -> Cost:
    """Transforms of real numbers, 2.5 n log2 n operations, and complex products at half of n places."""
    kernel = block.rows * block.columns // block.ring
    transformed = kernel + positions * (block.rows + block.columns)
    flops = round(2.5 * log2(block.ring) * transformed) + 4 * positions * kernel
    moved = 4 * kernel + 6 * positions * (block.rows + block.columns)
    return Cost(flops, BYTES * moved + FREQUENCY_KERNELS * LAUNCH_BYTES)


def _step(step: Step, sizes: dict[str, int]) -> Cost:
    written = step.shape.numbers
    match step:
        case Center():
            read = sum(source.tensor.positions * source.tensor.width for source in step.sources)
            return Cost(read, BYTES * (read + written))
        case Shift():
            return Cost(written, 2 * BYTES * written)
        case Copy():
            return Cost(0, 0)
        case Fold():
            return Cost(0, 2 * BYTES * written if step.permutation and step.pinned else 0)
        case Diagonal():
            return Cost(0, 0)
        case Mean() | Trace() | Project() | Wedge():
            return Cost(sizes[step.source], BYTES * (sizes[step.source] + written))
        case Pooled():
            read, made = step.shape.numbers, sum(mean.shape.numbers for mean in step.means)
            return Cost(len(step.means) * read, BYTES * (read + made))
        case Mix():
            return Cost(0, 0) if step.fused else _mix(step)
        case MixSpread():
            return _mix_spread(step)
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
    if step.tied is not None:
        return _tied(step.tied, positions)
    read, written = sum(step.input_widths), step.shape.features
    matrix = read * written if step.rank is None else step.rank * (read + written)
    flops = 2 * positions * matrix
    moved = positions * (read + written + 2 * (step.rank or 0)) + matrix
    if step.formulation == "accumulate":
        moved += 2 * positions * written * (len(step.input_widths) - 1)
    elif len(step.input_widths) > 1:
        moved += 2 * positions * read
    return Cost(flops, BYTES * moved)


def _mix_spread(step: MixSpread) -> Cost:
    """One pass: everything is read once and the result is written once."""
    read, positions, written = sum(step.input_widths), step.shape.positions, step.shape.numbers
    flops = 2 * read * written + len(step.terms) * written
    return Cost(flops, BYTES * (positions * read + written + read * step.shape.features))
