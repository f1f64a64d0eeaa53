"""The kernels as functions of tensors: sizes, buffers and what is left to sum up after them.

Every tensor is contiguous, `(leads, height, width, channels)` by a `Grid`, and not empty.
"""

from __future__ import annotations

from functools import cache
from math import prod

import torch
from torch import Tensor

from . import tuning
from .grid import Grid, Terms


@cache
def multiprocessors(device: torch.device) -> int:
    """How many programs run at once; interpreted, a few."""
    return (
        torch.cuda.get_device_properties(device).multi_processor_count
        if device.type == "cuda"
        else 2
    )


def covered(x: Tensor, weight: Tensor, grid: Grid) -> bool:
    """Whether there is anything to compute, on a device with the matrix units that the kernels need, and
    positions in a tile can be told apart by 32 bits."""
    if x.numel() == 0 or weight.numel() == 0:
        return False
    apart = tuning.tall(grid.height, grid.width) * grid.width * max(weight.shape)
    device = x.device
    return apart < 2**31 and (device.type != "cuda" or capability(device) >= (8, 0))


@cache
def capability(device: torch.device) -> tuple[int, int]:
    """The compute capability of a GPU."""
    return torch.cuda.get_device_capability(device)


def precision(dtype: torch.dtype) -> str:
    """How matrix units multiply: float32 as TF32 where torch is told so, else as three such products,
    whose error is about that of float32."""
    if tuning.INTERPRETED:
        return "interpreted"
    return "tf32" if dtype != torch.float32 or _tf32() else "tf32x3"


def _tf32() -> bool:
    matmul = torch.backends.cuda.matmul
    chosen = getattr(matmul, "fp32_precision", None)
    return bool(matmul.allow_tf32) if chosen is None else chosen == "tf32"


def _steps(term: Tensor | None) -> tuple[int, int]:
    """The strides of `(leads, rows or columns, channels)` but the last."""
    return (0, 0) if term is None else (term.stride(0), term.stride(1))


def _per_multiprocessor(channels: int) -> int:
    """Programs that share a multiprocessor: more where their tiles are small."""
    return max(1, min(8, 256 // channels))


def product(
    x: Tensor, weight: Tensor, terms: Terms, relu: bool, gate: Tensor | None = None
) -> Tensor:
    """relu(x W^T + rows + columns) of `x` `(*axes, in)` and `weight` `(out, in)`, any strides of the
    latter; with a gate, `x` counts only where that is positive."""
    outs, ins = weight.shape
    grid = terms.grid
    y = x.new_empty((*x.shape[:-1], outs))
    resident = tuning.whole(ins, outs, x.dtype)
    kernel = tuning.whole_product if resident else tuning.blocked_product
    blocks = {"BLOCK_IN": tuning.padded(ins), "BLOCK_OUT": tuning.padded(outs)} if resident else {}
    tall = tuning.tall(grid.height, grid.width)
    at_once = multiprocessors(x.device) * _per_multiprocessor(max(ins, outs))

    def programs(known: dict[str, int]) -> tuple[int]:
        tiles = grid.leads * -(-grid.height // tall) * -(-grid.width * tall // known["POSITIONS"])
        return (min(tiles, at_once) if resident else tiles * -(-outs // known["BLOCK_OUT"]),)

    with torch.cuda.device_of(x):
        kernel[programs](
            x, x if gate is None else gate, weight,
            x if terms.rows is None else terms.rows, x if terms.columns is None else terms.columns, y,
            grid.leads, grid.height, grid.width, *weight.stride(),
            *_steps(terms.rows), *_steps(terms.columns), tuning.power(x.numel() // ins),
            IN=ins, OUT=outs, GATE=gate is not None, ROWS=terms.rows is not None,
            COLUMNS=terms.columns is not None, RELU=relu, PRECISION=precision(x.dtype),
            TALL=tall, **blocks,
        )  # fmt: skip
    return y


def gradient(
    dy: Tensor, y: Tensor | None, x: Tensor, weight: Tensor, terms: Terms, relu: bool, need: bool
) -> tuple[Tensor | None, Tensor, Tensor | None, Tensor | None]:
    """The gradients of `product`: of x (where there is need), of the weight, of rows and of columns.

    `y` is its result, needed where `relu` and not `tuning.whole(in, out, dtype)`.
    """
    outs, ins = weight.shape
    grid = terms.grid
    one = tuning.whole(ins, outs, x.dtype)
    block_in, block_out = (
        (tuning.padded(ins), tuning.padded(outs))
        if one
        else (min(tuning.padded(each), tuning.SIZES.block) for each in (ins, outs))
    )
    blocks = -(-ins // block_in) * -(-outs // block_out)
    at_once = multiprocessors(x.device) * _per_multiprocessor(max(block_in, block_out))
    tall = tuning.tall(grid.height, grid.width)
    strips = -(-grid.height // tall)
    chunk = tuning.chunk(grid.leads, grid.height, grid.width, at_once)
    chunks = -(-grid.width // chunk)
    programs = max(1, min(at_once // blocks, grid.leads * strips * chunks))

    def parts(*shape: int) -> Tensor:
        return x.new_empty(shape, dtype=torch.float32)

    dweight = parts(programs, outs, ins)
    drows = None if terms.rows is None else parts(grid.leads, grid.height, chunks, outs)
    dcolumns = None if terms.columns is None else parts(grid.leads, strips, grid.width, outs)
    dx = torch.empty_like(x) if need and one else None
    with torch.cuda.device_of(x):
        tuning.gradient[(programs * blocks,)](
            dy, dy if y is None else y, x, weight,
            x if terms.rows is None else terms.rows, x if terms.columns is None else terms.columns,
            x if dx is None else dx, dweight, dweight if drows is None else drows,
            dweight if dcolumns is None else dcolumns,
            grid.leads, grid.height, grid.width, chunk, *weight.stride(),
            *_steps(terms.rows), *_steps(terms.columns), tuning.power(x.numel() // ins),
            IN=ins, OUT=outs, WHOLE=one, DX=dx is not None, ROWS=terms.rows is not None,
            COLUMNS=terms.columns is not None, RELU=relu, PRECISION=precision(x.dtype),
            TALL=tall, BLOCK_IN=block_in, BLOCK_OUT=block_out,
        )  # fmt: skip
    if need and not one:
        dx = product(dy, weight.T, Terms(grid), False, gate=y if relu else None)
    return (
        dx,
        dweight.sum(0).to(weight.dtype),
        None if drows is None else drows.sum(2),
        None if dcolumns is None else dcolumns.sum(1),
    )


def sums(x: Tensor, grid: Grid, channels: int, columns: bool) -> tuple[Tensor, ...]:
    """Sums of x over each row, `(leads, height, channels)`, and where told so over each column,
    `(leads, width, channels)`, in float32 and one pass."""
    block = min(tuning.padded(channels), 128)
    tall = tuning.tall(grid.height, grid.width)
    strips = -(-grid.height // tall)
    chunk = tuning.chunk(grid.leads, grid.height, grid.width, 8 * multiprocessors(x.device))
    chunks = -(-grid.width // chunk)
    programs = grid.leads * strips * chunks * -(-channels // block)
    rows = x.new_empty((grid.leads, grid.height, chunks, channels), dtype=torch.float32)
    strip = (grid.leads, strips, grid.width, channels) if columns else (0,)
    column_sums = x.new_empty(strip, dtype=torch.float32)
    with torch.cuda.device_of(x):
        tuning.pool[(programs,)](
            x, rows, column_sums,
            grid.leads, grid.height, grid.width, chunk, tuning.power(prod(grid.axes)),
            CHANNELS=channels, COLUMNS=columns, TALL=tall, BLOCK=block,
        )  # fmt: skip
    return (rows.sum(2), column_sums.sum(1)) if columns else (rows.sum(2),)


def spread(
    x: Tensor, grid: Grid, channels: int, rows: Tensor | None, columns: Tensor | None
) -> Tensor:
    """x + rows / width + columns / height: the gradient of x and of its means over rows and columns."""
    block = min(tuning.padded(channels), 128)
    tall = tuning.tall(grid.height, grid.width)
    y = torch.empty_like(x)

    def programs(known: dict[str, int]) -> tuple[int]:
        wide = known["POSITIONS"] // tall
        tiles = grid.leads * -(-grid.height // tall) * -(-grid.width // wide)
        return (tiles * -(-channels // block),)

    with torch.cuda.device_of(x):
        tuning.spread[programs](
            x, x if rows is None else rows, x if columns is None else columns, y,
            grid.leads, grid.height, grid.width, 1 / grid.width, 1 / grid.height,
            tuning.power(prod(grid.axes)),
            CHANNELS=channels, ROWS=rows is not None, COLUMNS=columns is not None, TALL=tall, BLOCK=block,
        )  # fmt: skip
    return y
