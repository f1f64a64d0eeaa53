"""The names of a file and of those it imports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import Consequence, Errors, Note, Source, SpecError, nearest
from ..text import syntax
from ..text.parse import parse, read_source
from .declarations import meaning_of
from .scope import OPERATIONS, Scope, WeightsOf
from .static import Static


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


def _open(
    file: syntax.File,
    params: Mapping[str, Static],
    weights_of: WeightsOf,
    opened: dict[Path, Scope],
    chain: tuple[Path, ...],
    errors: Errors,
) -> Scope:
    scope = Scope(file, params, weights_of, meaning_of)
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
        if scope.imported[name.text] is None:
            raise Consequence("what should be imported is not there", name.span)
        raise SpecError(f"`{name.text}` is imported already", name.span)


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
