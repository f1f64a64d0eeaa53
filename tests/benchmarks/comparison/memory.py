"""Memory of this process as Linux counts it: whatever allocated it, torch, JAX or Python."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

STATUS = Path("/proc/self/status")
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of source after which so many bytes were resident."""

    file: str
    number: int
    resident: int


def resident() -> int:
    """Bytes in memory now."""
    return _kilobytes("VmRSS") * 1024


def peak() -> int:
    """The most bytes in memory since `forget_peak`."""
    return _kilobytes("VmHWM") * 1024


def forget_peak() -> None:
    """Counts the peak from here."""
    Path("/proc/self/clear_refs").write_text("5")


def _kilobytes(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())
    if found is None:
        raise OSError(f"{STATUS} has no {field}")
    return int(found[1])


def free() -> int:
    """Bytes that this machine has left."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def after_each_line(run: Callable[[], object], file: str) -> list[Line]:
    """What was resident after each line of `file` that ran, in order; slow."""
    lines: list[Line] = []

    def trace(frame: FrameType, event: str, _: object) -> object:
        if frame.f_code.co_filename != file:
            return None
        before: list[int] = []

        def each(frame: FrameType, event: str, _: object) -> object:
            if before:
                lines.append(Line(file, before[0], resident()))
            before[:] = [frame.f_lineno] if event == "line" else []
            return each

        return each

    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(None)
    return lines
