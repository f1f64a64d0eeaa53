"""Groups of the shifts of a ring or a torus, and D(n): what their maps are, without square matrices.

A map that commutes with C(n), or with all shifts of a torus, is known from where its first output
position is 0: its *kernel*, which has the other indices alone. One that commutes with D(n) has the same
kernel at p and at -p.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod

import torch
from torch import Tensor

from .actions import Action, cyclic, dihedral
from .orbits import OrbitBasis
from .torus import torus


def is_toroidal(actions: Sequence[Action]) -> bool:
    """Whether all indices are moved by the same C(n) or D(n), or by the same shifts of a torus."""
    first = actions[0]
    return len(set(actions)) == 1 and (first in _rings(first.size) or torus(first) is not None)


def is_reflected(action: Action) -> bool:
    """Whether an action is that of D(n)."""
    return action == _rings(action.size)[1]


def ring_sizes(action: Action) -> tuple[int, ...]:
    """The lengths of the rings whose positions it shifts."""
    shifted = None if is_reflected(action) else torus(action)
    return shifted.sizes if shifted else (action.size,)


@cache
def _rings(size: int) -> tuple[Action, Action]:
    return cyclic(size), dihedral(size)


def check_support(actions: Sequence[Action], outputs: int, support: int) -> None:
    """Raises `ValueError` where maps between these indices cannot reach `support` offsets alone."""
    rings = _rings(actions[0].size)
    if {*actions} - {*rings} or len({*actions}) != 1 or (outputs, len(actions)) != (1, 2):
        raise ValueError("a support is that of one output and one input index of a cyclic axis")
    size = actions[0].size
    if support % 2 == 0 or not 0 < support <= size:
        raise ValueError(
            f"a support along {size} positions is odd and at most {size}, not {support}"
        )


def ring_dimension(action: Action, indices: int, support: int | None) -> int:
    """The maps between so many indices of a ring; within a window, those of its offsets."""
    if support is not None:
        return (support + 1) // 2 if is_reflected(action) else support
    kernel = action.size ** (indices - 1)
    if not is_reflected(action):
        return int(kernel)
    fixed = (2 - action.size % 2) ** (indices - 1)
    return int(kernel + fixed) // 2


def ring_table(action: Action, indices: int, support: int | None) -> Tensor | None:
    """The coefficient of each entry of the kernel in int32, row-major; None where each has its own, in order.

    Positions of a torus are row-major in its rings. Offsets of a window are the most negative first.
    Coefficients are numbered by their first entry.
    """
    if not is_reflected(action):
        return _places_on_torus(action, indices)
    if support is not None:
        offsets = torch.arange(support, dtype=torch.int32, device="cpu")
        return torch.minimum(offsets, support - 1 - offsets)
    sizes = [action.size] * (indices - 1)
    entries = torch.arange(prod(sizes), device="cpu")
    reflected = entries.reshape(sizes)
    for dim in range(len(sizes)):
        reflected = reflected.flip(dim).roll(1, dim)
    first = torch.minimum(entries, reflected.flatten())
    numbers = (first == entries).cumsum(0) - 1
    return numbers[first].to(torch.int32)


def torus_order(action: Action) -> Tensor | None:
    """(2, n): the position at each place of a torus, and the place of each; None where they agree."""
    shifted = None if is_reflected(action) else torus(action)
    if shifted is None or shifted.is_ordered:
        return None
    positions = torch.tensor(shifted.positions, device="cpu")
    return torch.stack([positions, positions.argsort()])


def _places_on_torus(action: Action, indices: int) -> Tensor | None:
    """The entries of a kernel as its places on a torus have them."""
    order = torus_order(action)
    if order is None:
        return None
    places = torch.zeros(1, dtype=torch.int64, device="cpu")
    for _ in range(indices - 1):
        places = (places[:, None] * action.size + order[0]).flatten()
    return places.to(torch.int32)


def window_basis(action: Action, support: int) -> OrbitBasis:
    """The maps between one index and one within a window, as matrices: zero where they do not reach."""
    positions = torch.arange(action.size, device="cpu")
    places = (positions - positions[:, None] + support // 2) % action.size
    inside = places < support
    table = ring_table(action, 2, support)
    labels = places if table is None else table[places.clamp(max=support - 1)]
    return OrbitBasis(
        ring_dimension(action, 2, support),
        torch.where(inside, labels, 0).to(torch.int32),
        inside.to(torch.int8),
        support / action.size,
    )
