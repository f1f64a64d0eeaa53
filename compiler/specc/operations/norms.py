"""Normalisation over channels at each position, and dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ..naming import prefixes
from ..symmetry.factors import ALL_FACTORS, Factor, Factors, Powers
from ..types import Tensor, Type
from .base import Channels, Operation, Parameter, Rules
from .brackets import Binding
from .layers import on_each, per_tensor, widths_of
from .representations import Algebra


class _ChannelNorm(Operation):
    """What `layer_norm` and `rms_norm` share: a statistic over channels, then a scale for each."""

    parametrised: ClassVar[bool] = True
    names: ClassVar[tuple[str, ...]] = ("weight", "bias")
    powers: ClassVar[tuple[Powers, ...] | None] = None

    affine: bool = True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return inputs[0]

    def _torch(self, width: int) -> str:
        raise NotImplementedError

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        if not self.affine:
            return ()
        widths = widths_of(inputs[0])
        start = prefixes(widths)
        return tuple(
            Parameter(start[tensor] + name, (width,))
            for tensor, width in widths.items()
            for name in self.names
        )

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        if self.affine:
            start = prefixes(inputs[0])
            for tensor, atom in inputs[0].items():
                for number, name in enumerate(self.names):
                    power = None if self.powers is None else self.powers[number]
                    rules.parameter(start[tensor] + name, (atom,), power)
        return inputs[0]

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        if isinstance(inputs[0], Tensor):
            return self._torch(inputs[0].width)
        return per_tensor({n: self._torch(width) for n, width in widths_of(inputs[0]).items()})


class LayerNorm(_ChannelNorm):
    """`layer_norm(x)`: `nn.LayerNorm` over the channels of each position."""

    word: ClassVar[str] = "layer_norm"

    eps: float = Field(1e-5, ge=0)

    @property
    def algebra(self) -> Algebra:
        return Algebra.ANY if self.affine else Algebra.ODD

    def _torch(self, width: int) -> str:
        return _constructor("LayerNorm", width, self.eps, 1e-5, self.affine)

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        def apply(prefix: str, x: Any) -> Any:
            centred = x - x.mean(-1, keepdim=True)
            normal = centred / (centred.square().mean(-1, keepdim=True) + self.eps).sqrt()
            if not self.affine:
                return normal
            return normal * parameters[prefix + "weight"] + parameters[prefix + "bias"]

        return on_each(values[0], False, apply)


class RmsNorm(_ChannelNorm):
    """`rms_norm(x)`: `nn.RMSNorm` over the channels of each position."""

    word: ClassVar[str] = "rms_norm"
    names: ClassVar[tuple[str, ...]] = ("weight",)
    powers: ClassVar[tuple[Powers, ...] | None] = ((0,),)

    eps: float | None = Field(None, ge=0)

    @property
    def algebra(self) -> Algebra:
        return Algebra.ODD

    @property
    def passes(self) -> Factors:
        return frozenset({Factor.SIGN})

    def _torch(self, width: int) -> str:
        return _constructor("RMSNorm", width, self.eps, None, self.affine)

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        def apply(prefix: str, x: Any) -> Any:
            eps = xp.finfo(x.dtype).eps if self.eps is None else self.eps
            normal = x / (x.square().mean(-1, keepdim=True) + eps).sqrt()
            return normal * parameters[prefix + "weight"] if self.affine else normal

        return on_each(values[0], False, apply)


class Dropout(Operation):
    """`dropout(x, p)`: zeroes numbers while training; symmetric in evaluation, and in distribution."""

    word: ClassVar[str] = "dropout"
    positional: ClassVar[tuple[str, ...]] = ("p",)
    elementwise: ClassVar[bool] = True

    p: float = Field(0.5, ge=0, le=1)

    @property
    def algebra(self) -> Algebra:
        """In distribution: numbers are zeroed one by one, whatever their signs and scales."""
        return Algebra.MULTIPLE

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return inputs[0]

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return inputs[0]

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        return f"F.dropout({values[0]}, {self.p}, self.training)"

    def binding(self, place: int) -> Binding:
        return Binding.ANY

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        return values[0]  # what evaluation computes


def _constructor(
    name: str, width: int, eps: float | None, default: float | None, affine: bool
) -> str:
    options = "" if eps == default else f"eps={eps}, "
    options += "" if affine else "elementwise_affine=False, "
    return f"nn.{name}({width}, {options}**factory)"
