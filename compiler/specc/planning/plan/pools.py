"""Steps of a plan that reduce inputs: means, diagonals, contractions."""

from __future__ import annotations

from dataclasses import dataclass

from ...groups import Form
from ...symmetry.folding import Runs
from ...types import Axis
from .shapes import Shape


@dataclass(frozen=True, slots=True)
class Fold:
    """Brings an input to `(batch, *axes that move, features)`: pinned axes join the channels.

    `argument` and `key` say where it comes from; `permutation` is of all dimensions, or None;
    `pinned` is the number of dimensions that are folded into the channels.
    """

    target: str
    argument: str
    key: str
    permutation: tuple[int, ...] | None
    pinned: int
    shape: Shape
    runs: Runs | None
    batched: bool = False


@dataclass(frozen=True, slots=True)
class Diagonal:
    """Takes the diagonal of two dimensions, which leaves one at the place of the first."""

    target: str
    source: str
    first: int
    second: int
    shape: Shape
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Mean:
    """Averages over one dimension; `axes` are those of the source, for masks."""

    target: str
    source: str
    dim: int
    axes: tuple[Axis, ...]
    shape: Shape
    runs: Runs | None
    batched: bool = False

    @property
    def masked(self) -> bool:
        """Whether a mask says which positions it is the mean of."""
        return self.axes[self.dim - 1].masked


@dataclass(frozen=True, slots=True)
class Pooled:
    """The means of a full-size tensor over one dimension each, in one pass.

    The tensor is read through `source` from there on: its gradients then meet those of the means. With
    `runs` there is a tensor for each, and each mean is one tensor with the runs first.
    """

    source: str
    means: tuple[Mean, ...]

    @property
    def shape(self) -> Shape:
        return Shape(self.means[0].axes, self.means[0].shape.features)

    @property
    def runs(self) -> Runs | None:
        return self.means[0].runs


@dataclass(frozen=True, slots=True)
class Trace:
    """Contracts two dimensions with an invariant form: the mean of the diagonal, one of them lowered."""

    target: str
    source: str
    first: int
    second: int
    form: Form
    shape: Shape
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Project:
    """Contracts a dimension with the vector that the group of an axis fixes."""

    target: str
    source: str
    dim: int
    axis: Axis
    shape: Shape
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Wedge:
    """Joins dimensions of `size` by the determinant: one for each set of positions, at the place `dim`.

    `dim` is None where there is just one set, of all positions.
    """

    target: str
    source: str
    dims: tuple[int, ...]
    dim: int | None
    size: int
    shape: Shape
    runs: Runs | None

    @property
    def joined(self) -> int:
        return len(self.dims)


PoolStep = Fold | Diagonal | Mean | Trace | Project | Wedge
"""What makes one reduction of an input."""
