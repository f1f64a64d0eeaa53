"""The maps of a layer with every run of a repeat by itself, for the slow meaning of the layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .diagrams import Half
from .folding import Operand
from .maps import Level, Maps, Product
from .mechanism import mechanism


def expand(maps: Maps, inputs: Sequence[Operand], outputs: Sequence[Operand]) -> Maps:
    """The same maps between the tensors themselves; parameters have the same names and shapes.

    `inputs` and `outputs` are the operands that `derive` was given.
    """
    inputs, outputs = mechanism(tuple(inputs), tuple(outputs))
    read, written = _Places(maps.inputs), _Places(maps.outputs)
    levels = [each for level in maps.levels for each in _levels(level, read, written)]
    tensors = read.tensors(inputs), written.tensors(outputs)
    return Maps(*tensors, tuple(levels), centres=maps.centres)  # of points nothing is folded


class _Places:
    """Where the tensors that an operand stands for come among all."""

    def __init__(self, folded: Sequence[Operand]) -> None:
        self._folded = folded
        self._starts = [sum(each.count for each in folded[:n]) for n in range(len(folded))]

    def tensors(self, operands: Sequence[Operand]) -> tuple[Operand, ...]:
        by_name = {operand.name: operand for operand in operands}
        return tuple(by_name[name] for each in self._folded for name in each.names)

    def half(self, half: Half, run: int) -> Half:
        """The half on the tensor of a run; where there is just one, on that."""
        of_run = run if self._folded[half.tensor].runs else 0
        return replace(half, tensor=self._starts[half.tensor] + of_run)

    def runs(self, half: Half) -> range:
        return range(self._folded[half.tensor].count)


@dataclass(frozen=True, slots=True)
class _Halves:
    """The halves of a level one by one, and the number that each has by folded half and run."""

    halves: tuple[Half, ...]
    number: dict[tuple[int, int], int]


def _all(halves: Sequence[Half], places: _Places) -> _Halves:
    keys = [(n, run) for n, half in enumerate(halves) for run in places.runs(half)]
    made = tuple(places.half(halves[n], run) for n, run in keys)
    return _Halves(made, {key: number for number, key in enumerate(keys)})


def _levels(level: Level, read: _Places, written: _Places) -> list[Level]:
    if level.runs is not None:
        return [
            Level(
                f"{level.name}.{run}",
                level.roots,
                tuple(read.half(half, run) for half in level.pools),
                tuple(written.half(half, run) for half in level.spreads),
                tuple(replace(p, name=f"{p.name}.{run}", runs=None) for p in level.products),
            )
            for run in range(level.runs.count)
        ]
    pools, spreads = _all(level.pools, read), _all(level.spreads, written)
    products = [p for each in level.products for p in _products(each, pools, spreads)]
    return [Level(level.name, level.roots, pools.halves, spreads.halves, tuple(products))]


def _products(each: Product, pools: _Halves, spreads: _Halves) -> list[Product]:
    if each.runs is None:
        return [
            replace(
                each, pools=_numbers(each.pools, pools), spreads=_numbers(each.spreads, spreads)
            )
        ]
    return [
        replace(
            each,
            name=f"{each.name}.{run}",
            pools=tuple(pools.number.get((p, run), pools.number[p, 0]) for p in each.pools),
            spreads=tuple(spreads.number[s, run] for s in each.spreads),
            runs=None,
        )
        for run in range(each.runs.count)
    ]


def _numbers(folded: Sequence[int], halves: _Halves) -> tuple[int, ...]:
    return tuple(number for n in folded for (m, _), number in halves.number.items() if m == n)
