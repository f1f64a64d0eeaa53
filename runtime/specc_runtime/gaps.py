"""What counts as zero where a rank is taken of numbers that are rounded."""

from __future__ import annotations

from torch import Tensor

ZERO_BELOW = 1e-10
"""A singular value, an eigenvalue or a pivot below this part of its scale is rounding."""

NONZERO_ABOVE = 1e-6
"""One above this part is not; between them the dimension is in doubt."""


def check_gap(nonzero: Tensor, scale: float, what: str) -> None:
    """Raises `ValueError` where something is too small to be no rounding and too large to be."""
    if len(nonzero) and float(nonzero.min()) < NONZERO_ABOVE * scale:
        raise ValueError(
            f"the dimension of the maps that commute is in doubt: a {what} is "
            f"{float(nonzero.min()) / scale:.1e} of its scale, which is neither rounding (below "
            f"{ZERO_BELOW:.0e}) nor clearly not zero (above {NONZERO_ABOVE:.0e}); give the "
            "matrices with more digits"
        )
