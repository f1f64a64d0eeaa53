"""Finds what can stand in no specification, whatever the grammar: odd characters, numbers and quotes.

Each mistake is reported and repaired in a copy of the text *of the same length*, so that the parser
goes on undisturbed and every position stays true. Brackets are only counted here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from specc_grammar.foreign import SIGNS

from ..errors import MOST_MISTAKES, Source, Span, SpecError, SpecErrors

MOST_BRACKETS = 100
"""So deep may brackets be nested."""

_PIECES = re.compile(
    r"""
      (?P<comment>  \#[^\n]* | /\*(?s:.*?)(?:\*/|\Z) )
    | (?P<string>   "[^"\n]*" )
    | (?P<unclosed> "[^\n]* )
    | (?P<quoted>   ['\u2018\u201c\u201d\u201e\xab] [^'"\u2018-\u201d\xbb\n]* ['\u2019\u201c\u201d\xbb] )
    | (?P<number>   (?<![\w.]) [0-9][\w.]* (?: (?<=[eE]) [+-] [0-9]+ )? )
    | (?P<fraction> (?<![\w.\])"]) \.[0-9]+ )
    | (?P<word>     [^\W\d]\w* )
    | (?P<open>     [(\[{] )
    | (?P<close>    [)\]}] )
    | (?P<good>     \|> | -> | \.[A-Za-z0-9_] )
    | (?P<sign>     SIGNS )
    | (?P<odd>      [^\ \t\r\n\x21-\x7e] | [!$?`~] )
    """.replace("SIGNS", "|".join(map(re.escape, sorted(SIGNS, key=len, reverse=True)))),
    re.VERBOSE,
)

_PLAIN_SIGNS = frozenset("()[]{}<>=,:;+-*/%^ ")

_NUMBER = re.compile(r"[0-9]+(_[0-9]+)*(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class _Repair:
    """What to report of a piece of text, and what the parser shall read in its place."""

    text: str
    message: str
    hint: str | None = None


def scan(source: Source) -> tuple[str, list[SpecError]]:
    """The text with its impossible pieces repaired, and what was wrong with them.

    A text whose brackets are nested too deep, or with very many mistakes, is not read to its end.
    """
    errors: list[SpecError] = []
    repaired: list[str] = []
    told: set[str] = set()
    position = depth = 0
    while piece := _PIECES.search(source.text, position):
        start, end, kind = piece.start(), piece.end(), piece.lastgroup or ""
        depth += (kind == "open") - (kind == "close")
        if depth > MOST_BRACKETS:
            raise _too_deep(source, start)
        inspect = _INSPECTIONS.get(kind)
        repair = inspect(piece) if inspect else None
        text = repair.text if repair else piece[0]
        repaired += (source.text[position:start], text)
        position = start + len(text)
        if repair and (kind != "word" or piece[0] not in told):  # a name is misspelt once
            told.add(piece[0])
            errors.append(SpecError(repair.message, Span(source, start, end), repair.hint))
        if len(errors) == MOST_MISTAKES:
            raise SpecErrors(f"{MOST_MISTAKES} errors", errors)
    repaired.append(source.text[position:])
    return "".join(repaired), errors


def _too_deep(source: Source, position: int) -> SpecError:
    return SpecError(
        f"brackets are nested more than {MOST_BRACKETS} deep here",
        Span(source, position, position + 1),
        "give a part of it a name of its own",
    )


def quote(text: str) -> str:
    """A piece of a text as messages show it."""
    return f"`{text}`" if len(text) <= 30 else f"`{text[:29]}…`"


def _comment(piece: re.Match[str]) -> _Repair | None:
    if piece[0].startswith("#"):
        return None
    blank = re.sub(r"[^\n]", " ", piece[0])
    return _Repair(blank, "`/*` begins no comment here", "a comment begins with `#`")


def _unclosed(piece: re.Match[str]) -> _Repair:
    """Closes the text after its first word when a space follows, else at the end of the line."""
    word = re.match(r'"[\w./-]*(?=[ \t])', piece[0])
    closed = (word[0] if word else piece[0]) + '"'
    return _Repair(closed, 'this text is not closed: a `"` is missing', "it must end in its line")


def _quoted(piece: re.Match[str]) -> _Repair:
    text = f'"{piece[0][1:-1]}"'
    return _Repair(text, f"a text stands between straight double quotes: {quote(text)}")


def _number(piece: re.Match[str]) -> _Repair | None:
    text = piece[0]
    if _NUMBER.fullmatch(text):
        return None
    if whole := re.fullmatch(r"([0-9]+)\.", text):
        return _Repair(
            whole[1] + " ", f"{quote(text)} is no number", f"write {quote(whole[1] + '.0')}"
        )
    if product := re.fullmatch(r"([0-9]+)([A-Za-z_]\w*)", text):
        hint = f"a name begins with a letter; a product is written {quote(f'{product[1]} * {product[2]}')}"
        return _Repair("_" * len(text), f"{quote(text)} is neither a number nor a name", hint)
    hint = "numbers are written `12`, `0.5` or `1e-3`"
    return _Repair("0" * len(text), f"{quote(text)} is no number", hint)


def _fraction(piece: re.Match[str]) -> _Repair | None:
    """`.5` is no number, but `.0` may be an attribute when a space stands before it."""
    before = piece.start() - 1
    while before >= 0 and piece.string[before].isspace():
        before -= 1
    if before >= 0 and piece.string[before] not in "=(,[+-*/%^;:{":
        return None
    fixed = f"0{piece[0]}"
    return _Repair("0" * len(piece[0]), f"{quote(piece[0])} is no number", f"write {quote(fixed)}")


def _word(piece: re.Match[str]) -> _Repair | None:
    text = piece[0]
    if text.isascii():
        return None
    spelt = "".join(map(_latin, text))
    hint = f"write {quote(spelt)}" if re.fullmatch(r"[A-Za-z_]\w*", spelt, re.ASCII) else None
    message = f"{quote(text)} is no name: names are made of the letters a to z, digits and `_`"
    return _Repair("_" * len(text), message, hint)


def _latin(letter: str) -> str:
    """A letter in ASCII: `é` as `e`, `θ` as `theta`; itself if there is no obvious way."""
    words = unicodedata.name(letter, "").split()
    if words[:1] == ["GREEK"] and words[-1].isalpha():
        return words[-1].lower()
    plain = unicodedata.normalize("NFKD", letter)[0]
    return plain if plain.isascii() else letter


def _sign(piece: re.Match[str]) -> _Repair:
    foreign = SIGNS[piece[0]]
    fits = len(foreign.stands_for) <= len(piece[0])
    text = foreign.stands_for.ljust(len(piece[0])) if fits else " "
    return _Repair(text, f"`{piece[0]}` is not a sign of this language", foreign.hint)


def _odd(piece: re.Match[str]) -> _Repair:
    """A wide or otherwise decorated sign is read as the plain one, all else as a space."""
    character = piece[0]
    plain = unicodedata.normalize("NFKC", character)
    meant = plain if plain in _PLAIN_SIGNS and plain != character else " "
    name = unicodedata.name(character, "").lower() or f"character U+{ord(character):04X}"
    shown = f"`{character}`" if character.isascii() and character.isprintable() else f"the {name}"
    hint = None if meant.isspace() else f"write `{meant}`"
    return _Repair(meant, f"{shown} is not a sign of this language", hint)


_INSPECTIONS: dict[str, Callable[[re.Match[str]], _Repair | None]] = {
    "comment": _comment,
    "unclosed": _unclosed,
    "quoted": _quoted,
    "number": _number,
    "fraction": _fraction,
    "word": _word,
    "sign": _sign,
    "odd": _odd,
}
