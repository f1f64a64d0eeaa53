"""Medians of several functions that take turns, by `torch.utils.benchmark`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch.utils.benchmark import Measurement, Timer

Run = Callable[[], object]

TURN = 0.02
"""So many seconds a function runs in each of its turns, at least once."""
COPIED = 64_000_000
"""Bytes of a copy: more than caches hold."""
MATRIX = 1024


def interleaved(runs: Mapping[str, Run], threads: int, turns: int) -> dict[str, Measurement]:
    """Each function measured in turns, after a turn to warm up: what disturbs one disturbs all."""
    timers = {
        name: Timer("run()", globals={"run": run}, num_threads=threads)
        for name, run in runs.items()
    }
    times = {name: _times(timer) for name, timer in timers.items()}
    measured: dict[str, list[Measurement]] = {name: [] for name in timers}
    for _ in range(turns):
        for name, timer in timers.items():
            measured[name].append(timer.timeit(times[name]))
    return {name: Measurement.merge(each)[0] for name, each in measured.items()}


def _times(timer: Timer) -> int:
    """How often a function runs in a turn."""
    timer.timeit(1)
    return max(1, int(TURN / timer.timeit(1).mean))


def copy_run(device: str) -> Run:
    """Copies `COPIED` bytes into memory that is there already; twice as many are moved."""
    source = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    return lambda: target.copy_(source)


def product_run(device: str) -> Run:
    """A product of two square matrices: 2 `MATRIX`^3 operations."""
    left, right, out = (torch.ones(MATRIX, MATRIX, device=device) for _ in range(3))
    return lambda: torch.mm(left, right, out=out)
