"""`with_means` and `mix_spread` compute what their one line of tensor code says, in slabs as in C++."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from specc_runtime import (
    Activation,
    OnDiagonal,
    as_is,
    keep_memory,
    mix_spread,
    native,
    slabs,
    with_means,
)
from specc_runtime.compilation import one_graph

CASES = {
    "an MLP's matrix": (3, (5, 7), 4, 6),
    "whole vectors": (2, (9, 9), 16, 32),
    "vectors and a rest": (2, (4, 3), 20, 70),
    "one axis": (4, (11,), 5, 3),
    "a kernel of a convolution": (2, (4, 5, 3), 3, 8),
    "four axes": (2, (3, 2, 3, 2), 4, 17),
    "axes of one position": (3, (1, 1), 8, 8),
    "one network": (1, (6, 5), 1, 2),
    "no network": (0, (4, 4), 3, 3),
    "wide": (2, (6, 6), 100, 256),
    "wider than the kernels": (2, (5, 4), 3, 300),
    "long": (2, (150, 90), 16, 16),
}
"""Batch, axes, channels in and out."""

ACTIVATIONS = {"relu": F.relu, "none": as_is, "silu": F.silu}


@pytest.fixture
def small_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes small tensors in small slabs."""
    monkeypatch.setattr(slabs, "SMALL", 1)
    monkeypatch.setattr(slabs, "SLAB", 64)


def said_means(x: Tensor, *dims: int) -> tuple[Tensor, ...]:
    return x, *(x.mean(dim) for dim in dims)


def said_mix_spread(
    sources: Tensor | tuple[Tensor, ...],
    weight: Tensor,
    *terms: Tensor,
    activation: Activation = as_is,
) -> Tensor:
    """The definition, with all sources joined."""
    x = torch.cat(sources, -1) if isinstance(sources, tuple) else sources
    total = x @ weight.mT + sum(terms, torch.zeros((), dtype=weight.dtype))
    return activation(total)


def draw(case: str, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """A tensor, a matrix for it twice, and terms with any axes inserted."""
    torch.manual_seed(0)
    batch, axes, width, out = CASES[case]
    kinds = [range(len(axes)), (), *((n,) for n in range(len(axes)))]
    shapes = [(batch, *(n if i in kind else 1 for i, n in enumerate(axes)), out) for kind in kinds]
    shapes += [(1, *(1 for _ in axes), out), (1, axes[0], *(1 for _ in axes[1:]), out)]
    tensors = [
        torch.randn(batch, *axes, width),
        torch.randn(out, 2 * width) / width,
        *map(torch.randn, shapes),
    ]
    return [each.to(dtype).requires_grad_() for each in tensors]


def layer(
    pool: Callable[..., tuple[Tensor, ...]],
    mix: Callable[..., Tensor],
    inputs: list[Tensor],
    activation: Activation = F.relu,
) -> tuple[Tensor, ...]:
    """Means over all axes, and the product of a tensor and its transpose where it is square."""
    x, weight, *terms = inputs
    x, *means = pool(x, *range(1, x.dim() - 1))
    square = x.dim() > 3 and x.shape[1] == x.shape[2]
    other = x.transpose(1, 2) if square else x.flip(0)
    return mix((x, other), weight, *terms, activation=activation), *means


def gradients(outputs: tuple[Tensor, ...], inputs: list[Tensor]) -> tuple[Tensor, ...]:
    loss = sum((each.square() * 0.5 + each).mean() for each in outputs if each.numel())
    if not isinstance(loss, Tensor):
        return ()
    return torch.autograd.grad(loss, inputs)


def check(case: str, activation: str, dtype: torch.dtype, tolerance: float) -> None:
    exact, inputs = draw(case), draw(case, dtype)
    act = ACTIVATIONS[activation]
    expected = layer(said_means, said_mix_spread, exact, act)
    found = layer(with_means, mix_spread, inputs, act)
    with torch.no_grad():
        alone = layer(with_means, mix_spread, inputs, act)
    for before, after in zip(
        (*expected, *gradients(expected, exact), *expected),
        (*found, *gradients(found, inputs), *alone),
        strict=True,
    ):
        scale = float(before.detach().abs().max()) if before.numel() else 1.0
        torch.testing.assert_close(
            after.to(before.dtype), before, rtol=0.0, atol=tolerance * max(scale, 1e-6)
        )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_are_as_said(case: str, activation: str) -> None:
    check(case, activation, torch.float64, 1e-12)


@pytest.mark.usefixtures("small_slabs")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_in_slabs_are_as_said(case: str, activation: str) -> None:
    check(case, activation, torch.float64, 1e-12)
    check(case, activation, torch.float32, 2e-5)


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_of_the_kernels_are_as_said(case: str, activation: str) -> None:
    check(case, activation, torch.float32, 2e-5)


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("width", [16, 20, 48])
def test_kernels_on_more_than_the_last_cache(width: int) -> None:
    """Stored past the caches where rows are whole vectors."""
    torch.manual_seed(0)
    x = torch.randn(3, 280, 350, width)
    assert x.nbytes > 16 << 20
    weight, upper = torch.randn(width, width) / width**0.5, torch.randn_like(x)
    given = [x, weight, torch.randn(3, 280, 1, width), torch.randn(3, 1, 350, width)]
    results = []
    for compute in (mix_spread, said_mix_spread):
        inputs = [each.clone().requires_grad_() for each in given]
        found = compute(*inputs, activation=F.relu)
        results.append([found, *torch.autograd.grad(found, inputs, upper)])
    for found, expected in zip(*results, strict=True):
        scale = max(1.0, float(expected.detach().abs().max()))
        torch.testing.assert_close(found / scale, expected / scale, rtol=1e-4, atol=1e-5)


DIAGONALS = {
    "a matrix": (2, (5, 5), 1, (1, 2)),
    "the last two of three axes": (2, (3, 4, 4), 2, (2, 3)),
    "the first and the last": (3, (4, 2, 4), 1, (1, 3)),
    "along the second": (3, (4, 2, 4), 2, (1, 3)),
}
"""Batch, axes, the dimension of the term that runs along the diagonal, and those that it is of."""


def on_a_diagonal(name: str, dtype: torch.dtype) -> tuple[list[Tensor], OnDiagonal, Tensor]:
    """Sources, a weight and a term; what is added on a diagonal, and its tensor of full size by a loop."""
    torch.manual_seed(0)
    batch, axes, dim, (first, second) = DIAGONALS[name]
    others = [n for place, n in enumerate(axes, 1) if place not in (first, second)]
    shape = [batch, *others, 6]
    shape.insert(dim, axes[first - 1])
    given = [torch.randn(batch, *axes, n, dtype=dtype) for n in (4, 3)]
    given += [torch.randn(6, 7, dtype=dtype), torch.randn(batch, *[1] * len(axes), 6, dtype=dtype)]
    x = torch.randn(shape, dtype=dtype)
    whole = torch.zeros(batch, *axes, 6, dtype=dtype)
    for place in range(axes[first - 1]):
        at: list[Any] = [slice(None)] * whole.dim()
        at[first] = at[second] = place
        whole[tuple(at)] = x.select(dim, place)
    return given, OnDiagonal(x, dim, first, second), whole


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("differentiated", [False, True])
@pytest.mark.parametrize("name", DIAGONALS)
def test_terms_on_a_diagonal_in_slabs(
    name: str, differentiated: bool, activation: str, small_slabs: None
) -> None:
    check_on_a_diagonal(name, differentiated, activation, torch.float64)


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.parametrize("differentiated", [False, True])
@pytest.mark.parametrize("name", DIAGONALS)
def test_terms_on_a_diagonal_of_the_kernels(
    name: str, differentiated: bool, small_slabs: None, kernels: None
) -> None:
    check_on_a_diagonal(name, differentiated, "relu", torch.float32)


def check_on_a_diagonal(
    name: str, differentiated: bool, activation: str, dtype: torch.dtype
) -> None:
    (x, y, weight, term), diagonal, whole = on_a_diagonal(name, dtype)
    weight.requires_grad_(differentiated)
    act = ACTIVATIONS[activation]
    found = mix_spread((x, y), weight, diagonal, term, activation=act)
    expected = said_mix_spread((x, y), weight, whole, term, activation=act)
    torch.testing.assert_close(found, expected)
    if differentiated:
        upper = torch.randn_like(found)
        gradients = [torch.autograd.grad(each, weight, upper) for each in (found, expected)]
        torch.testing.assert_close(*gradients)


def test_two_diagonals_are_added_where_they_meet(small_slabs: None) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 3, 3, 4), torch.randn(4, 4)
    first, second = torch.randn(2, 3, 3, 4), torch.randn(2, 3, 3, 4)
    found = mix_spread(x, weight, OnDiagonal(first, 1, 1, 2), OnDiagonal(second, 1, 1, 3))
    expected = x @ weight.mT
    for place in range(3):
        expected[:, place, place] += first[:, place]
        expected[:, place, :, place] += second[:, place]
    torch.testing.assert_close(found, expected)


def small() -> list[Tensor]:
    """Few numbers, for tests that differentiate by each."""
    torch.manual_seed(0)
    shapes = [(2, 3, 3, 2), (3, 4), (2, 3, 1, 3), (2, 1, 3, 3), (1, 1, 1, 3)]
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def losses() -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    def loss(pool: Any, mix: Any) -> Callable[..., Tensor]:
        def of(*inputs: Tensor) -> Tensor:
            outputs = layer(pool, mix, list(inputs))
            return torch.stack([(each.sin() + each**3).sum() for each in outputs]).sum()

        return of

    return loss(with_means, mix_spread), loss(said_means, said_mix_spread)


@pytest.mark.usefixtures("small_slabs")
def test_slabs_have_second_derivatives_and_forward_ones() -> None:
    found, expected = losses()
    inputs = small()
    assert torch.autograd.gradcheck(found, inputs, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(found, inputs)
    hessians = [torch.func.hessian(each, argnums=1)(*inputs) for each in (found, expected)]
    torch.testing.assert_close(*hessians)


@pytest.mark.usefixtures("small_slabs")
@pytest.mark.parametrize("dims", [(0, 0, 0, 0, 0), (0, None, 0, 0, None), (None, 0, None, None, 0)])
def test_slabs_follow_vmap(dims: tuple[int | None, ...]) -> None:
    inputs = [
        each.detach() if dim is None else torch.stack([each.detach(), 1 - each.detach()])
        for each, dim in zip(small(), dims, strict=True)
    ]
    values, derivatives = [], []
    for loss in losses():
        values.append(torch.vmap(loss, dims)(*inputs))
        derivatives.append(torch.vmap(torch.func.grad(loss, argnums=(0, 1, 2)), dims)(*inputs))
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*derivatives)


@pytest.mark.usefixtures("small_slabs")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.complex64])
def test_other_numbers_take_the_formula(dtype: torch.dtype) -> None:
    inputs = draw("an MLP's matrix", dtype)
    found = layer(with_means, mix_spread, inputs, as_is)
    expected = layer(said_means, said_mix_spread, inputs, as_is)
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


@pytest.mark.usefixtures("small_slabs")
def test_autocast_rules() -> None:
    inputs = draw("an MLP's matrix", torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer(with_means, mix_spread, inputs)
        assert F.linear(inputs[0], torch.ones(2, 4)).dtype == torch.bfloat16
    expected = layer(said_means, said_mix_spread, inputs)
    torch.testing.assert_close(outputs[0].float(), expected[0], rtol=0.05, atol=0.1)


def peak(run: Callable[[], object]) -> int:
    """The most bytes that tensors made by `run` held at a time, by the profiler's count."""
    with torch.profiler.profile(profile_memory=True) as profile:
        run()
    assert profile.profiler is not None
    events = profile.profiler.kineto_results.events()
    changes = [each for each in events if each.name() == "[memory]"]
    held = itertools.accumulate(
        each.nbytes() for each in sorted(changes, key=lambda e: e.start_ns())
    )
    return max(held)


def full_size(batch: int = 4) -> tuple[list[Tensor], int, int]:
    """A matrix's inputs, its size in bytes, and what is not of full size: slabs, means and terms."""
    torch.manual_seed(0)
    x = torch.randn(batch, 60, 50, 8, requires_grad=True)
    weight = torch.randn(8, 8, requires_grad=True)
    return [x, weight], x.nbytes, x.nbytes // 3


def residual_free(x: Tensor, weight: Tensor) -> Tensor:
    x, rows, columns = with_means(x, 2, 1)
    return mix_spread(x, weight, rows[:, :, None], columns[:, None], activation=F.relu)


def check_memory(batch: int = 4) -> None:
    """Inference needs the result, and training beside it the gradient of the input."""
    inputs, size, rest = full_size(batch)
    upper = torch.randn_like(inputs[0])
    with torch.no_grad():
        assert size <= peak(lambda: residual_free(*inputs)) <= size + rest
    trained = peak(lambda: torch.autograd.grad(residual_free(*inputs), inputs, upper))
    assert 2 * size <= trained <= 2 * size + rest


@pytest.mark.usefixtures("small_slabs")
def test_slabs_make_nothing_else_of_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slabs, "SLAB", 1024)
    check_memory()


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("batch", [4, 20])
def test_kernels_make_nothing_else_of_full_size(batch: int) -> None:
    check_memory(batch)


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
def test_memory_of_large_results_waits_for_the_next_and_is_no_more_than_was_in_use() -> None:
    def result(size: int) -> Tensor:
        inputs = [torch.ones(1, size // 32, 8)], torch.eye(8), []
        made: Tensor = torch.ops.specc_native.mix(*inputs, False)
        return made

    megabyte = 1 << 20
    native.release_memory()
    first, second = result(4 * megabyte), result(8 * megabyte)
    place = first.data_ptr()
    del first, second
    assert result(4 * megabyte - 320).data_ptr() == place
    assert native.release_memory() == 12 * megabyte
    smaller = result(4 * megabyte)
    del smaller
    larger = result(8 * megabyte)
    assert larger.eq(1).all()
    del larger
    assert native.release_memory() == 8 * megabyte
    assert native.release_memory() == 0
    large, middling = result(8 * megabyte), result(3 * megabyte)
    place = large.data_ptr()
    del large, middling
    other = result(2 * megabyte)  # for which the smallest that is enough is given up
    assert result(8 * megabyte).data_ptr() == place
    del other
    assert native.release_memory() == 10 * megabyte


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("requires_grad", [False, True])
def test_operators_pass_opcheck(requires_grad: bool) -> None:
    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, requires_grad=requires_grad)

    operators = torch.ops.specc_native
    sources, weight, terms = [draw(2, 3, 3, 4), draw(2, 3, 3, 5)], draw(6, 9), [draw(2, 3, 1, 6)]
    torch.library.opcheck(operators.pool.default, (draw(2, 3, 4, 5), [1, 2]))
    for rectify in (False, True):
        torch.library.opcheck(operators.mix.default, (sources, weight, terms, rectify))
        detached = [each.detach() for each in sources], weight.detach(), [terms[0].detach()]
        asked = (sources, weight, terms, rectify, [2, 1])
        torch.library.opcheck(operators.mix_with_means.default, asked)
        torch.library.opcheck(operators.mix_forward.default, (*detached, rectify, True, [1]))
        _, mask = operators.mix_forward(*detached, rectify, rectify, [])
        added = [torch.randn(2, 1, 3, 6), torch.randn(2, 3, 1, 6)]
        given = torch.randn(2, 3, 3, 6), added, mask, *detached[:2], [2, 3, 1, 6], [True, False]
        torch.library.opcheck(operators.mix_backward.default, given)


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dims", [(0, None, None), (None, 0, 0), (0, 0, None), (1, 1, 0)])
def test_operators_have_a_rule_for_vmap(dims: tuple[int | None, ...]) -> None:
    shapes = [(2, 3, 3, 4), (6, 4), (2, 3, 1, 6)]
    inputs = [
        torch.randn(shape) if dim is None else torch.randn(5, *shape).movedim(0, dim)
        for shape, dim in zip(shapes, dims, strict=True)
    ]

    def of(mix: Any, mix_with_means: Any, pool: Any) -> Callable[..., tuple[Tensor, ...]]:
        return lambda x, weight, term: (
            mix([x], weight, [term]),
            *mix_with_means([x], weight, [term]),
            *pool(x),
        )

    def plain_mix(x: list[Tensor], weight: Tensor, terms: list[Tensor]) -> Tensor:
        return F.relu(x[0] @ weight.mT + terms[0])

    def plain_with_means(*given: Any) -> tuple[Tensor, ...]:
        y = plain_mix(*given)
        return y, y.mean(2), y.mean(1)

    operators = torch.ops.specc_native
    kernel = of(
        lambda *given: operators.mix(*given, True),
        lambda *given: operators.mix_with_means(*given, True, [2, 1]),
        lambda x: operators.pool(x, [1, 2]),
    )
    plain = of(plain_mix, plain_with_means, lambda x: (x.mean(1), x.mean(2)))
    torch.testing.assert_close(torch.vmap(kernel, dims)(*inputs), torch.vmap(plain, dims)(*inputs))


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
def test_kernels_differentiate_twice() -> None:
    inputs = [each.detach().float().requires_grad_() for each in small()]
    derivatives = []
    for loss in losses():
        first = torch.autograd.grad(loss(*inputs), inputs, create_graph=True)
        total = torch.stack([each.square().sum() for each in first]).sum()
        derivatives.append(torch.autograd.grad(total, inputs))
    torch.testing.assert_close(*derivatives, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("holder", ["hook", "capture", "two readers", "given"])
def test_a_gradient_that_others_hold_is_not_written_to(holder: str) -> None:
    """The kernels add the gradients of means in place, where nobody could notice."""
    inputs, _, _ = full_size()
    kept: list[Tensor] = []

    def run(pool: Any, mix: Any) -> list[Tensor]:
        x, rows, columns = pool(inputs[0], 2, 1)
        if holder == "hook":
            x.register_hook(lambda grad: kept.append(grad))
        out = mix(x, inputs[1], rows[:, :, None], columns[:, None], activation=F.relu)
        if holder == "two readers":
            out = out + mix(x, inputs[1], activation=F.relu)
        if holder == "capture":
            return list(torch.autograd.grad(out.sum(), [x, *inputs]))
        if holder == "given":
            upper = torch.ones_like(x)
            given = [upper, torch.ones_like(rows)]
            return [*torch.autograd.grad([x, rows], inputs[:1], given), upper]
        return [*torch.autograd.grad(out.sum(), inputs), *kept]

    found = run(with_means, mix_spread)
    kept = []
    expected = run(lambda x, *dims: (x.view_as(x), *said_means(x, *dims)[1:]), said_mix_spread)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
def test_kernels_are_used_and_give_the_same_bits_each_time() -> None:
    inputs = draw("long", torch.float32)
    with torch.profiler.profile() as profile:
        outputs = layer(with_means, mix_spread, inputs)
        first = gradients(outputs, inputs)
    names = {event.key for event in profile.key_averages()}
    assert {"specc_native::mix", "specc_native::mix_backward", "SpeccPooledBackward"} <= names
    again = layer(with_means, mix_spread, inputs)
    for before, after in zip((*outputs, *first), (*again, *gradients(again, inputs)), strict=True):
        assert torch.equal(before, after)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 8) / 3)
        self.bias = nn.Parameter(torch.randn(1, 1, 1, 6))
        self.coarse = nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        x, rows, columns = with_means(x, 2, 1)
        terms = self.coarse(rows)[:, :, None], self.coarse(columns)[:, None], self.bias
        return mix_spread((x, x.transpose(1, 2)), self.weight, *terms, activation=F.relu)


def trained(module: nn.Module, like: Layer, batch: int) -> tuple[Tensor, ...]:
    x = torch.linspace(-1, 1, batch * 100).reshape(batch, 5, 5, 4).requires_grad_()
    out = module(x)
    return out, *torch.autograd.grad(out.square().sum(), [x, *like.parameters()])


def check_compiled() -> None:
    torch.manual_seed(0)
    module = Layer()
    options = one_graph(module, {"x": "batch 5 5 4"}, {}, backend="aot_eager")
    torch.compiler.reset()
    compiled = torch.compile(module, **options)
    for batch in (1, 3, 2):
        torch.testing.assert_close(trained(compiled, module, batch), trained(module, module, batch))
    for strict in (False, True):
        exported = torch.export.export(
            module,
            (torch.randn(3, 5, 5, 4),),
            dynamic_shapes=({0: torch.export.Dim.AUTO},),
            strict=strict,
        )
        assert all(
            node.target.__module__ != "specc_native"
            for node in exported.graph.nodes
            if callable(node.target)
        )
        x = torch.randn(4, 5, 5, 4)
        torch.testing.assert_close(exported.module()(x), module(x))


@pytest.mark.slow
@pytest.mark.representative
def test_one_graph_for_every_batch_size() -> None:
    check_compiled()


@pytest.mark.slow
@pytest.mark.usefixtures("kernels")
def test_one_graph_for_every_batch_size_with_kernels() -> None:
    check_compiled()


def test_keep_memory_is_of_glibc() -> None:
    assert keep_memory() == hasattr(ctypes.CDLL(None), "mallopt")
