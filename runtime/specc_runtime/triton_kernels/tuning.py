"""Which sizes of tiles the kernels are tried with, and which of them fit a multiprocessor.

The first call for some numbers of channels, dtype and size (to a power of two) measures the candidates;
the fastest serves from then on. Interpreted there is one small candidate, and nothing is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
from triton import Config, knobs

from . import kernels

Fits = Callable[[Mapping[str, Any], Config], bool]

INTERPRETED = bool(knobs.runtime.interpret)

REGISTERS = 192
"""Numbers in float32 that a thread has room for in its tiles, of 255 registers."""
SHARED = 200 * 1024
"""Bytes of shared memory for the stages of a pipeline, of 227 KB at compute capability 9.0."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes that are chosen, not measured: rows of a tile; channels of two bytes that are one
    block at most, and channels in a block where they are more; positions of the largest tile."""

    tall: int
    whole: int
    block: int
    positions: int


SIZES = Sizes(4, 64, 16, 32) if INTERPRETED else Sizes(32, 128, 128, 512)


def power(count: int) -> int:
    """The power of two that is not below a count."""
    return 1 << max(0, count - 1).bit_length()


def padded(channels: int) -> int:
    """Channels of a block that has them all: matrix units take at least 16."""
    return max(16, power(channels))


def whole(ins: int, outs: int, dtype: torch.dtype) -> bool:
    """Whether one block has all channels of both sides: half as many in float32."""
    return max(padded(ins), padded(outs)) * dtype.itemsize <= 2 * SIZES.whole


def tall(height: int, width: int) -> int:
    """Rows of a tile: more where there are few columns."""
    few = max(1, 8 // power(width))
    return min(power(height), SIZES.tall * (1 if INTERPRETED else few))


def chunk(leads: int, height: int, width: int, programs: int) -> int:
    """Columns that a program sums up, whole tiles: all, or fewer where programs would be too few."""
    strips = leads * -(-height // tall(height, width))
    parts = max(1, 2 * programs // strips)
    tile = SIZES.positions // tall(height, width)
    return -(-width // (parts * tile)) * tile


def _config(
    positions: int, warps: int, stages: int, parts: int = 0, ins: int = 0, outs: int = 0
) -> Config:
    """A tile, its pipeline, and what a kernel chooses besides: parts of a sum, blocks of channels."""
    others = {"PARTS": parts, "BLOCK_IN": ins, "BLOCK_OUT": outs}
    chosen = {name: size for name, size in others.items() if size}
    return Config({"POSITIONS": positions, **chosen}, num_warps=warps, num_stages=stages)


def kept(configs: list[Config], known: Mapping[str, Any], fits: Fits) -> list[Config]:
    """The configurations that fit, or the least demanding one."""
    possible = [
        each
        for each in configs
        if each.kwargs["POSITIONS"] >= max(16 * each.kwargs.get("PARTS", 1), known["TALL"])
    ]
    fitting = [each for each in possible if fits({**known, **each.kwargs}, each)]
    return fitting or [min(possible, key=lambda each: (each.kwargs["POSITIONS"], each.num_stages))]


def _tuned(
    kernel: Any, channels: list[str], fits: Fits, configs: list[Config], interpreted: Config
) -> Any:
    """A kernel that takes the fastest of its configurations for channels and size."""

    def pruned(configs: list[Config], known: dict[str, Any], **others: Any) -> list[Config]:
        return kept(configs, {**known, **others}, fits)

    chosen = [interpreted] if INTERPRETED else configs
    return triton.autotune(chosen, [*channels, "size"], {"early_config_prune": pruned})(kernel)


def product_fits(known: Mapping[str, Any], config: Config) -> bool:
    positions, ins, outs = known["POSITIONS"], known["BLOCK_IN"], known["BLOCK_OUT"]
    resident = known["IN"] <= ins
    staged = positions * ins * (2 if known["GATE"] else 1) + (0 if resident else ins * outs)
    numbers = config.num_stages * staged + (ins * outs if resident else 0)
    each = positions * outs / (32 * config.num_warps)
    return 4 <= each <= 128 and bool(numbers * known["x"].element_size() <= SHARED)


def gradient_fits(known: Mapping[str, Any], config: Config) -> bool:
    """Few channels are summed up by as many parts as there are warps, others by one."""
    positions, ins, outs = known["POSITIONS"], known["BLOCK_IN"], known["BLOCK_OUT"]
    recomputed = known["RELU"] and known["WHOLE"]
    tiles = ins * outs + positions * (outs * (2 if recomputed else 1) + ins * known["DX"])
    staged = positions * (ins + outs * (2 if known["RELU"] and not known["WHOLE"] else 1))
    numbers = config.num_stages * staged + (ins * outs if known["WHOLE"] else 0)
    each = tiles / (32 * config.num_warps)
    parts = config.num_warps if min(ins, outs) < 64 else 1
    if known["PARTS"] != parts or positions < 16 * parts:
        return False
    return 4 <= each <= REGISTERS and bool(numbers * known["x"].element_size() <= SHARED)


def box_fits(known: Mapping[str, Any], config: Config) -> bool:
    return bool(4 <= known["POSITIONS"] * known["BLOCK"] / (32 * config.num_warps) <= 128)


WHOLE = [
    _config(*each)
    for each in (
        (64, 4, 2), (64, 4, 3), (128, 4, 2), (128, 4, 3), (128, 4, 4), (128, 8, 2), (128, 8, 3),
        (256, 4, 3), (256, 8, 2), (256, 8, 3), (512, 8, 2),
    )
]  # fmt: skip
BLOCKED = [
    _config(positions, warps, stages, 0, ins, outs)
    for positions, outs, ins, warps, stages in (
        (128, 128, 64, 4, 3), (128, 128, 64, 4, 4), (128, 128, 64, 8, 3), (128, 256, 64, 8, 3),
        (128, 256, 64, 8, 4), (256, 128, 64, 8, 3), (64, 256, 64, 4, 4), (64, 256, 64, 8, 3),
        (128, 128, 32, 8, 2), (128, 128, 32, 8, 3), (64, 128, 32, 4, 3),
    )
]  # fmt: skip
GRADIENT = [
    _config(*each, parts)
    for parts in (1, 4, 8)
    for each in (
        (32, 8, 2), (64, 4, 2), (64, 4, 3), (64, 8, 2), (64, 8, 3), (128, 4, 2), (128, 4, 3),
        (128, 8, 2), (128, 8, 3), (256, 8, 2), (256, 8, 3),
    )
]  # fmt: skip
BOXES = [
    _config(*each) for each in ((64, 4, 3), (128, 4, 3), (256, 4, 2), (256, 8, 2), (512, 8, 2))
]

whole_product = _tuned(kernels.product, ["IN", "OUT"], product_fits, WHOLE, _config(32, 4, 1))
blocked_product = _tuned(
    kernels.product, ["IN", "OUT"], product_fits, BLOCKED, _config(32, 4, 1, 0, 16, 16)
)
gradient = _tuned(kernels.gradient, ["IN", "OUT"], gradient_fits, GRADIENT, _config(32, 4, 1, 2))
pool = _tuned(kernels.pool, ["CHANNELS"], box_fits, BOXES, _config(32, 4, 1))
spread = _tuned(kernels.spread, ["CHANNELS"], box_fits, BOXES, _config(32, 4, 1))
