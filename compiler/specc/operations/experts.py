"""A mixture of experts with a soft router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ..symmetry.factors import ALL_FACTORS, NO_FACTORS, Factors
from ..types import Tensor, Type
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .layers import Size
from .pointwise import Pointwise


class Experts(Operation):
    """`experts(x, hidden, c)`: y = sum over e of p_e (down_e act(up_e x)), with p = softmax(router x)."""

    word: ClassVar[str] = "experts"
    positional: ClassVar[tuple[str, ...]] = ("hidden", "channels")
    kinds: ClassVar[Mapping[str, Kind]] = {"act": Kind.FUNCTION}
    parametrised: ClassVar[bool] = True

    hidden: int = Size
    channels: int = Size
    count: int = Field(8, ge=1)
    act: str = "gelu"
    bias: bool = True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        if not isinstance(inputs[0], Tensor):
            raise Refusal(
                f"`experts` works on one tensor, and {inputs[0]} is a collection",
                f"take one out of it: `x.{inputs[0].names[0]}`",
                show_types=True,
            )
        return inputs[0].with_channels(self.channels)

    def _shapes(self, width: int) -> dict[str, tuple[int, ...]]:
        shapes = {
            "up_weight": (self.count, self.hidden, width),
            "up_bias": (self.count, self.hidden),
            "down_weight": (self.count, self.channels, self.hidden),
            "down_bias": (self.count, self.channels),
            "router.weight": (self.count, width),
            "router.bias": (self.count,),
        }
        return {n: shape for n, shape in shapes.items() if self.bias or not n.endswith("bias")}

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        assert isinstance(inputs[0], Tensor)
        return tuple(Parameter(n, shape) for n, shape in self._shapes(inputs[0].width).items())

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """Experts permute, and in each expert its hidden positions."""
        assert isinstance(types[0], Tensor)
        x, born = inputs[0][""], rules.fresh(self.channels)
        expert = rules.fresh(self.count, name="expert")
        hidden = rules.fresh(self.hidden, inside=expert, name="hidden")
        terms = {
            "up_weight": (expert, hidden, x),
            "up_bias": (expert, hidden),
            "down_weight": (expert, born, hidden),
            "down_bias": (expert, born),
            "router.weight": (expert, x),
            "router.bias": (expert,),
        }
        powers = {
            "up_weight": (0, 0, -1),
            "up_bias": (0, 0),
            "down_weight": (0, 1, 0),
            "down_bias": (0, 1),
            "router.weight": (0, -1),
            "router.bias": (0,),
        }
        for term in (expert, hidden):
            rules.restrict(term, NO_FACTORS)
        for name in self._shapes(types[0].width):
            rules.parameter(name, terms[name], powers[name])
        return {"": born}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        assert isinstance(inputs[0], Tensor)
        sizes = f"{inputs[0].width}, {self.hidden}, {self.channels}, count={self.count}"
        bias = "" if self.bias else "bias=False, "
        act = Pointwise(function=self.act).as_module()
        return f"SoftExperts({sizes}, act={act}, {bias}**factory)"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """Expert by expert."""
        x = values[0]
        act = Pointwise(function=self.act)

        def layer(x: Any, name: str, expert: int) -> Any:
            product = xp.einsum("...i,oi->...o", x, parameters[f"{name}_weight"][expert])
            return product + parameters[f"{name}_bias"][expert] if self.bias else product

        logits = xp.einsum("...i,ei->...e", x, parameters["router.weight"])
        if self.bias:
            logits = logits + parameters["router.bias"]
        share = logits.exp() / logits.exp().sum(-1, keepdim=True)
        total: Any = 0
        for expert in range(self.count):
            hidden = act.reference(xp, (layer(x, "up", expert),), inputs, result, {})
            total = total + share[..., expert, None] * layer(hidden, "down", expert)
        return total
