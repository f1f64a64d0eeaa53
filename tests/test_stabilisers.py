"""Subgroups that fix a vector, of every classical group, against random elements of their own.

Elements are made by the definition of the group in coordinates of the vector: block matrices for GL, SL,
U and SU, products of reflections for O(p, q) and of transvections for Sp. A dimension is that of the
nullspace of what they say of all matrices, in float64 or complex128.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pytest
import torch
from compiled import layer_report
from oracles.values import randomise
from scipy.linalg import expm
from test_messages import mistakes_of

import specc

pytestmark = pytest.mark.grid

Square = np.ndarray
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Case:
    """A stabiliser as a spec writes it, and random elements of it."""

    written: str
    element: Callable[[Rng], Square]

    def __str__(self) -> str:
        return self.written


def linear(n: int, *vector: float, special: bool = False) -> Case:
    """GL(n), SL(n): in a frame that begins with the vector, a unit column and anything beside it."""

    def element(rng: Rng) -> Square:
        frame = np.column_stack([vector, rng.normal(size=(n, n - 1))])
        block = rng.normal(size=(n - 1, n - 1)) + 2 * np.eye(n - 1)
        if special and n > 1:
            block[0] /= np.linalg.det(block)
        inner = np.eye(n)
        inner[1:, 1:], inner[0, 1:] = block, rng.normal(size=n - 1)
        return np.asarray(frame @ inner @ np.linalg.inv(frame))

    return Case(f"{'SL' if special else 'GL'}({n}) fixing {_shown(vector)}", element)


def unitary(n: int, *vector: float, special: bool = False) -> Case:
    """U(n), SU(n): unitary in the orthogonal complement."""

    def element(rng: Rng) -> Square:
        frame = np.linalg.qr(np.column_stack([vector, rng.normal(size=(n, n - 1))]))[0]
        entries = rng.normal(size=(n - 1, n - 1)) + 1j * rng.normal(size=(n - 1, n - 1))
        entries = entries - entries.conj().T
        if special and n > 1:
            entries -= np.trace(entries) / (n - 1) * np.eye(n - 1)
        inner = np.eye(n, dtype=complex)
        inner[1:, 1:] = expm(entries)
        return np.asarray(frame @ inner @ frame.T)

    return Case(f"{'SU' if special else 'U'}({n}) fixing {_shown(vector)}", element)


def indefinite(p: int, q: int, *vector: float, special: bool = False) -> Case:
    """O(p, q), SO(p, q): products of reflections along vectors orthogonal to the fixed one."""
    form = np.diag([1.0] * p + [-1.0] * q)

    def reflection(rng: Rng) -> Square:
        normal = rng.normal(size=p + q)
        dual = form @ np.array(vector)
        normal -= normal @ dual / (dual @ dual) * dual
        return np.asarray(
            np.eye(p + q) - 2 * np.outer(normal, form @ normal) / (normal @ form @ normal)
        )

    def element(rng: Rng) -> Square:
        found = [reflection(rng) for _ in range(2 if special else int(rng.integers(1, 3)))]
        return reduce(np.matmul, found)

    return Case(f"{'SO' if special else 'O'}({p}, {q}) fixing {_shown(vector)}", element)


def symplectic(n: int, *vector: float) -> Case:
    """Sp(n): products of transvections along vectors that the form takes with the fixed one to zero."""
    half = n // 2
    form = np.block(
        [[np.zeros((half, half)), np.eye(half)], [-np.eye(half), np.zeros((half, half))]]
    )

    def element(rng: Rng) -> Square:
        found = np.eye(n)
        for _ in range(4):
            along = rng.normal(size=n)
            dual = form @ np.array(vector)
            along -= along @ dual / (dual @ dual) * dual
            found = found @ (np.eye(n) + rng.normal() * np.outer(along, form @ along))
        return np.asarray(found)

    return Case(f"Sp({n}) fixing {_shown(vector)}", element)


def _shown(vector: tuple[float, ...]) -> str:
    return f"({', '.join(map(str, vector))})"


REAL = [
    linear(2, 1, 0),
    linear(2, 1, 2),
    linear(3, 0, 0, 1),
    linear(3, 1, -1, 2),
    linear(2, 0, 3, special=True),
    linear(3, 1, 1, 1, special=True),
    indefinite(1, 1, 1, 0),
    indefinite(1, 2, 2, 1, 0),
    indefinite(1, 2, 1, 1, 0),  # a vector of length zero
    indefinite(2, 1, 0, 0, 1, special=True),
    indefinite(1, 3, 1, 0, 0, 0),
    symplectic(2, 1, 0),
    symplectic(2, 2, 1),
    symplectic(4, 0, 1, 0, 0),
]
COMPLEX = [
    unitary(1, 1),
    unitary(2, 1, 0),
    unitary(2, 1, 2),
    unitary(3, 0, 0, 1),
    unitary(3, 2, 1, 2),
    unitary(2, 1, 1, special=True),
    unitary(3, 1, 2, 2, special=True),
    unitary(4, 1, 0, 0, 1, special=True),
]

TYPES = ["v -> v", "v -> ", "v -> dual(v)", "v, v -> v", "v, dual(v) -> v", "v, v -> dual(v), v"]


def dimension(case: Case, read: list[str], written: list[str]) -> int:
    """The maps that commute with random elements."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(5):
        matrix = case.element(rng)
        inverse = np.linalg.inv(matrix).T
        factors = [matrix if axis == "v" else inverse for axis in written]
        factors += [inverse if axis == "v" else matrix for axis in read]
        joint = reduce(np.kron, factors, np.ones((1, 1)))
        rows.append((joint - np.eye(len(joint))) / np.abs(joint).max())
    values = np.linalg.svd(np.concatenate(rows), compute_uv=False)
    zero = values < 1e-9
    assert not ((values < 1e-5) & ~zero).any(), "no gap"
    return int(zero.sum())


def sides(types: str) -> tuple[list[str], list[str]]:
    read, written = (part.strip() for part in types.split("->"))
    return [each.strip() for each in read.split(",")], [w.strip() for w in written.split(",") if w]


def spec(case: Case, types: str) -> str:
    read, written = (part.strip() for part in types.split("->"))
    words = " complex" if case in COMPLEX and not written else ""
    body = f"equivariant(x, [{written}; 1]{words}, name = layer)"
    return (
        f"axis v = {case.written}\n"
        f"model M(x: [{read}; 1]) -> [{written}; 1]{words} {{ return {body} }}"
    )


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("case", [*REAL, *COMPLEX], ids=str)
def test_maps_are_counted_as_random_elements_count_them(case: Case, types: str) -> None:
    read, written = sides(types)
    expected = dimension(case, read, written)
    if expected == 0:
        (mistake,) = mistakes_of(spec(case, types))
        assert mistake.message.startswith("no linear map leads from")
        return
    assert layer_report(spec(case, types))["maps"] == expected


@pytest.mark.parametrize("types", ["v -> v", "v, dual(v) -> v"])
@pytest.mark.parametrize("case", [*REAL, *COMPLEX], ids=str)
def test_layers_commute_with_random_elements(case: Case, types: str) -> None:
    """The bias too: it is among what the elements leave as it is."""
    read, written = sides(types)
    module = specc.load(spec(case, types)).M(dtype=torch.float64)
    randomise(module, torch.Generator().manual_seed(0))
    rng = np.random.default_rng(1)
    size = len(case.element(rng))
    for _ in range(3):
        matrix = torch.from_numpy(case.element(rng))
        moves = {"v": matrix, "dual(v)": torch.linalg.inv(matrix).mT}
        x = torch.randn(2, *[size] * len(read), 1, dtype=matrix.dtype)
        moved, expected = x, module(x)
        for dim, axis in enumerate(read, start=1):
            moved = torch.tensordot(moves[axis], moved, ([1], [dim])).movedim(0, dim)
        for dim, axis in enumerate(written, start=1):
            expected = torch.tensordot(moves[axis], expected, ([1], [dim])).movedim(0, dim)
        torch.testing.assert_close(module(moved), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("case", COMPLEX[1:], ids=str)
def test_hermitian_gates_and_products(case: Case) -> None:
    """`conj` gives the dual, `inner` conjugates the first, gates and norms are invariant."""
    text = f"""axis v = {case.written}
    model M(x: [v; 2]) -> [v; 2], [; 4] complex, [dual(v); 2] {{
        return gate(norm_act(x)), inner(x, x), conj(x)
    }}"""
    module = specc.load(text).M(dtype=torch.float64)
    randomise(module, torch.Generator().manual_seed(0))
    matrix = torch.from_numpy(case.element(np.random.default_rng(2)))
    x = torch.randn(3, len(matrix), 2, dtype=torch.complex128)
    vectors, numbers, duals = module(x)
    moved = module(torch.einsum("ij,bjc->bic", matrix, x))
    torch.testing.assert_close(moved[0], torch.einsum("ij,bjc->bic", matrix, vectors))
    torch.testing.assert_close(moved[1], numbers)
    torch.testing.assert_close(moved[2], torch.einsum("ij,bjc->bic", matrix.conj(), duals))


def test_a_vector_and_a_form_have_an_inner_product() -> None:
    """Under GL(n) fixing a vector `dual(v)` is not `v`."""
    text = """axis v = GL(3) fixing (1, 0, 2)
    model M(x: [v; 1], y: [dual(v); 1]) -> [; 1] { return inner(x, y) }"""
    x, y = torch.randn(2, 4, 3, 1, dtype=torch.float64)
    found = specc.load(text).M(dtype=torch.float64)(x, y)
    torch.testing.assert_close(found, torch.einsum("bic,bic->bc", x, y))
