"""`gate`, `norm_act`, `outer`, `inner`: parameters, numbers at hard places, and what is refused in which words.

That they compute what they mean is in `test_reference`, that they commute with groups in
`test_group_operations`, the symmetry of their weights in `test_inferred_weights`.
"""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from test_messages import mistakes_of, place
from torch import Tensor

import specc

AXES = (
    "axis v = O(3)  axis p = O(1, 3)  axis q = Sp(2)  axis l = GL(2)  axis s = B(6)  axis node = S(4)\n"
    "axis cloud = S(2)  axis member = S(3) in cloud  axis y = 4\n"
    "group Turn = matrices { [[0, -1], [1, 0]] } lie\naxis turn = Turn\n"
    "space Two { left: [v; 2] right: [v; 2] }\n"
)


def gated(call: str, axes: str = "v", channels: int = 4) -> str:
    return (
        f"{AXES} model M(x: [{axes}; {channels}]) -> [{axes}; {channels}] {{ g = {call} return g }}"
    )


def shapes(text: str) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.shape) for name, p in specc.load(text).M().state_dict().items()}


# --- Parameters ------------------------------------------------------------------------------------


def test_parameters_of_gates_and_norms() -> None:
    gate = {"g.bias": (4,), "g.left.weight": (4, 4), "g.right.weight": (4, 4)}
    assert shapes(gated("gate(x)")) == gate
    assert shapes(gated("gate(x)", "s")) == gate
    assert shapes(gated("gate(x)", "node")) == {}
    assert shapes(gated("norm_act(x)")) == {"g.bias": (4,)}
    assert shapes(gated("norm_act(x, bias = false)")) == {}


def test_there_is_no_bias_that_is_not_invariant() -> None:
    assert shapes(gated("linear(x, 4)")) == {"g.weight": (4, 4)}
    assert shapes(gated("linear(x, 4)", "s")) == {"g.weight": (4, 4)}
    assert shapes(gated("linear(x, 4)", "abs(s)")) == {"g.weight": (4, 4), "g.bias": (4,)}
    assert shapes(gated("linear(x, 4)", "node")) == {"g.weight": (4, 4), "g.bias": (4,)}
    mlp = shapes(gated("mlp(x, 5, 4, act = tanh)", "node, s"))
    assert mlp == {"g.0.weight": (5, 4), "g.2.weight": (4, 5)}
    each = "space G { a: [v; 2] b: [node; 2] } model M(x: G) -> G { g = linear(x, 2%s) return g }"
    assert list(shapes(AXES + each % "")) == ["g.a.weight", "g.b.weight", "g.b.bias"]
    assert list(shapes(AXES + each % ", shared = true")) == ["g.weight"]


def test_modules_copy_pickle_and_reset() -> None:
    module = specc.load(gated("gate(norm_act(x))"))
    torch.manual_seed(0)
    model = module.M()
    before = [p.detach().clone() for p in model.parameters()]
    torch.manual_seed(0)
    model.reset_parameters()
    torch.testing.assert_close([p.detach() for p in model.parameters()], before, rtol=0, atol=0)
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(copy.deepcopy(model)(x), model(x))
    torch.testing.assert_close(pickle.loads(pickle.dumps(model.g))["gate"](x), model.g["gate"](x))


# --- Numbers -----------------------------------------------------------------------------------------


def test_a_scalar_is_its_own_gate() -> None:
    x = torch.randn(3, 4, 4, dtype=torch.float64)
    model = specc.load(gated("gate(x)", "node")).M(dtype=torch.float64)
    torch.testing.assert_close(model(x), torch.nn.functional.silu(x))


@pytest.mark.parametrize("axes", ["v", "v, v", "s", "turn"])
@pytest.mark.parametrize("call", ["gate(x)", "norm_act(x)", "norm_act(x, act = relu)"])
def test_all_is_smooth_at_zero(call: str, axes: str) -> None:
    model = specc.load(gated(call, axes)).M(dtype=torch.float64)
    sizes = {"v": (3,), "v, v": (3, 3), "s": (6,), "turn": (2,)}[axes]
    x = torch.zeros(2, *sizes, 4, dtype=torch.float64, requires_grad=True)
    result: Tensor = model(x)
    assert bool((result == 0).all())
    (slope,) = torch.autograd.grad(result.sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    assert bool(slope.isfinite().all()) and bool(curvature.isfinite().all())


def test_a_norm_of_one_direction_is_the_function_itself() -> None:
    """x along one coordinate, positive and far from zero: act(x)."""
    model = specc.load(gated("norm_act(x, act = tanh)")).M(dtype=torch.float64)
    x = torch.zeros(5, 3, 4, dtype=torch.float64)
    x[:, 1] = torch.rand(5, 4, dtype=torch.float64) + 1
    torch.testing.assert_close(model(x)[:, 1], torch.tanh(x[:, 1]), rtol=1e-5, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "axes"),
    [
        pytest.param("gate(norm_act(x))", "v, node", marks=pytest.mark.representative),
        ("gate(x)", "q"),
        ("linear(outer(x, inner(x, x)), 4)", "p"),
    ],
)
def test_compiled_modules_compute_the_same(call: str, axes: str) -> None:
    torch.compiler.reset()
    model = specc.load(gated(call, axes)).M(dtype=torch.float64)
    sizes = {"v, node": (3, 4), "q": (2,), "p": (4,)}[axes]
    x = torch.randn(3, *sizes, 4, dtype=torch.float64)
    torch.testing.assert_close(torch.compile(model, fullgraph=True)(x), model(x))


# --- What is refused -----------------------------------------------------------------------------------

MULTIPLY = "`gate(x)` and `norm_act(x)` multiply by invariants"
ODD = "`tanh(x)` is odd, and `gate(x)` multiplies by what has no signs"

# Per row: inputs, a statement with its mistake marked, the message, the hint.
MISTAKES = [
    ("x: [v; 8]", "z = ⟦relu(equivariant(x, 8))⟧",
     "`relu` is not linear, and O(3) mixes the coordinates of `v`", MULTIPLY),
    ("x: [p; 8]", "z = ⟦tanh(x)⟧",
     "`tanh` is not linear, and O(1, 3) mixes the coordinates of `p`",
     "`gate(x)` and `x * sigmoid(g)`, with an invariant `g`, multiply by invariants"),
    ("x: [l; 8]", "z = ⟦silu(x)⟧",
     "`silu` is not linear, and GL(2) mixes the coordinates of `l`",
     "`x * sigmoid(g)`, with an invariant `g`, multiplies by invariants"),
    ("x: [s; 8]", "z = ⟦relu(equivariant(x, 8))⟧",
     "`relu` is not odd, and B(6) changes the signs of `s`", ODD),
    ("x: [node, s; 8]", "z = ⟦layer_norm(x)⟧",
     "`layer_norm` is not odd, and B(6) changes the signs of `s`", ODD),
    ("x: [v; 8]", "z = ⟦dropout(x)⟧",
     "`dropout` is not linear, and O(3) mixes the coordinates of `v`", MULTIPLY),
    ("x: [y, v; 8]", "z = ⟦conv(x, 8, over = y, kernel = 1)⟧",
     "`conv` adds a constant along `v`, and O(3) leaves no constant as it is", "`bias = false`"),
    ("x: [s; 8]", "z = ⟦x + 1⟧",
     "`+ 1` adds a constant along `s`, and B(6) leaves no constant as it is",
     "`x * (1 + g)`, with an invariant `g`, scales"),
    ("x: [v; 8], w: [; 8]", "z = ⟦x + w⟧",
     "`+` would repeat [; 8] along `v`, and O(3) leaves nothing as it is that is constant there",
     "a product with an invariant scales: `x * g`"),
    ("x: [v; 8], w: [; 8]", "z = ⟦concat(x, w)⟧",
     "`concat` would repeat [; 8] along `v`, and O(3) leaves nothing as it is that is constant there",
     "a product with an invariant scales: `x * g`"),
    ("x: [v; 8]", "z = ⟦x * x⟧",
     "`*` would multiply coordinates along `v` with each other, and O(3) mixes them",
     "`outer(x, y)` has all products, `inner(x, y)` those that are invariant"),
    ("x: [v; 8]", "z = ⟦mean[v](x)⟧",
     "`mean[v]` would put the coordinates of `v` together, and O(3) mixes them",
     "`invariant(x, c)` is every invariant linear map"),
    ("x: [s; 8]", "z = ⟦sum[s](x)⟧",
     "`sum[s]` would put the coordinates of `s` together, and B(6) changes their signs",
     "`invariant(x, c)` is every invariant linear map"),
    ("x: [v; 8]", "z = ⟦gru(x, 8, over = v)⟧",
     "`gru` is not linear, and O(3) mixes the coordinates of `v`", MULTIPLY),
    ("x: [l; 8]", "z = ⟦gate(x)⟧",
     "`gate` needs scalars that are made of [l; 8] alone, and GL(2) leaves no product of `l` with itself as it is",
     "`x * sigmoid(g)`, with an invariant `g` of something else"),
    ("x: [v; 8]", "z = gate(x, act = ⟦sigmoyd⟧)",
     "there is no activation `sigmoyd`", "did you mean `sigmoid`?"),
    ("x: [p; 8]", "z = ⟦norm_act(x)⟧",
     "`norm_act` needs a norm, and O(1, 3) keeps none along `p`",
     "`gate(x)` multiplies by products with the form of the group"),
    ("x: [l; 8]", "z = ⟦norm_act(x)⟧",
     "`norm_act` needs a norm, and GL(2) keeps none along `l`",
     "`x * sigmoid(g)`, with an invariant `g`"),
    ("x: Two", "z = ⟦outer(x, x)⟧",
     "`outer` works on two tensors, and one of these is a collection",
     "take one out of it: `x.left`"),
    ("x: [v; 8]", "z = ⟦outer(x, x, over = node)⟧", "neither value has an axis `node`", None),
    ("x: [node, node; 2], w: [node; 2]", "z = ⟦outer(x, w)⟧",
     "`node` stands twice in [node, node; 2], so it is ambiguous which of the two is meant",
     "`over = node` multiplies all of them as indices"),
    ("x: [cloud, member; 2]", "z = ⟦outer(x, x, over = cloud)⟧",
     "`over` has `cloud` and not `member`, which lives in it", "`over = [cloud, member]`"),
    ("x: [v; 2], w: [node; 2]", "z = ⟦inner(x, w)⟧",
     "`inner` pairs the indices of x with those of y, and `v` is left alone",
     "`equivariant(outer(x, y), TYPE)` has every contraction"),
    ("x: [l; 2]", "z = ⟦inner(x, x)⟧",
     "`inner` needs an invariant form, and GL(2) has none on `l` and `l`",
     "a vector is paired with a dual: `[dual(l)]`"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "statement", "message", "hint"), MISTAKES)
def test_mistakes(given: str, statement: str, message: str, hint: str | None) -> None:
    text, start, end = place(
        f"{AXES} model M({given}, other: [; 3]) -> [; 3] {{ {statement} return other }}"
    )
    (error,) = mistakes_of(text)
    assert (error.message, error.hint) == (message, hint)
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)


# Programs of the design that are to be refused, with what is to be said of them.
REJECTED = [
    (
        "axis v = O(3)\nmodel Bad(x: [v; 8]) -> [v; 8] { return ⟦relu(equivariant(x, 8))⟧ }",
        "`relu` is not linear, and O(3) mixes the coordinates of `v`",
        MULTIPLY,
    ),
    (
        "axis s = B(6)\nmodel Bad(x: [s; 8]) -> [s; 8] { return ⟦relu(equivariant(x, 8))⟧ }",
        "`relu` is not odd, and B(6) changes the signs of `s`",
        ODD,
    ),
    (
        "axis v = O(3)\n"
        "model Inertia(x: [v; 16]) -> [v, v; 1] { return ⟦equivariant(x, [v, v; 1])⟧ }",
        "no linear map leads from [v; 16] to [v, v; 1]: under O(3) the number of indices has to be "
        "even, and here it is 3",
        "`outer(x, x)` has twice as many indices; under `SO(3)` the determinant is a map",
    ),
    (
        "axis s = B(4)\nmodel Bad(x: [s; 8]) -> [; 8] { return ⟦invariant(x, 8)⟧ }",
        "no linear map leads from [s; 8] to [; 8]: under B(4) the number of indices has to be "
        "even, and here it is 1",
        "`outer(x, x)` has twice as many indices",
    ),
    (
        "axis v = GL(3)\nmodel Bad(x: [v, v; 8]) -> [v; 8] { return ⟦equivariant(x, [v; 8])⟧ }",
        "no linear map leads from [v, v; 8] to [v; 8]: under GL(3) every index `v` has to meet a "
        "`v` on the other side, or a `dual(v)` on its own",
        "`[dual(v)]` is a linear form on `v`",
    ),
    (
        "axis v = Sp(4)\nmodel Bad(x: [v, v; 8]) -> [v; 8] { return ⟦equivariant(x, [v; 8])⟧ }",
        "no linear map leads from [v, v; 8] to [v; 8]: under Sp(4) the number of indices has to "
        "be even, and here it is 3",
        None,
    ),
]


@pytest.mark.parametrize(("marked", "message", "hint"), REJECTED)
def test_rejected_programs(marked: str, message: str, hint: str | None) -> None:
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert (error.message, error.hint) == (message, hint)
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
