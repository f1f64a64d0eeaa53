"""Python expressions of values: tensors as they are, elementwise work on collections fused in one pass."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .operations import Operation
from .types import Collection, Tensor, Type, tensor_named


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
    body = _filled(code.body, [f"{source}[name]" for source in code.sources])
    return f"{{name: {body} for name in {code.sources[0]}}}"


def elementwise(
    operation: Operation, codes: tuple[Code, ...], inputs: tuple[Type, ...], result: Type
) -> Code:
    """The code of an operation that acts on each tensor alone."""
    if isinstance(result, Tensor):
        values = tuple(operand(finished(code)) for code in codes)
        return Text(operation.expression(values, inputs, result))
    if all(isinstance(value, Collection) for value in inputs):
        return _fused(operation, codes, inputs, result)
    return Text(_by_tensor(operation, codes, inputs, result))


def called(module: str, code: Code, one_for_all: bool) -> Code:
    """The code of a module applied to a value, or to each tensor of a collection alone."""
    if not one_for_all:
        return Text(f"{module}({finished(code)})")
    each = _each(code)
    return Each(f"{module}({each.body})", each.sources)


def operand(code: str) -> str:
    """An expression in brackets, unless it binds as tightly as a name."""
    tree = ast.parse(code, mode="eval").body
    loose = isinstance(tree, ast.BinOp | ast.UnaryOp | ast.IfExp | ast.Compare | ast.BoolOp)
    return f"({code})" if loose else code


def _fused(
    operation: Operation, codes: tuple[Code, ...], inputs: tuple[Type, ...], result: Collection
) -> Each:
    sources: list[str] = []
    bodies = []
    for code in codes:
        each = _each(code)
        places = []
        for source in each.sources:
            if source not in sources:
                sources.append(source)
            places.append(f"{{{sources.index(source)}}}")
        bodies.append(_filled(each.body, places))
    first = inputs[0]
    assert isinstance(first, Collection)
    same = Tensor((), 1)  # in collections of one space nothing has to be brought to other axes
    values = tuple(body if _is_place(body) else _bracketed(body) for body in bodies)
    return Each(operation.expression(values, tuple(same for _ in inputs), same), tuple(sources))


def _bracketed(body: str) -> str:
    """Like `operand`, for a body with places in it."""
    names = _filled(body, [f"place{i}" for i in range(10)])
    return f"({body})" if operand(names) != names else body


def _by_tensor(
    operation: Operation, codes: tuple[Code, ...], inputs: tuple[Type, ...], result: Collection
) -> str:
    """A dict with an entry for each tensor, where a plain tensor broadcasts into a collection."""
    entries = []
    texts = [operand(finished(code)) for code in codes]
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
    for number, value in enumerate(values):
        body = body.replace(f"{{{number}}}", f"\0{value}\0")
    return body.replace("\0", "")


def _is_place(body: str) -> bool:
    return body.startswith("{") and body.endswith("}") and body[1:-1].isdigit()

