"""How long a program takes to its first answer, in fresh processes that share a cache.

    python tests/benchmarks/start.py [--repeats 3] [--layers 4] [--blocks 24]

The network reads the weights of a 784-128-128-10 classifier by equivariant layers of 16 channels; `--blocks`
is a transformer of so many blocks by itself, whole and by regions. Each way is started once to fill the
caches, and then `--repeats` times in turns; medians. *torch* is `import torch`, *compiler* the import of
Dynamo and Inductor where a way needs them, *start* all from there to the first answer, *next* an answer
afterwards. Seconds of the processor, which other programs disturb less than those of the clock, and of the
clock where `--clock` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

import specc

SPEC = """
param layers = 4
model Net(image: [; 784]) -> [; 10] {
    h = relu(linear(image, 128))
    return linear(relu(linear(h, 128)), 10)
}
model Reader(w: weights(Net)) -> [; 1] {
    z = coded(linear(w, 16))
    repeat layers { z = relu(equivariant(z, 16)) }
    return linear(invariant(z, 16), 1)
}
"""
BLOCKS = """
param blocks = 24
axis token = 32
block Block(x) {
    x = x + attention(layer_norm(x), heads = 4, over = token, causal = true)
    return x + linear(gelu(linear(layer_norm(x), 128)), 32)
}
model Tower(ids: [token; index 50]) -> [token; 50] {
    x = embedding(ids, 32) + positions(token, 32)
    repeat blocks { x = Block(x) }
    return linear(layer_norm(x), 50)
}
"""

WAYS = ("eager", "compile", "regional", "kept", "package")
HEADS = ("torch", "compiler", "start", "next")

PROGRAM = """
import sys, time
way, name, clock, given = sys.argv[1:5]
now = time.perf_counter if clock == "clock" else time.process_time
times = [now()]
import torch
times.append(now())
if way in ("compile", "regional", "kept"):
    import torch._dynamo, torch._inductor.compile_fx
times.append(now())
inputs = torch.load(given)
with torch.no_grad():
    if way == "package":
        from specc_runtime import load_package
        model = load_package(f"{name}.pt2")
    else:
        import importlib
        model = getattr(importlib.import_module(name), sys.argv[5])().eval()
    if way == "compile":
        model.compile()
    elif way == "regional":
        model.compile(regional=True)
    elif way == "kept":
        from specc_runtime import keep_compiled
        keep_compiled(model, f"{name}.kept")
    model(**inputs)
    times.append(now())
    model(**inputs)
    times.append(now())
print([later - sooner for sooner, later in zip(times, times[1:])])
"""


def prepare(folder: Path, text: str, name: str, model: str, params: dict[str, int]) -> None:
    """A module, inputs for it, and a package."""
    import torch

    from specc.api import check
    from specc.running.inputs import random_inputs
    from specc_runtime import package

    (folder / f"{name}.spec").write_text(text)
    specc.build(folder / f"{name}.spec", **params)
    (typed,) = (m for m in check(folder / f"{name}.spec", **params).models if m.name == model)
    made = getattr(specc.load(folder / f"{name}.spec", **params), model)()
    drawn = random_inputs(typed, 4, torch.Generator().manual_seed(0))
    torch.save(dict(zip(made.inputs, drawn.values, strict=True)), folder / f"{name}.pt")
    package(made, folder / f"{name}.pt2")


def started(folder: Path, way: str, name: str, model: str, clock: str) -> list[float]:
    """The seconds of each phase, in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "cache"),
    }
    command = [sys.executable, "-c", PROGRAM, way, name, clock, f"{name}.pt", model]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table_of(
    folder: Path, name: str, model: str, title: str, arguments: argparse.Namespace
) -> Table:
    clock = "clock" if arguments.clock else "processor"
    first = {way: started(folder, way, name, model, clock) for way in WAYS}
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for _ in range(arguments.repeats):
        for way in WAYS:
            found[way].append(started(folder, way, name, model, clock))
    table = Table("", "first start", *HEADS, title=title)
    for way in WAYS:
        phases = [median(each) for each in zip(*found[way], strict=True)]
        table.add_row(way, f"{first[way][2]:.2f}", *(f"{phase:.3f}" for phase in phases))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--blocks", type=int, default=24)
    parser.add_argument("--clock", action="store_true")
    arguments = parser.parse_args()
    cases = [
        (SPEC, "reader", "Reader", {"layers": arguments.layers}),
        (BLOCKS, "tower", "Tower", {"blocks": arguments.blocks}),
    ]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for text, name, model, params in cases:
            if not all(params.values()):
                continue
            prepare(folder, text, name, model, params)
            title = f"{model}, {', '.join(f'{value} {key}' for key, value in params.items())}"
            Console().print(table_of(folder, name, model, title, arguments))


if __name__ == "__main__":
    main()
