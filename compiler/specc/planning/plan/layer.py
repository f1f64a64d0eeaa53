"""A whole layer as it is computed: its steps in order, and what of them are its results."""

from __future__ import annotations

from dataclasses import dataclass

from ...symmetry.folding import Operand
from ...symmetry.maps import Maps
from .mixes import Mix
from .points import Center, Copy, PointStep, Shift
from .pools import Diagonal, Fold, Mean, Pooled, PoolStep
from .spreads import Embed, Expand, MixSpread, SpreadStep, Sum, Unfold

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
