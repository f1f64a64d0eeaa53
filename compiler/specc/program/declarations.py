"""The meaning of declarations: the value of a parameter, the group of an axis, the tensors of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import assert_never

from ..errors import Errors, SpecError, nearest
from ..groups import Pinned, Symmetric
from ..text import syntax
from ..types import Axis, Collection, Dimension, Stored, Tensor, sizes_text, stored
from .scope import (
    CONSTRUCTORS_LATER,
    BlockDeclaration,
    Meaning,
    ModelDeclaration,
    Param,
    Scope,
    not_yet,
    refuse_private,
    refuse_twice,
)
from .static import LARGEST, Static, show, size
from .written import channels_of, dimensions


def meaning_of(declaration: syntax.Declaration, scope: Scope) -> Meaning:
    """What a declaration stands for in the scope of its file."""
    match declaration:
        case syntax.Param():
            value = scope.static(declaration.value)
            return Param(_overridden(declaration, value, scope.overrides))
        case syntax.Axis():
            return _axis(declaration, scope)
        case syntax.Group():
            raise not_yet("a group declaration", declaration.name.span)
        case syntax.Space():
            return _space(declaration, scope)
        case syntax.Model():
            return ModelDeclaration(declaration, scope)
        case syntax.Block():
            refuse_twice(declaration.parameters)
            return BlockDeclaration(declaration, scope)
        case syntax.Import():
            raise AssertionError("imports are resolved before names are looked up")
        case _:
            assert_never(declaration)


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
        refuse_twice([entry.name for entry in declaration.tensors])
    kept: list[Stored] = []
    channels: dict[str, tuple[int | None, int | None]] = {}
    for entry in declaration.tensors:
        name = entry.name.text
        with errors.collect():
            refuse_private(entry.name)
            brackets = [_bracket(each) for each in (entry.type, *entry.below)]
            kept.append(_stored(name, brackets, scope, f"{declaration.name.text}.{name}"))
            counts = [channels_of(each, scope.static) for each in brackets]
            for bracket, count in zip(brackets, counts, strict=True):
                if count != counts[0]:
                    raise SpecError("parts of one tensor have the same channels", bracket.span)
            channels[name] = counts[0]
    errors.raise_if_any()
    tensors = tuple(
        (piece.name, Tensor(piece.axes, *channels[each.name]))
        for each in kept
        for piece in each.pieces
    )
    plain = all(each.is_plain for each in kept)
    return Collection(tensors, declaration.name.text, () if plain else tuple(kept))


def _bracket(written: syntax.Type) -> syntax.Bracket:
    if written.displacement:
        raise not_yet("`displacement`", written.span)
    if not isinstance(written.value, syntax.Bracket):
        raise SpecError("a space holds tensors", written.span, "`[axis; channels]`")
    return written.value


def _stored(name: str, brackets: Sequence[syntax.Bracket], scope: Scope, fresh: str) -> Stored:
    """A tensor, or several one after the other along their first dimension."""
    blocks: list[list[Dimension]] = []
    for number, bracket in enumerate(brackets):
        own = fresh if len(brackets) == 1 else f"{fresh}.{number}"
        dims = dimensions(bracket, scope, own)
        if not dims and len(brackets) > 1:
            raise SpecError("a number has no dimension along which others follow", bracket.span)
        if blocks and _widths(dims) != _widths(blocks[0]):
            raise SpecError(
                "parts of one tensor are as long as each other along all dimensions but the first",
                bracket.span,
                f"`{name}` has {_widths(blocks[0])} before, and {_widths(dims)} here",
            )
        blocks.append(dims)
    return stored(name, blocks)


def _widths(dims: Sequence[Dimension]) -> str:
    return ", ".join(map(sizes_text, dims[1:])) or "nothing"
