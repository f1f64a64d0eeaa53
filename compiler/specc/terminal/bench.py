"""The command `specc bench`: what it reads and prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from rich.text import Text

from .. import api
from ..errors import SpecError
from ..program.check import MOST_MAPS
from ..running.bench import Settings
from ..running.records import ModelTimings, Timing, Timings
from .commands import (
    Define,
    File,
    MaxMaps,
    Model,
    Plan,
    TextOrJson,
    flag,
    print_data,
    understood,
)
from .console import output, write
from .definitions import definitions
from .tabulate import columns, count, right, size, wrapped

_HEADS = ("", "time", "+-", "flops", "bytes", "floor", "x floor")


def bench(
    file: File,
    model: Model = None,
    /,
    *,
    compile: Annotated[bool, flag("Measure what `torch.compile` makes of them.")] = False,
    backward: Annotated[bool, flag("Forward and backward pass together.")] = False,
    batch: Annotated[PositiveInt, Parameter(help="How many inputs at once.")] = 8,
    threads: Annotated[PositiveInt | None, Parameter(help="All if not said.")] = None,
    turns: Annotated[PositiveInt, Parameter(help="How often each is measured.")] = 15,
    device: Annotated[str, Parameter(help="Where: `cpu`, `cuda`.")] = "cpu",
    define: Define = (),
    max_maps: MaxMaps = MOST_MAPS,
    plan: Plan = None,
    format: TextOrJson = "text",
) -> int:
    """Measures models and their equivariant layers, beside what was predicted of them."""
    params = definitions(define)
    (program,) = understood((file,), max_maps, params, model)
    if not program.models:
        raise SpecError(f"there are no models in {program.source.name}")
    settings = Settings(batch, threads or torch.get_num_threads(), turns, compile, backward, device)
    found = api.bench_program(program, params, settings, max_maps=max_maps, plan=plan)
    if format == "json":
        print_data(found)
    else:
        console = output()
        write(list(tabulate_timings(found, console.width)), console)
    return 0


def tabulate_timings(timings: Timings, width: int) -> Iterator[Text]:
    """A table for each model, and what the machine did in the same run."""
    for model in timings.models:
        yield from columns(list(_rows(model)), width)
        yield Text()
    yield from wrapped(Text(_conditions(timings), "dim"), width, 0)


def _rows(model: ModelTimings) -> Iterator[list[Text]]:
    yield [Text(_HEADS[0]), *(right(head, "dim") for head in _HEADS[1:])]
    yield _row(model.whole, "bold")
    yield from (_row(layer) for layer in model.layers)


def _row(timing: Timing, style: str = "") -> list[Text]:
    predictions = [right("")] * 4
    if timing.floor:
        predictions = [
            right(count(timing.flops)),
            right(size(timing.bytes)),
            right(duration(timing.floor)),
            right(f"{timing.seconds / timing.floor:.1f}"),
        ]
    return [
        Text(timing.name, style),
        right(duration(timing.seconds)),
        right(duration(timing.spread), "dim"),
        *predictions,
    ]


def _conditions(timings: Timings) -> str:
    machine = timings.machine
    what = "forward and backward" if timings.backward else "forward"
    how = ", compiled" if timings.compiled else ""
    return (
        f"medians of the {what} pass{how}, batch {timings.batch}, float32; predictions are of "
        f"equivariant layers. {machine.device}, {machine.threads} threads, torch {machine.torch}: "
        f"copies {machine.bandwidth / 1e9:.3g} GB/s, products {machine.peak / 1e9:.3g} GFLOP/s"
    )


def duration(seconds: float) -> str:
    """Three digits and a unit: `12.3 us`, `1.23 ms`."""
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        value = seconds * scale
        if value < 999.5:
            return f"{value:.3g} {unit}"
    return f"{seconds:.3g} s"
