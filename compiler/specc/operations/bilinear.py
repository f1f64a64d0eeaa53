"""`bilinear`: a result that is linear in each of two values, `nn.Bilinear` with axes by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..types import Collection, Tensor, Type
from .arithmetic import spread_along
from .base import Channels, Operation, Parameter, Refusal, Rules
from .broadcast import aligned, broadcast
from .windows import Positive


class Bilinear(Operation):
    """`bilinear(x, y, c)`: result o is the sum over i and j of x_i weight_oij y_j, and a bias."""

    word: ClassVar[str] = "bilinear"
    arity: ClassVar[int | None] = 2
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    parametrised: ClassVar[bool] = True

    channels: Positive
    bias: bool = True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        for value in inputs:
            if isinstance(value, Collection):
                raise Refusal(
                    "`bilinear` works on two tensors, and one of these is a collection",
                    f"take one out of it: `x.{value.names[0]}`",
                    show_types=True,
                )
        return broadcast(inputs, lambda tensors: self.channels)

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        widths = (value.width for value in inputs if isinstance(value, Tensor))
        weight = Parameter("weight", (self.channels, *widths))
        return (weight, Parameter("bias", (self.channels,))) if self.bias else (weight,)

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        born = rules.fresh(self.channels)
        rules.parameter("weight", (born, inputs[0][""], inputs[1][""]))
        if self.bias:
            rules.parameter("bias", (born,))
        return {"": born}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        _, left, right = self.parameters(inputs, result)[0].shape
        bias = "" if self.bias else "bias=False, "
        return f"Bilinear({left}, {right}, {self.channels}, {bias}**factory)"

    def call(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        assert isinstance(result, Tensor)
        given = [
            aligned(value, tensor, result.axes)
            for value, tensor in zip(values, inputs, strict=True)
            if isinstance(tensor, Tensor)
        ]
        return f"{module}({', '.join(given)})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        x, y = (
            spread_along(xp, value, tensor, result)
            for value, tensor in zip(values, inputs, strict=True)
        )
        products = x.unsqueeze(-1) * y.unsqueeze(-2)
        made = [(products * matrix).sum((-2, -1)) for matrix in parameters["weight"]]
        return xp.stack(made, -1) + (parameters["bias"] if self.bias else 0)
