"""Every operation of the catalogue beside an axis of every kind of group: refused, or equivariant.

The table says what mathematics does. Models are compiled and moved by random group elements in float64;
what must be refused is refused by `check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from oracles import finite_groups as finite
from oracles import matrix_groups as groups
from oracles.moved import Element, act, random_element
from oracles.representations import Axis, declarations, dual
from test_messages import mistakes_of as found_mistakes
from torch import nn

import specc
from specc.errors import SpecError
from specc.operations import CATALOGUE, FUNCTIONS

pytestmark = pytest.mark.grid

PLAIN = "axis t = 4  axis u = 2  axis w = 8"

AXES: dict[str, Axis] = {
    "S": finite.symmetric(4, "a"),
    "C": finite.cyclic(4, "a"),
    "B": finite.signed(3, "a"),
    "M": groups.matrices([[[0, -1], [1, 0]]], name="a"),
    "O": groups.orthogonal(3, "a"),
    "turn": groups.matrices([[[0, -1], [1, 0]]], lie=True, name="a"),
    "boost": groups.matrices([[[0, 1], [1, 0]]], lie=True, name="a"),
    "Sp": groups.symplectic(4, "a"),
    "GL": groups.general_linear(2, "a"),
    "P": groups.matrices([[[0, 2], [0.5, 0]]], name="a"),
    "N": groups.matrices([[[0, -2], [-0.5, 0]], [[-1, 0], [0, 1]]], name="a"),
}
"""One axis of each kind: permutations, signed permutations, groups that mix coordinates or scale them,
by positive numbers (P) or by any (N)."""

PERMUTED = frozenset({"S", "C"})
SIGNED = frozenset({"B", "M"})
NORMED = frozenset({"O", "turn"})
FORMED = NORMED | {"boost", "Sp"}
POSITIVE = frozenset({"P"})
SCALED = frozenset({"P", "N"})
ALL = frozenset(AXES)

PINNED = frozenset({"t", "u", "w"})


@dataclass(frozen=True, slots=True)
class Row:
    """A body for `x: [t, u, a; 4]`, `z: [t; 4]`; the axes of its result, and for which groups it is one."""

    body: str
    result: str
    groups: frozenset[str]

    def __str__(self) -> str:
        return f"{self.body} -> {self.result}"


X = "[t, u, a; 4]"
PLUS = "[t, u, abs(a); 4]"

ROWS = (
    # Layers
    Row("return equivariant(x, 3)", "[t, u, a; 3]", ALL),
    Row("return equivariant((x, z), [a; 3])", "[a; 3]", ALL),
    Row("return invariant(x, 3)", "[; 3]", PERMUTED | POSITIVE),
    Row("return invariant(outer(x, x), 3)", "[; 3]", PERMUTED | SIGNED | FORMED | SCALED),
    Row("return coded(x, over = t)", X, PERMUTED),
    Row("return linear(x, 3)", "[t, u, a; 3]", ALL),
    Row("return mlp(x, 3)", "[t, u, a; 3]", ALL),
    Row("return mlp(x, 5, 3)", "[t, u, a; 3]", PERMUTED | POSITIVE),
    Row("return mlp(x, 5, 3, act = abs)", "[t, u, a; 3]", PERMUTED | POSITIVE),
    Row("return mlp(x, 5, 3, act = tanh)", "[t, u, a; 3]", PERMUTED | SIGNED),
    Row("return mlp(x, 5, 3, act = cos)", "[t, u, a; 3]", PERMUTED),
    Row("return layer_norm(x)", X, PERMUTED),
    Row("return layer_norm(x, affine = false)", X, PERMUTED | SIGNED),
    Row("return rms_norm(x)", X, PERMUTED | SIGNED),
    Row("return dropout(x)", X, PERMUTED | SIGNED | SCALED),
    Row("return batch_norm(x)", X, PERMUTED),
    Row("return batch_norm(x, affine = false)", X, PERMUTED),
    Row("return group_norm(x, 2)", X, PERMUTED),
    Row("return instance_norm(x)", X, PERMUTED),
    Row("return experts(x, 5, 3, count = 2)", "[t, u, a; 3]", PERMUTED),
    Row("return gated(x, 3)", "[t, u, a; 3]", PERMUTED),
    Row("return gated(x, 3, act = tanh, bias = false)", "[t, u, a; 3]", PERMUTED),
    Row("return kan(x, 3)", "[t, u, a; 3]", PERMUTED),
    # Along axes
    Row("return softmax(x)", X, PERMUTED),
    Row("return softmax[t](x)", X, PERMUTED),
    Row("return softmax[a](x)", X, PERMUTED),
    Row("return sum[a](x)", "[t, u; 4]", PERMUTED),
    Row("return mean[a](x)", "[t, u; 4]", PERMUTED),
    Row("return max[a](x)", "[t, u; 4]", PERMUTED),
    Row("return min[a](x)", "[t, u; 4]", PERMUTED),
    Row("return sum[t](x)", "[u, a; 4]", ALL),
    Row("return mean[t, u](x)", "[a; 4]", ALL),
    Row("return max[t](x)", "[u, a; 4]", PERMUTED | POSITIVE),
    Row("return attention(x, over = t, heads = 2)", X, PERMUTED),
    Row("return attention(x, over = a, heads = 2)", X, PERMUTED),
    Row(
        "return attention(z, over = t, heads = 2, memory = x, memory_over = a)",
        "[t; 4]",
        frozenset(),
    ),
    Row("return rnn(x, 3, over = t)", "[t, u, a; 3]", PERMUTED),
    Row("return gru(x, 3, over = t)", "[t, u, a; 3]", PERMUTED),
    Row("return lstm(x, 3, over = t, steps = last)", "[u, a; 3]", PERMUTED),
    Row("return gru(x, 3, over = a)", "[t, u, a; 3]", frozenset()),
    # Convolutions
    Row("return conv(x, 3, over = t, kernel = 1)", "[t, u, a; 3]", PERMUTED),
    Row("return conv(x, 3, over = t, kernel = 3, padding = 1, bias = false)", "[t, u, a; 3]", ALL),
    Row("return conv(x, 3, over = a, kernel = 1, bias = false)", "[t, u, a; 3]", frozenset()),
    Row("return conv_transpose(x, 3, over = t, kernel = 1)", "[t, u, a; 3]", PERMUTED),
    Row("return conv_transpose(x, 3, over = t, kernel = 1, bias = false)", "[t, u, a; 3]", ALL),
    Row(
        "return max_pool(x, over = t, kernel = 3, stride = 1, padding = 1)", X, PERMUTED | POSITIVE
    ),
    Row("return avg_pool(x, over = t, kernel = 3, stride = 1, padding = 1)", X, ALL),
    Row("return mean[t](upsample(x, over = t))", "[u, a; 4]", ALL),
    Row("return mean[t, u](pixel_shuffle(x, over = [t, u]))", "[a; 1]", ALL),
    # Channels and axes
    Row("return concat(x, x)", "[t, u, a; 8]", ALL),
    Row("return concat(x, z)", "[t, u, a; 8]", PERMUTED),
    Row("p, q = split(x, 1, 3)  return q", "[t, u, a; 3]", ALL),
    Row("return flatten(x, over = [t, u], into = w)", "[w, a; 4]", ALL),
    Row("return flatten(x)", "[; 128]", frozenset()),
    Row("return x * positions(t, 4)", X, ALL),
    Row("return x + positions([t, u], 4)", X, PERMUTED),
    Row("return x * positions(a, 4)", X, frozenset()),
    Row("return x * sinusoidal(t, 4)", X, ALL),
    Row("return x + sinusoidal(t, 4)", X, PERMUTED),
    Row("return real(complex(x, 2 * x))", X, ALL),
    Row("return imag(conj(complex(x, x)))", X, ALL),
    Row("return real(complex(x, tanh(x)))", X, PERMUTED | SIGNED),
    # Products
    Row("return bilinear(x, z, 3)", "[t, u, a; 3]", ALL),
    Row("return bilinear(x, x, 3)", "[t, u, a; 3]", PERMUTED),
    Row("return bilinear(x, x, 3)", "[t, u, abs(a); 3]", PERMUTED | SIGNED),
    Row("return gate(x)", X, PERMUTED | SIGNED | FORMED),
    Row("return gate(x, act = tanh)", X, PERMUTED | SIGNED | FORMED),
    Row("return norm_act(x)", X, PERMUTED | SIGNED | NORMED),
    Row("return norm_act(x, act = relu, bias = false)", X, PERMUTED | SIGNED | NORMED),
    Row("return outer(x, x)", "[t, u, a; 16]", PERMUTED),
    Row("return outer(x, x)", "[t, u, a, a; 16]", ALL - PERMUTED),
    Row("return outer(x, x, over = a)", "[t, u, a, a; 16]", ALL),
    Row("return outer(z, x)", "[t, u, a; 16]", ALL),
    Row("return outer(x, z)", "[t, u, a; 16]", ALL),
    Row("return inner(x, x)", "[t, u, a; 16]", PERMUTED),
    Row("return inner(x, x)", "[t, u; 16]", SIGNED | FORMED),
    Row("return inner(x, x, over = a)", "[t, u; 16]", PERMUTED | SIGNED | FORMED),
    Row("return inner(x, z)", "[t, u, a; 16]", PERMUTED),
    # Arithmetic
    Row("return x + x - 2 * x / 3", X, ALL),
    Row("return x + z", X, PERMUTED),
    Row("return z - x", "[t, u, a; 4]", PERMUTED),
    Row("return x * z", X, ALL),
    Row("return x / z", X, ALL),
    Row("return x * x", X, PERMUTED),
    Row("return x * x", PLUS, PERMUTED | SIGNED),
    Row("return x * x * x", X, PERMUTED | SIGNED),
    Row("return x / x", PLUS, PERMUTED | SIGNED),
    Row("return x / (x * x)", X, PERMUTED | SIGNED),
    Row("return cos(x) * x", X, PERMUTED | SIGNED),
    Row("return abs(x) ^ x", X, PERMUTED),
    Row("return x ^ 2 + abs(x) * cos(x)", PLUS, PERMUTED | SIGNED),
    Row("return relu(x) - leaky_relu(x)", X, PERMUTED | POSITIVE),
    Row("return abs(x)", PLUS, PERMUTED | SIGNED | SCALED),
    Row("return relu(abs(x) - 2 * abs(x)) + abs(x) * sigmoid(z)", PLUS, PERMUTED | SIGNED | SCALED),
    Row("return x * abs(x)", X, PERMUTED | SIGNED),
    Row("return x ^ 1", X, ALL),
    Row("return x + x ^ 2", X, PERMUTED),
    Row("return x ^ 3 + tanh(x)", X, PERMUTED | SIGNED),
    Row("return z / x", X, PERMUTED | SIGNED),
    Row("return relu(x ^ 2) + 1", PLUS, PERMUTED | SIGNED),
    Row("return linear(relu(cos(x)), 4)", PLUS, PERMUTED | SIGNED),
)


def model_text(row: Row, axis: Axis) -> str:
    return (
        f"{PLAIN}\n{declarations((axis,))}\n"
        f"model Net(x: {X}, z: [t; 4]) -> {row.result} {{ {row.body} }}"
    )


@cache
def mistakes_of(text: str) -> list[SpecError]:
    return found_mistakes(text)


def words_of(result: str) -> list[str | None]:
    """What moves each axis of a result, and its channels."""
    names = result.strip("[]").partition(";")[0].replace(" ", "")
    kept = [name for name in names.split(",") if name]
    return [None if name in PINNED else name for name in kept]


def randomised(model: nn.Module) -> nn.Module:
    """Biases that start at zero, too, are what they might become."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter += noise / 3
    return model.eval()


def check_equivariant(text: str, row: Row, axis: Axis) -> None:
    model = randomised(specc.load(text).Net(dtype=torch.float64))
    rng = np.random.default_rng(0)
    for _ in range(3):
        element = dict(random_element((axis,), rng))
        element["abs(a)"] = element["a"].abs()
        x = torch.from_numpy(rng.normal(size=(2, 4, 2, axis.size, 4)))
        z = torch.from_numpy(rng.normal(size=(2, 4, 4)))
        with torch.no_grad():
            moved = model(act(element, x, [None, None, "a"]), z)
            expected = act(element, model(x, z), words_of(row.result))
        torch.testing.assert_close(moved, expected, rtol=1e-8, atol=1e-8)
        assert bool(moved.abs().max() > 1e-6)


@pytest.mark.parametrize("group", AXES)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_operation_is_refused_or_equivariant(row: Row, group: str) -> None:
    text = model_text(row, AXES[group])
    if group in row.groups:
        check_equivariant(text, row, AXES[group])
    else:
        assert mistakes_of(text)


def test_the_table_has_every_operation() -> None:
    bodies = " ".join(row.body for row in ROWS)
    words = [word for word in CATALOGUE if word not in FUNCTIONS and word != "embedding"]
    assert [w for w in words if f"{w}(" not in bodies and f"{w}[" not in bodies] == []


def test_every_refusal_names_the_axis_or_shows_the_types() -> None:
    for row in ROWS:
        for group in sorted(ALL - row.groups):
            for error in mistakes_of(model_text(row, AXES[group])):
                named = any(each in error.message for each in ("a`", "abs(a)`", "["))
                assert named, error.message


@pytest.mark.parametrize("group", AXES)
def test_an_embedding_is_of_positions_that_are_at_most_permuted(group: str) -> None:
    text = (
        f"{declarations((AXES[group],))}\n"
        "model Net(x: [a; index 5]) -> [a; 3] { return embedding(x, 3) }"
    )
    assert bool(mistakes_of(text)) == (group not in PERMUTED)


@pytest.mark.parametrize(
    "body",
    ["gate(x)", "inner(x, y)", "outer(x, y)", "x * sigmoid(invariant(x, 1))"],
)
def test_vectors_and_their_duals(body: str) -> None:
    """GL has no form, and pairs a vector with a dual."""
    v = groups.general_linear(3, "v")
    result = {"inner(x, y)": "[; 4]", "outer(x, y)": "[v, dual(v), dual(v), v; 4]"}
    shown = result.get(body, "[v, dual(v); 2]")
    text = (
        f"{declarations((v,))}\nmodel Net(x: [v, dual(v); 2], y: [dual(v), v; 2]) -> {shown} "
        f"{{ return {body} }}"
    )
    model = randomised(specc.load(text).Net(dtype=torch.float64))
    rng = np.random.default_rng(0)
    element = random_element((v, dual(v)), rng)
    x, y = (torch.from_numpy(rng.normal(size=(2, 3, 3, 2))) for _ in range(2))
    with torch.no_grad():
        moved = model(act(element, x, ["v", "dual(v)"]), act(element, y, ["dual(v)", "v"]))
        expected = act(element, model(x, y), words_of(shown))
    torch.testing.assert_close(moved, expected, rtol=1e-8, atol=1e-8)


# --- Axes that a group moves jointly ---------------------------------------------------------------

TURNED = """
    group Quarter on (y, x) = <(1 3 9 7)(2 6 8 4)>
    group Tilt on (b, c) = matrices { [[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, -1]] }
    axis y = 3  axis x = 3  axis b = 2  axis c = 2
"""
QUARTER = finite.cycles("(1 3 9 7)(2 6 8 4)", name="(y x)")
TILT = groups.matrices([[[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, -1]]], name="(b c)")

JOINT = [
    Row("return mean[y, x](p)", "[; 2]", ALL),
    Row("return relu(instance_norm(p)) + max[y, x](p)", "[y, x; 2]", ALL),
    Row("return attention(p, over = [y, x], heads = 2)", "[y, x; 2]", ALL),
    Row("return outer(p, p, over = [y, x])", "[y, x, y, x; 4]", ALL),
    Row("return tanh(equivariant(q, 2))", "[b, c; 2]", ALL),
    Row("return q * q + cos(q)", "[abs(b), abs(c); 2]", ALL),
    Row("return equivariant(cos(q), 2)", "[abs(b), abs(c); 2]", ALL),
    Row("return gate(q) * inner(q, linear(q, 1))", "[b, c; 2]", ALL),
    Row("return outer(q, q)", "[b, c, b, c; 4]", ALL),
    Row("return flatten(mean[y](p))", "[; 6]", frozenset()),
    Row("return mean[x](relu(mean[y](p)))", "[; 2]", frozenset()),
    Row("return softmax[y](p)", "[y, x; 2]", frozenset()),
    Row("return attention(p, over = x, heads = 2)", "[y, x; 2]", frozenset()),
    Row("return outer(p, p, over = y)", "[y, x, y; 4]", frozenset()),
    Row("return relu(q)", "[b, c; 2]", frozenset()),
]


@pytest.mark.parametrize("row", JOINT, ids=str)
def test_axes_that_move_jointly(row: Row) -> None:
    text = f"{TURNED} model Net(p: [y, x; 2], q: [b, c; 2]) -> {row.result} {{ {row.body} }}"
    if not row.groups:
        assert mistakes_of(text)
        return
    model = randomised(specc.load(text).Net(dtype=torch.float64))
    rng = np.random.default_rng(0)
    for _ in range(3):
        element = dict(random_element((QUARTER, TILT), rng))
        element["(abs(b) abs(c))"] = element["(b c)"].abs()
        p, q = (torch.from_numpy(rng.normal(size=(2, n, n, 2))) for n in (3, 2))
        with torch.no_grad():
            moved = model(_jointly(element, p, "[y, x]"), _jointly(element, q, "[b, c]"))
            expected = _jointly(element, model(p, q), row.result)
        torch.testing.assert_close(moved, expected, rtol=1e-8, atol=1e-8)


def _jointly(element: Element, value: torch.Tensor, result: str) -> torch.Tensor:
    """The element on pairs of dimensions, flattened row-major."""
    names = [name for name in words_of(result) if name is not None]
    pairs = [f"({a} {b})" for a, b in zip(names[::2], names[1::2], strict=True)]
    flat = value.reshape(len(value), *(len(element[pair]) for pair in pairs), value.shape[-1])
    return act(element, flat, list(pairs)).reshape(value.shape)
