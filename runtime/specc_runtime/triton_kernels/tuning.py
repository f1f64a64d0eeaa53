"""Which sizes of tiles the kernels are tried with, and which of them fit a multiprocessor.

The first call for some numbers of channels, dtype and size (to a power of two) measures the candidates;
the fastest serves from then on. Interpreted there is one small candidate, and nothing is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product as pairs
from typing import Any

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
    """Sizes that are chosen, not measured: rows of a tile; channels that are one block at most, and
    in a block where they are more; positions of a tile."""

    tall: int
    whole: int
    block: int
    positions: tuple[int, ...]


SIZES = Sizes(4, 32, 16, (16,)) if INTERPRETED else Sizes(32, 128, 128, (32, 64, 128, 256, 512))


def power(count: int) -> int:
    """The power of two that is not below a count."""
    return 1 << max(0, count - 1).bit_length()


def padded(channels: int) -> int:
    """Channels of a block that has them all: matrix units take at least 16."""
    return max(16, power(channels))


def whole(ins: int, outs: int) -> bool:
    """Whether one block has all channels of both sides."""
    return max(padded(ins), padded(outs)) <= SIZES.whole


def tall(height: int, width: int) -> int:
    """Rows of a tile: more where there are few columns."""
    few = max(1, 8 // power(width))
    return min(power(height), SIZES.tall * (1 if INTERPRETED else few))


def chunk(leads: int, height: int, width: int, programs: int) -> int:
    """Columns that a program sums up, whole tiles: all, or fewer where programs would be too few."""
    strips = leads * -(-height // tall(height, width))
    parts = max(1, 2 * programs // strips)
    tile = SIZES.positions[-1] // tall(height, width)
    return -(-width // (parts * tile)) * tile


def _kept(configs: list[Config], known: Mapping[str, Any], fits: Fits) -> list[Config]:
    """The configurations that fit, or the least demanding one."""
    enough = max(16, known["TALL"])
    large = [each for each in configs if each.kwargs["POSITIONS"] >= enough]
    fitting = [each for each in large if fits({**known, **each.kwargs}, each)]
    return fitting or [min(large, key=lambda each: (each.kwargs["POSITIONS"], each.num_stages))]


def _tuned(kernel: Any, channels: list[str], fits: Fits, blocks: Iterable[dict[str, int]]) -> Any:
    """A kernel that takes the fastest of its configurations for channels and size."""

    def pruned(configs: list[Config], known: dict[str, Any], **others: Any) -> list[Config]:
        return _kept(configs, {**known, **others}, fits)

    stages = ((4, 1),) if INTERPRETED else tuple(pairs((4, 8), (2, 3, 4)))
    configs = [
        Config({"POSITIONS": positions, **block}, num_warps=warps, num_stages=depth)
        for positions, block, (warps, depth) in pairs(SIZES.positions, blocks, stages)
    ]
    return triton.autotune(configs, [*channels, "size"], {"early_config_prune": pruned})(kernel)


def _product_fits(known: Mapping[str, Any], config: Config) -> bool:
    positions, ins, outs = known["POSITIONS"], known["BLOCK_IN"], known["BLOCK_OUT"]
    resident = known["IN"] <= ins
    staged = positions * ins * (2 if known["GATE"] else 1) + (0 if resident else ins * outs)
    numbers = config.num_stages * staged + (ins * outs if resident else 0)
    each = positions * outs / (32 * config.num_warps)
    return 4 <= each <= 128 and numbers * known["x"].element_size() <= SHARED


def _gradient_fits(known: Mapping[str, Any], config: Config) -> bool:
    positions, ins, outs = known["POSITIONS"], known["BLOCK_IN"], known["BLOCK_OUT"]
    recomputed = known["RELU"] and known["WHOLE"]
    tiles = ins * outs + positions * (outs * (2 if recomputed else 1) + ins * known["DX"])
    staged = positions * (ins + outs * (2 if known["RELU"] and not known["WHOLE"] else 1))
    numbers = config.num_stages * staged + (ins * outs if known["WHOLE"] else 0)
    each = tiles / (32 * config.num_warps)
    return 4 <= each <= REGISTERS and numbers * known["x"].element_size() <= SHARED


def _box_fits(known: Mapping[str, Any], config: Config) -> bool:
    return 4 <= known["POSITIONS"] * known["BLOCK"] / (32 * config.num_warps) <= 128


SEVERAL = (
    ({"BLOCK_IN": 16, "BLOCK_OUT": 16},)
    if INTERPRETED
    else tuple({"BLOCK_IN": ins, "BLOCK_OUT": outs} for ins in (32, 64) for outs in (128, 256))
)

whole_product = _tuned(kernels.product, ["IN", "OUT"], _product_fits, ({},))
blocked_product = _tuned(kernels.product, ["IN", "OUT"], _product_fits, SEVERAL)
gradient = _tuned(kernels.gradient, ["IN", "OUT"], _gradient_fits, ({},))
pool = _tuned(kernels.pool, ["CHANNELS"], _box_fits, ({},))
spread = _tuned(kernels.spread, ["CHANNELS"], _box_fits, ({},))
