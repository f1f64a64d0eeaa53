"""What the names of a specification stand for: parameters, axes, spaces, models, imports.

A `Scope` is one file's names. Each is looked up when it is first needed, so that declarations may
stand in any order; a name whose declaration is wrong is reported once, there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import assert_never

from ..errors import Consequence, Errors, Note, Source, Span, SpecError, SpecErrors, nearest
from ..groups import Pinned, Symmetric
from ..operations import CATALOGUE, LATER
from ..text import syntax
from ..text.parse import parse, read_source
from ..types import Axis, Collection, Part, Stored, Tensor, Type, stored
from .static import LARGEST, Static, evaluate, show, size

OPERATIONS = frozenset({*CATALOGUE, *LATER, "weights"})
"""Words that a call finds before it looks for a block or a space."""

CONSTRUCTORS_LATER = ("A", "B", "C", "D", "O", "SO", "Sp", "U", "SU", "GL", "SL", "E", "SE")


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


Meaning = Param | Axis | Collection | ModelDeclaration | BlockDeclaration

WeightsOf = Callable[[ModelDeclaration, Span], Collection]


@dataclass(eq=False)
class Scope:
    """The names of one file. `weights_of` gives the weight space of a model."""

    file: syntax.File
    overrides: Mapping[str, Static]
    weights_of: WeightsOf
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
                self._meanings[name] = self._meaning(self.declarations[name])
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

    def _meaning(self, declaration: syntax.Declaration) -> Meaning:
        match declaration:
            case syntax.Param():
                value = self.static(declaration.value)
                return Param(_overridden(declaration, value, self.overrides))
            case syntax.Axis():
                return _axis(declaration, self)
            case syntax.Group():
                raise not_yet("a group declaration", declaration.name.span)
            case syntax.Space():
                return _space(declaration, self)
            case syntax.Model():
                return ModelDeclaration(declaration, self)
            case syntax.Block():
                _refuse_twice(declaration.parameters)
                return BlockDeclaration(declaration, self)
            case syntax.Import():
                raise AssertionError("imports are resolved before names are looked up")
            case _:
                assert_never(declaration)


def resolve(
    file: syntax.File, params: Mapping[str, Static], weights_of: WeightsOf, errors: Errors
) -> Scope:
    """The names of a file and of those it imports; `params` override its build parameters.

    Mistakes are collected in `errors`; a name with a mistake has consequences alone.
    """
    scope = _open(file, params, weights_of, {}, (), errors)
    known = [name for name, each in scope.declarations.items() if isinstance(each, syntax.Param)]
    for name in params:
        if name not in known:
            hint = nearest(name, known) or (
                f"it has {', '.join(known)}" if known else "it declares none"
            )
            errors.add(SpecError(f"{file.source.name} has no build parameter `{name}`", None, hint))
    scope.check(errors)
    return scope


def type_of(
    written: syntax.Expression, scope: Scope, static: Callable[[syntax.Expression], Static]
) -> Type:
    """The type that an expression stands for; `static` evaluates sizes where it stands."""
    match written:
        case syntax.Bracket():
            return _tensor(written, scope, static)
        case syntax.Name():
            return _named(written, scope)
        case syntax.Call(function=syntax.Identifier(text="weights")):
            return _weights(written, scope, static)
        case syntax.Call():
            return _with_channels(written, scope, static)
        case _:
            raise SpecError("a type is needed here", written.span, "`[axis; channels]`, for one")


def declared_type(written: syntax.Type, scope: Scope) -> Type:
    """The type of a model's input or output."""
    if written.displacement:
        raise not_yet("`displacement`", written.span)
    return type_of(written.value, scope, scope.static)


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
        case Collection():
            return "a space"
        case ModelDeclaration():
            return "a model"
        case BlockDeclaration():
            return "a block"
        case _:
            assert_never(meaning)


# --- Imports -------------------------------------------------------------------------------------


def _open(
    file: syntax.File,
    params: Mapping[str, Static],
    weights_of: WeightsOf,
    opened: dict[Path, Scope],
    chain: tuple[Path, ...],
    errors: Errors,
) -> Scope:
    scope = Scope(file, params, weights_of)
    for declaration in file.declarations:
        if isinstance(declaration, syntax.Import):
            other = None
            with errors.collect():
                other = _imported(declaration, file.source, weights_of, opened, chain, errors)
            _take_names(declaration, other, scope, errors)
        else:
            with errors.collect():
                _declare(declaration, scope)
    return scope


def _declare(declaration: syntax.Declaration, scope: Scope) -> None:
    assert not isinstance(declaration, syntax.Import)
    name = declaration.name
    _refuse_second(name, scope)
    scope.declarations[name.text] = declaration
    if isinstance(declaration, syntax.Block | syntax.Space) and name.text in OPERATIONS:
        raise SpecError(
            f"`{name.text}` is an operation of the language", name.span, "choose another name"
        )


def _refuse_second(name: syntax.Identifier, scope: Scope) -> None:
    first = scope.declarations.get(name.text)
    if first is not None and not isinstance(first, syntax.Import):
        note = Note("first declared here", first.name.span)
        raise SpecError(f"`{name.text}` is declared twice", name.span, notes=(note,))
    if name.text in scope.imported:
        raise SpecError(f"`{name.text}` is imported already", name.span)


def _refuse_twice(names: Sequence[syntax.Identifier]) -> None:
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


def _take_names(
    declaration: syntax.Import, other: Scope | None, scope: Scope, errors: Errors
) -> None:
    """Brings the names of an import into a scope; of one that is wrong, as names that are known."""
    for name in declaration.names:
        with errors.collect():
            _refuse_second(name, scope)
            scope.imported[name.text] = None
            if other is None:
                continue
            if name.text not in other.names():
                raise SpecError(
                    f"`{other.file.source.name}` declares nothing called `{name.text}`",
                    name.span,
                    nearest(name.text, other.names()),
                )
            scope.imported[name.text] = other


def _imported(
    declaration: syntax.Import,
    source: Source,
    weights_of: WeightsOf,
    opened: dict[Path, Scope],
    chain: tuple[Path, ...],
    errors: Errors,
) -> Scope:
    path = _beside(declaration, source)
    here = source.path.resolve() if source.path else path
    if path in (*chain, here):
        circle = " -> ".join(each.name for each in (*chain, here, path))
        raise SpecError(f"imports go in a circle: {circle}", declaration.path.span)
    if path not in opened:
        name = os.path.normpath(Path(source.name).parent / declaration.path.value)
        try:
            other = read_source(path, name)
        except SpecError as error:
            raise SpecError(error.message, declaration.path.span, error.hint) from None
        opened[path] = _open(parse(other), {}, weights_of, opened, (*chain, here), errors)
        opened[path].check(errors)
    return opened[path]


def _beside(declaration: syntax.Import, source: Source) -> Path:
    """The imported file: looked up beside the importing one, never outside the project's root."""
    if source.path is None:
        raise SpecError("a specification without a file cannot import others", declaration.span)
    folder = source.path.resolve().parent
    root = next(
        (up for up in (folder, *folder.parents) if _is_root(up)),
        folder,
    )
    written = declaration.path
    try:
        path = (folder / written.value).resolve()
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links that go in a circle
        raise SpecError(f"the file `{written.value}` cannot be read", written.span) from None
    if not path.is_relative_to(root):
        raise SpecError(
            f'"{written.value}" lies outside the project, whose root is `{root.name or root}`',
            written.span,
            "imports are looked up beside the file and never leave the nearest folder with pyproject.toml or .git",
        )
    return path


def _is_root(folder: Path) -> bool:
    return (folder / "pyproject.toml").exists() or (folder / ".git").exists()


# --- Declarations --------------------------------------------------------------------------------


def _overridden(
    declaration: syntax.Param, default: Static, overrides: Mapping[str, Static]
) -> Static:
    """A parameter's value: the override, which must be of the default's kind."""
    name = declaration.name.text
    if name not in overrides:
        return default
    value = overrides[name]
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) <= LARGEST else inf
    if type(value) is not type(default):
        raise SpecError(
            f"`{name}` is {_kind(default)}, and {show(value)} was given for it", declaration.span
        )
    if isinstance(value, float) and not isfinite(value):
        raise SpecError(f"`{name}` is a finite number, and not {value}", declaration.span)
    if isinstance(value, int) and abs(value) > LARGEST:
        raise SpecError(f"the number given for `{name}` is too large", declaration.span)
    if isinstance(value, str) and not (value.isprintable() and {'"', "\\"}.isdisjoint(value)):
        raise SpecError(f"`{name}` is a text without quotes, `\\` and line ends", declaration.span)
    return value


def _kind(value: Static) -> str:
    match value:
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "a text"


def _axis(declaration: syntax.Axis, scope: Scope) -> Axis:
    name = declaration.name.text
    if declaration.spin is not None:
        raise not_yet("`spin`", declaration.spin.span)
    if declaration.parity is not None:
        raise not_yet("a parity", declaration.parity.span)
    if declaration.fixing is not None:
        raise not_yet("`fixing`", declaration.span)
    value = declaration.value
    if isinstance(value, syntax.Call):
        axis = _symmetric(name, value, scope)
    else:
        axis = Axis(name, size(value, scope.param, "the size of an axis"), Pinned())
    if declaration.parent is None:
        return axis
    parent = scope.axis(declaration.parent)
    if isinstance(axis.group, Pinned) or isinstance(parent.group, Pinned):
        pinned = axis if isinstance(axis.group, Pinned) else parent
        raise SpecError(
            f"`{name}` in `{parent.name}` needs a group on both, and `{pinned.name}` is pinned",
            declaration.parent.span,
        )
    return Axis(name, axis.size, axis.group, parent)


def _symmetric(name: str, call: syntax.Call, scope: Scope) -> Axis:
    word = call.function.text
    if word in CONSTRUCTORS_LATER:
        raise not_yet(f"the group `{word}`", call.span)
    if word != "S":
        hint = nearest(word, ("S", *CONSTRUCTORS_LATER)) or "`S(n)` is n interchangeable positions"
        raise SpecError(f"there is no group `{word}`", call.function.span, hint)
    if call.keywords or call.channels or call.axes or not 1 <= len(call.arguments) <= 2:
        raise SpecError("a symmetric group is written `S(n)` or `S(n, masked)`", call.span)
    masked = len(call.arguments) == 2
    if masked and call.arguments[1] != syntax.Name("masked", call.span):
        raise SpecError(
            "a symmetric group is written `S(n)` or `S(n, masked)`", call.arguments[1].span
        )
    count = size(call.arguments[0], scope.param, "the size of a group")
    return Axis(name, count, Symmetric(masked))


def _space(declaration: syntax.Space, scope: Scope) -> Collection:
    errors = Errors()
    with errors.collect():
        _refuse_twice([entry.name for entry in declaration.tensors])
    kept: list[Stored] = []
    channels: dict[str, tuple[int | None, int | None]] = {}
    for entry in declaration.tensors:
        name = entry.name.text
        with errors.collect():
            refuse_private(entry.name)
            if entry.type.displacement:
                raise not_yet("`displacement`", entry.type.span)
            if not isinstance(entry.type.value, syntax.Bracket):
                raise SpecError("a space holds tensors", entry.type.span, "`[axis; channels]`")
            fresh = f"{declaration.name.text}.{name}"
            dims = _dimensions(entry.type.value, scope, fresh)
            kept.append(stored(name, dims))
            channels[name] = _channels_of(entry.type.value, scope.static)
    errors.raise_if_any()
    tensors = tuple(
        (piece.name, Tensor(piece.axes, *channels[each.name]))
        for each in kept
        for piece in each.pieces
    )
    plain = all(each.is_plain for each in kept)
    return Collection(tensors, declaration.name.text, () if plain else tuple(kept))


# --- Types ---------------------------------------------------------------------------------------


def _tensor(
    written: syntax.Bracket, scope: Scope, static: Callable[[syntax.Expression], Static]
) -> Tensor:
    """`[a, b; c]`."""
    dims = _dimensions(written, scope, None)
    axes = tuple(axis for ((axis,),) in dims)
    return Tensor(axes, *_channels_of(written, static))


def _channels_of(
    written: syntax.Bracket, static: Callable[[syntax.Expression], Static]
) -> tuple[int | None, int | None]:
    """The number of channels, and of indices; None where there is no such thing."""
    if written.channels is None:
        return None, None
    if written.index:
        return None, size(written.channels, static, "the number of indices")
    return size(written.channels, static, "the number of channels"), None


def _dimensions(written: syntax.Bracket, scope: Scope, fresh: str | None) -> list[tuple[Part, ...]]:
    """The parts along each dimension. In a space, `fresh` names the axes that are bare numbers."""
    dims: list[tuple[Part, ...]] = []
    before: list[set[str]] = [set()]  # the axes before, for each choice of parts
    for place, entry in enumerate(written.entries):
        parts = _parts(entry, scope, None if fresh is None else f"{fresh}.{place}")
        dims.append(parts)
        for part in parts:
            for number, axis in enumerate(part):
                inside = {each.name for each in part[:number]}
                parent = axis.parent
                if parent and any(parent.name not in each | inside for each in before):
                    raise SpecError(
                        f"`{axis.name}` lives in `{parent.name}` and has to follow it",
                        entry.span,
                        f"`[{parent.name}, {axis.name}]`",
                    )
        before = [each | {axis.name for axis in part} for each in before for part in parts]
    return dims


def _parts(entry: syntax.Expression, scope: Scope, fresh: str | None) -> tuple[Part, ...]:
    """What stands along one dimension: an axis, a product `(head key)`, or a sum `(a + b)` of those."""
    match entry:
        case syntax.Name():
            return ((scope.axis(entry),),)
        case syntax.Number() if fresh is not None:
            return ((Axis(fresh, size(entry, scope.param, "an axis"), Pinned()),),)
        case syntax.Number():
            raise SpecError(
                "an axis needs a name here", entry.span, f"declare `axis pixel = {entry.value}`"
            )
        case syntax.Product() | syntax.Binary() if fresh is None:
            raise SpecError(
                "a product or a sum of axes is how a space is stored, and stands only there",
                entry.span,
                "in a tensor each axis is a dimension of its own: `[head, key]`",
            )
        case syntax.Product():
            axes = tuple(scope.axis(each) for each in entry.factors)
            masked = next((axis for axis in axes if axis.masked), None)
            if masked is not None:
                raise SpecError(f"`{masked.name}` is masked and stands alone", entry.span)
            return (axes,)
        case syntax.Binary(operator="+"):
            before = _parts(entry.left, scope, fresh)
            return (*before, *_parts(entry.right, scope, f"{fresh}.{len(before)}"))
        case _:
            raise SpecError("the name of an axis is needed here", entry.span)


def _named(written: syntax.Name, scope: Scope) -> Type:
    meaning = scope.find(written.text, written.span)
    if isinstance(meaning, Collection):
        return meaning
    hint = f"`weights({written.text})`?" if isinstance(meaning, ModelDeclaration) else None
    if isinstance(meaning, Axis):
        hint = f"`[{written.text}]`?"
    raise SpecError(f"`{written.text}` is {described(meaning)}, not a type", written.span, hint)


def _weights(
    written: syntax.Call, scope: Scope, static: Callable[[syntax.Expression], Static]
) -> Collection:
    for keyword in written.keywords:
        raise not_yet(f"`{keyword.name.text}` of `weights`", keyword.span)
    if len(written.arguments) != 1 or not isinstance(written.arguments[0], syntax.Name):
        raise SpecError("`weights` takes the name of a model", written.span, "`weights(Model)`")
    name = written.arguments[0]
    meaning = scope.find(name.text, name.span)
    if not isinstance(meaning, ModelDeclaration):
        raise SpecError(f"`{name.text}` is {described(meaning)}, not a model", name.span)
    space = scope.weights_of(meaning, name.span)
    if not space.tensors:
        raise SpecError(f"`{name.text}` has no parameters", name.span)
    return _channels(space, written, static)


def _with_channels(
    written: syntax.Call, scope: Scope, static: Callable[[syntax.Expression], Static]
) -> Collection:
    """`Graph(; 32)`: the space with that many channels in each tensor."""
    name = written.function
    if name.text in OPERATIONS and name.text not in scope.names():
        raise SpecError("a type is needed here, and this is an operation", written.span)
    meaning = scope.find(name.text, name.span)
    if not isinstance(meaning, Collection) or written.arguments or written.keywords:
        raise SpecError("a type is needed here", written.span, "`Space(; channels)`, for one")
    return _channels(meaning, written, static)


def _channels(
    space: Collection, written: syntax.Call, static: Callable[[syntax.Expression], Static]
) -> Collection:
    if written.channels is None:
        return space
    return space.with_channels(size(written.channels, static, "the number of channels"))
