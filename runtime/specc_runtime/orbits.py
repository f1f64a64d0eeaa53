"""Orbits of pairs of positions under signed permutations, and the maps that they make.

Found from the generators as connected components of a graph; no group is listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from .actions import Action, SignedPermutation

Exchanged = tuple[tuple[int, ...], int]
"""Indices in another order, those of outputs before those of inputs, and the sign that it brings."""


@dataclass(frozen=True, slots=True, eq=False)
class OrbitBasis:
    """Each entry of the matrix is zero, or plus or minus one coefficient.

    `labels` and `signs` are int32 and int8 of shape (outputs, inputs): entry (o, i) is `signs[o, i]`
    times coefficient `labels[o, i]`, and zero where both are 0. Coefficients are numbered by the
    first of their entries in row-major order, whose sign is +.
    """

    dimension: int
    labels: Tensor
    signs: Tensor
    density: float
    """The mean over all entries of the sum of squares of the basis: the share that is not zero."""


def is_monomial(actions: Sequence[Action], generator: int) -> bool:
    """Whether a generator is a signed permutation on every index that moves."""
    moving = [action for action in actions if not action.still]
    return all(isinstance(action.generators[generator], SignedPermutation) for action in moving)


def position_count(actions: Sequence[Action]) -> int:
    """How many tuples of positions several indices have."""
    return prod(action.size for action in actions)


def orbit_basis(
    outputs: Sequence[Action],
    inputs: Sequence[Action],
    generators: Sequence[int],
    exchanges: Sequence[Exchanged] = (),
) -> OrbitBasis:
    """The orbits of pairs of positions under some of the generators, all signed permutations.

    Maps between symmetric tensors do not change under `exchanges` of indices either.
    """
    actions = (*outputs, *inputs)
    moves = [_joint_permutation(actions, generator) for generator in generators]
    moves += [_exchange(actions, order, sign) for order, sign in exchanges]
    count = position_count(actions)
    if any((signs < 0).any() for _, signs in moves):
        first, signs = _signed_orbits(count, moves)
    else:
        first = connected_components(count, [images for images, _ in moves])
        signs = torch.ones(count, dtype=torch.int8, device="cpu")
    numbers, dimension = _numbered(first, signs)
    shape = (position_count(outputs), position_count(inputs))
    density = float((signs != 0).sum()) / count
    return OrbitBasis(dimension, numbers.reshape(shape), signs.reshape(shape), density)


def _exchange(actions: Sequence[Action], order: Sequence[int], sign: int) -> tuple[Tensor, Tensor]:
    """Where an exchange of indices takes each tuple of positions, and its sign."""
    sizes = [action.size for action in actions]
    numbers = torch.arange(position_count(actions), device="cpu").reshape(sizes)
    images = numbers.permute(*order).flatten()
    return images, torch.full_like(images, sign, dtype=torch.int8)


def _joint_permutation(actions: Sequence[Action], generator: int) -> tuple[Tensor, Tensor]:
    """Where a generator takes each tuple of positions, row-major, and with which sign."""
    images = torch.zeros(1, dtype=torch.int64, device="cpu")
    signs = torch.ones(1, dtype=torch.int8, device="cpu")
    for action in actions:
        own = torch.arange(action.size, device="cpu")
        own_signs = torch.ones(action.size, dtype=torch.int8, device="cpu")
        if not action.still:
            move = action.generators[generator]
            assert isinstance(move, SignedPermutation)
            own = torch.tensor(move.images, device="cpu")
            own_signs = torch.tensor(move.signs, dtype=torch.int8, device="cpu")
        images = (images[:, None] * action.size + own).flatten()
        signs = (signs[:, None] * own_signs).flatten()
    return images, signs


def connected_components(count: int, edges: Sequence[Tensor]) -> Tensor:
    """The least node of each node's component; `edges[k][u]` is a neighbour of node u.

    In each round every root takes the least label among its neighbours' as its own, then all labels
    jump to their roots; the rounds end when no edge joins two labels.
    """
    labels = torch.arange(count, dtype=torch.int64, device="cpu")
    changed = True
    while changed:
        changed = False
        for images in edges:
            there = labels[images]
            apart = there != labels
            here, there = labels[apart], there[apart]
            if len(here):
                changed = True
                low, high = torch.minimum(here, there), torch.maximum(here, there)
                labels.scatter_reduce_(0, high, low, "amin")
                labels = _roots(labels)
    return labels


def _roots(labels: Tensor) -> Tensor:
    """Each label followed to a node that is its own label."""
    while True:
        further = labels[labels]
        if torch.equal(further, labels):
            return labels
        labels = further


def _signed_orbits(count: int, moves: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The first tuple of each tuple's orbit, and the sign against it: 0 where signs contradict.

    Node 2p stands for entry p, and node 2p + 1 for minus entry p.
    """
    edges = []
    for images, signs in moves:
        flipped = (signs < 0).to(torch.int64)
        edges.append(torch.stack([2 * images + flipped, 2 * images + 1 - flipped], 1).flatten())
    plus, minus = connected_components(2 * count, edges).reshape(count, 2).unbind(1)
    signs = torch.where(plus == minus, 0, 1 - 2 * (plus % 2)).to(torch.int8)
    return plus // 2, signs


def _numbered(first: Tensor, signs: Tensor) -> tuple[Tensor, int]:
    """Orbits numbered by their first tuple, those without a sign left out; int32."""
    starts = (first == torch.arange(len(first), device="cpu")) & (signs != 0)
    numbers = starts.cumsum(0) - 1
    dimension = int(starts.sum())
    return torch.where(signs != 0, numbers[first], 0).to(torch.int32), dimension
