"""Syntax trees back to text, with every operation in brackets: `a + b * c` is `(a + (b * c))`.

For tables of trees in the notation, and for the law that `parse` undoes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from specc.text.syntax import (
    Assign,
    Attribute,
    Axis,
    Binary,
    Block,
    Boolean,
    Bracket,
    Call,
    Cycles,
    Declaration,
    Expression,
    Field,
    File,
    Group,
    Identifier,
    Import,
    Indexed,
    Matrices,
    Model,
    Name,
    Negative,
    Number,
    Param,
    Product,
    Repeat,
    Return,
    Space,
    Statement,
    String,
    Target,
    Tuple,
    Type,
)


def unparse(file: File) -> str:
    return "\n".join(map(declaration, file.declarations)) + "\n"


def declaration(node: Declaration) -> str:
    match node:
        case Param(name, value):
            return f"param {name.text} = {expression(value)}"
        case Axis():
            return _axis(node)
        case Group(name, axes, value):
            on = f" on ({_names(axes)})" if axes else ""
            return f"group {name.text}{on} = {_group_value(value)}"
        case Space(name, tensors):
            return f"space {name.text} {{ " + " ".join(map(_field, tensors)) + " }"
        case Model(name, parameters, outputs, body):
            takes = ", ".join(map(_field, parameters))
            gives = ", ".join(map(type_, outputs))
            return f"model {name.text}({takes}) -> {gives} {_body(body)}"
        case Block(name, parameters, body):
            return f"block {name.text}({_names(parameters)}) {_body(body)}"
        case Import(path, names):
            return f"from {expression(path)} import {_names(names)}"
        case _:
            assert_never(node)


def _axis(node: Axis) -> str:
    text = f"axis {node.name.text} = {expression(node.value)}"
    if node.parent is not None:
        text += f" in {node.parent.text}"
    if node.spin is not None:
        text += f" spin {expression(node.spin)}"
    if node.parity is not None:
        text += f" {node.parity.text}"
    if node.fixing is not None:
        text += f" fixing ({_list(node.fixing)})"
    if node.by is not None:
        text += f" by {_group_value(node.by)}"
    return text


def _group_value(value: Expression | Cycles | Matrices) -> str:
    match value:
        case Cycles(generators, degree):
            products = (
                "".join("(" + " ".join(str(p.value) for p in c.positions) + ")" for c in g)
                for g in generators
            )
            on = f" on {expression(degree)}" if degree is not None else ""
            return f"<{', '.join(products)}>{on}"
        case Matrices(matrices, lie):
            rows = (", ".join(f"[{_list(row)}]" for row in matrix) for matrix in matrices)
            listed = ", ".join(f"[{matrix}]" for matrix in rows)
            return f"matrices {{ {listed} }}" + (" lie" if lie else "")
        case _:
            return expression(value)


def _field(node: Field) -> str:
    return f"{_label(node.name.text)}: " + " + ".join(map(type_, (node.type, *node.below)))


def _label(name: str) -> str:
    plain = re.fullmatch(r"(?!(return|repeat|true|false)\b)[A-Za-z_]\w*(\.\w+)*", name, re.ASCII)
    return name if plain else f'"{name}"'


def type_(node: Type) -> str:
    words = " displacement" * node.displacement + " complex" * node.complex
    return expression(node.value) + words


def _body(statements: Iterable[Statement]) -> str:
    return "{ " + " ".join(map(statement, statements)) + " }"


def statement(node: Statement) -> str:
    match node:
        case Assign(targets, value):
            return ", ".join(map(_target, targets)) + f" = {expression(value)}"
        case Repeat(count, path, body):
            named = f" as {path.text}" if path is not None else ""
            return f"repeat {expression(count)}{named} {_body(body)}"
        case Return(values):
            return f"return {_list(values)}"
        case _:
            assert_never(node)


def _target(node: Target) -> str:
    return node.name.text + (f"[{_names(node.indices)}]" if node.indices is not None else "")


def expression(node: Expression) -> str:
    match node:
        case Number(value):
            return str(value)
        case Boolean(value):
            return str(value).lower()
        case String(value):
            return f'"{value}"'
        case Name(text):
            return text
        case Attribute(value, name):
            return f"{_operand(value)}.{name.text}"
        case Indexed(value, indices):
            return f"{_operand(value)}[{_names(indices)}]"
        case Bracket(displacement=True):
            return f"{expression(replace(node, displacement=False))} displacement"
        case Bracket(complex=True):
            return f"{expression(replace(node, complex=False))} complex"
        case Bracket(entries, channels, index):
            if channels is None:
                return f"[{_list(entries)}]"
            size = f"index ({expression(channels)})" if index else f"({expression(channels)})"
            return f"[{_list(entries)}; {size}]"
        case Product(factors, within):
            inner = [] if within is None else [f"({expression(within)})"]
            return "(" + " ".join([*(factor.text for factor in factors), *inner]) + ")"
        case Tuple(items):
            return f"({_list(items)},)" if len(items) == 1 else f"({_list(items)})"
        case Call():
            return _call(node)
        case Negative(operand):
            return f"(-{expression(operand)})"
        case Binary(operator, left, right):
            return f"({expression(left)} {operator} {expression(right)})"
        case _:
            assert_never(node)


def _call(node: Call) -> str:
    axes = f"[{_names(node.axes)}]" if node.axes is not None else ""
    keywords = [f"{k.name.text} = {expression(k.value)}" for k in node.keywords]
    arguments = ", ".join([*map(expression, node.arguments), *keywords])
    channels = "" if node.channels is None else f"; {_bracketed(expression(node.channels))}"
    return f"{node.function.text}{axes}({arguments}{channels})"


def _bracketed(text: str) -> str:
    """A size that begins as `; index 64` does, in brackets."""
    return f"({text})" if text.startswith("index") else text


def _operand(node: Expression) -> str:
    """What stands before a dot or an index: brackets around a literal."""
    text = expression(node)
    return f"({text})" if isinstance(node, Number | Boolean | String | Bracket) else text


def _names(names: Iterable[Identifier]) -> str:
    return ", ".join(name.text for name in names)


def _list(items: Iterable[Expression]) -> str:
    return ", ".join(map(expression, items))
