"""How time and memory of a layer grow with the number of tensors, their width and the channels.

    python tests/benchmarks/scale.py [--along tensors width channels] [--limit 8]
    python tests/benchmarks/scale.py --gpt2 [--lines 10]

One equivariant layer with a ReLU on the weights of an MLP, all axes interchangeable, forward without
gradients on two threads, each size in a process of its own. Beside each measured figure stands the power by which it grew
since the row above; beside those what the plan predicts (`specc explain`): operations and bytes. Memory is what the
first call adds at its peak to what was there, which includes the results.

`--gpt2` is one layer on all weights of GPT-2 small with 4 channels, its vocabulary and positions coded, and
says which lines of the generated module leave most memory in use (`--lines`).
"""

from __future__ import annotations

import argparse
import inspect
import json
import linecache
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from math import log
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from comparison import memory
from comparison.measure import keep_to
from comparison.memory import MEGABYTE
from comparison.spaces import Space, mlp, specification
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from specc.report import ModelReport

GPT2 = Path(__file__).parents[2] / "specs" / "gpt2.spec"
GPT2_LAYER = """
model Layer(w: weights(Gpt2)) -> weights(Gpt2; 4) {
    return relu(equivariant(coded(linear(w, 4)), 4))
}
"""
REPEATS = 5
SECONDS = 2.0
"""Repeats end after so long."""

SIZES = {
    "tensors": (2, 8, 32, 128, 600),
    "width": (16, 64, 256, 1024, 4096),
    "channels": (1, 4, 16, 64, 256),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, predicted operations and bytes; bytes of inputs, of results, and that the call added."""

    seconds: float
    flops: int
    moved: int
    inputs: int
    results: int
    added: int


def space_along(along: str, size: int) -> Space:
    """MLPs, that of so many tensors 32 wide, those of a width of two layers."""
    if along == "tensors":
        return mlp(along, (32,) * (size // 2 + 1), batch=1, channels=4)
    if along == "width":
        return mlp(along, (size,) * 3, batch=1, channels=4)
    return mlp(along, (128,) * 3, batch=1, channels=size)


def measured(source: str) -> Figures:
    """Of the model `Layer`."""
    import torch

    import specc

    (predicted,) = (each for each in specc.explain(source).models if each.name == "Layer")
    module = specc.load(source).Layer().requires_grad_(False)
    x = {name: torch.randn(shape) for name, shape in _shapes(predicted).items()}
    torch.ones(512, 512) @ torch.ones(512, 512)
    before = memory.resident()
    memory.forget_peak()
    with torch.no_grad():
        results = module(x)
        added = memory.peak() - before
        sizes = [sum(4 * value.numel() for value in each.values()) for each in (x, results)]
        seconds: list[float] = []
        while len(seconds) < REPEATS and sum(seconds) < SECONDS:
            del results
            start = time.perf_counter()
            results = module(x)
            seconds.append(time.perf_counter() - start)
    flops, moved = (
        sum(getattr(each, key) for each in predicted.layers) for key in ("flops", "bytes")
    )
    return Figures(median(seconds), flops, moved, sizes[0], sizes[1], added)


def _shapes(model: ModelReport) -> dict[str, tuple[int, ...]]:
    """Of the tensors of its only input, a batch of one."""
    (name,) = model.inputs.values()
    (space,) = (each for each in model.spaces if each.name == name)
    return {
        each.name: (1, *each.shape, *([each.channels] if each.channels else []))
        for each in space.tensors
    }


def heaviest_lines(source: str, count: int) -> list[tuple[str, int, int]]:
    """Lines of the generated module: their text, the most bytes resident after them, and those they added.

    All runs of a line in a loop count together.
    """
    import torch

    import specc

    (predicted,) = (each for each in specc.explain(source).models if each.name == "Layer")
    module = specc.load(source).Layer().requires_grad_(False)
    x = {name: torch.randn(shape) for name, shape in _shapes(predicted).items()}
    file = inspect.getfile(type(module))
    with torch.no_grad():
        before = memory.resident()
        lines = memory.after_each_line(lambda: module(x), file)
    most: dict[int, int] = {}
    added: dict[int, int] = {}
    for each in lines:
        most[each.number] = max(most.get(each.number, 0), each.resident)
        added[each.number] = added.get(each.number, 0) + each.resident - before
        before = each.resident
    heaviest = sorted(added, key=lambda number: -added[number])[:count]
    return [
        (linecache.getline(file, number).strip(), most[number], added[number])
        for number in heaviest
    ]


def in_a_process(*arguments: str) -> str:
    """What a new process of this script writes."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def growth(along: str, limit: float, console: Console) -> Table:
    """A row for each size, up to that whose memory is likely to pass the limit in bytes."""
    heads = ("s", "power", "added (MB)", "power", "plan (Gflop)", "power", "plan (MB)", "power")
    table = Table(
        along, "inputs (MB)", "results (MB)", *heads, title=f"A layer against its {along}"
    )
    for column in table.columns:
        column.justify = "right"
    before: tuple[int, Figures] | None = None
    for size in SIZES[along]:
        if 4 * 4 * space_along(along, size).numbers > limit:
            console.print(f"{size} {along}: left out, more memory than --limit")
            continue
        figures = Figures(**json.loads(in_a_process("--child", along, str(size))))
        cells = []
        for key, scale in (("seconds", 1), ("added", 1e-6), ("flops", 1e-9), ("moved", 1e-6)):
            now = getattr(figures, key)
            cells.append(f"{now * scale:.3g}")
            cells.append(_power(before, size, key, now))
        table.add_row(
            str(size), f"{figures.inputs * 1e-6:.3g}", f"{figures.results * 1e-6:.3g}", *cells
        )
        before = size, figures
    return table


def _power(before: tuple[int, Figures] | None, size: int, key: str, now: float) -> str:
    """The power of the size by which a figure grew; none for what is too small to be seen."""
    then = getattr(before[1], key) if before else 0
    if before is None or then <= 0 or now <= 0:
        return ""
    return f"{log(now / then) / log(size / before[0]):.1f}"


def gpt2(lines: int, console: Console) -> None:
    """One layer on the weights of GPT-2 small."""
    figures = Figures(**json.loads(in_a_process("--child", "gpt2", "0")))
    total = figures.inputs + figures.added
    console.print(
        f"GPT-2 small, one layer with 4 channels: {figures.seconds:.1f} s; inputs "
        f"{figures.inputs / MEGABYTE:.0f} MB, results {figures.results / MEGABYTE:.0f} MB, peak "
        f"{figures.added / MEGABYTE:.0f} MB over the inputs, {total / MEGABYTE:.0f} MB in all; the plan: "
        f"{figures.flops / 1e9:.1f} Gflop, {figures.moved / MEGABYTE:.0f} MB moved"
    )
    if lines:
        table = Table("added (MB)", "resident (MB)", "line", title="What adds most")
        for text, held, added in json.loads(in_a_process("--child", "lines", str(lines))):
            table.add_row(f"{added / MEGABYTE:.0f}", f"{held / MEGABYTE:.0f}", escape(text))
        console.print(table)


def _child(what: str, number: int) -> None:
    keep_to(2)
    if what == "lines":
        found = heaviest_lines(GPT2.read_text() + GPT2_LAYER, number)
        print(json.dumps(found))
        return
    gpt2 = what == "gpt2"
    source = (
        GPT2.read_text() + GPT2_LAYER if gpt2 else specification(space_along(what, number), "Layer")
    )
    print(json.dumps(asdict(measured(source))))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--along", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--limit", type=float, default=8, help="gigabytes of one row")
    parser.add_argument("--gpt2", action="store_true")
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child[0], int(arguments.child[1]))
        return
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    if arguments.gpt2:
        gpt2(arguments.lines, console)
        return
    for along in arguments.along:
        console.print(growth(along, 1e9 * arguments.limit, console))


if __name__ == "__main__":
    main()
