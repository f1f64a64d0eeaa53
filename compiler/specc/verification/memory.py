"""How much memory a check in float64 takes, estimated from types before anything is made, and how much
there is. What kernels take beside the values is not counted: a check may take half of what there is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from math import inf, prod
from pathlib import Path

from ..graph import Typed
from ..planning.lifetimes import readers_of
from ..types import Type, tensors_of
from .layers import Layer

BYTES = 8
GIGABYTE = 10**9
SHARE = 0.5
HELD = 4
"""So often inputs and results are held: plain, moved, and both while the next draw takes their place."""
COMPARED = 3
"""So often results stand beside themselves while they are compared."""


def shortage(needed: int) -> str | None:
    """Why so many bytes are too many, None where they are not."""
    there = available()
    if needed <= SHARE * there:
        return None
    return (
        f"it would take about {_gigabytes(needed)} GB, and {_gigabytes(there)} GB are available; "
        "with smaller build parameters (`-D`) it can be checked"
    )


def _gigabytes(number: float) -> str:
    """With two digits that count."""
    return f"{float(f'{number / GIGABYTE:.2g}'):,g}"


def available() -> float:
    """The bytes that may still be taken; infinite where the system does not say."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():  # what Linux can free counts here, and does not in `SC_AVPHYS_PAGES`
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return inf
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def parameter_bytes(typed: Typed) -> int:
    """The parameters of a model; layers that share a name count once."""
    found = {
        f"{node.path}.{parameter.name}": prod(parameter.shape) * (2 if parameter.complex else 1)
        for node in typed.graph.nodes
        for parameter in node.operation.parameters(typed.input_types(node), typed.type(node))
    }
    return BYTES * sum(found.values())


def model_bytes(typed: Typed, batch: int) -> int:
    """A model's parameters, its inputs and results as often as they are held, and a run of it."""
    inputs = _bytes((typed.types[number] for number in typed.graph.inputs), batch)
    results = _bytes(typed.graph.output_types, batch)
    run = max(_largest_at_once(typed, batch), COMPARED * results)
    return parameter_bytes(typed) + HELD * (inputs + results) + run


def layer_bytes(layer: Layer, batch: int) -> int:
    """What a layer reads and writes as often as it is held, and a run of it."""
    tensors = [operand.tensor for operand in (*layer.inputs, *layer.outputs)]
    return (HELD + 1) * _bytes(tensors, batch)


def _largest_at_once(typed: Typed, batch: int) -> int:
    """The largest values that live at once while a model runs.

    A value lives until it is last read. What a node reads and makes counts twice: its pools, or the
    parts of a sum, stand beside.
    """
    readers = readers_of(typed.graph)
    sizes = [_bytes([kind], batch) for kind in typed.types]
    live: dict[int, int] = {}
    largest = 0
    for node in typed.graph.nodes:
        live[node.number] = max(readers.get(node.number, [node.number]))
        beside = {node.number, *node.inputs}
        largest = max(largest, sum(sizes[number] for number in (*live, *beside)))
        live = {number: last for number, last in live.items() if last > node.number}
    return largest


def _bytes(kinds: Iterable[Type], batch: int) -> int:
    tensors = (tensor for kind in kinds for _, tensor in tensors_of(kind))
    sizes = (t.positions * t.width * (2 if t.complex else 1) for t in tensors)
    return BYTES * batch * sum(sizes)
