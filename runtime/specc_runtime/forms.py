"""What the classical groups leave fixed: bilinear forms and the determinant.

Values are `(batch, *axes, features)`; dimensions count from the batch, which is 0.
"""

from __future__ import annotations

from itertools import combinations, permutations
from math import factorial

import torch
from torch import Tensor, nn


def lower(x: Tensor, dim: int, negative: int) -> Tensor:
    """One dimension multiplied by diag(1, ..., 1, -1, ..., -1), the form that O(p, q) keeps."""
    positive = x.shape[dim] - negative
    plus, minus = x.split([positive, negative], dim)
    return torch.cat([plus, -minus], dim)


def lower_symplectic(x: Tensor, dim: int) -> Tensor:
    """One dimension multiplied by [[0, 1], [-1, 0]], the form that Sp(n) keeps: (q, p) becomes (p, -q)."""
    position, momentum = x.chunk(2, dim)
    return torch.cat([momentum, -position], dim)


def along(x: Tensor, dim: int, vector: Tensor) -> Tensor:
    """`x` times a vector, whose dimension stands at `dim`."""
    return x.unsqueeze(dim) * vector.reshape(-1, *[1] * (x.dim() - dim))


def symmetric(x: Tensor, *parts: tuple[int, ...]) -> Tensor:
    """The mean over all ways to exchange parts of the dimensions, each part with as many of them."""
    return _averaged(x, parts, 1)


def antisymmetric(x: Tensor, *parts: tuple[int, ...]) -> Tensor:
    """The same with the sign of each permutation of the parts."""
    return _averaged(x, parts, -1)


def _averaged(x: Tensor, parts: tuple[tuple[int, ...], ...], sign: int) -> Tensor:
    total = x
    for order in list(permutations(range(len(parts))))[1:]:
        dims = list(range(x.dim()))
        for part, number in zip(parts, order, strict=True):
            for dim, source in zip(part, parts[number], strict=True):
                dims[dim] = source
        moved = x.permute(dims)
        total = total - moved if sign < 0 and _sign(order) < 0 else total + moved
    return total / factorial(len(parts))


class Determinant(nn.Module):
    """The determinant of `size` vectors, `joined` of them on the reading side: a constant map between
    their antisymmetric parts, never written out as a tensor of `size ** size` entries.

    `pool` joins dimensions into one with an entry for each set of `joined` positions; `spread` writes such
    a dimension onto the `size - joined` others.
    """

    places: Tensor
    place_signs: Tensor
    sources: Tensor
    targets: Tensor
    target_signs: Tensor

    def __init__(self, size: int, joined: int) -> None:
        super().__init__()
        self.size, self.joined = size, joined
        sets = list(combinations(range(size), joined))
        orders = [
            (_place(order, size), _sign(order)) for each in sets for order in permutations(each)
        ]
        self._constant("places", [place for place, _ in orders])
        self._constant("place_signs", [sign for _, sign in orders])
        complements = {
            rest: number
            for number, each in enumerate(sets)
            for rest in permutations(i for i in range(size) if i not in each)
        }
        targets = [(_place(rest, size), number, rest) for rest, number in complements.items()]
        self._constant("sources", [number for _, number, _ in targets])
        self._constant("targets", [place for place, _, _ in targets])
        self._constant(
            "target_signs", [_sign((*rest, *sets[number])) for _, number, rest in targets]
        )

    def _constant(self, name: str, values: list[int]) -> None:
        """A buffer that is in no checkpoint."""
        self.register_buffer(name, torch.tensor(values, dtype=torch.int64), persistent=False)

    def pool(self, x: Tensor, dims: tuple[int, ...], dim: int | None) -> Tensor:
        """`x` with the dimensions `dims` antisymmetrised into one, which stands at `dim` of the result."""
        x = x.movedim(dims, tuple(range(-1 - len(dims), -1))).flatten(-1 - len(dims), -2)
        x = x.index_select(-2, self.places) * self.place_signs[:, None].to(x.dtype)
        x = x.unflatten(-2, (-1, factorial(self.joined))).sum(-2)
        return x.squeeze(-2) if dim is None else x.movedim(-2, dim)

    def spread(self, y: Tensor, dim: int | None, dims: tuple[int, ...]) -> Tensor:
        """`y` with its dimension `dim` written onto `dims` of the result, antisymmetric in them."""
        y = y.unsqueeze(-2) if dim is None else y.movedim(dim, -2)
        y = y.index_select(-2, self.sources) * self.target_signs[:, None].to(y.dtype)
        full = y.new_zeros(*y.shape[:-2], self.size ** len(dims), y.shape[-1])
        full = full.index_copy(-2, self.targets, y)
        full = full.unflatten(-2, (self.size,) * len(dims)) if dims else full.squeeze(-2)
        return full.movedim(tuple(range(-1 - len(dims), -1)), dims)


def _place(positions: tuple[int, ...], size: int) -> int:
    """The row-major number of a tuple of positions."""
    number = 0
    for position in positions:
        number = number * size + position
    return number


def _sign(order: tuple[int, ...]) -> int:
    """The sign of the permutation that sorts distinct numbers."""
    inversions = sum(order[j] > order[i] for i in range(len(order)) for j in range(i))
    return 1 if inversions % 2 == 0 else -1
