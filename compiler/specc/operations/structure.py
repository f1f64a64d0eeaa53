"""Putting values together and taking them apart: channels joined, collections made and opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import InstanceOf

from ..errors import nearest
from ..symmetry.factors import ALL_FACTORS, Factors
from ..symmetry.terms import joined
from ..types import Collection, Tensor, Type, tensors_of
from .arithmetic import spread_along
from .base import Channels, Operation, Refusal, Rules
from .brackets import Binding
from .broadcast import aligned, broadcast, meet, summed, total_width
from .points import joined_points, with_points
from .representations import Algebra


class Input(Operation):
    """An input of the model, of its declared type."""

    word: ClassVar[str] = "input"
    arity: ClassVar[int | None] = 0
    takes_indices: ClassVar[bool] = True

    type: InstanceOf[Tensor] | InstanceOf[Collection]

    def keeps_exchange(self, sign: int) -> bool:
        return True

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        return self.type

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        atoms = {name: rules.fresh(tensor.width) for name, tensor in tensors_of(result)}
        for atom in atoms.values():
            rules.pin(atom, "an input of the model")
        return atoms

    def __str__(self) -> str:
        return self.word


class Concat(Operation):
    """`concat(x, y, ...)`: channels one after the other; axes broadcast by name."""

    word: ClassVar[str] = "concat"
    arity: ClassVar[int | None] = None
    elementwise: ClassVar[bool] = True

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    @property
    def takes_points(self) -> bool:
        return True

    def keeps_exchange(self, sign: int) -> bool:
        return True

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        combined = broadcast(inputs, summed(self.word), total_width)
        return with_points(combined, inputs, joined_points)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return {
            name: joined([channels.get(name) or channels[""] for channels in inputs])
            for name, _ in tensors_of(result)
        }

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        if isinstance(result, Collection):
            return f"torch.cat([{', '.join(values)}], -1)"
        tensors = [value for value in inputs if isinstance(value, Tensor)]
        parts = [
            aligned(value, tensor, result.axes)
            for value, tensor in zip(values, tensors, strict=True)
        ]
        if all(len(tensor.axes) == len(result.axes) for tensor in tensors):
            return f"torch.cat([{', '.join(parts)}], -1)"
        return f"concat({', '.join(parts)})"

    def binding(self, place: int) -> Binding:
        return Binding.ANY

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        parts = [spread_along(xp, v, t, result) for v, t in zip(values, inputs, strict=True)]
        shape = xp.broadcast_shapes(*(part.shape[:-1] for part in parts))
        return xp.cat([part.expand(*shape, part.shape[-1]) for part in parts], -1)


class Take(Operation):
    """`g.adjacency`: one tensor of a collection, or the tensors whose names begin so."""

    word: ClassVar[str] = "take"
    takes_indices: ClassVar[bool] = True

    key: str

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    @property
    def takes_points(self) -> bool:
        return True

    def keeps_exchange(self, sign: int) -> bool:
        return True

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        value = inputs[0]
        if not isinstance(value, Collection):
            raise Refusal(f"{value} is one tensor and has no part `{self.key}`", show_types=True)
        tensors = dict(value.tensors)
        if self.key in tensors:
            return tensors[self.key]
        inside = {n: t for n, t in value.tensors if n.startswith(self.key + ".")}
        if not inside:
            raise Refusal(
                f"there is no tensor `{self.key}` in {value}",
                nearest(self.key, value.names) or f"it has {_listed(value.names)}",
            )
        start = len(self.key) + 1
        return Collection(
            tuple((n[start:], t) for n, t in inside.items()), f"{value.label}.{self.key}"
        )

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        if isinstance(result, Tensor):
            return {"": inputs[0][self.key]}
        return {name: inputs[0][f"{self.key}.{name}"] for name in result.names}

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        if isinstance(result, Tensor):
            return f'{values[0]}["{self.key}"]'
        entries = ", ".join(f'"{name}": {values[0]}["{self.key}.{name}"]' for name in result.names)
        return f"{{{entries}}}"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        if isinstance(result, Tensor):
            return values[0][self.key]
        return {name: values[0][f"{self.key}.{name}"] for name in result.names}

    def __str__(self) -> str:
        return f".{self.key}"


class Collect(Operation):
    """`Graph(adjacency = a, feature = f)`: tensors put together as a space declares them."""

    word: ClassVar[str] = "collect"
    arity: ClassVar[int | None] = None

    space: InstanceOf[Collection]

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    @property
    def takes_points(self) -> bool:
        return True

    def keeps_exchange(self, sign: int) -> bool:
        return True

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        found = []
        for (name, declared), given in zip(self.space.tensors, inputs, strict=True):
            if not isinstance(given, Tensor) or _kind(given) != _kind(declared):
                raise Refusal(
                    f"`{name}` of {self.space.label} is {declared}, and this is {given}",
                    show_types=True,
                )
            axes = tuple(meet(a, b) for a, b in zip(given.axes, declared.axes, strict=True))
            tensor = Tensor(axes, given.channels, points=given.points, complex=given.complex)
            found.append((name, tensor))
        return Collection(tuple(found), self.space.label, self.space.stored)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return {name: channels[""] for name, channels in zip(self.space.names, inputs, strict=True)}

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        entries = ", ".join(f'"{n}": {v}' for n, v in zip(self.space.names, values, strict=True))
        return f"{{{entries}}}"

    def binding(self, place: int) -> Binding:
        return Binding.ANY

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        return dict(zip(self.space.names, values, strict=True))

    def __str__(self) -> str:
        return self.space.label


def _kind(tensor: Tensor) -> tuple[tuple[str, ...], bool, bool]:
    """The axes by name, whether it is of points, whether it is complex."""
    return tuple(axis.name for axis in tensor.axes), tensor.points, tensor.complex


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:6])
    return shown + (", ..." if len(names) > 6 else "")
