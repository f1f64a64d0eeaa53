"""The matrices of tied products for the slow meaning of a layer, by definition and in full.

A basis of the maps that commute with generators, and that exchanges of indices leave as they are, is
canonical: orbits of pairs of positions numbered by their first pair, row-major, whose sign is +; or the
reduced row echelon form of a nullspace, orthonormalised row by row and scaled so that the sum of
squares is 1 on average over the entries that are not zero in all. Along a ring with a window,
coefficients are numbered by offset, input less output, the most negative first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from ..groups import Permuted
from ..symmetry.folding import Operand
from ..symmetry.maps import Level, Maps, Product, maps_between
from ..symmetry.ties import Factor, action_of, as_matrices, factors
from ..types import Axis, Swap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

Array = Any


def tied_matrices(
    xp: Any, maps: Maps, level: Level, each: Product, parameters: Mapping[str, Array]
) -> dict[tuple[int, int], Array]:
    """For each spread and pool of a product, by number, the matrix between their features."""
    single = maps.tied_shapes(level, each).single
    numbers = iter(range(len(each.spreads) * len(each.pools)))
    found = {}
    for s in each.spreads:
        for p in each.pools:
            written = maps.outputs[level.spreads[s].tensor]
            read = maps.inputs[level.pools[p].tensor]
            if maps_between(written, read):
                end = "weight" if single else f"weights.{next(numbers)}"
                weight = parameters[f"mix_{each.name}.{end}"]
                found[s, p] = _assembled(xp, weight, written, read)
    return found


def tied_biases(
    xp: Any, maps: Maps, level: Level, each: Product, parameters: Mapping[str, Array]
) -> dict[int, Array]:
    """For each spread of a product with a bias, by number, the vector that is added to its features."""
    single = maps.tied_shapes(level, each).single
    numbers = iter(range(len(each.spreads)))
    found = {}
    for s in each.spreads:
        written = maps.outputs[level.spreads[s].tensor]
        if each.bias and maps_between(written, None):
            end = "bias" if single else f"biases.{next(numbers)}"
            bias = parameters[f"mix_{each.name}.{end}"]
            found[s] = _assembled(xp, bias.unsqueeze(-1), written, None).flatten()
    return found


def _assembled(xp: Any, weight: Array, written: Operand, read: Operand | None) -> Array:
    """The matrix (outputs * c_out, inputs * c_in) of coefficients (dimension, c_out, c_in)."""
    found = factors(written.tensor, read.tensor if read else None)
    bases = [_basis_of(factor, written, read) for factor in found]
    entries = weight.reshape(*(len(basis) for basis in bases), *weight.shape[1:])
    for basis in bases:  # the first dimension becomes all indices of the factor, at the end
        constant = xp.as_tensor(basis, device=weight.device).to(weight.dtype)
        entries = xp.tensordot(entries, constant, ([0], [0]))
    places = [
        place
        for factor in found
        for place in (*((0, p) for p in factor.outputs), *((1, p) for p in factor.inputs))
    ]
    channels, indices = [0, 1], [2 + places.index(place) for place in sorted(places)]
    outputs = sum(side == 0 for side, _ in places)
    ordered = entries.permute(*indices[:outputs], channels[0], *indices[outputs:], channels[1])
    return ordered.reshape(written.features, -1)


def _basis_of(factor: Factor, written: Operand, read: Operand | None) -> Numbers:
    """The basis of one factor, `(dimension, *output indices, *input indices)`."""
    outputs = tuple(written.tensor.axes[place] for place in factor.outputs)
    inputs = tuple(read.tensor.axes[place] for place in factor.inputs) if read else ()
    support = factor.ring.support if factor.ring else None
    return _basis(outputs, inputs, factor.swaps, support)


@cache
def _basis(
    outputs: tuple[Axis, ...],
    inputs: tuple[Axis, ...],
    swaps: tuple[Swap, ...],
    support: int | None,
) -> Numbers:
    actions = [action_of(axis) for axis in (*outputs, *inputs)]
    sizes = [action.size for action in actions]
    permuted = [action for action in actions if isinstance(action, Permuted)]
    if len(permuted) < len(actions):
        rows = _nullspace(outputs, inputs, swaps)
    else:
        rows = _orbits(_moves(permuted, swaps), prod(sizes))
    if support is not None:
        rows = _within(rows, sizes[0], support)
    return rows.reshape(-1, *sizes)


# --- Orbits -----------------------------------------------------------------------------------------


def _moves(actions: Sequence[Permuted], swaps: Sequence[Swap]) -> Iterator[tuple[Numbers, Numbers]]:
    """Where generators and exchanges take each tuple of positions, and with which sign."""
    import numpy as np

    sizes = [action.size for action in actions]
    tuples = np.indices(sizes).reshape(len(sizes), -1)
    for generator in range(len(actions[0].images) if actions else 0):
        images = [np.array(a.images[generator])[t] for a, t in zip(actions, tuples, strict=True)]
        signs = [np.array(a.signs[generator])[t] for a, t in zip(actions, tuples, strict=True)]
        yield np.ravel_multi_index(tuple(images), sizes), np.prod(signs, axis=0)
    for order, sign in swaps:
        images = [tuples[order.index(place)] for place in range(len(sizes))]
        yield np.ravel_multi_index(tuple(images), sizes), np.full(tuples.shape[1], sign)


def _orbits(moves: Iterator[tuple[Numbers, Numbers]], count: int) -> Numbers:
    """One row for each orbit: its signs, that of the first tuple +; none where signs contradict."""
    import numpy as np

    moved = list(moves)
    orbit = np.full(count, -1)
    rows = []
    for first in range(count):
        if orbit[first] >= 0:
            continue
        row = np.zeros(count)
        row[first], orbit[first] = 1, first
        waiting, contradicted = [first], False
        while waiting:
            here = waiting.pop()
            for images, signs in moved:
                there, sign = images[here], signs[here] * row[here]
                if orbit[there] < 0:
                    row[there], orbit[there] = sign, first
                    waiting.append(there)
                contradicted |= row[there] != sign
        if not contradicted:
            rows.append(row)
    return np.array(rows).reshape(-1, count)


def _within(rows: Numbers, size: int, support: int) -> Numbers:
    """The maps of a ring that reach the offsets of a window, by their most negative offset."""
    import numpy as np

    offset = (np.arange(size)[None, :] - np.arange(size)[:, None] + size // 2) % size - size // 2
    offset = np.where(offset == -size / 2, size // 2, offset).ravel()
    inside = [row for row in rows if (np.abs(offset[row != 0]) <= support // 2).all()]
    return np.array(sorted(inside, key=lambda row: offset[row != 0].min()))


# --- Nullspaces -------------------------------------------------------------------------------------

ZERO = 1e-9
"""Singular values and entries below this part of the largest are zero."""


def _nullspace(outputs: Sequence[Axis], inputs: Sequence[Axis], swaps: Sequence[Swap]) -> Numbers:
    """The canonical basis of the solutions of rho_out(g) W = W rho_in(g) and X W = W Y."""
    import numpy as np

    actions = [as_matrices(action_of(axis)) for axis in (*outputs, *inputs)]
    sizes = [action.size for action in actions]
    constraints = []
    for number in range(len(actions[0].generators)):
        matrices = [np.array(a.generators[number], dtype=float) for a in actions]
        joint = np.ones((1, 1))
        for place, matrix in enumerate(matrices):
            dual = matrix if place < len(outputs) else np.linalg.inv(matrix).T
            joint = np.kron(joint, dual)
        constraints.append(joint - np.eye(len(joint)))
    for number in range(len(actions[0].algebra)):
        matrices = [np.array(a.algebra[number], dtype=float) for a in actions]
        total = np.zeros((prod(sizes), prod(sizes)))
        for place, matrix in enumerate(matrices):
            dual = matrix if place < len(outputs) else -matrix.T
            before, after = np.eye(prod(sizes[:place])), np.eye(prod(sizes[place + 1 :]))
            total += np.kron(np.kron(before, dual), after)
        constraints.append(total)
    for order, sign in swaps:
        numbers = np.arange(prod(sizes)).reshape(sizes).transpose(order).ravel()
        constraints.append(sign * np.eye(prod(sizes))[numbers] - np.eye(prod(sizes)))
    _, values, vectors = np.linalg.svd(np.concatenate(constraints), full_matrices=True)
    return _canonical(vectors[int((values > ZERO * max(1.0, float(values[0]))).sum()) :])


def _canonical(rows: Numbers) -> Numbers:
    """The reduced echelon form of the rows, orthonormalised in order and scaled."""
    import numpy as np

    echelon, pivot = rows.copy(), 0
    for column in range(echelon.shape[1]):
        if pivot == len(echelon):
            break
        best = pivot + int(np.abs(echelon[pivot:, column]).argmax())
        if abs(echelon[best, column]) <= ZERO:
            continue
        echelon[[pivot, best]] = echelon[[best, pivot]]
        echelon[pivot] /= echelon[pivot, column]
        others = np.arange(len(echelon)) != pivot
        echelon[others] -= echelon[others, column][:, None] * echelon[pivot]
        pivot += 1
    orthonormal, triangle = np.linalg.qr(echelon.T)
    made = (orthonormal * np.sign(np.diag(triangle))).T
    nonzero = int((np.abs(made) > ZERO).any(0).sum())
    scaled: Numbers = made * (nonzero / max(len(made), 1)) ** 0.5
    return scaled
