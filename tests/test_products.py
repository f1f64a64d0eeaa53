"""`bilinear`, `gated` and `kan` against `nn.Bilinear`, `F.glu` and the formulas of their papers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from networks import total
from scipy.interpolate import BSpline
from test_messages import mistakes_of, place
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

import specc
from specc.program.arguments import signature
from specc_runtime.kan import KanLayer, b_splines

BATCH = 4

AXES = "axis node = S(3)  axis item = 2"

Parameters = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Case:
    """A call on `x: [node; 3]` and `y: [node; 2]`, its parameters, and what it computes of them."""

    call: str
    shapes: dict[str, tuple[int, ...]]
    meaning: Callable[[Parameters, Tensor, Tensor], Tensor]


def glu(function: Callable[[Tensor], Tensor]) -> Callable[[Parameters, Tensor, Tensor], Tensor]:
    """act(x V + b) * (x W + c), arXiv:2002.05202."""

    def meaning(p: Parameters, x: Tensor, y: Tensor) -> Tensor:
        gate = F.linear(x, p["gate.weight"], p.get("gate.bias"))
        return function(gate) * F.linear(x, p["up.weight"], p.get("up.bias"))

    return meaning


def fused(function: Callable[[Tensor], Tensor]) -> Callable[[Parameters, Tensor, Tensor], Tensor]:
    def meaning(p: Parameters, x: Tensor, y: Tensor) -> Tensor:
        up, gate = F.linear(x, p["weight"], p.get("bias")).split(4, -1)
        return up * function(gate)

    return meaning


def splines(grid: int, degree: int) -> Callable[[Parameters, Tensor, Tensor], Tensor]:
    """scipy's basis elements on the extended grid: one function on each edge, edge by edge."""

    def meaning(p: Parameters, x: Tensor, y: Tensor) -> Tensor:
        step = 2 / grid
        knots = -1 + step * np.arange(-degree, grid + degree + 1)
        made = torch.zeros(*x.shape[:-1], 4, dtype=x.dtype)
        for i in range(x.shape[-1]):
            column = x[..., i]
            basis = []
            for k in range(grid + degree):
                element = BSpline.basis_element(knots[k : k + degree + 2], extrapolate=False)
                basis.append(torch.from_numpy(np.nan_to_num(element(column.detach().numpy()))))
            for o in range(4):
                made[..., o] += p["base_weight"][o, i] * F.silu(column)
                for k, each in enumerate(basis):
                    made[..., o] += p["spline_weight"][o, i, k] * each
        return made

    return meaning


GATED = {"gate.weight": (4, 3), "gate.bias": (4,), "up.weight": (4, 3), "up.bias": (4,)}
PLAIN = {name: shape for name, shape in GATED.items() if "weight" in name}
FUSED = {"weight": (8, 3), "bias": (8,)}

CASES = {
    "bilinear": Case(
        "bilinear(x, y, 4)",
        {"weight": (4, 3, 2), "bias": (4,)},
        lambda p, x, y: F.bilinear(x, y, p["weight"], p["bias"]),
    ),
    "bilinear without bias": Case(
        "bilinear(x, y, 4, bias = false)",
        {"weight": (4, 3, 2)},
        lambda p, x, y: F.bilinear(x, y, p["weight"]),
    ),
    "glu": Case("gated(x, 4)", GATED, glu(torch.sigmoid)),
    "swiglu": Case("gated(x, 4, act = silu, bias = false)", PLAIN, glu(F.silu)),
    "geglu": Case("gated(x, 4, act = gelu)", GATED, glu(F.gelu)),
    "sines": Case("gated(x, 4, act = sin)", GATED, glu(torch.sin)),
    "torch's glu": Case(
        "gated(x, 4, fused = true)",
        FUSED,
        lambda p, x, y: F.glu(F.linear(x, p["weight"], p["bias"]), -1),
    ),
    "fused swiglu": Case(
        "gated(x, 4, act = silu, bias = false, fused = true)", {"weight": (8, 3)}, fused(F.silu)
    ),
    "kan": Case("kan(x, 4)", {"base_weight": (4, 3), "spline_weight": (4, 3, 8)}, splines(5, 3)),
    "kan, straight lines": Case(
        "kan(x, 4, grid = 2, degree = 1)",
        {"base_weight": (4, 3), "spline_weight": (4, 3, 3)},
        splines(2, 1),
    ),
    "kan, parabolas": Case(
        "kan(x, 4, grid = 1, degree = 2)",
        {"base_weight": (4, 3), "spline_weight": (4, 3, 3)},
        splines(1, 2),
    ),
}

every_case = pytest.mark.parametrize("name", CASES)


def model(name: str, seed: int = 0) -> nn.Module:
    text = f"{AXES} model M(x: [node; 3], y: [node; 2]) -> [node; 4] {{ layer = {CASES[name].call} return layer }}"
    module = specc.load(text).M(dtype=torch.float64)
    assert isinstance(module, nn.Module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module


def inputs(batch: int = BATCH) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, 3, 3, generator=generator, dtype=torch.float64)
    return x, torch.randn(batch, 3, 2, generator=generator, dtype=torch.float64)


@every_case
def test_parameters_have_the_names_and_shapes_of_torch(name: str) -> None:
    state = model(name).state_dict()
    shapes = {f"layer.{each}": shape for each, shape in CASES[name].shapes.items()}
    assert list(state) == list(shapes)
    assert {each: tuple(tensor.shape) for each, tensor in state.items()} == shapes


@every_case
def test_outputs_and_gradients_are_those_of_the_formula(name: str) -> None:
    ours, (x, y) = model(name), inputs()
    own = {n.removeprefix("layer."): p.detach().clone() for n, p in ours.named_parameters()}
    own = {n: p.requires_grad_() for n, p in own.items()}
    expected, found = CASES[name].meaning(own, x, y), ours(x, y)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    wanted = torch.autograd.grad(total(expected), list(own.values()))
    given = torch.autograd.grad(total(found), list(ours.parameters()))
    torch.testing.assert_close(given, wanted, rtol=1e-11, atol=1e-11)


@every_case
def test_derivatives(name: str) -> None:
    """Of the inputs, first and second, against differences of function values."""
    ours, values = model(name), inputs(1)
    for value in values:
        value.requires_grad_()
    read = values if "bilinear" in name else values[:1]

    def says(*given: Tensor) -> Tensor:
        return total(ours(*given, *values[len(given) :]))

    assert torch.autograd.gradcheck(says, read, fast_mode=True)
    assert torch.autograd.gradgradcheck(says, read, fast_mode=True, rtol=1e-2)


@every_case
def test_a_batch_of_networks_at_once(name: str) -> None:
    networks, (x, y) = [model(name, seed) for seed in range(3)], inputs()
    parameters, _ = stack_module_state(networks)
    found = vmap(lambda own: functional_call(networks[0], own, (x, y)))(parameters)
    expected = torch.stack([network(x, y) for network in networks])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@every_case
def test_copies_casts_and_empty_batches(name: str) -> None:
    ours, (x, y) = model(name), inputs()
    expected = ours(x, y)
    torch.testing.assert_close(copy.deepcopy(ours)(x, y), expected, rtol=0, atol=0)
    layer = ours.get_submodule("layer")
    kept = pickle.loads(pickle.dumps(layer))
    assert all(
        torch.equal(a, b) for a, b in zip(kept.parameters(), layer.parameters(), strict=True)
    )
    single = ours.float()(x.float(), y.float())
    torch.testing.assert_close(single.double(), expected, rtol=1e-3, atol=1e-3)
    assert ours(x[:0].float(), y[:0].float()).shape == (0, 3, 4)


@every_case
def test_reset_draws_what_construction_does(name: str) -> None:
    text = (
        f"{AXES} model M(x: [node; 3], y: [node; 2]) -> [node; 4] {{ return {CASES[name].call} }}"
    )
    module = specc.load(text)
    torch.manual_seed(0)
    ours = module.M()
    expected = [parameter.detach().clone() for parameter in ours.parameters()]
    torch.manual_seed(0)
    ours.reset_parameters()
    torch.testing.assert_close([p.detach() for p in ours.parameters()], expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["bilinear", "bilinear without bias"])
def test_fresh_bilinear_parameters_are_those_of_torch(name: str) -> None:
    torch.manual_seed(0)
    theirs = nn.Bilinear(3, 2, 4, bias=name == "bilinear")
    module = type(model(name))
    torch.manual_seed(0)
    ours = module()
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()), rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param("kan", marks=pytest.mark.representative), "bilinear", "swiglu"]
)
def test_compiled_layers_compute_the_same(name: str) -> None:
    torch.compiler.reset()
    ours, (x, y) = model(name), inputs()
    compiled = torch.compile(ours, fullgraph=True)
    torch.testing.assert_close(compiled(x, y), ours(x, y), rtol=1e-10, atol=1e-10)


def test_bilinear_broadcasts_by_name() -> None:
    text = f"{AXES} model M(x: [node; 3], y: [item, node; 2]) -> [item, node; 4] {{ layer = bilinear(x, y, 4) return layer }}"
    ours = specc.load(text).M(dtype=torch.float64)
    (x, _), y = inputs(), torch.randn(BATCH, 2, 3, 2, dtype=torch.float64)
    weight, bias = ours.get_parameter("layer.weight"), ours.get_parameter("layer.bias")
    wide = x[:, None].expand(BATCH, 2, 3, 3).contiguous()
    torch.testing.assert_close(ours(x, y), F.bilinear(wide, y, weight, bias))


# --- Splines -------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
@pytest.mark.parametrize("grid", [1, 2, 5])
def test_splines_are_a_partition_of_one_inside_and_zero_far_outside(grid: int, degree: int) -> None:
    inside = torch.linspace(-1, 1, 101, dtype=torch.float64)
    values = b_splines(inside, grid, degree)
    assert values.shape == (101, grid + degree)
    torch.testing.assert_close(values.sum(-1), torch.ones_like(inside))
    assert bool((values >= -1e-15).all())
    reach = 1 + 2 * degree / grid
    far = torch.tensor([-reach - 1e-9, reach + 1e-9, -100.0, 100.0], dtype=torch.float64)
    assert bool((b_splines(far, grid, degree) == 0).all())


def test_a_function_on_an_edge_can_be_any_spline() -> None:
    """The least squares fit of sin(3 x) on [-1, 1] by the splines of one edge."""
    x = torch.linspace(-1, 1, 201, dtype=torch.float64)
    basis = b_splines(x, 10, 3)
    solution = torch.linalg.lstsq(basis, torch.sin(3 * x)[:, None]).solution
    assert float((basis @ solution - torch.sin(3 * x)[:, None]).abs().max()) < 1e-3
    layer = KanLayer(1, 1, grid=10, dtype=torch.float64)
    with torch.no_grad():
        layer.base_weight.zero_()
        layer.spline_weight.copy_(solution.reshape(1, 1, -1))
    torch.testing.assert_close(layer(x[:, None]), basis @ solution)


# --- What is refused -----------------------------------------------------------------------------

TWO = "space Two { left: [node; 3] right: [node; 3] }"
BILINEAR, GATED_CALL, KAN = (f"`{signature(word)}`" for word in ("bilinear", "gated", "kan"))

# Per row: inputs, a statement with its mistake marked, the message, the hint.
MISTAKES = [
    ("x: [node; 3]", "z = ⟦bilinear(x)⟧", "`bilinear` needs 2 values first", BILINEAR),
    ("x: [node; 3]", "z = ⟦bilinear(x, x)⟧", "`bilinear` needs `channels`, a number", BILINEAR),
    ("x: [node; 3]", "z = bilinear(x, x, ⟦0⟧)",
     "`channels` of `bilinear` cannot be 0: it is at least 1", BILINEAR),
    ("x: [node; 3], s: Two", "z = ⟦bilinear(x, s, 4)⟧",
     "`bilinear` works on two tensors, and one of these is a collection",
     "take one out of it: `x.left`"),
    ("x: [node, node; 3], y: [node; 3]", "z = ⟦bilinear(x, y, 4)⟧",
     "`node` stands twice in [node, node; 3], so it is ambiguous which of the two is meant",
     "index notation says which: `z[i, j] = x[i, j] + y[j]`"),
    ("x: [node; 3]", "z = gated(x, 4, act = ⟦tanhh⟧)",
     "there is no activation `tanhh`", "did you mean `tanh`?"),
    ("x: [node; 3]", "z = gated(x, 4, fused = ⟦2⟧)",
     "`fused` of `gated` cannot be 2: it is true or false", GATED_CALL),
    ("x: [node; 3]", "z = kan(x, 4, grid = ⟦0⟧)",
     "`grid` of `kan` cannot be 0: it is at least 1", KAN),
    ("x: [node; 3]", "z = kan(x, 4, degree = ⟦0⟧)",
     "`degree` of `kan` cannot be 0: it is at least 1", KAN),
    ("x: [item; index 7]", "z = ⟦kan(x, 4)⟧",
     "`kan` works on numbers, and [item; index 7] holds indices",
     "`embedding(x, c)` makes a vector of each"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "statement", "message", "hint"), MISTAKES)
def test_mistakes(given: str, statement: str, message: str, hint: str | None) -> None:
    text, start, end = place(
        f"{AXES} {TWO} model M({given}, other: [; 3]) -> [; 3] {{ {statement} return other }}"
    )
    (error,) = mistakes_of(text)
    assert (error.message, error.hint) == (message, hint)
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
