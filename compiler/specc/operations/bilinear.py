"""`bilinear`: a result that is linear in each of two values, `nn.Bilinear` with axes by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..symmetry.factors import ALL_FACTORS, Factors
from ..types import Collection, Tensor, Type
from .arithmetic import spread_along
from .base import Channels, Operation, Parameter, Refusal, Rules
from .broadcast import aligned, broadcast, common_axes, multiplied, without_signs
from .representations import Algebra, keeps_constants
from .windows import Positive


class Bilinear(Operation):
    """`bilinear(x, y, c)`: result o is the sum over i and j of x_i weight_oij y_j, and a bias."""

    word: ClassVar[str] = "bilinear"
    arity: ClassVar[int | None] = 2
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    parametrised: ClassVar[bool] = True

    channels: Positive
    bias: bool = True

    @property
    def algebra(self) -> Algebra | None:
        """It is the typing rule of products."""
        return None

    def _biased(self, result: Type) -> bool:
        """Whether there is a bias: only where it is invariant."""
        return self.bias and isinstance(result, Tensor) and keeps_constants(result)

    def result(self, inputs: tuple[Type, ...]) -> Type:
        for value in inputs:
            if isinstance(value, Collection):
                raise Refusal(
                    "`bilinear` works on two tensors, and one of these is a collection",
                    f"take one out of it: `x.{value.names[0]}`",
                    show_types=True,
                )
        return broadcast(inputs, multiplied(self.word), lambda tensors: self.channels)

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        widths = (value.width for value in inputs if isinstance(value, Tensor))
        weight = Parameter("weight", (self.channels, *widths))
        return (weight, Parameter("bias", (self.channels,))) if self._biased(result) else (weight,)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        born = rules.fresh(self.channels)
        rules.parameter("weight", (born, inputs[0][""], inputs[1][""]), carries=(1, -1, -1))
        if self._biased(result):
            rules.parameter("bias", (born,), carries=(1,))
        return {"": born}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        _, left, right = self.parameters(inputs, result)[0].shape
        bias = "" if self._biased(result) else "bias=False, "
        return f"Bilinear({left}, {right}, {self.channels}, {bias}**factory)"

    def call(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        tensors = without_signs([each for each in inputs if isinstance(each, Tensor)])
        axes = common_axes(tensors)
        given = [
            aligned(value, tensor, axes) for value, tensor in zip(values, tensors, strict=True)
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
        tensors = without_signs([each for each in inputs if isinstance(each, Tensor)])
        common = Tensor(common_axes(tensors), None)
        x, y = (
            spread_along(xp, value, tensor, common)
            for value, tensor in zip(values, tensors, strict=True)
        )
        products = x.unsqueeze(-1) * y.unsqueeze(-2)
        made = [(products * matrix).sum((-2, -1)) for matrix in parameters["weight"]]
        return xp.stack(made, -1) + (parameters["bias"] if self._biased(result) else 0)
