"""What a layer over a group costs against the size n of an axis, beside two dense ways to compute it.

    python tests/benchmarks/groups.py [--repeats 9] [--batch 1] [--channels 1] [--limit 2e8]

*generated* is the layer that a spec compiles to; *naive* multiplies by its dense matrix, formed
beforehand; *EMLP* (arXiv:2104.09459) has a dense basis Q of the equivariant subspace, makes the matrix
from coefficients by the product Q c in each call, and multiplies by it. Forward passes in
float32 without gradients on one thread; medians over repeats, interleaved. Where a dense matrix or basis
would have more than `--limit` entries it is left out. Beside each time stands the power of n by which it
grew since the row above; a generated layer of few positions takes what starting its kernels takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import log, prod
from statistics import median

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor, nn

import specc

WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Case:
    """A layer on one axis: how often it stands in the tensors read and written, and its sizes."""

    name: str
    group: str
    indices: int
    sizes: tuple[int, ...]
    options: str = ""

    def spec(self, n: int, channels: int) -> str:
        kind = f"[{', '.join(['v'] * self.indices)}; {channels}]"
        layer = f"equivariant(x, {channels}, bias = false{self.options})"
        return f"axis v = {self.group.format(n)}\nmodel M(x: {kind}) -> {kind} {{ return {layer} }}"

    def shape(self, n: int) -> tuple[int, ...]:
        return (n,) * self.indices


LINES = (64, 256, 1024, 4096, 16_384, 65_536, 262_144)
SQUARES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)

CASES = (
    Case("S(n): [v] to [v]", "S({})", 1, LINES),
    Case("S(n): [v, v] to [v, v]", "S({})", 2, SQUARES),
    Case("O(n): [v, v] to [v, v]", "O({})", 2, SQUARES),
    Case("B(n): [v, v] to [v, v]", "B({})", 2, SQUARES),
    Case("C(n): [v] to [v]", "C({})", 1, LINES),
    Case("C(n), support 3", "C({})", 1, LINES, ", support = 3"),
)


class Naive(nn.Module):
    """A product with the dense matrix (outputs * channels, inputs * channels)."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.matrix.T).reshape(x.shape)


class Projected(nn.Module):
    """Coefficients (dimension, c_out, c_in) for the columns of Q (outputs * inputs, dimension).

    The matrix of each pair of channels is Q times its coefficients, as EMLP projects its weights.
    """

    def __init__(self, basis: Tensor, channels: int) -> None:
        super().__init__()
        self.basis = nn.Buffer(basis)
        self.coefficients = nn.Parameter(torch.randn(basis.shape[1], channels * channels))
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        positions = prod(x.shape[1:-1])
        entries = self.basis @ self.coefficients
        apart = entries.reshape(positions, positions, self.channels, self.channels)
        matrix = apart.permute(0, 2, 1, 3).reshape(positions * self.channels, -1)
        return (x.flatten(1) @ matrix.T).reshape(x.shape)


def dense_basis(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """The maps of a layer with one channel as columns (outputs * inputs, parameters), from its answers to
    unit inputs with one parameter at a time."""
    count = prod(shape)
    unit = torch.eye(count).reshape(count, *shape, 1)
    flat = nn.utils.parameters_to_vector(layer.parameters())
    columns = []
    for number in range(len(flat)):
        nn.utils.vector_to_parameters(torch.eye(len(flat))[number], layer.parameters())
        columns.append(layer(unit).reshape(count, count).T.reshape(-1))
    return torch.stack(columns, 1)


def maps_of(case: Case, n: int) -> int:
    """The dimension of the maps."""
    (model,) = specc.explain(case.spec(n, 1)).models
    return model.layers[0].maps


def contenders(case: Case, n: int, channels: int, limit: float) -> Iterator[tuple[str, nn.Module]]:
    """The modules that are small enough to be made."""
    yield "generated", specc.load(case.spec(n, channels)).M()
    positions = prod(case.shape(n))
    if (positions * channels) ** 2 <= limit:
        yield "naive", Naive(torch.randn(positions * channels, positions * channels))
    entries = positions**2 * max(maps_of(case, n), channels**2)
    if entries <= limit:
        layer = specc.load(case.spec(n, 1)).M()
        yield "EMLP", Projected(dense_basis(layer, case.shape(n)), channels)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measured(modules: dict[str, nn.Module], x: Tensor, repeats: int) -> dict[str, float]:
    """The median time of each, one after the other in every repeat."""
    times: dict[str, list[float]] = {name: [] for name in modules}
    for repeat in range(WARM_UP + repeats):
        for name, module in modules.items():
            taken = seconds(partial(module, x))
            if repeat >= WARM_UP:
                times[name].append(taken)
    return {name: median(each) for name, each in times.items()}


NAMES = ("generated", "naive", "EMLP")


def table_of(case: Case, arguments: argparse.Namespace) -> Table:
    heads = [head for name in NAMES for head in (f"{name} (ms)", "power")]
    table = Table("n", "maps", *heads, title=escape(case.name))
    for column in table.columns:
        column.justify = "right"
    before: tuple[int, dict[str, float]] = (0, {})
    for n in case.sizes:
        modules = dict(contenders(case, n, arguments.channels, arguments.limit))
        x = torch.randn(arguments.batch, *case.shape(n), arguments.channels)
        times = measured(modules, x, arguments.repeats)
        cells = []
        for name in NAMES:
            cells.append(f"{1e3 * times[name]:.3f}" if name in times else "-")
            cells.append(_power(before, (n, times), name))
        table.add_row(str(n), str(maps_of(case, n)), *cells)
        before = n, times
    return table


def _power(
    before: tuple[int, dict[str, float]], now: tuple[int, dict[str, float]], name: str
) -> str:
    """The power of n by which the time grew."""
    if name not in before[1] or name not in now[1]:
        return ""
    return f"{log(now[1][name] / before[1][name]) / log(now[0] / before[0]):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--limit", type=float, default=2e8)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    with torch.no_grad():
        for case in CASES:
            console.print(table_of(case, arguments))


if __name__ == "__main__":
    main()
