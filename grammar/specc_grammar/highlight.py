"""Colours for specifications in Pygments: in rich, in Sphinx, in terminals, as the language `specc`.

The ending `.spec` is RPM's as well, so the lexer is to be named: `Syntax(text, "specc")`.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, words  # type: ignore[import-untyped]
from pygments.token import (  # type: ignore[import-untyped]
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
)

_GROUPS = ("S", "A", "C", "D", "B", "O", "SO", "Sp", "U", "SU", "GL", "SL", "E", "SE")
_TYPES = ("weights", "sym", "alt", "dual")


class SpecLexer(RegexLexer):  # type: ignore[misc]
    """Keywords are coloured where they can be keywords: a parameter called `model` is a name."""

    name = "specc"
    aliases: ClassVar[list[str]] = ["specc"]
    filenames: ClassVar[list[str]] = []
    url = ""
    version_added = ""

    tokens: ClassVar[dict[str, list[object]]] = {
        "root": [
            (r"\s+", Text.Whitespace),
            (r"#[^\n]*", Comment.Single),
            (r'"[^"\n]*"', String.Double),
            (
                r"(model|block)(\s+)([A-Za-z_]\w*)",
                bygroups(Keyword.Declaration, Text.Whitespace, Name.Function),
            ),
            (
                r"(param|axis|group|space)(\s+)([A-Za-z_]\w*)",
                bygroups(Keyword.Declaration, Text.Whitespace, Name.Class),
            ),
            (r'from(?=\s*")|import(?=\s+\w)', Keyword.Namespace),
            (r"(return|repeat)\b", Keyword.Reserved),
            (r"(true|false)\b", Keyword.Constant),
            (r"(;)(\s*)(index)(?=\s+\w|\s*\()", bygroups(Punctuation, Text.Whitespace, Keyword)),
            (r"(displacement|complex)\b(?!\s*[:.=\[(])", Keyword.Type),
            (
                r"(in|spin|as|on)(?=\s+\w)|(fixing|on)(?=\s*\()|by(?=\s*(<|matrices))|matrices(?=\s*\{)",
                Keyword,
            ),
            (r"(?<=\})(\s*)(lie)\b(?!\s*[=,\[])", bygroups(Text.Whitespace, Keyword)),
            (r"(even|odd|masked)\b(?!\s*[=(\[.:])", Keyword.Type),
            (words(_GROUPS, suffix=r"(?=\()"), Name.Builtin),
            (words(_TYPES, suffix=r"(?=\()"), Keyword.Type),
            (r"[A-Za-z_]\w*(?=\s*(?:\[[^\]\n]*\])?\()", Name.Function),
            (r"[A-Za-z_]\w*(?=\s*=[^=])", Name.Variable),
            (r"[A-Za-z_]\w*", Name),
            (r"\.[A-Za-z0-9_]+", Name.Attribute),
            (r"\d+(_\d+)*(\.\d+([eE][+-]?\d+)?|[eE][+-]?\d+)", Number.Float),
            (r"\d+(_\d+)*", Number.Integer),
            (r"->|\|>|//|[=+\-*/%^<>]", Operator),
            (r"[\[\](){},:;]", Punctuation),
        ],
    }
