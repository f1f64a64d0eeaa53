"""Generated modules are used as hand-written ones: in half precision and under autocast, differentiated
twice, mapped over parameters and inputs, exported.
"""

from __future__ import annotations

import io
from typing import cast

import pytest
import torch
from networks import Value, draw, draw_masks, every_spec, make, total
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.utils._pytree import tree_leaves, tree_map

pytestmark = pytest.mark.grid

# --- Numbers of other kinds ----------------------------------------------------------------------


@every_spec
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_modules_work_in_half_precision(spec: str, dtype: torch.dtype) -> None:
    module = make(spec, dtype=dtype)
    outputs = tree_leaves(module(**draw(module, 3), **draw_masks(module, 3)))
    assert all(output.dtype == dtype and output.isfinite().all() for output in outputs)


@every_spec
def test_modules_run_under_autocast(spec: str) -> None:
    module = make(spec)
    given = {**draw(module, 3), **draw_masks(module, 3)}
    exact = module(**given)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = module(**given)
        module(**tree_map(halved, draw(module, 3)))
    for output, expected in zip(tree_leaves(outputs), tree_leaves(exact), strict=True):
        torch.testing.assert_close(output.float(), expected, rtol=0.1, atol=0.1)
    total(outputs).backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in module.parameters())


def halved(value: Tensor) -> Tensor:
    """Numbers in bfloat16; indices stay what they are."""
    return value.bfloat16() if value.is_floating_point() else value


# --- Derivatives and maps ------------------------------------------------------------------------


@every_spec
def test_second_derivatives_are_right(spec: str) -> None:
    module = make(spec, dtype=torch.float64)
    values, masks = draw(module, 2), draw_masks(module, 2)
    leaves, structure = torch.utils._pytree.tree_flatten(values)

    def function(*inputs: Tensor) -> Tensor:
        given = torch.utils._pytree.tree_unflatten(inputs, structure)
        return total(module(**given, **masks))

    inputs = [leaf.requires_grad_(leaf.is_floating_point()) for leaf in leaves]
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


@every_spec
def test_functional_derivatives_are_those_of_backward(spec: str) -> None:
    module = make(spec, dtype=torch.float64)
    given = {**draw(module, 2), **draw_masks(module, 2)}
    total(module(**given)).backward()
    expected = {name: p.grad for name, p in module.named_parameters()}
    found = grad(lambda p: total(functional_call(module, p, (), given)))(state(module))
    torch.testing.assert_close(found, expected)


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in module.named_parameters()}


@every_spec
def test_an_ensemble_is_mapped_over_its_parameters(spec: str) -> None:
    members = [make(spec, seed, dtype=torch.float64) for seed in range(3)]
    given = {**draw(members[0], 2), **draw_masks(members[0], 2)}
    parameters, _ = stack_module_state(cast(list[nn.Module], members))
    found = vmap(lambda p: functional_call(members[0], p, (), given))(parameters)
    for number, member in enumerate(members):
        one = tree_map(lambda value, number=number: value[number], found)
        torch.testing.assert_close(one, member(**given))


@every_spec
def test_modules_are_mapped_over_inputs(spec: str) -> None:
    """A batch of batches: two more dimensions than the module sees."""
    module = make(spec, dtype=torch.float64)
    groups = [{**draw(module, 2, seed), **draw_masks(module, 2, seed)} for seed in range(3)]
    stacked = tree_map(lambda *values: torch.stack(values), *groups)
    found = vmap(lambda given: module(**given))(stacked)
    for number, given in enumerate(groups):
        one = tree_map(lambda value, number=number: value[number], found)
        torch.testing.assert_close(one, module(**given))


@every_spec
def test_gradients_are_taken_for_each_sample(spec: str) -> None:
    module = make(spec, dtype=torch.float64)
    given = {**draw(module, 3), **draw_masks(module, 3)}

    def loss(parameters: dict[str, Tensor], sample: dict[str, Value]) -> Tensor:
        batch_of_one = tree_map(lambda value: value[None], sample)
        return total(functional_call(module, parameters, (), batch_of_one))

    found = vmap(grad(loss), in_dims=(None, 0))(state(module), given)
    expected = grad(lambda p: total(functional_call(module, p, (), given)))(state(module))
    torch.testing.assert_close({name: value.sum(0) for name, value in found.items()}, expected)


# --- Export --------------------------------------------------------------------------------------


@every_spec
def test_modules_are_exported_for_every_batch_size(spec: str) -> None:
    module = make(spec).eval()
    batch = torch.export.Dim("batch", min=1)
    given = {**draw(module, 3), **draw_masks(module, 3)}
    program = torch.export.export(
        module, (), given, dynamic_shapes=tree_map(lambda _: {0: batch}, given)
    )
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    for size in (1, 2, 9):
        given = {**draw(module, size), **draw_masks(module, size)}
        torch.testing.assert_close(loaded(**given), module(**given))
