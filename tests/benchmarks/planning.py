"""Holds the cost model against the clock: is a plan that is predicted to be faster faster?

    python tests/benchmarks/planning.py [--turns 9]

Layers of several spaces, channels and formulations run in turns, forward without gradients, and the
order of their times is compared with the order of their predicted durations: Kendall's tau over all
pairs whose measured times differ by more than a fifth. The time of a plan is predicted as the bytes
that it moves, with floating-point operations and operations started in the bytes that take as long.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils._pytree import tree_map

import specc
from specc.api import as_source
from specc.compile import understand
from specc.operations import Equivariant
from specc.planning.compose import layer_plan
from specc.planning.cost import Cost, cost
from specc.planning.description import described
from specc.planning.plan import Formulation
from specc.types import tensors_of

SPACES = {
    "set": ("axis n = S(4096)", "[n; {c}]", 8),
    "set of sets": ("axis s = S(64) axis n = S(64) in s", "[s, n; {c}]", 8),
    "table": ("axis u = S(200) axis i = S(100)", "[u, i; {c}]", 8),
    "pairs": ("axis n = S(64)", "[n, n; {c}]", 8),
    "triples": ("axis n = S(16)", "[n, n, n; {c}]", 2),
    "vectors": ("axis n = S(512) axis v = O(3)", "[n, v; {c}]", 8),
    "pictures": ("axis y = C(16) axis x = C(16)", "[y, x; {c}]", 8),
    "network": (
        "axis a = S(64) axis b = S(128) space W {{ v: [b, a; {c}] w: [a, b; {c}] z: [b; {c}] }}",
        "W",
        4,
    ),
    "deep": (
        "axis a = S(96) axis b = S(96) axis d = S(96) "
        "space W {{ v: [b, a; {c}] w: [d, b; {c}] z: [b; {c}] y: [d; {c}] }}",
        "W",
        4,
    ),
}
CHANNELS = (4, 32)
FORMULATIONS: tuple[Formulation, ...] = ("stack", "accumulate")
FIFTH = 1.2


@dataclass(frozen=True, slots=True)
class Variant:
    """A layer in one formulation: its predicted cost, and what runs it."""

    name: str
    predicted: Cost
    run: Callable[[], object]


def variants() -> Iterator[Variant]:
    """Every space with few and with many channels; each formulation where the plans differ."""
    for name, (declared, kind, batch) in SPACES.items():
        for channels in CHANNELS:
            text = f"{declared} model M(x: {kind}) -> {kind} {{{{ return equivariant(x, {{c}}) }}}}"
            source = text.format(c=channels)
            seen = set()
            for formulation in FORMULATIONS:
                typed = understand(as_source(source)).models[0]
                (node,) = (n for n in typed.graph.nodes if isinstance(n.operation, Equivariant))
                plan = layer_plan(typed, node, formulation)
                steps = described(plan)
                if steps in seen:
                    continue
                seen.add(steps)
                module = specc.load(source, plan=formulation).M()
                value = typed.types[0]
                tensors = {
                    key: torch.randn(batch, *(axis.size for axis in each.axes), channels)
                    for key, each in tensors_of(value)
                }
                given = tensors.get("", tensors)
                shown = f"{name}, {channels} channels, {formulation}"
                yield Variant(shown, cost(plan, batch), _runner(module, given))


def _runner(module: nn.Module, given: object) -> Callable[[], object]:
    given = tree_map(lambda tensor: tensor.clone(), given)

    def run() -> object:
        with torch.no_grad():
            return module(given)

    return run


def measure(found: list[Variant], turns: int) -> list[float]:
    """The median time of each variant in seconds, in turns with all the others."""
    times: list[list[float]] = [[] for _ in found]
    for _ in range(turns + 1):
        for taken, variant in zip(times, found, strict=True):
            variant.run()
            start = time.perf_counter()
            variant.run()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken[1:]) for taken in times]


def kendall(predicted: list[float], measured: list[float]) -> tuple[float, int]:
    """Kendall's tau over the pairs whose measured times differ by more than a fifth, and their number."""
    signs = [
        1 if (p < q) == (s < t) else -1
        for (p, s), (q, t) in combinations(zip(predicted, measured, strict=True), 2)
        if max(s, t) > FIFTH * min(s, t)
    ]
    return sum(signs) / len(signs), len(signs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=9, help="how often each layer is measured")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    found = list(variants())
    measured = measure(found, arguments.turns)
    predicted = [variant.predicted.duration for variant in found]
    table = Table("layer", "flops", "bytes", "starts", "predicted", "measured ms", box=None)
    scale = statistics.median(t / p for t, p in zip(measured, predicted, strict=True))
    for variant, taken, expected in zip(found, measured, predicted, strict=True):
        each = variant.predicted
        numbers = f"{each.flops:.2g}", f"{each.bytes:.2g}", str(each.starts)
        table.add_row(variant.name, *numbers, f"{1e3 * scale * expected:.2f}", f"{1e3 * taken:.2f}")
    console = Console()
    console.print(table)
    tau, pairs = kendall(predicted, measured)
    console.print(f"\nKendall's tau {tau:.2f} over {pairs} pairs of {len(found)} layers")


if __name__ == "__main__":
    main()
