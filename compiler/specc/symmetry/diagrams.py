"""Half diagrams: what one side of an equivariant map does to the indices of one tensor.

A diagram is a set partition of the joint output and input indices. Cut between input and output it
falls into two halves; a block with indices on both sides is a *strand*, and a *level* is a multiset
of strands. On the input side a half takes diagonals and reduces its whole blocks (a *pool*), on the
output side it broadcasts them and writes diagonals (a *spread*). Every pool and every spread of one
level fit together, and each pair is one diagram (arXiv:2402.05232).

Axes that live in others (wreath products) make blocks and strands into forests: a block of `member`
lies in a block of `cloud`, and goes through only where that one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product

from ..types import Axis, Tensor


@dataclass(frozen=True, slots=True)
class Strand:
    """A block that goes through: its axis, the parity of its halves, the strands that live in it."""

    axis: Axis
    parity: int
    inner: tuple[Strand, ...] = ()

    def preorder(self) -> Iterator[Strand]:
        yield self
        for strand in self.inner:
            yield from strand.preorder()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where blocks share positions: those of one axis, inside one strand (by its number) or none."""

    strand: int | None
    axis: Axis


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a diagram on tensor number `tensor`.

    `strands[i]` are the indices of the tensor that strand number i of the level (in preorder) joins;
    `whole` are the blocks that stay on this side; `load` counts the latter by slot, zeros left out.
    """

    tensor: int
    strands: tuple[tuple[int, ...], ...]
    whole: tuple[tuple[int, ...], ...]
    load: tuple[tuple[Slot, int], ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of one tensor's indices; `through` once it is decided to be a strand."""

    axis: Axis
    indices: tuple[int, ...]
    inner: tuple[_Block, ...]
    through: bool = False


def free_indices(tensor: Tensor) -> tuple[int, ...]:
    """The indices of a tensor that a group moves."""
    return tuple(i for i, axis in enumerate(tensor.axes) if not axis.pinned)


def pinned_indices(tensor: Tensor) -> tuple[int, ...]:
    """The indices of a tensor whose positions are distinct: they count as channels."""
    return tuple(i for i, axis in enumerate(tensor.axes) if axis.pinned)


def enclosing_index(tensor: Tensor, index: int) -> int | None:
    """The index that `index` lives in: the nearest one before it of the parent axis.

    A parent with a single position does not move; what lives in it lives in that one's parent.
    """
    parent = tensor.axes[index].parent
    if parent is None:
        return None
    outer = next(i for i in reversed(range(index)) if tensor.axes[i].name == parent.name)
    return enclosing_index(tensor, outer) if parent.pinned else outer


def pools(
    tensor: Tensor, number: int, order: dict[str, int]
) -> Iterator[tuple[tuple[Strand, ...], Half]]:
    """Every input half on a tensor with the level it ends on, equal strands in every order."""
    for forest in _marked_forests(tensor):
        level = _level(forest, order)
        for blocks in _orderings(forest, order):
            yield level, _half(number, forest, blocks)


def spreads(
    tensor: Tensor, number: int, order: dict[str, int]
) -> Iterator[tuple[tuple[Strand, ...], Half]]:
    """Every output half on a tensor with the level it starts from, equal strands in canonical order."""
    for forest in _marked_forests(tensor):
        yield _level(forest, order), _half(number, forest, next(_orderings(forest, order)))


def set_partitions(items: Sequence[int], most: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """The partitions of `items` into at most `most` blocks, finest last joins first."""
    if not items:
        yield ()
        return
    *before, last = items
    for partition in set_partitions(before, most):
        if len(partition) < most:
            yield (*partition, (last,))
        for i, block in enumerate(partition):
            yield (*partition[:i], (*block, last), *partition[i + 1 :])


def _marked_forests(tensor: Tensor) -> Iterator[tuple[_Block, ...]]:
    enclosing = {i: enclosing_index(tensor, i) for i in free_indices(tensor)}
    inside: dict[int | None, list[int]] = {}
    for index, parent in enclosing.items():
        inside.setdefault(parent, []).append(index)
    for forest in _forests(tensor, inside, inside.get(None, [])):
        yield from _marked(forest)


def _forests(
    tensor: Tensor, inside: dict[int | None, list[int]], indices: Sequence[int]
) -> Iterator[tuple[_Block, ...]]:
    """All partitions of indices that share a scope, each block with the partitions of what lives in it."""
    by_axis: dict[str, list[int]] = {}
    for index in indices:
        by_axis.setdefault(tensor.axes[index].name, []).append(index)
    partitions = []
    for same in by_axis.values():
        axis = tensor.axes[same[0]]
        partitions.append(list(set_partitions(same, axis.group.most_blocks(axis.size))))
    for choice in product(*partitions):
        blocks = [block for partition in choice for block in partition]
        inner = [
            list(_forests(tensor, inside, [i for index in block for i in inside.get(index, [])]))
            for block in blocks
        ]
        for chosen in product(*inner):
            yield tuple(
                _Block(tensor.axes[block[0]], block, forest)
                for block, forest in zip(blocks, chosen, strict=True)
            )


def _marked(forest: tuple[_Block, ...], may_pass: bool = True) -> Iterator[tuple[_Block, ...]]:
    """Every way to let blocks go through; one that lives in a whole block is whole."""
    options = []
    for block in forest:
        kinds: list[_Block] = []
        if may_pass:
            kinds += [
                _Block(block.axis, block.indices, inner, through=True)
                for inner in _marked(block.inner)
            ]
        if block.axis.group.closes(len(block.indices)):
            kinds += [
                _Block(block.axis, block.indices, inner) for inner in _marked(block.inner, False)
            ]
        options.append(kinds)
    yield from product(*options)


def _strand(block: _Block, order: dict[str, int]) -> Strand:
    return Strand(
        block.axis, block.axis.group.parity(len(block.indices)), _level(block.inner, order)
    )


def _level(forest: tuple[_Block, ...], order: dict[str, int]) -> tuple[Strand, ...]:
    """The strands of a forest in canonical order."""
    strands = [_strand(block, order) for block in forest if block.through]
    return tuple(sorted(strands, key=lambda strand: strand_key(strand, order)))


def strand_key(strand: Strand, order: dict[str, int]) -> tuple[object, ...]:
    """Sorts strands by axis (in the layer's order), then parity, then by what lives in them."""
    return (
        order[strand.axis.name],
        strand.parity,
        tuple(strand_key(inner, order) for inner in strand.inner),
    )


def _orderings(forest: tuple[_Block, ...], order: dict[str, int]) -> Iterator[tuple[_Block, ...]]:
    """The through blocks in the preorder of their level: one tuple for every matching of equal strands."""
    through = [block for block in forest if block.through]
    alike: dict[tuple[object, ...], list[_Block]] = {}
    for block in through:
        alike.setdefault(strand_key(_strand(block, order), order), []).append(block)
    groups = [permutations(alike[key]) for key in sorted(alike)]
    for choice in product(*groups):
        blocks = [block for group in choice for block in group]
        for below in product(*(list(_orderings(block.inner, order)) for block in blocks)):
            yield tuple(
                each for block, inner in zip(blocks, below, strict=True) for each in (block, *inner)
            )


def _half(number: int, forest: tuple[_Block, ...], blocks: tuple[_Block, ...]) -> Half:
    strand_of = {block.indices: i for i, block in enumerate(blocks)}
    whole: list[tuple[int, ...]] = []
    load: dict[Slot, int] = {}

    def visit(inner: tuple[_Block, ...], strand: int | None, counts: bool) -> None:
        for block in inner:
            if block.through:
                visit(block.inner, strand_of[block.indices], True)
                continue
            whole.append(block.indices)
            if counts:
                slot = Slot(strand, block.axis)
                load[slot] = load.get(slot, 0) + 1
            visit(block.inner, None, False)

    visit(forest, None, True)
    return Half(
        number,
        tuple(block.indices for block in blocks),
        tuple(whole),
        tuple(load.items()),
    )
