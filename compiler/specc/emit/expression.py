"""Python expressions as documents: where the formatter lets them break.

The rules are those of ruff's formatter, restricted to what generated modules contain: names, calls,
subscripts, literals, comprehensions and arithmetic.
"""

from __future__ import annotations

import ast

from .document import Break, Document, Group, bracketed, flat, joined

Operator = ast.operator | ast.unaryop | ast.cmpop

_SYMBOLS: dict[type[Operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.USub: "-",
    ast.Is: "is",
    ast.BitOr: "|",
}

_LITERALS = ast.List | ast.Dict | ast.Tuple | ast.ListComp | ast.DictComp | ast.GeneratorExp


def expression(node: ast.expr, *, enclosed: bool = True) -> Document:
    """An expression; sums and chains of calls break only where brackets enclose them."""
    match node:
        case ast.BinOp() | ast.Compare():
            return Group(_chain(node, enclosed))
        case ast.UnaryOp(op=op, operand=operand):
            least = _ATOM if isinstance(operand, ast.BinOp) else _level(node)
            return Group((_SYMBOLS[type(op)], _operand(operand, least, enclosed)))
        case ast.Attribute() | ast.Call() | ast.Subscript():
            return Group(_trailers(node, enclosed and is_fluent(node)))
        case ast.List(elts=items):
            return bracketed("[", joined([expression(item) for item in items]), "]")
        case ast.Tuple(elts=[item]):
            return bracketed("(", (expression(item), ","), ")")
        case ast.Tuple(elts=items):
            return bracketed("(", joined([expression(item) for item in items]), ")")
        case ast.Dict(keys=keys, values=values):
            entries = [_entry(k, v) for k, v in zip(keys, values, strict=True)]
            return bracketed("{", joined(entries), "}")
        case ast.ListComp(elt=element):
            return bracketed("[", (_comprehension(expression(element), node),), "]")
        case ast.GeneratorExp(elt=element):
            return bracketed("(", (_comprehension(expression(element), node),), ")")
        case ast.DictComp(key=key, value=value):
            return bracketed("{", (_comprehension(_entry(key, value), node),), "}")
        case ast.Starred(value=value):
            return Group(("*", expression(value)))
        case ast.Name(id=name):
            return name
        case ast.JoinedStr(values=values):
            return f'f"{"".join(map(_in_text, values))}"'
        case ast.Constant(value=value) if value is Ellipsis:
            return "..."
        case ast.Constant(value=value):
            return f'"{value}"' if isinstance(value, str) else repr(value)
        case _:
            raise AssertionError(f"generated modules have no {type(node).__name__}")


def parameters(arguments: ast.arguments) -> tuple[Document, ...]:
    """The parameters of a function with their annotations and defaults."""
    none = [None] * (len(arguments.args) - len(arguments.defaults))
    found: list[Document] = []
    for argument, default in zip(arguments.args, [*none, *arguments.defaults], strict=True):
        parts: list[Document] = [argument.arg]
        if argument.annotation is not None:
            parts += [": ", expression(argument.annotation)]
        if default is not None:
            parts += [" = ", expression(default)]
        found.append(Group(tuple(parts)))
    return joined(found)


# --- What a statement does with its expression ------------------------------------------------------


def breaks_by_itself(node: ast.expr) -> bool:
    """Whether it has brackets to break in, so that it gets none around it."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.BinOp) or breaks_by_itself(node.operand)
    return isinstance(node, ast.Call | ast.Subscript | _LITERALS) and not is_fluent(node)


def binds_loosely(node: ast.expr) -> bool:
    """Whether it has operators, or calls in a chain, at which it may break in brackets."""
    if isinstance(node, ast.UnaryOp):
        return is_fluent(node.operand)
    return isinstance(node, ast.BinOp | ast.Compare) or is_fluent(node)


def keeps_its_brackets(node: ast.expr) -> bool:
    """Whether it has one operator and brackets at an end, which may break in place of the operator."""
    if is_fluent(node):
        return False
    operands, operators = _flattened(node)
    level = _level(node)
    return len(operators) == 1 and (
        _begins_with_brackets(operands[0], level) or _ends_with_brackets(operands[-1], level + 1)
    )


def is_fluent(node: ast.expr) -> bool:
    """A chain of at least two calls or subscripts with attributes after them: `x[0].f(1).g(2)`."""
    count = 0
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        inner = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Attribute):
            count += isinstance(inner, ast.Call | ast.Subscript)
            if _needs_brackets(inner, _ATOM):
                return count + 1 >= 2
        node = inner
    return count >= 2


# --- Operators ---------------------------------------------------------------------------------------

_ATOM = 9


def _level(node: ast.expr) -> int:
    """How tightly an expression binds: comparisons least, atoms most."""
    match node:
        case ast.Compare():
            return 0
        case ast.BinOp(op=ast.BitOr()):
            return 1
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return 2
        case ast.BinOp(op=ast.Pow()):
            return 5
        case ast.BinOp():
            return 3
        case ast.UnaryOp():
            return 4
        case _:
            return _ATOM


def _needs_brackets(node: ast.expr, least: int) -> bool:
    return _level(node) < least


def _operand(node: ast.expr, least: int, enclosed: bool) -> Document:
    """An operand, in brackets where it binds less tightly than its place asks for."""
    if _needs_brackets(node, least):
        return bracketed("(", (expression(node),), ")")
    return expression(node, enclosed=enclosed)


def _chain(node: ast.expr, enclosed: bool) -> tuple[Document, ...]:
    """Operands of one level, a break before each operator."""
    operands, operators = _flattened(node)
    level = _level(node)
    power = level == _level(ast.BinOp(node, ast.Pow(), node))
    found: list[Document] = [_operand(operands[0], level + power, enclosed)]
    for before, operator, operand in zip(operands, operators, operands[1:], strict=False):
        least = _level(ast.UnaryOp(ast.USub(), node)) if power else level + 1
        signed = isinstance(before, ast.UnaryOp)
        tight = power and not signed and _is_simple(before) and _is_simple(operand)
        space = "" if tight else " "
        found.append(Break("" if tight else " ") if enclosed else space)
        found += [f"{_SYMBOLS[type(operator)]}{space}", _operand(operand, least, enclosed)]
    return tuple(found)


def _flattened(node: ast.expr) -> tuple[list[ast.expr], list[Operator]]:
    """The operands of a chain of operators of one level, and the operators between."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            return [left, *others], list(ops)
        case ast.BinOp(left=left, op=op, right=right) if _level(left) == _level(node) < 5:
            operands, operators = _flattened(left)
            return [*operands, right], [*operators, op]
        case ast.BinOp(left=left, op=ast.Pow() as op, right=ast.BinOp(op=ast.Pow()) as right):
            operands, operators = _flattened(right)
            return [left, *operands], [op, *operators]
        case ast.BinOp(left=left, op=op, right=right):
            return [left, right], [op]
        case ast.UnaryOp(operand=operand):
            return _flattened(operand)
        case _:
            return [node], []


def _is_simple(node: ast.expr) -> bool:
    """Whether the power sign stands tight beside it: names, numbers, attributes, their negatives."""
    match node:
        case ast.UnaryOp(operand=ast.Name() | ast.Constant() | ast.Attribute() as operand):
            return _is_simple(operand)
        case ast.Attribute(value=value):
            return _is_simple(value)
        case ast.Name() | ast.Constant():
            return True
        case _:
            return False


def _begins_with_brackets(node: ast.expr, least: int) -> bool:
    """Whether the leftmost name, number or bracket, in a place that asks for `least`, is a bracket."""
    match node:
        case _ if _needs_brackets(node, least):
            return True
        case ast.BinOp():
            return _begins_with_brackets(_flattened(node)[0][0], _level(node))
        case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.Attribute(value=inner):
            return _begins_with_brackets(inner, _ATOM)
        case _:
            return isinstance(node, _LITERALS)


def _ends_with_brackets(node: ast.expr, least: int) -> bool:
    """Whether it ends with brackets that something stands in, those of subscripts apart."""
    if isinstance(node, ast.UnaryOp) and not _needs_brackets(node, least):
        return isinstance(node.operand, ast.BinOp) or _ends_with_brackets(node.operand, least)
    if isinstance(node, ast.BinOp) and not _needs_brackets(node, least):
        return _ends_with_brackets(_flattened(node)[0][-1], _level(node) + 1)
    ends = isinstance(node, ast.Call | _LITERALS)
    filled = not flat(expression(node)).endswith(("()", "[]", "{}"))
    return _needs_brackets(node, least) or (ends and filled)


# --- Trailers and literals ---------------------------------------------------------------------------


def _trailers(node: ast.expr, fluent: bool) -> tuple[Document, ...]:
    """A name with its attributes, calls and subscripts; a fluent chain breaks before attributes."""
    match node:
        case ast.Attribute(value=value, attr=name):
            after = isinstance(value, ast.Call | ast.Subscript)
            break_here: tuple[Document, ...] = (Break(),) if fluent and after else ()
            return (*_trailers(value, fluent), *break_here, f".{name}")
        case ast.Call(func=function, args=values, keywords=keywords):
            arguments: list[Document] = [expression(value) for value in values]
            arguments += [_keyword(keyword) for keyword in keywords]
            inside = (Group(joined(arguments)),) if arguments else ()
            return (*_trailers(function, fluent), bracketed("(", inside, ")"))
        case ast.Subscript(value=value, slice=index):
            return (*_trailers(value, fluent), bracketed("[", _index(index), "]"))
        case _:
            return (_operand(node, _ATOM, True),)


def _keyword(keyword: ast.keyword) -> Document:
    start = f"{keyword.arg}=" if keyword.arg else "**"
    return Group((start, expression(keyword.value)))


def _index(index: ast.expr) -> tuple[Document, ...]:
    if isinstance(index, ast.Tuple):
        return joined([_slice(each) for each in index.elts])
    return (_slice(index),)


def _slice(index: ast.expr) -> Document:
    if isinstance(index, ast.Slice):
        bounds = (index.lower, index.upper)
        return ":".join(flat(expression(each)) if each else "" for each in bounds)
    return expression(index)


def _entry(key: ast.expr | None, value: ast.expr) -> Document:
    if key is None:
        return Group(("**", expression(value)))
    return Group((expression(key), ": ", expression(value)))


def _in_text(part: ast.expr) -> str:
    """A part of an f-string: text, or a value in braces."""
    if isinstance(part, ast.Constant):
        return str(part.value).replace("{", "{{").replace("}", "}}")
    assert isinstance(part, ast.FormattedValue)
    return f"{{{flat(expression(part.value))}}}"


def _comprehension(
    element: Document, node: ast.ListComp | ast.DictComp | ast.GeneratorExp
) -> Document:
    found: list[Document] = [element]
    for each in node.generators:
        clause = ("for ", flat(expression(each.target)).strip("()"), " in ", expression(each.iter))
        found += [Break(" "), *clause]
    return Group(tuple(found))
