"""Elements of matrix groups and of groups given by generators, as a matrix for each axis.

A group is drawn by its definition: orthogonal matrices by QR, those of other classical groups as
exponentials of what keeps their form, a group given by generators as words in these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from ..groups import (
    DUAL,
    UNSIGNED,
    Diagrams,
    Form,
    Linear,
    Orthogonal,
    Permuted,
    Represented,
    Signed,
    Stabiliser,
    Symplectic,
    Tied,
)
from ..symmetry.mechanism import treated
from ..symmetry.ties import action_of, as_matrices
from ..types import Axis

Matrices = Mapping[str, Tensor]
"""For each axis of one mover, by name, the matrix `(size, size)` of one group element, in float64, or
in complex128 of a unitary one."""

WORD = 3
"""A random element is a product of so many generating ones."""

STRETCH = 0.4
"""How far exponentials reach: far enough to be seen, near enough to stay well-conditioned."""


def random_matrices(axes: Sequence[Axis], generator: torch.Generator) -> Matrices:
    """A random element of the group that moves all of these axes."""
    letters = list(generating_matrices(axes, generator))
    found = {
        name: torch.eye(len(matrix), dtype=matrix.dtype) for name, matrix in letters[0].items()
    }
    for _ in range(WORD):
        pick = int(torch.randint(len(letters), (), generator=generator))
        found = {name: letters[pick][name] @ matrix for name, matrix in found.items()}
    return found


def generating_matrices(axes: Sequence[Axis], generator: torch.Generator) -> Iterator[Matrices]:
    """Elements that generate the group, or a dense subgroup of it."""
    axes = [replace(axis, group=treated(axis, axes)) for axis in axes]
    first = axes[0].group
    if isinstance(first, Diagrams):
        for matrix in _defining(first, axes[0].size, generator):
            yield {axis.name: _acting(matrix, axis) for axis in axes}
        return
    if isinstance(first, Stabiliser) and first.unitary:
        for _ in range(2):
            matrix = _unitary_fixing(first, axes[0].size, generator)
            yield {axis.name: matrix.conj() if _is_dual(axis) else matrix for axis in axes}
        return
    first_axes = [axis for axis in axes if not (axis.joint and axis.joint.place)]
    actions = {axis.name: _represented(axis) for axis in first_axes}
    some = next(iter(actions.values()))
    for number in range(len(some.generators)):
        yield {name: _tensor(action.generators[number]) for name, action in actions.items()}
    for _ in range(3 if some.algebra else 0):
        scale = STRETCH * _normal(generator, len(some.algebra))
        yield {
            name: torch.linalg.matrix_exp(
                sum(s * _tensor(matrix) for s, matrix in zip(scale, action.algebra, strict=True))
            )
            for name, action in actions.items()
        }


def generating_tables(axes: Sequence[Axis]) -> list[Matrices] | None:
    """What generates a group of permutations, as tables of where each position is taken from.

    None for other groups, and where several axes are permuted jointly.
    """
    actions = {
        axis.name: action_of(axis)
        for axis in axes
        if isinstance(axis.group, Tied) and axis.joint is None
    }
    permuted = {
        name: action.images
        for name, action in actions.items()
        if isinstance(action, Permuted) and not action.is_signed
    }
    if len(permuted) < len(axes):
        return None
    count = len(permuted[axes[0].name])
    return [
        {name: torch.tensor(images[number]).argsort() for name, images in permuted.items()}
        for number in range(count)
    ]


def random_tables(tables: Sequence[Matrices], generator: torch.Generator) -> Matrices:
    """A product of generating tables."""
    found = dict(tables[0])
    for _ in range(WORD):
        pick = tables[int(torch.randint(len(tables), (), generator=generator))]
        found = {name: table[pick[name]] for name, table in found.items()}
    return found


def _represented(axis: Axis) -> Represented:
    return as_matrices(action_of(axis))


def _tensor(matrix: Sequence[Sequence[Fraction | float]]) -> Tensor:
    return torch.tensor([[float(x) for x in row] for row in matrix], dtype=torch.float64)


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _acting(matrix: Tensor, axis: Axis) -> Tensor:
    """The matrix of an element by the representation that moves an axis."""
    kind = axis.diagrams.kind
    if isinstance(axis.group, Signed):
        return matrix.abs() if kind == UNSIGNED else matrix
    return torch.linalg.inv(matrix).T if kind == DUAL else matrix


def _defining(group: Diagrams, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Elements of a diagram group by its defining representation."""
    match group:
        case Signed():
            yield from _signed(size)
        case Orthogonal():
            yield from _orthogonal(group, size, generator)
        case Symplectic():
            form = _tensor(Form(None).matrix(size))
            for _ in range(2):
                symmetric = _normal(generator, size, size)
                yield torch.linalg.matrix_exp(STRETCH * form @ (symmetric + symmetric.T) / 2)
        case Linear(unitary=True):
            for _ in range(2):
                yield _unitary(group.special, size, generator)
        case Linear():
            for _ in range(2):
                entries = _normal(generator, size, size)
                if group.special:
                    entries -= entries.trace() / size * torch.eye(size, dtype=torch.float64)
                yield torch.linalg.matrix_exp(STRETCH * entries)
        case _:
            raise AssertionError("symmetric groups are drawn as tables")


def _unitary(special: bool, size: int, generator: torch.Generator) -> Tensor:
    """The exponential of an anti-Hermitian matrix, for SU(n) without trace."""
    parts = torch.complex(_normal(generator, size, size), _normal(generator, size, size))
    entries = parts - parts.mH
    if special:
        entries -= entries.trace() / size * torch.eye(size, dtype=torch.float64)
    found: Tensor = torch.linalg.matrix_exp(STRETCH * entries)
    return found


def _unitary_fixing(group: Stabiliser, size: int, generator: torch.Generator) -> Tensor:
    """A unitary matrix that leaves a vector where it is: one of the rest of the space."""
    assert isinstance(group.group, Linear), "a unitary group"
    vector = torch.tensor([float(x) for x in group.vector], dtype=torch.float64)
    frame = _frame(vector, generator).to(torch.complex128)
    inner = _unitary(group.group.special, size - 1, generator)
    block: Tensor = torch.block_diag(torch.ones(1, 1, dtype=inner.dtype), inner)
    return frame @ block @ frame.mH


def _is_dual(axis: Axis) -> bool:
    return isinstance(axis.group, Stabiliser) and axis.group.dual


def _frame(vector: Tensor, generator: torch.Generator) -> Tensor:
    """Orthonormal columns of which the first is along a vector."""
    size = len(vector)
    columns = torch.cat([vector[:, None], _normal(generator, size, size - 1)], 1)
    frame: Tensor = torch.linalg.qr(columns).Q
    return frame


def _signed(size: int) -> Iterator[Tensor]:
    """A change of one sign, a swap and a rotation."""
    identity = torch.eye(size, dtype=torch.float64)
    flip = identity.clone()
    flip[0, 0] = -1
    yield flip
    if size > 1:
        yield identity[[1, 0, *range(2, size)]]
        yield identity.roll(1, 0)


def _orthogonal(group: Orthogonal, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Exponentials of what is antisymmetric under the form, and reflections of both signs of it;
    for the special groups products of two reflections."""
    if group.fixed:
        yield from _fixing(group, size, generator)
        return
    form = _tensor(Form(group.negative or 0).matrix(size))
    for _ in range(2):
        entries = _normal(generator, size, size)
        yield torch.linalg.matrix_exp(STRETCH * form @ (entries - entries.T))
    first, last = torch.eye(size, dtype=torch.float64), torch.eye(size, dtype=torch.float64)
    first[0, 0] = last[-1, -1] = -1
    if group.special:
        yield first @ last
    else:
        yield first
        yield last


def _fixing(group: Orthogonal, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Elements of O(n) that leave a vector where it is: orthogonal ones of the rest of the space."""
    vector = torch.tensor([float(x) for x in group.fixed], dtype=torch.float64)
    frame = _frame(vector, generator)
    for inner in _orthogonal(replace(group, fixed=()), size - 1, generator):
        block: Tensor = torch.block_diag(torch.ones(1, 1, dtype=torch.float64), inner)
        yield frame @ block @ frame.T
