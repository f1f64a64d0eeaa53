"""Activations of values that a group mixes: invariant scalars multiply, or a function acts on the norm.

Both treat the positions of other axes one by one: along permuted axes each position has scalars of its
own, and so it has along signed ones, whose signs cancel in a square.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ..naming import prefixes
from ..types import Axis, Tensor, Type, tensors_of
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .contractions import Pair, mixed, pairs
from .layers import on_each, per_tensor, widths_of
from .pointwise import FUNCTIONS, Pointwise
from .representations import Algebra, is_definite, own_form


class _Scaling(Operation):
    """What `gate` and `norm_act` share: channels are multiplied by functions of invariants."""

    kinds: ClassVar[Mapping[str, Kind]] = {"act": Kind.FUNCTION}
    parametrised: ClassVar[bool] = True

    act: str

    @field_validator("act")
    @classmethod
    def _known(cls, act: str) -> str:
        if act not in FUNCTIONS:
            raise ValueError(f"there is no activation `{act}`")
        return act

    @property
    def algebra(self) -> Algebra | None:
        """Invariants multiply, so that it commutes with every group that has them."""
        return None

    @property
    def takes_complex(self) -> bool:
        return True

    def keeps_exchange(self, sign: int) -> bool:
        return sign > 0

    def result(self, inputs: tuple[Type, ...]) -> Type:
        for _, tensor in tensors_of(inputs[0]):
            self._check(tensor)
        return inputs[0]

    def _check(self, tensor: Tensor) -> None:
        """Raises `Refusal` for a tensor without such invariants."""

    def _entries(self, tensor: Tensor) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The parameters for one tensor."""
        raise NotImplementedError

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        tensors = dict(tensors_of(inputs[0]))
        widths = widths_of(inputs[0])
        start = prefixes(widths)
        return tuple(
            Parameter(
                start[tensor] + name, shape, complex=tensors[tensor].complex and len(shape) > 1
            )
            for tensor in widths
            for name, shape in self._entries(tensors[tensor])
        )

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """Each channel is multiplied by a scalar of its own: all that has channels moves with x's."""
        start = prefixes(widths_of(types[0]))
        for tensor, kind in tensors_of(types[0]):
            for name, shape in self._entries(kind):
                rules.parameter(start[tensor] + name, [inputs[0][tensor] for _ in shape])
        return inputs[0]

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        if isinstance(inputs[0], Tensor):
            return self._module(inputs[0])
        tensors = dict(inputs[0].tensors)
        return per_tensor({name: self._module(tensors[name]) for name in widths_of(inputs[0])})

    def _module(self, tensor: Tensor) -> str:
        raise NotImplementedError

    def _act(self) -> str:
        return Pointwise(function=self.act).as_module()

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        tensors = dict(tensors_of(inputs[0]))
        start = prefixes(tensors)
        by_prefix = {start[name]: tensor for name, tensor in tensors.items()}
        return on_each(
            values[0],
            False,
            lambda prefix, x: self._meaning(xp, x, by_prefix[prefix], prefix, parameters),
        )

    def _meaning(
        self, xp: Any, x: Any, tensor: Tensor, prefix: str, parameters: Mapping[str, Any]
    ) -> Any:
        raise NotImplementedError


class Gate(_Scaling):
    """`gate(x, act = sigmoid)`: every channel of x is multiplied by act of an invariant of x.

    The invariants are learned products of x with itself, s_c = <left(x)_c, right(x)_c> + bias_c, where
    left and right mix channels and <, > is the form of the group, a mean over its coordinates. Where
    no axis is signed or mixed, values are invariant themselves, and are their own gates: x act(x).
    Of complex values the form is Hermitian, its real part counts, and the bias is real: gates are real.
    """

    word: ClassVar[str] = "gate"

    act: str = "sigmoid"

    def _check(self, tensor: Tensor) -> None:
        found = _pairs(tensor)
        if isinstance(found, Axis):
            group = found.group.notation(found.size)
            raise Refusal(
                f"`gate` needs scalars that are made of {tensor} alone, and {group} leaves no product of "
                f"`{found.name}` with itself as it is",
                "`x * sigmoid(g)`, with an invariant `g` of something else",
                show_types=True,
            )

    def _entries(self, tensor: Tensor) -> tuple[tuple[str, tuple[int, ...]], ...]:
        if all(axis.permuted for axis in tensor.axes) and not tensor.complex:
            return ()
        square = (tensor.width, tensor.width)
        return ("bias", (tensor.width,)), ("left.weight", square), ("right.weight", square)

    def _module(self, tensor: Tensor) -> str:
        if not self._entries(tensor):
            return f"SelfGate({self._act()})"
        found = _pairs(tensor)
        assert not isinstance(found, Axis)
        dims = [1 + pair.left for pair in found]
        facing = [1 + pair.right for pair in found]
        forms = {1 + p.right: p.form.negative for p in found if not is_definite(p.form)}
        options = f"dims={dims}, " if dims else ""
        options += f"facing={facing}, " if facing != dims else ""
        options += f"forms={forms}, " if forms else ""
        word = "ComplexGate" if tensor.complex else "Gate"
        return f"{word}({tensor.width}, {self._act()}, {options}**factory)"

    def _meaning(
        self, xp: Any, x: Any, tensor: Tensor, prefix: str, parameters: Mapping[str, Any]
    ) -> Any:
        """The form as a matrix, index by index."""
        act = Pointwise(function=self.act)
        if not self._entries(tensor):
            return x * act.reference(xp, (x,), (tensor,), tensor, {})
        left, right = (
            xp.einsum("...i,oi->...o", x, parameters[f"{prefix}{side}.weight"])
            for side in ("left", "right")
        )
        found = _pairs(tensor)
        assert not isinstance(found, Axis)
        for pair in found:
            matrix = xp.tensor(pair.form.matrix(tensor.axes[pair.left].size), dtype=x.dtype)
            right = xp.tensordot(right, matrix, ([1 + pair.right], [1])).movedim(-1, 1 + pair.right)
        order = list(range(x.ndim))
        for pair in found:
            order[1 + pair.left] = 1 + pair.right
        scalars = left * right.permute(order)
        if tensor.complex:
            scalars = (left.conj() * right.permute(order)).real
        for pair in found:
            scalars = scalars.mean(1 + pair.left, keepdim=True)
        scalars = scalars + parameters[f"{prefix}bias"]
        return x * act.reference(xp, (scalars,), (tensor,), tensor, {})


def _pairs(tensor: Tensor) -> list[Pair] | Axis:
    """Which mixed indices of a tensor meet in its products with itself; the first is conjugated."""
    places = mixed(tensor)
    return pairs(tensor.conjugate(), places, tensor, places)


class NormAct(_Scaling):
    """`norm_act(x, act = silu)`: every channel x_c becomes x_c act(n_c + bias_c) / n_c, n_c its norm.

    The norm is over the mixed coordinates, n_c^2 = sum |x_c|^2 + eps, so that all is smooth at zero.
    That of complex values is real, and so is the bias: their phases stay.
    """

    word: ClassVar[str] = "norm_act"

    act: str = "silu"
    bias: bool = True
    eps: float = Field(1e-6, gt=0)

    def _check(self, tensor: Tensor) -> None:
        for place in mixed(tensor):
            axis = tensor.axes[place]
            form = own_form(axis)
            if form is None or not is_definite(form):
                raise Refusal(
                    f"`norm_act` needs a norm, and {axis.group.notation(axis.size)} keeps none along "
                    f"`{axis.name}`",
                    "`gate(x)` multiplies by products with the form of the group"
                    if form is not None
                    else "`x * sigmoid(g)`, with an invariant `g`",
                    show_types=True,
                )

    def _entries(self, tensor: Tensor) -> tuple[tuple[str, tuple[int, ...]], ...]:
        return (("bias", (tensor.width,)),) if self.bias else ()

    def _module(self, tensor: Tensor) -> str:
        dims = [1 + place for place in mixed(tensor)]
        options = f"dims={dims}, " if dims else ""
        options += "" if self.eps == 1e-6 else f"eps={self.eps}, "
        options += "" if self.bias else "bias=False, "
        return f"NormAct({tensor.width}, {self._act()}, {options}**factory)"

    def _meaning(
        self, xp: Any, x: Any, tensor: Tensor, prefix: str, parameters: Mapping[str, Any]
    ) -> Any:
        squares = x.abs().square() if tensor.complex else x * x
        for place in mixed(tensor):
            squares = squares.sum(1 + place, keepdim=True)
        norm = (squares + self.eps).sqrt()
        shifted = norm + parameters[f"{prefix}bias"] if self.bias else norm
        act = Pointwise(function=self.act)
        return x / norm * act.reference(xp, (shifted,), (tensor,), tensor, {})
