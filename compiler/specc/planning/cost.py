"""What a plan costs: floating-point operations, bytes through memory and operations started, in float32.

The sum of the three, each in the time that it takes, orders formulations of a layer by their speed;
`tests/benchmarks/planning.py` holds that order against measurements.
"""

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
    """Floating-point operations, bytes read and written, and operations started."""

    flops: int
    bytes: int
    starts: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes, self.starts + other.starts)

    def times(self, count: int) -> Cost:
        """That of so many."""
        return Cost(count * self.flops, count * self.bytes, count * self.starts)

    @property
    def duration(self) -> float:
        """How long it takes, as bytes moved in that time."""
        return self.bytes + self.flops / FLOPS_PER_BYTE + self.starts * LAUNCH_BYTES


def cost(plan: LayerPlan, batch: int = 1) -> Cost:
    """The cost of a layer at the sizes it is built for."""
    sizes = {step.target: step.shape.numbers for step in reductions(plan)}
    total = Cost(0, 0)
    for step in plan.steps:
        once = _step(step, sizes)
        count = step.runs.count if step.runs else 1
        moved = Cost(once.flops, once.bytes).times(batch * count)
        total += moved + Cost(0, 0, once.starts * (1 if _at_once(step) else count))
    return total


def floor(plan: LayerPlan) -> Cost:
    """The least that a layer can cost: all inputs read once, all outputs written once, and the
    products of its full-size tensors."""
    maps = plan.maps
    read = sum(each.count * each.tensor.positions * each.tensor.width for each in maps.inputs)
    written = sum(each.count * each.tensor.positions * each.tensor.width for each in maps.outputs)
    full = [step for step in plan.steps if isinstance(step, MixSpread)]
    flops = sum(
        2 * sum(step.input_widths) * step.shape.numbers * (step.runs.count if step.runs else 1)
        for step in full
    )
    return Cost(flops, BYTES * (read + written))


def passes(plan: LayerPlan) -> float:
    """How often a layer goes through its tensors; twice, to read and to write, at the least."""
    return 2 * cost(plan).bytes / floor(plan).bytes


def _at_once(step: Step) -> bool:
    """Whether one operation serves all runs."""
    return isinstance(step, Fold | Mean | Sum | Mix) and step.batched


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
    matrix = _tied(TiedProduct("matrix", tuple(blocks)), positions)
    circulant = _tied(TiedProduct("circulant", tuple(blocks)), positions)
    return "matrix" if matrix.duration <= circulant.duration else "circulant"


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
    return Cost(2 * positions * entries, BYTES * moved, MATRIX_KERNELS)


def _as_window(block: TiedSize, positions: int) -> Cost:
    """A convolution; inputs and results are copied into its order of dimensions and back."""
    kernel = block.taps * block.rows * block.columns // block.ring**2
    moved = 2 * kernel + 4 * positions * (block.rows + block.columns)
    flops = 2 * positions * block.ring * kernel
    return Cost(flops, BYTES * moved, WINDOW_KERNELS)


def _in_frequencies(block: TiedSize, positions: int) -> Cost:
    """Transforms of real numbers, 2.5 n log2 n operations, and complex products at half of n places."""
    kernel = block.rows * block.columns // block.ring
    transformed = kernel + positions * (block.rows + block.columns)
    flops = round(2.5 * log2(block.ring) * transformed) + 4 * positions * kernel
    moved = 4 * kernel + 6 * positions * (block.rows + block.columns)
    return Cost(flops, BYTES * moved, FREQUENCY_KERNELS)


def _step(step: Step, sizes: dict[str, int]) -> Cost:
    """The cost of one run of a step for a batch of one."""
    written = step.shape.numbers
    match step:
        case Center():
            read = sum(source.tensor.positions * source.tensor.width for source in step.sources)
            return Cost(read, BYTES * (read + written), len(step.sources))
        case Shift():
            return Cost(written, 2 * BYTES * written, 1)
        case Copy() | Diagonal() | Expand():
            return Cost(0, 0)
        case Fold():
            copied = (step.permutation and step.pinned) or step.batched
            return Cost(0, 2 * BYTES * written, 1) if copied else Cost(0, 0)
        case Pooled():
            read, made = step.shape.numbers, sum(mean.shape.numbers for mean in step.means)
            return Cost(len(step.means) * read, BYTES * (read + made), 1 + (step.runs is not None))
        case Mean() | Trace() | Project() | Wedge():
            return Cost(sizes[step.source], BYTES * (sizes[step.source] + written), 1)
        case Mix():
            return Cost(0, 0) if step.fused else _mix(step)
        case MixSpread():
            return _mix_spread(step)
        case Sum():
            added = len(step.terms) - 1
            return Cost(added * written, 2 * BYTES * written * added, max(1, added))
        case Average():
            return Cost(len(step.parts) * written, 3 * BYTES * written, len(step.parts))
        case Embed() | Along() | Lower() | Unwedge():
            return Cost(0, BYTES * written, 1)
        case Unfold():
            return Cost(0, 2 * BYTES * written, 1) if step.permutation else Cost(0, 0)
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
    starts = 1 if step.rank is None else 2
    if step.formulation == "accumulate":
        moved += 2 * positions * written * (len(step.input_widths) - 1)
        starts += 2 * (len(step.input_widths) - 1)
    elif len(step.input_widths) > 1:
        moved += 2 * positions * read
        starts += 1
    return Cost(flops, BYTES * moved, starts)


def _mix_spread(step: MixSpread) -> Cost:
    """One pass: everything is read once and the result is written once."""
    read, positions, written = sum(step.input_widths), step.shape.positions, step.shape.numbers
    flops = 2 * read * written + len(step.terms) * written
    return Cost(flops, BYTES * (positions * read + written + read * step.shape.features), 1)
