"""What every operation of the language says of itself: the interface of the catalogue.

An operation is one frozen pydantic model. Its fields are its attributes as a spec writes them; its
methods are its typing rule, its parameters with their symmetry, its code and its reference meaning.
To add one, write such a class in one of the modules beside this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from ..symmetry.factors import NO_FACTORS, Factors, Powers
from ..symmetry.terms import Atom, Term
from ..types import Axis, Type
from .brackets import Binding
from .masks import mask_name
from .refusal import Refusal as Refusal
from .representations import Algebra


class Kind(Enum):
    """How an argument that is no value is read."""

    NUMBER = "a number"
    SYMBOL = "a name"
    FUNCTION = "an activation"
    SIZES = "a number, or a list with one for each axis"
    AXIS = "an axis"
    AXES = "an axis or a list of axes"
    GRID = "one axis or a list of axes"
    SHAPE = "a number of channels or a type"
    VALUE = "a value, or a tuple of values"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a layer: the end of its name, and an entry for each dimension.

    A floating-point `buffer` (running statistics) is among the weights of a model, and is not trained.
    A `complex` one is of the complex dtype of a module's precision.
    """

    name: str
    shape: tuple[int, ...]
    buffer: bool = False
    complex: bool = False


Channels = Mapping[str, Term]
"""The positions that the channels of each tensor of a value are; a single tensor's key is empty."""


class Rules(Protocol):
    """What a symmetry rule may say. Every statement has a reason that people read."""

    def fresh(self, size: int, inside: Atom | None = None, name: str = "") -> Atom:
        """New positions, born here, with no constraint yet; `inside` is what they live in.

        `name` tells them from others of the layer.
        """
        ...

    def pinned(self, size: int, reason: str, name: str = "") -> Atom:
        """New positions none of which may move; `name` tells them from others of the layer."""
        ...

    def same(self, first: Term, second: Term) -> None:
        """The two are moved together."""
        ...

    def pin(self, term: Term, reason: str) -> None:
        """No position of this may move."""
        ...

    def split(self, term: Term, sizes: Sequence[int]) -> Term:
        """The positions as a grid of these sizes, row-major, later ones living in the first."""
        ...

    def cut(self, term: Term, sizes: Sequence[int]) -> tuple[Term, ...]:
        """The positions as parts of these sizes, one after the other."""
        ...

    def parameter(self, name: str, dims: Sequence[Term], carries: Powers | None = None) -> None:
        """A parameter of this layer with these positions along its dimensions.

        `carries` are the powers with which the dimensions carry factors of their positions, as in
        `symmetry.factors`; None says that these positions have none.
        """
        ...

    def stacked(
        self,
        name: str,
        parts: Sequence[Sequence[Term]],
        carries: Sequence[Powers] | None = None,
    ) -> None:
        """A parameter of parts one after the other along its first dimension.

        Each has positions of its own along the other dimensions too: one matrix that two values are
        multiplied with. `carries` has the powers of each part.
        """
        ...

    def restrict(self, term: Term, passing: Factors) -> None:
        """No factors but these may multiply the positions."""
        ...


class Operation(BaseModel):
    """One operation. Attributes are fields; class variables say how a call is read."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True
    )

    word: ClassVar[str]
    """How a spec calls it."""
    arity: ClassVar[int | None] = 1
    """How many values come first; None for one or more, given by place or as a tuple.

    An operation on none gets one value all the same, of any type: it says how large the batch is.
    """
    positional: ClassVar[tuple[str, ...]] = ()
    """Attributes that may follow the values by place."""
    variadic: ClassVar[str | None] = None
    """The attribute that takes all further arguments by place."""
    bracket: ClassVar[str | None] = None
    """The attribute written in brackets after the word: `softmax[axis](x)`."""
    kinds: ClassVar[Mapping[str, Kind]] = {}
    """How attributes are read that are not plain numbers."""
    parametrised: ClassVar[bool] = False
    """Whether it has parameters, and so a name in the state_dict."""
    elementwise: ClassVar[bool] = False
    """Whether on a collection it acts on each tensor alone, in the same way."""
    takes_indices: ClassVar[bool] = False
    """Whether it has a meaning on tensors of integers, `[token; index 64]`."""

    @property
    def results(self) -> tuple[str, ...]:
        """The names of its results in the collection that it makes; empty where it has one result."""
        return ()

    @property
    def pieces(self) -> tuple[Operation, ...]:
        """The operations on the same values that make its results one by one; empty for one result."""
        return ()

    @property
    def tie(self) -> object:
        """What layers that share a name must have in common, beside equal parameters."""
        return self

    @property
    def algebra(self) -> Algebra | None:
        """What it does at each position, as the groups that act on axes see it.

        None for an operation whose typing rule itself knows of groups.
        """
        return Algebra.ANY

    @property
    def takes_points(self) -> bool:
        """Whether its typing rule knows of points over E(n); others take displacements alone."""
        return False

    @property
    def takes_complex(self) -> bool:
        """Whether it has a meaning on complex numbers."""
        return False

    @property
    def named_axes(self) -> tuple[str, ...]:
        """The axes that it names, and works along."""
        named: list[str] = []
        for name, kind in self.kinds.items():
            if kind in (Kind.AXIS, Kind.AXES, Kind.GRID):
                value = getattr(self, name)
                each = value if isinstance(value, tuple) else (value,)
                named += [str(axis) for axis in each if axis is not None]
        return tuple(named)

    @property
    def passes(self) -> Factors:
        """The factors of channels that it lets through, which the weights of a model may then have.

        Where the channels of its values are multiplied by such factors, and its parameters by what
        `symmetry` says that they carry, those of its result are multiplied by their factors.
        """
        return NO_FACTORS

    @property
    def one_for_all(self) -> bool:
        """Whether on a collection its one module is called for each tensor alone."""
        return False

    def result(self, inputs: tuple[Type, ...]) -> Type:
        """The typing rule: the type of the value, or `Refusal`."""
        raise NotImplementedError

    def keeps_exchange(self, sign: int) -> bool:
        """Whether the result is symmetric, or with sign -1 antisymmetric, where its type says so."""
        return False

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        """The parameters by name and shape, in the order of the state_dict."""
        return ()

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """The symmetry rule: which positions of parameters and channels move together."""
        raise NotImplementedError

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        """The expression that makes its `nn.Module`, if it has one; it may end in `**factory`."""
        return None

    def call(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        """The Python expression of the value by its own module, which stands at `module`."""
        masks = (mask_name(axis) for axis in self.masks(inputs))
        return f"{module}({', '.join((*values, *masks))})"

    def functional(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        """The same by a module with the same parameters that another operation made: see `tie`."""
        raise NotImplementedError

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        """The Python expression of the value; one with a module is called as `self.path(...)`."""
        raise NotImplementedError

    def binding(self, place: int) -> Binding:
        """How tightly the operand at a place has to bind in `expression`."""
        return Binding.ATOM

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """The meaning, slowly and obviously, in the tensor library `xp` (torch in our tests).

        Values are tensors `(batch, *axes, channels)`, or dicts of them; an elementwise operation gets
        the tensors of a collection one by one. Beside the layer's parameters, `parameters` holds the
        masks of masked axes by their argument: `node_mask`.
        """
        raise NotImplementedError

    def masks(self, inputs: tuple[Type, ...]) -> tuple[Axis, ...]:
        """The masked axes whose masks the code reads; a module gets them after the values."""
        return ()

    def __str__(self) -> str:
        shown = {
            name: value
            for name, value in self
            if value != type(self).model_fields[name].get_default(call_default_factory=True)
        }
        if not shown:
            return self.word
        return self.word + "{" + ", ".join(f"{k} = {_show(v)}" for k, v in shown.items()) + "}"


def _show(value: object) -> str:
    match value:
        case (int() as number,):
            return str(number)
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return str(value)
