"""Whether a layer can be every linear map that commutes with its group, and add every invariant.

What it has to be is counted as orbits on positions, within its support; what it can be is a rank.
Both are taken through one random channel of each tensor, and at few positions: where every position is
like every other, more of them make no more maps. The layers meant here are `shrunk`. With points the
maps are an affine family; meant is its dimension, that of the differences of its maps, which send
translations to zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from ..symmetry.folding import Operand
from .actions import Element, act, generators, is_matrix, moved, translation
from .draws import averaged, randomise
from .layers import Layer, full_masks, run
from .support import reached

MOST_ENTRIES = 4_000_000
"""A matrix with more entries is not made."""

MOST_DRAWN = 100_000_000
"""Where the matrices of all draws have more entries, or the parameters, there are none."""

EXTRA_DRAWS = 2
"""Parameters are drawn so many times more than there are maps: the rank stays below the draws."""

FEW_INPUTS = 4
"""So many random inputs, and what it takes for as many numbers as maps, tell most maps apart."""

MOST_EQUATIONS = 2_000
"""Maps with more entries are not looked at by linear algebra, which takes the third power of that."""

SQUARE_TOLERANCE = 1e-11
"""Eigenvalues of a sum of squares below this part of the largest are zero."""

RANK_TOLERANCE = 1e-9
"""Singular values below this part of the largest are zero; the others stand clearly above."""


@dataclass(frozen=True, slots=True)
class Span:
    """A space of maps or of invariants: its dimension, and that of what the layer reaches of it."""

    rank: int
    dimension: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """The linear maps of a layer, and what it adds to them."""

    maps: Span
    biases: Span


def completeness(layer: Layer, generator: torch.Generator) -> Completeness | None:
    """What a layer spans of what it should; None where that is too large to compute."""
    entries = _count(layer.outputs) * _count(layer.inputs)
    if entries > MOST_ENTRIES:
        return None
    elements = list(generators(layer.axes, generator))
    maps = _dimension([layer.outputs, layer.inputs], elements)
    biases = _dimension([layer.outputs], elements) if layer.bias else 0
    if maps is None or biases is None:
        return None
    parameters = sum(parameter.numel() for parameter in layer.module.parameters())
    if (maps + EXTRA_DRAWS) * max(entries, parameters) > MOST_DRAWN:
        return None
    with _parameters_kept(layer.module):
        return Completeness(
            Span(_rank_of_maps(layer, maps, generator), maps),
            Span(_rank_of_biases(layer, biases, generator), biases),
        )


# --- What it has to be ----------------------------------------------------------------------------


def _dimension(sides: Sequence[Sequence[Operand]], elements: Sequence[Element]) -> int | None:
    """The dimension of the maps from the second side, or of the invariants of the first."""
    exchanged = any(operand.tensor.exchanges for side in sides for operand in side)
    matrices = any(is_matrix(table) for each in elements for table in each.values())
    if not matrices and not exchanged:
        return _orbits(sides, elements)
    if prod(map(_count, sides)) > MOST_EQUATIONS:
        return None
    return _fixed(sides, elements)


def _fixed(sides: Sequence[Sequence[Operand]], elements: Sequence[Element]) -> int:
    """The dimension of what all elements leave fixed: rho_out M = M rho_in for maps M.

    It is the nullity of the sum of squares of the constraints, a symmetric matrix. Symmetric tensors
    are those that the mean over exchanges leaves as they are.
    """
    outputs, *inputs = sides
    means = _mean(outputs)
    shifts = _translations(inputs[0]) if inputs else []
    if inputs:
        means = torch.kron(means, _mean(inputs[0]))
    rest = torch.eye(len(means), dtype=torch.float64) - means
    squares = rest.T @ rest + torch.diag((~reached(sides)).flatten().to(torch.float64))
    for element in elements:
        moved = _matrix(outputs, element)
        if inputs:
            moved = torch.kron(moved, torch.linalg.inv(_matrix(inputs[0], element)).T.contiguous())
        constraint = moved - torch.eye(len(moved), dtype=torch.float64)
        squares = squares + constraint.mH @ constraint
    for shift in shifts:
        squares = squares + torch.kron(
            torch.eye(_count(outputs), dtype=torch.float64), torch.outer(shift, shift)
        )
    values = torch.linalg.eigvalsh(squares)
    return int((values <= SQUARE_TOLERANCE * max(1.0, float(values[-1]))).sum())


def _translations(operands: Sequence[Operand]) -> list[Tensor]:
    """What translations add to the positions of all tensors, one vector for each direction."""
    axes = {
        axis.mover: axis
        for o in operands
        if o.tensor.coordinates is not None
        for axis in [o.tensor.axes[o.tensor.coordinates]]
    }
    found = []
    for mover, axis in axes.items():
        for direction in torch.eye(axis.size, dtype=torch.float64):
            parts = []
            for operand in operands:
                tensor = operand.tensor
                part = torch.zeros(1, *(each.size for each in tensor.axes), dtype=torch.float64)
                index = tensor.coordinates
                if index is not None and tensor.axes[index].mover == mover:
                    part = moved({translation(tensor.axes[index]): direction}, part, tensor)
                parts.append(part.flatten())
            found.append(torch.cat(parts))
    return found


def _mean(operands: Sequence[Operand]) -> Tensor:
    """The mean over exchanges, as a matrix on the positions of all tensors."""
    return _blocks(operands, lambda x, operand: averaged(x, operand.tensor))


def _matrix(operands: Sequence[Operand], element: Element) -> Tensor:
    """The matrix of an element on the positions of all tensors."""
    return _blocks(operands, lambda x, operand: act(element, x, operand.tensor.axes))


def _blocks(operands: Sequence[Operand], apply: Callable[[Tensor, Operand], Tensor]) -> Tensor:
    """A linear map of each tensor as a matrix, one block for each."""
    blocks = []
    for operand in operands:
        count, sizes = operand.tensor.positions, [axis.size for axis in operand.tensor.axes]
        columns = torch.eye(count, dtype=torch.float64).reshape(count, *sizes)
        blocks.append(apply(columns, operand).reshape(count, count).T)
    joint: Tensor = torch.block_diag(*blocks)
    return joint


def _orbits(sides: Sequence[Sequence[Operand]], elements: Sequence[Element]) -> int:
    """The orbits of the group on tuples of a position of each side.

    Labels start distinct; each takes on the smallest that an element of the group brings to it, back
    and forth, until none changes.
    """
    moves = [[_positions(side, element) for side in sides] for element in elements]
    moves += [[positions.argsort() for positions in move] for move in moves]
    sizes = [_count(side) for side in sides]
    labels = torch.arange(prod(sizes)).reshape(sizes)
    while True:
        before = labels
        for move in moves:
            moved = labels
            for dim, positions in enumerate(move):
                moved = moved.index_select(dim, positions)
            labels = torch.minimum(labels, moved)
        if torch.equal(labels, before):
            return int(labels[reached(sides)].unique().numel())


def _positions(operands: Sequence[Operand], element: Element) -> Tensor:
    """Where an element takes each position of all tensors from, flattened and numbered through."""
    found, start = [], 0
    for operand in operands:
        sizes = [axis.size for axis in operand.tensor.axes]
        numbers = torch.arange(start, start + operand.tensor.positions).reshape(1, *sizes)
        found.append(act(element, numbers, operand.tensor.axes).flatten())
        start += operand.tensor.positions
    return torch.cat(found)


def _count(operands: Sequence[Operand]) -> int:
    return sum(operand.tensor.positions for operand in operands)


# --- What it can be -------------------------------------------------------------------------------


def _rank_of_maps(layer: Layer, maps: int, generator: torch.Generator) -> int:
    """The rank of the maps that random parameters make.

    On a few random inputs it may come out too low, never too high; then all inputs are taken.
    """
    rows, columns = _count(layer.outputs), _count(layer.inputs)
    number = min(columns, FEW_INPUTS + 2 * maps // rows)
    few = torch.randn(number, columns, generator=generator, dtype=torch.float64)
    rank = _rank_on(layer, few, maps + EXTRA_DRAWS, generator)
    if rank == maps or number == columns:
        return rank
    return _rank_on(layer, torch.eye(columns, dtype=torch.float64), maps + EXTRA_DRAWS, generator)


def _rank_of_biases(layer: Layer, biases: int, generator: torch.Generator) -> int:
    """The rank of what random parameters make of the input zero."""
    zero = torch.zeros(1, _count(layer.inputs), dtype=torch.float64)
    answers = _answers(layer, zero, biases + EXTRA_DRAWS, generator)
    return _rank(answers.flatten(1))


def _rank_on(layer: Layer, inputs: Tensor, draws: int, generator: torch.Generator) -> int:
    """The rank of the linear part on some inputs: what the input zero gives is taken away."""
    with_zero = torch.cat([torch.zeros_like(inputs[:1]), inputs])
    answers = _answers(layer, with_zero, draws + 1, generator)
    linear = (answers[:, 1:] - answers[:, :1]).flatten(1)
    if not _reads_points(layer):
        return _rank(linear)
    return _rank(linear[1:] - linear[:1], float(inputs.abs().max()))


def _reads_points(layer: Layer) -> bool:
    return any(operand.tensor.points for operand in layer.inputs)


def _answers(layer: Layer, inputs: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """The layer on inputs `(batch, positions)` for random parameters: `(draws, batch, positions)`.

    Points are alike in all channels, so that translations move all of them alike.
    """
    dtype = torch.complex128 if layer.maps.is_complex else torch.float64

    def channel(operand: Operand) -> Tensor:
        return torch.randn(operand.tensor.width, generator=generator, dtype=dtype)

    def point(operand: Operand) -> Tensor:
        return torch.ones(operand.tensor.width, dtype=dtype)

    read = [point(o) if o.tensor.points else channel(o) for o in layer.inputs]
    written = [channel(o) for o in layer.outputs]
    parts = inputs.split([operand.tensor.positions for operand in layer.inputs], 1)
    shaped = [
        averaged(part.reshape(-1, *(a.size for a in o.tensor.axes)), o.tensor)
        for part, o in zip(parts, layer.inputs, strict=True)
    ]
    values = [x.unsqueeze(-1) * vector for x, vector in zip(shaped, read, strict=True)]
    masks = full_masks(layer, len(inputs))
    found = []
    for _ in range(draws):
        randomise(layer.module, generator)
        answers = run(layer, values, masks)
        flat = [(y @ v).reshape(len(inputs), -1) for y, v in zip(answers, written, strict=True)]
        found.append(torch.cat(flat, 1))
    return torch.stack(found)


def _rank(matrix: Tensor, scale: float = 0.0) -> int:
    """The rank; what is small beside the scale of the numbers that it was made of is zero."""
    values = torch.linalg.svdvals(matrix)
    largest = max(float(values[0]), scale)
    return int((values > RANK_TOLERANCE * largest).sum()) if largest > 0 else 0


@contextmanager
def _parameters_kept(module: nn.Module) -> Iterator[None]:
    """Restores the parameters of a module at the end of a block."""
    kept = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        yield
    finally:
        module.load_state_dict(kept)
