"""Types as a specification writes them: `[a, b; c]`, `Graph(; 8)`, `weights(M; 8)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import SpecError
from ..groups import Pinned
from ..text import syntax
from ..types import Axis, Collection, Dimension, Part, Tensor, Type, strided
from .scope import OPERATIONS, ModelDeclaration, Scope, described, not_yet
from .static import Static, size


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


def _tensor(
    written: syntax.Bracket, scope: Scope, static: Callable[[syntax.Expression], Static]
) -> Tensor:
    """`[a, b; c]`."""
    dims = dimensions(written, scope, None)
    axes = tuple(axis for (part,) in dims for axis in part.axes)
    return Tensor(axes, *channels_of(written, static))


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
