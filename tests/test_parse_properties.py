"""Laws of the parser: it undoes the printer, and no text whatever makes it fail otherwise than by a message."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import PROGRAMS
from rich.console import Console
from specc.diagnostics import as_records, render
from specc.errors import Source, Span, SpecError, SpecErrors, leaves
from specc.parse import parse
from specc.syntax import (
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
from unparse import unparse

SOURCE = Source("test.spec", "")
HERE = st.just(Span(SOURCE, 0, 0))

# --- Random trees --------------------------------------------------------------------------------

WORDS = "x y fc1 relu S _ n2 model axis in spin even odd fixing on matrices lie as displacement index".split()

words = st.sampled_from(WORDS)
identifiers = st.builds(Identifier, words, HERE)
numbers = st.builds(Number, st.integers(0, 10**6) | st.floats(0, 1e9), HERE)
strings = st.builds(String, st.text("ab ./-é#", max_size=6), HERE)
names = st.builds(Name, words, HERE)


def some[T](items: st.SearchStrategy[T], least: int = 0) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(items, min_size=least, max_size=3).map(tuple)
