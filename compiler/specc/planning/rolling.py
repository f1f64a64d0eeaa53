"""Recognises that the runs of a repeat are alike, so that the module can loop over them."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Graph, Region, Typed


@dataclass(frozen=True, slots=True)
class Carried:
    """What one run hands to the next: `outside` goes into the first run, `inside` comes out of it."""

    outside: int
    inside: int


@dataclass(frozen=True, slots=True)
class Roll:
    """A repeat as a loop: the lists of modules it runs over, the first run's number, what it carries."""

    lists: tuple[str, ...]
    start: int
    carried: tuple[Carried, ...]


def roll(typed: Typed, repeat: Region) -> Roll | None:
    """The loop that does what a repeat's runs do one after the other; None where they differ."""
    runs = repeat.inner
    if len(runs) < 2:
        return None
    first = runs[0]
    length = first.last - first.first
    if any(run.last - run.first != length for run in runs):
        return None
    lists = _lists(typed.graph, runs)
    roles = _roles(typed, runs)
    if lists is None or roles is None or _leaks(typed.graph, runs):
        return None
    carried = tuple(
        Carried(outside, inside) for outside, inside in dict.fromkeys(roles) if inside is not None
    )
    fixed = {outside for outside, inside in roles if inside is None}
    if len({each.outside for each in carried}) != len(carried):
        return None
    if any(each.outside in fixed for each in carried):
        return None  # one value in two roles: what it is in the first run alone, and in all
    return Roll(lists, 0, carried)


def _lists(graph: Graph, runs: tuple[Region, ...]) -> tuple[str, ...] | None:
    """The module lists that the runs number, if run i differs from run 0 in that number alone."""
    found: dict[str, None] = {}
    first = runs[0]
    for k in range(first.last - first.first):
        path = graph.nodes[first.first + k].path
        if not path:
            continue
        later = [graph.nodes[run.first + k].path for run in runs]
        at = _numbered(later)
        if at is None:
            return None
        found[".".join(path.split(".")[:at])] = None
    return tuple(found)


def _numbered(paths: list[str]) -> int | None:
    """The place of the component that counts 0, 1, 2, ... while all others stay."""
    split = [path.split(".") for path in paths]
    if len({len(parts) for parts in split}) != 1:
        return None
    differing = [i for i, column in enumerate(zip(*split, strict=True)) if len(set(column)) > 1]
    if len(differing) != 1:
        return None
    column = [parts[differing[0]] for parts in split]
    return differing[0] if column == [str(i) for i in range(len(paths))] else None


_Role = tuple[int, int | None]


def _roles(typed: Typed, runs: tuple[Region, ...]) -> list[_Role] | None:
    """Each value that the first run takes from outside, with the node of the run before that later
    runs take in its place (None: the same value every time)."""
    nodes = typed.graph.nodes
    first = runs[0]
    roles: list[_Role] = []
    for k in range(first.last - first.first):
        original = nodes[first.first + k]
        others = [nodes[run.first + k] for run in runs[1:]]
        if any(o.operation != original.operation for o in others):
            return None
        if any(typed.type(o) != typed.type(original) for o in others):
            return None
        if any(len(o.inputs) != len(original.inputs) for o in others):
            return None
        for place, source in enumerate(original.inputs):
            later = [other.inputs[place] for other in others]
            offsets = [run.first - first.first for run in runs]
            if source >= first.first:
                if any(n != source + o for n, o in zip(later, offsets[1:], strict=True)):
                    return None
            elif all(number == source for number in later):
                roles.append((source, None))
            else:
                inside = later[0]
                before = zip(later, offsets[:-1], strict=True)
                if not first.first <= inside < first.last or any(
                    n != inside + o for n, o in before
                ):
                    return None
                roles.append((source, inside))
    return roles


def _leaks(graph: Graph, runs: tuple[Region, ...]) -> bool:
    """Whether anything after the loop reads what a run before the last made, of it or of one inside."""
    lost = [range(runs[0].first, runs[-1].first)]
    for region in runs[-1].walk():
        if region.kind == "repeat" and region.inner:
            lost.append(range(region.inner[0].first, region.inner[-1].first))
    read = [number for node in graph.nodes[runs[-1].last :] for number in node.inputs]
    read += graph.outputs
    for region in (each for outer in graph.regions for each in outer.walk()):
        if region.first <= runs[0].first and runs[-1].last <= region.last:
            read += region.results
    return any(number in each for number in read for each in lost)
