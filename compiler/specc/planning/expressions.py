"""Python expressions of values: tensors as they are, elementwise work on collections fused in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..names import Variables
from ..operations import Operation
from ..operations.brackets import bracketed
from ..types import Collection, Tensor, Type, tensor_named


@dataclass(frozen=True, slots=True)
class Text:
    """An expression that can stand anywhere."""

    code: str


@dataclass(frozen=True, slots=True)
class Each:
    """An expression for each tensor of collections: `{0}`, `{1}`, ... in `body` stand for theirs."""

    body: str
    sources: tuple[str, ...]


Code = Text | Each


def finished(code: Code) -> str:
    """The expression of a whole value."""
    if isinstance(code, Text):
        return code.code
    if len(code.sources) == 1:
        body = _filled(code.body, ["value"])
        return f"{{name: {body} for name, value in {code.sources[0]}.items()}}"
    name = Variables(frozenset(code.sources)).claim("name")
    body = _filled(code.body, [f"{source}[{name}]" for source in code.sources])
    return f"{{{name}: {body} for {name} in {code.sources[0]}}}"


def elementwise(
    operation: Operation, codes: tuple[Code, ...], inputs: tuple[Type, ...], result: Type
) -> Code:
    """The code of an operation that acts on each tensor alone.

    Where several collections meet, the sources of their codes are variables.
    """
    if isinstance(result, Tensor):
        values = (finished(code) for code in codes)
        return Text(operation.expression(_operands(operation, values), inputs, result))
    if all(isinstance(value, Collection) for value in inputs):
        return _fused(operation, codes)
    return Text(_by_tensor(operation, codes, inputs, result))


Apply = Callable[[str, tuple[str, ...], tuple[Type, ...], Type], str]


def called(
    apply: Apply,
    module: str,
    codes: tuple[Code, ...],
    inputs: tuple[Type, ...],
    result: Type,
    one_for_all: bool,
) -> Code:
    """The code of a module applied to values, or to each tensor of a collection alone."""
    if not one_for_all:
        return Text(apply(module, tuple(finished(code) for code in codes), inputs, result))
    each = _each(codes[0])
    return Each(apply(module, (each.body,), inputs, result), each.sources)


def plain(
    operation: Operation, codes: tuple[Code, ...], inputs: tuple[Type, ...], result: Type
) -> Text:
    """The code of an operation on whole values."""
    values = (finished(code) for code in codes)
    return Text(operation.expression(_operands(operation, values), inputs, result))


def _operands(operation: Operation, values: Iterable[str]) -> tuple[str, ...]:
    """Operands in brackets where the operation's own sign would tear them apart."""
    return tuple(bracketed(value, operation.binding(place)) for place, value in enumerate(values))


def _fused(operation: Operation, codes: tuple[Code, ...]) -> Each:
    """One pass over collections that have the same tensors, so that nothing has to be brought to other axes."""
    sources: list[str] = []
    bodies = []
    for code in codes:
        each = _each(code)
        sources += [source for source in each.sources if source not in sources]
        places = [f"{{{sources.index(source)}}}" for source in each.sources]
        bodies.append(_filled(each.body, places))
    same = Tensor((), 1)
    values = _operands(operation, bodies)
    return Each(operation.expression(values, tuple(same for _ in codes), same), tuple(sources))


def _by_tensor(
    operation: Operation, codes: tuple[Code, ...], inputs: tuple[Type, ...], result: Collection
) -> str:
    """A dict with an entry for each tensor, where a plain tensor broadcasts into a collection."""
    entries = []
    texts = _operands(operation, (finished(code) for code in codes))
    for name, tensor in result.tensors:
        values = tuple(
            f'{text}["{name}"]' if isinstance(kind, Collection) else text
            for text, kind in zip(texts, inputs, strict=True)
        )
        kinds = tuple(tensor_named(kind, name) for kind in inputs)
        entries.append(f'"{name}": {operation.expression(values, kinds, tensor)}')
    return f"{{{', '.join(entries)}}}"


def _each(code: Code) -> Each:
    return code if isinstance(code, Each) else Each("{0}", (code.code,))


def _filled(body: str, values: list[str]) -> str:
    """The body with its places filled, all at once: values may be places themselves."""
    return re.sub(r"\{(\d+)\}", lambda place: values[int(place[1])], body)
