"""Convolutions, pooling and their like against `torch.nn` itself, with the same weights in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from oracles.values import randomise
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

import specc

SIZES = (7, 6, 5)
"""Of the axes `a`, `b` and `c`, as many as there are."""


@dataclass(frozen=True, slots=True)
class Case:
    """An operation on `x: [a, b, c; channels]` along the first `axes` axes, and torch's own."""

    make: Callable[[], nn.Module]
    written: str
    axes: int = 2
    channels: int = 4


CASES = {
    "conv1d": Case(lambda: nn.Conv1d(4, 6, 3), "conv(x, 6, over = a, kernel = 3)", 1),
    "conv1d, strided": Case(
        lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, bias=False),
        "conv(x, 6, over = a, kernel = 3, stride = 2, padding = 1, dilation = 2, bias = false)",
        1,
    ),
    "conv2d": Case(lambda: nn.Conv2d(4, 6, 3), "conv(x, 6, over = [a, b], kernel = 3)"),
    "conv2d, a number for each axis": Case(
        lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 3)),
        "conv(x, 6, over = [a, b], kernel = [3, 2], stride = [2, 1], padding = [1, 0], dilation = [1, 3])",
    ),
    "conv2d, same length": Case(
        lambda: nn.Conv2d(4, 6, (3, 4), padding="same", dilation=(2, 1)),
        "conv(x, 6, over = [a, b], kernel = [3, 4], padding = same, dilation = [2, 1])",
    ),
    "conv2d in groups": Case(
        lambda: nn.Conv2d(4, 6, 3, groups=2), "conv(x, 6, over = [a, b], kernel = 3, groups = 2)"
    ),
    "conv2d, depthwise": Case(
        lambda: nn.Conv2d(4, 8, 3, groups=4), "conv(x, 8, over = [a, b], kernel = 3, groups = 4)"
    ),
    "conv2d, pointwise": Case(
        lambda: nn.Conv2d(4, 6, 1, stride=2), "conv(x, 6, over = [a, b], kernel = 1, stride = 2)"
    ),
    "conv3d": Case(
        lambda: nn.Conv3d(4, 6, (3, 2, 1), padding=(1, 0, 0)),
        "conv(x, 6, over = [a, b, c], kernel = [3, 2, 1], padding = [1, 0, 0])",
        3,
    ),
    "conv3d, same length": Case(
        lambda: nn.Conv3d(4, 6, 3, padding="same", groups=2),
        "conv(x, 6, over = [a, b, c], kernel = 3, padding = same, groups = 2)",
        3,
    ),
    "conv_transpose1d": Case(
        lambda: nn.ConvTranspose1d(4, 6, 4, stride=3, padding=1, output_padding=2, dilation=2),
        "conv_transpose(x, 6, over = a, kernel = 4, stride = 3, padding = 1, output_padding = 2, dilation = 2)",
        1,
    ),
    "conv_transpose2d": Case(
        lambda: nn.ConvTranspose2d(4, 6, 2, stride=2),
        "conv_transpose(x, 6, over = [a, b], kernel = 2, stride = 2)",
    ),
    "conv_transpose2d in groups": Case(
        lambda: nn.ConvTranspose2d(
            4, 6, (3, 2), stride=(2, 1), padding=(3, 0), output_padding=(1, 0), groups=2, bias=False
        ),
        "conv_transpose(x, 6, over = [a, b], kernel = [3, 2], stride = [2, 1], padding = [3, 0],"
        " output_padding = [1, 0], groups = 2, bias = false)",
    ),
    "conv_transpose3d": Case(
        lambda: nn.ConvTranspose3d(4, 2, 2, stride=(1, 2, 1)),
        "conv_transpose(x, 2, over = [a, b, c], kernel = 2, stride = [1, 2, 1])",
        3,
    ),
    "max_pool1d": Case(lambda: nn.MaxPool1d(2), "max_pool(x, over = a, kernel = 2)", 1),
    "max_pool2d": Case(
        lambda: nn.MaxPool2d(3, stride=2, padding=1),
        "max_pool(x, over = [a, b], kernel = 3, stride = 2, padding = 1)",
    ),
    "max_pool3d": Case(
        lambda: nn.MaxPool3d((2, 3, 1), stride=(1, 2, 1), padding=(1, 0, 0)),
        "max_pool(x, over = [a, b, c], kernel = [2, 3, 1], stride = [1, 2, 1], padding = [1, 0, 0])",
        3,
    ),
    "avg_pool1d": Case(
        lambda: nn.AvgPool1d(3, stride=2, padding=1),
        "avg_pool(x, over = a, kernel = 3, stride = 2, padding = 1)",
        1,
    ),
    "avg_pool2d": Case(lambda: nn.AvgPool2d((2, 3)), "avg_pool(x, over = [a, b], kernel = [2, 3])"),
    "avg_pool3d": Case(
        lambda: nn.AvgPool3d(2, stride=1, padding=1),
        "avg_pool(x, over = [a, b, c], kernel = 2, stride = 1, padding = 1)",
        3,
    ),
    "upsample": Case(lambda: nn.Upsample(scale_factor=3), "upsample(x, over = a, factor = 3)", 1),
    "upsample two axes": Case(
        lambda: nn.Upsample(scale_factor=(2, 3)), "upsample(x, over = [a, b], factor = [2, 3])"
    ),
    "pixel_shuffle": Case(lambda: nn.PixelShuffle(2), "pixel_shuffle(x, over = [a, b])"),
    "flatten": Case(nn.Flatten, "flatten(x)", 3),
}


def spec_of(case: Case, results: int) -> str:
    """The model that gives the layer's results flattened: channels first, as torch has them."""
    names = "abc"[: case.axes]
    axes = " ".join(f"axis {n} = {size}" for n, size in zip(names, SIZES, strict=False))
    given = f"x: [{', '.join(names)}; {case.channels}]"
    return f"{axes} model M({given}) -> [; {results}] {{ layer = {case.written} return flatten(layer) }}"


def random_network(make: Callable[[], nn.Module], generator: torch.Generator) -> nn.Module:
    """A module in float64 with parameters and running statistics drawn at random."""
    module = make().double()
    randomise(module, generator)
    return module


def pair(case: Case, batch: int = 3) -> tuple[nn.Module, nn.Module, Tensor]:
    """Torch's module, ours with the same weights, and an input as torch takes it."""
    generator = torch.Generator().manual_seed(0)
    theirs = random_network(case.make, generator)
    shape = (batch, case.channels, *SIZES[: case.axes])
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        results = theirs(x)[0].numel()
    ours: nn.Module = specc.load(spec_of(case, results)).M(dtype=torch.float64)
    state = {f"layer.{name}": tensor for name, tensor in theirs.state_dict().items()}
    ours.load_state_dict(state)
    assert list(ours.state_dict()) == list(state)
    return theirs, ours, x


def channels_last(x: Tensor) -> Tensor:
    return x.movedim(1, -1).contiguous()


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_torch(name: str) -> None:
    """Of the input and of all parameters, under a random cotangent."""
    theirs, ours, x = pair(CASES[name])
    y = channels_last(x)
    x.requires_grad_()
    y.requires_grad_()
    expected, found = theirs(x).flatten(1), ours(y)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    cotangent = torch.randn(expected.shape, dtype=torch.float64)
    wanted = torch.autograd.grad(expected, [x, *theirs.parameters()], cotangent)
    given = torch.autograd.grad(found, [y, *ours.parameters()], cotangent)
    torch.testing.assert_close(given[0].movedim(-1, 1), wanted[0], rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(given[1:], wanted[1:], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_fresh_parameters_are_those_of_torch(name: str) -> None:
    """Under one seed, also after `reset_parameters`."""
    torch.manual_seed(0)
    expected = list(CASES[name].make().parameters())
    _, ours, _ = pair(CASES[name])
    ours = ours.float()
    torch.manual_seed(0)
    ours.reset_parameters()  # type: ignore[operator]
    torch.testing.assert_close(list(ours.parameters()), expected, rtol=0, atol=0)
    torch.manual_seed(0)
    fresh = type(ours)()
    torch.testing.assert_close(list(fresh.parameters()), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["conv2d, same length", "conv_transpose2d in groups", "conv3d"])
def test_a_batch_of_networks_at_once(name: str) -> None:
    """`vmap` over stacked parameters gives what each network alone does."""
    case = CASES[name]
    _, ours, x = pair(case)
    generator = torch.Generator().manual_seed(1)
    networks = [random_network(lambda: copy.deepcopy(ours), generator) for _ in range(3)]
    parameters, buffers = stack_module_state(networks)
    y = channels_last(x)
    found = torch.vmap(lambda p, b: functional_call(ours, (p, b), y))(parameters, buffers)
    expected = torch.stack([network(y) for network in networks])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["conv1d, strided", "conv2d in groups", "conv_transpose1d", "avg_pool3d"]
)
def test_second_derivatives(name: str) -> None:
    _, ours, x = pair(CASES[name], batch=1)
    y = channels_last(x).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda z: ours(z).sin().sum(), (y,), fast_mode=True)


@pytest.mark.parametrize("name", ["conv2d, same length", "conv_transpose3d", "pixel_shuffle"])
def test_an_empty_batch(name: str) -> None:
    _, ours, x = pair(CASES[name])
    assert ours(channels_last(x)[:0]).shape[0] == 0
