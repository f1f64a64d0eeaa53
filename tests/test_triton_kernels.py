"""The Triton kernels against tensor code in float64: on a GPU where there is one, else interpreted.

Entries are small whole numbers, whose products and sums every dtype has exactly: results are compared for
equality, and ReLU has no entries that rounding takes to the other side of zero.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

pytest.importorskip("triton")

import triton

from specc_runtime import fused, triton_kernels
from specc_runtime.triton_kernels import grid, operators, pools, tuning

DEVICE = "cpu" if tuning.INTERPRETED else "cuda"
DTYPES = [torch.float32, torch.bfloat16, torch.float16]

Shape = tuple[int, ...]

# Axes, batch first; axes of each term; input and output channels.
CASES: dict[str, tuple[Shape, list[Shape], int, int]] = {
    "rows and columns": ((2, 5, 9), [(2, 5, 1), (2, 1, 9)], 3, 5),
    "one channel": ((2, 6, 7), [(2, 6, 1), (2, 1, 7)], 1, 16),
    "to one channel": ((2, 6, 7), [(2, 6, 1), (2, 1, 7)], 16, 1),
    "columns only": ((3, 4, 10), [(3, 1, 10)], 4, 4),
    "rows only": ((3, 4, 10), [(3, 4, 1)], 4, 24),
    "one axis": ((5, 13), [(5, 1)], 2, 3),
    "no terms": ((37,), [], 4, 4),
    "a bias of all": ((2, 3, 4), [(1, 1, 1)], 2, 2),
    "no axes": ((7,), [(7,)], 3, 4),
    "three axes, nested": ((2, 2, 3, 5), [(2, 2, 3, 1), (2, 1, 1, 5), (2, 2, 1, 5)], 2, 3),
    "three axes, apart": ((2, 3, 4, 5), [(2, 1, 4, 5), (2, 3, 1, 5), (2, 3, 4, 1)], 2, 3),
    "a full term": ((2, 3, 4), [(2, 3, 4), (2, 3, 1)], 2, 3),
    "axes of size 1": ((1, 1, 6), [(1, 1, 1), (1, 1, 6)], 2, 2),
    "long columns": ((1, 40, 2), [(1, 40, 1), (1, 1, 2)], 2, 2),
    "many channels": ((1, 3, 13), [(1, 3, 1), (1, 1, 13)], 33, 40),
    "many channels, no terms": ((33,), [], 40, 18),
}


@pytest.fixture(autouse=True)
def unwritten_is_nan() -> Iterator[None]:
    """New memory holds NaN: what a kernel does not write is seen."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def whole(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Whole numbers from -2 to 2."""
    return torch.randint(-2, 3, shape).to(DEVICE, dtype)


def given(name: str, dtype: torch.dtype) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Source, weight and terms of a case, to be differentiated; the weight has few entries beside 0."""
    axes, terms, ins, outs = CASES[name]
    torch.manual_seed(len(name))
    weight = whole(outs, ins, dtype=dtype) * (torch.rand(outs, ins) < 8 / ins).to(DEVICE, dtype)
    tensors = whole(*axes, ins, dtype=dtype), weight, *(whole(*t, outs, dtype=dtype) for t in terms)
    x, weight, *others = (each.requires_grad_() for each in tensors)
    return x, weight, others


def reference(x: Tensor, weight: Tensor, *terms: Tensor, rectified: bool) -> Tensor:
    """By `einsum`, in float64."""
    total = torch.einsum("...i,oi->...o", x, weight)
    total = sum(terms, total)
    return torch.where(total > 0, total, 0) if rectified else total


def exact(tensors: list[Tensor]) -> list[Tensor]:
    return [each.detach().double().requires_grad_() for each in tensors]


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_product_and_its_gradient(name: str, dtype: torch.dtype, rectified: bool) -> None:
    x, weight, terms = given(name, dtype)
    y = triton_kernels.mix_spread((x,), weight, tuple(terms), rectified)
    assert y is not None
    copies = exact([x, weight, *terms])
    expected = reference(*copies, rectified=rectified)
    assert torch.equal(y, expected.to(dtype))
    dy = whole(*y.shape, dtype=dtype)
    found = torch.autograd.grad(y, [x, weight, *terms], dy)
    for each, true in zip(found, torch.autograd.grad(expected, copies, dy.double()), strict=True):
        assert each.dtype == dtype
        assert torch.equal(each, true.to(dtype))


@pytest.mark.parametrize(("dtype", "error"), [*zip(DTYPES, (2e-6, 1e-2, 2e-3), strict=True)])
def test_rounding_is_that_of_the_dtype(dtype: torch.dtype, error: float) -> None:
    torch.manual_seed(0)
    shapes = (2, 6, 9, 12), (20, 12), (2, 6, 1, 20), (2, 1, 9, 20)
    tensors = [torch.randn(shape).to(DEVICE, dtype).requires_grad_() for shape in shapes]
    x, weight, *terms = tensors
    y = triton_kernels.mix_spread((x,), weight, tuple(terms), True)
    assert y is not None
    dy = torch.randn(y.shape).to(DEVICE, dtype)
    copies = exact(tensors)
    expected = reference(*copies, rectified=True)
    found = [y, *torch.autograd.grad(y, tensors, dy)]
    true = [expected, *torch.autograd.grad(expected, copies, dy.double())]
    for each, other in zip(found, true, strict=True):
        assert torch.linalg.norm(each - other) <= error * torch.linalg.norm(other)


def test_layouts_of_memory() -> None:
    x, weight, terms = whole(2, 9, 5, 3).transpose(1, 2), whole(3, 4).T, [whole(2, 9, 1, 4)]
    terms = [each.transpose(1, 2) for each in terms]
    tensors = [each.requires_grad_() for each in (x, weight, *terms)]
    y = triton_kernels.mix_spread((x,), weight, tuple(terms), True)
    assert y is not None
    copies = exact(tensors)
    expected = reference(*copies, rectified=True)
    assert torch.equal(y, expected.float())
    dy = whole(2, 9, 5, 4).transpose(1, 2)
    found = torch.autograd.grad(y, tensors, dy)
    for each, true in zip(found, torch.autograd.grad(expected, copies, dy.double()), strict=True):
        assert torch.equal(each, true.float())


def test_not_a_number_passes_relu_as_in_torch() -> None:
    x = torch.tensor([[float("nan"), 1.0, -1.0]], device=DEVICE)
    y = triton_kernels.mix_spread((x.T,), torch.ones(1, 1, device=DEVICE), (), True)
    assert y is not None
    assert torch.equal(y.isnan().flatten(), torch.tensor([True, False, False], device=DEVICE))


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((2, 5, 9, 3), (2, 1)),
        ((2, 5, 9, 3), (1, 2)),
        ((2, 5, 9, 3), (-3,)),
        ((2, 5, 4, 9, 3), (3, 1, 2)),
        ((2, 5, 4, 9, 3), (1, 3)),
        ((3, 7, 20), (1,)),
        ((1, 1, 40, 1), (1, 2)),
        ((2, 40, 1, 2), (1, 2)),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_pools_and_their_gradient(shape: Shape, dims: Shape, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = whole(*shape, dtype=dtype).requires_grad_()
    results = triton_kernels.with_means(x, *dims)
    assert results is not None
    copy = x.detach().double().requires_grad_()
    expected = copy * 1, *(copy.mean(dim) for dim in dims)
    for each, true in zip(results, expected, strict=True):
        torch.testing.assert_close(each, true.to(dtype))
    weights = [whole(*each.shape, dtype=dtype) for each in results]
    (found,) = torch.autograd.grad(results, x, weights)
    (true,) = torch.autograd.grad(expected, copy, [each.double() for each in weights])
    once = torch.finfo(dtype).eps  # of numbers up to 4; a pass more rounds once more
    torch.testing.assert_close(found, true.to(dtype), rtol=once, atol=4 * once)


@pytest.mark.parametrize("used", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_pools_of_which_some_are_used(used: tuple[int, ...]) -> None:
    x = whole(2, 4, 5, 3).requires_grad_()
    results = triton_kernels.with_means(x, 2, 1)
    assert results is not None
    (found,) = torch.autograd.grad(sum((results[each] ** 2).sum() for each in used), x)
    copy = x.detach().clone().requires_grad_()
    expected = copy * 1, copy.mean(2), copy.mean(1)
    (true,) = torch.autograd.grad(sum((expected[each] ** 2).sum() for each in used), copy)
    torch.testing.assert_close(found, true)


def layer(x: Tensor, weight: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Pools, a product of them, and the product that uses it all, by kernels."""
    pools = triton_kernels.with_means(x, 2, 1)
    assert pools is not None
    x, over_columns, over_rows = pools
    terms = (over_columns @ row)[:, :, None], (over_rows @ column)[:, None]
    y = triton_kernels.mix_spread((x,), weight, terms, True)
    assert y is not None
    return y


def plain(x: Tensor, weight: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """As `layer`."""
    total = x @ weight.T + (x.mean(2) @ row)[:, :, None] + (x.mean(1) @ column)[:, None]
    return F.relu(total)


@pytest.fixture
def inputs() -> list[Tensor]:
    torch.manual_seed(1)
    shapes = (2, 4, 5, 3), (6, 3), (3, 6), (3, 6)
    return [torch.randn(shape).to(DEVICE).requires_grad_() for shape in shapes]


def agree(found: object, true: object) -> None:
    torch.testing.assert_close(found, true, rtol=1e-4, atol=1e-4)


def test_second_derivatives(inputs: list[Tensor]) -> None:
    def second(function: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        first = torch.autograd.grad(function(*inputs).square().sum(), inputs, create_graph=True)
        return torch.autograd.grad(sum(each.square().sum() for each in first), inputs)

    agree(second(layer), second(plain))


def test_operators_are_mapped(inputs: list[Tensor]) -> None:
    x, weight, *_ = (each.detach() for each in inputs)
    rows, columns = torch.randn(2, 7, 4, 1, 6).to(DEVICE), torch.randn(7, 2, 1, 5, 6).to(DEVICE)
    weights = torch.stack([weight * scale for scale in range(7)])
    dy = torch.randn(2, 4, 5, 6).to(DEVICE)

    def each(weight: Tensor, row: Tensor, column: Tensor) -> list[Tensor]:
        y = operators.mix_spread(x, weight, [row, column], True)
        arguments = dy, None, x, weight, [row, column], True, True
        return [y, *operators.mix_spread_gradient(*arguments), *pools.means(row, [1, 2])]

    mapped = torch.vmap(each, (0, 1, 0))(weights, rows, columns)
    for index in range(7):
        agree([m[index] for m in mapped], each(weights[index], rows[:, index], columns[index]))
    spread = torch.vmap(pools.means_gradient, (1, (None, 0), None))(
        rows, (rows[:, 0, :, 0], rows.transpose(0, 1)[:, :, 0]), [2, 1]
    )
    agree(spread[3], rows[:, 3] + rows[:, 0, :, :1] + rows[:, 3, :1] / 4)


def test_transforms_take_tensor_code(inputs: list[Tensor]) -> None:
    x, weight, *_ = (each.detach() for each in inputs)

    def kernels(x: Tensor) -> Tensor:
        found = triton_kernels.mix_spread((x,), weight, (), True), triton_kernels.with_means(x, 1)
        assert found == (None, None)
        return x.sum()

    torch.func.grad(kernels)(x)
    torch.vmap(kernels)(x)


def test_compiled_as_one_graph_for_every_batch_size(inputs: list[Tensor]) -> None:
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    for batch in (2, 3):
        x = torch.randn(batch, 4, 5, 3).to(DEVICE).requires_grad_()
        tensors = [x, *inputs[1:]]
        found, true = compiled(*tensors), plain(*tensors)
        agree(found, true)
        dy = torch.randn(true.shape).to(DEVICE)
        agree(torch.autograd.grad(found, tensors, dy), torch.autograd.grad(true, tensors, dy))


@pytest.mark.parametrize("ins", [3, 40])
@pytest.mark.parametrize("rectified", [True, False])
def test_operators_keep_the_rules_of_torch(ins: int, rectified: bool) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 4, ins).to(DEVICE), torch.randn(6, ins).to(DEVICE)
    terms = [torch.randn(2, 3, 1, 6).to(DEVICE), torch.randn(2, 1, 4, 6).to(DEVICE)]
    for each in (x, weight, *terms):
        each.requires_grad_()
    torch.library.opcheck(operators.mix_spread, (x, weight, terms, rectified))
    y = operators.mix_spread(x, weight, terms, rectified).detach()
    dy = torch.randn(y.shape).to(DEVICE).requires_grad_()
    arguments = dy, y, x, weight, terms, rectified, True
    torch.library.opcheck(operators.mix_spread_gradient, arguments)


def test_pools_keep_the_rules_of_torch() -> None:
    x = torch.randn(2, 3, 4, 5).to(DEVICE).requires_grad_()
    torch.library.opcheck(pools.means, (x, [2, 1]))
    torch.library.opcheck(
        pools.means_gradient, (x, [x.mean(2).detach(), x.mean(1).detach()], [2, 1])
    )


def test_what_kernels_do_not_cover_is_left_to_tensor_code() -> None:
    x, weight = whole(2, 3, 4), whole(5, 4)
    assert triton_kernels.mix_spread((x.double(),), weight.double(), (), True) is None
    assert triton_kernels.mix_spread((x,), weight.half(), (), True) is None
    assert triton_kernels.with_means(x.double(), 1) is None
    empty = triton_kernels.mix_spread((x[:0],), weight, (), True)
    assert empty is not None
    assert empty.shape == (0, 3, 5)
    kept, mean = triton_kernels.with_means(x[:0], 1) or ()
    assert kept.shape == (0, 3, 4)
    assert mean.shape == (0, 4)


def test_automatic_casts_take_the_dtype_of_products() -> None:
    x, weight = whole(2, 3, 4), whole(5, 4)
    with torch.autocast(DEVICE, torch.bfloat16):
        y = triton_kernels.mix_spread((x,), weight, (), False)
    assert y is not None
    assert torch.equal(y, (x @ weight.T).bfloat16())


def test_the_two_operations_ask_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "KERNELS", {})
    assert triton_kernels.enable(DEVICE)
    x, weight, row = whole(2, 3, 4, 2), whole(5, 4), whole(2, 3, 1, 5)
    parts = x, x + 1
    with torch.profiler.profile() as profile:
        y = fused.mix_spread(parts, weight, row, activation=F.relu)
        smooth = fused.mix_spread(parts, weight, row, activation=nn.functional.gelu)
        _, mean = fused.with_means(x, 1)
    names = {event.name for event in profile.events()}
    assert {"specc_triton::mix_spread", "specc_triton::means"} <= names
    total = torch.cat(parts, -1) @ weight.T + row
    assert torch.equal(y, F.relu(total))
    torch.testing.assert_close(smooth, F.gelu(total))
    torch.testing.assert_close(mean, x.mean(1))


@pytest.mark.parametrize(
    ("axes", "terms", "leads", "height", "width"),
    [
        ((8, 5, 7), [(8, 5, 1), (8, 1, 7)], 8, 5, 7),
        ((8, 5, 7), [(8, 5, 1)], 1, 40, 7),
        ((8, 5, 7), [(8, 1, 7)], 8, 5, 7),
        ((8, 5, 7), [(8, 1, 1)], 1, 8, 35),
        ((8, 5, 7), [], 1, 1, 280),
        ((8, 5, 7), [(1, 1, 1)], 1, 1, 280),
        ((8, 2, 5, 7), [(8, 2, 5, 1), (8, 1, 1, 7)], 8, 10, 7),
        ((8, 2, 5, 7), [(8, 2, 5, 1), (8, 2, 1, 7), (8, 1, 1, 7)], 16, 5, 7),
        ((8, 2, 5, 7), [(8, 2, 5, 1), (8, 2, 1, 7), (8, 1, 5, 7)], 1, 1, 560),
    ],
)
def test_axes_are_cut_where_terms_are_rows_and_columns(
    axes: Shape, terms: list[Shape], leads: int, height: int, width: int
) -> None:
    cut = grid.grid_of(axes, tuple(terms))
    assert (cut.leads, cut.height, cut.width) == (leads, height, width)


@pytest.mark.parametrize("channels", [1, 16, 24, 32, 64, 100, 128, 200, 256, 512, 1000])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rows", [1, 32, 256])
def test_few_configurations_remain_for_any_number_of_channels(
    channels: int, dtype: torch.dtype, rows: int
) -> None:
    block = min(tuning.padded(channels), 128)
    known = {
        "x": torch.empty(0, dtype=dtype), "TALL": rows, "IN": channels, "OUT": channels,
        "GATE": False, "RELU": True, "WHOLE": block * dtype.itemsize <= 256, "DX": True,
        "BLOCK_IN": block, "BLOCK_OUT": block,
    }  # fmt: skip
    kept = tuning.kept(tuning.GRADIENT, known, tuning.gradient_fits)
    assert 1 <= len(kept) <= 11
    for each in kept:
        assert each.kwargs["POSITIONS"] >= max(rows, 16 * each.kwargs["PARTS"])
    assert 1 <= len(tuning.kept(tuning.BLOCKED, known, tuning.product_fits)) <= 11


def test_the_fastest_configuration_that_fits_is_found() -> None:
    """As on a GPU, but with timings that are given: the slowest tile is the largest."""
    configs = [triton.Config({"POSITIONS": positions}) for positions in (16, 64, 32)]

    def fits(known: dict[str, int], config: triton.Config) -> bool:
        return known["POSITIONS"] > 16

    times = iter([2.0, 1.0])

    def measure(run: Callable[[], None], quantiles: object) -> list[float]:
        run()
        return [next(times)] * 3

    kernel = triton.autotune(
        configs,
        ["CHANNELS", "size"],
        {
            "early_config_prune": lambda configs, known, **more: tuning.kept(
                configs, {**known, **more}, fits
            )
        },
        do_bench=measure,
    )(tuning.pool.fn)
    x, rows = whole(3, 5, 2), torch.empty(3, 1, 2, device=DEVICE)
    kernel[(1,)](
        x, rows, rows, 1, 3, 5, 64, 16, CHANNELS=2, COLUMNS=False, TALL=4, BLOCK=16
    )  # fmt: skip
    assert torch.equal(rows[:, 0], x.sum(1))
    assert kernel.best_config.kwargs == {"POSITIONS": 32}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("channels", [16, 40, 128, 256])
def test_kernels_compile_for_a_gpu_and_fit_its_shared_memory(dtype: str, channels: int) -> None:
    script = Path(__file__).parent / "compiled_kernels.py"
    paths = os.pathsep.join(path for path in sys.path if path)
    known = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    lines = subprocess.run(
        [sys.executable, script, dtype, str(channels)],
        env={**known, "PYTHONPATH": paths}, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    least: dict[str, int] = {}
    for line in lines:
        kernel, _, size = line.split("\t")
        least[kernel] = min(int(size), least.get(kernel, int(size)))
    assert set(least) == {"product", "gradient", "pool", "spread"}
    assert max(least.values()) <= 227 * 1024


@pytest.mark.slow
def test_the_benchmark_runs(tmp_path: Path) -> None:
    script = Path(__file__).parent / "benchmarks" / "gpu.py"
    written = tmp_path / "gpu.json"
    arguments = ["--interpret", "--channels", "3", "--dtypes", "bfloat16", "--json", str(written)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, script, *arguments], env=environment, check=True)
    rows = json.loads(written.read_text(encoding="utf-8"))["rows"]
    assert {row["operation"] for row in rows} == {"mix", "mix+grad", "pool", "pool+grad"}
    assert all(row["error"] < 1e-2 for row in rows if row["contender"] == "kernels")
