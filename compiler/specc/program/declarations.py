"""The meaning of declarations: the value of a parameter, the group of an axis, the tensors of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, isfinite, prod
from typing import assert_never

from ..errors import Errors, Note, SpecError, nearest
from ..groups import Joint, Pinned, Symmetric, Tied
from ..text import syntax
from ..types import Axis, Collection, Dimension, Stored, Tensor, sizes_text, stored
from .constructors import constructed, generated, with_fixed, with_generators
from .scope import (
    BlockDeclaration,
    Meaning,
    ModelDeclaration,
    NamedGroup,
    Param,
    Scope,
    refuse_private,
    refuse_twice,
)
from .spins import with_spin
from .static import LARGEST, Static, show, size
from .written import are_points, channels_of, dimensions


def meaning_of(declaration: syntax.Declaration, scope: Scope) -> Meaning:
    """What a declaration stands for in the scope of its file."""
    match declaration:
        case syntax.Param():
            value = scope.static(declaration.value)
            return Param(_overridden(declaration, value, scope.overrides))
        case syntax.Axis():
            return _axis(declaration, scope)
        case syntax.Group():
            return _group(declaration, scope)
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
    axis = with_spin(declaration, _acted_on(name, declaration.value, scope), scope)
    axis = _with_joint(axis, declaration, scope)
    axis = with_fixed(declaration, axis, scope)
    axis = with_generators(declaration, axis, scope)
    if declaration.parent is None:
        return axis
    parent = scope.axis(declaration.parent)
    for each in (axis, parent):
        if isinstance(each.group, Symmetric):
            continue
        if each.pinned:
            problem = (
                f"`{name}` in `{parent.name}` needs a group on both, and `{each.name}` is pinned"
            )
        else:
            problem = (
                f"`{name}` in `{parent.name}` is a wreath product of symmetric groups,"
                f" and `{each.name}` has {each.symmetry}"
            )
        raise SpecError(problem, declaration.parent.span)
    return replace(axis, parent=parent)


def _acted_on(name: str, value: syntax.Expression, scope: Scope) -> Axis:
    """An axis by the group that acts on it: one of its own, a named one, or none."""
    if isinstance(value, syntax.Call):
        found = constructed(value, scope)
        return Axis(name, found.size, found.group)
    if isinstance(value, syntax.Name):
        meaning = scope.find(value.text, value.span)
        if isinstance(meaning, NamedGroup):
            return Axis(name, meaning.size, meaning.group, element=meaning.name)
    return Axis(name, size(value, scope.param, "the size of an axis"), Pinned())


def _group(declaration: syntax.Group, scope: Scope) -> NamedGroup:
    found = generated(declaration, scope)
    if declaration.axes:
        refuse_twice(declaration.axes)
        sizes = _sizes_of(declaration, scope)
        if not isinstance(found.group, Tied):
            raise SpecError(
                "a group that acts jointly on several axes is given by generators",
                declaration.span,
                "`group Quarter on (y, x) = <(1 2 4 3)>`",
            )
        if prod(sizes) != found.size:
            names = ", ".join(each.text for each in declaration.axes)
            raise SpecError(
                f"the generators act on {found.size} positions, and ({names}) has {prod(sizes)}",
                declaration.axes[0].span,
                "pairs of positions are numbered row-major from 1; `on 16` after the generators adds fixed ones",
            )
    return NamedGroup(declaration.name.text, found.group, found.size)


def _sizes_of(declaration: syntax.Group, scope: Scope) -> tuple[int, ...]:
    """The sizes of the axes that a group acts on jointly, all declared as plain positions."""
    return tuple(_size_of(each, scope) for each in declaration.axes)


def _size_of(name: syntax.Identifier, scope: Scope) -> int:
    declared = scope.declarations.get(name.text)
    if not isinstance(declared, syntax.Axis):
        raise SpecError(
            f"`{name.text}` is no axis of this file",
            name.span,
            nearest(name.text, scope.names()) or f"declare `axis {name.text} = 4`",
        )
    axis = _acted_on(name.text, declared.value, scope)
    if not isinstance(axis.group, Pinned) or declared.parent is not None:
        raise SpecError(
            f"`{name.text}` has a group of its own, {axis.symmetry}",
            name.span,
            f"`axis {name.text} = {axis.size}`: what a group acts on jointly is declared as positions",
        )
    return axis.size


def _with_joint(axis: Axis, declaration: syntax.Axis, scope: Scope) -> Axis:
    """The axis with the group that acts on it jointly with others, where one is declared to."""
    groups = [
        each
        for each in scope.declarations.values()
        if isinstance(each, syntax.Group) and axis.name in [name.text for name in each.axes]
    ]
    if not groups:
        return axis
    if len(groups) > 1:
        note = Note("another one", groups[1].name.span)
        raise SpecError(f"two groups act on `{axis.name}`", groups[0].name.span, notes=(note,))
    (group,) = groups
    found = scope.find(group.name.text, declaration.name.span)
    assert isinstance(found, NamedGroup) and isinstance(found.group, Tied)
    names = tuple(each.text for each in group.axes)
    place = names.index(axis.name)
    joint = Joint(found.name, found.group, names, _sizes_of(group, scope), place)
    return replace(axis, group=joint, element=found.name)


def _space(declaration: syntax.Space, scope: Scope) -> Collection:
    errors = Errors()
    with errors.collect():
        refuse_twice([entry.name for entry in declaration.tensors])
    kept: list[Stored] = []
    channels: dict[str, tuple[int | None, int | None]] = {}
    points: dict[str, bool] = {}
    complex_: dict[str, bool] = {}
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
            displacement = _displacement((entry.type, *entry.below))
            points |= {
                piece.name: are_points(piece.axes, displacement, entry.type.span)
                for piece in kept[-1].pieces
            }
            unitary = any(axis.unitary for piece in kept[-1].pieces for axis in piece.axes)
            complex_[name] = unitary or _said_complex((entry.type, *entry.below))
    errors.raise_if_any()
    tensors = tuple(
        (
            piece.name,
            Tensor(
                piece.axes,
                *channels[each.name],
                points=points[piece.name],
                complex=complex_[each.name],
            ),
        )
        for each in kept
        for piece in each.pieces
    )
    plain = all(each.is_plain for each in kept)
    return Collection(tensors, declaration.name.text, () if plain else tuple(kept))


def _displacement(types: Sequence[syntax.Type]) -> bool:
    """Whether a tensor is of displacements; what is stored one after the other is all of one kind."""
    for each in types:
        if each.displacement != types[0].displacement:
            raise SpecError("parts of one tensor are all points or all displacements", each.span)
    return types[0].displacement


def _said_complex(types: Sequence[syntax.Type]) -> bool:
    """Whether a tensor is said to be complex; what is stored one after the other is all of one kind."""
    for each in types:
        if each.complex != types[0].complex:
            raise SpecError("parts of one tensor are all real or all complex", each.span)
    return types[0].complex


def _bracket(written: syntax.Type) -> syntax.Bracket:
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
