"""Tables of medians and ratios for the terminal and for Markdown, and the machine they are of."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from .measure import Times
from .spaces import SPACES

Row = tuple[str, ...]

OURS = ("eager", "native", "compiled", "native compiled")
PUBLISHED = ("JAX", "JAX, YNN off")
CONTENDERS = (*PUBLISHED, "nfn", *OURS, "floor")
RATIOS = ("JAX / best", "JAX / eager", "nfn / best", "best / floor", "JAX / floor")
HEAD = ("space", "model", *(f"{name} (ms)" for name in CONTENDERS), *RATIOS)
NONE = "-"


def rows(times: Sequence[Times]) -> list[Row]:
    """A row for each space, model and way: medians in milliseconds, and ratios of medians.

    *best* is the fastest of ours, *JAX* in a ratio the faster of its two.
    """
    cells: dict[tuple[str, str, str], dict[str, float]] = {}
    for each in times:
        cells.setdefault((each.space, each.model, each.way), {})[each.contender] = each.median
    return [
        (space, f"{model}, {way}", *_medians(medians), *_ratios(medians))
        for (space, model, way), medians in cells.items()
    ]


def _medians(medians: dict[str, float]) -> list[str]:
    return [_three(1e3 * medians[name]) if name in medians else NONE for name in CONTENDERS]


def _ratios(medians: dict[str, float]) -> list[str]:
    best = min((medians[name] for name in OURS if name in medians), default=None)
    published = min((medians[name] for name in PUBLISHED if name in medians), default=None)
    least, eager, nfn = (medians.get(name) for name in ("floor", "eager", "nfn"))
    pairs = (published, best), (published, eager), (nfn, best), (best, least), (published, least)
    return [f"{over / under:.2f}" if over and under else NONE for over, under in pairs]


def _three(number: float) -> str:
    """Three digits that count."""
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def table(title: str, times: Sequence[Times]) -> Table:
    """For the terminal."""
    result = Table(*HEAD, title=escape(title))
    for column in result.columns[2:]:
        column.justify = "right"
    for row in rows(times):
        result.add_row(*row)
    return result


def markdown(title: str, times: Sequence[Times]) -> str:
    """The same table."""
    lines = [title, "", _line(HEAD), _line(("---", "---", *["---:"] * (len(HEAD) - 2)))]
    lines += [_line(row) for row in rows(times)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def legend(names: Sequence[str]) -> str:
    """What the names of spaces stand for."""
    return "".join(
        f"- `{space.name}`: {space.title}; {space.batch} at once, {space.channels} channels, "
        f"{4e-6 * space.numbers:.1f} MB\n"
        for space in (SPACES[name] for name in names)
    )


def machine(threads: int) -> str:
    """The processor, the threads and the versions."""
    packages = ("torch", "jax", "nfn")
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    return (
        f"{_processor()}, {threads} threads of {os.cpu_count()} cores; {versions}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def to_json(machine: str, times: Sequence[Times]) -> str:
    return json.dumps({"machine": machine, "times": [asdict(each) for each in times]}, indent=1)


def from_json(text: str) -> list[Times]:
    return [
        Times(**{**each, "seconds": tuple(each["seconds"])}) for each in json.loads(text)["times"]
    ]
