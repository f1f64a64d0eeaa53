"""Lark's tree becomes syntax: one method for each rule of `specc_grammar/specc.lark`, in its order.

Also what the grammar cannot say: no property twice, named arguments last, depth and size limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lark import Token, Tree
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive, v_args

from ..errors import Errors, Note, Source, Span, SpecError
from . import syntax
from .syntax import Expression, Identifier

DEEPEST = 100
"""So many levels may an expression have, and the statements around it."""

LONGEST_NUMBER = 40
"""So many digits may a number have."""


def transform(source: Source, tree: Tree[Token]) -> syntax.File:
    """The syntax of a parsed text; raises what is wrong with it beyond the grammar."""
    errors = Errors()
    _check_depth(source, tree)
    file = _Syntax(source, errors).transform(tree)
    errors.raise_if_any()
    return file


def _check_depth(source: Source, tree: Tree[Token]) -> None:
    """Later stages go into expressions by recursion: no text may exhaust Python's stack."""
    pending = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        depth += node.data in _LEVELS
        if depth > DEEPEST:
            raise SpecError(
                f"more than {DEEPEST} operations one in another",
                Span(source, node.meta.start_pos, node.meta.end_pos),
                "give a part of it a name of its own",
            )
        pending.extend((child, depth) for child in node.children if isinstance(child, Tree))


_LEVELS = frozenset(
    {"repeat", "pipe", "binary", "negative", "indexed", "attribute", "call", "bracket", "tuple"}
)
"""The rules that make one tree level of syntax each."""


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What stands between the brackets of a call."""

    positional: tuple[Expression, ...]
    keywords: tuple[syntax.Keyword, ...]
    channels: Expression | None


@dataclass(frozen=True, slots=True)
class _Step:
    """`f`, `sum[c]` or `g(8)` on the right of `|>`."""

    function: Identifier
    axes: tuple[Identifier, ...] | None
    arguments: _Arguments | None


@dataclass(frozen=True, slots=True)
class _Property:
    """What may follow the value of an axis: `word` is a field of `syntax.Axis`."""

    word: str
    value: Identifier | Expression | tuple[Expression, ...] | syntax.Cycles | syntax.Matrices
    span: Span


@dataclass(frozen=True, slots=True)
class _Index:
    """`index 64` after the semicolon of a type."""

    size: Expression


@v_args(inline=True, meta=True)
class _Syntax(Transformer_NonRecursive[Token, syntax.File]):
    """One method for each rule of the grammar, in its order."""

    def __init__(self, source: Source, errors: Errors) -> None:
        super().__init__()
        self._source = source
        self._errors = errors

    def _span(self, place: Meta | Token) -> Span:
        assert place.start_pos is not None and place.end_pos is not None
        return Span(self._source, place.start_pos, place.end_pos)

    def file(self, _: Meta, *declarations: syntax.Declaration) -> syntax.File:
        return syntax.File(self._source, declarations)

    # Declarations

    def param(self, meta: Meta, name: Identifier, value: Expression) -> syntax.Param:
        return syntax.Param(name, value, self._span(meta))

    def axis(
        self, meta: Meta, name: Identifier, value: Expression, *properties: _Property
    ) -> syntax.Axis:
        given: dict[str, _Property] = {}
        for item in properties:
            if item.word in given:
                self._twice(item.span, given[item.word].span)
            given[item.word] = item
        inside, spin, parity, fixing, by = (
            given[word].value if word in given else None
            for word in ("inside", "spin", "parity", "fixing", "by")
        )
        assert inside is None or isinstance(inside, Identifier)
        assert parity is None or isinstance(parity, Identifier)
        assert fixing is None or isinstance(fixing, tuple)
        assert by is None or isinstance(by, syntax.Cycles | syntax.Matrices)
        assert not isinstance(spin, Identifier | tuple | syntax.Cycles | syntax.Matrices)
        return syntax.Axis(name, value, inside, spin, parity, fixing, by, self._span(meta))

    def _twice(self, again: Span, first: Span) -> None:
        message = f"`{again.text}` is given a second time"
        self._errors.add(SpecError(message, again, notes=(Note("first given here", first),)))

    def inside(self, meta: Meta, parent: Identifier) -> _Property:
        return _Property("inside", parent, self._span(meta))

    def spin(self, meta: Meta, spin: Expression) -> _Property:
        return _Property("spin", spin, self._span(meta))

    def parity(self, meta: Meta, word: Token) -> _Property:
        return _Property("parity", Identifier(str(word), self._span(word)), self._span(meta))

    def fixing(self, meta: Meta, *vector: Expression) -> _Property:
        return _Property("fixing", vector, self._span(meta))

    def by(self, meta: Meta, generators: syntax.Cycles | syntax.Matrices) -> _Property:
        return _Property("by", generators, self._span(meta))

    def group(
        self,
        meta: Meta,
        name: Identifier,
        axes: tuple[Identifier, ...] | None,
        value: Expression | syntax.Cycles | syntax.Matrices,
    ) -> syntax.Group:
        return syntax.Group(name, axes or (), value, self._span(meta))

    def joint(self, _: Meta, *axes: Identifier) -> tuple[Identifier, ...]:
        return axes

    def cycles(
        self, meta: Meta, *items: tuple[syntax.Cycle, ...] | Expression | None
    ) -> syntax.Cycles:
        generators = tuple(item for item in items if isinstance(item, tuple))
        degree = items[-1]
        assert not isinstance(degree, tuple)
        return syntax.Cycles(generators, degree, self._span(meta))

    def generator(self, _: Meta, *cycles: syntax.Cycle) -> tuple[syntax.Cycle, ...]:
        return cycles

    def cycle(self, meta: Meta, *positions: Token) -> syntax.Cycle:
        return syntax.Cycle(tuple(map(self._number, positions)), self._span(meta))

    def matrices(
        self, meta: Meta, *items: tuple[tuple[Expression, ...], ...] | Token | None
    ) -> syntax.Matrices:
        *matrices, lie = items
        squares = tuple(item for item in matrices if isinstance(item, tuple))
        return syntax.Matrices(squares, lie is not None, self._span(meta))

    def matrix(self, _: Meta, *rows: tuple[Expression, ...]) -> tuple[tuple[Expression, ...], ...]:
        return rows

    def row(self, _: Meta, *entries: Expression) -> tuple[Expression, ...]:
        return entries

    def space(self, meta: Meta, name: Identifier, *tensors: syntax.Field) -> syntax.Space:
        return syntax.Space(name, tensors, self._span(meta))

    def tensor(self, meta: Meta, name: Identifier, *types: syntax.Type) -> syntax.Field:
        first, *below = types
        return syntax.Field(name, first, tuple(below), self._span(meta))

    def label(self, meta: Meta, *parts: Token) -> Identifier:
        text = "".join(parts)
        return Identifier(text.strip('"'), self._span(meta))

    def model(
        self,
        meta: Meta,
        name: Identifier,
        parameters: tuple[syntax.Field, ...],
        outputs: tuple[syntax.Type, ...],
        body: tuple[syntax.Statement, ...],
    ) -> syntax.Model:
        return syntax.Model(name, parameters, outputs, body, self._span(meta))

    def parameters(self, _: Meta, *fields: syntax.Field) -> tuple[syntax.Field, ...]:
        return fields

    parameter = tensor

    def outputs(self, _: Meta, *types: syntax.Type) -> tuple[syntax.Type, ...]:
        return types

    def block(
        self,
        meta: Meta,
        name: Identifier,
        parameters: tuple[Identifier, ...],
        body: tuple[syntax.Statement, ...],
    ) -> syntax.Block:
        return syntax.Block(name, parameters, body, self._span(meta))

    def sizes(self, _: Meta, *names: Identifier) -> tuple[Identifier, ...]:
        return names

    def imports(self, meta: Meta, path: syntax.String, *names: Identifier) -> syntax.Import:
        return syntax.Import(path, names, self._span(meta))

    def type(self, meta: Meta, value: Expression, word: Token | None) -> syntax.Type:
        return syntax.Type(value, word == "displacement", self._span(meta), word == "complex")

    # Statements

    def body(self, _: Meta, *statements: syntax.Statement) -> tuple[syntax.Statement, ...]:
        return statements

    def assign(
        self, meta: Meta, targets: tuple[syntax.Target, ...], value: Expression
    ) -> syntax.Assign:
        return syntax.Assign(targets, value, self._span(meta))

    def targets(self, _: Meta, *targets: syntax.Target) -> tuple[syntax.Target, ...]:
        return targets

    def target(
        self, meta: Meta, name: Identifier, indices: tuple[Identifier, ...] | None
    ) -> syntax.Target:
        return syntax.Target(name, indices, self._span(meta))

    def repeat(
        self,
        meta: Meta,
        count: Expression,
        path: Identifier | None,
        body: tuple[syntax.Statement, ...],
    ) -> syntax.Repeat:
        return syntax.Repeat(count, path, body, self._span(meta))

    def returns(self, meta: Meta, *values: Expression) -> syntax.Return:
        return syntax.Return(values, self._span(meta))

    # Expressions

    def pipe(self, meta: Meta, value: Expression, step: _Step) -> syntax.Call:
        given = step.arguments or _Arguments((), (), None)
        arguments = (value, *given.positional)
        return syntax.Call(
            step.function, step.axes, arguments, given.keywords, given.channels, self._span(meta)
        )

    def step(
        self,
        _: Meta,
        function: Identifier,
        axes: tuple[Identifier, ...] | None,
        arguments: _Arguments | None,
    ) -> _Step:
        return _Step(function, axes, arguments)

    def binary(
        self, meta: Meta, left: Expression, operator: Token, right: Expression
    ) -> syntax.Binary:
        return syntax.Binary(str(operator), left, right, self._span(meta))

    def negative(self, meta: Meta, operand: Expression) -> syntax.Negative:
        return syntax.Negative(operand, self._span(meta))

    def indexed(
        self, meta: Meta, value: Expression | Identifier, indices: tuple[Identifier, ...]
    ) -> syntax.Indexed:
        if isinstance(value, Identifier):
            value = syntax.Name(value.text, value.span)
        return syntax.Indexed(value, indices, self._span(meta))

    def attribute(self, meta: Meta, value: Expression, word: Token) -> syntax.Attribute:
        place = self._span(word)
        name = Identifier(word[1:], Span(self._source, place.start + 1, place.end))
        return syntax.Attribute(value, name, self._span(meta))

    def call(
        self, meta: Meta, function: Identifier, *rest: tuple[Identifier, ...] | _Arguments | None
    ) -> syntax.Call:
        *axes, given = rest
        assert isinstance(given, _Arguments)
        named = axes[0] if axes else None
        assert named is None or isinstance(named, tuple)
        return syntax.Call(
            function, named, given.positional, given.keywords, given.channels, self._span(meta)
        )

    def axes(self, _: Meta, *names: Identifier) -> tuple[Identifier, ...]:
        return names

    def arguments(self, _: Meta, *items: Expression | syntax.Keyword | None) -> _Arguments:
        *arguments, channels = items
        assert not isinstance(channels, syntax.Keyword)
        positional: list[Expression] = []
        keywords: dict[str, syntax.Keyword] = {}
        for argument in arguments:
            if isinstance(argument, syntax.Keyword):
                if (first := keywords.get(argument.name.text)) is not None:
                    self._twice(argument.name.span, first.name.span)
                keywords[argument.name.text] = argument
            elif argument is not None:
                if keywords:
                    self._late(argument.span)
                positional.append(argument)
        return _Arguments(tuple(positional), tuple(keywords.values()), channels)

    def _late(self, place: Span) -> None:
        message = "an argument without a name follows one with a name"
        self._errors.add(SpecError(message, place, "write the named arguments last"))

    def keyword(self, meta: Meta, name: Identifier, value: Expression) -> syntax.Keyword:
        return syntax.Keyword(name, value, self._span(meta))

    def bracket(self, meta: Meta, *items: Expression | _Index | None) -> syntax.Bracket:
        *given, last = items
        entries = tuple(e for e in given if e is not None and not isinstance(e, _Index))
        index = isinstance(last, _Index)
        channels = last.size if isinstance(last, _Index) else last
        return syntax.Bracket(entries, channels, index, self._span(meta))

    def described(self, meta: Meta, bracket: syntax.Bracket, word: Token) -> syntax.Bracket:
        said = word == "displacement"
        return replace(bracket, span=self._span(meta), displacement=said, complex=not said)

    def channels(self, _: Meta, channels: Expression) -> Expression:
        return channels

    def index(self, _: Meta, __: Token, size: Expression) -> _Index:
        return _Index(size)

    def tuple(self, meta: Meta, *items: Expression) -> syntax.Tuple:
        return syntax.Tuple(items, self._span(meta))

    def product(self, meta: Meta, *items: Identifier | Expression | None) -> syntax.Product:
        *factors, within = items
        names = tuple(each for each in factors if isinstance(each, Identifier))
        assert not isinstance(within, Identifier), "what stands within is in brackets"
        return syntax.Product(names, within, self._span(meta))

    def variable(self, meta: Meta, name: Identifier) -> syntax.Name:
        return syntax.Name(name.text, name.span)

    def number(self, _: Meta, token: Token) -> syntax.Number:
        return self._number(token)

    def _number(self, token: Token) -> syntax.Number:
        place = self._span(token)
        if len(token) > LONGEST_NUMBER:
            message = f"this number has more than {LONGEST_NUMBER} digits"
            self._errors.add(SpecError(message, place))
            return syntax.Number(0, place)
        value = int(token) if token.type == "INTEGER" else float(token)
        if math.isinf(value):
            self._errors.add(SpecError(f"`{token}` is too large for a number", place))
        return syntax.Number(value, place)

    def boolean(self, meta: Meta, token: Token) -> syntax.Boolean:
        return syntax.Boolean(token.type == "TRUE", self._span(meta))

    def string(self, meta: Meta, token: Token) -> syntax.String:
        return syntax.String(token[1:-1], self._span(meta))

    def name(self, _: Meta, token: Token) -> Identifier:
        return Identifier(str(token), self._span(token))
