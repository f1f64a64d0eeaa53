"""Build parameters as a command line gives them: `width=128`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import SpecError
from ..program.static import Static


def definitions(texts: Sequence[str]) -> dict[str, Static]:
    """The value of each name; of a name that is given twice the last."""
    params: dict[str, Static] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise SpecError(f"`-D {text}` sets no build parameter", None, "`-D width=128` sets one")
        params[name] = value_of(value)
    return params


def value_of(text: str) -> Static:
    """A whole number, a number, `true` or `false`, or else the text itself."""
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            value = read(text)
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return text
