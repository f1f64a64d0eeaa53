"""Imports point one way: each library is known to the parts that need it, and to no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMPILER = ROOT / "compiler" / "specc"

STAGES = (
    {"errors", "names", "naming", "repeats", "groups"},
    {"text"},
    {"types"},
    {"symmetry"},
    {"operations", "reference"},
    {"graph"},
    {"program"},
    {"planning"},
    {"emit"},
    {"compile"},
    {"report", "verification"},
    {"tracing"},
    {"running"},
    {"api"},
    {"terminal"},
)
"""The compiler's packages and modules: each imports from its own stage and from those before it."""

EXCEPTIONS = {("operations", "graph"), ("reference", "graph")}
"""`reference.models` is the meaning of graphs; operations ask at run time for `reference.maps` alone."""


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
        ("lark", {"text/parse", "text/transform"}),
        ("networkx", {"graph", "terminal/draw"}),
        ("torch", {"verification", "tracing", "running", "terminal/bench"}),
        ("specc_runtime", {"running"}),
    ],
)
def test_library_is_imported_only_by(library: str, allowed: set[str]) -> None:
    assert {user for user in users(library) if not user.startswith(tuple(allowed))} == set()


def test_runtime_knows_nothing_of_the_compiler() -> None:
    for path in sources(ROOT / "runtime" / "specc_runtime"):
        names = {name.split(".")[0] for name, level in imported(path) if level == 0}
        assert not names & {"specc", "specc_grammar", "lark", "networkx", "pydantic", "rich"}, path


def test_no_stage_imports_a_later_one() -> None:
    stage_of = {name: place for place, stage in enumerate(STAGES) for name in stage}
    for path in sources(COMPILER):
        parts = path.relative_to(COMPILER).with_suffix("").parts
        for name, level in imported(path):
            target = (*parts[: len(parts) - level], *name.split("."))
            own, other = parts[0], target[0]
            if level == 0 or own not in stage_of or (own, other) in EXCEPTIONS:
                continue
            if other in stage_of:
                assert stage_of[other] <= stage_of[own], f"{path.name} imports {'.'.join(target)}"


def test_every_part_of_the_compiler_has_its_stage() -> None:
    parts = {path.relative_to(COMPILER).with_suffix("").parts[0] for path in sources(COMPILER)}
    assert parts - {"__init__", "__main__"} == set().union(*STAGES)
