"""How long models and their equivariant layers take, beside what the cost model predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.benchmark import Measurement

from ..compile import Program
from ..graph import Node, Typed
from ..operations import Equivariant
from ..planning.compose import layer_plan
from ..planning.cost import Cost, cost, floor
from ..planning.plan import Formulation, LayerPlan
from .inputs import random_inputs
from .records import Machine, ModelTimings, Timing, Timings
from .timing import COPIED, MATRIX, Run, copy_run, interleaved, product_run

COPY, PRODUCT, WHOLE = "copy", "product", ""
"""Names of what is measured beside the layers; those of layers are their paths."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How modules are run."""

    batch: int
    threads: int
    turns: int
    compiled: bool
    backward: bool
    device: str = "cpu"


def predicted(plan: LayerPlan, settings: Settings) -> tuple[Cost, Cost]:
    """What the cost model says that a layer takes, and what it takes at the least.

    The backward pass has two products for one of the forward pass, and reads and writes each tensor
    once more.
    """
    passes, products = (2, 3) if settings.backward else (1, 1)
    once = floor(plan)
    least = Cost(products * once.flops, passes * once.bytes)
    return cost(plan).times(products * settings.batch), least.times(settings.batch)


def bench_program(
    program: Program,
    module: ModuleType,
    settings: Settings,
    formulation: Formulation | None = None,
) -> Timings:
    """Measures each model of a program as the generated module has it."""
    machine = None
    models = []
    for typed in program.models:
        plans = {node.path: layer_plan(typed, node, formulation) for node in _layers(typed)}
        measured = _measured(typed, module, settings)
        machine = _machine(measured, settings)
        expected = {path: predicted(plan, settings) for path, plan in plans.items()}
        layers = [_timing(path, measured[path], *each, machine) for path, each in expected.items()]
        taken = sum((each for each, _ in expected.values()), start=Cost(0, 0))
        least = sum((each for _, each in expected.values()), start=Cost(0, 0))
        whole = _timing(typed.name, measured[WHOLE], taken, least, machine)
        models.append(ModelTimings(name=typed.name, whole=whole, layers=layers))
    assert machine is not None
    return Timings(
        machine=machine,
        batch=settings.batch,
        compiled=settings.compiled,
        backward=settings.backward,
        models=models,
    )


def _layers(typed: Typed) -> list[Node]:
    """Each equivariant layer once, by the path of its parameters."""
    nodes: dict[str, Node] = {}
    for node in typed.graph.nodes:
        if isinstance(node.operation, Equivariant):
            nodes.setdefault(node.path, node)
    return list(nodes.values())


def _timing(
    name: str, measured: Measurement, expected: Cost, least: Cost, machine: Machine
) -> Timing:
    return Timing(
        name=name,
        seconds=measured.median,
        spread=measured.iqr,
        flops=expected.flops,
        bytes=expected.bytes,
        floor=max(least.bytes / machine.bandwidth, least.flops / machine.peak),
    )


def _machine(measured: Mapping[str, Measurement], settings: Settings) -> Machine:
    return Machine(
        device=settings.device,
        threads=settings.threads,
        torch=torch.__version__,
        bandwidth=2 * COPIED / measured[COPY].median,
        peak=2 * MATRIX**3 / measured[PRODUCT].median,
    )


# --- What is run ----------------------------------------------------------------------------------


def _measured(typed: Typed, module: ModuleType, settings: Settings) -> dict[str, Measurement]:
    """The model and each of its layers with the inputs that it has in the model, in turns with the machine's
    own speed."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        network: nn.Module = getattr(module, typed.name)(device=settings.device)
    network.train(settings.backward)
    inputs = random_inputs(typed, settings.batch, generator, settings.device)
    given = _given(network, [node.path for node in _layers(typed)], inputs.values, inputs.masks)
    runs = {
        WHOLE: _run(network, (inputs.values, inputs.masks), settings),
        **{path: _run(network.get_submodule(path), each, settings) for path, each in given.items()},
        COPY: copy_run(settings.device),
        PRODUCT: product_run(settings.device),
    }
    return interleaved(runs, settings.threads, settings.turns)


Given = tuple[tuple[Any, ...], dict[str, Any]]


def _given(
    network: nn.Module, paths: list[str], values: tuple[Any, ...], masks: dict[str, Tensor]
) -> dict[str, Given]:
    """The inputs of each layer when the model runs; where one runs several times, the first."""
    found: dict[str, Given] = {}

    def recorder(path: str) -> Any:
        return lambda _, args, kwargs: found.setdefault(path, (args, kwargs)) and None

    hooks = [
        network.get_submodule(path).register_forward_pre_hook(recorder(path), with_kwargs=True)
        for path in paths
    ]
    with torch.no_grad():
        network(*values, **masks)
    for hook in hooks:
        hook.remove()
    return {path: found[path] for path in paths}


def _run(part: nn.Module, given: Given, settings: Settings) -> Run:
    """Calls a module, and differentiates the results by its parameters and what it reads."""
    args, kwargs = given
    call = part.forward
    if settings.compiled:
        call = torch.compile(part.forward, fullgraph=True, dynamic=False)
    if not settings.backward:
        return torch.no_grad()(lambda: call(*args, **kwargs))
    tensors = [x for x in tree_leaves(given) if isinstance(x, Tensor)]
    leaves = [x for x in tensors if x.is_floating_point() or x.is_complex()]
    sources = [*part.parameters(), *(x.requires_grad_() for x in leaves)]

    def both() -> object:
        results = tree_leaves(call(*args, **kwargs))
        return torch.autograd.grad(
            results, sources, [torch.ones_like(y) for y in results], allow_unused=True
        )

    return both
