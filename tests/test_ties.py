"""Bases of the maps that commute with a group given by generators.

The truth is made with numpy: groups listed, nullspaces by singular values, orbits by union-find.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
import torch
from tied_groups import (
    GROUPS,
    Matrix,
    basis_of,
    constraint_nullspace,
    dense,
    every_group,
    every_sides,
    exponential,
    listed,
    moved,
    pairs,
    rotation,
)

from specc_runtime.actions import (
    combined,
    cyclic,
    dihedral,
    matrices,
    permutations,
    unmoved,
)
from specc_runtime.ties import DenseBasis, OrbitBasis, tied_basis

# --- Bases ---------------------------------------------------------------------------------------


@every_group
@every_sides
def test_bases_are_complete(name: str, sides: str) -> None:
    """As many maps as the constraints leave, spanning the same space."""
    found = dense(basis_of(GROUPS[name], sides))
    expected = constraint_nullspace(GROUPS[name], sides)
    assert len(found) == len(expected)
    if len(found):
        together = np.concatenate([found.reshape(len(found), -1), expected])
        assert np.linalg.matrix_rank(together, tol=1e-7) == len(found)
        assert np.linalg.matrix_rank(together[: len(found)], tol=1e-7) == len(found)


@every_group
@every_sides
def test_maps_commute_with_words_and_exponentials(name: str, sides: str) -> None:
    basis = dense(basis_of(GROUPS[name], sides))
    elements, algebra = pairs(GROUPS[name], sides)
    draw = np.random.default_rng(0)
    total = np.tensordot(draw.normal(size=len(basis)), basis, 1)
    for _ in range(4):
        left, right = np.eye(len(total)), np.eye(total.shape[1])
        for number in draw.integers(max(len(elements), 1), size=3):
            if elements:
                left, right = left @ elements[number][0], right @ elements[number][1]
            amounts = draw.normal(size=len(algebra)) / 2
            left = left @ exponential(left, amounts, [pair[0] for pair in algebra])
            right = right @ exponential(right, amounts, [pair[1] for pair in algebra])
        scale = np.abs(left).max() * np.abs(right).max()
        np.testing.assert_allclose(left @ total, total @ right, atol=1e-9 * scale)


def closure(generators: Sequence[Matrix]) -> list[Matrix]:
    """Every element of a finite group."""
    found = {
        np.eye(len(generators[0])).round(6).tobytes(): np.eye(len(generators[0]), dtype=complex)
    }
    waiting = list(found.values())
    while waiting:
        element = waiting.pop()
        for generator in generators:
            new = element @ generator
            key = (new.real.round(6) + 0.0).tobytes()
            if key not in found:
                assert len(found) < 500
                found[key] = new
                waiting.append(new)
    return list(found.values())


FINITE = [
    "C(5)",
    "D(4)",
    "D(2)",
    "Klein",
    "intransitive",
    "one reflection",
    "B(2)",
    "cubic",
    "trigonal",
]


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("indices", range(5))
def test_dimensions_are_mean_characters(name: str, indices: int) -> None:
    """Burnside's count, for matrices with signs too: the mean over the group of trace^m."""
    action, generators, _ = GROUPS[name]
    traces = [np.trace(element) ** indices for element in closure(generators)]
    expected = round(np.mean(traces).real)
    for outputs in range(indices + 1):
        assert tied_basis([action] * outputs, [action] * (indices - outputs)).dimension == expected


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [
        ("SO(3)", [1, 0, 1, 1, 3, 6, 15]),
        ("O(3)", [1, 0, 1, 0, 3, 0, 15]),
        ("SO(1, 2)", [1, 0, 1, 1, 3, 6]),
        ("SL(2)", [1, 0, 1, 0, 2, 0, 5]),
        ("SU(2)", [1, 0, 1, 0, 2, 0, 5]),
    ],
)
def test_invariants_of_classical_groups(name: str, dimensions: list[int]) -> None:
    action = GROUPS[name][0]
    assert [tied_basis([action] * m, []).dimension for m in range(len(dimensions))] == dimensions


def test_maps_of_rotations_are_the_known_tensors() -> None:
    """The identity and the cross product come out with entries 0, 1 and -1."""
    action = GROUPS["SO(3)"][0]
    identity, cross = tied_basis([action], [action]), tied_basis([action], [action, action])
    np.testing.assert_allclose(dense(identity), np.eye(3)[None], atol=1e-15)
    vectors = np.random.default_rng(0).normal(size=(2, 3))
    expected = np.cross(vectors[0], vectors[1])
    np.testing.assert_allclose(dense(cross)[0] @ np.kron(*vectors), expected, atol=1e-14)


@pytest.mark.parametrize(
    "name", ["trigonal", "shear", "SL(2, Z)", "SO(3)", "SO(1, 2)", "SU(2)", "U(1)"]
)
@pytest.mark.parametrize("sides", ["v v > v v", "v > v", "v* > v v v"])
def test_dense_bases_are_canonical(name: str, sides: str) -> None:
    """The orthonormalised echelon form of a nullspace that was found in another way."""
    basis = basis_of(GROUPS[name], sides)
    assert isinstance(basis, DenseBasis)
    echelon = row_echelon(constraint_nullspace(GROUPS[name], sides))
    assert len(basis.matrices) == len(echelon)
    orthonormal = [np.zeros(0)] * 0
    for row in echelon:
        rest = row - sum((q * np.vdot(q, row) for q in orthonormal), np.zeros_like(row))
        orthonormal.append(rest / np.linalg.norm(rest))
    if basis.dimension:
        found = dense(basis).reshape(basis.dimension, -1)
        squares = (np.abs(found) ** 2).sum(0)
        assert squares[squares > 1e-9].mean() == pytest.approx(1)
        assert (squares > 1e-9).mean() == pytest.approx(basis.density)
        scale = np.linalg.norm(found[0])
        np.testing.assert_allclose(found / scale, np.array(orthonormal), atol=1e-9)


def row_echelon(rows: Matrix) -> Matrix:
    """The reduced row echelon form by Gauss and Jordan's elimination."""
    rows, done = rows.copy(), 0
    for column in range(rows.shape[1]):
        if done == len(rows):
            break
        best = done + int(np.abs(rows[done:, column]).argmax())
        if abs(rows[best, column]) > 1e-8:
            rows[[done, best]] = rows[[best, done]]
            rows[done] /= rows[done, column]
            others = [r for r in range(len(rows)) if r != done]
            rows[others] -= rows[others, column][:, None] * rows[done]
            done += 1
    return rows


def test_bases_do_not_depend_on_the_generators() -> None:
    a, b, c = (np.array(rotation(3, *pair)) for pair in ((0, 1), (1, 2), (0, 2)))
    other = matrices(listed(a + 3 * b), listed(b - 0.2 * c), listed(0.1 * c + a), lie=True)
    first, second = (tied_basis([v] * 3, [v] * 2) for v in (GROUPS["SO(3)"][0], other))
    np.testing.assert_allclose(dense(first), dense(second), atol=1e-12)
    one = tied_basis([permutations("(1 2)", "(1 2 3 4 5)", degree=5)] * 2, [])
    two = tied_basis([permutations("(4 5)", "(2 3)", "(1 2)", "(3 4)", degree=5)] * 2, [])
    assert isinstance(one, OrbitBasis) and isinstance(two, OrbitBasis)
    assert torch.equal(one.labels, two.labels) and torch.equal(one.signs, two.signs)


# --- Orbits --------------------------------------------------------------------------------------


def naive_orbits(
    moves: Sequence[tuple[list[int], list[int]]], indices: int
) -> list[tuple[int, int]]:
    """Label and sign of each tuple by union-find over tuples with signs; (0, 0) where zero."""
    tuples = list(product(range(len(moves[0][0])), repeat=indices))
    parents = {(t, s): (t, s) for t in tuples for s in (1, -1)}

    def root(node: tuple[tuple[int, ...], int]) -> tuple[tuple[int, ...], int]:
        while parents[node] != node:
            node = parents[node]
        return node

    for (images, signs), t, s in product(moves, tuples, (1, -1)):
        sign = math.prod(signs[p] for p in t)
        parents[root((t, s))] = root((tuple(images[p] for p in t), s * sign))
    firsts: dict[tuple[tuple[int, ...], int], tuple[int, int]] = {}
    found = []
    for t in tuples:
        plus, minus = root((t, 1)), root((t, -1))
        if plus != minus and plus not in firsts:
            number = len(firsts) // 2
            firsts[plus], firsts[minus] = (number, 1), (number, -1)
        found.append(firsts[plus] if plus != minus else (0, 0))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_orbits_are_those_of_union_find(seed: int) -> None:
    draw = random.Random(seed)
    size, indices = draw.choice([(3, 4), (4, 3), (7, 2), (12, 2), (30, 1)])
    signed = draw.random() < 0.7
    moves = []
    for _ in range(draw.randint(1, 3)):
        images = list(range(size))
        for _ in range(draw.randint(1, size)):
            a, b = draw.randrange(size), draw.randrange(size)
            images[a], images[b] = images[b], images[a]
        signs = [draw.choice([1, 1, -1]) if signed else 1 for _ in range(size)]
        moves.append((images, signs))
    action = matrices(*(listed(moved(*i, signs=s).real) for i, s in moves))
    basis = tied_basis([action] * (indices // 2), [action] * (indices - indices // 2))
    assert isinstance(basis, OrbitBasis)
    found = list(zip(basis.labels.flatten().tolist(), basis.signs.flatten().tolist(), strict=True))
    expected = naive_orbits(moves, indices)
    assert found == expected
    assert basis.dimension == max((n + 1 for n, s in expected if s), default=0)
    assert basis.density == sum(s != 0 for _, s in expected) / len(expected)


def test_orbits_of_a_million_tuples_are_found() -> None:
    """Shifts of a long axis: one coefficient for each difference, in order of the first row."""
    basis = tied_basis([cyclic(1000)], [cyclic(1000)])
    assert isinstance(basis, OrbitBasis) and basis.labels.dtype == torch.int32
    positions = torch.arange(1000)
    assert torch.equal(basis.labels.long(), (positions - positions[:, None]) % 1000)


def test_an_index_that_nothing_moves_has_a_coefficient_for_each_pair() -> None:
    basis = tied_basis([unmoved(2)], [unmoved(3)])
    assert isinstance(basis, OrbitBasis)
    assert basis.labels.tolist() == [[0, 1, 2], [3, 4, 5]]
    mixed = tied_basis([unmoved(2), cyclic(3)], [cyclic(3)])
    assert mixed.dimension == 6
    assert tied_basis([unmoved(2), GROUPS["SO(3)"][0]], [GROUPS["SO(3)"][0]]).dimension == 2


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: permutations("(1 2 1)", degree=3), r"`\(1 2 1\)` has 1 twice"),
        (lambda: permutations("(1 2)(2 3)", degree=3), "has 2 twice"),
        (lambda: permutations("(1 4)", degree=3), "moves 4, and the positions are 1 to 3"),
        (lambda: permutations("(0 1)", degree=3), "moves 0, and the positions are 1 to 3"),
        (lambda: permutations("1 2", degree=3), "is not a product of cycles"),
        (lambda: matrices(), "at least one matrix"),
        (lambda: matrices([[1, 0]]), r"matrix 1 is not square: 1 rows of \[2\]"),
        (lambda: matrices([[1]], [[1, 0], [0, 1]]), "matrix 2 has 2 rows, and the first has 1"),
        (lambda: matrices([[1, 0], [0, math.nan]]), "matrix 1 has an entry that is not a number"),
        (lambda: matrices([[1, 2], [2, 4]]), "matrix 1 has no inverse"),
        (lambda: combined(cyclic(2), cyclic(3)), r"one size, not \[2, 3\]"),
        (lambda: tied_basis([cyclic(3)], [dihedral(3)]), "not of one group"),
    ],
)  # fmt: skip
def test_what_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_dimension_in_doubt_is_refused() -> None:
    """A third of a turn with seven digits is no third of a turn, and nearly one."""
    rounded = matrices([[-0.5, -0.8660254], [0.8660254, -0.5]])
    with pytest.raises(ValueError, match=r"in doubt: a singular value is .*e-0[789] of its scale"):
        tied_basis([rounded] * 3, [])
    exact = matrices([[-0.5, -(0.75**0.5)], [0.75**0.5, -0.5]])
    assert tied_basis([exact] * 3, []).dimension == 2
