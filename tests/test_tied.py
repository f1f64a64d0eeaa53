"""Linear maps that commute with a group given by generators: bases, and products with tied matrices.

The truth is made here with numpy from matrices written down again: groups listed, nullspaces by
singular values, orbits by union-find. Nothing of the runtime is asked what the group is.
"""

from __future__ import annotations

import ast
import copy
import math
import pickle
import random
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

import specc_runtime
from specc_runtime.actions import (
    Action,
    combined,
    cyclic,
    dihedral,
    dual,
    matrices,
    permutations,
    unmoved,
)
from specc_runtime.tied import TiedMix, init_tied_mix_
from specc_runtime.tied_blocks import TiedBlock, TiedFactor, assemble
from specc_runtime.ties import DenseBasis, OrbitBasis, _cached_basis, tied_basis

Matrix = NDArray[np.complex128]
Group = tuple[Action, list[Matrix], list[Matrix]]
"""An action, and the matrices of its group and algebra elements as numpy has them."""

# --- Groups, written twice -----------------------------------------------------------------------


def moved(*images: int, signs: Sequence[int] = ()) -> Matrix:
    """The matrix that takes unit vector p to `signs[p]` times unit vector `images[p]`."""
    matrix = np.zeros((len(images), len(images)), complex)
    for position, image in enumerate(images):
        matrix[image, position] = signs[position] if signs else 1
    return matrix


def shift(size: int) -> Matrix:
    return np.roll(np.eye(size, dtype=complex), 1, axis=0)


def given(*rows: Sequence[Sequence[complex]], lie: bool = False) -> Group:
    action = matrices(*rows, lie=lie)
    arrays = [np.array(each, complex) for each in rows]
    return (action, [], arrays) if lie else (action, arrays, [])


def listed(array: NDArray[np.generic]) -> list[list[float]]:
    return array.tolist()


def rotation(size: int, first: int, second: int, sign: int = -1) -> list[list[float]]:
    """An algebra element of rotations, or of boosts where `sign` is 1."""
    matrix = np.zeros((size, size))
    matrix[second, first], matrix[first, second] = 1, sign
    return listed(matrix)


TURN = 2 * math.pi / 3
TRIGONAL = [
    [math.cos(TURN), -math.sin(TURN), 0],
    [math.sin(TURN), math.cos(TURN), 0],
    [0, 0, 1],
]
BOOST = [[math.cosh(0.7), math.sinh(0.7)], [math.sinh(0.7), math.cosh(0.7)]]
SO3 = given(rotation(3, 0, 1), rotation(3, 1, 2), rotation(3, 0, 2), lie=True)
POINT_REFLECTION = [[-1, 0, 0], [0, -1, 0], [0, 0, -1]]


def with_reflection(group: Group, reflection: list[list[float]]) -> Group:
    action, elements, algebra = group
    return combined(action, matrices(reflection)), [*elements, np.array(reflection)], algebra


GROUPS: dict[str, Group] = {
    "C(5)": (cyclic(5), [shift(5)], []),
    "C(1)": (cyclic(1), [shift(1)], []),
    "D(4)": (dihedral(4), [shift(4), moved(0, 3, 2, 1)], []),
    "D(2)": (dihedral(2), [shift(2), moved(0, 1)], []),
    "Klein": (
        permutations("(1 2)(3 4)", "(1,3)(2,4)", degree=4),
        [moved(1, 0, 3, 2), moved(2, 3, 0, 1)],
        [],
    ),
    "intransitive": (permutations("(1 2 3)", "()", degree=4), [moved(1, 2, 0, 3), np.eye(4)], []),
    "one reflection": given([[-1, 0], [0, 1]]),
    "B(2)": given([[0, 1], [1, 0]], [[-1, 0], [0, 1]]),
    "quarter turns": given([[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    "cubic": given([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    "trigonal": given(TRIGONAL, [[1, 0, 0], [0, -1, 0], [0, 0, -1]]),
    "shear": given([[1, 1], [0, 1]]),
    "shear in three": given([[1, 1, 0], [0, 1, 1], [0, 0, 1]]),
    "SL(2, Z)": given([[1, 1], [0, 1]], [[0, -1], [1, 0]]),
    "one boost": given(BOOST),
    "scaling": given([[2, 0], [0, 0.5]]),
    "roots of unity": given([[1j, 0], [0, -1j]]),
    "quaternions": given([[1j, 0], [0, -1j]], [[0, -1], [1, 0]]),
    "SO(2)": given(rotation(2, 0, 1), lie=True),
    "SO(3)": SO3,
    "O(3)": with_reflection(SO3, POINT_REFLECTION),
    "SO(1, 2)": given(
        rotation(3, 0, 1, 1), rotation(3, 0, 2, 1), rotation(3, 1, 2), lie=True
    ),
    "O(1, 1)": with_reflection(given(rotation(2, 0, 1, 1), lie=True), [[1, 0], [0, -1]]),
    "SL(2)": given([[0, 1], [0, 0]], [[0, 0], [1, 0]], [[1, 0], [0, -1]], lie=True),
    "GL(2)": given(*(np.eye(4)[k].reshape(2, 2).tolist() for k in range(4)), lie=True),
    "U(1)": given([[1j, 0], [0, 2j]], lie=True),
    "SU(2)": given([[1j, 0], [0, -1j]], [[0, 1], [-1, 0]], [[0, 1j], [1j, 0]], lie=True),
}  # fmt: skip

SIDES = [
    "v > v",
    "> v v",
    "v v >",
    "v > v v",
    "v* > v*",
    "v > v*",
    "v v* >",
    "v* > v v",
    ">",
    "v >",
]


def side(group: Group, words: str) -> tuple[list[Action], list[Group]]:
    """The actions of one side of `v v* > v`, and of each index the group with numpy's matrices."""
    action, elements, algebra = group
    duals = (
        dual(action),
        [np.linalg.inv(m).T for m in elements],
        [-m.T for m in algebra],
    )
    chosen = [duals if word == "v*" else group for word in words.split()]
    return [each[0] for each in chosen], chosen


def kron(parts: Sequence[Matrix]) -> Matrix:
    return reduce(np.kron, parts, np.eye(1, dtype=complex))


def on_product(indices: Sequence[Group]) -> tuple[list[Matrix], list[Matrix]]:
    """The generators on the tensor product of indices: products, and sums of one at a time."""
    count = len(indices[0][1]) if indices else 0
    elements = [kron([index[1][g] for index in indices]) for g in range(count)]
    algebra = []
    for e in range(len(indices[0][2]) if indices else 0):
        total = np.zeros_like(kron([np.eye(len(index[2][e])) for index in indices]))
        for place, index in enumerate(indices):
            parts = [np.eye(len(each[2][e])) for each in indices]
            parts[place] = index[2][e]
            total = total + kron(parts)
        algebra.append(total)
    return elements, algebra


def pairs(
    group: Group, sides: str
) -> tuple[list[tuple[Matrix, Matrix]], list[tuple[Matrix, Matrix]]]:
    """For each generator its matrices on outputs and on inputs: group elements, algebra elements."""
    outputs, inputs = (on_product(side(group, words)[1]) for words in reversed(sides.split(">")))
    one, zero = np.eye(1, dtype=complex), np.zeros((1, 1), complex)
    filled = [
        [fill] * len(group[kind]) if not found[kind - 1] else found[kind - 1]
        for found in (outputs, inputs)
        for kind, fill in ((1, one), (2, zero))
    ]
    return list(zip(filled[0], filled[2], strict=True)), list(
        zip(filled[1], filled[3], strict=True)
    )


def basis_of(group: Group, sides: str) -> OrbitBasis | DenseBasis:
    inputs, outputs = (side(group, words)[0] for words in sides.split(">"))
    return tied_basis(outputs, inputs)


def dense(basis: OrbitBasis | DenseBasis) -> NDArray[np.complex128]:
    """All matrices (dimension, outputs, inputs)."""
    if isinstance(basis, DenseBasis):
        return basis.matrices.numpy().astype(complex)
    one_hot = np.eye(max(basis.dimension, 1))[basis.labels.numpy()] * basis.signs.numpy()[..., None]
    return np.moveaxis(one_hot, -1, 0)[: basis.dimension].astype(complex)


def constraint_nullspace(group: Group, sides: str) -> Matrix:
    """Orthonormal rows that span the matrices that commute, flattened row-major."""
    elements, algebra = pairs(group, sides)
    blocks = [
        np.kron(left, np.eye(len(right))) - np.kron(np.eye(len(left)), right.T)
        for left, right in (*elements, *algebra)
    ]
    _, values, rows = np.linalg.svd(np.concatenate(blocks))
    return rows[int((values > 1e-9).sum()) :].conj()


every_group = pytest.mark.parametrize("name", GROUPS)
every_sides = pytest.mark.parametrize("sides", SIDES)


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


def exponential(like: Matrix, amounts: NDArray[np.float64], algebra: Sequence[Matrix]) -> Matrix:
    element = sum((a * m for a, m in zip(amounts, algebra, strict=True)), np.zeros(like.shape))
    return torch.linalg.matrix_exp(torch.from_numpy(np.asarray(element, complex))).numpy()


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
        (lambda: TiedBlock([TiedFactor([cyclic(2)], [cyclic(2)])], [1, 0]), "no order of 2 indices"),
        (lambda: TiedBlock([TiedFactor([cyclic(2)], [cyclic(2)])], [0]), "no order of 2 indices"),
        (lambda: TiedMix([[None]], [1], [1]), r"block 0 of the rows has \[\] positions"),
        (lambda: TiedMix([[shifts(2), shifts(3)]], [1], [1, 1]), r"the rows has \[2, 3\] positions"),
        (lambda: TiedMix([[shifts(2)]], [1], [1, 1]), "not those of 1 rows and 2 columns"),
        (lambda: TiedMix([[shifts(2)]], [1], [1], [shifts(2)]), "bias has no inputs"),
        (lambda: TiedMix([[one_index("SU(2)")]], [1], [1]), "complex weights, not torch.float32"),
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


# --- Blocks --------------------------------------------------------------------------------------


def shifts(size: int) -> TiedBlock:
    return TiedBlock([TiedFactor([cyclic(size)], [cyclic(size)])])


def one_index(name: str) -> TiedBlock:
    return TiedBlock([TiedFactor([GROUPS[name][0]], [GROUPS[name][0]])])


def factor(name: str, sides: str) -> TiedFactor:
    inputs, outputs = (side(GROUPS[name], words)[0] for words in sides.split(">"))
    return TiedFactor(outputs, inputs)


BLOCKS: dict[str, TiedBlock] = {
    "no index": TiedBlock(),
    "C(5)": TiedBlock([factor("C(5)", "v > v v")]),
    "with zeros": TiedBlock([factor("one reflection", "v v > v")]),
    "with signs": TiedBlock([factor("cubic", "v v > v v")]),
    "dense": TiedBlock([factor("SO(3)", "v v > v v")]),
    "pinned": TiedBlock([TiedFactor([unmoved(3)], [unmoved(2), unmoved(2)])]),
    "three groups": TiedBlock(
        [
            factor("SO(3)", "v v > v v"),
            TiedFactor([unmoved(2)], [unmoved(2)]),
            factor("B(2)", "v > v v v"),
        ],
        [4, 0, 6, 1, 8, 7, 9, 5, 3, 2],
    ),
    "complex": TiedBlock([factor("SU(2)", "v > v"), factor("quaternions", "> v v")]),
}
every_block = pytest.mark.parametrize("name", BLOCKS)


def by_definition(weight: NDArray[np.complex128], block: TiedBlock) -> Matrix:
    """Sum over a, c_out, c_in of the weight, times B_a with its indices in order."""
    bases = [dense(tied_basis(each.outputs, each.inputs)) for each in block.factors]
    sizes = [size for each in block.factors for size in each.sizes]
    outputs = sum(len(each.outputs) for each in block.factors)
    channels = weight.shape[1:]
    total = np.zeros((block.outputs, channels[0], block.inputs, channels[1]), complex)
    for number, chosen in enumerate(product(*(range(len(basis)) for basis in bases))):
        joint = np.ones((), complex)
        for basis, a in zip(bases, chosen, strict=True):
            joint = np.multiply.outer(joint, basis[a])
        joint = joint.reshape(sizes).transpose(block.order)
        assert joint.shape == tuple(sizes[k] for k in block.order or ())
        matrix = joint.reshape(math.prod(joint.shape[:outputs]), -1)
        total += matrix[:, None, :, None] * weight[number][None, :, None, :]
    return total.reshape(block.outputs * channels[0], -1)


@every_block
def test_blocks_are_assembled_as_defined(name: str) -> None:
    block = BLOCKS[name]
    weight = np.random.default_rng(0).normal(size=(block.dimension, 2, 3))
    found = assemble(torch.from_numpy(weight).to(dtype_of(name)), block)
    np.testing.assert_allclose(found.numpy(), by_definition(weight, block), atol=1e-12)


def test_a_block_without_an_order_takes_that_of_its_factors() -> None:
    factors = [factor("C(5)", "v > v"), factor("B(2)", "v > v")]
    assert TiedBlock(factors) == TiedBlock(factors, [0, 2, 1, 3])
    swapped = TiedBlock(factors, [2, 0, 1, 3])
    weight = torch.randn(swapped.dimension, 1, 1)
    plain = assemble(weight, TiedBlock(factors)).reshape(5, 2, 10)
    assert torch.equal(assemble(weight, swapped).reshape(2, 5, 10), plain.transpose(0, 1))


# --- The module ----------------------------------------------------------------------------------

Blocks = list[list[TiedBlock | None]]


class Layout(NamedTuple):
    """The arguments of a product."""

    blocks: Blocks
    outputs: list[int]
    inputs: list[int]
    bias: list[TiedBlock | None]


def with_bias(block: TiedBlock) -> Layout:
    """A single block, with a bias where its group admits one."""
    is_output = [k < len(f.outputs) for f in block.factors for k in range(len(f.sizes))]
    places = [place for place, output in enumerate(is_output) if output]
    order = [places.index(place) for place in block.order or () if place in places]
    free = TiedBlock([TiedFactor(each.outputs) for each in block.factors], order)
    return Layout([[block]], [2], [3], [free])


def several() -> Layout:
    """Two tensors to three; nothing leads from the second to the first, which has no bias."""
    v, w = GROUPS["SO(3)"][0], GROUPS["quarter turns"][0]
    rows: list[list[list[Action]]] = [[[v], [w, w]], [[], [w]], [[v], [w]]]
    columns: list[list[list[Action]]] = [[[v, v], [w]], [[], []]]
    blocks: Blocks = [
        [TiedBlock(list(map(TiedFactor, row, column))) for column in columns] for row in rows
    ]
    blocks[0][1] = None
    bias = [None, TiedBlock([TiedFactor(), TiedFactor([w])]), None]
    return Layout(blocks, [2, 3, 1], [2, 4], bias)


LAYOUTS: dict[str, Layout] = {
    **{name: with_bias(block) for name, block in BLOCKS.items()},
    "no bias": with_bias(BLOCKS["dense"])._replace(bias=[]),
    "no maps": Layout([[TiedBlock([factor("SO(3)", "v >")])]], [2], [3], [TiedBlock()]),
    "several": several(),
}
every_module = pytest.mark.parametrize("name", LAYOUTS)


def dtype_of(name: str) -> torch.dtype:
    return torch.complex128 if name == "complex" else torch.float64


def make(name: str, seed: int = 0) -> TiedMix:
    mix = TiedMix(*LAYOUTS[name], dtype=dtype_of(name))
    torch.manual_seed(seed)
    for parameter in mix.parameters():
        nn.init.normal_(parameter)
    return mix


def draw(mix: TiedMix, name: str, *batch: int) -> Tensor:
    torch.manual_seed(7)
    return torch.randn(*batch, sum(mix.column_widths), dtype=dtype_of(name))


def defined(
    stored: Iterator[Tensor], blocks: Blocks, heights: list[int], widths: list[int]
) -> Matrix:
    """The matrix of blocks by definition, from their coefficients as they are stored."""
    matrix = []
    for row, height in zip(blocks, heights, strict=True):
        parts = [np.zeros((height, width), complex) for width in widths]
        for k, block in enumerate(row):
            if block is not None and block.dimension:
                channels = (height // block.outputs, widths[k] // block.inputs)
                weight = next(stored).numpy().reshape(block.dimension, *channels)
                parts[k] = by_definition(weight, block)
        matrix.append(np.concatenate(parts, 1))
    return np.concatenate(matrix)


@every_module
def test_products_are_those_of_the_matrix_by_definition(name: str) -> None:
    layout, mix = LAYOUTS[name], make(name)
    state = mix.state_dict()
    weights = iter([value for key, value in state.items() if key.startswith("weight")])
    biases = iter([value for key, value in state.items() if key.startswith("bias")])
    x = draw(mix, name, 4, 2)
    expected = x.numpy() @ defined(weights, layout.blocks, mix.row_widths, mix.column_widths).T
    if layout.bias:
        column = [[block] for block in layout.bias]
        expected = expected + defined(biases, column, mix.row_widths, [1])[:, 0]
    assert next(weights, None) is None and next(biases, None) is None
    np.testing.assert_allclose(mix(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("C(5)", {"weight": (25, 2, 3), "bias": (5, 2)}),
        ("dense", {"weight": (3, 2, 3), "bias": (1, 2)}),
        ("three groups", {"weight": (48, 2, 3)}),
        ("no maps", {"bias": (1, 2)}),
        (
            "several",
            {
                "weights.0": (7, 2, 2),
                "weights.1": (3, 3, 2),
                "weights.2": (1, 3, 4),
                "weights.3": (3, 1, 2),
                "biases.0": (1, 3),
            },
        ),
    ],
)
def test_checkpoints_hold_coefficients_alone(name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    assert {key: tuple(value.shape) for key, value in make(name).state_dict().items()} == shapes


def test_an_index_pair_commutes_with_a_rotation_and_a_turn() -> None:
    """The whole product, with channels: three tensors in other coordinates."""
    mix = make("several")
    turn = np.array(GROUPS["quarter turns"][1][0].real)
    amounts = np.array([0.3, -1.1, 0.7])
    spin = exponential(np.eye(3, dtype=complex), amounts, GROUPS["SO(3)"][2]).real
    inputs = block_diagonal(kron([spin, spin, turn, np.eye(2)]), np.eye(4))
    outputs = block_diagonal(
        kron([spin, turn, turn, np.eye(2)]), kron([turn, np.eye(3)]), kron([spin, turn])
    )
    x = draw(mix, "several", 5)
    turned = mix(torch.from_numpy(x.numpy() @ inputs.real.T)).detach().numpy()
    np.testing.assert_allclose(turned, mix(x).detach().numpy() @ outputs.real.T, atol=1e-12)


def block_diagonal(*parts: Matrix) -> Matrix:
    sizes = np.cumsum([0, *(len(part) for part in parts)])
    total = np.zeros((sizes[-1], sizes[-1]), complex)
    for part, start, end in zip(parts, sizes, sizes[1:], strict=False):
        total[start:end, start:end] = part
    return total


# --- What is done with modules -------------------------------------------------------------------


@every_module
def test_derivatives_of_second_order_are_right(name: str) -> None:
    mix = make(name)
    names = [key for key, _ in mix.named_parameters()]

    def function(x: Tensor, *values: Tensor) -> Tensor:
        made: Tensor = functional_call(mix, dict(zip(names, values, strict=True)), (x,))
        return made.sin()

    inputs = [draw(mix, name, 2), *(p.detach().clone() for p in mix.parameters())]
    leaves = [value.requires_grad_() for value in inputs]
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=name != "complex")


@every_module
def test_an_ensemble_is_mapped_over_its_parameters(name: str) -> None:
    members = [make(name, seed) for seed in range(3)]
    x = draw(members[0], name, 2)
    stacked, _ = stack_module_state(list[nn.Module](members))
    if stacked:
        found = vmap(lambda p: functional_call(members[0], p, (x,)))(stacked)
        torch.testing.assert_close(found, torch.stack([member(x) for member in members]))


@every_module
def test_copies_and_pickles_compute_the_same(name: str) -> None:
    mix = make(name)
    x = draw(mix, name, 2)
    for other in (copy.deepcopy(mix), pickle.loads(pickle.dumps(mix))):
        assert torch.equal(other(x), mix(x))
    assert f"{sum(mix.column_widths)}, {sum(mix.row_widths)}, maps=" in repr(mix)


@every_module
def test_modules_are_exported_for_every_batch_size(name: str) -> None:
    mix = make(name)
    shapes = {"x": {0: torch.export.Dim("batch", min=1)}}
    program = torch.export.export(mix, (draw(mix, name, 3),), dynamic_shapes=shapes)
    for size in (1, 2, 9):
        x = draw(mix, name, size)
        torch.testing.assert_close(program.module()(x), mix(x))


@every_module
def test_modules_are_one_graph(name: str) -> None:
    torch._dynamo.reset()
    mix = make(name)
    compiled = torch.compile(mix, backend="aot_eager", fullgraph=True)
    x = draw(mix, name, 3)
    torch.testing.assert_close(compiled(x), mix(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with signs", "dense", "several"])
def test_modules_are_compiled(name: str) -> None:
    torch._dynamo.reset()
    mix = make(name)
    x = draw(mix, name, 3)
    torch.testing.assert_close(torch.compile(mix, fullgraph=True)(x), mix(x))


@every_module
def test_modules_are_made_without_memory(name: str) -> None:
    """Bases are written when there is memory, from a cache that holds numbers all along."""
    _cached_basis.cache_clear()
    mix = make(name)
    _cached_basis.cache_clear()
    with torch.device("meta"):
        empty = TiedMix(*LAYOUTS[name], dtype=dtype_of(name))
    assert empty(draw(mix, name, 2).to("meta")).shape == mix(draw(mix, name, 2)).shape
    made = empty.to_empty(device="cpu")
    made.load_state_dict(mix.state_dict())
    x = draw(mix, name, 2)
    assert torch.equal(made(x), mix(x))


def test_bases_made_in_inference_mode_can_be_trained_with() -> None:
    _cached_basis.cache_clear()
    with torch.inference_mode():
        make("dense"), make("with signs")
    for name in ("dense", "with signs"):
        mix = make(name)
        mix(draw(mix, name, 2)).sum().backward()
        assert mix.weight is not None and mix.weight.grad is not None


@pytest.mark.parametrize("name", ["dense", "with signs", "several"])
def test_bases_follow_the_precision(name: str) -> None:
    """Going by way of half precision loses digits of coefficients, and none of the bases."""
    mix = make(name)
    for parameter in mix.parameters():
        parameter.data = torch.randint_like(parameter, -3, 4)
    x = draw(mix, name, 2)
    expected = mix(x)
    half = mix.to(torch.bfloat16)
    assert half(x.bfloat16()).dtype == torch.bfloat16
    torch.testing.assert_close(half.double()(x), expected, rtol=1e-14, atol=1e-14)


# --- How coefficients are drawn ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["C(5)", "with zeros", "with signs", "dense", "three groups"])
def test_entries_have_on_average_the_variance_asked_for(name: str) -> None:
    block = BLOCKS[name]
    mix = TiedMix([[block]], [300], [300])
    torch.manual_seed(0)
    init_tied_mix_(mix, [5.0])
    assert mix.weight is not None
    coefficient_variance = mix.weight.var(correction=0).item()
    squares = reduce(
        np.multiply.outer,
        [
            (abs(dense(tied_basis(f.outputs, f.inputs))) ** 2).sum(0).flatten()
            for f in block.factors
        ],
    )
    assert coefficient_variance * squares.mean() == pytest.approx(1 / 5, rel=0.02)


def test_each_block_of_rows_has_its_fan_in() -> None:
    mix = TiedMix([[shifts(3), shifts(3)], [shifts(3), shifts(3)]], [50, 50], [50, 50])
    init_tied_mix_(mix, [4, 100])
    found = [weight.std().item() for weight in mix.weights]
    assert found == pytest.approx([0.5, 0.5, 0.1, 0.1], rel=0.05)


@pytest.mark.parametrize("name", ["C(5)", "with zeros", "dense", "three groups"])
def test_outputs_keep_the_scale_of_independent_inputs(name: str) -> None:
    block = BLOCKS[name]
    mix = TiedMix([[block]], [40], [30])
    torch.manual_seed(0)
    mix.reset_parameters()
    outputs = mix(torch.randn(200, sum(mix.column_widths)))
    assert outputs.square().mean().sqrt().item() == pytest.approx(1, rel=0.15)


def test_coefficients_are_drawn_anew_from_the_generator() -> None:
    states = []
    for _ in range(2):
        mix = make("several")
        torch.manual_seed(3)
        mix.reset_parameters()
        states.append(mix.state_dict())
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    assert not states[0]["biases.0"].any()


# --- In one file ---------------------------------------------------------------------------------

FILES = ("actions", "ties", "tied_blocks", "tied", "correlations", "circulant")
RUNTIME = Path(specc_runtime.__file__).parent


def test_the_files_work_as_one() -> None:
    """As standalone modules have them: without relative imports, in one namespace."""
    parts = [(RUNTIME / f"{file}.py").read_text(encoding="utf-8") for file in FILES]
    tree = ast.parse("\n".join(part.replace("from __future__", "from __past__") for part in parts))
    kept = [
        node
        for node in tree.body
        if not isinstance(node, ast.ImportFrom) or not (node.level or node.module == "__past__")
    ]
    kept.insert(0, ast.parse("from __future__ import annotations").body[0])
    module = types.ModuleType("one_file")
    sys.modules["one_file"] = module
    exec(compile(ast.Module(kept, []), "one_file", "exec"), module.__dict__)
    action = module.dihedral(4)
    block = module.TiedBlock([module.TiedFactor([action], [action])])
    weight = torch.randn(3, 2, 2)
    same = dihedral(4)
    expected = assemble(weight, TiedBlock([TiedFactor([same], [same])]))
    assert torch.equal(module.assemble(weight, block), expected)


def test_no_name_of_the_files_is_another_of_the_runtime() -> None:
    own: list[str] = []
    others: set[str] = set()
    for path in sorted(RUNTIME.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = (
                [node.name]
                if isinstance(node, ast.FunctionDef | ast.ClassDef)
                else [t.id for t in node.targets if isinstance(t, ast.Name)]
                if isinstance(node, ast.Assign)
                else []
            )
            if path.stem in FILES:
                own += names
            else:
                others.update(names)
    assert len(own) == len(set(own)) and not others & set(own)
