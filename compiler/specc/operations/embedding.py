"""Tables: `embedding` of indices, learned `positions`, and the fixed table `sinusoidal`."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, sin
from typing import Any, ClassVar

from pydantic import Field, InstanceOf

from ..symmetry.factors import ALL_FACTORS, Factors
from ..types import Axis, Collection, Tensor, Type, tensors_of
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .broadcast import told_apart
from .representations import Algebra
from .windows import Positive


class Embedding(Operation):
    """`embedding(x, c)`: `nn.Embedding`, a vector of c numbers for each index."""

    word: ClassVar[str] = "embedding"
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    parametrised: ClassVar[bool] = True
    takes_indices: ClassVar[bool] = True

    channels: Positive

    @property
    def tie(self) -> object:
        return "matrix"

    def result(self, inputs: tuple[Type, ...]) -> Type:
        tensor = inputs[0]
        if isinstance(tensor, Collection):
            raise Refusal(
                "`embedding` works on one tensor, and this is a collection",
                f"take one out of it: `x.{tensor.names[0]}`",
                show_types=True,
            )
        if tensor.index is None:
            raise Refusal(
                f"`embedding` looks up indices, and {tensor} holds numbers",
                "`[token; index 64]` is the type of indices below 64; `linear(x, c)` maps numbers",
                show_types=True,
            )
        return Tensor(tensor.axes, self.channels)

    def _vocabulary(self, inputs: tuple[Type, ...]) -> int:
        assert isinstance(inputs[0], Tensor) and inputs[0].index is not None
        return inputs[0].index

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        return (Parameter("weight", (self._vocabulary(inputs), self.channels)),)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        words = rules.pinned(self._vocabulary(types), "an index stands for itself", "index")
        born = rules.fresh(self.channels)
        rules.parameter("weight", (words, born), carries=(0, 1))
        return {"": born}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        return f"nn.Embedding({self._vocabulary(inputs)}, {self.channels}, **factory)"

    def functional(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        return f"F.embedding({values[0]}, {module}.weight)"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        words = xp.arange(self._vocabulary(inputs))
        chosen = (values[0].unsqueeze(-1) == words).to(parameters["weight"].dtype)
        return chosen @ parameters["weight"]


class _Table(Operation):
    """A table over axes: it reads no value, and is the same for the whole batch."""

    arity: ClassVar[int | None] = 0
    takes_indices: ClassVar[bool] = True
    parametrised: ClassVar[bool] = True

    @property
    def algebra(self) -> Algebra | None:
        """It reads no value."""
        return None

    def _pinned(self, axis: Axis) -> Axis:
        """The axis as the table has it."""
        if axis.masked:
            raise Refusal(
                f"`{self.word}` tells the positions of `{axis.name}` apart, and some may not be there",
                f"`axis {axis.name} = {axis.size}` has all of them",
            )
        return told_apart(axis, self.word)

    def call(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        (name, _), *_ = tensors_of(inputs[0])
        return f'{module}({values[0]}["{name}"])' if name else f"{module}({values[0]})"

    def _table(self, xp: Any, like: Any, parameters: Mapping[str, Any]) -> Any:
        """The numbers, `(*axes, channels)`."""
        raise NotImplementedError

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        anchor = next(iter(values[0].values())) if isinstance(values[0], dict) else values[0]
        return xp.stack([self._table(xp, anchor, parameters) for _ in anchor])


class Positions(_Table):
    """`positions(token, c)`, `positions([y, x], c)`: a learned vector for each position."""

    word: ClassVar[str] = "positions"
    positional: ClassVar[tuple[str, ...]] = ("axes", "channels")
    kinds: ClassVar[Mapping[str, Kind]] = {"axes": Kind.GRID}

    axes: tuple[InstanceOf[Axis], ...] = Field(min_length=1)
    channels: Positive

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return Tensor(tuple(map(self._pinned, self.axes)), self.channels)

    @property
    def _shape(self) -> tuple[int, ...]:
        return (*(axis.size for axis in self.axes), self.channels)

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        return (Parameter("weight", self._shape),)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        reason = "a table tells positions apart"
        places = [rules.pinned(axis.size, reason, axis.name) for axis in self.axes]
        born = rules.fresh(self.channels)
        rules.parameter("weight", (*places, born), carries=(*(0 for _ in places), 1))
        return {"": born}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        return f"Positions({', '.join(map(str, self._shape))}, **factory)"

    def _table(self, xp: Any, like: Any, parameters: Mapping[str, Any]) -> Any:
        return parameters["weight"]


class Sinusoidal(_Table):
    """`sinusoidal(token, c)`: the table of "Attention is all you need" (arXiv:1706.03762).

    Channel 2i of position p is sin(p base^(-2i / c)), channel 2i + 1 its cosine.
    """

    word: ClassVar[str] = "sinusoidal"
    positional: ClassVar[tuple[str, ...]] = ("axis", "channels")
    kinds: ClassVar[Mapping[str, Kind]] = {"axis": Kind.AXIS}

    axis: InstanceOf[Axis]
    channels: Positive
    base: float = Field(10000.0, ge=1)

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return Tensor((self._pinned(self.axis),), self.channels)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return {"": rules.pinned(self.channels, "each channel has a frequency of its own")}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        base = "" if self.base == 10000 else f"base={self.base}, "
        return f"Sinusoidal({self.axis.size}, {self.channels}, {base}**factory)"

    def _table(self, xp: Any, like: Any, parameters: Mapping[str, Any]) -> Any:
        rows = []
        for position in range(self.axis.size):
            angles = [
                position * self.base ** (-2 * (k // 2) / self.channels)
                for k in range(self.channels)
            ]
            rows.append([cos(angle) if k % 2 else sin(angle) for k, angle in enumerate(angles)])
        return xp.tensor(rows, dtype=like.dtype if like.is_floating_point() else xp.float64)
