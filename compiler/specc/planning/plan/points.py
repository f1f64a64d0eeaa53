"""Steps of a plan for points: they are read from a center, and moved by one."""

from __future__ import annotations

from dataclasses import dataclass

from ...types import Tensor
from .shapes import Shape


@dataclass(frozen=True, slots=True)
class PointSource:
    """A tensor of an input as it comes: the code that reads it."""

    code: str
    tensor: Tensor


@dataclass(frozen=True, slots=True)
class Center:
    """The mean of points over positions and channels, each tensor counting alike: `(batch, axis, 1)`."""

    target: str
    sources: tuple[PointSource, ...]
    shape: Shape
    runs: None


@dataclass(frozen=True, slots=True)
class Shift:
    """Takes a center from points, or adds it to displacements; `inserted` are its dimensions of one."""

    target: str
    source: str
    center: str
    added: bool
    inserted: tuple[int, ...]
    shape: Shape
    runs: None


@dataclass(frozen=True, slots=True)
class Copy:
    """Copies of a center at all positions and channels of an output."""

    target: str
    center: str
    inserted: tuple[int, ...]
    shape: Shape
    runs: None


PointStep = Center | Shift | Copy
