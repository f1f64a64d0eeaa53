"""The plan of an equivariant layer: pool, mix, spread as a list of tensor operations with names.

Every decision is made when a plan is built (`schedule`); the emitter writes one line for each step.
Run-time tensors are `(batch, *kept axes, features)`, where features are pinned positions times
channels. A step with `runs` is done for each run of a repeat: its variables are lists, or where it is
`batched` one tensor with the runs first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..groups import Form
from ..symmetry.derive import Maps
from ..symmetry.folding import Operand, Runs
from ..types import Axis, Tensor

Formulation = Literal["stack", "accumulate"]

TiedForm = Literal["matrix", "circulant"]
"""A tied product as a matrix of its coefficients, or along rings of positions as a correlation."""


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
    an output, an activation that follows the layer joins it.
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


PoolStep = Fold | Diagonal | Mean | Trace | Project | Wedge
"""What makes one reduction of an input."""
SpreadStep = MixSpread | Sum | Expand | Embed | Along | Lower | Unwedge | Average | Unfold
PointStep = Center | Shift | Copy
Step = PointStep | Pooled | PoolStep | Mix | SpreadStep
PLAIN = (Fold, Pooled, Diagonal, Mean, Mix, MixSpread, Sum, Expand, Embed, Unfold)
"""Steps that do to tensors what columns and rows of a product's weight stand for."""


@dataclass(frozen=True, slots=True)
class Result:
    """An output by its key, the variable that holds it, and its axes, for masks.

    It is `activated` where its last step applies the activation that follows the layer.
    """

    operand: Operand
    source: str
    activated: bool


@dataclass(frozen=True, slots=True)
class Argument:
    """An input as `forward` names it; `keys` are those of a collection, or one empty key of a tensor."""

    name: str
    keys: tuple[str, ...]

    @property
    def is_collection(self) -> bool:
        return self.keys != ("",)


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """A layer as it is computed; where it is `activated`, together with an activation after it."""

    maps: Maps
    arguments: tuple[Argument, ...]
    centers: tuple[Center | Shift, ...]
    pools: tuple[PoolStep | Pooled, ...]
    mixes: tuple[Mix, ...]
    spreads: tuple[SpreadStep, ...]
    points: tuple[Shift | Copy, ...]
    results: tuple[Result, ...]
    activated: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.centers, *self.pools, *self.mixes, *self.spreads, *self.points)

    @property
    def is_plain(self) -> bool:
        """Whether its columns and rows say all that it computes.

        Columns are then means or diagonals of one argument's real tensors, without masks, rows are
        repeated to outputs, and the matrices between them have a coefficient for each.
        """
        operands = (*self.maps.inputs, *self.maps.outputs)
        products = [each for level in self.maps.levels for each in level.products]
        return (
            len(self.arguments) == 1
            and not self.maps.is_complex
            and all(isinstance(step, PLAIN) for step in self.steps)
            and all(mix.is_matrix for mix in self.mixes)
            and not any(each.beside or each.dropped for each in products)
            and not any(axis.masked for each in operands for axis in each.tensor.axes)
        )
