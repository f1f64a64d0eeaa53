"""Blocks of a matrix that commute with groups, from coefficients: their entries are tied.

A block is W[(o, c_out), (i, c_in)] = sum over a of weight[a, c_out, c_in] B_a[o, i]. Where several
groups act on their own indices B is the tensor product of their bases, and is never formed: the
coefficients are expanded group by group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from .actions import Action
from .orbits import Exchanged, OrbitBasis
from .rings import check_support, is_toroidal, ring_dimension, ring_table, window_basis
from .ties import TiedBasis, tied_basis


class TiedArrangement(NamedTuple):
    """What assembling a block needs beside tensors: numbers alone, so that it can be traced.

    For each factor its dimension, and the rows of its table (0 for a dense basis); the sizes of all
    factors' indices; the order of indices and channels in the matrix; its shape without channels.
    """

    dimensions: tuple[int, ...]
    tables: tuple[int, ...]
    sizes: tuple[int, ...]
    order: tuple[int, ...]
    shape: tuple[int, int]

    @property
    def dimension(self) -> int:
        """How many coefficients there are for each pair of channels."""
        return prod(self.dimensions)


@dataclass(frozen=True, slots=True)
class TiedFactor:
    """The indices of one block that one group moves: its actions on outputs and on inputs.

    `exchanges` are those of symmetric and antisymmetric tensors: an order of all these indices, the
    outputs first, and a sign. With `support`, an odd number, maps between two indices of a cyclic or
    dihedral group reach the inputs at most support // 2 positions away. Raises `ValueError` for
    another support.
    """

    outputs: Sequence[Action] = ()
    inputs: Sequence[Action] = ()
    exchanges: Sequence[Exchanged] = ()
    support: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", tuple(self.outputs))
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "exchanges", tuple(self.exchanges))
        if self.support is not None:
            check_support((*self.outputs, *self.inputs), len(self.outputs), self.support)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the indices, outputs first."""
        return tuple(action.size for action in (*self.outputs, *self.inputs))

    @property
    def dimension(self) -> int:
        """How many maps commute."""
        if self.is_toroidal:
            return ring_dimension(self.outputs[0], len(self.sizes), self.support)
        return self.basis().dimension

    def repeats(self) -> Tensor:
        """How often each coefficient stands in a row, in float64; 1 where a basis is dense."""
        ones = torch.ones(self.dimension, dtype=torch.float64, device="cpu")
        if self.is_toroidal:
            table = ring_table(self.outputs[0], len(self.sizes), self.support)
            return ones if table is None else table.flatten().bincount().to(torch.float64)
        basis = self.basis()
        if not isinstance(basis, OrbitBasis) or basis.dimension == 0:
            return ones
        rows = torch.arange(len(basis.labels), device="cpu")[:, None].expand_as(basis.labels)
        stands = basis.signs != 0
        places = rows[stands] * basis.dimension + basis.labels[stands]
        found, counts = places.unique(return_counts=True)
        labels = found % basis.dimension
        mean: Tensor = labels.bincount(counts.to(torch.float64)) / labels.bincount()
        return mean

    @property
    def density(self) -> float:
        """The mean over the entries of the sum of squares of the basis."""
        if self.is_toroidal:
            return 1.0 if self.support is None else self.support / self.sizes[0]
        return self.basis().density

    @property
    def is_toroidal(self) -> bool:
        """Whether the group is C(n), D(n) or that of a torus's shifts, and moves indices on both sides."""
        if not self.outputs or not self.inputs or self.exchanges:
            return False
        return is_toroidal((*self.outputs, *self.inputs))

    def basis(self) -> TiedBasis:
        """The maps as matrices, or what ties their entries."""
        if self.support is not None:
            return window_basis(self.outputs[0], self.support)
        return tied_basis(self.outputs, self.inputs, self.exchanges)


@dataclass(frozen=True, slots=True)
class TiedBlock:
    """The maps from one tensor's indices to another's that commute with several independent groups.

    They are products of the factors' maps: coefficients are numbered row-major by those of the
    factors. `order` says for each index, outputs in their tensor's order and then inputs in theirs,
    which one it is among all factors' indices, the outputs and then the inputs of the first factor,
    those of the second, and so on. Without it tensors have their indices in the order of the factors.
    """

    factors: Sequence[TiedFactor] = ()
    order: Sequence[int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", tuple(self.factors))
        is_output = [
            place < len(factor.outputs)
            for factor in self.factors
            for place in range(len(factor.sizes))
        ]
        indices = range(len(is_output))
        order = sorted(indices, key=lambda k: not is_output[k])
        if self.order is not None:
            order = list(self.order)
        object.__setattr__(self, "order", tuple(order))
        sides = [is_output[k] for k in order if k in indices]
        if sorted(order) != list(indices) or sides != sorted(sides, reverse=True):
            raise ValueError(
                f"{order} is no order of {len(is_output)} indices with outputs before inputs"
            )

    @property
    def dimension(self) -> int:
        """How many coefficients there are for each pair of channels."""
        return prod(factor.dimension for factor in self.factors)

    @property
    def density(self) -> float:
        """The mean over the entries of the sum of squares of the basis."""
        return prod(factor.density for factor in self.factors)

    def repeats(self) -> Tensor:
        """How often each coefficient stands in a row of the matrix, of the rows that it stands in."""
        total = torch.ones(1, dtype=torch.float64, device="cpu")
        for factor in self.factors:
            total = (total[:, None] * factor.repeats()).flatten()
        return total

    @property
    def outputs(self) -> int:
        """The number of output positions."""
        return prod(action.size for factor in self.factors for action in factor.outputs)

    @property
    def inputs(self) -> int:
        """The number of input positions."""
        return prod(action.size for factor in self.factors for action in factor.inputs)

    def arrangement(self) -> TiedArrangement:
        """What assembling the block needs beside bases and coefficients."""
        sizes = tuple(size for factor in self.factors for size in factor.sizes)
        outputs = sum(len(factor.outputs) for factor in self.factors)
        order = tuple(self.order or ())
        return TiedArrangement(
            tuple(factor.dimension for factor in self.factors),
            tuple(tied_table_rows(factor) for factor in self.factors),
            sizes,
            (*order[:outputs], len(sizes), *order[outputs:], len(sizes) + 1),
            (self.outputs, self.inputs),
        )


def assemble(weight: Tensor, block: TiedBlock) -> Tensor:
    """The matrix of a block, (outputs * c_out, inputs * c_in), of weight (dimension, c_out, c_in)."""
    expansions = [tied_expansion(factor, weight) for factor in block.factors]
    return assembled(weight, block.arrangement(), expansions)


def tied_table_rows(factor: TiedFactor) -> int:
    """How many rows an orbit basis reads: the coefficients, then zero, then minus the coefficients."""
    basis = factor.basis()
    if not isinstance(basis, OrbitBasis):
        return 0
    if (basis.signs < 0).any():
        return 2 * basis.dimension + 1
    return basis.dimension + int((basis.signs == 0).any())


def tied_expansion(factor: TiedFactor, weight: Tensor) -> Tensor | None:
    """What takes coefficients to pairs of positions: rows of the table in int32, or dense matrices.

    On the weight's device, matrices (dimension, outputs * inputs) in its dtype; None where each pair
    has a coefficient of its own. Raises `ValueError` for complex matrices and a real weight.
    """
    basis = factor.basis()
    if not isinstance(basis, OrbitBasis):
        if basis.matrices.is_complex() and not weight.is_complex():
            raise ValueError(f"maps of a complex group have complex weights, not {weight.dtype}")
        return basis.matrices.flatten(1).to(weight)
    if basis.dimension == basis.labels.numel():
        return None
    places = basis.labels.flatten()
    if tied_table_rows(factor) != basis.dimension:
        signs = basis.signs.flatten()
        minus = basis.dimension + 1 + places
        places = torch.where(signs > 0, places, torch.where(signs < 0, minus, basis.dimension))
    return places.to(weight.device, torch.int32)


def assembled(
    weight: Tensor, arrangement: TiedArrangement, expansions: Sequence[Tensor | None]
) -> Tensor:
    """The matrix of a block: its coefficients expanded factor by factor, then its indices in order."""
    channels = weight.shape[1:]
    entries = weight.reshape(*arrangement.dimensions, *channels)
    for dim, (expansion, rows) in enumerate(zip(expansions, arrangement.tables, strict=True)):
        entries = expanded(entries, dim, expansion, rows)
    apart = entries.reshape(*arrangement.sizes, *channels).permute(arrangement.order)
    outputs, inputs = arrangement.shape
    return apart.reshape(outputs * channels[0], inputs * channels[1])


def expanded(weight: Tensor, dim: int, expansion: Tensor | None, rows: int) -> Tensor:
    """Coefficients of one factor, along a dimension, as its pairs of positions."""
    if expansion is None:
        return weight
    if rows:
        return _tied_table(weight, dim, rows).index_select(dim, expansion)
    dense: Tensor = torch.tensordot(weight, expansion, ([dim], [0])).movedim(-1, dim)
    return dense


def _tied_table(weight: Tensor, dim: int, rows: int) -> Tensor:
    """Coefficients along a dimension; where more rows are asked for, then zero, then the negatives."""
    count = weight.shape[dim]
    if rows == count:
        return weight
    zero = torch.zeros_like(weight.narrow(dim, 0, 1))
    signed = [weight, zero] if rows == count + 1 else [weight, zero, -weight]
    return torch.cat(signed, dim)
