"""From a text to its syntax tree: `parse`, and `read_source` for the text of a file.

What a name means is no concern here. Mistakes are found in three steps: `scan` finds what can stand
in no specification, `recover` where the words do not fit the grammar, `transform` what the grammar
cannot say. Only this module and `transform` import lark.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

from lark import Lark, UnexpectedInput
from lark.parsers.lalr_analysis import Shift

import specc_grammar
from specc_grammar import words as vocabulary
from specc_grammar.mistakes import MISTAKES, Mistake

from ..errors import Errors, Source, Span, SpecError
from . import syntax
from .automaton import Automaton, Word
from .recover import Finding, recover
from .scan import scan
from .sentences import Reading, Symptom, explain, symptom
from .transform import transform

LARGEST_FILE = 1_000_000
"""Bytes of a file, or characters of a text, that are read at most."""

_DIVIDE = 'put parts of it in files of their own: `from "part.spec" import A, B`'

SMALLEST_EXAMPLE = "model Same(x: [; 3]) -> [; 3] { return x }"


def read_source(path: Path, name: str | None = None) -> Source:
    """The text of a file, with `\n` as the end of every line; `name` is how messages call it."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise SpecError(f"there is no file `{name}`") from None
    except IsADirectoryError:
        raise SpecError(f"`{name}` is a directory, not a file") from None
    except PermissionError:
        raise SpecError(f"the file `{name}` may not be read: permission denied") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SpecError(f"the file `{name}` cannot be read: {reason}") from None
    if len(content) > LARGEST_FILE:
        raise SpecError(f"the file `{name}` is larger than {LARGEST_FILE // 1000} kB", hint=_DIVIDE)
    return Source(name, _decode(content, name), path)


def _decode(content: bytes, name: str) -> str:
    if b"\0" in content:
        raise SpecError(f"`{name}` is a binary file, not a specification")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError(
            f"the file `{name}` is not written in UTF-8 (line {line}, byte {error.start})"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(source: Source) -> syntax.File:
    """The syntax tree of a specification; raises all mistakes of its text together."""
    if len(source.text) > LARGEST_FILE:
        raise SpecError(f"`{source.name}` has more than {LARGEST_FILE} characters", hint=_DIVIDE)
    errors = Errors()
    text, impossible = scan(source)
    errors.extend(impossible)
    try:
        tree = _parser().parse(text)
    except UnexpectedInput:
        errors.extend(_misfits(source, text, [e.span for e in impossible if e.span is not None]))
        errors.raise_if_any()
        raise
    with errors.collect():
        file = transform(source, tree)
        if not file.declarations and not errors:
            start = Span(source, 0, 0)
            raise SpecError("this file declares nothing", start, f"write `{SMALLEST_EXAMPLE}`")
    errors.raise_if_any()
    return file


@cache
def _parser() -> Lark:
    """The parser. It is made anew in each process, in 0.1 s: no cache on disk to go wrong."""
    return Lark.open(
        "specc.lark",
        rel_to=specc_grammar.__file__,
        parser="lalr",
        lexer="basic",
        start="file",
        propagate_positions=True,
        maybe_placeholders=True,
    )


# --- Mistakes ------------------------------------------------------------------------------------


def _misfits(source: Source, text: str, impossible: list[Span]) -> list[SpecError]:
    """What does not fit the grammar, except beside what `scan` has already told."""
    reading = Reading(source, _words(text), _automaton())
    return [
        explain(reading, finding, _known_mistakes())
        for finding in recover(reading.words, reading.automaton)
        if not _follows(reading, finding, impossible)
    ]


def _follows(reading: Reading, finding: Finding, impossible: list[Span]) -> bool:
    """Whether a mistake may follow from an impossible piece of text near it."""
    at = finding.repair.at if finding.repair is not None else finding.at
    start, end = reading.words[max(at - 2, 0)].start, reading.words[finding.at].end
    return any(span.start <= end and start <= span.end for span in impossible)


def _words(text: str) -> list[Word]:
    """The words of a text, and the end."""
    words: list[Word] = []
    line = 0
    for token in _parser().lex(text):
        assert token.start_pos is not None and token.end_pos is not None and token.line is not None
        starts_line = token.line != line
        words.append(Word(token.type, str(token), token.start_pos, token.end_pos, starts_line))
        line = token.line
    words.append(Word(vocabulary.END, "", len(text), len(text), True))
    return words


@cache
def _automaton() -> Automaton:
    """The automaton that lark made of the grammar."""
    conf = _parser().parse_interactive("").parser_state.parse_conf
    shifts: dict[int, dict[str, int]] = defaultdict(dict)
    reductions: dict[int, dict[str, tuple[str, int]]] = defaultdict(dict)
    for state, actions in conf.states.items():
        for symbol, (action, argument) in actions.items():
            if action is Shift:
                shifts[state][symbol] = argument
            else:
                reductions[state][symbol] = (argument.origin.name, len(argument.expansion))
    return Automaton(conf.start_state, conf.end_state, shifts, reductions)


@cache
def _known_mistakes() -> dict[Symptom, Mistake]:
    """The common mistakes by the symptoms that their examples show."""
    known: dict[Symptom, Mistake] = {}
    for mistake in MISTAKES:
        for example in mistake.examples:
            reading = Reading(Source("example", example), _words(example), _automaton())
            finding, *_ = recover(reading.words, reading.automaton)
            known.setdefault(symptom(reading, finding), mistake)
    return known
