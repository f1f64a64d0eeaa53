"""Representations by the matrices of generators, and tensors of them.

An axis carries one group element, its *mover*, in some representation; axes of one mover move
together, axes of different movers on their own (a direct product). An element g is kept as a pair
of matrices (left, right) that stands for right^-1 left, so that a dual needs no inverse and
rational matrices stay whole numbers: x is invariant if (left ⊗ ...) x = (right ⊗ ...) x.
Nothing here knows about diagrams, and nothing of the compiler is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Square = NDArray[Any]
"""(n, n), of int64 where the group has whole matrices, else of float64."""

Number = int | float | Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """A representation: what each generator of the mover does to one index.

    `words` is the index as a type writes it; a wreath product's `cloud, member` is one index over
    all pairs, of shape (h, d). Exactly the elements' and the algebra's order ties axes together.
    """

    mover: str
    words: str
    shape: tuple[int, ...]
    elements: tuple[tuple[Square, Square], ...]
    algebra: tuple[Square, ...]
    declarations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pairs = [*chain.from_iterable(self.elements), *self.algebra]
        assert all(matrix.shape == (self.size, self.size) for matrix in pairs), self.words

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Power:
    """The symmetric (sign = 1) or antisymmetric (sign = -1) tensors over equal parts."""

    parts: tuple[Node, ...]
    sign: int

    def __post_init__(self) -> None:
        assert len({words(part) for part in self.parts}) == 1, "the parts of a power are alike"

    @property
    def words(self) -> str:
        return f"{'sym' if self.sign == 1 else 'alt'}({', '.join(map(words, self.parts))})"


Node = Axis | Power
Tensor = tuple[Node, ...]
"""A tensor product; () is the scalars. It stores every entry, also those that a power repeats."""


def sym(*parts: Node) -> Power:
    return Power(parts, 1)


def alt(*parts: Node) -> Power:
    return Power(parts, -1)


def words(node: Node) -> str:
    return node.words


def written(tensor: Tensor) -> str:
    """The tensor as a type: `[sym(v, v), dual(w)]`."""
    return f"[{', '.join(map(words, tensor))}]"


def indices(tensor: Sequence[Node]) -> Iterator[Axis]:
    """The axes of a tensor in order, those of powers one by one."""
    for node in tensor:
        if isinstance(node, Power):
            yield from indices(node.parts)
        else:
            yield node


def sizes(tensor: Tensor) -> tuple[int, ...]:
    return tuple(axis.size for axis in indices(tensor))


def size(tensor: Tensor) -> int:
    return math.prod(sizes(tensor))


def swaps(tensor: Sequence[Node], start: int = 0) -> Iterator[tuple[tuple[int, int, int], int]]:
    """What powers ask for: ((a, b, length), sign) exchanges the indices a, ... with the b, ... ones."""
    for node in tensor:
        length = len(list(indices((node,))))
        if isinstance(node, Power):
            each = length // len(node.parts)
            for k in range(len(node.parts) - 1):
                yield (start + k * each, start + (k + 1) * each, each), node.sign
            yield from swaps(node.parts, start)
        start += length


def declarations(*tensors: Tensor) -> str:
    """The lines that declare the axes, each once, in order."""
    lines = (line for tensor in tensors for axis in indices(tensor) for line in axis.declarations)
    return "\n".join(dict.fromkeys(lines))


# --- Axes from matrices --------------------------------------------------------------------------


def generated(
    name: str,
    declaration: str | Sequence[str],
    size: int,
    elements: Sequence[object] = (),
    algebra: Sequence[object] = (),
) -> Axis:
    """The defining representation of a group by generator matrices and Lie-algebra elements.

    Matrices are nested lists or arrays of whole numbers, fractions (not in the algebra) or floats.
    """
    lines = (declaration,) if isinstance(declaration, str) else tuple(declaration)
    pairs = tuple(_pair(matrix) for matrix in elements)
    derivations = [_pair(matrix) for matrix in algebra]
    assert all(np.trace(one) == size for _, one in derivations), "an algebra without fractions"
    return Axis(name, name, (size,), pairs, tuple(each for each, _ in derivations), lines)


def same(axis: Axis, words: str, element: Callable[[Square], Square]) -> Axis:
    """Another representation of the same finite group; `element` maps the matrices of generators."""
    assert not axis.algebra
    pairs = tuple((element(left), element(right)) for left, right in axis.elements)
    return replace(
        axis, words=words, shape=(len(pairs[0][0]),) if pairs else axis.shape, elements=pairs
    )


def dual(axis: Axis) -> Axis:
    """The inverse transpose: g^-T, and -X^T for the algebra."""
    return replace(
        axis,
        words=axis.words[5:-1] if axis.words.startswith("dual(") else f"dual({axis.words})",
        elements=tuple((right.T, left.T) for left, right in axis.elements),
        algebra=tuple(-each.T for each in axis.algebra),
    )


def dual_node(node: Node) -> Node:
    """The dual of an axis or power: what an input's index is in the space of maps."""
    if isinstance(node, Power):
        return Power(tuple(dual_node(part) for part in node.parts), node.sign)
    return dual(node)


def dual_tensor(tensor: Tensor) -> Tensor:
    return tuple(dual_node(node) for node in tensor)


def _pair(matrix: object) -> tuple[Square, Square]:
    """A matrix over a multiple of the identity, both whole where the entries are rational."""
    entries = np.asarray(matrix, dtype=object)
    one = np.eye(len(entries), dtype=np.int64)
    if any(isinstance(entry, float) and not entry.is_integer() for entry in entries.flat):
        return entries.astype(np.float64), one.astype(np.float64)
    fractions = [Fraction(entry) for entry in entries.flat]
    scale = math.lcm(1, *(each.denominator for each in fractions))
    whole = np.array([int(each * scale) for each in fractions], dtype=np.int64)
    return whole.reshape(entries.shape), one * scale
