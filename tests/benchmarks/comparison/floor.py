"""The least that a layer costs: its full-size products, and each tensor read once and written once.

Products are those between tensors of the same axes, in which nothing is reduced or broadcast; a tensor with
an axis twice is read in each order of its indices. They go into buffers that are warm. Everything that is smaller is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import factorial, prod

import torch
from torch import Tensor

from .spaces import Space


def levels(space: Space) -> list[tuple[int, int, int]]:
    """Rows (with the batch), columns read and columns written of each full-size product."""
    sizes: dict[tuple[str, ...], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for tensor in space.tensors:
        axes = tuple(sorted(space.free(tensor)))
        orders = prod(factorial(axes.count(axis)) for axis in set(axes))
        width = space.places(tensor) * space.channels
        read, written = sizes[axes]
        sizes[axes] = read + orders * width, written + width
    return [
        (space.batch * prod(space.axes[axis].size for axis in axes), *widths)
        for axes, widths in sizes.items()
    ]


class Level:
    """One full-size product (rows, read) x (read, written) and its derivatives, with their buffers."""

    def __init__(self, rows: int, read: int, written: int) -> None:
        self.sources, self.read_gradient = torch.randn(rows, read), torch.zeros(rows, read)
        self.matrix, self.gradient = torch.randn(read, written), torch.zeros(read, written)
        self.results = torch.zeros(rows, written)

    def forward(self) -> None:
        torch.mm(self.sources, self.matrix, out=self.results)

    def backward(self) -> None:
        """The results stand for their own gradient, which has their shape."""
        torch.mm(self.results, self.matrix.T, out=self.read_gradient)
        torch.mm(self.sources.T, self.results, out=self.gradient)


def floor(space: Space, depth: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """What does the least work of `depth` layers, forward, and forward and backward."""
    products = [Level(*level) for level in levels(space)]
    numbers = torch.ones(space.numbers)

    def forward() -> None:
        for _ in range(depth):
            for level in products:
                level.forward()
            _stream(numbers)

    def training() -> None:
        forward()
        for _ in range(depth):
            for level in products:
                level.backward()
            _stream(numbers)

    return forward, training


def _stream(numbers: Tensor) -> None:
    """One reading and one writing."""
    numbers.sum()
    numbers.fill_(1.0)
