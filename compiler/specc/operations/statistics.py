"""Normalisation by statistics over positions: `batch_norm`, `group_norm` and `instance_norm`.

They treat all positions alike, so interchangeable axes stay interchangeable. Positions of a masked axis
that are not there would count, so masked axes are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from ..naming import prefixes
from ..symmetry.factors import Factor, Factors, Powers
from ..symmetry.terms import Term
from ..types import Tensor, Type, axes_of, tensors_of
from .base import Channels, Operation, Parameter, Refusal, Rules
from .layers import on_each, per_tensor
from .windows import Positive


class _Statistics(Operation):
    """What they share: a mean and a variance, then a scale and a shift for each channel."""

    parametrised: ClassVar[bool] = True
    torch_name: ClassVar[str]

    def result(self, inputs: tuple[Type, ...]) -> Type:
        for axis in axes_of(inputs[0]):
            if axis.masked:
                raise Refusal(
                    f"`{self.word}` would count positions of `{axis.name}` that are not there",
                    "`layer_norm(x)` normalises each position by itself",
                    show_types=True,
                )
        for _, tensor in tensors_of(inputs[0]):
            self._refuse(tensor)
        return inputs[0]

    def _refuse(self, tensor: Tensor) -> None:
        """Raises `Refusal` for a tensor that has no such statistics."""

    # --- Parameters

    def _parameters(self) -> tuple[str, ...]:
        raise NotImplementedError

    def _buffers(self) -> tuple[str, ...]:
        return ()

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        found = []
        start = prefixes(name for name, _ in tensors_of(inputs[0]))
        for name, tensor in tensors_of(inputs[0]):
            shape = (tensor.width,)
            found += [Parameter(start[name] + each, shape) for each in self._parameters()]
            found += [Parameter(start[name] + each, shape, True) for each in self._buffers()]
        return tuple(found)

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        start = prefixes(inputs[0])
        moved = {name: self._channels(rules, term) for name, term in inputs[0].items()}
        for name, term in moved.items():
            for each in (*self._parameters(), *self._buffers()):
                rules.parameter(start[name] + each, (term,), self._powers(each))
        return moved

    def _powers(self, name: str) -> Powers | None:
        """The power with which a parameter carries the factors of its channels."""
        return None

    def _channels(self, rules: Rules, term: Term) -> Term:
        """The channels of a tensor with what of their symmetry is left."""
        return term

    # --- Code

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        if isinstance(inputs[0], Tensor):
            return self._torch(inputs[0].width)
        return per_tensor({name: self._torch(each.width) for name, each in inputs[0].tensors})

    def _torch(self, width: int) -> str:
        raise NotImplementedError


class _Channelwise(_Statistics):
    """Statistics of each channel by itself; running ones are part of the weights."""

    eps: float = Field(1e-5, ge=0)
    momentum: float = Field(0.1, ge=0, le=1)
    affine: bool
    track: bool

    @property
    def passes(self) -> Factors:
        """Signs of channels: with them change the mean and the bias, not the variance and the scale."""
        return frozenset({Factor.SIGN})

    def _powers(self, name: str) -> Powers | None:
        return (1,) if name in ("bias", "running_mean") else (0,)

    def _parameters(self) -> tuple[str, ...]:
        return ("weight", "bias") if self.affine else ()

    def _buffers(self) -> tuple[str, ...]:
        return ("running_mean", "running_var") if self.track else ()

    def _along(self, value: Any) -> tuple[int, ...]:
        """The dimensions of `(batch, *axes, channels)` that statistics are taken over."""
        raise NotImplementedError

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """What evaluation computes."""

        def apply(prefix: str, x: Any) -> Any:
            if self.track:
                mean, variance = (parameters[prefix + name] for name in self._buffers())
            else:
                mean, variance = _moments(x, self._along(x))
            normal = (x - mean) / (variance + self.eps).sqrt()
            if not self.affine:
                return normal
            return normal * parameters[prefix + "weight"] + parameters[prefix + "bias"]

        return on_each(values[0], False, apply)


class BatchNorm(_Channelwise):
    """`batch_norm(x)`: `nn.BatchNorm1d` to `3d`, statistics over the batch and all axes.

    Evaluation takes the running statistics, or with `track = false` those of the batch.
    """

    word: ClassVar[str] = "batch_norm"

    affine: bool = True
    track: bool = True

    def _along(self, value: Any) -> tuple[int, ...]:
        return tuple(range(value.ndim - 1))

    def _torch(self, width: int) -> str:
        shown = {"affine": (self.affine, True), "track_running_stats": (self.track, True)}
        return f"BatchNorm({width}, {_options(self, shown)}**factory)"


class InstanceNorm(_Channelwise):
    """`instance_norm(x)`: `nn.InstanceNorm1d` to `3d`, statistics over all axes."""

    word: ClassVar[str] = "instance_norm"

    affine: bool = False
    track: bool = False

    def _refuse(self, tensor: Tensor) -> None:
        if tensor.positions == 1:
            raise Refusal(
                f"`instance_norm` takes statistics along axes, and {tensor} has one position",
                show_types=True,
            )

    def _along(self, value: Any) -> tuple[int, ...]:
        return tuple(range(1, value.ndim - 1))

    def _torch(self, width: int) -> str:
        shown = {"affine": (self.affine, False), "track_running_stats": (self.track, False)}
        return f"InstanceNorm({width}, {_options(self, shown)}**factory)"


class GroupNorm(_Statistics):
    """`group_norm(x, groups)`: `nn.GroupNorm`, statistics over the channels of a group and all axes."""

    word: ClassVar[str] = "group_norm"
    positional: ClassVar[tuple[str, ...]] = ("groups",)

    groups: Positive
    eps: float = Field(1e-5, ge=0)
    affine: bool = True

    def _refuse(self, tensor: Tensor) -> None:
        if tensor.width % self.groups:
            raise Refusal(
                f"`groups = {self.groups}` does not divide {tensor.width} channels",
                show_types=True,
            )

    def _parameters(self) -> tuple[str, ...]:
        return ("weight", "bias") if self.affine else ()

    def _channels(self, rules: Rules, term: Term) -> Term:
        """Channels are permuted within their group, and whole groups."""
        if self.groups in (1, term.size):
            return term
        return rules.split(term, (self.groups, term.size // self.groups))

    def _torch(self, width: int) -> str:
        options = "" if self.eps == 1e-5 else f"eps={self.eps}, "
        options += "" if self.affine else "affine=False, "
        return f"GroupNorm({self.groups}, {width}, {options}**factory)"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        def apply(prefix: str, x: Any) -> Any:
            grid = x.reshape(*x.shape[:-1], self.groups, -1)
            mean, variance = _moments(grid, (*range(1, x.ndim - 1), x.ndim))
            normal = ((grid - mean) / (variance + self.eps).sqrt()).reshape(x.shape)
            if not self.affine:
                return normal
            return normal * parameters[prefix + "weight"] + parameters[prefix + "bias"]

        return on_each(values[0], False, apply)


def _moments(value: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """The mean and the variance over some dimensions, which stay with size one."""
    mean = value.mean(dims, keepdim=True)
    return mean, (value - mean).square().mean(dims, keepdim=True)


def _options(norm: _Channelwise, shown: Mapping[str, tuple[bool, bool]]) -> str:
    """The options that differ from torch's defaults; `shown` are values with their defaults."""
    options = "" if norm.eps == 1e-5 else f"eps={norm.eps}, "
    options += "" if norm.momentum == 0.1 else f"momentum={norm.momentum}, "
    return options + "".join(
        f"{name}={value}, " for name, (value, usual) in shown.items() if value != usual
    )
