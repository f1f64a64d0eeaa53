"""Reductions over named axes, and softmax along one. Masked axes count only what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..groups import Structure
from ..symmetry.factors import ALL_FACTORS, Factor, Factors
from ..types import Axis, Collection, Tensor, Type
from .base import Channels, Kind, Operation, Refusal, Rules
from .broadcast import keep_enclosed
from .masks import masked_reduction, masked_reductions, presence
from .points import kept_points, totalled_points, with_points
from .representations import Algebra


class _OverAxes(Operation):
    """What reductions and softmax share: the axes in brackets, each once in the tensor."""

    bracket: ClassVar[str | None] = "axes"
    kinds: ClassVar[Mapping[str, Kind]] = {"axes": Kind.AXES}

    axes: tuple[str, ...] = ()

    def _tensor(self, inputs: tuple[Type, ...]) -> Tensor:
        tensor = inputs[0]
        if isinstance(tensor, Collection):
            raise Refusal(
                f"`{self.word}` works on one tensor, and this is a collection",
                f"take one out of it: `{self.word}[axis](x.{tensor.names[0]})`",
                show_types=True,
            )
        for name in self.axes:
            count = sum(axis.name == name for axis in tensor.axes)
            if count == 0:
                raise Refusal(f"{tensor} has no axis `{name}`", show_types=True)
            if count > 1:
                raise Refusal(
                    f"`{name}` stands twice in {tensor}, so it is ambiguous which of the two is meant",
                    f"index notation says which: `z[i] = {self.word}[j](x[i, j])`",
                    show_types=True,
                )
            self._refuse_mixed(next(axis for axis in tensor.axes if axis.name == name))
        return tensor

    def _refuse_mixed(self, axis: Axis) -> None:
        """Positions are interchangeable, not coordinates."""
        if not axis.permuted:
            moves = {
                Structure.SIGNED: "changes their signs",
                Structure.POSITIVE: "scales them",
                Structure.MONOMIAL: "scales them",
            }.get(axis.structure, "mixes them")
            raise Refusal(
                f"`{self}` would put the coordinates of `{axis.name}` together, and "
                f"{axis.group.notation(axis.size)} {moves}",
                "`invariant(x, c)` is every invariant linear map",
                show_types=True,
            )

    def _matched(self, tensor: Tensor) -> Tensor:
        """The tensor, unless positions would be matched that move separately: those of inner axes."""
        for axis in tensor.axes:
            outer = axis.parent
            if axis.pinned or outer is None or outer.size == 1:
                continue
            if outer.name in self.axes and axis.name not in self.axes:
                raise Refusal(
                    f"`{self}` would match positions of `{axis.name}` that move separately in each "
                    f"`{outer.name}`",
                    f"reduce `{axis.name}` before, or with it",
                    show_types=True,
                )
        return tensor

    def _dims(self, tensor: Tensor) -> tuple[int, ...]:
        """The run-time dimensions of the axes; the batch comes first."""
        return tuple(i + 1 for i, axis in enumerate(tensor.axes) if axis.name in self.axes)

    def masks(self, inputs: tuple[Type, ...]) -> tuple[Axis, ...]:
        tensor = self._tensor(inputs)
        return tuple(a for a in tensor.axes if a.name in self.axes and a.masked)

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return inputs[0]

    def __str__(self) -> str:
        return f"{self.word}[{', '.join(self.axes)}]"


class Reduce(_OverAxes):
    """`sum[a](x)`, `mean[a, b](x)`, `max[a](x)`, `min[a](x)`."""

    kind: str

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR if self.kind in ("sum", "mean") else Algebra.HOMOGENEOUS

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS if self.kind in ("sum", "mean") else frozenset({Factor.SCALE})

    @property
    def word(self) -> str:  # type: ignore[override]
        return self.kind

    @property
    def takes_points(self) -> bool:
        return self.kind in ("sum", "mean")

    @property
    def takes_complex(self) -> bool:
        return self.kind in ("sum", "mean")

    def result(self, inputs: tuple[Type, ...]) -> Type:
        if not self.axes:
            raise Refusal(
                f"`{self.kind}` needs to be told over which axes", f"`{self.kind}[axis](x)`"
            )
        tensor = self._matched(self._tensor(inputs))
        left = tuple(axis for axis in tensor.axes if axis.name not in self.axes)
        reduced = [axis for axis in tensor.axes if axis.name in self.axes]
        points = totalled_points(reduced) if self.kind == "sum" else kept_points
        result = Tensor(keep_enclosed(left), tensor.channels, complex=tensor.complex)
        return with_points(result, inputs, points)

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        tensor = self._tensor(inputs)
        dims = self._dims(tensor)
        place = str(dims[0]) if len(dims) == 1 else str(dims)
        if self.masks(inputs):
            return masked_reductions(self.kind, values[0], tensor.axes, dims)
        method = {"max": "amax", "min": "amin"}.get(self.kind, self.kind)
        return f"{values[0]}.{method}({place})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        value = values[0]
        axes = list(self._tensor(inputs).axes)
        for dim in reversed(self._dims(self._tensor(inputs))):
            value = self._along(value, dim, presence(value, axes, dim, parameters))
            del axes[dim - 1]
        return value

    def _along(self, value: Any, dim: int, present: Any | None) -> Any:
        """The reduction over what is there along one dimension; zero where nothing is."""
        method = {"max": "amax", "min": "amin"}.get(self.kind, self.kind)
        if present is None:
            return getattr(value, method)(dim)
        count = present.sum(dim)
        match self.kind:
            case "sum":
                return value.masked_fill(~present, 0).sum(dim)
            case "mean":
                return value.masked_fill(~present, 0).sum(dim) / count.clamp(min=1)
            case _:
                worst = float("-inf" if self.kind == "max" else "inf")
                best = getattr(value.masked_fill(~present, worst), method)(dim)
                return best.masked_fill(count == 0, 0)


class Softmax(_OverAxes):
    """`softmax[axis](x)` along one axis, `softmax(x)` over the channels."""

    word: ClassVar[str] = "softmax"
    elementwise: ClassVar[bool] = True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        if not self.axes:
            return inputs[0]
        if len(self.axes) > 1:
            raise Refusal("`softmax` runs along one axis", "`softmax[axis](x)`")
        return self._matched(self._tensor(inputs))

    def masks(self, inputs: tuple[Type, ...]) -> tuple[Axis, ...]:
        return super().masks(inputs) if self.axes else ()

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        if not self.axes:
            return f"{values[0]}.softmax(-1)"
        tensor = self._tensor(inputs)
        (dim,) = self._dims(tensor)
        if self.masks(inputs):
            return masked_reduction("softmax", values[0], tensor.axes, dim)
        return f"{values[0]}.softmax({dim})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        dim = self._dims(self._tensor(inputs))[0] if self.axes else -1

        value = values[0]
        weights = (value - value.amax(dim, keepdim=True)).exp()
        if self.masks(inputs):
            axes = self._tensor(inputs).axes
            present = presence(value, axes, dim, parameters)
            if present is not None:
                weights = weights.masked_fill(~present, 0)
        total = weights.sum(dim, keepdim=True)
        return weights / total.masked_fill(total == 0, 1)

    def __str__(self) -> str:
        return f"softmax[{self.axes[0]}]" if self.axes else "softmax"
