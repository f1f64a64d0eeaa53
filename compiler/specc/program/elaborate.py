"""From a model's text to its graph: blocks inlined, repeats run, names and sizes known, no types yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from ..errors import Consequence, Errors, Note, Span, SpecError
from ..graph import Graph, Node
from ..names import counted
from ..naming import Fixed, Names, Runs, snake_case
from ..operations import (
    CATALOGUE,
    LATER,
    Arithmetic,
    Collect,
    Constant,
    Equivariant,
    Input,
    Kind,
    Minus,
    NormaliseScale,
    Operation,
    Take,
)
from ..text import syntax
from ..types import Collection, Type
from .arguments import make_operation, signature
from .calls import block_arguments, given_name, name_keyword, tensor_arguments
from .draft import MOST_NODES, Draft
from .layers import Layers, explicit_names
from .meanings import Broken, Known, Meaning, Place, Result, Several, Value, anchor, value_of
from .scope import (
    OPERATIONS,
    BlockDeclaration,
    ModelDeclaration,
    Param,
    described,
    not_yet,
    refuse_private,
)
from .static import Static, combine, evaluate, size
from .written import declared_type, input_type, refuse_two_symmetries, type_of


def elaborate(model: ModelDeclaration, errors: Errors) -> Graph:
    """The graph of a model. Mistakes of its text are collected; what does not stand on them is there."""
    return _Builder(errors).model(model)


class _Builder:
    """Says of each statement, expression and call what it means; values are nodes of the draft."""

    def __init__(self, errors: Errors) -> None:
        self.draft = Draft()
        self.errors = errors
        self.tied: dict[str, tuple[str, Span]] = {}  # what an explicit name was first given to
        self.layers = Layers()

    def model(self, model: ModelDeclaration) -> Graph:
        names: dict[str, Meaning] = {}
        written = model.syntax
        for parameter in written.parameters:
            with self.errors.collect():
                if parameter.name.text in names:
                    raise SpecError(
                        f"`{parameter.name.text}` is declared twice", parameter.name.span
                    )
                names[parameter.name.text] = Broken()
                refuse_private(parameter.name)
                given = Input(type=input_type(parameter.type, model.scope))
                node = self.draft.add(given, (), parameter.span, label=parameter.name.text)
                names[parameter.name.text] = node
        inputs = tuple(range(len(self.draft.nodes)))
        for number in inputs:
            self.normalised(self.draft.nodes[number], names)
        types: list[Type] = []
        for output in written.outputs:
            with self.errors.collect():
                types.append(declared_type(output, model.scope))
        kinds = [*(self.draft.nodes[number].operation.result(()) for number in inputs), *types]
        place = Place(model.scope, names, Names("", explicit_names(written.body)))
        results: tuple[Result, ...] = ()
        with self.errors.collect():
            refuse_two_symmetries(kinds, written.name.span)
            results = self.body(written.body, place, written.name)
            if len(results) != len(written.outputs):
                raise SpecError(
                    f"`{written.name.text}` declares {counted(len(written.outputs), 'result')} "
                    f"and returns {len(results)}",
                    written.body[-1].span,
                )
        if len(results) != len(types):  # one of them is wrong, and that is reported
            results, types = (), []
        return self.draft.graph(model.name, inputs, results, tuple(types), written.name.span)

    def normalised(self, given: Node, names: dict[str, Meaning]) -> None:
        """Divides the scales of an input out of it, one axis after the other."""
        kind = given.operation.result(())
        value = Value(given.number)
        for scale in kind.scales if isinstance(kind, Collection) else ():
            value = self.draft.add(
                NormaliseScale(scale=scale), (value,), given.span, label=given.label
            )
            names[given.label] = value

    # --- Statements

    def body(
        self, statements: Sequence[syntax.Statement], place: Place, name: syntax.Identifier
    ) -> tuple[Result, ...]:
        """Runs the statements of a model or block; returns what its `return` does."""
        for i, statement in enumerate(statements):
            if isinstance(statement, syntax.Return):
                if i + 1 < len(statements):
                    raise SpecError("nothing comes after `return`", statements[i + 1].span)
                return self.returned(statement, place)
            with self.errors.collect():
                self.statement(statement, place)
        raise SpecError(f"`{name.text}` returns nothing", name.span, "end it with `return x`")

    def returned(self, statement: syntax.Return, place: Place) -> tuple[Result, ...]:
        results: list[Result] = []
        well = 0
        for expression in statement.values:
            with self.errors.collect():
                meaning = self.expression(expression, place)
                if isinstance(meaning, Several):
                    values = meaning.values
                else:
                    values = (value_of(meaning, expression),)
                results += (Result(value, expression.span) for value in values)
                well += 1
        if well < len(statement.values):
            raise Consequence("a result is wrong", statement.span)
        return tuple(results)

    def statement(self, statement: syntax.Statement, place: Place) -> None:
        match statement:
            case syntax.Assign():
                for target in statement.targets:
                    if target.indices is not None:
                        place.names[target.name.text] = Broken()
                        raise not_yet("index notation", target.span)
                try:
                    self.assign(statement, place)
                except SpecError:
                    place.names.update({t.name.text: Broken() for t in statement.targets})
                    raise
            case syntax.Repeat():
                self.repeat(statement, place)
            case syntax.Return():
                raise SpecError("`return` does not stand inside `repeat`", statement.span)
            case _:
                assert_never(statement)

    def assign(self, statement: syntax.Assign, place: Place) -> None:
        targets = [target.name for target in statement.targets]
        _refuse_second_target(targets)
        layers = self.layers.of(statement.value, place.file)
        if len(targets) == 1 and layers:
            refuse_private(targets[0])
        if len(targets) == 1 and len(layers) == 1:
            place = replace(place, target=targets[0].text)
        elif len(targets) == 1 and layers:
            path = place.paths.claim(targets[0].text)
            place = replace(place, within=Names(path + "."))
        before = len(self.draft.nodes)
        meaning = self.expression(statement.value, place)
        if len(targets) == 1:
            if isinstance(meaning, Several):
                raise SpecError(
                    f"this gives {len(meaning.values)} values, and there is one name for them",
                    statement.value.span,
                    "`a, b = ...` takes several",
                )
            self.bind(targets[0], meaning, place, before)
            return
        values = meaning.values if isinstance(meaning, Several) else (meaning,)
        if len(values) != len(targets):
            raise SpecError(
                f"this gives {counted(len(values), 'value')}, and there are {len(targets)} names for them",
                statement.value.span,
            )
        for target, value in zip(targets, values, strict=True):
            self.bind(target, value, place, before)

    def bind(self, target: syntax.Identifier, meaning: Meaning, place: Place, before: int) -> None:
        """Gives a name to what a statement made; a value made earlier keeps the name it has."""
        place.names[target.text] = meaning
        if isinstance(meaning, Value) and meaning.node >= before:
            self.draft.label(meaning, target.text)

    def repeat(self, statement: syntax.Repeat, place: Place) -> None:
        count = size(statement.count, self.known(place), "the count of a repeat", least=0)
        explicit = explicit_names(statement.body)
        alone = len(statement.body) == 1 and isinstance(statement.body[0], syntax.Assign)
        named = statement.path.text if statement.path else None
        if statement.path is not None:
            refuse_private(statement.path)
        if count > MOST_NODES:
            raise SpecError(f"a repeat has at most {MOST_NODES} runs", statement.count.span)
        runs = Runs(place.paths)
        with self.draft.region("repeat", named or ""):
            for run in range(count):
                self.draft.step(statement.span)
                runs.start(run)
                before, first = dict(place.names), len(self.draft.nodes)
                if named is None:
                    inner = replace(place, paths=runs)
                elif alone and not explicit:
                    inner = replace(place, paths=Fixed(runs, named))
                else:
                    path = runs.claim(named)
                    inner = replace(place, paths=Names(path + ".", explicit))
                with self.draft.region("iteration", named or ""):
                    for each in statement.body:
                        with self.errors.collect():
                            self.statement(each, inner)
                self.draft.carry(before, place.names, first, statement.span)
                if self.errors:
                    return

    # --- Expressions

    def expression(self, expression: syntax.Expression, place: Place) -> Meaning:
        match expression:
            case syntax.Number() | syntax.Boolean() | syntax.String():
                return Known(evaluate(expression, self.known(place)))
            case syntax.Name():
                return self.name(expression, place)
            case syntax.Attribute():
                return self.attribute(expression, place)
            case syntax.Indexed():
                raise not_yet("index notation", expression.span)
            case syntax.Tuple():
                return Several(tuple(self.operand(each, place) for each in expression.items))
            case syntax.Call():
                return self.call(expression, place)
            case syntax.Negative():
                return self.negative(expression, place)
            case syntax.Binary():
                return self.binary(expression, place)
            case syntax.Bracket() | syntax.Product():
                raise SpecError("a value is needed here, and this is a type", expression.span)
            case _:
                assert_never(expression)

    def operand(self, expression: syntax.Expression, place: Place) -> Value:
        return value_of(self.expression(expression, place), expression)

    def name(self, name: syntax.Name, place: Place) -> Meaning:
        if name.text in place.names:
            meaning = place.names[name.text]
            if isinstance(meaning, Broken):
                raise Consequence("its statement is wrong", name.span)
            return meaning
        if name.text in OPERATIONS and name.text not in place.file.names():
            hint = f"`{name.text}(x)`, or in a chain `x |> {name.text}`"
            raise SpecError(f"`{name.text}` is an operation, not a value", name.span, hint)
        found = place.file.find(name.text, name.span, iter(place.names))
        if isinstance(found, Param):
            return Known(found.value)
        raise SpecError(f"`{name.text}` is {described(found)}, not a value", name.span)

    def known(self, place: Place) -> _Lookup:
        return _Lookup(self, place)

    def attribute(self, expression: syntax.Attribute, place: Place) -> Value:
        keys = [expression.name.text]
        value = expression.value
        while isinstance(value, syntax.Attribute):
            keys.append(value.name.text)
            value = value.value
        source = self.operand(value, place)
        return self.draft.add(Take(key=".".join(reversed(keys))), (source,), expression.span)

    def negative(self, expression: syntax.Negative, place: Place) -> Meaning:
        meaning = self.expression(expression.operand, place)
        if isinstance(meaning, Known):
            if isinstance(meaning.static, bool | str):
                raise SpecError("a number is needed here", expression.operand.span)
            return Known(-meaning.static)
        return self.draft.add(Minus(), (value_of(meaning, expression.operand),), expression.span)

    def binary(self, expression: syntax.Binary, place: Place) -> Meaning:
        left = self.expression(expression.left, place)
        right = self.expression(expression.right, place)
        for meaning, side in ((left, expression.left), (right, expression.right)):
            if isinstance(meaning, Known) and isinstance(meaning.static, bool | str):
                raise SpecError("a number or a value is needed here", side.span)
        if isinstance(left, Known) and isinstance(right, Known):
            assert not isinstance(left.static, str) and not isinstance(right.static, str)
            return Known(combine(expression, left.static, right.static))
        operator = expression.operator
        if operator not in ("+", "-", "*", "/", "^"):
            raise SpecError(f"`{operator}` works on numbers, not on values", expression.span)
        if isinstance(left, Known):
            operation = Constant(operator=operator, number=left.static, left=True)  # type: ignore[arg-type]
            return self.draft.add(operation, (value_of(right, expression.right),), expression.span)
        if isinstance(right, Known):
            if operator == "/" and right.static == 0:
                raise SpecError("division by zero", expression.span)
            operation = Constant(operator=operator, number=right.static)  # type: ignore[arg-type]
            return self.draft.add(operation, (value_of(left, expression.left),), expression.span)
        both = (value_of(left, expression.left), value_of(right, expression.right))
        return self.draft.add(Arithmetic(operator=operator), both, expression.span)  # type: ignore[arg-type]

    # --- Calls

    def call(self, call: syntax.Call, place: Place) -> Meaning:
        word = call.function.text
        if word in CATALOGUE:
            return self.operation(call, place)
        if word in LATER and word not in place.file.names():
            raise not_yet(f"`{word}`", call.function.span)
        found = place.file.find(word, call.function.span, iter(OPERATIONS))
        match found:
            case BlockDeclaration():
                return self.block(call, found, place)
            case Collection():
                return self.collect(call, found, place)
            case _:
                hint = (
                    "a piece that models share is a `block`"
                    if isinstance(found, ModelDeclaration)
                    else None
                )
                raise SpecError(
                    f"`{word}` is {described(found)} and cannot be called", call.function.span, hint
                )

    def operation(self, call: syntax.Call, place: Place) -> Meaning:
        entry = CATALOGUE[call.function.text]
        several = False
        if entry.operation.arity is None and not entry.operation.positional:
            given = [self.operand(each, place) for each in call.arguments]
            rest: Sequence[syntax.Expression] = ()
            if not given:
                raise SpecError(f"`{call.function.text}` needs values", call.span)
        else:
            given, rest, several = self.values(call, entry.operation, place)
        named = name_keyword(call)
        lookup = self.known(place)
        extra = self.optional_values(call, entry.operation, given, place)
        operation = make_operation(
            entry,
            call,
            rest,
            lookup,
            lambda written: type_of(written, place.file, lookup.expression),
            place.file,
            extra,
        )
        path = self.path(call, place) if entry.operation.parametrised else ""
        if named is not None and not entry.operation.parametrised:
            raise SpecError(f"`{call.function.text}` has no parameters to name", named.span)
        if operation.pieces:
            return Several(
                tuple(self.draft.add(p, tuple(given), call.span) for p in operation.pieces)
            )
        made = self.draft.add(operation, tuple(given), call.span, path)
        if several and isinstance(operation, Equivariant) and operation.keeps_space:
            return self.draft.taken(made, [f"x{i + 1}" for i in range(len(given))], call.span)
        return self.draft.taken(made, operation.results, call.span) if operation.results else made

    def values(
        self, call: syntax.Call, operation: type[Operation], place: Place
    ) -> tuple[list[Value], Sequence[syntax.Expression], bool]:
        """The values that a call begins with, the arguments after them, whether they were a tuple."""
        word, count = call.function.text, 1 if operation.arity is None else operation.arity
        if len(call.arguments) < count:
            needed = "a value first" if count == 1 else f"{count} values first"
            raise SpecError(f"`{word}` needs {needed}", call.span, f"`{signature(word)}`")
        if count == 0:
            return [anchor(call, place)], call.arguments, False
        rest = call.arguments[count:]
        if operation.arity is not None:
            return [self.operand(each, place) for each in call.arguments[:count]], rest, False
        first = self.expression(call.arguments[0], place)
        if isinstance(first, Several):
            return list(first.values), rest, True
        return [value_of(first, call.arguments[0])], rest, False

    def optional_values(
        self, call: syntax.Call, operation: type[Operation], given: list[Value], place: Place
    ) -> dict[str, tuple[int, ...]]:
        """Adds the values of options such as `initial = state` to those given; where each stands."""
        places: dict[str, tuple[int, ...]] = {}
        for keyword in call.keywords:
            name = keyword.name.text
            if operation.kinds.get(name) is not Kind.VALUE or name in places:
                continue
            meaning = self.expression(keyword.value, place)
            several = meaning.values if isinstance(meaning, Several) else None
            values = several or (value_of(meaning, keyword.value),)
            places[name] = tuple(range(len(given), len(given) + len(values)))
            given += values
        return places

    def path(self, call: syntax.Call, place: Place) -> str:
        """Where the parameters of a call live."""
        symbol = given_name(call)
        if symbol is not None:
            refuse_private(symbol)
            path = place.paths.tie(symbol.text)
            word, first = self.tied.setdefault(path, (call.function.text, call.span))
            if word != call.function.text and not {word, call.function.text} <= CATALOGUE.keys():
                note = Note("the first one", first)
                raise SpecError(f"`{symbol.text}` names a `{word}`", call.span, notes=(note,))
            return path
        if place.target is not None:
            return place.paths.claim(place.target)
        refuse_private(call.function)
        return (place.within or place.paths).claim(snake_case(call.function.text))

    def block(self, call: syntax.Call, block: BlockDeclaration, place: Place) -> Meaning:
        name = block.syntax.name.text
        if any(each is block.syntax for each in place.blocks):
            circle = " -> ".join([*(each.name.text for each in place.blocks), name])
            raise SpecError(f"block `{name}` uses itself: {circle}", call.span)
        self.draft.step(call.span)
        given = block_arguments(call, block.syntax)
        names = {name: self.expression(value, place) for name, value in given.items()}
        path = ""
        if self.layers.within(block):
            path = self.path(call, place)
        inner = Place(
            block.scope,
            names,
            Names(path + "." if path else "", explicit_names(block.syntax.body)),
            (*place.blocks, block.syntax),
        )
        with self.draft.region("block", name, path, tuple(names.items())):
            results = self.body(block.syntax.body, inner, block.syntax.name)
        values = tuple(result.value for result in results)
        self.draft.returned(values)
        return values[0] if len(values) == 1 else Several(values)

    def collect(self, call: syntax.Call, space: Collection, place: Place) -> Value:
        values = tuple(self.operand(each, place) for each in tensor_arguments(call, space))
        return self.draft.add(Collect(space=space), values, call.span)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """Evaluates sizes where an expression stands: block parameters first, then build parameters."""

    builder: _Builder
    place: Place

    def __call__(self, name: syntax.Name) -> Static:
        meaning = self.builder.name(name, self.place)
        if not isinstance(meaning, Known):
            raise SpecError(f"`{name.text}` is a value, and a number is needed here", name.span)
        return meaning.static

    def expression(self, expression: syntax.Expression) -> Static:
        return evaluate(expression, self)


def _refuse_second_target(targets: Sequence[syntax.Identifier]) -> None:
    names = [target.text for target in targets]
    for i, target in enumerate(targets):
        if target.text in names[:i]:
            raise SpecError(f"`{target.text}` is given two values", target.span)
