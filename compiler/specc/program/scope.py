"""What the names of a specification stand for: parameters, axes, spaces, models, blocks.

A `Scope` is one file's names. Each is looked up when it is first needed, so that declarations may
stand in any order; a name whose declaration is wrong is reported once, there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from ..errors import Consequence, Errors, Note, Span, SpecError, SpecErrors, nearest
from ..groups import Group
from ..operations import CATALOGUE, LATER
from ..symmetry.factors import NO_FACTORS, Factors
from ..text import syntax
from ..types import Axis, Collection
from .static import Static, evaluate, show

OPERATIONS = frozenset({*CATALOGUE, *LATER, "weights"})
"""Words that a call finds before it looks for a block or a space."""


@dataclass(frozen=True, slots=True)
class ModelDeclaration:
    """A model and the scope that its names are looked up in."""

    syntax: syntax.Model
    scope: Scope

    @property
    def name(self) -> str:
        return self.syntax.name.text


@dataclass(frozen=True, slots=True)
class BlockDeclaration:
    """A block and the scope that its names are looked up in."""

    syntax: syntax.Block
    scope: Scope


@dataclass(frozen=True, slots=True)
class Param:
    """The value of a build parameter."""

    value: Static


@dataclass(frozen=True, slots=True)
class NamedGroup:
    """A group with a name: axes over it are moved by one and the same element."""

    name: str
    group: Group
    size: int


Meaning = Param | Axis | NamedGroup | Collection | ModelDeclaration | BlockDeclaration


class WeightsOf(Protocol):
    """The weight space of a model, with the factors of positions that are asked for."""

    def __call__(
        self, declaration: ModelDeclaration, span: Span, asked: Factors = NO_FACTORS
    ) -> Collection: ...


Read = Callable[[syntax.Declaration, "Scope"], Meaning]


@dataclass(eq=False)
class Scope:
    """The names of one file. `weights_of` gives the weight space of a model, `read` the meaning of a
    declaration."""

    file: syntax.File
    overrides: Mapping[str, Static]
    weights_of: WeightsOf
    read: Read
    declarations: dict[str, syntax.Declaration] = field(default_factory=dict)
    imported: dict[str, Scope | None] = field(default_factory=dict)  # None: wrong, and reported
    _meanings: dict[str, Meaning | SpecError | SpecErrors] = field(default_factory=dict)
    _pending: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        return [*self.declarations, *self.imported]

    def is_space(self, name: str) -> bool:
        """Whether a name is that of a space, declared here or imported."""
        other = self.imported.get(name)
        if other is not None:
            return other.is_space(name)
        return isinstance(self.declarations.get(name), syntax.Space)

    def models(self) -> Iterator[ModelDeclaration]:
        """The models that the file declares, in its order."""
        for declaration in self.declarations.values():
            if isinstance(declaration, syntax.Model):
                yield ModelDeclaration(declaration, self)

    def spaces(self) -> Iterator[tuple[str, Collection]]:
        """The spaces that the file declares, in its order."""
        for name, declaration in self.declarations.items():
            if isinstance(declaration, syntax.Space):
                meaning = self.find(name, declaration.span)
                assert isinstance(meaning, Collection), "a space means its tensors"
                yield name, meaning

    def find(self, name: str, span: Span, known: Iterator[str] | None = None) -> Meaning:
        """What a name stands for; a mistake of its declaration is reported there, not here."""
        if name in self.imported:
            other = self.imported[name]
            if other is None:
                raise Consequence(f"the import of `{name}` is wrong", span)
            return other.find(name, span)
        if name not in self.declarations:
            hint = nearest(name, [*self.names(), *(known or ())])
            raise SpecError(f"there is nothing called `{name}`", span, hint)
        if name in self._pending:
            circle = " -> ".join([*self._pending[self._pending.index(name) :], name])
            raise SpecError(f"`{name}` is declared through itself: {circle}", span)
        if name not in self._meanings:
            self._pending.append(name)
            try:
                self._meanings[name] = self.read(self.declarations[name], self)
            except (SpecError, SpecErrors) as error:
                self._meanings[name] = error
            finally:
                self._pending.pop()
        meaning = self._meanings[name]
        if isinstance(meaning, SpecError | SpecErrors):
            raise Consequence(meaning.message, span)
        return meaning

    def check(self, errors: Errors) -> None:
        """Reports the mistakes of the declarations, each once."""
        for name in self.declarations:
            with errors.collect():
                self.find(name, self.declarations[name].name.span)  # type: ignore[union-attr]
            found = self._meanings.get(name)
            if isinstance(found, SpecError | SpecErrors):
                with errors.collect():
                    raise found

    def static(self, expression: syntax.Expression) -> Static:
        """The value of an expression in build parameters."""
        return evaluate(expression, self.param)

    def param(self, name: syntax.Name) -> Static:
        """The value of a build parameter."""
        meaning = self.find(name.text, name.span)
        if not isinstance(meaning, Param):
            raise SpecError(f"`{name.text}` is {described(meaning)}, not a number", name.span)
        return meaning.value

    def axis(self, name: syntax.Identifier | syntax.Name) -> Axis:
        meaning = self.find(name.text, name.span)
        if not isinstance(meaning, Axis):
            raise SpecError(f"`{name.text}` is {described(meaning)}, not an axis", name.span)
        return meaning


def not_yet(what: str, span: Span) -> SpecError:
    """For forms of the language whose meaning this version does not have."""
    return SpecError(
        f"{what} is part of the language, but this version does not compile it yet", span
    )


def described(meaning: Meaning) -> str:
    """What a name stands for, in a message."""
    match meaning:
        case Param():
            return f"the build parameter {show(meaning.value)}"
        case Axis():
            return "an axis"
        case NamedGroup():
            return "a group"
        case Collection():
            return "a space"
        case ModelDeclaration():
            return "a model"
        case BlockDeclaration():
            return "a block"
        case _:
            assert_never(meaning)


def refuse_twice(names: Sequence[syntax.Identifier]) -> None:
    """For names that stand beside each other."""
    first: dict[str, syntax.Identifier] = {}
    for name in names:
        if name.text in first:
            note = Note("first declared here", first[name.text].span)
            raise SpecError(f"`{name.text}` is declared twice", name.span, notes=(note,))
        first[name.text] = name


def refuse_private(name: syntax.Identifier) -> None:
    """For names that become Python's: those that begin with `_` mean something else there."""
    if name.text.startswith("_"):
        plain = name.text.strip("_") or "x"
        raise SpecError(
            f"`{name.text}` becomes a name of the module and cannot begin with `_`",
            name.span,
            f"`{plain}`, for one",
        )
