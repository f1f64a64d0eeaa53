"""The maps that one element of a Lie algebra takes to zero, from its eigenvectors on each index alone.

An element acts on a tensor product by a sum of matrices, one for each index. Where all of them have
orthonormal eigenvectors, so has the sum: products of theirs, with sums of their eigenvalues, the
weights. Those of weight zero are few, and are found without a matrix on the tensor product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .actions import Action, matrix_of
from .gaps import ZERO_BELOW, check_gap


class Weights(NamedTuple):
    """Eigenvalues of a matrix, and its orthonormal eigenvectors as columns."""

    values: Tensor
    vectors: Tensor


def zero_weight_space(
    outputs: Sequence[Action], inputs: Sequence[Action], most: int
) -> Tensor | None:
    """Orthonormal columns (outputs * inputs, number) that span what an algebra element takes to zero.

    Of the first element that is Hermitian or skew-Hermitian on each index; real where all elements
    are. None where there is no such element, and where there are more than `most` columns.
    """
    count = max(len(action.algebra) for action in (*outputs, *inputs))
    for element in range(count):
        indices = _weights_of_indices(outputs, inputs, element)
        if indices is not None:
            places = _places_of_zero(indices)
            if len(places) > most:
                return None
            columns = _products(indices, places)
            return _real(columns) if _is_real((*outputs, *inputs), element) else columns
    return None


def _is_real(actions: Sequence[Action], element: int) -> bool:
    matrices = [matrix_of(action.algebra[element]) for action in actions if not action.still]
    return not any(matrix.is_complex() for matrix in matrices)


def _weights_of_indices(
    outputs: Sequence[Action], inputs: Sequence[Action], element: int
) -> list[Weights] | None:
    """The weights on each index; inputs are moved by the negative transpose."""
    found = []
    for place, action in enumerate((*outputs, *inputs)):
        if action.still:
            identity = torch.eye(action.size, dtype=torch.float64, device="cpu")
            found.append(Weights(identity.new_zeros(action.size), identity))
            continue
        matrix = matrix_of(action.algebra[element])
        weights = _weights(matrix if place < len(outputs) else -matrix.T)
        if weights is None:
            return None
        found.append(weights)
    return found


def _weights(matrix: Tensor) -> Weights | None:
    """Eigenvalues and eigenvectors of a matrix that is Hermitian or skew-Hermitian."""
    if torch.equal(matrix, matrix.mH):
        values, vectors = torch.linalg.eigh(matrix)
        return Weights(values, vectors)
    if torch.equal(matrix, -matrix.mH):
        values, vectors = torch.linalg.eigh(-1j * matrix)
        return Weights(1j * values, vectors)
    return None


def _places_of_zero(indices: Sequence[Weights]) -> Tensor:
    """The tuples of eigenvectors whose eigenvalues sum to zero, (number, indices)."""
    total = indices[0].values
    for each in indices[1:]:
        total = total[..., None] + each.values
    scale = sum(float(each.values.abs().max()) for each in indices)
    sizes = total.abs()
    zero = sizes <= ZERO_BELOW * scale
    check_gap(sizes[~zero], scale, "weight")
    return zero.nonzero()


def _products(indices: Sequence[Weights], places: Tensor) -> Tensor:
    """The products of eigenvectors, as columns."""
    columns = torch.ones(1, len(places), dtype=torch.float64, device="cpu")
    for each, place in zip(indices, places.T, strict=True):
        columns = (columns[:, None] * each.vectors[:, place]).flatten(0, 1)
    return columns


def _real(columns: Tensor) -> Tensor:
    """Real orthonormal columns with the span of others, where that is closed under conjugation.

    Then the projection onto it, R R^T + I I^T of real and imaginary parts, is real, and the singular
    values of both parts together are 1 and 0.
    """
    if not columns.is_complex():
        return columns
    parts = torch.cat([columns.real, columns.imag], 1)
    vectors = torch.linalg.eigh(parts.T @ parts).eigenvectors
    real: Tensor = parts @ vectors[:, columns.shape[1] :]
    return real
