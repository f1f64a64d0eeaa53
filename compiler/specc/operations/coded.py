"""Codes that tell the positions of a pinned axis apart, so that it may count as permutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ..groups import Symmetric
from ..naming import Names, prefixes
from ..repeats import arranged
from ..symmetry.factors import ALL_FACTORS, Factors
from ..types import Axis, Tensor, Type, axes_of, map_tensors, tensors_of
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .layers import per_tensor
from .representations import Algebra


class Coded(Operation):
    """`coded(x)`: a learned code for each position of a pinned axis, which then counts as permutable."""

    word: ClassVar[str] = "coded"
    kinds: ClassVar[Mapping[str, Kind]] = {"over": Kind.AXES}
    parametrised: ClassVar[bool] = True

    over: tuple[str, ...] | None = None

    @property
    def algebra(self) -> Algebra:
        return Algebra.AFFINE

    def _chosen(self, axis: Axis) -> bool:
        return axis.pinned and axis.size > 1 and (self.over is None or axis.name in self.over)

    @property
    def takes_complex(self) -> bool:
        return True

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
        return Tensor(axes, tensor.width, complex=tensor.complex)

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
        made = {name: tensor.complex for name, tensor in tensors_of(inputs[0])}
        found = self.codes(inputs[0])
        start = prefixes(found)
        return tuple(
            Parameter(start[tensor] + code, (size, widths[tensor]), complex=made[tensor])
            for tensor, codes in found.items()
            for code, (_, size) in codes.items()
        )

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        found = self.codes(types[0])
        start = prefixes(found)
        for tensor, codes in found.items():
            for code, (_, size) in codes.items():
                place = rules.pinned(size, "a code belongs to its position")
                rules.parameter(start[tensor] + code, (place, inputs[0][tensor]), carries=(0, 1))
        return inputs[0]

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        widths = {name: tensor.width for name, tensor in tensors_of(inputs[0])}
        shapes = {
            tensor: {code: (dim, size, widths[tensor]) for code, (dim, size) in codes.items()}
            for tensor, codes in self.codes(inputs[0]).items()
        }
        if isinstance(inputs[0], Tensor):
            return _codes(shapes[""], inputs[0].complex)
        made = {name: tensor.complex for name, tensor in inputs[0].tensors}
        return per_tensor({name: _codes(codes, made[name]) for name, codes in shapes.items()})

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


def _codes(shapes: Mapping[str, tuple[int, int, int]], made_complex: bool) -> str:
    entries = ", ".join(f'"{name}": {shape}' for name, shape in shapes.items())
    return f"{'ComplexCodes' if made_complex else 'Codes'}({{{entries}}}, **factory)"
