"""Which calls in the text of a body are layers, and so need names for their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..operations import CATALOGUE
from ..text import syntax
from .scope import BlockDeclaration, Scope


class Layers:
    """Finds the layers of expressions; each block is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}  # blocks, by identity: whether they have layers

    def of(self, expression: syntax.Expression, scope: Scope) -> list[syntax.Call]:
        """The calls in an expression that have parameters, blocks with any counting as one."""
        found = []
        for call in _calls(expression):
            entry = CATALOGUE.get(call.function.text)
            declared = scope.declarations.get(call.function.text)
            if call.function.text in scope.imported or isinstance(declared, syntax.Block):
                meaning = scope.find(call.function.text, call.function.span)
                if isinstance(meaning, BlockDeclaration) and self.within(meaning):
                    found.append(call)
            elif entry is not None and entry.operation.parametrised:
                found.append(call)
        return found

    def within(self, block: BlockDeclaration) -> bool:
        """Whether a block has layers; one that uses itself is refused when it is inlined."""
        key = id(block.syntax)
        if key not in self._known:
            self._known[key] = False
            self._known[key] = any(
                self.of(expression, block.scope)
                for statement in _statements(block.syntax.body)
                for expression in _expressions(statement)
            )
        return self._known[key]


def _calls(expression: syntax.Expression) -> Iterator[syntax.Call]:
    match expression:
        case syntax.Call():
            yield expression
            for each in (*expression.arguments, *(k.value for k in expression.keywords)):
                yield from _calls(each)
        case syntax.Attribute():
            yield from _calls(expression.value)
        case syntax.Tuple():
            for each in expression.items:
                yield from _calls(each)
        case syntax.Negative():
            yield from _calls(expression.operand)
        case syntax.Binary():
            yield from _calls(expression.left)
            yield from _calls(expression.right)
        case _:
            return


def _statements(body: Sequence[syntax.Statement]) -> Iterator[syntax.Assign | syntax.Return]:
    for statement in body:
        if isinstance(statement, syntax.Repeat):
            yield from _statements(statement.body)
        else:
            yield statement


def _expressions(statement: syntax.Assign | syntax.Return) -> tuple[syntax.Expression, ...]:
    return statement.values if isinstance(statement, syntax.Return) else (statement.value,)


def explicit_names(body: Sequence[syntax.Statement]) -> frozenset[str]:
    """The names that layers of a body ask for, which no other layer may take."""
    return frozenset(
        keyword.value.text
        for statement in _statements(body)
        for expression in _expressions(statement)
        for call in _calls(expression)
        for keyword in call.keywords
        if keyword.name.text == "name" and isinstance(keyword.value, syntax.Name)
    )
