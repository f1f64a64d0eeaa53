"""Laws of the parser: it undoes the printer, and no text whatever makes it fail otherwise than by a message."""

from __future__ import annotations

import io
import time
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import PROGRAMS
from rich.console import Console
from unparse import unparse

from specc.errors import Source, Span, SpecError, SpecErrors, leaves
from specc.terminal.diagnostics import as_records, render
from specc.text.parse import parse
from specc.text.syntax import (
    Assign,
    Attribute,
    Axis,
    Binary,
    Block,
    Boolean,
    Bracket,
    Call,
    Cycle,
    Cycles,
    Expression,
    Field,
    File,
    Group,
    Identifier,
    Import,
    Indexed,
    Keyword,
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
    String,
    Target,
    Tuple,
    Type,
)

SOURCE = Source("test.spec", "")
HERE = st.just(Span(SOURCE, 0, 0))

# --- Random trees --------------------------------------------------------------------------------

WORDS = [
    "x",
    "y",
    "fc1",
    "relu",
    "S",
    "_",
    "n2",
    "model",
    "axis",
    "in",
    "spin",
    "even",
    "odd",
    "fixing",
    "by",
    "on",
    "matrices",
    "lie",
    "as",
    "displacement",
    "complex",
    "index",
]

words = st.sampled_from(WORDS)
identifiers = st.builds(Identifier, words, HERE)
numbers = st.builds(Number, st.integers(0, 10**6) | st.floats(0, 1e9), HERE)
strings = st.builds(String, st.text("ab ./-é#", max_size=6), HERE)
names = st.builds(Name, words, HERE)


T = TypeVar("T")


def some(items: st.SearchStrategy[T], least: int = 0) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(items, min_size=least, max_size=3).map(tuple)


def maybe(items: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | items


def compound(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Expressions one level above others."""
    attribute = st.builds(Identifier, st.sampled_from([*WORDS, "0", "12"]), HERE)
    keywords = st.lists(
        st.builds(Keyword, identifiers, inner, HERE), max_size=2, unique_by=lambda k: k.name.text
    ).map(tuple)
    return st.one_of(
        st.builds(Attribute, inner, attribute, HERE),
        st.builds(Indexed, inner, some(identifiers, 1), HERE),
        st.builds(Bracket, some(inner), st.none(), st.just(False), HERE),
        st.builds(Bracket, some(inner), inner, st.booleans(), HERE),
        st.builds(Product, some(identifiers, 2), maybe(inner), HERE),
        st.builds(Tuple, some(inner, 1), HERE),
        st.builds(
            Call,
            identifiers,
            maybe(some(identifiers, 1)),
            some(inner),
            keywords,
            maybe(inner),
            HERE,
        ),
        st.builds(Negative, inner, HERE),
        st.builds(
            Binary, st.sampled_from(["+", "-", "*", "/", "//", "%", "^"]), inner, inner, HERE
        ),
    )


leaf = st.one_of(numbers, strings, names, st.builds(Boolean, st.booleans(), HERE))
expressions = st.recursive(leaf, compound, max_leaves=8)

type_values = st.one_of(
    names,
    st.builds(Bracket, some(expressions), maybe(expressions), st.just(False), HERE),
    st.builds(
        Call, identifiers, st.none(), some(expressions), st.just(()), maybe(expressions), HERE
    ),
)
types = st.builds(Type, type_values, st.booleans(), HERE)
labels = st.builds(
    Identifier,
    st.sampled_from(["x", "displacement", "a.0.weight", "lie.in", "return", "a-b", "0.w"]),
    HERE,
)
targets = some(st.builds(Target, identifiers, maybe(some(identifiers, 1)), HERE), 1)
simple = st.builds(Assign, targets, expressions, HERE) | st.builds(
    Return, some(expressions, 1), HERE
)
statements = st.recursive(
    simple,
    lambda inner: st.builds(Repeat, expressions, maybe(identifiers), some(inner), HERE),
    max_leaves=3,
)
bodies = some(statements)
cycles = st.builds(Cycle, some(st.builds(Number, st.integers(0, 99), HERE)), HERE)
generators = st.one_of(
    st.builds(Cycles, some(some(cycles, 1), 1), maybe(expressions), HERE),
    st.builds(Matrices, some(some(some(expressions, 1), 1), 1), st.booleans(), HERE),
)
group_values = st.one_of(expressions, generators)
declarations = st.one_of(
    st.builds(Param, identifiers, expressions, HERE),
    st.builds(
        Axis,
        identifiers,
        expressions,
        maybe(identifiers),
        maybe(expressions),
        maybe(st.builds(Identifier, st.sampled_from(["even", "odd"]), HERE)),
        maybe(some(expressions, 1)),
        maybe(generators),
        HERE,
    ),
    st.builds(Group, identifiers, some(identifiers), group_values, HERE),
    st.builds(
        Space, identifiers, some(st.builds(Field, labels, types, some(types), HERE), 1), HERE
    ),
    st.builds(
        Model,
        identifiers,
        some(st.builds(Field, identifiers, types, st.just(()), HERE)),
        some(types, 1),
        bodies,
        HERE,
    ),
    st.builds(Block, identifiers, some(identifiers), bodies, HERE),
    st.builds(Import, strings, some(identifiers, 1), HERE),
)
files = st.builds(File, st.just(SOURCE), some(declarations, 1))


@given(files)
@settings(max_examples=100)
def test_parse_undoes_unparse(file: File) -> None:
    assert parse(Source("test.spec", unparse(file))) == file


# --- Random texts --------------------------------------------------------------------------------

ALPHABET = "abc_19.,:;=+-*/^%|<>(){}[]\"'#\\ \t\n\r\0é数→²\u2028\ufeff"
PIECES = [
    *ALPHABET,
    "model ",
    "axis ",
    "repeat 2 {",
    "return ",
    "->",
    "|>",
    "; index ",
    "in ",
    "<(1 2)>",
]
SECONDS = 2.0


def survives(text: str) -> None:
    """A text parses, or is refused by messages with places that can be shown; soon."""
    start = time.thread_time()
    try:
        assert isinstance(parse(Source("test.spec", text)), File)
        return
    except (SpecError, SpecErrors) as caught:
        error = caught
    assert time.thread_time() - start < SECONDS
    for single in leaves(error) if isinstance(error, SpecErrors) else [error]:
        assert single.span is not None
        assert 0 <= single.span.start <= single.span.end <= len(text)
    render(error, Console(file=io.StringIO(), width=60))
    assert as_records(error)


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(max_examples=150)
def test_no_nonsense_is_a_failure(text: str) -> None:
    survives(text)


@given(st.text(max_size=40))
@settings(max_examples=100)
def test_no_unicode_is_a_failure(text: str) -> None:
    survives(text)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A program in which a few stretches are left out, replaced or repeated."""
    text = PROGRAMS[draw(st.sampled_from(sorted(PROGRAMS)))]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 8)))
        source = draw(st.integers(0, len(text)))
        moved = text[source : source + draw(st.integers(0, 20))]
        inserted = draw(st.sampled_from([*PIECES, "", moved]))
        text = text[:start] + inserted + text[end:]
    return text


@given(mutations())
@settings(max_examples=200)
def test_no_mutation_is_a_failure(text: str) -> None:
    survives(text)


@pytest.mark.slow
@given(mutations())
@settings(max_examples=20_000)
def test_no_mutation_is_a_failure_for_long(text: str) -> None:
    survives(text)
