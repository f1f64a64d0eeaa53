"""Layers that mix channels alone: `linear` and `mlp`, `torch.nn.Linear` at every position."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ..naming import prefixes, submodules
from ..repeats import arranged, code_table
from ..symmetry.terms import Term
from ..types import Tensor, Type, map_tensors, tensors_of
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .pointwise import FUNCTIONS, Pointwise

Size = Field(ge=1, description="a positive whole number")


def per_tensor(modules: Mapping[str, str]) -> str:
    """The expression of a module that holds one module for each tensor of a collection."""
    entries = code_table(modules)
    renamed = {n: own for n, own in submodules(modules).items() if own != n.replace(".", "_")}
    names = ", ".join(f'"{name}": "{own}"' for name, own in renamed.items())
    return f"PerTensor({entries}, {{{names}}})" if renamed else f"PerTensor({entries})"


def widths_of(value: Type) -> dict[str, int]:
    """The channels of each tensor, in the order of the modules that `per_tensor` makes for them."""
    widths = {name: tensor.width for name, tensor in tensors_of(value)}
    return {name: widths[name] for name in arranged({n: str(w) for n, w in widths.items()})}


def shared_width(inputs: tuple[Type, ...]) -> int:
    """The channels that all tensors of a collection have, for layers that use one module for all."""
    widths = {tensor.width for _, tensor in tensors_of(inputs[0])}
    if len(widths) > 1:
        raise Refusal(
            f"`shared = true` needs the same channels in all tensors, and there are {sorted(widths)}",
            show_types=True,
        )
    return widths.pop()


class Linear(Operation):
    """`linear(x, c)`: `nn.Linear` over the channels at every position.

    On a collection each tensor has its own coefficients, or one and the same with `shared = true`.
    """

    word: ClassVar[str] = "linear"
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    parametrised: ClassVar[bool] = True

    channels: int = Size
    bias: bool = True
    shared: bool = False

    def result(self, inputs: tuple[Type, ...]) -> Type:
        if self.shared:
            shared_width(inputs)
        return map_tensors(inputs[0], lambda tensor: tensor.with_channels(self.channels))

    @property
    def one_for_all(self) -> bool:
        return self.shared

    @property
    def tie(self) -> object:
        return "matrix"

    def functional(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        return f"F.linear({values[0]}, {module}.weight)"

    def _layers(self, inputs: tuple[Type, ...]) -> dict[str, int]:
        """Input channels of each `nn.Linear` by the tensor it serves; empty for the only one."""
        if isinstance(inputs[0], Tensor) or self.shared:
            return {"": shared_width(inputs)}
        return widths_of(inputs[0])

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        found = []
        start = prefixes(self._layers(inputs))
        for name, width in self._layers(inputs).items():
            prefix = start[name]
            found.append(Parameter(prefix + "weight", (self.channels, width)))
            if self.bias:
                found.append(Parameter(prefix + "bias", (self.channels,)))
        return tuple(found)

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        born: dict[str, Term] = {}
        for name, prefix in prefixes(self._layers(types)).items():
            source = inputs[0][name] if name in inputs[0] else _one(rules, inputs[0])
            born[name] = rules.fresh(self.channels)
            rules.parameter(prefix + "weight", (born[name], source))
            if self.bias:
                rules.parameter(prefix + "bias", (born[name],))
        return {name: born.get(name) or born[""] for name in inputs[0]}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        bias = "" if self.bias else "bias=False, "
        layers = {
            name: f"nn.Linear({width}, {self.channels}, {bias}**factory)"
            for name, width in self._layers(inputs).items()
        }
        if isinstance(inputs[0], Tensor):
            return layers[""]
        return layers[""] if self.shared else per_tensor(layers)

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        def apply(prefix: str, value: Any) -> Any:
            product = xp.einsum("...i,oi->...o", value, parameters[prefix + "weight"])
            return product + parameters[prefix + "bias"] if self.bias else product

        return on_each(values[0], self.shared, apply)


class Mlp(Operation):
    """`mlp(x, h, ..., c)`: linear layers with an activation between, as `nn.Sequential`."""

    word: ClassVar[str] = "mlp"
    variadic: ClassVar[str | None] = "channels"
    kinds: ClassVar[Mapping[str, Kind]] = {"act": Kind.FUNCTION}
    parametrised: ClassVar[bool] = True

    channels: tuple[int, ...] = Field(min_length=1)
    act: str = "relu"
    bias: bool = True
    shared: bool = False

    @field_validator("channels")
    @classmethod
    def _positive(cls, channels: tuple[int, ...]) -> tuple[int, ...]:
        if any(count < 1 for count in channels):
            raise ValueError("channels are positive whole numbers")
        return channels

    def result(self, inputs: tuple[Type, ...]) -> Type:
        if self.shared:
            shared_width(inputs)
        return map_tensors(inputs[0], lambda tensor: tensor.with_channels(self.channels[-1]))

    @property
    def one_for_all(self) -> bool:
        return self.shared

    def _layers(self) -> tuple[Linear, ...]:
        return tuple(
            Linear(channels=count, bias=self.bias, shared=self.shared) for count in self.channels
        )

    def _towers(self, inputs: tuple[Type, ...]) -> dict[str, int]:
        if isinstance(inputs[0], Tensor) or self.shared:
            return {"": shared_width(inputs)}
        return widths_of(inputs[0])

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        found = []
        start = prefixes(self._towers(inputs))
        for name, width in self._towers(inputs).items():
            prefix = start[name]
            sizes = (width, *self.channels)
            for i, (before, after) in enumerate(pairwise(sizes)):
                found.append(Parameter(f"{prefix}{2 * i}.weight", (after, before)))
                if self.bias:
                    found.append(Parameter(f"{prefix}{2 * i}.bias", (after,)))
        return tuple(found)

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        born: dict[str, Term] = {}
        for name, prefix in prefixes(self._towers(types)).items():
            atom = inputs[0][name] if name in inputs[0] else _one(rules, inputs[0])
            for i, count in enumerate(self.channels):
                after = rules.fresh(count)
                rules.parameter(f"{prefix}{2 * i}.weight", (after, atom))
                if self.bias:
                    rules.parameter(f"{prefix}{2 * i}.bias", (after,))
                atom = after
            born[name] = atom
        return {name: born.get(name) or born[""] for name in inputs[0]}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        towers = {name: self._tower(width) for name, width in self._towers(inputs).items()}
        if isinstance(inputs[0], Tensor):
            return towers[""]
        return towers[""] if self.shared else per_tensor(towers)

    def _tower(self, width: int) -> str:
        bias = "" if self.bias else "bias=False, "
        act = Pointwise(function=self.act).as_module()
        parts: list[str] = []
        for before, after in zip((width, *self.channels), self.channels, strict=False):
            parts += [f"nn.Linear({before}, {after}, {bias}**factory)", act]
        return f"nn.Sequential({', '.join(parts[:-1])})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        act = Pointwise(function=self.act)

        def apply(prefix: str, value: Any) -> Any:
            for i in range(len(self.channels)):
                value = xp.einsum("...i,oi->...o", value, parameters[f"{prefix}{2 * i}.weight"])
                if self.bias:
                    value = value + parameters[f"{prefix}{2 * i}.bias"]
                if i + 1 < len(self.channels):
                    value = act.reference(xp, (value,), inputs, result, {})
            return value

        return on_each(values[0], self.shared, apply)

    @field_validator("act")
    @classmethod
    def _known(cls, act: str) -> str:
        if act not in FUNCTIONS:
            raise ValueError(f"there is no activation `{act}`")
        return act


def on_each(value: Any, shared: bool, apply: Any) -> Any:
    """Applies a reference meaning to a tensor, or to each of a dict with parameters of its own."""
    if not isinstance(value, dict):
        return apply("", value)
    start = dict.fromkeys(value, "") if shared else prefixes(value)
    return {name: apply(start[name], tensor) for name, tensor in value.items()}


def _one(rules: Rules, channels: Channels) -> Term:
    """The channels of all tensors as one atom: a shared layer reads them with the same weights."""
    first, *others = channels.values()
    for other in others:
        rules.same(first, other)
    return first
