"""Products with tied matrices are used as other modules: differentiated, mapped, exported, copied."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from tied_products import (
    LAYOUTS,
    draw,
    dtype_of,
    every_module,
    make,
)
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from specc_runtime.tied import TiedMix
from specc_runtime.ties import _cached_basis


@every_module
def test_derivatives_of_second_order_are_right(name: str) -> None:
    mix = make(name)
    names = [key for key, _ in mix.named_parameters()]

    def function(x: Tensor, *values: Tensor) -> Tensor:
        made: Tensor = functional_call(mix, dict(zip(names, values, strict=True)), (x,))
        return made.sin()

    inputs = [draw(mix, name, 2), *(p.detach().clone() for p in mix.parameters())]
    leaves = [value.requires_grad_() for value in inputs]
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=name != "complex")


@every_module
def test_an_ensemble_is_mapped_over_its_parameters(name: str) -> None:
    members = [make(name, seed) for seed in range(3)]
    x = draw(members[0], name, 2)
    stacked, _ = stack_module_state(list[nn.Module](members))
    if stacked:
        found = vmap(lambda p: functional_call(members[0], p, (x,)))(stacked)
        torch.testing.assert_close(found, torch.stack([member(x) for member in members]))


@every_module
def test_copies_and_pickles_compute_the_same(name: str) -> None:
    mix = make(name)
    x = draw(mix, name, 2)
    for other in (copy.deepcopy(mix), pickle.loads(pickle.dumps(mix))):
        assert torch.equal(other(x), mix(x))
    assert f"{sum(mix.column_widths)}, {sum(mix.row_widths)}, maps=" in repr(mix)


@every_module
def test_modules_are_exported_for_every_batch_size(name: str) -> None:
    mix = make(name)
    shapes = {"x": {0: torch.export.Dim("batch", min=1)}}
    program = torch.export.export(mix, (draw(mix, name, 3),), dynamic_shapes=shapes)
    for size in (1, 2, 9):
        x = draw(mix, name, size)
        torch.testing.assert_close(program.module()(x), mix(x))


@every_module
def test_modules_are_one_graph(name: str) -> None:
    torch._dynamo.reset()
    mix = make(name)
    compiled = torch.compile(mix, backend="aot_eager", fullgraph=True)
    x = draw(mix, name, 3)
    torch.testing.assert_close(compiled(x), mix(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with signs", "dense", "several"])
def test_modules_are_compiled(name: str) -> None:
    torch._dynamo.reset()
    mix = make(name)
    x = draw(mix, name, 3)
    torch.testing.assert_close(torch.compile(mix, fullgraph=True)(x), mix(x))


@every_module
def test_modules_are_made_without_memory(name: str) -> None:
    """Bases are written when there is memory, from a cache that holds numbers all along."""
    _cached_basis.cache_clear()
    mix = make(name)
    _cached_basis.cache_clear()
    with torch.device("meta"):
        empty = TiedMix(*LAYOUTS[name], dtype=dtype_of(name))
    assert empty(draw(mix, name, 2).to("meta")).shape == mix(draw(mix, name, 2)).shape
    made = empty.to_empty(device="cpu")
    made.load_state_dict(mix.state_dict())
    x = draw(mix, name, 2)
    assert torch.equal(made(x), mix(x))


def test_bases_made_in_inference_mode_can_be_trained_with() -> None:
    _cached_basis.cache_clear()
    with torch.inference_mode():
        make("dense"), make("with signs")
    for name in ("dense", "with signs"):
        mix = make(name)
        mix(draw(mix, name, 2)).sum().backward()
        assert mix.weight is not None and mix.weight.grad is not None


@pytest.mark.parametrize("name", ["dense", "with signs", "several"])
def test_bases_follow_the_precision(name: str) -> None:
    """Going by way of half precision loses digits of coefficients, and none of the bases."""
    mix = make(name)
    for parameter in mix.parameters():
        parameter.data = torch.randint_like(parameter, -3, 4)
    x = draw(mix, name, 2)
    expected = mix(x)
    half = mix.to(torch.bfloat16)
    assert half(x.bfloat16()).dtype == torch.bfloat16
    torch.testing.assert_close(half.double()(x), expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", ["with signs", "dense", "several"])
def test_modules_run_under_autocast(name: str) -> None:
    mix = make(name).float()
    x = draw(mix, name, 3).float()
    with torch.autocast("cpu", torch.bfloat16):
        made = mix(x)
    assert made.dtype == torch.bfloat16
    scale = mix(x).abs().max().item()
    torch.testing.assert_close(made.float(), mix(x), rtol=0, atol=0.05 * scale)
