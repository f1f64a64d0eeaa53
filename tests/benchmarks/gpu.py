"""The two full-size operations on a GPU against what its memory and its matrix units can do.

    python tests/benchmarks/gpu.py [--json gpu.json] [--channels 16 32] [--dtypes bfloat16] [--gigabytes 1]
    python tests/benchmarks/gpu.py --interpret

First the two ceilings are measured: a copy, counting bytes read and written, and a product of two square
matrices for each dtype (`tf32` is float32 with TF32 allowed). Then, for the largest tensor of each
space and each number of channels, in as well as out, with batches that fill the memory given:

*mix* is relu(x W^T + rows + columns); *mix+grad* with the gradients of all four; *pool* is x with its means
over rows and over columns; *pool+grad* with the gradients of all three meeting. Beside the time in
milliseconds (medians, contenders interleaved) stands what it is of the copy's bandwidth, counting
each full-size tensor once for each direction, of the matrix peak, and of the floor, the larger of
the two times. *error* is the relative distance of results and gradients from those of tensor code in
float32 (TF32 in `tf32`).

Contenders: the Triton kernels, tensor code, the same under `torch.compile`, and under `jax.jit` where JAX
has a GPU. `--interpret` runs everything on the CPU with tiny tensors, to show that it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

SPACES = {"2-32-32-1": (32, 32), "784-128-128-10": (128, 784), "64-256-256-256-10": (256, 256)}
CHANNELS = (16, 32, 64, 128, 256, 512)
DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
# Full-size tensors read or written, and products of them with the weight.
WORK = {"mix": (2, 1), "mix+grad": (5, 3), "pool": (1, 0), "pool+grad": (3, 0)}

Run = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Bytes a second of a copy, and operations a second of a square product."""

    bandwidth: float
    peak: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender in one case; time in milliseconds, the others as fractions."""

    space: str
    batch: int
    channels: int
    dtype: str
    operation: str
    contender: str
    time: float
    of_bandwidth: float
    of_peak: float
    of_floor: float
    error: float


@dataclass(frozen=True, slots=True)
class Inputs:
    """x (batch, n1, n0, c), weight (c, c), rows (batch, n1, 1, c), columns (batch, 1, n0, c), and what
    comes back for a result of x's shape."""

    x: Tensor
    weight: Tensor
    rows: Tensor
    columns: Tensor
    back: Tensor

    @property
    def sources(self) -> tuple[Tensor, ...]:
        return self.x, self.weight, self.rows, self.columns


def inputs_of(
    batch: int, axes: tuple[int, int], channels: int, dtype: torch.dtype, device: str
) -> Inputs:
    torch.manual_seed(0)

    def normal(*shape: int, scale: float = 1) -> Tensor:
        return (torch.randn(shape, device=device, dtype=dtype) * scale).requires_grad_()

    return Inputs(
        normal(batch, *axes, channels),
        normal(channels, channels, scale=channels**-0.5),
        normal(batch, axes[0], 1, channels),
        normal(batch, 1, axes[1], channels),
        normal(batch, *axes, channels).detach(),
    )


def mix(x: Tensor, weight: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return F.relu(F.linear(x, weight) + rows + columns)


def pool(x: Tensor) -> tuple[Tensor, ...]:
    return x, x.mean(2), x.mean(1)


def kernel_mix(x: Tensor, weight: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    from specc_runtime import triton_kernels

    y = triton_kernels.mix_spread((x,), weight, (rows, columns), True)
    assert y is not None
    return y


def kernel_pool(x: Tensor) -> tuple[Tensor, ...]:
    from specc_runtime import triton_kernels

    results = triton_kernels.with_means(x, 2, 1)
    assert results is not None
    return results


def runs(
    inputs: Inputs, mix: Callable[..., Tensor], pool: Callable[..., tuple[Tensor, ...]]
) -> dict[str, Run]:
    """The operations of a contender; each returns a tuple of what it computed."""
    x, back = inputs.x, inputs.back
    means = back[:, :, 0].contiguous(), back[:, 0].contiguous()

    def with_gradient() -> tuple[Tensor, ...]:
        y = mix(*inputs.sources)
        return y, *torch.autograd.grad(y, inputs.sources, back)

    def pooled_with_gradient() -> tuple[Tensor, ...]:
        first, *others = pool(x)
        return *others, *torch.autograd.grad([first, *others], x, [back, *means])

    def without(function: Callable[..., Any], *arguments: Tensor) -> Run:
        def run() -> tuple[Tensor, ...]:
            with torch.no_grad():
                found = function(*arguments)
            return found if isinstance(found, tuple) else (found,)

        return run

    return {
        "mix": without(mix, *inputs.sources),
        "mix+grad": with_gradient,
        "pool": without(pool, x),
        "pool+grad": pooled_with_gradient,
    }


def jax_runs(inputs: Inputs) -> dict[str, Run] | None:
    """The same in JAX, where it is installed with a GPU."""
    try:
        import jax
        import jax.numpy as jnp

        device = jax.devices("gpu")[0]
    except (ImportError, RuntimeError):
        return None
    tf32 = torch.backends.cuda.matmul.allow_tf32
    precision = "tensorfloat32" if tf32 or inputs.x.dtype != torch.float32 else "highest"

    def array(tensor: Tensor) -> Any:
        known = jnp.asarray(tensor.detach().float().cpu().numpy())
        return jax.device_put(known.astype(str(tensor.dtype).removeprefix("torch.")), device)

    def mix(x: Any, weight: Any, rows: Any, columns: Any) -> Any:
        return jax.nn.relu(jnp.matmul(x, weight.T, precision=precision) + rows + columns)

    def pool(x: Any) -> Any:
        return x, x.mean(2), x.mean(1)

    sources, back = tuple(map(array, inputs.sources)), array(inputs.back)
    x, backs = sources[0], (back, back[:, :, 0], back[:, 0])

    def gradient(function: Any) -> Any:
        def both(arguments: tuple[Any, ...], backs: Any) -> Any:
            y, pull = jax.vjp(function, *arguments)
            means = y[1:] if isinstance(y, tuple) else y  # and not a copy of x
            return means, pull(backs)

        return jax.jit(both)

    forward, means = jax.jit(mix), jax.jit(lambda x: pool(x)[1:])
    full, spread = gradient(mix), gradient(pool)
    return {
        "mix": lambda: (forward(*sources),),
        "mix+grad": lambda: full(sources, back)[1],
        "pool": lambda: means(x),
        "pool+grad": lambda: spread((x,), backs)[1],
    }


def seconds(run: Run, device: str, calls: int) -> float:
    """How long a call takes of several that are queued one after the other."""

    def wait(result: Any) -> None:
        if device == "cuda":
            torch.cuda.synchronize()
        for each in result:
            if hasattr(each, "block_until_ready"):
                each.block_until_ready()

    wait(())
    start = time.perf_counter()
    for _ in range(calls):
        result = run()
    wait(result)
    return (time.perf_counter() - start) / calls


def medians(contenders: dict[str, Run], options: argparse.Namespace) -> dict[str, float]:
    """Interleaved, after two calls that tune and compile."""
    for run in contenders.values():
        seconds(run, options.device, min(2, options.calls))
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(options.repeats):
        for name, run in contenders.items():
            times[name].append(seconds(run, options.device, options.calls))
    return {name: median(each) for name, each in times.items()}


def ceilings(dtype: torch.dtype, options: argparse.Namespace) -> Ceilings:
    """Both, measured."""
    device, size = options.device, options.size
    source = torch.randn(
        int(options.gigabytes * 2**30 / dtype.itemsize), device=device, dtype=dtype
    )
    target = torch.empty_like(source)
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    times = medians({"copy": lambda: (target.copy_(source),), "product": lambda: (a @ b,)}, options)
    return Ceilings(2 * source.nbytes / times["copy"], 2 * size**3 / times["product"])


def distance(found: tuple[Any, ...], true: tuple[Tensor, ...]) -> float:
    """The largest relative distance of two results in the same order."""
    pairs = zip(found, (each.detach() for each in true), strict=True)
    errors = [
        float(torch.linalg.norm(a.detach().float() - b) / torch.linalg.norm(b).clamp(min=1e-30))
        for a, b in pairs
    ]
    return max(errors)


def exact_of(inputs: Inputs) -> dict[str, Run]:
    """Tensor code in float32."""
    known = [each.detach().float().requires_grad_() for each in inputs.sources]
    return runs(Inputs(known[0], known[1], known[2], known[3], inputs.back.float()), mix, pool)


def measured(
    space: str, channels: int, name: str, known: Ceilings, options: argparse.Namespace
) -> Iterator[Measured]:
    """All operations and contenders of a case."""
    dtype, axes = DTYPES[name], options.spaces[space]
    positions = axes[0] * axes[1]
    batch = max(1, int(options.gigabytes * 2**30 / (positions * channels * dtype.itemsize)))
    inputs = inputs_of(batch, axes, channels, dtype, options.device)
    contenders = {
        "kernels": runs(inputs, kernel_mix, kernel_pool),
        "tensor code": runs(inputs, mix, pool),
    }
    if not options.interpret:
        torch.compiler.reset()
        contenders["torch.compile"] = runs(inputs, torch.compile(mix), torch.compile(pool))
    in_jax = None if options.no_jax else jax_runs(inputs)
    if in_jax is not None:
        contenders["jax.jit"] = in_jax
    small = inputs_of(min(batch, 2), axes, channels, dtype, options.device)
    checked, true = runs(small, kernel_mix, kernel_pool), exact_of(small)
    for operation, (tensors, products) in WORK.items():
        error = distance(checked[operation](), true[operation]())
        times = medians({n: each[operation] for n, each in contenders.items()}, options)
        moving = tensors * inputs.x.nbytes / known.bandwidth
        computing = products * 2 * batch * positions * channels**2 / known.peak
        for contender, took in times.items():
            yield Measured(
                space, batch, channels, name, operation, contender, 1000 * took, moving / took,
                computing / took, max(moving, computing) / took,
                error if contender == "kernels" else float("nan"),
            )  # fmt: skip


def table(results: list[Measured]) -> Table:
    """One row for each operation of a case and contender."""
    grid = Table(
        "space",
        "c",
        "dtype",
        "operation",
        "contender",
        "ms",
        "% copy",
        "% peak",
        "% floor",
        "error",
    )
    for last, each in zip([None, *results], results, strict=False):
        new = last is None or (last.space, last.channels, last.dtype, last.operation) != (
            each.space, each.channels, each.dtype, each.operation,
        )  # fmt: skip
        case = (each.space, str(each.channels), each.dtype, each.operation) if new else ("",) * 4
        shares = [
            f"{100 * share:.0f}" for share in (each.of_bandwidth, each.of_peak, each.of_floor)
        ]
        error = "" if each.error != each.error else f"{each.error:.0e}"
        grid.add_row(*case, each.contender, f"{each.time:.3f}", *shares, error)
    return grid


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the full-size tensor")
    parser.add_argument("--channels", type=int, nargs="+", default=CHANNELS)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--no-jax", action="store_true")
    parser.add_argument("--interpret", action="store_true")
    options = parser.parse_args(arguments)
    options.spaces = {name: SPACES[name] for name in options.spaces}
    options.device, options.size, options.calls = "cuda", 8192, 5
    if options.interpret:
        os.environ["TRITON_INTERPRET"] = "1"
        options.device, options.size, options.calls = "cpu", 64, 1
        options.repeats, options.gigabytes = 1, 1e-6
        options.spaces, options.no_jax = {"2-4-3-1": (4, 3)}, True
    return options


def main(arguments: list[str] | None = None) -> None:
    options = options_of(arguments)
    console = Console(width=110)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            "There is no GPU that torch can use; --interpret shows on the CPU that this runs."
        )
    device = torch.cuda.get_device_name() if options.device == "cuda" else platform.machine()
    results: list[Measured] = []
    found: dict[str, Ceilings] = {}
    for name in options.dtypes:
        torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
        known = ceilings(DTYPES[name], options)
        found[name] = known
        console.print(
            f"{name}: copy {known.bandwidth / 1e9:.0f} GB/s, product {known.peak / 1e12:.1f} TFLOP/s"
        )
        for channels in options.channels:
            for space in options.spaces:
                with suppress(torch.cuda.OutOfMemoryError):
                    results += measured(space, channels, name, known, options)
    console.print(f"{device}, torch {torch.__version__}", table(results))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            known_as = {name: asdict(each) for name, each in found.items()}
            rows = [asdict(each) for each in results]
            json.dump(
                {"device": device, "torch": torch.__version__, "ceilings": known_as, "rows": rows},
                file,
            )


if __name__ == "__main__":
    main()
