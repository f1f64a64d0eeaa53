"""What the names in the body of a model stand for while its graph is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from ..errors import Consequence, Span, SpecError
from ..naming import Names, Scope
from ..text import syntax
from .scope import Scope as FileScope
from .static import Static, show


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the graph by its node."""

    node: int


@dataclass(frozen=True, slots=True)
class Known:
    """A number, boolean or string."""

    static: Static


@dataclass(frozen=True, slots=True)
class Several:
    """What a tuple or a block with several results stands for."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What a body returns, and where that is written."""

    value: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Broken:
    """A name whose statement is wrong; that is reported there, and not where it is used."""


Meaning = Value | Known | Several | Broken


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands: its file, the names bound so far, where its layers get theirs.

    `target` is the name of the one layer of a statement, `within` holds those of several.
    """

    file: FileScope
    names: dict[str, Meaning]
    paths: Scope
    blocks: tuple[syntax.Block, ...] = ()
    target: str | None = None
    within: Names | None = None


def value_of(meaning: Meaning, expression: syntax.Expression) -> Value:
    """The one value that an expression stands for; raises `SpecError` where it is something else."""
    match meaning:
        case Value():
            return meaning
        case Known():
            message = f"a value is needed here, and this is {show(meaning.static)}"
            raise SpecError(message, expression.span)
        case Several():
            message = f"one value is needed here, and this gives {len(meaning.values)}"
            raise SpecError(message, expression.span)
        case Broken():
            raise Consequence("its statement is wrong", expression.span)
        case _:
            assert_never(meaning)


def anchor(call: syntax.Call, place: Place) -> Value:
    """A value that says how large the batch is, for an operation that takes none."""
    for meaning in place.names.values():
        if isinstance(meaning, Value):
            return meaning
    raise SpecError(f"`{call.function.text}` stands where there is no value yet", call.span)
