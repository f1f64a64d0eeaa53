"""What a verification found."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

TOLERANCE = 1e-8
"""The largest relative deviation that rounding in float64 explains."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class LayerVerification(_Record):
    """An equivariant layer: its deviation, and the dimensions of what it spans and has to span.

    `rank` is of its linear maps and `bias_rank` of what it adds to them, `maps` and `bias_maps` are
    what they should be; all are None where the layer is too large for that, as `unchecked` then says.
    It also says so where only smaller axes fit into memory, or nothing does: that is no failure.
    """

    name: str
    ok: bool
    deviation: float | None
    rank: int | None = None
    maps: int | None = None
    bias_rank: int | None = None
    bias_maps: int | None = None
    unchecked: str | None = None
    problem: str | None = None


class ModelVerification(_Record):
    """A model: the largest deviation, relative to its results, from what its symmetry asks for.

    `unchecked` says why the whole model was not run, which is no failure: it is too large for memory.
    """

    name: str
    ok: bool
    deviation: float | None
    tolerance: float = TOLERANCE
    unchecked: str | None = None
    problem: str | None = None
    layers: list[LayerVerification]


class Verification(_Record):
    """A specification; `ok` says that nothing is off."""

    ok: bool
    models: list[ModelVerification]
