"""The automaton of the grammar, run by hand: how far words fit, and what may come next.

Lark makes the automaton and reads texts with it. Here it only says whether words fit, so that `recover`
can try many of them; a `Stack` is never changed, so that every attempt starts from the same place.
This module knows nothing of lark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from specc_grammar import words as vocabulary


@dataclass(frozen=True, slots=True)
class Word:
    """A token where it stands: its terminal in the grammar, its text, its place in the source."""

    kind: str
    text: str
    start: int
    end: int
    starts_line: bool


@dataclass(frozen=True, slots=True)
class Stack:
    """What has been read so far, the latest on top: states, and the symbols that led to them.

    `word` is the position of the symbol's first word, `depth` the number of frames below.
    """

    state: int
    symbol: str
    word: int
    depth: int
    below: Stack | None

    def push(self, state: int, symbol: str, word: int) -> Stack:
        return Stack(state, symbol, word, self.depth + 1, self)

    def downward(self) -> Iterator[Stack]:
        frame: Stack | None = self
        while frame is not None:
            yield frame
            frame = frame.below

    def unclosed(self) -> Iterator[Stack]:
        """The brackets that are open, the innermost first."""
        closed = 0
        for frame in self.downward():
            if frame.symbol in vocabulary.CLOSERS.values():
                closed += 1
            elif frame.symbol in vocabulary.CLOSERS:
                if closed == 0:
                    yield frame
                closed = max(closed - 1, 0)


@dataclass(frozen=True, slots=True)
class Automaton:
    """The LALR automaton of the grammar.

    `shifts` gives the next state for a terminal or nonterminal, `reductions` the nonterminal and the
    number of symbols that it replaces when a terminal comes next.
    """

    start: int
    end: int
    shifts: Mapping[int, Mapping[str, int]]
    reductions: Mapping[int, Mapping[str, tuple[str, int]]]

    def empty(self) -> Stack:
        return Stack(self.start, "", 0, 0, None)

    def read(self, stack: Stack, kind: str, word: int) -> Stack | None:
        """The stack after one more terminal, or None if it does not fit."""
        while True:
            if (state := self.shifts[stack.state].get(kind)) is not None:
                return stack.push(state, kind, word)
            if (reduction := self.reductions[stack.state].get(kind)) is None:
                return None
            stack = self._reduce(stack, *reduction, word)
            if kind == vocabulary.END and stack.state == self.end:
                return stack

    def _reduce(self, stack: Stack, symbol: str, size: int, word: int) -> Stack:
        for _ in range(size):
            word = stack.word
            assert stack.below is not None
            stack = stack.below
        return stack.push(self.shifts[stack.state][symbol], symbol, word)

    def read_all(self, stack: Stack, kinds: Sequence[str], word: int) -> Stack | None:
        """The stack after several terminals that stand in no text, or None if they do not fit."""
        after: Stack | None = stack
        for kind in kinds:
            if after is None:
                return None
            after = self.read(after, kind, word)
        return after

    def fits(self, stack: Stack) -> frozenset[str]:
        """The terminals that may come next."""
        near = self.shifts[stack.state].keys() | self.reductions[stack.state].keys()
        return frozenset(
            kind for kind in near if kind in vocabulary.TERMINALS and self.read(stack, kind, 0)
        )
