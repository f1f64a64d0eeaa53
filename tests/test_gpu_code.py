"""How many kernels a layer starts on a GPU under `torch.compile`, counted in the code where there is none.

A layer with its activation has one product for each level. Beside these, each mean is a kernel of its
own, and each output one, in which all that is added to its product and the activation are done.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import specc

pytest.importorskip("triton")

from gpu_code import launches, triton_code

AXES = "axis n = S(64)  axis m = S(48)"


def mlp(layers: int) -> str:
    """A layer on the weights of a network of so many linear layers, all of whose axes are permutable."""
    axes = "".join(f"axis h{i} = S(32)  " for i in range(layers + 1))
    tensors = "  ".join(f"w{i}: [h{i + 1}, h{i}; 16]  b{i}: [h{i + 1}; 16]" for i in range(layers))
    return (
        f"{axes} space W {{ {tensors} }} model M(w: W) -> W {{ return relu(equivariant(w, 16)) }}"
    )


def weights(layers: int) -> dict[str, torch.Tensor]:
    matrices = {f"w{i}": torch.zeros(4, 32, 32, 16) for i in range(layers)}
    return matrices | {f"b{i}": torch.zeros(4, 32, 16) for i in range(layers)}


CASES: dict[str, tuple[str, Any, int, int, int]] = {
    "set": (
        f"{AXES} model M(x: [n; 16]) -> [n; 16] {{ return relu(equivariant(x, 16)) }}",
        torch.zeros(4, 64, 16),
        *(1, 1, 2),
    ),
    "matrix": (
        f"{AXES} model M(x: [n, m; 16]) -> [n, m; 16] {{ return relu(equivariant(x, 16)) }}",
        torch.zeros(4, 64, 48, 16),
        *(3, 1, 4),
    ),
}
"""A layer, its input, and by hand: how many means it takes, how many outputs it has, how many levels."""


@pytest.mark.parametrize("name", CASES)
def test_means_outputs_and_products_are_one_kernel_each(name: str) -> None:
    text, given, means, outputs, levels = CASES[name]
    kernels, products = launches(triton_code(specc.load(text).M(), given))
    assert products == levels
    assert 0 < kernels <= means + outputs


@pytest.mark.parametrize("layers", [2, 4, 6])
def test_kernels_grow_with_the_number_of_tensors(layers: int) -> None:
    """Three means of each matrix and one of each bias, 2 L outputs, and a product for each of 2 L + 2 levels."""
    kernels, products = launches(triton_code(specc.load(mlp(layers)).M(), weights(layers)))
    assert products == 2 * layers + 2
    assert 0 < kernels <= 4 * layers + 2 * layers


def test_what_is_written_is_code_for_the_gpu() -> None:
    text, given, *_ = CASES["set"]
    code = triton_code(specc.load(text).M(), given)
    assert "@triton.jit" in code and "cuda" in code
    assert not torch.cuda.is_initialized()
