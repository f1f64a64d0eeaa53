"""The oracles of groups against each other and against published numbers, before they judge others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
from group_cases import CASES, CUBE, FAMILIES, HEXAGON, QUATERNIONS, Case
from oracles import action, linear_algebra, tableaux, tori
from oracles import finite_groups as finite
from oracles import matrix_groups as groups
from oracles.characters import by_listing, closure
from oracles.invariants import commutant, commutant_dimension, invariant_basis, invariants, kernel
from oracles.representations import (
    Axis,
    Power,
    Square,
    Tensor,
    alt,
    dual,
    generated,
    indices,
    same,
    size,
    sym,
    written,
)

pytestmark = pytest.mark.grid

Matrix = np.ndarray

FEW_ENTRIES = 700

# --- The grid ------------------------------------------------------------------------------------


def test_the_grid_is_large_and_has_every_family() -> None:
    assert len(CASES) > 600
    assert all(len(cases) >= 10 for cases in FAMILIES.values())
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[] if number % 3 == 0 else pytest.mark.slow)
        for number, case in enumerate(CASES)
    ],
    ids=str,
)
def test_every_count_is_the_nullspace(case: Case) -> None:
    for tensor in (case.joint, case.target):
        expected = invariants(tensor)
        assert [count(tensor) for count in case.counts] == [expected] * len(case.counts)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.entries <= FEW_ENTRIES][::5], ids=str
)
def test_the_commutant_is_a_basis_of_maps_that_commute(case: Case) -> None:
    maps = commutant(case.source, case.target)
    assert len(maps) == commutant_dimension(case.source, case.target) == case.maps
    flat = maps.reshape(len(maps), case.entries)
    assert np.abs(flat @ flat.T - np.eye(len(maps))).max(initial=0.0) < 1e-9
    movers = {axis.mover: axis for axis in (*indices(case.source), *indices(case.target))}
    for mover, axis in movers.items():
        for k in range(len(axis.elements)):
            into, out = (_acts(t, mover, k) for t in (case.source, case.target))
            assert np.abs(out @ maps - maps @ into).max(initial=0.0) < 1e-8


def _acts(tensor: Tensor, mover: str, k: int) -> Matrix:
    """The whole matrix of a generator on a tensor, multiplied out."""
    result = np.eye(1)
    for axis in indices(tensor):
        left, right = axis.elements[k] if axis.mover == mover else (np.eye(axis.size),) * 2
        result = np.kron(result, np.linalg.inv(right) @ left)
    return result


# --- Generators against definitions --------------------------------------------------------------


def _special(rng: np.random.Generator, matrix: Matrix) -> Matrix:
    """The same with one row negated where the determinant is negative."""
    matrix = matrix.copy()
    matrix[0] *= np.sign(np.linalg.det(matrix))
    return matrix


def _orthogonal(rng: np.random.Generator, n: int) -> Matrix:
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def _cayley(rng: np.random.Generator, form: Matrix) -> Matrix:
    """(1 - X)^-1 (1 + X) keeps a form J where J X is antisymmetric (J symmetric), else symmetric."""
    n, sign = len(form), -1 if np.array_equal(form, form.T) else 1
    drawn = rng.normal(size=(n, n)) / 4
    x = np.linalg.solve(form, drawn + sign * drawn.T)
    return np.linalg.solve(np.eye(n) - x, np.eye(n) + x)


def _unit_determinant(rng: np.random.Generator, n: int) -> Matrix:
    drawn = _special(rng, rng.normal(size=(n, n)))
    return drawn / np.linalg.det(drawn) ** (1 / n)


def _form(p: int, q: int) -> Matrix:
    return np.diag([1.0] * p + [-1.0] * q)


def _symplectic_form(n: int) -> Matrix:
    return np.kron([[0.0, 1.0], [-1.0, 0.0]], np.eye(n // 2))


def _keeping(rng: np.random.Generator, vector: Sequence[int], special: bool) -> Matrix:
    """A random orthogonal matrix of the space across a vector."""
    n = len(vector)
    start = np.column_stack([np.array(vector, dtype=float), rng.normal(size=(n, n - 1))])
    frame = np.linalg.qr(start)[0]
    across = _orthogonal(rng, n - 1)
    inner = np.eye(n)
    inner[1:, 1:] = _special(rng, across) if special else across
    return frame @ inner @ frame.T


def _real(rng: np.random.Generator, n: int, special: bool) -> Matrix:
    """A random unitary matrix on real and imaginary parts."""
    u = np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]
    if special:
        u = u / np.linalg.det(u) ** (1 / n)
    return np.block([[u.real, -u.imag], [u.imag, u.real]])


Draw = Callable[[np.random.Generator], Matrix]

# A group by its generators, and a random element of it by its definition.
DEFINED: dict[str, tuple[Axis, Draw]] = {
    "O(2)": (groups.orthogonal(2), lambda rng: _orthogonal(rng, 2)),
    "O(3)": (groups.orthogonal(3), lambda rng: _orthogonal(rng, 3)),
    "O(4)": (groups.orthogonal(4), lambda rng: _orthogonal(rng, 4)),
    "SO(2)": (groups.special_orthogonal(2), lambda rng: _special(rng, _orthogonal(rng, 2))),
    "SO(3)": (groups.special_orthogonal(3), lambda rng: _special(rng, _orthogonal(rng, 3))),
    "SO(4)": (groups.special_orthogonal(4), lambda rng: _special(rng, _orthogonal(rng, 4))),
    "O(1, 1)": (groups.indefinite(1, 1), lambda rng: _cayley(rng, _form(1, 1))),
    "O(1, 3)": (groups.indefinite(1, 3), lambda rng: _cayley(rng, _form(1, 3))),
    "SO(2, 1)": (groups.indefinite(2, 1, special=True), lambda rng: _cayley(rng, _form(2, 1))),
    "Sp(2)": (groups.symplectic(2), lambda rng: _cayley(rng, _symplectic_form(2))),
    "Sp(4)": (groups.symplectic(4), lambda rng: _cayley(rng, _symplectic_form(4))),
    "GL(3)": (groups.general_linear(3), lambda rng: rng.normal(size=(3, 3))),
    "SL(2)": (groups.special_linear(2), lambda rng: _unit_determinant(rng, 2)),
    "SL(3)": (groups.special_linear(3), lambda rng: _unit_determinant(rng, 3)),
    "O(3) fixing": (
        groups.fixing(3, (1, 2, 2)),
        lambda rng: _keeping(rng, (1, 2, 2), special=False),
    ),
    "SO(3) fixing": (
        groups.fixing(3, (0, 0, 1), special=True),
        lambda rng: _keeping(rng, (0, 0, 1), special=True),
    ),
    "real U(2)": (groups.real_unitary(2), lambda rng: _real(rng, 2, special=False)),
    "real SU(2)": (groups.real_unitary(2, special=True), lambda rng: _real(rng, 2, special=True)),
}


def _tensors(v: Axis) -> list[Tensor]:
    w = dual(v)
    return [(v, v), (v, w), (v, v, v), (v, v, w, w), (v, v, v, v), (sym(v, v), alt(w, w))]


@pytest.mark.parametrize("name", DEFINED)
def test_invariants_do_not_move_under_random_elements_by_definition(name: str) -> None:
    """Were there too few generators, there would be invariants that some element moves."""
    axis, draw = DEFINED[name]
    rng = np.random.default_rng(0)
    for tensor in _tensors(axis):
        basis = invariant_basis(tensor)
        for _ in range(3):
            g = draw(rng)
            moved = basis.reshape(len(basis), *(axis.size,) * len(list(indices(tensor))))
            for k, each in enumerate(indices(tensor), start=1):
                matrix = np.linalg.inv(g).T if each.words.startswith("dual(") else g
                moved = np.moveaxis(np.tensordot(moved, matrix, axes=([k], [1])), -1, k)
            scale = max(1.0, np.abs(moved).max(initial=0.0))
            assert np.abs(moved.reshape(basis.shape) - basis).max(initial=0.0) < 1e-9 * scale


FORMS = [
    *((groups.orthogonal(n), _form(n, 0)) for n in (1, 2, 3, 4)),
    *((groups.special_orthogonal(n), _form(n, 0)) for n in (1, 2, 3, 4)),
    *((groups.indefinite(p, q), _form(p, q)) for p, q in product((1, 2), (1, 2, 3))),
    *((groups.indefinite(p, q, special=True), _form(p, q)) for p, q in product((1, 2), (1, 2, 3))),
    *((groups.symplectic(n), _symplectic_form(n)) for n in (2, 4, 6)),
    (groups.fixing(3, (1, 2, 2)), _form(3, 0)),
    *((groups.real_unitary(n), _symplectic_form(2 * n)) for n in (1, 2)),
    *((groups.real_unitary(n), _form(2 * n, 0)) for n in (1, 2)),
]


@pytest.mark.parametrize(
    ("axis", "form"), FORMS, ids=lambda v: v.declarations[0] if isinstance(v, Axis) else ""
)
def test_generators_keep_the_form(axis: Axis, form: Matrix) -> None:
    """Were there too many generators, one would not lie in the group."""
    for left, right in axis.elements:
        assert np.abs(left.T @ form @ left - right.T @ form @ right).max() == 0
    for x in axis.algebra:
        assert np.abs(x.T @ form + form @ x).max() == 0


@pytest.mark.parametrize(
    "axis",
    [
        groups.special_orthogonal(3),
        groups.special_linear(3),
        groups.indefinite(2, 2, special=True),
        groups.symplectic(4),
        groups.real_unitary(2, special=True),
        groups.fixing(3, (0, 0, 1), special=True),
    ],
    ids=lambda axis: axis.declarations[0],
)
def test_special_groups_have_determinant_one(axis: Axis) -> None:
    for left, right in axis.elements:
        assert round(np.linalg.det(left)) == round(np.linalg.det(right)) == 1
    assert all(np.trace(x) == 0 for x in axis.algebra)


@pytest.mark.parametrize(
    ("axis", "dimension"),
    [
        *((groups.orthogonal(n), n * (n - 1) // 2) for n in (1, 2, 3, 4)),
        *((groups.indefinite(p, 2), (p + 2) * (p + 1) // 2) for p in (1, 2)),
        *((groups.symplectic(n), n * (n + 1) // 2) for n in (2, 4, 6)),
        *((groups.general_linear(n), n * n) for n in (1, 2, 3)),
        *((groups.special_linear(n), n * n - 1) for n in (1, 2, 3)),
        *((groups.real_unitary(n), n * n) for n in (1, 2, 3)),
        *((groups.real_unitary(n, special=True), n * n - 1) for n in (2, 3)),
        *((groups.fixing(n, (0,) * (n - 1) + (1,)), (n - 1) * (n - 2) // 2) for n in (2, 3, 4)),
    ],
    ids=str,
)  # fmt: skip
def test_conjugates_and_brackets_span_the_algebra(axis: Axis, dimension: int) -> None:
    n = axis.size
    found = np.array(axis.algebra, dtype=float).reshape(-1, n, n)
    elements = [np.linalg.solve(right, left) for left, right in axis.elements]
    while len(found):
        conjugates = [g @ x @ np.linalg.inv(g) for g in elements for x in found]
        brackets = [x @ y - y @ x for x in found for y in found]
        every = np.array([*found, *conjugates, *brackets]).reshape(-1, n * n)
        _, values, rows = np.linalg.svd(every, full_matrices=False)
        larger = rows[values > 1e-9].reshape(-1, n, n)
        if len(larger) == len(found):
            break
        found = larger
    assert len(found) == dimension


@pytest.mark.parametrize(
    ("axis", "order"),
    [
        *((finite.symmetric(n), math.factorial(n)) for n in (1, 2, 3, 5)),
        *((finite.alternating(n), max(1, math.factorial(n) // 2)) for n in (1, 2, 3, 5)),
        *((finite.cyclic(n), n) for n in (1, 2, 3, 6)),
        *((finite.dihedral(n), {1: 1, 2: 2}.get(n, 2 * n)) for n in (1, 2, 3, 4, 7)),
        *((finite.signed(n), 2**n * math.factorial(n)) for n in (1, 2, 3)),
        (finite.wreath((3, 2))[1], 6 * 2**3),
        (finite.wreath((2, 2, 2))[2], 2 * 2**2 * 2**4),
        (finite.cycles("(1 2)(3 4), (1 3)(2 4)"), 4),
        (finite.cycles("(1 2 3 4)(5 6 7 8), (1 5 8 4)(2 6 7 3)"), 24),
        (finite.cycles("(1 2 3 4 5), (2 3 5 4)"), 20),
        (finite.cycles("(1 2 3 4 5 6 7), (2 3)(4 7)"), 168),
        (groups.matrices(CUBE), 24),
        (groups.matrices(QUATERNIONS), 8),
        (groups.matrices(HEXAGON), 12),
    ],
    ids=str,
)  # fmt: skip
def test_finite_groups_have_their_order(axis: Axis, order: int) -> None:
    one = np.eye(axis.size, dtype=np.int64)
    assert len(closure([one, *(left for left, _ in axis.elements)])) == order


def test_cycles_count_from_one_and_keep_the_rest() -> None:
    ((image, _),) = finite.cycles("(1 2 3)", 4).elements
    assert (image @ [10, 20, 30, 40]).tolist() == [30, 10, 20, 40]


# --- Other ways to say the same ------------------------------------------------------------------


def _whole_algebra(n: int, name: str = "v") -> Axis:
    """O(n) as so(n) and one reflection, nothing else."""
    turns = [finite.turn(n, a, b) for a in range(n) for b in range(a + 1, n)]
    return generated(name, "", n, [finite.reflection(n, 0)], turns)


@pytest.mark.parametrize(("n", "m"), [(1, 3), (2, 4), (3, 4), (3, 5), (4, 4)])
def test_the_plainest_generators_give_the_same(n: int, m: int) -> None:
    plain, axis = _whole_algebra(n), groups.orthogonal(n)
    assert invariants((plain,) * m) == invariants((axis,) * m)
    basis = invariant_basis((axis,) * m)
    assert linear_algebra.residual(basis, invariant_basis((plain,) * m)) < 1e-9


SHEAR = np.array([[1, 2, 0, 1], [0, 1, 1, 0], [0, 0, 1, 3], [0, 0, 0, 1]])


def _conjugated(axis: Axis, change: Matrix) -> Axis:
    """The group in another basis, where its matrices are neither sparse nor orthogonal."""
    inverse = np.linalg.inv(change)
    if change.dtype == np.int64:
        inverse = np.rint(inverse).astype(np.int64)

    def of(matrix: Square) -> Square:
        return change @ matrix @ inverse

    assert all(np.trace(right) == axis.size for _, right in axis.elements)
    elements = [of(left) for left, _ in axis.elements]
    return generated(axis.words, "", axis.size, elements, [of(each) for each in axis.algebra])


@pytest.mark.parametrize(
    "axis",
    [finite.symmetric(3), finite.signed(3), finite.dihedral(4), groups.orthogonal(3),
     groups.indefinite(1, 2), groups.symplectic(4), groups.special_linear(3), groups.matrices(HEXAGON)],
    ids=lambda axis: axis.declarations[-1],
)  # fmt: skip
@pytest.mark.parametrize("rounded", [False, True], ids=["whole", "rounded"])
def test_dimensions_do_not_depend_on_the_basis(axis: Axis, rounded: bool) -> None:
    """Signed permutations go through orbits, other matrices through equations, floats through SVD."""
    n = axis.size
    drawn = np.random.default_rng(0).normal(size=(n, n))
    other = _conjugated(axis, np.linalg.qr(drawn)[0] if rounded else SHEAR[:n, :n])
    for expected, tensor in zip(_tensors(axis), _tensors(other), strict=True):
        assert invariants(tensor) == invariants(expected)
        assert len(invariant_basis(tensor)) == invariants(expected)


@pytest.mark.parametrize(("n", "into", "out"), [(3, 2, 2), (2, 3, 1), (4, 1, 2)])
def test_permutations_have_the_commutant_of_the_older_oracle(n: int, into: int, out: int) -> None:
    node, axis = action.Axis("node", n), finite.symmetric(n)
    spaces = [action.Space(None, (action.Tensor("x", (node,) * length),)) for length in (into, out)]
    older = linear_algebra.commutant(action.Hom((spaces[0],), spaces[1]))
    ours = commutant((axis,) * into, (axis,) * out)
    assert ours.shape == older.shape
    flat = older.reshape(len(older), -1)
    assert linear_algebra.residual(flat, ours.reshape(len(ours), -1)) < 1e-9


# --- Beyond the grid -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", (1, 2, 3))
@pytest.mark.parametrize("plain", (0, 1, 2, 3))
@pytest.mark.parametrize("odd", (0, 1, 2, 3, 4))
def test_signed_axes_beside_unsigned_ones(odd: int, plain: int, n: int) -> None:
    axis = finite.signed(n)
    tensor = (axis,) * odd + (finite.unsigned(axis),) * plain
    assert invariants(tensor) == by_listing(tensor) == tableaux.signed(odd, n, plain)


@pytest.mark.parametrize("special", [False, True], ids=["U", "SU"])
@pytest.mark.parametrize(
    ("n", "m"),
    [
        *[(1, 2), (1, 4), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3)],
        pytest.param(2, 6, marks=pytest.mark.slow),
    ],
)
def test_unitary_groups_on_real_and_imaginary_parts(n: int, m: int, special: bool) -> None:
    torus = tori.realified(tori.special_linear(n) if special else tori.general_linear(n))
    tensor = (groups.real_unitary(n, special=special),) * m
    expected = tableaux.real_unitary(m, n, special)
    assert invariants(tensor) == torus.invariants(tensor) == expected


@pytest.mark.parametrize(
    "degrees",
    [(0,), (1, 1), (1, 2), (2, 2), (1, 1, 2), (1, 2, 3), (2, 2, 2), (1, 1, 1, 1), (3, 2, 2, 1)],
)
def test_spins_multiply_by_the_clebsch_gordan_series(degrees: tuple[int, ...]) -> None:
    tensor = tuple(groups.spin(degree) for degree in degrees)
    others = {axis.words: tori.spin(d) for axis, d in zip(tensor, degrees, strict=True)}
    expected = tableaux.spins(degrees)
    assert invariants(tensor) == expected
    assert tori.special_orthogonal(3).invariants(tensor, others) == expected
    for signs in product((1, -1), repeat=len(degrees)):
        kinds = tuple(zip(degrees, signs, strict=True))
        even = invariants(tuple(groups.spin(*kind) for kind in kinds))
        assert even == tableaux.spins_with_parity(kinds) == expected * (math.prod(signs) == 1)


def test_spin_one_is_the_vector() -> None:
    for m in range(6):
        assert tableaux.spins([1] * m) == tableaux.special_orthogonal(m, 3)
        assert tableaux.spins_with_parity([(1, -1)] * m) == tableaux.orthogonal(m, 3)


@pytest.mark.parametrize("power", [sym, alt], ids=["sym", "alt"])
@pytest.mark.parametrize("degree", (1, 2, 3))
def test_powers_of_spins(power: Callable[..., Power], degree: int) -> None:
    """sym(l, l) has the even spins up to 2l, alt(l, l) the odd ones."""
    axis = groups.spin(degree)
    kept = range(0 if power is sym else 1, 2 * degree + 1, 2)
    for other in range(2 * degree + 2):
        tensor = (power(axis, axis), groups.spin(other))
        assert invariants(tensor) == (other in kept)


# --- Published numbers ---------------------------------------------------------------------------

SIXTH = [[1, -1, 0], [1, 0, 0], [0, 0, 1]]
THIRD = [[0, -1, 0], [1, -1, 0], [0, 0, 1]]
QUARTER = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
HALF = [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]
ACROSS = [[1, 0, 0], [0, -1, 0], [0, 0, -1]]
SWAPPED = [[0, 1, 0], [1, 0, 0], [0, 0, -1]]
CYCLE = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
INVERSION = [[-1, 0, 0], [0, -1, 0], [0, 0, -1]]

# Independent elastic constants (Nye 1957, chapter VIII); three- and sixfold axes in a basis of the
# lattice. The inversion changes nothing in tensors of even degree.
ELASTIC: dict[str, tuple[list[list[list[int]]], int]] = {
    "triclinic": ([INVERSION], 21),
    "monoclinic": ([HALF], 13),
    "orthorhombic": ([HALF, ACROSS], 9),
    "tetragonal 4": ([QUARTER], 7),
    "tetragonal 422": ([QUARTER, ACROSS], 6),
    "trigonal 3": ([THIRD], 7),
    "trigonal 32": ([THIRD, SWAPPED], 6),
    "hexagonal 6": ([SIXTH], 5),
    "hexagonal 622": ([SIXTH, SWAPPED], 5),
    "cubic 23": ([HALF, CYCLE], 3),
    "cubic 432": ([QUARTER, CYCLE], 3),
}


def elastic(v: Axis) -> Tensor:
    return (sym(sym(v, v), sym(v, v)),)


@pytest.mark.parametrize("name", ELASTIC)
def test_elastic_constants_of_the_crystal_classes(name: str) -> None:
    listed, expected = ELASTIC[name]
    for generators in (listed, [*listed, INVERSION]):
        v = groups.matrices(generators)
        assert invariants(elastic(v)) == by_listing(elastic(v)) == expected


@pytest.mark.parametrize("axis", [groups.orthogonal(3), groups.special_orthogonal(3)])
def test_elastic_constants_of_an_isotropic_body(axis: Axis) -> None:
    assert invariants(elastic(axis)) == 2
    assert tori.special_orthogonal(3).invariants(elastic(axis)) == 2


def test_published_sequences() -> None:
    assert [tableaux.orthogonal(m, m) for m in (2, 4, 6, 8)] == [1, 3, 15, 105]
    assert [tableaux.symplectic(m, m) for m in (2, 4, 6, 8)] == [1, 3, 15, 105]
    assert [tableaux.special_linear(m, 0, 2) for m in (2, 4, 6, 8)] == [1, 2, 5, 14]  # Catalan
    assert [tableaux.special_linear(m, 0, 3) for m in (3, 6, 9)] == [1, 5, 42]
    assert [tableaux.spins([1] * m) for m in range(8)] == [1, 0, 1, 1, 3, 6, 15, 36]  # Riordan
    assert [tableaux.determinant_matchings(m, 3) for m in (3, 5, 7)] == [1, 6, 36]
    assert [tableaux.bijections(k, 2) for k in range(6)] == [1, 1, 2, 5, 14, 42]
    assert [tableaux.bijections(k, k) for k in range(6)] == [math.factorial(k) for k in range(6)]


@pytest.mark.parametrize("n", range(1, 7))
def test_rules_for_diagrams_count_what_tableaux_count(n: int) -> None:
    """Larger than a nullspace can be: up to 8 indices."""
    for m in range(9):
        assert tableaux.orthogonal_matchings(m, n) == tableaux.orthogonal(m, n)
        special = tableaux.special_orthogonal(m, n) - tableaux.orthogonal(m, n)
        assert tableaux.determinant_matchings(m, n) == special
        if n % 2 == 0:
            assert tableaux.symplectic_matchings(m, n) == tableaux.symplectic(m, n)
    for k in range(7):
        assert tableaux.bijections(k, n) == tableaux.general_linear(k, k, n)


# --- What the oracles refuse ---------------------------------------------------------------------


def test_a_nullspace_too_close_to_call_is_refused() -> None:
    with pytest.raises(AssertionError, match="no clear gap"):
        kernel(np.diag([1.0, 1e-8]))


def test_an_infinite_group_is_not_listed() -> None:
    with pytest.raises(AssertionError, match="not finite"):
        closure([np.array([[1, 1], [0, 1]])])


def test_the_parts_of_a_power_are_alike() -> None:
    v = finite.symmetric(2)
    with pytest.raises(AssertionError, match="alike"):
        sym(v, dual(v))


def test_types_are_written_as_in_a_spec() -> None:
    v, w = groups.orthogonal(3), groups.special_linear(2, "w")
    assert written((sym(sym(v, v), sym(v, v)), dual(w))) == "[sym(sym(v, v), sym(v, v)), dual(w)]"
    assert size((sym(v, v), dual(dual(w)))) == 18
    assert written((dual(dual(w)),)) == "[w]"
    assert same(finite.signed(2), "x", np.abs).words == "x"
