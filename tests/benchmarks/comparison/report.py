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

PLAIN, KERNELS = ("eager", "compiled"), ("native", "native compiled")
OURS = (*PLAIN, *KERNELS)
PUBLISHED = ("JAX", "JAX, YNN off")
CONTENDERS = (*PUBLISHED, "nfn", "eager", "native", "compiled", "native compiled", "floor")
RATIOS = ("JAX / best", "JAX / eager", "nfn / best", "best / floor", "JAX / floor")
HEAD = ("space", "model", *(f"{name} (ms)" for name in CONTENDERS), *RATIOS)
SHORT_HEAD = (
    *("space", "model", "JAX", "nfn", "plain", "kernels", "floor"),
    *("JAX / best", "JAX / plain", "nfn / best", "best / floor"),
)
NONE = "-"


def rows(times: Sequence[Times]) -> list[Row]:
    """A row for each space, model and way: medians in milliseconds, and ratios of medians.

    *best* is the fastest of ours, *JAX* in a ratio the faster of its two.
    """
    return [(*key, *_medians(medians), *_ratios(medians)) for key, medians in _cells(times)]


def _cells(times: Sequence[Times]) -> list[tuple[tuple[str, str], dict[str, float]]]:
    """The medians of all contenders on each space, for each model and way."""
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for each in times:
        cells.setdefault((each.space, f"{each.model}, {each.way}"), {})[each.contender] = (
            each.median
        )
    return list(cells.items())


def _medians(medians: dict[str, float]) -> list[str]:
    return [_milliseconds(medians.get(name)) for name in CONTENDERS]


def _ratios(medians: dict[str, float]) -> list[str]:
    best, published = _least(medians, OURS), _least(medians, PUBLISHED)
    least, eager, nfn = (medians.get(name) for name in ("floor", "eager", "nfn"))
    pairs = (published, best), (published, eager), (nfn, best), (best, least), (published, least)
    return [_ratio(*pair) for pair in pairs]


def _least(medians: dict[str, float], names: Sequence[str]) -> float | None:
    return min((medians[name] for name in names if name in medians), default=None)


def _ratio(over: float | None, under: float | None) -> str:
    return f"{over / under:.2f}" if over and under else NONE


def _milliseconds(seconds: float | None) -> str:
    return NONE if seconds is None else _three(1e3 * seconds)


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
    """The same in fewer columns: the faster of two ways to compile JAX, and of eager and compiled for ours."""
    lines = [title, "", _line(SHORT_HEAD), _line(("---", "---", *["---:"] * (len(SHORT_HEAD) - 2)))]
    for key, medians in _cells(times):
        own = [
            _least(medians, names) for names in (PUBLISHED, ("nfn",), PLAIN, KERNELS, ("floor",))
        ]
        published, nfn, plain, _, least = own
        best = _least(medians, OURS)
        pairs = (published, best), (published, plain), (nfn, best), (best, least)
        lines.append(_line((*key, *map(_milliseconds, own), *(_ratio(*pair) for pair in pairs))))
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
