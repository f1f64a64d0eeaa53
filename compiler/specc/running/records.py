"""What was measured of modules, beside what was predicted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Timing(_Record):
    """A layer or a whole model: median and quartile range in seconds, and what its plan predicts.

    `floor` is the time in seconds that reading the inputs and writing the outputs once takes, or the
    arithmetic, whichever is longer. All predictions are of equivariant layers; those of a model are
    the sums over its layers.
    """

    name: str
    seconds: float
    spread: float
    flops: int
    bytes: int
    floor: float


class ModelTimings(_Record):
    """A model as a whole, and each of its equivariant layers by itself."""

    name: str
    whole: Timing
    layers: list[Timing]


class Machine(_Record):
    """What the machine did in the same run: bytes a second of a copy, operations a second of a product."""

    device: str
    threads: int
    torch: str
    bandwidth: float
    peak: float


class Timings(_Record):
    """The models of a specification, called with `batch` inputs at once."""

    machine: Machine
    batch: int
    compiled: bool
    backward: bool
    models: list[ModelTimings]
