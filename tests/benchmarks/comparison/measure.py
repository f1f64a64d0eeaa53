"""Times, taken in turns, under an allocator that is chosen before anything is imported."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

FEWEST = 3
"""Samples, whatever they take."""
VISIT = 0.02
"""Seconds for which a short run is repeated before the next contender's turn."""

ALLOCATORS = ("default", "pooling")
"""glibc's as it is; or told to keep what was freed, in one arena, and never to map a buffer on its own."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each run of a contender, and of the first, in which it is compiled."""

    allocator: str
    space: str
    model: str
    way: str
    contender: str
    first: float
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)


def choose_allocator(name: str) -> None:
    """Call this before torch or JAX is imported; raises where the C library is not glibc."""
    if name == "default":
        return
    mallopt = ctypes.CDLL(None).mallopt
    for option, value in (
        (M_MMAP_THRESHOLD, LARGEST),
        (M_TRIM_THRESHOLD, LARGEST),
        (M_ARENA_MAX, 1),
    ):
        if not mallopt(option, value):
            raise OSError(f"this C library refuses mallopt({option}, {value})")


def keep_to(threads: int) -> None:
    """Runs on so many processors: XLA has a thread for each that the process may use."""
    processors = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, processors)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)


def interleaved(
    runs: Mapping[str, Callable[[], object]], repeats: int, budget: float, pause: float = 0.005
) -> dict[str, tuple[float, tuple[float, ...]]]:
    """For each run the seconds of its first call, and those of the calls that count.

    In each repeat all have a turn: a pause, in which the threads of the one before go to sleep, a call that does
    not count, and calls that do. One that took `budget` seconds has no more turns.
    """
    first = {name: _seconds(run) for name, run in runs.items()}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for name, run in runs.items():
                if len(taken[name]) < FEWEST or sum(taken[name]) < budget:
                    time.sleep(pause)
                    run()
                    taken[name] += _turn(run)
    finally:
        gc.enable()
    return {name: (first[name], tuple(taken[name])) for name in runs}


def _turn(run: Callable[[], object]) -> list[float]:
    taken = [_seconds(run)]
    while sum(taken) + taken[-1] < VISIT:
        taken.append(_seconds(run))
    return taken


def _seconds(run: Callable[[], object]) -> float:
    """Results are let go before the next run, as in a loop that only keeps the last."""
    start = time.perf_counter()
    results = run()
    taken = time.perf_counter() - start
    del results
    return taken
