"""Layers that mix channels alone: `linear` and `mlp`, `torch.nn.Linear` at every position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ..naming import prefixes, submodules
from ..repeats import arranged, code_table
from ..symmetry.factors import ALL_FACTORS, Factors
from ..symmetry.terms import Term
from ..types import Tensor, Type, map_tensors, tensors_of
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .pointwise import FUNCTIONS, Pointwise
from .representations import Algebra, keeps_constants

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


def biased(bias: bool, shared: bool, value: Type) -> dict[str, bool]:
    """For each tensor whether its layer has a bias: asked for, and invariant.

    One layer for all tensors has a bias if it is invariant in all of them.
    """
    invariant = {name: keeps_constants(tensor) for name, tensor in tensors_of(value)}
    if shared:
        return {"": bias and all(invariant.values())}
    return {name: bias and each for name, each in invariant.items()}


def _refuse_both(value: Type) -> None:
    """One layer for all tensors takes points, or displacements."""
    if len({tensor.points for _, tensor in tensors_of(value)}) > 1:
        raise Refusal(
            "`shared = true` needs all tensors to be points, or none: channels of points are mixed with"
            " weights that sum to one",
            "without `shared` each tensor has its own coefficients",
            show_types=True,
        )


def _refuse_promoted(value: Type) -> None:
    """One layer for all tensors has real or complex coefficients."""
    if len({tensor.complex for _, tensor in tensors_of(value)}) > 1:
        raise Refusal(
            "`shared = true` needs all tensors to be complex, or none",
            "without `shared` each tensor has its own coefficients",
            show_types=True,
        )


def complex_layers(value: Type) -> dict[str, bool]:
    """For each tensor whether its layer is complex; the empty name is that of one layer for all."""
    found = {name: tensor.complex for name, tensor in tensors_of(value)}
    return {"": any(found.values()), **found}


def _class(made_complex: bool) -> str:
    return "ComplexLinear" if made_complex else "nn.Linear"


class Linear(Operation):
    """`linear(x, c)`: `nn.Linear` over the channels at every position.

    On a collection each tensor has its own coefficients, or one and the same with `shared = true`.
    Channels of points are mixed as displacements from their mean: m + W (x - m). So the weights of
    every channel sum to one, the shape of W is that of `nn.Linear`, and of its rows only the
    differences between entries count.
    """

    word: ClassVar[str] = "linear"
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    parametrised: ClassVar[bool] = True

    channels: int = Size
    bias: bool = True
    shared: bool = False

    @property
    def algebra(self) -> Algebra:
        """There is a bias only where it is invariant."""
        return Algebra.LINEAR

    @property
    def takes_points(self) -> bool:
        return True

    @property
    def takes_complex(self) -> bool:
        return True

    def keeps_exchange(self, sign: int) -> bool:
        return sign > 0

    def result(self, inputs: tuple[Type, ...]) -> Type:
        if self.shared:
            shared_width(inputs)
            _refuse_both(inputs[0])
            _refuse_promoted(inputs[0])
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
        if any(tensor.points for _, tensor in tensors_of(inputs[0])):
            return f"mix_points({values[0]}, {module}.weight)"
        return f"F.linear({values[0]}, {module}.weight)"

    def _layers(self, inputs: tuple[Type, ...]) -> dict[str, int]:
        """Input channels of each `nn.Linear` by the tensor it serves; empty for the only one."""
        if isinstance(inputs[0], Tensor) or self.shared:
            return {"": shared_width(inputs)}
        return widths_of(inputs[0])

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        found = []
        start = prefixes(self._layers(inputs))
        has_bias = biased(self.bias, self.shared, inputs[0])
        made = complex_layers(inputs[0])
        for name, width in self._layers(inputs).items():
            prefix = start[name]
            shape = (self.channels, width)
            found.append(Parameter(prefix + "weight", shape, complex=made[name]))
            if has_bias[name]:
                found.append(Parameter(prefix + "bias", (self.channels,), complex=made[name]))
        return tuple(found)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        born: dict[str, Term] = {}
        has_bias = biased(self.bias, self.shared, types[0])
        for name, prefix in prefixes(self._layers(types)).items():
            source = inputs[0][name] if name in inputs[0] else _one(rules, inputs[0])
            born[name] = rules.fresh(self.channels)
            rules.parameter(prefix + "weight", (born[name], source), carries=(1, -1))
            if has_bias[name]:
                rules.parameter(prefix + "bias", (born[name],), carries=(1,))
        return {name: born.get(name) or born[""] for name in inputs[0]}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        has_bias = biased(self.bias, self.shared, inputs[0])
        bias = {name: "" if each else "bias=False, " for name, each in has_bias.items()}
        points = {name: tensor.points for name, tensor in tensors_of(inputs[0])}
        points[""] = any(points.values())
        word = {name: _class(each) for name, each in complex_layers(inputs[0]).items()}
        layers = {
            name: f"PointLinear({width}, {self.channels}, **factory)"
            if points[name]
            else f"{word[name]}({width}, {self.channels}, {bias[name]}**factory)"
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
        start = {} if self.shared else prefixes(name for name, _ in tensors_of(inputs[0]))
        points = {start.get(name, "") for name, each in tensors_of(inputs[0]) if each.points}

        def apply(prefix: str, value: Any) -> Any:
            center = value.mean(-1, keepdim=True) if prefix in points else 0
            product = xp.einsum("...i,oi->...o", value - center, parameters[prefix + "weight"])
            product = product + center
            return (
                product + parameters[prefix + "bias"] if prefix + "bias" in parameters else product
            )

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

    @property
    def algebra(self) -> Algebra:
        """That of the activation: there are biases only where they are invariant."""
        if len(self.channels) == 1:
            return Algebra.LINEAR
        act = Pointwise(function=self.act).algebra
        composed = {Algebra.EVEN: Algebra.ANY, Algebra.MODULUS: Algebra.HOMOGENEOUS}
        return composed.get(act, act)

    @field_validator("channels")
    @classmethod
    def _positive(cls, channels: tuple[int, ...]) -> tuple[int, ...]:
        if any(count < 1 for count in channels):
            raise ValueError("channels are positive whole numbers")
        return channels

    @property
    def takes_complex(self) -> bool:
        return FUNCTIONS[self.act].complex

    def keeps_exchange(self, sign: int) -> bool:
        return sign > 0

    def result(self, inputs: tuple[Type, ...]) -> Type:
        if self.shared:
            shared_width(inputs)
            _refuse_promoted(inputs[0])
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
        has_bias = biased(self.bias, self.shared, inputs[0])
        made = complex_layers(inputs[0])
        for name, width in self._towers(inputs).items():
            sizes = (width, *self.channels)
            for i, shape in enumerate(zip(self.channels, sizes, strict=False)):
                layer = f"{start[name]}{2 * i}"
                found.append(Parameter(f"{layer}.weight", shape, complex=made[name]))
                if has_bias[name]:
                    found.append(Parameter(f"{layer}.bias", shape[:1], complex=made[name]))
        return tuple(found)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        born: dict[str, Term] = {}
        has_bias = biased(self.bias, self.shared, types[0])
        for name, prefix in prefixes(self._towers(types)).items():
            atom = inputs[0][name] if name in inputs[0] else _one(rules, inputs[0])
            for i, count in enumerate(self.channels):
                after = rules.fresh(count)
                rules.parameter(f"{prefix}{2 * i}.weight", (after, atom), carries=(1, -1))
                if has_bias[name]:
                    rules.parameter(f"{prefix}{2 * i}.bias", (after,), carries=(1,))
                if i + 1 < len(self.channels):
                    rules.restrict(after, Pointwise(function=self.act).passes)
                atom = after
            born[name] = atom
        return {name: born.get(name) or born[""] for name in inputs[0]}

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        has_bias = biased(self.bias, self.shared, inputs[0])
        widths = self._towers(inputs)
        made = complex_layers(inputs[0])
        towers = {
            name: self._tower(width, has_bias[name], _class(made[name]))
            for name, width in widths.items()
        }
        if isinstance(inputs[0], Tensor):
            return towers[""]
        return towers[""] if self.shared else per_tensor(towers)

    def _tower(self, width: int, has_bias: bool, layer: str) -> str:
        bias = "" if has_bias else "bias=False, "
        act = Pointwise(function=self.act).as_module()
        parts: list[str] = []
        for before, after in zip((width, *self.channels), self.channels, strict=False):
            parts += [f"{layer}({before}, {after}, {bias}**factory)", act]
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
                if f"{prefix}{2 * i}.bias" in parameters:
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
