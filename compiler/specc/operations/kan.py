"""`kan`: a layer with a learned function on every edge (arXiv:2404.19756)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..naming import prefixes
from ..symmetry.factors import ALL_FACTORS, NO_FACTORS, Factors
from ..symmetry.terms import Term
from ..types import Tensor, Type, map_tensors
from .base import Channels, Operation, Parameter, Rules
from .layers import on_each, per_tensor, widths_of
from .windows import Positive


class Kan(Operation):
    """`kan(x, c)`: result o is the sum over i of base_oi silu(x_i) + sum over k of spline_oik B_k(x_i).

    The B_k are the `grid + degree` B-splines of a degree on a grid of equal steps over [-1, 1] that goes
    on outside; far from it they are zero. On a collection each tensor has its own functions.
    """

    word: ClassVar[str] = "kan"
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    parametrised: ClassVar[bool] = True

    channels: Positive
    grid: Positive = 5
    degree: Positive = 3

    @property
    def _splines(self) -> int:
        return self.grid + self.degree

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return map_tensors(inputs[0], lambda tensor: tensor.with_channels(self.channels))

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        widths = widths_of(inputs[0])
        start = prefixes(widths)
        return tuple(
            parameter
            for name, width in widths.items()
            for parameter in (
                Parameter(f"{start[name]}base_weight", (self.channels, width)),
                Parameter(f"{start[name]}spline_weight", (self.channels, width, self._splines)),
            )
        )

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        spline = rules.pinned(self._splines, "each spline has a place of its own", "spline")
        born: dict[str, Term] = {}
        for name, prefix in prefixes(widths_of(types[0])).items():
            born[name] = rules.fresh(self.channels)
            rules.restrict(inputs[0][name], NO_FACTORS)
            dims = (born[name], inputs[0][name])
            rules.parameter(f"{prefix}base_weight", dims, carries=(1, 0))
            rules.parameter(f"{prefix}spline_weight", (*dims, spline), carries=(1, 0, 0))
        return born

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        layers = {name: self._layer(width) for name, width in widths_of(inputs[0]).items()}
        return layers[""] if isinstance(inputs[0], Tensor) else per_tensor(layers)

    def _layer(self, width: int) -> str:
        grid = "" if self.grid == 5 else f"grid={self.grid}, "
        degree = "" if self.degree == 3 else f"degree={self.degree}, "
        return f"KanLayer({width}, {self.channels}, {grid}{degree}**factory)"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        step = 2 / self.grid
        knots = [-1 + step * (k - self.degree) for k in range(self._splines + self.degree + 1)]

        def spline(x: Any, k: int, degree: int) -> Any:
            """The recursion of Cox and de Boor."""
            if degree == 0:
                return ((knots[k] <= x) & (x < knots[k + 1])).to(x.dtype)
            up = (x - knots[k]) / (knots[k + degree] - knots[k])
            down = (knots[k + degree + 1] - x) / (knots[k + degree + 1] - knots[k + 1])
            return up * spline(x, k, degree - 1) + down * spline(x, k + 1, degree - 1)

        def apply(prefix: str, x: Any) -> Any:
            base = x * xp.sigmoid(x)
            splines = [spline(x, k, self.degree) for k in range(self._splines)]
            made = xp.einsum("...i,oi->...o", base, parameters[f"{prefix}base_weight"])
            for k, each in enumerate(splines):
                weight = parameters[f"{prefix}spline_weight"][..., k]
                made = made + xp.einsum("...i,oi->...o", each, weight)
            return made

        return on_each(values[0], False, apply)
