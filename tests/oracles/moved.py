"""Random elements of groups in float64, and what they do to tensors `(batch, *axes, channels)`.

An element is a word in the generators and exponentials of random elements of the Lie algebra, the same
word on every axis of one mover. Nothing of the compiler is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.linalg import expm
from torch import Tensor

from .representations import Axis

LETTERS = 5
"""The most letters of a word; words of one length might all be in a subgroup."""

Element = Mapping[str, Tensor]
"""For each axis, by its words, the matrix that moves it."""


def random_element(axes: Sequence[Axis], rng: np.random.Generator) -> Element:
    """One element for each mover, as it acts on each of its axes."""
    found: dict[str, Tensor] = {}
    for mover in dict.fromkeys(axis.mover for axis in axes):
        same = [axis for axis in axes if axis.mover == mover]
        matrices = [np.eye(axis.size) for axis in same]
        for _ in range(int(rng.integers(1, LETTERS + 1))):
            letters = _letter(same, rng)
            matrices = [letter @ matrix for letter, matrix in zip(letters, matrices, strict=True)]
        for axis, matrix in zip(same, matrices, strict=True):
            found[axis.words] = torch.from_numpy(matrix)
    return found


def _letter(axes: Sequence[Axis], rng: np.random.Generator) -> list[Any]:
    first = axes[0]
    which = int(rng.integers(len(first.elements) + bool(first.algebra)))
    if which < len(first.elements):
        pairs = [axis.elements[which] for axis in axes]
        return [np.linalg.solve(right.astype(float), left.astype(float)) for left, right in pairs]
    scale = rng.normal(size=len(first.algebra)) / 2
    return [expm(sum(s * each for s, each in zip(scale, a.algebra, strict=True))) for a in axes]


def act(element: Element, value: Tensor, axes: Sequence[str | None]) -> Tensor:
    """The element on the dimensions after the first, by the words of each; None is not moved."""
    for dim, words in enumerate(axes, start=1):
        if words is not None:
            value = torch.tensordot(value, element[words], ([dim], [1])).movedim(-1, dim)
    return value
