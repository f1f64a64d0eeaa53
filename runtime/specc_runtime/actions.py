"""How one group acts on one index of a tensor, given by what its generators do.

The generators are group elements, elements of a Lie algebra, or both. Several indices that one group
moves together have actions with the same generators in the same order. Nothing here lists a group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

Entries = tuple[tuple[complex, ...], ...]
"""The rows of a square matrix; all entries are real, or some are complex."""


class SignedPermutation(NamedTuple):
    """The matrix that takes unit vector p to `signs[p]` times unit vector `images[p]`."""

    images: tuple[int, ...]
    signs: tuple[int, ...]

    def entries(self) -> Entries:
        """The matrix itself."""
        rows = [[0] * len(self.images) for _ in self.images]
        for position, (image, sign) in enumerate(zip(self.images, self.signs, strict=True)):
            rows[image][position] = sign
        return tuple(map(tuple, rows))


@dataclass(frozen=True, slots=True)
class Action:
    """What each generator of a group does to an index with `size` positions.

    `generators` are matrices of group elements, `algebra` those of Lie-algebra elements. An action
    with neither leaves the index where it is, whatever the group.
    """

    size: int
    generators: tuple[SignedPermutation | Entries, ...] = ()
    algebra: tuple[Entries, ...] = ()

    @property
    def still(self) -> bool:
        """Whether nothing moves the index."""
        return not self.generators and not self.algebra


def permutations(*generators: str, degree: int) -> Action:
    """Positions permuted as cycles say: `permutations("(1 2)(3 4)", "(1 3)(2 4)", degree=4)`.

    Positions count from 1; `(1 2 3)` takes 1 to 2, 2 to 3 and 3 to 1. Raises `ValueError` for what is
    not a product of disjoint cycles of numbers from 1 to `degree`.
    """
    return Action(degree, tuple(_from_cycles(text, degree) for text in generators))


def cyclic(size: int) -> Action:
    """The cyclic group C(size): its generator takes each position to the next, the last to the first."""
    return Action(size, (_without_signs((p + 1) % size for p in range(size)),))


def dihedral(size: int) -> Action:
    """The dihedral group of order 2 * size on the corners of a polygon: a rotation and a reflection.

    The rotation is that of `cyclic`; the reflection keeps the first corner and takes p to -p.
    """
    reflection = _without_signs(-p % size for p in range(size))
    return Action(size, (*cyclic(size).generators, reflection))


def matrices(*generators: Sequence[Sequence[complex]], lie: bool = False) -> Action:
    """The group that matrices generate, or with `lie` the connected one whose algebra they span.

    A group element with a single entry of 1 or -1 in each row and column is kept as a signed
    permutation. Raises `ValueError` for no matrices, for matrices that are not square, of different
    sizes or not of numbers, and without `lie` for one that has no inverse.
    """
    rows = [tuple(map(tuple, each)) for each in generators]
    _check_square_matrices(rows)
    if lie:
        return Action(len(rows[0]), algebra=tuple(rows))
    _check_invertible(rows)
    return Action(len(rows[0]), tuple(_as_signed_permutation(each) for each in rows))


def unmoved(size: int) -> Action:
    """An index that nothing moves."""
    return Action(size)


def combined(*actions: Action) -> Action:
    """The action of the group that several groups generate together on the same index.

    O(3) is `combined` of so(3) as an algebra and the reflection -1. Raises `ValueError` for different
    sizes.
    """
    sizes = {action.size for action in actions}
    if len(sizes) != 1:
        raise ValueError(f"actions on one index have one size, not {sorted(sizes)}")
    generators = tuple(chain.from_iterable(action.generators for action in actions))
    algebra = tuple(chain.from_iterable(action.algebra for action in actions))
    return Action(actions[0].size, generators, algebra)


def dual(action: Action) -> Action:
    """The action on linear functions: inverse transposes, and minus transposes of an algebra."""
    generators = tuple(_inverse_transpose(each) for each in action.generators)
    algebra = tuple(_entries_of(-matrix_of(each).T) for each in action.algebra)
    return Action(action.size, generators, algebra)


def matrix_of(generator: SignedPermutation | Entries) -> Tensor:
    """A generator as a float64 or complex128 matrix on the CPU, whatever torch's defaults are."""
    rows = generator.entries() if isinstance(generator, SignedPermutation) else generator
    is_complex = any(isinstance(entry, complex) for entry in chain.from_iterable(rows))
    dtype = torch.complex128 if is_complex else torch.float64
    return torch.tensor(rows, dtype=dtype, device="cpu")


CYCLE_NOTATION = re.compile(r"\s*(\([\d\s,]*\)\s*)+")


def _from_cycles(text: str, degree: int) -> SignedPermutation:
    if not CYCLE_NOTATION.fullmatch(text):
        raise ValueError(f"`{text}` is not a product of cycles such as (1 2)(3 4)")
    cycles = [[int(n) for n in re.findall(r"\d+", each)] for each in re.findall(r"\([^)]*\)", text)]
    moved = list(chain.from_iterable(cycles))
    outside = [number for number in moved if not 1 <= number <= degree]
    if outside:
        raise ValueError(f"`{text}` moves {outside[0]}, and the positions are 1 to {degree}")
    repeated = [number for number in moved if moved.count(number) > 1]
    if repeated:
        raise ValueError(f"`{text}` has {repeated[0]} twice")
    images = list(range(degree))
    for cycle in cycles:
        for number, image in zip(cycle, cycle[1:] + cycle[:1], strict=True):
            images[number - 1] = image - 1
    return _without_signs(images)


def _without_signs(images: Iterable[int]) -> SignedPermutation:
    listed = tuple(images)
    return SignedPermutation(listed, (1,) * len(listed))


def _check_square_matrices(generators: Sequence[Entries]) -> None:
    if not generators or not generators[0]:
        raise ValueError("a group of matrices needs at least one matrix, of at least one row")
    size = len(generators[0])
    for number, rows in enumerate(generators, 1):
        widths = {len(row) for row in rows}
        if widths != {len(rows)}:
            raise ValueError(f"matrix {number} is not square: {len(rows)} rows of {sorted(widths)}")
        if len(rows) != size:
            raise ValueError(f"matrix {number} has {len(rows)} rows, and the first has {size}")
        if not matrix_of(rows).isfinite().all():
            raise ValueError(f"matrix {number} has an entry that is not a number")


def _check_invertible(generators: Sequence[Entries]) -> None:
    for number, rows in enumerate(generators, 1):
        values = torch.linalg.svdvals(matrix_of(rows))
        if values[-1] <= 1e-12 * values[0]:
            raise ValueError(f"matrix {number} has no inverse, so it is in no group")


def _as_signed_permutation(rows: Entries) -> SignedPermutation | Entries:
    """A signed permutation where the matrix is one exactly."""
    places = [[p for p, entry in enumerate(column) if entry] for column in zip(*rows, strict=True)]
    images = [each[0] for each in places if len(each) == 1]
    if len(set(images)) != len(rows):
        return rows
    entries = [rows[image][p] for p, image in enumerate(images)]
    if any(entry not in (1, -1) for entry in entries):
        return rows
    return SignedPermutation(tuple(images), tuple(1 if entry == 1 else -1 for entry in entries))


def _inverse_transpose(generator: SignedPermutation | Entries) -> SignedPermutation | Entries:
    """The inverse transpose; a signed permutation is its own."""
    if isinstance(generator, SignedPermutation):
        return generator
    return _entries_of(torch.linalg.inv(matrix_of(generator)).T)


def _entries_of(matrix: Tensor) -> Entries:
    return tuple(map(tuple, matrix.tolist()))
