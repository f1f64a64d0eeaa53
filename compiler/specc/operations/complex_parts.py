"""From complex numbers to real ones and back: `conj`, `real`, `imag`, `complex`.

A unitary group turns real parts into imaginary ones, so that only values that it does not move have
them; the conjugates of what it moves are moved by its dual. Real matrices act on both parts alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ..types import Tensor, Type, map_tensors, tensors_of
from .arithmetic import merged_channels, spread_along
from .base import Channels, Operation, Refusal, Rules
from .brackets import Binding
from .broadcast import aligned, broadcast, summed
from .complex_values import made_complex
from .representations import Algebra


class _Part(Operation):
    """What is real-linear in each complex number by itself."""

    elementwise: ClassVar[bool] = True

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    @property
    def takes_complex(self) -> bool:
        return True

    def keeps_exchange(self, sign: int) -> bool:
        return True

    def _check(self, value: Type) -> None:
        """Raises `Refusal` for a real tensor, which has no such parts."""
        for name, tensor in tensors_of(value):
            if not tensor.complex:
                named = f"`{name}`, {tensor}," if name else str(tensor)
                raise Refusal(
                    f"`{self.word}` is of complex numbers, and {named} is real", show_types=True
                )

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return inputs[0]

    def binding(self, place: int) -> Binding:
        return Binding.ANY


class Conj(_Part):
    """`conj(x)`: complex conjugates; `[u]` becomes `[dual(u)]` where a unitary group moves `u`."""

    word: ClassVar[str] = "conj"

    def result(self, inputs: tuple[Type, ...]) -> Type:
        self._check(inputs[0])
        return map_tensors(inputs[0], Tensor.conjugate)

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        return f"torch.conj_physical({values[0]})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        return xp.complex(values[0].real, -values[0].imag)


class _Coordinate(_Part):
    """`real(x)` or `imag(x)`."""

    def result(self, inputs: tuple[Type, ...]) -> Type:
        self._check(inputs[0])
        return map_tensors(inputs[0], self._part)

    def _part(self, tensor: Tensor) -> Tensor:
        for axis in tensor.axes:
            if axis.unitary:
                raise Refusal(
                    f"`{self.word}` takes numbers apart, and {axis.symmetry} turns real parts along "
                    f"`{axis.name}` into imaginary ones",
                    "`inner(x, x)` is invariant, and has real and imaginary parts",
                    show_types=True,
                )
        return replace(tensor, complex=False)

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        return f"torch.{self.word}({values[0]})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        return xp.view_as_real(values[0])[..., 0 if self.word == "real" else 1]


class Real(_Coordinate):
    """`real(x)`: real parts."""

    word: ClassVar[str] = "real"


class Imag(_Coordinate):
    """`imag(x)`: imaginary parts."""

    word: ClassVar[str] = "imag"


class Complex(Operation):
    """`complex(x, y)`: x + i y of two real values, which broadcast as in a sum; `complex(x)` is x + 0 i."""

    word: ClassVar[str] = "complex"
    arity: ClassVar[int | None] = None
    elementwise: ClassVar[bool] = True

    @property
    def algebra(self) -> Algebra:
        return Algebra.LINEAR

    def result(self, inputs: tuple[Type, ...]) -> Type:
        if len(inputs) > 2:
            raise Refusal(
                f"`complex` takes a real and an imaginary part, and this is {len(inputs)}"
            )
        return made_complex(broadcast(inputs, summed(self.word)))

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return merged_channels(rules, inputs, types, result)

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        if isinstance(result, Tensor):
            tensors = [each for each in inputs if isinstance(each, Tensor)]
            values = tuple(
                aligned(value, tensor, result.axes)
                for value, tensor in zip(values, tensors, strict=True)
            )
        if len(values) == 1:
            return f"as_complex({values[0]})"
        return f"torch.complex({', '.join(values)})"

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
        first, *others = (
            spread_along(xp, value, kind, result)
            for value, kind in zip(values, inputs, strict=True)
        )
        return first + 1j * (others[0] if others else 0)
