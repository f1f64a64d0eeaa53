"""Types as a specification writes them: `[a, b; c]`, `Graph(; 8)`, `weights(M; 8)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..errors import Span, SpecError, nearest
from ..groups import Diagrams, Pinned, Structure
from ..operations.broadcast import stands_together
from ..symmetry.factors import Factor, Factors
from ..text import syntax
from ..types import (
    Axis,
    Collection,
    Dimension,
    Exchange,
    Part,
    Tensor,
    Type,
    axes_of,
    part_indices,
    strided,
)
from .scope import OPERATIONS, ModelDeclaration, Scope, described
from .static import Static, show, size


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
            found = _weights(written, scope, static)
            if found.scales:
                raise SpecError(
                    "`scales = true` says that scales are divided out of what comes in, so it is said of "
                    "an input",
                    written.span,
                    "without it the type is that of such weights once their scales are divided out",
                )
            return found
        case syntax.Call():
            return _with_channels(written, scope, static)
        case _:
            raise SpecError("a type is needed here", written.span, "`[axis; channels]`, for one")


def declared_type(written: syntax.Type, scope: Scope) -> Type:
    """The type of a model's input or output."""
    if not written.displacement and not written.complex:
        return type_of(written.value, scope, scope.static)
    if not isinstance(written.value, syntax.Bracket):
        word = "displacement" if written.displacement else "complex"
        raise SpecError(
            f"`{word}` follows the type of one tensor",
            written.span,
            "in a space each tensor says whether it is one",
        )
    described = replace(
        written.value, displacement=written.displacement, complex=written.complex, span=written.span
    )
    return type_of(described, scope, scope.static)


def input_type(written: syntax.Type, scope: Scope) -> Type:
    """The type of a model's input, out of which scales may be divided."""
    match written.value:
        case syntax.Call(function=syntax.Identifier(text="weights")) if not (
            written.displacement or written.complex
        ):
            return _weights(written.value, scope, scope.static)
        case _:
            return declared_type(written, scope)


def refuse_two_symmetries(types: Sequence[Type], span: Span) -> None:
    """Raises `SpecError` where weights of one model come with signs in one place and without in another."""
    found: dict[str, tuple[Axis, str]] = {}
    for kind in (each for each in types if isinstance(each, Collection)):
        for axis in axes_of(kind):
            first, label = found.setdefault(axis.name, (axis, kind.label))
            signs = Structure.SIGNED in (axis.structure, first.structure)
            if first.symmetry != axis.symmetry and signs:
                raise SpecError(
                    f"`{axis.name}` is {first.symmetry} in {label} and {axis.symmetry} in {kind.label}",
                    span,
                    "weights of one model are asked for with one symmetry: `signs = true` in all or in none",
                )


def _tensor(
    written: syntax.Bracket, scope: Scope, static: Callable[[syntax.Expression], Static]
) -> Tensor:
    """`[a, b; c]`."""
    entries, exchanges = flattened(written.entries)
    plain = replace(written, entries=entries)
    dims = dimensions(plain, scope, None)
    axes = tuple(axis for (part,) in dims for axis in part.axes)
    for place, (axis, entry) in enumerate(zip(axes, entries, strict=True)):
        if axis.joint is not None and not stands_together(axes, place):
            raise SpecError(
                f"`{axis.joint.name}` moves ({', '.join(axis.joint.axes)}) jointly, so they stand together",
                entry.span,
                f"`[{', '.join(axis.joint.axes)}]`",
            )
    for exchange, span in exchanges:
        _refuse_unlike(exchange, axes, span)
    tensor = Tensor(axes, *channels_of(written, static))
    points = are_points(axes, written.displacement, written.span) and tensor.index is None
    if written.complex and (points or tensor.index is not None):
        held = "the points that E(n) moves" if points else "indices"
        raise SpecError(f"{held} are real", written.span)
    return replace(
        tensor,
        exchanges=tuple(exchange for exchange, _ in exchanges),
        points=points,
        complex=tensor.complex or written.complex,
    )


def are_points(axes: Sequence[Axis], displacement: bool, span: Span) -> bool:
    """Whether a tensor holds points: over E(n), unless its type says that it is of displacements."""
    affine = [axis for axis in axes if axis.affine]
    if displacement and not affine:
        raise SpecError(
            "`displacement` is said of what has an axis with translations, and this has none",
            span,
            "`axis xyz = E(3)`, and then `[particle, xyz] displacement`",
        )
    if displacement or not affine:
        return False
    if len(affine) > 1:
        raise SpecError(
            f"points have one index of coordinates, and here are {len(affine)}",
            span,
            "`displacement` after the type: a product of displacements may have several",
        )
    mixed = next((axis for axis in axes if not axis.permuted and not axis.affine), None)
    if mixed is not None:
        raise SpecError(
            f"a translation moves all points alike, and {mixed.symmetry} does not leave that as it is"
            f" along `{mixed.name}`",
            span,
            "`displacement` after the type",
        )
    return True


def flattened(
    entries: Sequence[syntax.Expression],
) -> tuple[tuple[syntax.Expression, ...], list[tuple[Exchange, Span]]]:
    """The axes of a type in order, and which of them `sym` and `alt` exchange."""
    axes: list[syntax.Expression] = []
    exchanges: list[tuple[Exchange, Span]] = []
    for entry in entries:
        found = _exchanged(entry, axes)
        if isinstance(found, Exchange):
            exchanges.append((found, entry.span))
    return tuple(axes), exchanges


def _exchanged(entry: syntax.Expression, axes: list[syntax.Expression]) -> int | Exchange:
    """An entry of a type: the place of an axis, which joins `axes`, or parts that may be exchanged."""
    match entry:
        case syntax.Call(function=syntax.Identifier(text="sym" | "alt" as word)):
            if entry.keywords or entry.channels or entry.axes or len(entry.arguments) < 2:
                raise SpecError(f"`{word}` takes two axes or more", entry.span, f"`{word}(v, v)`")
            parts = tuple(_exchanged(part, axes) for part in entry.arguments)
            return Exchange(1 if word == "sym" else -1, parts)
        case _:
            axes.append(entry)
            return len(axes) - 1


def _refuse_unlike(exchange: Exchange, axes: Sequence[Axis], span: Span) -> None:
    """Parts that are exchanged have the same axes."""
    for part in exchange.parts:
        if isinstance(part, Exchange):
            _refuse_unlike(part, axes, span)
    first, *others = [[axes[i] for i in part_indices(part)] for part in exchange.parts]
    shapes = [_form(part) for part in exchange.parts]
    for other, shape in zip(others, shapes[1:], strict=True):
        if other != first or shape != shapes[0]:
            raise SpecError(
                f"`{exchange.written([axis.name for axis in axes])}` exchanges parts that are not alike",
                span,
                "`sym(v, v)`: the same axis, or the same symmetric parts, on both places",
            )
    inside = next((axis for axis in first if axis.parent is not None), None)
    if inside is not None:
        raise SpecError(
            f"`{inside.name}` lives in `{inside.parent}` and cannot be exchanged alone", span
        )


def _form(part: int | Exchange) -> object:
    """What a part is, apart from where it stands."""
    if not isinstance(part, Exchange):
        return None
    return part.sign, tuple(_form(inner) for inner in part.parts)


def channels_of(
    written: syntax.Bracket, static: Callable[[syntax.Expression], Static]
) -> tuple[int | None, int | None]:
    """The number of channels, and of indices; None where there is no such thing."""
    if written.channels is None:
        return None, None
    if written.index:
        return None, size(written.channels, static, "the number of indices")
    return size(written.channels, static, "the number of channels"), None


def dimensions(written: syntax.Bracket, scope: Scope, fresh: str | None) -> list[Dimension]:
    """What stands along each dimension. In a space, `fresh` names the axes that are bare numbers."""
    dims: list[Dimension] = []
    before: list[set[str]] = [set()]  # the axes before, for each choice of parts
    for place, entry in enumerate(written.entries):
        dims.append(_dimension(entry, scope, None if fresh is None else f"{fresh}.{place}"))
        along = [each.axes for each in strided(dims[-1])]
        for axes in along:
            for number, axis in enumerate(axes):
                inside = {each.name for each in axes[:number]}
                parent = axis.parent
                if parent and any(parent.name not in each | inside for each in before):
                    raise SpecError(
                        f"`{axis.name}` lives in `{parent.name}` and has to follow it",
                        entry.span,
                        f"`[{parent.name}, {axis.name}]`",
                    )
        before = [each | {axis.name for axis in axes} for each in before for axes in along]
    return dims


def _dimension(entry: syntax.Expression, scope: Scope, fresh: str | None) -> Dimension:
    """What stands along one dimension: an axis, a product `(head key)`, a sum `(a + b)`, or sums in products.

    `(head (a + b))` reads as a call.
    """
    match entry:
        case syntax.Name():
            return (Part((scope.axis(entry),)),)
        case syntax.Call(function=syntax.Identifier(text="dual" | "abs")):
            return (Part((_related(entry, scope),)),)
        case syntax.Number() if fresh is not None:
            return (Part((Axis(fresh, size(entry, scope.param, "an axis"), Pinned()),)),)
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
            return (_product(entry, entry.factors, entry.within, scope, fresh),)
        case syntax.Call(head, None, (within,), (), None) if fresh is not None:
            return (_product(entry, (head,), within, scope, fresh),)
        case syntax.Binary(operator="+"):
            before = _dimension(entry.left, scope, fresh)
            return (*before, *_dimension(entry.right, scope, f"{fresh}.{len(before)}"))
        case _:
            raise SpecError("the name of an axis is needed here", entry.span)


def _related(written: syntax.Call, scope: Scope) -> Axis:
    """`dual(v)`, the axis of linear forms on `v`; `abs(s)`, that of `s` without its signs."""
    word = written.function.text
    (argument, *others) = written.arguments or (None,)
    plain = not (others or written.keywords or written.channels or written.axes)
    match argument:
        case syntax.Name() if plain:
            axis = scope.axis(argument)
        case syntax.Call(function=syntax.Identifier(text="dual" | "abs")) if plain:
            axis = _related(argument, scope)
        case _:
            raise SpecError(f"`{word}` takes one axis", written.span, f"`{word}(v)`")
    if word == "abs":
        if axis.structure is Structure.OTHER:
            raise SpecError(
                f"{axis.symmetry} mixes the coordinates of `{axis}`, so there are no signs to leave out",
                written.span,
                "`abs(s)` is an axis of signed permutations, `axis s = B(6)`, without the signs",
            )
        return axis.absolute()
    if isinstance(axis.group, Diagrams) and axis.group.form is not None:
        raise SpecError(
            f"{axis.symmetry} keeps a form, which makes linear forms of vectors: `{word}({axis})` is `{axis}`"
            " in other coordinates",
            written.span,
            f"`[{axis}]`, with indices raised by the form",
        )
    return axis.dual()


def _product(
    entry: syntax.Product | syntax.Call,
    factors: Sequence[syntax.Identifier],
    within: syntax.Expression | None,
    scope: Scope,
    fresh: str | None,
) -> Part:
    """Axes flattened into one, with what stands in each of their positions."""
    axes = tuple(scope.axis(each) for each in factors)
    inner = () if within is None else _dimension(within, scope, f"{fresh}.within")
    several = (axes, *(each.axes for each in strided(inner)))
    masked = next((axis for each in several for axis in each if axis.masked), None)
    if masked is not None:
        raise SpecError(f"`{masked.name}` is masked and stands alone", entry.span)
    match inner:
        case (Part(below, inmost),):
            return Part((*axes, *below), inmost)
        case _:
            return Part(axes, inner)


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
    if len(written.arguments) != 1 or not isinstance(written.arguments[0], syntax.Name):
        raise SpecError("`weights` takes the name of a model", written.span, "`weights(Model)`")
    name = written.arguments[0]
    meaning = scope.find(name.text, name.span)
    if not isinstance(meaning, ModelDeclaration):
        raise SpecError(f"`{name.text}` is {described(meaning)}, not a model", name.span)
    space = scope.weights_of(meaning, name.span, _factors(written, static))
    if not space.tensors:
        raise SpecError(f"`{name.text}` has no parameters", name.span)
    return _channels(space, written, static)


def _factors(written: syntax.Call, static: Callable[[syntax.Expression], Static]) -> Factors:
    """The larger groups that are asked for: `signs = true`, `scales = true`."""
    known = {factor.value: factor for factor in Factor}
    found = set[Factor]()
    for keyword in written.keywords:
        name = keyword.name
        if name.text not in known:
            hint = nearest(name.text, list(known)) or "`signs = true` and `scales = true`"
            raise SpecError(f"`weights` has no option `{name.text}`", name.span, hint)
        value = static(keyword.value)
        if not isinstance(value, bool):
            raise SpecError(
                f"`{name.text}` is true or false, and this is {show(value)}", keyword.value.span
            )
        if value:
            found.add(known[name.text])
    return frozenset(found)


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
