"""Layers and networks on six spaces: ours beside the published method in JAX, nfn, and the least work.

    python tests/benchmarks/speed.py [--space mlp-wide] [--competitor eager JAX] [--quick] [--isolate]
                                     [--json speed.json] [--markdown speed.md]

One equivariant layer with a ReLU after it, and a network of four, forward without gradients and forward
with the gradients of all parameters and inputs, in float32 on two threads. The contenders are

- **JAX**: the published method (arXiv:2402.05232), a product for each map, under `jax.jit`, as XLA
  compiles it by default and with its fusions for the YNN library off; the faster one counts;
- **nfn**: the NP layers of the package of that name, where the space is a chain of weights and biases;
- **eager**, **native**, **compiled**, **native compiled**: the generated module in plain PyTorch, with the runtime's
  kernels, and both under `specc_runtime.compile`; *best* is the fastest of them;
- **floor**: the products between full-size tensors into warm buffers, each tensor read once and written
  once; with gradients three such products, and each tensor once for each direction.

All this under two settings of glibc's allocator, each in a process of its own: as it is (`default`), and told
to keep freed memory (`pooling`), for torch and JAX alike. Within a process contenders take turns; with
`--isolate` each has a process of its own. Before anything is timed, small spaces show that the published
maps and ours span the same.

Figures are good on a quiet machine alone. Where others use its processors, `OMP_WAIT_POLICY=PASSIVE` in the environment
keeps the threads of torch from waiting for each other.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from comparison import report
from comparison.measure import ALLOCATORS, Times, choose_allocator, interleaved, keep_to
from comparison.partitions import MOST_MAPS, count_maps
from comparison.spaces import SPACES, TINY, Space
from rich.console import Console

MODELS = ("layer", "network")
WAYS = ("forward", "training")
QUICK_LEFT_OUT = ("compiled", "native compiled")
"""What takes longer to compile than all the rest to run; so do the maps of large spaces in JAX."""


def main() -> None:
    arguments = _arguments()
    if arguments.child:
        _child(arguments)
        return
    console = Console(width=None if sys.stdout.isatty() else 230)
    _say_agreement(console, TINY[:1] if arguments.quick else TINY)
    times: list[Times] = []
    for allocator in arguments.allocator:
        for names in _processes(arguments):
            times += _in_a_process(arguments, allocator, names)
    machine = report.machine(arguments.threads)
    titles = {each: f"{each} allocator, medians" for each in arguments.allocator}
    of = {each: [time for time in times if time.allocator == each] for each in titles}
    console.print(machine)
    for allocator, title in titles.items():
        console.print(report.table(title, of[allocator]))
    if arguments.json:
        arguments.json.write_text(report.to_json(machine, times))
    if arguments.markdown:
        tables = [report.markdown(title, of[allocator]) for allocator, title in titles.items()]
        parts = [machine + "\n", report.legend(arguments.space), *tables]
        arguments.markdown.write_text("\n".join(parts))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--space", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--competitor", nargs="+", choices=report.CONTENDERS)
    parser.add_argument("--allocator", nargs="+", choices=ALLOCATORS, default=list(ALLOCATORS))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--budget", type=float, default=4.0, help="seconds for each number")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="layers alone, little is compiled")
    parser.add_argument("--isolate", action="store_true", help="a process for each contender")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.competitor is None:
        left_out = QUICK_LEFT_OUT if arguments.quick else ()
        arguments.competitor = [name for name in report.CONTENDERS if name not in left_out]
    if arguments.quick:
        arguments.model, arguments.repeats, arguments.budget = ["layer"], 3, 0.5
    return arguments


def _processes(arguments: argparse.Namespace) -> Sequence[list[str]]:
    """The contenders of each process."""
    if arguments.isolate:
        return [[name] for name in arguments.competitor]
    return [arguments.competitor]


def _in_a_process(arguments: argparse.Namespace, allocator: str, names: list[str]) -> list[Times]:
    """Measures in a new process, whose progress is seen; what XLA compiles is kept for the next."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "times.json"
        command = [sys.executable, __file__, "--child", str(results), "--allocator", allocator]
        command += ["--space", *arguments.space, "--model", *arguments.model]
        command += ["--competitor", *names, "--threads", str(arguments.threads)]
        command += ["--repeats", str(arguments.repeats), "--budget", str(arguments.budget)]
        command += ["--quick"] if arguments.quick else []
        subprocess.run(command, check=True)
        return report.from_json(results.read_text())


def _child(arguments: argparse.Namespace) -> None:
    (allocator,) = arguments.allocator
    choose_allocator(allocator)
    cache = Path(tempfile.gettempdir()) / f"specc_benchmarks_{os.getuid()}"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    keep_to(arguments.threads)
    times = list(_measured(arguments, allocator))
    arguments.child.write_text(report.to_json("", times))


def _measured(arguments: argparse.Namespace, allocator: str) -> Iterator[Times]:
    from comparison.contender import Contender
    from comparison.contenders import contenders

    console = Console(stderr=True, highlight=False)
    for space in (SPACES[name] for name in arguments.space):
        for model in arguments.model:
            names = _names(arguments, space)
            found = dict(contenders(space, model, names))
            for name, each in found.items():
                if isinstance(each, str):
                    console.print(f"{space.name}, {model}: no {name}: {each}", style="dim")
            for way in WAYS:
                runs = {
                    name: getattr(each, way)
                    for name, each in found.items()
                    if isinstance(each, Contender)
                }
                taken = interleaved(runs, arguments.repeats, arguments.budget)
                own = [
                    Times(allocator, space.name, model, way, name, first, seconds)
                    for name, (first, seconds) in taken.items()
                ]
                medians = ", ".join(f"{each.contender} {1e3 * each.median:.2f}" for each in own)
                console.print(f"{allocator}: {space.name}, {model}, {way} (ms): {medians}")
                yield from own


def _names(arguments: argparse.Namespace, space: Space) -> tuple[str, ...]:
    """The contenders on a space."""
    left_out = report.PUBLISHED if arguments.quick and count_maps(space) > MOST_MAPS else ()
    return tuple(name for name in arguments.competitor if name not in left_out)


def _say_agreement(console: Console, spaces: Sequence[Space]) -> None:
    """Raises where the published maps and ours do not span the same."""
    from importlib.util import find_spec

    if find_spec("jax") is None:
        console.print("jax is not installed: the published method is left out")
        return
    from comparison.agreement import our_matrices, published_matrices, ranks

    for space in spaces:
        published = published_matrices(space)
        each = ranks(published, our_matrices(space))
        if len(set(each)) > 1:
            raise SystemExit(f"{space.title}: the published maps, ours, both have ranks {each}")
        console.print(f"{space.title}: {len(published)} published maps and ours span {each[0]}")


if __name__ == "__main__":
    main()
