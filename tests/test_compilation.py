"""`Model().compile()` has one full graph for every batch size, in training too, under any backend."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import SPECS, draw, draw_masks
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch.utils._pytree import tree_leaves

import specc
from specc_runtime import Model, compile
from specc_runtime.compilation import regions_of

pytestmark = pytest.mark.grid

SIZES = (1, 2, 9)

GRAPHS = {"images": 2}
"""Convolutions have a second graph for batches of one."""


def graphs(counter: CompileCounterWithBackend) -> int:
    """How many graphs are run; where torch begins anew it leaves an empty one."""
    return sum(len(graph.graph.nodes) > 1 for graph in counter.graphs)


@pytest.fixture(autouse=True)
def _no_graphs() -> None:
    torch.compiler.reset()


def make(spec: str) -> Model:
    torch.manual_seed(0)
    model = specc.load(SPECS[spec]).M()
    assert isinstance(model, Model)
    return model


def train(module: nn.Module, like: Model, *, masked: bool, **sizes: int) -> tuple[object, object]:
    """Outputs for random inputs, and the gradients of parameters of their sum of squares."""
    batch = sizes.pop("batch")
    given: dict[str, Any] = dict(draw(like, batch, **sizes))
    if masked:
        given |= draw_masks(like, batch, **sizes)
    outputs = module(**given)
    loss = sum(leaf.square().sum() for leaf in tree_leaves(outputs))
    return outputs, torch.autograd.grad(loss, list(module.parameters()))


@pytest.mark.parametrize("spec", SPECS)
def test_one_graph_serves_every_batch_size(spec: str) -> None:
    module = make(spec)
    compiled = copy.deepcopy(module)
    counter = CompileCounterWithBackend("aot_eager")
    compiled.compile(backend=counter)
    for batch in (*SIZES, 1):
        expected = train(module, module, batch=batch, masked=True)
        found = train(compiled, module, batch=batch, masked=True)
        torch.testing.assert_close(found, expected)
    assert graphs(counter) == GRAPHS.get(spec, 1)


def test_long_cyclic_axes_compile() -> None:
    """Their Fourier transforms have a second graph for batches of one."""
    module = specc.load("""
        axis t = C(1024)
        model M(x: [t; 4]) -> [t; 4] { return relu(equivariant(x, 4)) }
    """).M()
    assert any(getattr(each, "chooses_layout", False) for each in module.modules())
    for regional in (False, True):
        compiled = copy.deepcopy(module)
        counter = CompileCounterWithBackend("aot_eager")
        compiled.compile(backend=counter, regional=regional)
        for batch in SIZES:
            given = draw(module, batch)
            torch.testing.assert_close(compiled(**given), module(**given))
        assert graphs(counter) == 2


@pytest.mark.parametrize("order", [(1, 2, 9), (2, 9, 1), (9, 1, 2), (0, 1, 2)])
def test_whatever_batch_comes_first(order: tuple[int, ...]) -> None:
    module = make("weights")
    counter = CompileCounterWithBackend("eager")
    compiled = compile(module, backend=counter)
    for batch in order:
        given = draw(module, batch)
        torch.testing.assert_close(compiled(**given), module(**given))
    assert counter.frame_count == 1


@pytest.mark.parametrize("spec", ["set", "graph", "wreath product"])
def test_dynamic_sizes_of_axes_share_the_graph(spec: str) -> None:
    module = make(spec)
    compiled = copy.deepcopy(module)
    counter = CompileCounterWithBackend("aot_eager")
    compiled.compile(backend=counter, dynamic=True)
    for batch, size in ((1, 3), (2, 5), (9, 1)):
        sizes = dict.fromkeys(("point", "node", "cloud", "member"), size)
        expected = train(module, module, batch=batch, masked=True, **sizes)
        torch.testing.assert_close(
            train(compiled, module, batch=batch, masked=True, **sizes), expected
        )
    assert counter.frame_count == 1


def test_sizes_of_axes_are_constants_otherwise() -> None:
    module = make("set")
    counter = CompileCounterWithBackend("eager")
    module.compile(backend=counter)
    for size in (3, 5):
        train(module, module, batch=2, masked=False, point=size)
    assert counter.frame_count == 2


def test_without_the_experimental_interface_a_batch_of_one_costs_a_second_graph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch_compile = torch.compile

    def older(model: Any, *, fullgraph: bool, dynamic: bool | None, backend: Any) -> Any:
        return torch_compile(model, fullgraph=fullgraph, dynamic=dynamic, backend=backend)

    monkeypatch.setattr(torch, "compile", older)
    module = make("weights")
    counter = CompileCounterWithBackend("eager")
    module.compile(backend=counter)
    for batch in (*SIZES, 7):
        module(**draw(module, batch))
    assert counter.frame_count == 2


@pytest.mark.slow
@pytest.mark.representative
def test_plain_torch_compile_takes_a_full_graph() -> None:
    """By itself torch makes a graph for batches of one and one for the others."""
    module = make("weights")
    counter = CompileCounterWithBackend("eager")
    compiled = torch.compile(module, fullgraph=True, backend=counter)
    for batch in SIZES:
        given = draw(module, batch)
        torch.testing.assert_close(compiled(**given), module(**given))
    assert counter.frame_count == 2


def test_a_compiled_module_says_what_is_wrong() -> None:
    module = make("weights")
    module.compile(backend="eager")
    weights = draw(module, 2)["w"]
    assert isinstance(weights, dict)
    del weights["fc2.bias"]
    with pytest.raises(Exception, match=r"`w` lacks `fc2\.bias`"):
        module(weights)


def test_autocast_is_compiled() -> None:
    module = make("set")
    given = draw(module, 3)
    counter = CompileCounterWithBackend("aot_eager")
    compiled = compile(module, backend=counter)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(compiled(**given), module(**given))
    assert counter.frame_count == 1


# --- Regions --------------------------------------------------------------------------------------

BLOCKS = """
    param depth = 4
    axis n = S(4)
    block Narrow(x) { return relu(linear(x, 3)) }
    block Step(x) { return x + Narrow(equivariant(tanh(x), 3)) }
    model M(x: [n; 3], y: [n; 3]) -> [; 2] {
        z = Narrow(equivariant((x, y), [n; 3]))
        repeat depth as steps { z = Step(z) }
        return invariant(z, 2)
    }
"""


@pytest.mark.parametrize("depth", [2, 5])
def test_blocks_of_one_class_share_a_graph(depth: int) -> None:
    module = specc.load(BLOCKS, depth=depth).M()
    compiled = copy.deepcopy(module)
    counter = CompileCounterWithBackend("aot_eager")
    compiled.compile(backend=counter, regional=True)
    for batch in (*SIZES, 1):
        expected = train(module, module, batch=batch, masked=False)
        torch.testing.assert_close(train(compiled, module, batch=batch, masked=False), expected)
    assert graphs(counter) == 4  # the first layer, `Narrow`, `Step`, the last layer


TRANSPOSED = {"edit": 1}
"""Layers whose inputs come transposed have a second graph for batches of one: strides tell no more there."""


@pytest.mark.parametrize("spec", SPECS)
def test_regions_answer_as_the_module(spec: str) -> None:
    module = make(spec)
    compiled = copy.deepcopy(module)
    counter = CompileCounterWithBackend("aot_eager")
    compiled.compile(backend=counter, regional=True)
    for batch in (*SIZES, 1):
        expected = train(module, module, batch=batch, masked=True)
        torch.testing.assert_close(train(compiled, module, batch=batch, masked=True), expected)
    kinds = {type(region) for region in regions_of(module)}
    assert graphs(counter) == len(kinds) + TRANSPOSED.get(spec, 0)


def test_hooks_of_regions_are_called() -> None:
    module = specc.load(BLOCKS).M()
    compiled = copy.deepcopy(module)
    compiled.compile(backend="eager", regional=True)
    seen: list[nn.Module] = []
    compiled.steps[1].register_forward_hook(lambda step, *_: seen.append(step))
    given = draw(module, 2)
    torch.testing.assert_close(compiled(**given), module(**given))
    assert seen == [compiled.steps[1]]


def test_a_compiled_model_is_saved_without_what_was_compiled(tmp_path: Path) -> None:
    module = specc.load(BLOCKS).M()
    module.compile(backend="eager", regional=True)
    expected = module(**draw(module, 2))
    torch.save(module, tmp_path / "module.pt")
    loaded = torch.load(tmp_path / "module.pt", weights_only=False)
    torch.testing.assert_close(loaded(**draw(module, 2)), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param("graph", marks=pytest.mark.representative),
        pytest.param("images", marks=pytest.mark.representative),
        "weights",
    ],
)
def test_inductor_compiles_one_graph(spec: str) -> None:
    module = make(spec)
    compiled = copy.deepcopy(module)
    counter = CompileCounterWithBackend("inductor")
    compiled.compile(backend=counter)
    for batch in SIZES:
        expected = train(module, module, batch=batch, masked=True)
        found = train(compiled, module, batch=batch, masked=True)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert graphs(counter) == GRAPHS.get(spec, 1)
