"""Between axes and channels: axes flattened, channels cut into parts, positions made of channels."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

from pydantic import Field, InstanceOf

from ..symmetry.factors import ALL_FACTORS, Factors
from ..symmetry.terms import product_of
from ..types import Axis, Collection, Tensor, Type, map_tensors
from .base import Channels, Kind, Operation, Refusal, Rules
from .broadcast import keep_enclosed, told_apart
from .representations import Algebra
from .windows import Positive, Windowed, axis_named, run_time_dims


class Flatten(Operation):
    """`flatten(x)`: all axes into the channels, channels first as in torch: (c, y, x) row-major.

    `flatten(x, over = [y, x], into = token)` makes these axes one axis instead, row-major.
    """

    word: ClassVar[str] = "flatten"
    kinds: ClassVar[Mapping[str, Kind]] = {"over": Kind.AXES, "into": Kind.AXIS}

    over: tuple[str, ...] | None = None
    into: InstanceOf[Axis] | None = None

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        tensor = inputs[0]
        if isinstance(tensor, Collection):
            raise Refusal(
                "`flatten` works on one tensor, and this is a collection",
                f"take one out of it: `x.{tensor.names[0]}`",
                show_types=True,
            )
        for axis in self._flattened(tensor):
            told_apart(axis, self.word)
        if self.into is None:
            return Tensor((), tensor.width * tensor.positions, complex=tensor.complex)
        return Tensor(self._merged(tensor, self.into), tensor.width, complex=tensor.complex)

    def _flattened(self, tensor: Tensor) -> tuple[Axis, ...]:
        """The axes that are flattened, in the order in which they are."""
        if self.over is None and self.into is None:
            return tensor.axes
        if self.over is None or self.into is None:
            raise Refusal(
                "`flatten` takes `over` and `into` together, or none of them",
                "`flatten(x, over = [y, x], into = token)`",
            )
        return tuple(axis_named(name, tensor) for name in self.over)

    def _merged(self, tensor: Tensor, into: Axis) -> tuple[Axis, ...]:
        """The axes with the new one where the first of those stood that it is made of."""
        merged = self._flattened(tensor)
        positions = prod(axis.size for axis in merged)
        if not into.pinned:
            raise Refusal(
                f"`flatten` tells positions apart, and those of `{into.name}` are interchangeable",
                f"declare `axis {into.name} = {positions}`",
            )
        if into.size != positions:
            raise Refusal(
                f"axis `{into.name}` has {into.size} positions, and these axes have {positions}",
                show_types=True,
            )
        first = min(tensor.axes.index(axis) for axis in merged)
        before = [axis for axis in tensor.axes[:first] if axis not in merged]
        after = [axis for axis in tensor.axes[first:] if axis not in merged]
        if into.name in {axis.name for axis in (*before, *after)}:
            raise Refusal(f"{tensor} has an axis `{into.name}` already", show_types=True)
        return keep_enclosed((*before, into, *after))

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        if self.into is not None:
            return inputs[0]
        assert isinstance(types[0], Tensor)
        reason = "flattened positions are told apart"
        positions = [rules.pinned(axis.size, reason, axis.name) for axis in types[0].axes]
        return {"": product_of([inputs[0][""], *positions])}

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        (value,) = values
        tensor = inputs[0]
        assert isinstance(tensor, Tensor)
        if self.into is None:
            return f"{value}.movedim(-1, 1).flatten(1)" if tensor.axes else value
        dims = [1 + tensor.axes.index(axis) for axis in self._flattened(tensor)]
        first, last = min(dims), min(dims) + len(dims) - 1
        if dims != list(range(first, last + 1)):
            order = self._order(tensor)
            value = f"{value}.permute({', '.join(map(str, order))})"
        return f"{value}.flatten({first}, {last})"

    def _order(self, tensor: Tensor) -> list[int]:
        """The run-time dimensions with those together, and in order, that are flattened."""
        dims = [1 + tensor.axes.index(axis) for axis in self._flattened(tensor)]
        others = [dim for dim in range(len(tensor.axes) + 2) if dim not in dims]
        place = min(dims)
        return [*(d for d in others if d < place), *dims, *(d for d in others if d > place)]

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        value, tensor = values[0], inputs[0]
        assert isinstance(tensor, Tensor)
        if self.into is None:
            return xp.cat([each.reshape(len(value), -1) for each in value.unbind(-1)], 1)
        assert isinstance(result, Tensor)
        moved = value.permute(self._order(tensor))
        return moved.reshape(value.shape[0], *(axis.size for axis in result.axes), tensor.width)


class Split(Operation):
    """`a, b = split(x, 16, 32)`: the channels cut into parts of these sizes, one after the other."""

    word: ClassVar[str] = "split"
    variadic: ClassVar[str | None] = "channels"

    channels: tuple[int, ...] = Field(min_length=1)

    @property
    def pieces(self) -> tuple[Operation, ...]:
        return tuple(Part(channels=self.channels, place=i) for i in range(len(self.channels)))


class Part(Operation):
    """One of the parts into which `split` cuts channels."""

    word: ClassVar[str] = "split"
    elementwise: ClassVar[bool] = True

    channels: tuple[int, ...]
    place: int

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    @property
    def takes_points(self) -> bool:
        return True

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return map_tensors(inputs[0], self._part)

    def _part(self, tensor: Tensor) -> Tensor:
        if sum(self.channels) != tensor.width:
            parts = " + ".join(map(str, self.channels))
            raise Refusal(f"{parts} channels are not the {tensor.width} of {tensor}", None, True)
        return tensor.with_channels(self.channels[self.place])

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return {
            name: rules.cut(term, self.channels)[self.place] for name, term in inputs[0].items()
        }

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        start = sum(self.channels[: self.place])
        stop = start + self.channels[self.place]
        bounds = f"{start or ''}:{stop if stop < sum(self.channels) else ''}"
        return f"{values[0]}[..., {bounds}]"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        start = sum(self.channels[: self.place])
        return values[0].narrow(-1, start, self.channels[self.place])

    def __str__(self) -> str:
        return f"split{{{self.place + 1} of {len(self.channels)}}}"


class PixelShuffle(Windowed):
    """`pixel_shuffle(x, over = [y, x], factor = 2)`: `nn.PixelShuffle`, channels become positions.

    Of channels (c, i, j), flattened row-major, the last two become the position within each pixel.
    """

    word: ClassVar[str] = "pixel_shuffle"
    kinds: ClassVar[Mapping[str, Kind]] = {"over": Kind.AXES}

    factor: Positive = 2

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    def result(self, inputs: tuple[Type, ...]) -> Type:
        tensor = self._tensor(inputs)
        if len(self.over) != 2:
            raise Refusal("`pixel_shuffle` works along two axes", "`over = [y, x]`")
        area = self.factor**2
        if tensor.width % area:
            raise Refusal(
                f"{tensor.width} channels do not make {self.factor} x {self.factor} pixels each",
                f"a multiple of {area} is needed",
                show_types=True,
            )
        sizes = [self.factor * size for size in self._sizes(tensor)]
        return Tensor(self._resized(tensor, sizes), tensor.width // area)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        assert isinstance(result, Tensor)
        kept = rules.fresh(result.width)
        reason = "channels become positions"
        within = [rules.pinned(self.factor, reason, name) for name in self.over]
        rules.same(inputs[0][""], product_of([kept, *within]))
        return {"": kept}

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        dims = run_time_dims(self._dims(self._tensor(inputs)))
        return f"pixel_shuffle({values[0]}, {dims}, {self.factor})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """Position (i, j) within the pixels is written from channels (c, i, j)."""
        value = values[0]
        assert isinstance(result, Tensor)
        made = value.new_zeros(value.shape[0], *(axis.size for axis in result.axes), result.width)
        grid = value.reshape(*value.shape[:-1], result.width, self.factor, self.factor)
        first, second = self._dims(self._tensor(inputs))
        for i in range(self.factor):
            for j in range(self.factor):
                index = [slice(None)] * made.ndim
                index[first] = slice(i, None, self.factor)
                index[second] = slice(j, None, self.factor)
                made[tuple(index)] = grid[..., i, j]
        return made
