"""The file: header, imports of what is used, classes in an order in which each is known."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from ..names import RUNTIME
from ..planning.module_plan import Classes, ModulePlan
from .layer import emit_layer
from .layout import indent
from .model import emit_module


def emit(name: str, text: str, models: Sequence[ModulePlan], classes: Classes, params: str) -> str:
    """The generated module of a specification called `name` with the given text."""
    sections = [emit_module(model) for model in models]
    sections += [emit_module(block) for block in classes.blocks.values()]
    sections += [emit_layer(use) for use in classes.layers.values()]
    body = "\n\n\n".join("\n".join(lines) for lines in sections)
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    header = _header(name, text, models, params)
    parts = ["\n".join(header), "\n".join(_imports(used))]
    exported = ", ".join(f'"{model.name}"' for model in sorted(models, key=lambda m: m.name))
    if models:
        parts[-1] += "\n\n" + _exports(exported)
    return "\n\n".join(parts) + ("\n\n\n" + body if body else "") + "\n"


def _header(name: str, text: str, models: Sequence[ModulePlan], params: str) -> list[str]:
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    built = f" with {params}" if params else ""
    listed = ", ".join(model.name for model in models) or "no models"
    return [
        f'"""{listed}: generated from {name}{built}. DO NOT EDIT.',
        "",
        f"specc {version('specc')}, source sha256 {digest}.",
        '"""',
    ]


def _imports(used: set[str]) -> list[str]:
    lines = ["from __future__ import annotations", "", "import torch"]
    names = [each for each in ("Tensor", "nn") if each in used]
    if names:
        lines.append(f"from torch import {', '.join(names)}")
    if "F" in used:
        lines.append("from torch.nn import functional as F")
    runtime = sorted((each for each in RUNTIME if each in used), key=_isort_key)
    if runtime:
        short = f"from specc_runtime import {', '.join(runtime)}"
        if len(short) <= 100:
            lines.append(short)
        else:
            lines += ["from specc_runtime import (", *indent(f"{each}," for each in runtime), ")"]
    return _grouped(lines)


def _grouped(lines: Iterable[str]) -> list[str]:
    """`specc_runtime` stands with torch: both are third-party."""
    lines = list(lines)
    start = next((i for i, line in enumerate(lines) if line.startswith("from specc_runtime")), None)
    if start is None:
        return lines
    torch_at = lines.index("import torch")
    runtime = lines[start:]
    return [*lines[: torch_at + 1], *runtime, *lines[torch_at + 1 : start]]


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, classes, functions: the order of the import sorter."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


def _exports(exported: str) -> str:
    line = f"__all__ = [{exported}]"
    if len(line) <= 100:
        return line
    return "__all__ = [\n" + "".join(f"    {each},\n" for each in exported.split(", ")) + "]"
