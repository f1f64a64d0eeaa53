"""Steps of a plan that multiply: the product of a level's pools with its weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...symmetry.folding import Runs
from .shapes import Shape

Formulation = Literal["stack", "accumulate"]

TiedForm = Literal["matrix", "circulant"]
"""A tied product as a matrix of its coefficients, or along rings of positions as a correlation."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """A tensor with its dimensions permuted, where `permutation` is not None.

    With a `count`, the tensors of so many runs one after the other; with `of_run`, that of the run;
    `without_first` leaves its first feature out.
    """

    source: str
    permutation: tuple[int, ...] | None
    count: int | None = None
    of_run: bool = False
    without_first: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a product gives to a spread: a variable, its features, and with a `count` one for each run."""

    name: str
    width: int
    count: int | None


@dataclass(frozen=True, slots=True)
class TiedSize:
    """A block of a tied product: its rows and columns, and the positions of rings that both have.

    A correlation along the rings has coefficients for `taps` of their offsets; they are `windowed`
    where maps reach no further.
    """

    rows: int
    columns: int
    ring: int
    taps: int
    windowed: bool


@dataclass(frozen=True, slots=True)
class TiedProduct:
    """How a product with tied coefficients is computed, and its blocks."""

    form: TiedForm
    blocks: tuple[TiedSize, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """One matrix product from the pools of a level to its spreads.

    `module` is the `nn.Linear`, or with no operands the bias alone. Columns of its weight belong to
    the operands in order, rows to the targets. With `runs` there is one product for each run. Where it
    is `fused`, spreads of `MixSpread` compute it.
    """

    module: str
    operands: tuple[Arranged, ...]
    targets: tuple[Target, ...]
    input_widths: tuple[int, ...]
    bias: bool
    formulation: Formulation
    shape: Shape
    runs: Runs | None
    rank: int | None
    tied: TiedProduct | None = None
    fused: bool = False
    batched: bool = False

    @property
    def is_matrix(self) -> bool:
        """Whether its weight is one matrix of free coefficients: neither of low rank nor tied."""
        return self.rank is None and self.tied is None
