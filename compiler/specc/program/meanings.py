"""What the names in the body of a model stand for while its graph is built."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Span
from ..naming import Names, Scope
from ..text import syntax
from .scope import Scope as FileScope
from .static import Static


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

    `target` is the path that the statement's layers share, `several` says whether they add theirs.
    """

    file: FileScope
    names: dict[str, Meaning]
    paths: Scope
    blocks: tuple[syntax.Block, ...] = ()
    target: str | None = None
    within: Names | None = None
