"""A way to compute something: two functions without arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[], object]


class Absent(Exception):
    """Why a contender is not there, in a sentence."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Forward without gradients, and forward with all gradients; runs end when their results are there."""

    forward: Run
    training: Run
