"""What a matrix takes to zero, in floating point: columns that no row joins are looked at apart."""

from __future__ import annotations

import torch
from torch import Tensor

from .gaps import ZERO_BELOW, check_gap

NOTHING = 1e-14
"""An entry below this part of the matrix's scale joins nothing: it is left from rounding."""


def nullspace(apart: Tensor, scale: float) -> Tensor:
    """Orthonormal columns that a matrix takes to zero; `scale` bounds its norm before rounding."""
    columns = apart.shape[1]
    if apart.numel() == 0:
        return torch.eye(columns, dtype=apart.dtype, device=apart.device)
    joined = apart.abs() > NOTHING * scale
    labels = _joined_columns(joined)
    starts = labels.unique()
    if len(starts) == 1:
        return _of_joined(apart, scale)
    of_rows = torch.where(joined, labels, columns).amin(1)
    found = []
    for columns_here, rows_here in zip(
        _grouped(labels, starts), _grouped(of_rows, starts), strict=True
    ):
        null = _of_joined(apart[rows_here][:, columns_here], scale)
        padded = null.new_zeros(columns, null.shape[1])
        padded[columns_here] = null
        found.append(padded)
    return torch.cat(found, 1)


def _grouped(labels: Tensor, starts: Tensor) -> tuple[Tensor, ...]:
    """Where each of some labels, in ascending order, stands; the others come last and are left out."""
    counts = labels.bincount(minlength=int(starts[-1]) + 1)[starts].tolist()
    order = labels.argsort(stable=True)
    found: tuple[Tensor, ...] = order[: sum(counts)].split(counts)
    return found


def _joined_columns(joined: Tensor) -> Tensor:
    """The least column of each column's component; rows join the columns that they have."""
    columns = joined.shape[1]
    labels = torch.arange(columns, device=joined.device)
    while True:
        of_rows = torch.where(joined, labels, columns).amin(1)
        least = torch.where(joined, of_rows[:, None], columns).amin(0).minimum(labels)
        least = least[least]
        if torch.equal(least, labels):
            return labels
        labels = least


def _of_joined(apart: Tensor, scale: float) -> Tensor:
    square = torch.linalg.qr(apart, mode="r").R if len(apart) > apart.shape[1] else apart
    _, values, rows = torch.linalg.svd(square)
    zero = values <= ZERO_BELOW * scale
    check_gap(values[~zero], scale, "singular value")
    null: Tensor = rows[int((~zero).sum()) :].mH
    return null
