"""The maps of the published method, from its definition (Zhou, Finn, Harrison, arXiv:2402.05232).

Between two tensors every set partition of the output and input indices is a map, if the indices of each block
are of the same axis. A block of indices on both sides is carried through, one of input indices alone is reduced, one of output
indices alone is broadcast, and one with several indices on a side is a diagonal there.

Two things the paper leaves to its reader. A *pinned* axis is folded into the channels, so that all its
positions have one matrix together. Of an axis *inside* another, indices may share a block only where
those of the axis around it do: these are the partitions that the larger group, a wreath product, leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .spaces import Space

MOST_MAPS = 1000
"""With more, compiling a network at once would take hours."""


@dataclass(frozen=True, slots=True)
class Map:
    """The block of each output index and of each input index, numbered as they first appear."""

    outputs: tuple[int, ...]
    inputs: tuple[int, ...]


def maps(space: Space, output: str, source: str) -> list[Map]:
    """All maps from one tensor to another, over their axes that are not pinned."""
    written, read = space.free(output), space.free(source)
    parents = (*_parents(space, written), *(_shifted(_parents(space, read), len(written))))
    return [
        Map(blocks[: len(written)], blocks[len(written) :])
        for blocks in _partitions((*written, *read), parents)
    ]


def count_maps(space: Space) -> int:
    """Between all tensors."""
    return sum(len(maps(space, one, other)) for one in space.tensors for other in space.tensors)


def _parents(space: Space, axes: tuple[str, ...]) -> list[int | None]:
    """Where the index stands that each index is inside of."""
    around = [space.axes[axis].inside for axis in axes]
    return [None if name is None else axes.index(name) for name in around]


def _shifted(parents: list[int | None], by: int) -> list[int | None]:
    return [None if parent is None else parent + by for parent in parents]


def _partitions(
    axes: tuple[str, ...], parents: tuple[int | None, ...], blocks: tuple[int, ...] = ()
) -> Iterator[tuple[int, ...]]:
    """Restricted growth strings: each index joins a block of its axis, or begins one.

    An index stands after the one that it is inside of, so that the block of that is known.
    """
    if len(blocks) == len(axes):
        yield blocks
        return
    here = len(blocks)
    for block in range(max(blocks, default=-1) + 2):
        first = blocks.index(block) if block in blocks else here
        together = _block(parents[first], blocks) == _block(parents[here], blocks)
        if axes[first] == axes[here] and together:
            yield from _partitions(axes, parents, (*blocks, block))


def _block(index: int | None, blocks: tuple[int, ...]) -> int | None:
    return None if index is None else blocks[index]
