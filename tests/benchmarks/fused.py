"""Times the two operations on full-size tensors on a CPU: `with_means` and `mix_spread`, forward and backward.

    python tests/benchmarks/fused.py [--threads 2] [--repeat 15] [--keep-memory] [--no-native] [--no-compile]

For each of three weight spaces, all tensors of a layer with two hidden axes: means over both, two small
products of them, and the product with ReLU. The ways are run in turn, and medians are of the same rounds:

    formula    one line of tensor code for each operation, and autograd
    slabs      the plain path
    native     the C++ kernels
    compiled   torch.compile over the plain path, and over the kernels

The floor is measured in the same rounds: the full-level products into warm buffers (one forward, three
with backward), and for each direction one streaming read and one streaming write of the tensor.
`--keep-memory` calls `specc_runtime.keep_memory()` first.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch import Tensor
from torch.nn import functional as F

import specc_runtime
from specc_runtime import fused, native

SPACES = {
    "2-32-32-1": (64, 16, [(32, 2), (32, 32), (1, 32)]),
    "784-128-128-10": (8, 16, [(128, 784), (128, 128), (10, 128)]),
    "64-256-256-256-10": (8, 32, [(256, 64), (256, 256), (256, 256), (10, 256)]),
}
"""Batch, channels and the matrices of an MLP."""

Run = Callable[[], object]


class Layer:
    """The part of a layer that meets one matrix; the spread terms are random."""

    def __init__(self, batch: int, channels: int, shape: tuple[int, int]) -> None:
        rows, columns = shape
        size = batch, rows, columns, channels
        self.x = torch.randn(size, requires_grad=True)
        self.weight = (torch.randn(channels, channels) / channels**0.5).requires_grad_()
        self.upper, self.out = torch.randn(size), torch.empty(size)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        x, by_row, by_column = fused.with_means(x, 2, 1)
        return fused.mix_spread(
            x, weight, by_row[:, :, None], by_column[:, None], activation=F.relu
        )

    def formula(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.relu(F.linear(x, weight) + x.mean(2)[:, :, None] + x.mean(1)[:, None])

    def floor(self, backward: bool) -> None:
        x, out, upper = (each.detach().flatten(0, -2) for each in (self.x, self.out, self.upper))
        weight = self.weight.detach()
        torch.mm(x, weight.t(), out=out)
        stream(self.x, self.out)
        if backward:
            torch.mm(upper, weight, out=out)
            torch.mm(upper.t(), x)
            stream(self.upper, self.out)


def stream(source: Tensor, target: Tensor) -> None:
    """One read and one write."""
    source.detach().sum()
    target.fill_(0.0)


def ways(layers: Sequence[Layer], chosen: argparse.Namespace) -> dict[str, tuple[Run, Run]]:
    """By name: forward alone, and forward with backward."""

    def pair(
        functions: Sequence[Callable[[Tensor, Tensor], Tensor]], kernels: bool
    ) -> tuple[Run, Run]:
        def run(backward: bool) -> None:
            (native.enable if kernels else native.disable)()
            for layer, function in zip(layers, functions, strict=True):
                if backward:
                    out = function(layer.x, layer.weight)
                    torch.autograd.grad(out, [layer.x, layer.weight], layer.upper)
                else:
                    with torch.no_grad():
                        function(layer.x, layer.weight)

        return lambda: run(False), lambda: run(True)

    def compiled() -> list[Callable[[Tensor, Tensor], Tensor]]:
        return [torch.compile(layer.forward, fullgraph=True, dynamic=False) for layer in layers]

    forwards = [layer.forward for layer in layers]
    found = {
        "floor": (
            lambda: [layer.floor(False) for layer in layers],
            lambda: [layer.floor(True) for layer in layers],
        ),
        "formula": pair([layer.formula for layer in layers], False),
        "slabs": pair(forwards, False),
    }
    if chosen.native:
        found["native"] = pair(forwards, True)
    if chosen.compile:
        found["compiled"] = pair(compiled(), False)
    if chosen.native and chosen.compile:
        found["compiled native"] = pair(compiled(), True)
    return found


def medians(runs: Sequence[Run], repeat: int) -> list[float]:
    """Milliseconds of each, in turn."""
    for run in runs:
        run()
        run()
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(repeat):
        for run, kept in zip(runs, times, strict=True):
            before = time.perf_counter()
            run()
            kept.append(1e3 * (time.perf_counter() - before))
    return [statistics.median(kept) for kept in times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--keep-memory", action="store_true")
    parser.add_argument("--native", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch._dynamo.config.recompile_limit = 64
    kept = chosen.keep_memory and specc_runtime.keep_memory()
    print(f"{chosen.threads} threads, memory kept: {kept}; ms and times the floor, medians")
    for space, (batch, channels, shapes) in SPACES.items():
        layers = [Layer(batch, channels, shape) for shape in shapes]
        runs = ways(layers, chosen)
        forward = medians([pair[0] for pair in runs.values()], chosen.repeat)
        both = medians([pair[1] for pair in runs.values()], chosen.repeat)
        print(f"\n{space}, {batch} networks, {channels} channels")
        for name, one, two in zip(runs, forward, both, strict=True):
            print(
                f"  {name:16} {one:8.2f} {one / forward[0]:5.2f}x {two:8.2f} {two / both[0]:5.2f}x",
                flush=True,
            )


if __name__ == "__main__":
    main()
