"""From the arguments of a call to a checked operation, and from pydantic's complaints to sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import Span, SpecError, nearest
from ..operations import CATALOGUE, FUNCTIONS, Entry, Kind, Operation
from ..text import syntax
from ..types import Axis, Type, axes_of
from .scope import ModelDeclaration, Scope, described
from .static import Lookup, Static, evaluate, show, size

TypeOf = Callable[[syntax.Expression], Type]


def make_operation(
    entry: Entry,
    call: syntax.Call,
    positional: Sequence[syntax.Expression],
    lookup: Lookup,
    type_of: TypeOf,
    scope: Scope,
    values: Mapping[str, tuple[int, ...]],
) -> Operation:
    """The operation that a call means; `positional` are its arguments after the values.

    `values` are the places of the inputs that options stand for.
    """
    written = _by_name(entry, call, positional)
    attributes: dict[str, Any] = dict(values)
    for name, expression in written.items():
        if name not in values:
            attributes[name] = _read(entry, name, expression, lookup, type_of, scope)
    if call.axes is not None:
        if entry.operation.bracket is None:
            raise SpecError(f"`{call.function.text}` takes no axes in brackets", call.axes[0].span)
        axes = _distinct_axes(call.axes, scope)
        attributes[entry.operation.bracket] = tuple(axis.name for axis in axes)
    if call.channels is not None:
        raise SpecError(
            f"`;` has no meaning in `{call.function.text}`",
            call.channels.span,
            f"`{signature(call.function.text)}`",
        )
    try:
        return entry.make(**attributes)
    except ValidationError as error:
        raise _sentence(error.errors()[0], entry, call, written) from None


def signature(word: str) -> str:
    """How a call is written, with its defaults: `linear(x, channels, bias = true, shared = false)`."""
    entry = CATALOGUE[word]
    operation = entry.operation
    axes = "[axis]" if operation.bracket else ""
    parts = _values(operation)
    if word in FUNCTIONS:
        parts += [f"{name} = {show(value)}" for name, value in FUNCTIONS[word].options.items()]
        return f"{word}({', '.join(parts)})"
    by_name = [name for name in operation.model_fields if name not in operation.positional]
    for name in (*operation.positional, *by_name):
        option = operation.model_fields[name]
        if name in entry.fixed or name == operation.bracket:
            continue
        if name == operation.variadic:
            parts += ["c, ..."]
        elif not option.is_required():
            parts += [f"{name} = {_default(option.default)}"]
        elif name in operation.positional:
            parts += [name]
        else:
            parts += [f"{name} = {_REQUIRED[operation.kinds.get(name, Kind.NUMBER)]}"]
    return f"{word}{axes}({', '.join(parts)})"


_REQUIRED = {
    Kind.NUMBER: "n",
    Kind.SIZES: "n",
    Kind.AXIS: "axis",
    Kind.AXES: "[axis, ...]",
    Kind.GRID: "[axis, ...]",
    Kind.SYMBOL: "word",
    Kind.FUNCTION: "relu",
    Kind.SHAPE: "c",
    Kind.VALUE: "value",
}
"""How a signature shows what has to be given by name."""


def _values(operation: type[Operation]) -> list[str]:
    """The values that a call begins with."""
    if operation.arity is None:
        return ["x"] if operation.positional else ["x", "y", "..."]
    return ["x", "y", "z"][: operation.arity]


def _choices(entry: Entry, name: str) -> tuple[str, ...]:
    """The words that an option may be."""
    return get_args(entry.operation.model_fields[name].annotation)


def _words(entry: Entry, name: str) -> tuple[str, ...]:
    """The words that an option may be beside numbers."""
    parts = get_args(entry.operation.model_fields[name].annotation)
    return tuple(word for part in parts for word in get_args(part) if isinstance(word, str))


def _default(value: object) -> str:
    """A default as a signature shows it; `...` where it depends on the value."""
    match value:
        case None:
            return "..."
        case str():
            return value
        case int() | float():
            return show(value)
        case (int() as number,):
            return show(number)
        case _:
            raise AssertionError("options are numbers and words")


def _by_name(
    entry: Entry, call: syntax.Call, positional: Sequence[syntax.Expression]
) -> dict[str, syntax.Expression | tuple[syntax.Expression, ...]]:
    """The arguments by the attributes they are for."""
    operation = entry.operation
    word = call.function.text
    written: dict[str, syntax.Expression | tuple[syntax.Expression, ...]] = {}
    if operation.variadic is not None:
        if positional:
            written[operation.variadic] = tuple(positional)
    elif len(positional) > len(operation.positional):
        extra = positional[len(operation.positional)]
        raise SpecError(
            f"`{word}` takes no more arguments by place", extra.span, f"`{signature(word)}`"
        )
    else:
        written.update(zip(operation.positional, positional, strict=False))
    for keyword in call.keywords:
        name = keyword.name.text
        if name == "name":
            continue
        if name in written:
            raise SpecError(f"`{name}` is given twice", keyword.span)
        if name not in _options(entry):
            hint = nearest(name, _options(entry)) or f"`{signature(word)}`"
            raise SpecError(f"`{word}` has no option `{name}`", keyword.name.span, hint)
        written[name] = (keyword.value,) if name == operation.variadic else keyword.value
    return written


def _options(entry: Entry) -> list[str]:
    if "function" in entry.fixed:
        return list(FUNCTIONS[entry.fixed["function"]].options)
    shown = entry.operation.model_fields
    return [name for name in shown if name not in entry.fixed and name != entry.operation.bracket]


def _read(
    entry: Entry,
    name: str,
    expression: syntax.Expression | tuple[syntax.Expression, ...],
    lookup: Lookup,
    type_of: TypeOf,
    scope: Scope,
) -> object:
    if isinstance(expression, tuple):
        return tuple(size(each, lookup, "the number of channels") for each in expression)
    match entry.operation.kinds.get(name, Kind.NUMBER):
        case Kind.NUMBER:
            if isinstance(expression, syntax.Name) and expression.text in FUNCTIONS:
                text = f'`{name} = "{expression.text}"`, for a text'
                raise SpecError(f"`{expression.text}` is an operation", expression.span, text)
            value = evaluate(expression, lookup)
            _check_option(entry, name, value, expression)
            return value
        case Kind.SYMBOL:
            if not isinstance(expression, syntax.Name):
                example = f"`{name} = {_choices(entry, name)[0]}`"
                raise SpecError(f"`{name}` is a word, without quotes", expression.span, example)
            return expression.text
        case Kind.VALUE:
            raise AssertionError("values are no attributes")
        case Kind.FUNCTION:
            if not isinstance(expression, syntax.Name):
                example = f"`{name} = {entry.operation.model_fields[name].default}`"
                raise SpecError(f"`{name}` is the name of a function", expression.span, example)
            if expression.text not in FUNCTIONS:
                hint = nearest(expression.text, FUNCTIONS)
                raise SpecError(
                    f"there is no activation `{expression.text}`", expression.span, hint
                )
            return expression.text
        case Kind.SIZES:
            return _sizes(entry, name, expression, lookup)
        case Kind.AXIS:
            return _axis(name, expression, scope)
        case Kind.AXES:
            return tuple(axis.name for axis in _axes(expression, scope))
        case Kind.GRID:
            return _axes(expression, scope)
        case Kind.SHAPE:
            return _shape(expression, lookup, type_of, scope)


def _check_option(entry: Entry, name: str, value: Static, expression: syntax.Expression) -> None:
    """An option of a pointwise function is of its default's kind."""
    if "function" not in entry.fixed:
        return
    default = FUNCTIONS[entry.fixed["function"]].options[name]
    if isinstance(value, bool) or isinstance(value, str) != isinstance(default, str):
        kind = "a text" if isinstance(default, str) else "a number"
        example = f"`{name} = {show(default)}`"
        raise SpecError(f"`{name}` is {kind}, not {show(value)}", expression.span, example)


def _sizes(
    entry: Entry, name: str, expression: syntax.Expression, lookup: Lookup
) -> tuple[Static, ...] | str:
    """A number for all axes or a list with one for each; or a word that the option may be."""
    if isinstance(expression, syntax.Name) and expression.text in _words(entry, name):
        return expression.text
    if not isinstance(expression, syntax.Bracket):
        return (evaluate(expression, lookup),)
    if expression.channels is not None or not expression.entries:
        raise SpecError(
            f"`{name}` is {Kind.SIZES.value}", expression.span, f"`{name} = [3, 5]`, for one"
        )
    return tuple(evaluate(each, lookup) for each in expression.entries)


def _axis(name: str, expression: syntax.Expression, scope: Scope) -> Axis:
    """A declared axis."""
    if not isinstance(expression, syntax.Name):
        raise SpecError(f"`{name}` is the name of one axis", expression.span)
    return scope.axis(expression)


def _axes(expression: syntax.Expression, scope: Scope) -> tuple[Axis, ...]:
    entries = expression.entries if isinstance(expression, syntax.Bracket) else (expression,)
    names: list[syntax.Name | syntax.Attribute] = []
    for entry in entries:
        if not isinstance(entry, syntax.Name | syntax.Attribute):
            raise SpecError(
                "an axis, or a list of axes, is needed here", entry.span, "`over = [y, x]`"
            )
        names.append(entry)
    return _distinct_axes(names, scope)


def _distinct_axes(
    written: Sequence[syntax.Identifier | syntax.Name | syntax.Attribute], scope: Scope
) -> tuple[Axis, ...]:
    """The declared axes, each once."""
    found: list[Axis] = []
    for each in written:
        axis = _of_weights(each, scope) if isinstance(each, syntax.Attribute) else scope.axis(each)
        if axis in found:
            raise SpecError(f"`{axis.name}` is given twice", each.span)
        found.append(axis)
    return tuple(found)


def _of_weights(written: syntax.Attribute, scope: Scope) -> Axis:
    """`Net.fc1`: an axis of the weights of a model, by the name that `specc explain` shows."""
    if not isinstance(written.value, syntax.Name):
        raise SpecError("an axis is needed here", written.span, "`over = Model.layer`")
    model = scope.find(written.value.text, written.value.span)
    if not isinstance(model, ModelDeclaration):
        raise SpecError(
            f"`{written.value.text}` is {described(model)}, not a model", written.value.span
        )
    axes = axes_of(scope.weights_of(model, written.value.span))
    names = {axis.name.removeprefix(f"{model.name}."): axis for axis in axes}
    if written.name.text not in names:
        hint = nearest(written.name.text, names) or f"it has {', '.join(names)}"
        raise SpecError(
            f"the weights of `{model.name}` have no axis `{written.name.text}`",
            written.name.span,
            hint,
        )
    return names[written.name.text]


def _shape(expression: syntax.Expression, lookup: Lookup, type_of: TypeOf, scope: Scope) -> object:
    """A number of channels, or a type to map to."""
    match expression:
        case syntax.Bracket() | syntax.Call():
            return type_of(expression)
        case syntax.Name() if scope.is_space(expression.text):
            return type_of(expression)
        case _:
            return size(expression, lookup, "the number of channels")


def _sentence(
    detail: ErrorDetails,
    entry: Entry,
    call: syntax.Call,
    written: dict[str, syntax.Expression | tuple[syntax.Expression, ...]],
) -> SpecError:
    """One complaint of pydantic in the words of the language."""
    word = call.function.text
    name = str(detail["loc"][0]) if detail["loc"] else ""
    hint = f"`{signature(word)}`"
    if detail["type"] == "missing":
        kind = entry.operation.kinds.get(name, Kind.NUMBER).value
        return SpecError(f"`{word}` needs `{name}`, {kind}", call.span, hint)
    if not name and len(written) == 1:
        (name,) = written
    span = _span(written.get(name), call.span)
    if detail["type"] == "value_error":
        return SpecError(str(detail["ctx"]["error"]), span, hint)
    given = detail["input"]
    shown = show(given) if isinstance(given, int | float | str) else span.text
    return SpecError(f"`{name}` of `{word}` cannot be {shown}: {_wanted(detail)}", span, hint)


def _wanted(detail: ErrorDetails) -> str:
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "literal_error":
        return f"it is {context['expected'].replace(chr(39), '')}"
    if kind == "greater_than_equal":
        return f"it is at least {context['ge']}"
    if kind == "less_than_equal":
        return f"it is at most {context['le']}"
    return {
        "int_type": "it is a whole number",
        "int_from_float": "it is a whole number",
        "float_type": "it is a number",
        "bool_type": "it is true or false",
    }.get(kind, detail["msg"])


def _span(
    expression: syntax.Expression | tuple[syntax.Expression, ...] | None, default: Span
) -> Span:
    if expression is None:
        return default
    if isinstance(expression, tuple):
        return expression[0].span.to(expression[-1].span)
    return expression.span
