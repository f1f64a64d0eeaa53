"""Pointwise functions: the deterministic activations of `torch.nn.functional` and torch's functions.

Each says of itself how it meets signs and scales; that algebra decides on which representations it
may act. A function of one number commutes with every permutation of positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from pydantic import model_validator

from ..symmetry.factors import ALL_FACTORS, NO_FACTORS, Factor, Factors
from ..types import Tensor, Type, map_tensors
from .base import Channels, Operation, Rules
from .brackets import Binding
from .representations import Algebra, applied


@dataclass(frozen=True, slots=True)
class Function:
    """A function by its word: where torch keeps it, its algebra, its options with their defaults.

    The algebra is that of the defaults.

    `module` is the class in `torch.nn` that applies it, empty where there is none.
    """

    word: str
    path: str
    algebra: Algebra
    module: str = ""
    options: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def complex(self) -> bool:
        """Whether it has a meaning on complex numbers: it is analytic there, or a modulus."""
        return self.word in _COMPLEX


_COMPLEX = frozenset(
    {"tanh", "sigmoid", "sin", "cos", "exp", "log", "sqrt", "abs", "square", "atan", "asinh"}
)


def _functional(word: str, algebra: Algebra, module: str, **options: float | str) -> Function:
    return Function(word, f"F.{word}", algebra, module, options)


_FUNCTIONS = (
    _functional("relu", Algebra.HOMOGENEOUS, "ReLU"),
    _functional("relu6", Algebra.ANY, "ReLU6"),
    _functional("leaky_relu", Algebra.HOMOGENEOUS, "LeakyReLU", negative_slope=0.01),
    _functional("elu", Algebra.ANY, "ELU", alpha=1.0),
    _functional("selu", Algebra.ANY, "SELU"),
    _functional("celu", Algebra.ANY, "CELU", alpha=1.0),
    _functional("gelu", Algebra.ANY, "GELU", approximate="none"),
    _functional("silu", Algebra.ANY, "SiLU"),
    _functional("mish", Algebra.ANY, "Mish"),
    _functional("softplus", Algebra.ANY, "Softplus", beta=1.0, threshold=20.0),
    _functional("logsigmoid", Algebra.ANY, "LogSigmoid"),
    _functional("hardtanh", Algebra.ODD, "Hardtanh", min_val=-1.0, max_val=1.0),
    _functional("hardsigmoid", Algebra.ANY, "Hardsigmoid"),
    _functional("hardswish", Algebra.ANY, "Hardswish"),
    _functional("hardshrink", Algebra.ODD, "Hardshrink", lambd=0.5),
    _functional("softshrink", Algebra.ODD, "Softshrink", lambd=0.5),
    _functional("tanhshrink", Algebra.ODD, "Tanhshrink"),
    _functional("softsign", Algebra.ODD, "Softsign"),
    _functional("threshold", Algebra.HOMOGENEOUS, "Threshold", threshold=0.0, value=0.0),
    Function("tanh", "torch.tanh", Algebra.ODD, "Tanh"),
    Function("sigmoid", "torch.sigmoid", Algebra.ANY, "Sigmoid"),
    Function("sin", "torch.sin", Algebra.ODD),
    Function("cos", "torch.cos", Algebra.EVEN),
    Function("exp", "torch.exp", Algebra.ANY),
    Function("log", "torch.log", Algebra.ANY),
    Function("sqrt", "torch.sqrt", Algebra.ANY),
    Function("abs", "torch.abs", Algebra.MODULUS),
    Function("square", "torch.square", Algebra.EVEN),
    Function("erf", "torch.erf", Algebra.ODD),
    Function("atan", "torch.atan", Algebra.ODD),
    Function("asinh", "torch.asinh", Algebra.ODD),
)

FUNCTIONS: Mapping[str, Function] = {function.word: function for function in _FUNCTIONS}


def passing(algebra: Algebra) -> Factors:
    """The factors of a number that a function of an algebra leaves as they are."""
    match algebra:
        case Algebra.LINEAR | Algebra.MULTIPLE:
            return ALL_FACTORS
        case Algebra.ODD:
            return frozenset({Factor.SIGN})
        case Algebra.HOMOGENEOUS | Algebra.MODULUS:
            return frozenset({Factor.SCALE})
        case _:
            return NO_FACTORS


class Pointwise(Operation):
    """`relu(x)`, `leaky_relu(x, negative_slope = 0.2)`: a function of each number by itself."""

    word: ClassVar[str] = "pointwise"
    elementwise: ClassVar[bool] = True

    function: str
    options: tuple[tuple[str, float | str], ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Pointwise:
        known = FUNCTIONS[self.function].options
        for name, value in self.options:
            if name not in known:
                raise ValueError(f"`{self.function}` has no option `{name}`")
            if isinstance(known[name], str) != isinstance(value, str):
                raise ValueError(
                    f"`{name}` is {'a word' if isinstance(known[name], str) else 'a number'}"
                )
        if dict(self.options).get("approximate", "none") not in ("none", "tanh"):
            raise ValueError('`approximate` is "none" or "tanh"')
        return self

    @property
    def algebra(self) -> Algebra:
        """That of the function with its options."""
        given = FUNCTIONS[self.function]
        options = dict(given.options) | dict(self.options)
        match self.function:
            case "hardtanh" if options["min_val"] != -float(options["max_val"]):
                return Algebra.ANY
            case "threshold" if options["threshold"] != 0 or options["value"] != 0:
                return Algebra.ANY
            case _:
                return given.algebra

    def keeps_exchange(self, sign: int) -> bool:
        odd = FUNCTIONS[self.function].algebra in (Algebra.ODD, Algebra.LINEAR)
        return sign > 0 or odd

    @property
    def takes_complex(self) -> bool:
        return FUNCTIONS[self.function].complex

    def result(self, inputs: tuple[Type, ...]) -> Type:
        made = applied(self.algebra, inputs[0])
        return map_tensors(made, _modulus) if self.function == "abs" else made

    @property
    def passes(self) -> Factors:
        """Signs through what is odd, scales through what is positively homogeneous, as |x| is too."""
        return passing(self.algebra)

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        return inputs[0]

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        function = FUNCTIONS[self.function]
        return f"{function.path}({', '.join((*values, *self._required()))})"

    @property
    def callable(self) -> str | None:
        """The code of the function by itself; none where it has options."""
        return None if self._required() else FUNCTIONS[self.function].path

    def binding(self, place: int) -> Binding:
        return Binding.ANY

    def _required(self) -> tuple[str, ...]:
        """The options as code; `threshold` has no defaults in torch."""
        given = dict(self.options)
        if self.function == "threshold":
            given = {**FUNCTIONS["threshold"].options, **given}
        return tuple(f"{name}={_code(value)}" for name, value in given.items())

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        return None

    def as_module(self) -> str:
        """The function as an `nn.Module`, for `nn.Sequential`."""
        function = FUNCTIONS[self.function]
        if not function.module:
            return f"Pointwise({function.path})"
        return f"nn.{function.module}({', '.join(self._required())})"

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        home = xp.nn.functional if FUNCTIONS[self.function].path.startswith("F.") else xp
        options = dict(FUNCTIONS[self.function].options) | dict(self.options)
        return getattr(home, self.function)(values[0], **options)

    def __str__(self) -> str:
        if not self.options:
            return self.function
        shown = ", ".join(f"{name} = {value}" for name, value in self.options)
        return f"{self.function}{{{shown}}}"


def _modulus(tensor: Tensor) -> Tensor:
    """`abs` of complex numbers is real."""
    return replace(tensor, complex=False)


def _code(value: float | str) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
