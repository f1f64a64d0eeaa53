"""`gated`: gated linear units, act(gate(x)) * up(x), with whatever activation (arXiv:2002.05202)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..naming import prefixes
from ..symmetry.factors import ALL_FACTORS, Factors
from ..symmetry.terms import Term
from ..types import Tensor, Type, map_tensors
from .base import Channels, Kind, Operation, Parameter, Rules
from .layers import on_each, per_tensor, widths_of
from .pointwise import Pointwise
from .windows import Positive


class Gated(Operation):
    """`gated(x, c)`: two linear layers, one of which gates the other.

    With `fused = true` they are one matrix in the order of `F.glu`: first up, then gate. On a
    collection each tensor has its own.
    """

    word: ClassVar[str] = "gated"
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    kinds: ClassVar[Mapping[str, Kind]] = {"act": Kind.FUNCTION}
    parametrised: ClassVar[bool] = True

    channels: Positive
    act: str = "sigmoid"
    bias: bool = True
    fused: bool = False

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return map_tensors(inputs[0], lambda tensor: tensor.with_channels(self.channels))

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        widths = widths_of(inputs[0])
        start = prefixes(widths)
        rows = 2 * self.channels if self.fused else self.channels
        found = []
        for name, width in widths.items():
            for layer in ("",) if self.fused else ("gate.", "up."):
                found.append(Parameter(f"{start[name]}{layer}weight", (rows, width)))
                if self.bias:
                    found.append(Parameter(f"{start[name]}{layer}bias", (rows,)))
        return tuple(found)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """Gate and up multiply channel by channel: their rows move together.

        Factors are those of up, and the gate has none.
        """
        born: dict[str, Term] = {}
        for name, prefix in prefixes(widths_of(types[0])).items():
            row, x = rules.fresh(self.channels), inputs[0][name]
            if self.fused:
                rules.stacked(f"{prefix}weight", [(row, x), (row, x)], [(1, -1), (0, -1)])
                if self.bias:
                    rules.stacked(f"{prefix}bias", [(row,), (row,)], [(1,), (0,)])
            for layer, power in () if self.fused else (("gate.", 0), ("up.", 1)):
                rules.parameter(f"{prefix}{layer}weight", (row, x), carries=(power, -1))
                if self.bias:
                    rules.parameter(f"{prefix}{layer}bias", (row,), carries=(power,))
            born[name] = row
        return born

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        units = {name: self._unit(width) for name, width in widths_of(inputs[0]).items()}
        return units[""] if isinstance(inputs[0], Tensor) else per_tensor(units)

    def _unit(self, width: int) -> str:
        name = "FusedGatedLinearUnit" if self.fused else "GatedLinearUnit"
        act = Pointwise(function=self.act).as_module()
        bias = "" if self.bias else "bias=False, "
        return f"{name}({width}, {self.channels}, {act}, {bias}**factory)"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        act = Pointwise(function=self.act)

        def linear(x: Any, layer: str, rows: slice) -> Any:
            product = xp.einsum("...i,oi->...o", x, parameters[f"{layer}weight"][rows])
            return product + parameters[f"{layer}bias"][rows] if self.bias else product

        def apply(prefix: str, x: Any) -> Any:
            if self.fused:
                up = linear(x, prefix, slice(None, self.channels))
                gate = linear(x, prefix, slice(self.channels, None))
            else:
                up = linear(x, f"{prefix}up.", slice(None))
                gate = linear(x, f"{prefix}gate.", slice(None))
            return act.reference(xp, (gate,), inputs, result, {}) * up

        return on_each(values[0], False, apply)
