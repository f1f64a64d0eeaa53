"""Steps of a plan that write outputs: coarse results are added to finer ones, and repeated."""

from __future__ import annotations

from dataclasses import dataclass

from ...groups import Form
from ...symmetry.folding import Runs
from ...types import Axis
from .mixes import Arranged
from .shapes import Shape


@dataclass(frozen=True, slots=True)
class Term:
    """What one spread adds: dimensions permuted, then dimensions of size one inserted."""

    source: str
    permutation: tuple[int, ...] | None
    inserted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """Adds coarse spreads to a finer one, broadcasting."""

    target: str
    terms: tuple[Term, ...]
    shape: Shape
    runs: Runs | None
    batched: bool = False


@dataclass(frozen=True, slots=True)
class MixSpread:
    """The product of a full level with what coarser spreads add to its result, in one pass.

    `module` holds the weight, of which the product takes the `rows` from one to another, or all. What
    is added to a diagonal alone is an `Embed` among the terms. Where it is the `last` that is done at
    an output, an activation that follows the layer joins it, and `means` over these dimensions of what
    comes out are taken with it: the next layer asks for them.
    """

    target: str
    operands: tuple[Arranged, ...]
    module: str
    rows: tuple[int, int] | None
    input_widths: tuple[int, ...]
    terms: tuple[Term | Embed, ...]
    shape: Shape
    runs: Runs | None
    last: bool = False
    means: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Expand:
    """Repeats along dimensions of size one until they have the size of their axis."""

    target: str
    source: str
    dims: tuple[int, ...]
    shape: Shape
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Embed:
    """Writes one dimension onto the diagonal of two, zero elsewhere."""

    target: str
    source: str
    dim: int
    first: int
    second: int
    shape: Shape
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Lower:
    """Multiplies one dimension by an invariant form."""

    target: str
    source: str
    dim: int
    form: Form
    shape: Shape
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Along:
    """Writes what has no dimension of an axis along the vector that its group fixes."""

    target: str
    source: str
    dim: int
    axis: Axis
    shape: Shape
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Unwedge:
    """Writes a dimension of sets of positions onto the dimensions that the determinant joins them with.

    `dim` is None where there is just the empty set.
    """

    target: str
    source: str
    dim: int | None
    dims: tuple[int, ...]
    size: int
    shape: Shape
    runs: Runs | None

    @property
    def joined(self) -> int:
        return self.size - len(self.dims)


@dataclass(frozen=True, slots=True)
class Average:
    """Averages over the exchanges of parts, each some dimensions; with their signs where `sign` is -1."""

    target: str
    source: str
    parts: tuple[tuple[int, ...], ...]
    sign: int
    shape: Shape
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Unfold:
    """Takes pinned axes out of the features again and restores the order that the type declares."""

    target: str
    source: str
    pinned: tuple[int, ...]
    channels: int
    permutation: tuple[int, ...] | None
    shape: Shape
    runs: Runs | None


SpreadStep = MixSpread | Sum | Expand | Embed | Along | Lower | Unwedge | Average | Unfold
