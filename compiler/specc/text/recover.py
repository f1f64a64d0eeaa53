"""Explains where the words of a text do not fit the grammar: all independent mistakes in one reading.

The words run through the automaton of the grammar. At a word that does not fit, the smallest repair
with which the next words fit is looked for: closing a bracket, adding a word, changing one, leaving
one out. If none will do, the reading goes on at the next line, declaration or body that fits. The
repair says what was expected; no tree is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from specc_grammar import words as vocabulary

from .automaton import Automaton, Stack, Word

HORIZON = 12
"""A repair is judged by the words that fit after it, up to so many."""

BELIEVED = 8
"""A repair that so many words fit after is believed."""

ENOUGH = 2
"""After words that were skipped the reading goes on where so many words fit."""

FARTHEST = 500
"""So many words are skipped, and so much of what was read is forgotten, to go on after a mistake."""

DEEPEST = 1500
"""Higher no stack becomes within the limits on brackets and operations: there the reading ends."""

MOST_MISFITS = 50
"""After so many words that do not fit, the rest is not read."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Before the word at `at` (of which `removed` are left out) `added` is read on the stack `under`.

    The words up to `reach` fit on the `stack` that comes of it.
    """

    at: int
    removed: int
    added: tuple[str, ...]
    under: Stack
    stack: Stack
    reach: int


@dataclass(frozen=True, slots=True)
class Finding:
    """The word at `at` does not fit on `stack`, but would with `repair`, if there is one."""

    at: int
    stack: Stack
    repair: Repair | None

    @property
    def is_doubtful(self) -> bool:
        """Whether the repair may be a wrong guess: what comes after in the line may follow from it."""
        return self.repair is None or self.repair.reach < self.at + HORIZON


def recover(words: Sequence[Word], automaton: Automaton) -> list[Finding]:
    """All independent places where the words, the last of them the end, do not fit the grammar."""
    findings: list[Finding] = []
    stack = automaton.empty()
    before: Stack | None = None  # one word ago, if no repair lies between
    supposed: list[str] = []  # brackets that repairs have opened: nothing closes them
    closed_early = False  # a repair has ended a body: what follows in it seems to stand outside
    at = misfits = 0
    while at < len(words) and misfits < MOST_MISFITS:
        after = automaton.read(stack, words[at].kind, at)
        if after is not None:
            stack, before, at = after, stack, at + 1
            if stack.depth > DEEPEST:
                return [*findings, Finding(at, stack, None)]
            continue
        misfits += 1
        repair = _best_repair(automaton, words, at, stack, before)
        follows = repair is not None and any(kind in supposed for kind in repair.added)
        if findings and _same_line(words, findings[-1].at, at):
            follows = follows or findings[-1].is_doubtful or _closes(words, repair)
        if closed_early and automaton.read(stack, vocabulary.END, at) is not None:
            follows, closed_early = True, False
        if not follows:
            findings.append(Finding(at, stack, repair))
        if repair is not None:
            openers = [kind for kind in repair.added if kind in vocabulary.CLOSERS]
            supposed += [vocabulary.CLOSERS[kind] for kind in openers]
            closed_early = closed_early or "RBRACE" in repair.added
            stack, before, at = repair.stack, None, repair.at + repair.removed
        elif (resumed := _resume(automaton, words, at, stack)) is not None:
            (stack, at), before = resumed, None
        else:
            break
    return findings


def _same_line(words: Sequence[Word], first: int, second: int) -> bool:
    return not any(word.starts_line for word in words[first + 1 : second + 1])


def _closes(words: Sequence[Word], repair: Repair | None) -> bool:
    """Whether a repair only adds or leaves out closing brackets."""
    if repair is None:
        return False
    removed = [word.kind for word in words[repair.at : repair.at + repair.removed]]
    return all(kind in vocabulary.CLOSERS.values() for kind in (*removed, *repair.added))


# --- Repairs -------------------------------------------------------------------------------------


def _best_repair(
    automaton: Automaton, words: Sequence[Word], at: int, stack: Stack, before: Stack | None
) -> Repair | None:
    """The repair here or one word earlier that carries furthest; of equal ones the first tried."""
    places = [(at, stack)]
    if before is not None:  # where a line does not go on, the one above may be to blame
        blame_above = words[at - 1].starts_line and not words[at].starts_line
        places.insert(0 if blame_above else 1, (at - 1, before))
    horizon = min(at + HORIZON, len(words))
    best: Repair | None = None
    for edit in _EDITS:
        for place, under in places:
            if place < at and not _may_blame(edit, words[place]):
                continue
            for removed, added in edit(words[place], under):
                after = automaton.read_all(under, added, place)
                if after is None:
                    continue
                reach = _reach(automaton, words, place + removed, after, horizon)
                if best is None or reach > best.reach:
                    best = Repair(place, removed, added, under, after, reach)
                if reach == horizon:
                    return best
    if best is not None and best.reach >= _needed(words, at, best.removed, horizon):
        return best
    if _is_stray(words[at], stack):
        return Repair(at, 1, (), stack, stack, at)
    return None


def _may_blame(edit: _Editing, word: Word) -> bool:
    """Whether an edit is tried before a word that has already been read: it must not undo the word."""
    if word.kind in vocabulary.DECLARATIONS:
        return edit in (_respell, _close)
    return edit not in (_replace, _remove, _remove_stray)


def _needed(words: Sequence[Word], at: int, removed: int, horizon: int) -> int:
    """A repair is believed with many words, or the rest of the line and one more (two if it removes)."""
    believed = min(at + BELIEVED, horizon)
    for place in range(at + 1, believed):
        if words[place].starts_line:
            return min(place + 1 + removed, believed)
    return believed


def _reach(automaton: Automaton, words: Sequence[Word], at: int, stack: Stack, horizon: int) -> int:
    """The first word from `at` on that does not fit, or `horizon`."""
    for place in range(at, horizon):
        after = automaton.read(stack, words[place].kind, place)
        if after is None:
            return place
        stack = after
    return max(at, horizon)


_Edit = tuple[int, tuple[str, ...]]
"""How many words are left out, and what is read in their place."""

_Editing = Callable[[Word, Stack], Iterator[_Edit]]


def _remove_stray(word: Word, stack: Stack) -> Iterator[_Edit]:
    """A bracket that closes nothing is left out."""
    if _is_stray(word, stack):
        yield 1, ()


def _is_stray(word: Word, stack: Stack) -> bool:
    opened = (vocabulary.CLOSERS[frame.symbol] for frame in stack.unclosed())
    return word.kind in ("RPAR", "RSQB", "RBRACE") and word.kind not in opened


def _respell(word: Word, _: Stack) -> Iterator[_Edit]:
    """A misspelt keyword is read as the keyword, and a reserved one as a name."""
    if word.kind in vocabulary.RESERVED:
        yield 1, ("NAME",)
    if word.kind == "NAME":
        for keyword in get_close_matches(word.text, _KINDS, n=2, cutoff=0.75):
            yield 1, (_KINDS[keyword],)


_KINDS = {keyword: kind for kind, keyword in vocabulary.KEYWORDS.items()}


def _separate(word: Word, _: Stack) -> Iterator[_Edit]:
    """Within a line a comma is forgotten rather than a bracket."""
    if not word.starts_line:
        yield 0, ("COMMA",)


def _close(_: Word, stack: Stack) -> Iterator[_Edit]:
    """The innermost brackets are closed, one, two, ..."""
    closers = tuple(vocabulary.CLOSERS[frame.symbol] for frame in islice(stack.unclosed(), 4))
    for count in range(1, len(closers) + 1):
        yield 0, closers[:count]


def _insert(_: Word, __: Stack) -> Iterator[_Edit]:
    for phrase in vocabulary.PHRASES:
        if len(phrase) == 1:
            yield 0, phrase


def _insert_several(_: Word, __: Stack) -> Iterator[_Edit]:
    for phrase in vocabulary.PHRASES:
        if len(phrase) > 1:
            yield 0, phrase


def _replace(word: Word, _: Stack) -> Iterator[_Edit]:
    """A sign is read as another, anything as a name."""
    if word.kind in vocabulary.SIGNS:
        for sign in vocabulary.SIGNS:
            if sign not in vocabulary.OPERATORS:
                yield 1, (sign,)
    if word.kind != vocabulary.END:
        yield 1, ("NAME",)


def _remove(word: Word, _: Stack) -> Iterator[_Edit]:
    if word.kind != vocabulary.END:
        yield 1, ()


_EDITS: tuple[_Editing, ...] = (
    _remove_stray,
    _respell,
    _separate,
    _close,
    _insert,
    _replace,
    _remove,
    _insert_several,
)
"""In the order in which they are believed."""


# --- Going on elsewhere --------------------------------------------------------------------------


def _resume(
    automaton: Automaton, words: Sequence[Word], at: int, stack: Stack
) -> tuple[Stack, int] | None:
    """The next place where the reading can go on, what is unfinished being forgotten."""
    frames = list(islice(_beginnings(automaton, stack), FARTHEST))
    for place in range(at, min(at + FARTHEST, len(words))):
        needed = min(place + ENOUGH, len(words))
        for heading in _headings(words, place):
            for frame in frames:
                after = automaton.read_all(frame, heading, place)
                if after and _reach(automaton, words, place, after, needed) == needed:
                    return after, place
    return None


def _beginnings(automaton: Automaton, stack: Stack) -> Iterator[Stack]:
    """Where a declaration, statement or tensor may begin, in what is not closed, the latest first."""
    closed = 0
    for frame in stack.downward():
        closed += frame.symbol in vocabulary.CLOSERS.values()
        if closed == 0 and _is_beginning(automaton, frame):
            yield frame
        closed -= closed > 0 and frame.symbol in vocabulary.CLOSERS


def _is_beginning(automaton: Automaton, frame: Stack) -> bool:
    """Repetitions have rules of their own, whose names begin with `__`."""
    if frame.symbol.startswith("__"):
        return any(automaton.read(frame, kind, 0) for kind in ("RBRACE", vocabulary.END))
    return frame.symbol in ("", "LBRACE")


def _headings(words: Sequence[Word], place: int) -> tuple[tuple[str, ...], ...]:
    """What to suppose before this word: nothing at the start of a line, a heading before a body."""
    word = words[place]
    if word.kind == "LBRACE":
        return vocabulary.HEADINGS
    starts = word.starts_line or word.kind in vocabulary.BEGINNINGS
    return ((),) if starts or word.kind in ("RBRACE", vocabulary.END) else ()
