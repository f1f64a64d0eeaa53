"""Half diagrams: what one side of an equivariant map does to the indices of one tensor.

A diagram is a set partition of the joint output and input indices. Cut between input and output it
falls into two halves; a block with indices on both sides is a *strand*, and a *level* is a multiset
of strands. On the input side a half takes diagonals and reduces its whole blocks (a *pool*), on the
output side it broadcasts them and writes diagonals (a *spread*). Every pool and every spread of one
level fit together, and each pair is one diagram (arXiv:2402.05232).

Axes that live in others (wreath products) make blocks and strands into forests: a block of `member`
lies in a block of `cloud`, and goes through only where that one does.

Where a determinant is invariant, n of the indices may be joined by it: a *wedge*, a strand whose halves
are j indices of the input and n - j of the output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product
from math import comb

from ..groups import Pinned
from ..types import Axis, Tensor


@dataclass(frozen=True, slots=True)
class Strand:
    """A block that goes through: its axis, what its halves agree in, the strands that live in it.

    A `wedge` joins that many indices of the input by the determinant with the rest in the output.
    """

    axis: Axis
    kind: int
    inner: tuple[Strand, ...] = ()
    wedge: int | None = None

    @property
    def dimension(self) -> Axis | None:
        """The dimension that it has at run time: a wedge one for each set of its indices' positions,
        and none where there is just one such set."""
        if self.wedge is None:
            return self.axis
        sets = comb(self.axis.size, self.wedge)
        return Axis(f"{self.axis.name}^{self.wedge}", sets, Pinned()) if sets > 1 else None

    def preorder(self) -> Iterator[Strand]:
        yield self
        for strand in self.inner:
            yield from strand.preorder()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where blocks share positions: those of one mover, inside one strand (by its number) or none."""

    strand: int | None
    axis: Axis


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a diagram on tensor number `tensor`.

    `strands[i]` are the indices of the tensor that strand number i of the level (in preorder) joins;
    `whole` are the blocks that stay on this side; `load` counts the latter by slot, zeros left out.
    `wedges` are those of the strands that are wedges.
    """

    tensor: int
    strands: tuple[tuple[int, ...], ...]
    whole: tuple[tuple[int, ...], ...]
    load: tuple[tuple[Slot, int], ...]
    wedges: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of one tensor's indices; `through` once it is decided to be a strand.

    A `wedge` is joined by a determinant of indices of this kind, as they count in the output.
    """

    axis: Axis
    indices: tuple[int, ...]
    inner: tuple[_Block, ...]
    through: bool = False
    wedge: int | None = None


def free_indices(tensor: Tensor) -> tuple[int, ...]:
    """The indices of a tensor that take part in diagrams."""
    return tuple(i for i, axis in enumerate(tensor.axes) if not (axis.pinned or axis.tied))


def folded_indices(tensor: Tensor) -> tuple[int, ...]:
    """The indices of a tensor whose positions are told apart: they count as channels."""
    return tuple(i for i, axis in enumerate(tensor.axes) if axis.pinned or axis.tied)


def enclosing_index(tensor: Tensor, index: int) -> int | None:
    """The index that `index` lives in: the nearest one before it of the parent axis.

    A parent with a single position does not move; what lives in it lives in that one's parent.
    """
    parent = tensor.axes[index].parent
    if parent is None:
        return None
    outer = next(i for i in reversed(range(index)) if tensor.axes[i].name == parent.name)
    return enclosing_index(tensor, outer) if parent.pinned else outer


Determinants = Mapping[Axis, int]
"""How many determinants a diagram may have at most, by what stands for each mover (`Axis.moved`)."""


def pools(
    tensor: Tensor, number: int, order: dict[str, int], determinants: Determinants
) -> Iterator[tuple[tuple[Strand, ...], Half]]:
    """Every input half on a tensor with the level it ends on, equal strands in every order."""
    side = _Side(tensor, order, determinants, reads=True)
    for forest in side.forests():
        level = side.level(forest)
        for blocks in side.orderings(forest):
            yield level, _half(number, forest, blocks)


def spreads(
    tensor: Tensor, number: int, order: dict[str, int], determinants: Determinants
) -> Iterator[tuple[tuple[Strand, ...], Half]]:
    """Every output half on a tensor with the level it starts from, equal strands in canonical order."""
    side = _Side(tensor, order, determinants, reads=False)
    for forest in side.forests():
        yield side.level(forest), _half(number, forest, next(side.orderings(forest)))


def set_partitions(
    items: Sequence[int], most: int, largest: int | None = None
) -> Iterator[tuple[tuple[int, ...], ...]]:
    """The partitions of `items` into at most `most` blocks, finest last joins first.

    No block has more than `largest` items.
    """
    if not items:
        yield ()
        return
    *before, last = items
    for partition in set_partitions(before, most, largest):
        if len(partition) < most:
            yield (*partition, (last,))
        for i, block in enumerate(partition):
            if largest is None or len(block) < largest:
                yield (*partition[:i], (*block, last), *partition[i + 1 :])


class _Side:
    """The blocks of one side of a map, and as strands: what each agrees in with the other side."""

    def __init__(
        self, tensor: Tensor, order: dict[str, int], determinants: Determinants, reads: bool
    ) -> None:
        self._tensor = tensor
        self._order = order
        self._determinants = determinants
        self._reads = reads
        self._inside: dict[int | None, list[int]] = {}
        for index in free_indices(tensor):
            self._inside.setdefault(enclosing_index(tensor, index), []).append(index)

    # --- Blocks

    def forests(self) -> Iterator[tuple[_Block, ...]]:
        """All partitions of the indices, with all ways to let blocks go through."""
        for forest in self._partitioned(self._inside.get(None, []), self._determinants):
            yield from self._marked(forest)

    def _partitioned(
        self, indices: Sequence[int], determinants: Determinants
    ) -> Iterator[tuple[_Block, ...]]:
        """All partitions of indices that share a scope, each block with the partitions of what lives in it."""
        by_mover: dict[Axis, list[int]] = {axis: [] for axis in determinants}
        for index in indices:
            by_mover.setdefault(self._tensor.axes[index].moved, []).append(index)
        partitions = [
            list(self._of_mover(axis, same, determinants.get(axis, 0)))
            for axis, same in by_mover.items()
        ]
        for choice in product(*partitions):
            blocks = [block for partition in choice for block in partition]
            inner = [
                list(self._partitioned([i for k in b.indices for i in self._inside.get(k, [])], {}))
                for b in blocks
            ]
            for chosen in product(*inner):
                yield tuple(
                    replace(block, inner=forest)
                    for block, forest in zip(blocks, chosen, strict=True)
                )

    def _of_mover(
        self, axis: Axis, same: Sequence[int], determinants: int
    ) -> Iterator[tuple[_Block, ...]]:
        """The partitions of indices of one mover; some indices may be joined by determinants."""
        group = axis.diagrams
        most = group.most_blocks(axis.size)
        for partition in set_partitions(same, len(same) if most is None else most, group.largest):
            yield tuple(_Block(axis, block, ()) for block in partition)
        for number, kind in product(range(1, determinants + 1), group.determinants):
            joinable = [i for i in same if self._facing(i) == kind]
            for wedges in _wedges(joinable, number, axis.size):
                rest = [i for i in same if not any(i in wedge for wedge in wedges)]
                for partition in set_partitions(rest, len(rest), group.largest):
                    joined = (_Block(axis, wedge, (), wedge=kind) for wedge in wedges)
                    yield (*joined, *(_Block(axis, block, ()) for block in partition))

    def _facing(self, index: int) -> int:
        """The kind that an index counts as among those of the output."""
        group = self._tensor.axes[index].diagrams
        return group.facing(group.kind) if self._reads else group.kind

    def _marked(
        self, forest: tuple[_Block, ...], may_pass: bool = True
    ) -> Iterator[tuple[_Block, ...]]:
        """Every way to let blocks go through; one that lives in a whole block is whole."""
        options = []
        for block in forest:
            group = block.axis.diagrams
            kinds = self._kinds(block)
            marked: list[_Block] = []
            if may_pass and (block.wedge is not None or group.passes(kinds) is not None):
                marked += [
                    replace(block, inner=inner, through=True) for inner in self._marked(block.inner)
                ]
            if block.wedge is None and group.closes(kinds):
                marked += [
                    replace(block, inner=inner) for inner in self._marked(block.inner, False)
                ]
            options.append(marked)
        yield from product(*options)

    def _kinds(self, block: _Block) -> tuple[int, ...]:
        return tuple(self._tensor.axes[i].diagrams.kind for i in block.indices)

    # --- Strands

    def strand(self, block: _Block) -> Strand:
        axis = block.axis
        if block.wedge is not None:
            joined = len(block.indices)
            return Strand(axis, block.wedge, (), joined if self._reads else axis.size - joined)
        kind = axis.diagrams.passes(self._kinds(block))
        assert kind is not None, "only what passes is a strand"
        return Strand(axis, kind, self.level(block.inner))

    def level(self, forest: tuple[_Block, ...]) -> tuple[Strand, ...]:
        """The strands of a forest in canonical order."""
        strands = [self.strand(block) for block in forest if block.through]
        return tuple(sorted(strands, key=lambda strand: strand_key(strand, self._order)))

    def orderings(self, forest: tuple[_Block, ...]) -> Iterator[tuple[_Block, ...]]:
        """The through blocks in the preorder of their level: one tuple for every matching of equal strands."""
        alike: dict[tuple[object, ...], list[_Block]] = {}
        for block in forest:
            if block.through:
                alike.setdefault(strand_key(self.strand(block), self._order), []).append(block)
        groups = [dict.fromkeys(permutations(alike[key])) for key in sorted(alike)]
        for choice in product(*groups):
            blocks = [block for group in choice for block in group]
            for below in product(*(list(self.orderings(block.inner)) for block in blocks)):
                yield tuple(
                    each
                    for block, inner in zip(blocks, below, strict=True)
                    for each in (block, *inner)
                )


def _wedges(
    indices: Sequence[int], number: int, size: int
) -> Iterator[tuple[tuple[int, ...], ...]]:
    """So many disjoint sets of indices of at most `size` each; they may be empty."""
    for joined in range(min(len(indices), number * size) + 1):
        for chosen in combinations(indices, joined):
            for partition in set_partitions(chosen, number, size):
                yield (*partition, *((),) * (number - len(partition)))


def strand_key(strand: Strand, order: dict[str, int]) -> tuple[object, ...]:
    """Sorts strands by mover (in the layer's order), then kind, then by what lives in them."""
    return (
        order[strand.axis.name],
        -1 if strand.wedge is None else strand.wedge,
        strand.kind,
        tuple(strand_key(inner, order) for inner in strand.inner),
    )


def _half(number: int, forest: tuple[_Block, ...], blocks: tuple[_Block, ...]) -> Half:
    strand_of = {block.indices: i for i, block in enumerate(blocks) if block.indices}
    whole: list[tuple[int, ...]] = []
    load: dict[Slot, int] = {}

    def visit(inner: tuple[_Block, ...], strand: int | None, counts: bool) -> None:
        for block in inner:
            if block.through:
                visit(block.inner, strand_of.get(block.indices), True)
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
        tuple(block.indices for block in blocks if block.wedge is not None),
    )
