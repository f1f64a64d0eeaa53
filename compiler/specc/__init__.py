"""Compiles specifications of symmetric neural networks to PyTorch modules.

`build` writes modules, `load` makes one in memory, `check` reports mistakes, `explain` says what was
derived, `verify` tests a module from outside. Torch is imported by the functions that run modules,
never at start-up.
"""

from __future__ import annotations

from .api import build, check, explain, load, verify
from .errors import SpecError, SpecErrors

__all__ = ["SpecError", "SpecErrors", "build", "check", "explain", "load", "verify"]
