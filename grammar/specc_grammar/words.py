"""What a user calls the tokens of `specc.lark`, one by one and in groups. Messages speak these words."""

from __future__ import annotations

from dataclasses import dataclass

KEYWORDS = {
    "PARAM": "param",
    "AXIS": "axis",
    "GROUP": "group",
    "SPACE": "space",
    "MODEL": "model",
    "BLOCK": "block",
    "FROM": "from",
    "IMPORT": "import",
    "IN": "in",
    "SPIN": "spin",
    "EVEN": "even",
    "ODD": "odd",
    "FIXING": "fixing",
    "BY": "by",
    "ON": "on",
    "MATRICES": "matrices",
    "LIE": "lie",
    "AS": "as",
    "REPEAT": "repeat",
    "RETURN": "return",
    "TRUE": "true",
    "FALSE": "false",
    "DISPLACEMENT": "displacement",
    "COMPLEX": "complex",
}

RESERVED = frozenset({"REPEAT", "RETURN", "TRUE", "FALSE"})
"""The keywords that are no names."""

NAMES = frozenset({"NAME", *KEYWORDS}) - RESERVED
"""A keyword is a name wherever no keyword can stand."""

DECLARATIONS = ("PARAM", "AXIS", "GROUP", "SPACE", "MODEL", "BLOCK", "FROM")

BEGINNINGS = frozenset({*DECLARATIONS, "REPEAT", "RETURN"}) - {"FROM"}
"""Keywords that begin a declaration or statement within a line, too."""

CLOSERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE", "LESSTHAN": "MORETHAN"}
"""The bracket that closes an opening one."""

ANCHORS = frozenset({*KEYWORDS, "EQUAL", "COLON", "ARROW", "SEMICOLON", "INDEX", "PIPE"})
"""Words that tell, as an opening bracket does, within what another word stands."""

OPERATORS = ("PLUS", "MINUS", "STAR", "SLASH", "FLOOR", "PERCENT", "CARET", "PIPE")

NUMBERS = ("INTEGER", "FLOAT")

SIGNS = {
    "RPAR": ")",
    "RSQB": "]",
    "RBRACE": "}",
    "MORETHAN": ">",
    "COMMA": ",",
    "EQUAL": "=",
    "COLON": ":",
    "ARROW": "->",
    "LPAR": "(",
    "LBRACE": "{",
    "LSQB": "[",
    "LESSTHAN": "<",
    "SEMICOLON": ";",
    "PLUS": "+",
    "MINUS": "-",
    "STAR": "*",
    "SLASH": "/",
    "FLOOR": "//",
    "PERCENT": "%",
    "CARET": "^",
    "PIPE": "|>",
}
"""Signs as they are written, those first that are most often forgotten."""

END = "$END"

PHRASES = (
    *((kind,) for kind in SIGNS),
    ("NAME",),
    ("STRING",),
    ("IMPORT",),
    ("RETURN",),
    ("COLON", "NAME"),
    ("EQUAL", "NAME"),
    ("NAME", "EQUAL"),
    ("NAME", "COLON", "NAME"),
    ("ARROW", "NAME"),
    ("LPAR", "RPAR"),
    ("LPAR", "RPAR", "ARROW", "NAME"),
)
"""What may be missing between two words, the likeliest first."""

HEADINGS = (
    ("REPEAT", "NAME"),
    ("MODEL", "NAME", "LPAR", "RPAR", "ARROW", "NAME"),
    ("BLOCK", "NAME", "LPAR", "RPAR"),
    ("SPACE", "NAME"),
    ("GROUP", "NAME", "EQUAL", "MATRICES"),
)
"""What may stand before a `{`."""

TERMINALS = {
    "NAME": "a name",
    "ATTRIBUTE": "an attribute like `.weight`",
    "INTEGER": "a whole number",
    "FLOAT": "a number",
    "STRING": 'a text in `"`',
    "INDEX": "`; index`",
    END: "the end of the file",
    **{kind: f"`{text}`" for kind, text in (KEYWORDS | SIGNS).items()},
}
"""What is expected, when this token is."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tokens that have one name when all of `needs` and none of `bars` are expected together.

    The `members` go without saying once the group is named.
    """

    phrase: str
    needs: frozenset[str]
    bars: frozenset[str]
    members: frozenset[str]


GROUPS = (
    Group(
        "an expression",
        needs=frozenset({"NAME", "INTEGER", "STRING", "LPAR"}),
        bars=frozenset(),
        members=NAMES | {*NUMBERS, "TRUE", "FALSE", "STRING", "LPAR", "LSQB", "MINUS"},
    ),
    Group(
        "an operator",
        needs=frozenset({"PLUS", "PIPE"}),
        bars=frozenset(),
        members=frozenset({*OPERATORS, "ATTRIBUTE", "LPAR", "LSQB"}),
    ),
    Group(
        "a statement",
        needs=frozenset({"NAME", "REPEAT", "RETURN"}),
        bars=frozenset(),
        members=NAMES | {"REPEAT", "RETURN"},
    ),
    Group(
        "a declaration",
        needs=frozenset(DECLARATIONS),
        bars=frozenset({"NAME"}),
        members=frozenset(DECLARATIONS),
    ),
    Group(
        "a type",
        needs=frozenset({"NAME", "LSQB"}),
        bars=frozenset({"PLUS", "EQUAL"}),
        members=NAMES | {"LSQB"},
    ),
    Group(
        "a name",
        needs=frozenset({"NAME"}),
        bars=frozenset(),
        members=NAMES | {"STRING"},
    ),
)
"""Tried in this order."""
