"""What a verification found."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

TOLERANCE = 1e-8
"""The largest relative deviation that rounding in float64 explains."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class LayerVerification(_Record):
    """An equivariant layer. `rank` is of the maps it can be, `maps` what it has to be.

    Both are None where the layer is too large for dense matrices; `unchecked` then says so.
    """

    name: str
    ok: bool
    deviation: float | None
    rank: int | None = None
    maps: int | None = None
    unchecked: str | None = None
    problem: str | None = None


class ModelVerification(_Record):
    """A model: the largest deviation from equivariance, relative to its results."""

    name: str
    ok: bool
    deviation: float | None
    tolerance: float = TOLERANCE
    problem: str | None = None
    layers: list[LayerVerification]


class Verification(_Record):
    """A specification; `ok` says that nothing is off."""

    ok: bool
    models: list[ModelVerification]
