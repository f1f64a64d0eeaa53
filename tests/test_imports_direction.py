"""Imports point one way: each library is known to the parts that need it, and to no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMPILER = ROOT / "compiler" / "specc"

STAGES = (
    ("errors", "names", "static", "syntax"),
    ("types", "diagrams", "derive", "count"),
    ("plan", "cost", "schedule"),
    ("operations",),
    ("graph", "rolling"),
    ("resolve", "elaborate"),
    ("check", "infer"),
    ("compose", "emit"),
    ("compile", "report", "api", "cli"),
)
"""Each stage may import those before it and itself; modules that are not named stand between."""


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """The absolute names of what a file imports, with the number of leading dots."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


def users(library: str) -> set[str]:
    """The compiler's modules that import a library, by their path without its ending."""
    return {
        str(path.relative_to(COMPILER).with_suffix(""))
        for path in sources(COMPILER)
        if any(level == 0 and name.split(".")[0] == library for name, level in imported(path))
    }


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("lark", {"parse", "transform", "recover", "automaton"}),
        ("networkx", {"graph", "infer", "draw"}),
        ("torch", {"verification"}),
        ("specc_runtime", set[str]()),
    ],
)
def test_library_is_imported_only_by(library: str, allowed: set[str]) -> None:
    assert {module.split("/")[0] for module in users(library)} <= allowed


def test_runtime_knows_nothing_of_the_compiler() -> None:
    for path in sources(ROOT / "runtime" / "specc_runtime"):
        names = {name.split(".")[0] for name, level in imported(path) if level == 0}
        assert not names & {"specc", "specc_grammar", "lark", "networkx", "pydantic", "rich"}, path


def test_no_stage_imports_a_later_one() -> None:
    stage_of = {name: place for place, stage in enumerate(STAGES) for name in stage}
    for path in sources(COMPILER):
        own = path.relative_to(COMPILER).parts[0].removesuffix(".py")
        for name, level in imported(path):
            other = name.split(".")[0]
            inside = (level == 1 and path.parent == COMPILER) or level == 2
            if own in stage_of and inside and other in stage_of:
                assert stage_of[other] <= stage_of[own], f"{path.name} imports {other}"
