"""How long values live: where each is read for the last time, and which variables are free again."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from ..graph import Graph, Region
from ..names import Variables


class LiveNames:
    """Variables that are free again after the last use of what they hold."""

    def __init__(self, reserved: frozenset[str]) -> None:
        self._reserved = reserved
        self._until: dict[str, float] = {name: float("inf") for name in reserved}

    def claim(self, name: str) -> str:
        return self.claim_at(name, -1)

    def claim_at(self, name: str, position: int) -> str:
        busy = frozenset(v for v, until in self._until.items() if until > position)
        return Variables(busy).claim(name)

    def hold(self, variable: str, until: float) -> None:
        self._until[variable] = until


def readers_of(graph: Graph) -> dict[int, list[int]]:
    """For each value the nodes that read it; the model's results are read after the last node."""
    uses: dict[int, list[int]] = {}
    for node in graph.nodes:
        for number in node.inputs:
            uses.setdefault(number, []).append(node.number)
    for number in graph.outputs:
        uses.setdefault(number, []).append(len(graph.nodes))
    for region in (each for outer in graph.regions for each in outer.walk()):
        if region.kind == "block" and region.path:
            for number in region.results:  # the block's own `return` reads it, after all else
                uses.setdefault(number, []).append(region.last)
    return uses


def levels_of(graph: Graph) -> dict[int, tuple[int, ...]]:
    """For each node the regions it is in, by their first nodes and kinds; results are at the top."""
    levels: dict[int, tuple[int, ...]] = {}

    def visit(regions: Sequence[Region], path: tuple[int, ...]) -> None:
        for n, region in enumerate(regions):
            transparent = region.kind == "block" and not region.path
            inner = path if transparent else (*path, region.first, n)
            for number in range(region.first, region.last):
                levels[number] = inner
            visit(region.inner, inner)

    visit(graph.regions, ())
    return levels


def is_read_once(
    number: int, uses: Mapping[int, Sequence[int]], level: Mapping[int, tuple[int, ...]]
) -> bool:
    """Whether a value is read once, by a node that runs just as often."""
    readers = uses.get(number, [])
    return len(readers) == 1 and level.get(number, ()) == level.get(readers[0], ())


def lines_of(
    graph: Graph,
    uses: Mapping[int, Sequence[int]],
    level: Mapping[int, tuple[int, ...]],
    inner: Container[int],
) -> dict[int, int]:
    """Where each value is computed: at its own node, or at the one whose line it is written into.

    Values in `inner` are always part of the line that reads them.
    """
    line: dict[int, int] = {len(graph.nodes): len(graph.nodes)}
    for node in reversed(graph.nodes):
        inline = not node.label and is_read_once(node.number, uses, level)
        inline |= node.number in inner
        line[node.number] = line[uses[node.number][0]] if inline else node.number
    return line


def last_reads(
    graph: Graph, uses: Mapping[int, Sequence[int]], line: Mapping[int, int]
) -> dict[int, int]:
    """Until where each value is needed: the line of its last reader, or the end of a loop around that."""
    loops = [
        each
        for outer in graph.regions
        for each in outer.walk()
        if each.kind == "repeat" and len(each.inner) > 1
    ]
    last: dict[int, int] = {}
    for number, readers in uses.items():
        for reader in readers:
            until = line[reader]
            for region in loops:
                if (
                    region.first <= reader < region.last
                    and not region.first <= number < region.last
                ):
                    until = max(until, region.last - 1)
            last[number] = max(last.get(number, -1), until)
    for region in reversed(loops):
        _extend(last, region)
    return last


def _extend(last: dict[int, int], loop: Region) -> None:
    """What is read after a loop lives on in the first run, which stands for all of them."""
    first, final = loop.inner[0], loop.inner[-1]
    for number in range(final.first, final.last):
        if last.get(number, -1) >= loop.last:
            counterpart = number - final.first + first.first
            last[counterpart] = max(last.get(counterpart, -1), last[number])
