"""The pipeline: from the text of a specification to the source of a PyTorch module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .check import MOST_MAPS, check
from .compose import compose
from .elaborate import elaborate
from .emit import emit
from .errors import Consequence, Errors, Source, Span, SpecError
from .graph import Typed
from .infer import Weights, infer
from .module_plan import Classes, ModulePlan
from .names import Variables
from .parse import parse
from .plan import Formulation
from .resolve import ModelDeclaration, resolve
from .static import Static, show
from .types import Collection

CLASS_NAMES = frozenset(
    {"Codes", "Equivariant", "Part", "PerTensor", "Pointwise", "Tensor", "InputError"}
)


@dataclass(frozen=True, slots=True)
class Program:
    """A checked specification: its models with types, and the weight spaces that were asked for."""

    source: Source
    models: tuple[Typed, ...]
    weights: tuple[Weights, ...]
    params: Mapping[str, Static] = field(default_factory=dict)


def understand(
    source: Source, params: Mapping[str, Static] | None = None, most_maps: int = MOST_MAPS
) -> Program:
    """Everything up to types: parse, resolve, elaborate, check, infer. Raises all mistakes."""
    params = dict(params or {})
    models = _Models(most_maps)
    scope = resolve(parse(source), params, models.weights_of)
    errors = Errors()
    typed = []
    for declaration in scope.models():
        with errors.collect():
            typed.append(models.typed(declaration, declaration.syntax.name.span))
    errors.raise_if_any()
    return Program(source, tuple(typed), tuple(models.weights.values()), params)


def compile(
    source: Source,
    params: Mapping[str, Static] | None = None,
    most_maps: int = MOST_MAPS,
    formulation: Formulation | None = None,
) -> str:
    """The source of the PyTorch module that a specification describes."""
    program = understand(source, params, most_maps)
    models, classes = compose_all(program, formulation)
    shown = ", ".join(f"{name} = {show(value)}" for name, value in program.params.items())
    return emit(
        source.name.replace("\\", "/").rpartition("/")[2], source.text, models, classes, shown
    )


def compose_all(
    program: Program, formulation: Formulation | None = None
) -> tuple[list[ModulePlan], Classes]:
    """The classes of all models of a program."""
    names = frozenset(typed.name for typed in program.models)
    classes = Classes(Variables(CLASS_NAMES | names), formulation)
    return [compose(typed, classes) for typed in program.models], classes


class _Models:
    """Each model is checked once, when it or its weight space is first asked for."""

    def __init__(self, most_maps: int) -> None:
        self._most_maps = most_maps
        self._typed: dict[tuple[int, str], Typed | None] = {}  # None: wrong, and reported
        self._pending: list[str] = []
        self.weights: dict[tuple[int, str], Weights] = {}

    def typed(self, declaration: ModelDeclaration, span: Span) -> Typed:
        key = _key(declaration)
        if declaration.name in self._pending:
            circle = " -> ".join([*self._pending, declaration.name])
            raise SpecError(f"a model cannot take its own weights: {circle}", span)
        if key not in self._typed:
            self._typed[key] = None
            self._pending.append(declaration.name)
            try:
                self._typed[key] = check(elaborate(declaration), self._most_maps)
            finally:
                self._pending.pop()
        found = self._typed[key]
        if found is None:
            raise Consequence(f"`{declaration.name}` is wrong", span)
        return found

    def weights_of(self, declaration: ModelDeclaration, span: Span) -> Collection:
        key = _key(declaration)
        if key not in self.weights:
            self.weights[key] = infer(self.typed(declaration, span))
        return self.weights[key].space


def _key(declaration: ModelDeclaration) -> tuple[int, str]:
    return id(declaration.scope), declaration.name
