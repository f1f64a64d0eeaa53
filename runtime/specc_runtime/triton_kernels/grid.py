"""How the positions of a tensor are laid out for the kernels: `(leads, height, width)` without copies.

A term of a layer's output is constant along some axes. Where the axes can be cut in three groups of
neighbours so that each term is constant along the second group or along the third, the terms are a
vector for each row `(leads, height)` and one for each column `(leads, width)`, and a tile of rows and
columns reads and sums few of them. Three terms that are constant along one of three axes each have no
such cut; they are summed up beforehand, as columns of a tensor that is one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import inf, prod

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Grid:
    """Positions `axes`, batch first, cut before `first` and before `second`."""

    axes: tuple[int, ...]
    first: int
    second: int

    @property
    def leads(self) -> int:
        return prod(self.axes[: self.first])

    @property
    def height(self) -> int:
        return prod(self.axes[self.first : self.second])

    @property
    def width(self) -> int:
        return prod(self.axes[self.second :])

    @property
    def row_shape(self) -> tuple[int, ...]:
        """One entry for each row: the axes of the third group have size 1."""
        return (*self.axes[: self.second], *(1 for _ in self.axes[self.second :]))

    @property
    def column_shape(self) -> tuple[int, ...]:
        """One entry for each column: the axes of the second group have size 1."""
        middle = (1 for _ in self.axes[self.first : self.second])
        return (*self.axes[: self.first], *middle, *self.axes[self.second :])

    def is_row(self, term: tuple[int, ...]) -> bool:
        """Whether a term of this shape, without channels, is constant along the third group."""
        return all(size == 1 for size in term[self.second :])

    def is_column(self, term: tuple[int, ...]) -> bool:
        """Whether a term of this shape, without channels, is constant along the second group."""
        return all(size == 1 for size in term[self.first : self.second])

    def cost(self, terms: Sequence[tuple[int, ...]]) -> float:
        """Vectors that the terms occupy, as rows and columns; infinite where one is neither."""
        if not all(self.is_row(term) or self.is_column(term) for term in terms):
            return inf
        rows = any(self.is_row(term) and prod(term) > 1 for term in terms)
        columns = not all(self.is_row(term) for term in terms)
        return self.leads * (rows * self.height + columns * self.width)


@cache
def grid_of(axes: tuple[int, ...], terms: tuple[tuple[int, ...], ...]) -> Grid:
    """The cut under which the terms, shapes as long as `axes`, occupy least; the longest rows of those.

    There always is one: where rows are all that there is, each term is one of columns.
    """
    count = len(axes)
    cuts = (Grid(axes, a, b) for a in range(count + 1) for b in range(a, count + 1))
    return min(cuts, key=lambda grid: (grid.cost(terms), grid.first, grid.second))


@dataclass(frozen=True, slots=True)
class Terms:
    """What is added to a product: a vector for each row, `(leads, height, out)`, and one for each
    column, `(leads, width, out)`, channels contiguous."""

    grid: Grid
    rows: Tensor | None = None
    columns: Tensor | None = None


def arranged(axes: torch.Size, channels: int, terms: Sequence[Tensor]) -> Terms:
    """The terms of a result `(*axes, channels)`, summed up by kind."""
    shapes = tuple((*(1 for _ in range(len(axes) + 1 - t.ndim)), *t.shape)[:-1] for t in terms)
    grid = grid_of(tuple(axes), shapes)
    kinds = [grid.is_row(shape) for shape in shapes]
    rows = [term for term, row in zip(terms, kinds, strict=True) if row]
    columns = [term for term, row in zip(terms, kinds, strict=True) if not row]
    row_sum = _total(rows, (*grid.row_shape, channels))
    column_sum = _total(columns, (*grid.column_shape, channels))
    return Terms(
        grid,
        None if row_sum is None else row_sum.reshape(grid.leads, grid.height, channels),
        None if column_sum is None else column_sum.reshape(grid.leads, grid.width, channels),
    )


def _total(terms: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor | None:
    """The sum of the terms, broadcast to a shape; a view where there is one term."""
    if not terms:
        return None
    total = sum(terms[1:], terms[0]).expand(shape)
    return total if total.stride(-1) == 1 or shape[-1] == 1 else total.contiguous()
