"""Signs of other languages and keyboards, and what to write in their place."""

# ruff: noqa: RUF001 (the look-alikes are the point)

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Foreign:
    """`stands_for` is what the sign is likely to mean here; empty if nothing."""

    stands_for: str
    hint: str


def _like(sign: str) -> Foreign:
    return Foreign(sign, f"write `{sign}`")


_BINDING = Foreign("=", "a single `=` gives a name or an argument its value")
_COMPARISON = Foreign("+", "values are not compared in a specification")
_LOGIC = _COMPARISON
_ELLIPSIS = Foreign("", "nothing is left out: all axes are written")

SIGNS = {
    "**": Foreign("^", "a power is written with `^`, as in `x ^ 2`"),
    "==": _BINDING,
    ":=": _BINDING,
    "<-": _BINDING,
    "+=": Foreign("=", "write `x = x + ...`"),
    "-=": Foreign("=", "write `x = x - ...`"),
    "*=": Foreign("=", "write `x = x * ...`"),
    "/=": Foreign("=", "write `x = x / ...`"),
    "++": Foreign("+", "a sum is written `x + y`; `concat(x, y)` puts channels side by side"),
    "!=": _COMPARISON,
    "<=": _COMPARISON,
    ">=": _COMPARISON,
    "&&": _LOGIC,
    "||": _LOGIC,
    "&": _LOGIC,
    "|": Foreign("+", "values are passed on with `|>`, as in `x |> relu`"),
    "=>": Foreign("->", "the outputs of a model stand after `->`"),
    "::": Foreign(":", "a type stands after a single `:`"),
    "...": _ELLIPSIS,
    "..": _ELLIPSIS,
    ".": Foreign("", "what is taken out of a collection is named after the dot: `w.fc1`"),
    "@": Foreign("*", "`linear(x, c)` and `inner(x, y)` multiply matrices and vectors"),
    "\\": Foreign("", "newlines are white space: nothing marks a line that goes on"),
    "'": Foreign("", 'a text stands between two `"`'),
    "−": _like("-"),
    "‐": _like("-"),
    "–": _like("-"),
    "—": _like("-"),
    "×": _like("*"),
    "·": _like("*"),
    "⋅": _like("*"),
    "∗": _like("*"),
    "÷": _like("/"),
    "∕": _like("/"),
    "≔": _like("="),
    "→": _like("->"),
    "⇒": _like("->"),
    "²": _like("^ 2"),
    "³": _like("^ 3"),
}

_MODEL = "a network is declared with `model`, a reusable piece of one with `block`"
_BINDING_WORD = "nothing stands before the name: `h = relu(x)`"
_LOOP = "`repeat n { ... }` is the one loop of the language"
_CONDITION = "there are no conditions in a specification"
_COLLECTION = "a named collection of tensors is declared with `space`"
_IMPORT = 'write `from "other.spec" import A, B`'

BEGINNINGS = {
    "def": _MODEL,
    "class": _MODEL,
    "function": _MODEL,
    "func": _MODEL,
    "fn": _MODEL,
    "module": _MODEL,
    "network": _MODEL,
    "layer": "a reusable piece of a network is declared with `block`",
    "let": _BINDING_WORD,
    "var": _BINDING_WORD,
    "val": _BINDING_WORD,
    "const": "a build parameter is declared with `param`",
    "for": _LOOP,
    "while": _LOOP,
    "loop": _LOOP,
    "if": _CONDITION,
    "else": _CONDITION,
    "type": _COLLECTION,
    "struct": _COLLECTION,
    "dim": "an axis is declared with `axis`",
    "include": _IMPORT,
    "use": _IMPORT,
}
"""Words with which a line begins in other languages, and what is likely meant."""

LINKS = {
    "if": _CONDITION,
    "else": _CONDITION,
    "for": _LOOP,
    "lambda": _MODEL,
    "and": _COMPARISON.hint,
    "or": _COMPARISON.hint,
    "not": _COMPARISON.hint,
}
"""Words within a line of other languages."""
