"""Irreducible representations of SO(3) and O(3): their matrices, their maps, the layers over them."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from compiled import build, layer_report
from oracles.spins import (
    count_by_characters,
    count_fixed,
    harmonics,
    ladder_rotations,
    polynomial_rotations,
)
from oracles.values import randomise
from torch import Tensor

import specc
from specc.api import generate
from specc.errors import SpecError, SpecErrors
from specc.groups import EVEN, ODD, Spin, count_couplings
from specc_runtime import matrices, spin, unmoved
from specc_runtime.ties import DenseBasis, tied_basis
from specc_runtime.zero_weights import zero_weight_space


def algebra(degree: int) -> list[Tensor]:
    return [torch.tensor(each, dtype=torch.float64) for each in spin(degree).algebra]


def rotation(degree: int, angles: Tensor) -> Tensor:
    """The matrix of the rotation by a vector of angles."""
    return torch.linalg.matrix_exp(
        sum((a * x for a, x in zip(angles, algebra(degree), strict=True)), torch.zeros(()))
    )


def basis(outputs: list[int], inputs: list[int]) -> Tensor:
    found = tied_basis([spin(each) for each in outputs], [spin(each) for each in inputs])
    assert isinstance(found, DenseBasis)
    return found.matrices


# --- Matrices ------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", range(7))
def test_matrices_are_those_of_ladder_operators(degree: int) -> None:
    for found, expected in zip(algebra(degree), ladder_rotations(degree), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("degree", range(7))
def test_spherical_harmonics_are_moved_by_them(degree: int) -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(size=(50, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    angles = torch.tensor(generator.normal(size=3))
    turned = points @ rotation(1, angles).numpy().T
    moved = harmonics(degree, points) @ rotation(degree, angles).numpy().T
    np.testing.assert_allclose(harmonics(degree, turned), moved, atol=1e-10)


def test_spin_one_is_the_vector() -> None:
    """The derivative of the rotation about x takes y to z and z to -y."""
    about_x, about_y, about_z = (each.tolist() for each in algebra(1))
    assert about_x == [[0, 0, 0], [0, 0, -1], [0, 1, 0]]
    assert about_y == [[0, 0, 1], [0, 0, 0], [-1, 0, 0]]
    assert about_z == [[0, -1, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("degree", "parity"), [(0, None), (0, -1), (2, 1), (3, -1)])
def test_the_compiler_has_the_matrices_of_the_runtime(degree: int, parity: int | None) -> None:
    compiled, run = Spin(degree, parity).action(2 * degree + 1), spin(degree, parity)
    assert compiled.algebra == run.algebra
    assert [[list(row) for row in matrix] for matrix in compiled.generators] == [
        [list(row) for row in each.entries()] for each in run.generators
    ]


@pytest.mark.parametrize(("degree", "parity"), [(-1, None), (1, 0), (1, 2)])
def test_what_is_no_spin_is_refused(degree: int, parity: int | None) -> None:
    with pytest.raises(ValueError, match="no representation of O"):
        spin(degree, parity)


# --- Numbers of maps -----------------------------------------------------------------------------

PRODUCTS = [
    *product(range(4), repeat=2),
    *product(range(4), repeat=3),
    (1, 1, 1, 1),
    (2, 2, 2, 2),
    (1, 2, 3, 1),
    (0, 2, 1, 2),
    (1, 1, 1, 1, 1),
]


@pytest.mark.parametrize("degrees", [*PRODUCTS, (), (5, 6, 7), (4,) * 6, (9, 8, 7, 6)], ids=str)
def test_the_series_counts_as_characters_do(degrees: tuple[int, ...]) -> None:
    assert count_couplings([Spin(each) for each in degrees]) == count_by_characters(degrees)


@pytest.mark.parametrize("degrees", [p for p in PRODUCTS if len(p) < 5], ids=str)
def test_the_series_counts_as_brute_force_does(degrees: tuple[int, ...]) -> None:
    wanted = count_fixed([polynomial_rotations(each) for each in degrees])
    assert count_couplings([Spin(each) for each in degrees]) == wanted


@pytest.mark.parametrize(
    ("spins", "count"),
    [
        ([(1, ODD), (1, ODD), (1, ODD)], 0),
        ([(1, EVEN), (1, ODD), (1, ODD)], 1),
        ([(1, ODD), (1, ODD), (2, EVEN)], 1),
        ([(1, ODD), (1, ODD), (2, ODD)], 0),
        ([(0, ODD)], 0),
        ([(0, ODD), (0, ODD)], 1),
        ([(2, EVEN), (2, EVEN), (2, EVEN), (2, EVEN)], 5),
    ],
)
def test_parities_multiply(spins: list[tuple[int, int]], count: int) -> None:
    assert count_couplings([Spin(*each) for each in spins]) == count


# --- Bases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "degrees", [(a, b, c) for a, b, c in product(range(4), repeat=3) if abs(a - b) <= c <= a + b]
)
def test_bases_of_products_of_two_commute(degrees: tuple[int, int, int]) -> None:
    first, second, third = degrees
    (found,) = basis([third], [first, second])
    for seed in range(3):
        angles = torch.randn(3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        both = torch.kron(rotation(first, angles), rotation(second, angles))
        torch.testing.assert_close(rotation(third, angles) @ found, found @ both)


@pytest.mark.parametrize(
    ("outputs", "inputs"), [([2, 2], [2, 2]), ([1, 1], [2, 3]), ([1], [1, 2, 2]), ([], [3, 3])]
)
def test_bases_of_more_indices_commute_and_are_complete(
    outputs: list[int], inputs: list[int]
) -> None:
    found = basis(outputs, inputs)
    assert len(found) == count_by_characters([*outputs, *inputs])
    assert torch.linalg.matrix_rank(found.flatten(1)) == len(found)
    angles = torch.tensor([0.3, -1.1, 0.7], dtype=torch.float64)
    left, right = torch.eye(1, dtype=torch.float64), torch.eye(1, dtype=torch.float64)
    for each in outputs:
        left = torch.kron(left, rotation(each, angles))
    for each in inputs:
        right = torch.kron(right, rotation(each, angles))
    torch.testing.assert_close(left @ found, found @ right)


def test_vectors_couple_to_the_cross_product() -> None:
    (found,) = basis([1], [1, 1])
    x, y = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(found @ torch.kron(x, y), torch.linalg.cross(x, y))


def test_large_spins_start_from_few_maps() -> None:
    """Of the 13^3 products of harmonics 6, those with m1 + m2 + m3 = 0 number 3 * 6 * 7 + 1."""
    space = zero_weight_space([spin(6)], [spin(6), spin(6)], most=13**3)
    assert space is not None
    assert space.shape == (13**3, 127)
    torch.testing.assert_close(space.T @ space, torch.eye(127, dtype=torch.float64))
    assert zero_weight_space([spin(6)], [spin(6), spin(6)], most=126) is None
    assert len(basis([6], [6, 6])) == 1


def test_weights_of_boosts_and_of_what_has_no_eigenvectors() -> None:
    """A boost of (t, x) has the eigenvalues 1 and -1: of its square two products have weight zero. A
    shear has one eigenvector."""
    boost = matrices([[0, 1], [1, 0]], lie=True)
    space = zero_weight_space([boost], [boost], most=4)
    assert space is not None
    commuting = torch.stack([torch.eye(2), torch.eye(2).flip(0)]).flatten(1).double()
    assert torch.linalg.matrix_rank(torch.cat([space, commuting.T], 1)) == 2
    assert space.shape == (4, 2)
    shear = matrices([[0, 1], [0, 0]], lie=True)
    assert zero_weight_space([shear], [shear], most=4) is None
    assert zero_weight_space([spin(1)], [unmoved(2)], most=6) is not None


# --- Layers --------------------------------------------------------------------------------------

ROTATIONS = """
group R = SO(3)
axis node = S(4)
axis u = R
axis l0 = R spin 0
axis l1 = R spin 1
axis l2 = R spin 2
axis l3 = R spin 3
"""

REFLECTIONS = """
group P = O(3)
axis u = P
axis s = P spin 0
axis pseudo = P spin 0 odd
axis l1 = P spin 1
axis axial = P spin 1 even
axis l2 = P spin 2
axis odd2 = P spin 2 odd
"""


def layer(source: str, target: str) -> str:
    return f"model M(x: {source}) -> {target} {{ layer = equivariant(x, {target}) return layer }}"


@pytest.mark.parametrize(
    ("source", "target", "degrees"),
    [
        ("[l2; 2]", "[l2; 3]", [2, 2]),
        ("[l1, l2; 2]", "[l3; 3]", [1, 2, 3]),
        ("[l1, l2]", "[l2, l1]", [1, 2, 2, 1]),
        ("[u, l2]", "[l1]", [1, 2, 1]),
        ("[u]", "[l1]", [1, 1]),
        ("[l2, l2, l2]", "[l0]", [2, 2, 2, 0]),
        ("[u, u]", "[l2]", [1, 1, 2]),
    ],
)
def test_layers_have_the_maps_of_the_series(source: str, target: str, degrees: list[int]) -> None:
    report = layer_report(ROTATIONS + layer(source, target))
    assert report["maps"] == count_by_characters(degrees)


def test_particles_beside_spins() -> None:
    """Itself and the mean of all particles, for each coupling of spins."""
    report = layer_report(ROTATIONS + layer("[node, l1, l1; 2]", "[node, l1, l1; 2]"))
    assert report["maps"] == 2 * count_by_characters([1, 1, 1, 1])
    assert report["bias_maps"] == 1


@pytest.mark.parametrize(
    ("source", "target", "maps"),
    [
        ("[l1, l1]", "[l2]", 1),
        ("[l1, l1]", "[axial]", 1),
        ("[u, l1]", "[s]", 1),
        ("[u, l1]", "[axial]", 1),
        ("[axial, axial]", "[axial]", 1),
        ("[axial, l1]", "[odd2]", 1),
        ("[axial, u]", "[pseudo]", 1),
        ("[pseudo, l2]", "[odd2]", 1),
        ("[pseudo, l1]", "[axial]", 1),
    ],
)
def test_parity_admits(source: str, target: str, maps: int) -> None:
    assert layer_report(REFLECTIONS + layer(source, target))["maps"] == maps


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("[l1, l1]", "[l1]"),
        ("[l1, l1]", "[odd2]"),
        ("[l1, u]", "[u]"),
        ("[axial]", "[l1]"),
        ("[axial]", "[u]"),
        ("[s]", "[pseudo]"),
        ("[l2]", "[odd2]"),
        ("[pseudo]", "[]"),
    ],
)
def test_parity_forbids(source: str, target: str) -> None:
    with pytest.raises((SpecError, SpecErrors), match="no linear map leads"):
        specc.explain(REFLECTIONS + layer(source, target))


def test_a_vector_is_spin_one() -> None:
    module = build(ROTATIONS + layer("[u]", "[l1]"))
    found = torch.stack([module(row) for row in torch.eye(3, dtype=torch.float64).unsqueeze(1)])
    matrix = found.squeeze(1)
    torch.testing.assert_close(matrix, matrix[0, 0] * torch.eye(3, dtype=torch.float64))
    assert abs(matrix[0, 0]) > 1e-3


def test_outer_products_couple() -> None:
    """All pairs of channels of two vectors, their cross products mixed: sum of W[o, (c, d)] x_c x y_d."""
    module = build(
        ROTATIONS
        + """
model M(x: [l1; 2], y: [u; 3]) -> [l1; 4] {
    layer = equivariant(outer(x, y), [l1; 4], bias = false)
    return layer
}
"""
    )
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 3, 2, generator=generator, dtype=torch.float64)
    y = torch.randn(5, 3, 3, generator=generator, dtype=torch.float64)
    (weight,) = module.parameters()
    left, right = x.unsqueeze(-1).expand(5, 3, 2, 3), y.unsqueeze(-2).expand(5, 3, 2, 3)
    crossed = torch.linalg.cross(left, right, dim=1).flatten(2)
    torch.testing.assert_close(module(x, y), crossed @ weight.reshape(4, 6).T)


VERIFIED = {
    "features": ROTATIONS
    + """
space F { s: [node, l0; 4] v: [node, l1; 3] t: [node, l2; 2] }
model M(f: F, x: [node, u]) -> F { return equivariant((f, x), F) }
""",
    "couplings": ROTATIONS + layer("[node, l1, l2; 2]", "[node, l3; 2]"),
    "reflections": REFLECTIONS
    + """
space F { p: [pseudo; 2] v: [l1; 2] a: [axial; 2] t: [l2, l1; 2] w: [u, u; 2] }
model M(f: F) -> F { return equivariant(f, 2) }
""",
    "gates": REFLECTIONS
    + """
space F { s: [s; 3] p: [pseudo; 2] v: [l1; 2] t: [l2; 2] }
model M(f: F) -> F { return norm_act(gate(equivariant(f, F))) }
""",
    "symmetric": ROTATIONS
    + """
model M(x: [sym(l2, l2); 2]) -> [l2; 3] { return equivariant(x, [l2; 3]) }
""",
}


@pytest.mark.parametrize("name", VERIFIED)
def test_verified(name: str) -> None:
    (report,) = specc.verify(VERIFIED[name]).models
    assert report.ok, report


def test_a_standalone_file_has_the_same_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    text = VERIFIED["couplings"]
    source = generate(text, {}, standalone=True)
    assert "specc_runtime" not in source
    module = ModuleType("alone")
    monkeypatch.setitem(sys.modules, "alone", module)
    exec(compile(source, "alone", "exec"), vars(module))
    plain, alone = build(text), module.M(dtype=torch.float64)
    alone.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, 3, 5, 2, generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(alone(x), plain(x))


# --- Declarations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declarations", "message"),
    [
        ("axis a = S(5) spin 2", "spins are representations of SO(3) and O(3), and this is S(5)"),
        ("axis a = 5 spin 2", "and this is 5 positions without a group"),
        ("axis a = SO(4) spin 1", "and this is SO(4)"),
        ("axis a = SO(1, 2) spin 1", "and this is SO(1, 2)"),
        ("group R = SO(3) axis a = R spin 1 odd", "SO(3) has no reflections"),
        ("group R = O(3) axis a = R odd", "a parity is that of a spin"),
        ("group R = O(3) axis a = R spin 0.5", "a spin is a whole number from 0 to 100"),
        ("group R = O(3) axis a = R spin 101", "a spin is a whole number from 0 to 100"),
        ("group R = O(3) axis a = R spin -1", "a spin is a whole number from 0 to 100"),
        ("group R = O(3) axis a = R spin true", "a spin is a whole number from 0 to 100"),
    ],
)
def test_declarations_that_are_refused(declarations: str, message: str) -> None:
    text = f"{declarations}\nmodel M(x: [a; 2]) -> [a; 2] {{ return equivariant(x, 2) }}"
    with pytest.raises((SpecError, SpecErrors)) as caught:
        specc.explain(text)
    assert message in str(caught.value)


def test_default_parity_is_that_of_harmonics() -> None:
    text = "group P = O(3)\n" + "\n".join(
        f"axis l{n} = P spin {n}\naxis e{n} = P spin {n} {'odd' if n % 2 else 'even'}"
        for n in range(4)
    )
    for n in range(4):
        assert layer_report(text + "\n" + layer(f"[l{n}]", f"[e{n}]"))["maps"] == 1


# --- Which mechanism -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "source", "target", "maps", "tied"),
    [
        ("A(3)", "[a]", "[a]", 3, True),
        ("A(4)", "[a]", "[a]", 2, False),
        ("A(4)", "[a, a]", "[a]", 6, True),
        ("A(5)", "[a, a]", "[a]", 5, False),
    ],
)
def test_few_indices_of_even_permutations(
    axis: str, source: str, target: str, maps: int, tied: bool
) -> None:
    """Where n >= m + 2 the maps are those of all permutations, and no orbits are stored.

    The cyclic group A(3) has three maps between positions; A(4) adds one to the five partitions of
    three indices: Stirling2(3, 3) signed ones.
    """
    text = f"axis a = {axis}\n" + layer(source, target)
    assert layer_report(text)["maps"] == maps
    assert ("TiedMix" in generate(text, {})) == tied


@pytest.mark.parametrize(("source", "wedge"), [("[v, v]", True), ("[v]", False)])
def test_few_indices_meet_no_determinant(source: str, wedge: bool) -> None:
    text = "axis v = SO(3)\n" + layer(source, "[v]")
    if wedge:
        assert layer_report(text)["maps"] == 1
    assert ("Determinant" in generate(text, {})) == wedge


# --- The library ---------------------------------------------------------------------------------

MODELS = ("Energy", "Forces", "Body")
ROTATIONS_SPEC = Path(__file__).parent.parent / "specs" / "rotations.spec"


def test_the_library_is_verified() -> None:
    report = specc.verify(ROTATIONS_SPEC, particles=4, width=2)
    assert [model.name for model in report.models] == list(MODELS)
    assert all(model.ok for model in report.models), report


@pytest.mark.parametrize("reflected", [False, True])
def test_the_library_turns_with_its_particles(reflected: bool) -> None:
    """Energies stay, forces turn, a torque turns without the reflection, a stress on both sides."""
    module = specc.load(ROTATIONS_SPEC, particles=5, width=3)
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
    turn = turn if (torch.det(turn) < 0) == reflected else -turn
    order = torch.randperm(5, generator=generator)
    position = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    kind = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    moved, mixed = (position @ turn.T + 3)[:, order], kind[:, order]
    models = {name: getattr(module, name)(dtype=torch.float64) for name in MODELS}
    for model in models.values():
        randomise(model, generator)
    energy, forces = models["Energy"](position, kind), models["Forces"](position, kind)
    torque, stress = models["Body"](position, kind)
    assert all(bool((each.abs() > 1e-4).any()) for each in (energy, forces, torque, stress))
    torch.testing.assert_close(models["Energy"](moved, mixed), energy)
    torch.testing.assert_close(models["Forces"](moved, mixed), (forces @ turn.T)[:, order])
    turned, pressed = models["Body"](moved, mixed)
    torch.testing.assert_close(turned, torch.det(turn) * torque @ turn.T)
    torch.testing.assert_close(pressed, turn @ stress @ turn.T)
