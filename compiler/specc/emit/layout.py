"""Lays out Python source as the project's formatter, ruff, would: lines of at most 100 columns.

Statements come as text on one line. One that is too long is parsed and printed again, broken by the
formatter's rules for the kinds of expressions that generated modules have.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from .document import Break, Document, Group, Indent, flat, lines
from .expression import binds_loosely, breaks_by_itself, expression, keeps_its_brackets, parameters

WIDTH = 100
INDENT = "    "


def indent(lines: Iterable[str], levels: int = 1) -> list[str]:
    return [INDENT * levels + line if line else "" for line in lines]


def statement(text: str, depth: int, comment: str = "") -> list[str]:
    """One statement at an indentation of `depth` levels, broken where it is too long.

    The comment, a shape, stands beside the line where there is room and is left out where not.
    """
    room = WIDTH - len(INDENT) * depth
    if " ** " in text:
        text = _respaced(text)
    if len(text) <= room:
        beside = f"{text}  # {comment}" if comment else text
        return [beside if len(beside) <= room else text]
    if text.startswith("def "):
        return _head(text, room)
    before, node, after = _parts(text)
    return _value(before, node, after, room)


def unpacking(targets: Sequence[str], value: str, depth: int) -> list[str]:
    """`first, second = value`, with a target a line where that is too long for one."""
    text = f"{', '.join(targets)} = {value}"
    room = WIDTH - len(INDENT) * depth
    if len(text) <= room:
        return [text]
    _, node, _ = _parts(value)
    return ["(", *indent(f"{target}," for target in targets), *_value(") = ", node, "", room)]


def _respaced(text: str) -> str:
    """The sign of a power stands tight between names and numbers."""
    before, node, after = _parts(text)
    return before + flat(expression(node)) + after


def _parts(text: str) -> tuple[str, ast.expr, str]:
    """A statement's expression, and the text before and after it."""
    tree = ast.parse(f"{text} ..." if text.endswith(":") else text).body[0]
    match tree:
        case ast.Assign(value=node) | ast.Expr(value=node) | ast.Return(value=ast.expr() as node):
            pass
        case ast.For(iter=node) | ast.If(test=node):
            pass
        case _:
            raise AssertionError(f"generated modules have no such statement: {text}")
    return text[: node.col_offset], node, text[node.end_col_offset :]


def _value(before: str, node: ast.expr, after: str, room: int) -> list[str]:
    """The expression of a statement: broken in its own brackets, or in brackets of its own."""
    if isinstance(node, ast.Tuple):
        return lines(Group((before, expression(node), after)), room)
    plain: Document = Group((before, expression(node, enclosed=False), after))
    inside = Group((expression(node),))
    wrapped: Document = Group((before, "(", Indent((Break(), inside)), Break(), ")", after))
    if binds_loosely(node):
        expanded = lines(plain, room, expand=True)
        fits = all(len(line) <= room for line in expanded)
        return lines(plain if keeps_its_brackets(node) and fits else wrapped, room)
    broken = lines(plain, room)
    if breaks_by_itself(node) and (len(broken[0]) <= room or not before.endswith(" = ")):
        return broken
    fits = len(before) < room and len(INDENT) + len(flat(inside)) <= room
    return lines(wrapped, room) if fits else broken


def _head(text: str, room: int) -> list[str]:
    """`def name(...) -> type:`, its parameters on a line of their own or a line each."""
    (tree,) = ast.parse(f"{text} ...").body
    assert isinstance(tree, ast.FunctionDef) and tree.returns is not None
    returns = text[tree.returns.col_offset : tree.returns.end_col_offset]
    inside = Group(parameters(tree.args))
    head = (f"def {tree.name}(", Indent((Break(), inside)), Break(), f") -> {returns}:")
    return lines(Group(head), room)


def docstring(paragraphs: Sequence[str]) -> list[str]:
    """The docstring of a class from paragraphs; the first is the summary."""
    text = [line.replace("\\", "\\\\").replace('"""', "'''") for line in paragraphs]
    room = WIDTH - len(INDENT)
    if len(text) == 1 and "\n" not in text[0] and len(text[0]) + 6 <= room:
        return [f'"""{text[0]}"""']
    lines = list(_wrapped(f'"""{text[0]}', room))
    for paragraph in text[1:]:
        lines += ["", *_wrapped(paragraph, room)]
    return [*lines, '"""']


def _wrapped(paragraph: str, room: int) -> Iterator[str]:
    """The lines of a paragraph, those that are too long broken at spaces."""
    for line in paragraph.splitlines():
        yield from wrap(line, room, break_long_words=False, break_on_hyphens=False)
