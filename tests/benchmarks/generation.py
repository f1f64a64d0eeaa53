"""How long a specification takes to become a module, against the number of blocks of a network.

    python tests/benchmarks/generation.py [--repeats 5]

Equivariant layers on the weights of transformers of 6 to 96 blocks, and of networks of the library at their
real sizes. Medians over repeats, interleaved; starting the interpreter is not part of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from specc.api import generate
from specc.symmetry.count import count_coefficients, count_maps, is_reached
from specc.symmetry.derive import derive
from specc.symmetry.folding import fold

SPECS = Path(__file__).parents[2] / "specs"

BLOCKS = (6, 12, 24, 48, 96)
MAPS = 10_000_000

TRANSFORMER = """
param depth = 12
axis token = 64
block Block(x) {
    x = x + attention(layer_norm(x), heads = 4, over = token, causal = true)
    h = gelu(linear(layer_norm(x), 256, name = up))
    return x + linear(h, 64, name = down)
}
model Net(ids: [token; index 1000]) -> [token; 1000] {
    x = embedding(ids, 64) + positions(token, 64)
    repeat depth as blocks { x = Block(x) }
    return linear(layer_norm(x), 1000, bias = false)
}
model Update(w: weights(Net; 2)) -> weights(Net) {
    z = relu(equivariant(coded(linear(w, 4)), 4))
    return equivariant(z, 1)
}
"""


LIBRARY = ("gpt2", "vit")
"""With what each says of the weights of its networks."""


def cases() -> Iterator[tuple[str, Callable[[], str]]]:
    """Names, and what makes the source of each."""
    for blocks in BLOCKS:
        yield (
            f"transformer of {blocks} blocks",
            partial(generate, TRANSFORMER, {"depth": blocks}, max_maps=MAPS),
        )
    for spec in LIBRARY:
        yield f"{spec}.spec", partial(generate, SPECS / f"{spec}.spec", {})


def forget() -> None:
    """Empties what the compiler remembers of earlier layers."""
    for function in (count_coefficients, count_maps, is_reached, derive, fold):
        function.cache_clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    makers = dict(cases())
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    lines: dict[str, int] = {}
    for _ in range(repeats):
        for name, make in makers.items():
            forget()
            start = time.perf_counter()
            text = make()
            seconds[name].append(time.perf_counter() - start)
            lines[name] = text.count("\n")
    table = Table("case", "seconds", "lines", title=f"Generation, medians of {repeats}")
    for name in makers:
        table.add_row(name, f"{median(seconds[name]):.2f}", str(lines[name]))
    Console().print(table)


if __name__ == "__main__":
    main()
