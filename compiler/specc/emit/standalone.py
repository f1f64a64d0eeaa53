"""Inlines what a generated module uses of the runtime, so that the file needs torch alone."""

from __future__ import annotations

import ast
import importlib.util
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MODULES = (
    "tensors",
    "forms",
    "actions",
    "spins",
    "gaps",
    "orbits",
    "torus",
    "rings",
    "nullspaces",
    "zero_weights",
    "ties",
    "tied_blocks",
    "correlations",
    "tied",
    "circulant",
    "storage",
    "scales",
    "inputs",
    "modules",
    "points",
    "convolution",
    "statistics",
    "attention",
    "experts",
    "embedding",
    "recurrent",
    "products",
    "gates",
    "complex_numbers",
    "kan",
    "formulas",
    "slabs",
    "remembered",
    "fused",
    "equivariant",
    "compilation",
    "models",
)
"""The runtime modules that generated code may use; none depends on a later one."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, class or constant of the runtime: its source, and the names it uses."""

    text: str
    uses: frozenset[str]


@dataclass(frozen=True, slots=True, order=True)
class Imported:
    """A name and where it is imported from; `name` is empty for `import module`."""

    module: str
    name: str
    bound: str


def standalone(text: str) -> str:
    """The same module with the runtime's functions and classes in place of their import."""
    tree = ast.parse(text)
    definitions, available = _runtime()
    wanted = [
        alias.name
        for each in tree.body
        if isinstance(each, ast.ImportFrom) and each.module == "specc_runtime"
        for alias in each.names
    ]
    needed = _closure(wanted, definitions)
    used = frozenset(name for each in needed for name in definitions[each].uses)
    imports = {item for item in available if item.bound in used}
    imports |= {item for item in _imports(tree) if item.module != "specc_runtime"}
    lines = text.splitlines()
    statements = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    first, last = statements[0].lineno, statements[-1].end_lineno or statements[-1].lineno
    body_starts = next(
        (each.lineno for each in tree.body if isinstance(each, ast.ClassDef)), len(lines) + 1
    )
    head = [*lines[: first - 1], "from __future__ import annotations", "", *_import_lines(imports)]
    between = lines[last : body_starts - 1]
    inlined = "\n\n\n".join(definitions[name].text for name in needed)
    rest = lines[body_starts - 1 :]
    parts = ["\n".join([*head, *between]).rstrip("\n"), inlined, "\n".join(rest)]
    return "\n\n\n".join(part for part in parts if part) + "\n"


@cache
def _runtime() -> tuple[dict[str, Definition], frozenset[Imported]]:
    """Everything that the runtime defines, in order, and everything that it imports."""
    found = importlib.util.find_spec("specc_runtime")
    assert found is not None and found.origin is not None
    definitions: dict[str, Definition] = {}
    imports: set[Imported] = set()
    for module in MODULES:
        source = (Path(found.origin).parent / f"{module}.py").read_text(encoding="utf-8")
        tree = ast.parse(source)
        imports |= {item for item in _imports(tree) if item.module != "__future__"}
        for node in tree.body:
            name = _defined(node)
            if name is not None:
                start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
                text = "\n".join(source.splitlines()[start - 1 : node.end_lineno])
                definitions[name] = Definition(text, _names(node))
    return definitions, frozenset(imports)


def _closure(wanted: list[str], definitions: dict[str, Definition]) -> list[str]:
    """The definitions that are needed, in the order of the runtime."""
    needed: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [each for each in definitions[name].uses if each in definitions]
    return [name for name in definitions if name in needed]


def _defined(node: ast.stmt) -> str | None:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def _imports(tree: ast.Module) -> set[Imported]:
    found: set[Imported] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {Imported(a.name, "", a.asname or a.name) for a in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__":
            assert node.module is not None
            found |= {Imported(node.module, a.name, a.asname or a.name) for a in node.names}
    return found


def _import_lines(imports: set[Imported]) -> list[str]:
    """Import statements as the import sorter has them: the standard library first."""
    standard = {i for i in imports if i.module.partition(".")[0] in sys.stdlib_module_names}
    sections = [_section(section) for section in (standard, imports - standard) if section]
    return [line for n, section in enumerate(sections) for line in ([""] if n else []) + section]


def _section(imports: set[Imported]) -> list[str]:
    lines = [f"import {item.module}" for item in sorted(imports) if not item.name]
    for module in sorted({item.module for item in imports if item.name}):
        names = sorted(
            (item for item in imports if item.module == module and item.name),
            key=lambda item: (not item.name[0].isupper(), item.name),
        )
        plain = [i.name if i.name == i.bound else f"{i.name} as {i.bound}" for i in names]
        lines.append(f"from {module} import {', '.join(plain)}")
    return lines
