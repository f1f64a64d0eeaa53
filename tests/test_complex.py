"""Complex values: U(n) and SU(n), their types and messages, operations against torch by hand.

Unitary matrices are drawn here, from complex Gaussian matrices by QR, and act by einsum.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import build
from oracles.values import randomise
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

import specc
from specc.errors import SpecError, SpecErrors, leaves
from specc.reference.models import evaluate
from specc.types import Collection
from specc_runtime import InputError

AXES = "axis u = U(3)  axis w = SU(2)  axis s = S(4)  axis v = O(3)  axis q = O(1, 2)  axis p = 2"
BATCH = 3


def model(text: str, dtype: torch.dtype = torch.float64) -> nn.Module:
    return build(f"{AXES}\nmodel M{text}", dtype=dtype)


def declared(text: str) -> list[str]:
    """The types of a model's values, as they print."""
    (typed,) = specc.check(f"{AXES}\nmodel M{text}").models
    return [str(kind) for kind in typed.types]


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


# --- Types -----------------------------------------------------------------------------------------

TYPES = {
    "(x: [u; 2]) -> [u; 4] { return linear(x, 4) }": "[u; 4]",
    "(x: [u; 2]) -> [dual(u); 2] { return conj(x) }": "[dual(u); 2]",
    "(x: [dual(u); 2]) -> [u; 2] { return conj(x) }": "[u; 2]",
    "(x: [v; 2] complex) -> [v; 2] complex { return conj(x) }": "[v; 2] complex",
    "(x: [v; 2] complex) -> [v; 2] { return real(x) }": "[v; 2]",
    "(x: [s; 2] complex) -> [s; 2] { return imag(x) }": "[s; 2]",
    "(x: [s; 2] complex) -> [s; 2] { return abs(x) }": "[s; 2]",
    "(x: [s; 2], y: [; 2]) -> [s; 2] complex { return complex(x, y) }": "[s; 2] complex",
    "(x: [v]) -> [v] complex { return complex(x) }": "[v] complex",
    "(x: [u; 2], y: [u; 3]) -> [; 6] complex { return inner(x, y) }": "[; 6] complex",
    "(x: [u; 2], y: [v; 3]) -> [u, v; 6] { return outer(x, y) }": "[u, v; 6]",
    "(x: [; 2], y: [; 3] complex) -> [; 5] complex { return concat(x, y) }": "[; 5] complex",
    "(x: [; 2], y: [; 2] complex) -> [; 2] complex { return x * y - x }": "[; 2] complex",
    "(x: [s; 2] complex) -> [; 2] complex { return mean[s](x) }": "[; 2] complex",
    "(x: [u, dual(u)]) -> [; 3] complex { return invariant(x, 3) }": "[; 3] complex",
    "(x: [; 2]) -> [; 3] complex { return equivariant(x, [; 3] complex) }": "[; 3] complex",
    "(x: [p; 2] complex) -> [; 4] complex { return flatten(x) }": "[; 4] complex",
    "(x: [p; 2] complex) -> [p; 2] complex { return coded(x) }": "[p; 2] complex",
    "(x: [u; 2]) -> [u; 2] { return norm_act(gate(x)) }": "[u; 2]",
}


@pytest.mark.parametrize(("text", "shown"), TYPES.items(), ids=str)
def test_types(text: str, shown: str) -> None:
    assert declared(text)[-1] == shown


def test_a_type_prints_as_it_is_written() -> None:
    text = "(x: [s; 2] complex, y: [u; 2]) -> [; 4] complex, [u] { return invariant((x, y), 4), equivariant(y, [u]) }"
    assert declared(text)[:2] == ["[s; 2] complex", "[u; 2]"]


def test_a_space_holds_complex_tensors() -> None:
    text = """space State { wave: [s, u; 2]  weight: [s]  phase: [; 2] complex }
        model M(x: State) -> State { return equivariant(x, State) }"""
    wrong = "the model declares State and returns State: `weight`: it is complex"
    assert wrong in messages(f"{AXES} {text}")[0]


def test_complex_is_a_name_elsewhere() -> None:
    text = """axis complex = 3
        space S { complex: [complex] complex complex.a: [complex] }
        model M(complex: [complex; 2]) -> [complex; 2] { complex = linear(complex, 2) return complex }"""
    (typed,) = specc.check(text).models
    assert str(typed.types[0]) == "[complex; 2]"
    inside = specc.check(f"{text} model N(s: S) -> [; 1] {{ return abs(invariant(s, 1)) }}").models[
        1
    ]
    (space,) = (kind for kind in inside.types if isinstance(kind, Collection))
    assert [(name, tensor.complex) for name, tensor in space.tensors] == [
        ("complex", True),
        ("complex.a", False),
    ]
    assert build(text)(torch.randn(BATCH, 3, 2, dtype=torch.float64)).shape == (BATCH, 3, 2)


# --- Messages --------------------------------------------------------------------------------------


def messages(text: str) -> list[str]:
    with pytest.raises((SpecError, SpecErrors)) as caught:
        specc.check(text)
    found = leaves(caught.value) if isinstance(caught.value, SpecErrors) else [caught.value]
    return [f"{each.message} | {each.hint}" for each in found]


REFUSED = {
    "(x: [; 2] complex) -> [; 2] complex { return relu(x) }": (
        "`relu` works on real numbers, and [; 2] complex is complex"
        " | `abs(x)`, `real(x)` and `imag(x)` are real"
    ),
    "(x: [s; 2] complex) -> [s; 2] complex { return softmax[s](x) }": (
        "`softmax` works on real numbers, and [s; 2] complex is complex"
        " | `abs(x)`, `real(x)` and `imag(x)` are real"
    ),
    "(x: [; 2] complex) -> [; 2] complex { return layer_norm(x) }": (
        "`layer_norm` works on real numbers, and [; 2] complex is complex"
        " | `abs(x)`, `real(x)` and `imag(x)` are real"
    ),
    "(x: [s; 2] complex) -> [; 2] complex { return max[s](x) }": (
        "`max` works on real numbers, and [s; 2] complex is complex"
        " | `abs(x)`, `real(x)` and `imag(x)` are real"
    ),
    "(x: [; 2] complex) -> [; 2] complex { return mlp(x, 4, 2) }": (
        "`mlp` works on real numbers, and [; 2] complex is complex"
        " | `abs(x)`, `real(x)` and `imag(x)` are real"
    ),
    "(x: [u; 2]) -> [u; 2] { return relu(x) }": (
        "`relu` is not linear, and U(3) mixes the coordinates of `u`"
        " | `gate(x)` and `norm_act(x)` multiply by invariants"
    ),
    "(x: [w; 2]) -> [w; 2] { return tanh(x) }": (
        "`tanh` is not linear, and SU(2) mixes the coordinates of `w`"
        " | `gate(x)` and `norm_act(x)` multiply by invariants"
    ),
    "(x: [u; 2]) -> [u; 2] { return real(x) }": (
        "`real` takes numbers apart, and U(3) turns real parts along `u` into imaginary ones"
        " | `inner(x, x)` is invariant, and has real and imaginary parts"
    ),
    "(x: [; 2]) -> [; 2] { return real(x) }": "`real` is of complex numbers, and [; 2] is real | None",
    "(x: [; 2]) -> [; 2] complex { return linear(x, 2) }": (
        "the model declares [; 2] complex and returns [; 2]: it is real, and `complex(x)` is complex | None"
    ),
    "(x: [; 2] complex) -> [; 2] { return linear(x, 2) }": (
        "the model declares [; 2] and returns [; 2] complex: it is complex, and `abs(x)`, `real(x)`"
        " and `imag(x)` are real | None"
    ),
    "(x: [u; 2], y: [dual(u); 2]) -> [; 4] complex { return inner(x, y) }": (
        "`inner` conjugates x, and then `dual(u)` has no partner: U(3) keeps the product of a vector with"
        " the conjugate of a vector | `conj(x)` is of `u`"
    ),
    "(x: [; 2] complex) -> [; 2] complex { return complex(x, x) }": (
        "`complex` works on real numbers, and [; 2] complex is complex"
        " | `abs(x)`, `real(x)` and `imag(x)` are real"
    ),
    "(x: [s; index 4] complex) -> [; 2] { return x }": "indices are real | None",
    "(x: [u]) -> [u, u] { return equivariant(x, [u, u]) }": (
        "no linear map leads from [u] to [u, u]: under U(3) every index `u` has to meet a `u` on the other"
        " side, or a `dual(u)` on its own | `[dual(u)]` is a linear form on `u`"
    ),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items(), ids=str)
def test_refused(text: str, said: str) -> None:
    assert messages(f"{AXES}\nmodel M{text}") == [said]


WRONG = {
    "axis a = U(2, imaginary)": "a unitary group is written `U(n)` or `U(n, real)`",
    "axis a = SU()": "this group is written `SU(n)` or `SU(n, real)`",
    "axis e = E(2)  model M(x: [e] complex) -> [e] { return x }": "the points that E(n) moves are real",
    "space G { a: [; 2] }  model M(x: G complex) -> G { return x }": "`complex` follows the type of one tensor",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=str)
def test_wrong(text: str, said: str) -> None:
    first = text if "model" in text else f"{text}  model M(x: [a]) -> [a] {{ return x }}"
    assert messages(first)[0].startswith(said)


# --- Operations by hand ----------------------------------------------------------------------------


def test_inner_conjugates_the_first() -> None:
    x, y = normal(BATCH, 3, 2), normal(BATCH, 3, 3)
    found = model("(x: [u; 2], y: [u; 3]) -> [; 6] complex { return inner(x, y) }")(x, y)
    expected = torch.einsum("bui,buj->bij", x.conj(), y).flatten(1)
    torch.testing.assert_close(found, expected)


def test_inner_of_real_and_complex_values() -> None:
    x, y = torch.randn(BATCH, 3, 2, dtype=torch.float64), normal(BATCH, 3, 1)
    form = torch.tensor([1.0, -1.0, -1.0], dtype=torch.complex128)
    found = model("(x: [q; 2], y: [q; 1] complex) -> [; 2] complex { return inner(x, y) }")(x, y)
    torch.testing.assert_close(found, torch.einsum("bui,u,bu->bi", x + 0j, form, y[..., 0]))
    turned = model("(x: [q; 2], y: [q; 1] complex) -> [; 2] complex { return inner(y, x) }")(x, y)
    torch.testing.assert_close(turned, found.conj())


def test_outer_does_not_conjugate() -> None:
    x, y = normal(BATCH, 3, 2), normal(BATCH, 3, 2)
    found = model("(x: [u; 2], y: [u; 2]) -> [u, u; 4] { return outer(x, y) }")(x, y)
    torch.testing.assert_close(found, torch.einsum("bui,bwj->buwij", x, y).flatten(-2))


def test_linear_is_complex() -> None:
    made = model("(x: [s; 2] complex) -> [s; 3] complex { return linear(x, 3) }")
    x, state = normal(BATCH, 4, 2), made.state_dict()
    assert {each.dtype for each in state.values()} == {torch.complex128}
    expected = torch.einsum("bsi,oi->bso", x, state["linear.weight"]) + state["linear.bias"]
    torch.testing.assert_close(made(x), expected)


def test_mlp_between_complex_layers() -> None:
    made = model("(x: [; 2] complex) -> [; 3] complex { return mlp(x, 5, 3, act = tanh) }")
    x, state = normal(BATCH, 2), made.state_dict()
    hidden = torch.tanh(x @ state["mlp.0.weight"].T + state["mlp.0.bias"])
    torch.testing.assert_close(made(x), hidden @ state["mlp.2.weight"].T + state["mlp.2.bias"])


def test_gates_are_real_functions_of_hermitian_products() -> None:
    made = model("(x: [s, u; 2]) -> [s, u; 2] { return gate(x) }")
    x, state = normal(BATCH, 4, 3, 2), made.state_dict()
    left, right = (
        torch.einsum("bsui,oi->bsuo", x, state[f"gate.{e}.weight"]) for e in ("left", "right")
    )
    assert state["gate.bias"].dtype == torch.float64
    scalars = (left.conj() * right).mean(2, keepdim=True).real + state["gate.bias"]
    torch.testing.assert_close(made(x), x * torch.sigmoid(scalars))


def test_gates_of_invariants_are_real() -> None:
    made = model("(x: [; 2] complex) -> [; 2] complex { return gate(x, act = tanh) }")
    x, state = normal(BATCH, 2), made.state_dict()
    left, right = (x @ state[f"gate.{end}.weight"].T for end in ("left", "right"))
    torch.testing.assert_close(
        made(x), x * torch.tanh((left.conj() * right).real + state["gate.bias"])
    )


def test_norms_of_complex_vectors() -> None:
    made = model("(x: [s, u; 2]) -> [s, u; 2] { return norm_act(x, act = tanh) }")
    x, bias = normal(BATCH, 4, 3, 2), made.state_dict()["norm_act.bias"]
    norm = (x.abs().square().sum(2, keepdim=True) + 1e-6).sqrt()
    assert bias.dtype == torch.float64
    torch.testing.assert_close(made(x), x / norm * torch.tanh(norm + bias))


FUNCTIONS = {
    "conj(x)": lambda x: x.conj(),
    "real(x)": lambda x: x.real,
    "imag(x)": lambda x: x.imag,
    "abs(x)": lambda x: x.abs(),
    "complex(real(x), 2 * imag(x))": lambda x: torch.complex(x.real, 2 * x.imag),
    "complex(abs(x))": lambda x: x.abs() + 0j,
    "x ^ 2 + 1 / x - 2 * x": lambda x: x**2 + 1 / x - 2 * x,
    "real(x) * x + abs(x)": lambda x: x.real * x + x.abs(),
    "concat(abs(x), x)": lambda x: torch.cat([x.abs() + 0j, x], -1),
    "sum[s](x)": lambda x: x.sum(1),
    "mean[s](x)": lambda x: x.mean(1),
    **{
        f"{word}(x)": getattr(torch, word)
        for word in (
            "tanh",
            "sigmoid",
            "sin",
            "cos",
            "exp",
            "log",
            "sqrt",
            "square",
            "atan",
            "asinh",
        )
    },
}


@pytest.mark.parametrize("text", FUNCTIONS)
def test_functions_as_torch_has_them(text: str) -> None:
    x = normal(BATCH, 4, 2)
    expected = FUNCTIONS[text](x)
    axes = "" if "[s]" in text else "s"
    kind = f"[{axes}; {expected.shape[-1]}]" + (" complex" if expected.is_complex() else "")
    made = model(f"(x: [s; 2] complex) -> {kind} {{ return {text} }}")
    torch.testing.assert_close(made(x), expected)
    assert not made(x).is_conj()


def test_a_layer_with_a_mean_by_hand() -> None:
    made = model("(x: [s; 2] complex) -> [s; 3] complex { return equivariant(x, 3) }")
    x, state = normal(BATCH, 4, 2), made.state_dict()
    own, pooled = state["equivariant.mix_s.weight"], state["equivariant.mix_scalar.weight"]
    mean = x.mean(1) @ pooled.T + state["equivariant.mix_scalar.bias"]
    torch.testing.assert_close(made(x), x @ own.T + mean[:, None])


def test_real_values_in_a_complex_layer() -> None:
    made = model(
        "(x: [s; 2], y: [s; 1] complex) -> [s; 3] complex { return equivariant((x, y), [s; 3]) }"
    )
    x, y = torch.randn(BATCH, 4, 2, dtype=torch.float64), normal(BATCH, 4, 1)
    whole = model("(z: [s; 3] complex) -> [s; 3] complex { return equivariant(z, 3) }")
    whole.load_state_dict(made.state_dict())
    torch.testing.assert_close(made(x, y), whole(torch.cat([x + 0j, y], -1)))


# --- Equivariance ----------------------------------------------------------------------------------


def unitary(size: int, special: bool = False) -> Tensor:
    matrix, triangle = torch.linalg.qr(normal(size, size))
    matrix = matrix * triangle.diagonal().sgn()
    return matrix / torch.linalg.det(matrix) ** (1 / size) if special else matrix


def moved(x: Tensor, *matrices: Tensor | None) -> Tensor:
    """A matrix, or nothing, on each dimension after the batch."""
    for dim, matrix in enumerate(matrices, start=1):
        if matrix is not None:
            x = torch.tensordot(matrix.to(x.dtype), x, ([1], [dim])).movedim(0, dim)
    return x


NETWORKS: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "vectors": (
        """(x: [s, u; 2]) -> [s, u; 3] {
            z = equivariant(x, 8)  z = gate(z)  z = norm_act(linear(z, 8))
            return equivariant(z * abs(inner(z, z) |> linear(1)), 3) }""",
        ("s", "u"),
        ("s", "u"),
    ),
    "duals": (
        "(x: [u, dual(u); 2]) -> [u, dual(u); 2] { return equivariant(gate(equivariant(x, 4)), 2) }",
        ("u", "dual(u)"),
        ("u", "dual(u)"),
    ),
    "determinants": (
        "(x: [w, w; 2]) -> [; 3] complex { return tanh(invariant(x, 3)) }",
        ("w", "w"),
        (),
    ),
    "vectors to duals": (
        "(x: [w; 2]) -> [dual(w); 2] { return equivariant(x, [dual(w); 2]) }",
        ("w",),
        ("dual(w)",),
    ),
    "symmetric": (
        "(x: [u, u; 2]) -> [sym(u, u); 2] { return equivariant(x, [sym(u, u); 2]) }",
        ("u", "u"),
        ("u", "u"),
    ),
    "several groups": (
        "(x: [u, v, w; 2]) -> [w, u, v; 2] { return equivariant(norm_act(equivariant(x, 4)), [w, u, v; 2]) }",
        ("u", "v", "w"),
        ("w", "u", "v"),
    ),
    "products": (
        "(x: [u; 2]) -> [u, dual(u), u; 8] { return outer(outer(x, conj(x)), x) }",
        ("u",),
        ("u", "dual(u)", "u"),
    ),
    "to real numbers": (
        "(x: [s, u; 4]) -> [; 2] { return linear(relu(real(mean[s](inner(x, x)))), 2) }",
        ("s", "u"),
        (),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_equivariance_under_random_unitary_matrices(name: str) -> None:
    text, inputs, outputs = NETWORKS[name]
    made = model(text)
    sizes = {"u": 3, "w": 2, "s": 4, "v": 3}
    x = normal(BATCH, *(sizes[axis.removeprefix("dual(").removesuffix(")")] for axis in inputs), 2)
    if name == "to real numbers":
        x = normal(BATCH, 4, 3, 4)
    plain = made(x)
    for _ in range(3):
        element = random_element()
        found = made(moved(x, *(element[axis] for axis in inputs)))
        torch.testing.assert_close(found, moved(plain, *(element[axis] for axis in outputs)))


def random_element() -> dict[str, Tensor]:
    u, w = unitary(3) @ unitary(3), unitary(2, special=True)
    permutation = torch.eye(4, dtype=torch.float64)[torch.randperm(4)]
    rotation = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q
    return {
        "u": u,
        "dual(u)": u.conj(),
        "w": w,
        "dual(w)": w.conj(),
        "s": permutation,
        "v": rotation,
    }


def test_a_determinant_sees_phases() -> None:
    """What is invariant under SU(2) is not under U(2): the test above can fail."""
    made = model(NETWORKS["determinants"][0])
    x = normal(BATCH, 2, 2, 2)
    turned = moved(x, 1j * torch.eye(2, dtype=torch.complex128))
    assert not torch.allclose(made(turned), made(x))


def test_real_representations() -> None:
    """Real parts first, then imaginary ones: A + iB is [[A, -B], [B, A]]."""
    text = """axis r = U(2, real)  axis t = SU(2, real)
        model M(x: [r; 2], y: [t; 2]) -> [r; 2], [r, r; 2], [t; 3] {
            return equivariant(x, 2), equivariant(outer(x, x), [r, r; 2]), equivariant(gate(y), 3) }"""
    made = build(text)
    x, y = (torch.randn(BATCH, 4, 2, dtype=torch.float64) for _ in range(2))
    g, h = unitary(2), unitary(2, special=True)
    r, t = (
        torch.cat([torch.cat([m.real, -m.imag], 1), torch.cat([m.imag, m.real], 1)]) for m in (g, h)
    )
    plain, found = made(x, y), made(moved(x, r), moved(y, t))
    for value, result, matrices in zip(plain, found, ([r], [r, r], [t]), strict=True):
        torch.testing.assert_close(result, moved(value, *matrices))
    assert all(not parameter.is_complex() for parameter in made.parameters())


# --- Modules ---------------------------------------------------------------------------------------

NETWORK = """(x: [s, u; 2], y: [s; 3]) -> [; 2] {
    z = norm_act(gate(equivariant((x, y), [s, u; 4])))
    h = tanh(equivariant((inner(z, z), y), [s; 4] complex))
    return linear(relu(abs(mean[s](h))), 2)
}"""


def arguments(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    return (
        torch.randn(BATCH, 4, 3, 2, dtype=dtype.to_complex()),
        torch.randn(BATCH, 4, 3, dtype=dtype),
    )


def dtypes(module: nn.Module) -> set[torch.dtype]:
    return {parameter.dtype for parameter in module.parameters()}


PRECISIONS = [(torch.float32, torch.complex64), (torch.float64, torch.complex128)]


@pytest.mark.parametrize(("dtype", "expected"), PRECISIONS, ids=str)
def test_complex_parameters_have_the_precision_of_the_module(
    dtype: torch.dtype, expected: torch.dtype
) -> None:
    made = model(NETWORK, dtype)
    assert dtypes(made) == {dtype, expected}
    assert made(*arguments(dtype)).dtype == dtype


def test_the_default_precision() -> None:
    made = specc.load(f"{AXES}\nmodel M{NETWORK}").M()
    assert dtypes(made) == {torch.float32, torch.complex64}


@pytest.mark.parametrize("change", [lambda m: m.double(), lambda m: m.to(torch.float64)])
@pytest.mark.filterwarnings("error")
def test_conversion_keeps_imaginary_parts(change: Any) -> None:
    made = model(NETWORK, torch.float32)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert change(nn.Sequential(made))[0] is made
    assert dtypes(made) == {torch.float64, torch.complex128}
    for name, value in made.state_dict().items():
        torch.testing.assert_close(value, before[name].to(value.dtype), rtol=0, atol=0)
    assert made(*arguments()).dtype == torch.float64
    assert dtypes(made.float()) == {torch.float32, torch.complex64}
    assert dtypes(made.half()) == {torch.float16, torch.complex32}
    assert dtypes(made.bfloat16()) == {torch.bfloat16, torch.complex64}
    assert next(made.to("meta").parameters()).is_meta


def test_parameters_are_drawn_with_the_variance_of_real_ones() -> None:
    text = """model M(x: [; 300] complex) -> [; 200] complex { return linear(x, 200) }
        model N(x: [; 300] complex) -> [; 200] complex { return equivariant(x, 200) }"""
    module = specc.load(text)
    for made, variance in ((module.M(), 1 / (3 * 300)), (module.N(), 1 / 300)):
        weight = next(p for p in made.parameters() if p.dim() == 2)
        for part in (weight.real, weight.imag):
            assert part.square().mean().item() == pytest.approx(variance / 2, rel=0.05)
        assert (weight.real * weight.imag).mean().abs() < 0.05 * variance


def test_construction_and_reset_draw_the_same() -> None:
    module = specc.load(f"{AXES}\nmodel M{NETWORK}")
    torch.manual_seed(1)
    made = module.M()
    state = {name: value.clone() for name, value in made.state_dict().items()}
    torch.manual_seed(1)
    made.reset_parameters()
    assert all(torch.equal(value, state[name]) for name, value in made.state_dict().items())


def test_inputs_are_checked() -> None:
    made = model(NETWORK)
    x, y = arguments()
    for given, said in (
        (
            (x.real, y),
            r"`x` is complex, and torch.float64 was given: `torch.complex\(x, torch.zeros_like",
        ),
        ((x, y + 0j), "`y` is real, and torch.complex128 was given: `x.real` or `x.abs"),
        ((x.to(torch.complex64), y), "`x` is torch.complex64, and the module is torch.float64"),
        ((x[:, :, :2, :1], y), r"has shape \(3, 4, 2, 1\), and \(batch, s, u, 2\) is needed"),
    ):
        with pytest.raises(InputError, match=said):
            made(*given)


def test_gradients() -> None:
    made = model(NETWORK)
    names, values = zip(*made.named_parameters(), strict=True)
    x, y = arguments()

    def run(x: Tensor, y: Tensor, *parameters: Tensor) -> Tensor:
        result: Tensor = functional_call(made, dict(zip(names, parameters, strict=True)), (x, y))
        return result

    x.requires_grad_()
    y.requires_grad_()
    assert torch.autograd.gradcheck(run, (x[:1], y[:1], *values))


def test_the_reference_has_the_same_meaning() -> None:
    for text, inputs in (
        (NETWORK, arguments()),
        (NETWORKS["duals"][0], (normal(BATCH, 3, 3, 2),)),
        (NETWORKS["several groups"][0], (normal(BATCH, 3, 3, 2, 2),)),
        (NETWORKS["determinants"][0], (normal(BATCH, 2, 2, 2),)),
        ("(x: [u; 2], y: [u]) -> [; 2] complex { return inner(conj(x), conj(y)) }",
         (normal(BATCH, 3, 2), normal(BATCH, 3))),
        ("(x: [s; 2] complex) -> [s; 2] complex { return complex(imag(x), real(x)) - gate(x) * x ^ 2 }",
         (normal(BATCH, 4, 2),)),
        ("(x: [p; 2] complex) -> [; 3] complex { return mlp(flatten(coded(x)), 2, 3, act = tanh) }",
         (normal(BATCH, 2, 2),)),
    ):  # fmt: skip
        (typed,) = specc.check(f"{AXES}\nmodel M{text}").models
        made = model(text)
        (expected,) = evaluate(torch, typed, inputs, made.state_dict())
        torch.testing.assert_close(made(*inputs), expected)


def test_many_networks_at_once() -> None:
    module = specc.load(f"{AXES}\nmodel M{NETWORK}")
    several = [module.M(dtype=torch.float64) for _ in range(3)]
    x, y = arguments()
    parameters, buffers = stack_module_state(several)  # type: ignore[arg-type]

    def run(parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
        result: Tensor = functional_call(several[0], (parameters, buffers), (x, y))
        return result

    found = vmap(run)(parameters, buffers)
    torch.testing.assert_close(found, torch.stack([made(x, y) for made in several]))


def test_weights_of_complex_layers_are_complex() -> None:
    text = """model Net(x: [; 3] complex) -> [; 2] complex {
            h = tanh(linear(x, 4))
            return linear(gate(h), 2)
        }
        model Reads(w: weights(Net)) -> [; 2] complex { return invariant(tanh(equivariant(w, 3)), 2) }
        model Writes(w: weights(Net)) -> weights(Net) { return equivariant(w, weights(Net)) }"""
    shown = specc.check(text.partition("model Writes")[0]).models[1].types[0]
    assert isinstance(shown, Collection)
    kinds = {name: tensor.complex for name, tensor in shown.tensors}
    assert kinds["h.weight"] and kinds["gate.left.weight"] and not kinds["gate.bias"]
    assert "`gate.bias`: it is complex" in messages(text)[0]
    module = specc.load(text.partition("model Writes")[0])
    nets = [module.Net(dtype=torch.float64) for _ in range(BATCH)]
    given, _ = stack_module_state(nets)
    reads = module.Reads(dtype=torch.float64)
    order = torch.randperm(4)
    permuted = {
        **given,
        "h.weight": given["h.weight"][:, order],
        "h.bias": given["h.bias"][:, order],
    }
    permuted["gate.bias"] = given["gate.bias"][:, order]
    for end in ("left", "right"):
        permuted[f"gate.{end}.weight"] = given[f"gate.{end}.weight"][:, order][:, :, order]
    permuted["linear.weight"] = given["linear.weight"][:, :, order]
    assert not torch.equal(given["h.weight"], permuted["h.weight"])
    torch.testing.assert_close(reads(permuted), reads(given))


def test_export() -> None:
    made, inputs = model(NETWORK), arguments()
    exported = torch.export.export(made, inputs)
    torch.testing.assert_close(exported.module()(*inputs), made(*inputs))


def test_compiled_in_one_graph() -> None:
    """Inductor leaves complex operators to torch, with a warning; the graph is whole."""
    made, inputs = model(NETWORK), arguments()
    compiled = torch.compile(made, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*inputs), made(*inputs))


def test_standalone(tmp_path: Path) -> None:
    path = tmp_path / "model.spec"
    path.write_text(f"{AXES}\nmodel M{NETWORK}", encoding="utf-8")
    specc.build(path, standalone=True)
    text = (tmp_path / "model.py").read_text(encoding="utf-8")
    assert "specc_runtime" not in text
    names: dict[str, Any] = {"__name__": "model"}
    exec(compile(text, "model.py", "exec"), names)
    made, other = model(NETWORK), names["M"](dtype=torch.float64)
    other.load_state_dict(made.state_dict())
    inputs = arguments()
    torch.testing.assert_close(other(*inputs), made(*inputs))


def test_verify() -> None:
    text = f"{AXES}\n" + "\n".join(
        f"model N{i}{text}" for i, (text, _, _) in enumerate(NETWORKS.values())
    )
    found = specc.verify(text)
    assert found.ok, found
    assert all(layer.rank == layer.maps for each in found.models for layer in each.layers)


def test_verify_finds_a_layer_that_does_not_commute() -> None:
    """Without the conjugation of the first the inner product is not invariant."""
    text = f"{AXES}\nmodel M(x: [u; 2]) -> [; 4] complex {{ return inner(x, x) }}"
    program = specc.check(text)
    module = specc.load(text)

    def forward(self: nn.Module, x: Tensor) -> Tensor:
        return torch.einsum("bui,buj->bij", x, x).flatten(1)

    module.M.forward = forward
    from specc.verification.models import verify_program

    assert not verify_program(program, module).ok


def test_cyclic_axes_beside_unitary_ones() -> None:
    """Tied coefficients are complex then: shifts commute, and so do unitary matrices."""
    made = build(
        "axis c = C(5)  axis u = U(2)  model M(x: [c, u; 2]) -> [c, u; 3] { return equivariant(x, 3) }"
    )
    x, g = normal(BATCH, 5, 2, 2), unitary(2)
    torch.testing.assert_close(
        made(moved(x, None, g).roll(2, 1)), moved(made(x), None, g).roll(2, 1)
    )
    x = normal(BATCH, 5, 2, 2)
    randomise(made, torch.Generator().manual_seed(2))
    assert not torch.allclose(made(x.flip(1)), made(x).flip(1))
