"""The Triton code that Inductor writes for a GPU, on a machine that has none.

A module is traced on the CPU into `aten` operations, every tensor of the graph is then said to be on
an H100, and the graph is lowered and scheduled: nothing is run, so that a few facts about the device
are all that Inductor asks for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor, fx, nn
from torch._inductor.debug import DebugContext
from torch._inductor.decomposition import select_decomp_table
from torch._inductor.graph import GraphLowering
from torch._inductor.runtime.hints import DeviceProperties
from torch._inductor.virtualized import V
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils import _triton
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

H100: dict[str, Any] = {
    "multi_processor_count": 132,
    "major": 9,
    "regs_per_multiprocessor": 65_536,
    "max_threads_per_multi_processor": 2048,
    "warp_size": 32,
}


def triton_code(module: nn.Module, *inputs: Any) -> str:
    """The Python source of what Inductor would run on a GPU for the module in inference."""
    with torch.no_grad():
        graph = _traced(module, inputs)
    mode = FakeTensorMode(shape_env=ShapeEnv())
    for node in graph.graph.nodes:
        if "val" in node.meta:
            node.meta["val"] = tree_map_only(Tensor, lambda x: _on_gpu(x, mode), node.meta["val"])
    given = [node.meta["val"] for node in graph.graph.nodes if node.op == "placeholder"]
    with _pretended_gpu():
        lowering = GraphLowering(graph, example_inputs=given, shape_env=mode.shape_env)
        with (
            V.set_debug_handler(DebugContext()),
            V.set_graph_handler(lowering),
            V.set_fake_mode(mode),
        ):
            lowering.run(*given)
            code, _ = lowering.codegen()
    return str(code.value)


def launches(code: str) -> tuple[int, int]:
    """How many kernels of Triton and how many of a library, products, the code starts."""
    return len(re.findall(r"\.run\(", code)), len(re.findall(r"extern_kernels\.\w+\(", code))


def _traced(module: nn.Module, inputs: tuple[Any, ...]) -> fx.GraphModule:
    """The operations of the module, whose parameters are inputs too."""
    leaves, structure = tree_flatten((dict(module.named_parameters()), inputs))

    def run(*values: Tensor) -> object:
        parameters, given = tree_unflatten(values, structure)
        return tree_flatten(functional_call(module, parameters, given))[0]

    return make_fx(run, select_decomp_table(), tracing_mode="fake")(*leaves)


def _on_gpu(x: Tensor, mode: FakeTensorMode) -> FakeTensor:
    meta = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")
    return FakeTensor(mode, meta, torch.device("cuda", 0))


@contextmanager
def _pretended_gpu() -> Iterator[None]:
    properties = DeviceProperties(type="cuda", index=0, cc=90, **H100)
    answers: dict[str, object] = {
        "torch.cuda.is_available": True,
        "torch.cuda.device_count": 1,
        "torch.cuda.current_device": 0,
        "torch.cuda.get_device_capability": (9, 0),
        "torch.cuda.get_device_properties": SimpleNamespace(
            **H100, minor=0, name="H100", gcnArchName=""
        ),
        "torch._inductor.runtime.hints.DeviceProperties.create": properties,
    }
    for module in _named_in("has_triton"):
        answers[f"{module}.has_triton"] = True
    for module in _named_in("triton_hash_with_backend"):
        answers[f"{module}.triton_hash_with_backend"] = "no backend"
    with ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(mock.patch(name, lambda *_, answer=answer, **__: answer))
        stack.enter_context(torch._inductor.config.patch(compile_threads=1))
        yield


def _named_in(function: str) -> list[str]:
    """The modules that hold the function of `torch.utils._triton`: those loaded before hold it
    by a name of their own."""
    asked = getattr(_triton, function)
    return [
        name
        for name, module in sys.modules.copy().items()
        if name.startswith("torch.") and vars(module).get(function) is asked
    ]
