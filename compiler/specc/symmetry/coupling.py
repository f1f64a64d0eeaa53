"""Fewer coefficients than all: low-rank products, and far tensors coupled through summaries.

A layer's coefficients grow with the square of the number of its tensors, because on a level that all
tensors reach each pool meets each spread. Neither option takes away symmetry or a map: both make the
matrix of a level a product of thin ones, or a sparse one and such a product.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .folding import Operand, Runs
from .maps import Level, Maps, Product


@dataclass(frozen=True, slots=True)
class Coupling:
    """How pools and spreads of a level meet.

    With `near`, tensors that share a group have coefficients of their own, those in different runs of
    a repeat excepted; everything meets through `summary` channels. With `rank`, matrices have at most
    that rank.
    """

    near: bool = False
    summary: int = 32
    rank: int | None = None


def couple(maps: Maps, coupling: Coupling) -> Maps:
    """The maps with the products that a coupling asks for, where they have fewer coefficients."""
    levels = []
    for level in maps.levels:
        products = level.products
        if any(maps.is_tied(level, each) for each in products):
            levels.append(level)  # tied coefficients are few
            continue
        if coupling.near and level.runs is None:
            products = tuple(p for each in products for p in _near(maps, level, each, coupling))
        if coupling.rank is not None:
            products = tuple(_thin(maps, level, each, coupling.rank) for each in products)
        levels.append(replace(level, products=products))
    return replace(maps, levels=tuple(levels))


def _thin(maps: Maps, level: Level, each: Product, rank: int) -> Product:
    """The product with a low-rank matrix, if that is smaller; one that is thin already stays."""
    thin = replace(each, rank=rank)
    if each.rank is not None or not each.pools:
        return each
    return thin if maps.size(level, thin) < maps.size(level, each) else each


def _near(maps: Maps, level: Level, each: Product, coupling: Coupling) -> list[Product]:
    """A summary of all pools for all spreads, and beside it the pairs of tensors that are near."""
    if not each.pools:
        return [each]
    summary = replace(each, rank=coupling.summary)
    partners: dict[tuple[Runs | None, tuple[int, ...]], list[int]] = {}
    for spread in each.spreads:
        written = maps.outputs[level.spreads[spread].tensor]
        close = tuple(
            pool for pool in each.pools if _are_near(maps.inputs[level.pools[pool].tensor], written)
        )
        if close:
            partners.setdefault((written.runs, close), []).append(spread)
    products = [summary]
    for number, ((runs, pools), spreads) in enumerate(partners.items()):
        name = f"near_{each.name}" if number == 0 else f"near_{each.name}_{number + 1}"
        dropped = tuple(p for p in each.dropped if p in pools)
        products.append(
            Product(name, pools, tuple(spreads), False, runs=runs, beside=True, dropped=dropped)
        )
    smaller = sum(maps.size(level, p) for p in products) < maps.size(level, each)
    return products if smaller else [each]


def _are_near(read: Operand, written: Operand) -> bool:
    """Whether two tensors share a group; of a repeat, those of one run are near."""
    if read.runs is not None and read.runs == written.runs:
        return True
    groups = {axis.mover for axis in read.tensor.axes if not axis.pinned}
    return any(axis.mover in groups for axis in written.tensor.axes)
