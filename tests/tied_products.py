"""Products with tied matrices that tests run: their blocks, channels and biases."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from tied_groups import GROUPS, side
from torch import Tensor, nn

from specc_runtime.actions import (
    Action,
    cyclic,
    unmoved,
)
from specc_runtime.tied import TiedMix
from specc_runtime.tied_blocks import TiedBlock, TiedFactor


def shifts(size: int) -> TiedBlock:
    return TiedBlock([TiedFactor([cyclic(size)], [cyclic(size)])])


def one_index(name: str) -> TiedBlock:
    return TiedBlock([TiedFactor([GROUPS[name][0]], [GROUPS[name][0]])])


def factor(name: str, sides: str) -> TiedFactor:
    inputs, outputs = (side(GROUPS[name], words)[0] for words in sides.split(">"))
    return TiedFactor(outputs, inputs)


BLOCKS: dict[str, TiedBlock] = {
    "no index": TiedBlock(),
    "C(5)": TiedBlock([factor("C(5)", "v > v v")]),
    "with zeros": TiedBlock([factor("one reflection", "v v > v")]),
    "with signs": TiedBlock([factor("cubic", "v v > v v")]),
    "dense": TiedBlock([factor("SO(3)", "v v > v v")]),
    "pinned": TiedBlock([TiedFactor([unmoved(3)], [unmoved(2), unmoved(2)])]),
    "three groups": TiedBlock(
        [
            factor("SO(3)", "v v > v v"),
            TiedFactor([unmoved(2)], [unmoved(2)]),
            factor("B(2)", "v > v v v"),
        ],
        [4, 0, 6, 1, 8, 7, 9, 5, 3, 2],
    ),
    "complex": TiedBlock([factor("SU(2)", "v > v"), factor("quaternions", "> v v")]),
}
Blocks = list[list[TiedBlock | None]]


class Layout(NamedTuple):
    """The arguments of a product."""

    blocks: Blocks
    outputs: list[int]
    inputs: list[int]
    bias: list[TiedBlock | None]


def with_bias(block: TiedBlock) -> Layout:
    """A single block, with a bias where its group admits one."""
    is_output = [k < len(f.outputs) for f in block.factors for k in range(len(f.sizes))]
    places = [place for place, output in enumerate(is_output) if output]
    order = [places.index(place) for place in block.order or () if place in places]
    free = TiedBlock([TiedFactor(each.outputs) for each in block.factors], order)
    return Layout([[block]], [2], [3], [free])


def several() -> Layout:
    """Two tensors to three; nothing leads from the second to the first, which has no bias."""
    v, w = GROUPS["SO(3)"][0], GROUPS["quarter turns"][0]
    rows: list[list[list[Action]]] = [[[v], [w, w]], [[], [w]], [[v], [w]]]
    columns: list[list[list[Action]]] = [[[v, v], [w]], [[], []]]
    blocks: Blocks = [
        [TiedBlock(list(map(TiedFactor, row, column))) for column in columns] for row in rows
    ]
    blocks[0][1] = None
    bias = [None, TiedBlock([TiedFactor(), TiedFactor([w])]), None]
    return Layout(blocks, [2, 3, 1], [2, 4], bias)


LAYOUTS: dict[str, Layout] = {
    **{name: with_bias(block) for name, block in BLOCKS.items()},
    "no bias": with_bias(BLOCKS["dense"])._replace(bias=[]),
    "no maps": Layout([[TiedBlock([factor("SO(3)", "v >")])]], [2], [3], [TiedBlock()]),
    "several": several(),
}
every_module = pytest.mark.parametrize("name", LAYOUTS)


def dtype_of(name: str) -> torch.dtype:
    return torch.complex128 if name == "complex" else torch.float64


def make(name: str, seed: int = 0) -> TiedMix:
    mix = TiedMix(*LAYOUTS[name], dtype=dtype_of(name))
    torch.manual_seed(seed)
    for parameter in mix.parameters():
        nn.init.normal_(parameter)
    return mix


def draw(mix: TiedMix, name: str, *batch: int) -> Tensor:
    torch.manual_seed(7)
    return torch.randn(*batch, sum(mix.column_widths), dtype=dtype_of(name))
