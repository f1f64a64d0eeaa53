"""What tensors a plan makes: their dimensions between batch and features."""

from __future__ import annotations

from dataclasses import dataclass

from ...types import Axis


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a step's result between batch and features, and the number of features."""

    axes: tuple[Axis, ...]
    features: int

    @property
    def positions(self) -> int:
        count = 1
        for axis in self.axes:
            count *= axis.size
        return count

    @property
    def numbers(self) -> int:
        """How many numbers it holds for each element of the batch."""
        return self.positions * self.features
