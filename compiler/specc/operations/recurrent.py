"""Recurrent layers by their cells: `rnn`, `gru` and `lstm`, with the meaning of `torch.nn`'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ..symmetry.factors import Factors
from .base import Kind
from .pointwise import Pointwise
from .recurrence import Recurrent


class Rnn(Recurrent):
    """`rnn(x, c, over = step)`: `nn.RNN`."""

    word: ClassVar[str] = "rnn"
    kinds: ClassVar[Mapping[str, Kind]] = {**Recurrent.kinds, "act": Kind.FUNCTION}
    torch_name: ClassVar[str] = "RNN"

    act: Literal["tanh", "relu"] = "tanh"

    @property
    def within(self) -> Factors:
        return Pointwise(function=self.act).passes

    def _options(self) -> str:
        act = "" if self.act == "tanh" else f'nonlinearity="{self.act}", '
        return act + super()._options()

    def _step(
        self, xp: Any, x: Any, state: tuple[Any, ...], parameters: Mapping[str, Any], end: str
    ) -> tuple[Any, ...]:
        ((given, kept),) = self._gates(xp, x, state[0], parameters, end)
        return (getattr(xp, self.act)(given + kept),)


class Gru(Recurrent):
    """`gru(x, c, over = step)`: `nn.GRU`."""

    word: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    torch_name: ClassVar[str] = "GRU"

    def _step(
        self, xp: Any, x: Any, state: tuple[Any, ...], parameters: Mapping[str, Any], end: str
    ) -> tuple[Any, ...]:
        reset, update, new = self._gates(xp, x, state[0], parameters, end)
        r, z = xp.sigmoid(sum(reset)), xp.sigmoid(sum(update))
        n = xp.tanh(new[0] + r * new[1])
        return ((1 - z) * n + z * state[0],)


class Lstm(Recurrent):
    """`lstm(x, c, over = step)`: `nn.LSTM`; its state is two values, `h, c = lstm(..., steps = state)`."""

    word: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    torch_name: ClassVar[str] = "LSTM"

    def _step(
        self, xp: Any, x: Any, state: tuple[Any, ...], parameters: Mapping[str, Any], end: str
    ) -> tuple[Any, ...]:
        h, c = state
        i, f, g, o = (given + kept for given, kept in self._gates(xp, x, h, parameters, end))
        c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
        return xp.sigmoid(o) * xp.tanh(c), c
