"""Bases of the linear maps that commute with a group, from the generators alone.

A map from the tensor product of some indices to that of others is a matrix `(outputs, inputs)`, both
row-major. Signed permutations tie its entries together in orbits; other matrices leave a nullspace.
Both bases are canonical: a coefficient means the same on every machine, so that checkpoints last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

import torch
from torch import Tensor

from .actions import Action, matrix_of
from .gaps import ZERO_BELOW, check_gap
from .nullspaces import nullspace
from .orbits import Exchanged, OrbitBasis, is_monomial, orbit_basis, position_count
from .zero_weights import zero_weight_space


@dataclass(frozen=True, slots=True, eq=False)
class DenseBasis:
    """Matrices (dimension, outputs, inputs) in float64 or complex128, in echelon order.

    The reduced row echelon form of the space, orthonormalised from its first matrix on, each with a
    positive entry where its echelon form has the leading 1. All are scaled by one factor, with which
    the sum of squares is 1 on average over the entries that are not zero in all of them.
    """

    dimension: int
    matrices: Tensor
    density: float
    """The mean over all entries of the sum of squares of the basis: the share that is not zero."""


TiedBasis = OrbitBasis | DenseBasis


def tied_basis(
    outputs: Sequence[Action], inputs: Sequence[Action], exchanges: Sequence[Exchanged] = ()
) -> TiedBasis:
    """A basis of the maps W from the inputs' tensor product to the outputs' that commute.

    rho_out(g) W = W rho_in(g) for every generator g, and the same for elements of an algebra. All
    actions that move their index have the same generators in the same order. Exchanges of indices
    take each map to itself, or with sign -1 to its negative. Computed once in a process. Raises
    `ValueError` where actions are not those of one group, and where rounding leaves the dimension in
    doubt.
    """
    return _cached_basis(tuple(outputs), tuple(inputs), tuple(exchanges))


@cache
def _cached_basis(
    outputs: tuple[Action, ...], inputs: tuple[Action, ...], exchanges: tuple[Exchanged, ...]
) -> TiedBasis:
    actions = (*outputs, *inputs)
    generators, algebra = _generator_counts(actions)
    monomial = [g for g in range(generators) if is_monomial(actions, g)]
    with torch.inference_mode(False), torch.no_grad():
        orbits = orbit_basis(outputs, inputs, monomial, exchanges)
        if len(monomial) == generators and not algebra:
            return orbits
        return _dense_basis(outputs, inputs, orbits)


def _generator_counts(actions: Sequence[Action]) -> tuple[int, int]:
    """How many group elements and how many algebra elements generate the group of all actions."""
    counts = {(len(a.generators), len(a.algebra)) for a in actions if not a.still}
    if len(counts) > 1:
        raise ValueError(
            f"the actions are not of one group: their numbers of generators are {sorted(counts)}"
        )
    return counts.pop() if counts else (0, 0)


# --- Nullspaces ----------------------------------------------------------------------------------


def _dense_basis(
    outputs: Sequence[Action], inputs: Sequence[Action], orbits: OrbitBasis
) -> DenseBasis:
    """The maps of `orbits`, which commute with the monomial generators, that do with all others too.

    Where fewer have weight zero, it starts from these.
    """
    sizes = [action.size for action in (*outputs, *inputs)]
    rows, columns = position_count(outputs), position_count(inputs)
    space = zero_weight_space(outputs, inputs, orbits.dimension)
    if space is None:
        space = _orthonormal_orbits(orbits)
    else:
        space = space @ nullspace(_outside(orbits, space), 1.0)
    for terms in _constraints(outputs, inputs):
        apart = _applied(terms, space.reshape(*sizes, -1)).reshape(rows * columns, -1)
        scale = sum(_norm_bound(factors) for _, factors in terms)
        space = space.to(apart.dtype) @ nullspace(apart, scale)
    made = _orthonormal_rows(_echelon_form(space.T))
    nonzero = int((made.abs() > ZERO_BELOW).any(0).sum())
    scaled = made * (nonzero / max(len(made), 1)) ** 0.5
    density = nonzero / (rows * columns)
    return DenseBasis(len(made), scaled.reshape(-1, rows, columns), density)


def _orthonormal_orbits(orbits: OrbitBasis) -> Tensor:
    """The orbits' matrices as orthonormal columns (outputs * inputs, dimension)."""
    signs = orbits.signs.flatten().to(torch.float64)
    columns = signs.new_zeros(len(signs), orbits.dimension)
    if orbits.dimension:
        columns.scatter_(1, orbits.labels.flatten().to(torch.int64)[:, None], signs[:, None])
    lengths: Tensor = columns.norm(dim=0)
    return columns / lengths


def _outside(orbits: OrbitBasis, maps: Tensor) -> Tensor:
    """What is left of maps (outputs * inputs, number) without their projections onto the orbits' span."""
    labels = orbits.labels.flatten().to(torch.int64)
    signs = orbits.signs.flatten().to(torch.float64)
    lengths = labels.bincount(signs.square(), max(orbits.dimension, 1)).clamp(min=1)
    sums = maps.new_zeros(len(lengths), maps.shape[1])
    sums.index_add_(0, labels, signs[:, None] * maps)
    return maps - signs[:, None] * (sums / lengths[:, None])[labels]


IndexMatrices = tuple[Tensor | None, ...]
"""A matrix for each index; None leaves it."""

Terms = list[tuple[int, IndexMatrices]]
"""A sum of products of matrices on the indices, each with its sign."""


def _constraints(outputs: Sequence[Action], inputs: Sequence[Action]) -> Iterator[Terms]:
    """What takes the maps that commute to zero: rho_out(g) W - W rho_in(g) for each generator.

    The matrices of inputs stand transposed, as they act on W's second index.
    """
    actions = (*outputs, *inputs)
    generators, algebra = _generator_counts(actions)
    for g in range(generators):
        if not is_monomial(actions, g):
            left = [None if a.still else matrix_of(a.generators[g]) for a in outputs]
            right = [None if a.still else matrix_of(a.generators[g]).T for a in inputs]
            yield [(1, (*left, *([None] * len(right)))), (-1, (*([None] * len(left)), *right))]
    for e in range(algebra):
        terms: Terms = []
        for place, action in enumerate(actions):
            if not action.still:
                alone: list[Tensor | None] = [None] * len(actions)
                matrix = matrix_of(action.algebra[e])
                alone[place] = matrix if place < len(outputs) else matrix.T
                terms.append((1 if place < len(outputs) else -1, tuple(alone)))
        yield terms


def _applied(terms: Terms, maps: Tensor) -> Tensor:
    """A constraint applied to maps (*indices, number), each matrix along its index."""
    total = torch.zeros_like(maps)
    for sign, factors in terms:
        part = maps
        for dim, matrix in enumerate(factors):
            if matrix is not None:
                dtype = torch.promote_types(matrix.dtype, part.dtype)
                part = torch.tensordot(matrix.to(dtype), part.to(dtype), ([1], [dim]))
                part = part.movedim(0, dim)
        total = total + sign * part
    return total


def _norm_bound(factors: IndexMatrices) -> float:
    """The spectral norm of a product of matrices on different indices."""
    norms = [float(torch.linalg.matrix_norm(m, 2)) for m in factors if m is not None]
    return prod(norms)


def _echelon_form(space: Tensor) -> Tensor:
    """The reduced row echelon form of orthonormal rows, unique for the space that they span.

    Entries that are rational with a denominator of at most 10 are exact.
    """
    pivots = _pivots(space)
    echelon: Tensor = torch.linalg.solve(space[:, pivots], space).resolve_conj()
    parts = torch.view_as_real(echelon) if echelon.is_complex() else echelon
    rational = (parts * COMMON_DENOMINATOR).round() / COMMON_DENOMINATOR
    parts.copy_(torch.where((parts - rational).abs() < ZERO_BELOW, rational, parts))
    return echelon


COMMON_DENOMINATOR = 2520
"""The least common multiple of 1 to 10."""


def _pivots(space: Tensor) -> list[int]:
    """The columns of orthonormal rows that no columns before them span, by elimination."""
    rest = space.clone()
    found: list[int] = []
    for start in range(len(space)):
        largest = rest[start:].abs().amax(0)
        largest[: found[-1] + 1 if found else 0] = 0
        candidates = largest > ZERO_BELOW
        column = int(candidates.to(torch.int8).argmax())
        check_gap(largest[: column + 1][candidates[: column + 1]], 1.0, "pivot")
        row = start + int(rest[start:, column].abs().argmax())
        rest[[start, row]] = rest[[row, start]]
        factors = rest[start + 1 :, column] / rest[start, column]
        rest[start + 1 :] -= factors[:, None] * rest[start]
        found.append(column)
    return found


def _orthonormal_rows(echelon: Tensor) -> Tensor:
    """Gram and Schmidt's procedure on rows, the first first; each has a positive part in its own."""
    columns, triangle = torch.linalg.qr(echelon.mT)
    diagonal = triangle.diagonal()
    rows: Tensor = (columns * (diagonal / diagonal.abs())).mT
    return rows + 0.0  # no -0.0
