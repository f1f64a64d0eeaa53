"""Convolutions along one, two or three axes, with parameters as `torch.nn` keeps them.

Channels come in as (group, in) and go out as (group, out), both flattened row-major; each group is
mixed by itself. A kernel tells neighbours apart, so the axes are pinned from there on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ..symmetry.factors import ALL_FACTORS, NO_FACTORS, Factors
from ..symmetry.terms import Sum, Term, joined, product_of
from ..types import Tensor, Type
from .base import Channels, Kind, Parameter, Refusal, Rules
from .representations import Algebra
from .windows import (
    NotNegative,
    Positive,
    Window,
    Windowed,
    numbers,
    over_option,
    padded,
    places,
    seen_at,
    with_ends,
)


class _Convolution(Windowed):
    """What both convolutions share: channels in groups, a kernel for each pair of a group's channels."""

    positional: ClassVar[tuple[str, ...]] = ("channels",)
    kinds: ClassVar[Mapping[str, Kind]] = {
        "over": Kind.AXES,
        **dict.fromkeys(("kernel", "stride", "padding", "dilation", "output_padding"), Kind.SIZES),
    }
    parametrised: ClassVar[bool] = True
    torch_name: ClassVar[str]
    transposed: ClassVar[bool]
    """Whether the weight is kept as (group in) x out, and not as (group out) x in."""

    channels: Positive
    kernel: tuple[Positive, ...]
    stride: tuple[Positive, ...] = (1,)
    padding: tuple[NotNegative, ...] | Literal["same"] = (0,)
    dilation: tuple[Positive, ...] = (1,)
    groups: Positive = 1
    bias: bool = True

    @property
    def algebra(self) -> Algebra:
        return Algebra.AFFINE if self.bias else Algebra.LINEAR

    def _lengths(self, tensor: Tensor) -> tuple[int, ...]:
        """The new lengths of the axes of `over`."""
        raise NotImplementedError

    def result(self, inputs: tuple[Type, ...]) -> Type:
        tensor = self._tensor(inputs)
        for width, what in ((tensor.width, "channels"), (self.channels, "new channels")):
            if width % self.groups:
                raise Refusal(
                    f"`groups = {self.groups}` does not divide {width} {what}", show_types=True
                )
        return Tensor(self._resized(tensor, self._lengths(tensor)), self.channels)

    def _windows(self) -> tuple[Window, ...]:
        """The window along each axis of `over`."""
        kernel = self._each("kernel", self.kernel)
        dilation = self._each("dilation", self.dilation)
        if self.padding == "same":
            added = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
            ends = [(total // 2, total - total // 2) for total in added]
        else:
            ends = [(each, each) for each in self._each("padding", self.padding)]
        stride = self._each("stride", self.stride)
        return tuple(
            Window(k, s, before, after, d)
            for k, s, (before, after), d in zip(kernel, stride, ends, dilation, strict=True)
        )

    # --- Parameters

    def _weight(self, group: int, read: int, written: int) -> tuple[int, int]:
        """The first two dimensions of the weight, from the channels of a group."""
        return (group * read, written) if self.transposed else (group * written, read)

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        read = self._tensor(inputs).width // self.groups
        dims = self._weight(self.groups, read, self.channels // self.groups)
        weight = Parameter("weight", (*dims, *self._each("kernel", self.kernel)))
        return (weight, Parameter("bias", (self.channels,))) if self.bias else (weight,)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """Groups are permuted, and in each the channels that come in and those that go out.

        Groups of channels that were joined are those of each part. Factors of channels pass where all of
        them are one group, and where each is a group by itself: there they cancel in the kernel.
        """
        before, after = self._tensor(types).width // self.groups, self.channels // self.groups
        kernel = [
            rules.pinned(size, "a kernel tells neighbours apart", name)
            for name, size in zip(self.over, self._each("kernel", self.kernel), strict=True)
        ]
        weight: list[list[Term]] = []
        written: list[Term] = []
        for part in self._parts(rules, inputs[0][""], before):
            group = rules.fresh(part.size // before)
            home = group if self.groups > 1 else None
            inner = rules.fresh(before, inside=home if before > 1 else None)
            outer = rules.fresh(after, inside=home if after > 1 else None)
            read, made = product_of([group, inner]), product_of([group, outer])
            rules.same(part, read)
            dims = (read, outer) if self.transposed else (made, inner)
            weight.append([*dims, *kernel])
            written.append(made)
            if self.groups > 1 and not before == after == 1:
                rules.restrict(read, NO_FACTORS)
                rules.restrict(made, NO_FACTORS)
        powers = self._powers()
        rules.stacked("weight", weight, [(*powers, *(0 for _ in kernel))] * len(weight))
        if self.bias:
            rules.parameter("bias", (joined(written),), carries=(1,))
        return {"": joined(written)}

    def _powers(self) -> tuple[int, int]:
        """The powers with which the weight carries factors of channels along its first two dimensions."""
        if self.groups > 1:
            return (0, 0)
        return (-1, 1) if self.transposed else (1, -1)

    def _parts(self, rules: Rules, channels: Term, before: int) -> tuple[Term, ...]:
        """The channels that come in, cut where they were joined if no group is cut by that."""
        if self.groups == 1:
            return (channels,)
        found = rules.split(channels, (self.groups, before))
        if isinstance(found, Sum) and all(part.size % before == 0 for part in found.parts):
            return found.parts
        return (found,)

    # --- Code

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        tensor = self._tensor(inputs)
        dims = self._dims(tensor)
        name = f"{self.torch_name}{len(dims)}d"
        sizes = f"{tensor.width}, {self.channels}, {numbers(self.kernel)}"
        return f"{name}({sizes}, {self._options()}{over_option(dims)}**factory)"

    def _options(self) -> str:
        """The options that differ from torch's defaults."""
        ends = [(window.before, window.after) for window in self._windows()]
        even = all(before == after for before, after in ends)
        padding = numbers([before for before, _ in ends]) if even else '"same"'
        shown = {
            "stride": (numbers(self.stride), "1"),
            "padding": (padding, "0"),
            "output_padding": (numbers(self._output_padding), "0"),
            "dilation": (numbers(self.dilation), "1"),
            "groups": (str(self.groups), "1"),
            "bias": (str(self.bias), "True"),
        }
        return "".join(
            f"{name}={value}, " for name, (value, usual) in shown.items() if value != usual
        )

    @property
    def _output_padding(self) -> tuple[int, ...]:
        return (0,)


class Conv(_Convolution):
    """`conv(x, c, over = [y, x], kernel = 3)`: `nn.Conv1d`, `nn.Conv2d`, `nn.Conv3d` along these axes."""

    word: ClassVar[str] = "conv"
    torch_name: ClassVar[str] = "Conv"
    transposed: ClassVar[bool] = False

    def _lengths(self, tensor: Tensor) -> tuple[int, ...]:
        if self.padding == "same" and set(self.stride) != {1}:
            raise Refusal("`padding = same` keeps the length, and a stride shortens it")
        return self._counts(tensor, self._windows())

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """The sum over the places in the kernel of what all windows see there, mixed in groups."""
        tensor = self._tensor(inputs)
        dims, windows = self._dims(tensor), self._windows()
        value, counts = with_ends(values[0], dims, windows, 0.0), self._lengths(tensor)
        total = 0
        for place in places(windows):
            seen = value[seen_at(place, dims, windows, counts)].chunk(self.groups, -1)
            weight = parameters["weight"][(slice(None), slice(None), *place)].chunk(self.groups, 0)
            mixed = [
                xp.einsum("...i,oi->...o", x, rows) for x, rows in zip(seen, weight, strict=True)
            ]
            total = total + xp.cat(mixed, -1)
        return total + parameters["bias"] if self.bias else total


class ConvTranspose(_Convolution):
    """`conv_transpose(x, c, over = [y, x], kernel = 2, stride = 2)`: `nn.ConvTranspose1d` to `3d`.

    `output_padding` positions are added at the far end, for lengths that a stride rounds down to one.
    """

    word: ClassVar[str] = "conv_transpose"
    torch_name: ClassVar[str] = "ConvTranspose"
    transposed: ClassVar[bool] = True

    output_padding: tuple[NotNegative, ...] = (0,)

    @property
    def _output_padding(self) -> tuple[int, ...]:
        return self.output_padding

    def _lengths(self, tensor: Tensor) -> tuple[int, ...]:
        if self.padding == "same":
            raise Refusal("`padding = same` is for `conv`, here it is a number")
        lengths = []
        added = self._each("output_padding", self.output_padding)
        for name, size, window, more in zip(
            self.over, self._sizes(tensor), self._windows(), added, strict=True
        ):
            if more >= max(window.stride, window.dilation):
                raise Refusal("`output_padding` is smaller than the stride or the dilation")
            lengths.append(window.spread(size) + more)
            if lengths[-1] < 1:
                raise Refusal(f"`padding` leaves nothing of `{name}`", show_types=True)
        return tuple(lengths)

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """Each position adds a kernel to a longer axis, whose ends are cut off then."""
        tensor = self._tensor(inputs)
        dims, windows, sizes = self._dims(tensor), self._windows(), self._sizes(tensor)
        added = self._each("output_padding", self.output_padding)
        shape = [*values[0].shape[:-1], self.channels]
        for dim, size, window, more in zip(dims, sizes, windows, added, strict=True):
            shape[dim] = window.stride * (size - 1) + window.reach + more
        canvas = values[0].new_zeros(shape)
        for place in places(windows):
            weight = parameters["weight"][(slice(None), slice(None), *place)].chunk(self.groups, 0)
            mixed = [
                xp.einsum("...i,io->...o", x, columns)
                for x, columns in zip(values[0].chunk(self.groups, -1), weight, strict=True)
            ]
            canvas[seen_at(place, dims, windows, sizes)] += xp.cat(mixed, -1)
        for dim, window in zip(dims, windows, strict=True):
            canvas = padded(canvas, dim, -window.before, -window.after, 0.0)
        return canvas + parameters["bias"] if self.bias else canvas
