"""Puts a place where the words do not fit the grammar into a sentence: what was expected, what found.

Common mistakes have sentences of their own in `specc_grammar/mistakes.py`, each with examples. A
mistake is known again by its symptom, which its examples show as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from specc_grammar import words as vocabulary
from specc_grammar.foreign import BEGINNINGS, LINKS
from specc_grammar.mistakes import Mistake

from ..errors import Note, Source, Span, SpecError
from .automaton import Automaton, Stack, Word
from .recover import DEEPEST, Finding, Repair
from .scan import quote


@dataclass(frozen=True, slots=True)
class Symptom:
    """What two cases of one mistake have in common.

    `state` is where the automaton was after the last bracket, keyword or sign around the mistake;
    `previous` and `found` are the words on both sides, by class, `starts_line` whether a line ends
    between them; `offset` tells whether the repair is at the second word or at the first.
    """

    state: int
    previous: str
    found: str
    starts_line: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that does not fit the grammar: what the messages about it are made from."""

    source: Source
    words: Sequence[Word]
    automaton: Automaton


def explain(reading: Reading, finding: Finding, known: Mapping[Symptom, Mistake]) -> SpecError:
    """The message for one finding."""
    repair = finding.repair
    if finding.stack.depth > DEEPEST:
        hint = "give a part of it a name of its own"
        return SpecError("too many operations one in another", _span(reading, finding.at), hint)
    special = _foreign(reading, finding)
    if special is None and repair is not None:
        special = _misspelt(reading, repair) or _bracket(reading, repair)
    special = special or _known(reading, finding, known)
    if special is not None:
        return special
    return _unfit(reading, finding) if repair is None else _missing(reading, repair)


# --- Kinds of messages ---------------------------------------------------------------------------


def _foreign(reading: Reading, finding: Finding) -> SpecError | None:
    """A comment or word of another language, at most two words before the one that does not fit."""
    words = reading.words
    for at in range(finding.at, max(finding.at - 3, -1), -1):
        word = words[at]
        if word.kind == "FLOOR" and word.starts_line:
            message = "`//` begins no comment here"
            return SpecError(message, _span(reading, at), "a comment begins with `#`")
        hint = (BEGINNINGS if word.starts_line else LINKS).get(word.text)
        if hint is not None and _class(words[at + 1].kind) in _AFTER_FOREIGN:
            message = f"`{word.text}` is not a word of this language"
            return SpecError(message, _span(reading, at), hint)
        if word.starts_line and at < finding.at:
            return None
    return None


_AFTER_FOREIGN = frozenset({"NAME", "INTEGER", "STRING", "LBRACE", "COLON"})
"""What follows a foreign word, but not a name that is used as one."""


def _misspelt(reading: Reading, repair: Repair) -> SpecError | None:
    word = reading.words[repair.at]
    span = _span(reading, repair.at)
    if repair.removed and repair.added == ("NAME",) and word.kind in vocabulary.RESERVED:
        return SpecError(f"`{word.text}` is a keyword and cannot be a name", span)
    keyword = vocabulary.KEYWORDS.get(repair.added[0]) if repair.added else None
    if not repair.removed or word.kind != "NAME" or keyword is None:
        return None
    return SpecError(f"unknown word `{word.text}`", span, f"did you mean `{keyword}`?")


def _bracket(reading: Reading, repair: Repair) -> SpecError | None:
    """A bracket that is not closed, closed by another one, or closes nothing."""
    closers = vocabulary.CLOSERS.values()
    word = reading.words[repair.at]
    if repair.removed and word.kind not in closers:
        return None
    if not repair.added:
        return SpecError(f"this {describe(word)} closes nothing", _span(reading, repair.at))
    if not all(kind in closers for kind in repair.added):
        return None
    notes = []
    for frame in islice(repair.under.unclosed(), len(repair.added)):
        opened = reading.words[frame.word]
        sign = f"`{opened.text}`"
        message = f"to close this {sign}" if repair.removed else f"this {sign} is not closed"
        notes.append(Note(message, _span(reading, frame.word)))
    message, span = _unmet(reading, repair, vocabulary.TERMINALS[repair.added[0]])
    return SpecError(message, span, notes=tuple(notes))


def _known(
    reading: Reading, finding: Finding, known: Mapping[Symptom, Mistake]
) -> SpecError | None:
    """The sentence of a common mistake."""
    mistake = known.get(symptom(reading, finding))
    if mistake is None:
        return None
    at = finding.repair.at if finding.repair is not None else finding.at
    if "{found}" in mistake.message:
        at = finding.at
    message = mistake.message.replace("{found}", describe(reading.words[at]))
    return SpecError(message, _span(reading, at), mistake.hint)


def _missing(reading: Reading, repair: Repair) -> SpecError:
    """Something is missing before a word, or another word is expected in its place."""
    match repair.added:
        case (sign,) if sign in vocabulary.OPERATORS:
            expected = "an operator"
        case (sign,) if sign in vocabulary.SIGNS:
            expected = vocabulary.TERMINALS[sign]
        case _:
            expected = _expected(reading.automaton, repair.under)
    return SpecError(*_unmet(reading, repair, expected), _mended(reading, repair))


def _unfit(reading: Reading, finding: Finding) -> SpecError:
    """A word that no small change makes fit."""
    expected = _expected(reading.automaton, finding.stack)
    if reading.words[finding.at].kind == vocabulary.END:
        return SpecError(*_after(reading, finding.at, expected))
    return SpecError(*_instead(reading, finding.at, expected))


# --- Hints ---------------------------------------------------------------------------------------


def _mended(reading: Reading, repair: Repair) -> str | None:
    """The line as it is probably meant, where a single sign is missing or wrong in it."""
    sign = vocabulary.SIGNS.get(repair.added[0]) if len(repair.added) == 1 else None
    if sign not in _SPACING:
        return None
    words = reading.words
    at = repair.at
    if words[at].starts_line or words[at].kind == vocabulary.END:
        return None
    first = last = at
    while not words[first].starts_line:
        first -= 1
    while not words[last + 1].starts_line and words[last + 1].kind != vocabulary.END:
        last += 1
    text = reading.source.text
    before = text[words[first].start : words[at - 1].end]
    after = text[words[at + repair.removed].start : words[last].end]
    left, right = _SPACING[sign]
    line = f"{before}{left}{sign}{right}{after}"
    return f"write `{line}`" if len(line) <= 60 and last > at else None


_SPACING = {",": ("", " "), ":": ("", " "), ";": ("", " "), "=": (" ", " "), "->": (" ", " ")}
"""The signs of which it is clear where they belong, and the space around them."""


# --- Words ---------------------------------------------------------------------------------------


def describe(word: Word) -> str:
    """A word of the text, as a message speaks of it."""
    match word.kind:
        case vocabulary.END:
            return "the end of the file"
        case "NAME":
            return f"the name {quote(word.text)}"
        case "INTEGER" | "FLOAT":
            return f"the number {quote(word.text)}"
        case "STRING":
            return f"the text {quote(word.text)}"
        case _:
            return quote(word.text)


def _expected(automaton: Automaton, stack: Stack) -> str:
    """All that may come next, in few words: "`,`, `)` or an operator"."""
    fits = automaton.fits(stack)
    fits = fits - {vocabulary.END} or fits
    phrases: list[str] = []
    for group in vocabulary.GROUPS:
        if group.needs <= fits and not group.bars & fits:
            phrases.append(group.phrase)
            fits -= group.members
    signs = [text for kind, text in vocabulary.TERMINALS.items() if kind in fits & _SIGNS]
    keywords = [text for kind, text in vocabulary.TERMINALS.items() if kind in fits - _SIGNS]
    alternatives = signs + phrases
    if len(alternatives) + len(keywords) <= 3 or not alternatives:
        alternatives = signs + keywords + phrases
    if len(alternatives) == 1:
        return alternatives[0]
    return ", ".join(alternatives[:-1]) + " or " + alternatives[-1]


_SIGNS = frozenset(vocabulary.SIGNS)


def _unmet(reading: Reading, repair: Repair, expected: str) -> tuple[str, Span]:
    """What a repair says was expected, and where: at the end of a line that should have gone on."""
    word = reading.words[repair.at]
    ends = word.starts_line or word.kind == vocabulary.END
    if repair.at and ends and not repair.removed:
        return _after(reading, repair.at, expected)
    return _instead(reading, repair.at, expected)


def _after(reading: Reading, at: int, expected: str) -> tuple[str, Span]:
    previous = reading.words[at - 1]
    end = min(previous.end, len(reading.source.text))
    place = Span(reading.source, end, end)
    return f"expected {expected} after {describe(previous)}", place


def _instead(reading: Reading, at: int, expected: str) -> tuple[str, Span]:
    found = describe(reading.words[at])
    return f"expected {expected}, but found {found}", _span(reading, at)


def _span(reading: Reading, at: int) -> Span:
    """Where a word stands; the end of a file stands after its last word."""
    word = reading.words[at]
    size = len(reading.source.text)
    if word.kind == vocabulary.END and at:
        end = min(reading.words[at - 1].end, size)
        return Span(reading.source, end, end)
    return Span(reading.source, min(word.start, size), min(word.end, size))


# --- Symptoms ------------------------------------------------------------------------------------


def symptom(reading: Reading, finding: Finding) -> Symptom:
    """By what the mistake of a finding is known again."""
    found = reading.words[finding.at]
    previous = reading.words[finding.at - 1].kind if finding.at else ""
    offset = finding.repair.at - finding.at if finding.repair is not None else 0
    state = _surroundings(reading.automaton, finding.stack)
    return Symptom(state, _class(previous), _class(found.kind), found.starts_line, offset)


def _class(kind: str) -> str:
    if kind in vocabulary.NAMES - {"IMPORT"}:
        return "NAME"
    return "INTEGER" if kind in vocabulary.NUMBERS else kind


def _surroundings(automaton: Automaton, stack: Stack) -> int:
    """The state after the last opening bracket, keyword or separating sign around the top."""
    closed = 0
    for frame in stack.downward():
        if frame.symbol in vocabulary.CLOSERS.values():
            closed += 1
        elif frame.symbol in vocabulary.CLOSERS:
            if closed == 0:
                return frame.state
            closed -= 1
        elif closed == 0 and frame.symbol in vocabulary.ANCHORS:
            is_name = any(rule == "_word" for rule, _ in automaton.reductions[frame.state].values())
            if not is_name:
                return frame.state
    return automaton.start
