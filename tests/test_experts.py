"""`experts` against a mixture written expert by expert in plain PyTorch."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping

import pytest
import torch
from networks import draw, draw_masks
from oracles.attention import PlainExperts
from oracles.values import randomise
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

import specc
from specc_runtime import Model

AXES = (
    "axis token = 5  axis node = S(4, masked)  space Graph { edge: [node; 4] feature: [node; 4] }"
)


def model(call: str, inputs: str = "x: [token; 4]", result: str = "[token; 3]") -> str:
    return f"{AXES} model M({inputs}) -> {result} {{ return {call} }}"


def make(call: str, dtype: torch.dtype = torch.float64, seed: int = 0) -> Model:
    module = specc.load(model(call)).M(dtype=dtype)
    assert isinstance(module, Model)
    randomise(module, torch.Generator().manual_seed(seed))
    return module


def values_of(module: Model, batch: int = 2) -> list[Tensor]:
    return [value for value in draw(module, batch).values() if isinstance(value, Tensor)]


class Sine(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sin()


CASES: Mapping[str, tuple[str, Callable[[], nn.Module]]] = {
    "eight experts": ("experts(x, 6, 3)", lambda: PlainExperts(4, 6, 3, 8, nn.GELU())),
    "three": (
        "experts(x, hidden = 6, channels = 3, count = 3, act = silu)",
        lambda: PlainExperts(4, 6, 3, 3, nn.SiLU()),
    ),
    "one": ("experts(x, 6, 3, count = 1)", lambda: PlainExperts(4, 6, 3, 1, nn.GELU())),
    "sines": (
        "experts(x, 6, 3, count = 2, act = sin)",
        lambda: PlainExperts(4, 6, 3, 2, Sine()),
    ),
    "no bias": (
        "experts(x, 6, 3, count = 2, bias = false)",
        lambda: PlainExperts(4, 6, 3, 2, nn.GELU(), bias=False),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equal_to_plain_torch(name: str) -> None:
    """The same names and shapes in the same order; the same values and gradients."""
    call, plain = CASES[name]
    ours, theirs = make(call), plain().double()
    shapes = [(f"experts.{key}", tensor.shape) for key, tensor in theirs.state_dict().items()]
    assert [(key, tensor.shape) for key, tensor in ours.state_dict().items()] == shapes
    theirs.load_state_dict(ours.get_submodule("experts").state_dict())
    (x,) = values_of(ours)
    x.requires_grad_()
    found, expected = ours(x), theirs(x)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    of = [
        torch.autograd.grad(value.sin().sum(), [x, *module.parameters()], retain_graph=True)
        for value, module in ((found, ours), (expected, theirs))
    ]
    torch.testing.assert_close(of[0], of[1], rtol=1e-9, atol=1e-9)


def test_experts_are_drawn_as_linear_layers_are() -> None:
    torch.manual_seed(0)
    module = specc.load(model("experts(x, 900, 3, count = 5)")).M().experts
    for name, fan_in in (
        ("up_weight", 4),
        ("up_bias", 4),
        ("down_weight", 900),
        ("down_bias", 900),
    ):
        largest = getattr(module, name).abs().max()
        assert 0.8 * fan_in**-0.5 < largest <= fan_in**-0.5


def test_reset_draws_what_construction_draws() -> None:
    compiled = specc.load(model("experts(x, 6, 3)"))
    torch.manual_seed(3)
    module = compiled.M()
    drawn = copy.deepcopy(module.state_dict())
    torch.manual_seed(3)
    module.reset_parameters()
    torch.testing.assert_close(dict(module.state_dict()), dict(drawn), rtol=0, atol=0)


# --- As torch's modules are used -----------------------------------------------------------------


def test_copies_compute_the_same() -> None:
    module = make("experts(x, 6, 3, act = sin)").get_submodule("experts")
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    for made in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(made(x), module(x), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["three", "no bias"])
def test_second_derivatives(name: str) -> None:
    module = make(CASES[name][0])
    inputs = [value.requires_grad_() for value in values_of(module)]
    assert torch.autograd.gradgradcheck(module, inputs, fast_mode=True)


@pytest.mark.parametrize("name", ["three", "no bias"])
def test_many_modules_at_once(name: str) -> None:
    modules = [make(CASES[name][0], seed=seed) for seed in range(2)]
    (x,) = values_of(modules[0])
    parameters, _ = stack_module_state(modules)

    def loss(own: dict[str, Tensor]) -> Tensor:
        value: Tensor = functional_call(modules[0], own, (x,))
        return value.sin().sum()

    found = vmap(grad(loss))(parameters)
    for number, each in enumerate(modules):
        expected = torch.autograd.grad(each(x).sin().sum(), list(each.parameters()))
        for (key, _), gradient in zip(each.named_parameters(), expected, strict=True):
            torch.testing.assert_close(found[key][number], gradient)


def test_exported() -> None:
    module = make("experts(x, 6, 3)")
    inputs = tuple(values_of(module))
    torch.testing.assert_close(
        torch.export.export(module, inputs).module()(*inputs), module(*inputs)
    )


@pytest.mark.slow
@pytest.mark.representative
def test_compiled() -> None:
    module = specc.load(model("experts(x, 6, 3)", "x: [node; 4]", "[node; 3]")).M()
    compiled = copy.deepcopy(module)
    compiled.compile()
    for batch in (2, 1, 3):
        given = {**draw(module, batch), **draw_masks(module, batch, node=4)}
        found, expected = compiled(**given), module(**given)
        torch.testing.assert_close(found, expected)
        gradients = [
            torch.autograd.grad(value.sin().sum(), list(each.parameters()))
            for value, each in ((found, compiled), (expected, module))
        ]
        torch.testing.assert_close(gradients[0], gradients[1])
