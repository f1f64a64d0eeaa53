"""The pipeline: from the text of a specification to the source of a PyTorch module."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping
from dataclasses import dataclass, field

from .emit import emit
from .errors import Consequence, Errors, Source, Span, SpecError
from .graph import Typed
from .names import RESERVED, RUNTIME, Variables
from .planning.compose import compose
from .planning.module_plan import Classes, ModulePlan
from .planning.plan import Formulation
from .program.check import MOST_MAPS, check
from .program.elaborate import elaborate
from .program.infer import infer, refuse_without
from .program.resolve import resolve
from .program.scope import ModelDeclaration, refuse_private
from .program.static import Static, show
from .symmetry.factors import NO_FACTORS, Factors
from .symmetry.weight_space import Weights
from .text.parse import parse
from .text.syntax import Identifier
from .types import Collection

_TOO_DEEP = "declarations, blocks or operations stand too deep one in another"

CLASS_NAMES = frozenset(RUNTIME) | {"InputError"}


@dataclass(frozen=True, slots=True)
class Program:
    """A checked specification: its models with types, the weight spaces that were asked for, its spaces."""

    source: Source
    models: tuple[Typed, ...]
    weights: tuple[Weights, ...]
    params: Mapping[str, Static] = field(default_factory=dict)
    spaces: Mapping[str, Collection] = field(default_factory=dict)


def understand(
    source: Source, params: Mapping[str, Static] | None = None, most_maps: int = MOST_MAPS
) -> Program:
    """Everything up to types: parse, resolve, elaborate, check, infer. Raises all mistakes."""
    params = dict(params or {})
    models = _Models(most_maps)
    errors = Errors()
    typed = []
    try:
        scope = resolve(parse(source), params, models.weights_of, errors)
        for declaration in scope.models():
            with errors.collect():
                _refuse_taken(declaration.syntax.name)
            with errors.collect():
                typed.append(models.typed(declaration, declaration.syntax.name.span))
    except RecursionError:
        errors.add(SpecError(_TOO_DEEP, None, "declare what others need before them"))
    errors.raise_if_any()
    spaces = dict(scope.spaces())
    return Program(source, tuple(typed), tuple(models.weights.values()), params, spaces)


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


def _refuse_taken(name: Identifier) -> None:
    """A model's name is that of its class, which must hide nothing that the module uses."""
    refuse_private(name)
    if keyword.iskeyword(name.text) or name.text in _TAKEN:
        raise SpecError(
            f"a model cannot be called `{name.text}`: its module needs that name",
            name.span,
            "choose another name",
        )


_TAKEN = CLASS_NAMES | RESERVED | frozenset(dir(builtins))


class _Models:
    """Each model is checked once, when it or its weight space is first asked for."""

    def __init__(self, most_maps: int) -> None:
        self._most_maps = most_maps
        self._typed: dict[tuple[int, str], Typed | None] = {}  # None: wrong, and reported
        self._pending: dict[tuple[int, str], str] = {}
        self.weights: dict[tuple[int, str, Factors], Weights] = {}

    def typed(self, declaration: ModelDeclaration, span: Span) -> Typed:
        key = _key(declaration)
        if key in self._pending:
            circle = " -> ".join([*self._pending.values(), declaration.name])
            raise SpecError(f"a model cannot take its own weights: {circle}", span)
        if key not in self._typed:
            self._typed[key] = None
            self._pending[key] = declaration.name
            try:
                self._typed[key] = self._checked(declaration)
            finally:
                del self._pending[key]
        found = self._typed[key]
        if found is None:
            raise Consequence(f"`{declaration.name}` is wrong", span)
        return found

    def _checked(self, declaration: ModelDeclaration) -> Typed:
        """The model with its types; what is well of it is checked even where something is not."""
        errors = Errors()
        graph = elaborate(declaration, errors)
        typed = None
        with errors.collect():
            typed = check(graph, self._most_maps)
        errors.raise_if_any()
        assert typed is not None
        return typed

    def weights_of(
        self, declaration: ModelDeclaration, span: Span, asked: Factors = NO_FACTORS
    ) -> Collection:
        key = (*_key(declaration), asked)
        if key not in self.weights:
            found = infer(self.typed(declaration, span), asked)
            refuse_without(found, asked, declaration.name, span)
            self.weights[key] = found
        return self.weights[key].space


def _key(declaration: ModelDeclaration) -> tuple[int, str]:
    return id(declaration.scope), declaration.name
