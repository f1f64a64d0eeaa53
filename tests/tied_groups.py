"""Groups written twice: as actions of the runtime, and as matrices of numpy; what commutes with them.

The truth about a group comes from the matrices. Nothing of the runtime is asked what the group is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from specc_runtime.actions import (
    Action,
    combined,
    cyclic,
    dihedral,
    dual,
    matrices,
    permutations,
)
from specc_runtime.ties import DenseBasis, OrbitBasis, tied_basis

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


def exponential(like: Matrix, amounts: NDArray[np.float64], algebra: Sequence[Matrix]) -> Matrix:
    element = sum((a * m for a, m in zip(amounts, algebra, strict=True)), np.zeros(like.shape))
    return torch.linalg.matrix_exp(torch.from_numpy(np.asarray(element, complex))).numpy()
