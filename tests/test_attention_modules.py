"""Attention is used as torch's modules are: copied, differentiated twice, mapped, exported, compiled."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from attentive import AXES, CASES, make, model
from networks import draw, draw_masks
from oracles.values import randomise
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

import specc
from specc.api import generate
from specc_runtime import Model

USES = ("causal", "grouped queries, fused", "as Llama has it", "a narrow memory")


def used(name: str) -> tuple[Model, list[Tensor]]:
    case = CASES[name]
    module = make(model(case.call, case.inputs, case.result))
    return module, [value for value in draw(module, 3).values() if isinstance(value, Tensor)]


@pytest.mark.parametrize("name", USES)
def test_copies_compute_the_same(name: str) -> None:
    module, inputs = used(name)
    layer = module.get_submodule("attention")
    for made in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(made(*inputs), module(*inputs), rtol=0, atol=0)


@pytest.mark.parametrize("name", USES)
def test_second_derivatives(name: str) -> None:
    """Of the fused kernels torch has none; its plain one is asked for."""
    module, inputs = used(name)
    inputs = [value[:1].requires_grad_() for value in inputs]
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradgradcheck(lambda *x: module(*x), inputs, fast_mode=True)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("name", USES)
def test_many_modules_at_once(name: str) -> None:
    case = CASES[name]
    modules = [make(model(case.call, case.inputs, case.result)) for _ in range(2)]
    for seed, each in enumerate(modules):
        randomise(each, torch.Generator().manual_seed(seed))
    inputs = [value for value in draw(modules[0], 3).values() if isinstance(value, Tensor)]
    parameters, _ = stack_module_state(modules)

    def loss(own: dict[str, Tensor]) -> Tensor:
        value: Tensor = functional_call(modules[0], own, tuple(inputs))
        return value.sin().sum()

    found = vmap(grad(loss))(parameters)
    for number, each in enumerate(modules):
        expected = torch.autograd.grad(each(*inputs).sin().sum(), list(each.parameters()))
        for (key, _), gradient in zip(each.named_parameters(), expected, strict=True):
            torch.testing.assert_close(found[key][number], gradient)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", USES)
def test_half_precision(name: str, dtype: torch.dtype) -> None:
    module, inputs = used(name)
    exact = module(*inputs)
    found = module.to(dtype)(*(value.to(dtype) for value in inputs))
    assert found.dtype == dtype
    assert (found.double() - exact).norm() < 0.05 * exact.norm()


def test_meta_modules_can_be_filled() -> None:
    case = CASES["as Llama has it"]
    compiled = specc.load(model(case.call, case.inputs, case.result))
    module = compiled.M(device="meta", dtype=torch.float64).to_empty(device="cpu")
    full, inputs = used("as Llama has it")
    module.load_state_dict(full.state_dict())
    torch.testing.assert_close(module.eval()(*inputs), full(*inputs), rtol=0, atol=0)


@pytest.mark.parametrize("name", USES)
def test_exported(name: str) -> None:
    module, inputs = used(name)
    exported = torch.export.export(module, tuple(inputs)).module()
    torch.testing.assert_close(exported(*inputs), module(*inputs))


@pytest.mark.parametrize(
    ("call", "inputs", "result"),
    [
        ("attention(x, over = guest, heads = 2)", "x: [guest; 4]", "[guest; 4]"),
        ("attention(x, over = node, heads = 2, memory = m)", "x: [node; 4], m: [source; 4]", "[node; 4]"),
        ("attention(x, over = source, heads = 2, memory = m)", "x: [source; 4], m: [node; 4]", "[source; 4]"),
        ("experts(x, 3, 4)", "x: [node; 4]", "[node; 4]"),
    ],
)  # fmt: skip
def test_one_graph_serves_all_sizes(call: str, inputs: str, result: str) -> None:
    torch.compiler.reset()
    module = make(model(call, inputs, result))
    compiled = copy.deepcopy(module)
    counter = CompileCounterWithBackend("aot_eager")
    compiled.compile(backend=counter, dynamic=True)
    for batch, size in ((2, 3), (1, 7), (3, 1)):
        sizes = {"node": size, "guest": size}
        given = {**draw(module, batch, **sizes), **draw_masks(module, batch, **sizes)}
        torch.testing.assert_close(compiled(**given), module(**given))
    assert counter.frame_count == 1


@pytest.mark.slow
@pytest.mark.representative
def test_compiled() -> None:
    """Grouped queries, rotary, a mask, and attention over an axis in front, in one full graph."""
    text = f"""{AXES} model M(x: [guest, token; 8]) -> [guest, token; 8] {{
        h = attention(x, over = token, heads = 4, kv_heads = 2, causal = true, rotary = true, head_size = 4)
        return h + attention(h, over = guest, heads = 2)
    }}"""
    module = make(text)
    compiled = copy.deepcopy(module)
    compiled.compile()
    for batch in (2, 1, 3):
        given = {**draw(module, batch), **draw_masks(module, batch, guest=4)}
        found, expected = compiled(**given), module(**given)
        torch.testing.assert_close(found, expected)
        gradients = [
            torch.autograd.grad(value.sin().sum(), list(each.parameters()))
            for value, each in ((found, compiled), (expected, module))
        ]
        torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize(
    "call",
    [
        "attention(x, over = token, heads = 2, rotary = true)",
        "attention(x, over = token, heads = 4, kv_heads = 2, fused = false)",
        "experts(x, 6, 8, act = sin)",
    ],
)
def test_standalone_files_have_what_they_need(call: str) -> None:
    text = generate(model(call), {}, standalone=True)
    assert "specc_runtime" not in text
    names: dict[str, Any] = {"__name__": "standalone"}
    exec(text, names)
    whole = make(model(call))
    alone = names["M"](dtype=torch.float64)
    alone.load_state_dict(whole.state_dict())
    (x,) = draw(whole, 2).values()
    torch.testing.assert_close(alone(x), whole(x), rtol=0, atol=0)


@pytest.mark.parametrize("name", USES)
def test_autocast(name: str) -> None:
    module, inputs = used(name)
    single = module.float()
    floats = [value.float() for value in inputs]
    exact = single(*floats)
    with torch.autocast("cpu", torch.bfloat16):
        found = single(*floats)
    assert (found.float() - exact).norm() < 0.05 * exact.norm()
