"""Equivariant layers: all linear maps that commute with the groups, and codes that shorten them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field, InstanceOf

from ..groups import Symmetric
from ..naming import Names, prefixes
from ..repeats import arranged
from ..symmetry.coupling import Coupling, couple
from ..symmetry.derive import Maps, derive
from ..symmetry.expansion import expand
from ..symmetry.folding import Operand
from ..types import Axis, Collection, Tensor, Type, axes_of, map_tensors, tensors_of
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .broadcast import keep_enclosed, meet
from .layers import per_tensor


class Equivariant(Operation):
    """`equivariant(x, c)`, `equivariant(x, TYPE)`: every equivariant linear map and invariant bias.

    `x` may be a tuple. With a number of channels the result has x's space.
    """

    word: ClassVar[str] = "equivariant"
    arity: ClassVar[int | None] = None
    positional: ClassVar[tuple[str, ...]] = ("shape",)
    kinds: ClassVar[Mapping[str, Kind]] = {"shape": Kind.SHAPE, "coupling": Kind.SYMBOL}
    parametrised: ClassVar[bool] = True

    shape: int | InstanceOf[Tensor] | InstanceOf[Collection]
    bias: bool = True
    coupling: Literal["all", "near"] = "all"
    summary: int = Field(32, ge=1)
    rank: int | None = Field(None, ge=1)

    @property
    def keeps_space(self) -> bool:
        """Whether the result has the space of the input."""
        return isinstance(self.shape, int)

    def result(self, inputs: tuple[Type, ...]) -> Type:
        target = self._target(inputs)
        axes = common_symmetry((*inputs, target))
        return map_tensors(target, lambda tensor: _with_axes(tensor, axes))

    def _target(self, inputs: tuple[Type, ...]) -> Type:
        if not isinstance(self.shape, int):
            return self.shape
        if self.shape < 1:
            raise Refusal(f"there are no layers with {self.shape} channels")
        if len(inputs) == 1:
            return inputs[0].with_channels(self.shape)
        tensors = tuple((o.name, o.tensor.with_channels(self.shape)) for o in operands(inputs))
        return Collection(tensors, "(" + ", ".join(map(str, inputs)) + ")")

    def maps(self, inputs: tuple[Type, ...], result: Type) -> Maps:
        """The maps of the layer, between the two types with the symmetry that they share."""
        return self.derived(*self.operands(inputs, result))

    def derived(self, inputs: tuple[Operand, ...], outputs: tuple[Operand, ...]) -> Maps:
        """The maps between tensors, with the coupling that is asked for."""
        maps = derive(inputs, outputs, bias=self.bias)
        return couple(maps, Coupling(self.coupling == "near", self.summary, self.rank))

    def operands(
        self, inputs: tuple[Type, ...], result: Type
    ) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
        """The tensors that are read and written, with the symmetry that all of them share."""
        axes = common_symmetry((*inputs, result))
        read = tuple(Operand(o.name, _with_axes(o.tensor, axes)) for o in operands(inputs))
        return read, operands((result,))

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        maps = self.maps(inputs, result)
        found = []
        for level in maps.levels:
            for each in level.products:
                rows, columns = maps.spread_width(level, each), maps.pool_width(level, each)
                for name in each.modules if columns else ():
                    found += _matrix(name, rows, columns, each.rank)
                if each.bias:
                    name = f"mix_{each.name}.bias" if columns else f"bias_{each.name}"
                    found.append(Parameter(name, (rows,)))
        return tuple(sorted(found, key=lambda each: "." in each.name))  # own ones come first

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        reason = f"{self.word} has no symmetry rule yet"
        for channels in inputs:
            for atom in channels.values():
                rules.pin(atom, reason)
        for parameter in self.parameters(types, result):
            rules.parameter(parameter.name, [rules.pinned(n, reason) for n in parameter.shape])
        return {name: rules.pinned(tensor.width, reason) for name, tensor in tensors_of(result)}

    def masks(self, inputs: tuple[Type, ...]) -> tuple[Axis, ...]:
        found = dict.fromkeys(axis for value in inputs for axis in axes_of(value))
        if not isinstance(self.shape, int):
            found |= dict.fromkeys(axes_of(self.shape))
        return tuple(axis for axis in found if axis.masked)

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        from ..reference import evaluate_maps  # the one meaning long enough for a module of its own

        read, written = self.operands(inputs, result)
        maps = expand(self.derived(read, written), read, written)
        arrays = [
            array
            for value, kind in zip(values, inputs, strict=True)
            for array in ([value] if isinstance(kind, Tensor) else [value[n] for n in kind.names])
        ]
        named = {o.name: array for o, array in zip(operands(inputs), arrays, strict=True)}
        return evaluate_maps(xp, maps, named, result, parameters)

    def __str__(self) -> str:
        return f"{self.word}{{{self.shape}}}"


class Invariant(Equivariant):
    """`invariant(x, c)`: `equivariant(x, [; c])`."""

    word: ClassVar[str] = "invariant"
    positional: ClassVar[tuple[str, ...]] = ("shape",)
    kinds: ClassVar[Mapping[str, Kind]] = {"coupling": Kind.SYMBOL}

    shape: int

    @property
    def keeps_space(self) -> bool:
        return False

    def _target(self, inputs: tuple[Type, ...]) -> Type:
        if self.shape < 1:
            raise Refusal(f"there are no layers with {self.shape} channels")
        return Tensor((), self.shape)


class Coded(Operation):
    """`coded(x)`: a learned code for each position of a pinned axis, which then counts as permutable."""

    word: ClassVar[str] = "coded"
    kinds: ClassVar[Mapping[str, Kind]] = {"over": Kind.AXES}
    parametrised: ClassVar[bool] = True

    over: tuple[str, ...] | None = None

    def _chosen(self, axis: Axis) -> bool:
        return axis.pinned and axis.size > 1 and (self.over is None or axis.name in self.over)

    def result(self, inputs: tuple[Type, ...]) -> Type:
        there = {axis.name for axis in axes_of(inputs[0]) if axis.pinned and axis.size > 1}
        for name in self.over or ():
            if name not in there:
                raise Refusal(f"`{name}` is no pinned axis of this value", show_types=True)
        if not there:
            raise Refusal("there is no pinned axis to tell the positions of", show_types=True)
        return map_tensors(inputs[0], self._coded)

    def _coded(self, tensor: Tensor) -> Tensor:
        axes = tuple(
            replace(axis, group=Symmetric(), coded=True) if self._chosen(axis) else axis
            for axis in tensor.axes
        )
        return Tensor(axes, tensor.width)

    def codes(self, value: Type) -> dict[str, dict[str, tuple[int, int]]]:
        """For each tensor its codes: name, run-time dimension, number of positions."""
        found: dict[str, dict[str, tuple[int, int]]] = {}
        alike: dict[str, str] = {}
        for name, tensor in tensors_of(value):
            names = Names()
            codes = {
                names.claim(axis.name.rpartition(".")[2]): (dim, axis.size)
                for dim, axis in enumerate(tensor.axes, start=1)
                if self._chosen(axis)
            }
            if codes:
                found[name] = codes
                alike[name] = f"{codes} {tensor.width}"
        return {name: found[name] for name in arranged(alike)}

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        widths = {name: tensor.width for name, tensor in tensors_of(inputs[0])}
        found = self.codes(inputs[0])
        start = prefixes(found)
        return tuple(
            Parameter(start[tensor] + code, (size, widths[tensor]))
            for tensor, codes in found.items()
            for code, (_, size) in codes.items()
        )

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        found = self.codes(types[0])
        start = prefixes(found)
        for tensor, codes in found.items():
            for code, (_, size) in codes.items():
                place = rules.pinned(size, "a code belongs to its position")
                rules.parameter(start[tensor] + code, (place, inputs[0][tensor]))
        return inputs[0]

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        widths = {name: tensor.width for name, tensor in tensors_of(inputs[0])}
        shapes = {
            tensor: {code: (dim, size, widths[tensor]) for code, (dim, size) in codes.items()}
            for tensor, codes in self.codes(inputs[0]).items()
        }
        if isinstance(inputs[0], Tensor):
            return _codes(shapes[""])
        return per_tensor({name: _codes(codes) for name, codes in shapes.items()})

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        value = values[0] if isinstance(values[0], dict) else {"": values[0]}
        coded = dict(value)
        found = self.codes(inputs[0])
        start = prefixes(found)
        for tensor, codes in found.items():
            for code, (dim, size) in codes.items():
                shape = [1] * value[tensor].ndim
                shape[dim], shape[-1] = size, -1
                coded[tensor] = coded[tensor] + parameters[start[tensor] + code].reshape(shape)
        return coded if isinstance(values[0], dict) else coded[""]


def _matrix(name: str, rows: int, columns: int, rank: int | None) -> list[Parameter]:
    if rank is None:
        return [Parameter(f"{name}.weight", (rows, columns))]
    return [
        Parameter(f"{name}.weight_in", (rank, columns)),
        Parameter(f"{name}.weight_out", (rows, rank)),
    ]


def _codes(shapes: Mapping[str, tuple[int, int, int]]) -> str:
    entries = ", ".join(f'"{name}": {shape}' for name, shape in shapes.items())
    return f"Codes({{{entries}}}, **factory)"


def operands(values: tuple[Type, ...]) -> tuple[Operand, ...]:
    """The tensors of several values; those of more than one value are called `x1.name`, `x2.name`."""
    found = []
    for place, value in enumerate(values, start=1):
        prefix = f"x{place}" if len(values) > 1 else ""
        for name, tensor in tensors_of(value):
            found.append(Operand(".".join(filter(None, (prefix, name))), tensor))
    return tuple(found)


def common_symmetry(values: tuple[Type, ...]) -> dict[str, Axis]:
    """For each axis the symmetry it has in all of the values."""
    found: dict[str, Axis] = {}
    for value in values:
        for axis in axes_of(value):
            found[axis.name] = meet(found.get(axis.name, axis), axis)
    return found


def _with_axes(tensor: Tensor, axes: Mapping[str, Axis]) -> Tensor:
    return Tensor(keep_enclosed(tuple(axes[axis.name] for axis in tensor.axes)), tensor.channels)
