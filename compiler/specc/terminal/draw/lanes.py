"""Lanes: the edges of a graph drawn beside its nodes, one row a node, as `git log --graph` does.

A node's lane runs from its dot down to the last node that reads it. Lanes that a row reads are joined
to its dot; a horizontal line that only passes a lane leaves it whole, `─│─`.

●
├─●      the first is read here and again below
●─╯
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import networkx as nx

PASSING = "│"

_JOINTS = {
    # continues below, goes on to the left, goes on to the right
    (True, False, True): "├",
    (True, True, False): "┤",
    (True, True, True): "┼",
    (False, False, True): "╰",
    (False, True, False): "╯",
    (False, True, True): "┴",
}


@dataclass(frozen=True, slots=True)
class LaneRow:
    """The lanes beside one node: the lane of its dot, those that it reads, and those below it."""

    dot: int
    joined: tuple[int, ...]
    below: frozenset[int]

    @property
    def width(self) -> int:
        """How many lanes the row has."""
        return max((self.dot, *self.joined, *self.below)) + 1

    def cells(self, dot: str = "●") -> str:
        """The row in characters, two for each lane: its sign, and what is between it and the next."""
        ends = (self.dot, *self.joined)
        first, last = min(ends), max(ends)
        text = ""
        for lane in range(self.width):
            text += dot if lane == self.dot else self._sign(lane, first, last)
            text += "─" if first <= lane < last else " "
        return text

    def _sign(self, lane: int, first: int, last: int) -> str:
        if lane in self.joined:
            return _JOINTS[lane in self.below, lane > first, lane < last]
        if lane in self.below:
            return PASSING
        return "─" if first < lane < last else " "

    def cells_below(self) -> str:
        """The lanes between this row and the next."""
        return "".join((PASSING if lane in self.below else " ") + " " for lane in range(self.width))


def lay_out(graph: nx.DiGraph[Hashable]) -> list[LaneRow]:
    """The lanes beside each node, in the order of the graph's nodes, which its edges follow.

    A node takes over the lane of a node that nobody reads after it, else the first that is free; so
    there are no more lanes than values that live at a time, and one beside a node that nobody reads.
    """
    row_of = {node: row for row, node in enumerate(graph)}
    last_read = {
        node: max((row_of[reader] for reader in graph.successors(node)), default=-1)
        for node in graph
    }
    lane_of: dict[Hashable, int] = {}
    taken: frozenset[int] = frozenset()
    unread: frozenset[int] = frozenset()
    rows = []
    for node, row in row_of.items():
        sources = list(graph.predecessors(node))
        ending = {lane_of[source] for source in sources if last_read[source] == row}
        # A dot right below one that is not read would look as if it read it.
        lane_of[node] = dot = min(ending) if ending else _first_free(taken | unread)
        is_read = last_read[node] >= 0
        taken = taken - ending | ({dot} if is_read else set())
        unread = frozenset() if is_read else frozenset({dot})
        joined = sorted({lane_of[source] for source in sources} - {dot})
        rows.append(LaneRow(dot, tuple(joined), taken))
    return rows


def lanes(rows: Sequence[LaneRow]) -> int:
    """How many lanes stand side by side."""
    return max((row.width for row in rows), default=0)


def _first_free(taken: frozenset[int]) -> int:
    return next(lane for lane in range(len(taken) + 1) if lane not in taken)
