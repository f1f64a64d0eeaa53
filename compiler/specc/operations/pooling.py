"""Pooling over windows, and its opposite: fewer positions along some axes, or more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..symmetry.factors import ALL_FACTORS, Factor, Factors
from ..types import Tensor, Type
from .base import Channels, Kind, Refusal, Rules
from .brackets import Binding
from .representations import Algebra
from .windows import (
    NotNegative,
    Positive,
    Window,
    Windowed,
    numbers,
    places,
    run_time_dims,
    seen_at,
    with_ends,
)


class _Pool(Windowed):
    """What both poolings share: one number of what a window sees, channel by channel."""

    kinds: ClassVar[Mapping[str, Kind]] = {
        "over": Kind.AXES,
        **dict.fromkeys(("kernel", "stride", "padding"), Kind.SIZES),
    }

    kernel: tuple[Positive, ...]
    stride: tuple[Positive, ...] | None = None
    padding: tuple[NotNegative, ...] = (0,)

    def result(self, inputs: tuple[Type, ...]) -> Type:
        tensor = self._tensor(inputs)
        windows = self._windows()
        if any(window.before > window.kernel // 2 for window in windows):
            raise Refusal("`padding` is at most half of the kernel: no window is all padding")
        return Tensor(self._resized(tensor, self._counts(tensor, windows)), tensor.width)

    def _windows(self) -> tuple[Window, ...]:
        """The window along each axis of `over`; it moves by its own size if not told otherwise."""
        kernel = self._each("kernel", self.kernel)
        stride = self._each("stride", self.stride or self.kernel)
        padding = self._each("padding", self.padding)
        return tuple(Window(k, s, p, p, 1) for k, s, p in zip(kernel, stride, padding, strict=True))

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return inputs[0]

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        dims = self._dims(self._tensor(inputs))
        options = f", stride={numbers(self.stride)}" if self.stride else ""
        options += f", padding={numbers(self.padding)}" if any(self.padding) else ""
        return f"{self.word}({values[0]}, {run_time_dims(dims)}, {numbers(self.kernel)}{options})"

    def binding(self, place: int) -> Binding:
        return Binding.ANY

    def _seen(self, value: Any, inputs: tuple[Type, ...], fill: float) -> list[Any]:
        """What all windows see at each place of the kernel, `fill` beyond the ends."""
        tensor = self._tensor(inputs)
        dims, windows = self._dims(tensor), self._windows()
        counts = self._counts(tensor, windows)
        value = with_ends(value, dims, windows, fill)
        return [value[seen_at(place, dims, windows, counts)] for place in places(windows)]


class MaxPool(_Pool):
    """`max_pool(x, over = [y, x], kernel = 2)`: `nn.MaxPool1d` to `3d`, the largest that a window sees."""

    word: ClassVar[str] = "max_pool"

    @property
    def algebra(self) -> Algebra:
        return Algebra.HOMOGENEOUS

    @property
    def passes(self) -> Factors:
        return frozenset({Factor.SCALE})

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        return xp.stack(self._seen(values[0], inputs, float("-inf"))).amax(0)


class AvgPool(_Pool):
    """`avg_pool(x, over = [y, x], kernel = 2)`: `nn.AvgPool1d` to `3d`; zeros of the padding count."""

    word: ClassVar[str] = "avg_pool"

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        return xp.stack(self._seen(values[0], inputs, 0.0)).mean(0)


class Upsample(Windowed):
    """`upsample(x, over = [y, x], factor = 2)`: each position `factor` times in a row, as `nn.Upsample`."""

    word: ClassVar[str] = "upsample"
    kinds: ClassVar[Mapping[str, Kind]] = {"over": Kind.AXES, "factor": Kind.SIZES}

    factor: tuple[Positive, ...] = (2,)

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    def result(self, inputs: tuple[Type, ...]) -> Type:
        tensor = self._tensor(inputs)
        factors = self._each("factor", self.factor)
        sizes = [n * size for n, size in zip(factors, self._sizes(tensor), strict=True)]
        return Tensor(self._resized(tensor, sizes), tensor.width)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return inputs[0]

    def _copies(self, inputs: tuple[Type, ...]) -> list[tuple[int, int]]:
        """The dimensions that get longer, and how many times."""
        dims = self._dims(self._tensor(inputs))
        return [
            (dim, n)
            for dim, n in zip(dims, self._each("factor", self.factor), strict=True)
            if n > 1
        ]

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        copies = "".join(f".repeat_interleave({n}, {dim})" for dim, n in self._copies(inputs))
        return f"{values[0]}{copies}"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        value = values[0]
        for dim, n in self._copies(inputs):
            value = value.index_select(dim, xp.arange(n * value.shape[dim]) // n)
        return value
