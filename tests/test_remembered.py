"""Means that are taken with a product: what they are, when they are given out, and when they are not."""

from __future__ import annotations

import gc
import io
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from specc.api import generate
from specc_runtime import mix_spread, native, with_means
from specc_runtime.remembered import recall, remember


def held(shape: tuple[int, ...] = (2, 3, 4, 5)) -> tuple[Tensor, Tensor]:
    """A tensor and what is remembered as its mean over dimension 1: anything that can be told apart."""
    x, mean = torch.randn(shape), torch.randn(1)
    remember(x, [1], [mean])
    return x, mean


def test_means_are_of_the_tensor_and_of_views_of_all_of_it() -> None:
    x, mean = held()
    assert recall(x, [1]) == [mean]
    assert recall(x.unflatten(-1, (5, 1)).flatten(-2), [1]) == [mean]
    assert recall(x.transpose(1, 2).transpose(2, 1), [1]) == [mean]
    assert recall(x, []) == []
    for other in (x[1:], x.transpose(1, 2), x.flatten(1, 2), x + 0, x.clone(), x.detach()):
        assert recall(other, [1]) is None
    assert recall(x, [2]) is None
    assert recall(x, [1, 2]) is None


@pytest.mark.parametrize(
    "write", [lambda x: x.add_(1), lambda x: x[0].zero_(), lambda x: x.view(-1).mul_(2)]
)
def test_means_of_what_was_written_to_are_forgotten(write: Callable[[Tensor], object]) -> None:
    x, _ = held()
    write(x)
    assert recall(x, [1]) is None


def test_means_that_gradients_do_not_reach_are_not_given() -> None:
    x, _ = held()
    x.requires_grad_()
    assert recall(x, [1]) is None


def test_means_that_gradients_reach_are_given_where_they_are_wanted() -> None:
    leaf = torch.randn(2, 3, requires_grad=True)
    x = leaf * 2
    remember(x, [1], [mean := x.mean(1)])
    assert recall(x, [1]) == [mean]
    with torch.no_grad():
        assert recall(x, [1]) == [mean]
        assert recall(x.view(2, 3), [1]) is None


def test_a_function_of_autograd_that_gives_its_result_another_history_has_it_forgotten() -> None:
    """As reentrant checkpointing does: what it computes without gradients gets some."""

    class Checkpointed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            y = x * 2
            remember(y, [1], [y.mean(1)])
            return y

        @staticmethod
        def backward(ctx: object, grad: Tensor) -> Tensor:
            return grad * 2

    apply: Callable[[Tensor], Tensor] = Checkpointed.apply
    assert recall(apply(torch.randn(2, 3, requires_grad=True)), [1]) is None
    assert recall(apply(torch.randn(2, 3)), [1]) is not None


def test_nothing_is_remembered_where_writing_leaves_no_trace() -> None:
    with torch.inference_mode():
        x, _ = held()
        assert recall(x, [1]) is None


def test_means_end_with_their_tensor_and_are_not_saved_with_it() -> None:
    leaf = torch.randn(2, 3, requires_grad=True)
    x = leaf * 2
    remember(x, [1], [x.mean(1)])
    file = io.BytesIO()
    torch.save(x.detach(), file)
    torch.save(x, file)
    mean = weakref.ref(recall(x, [1])[0])  # type: ignore[index]
    view = x.view(2, 3)
    del x
    gc.collect()
    assert mean() is not None
    assert recall(view, [1]) == [mean()]
    del view
    gc.collect()
    assert mean() is None


NETWORK = """
axis row = S(20)
axis column = S(30)
model Network(x: [row, column; 8]) -> [row, column; 8] {
    a = relu(equivariant(x, 8))
    b = gelu(equivariant(a, 9))
    c = equivariant(b, 10)
    return relu(equivariant(c, 8)) + equivariant(b, 8)
}
"""


def test_layers_take_the_means_that_the_next_layer_reads() -> None:
    """After a ReLU or after nothing; what another activation makes is a tensor of its own."""
    source = generate(NETWORK, {})
    layers = [part for part in source.split("\nclass ") if "(Equivariant)" in part]
    names = [part.partition("(")[0] for part in layers]
    taking = [name for name, part in zip(names, layers, strict=True) if "means=(2, 1)" in part]
    assert len(layers) == 5
    assert taking == ["NetworkA", "NetworkC"]


SIZES = [(3, 40, 50, 16), (3, 40, 50, 13), (2, 30, 41, 70), (4, 200, 300, 32), (1, 1, 1, 1)]


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_kernels_take_the_means_of_what_they_write(size: tuple[int, ...], rectified: bool) -> None:
    """Two layers, and their gradients, against double precision by tensor code.

    The first one's sums are of integers: what is rectified is negative in both precisions or in none."""
    torch.manual_seed(0)
    *axes, channels = size
    batch, rows, columns = axes
    shapes = [
        size,
        (channels, channels),
        (batch, rows, 1, channels),
        (batch, 1, columns, channels),
        (7, channels),
    ]
    upper = torch.randn(*axes, 7)

    def results(dtype: torch.dtype) -> list[Tensor]:
        torch.manual_seed(1)
        x, first, across, along, second = inputs = [
            torch.randint(-9, 10, shape).to(dtype).requires_grad_() for shape in shapes
        ]
        activation = {"activation": F.relu} if rectified else {}
        y = mix_spread(x, first, across, along, means=(2, 1), **activation)
        y, of_rows, of_columns = with_means(y, 2, 1)
        terms = (of_rows @ second.T)[:, :, None], (of_columns @ second.T)[:, None]
        out = mix_spread(y, second, *terms)
        return [out, *torch.autograd.grad(out, inputs, upper.to(dtype))]

    with torch.profiler.profile() as profile:
        found = results(torch.float32)
    names = {each.key for each in profile.key_averages()}
    assert "specc_native::mix_with_means" in names
    assert not names & {"specc_native::pool", "specc_native::pooled"}
    for single, double in zip(found, results(torch.float64), strict=True):
        most = 1e-4 * double.abs().max().item()
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=most)


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
def test_means_taken_with_a_product_have_derivatives_of_any_order() -> None:
    torch.manual_seed(0)
    shapes = [(2, 3, 4, 5), (5, 5), (2, 3, 1, 5)]
    inputs = [torch.randn(shape).requires_grad_() for shape in shapes]

    def loss(by_kernel: bool) -> list[Tensor]:
        x, weight, term = inputs
        y = mix_spread(x, weight, term, activation=F.relu, means=(2, 1) if by_kernel else ())
        if not by_kernel:
            native.disable()
        y, rows, columns = with_means(y, 2, 1)
        total = (y * rows[:, :, None] * columns[:, None]).square().sum()
        first = torch.autograd.grad(total, inputs, create_graph=True)
        return [*first, *torch.autograd.grad(sum(each.square().sum() for each in first), inputs)]

    torch.testing.assert_close(loss(True), loss(False), rtol=1e-3, atol=1e-3)
