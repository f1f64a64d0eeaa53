"""Compiles specifications of symmetric neural networks to PyTorch modules.

`build` writes modules, `load` makes one in memory, `check` reports mistakes, `explain` says what was
derived, `verify` tests a module from outside, `trace` derives the symmetry of a PyTorch model. All are loaded when they are first used, and torch only
by those that run modules.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import build, check, explain, load, verify
    from .errors import SpecError, SpecErrors
    from .tracing import trace

__all__ = ["SpecError", "SpecErrors", "build", "check", "explain", "load", "trace", "verify"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "errors" if name.startswith("Spec") else "tracing" if name == "trace" else "api"
    return getattr(import_module(f".{home}", __name__), name)
