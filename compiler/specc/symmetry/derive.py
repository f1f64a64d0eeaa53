"""Derives every linear map between two collections of tensors that commutes with their groups.

The result is a list of levels. On each, pools of the inputs meet spreads of the outputs in a few
products; every pair of a product is one map, and together they are a basis of the commutant.
Nothing after this pass knows which groups there were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, count
from math import prod

from ..groups import Diagrams
from ..names import counted, together
from ..types import Axis, Tensor
from .diagrams import Half, Slot, Strand, pools, spreads, strand_key
from .folding import Folded, Operand, Own, Runs, fold
from .mechanism import mechanism
from .pairings import is_independent
from .ties import count_between, is_tied


@dataclass(frozen=True, slots=True)
class Product:
    """One matrix product: all its pools (numbers within the level) meet all its spreads.

    With `runs` there is one for each run of a repeat, from the pools of that run, and those of no run,
    to its spreads. With a `rank` the matrix is a product of two. One that stands `beside` another
    adds coefficients to maps that the other has already. Of a pool that is among the `dropped` the first
    feature is not read, because others determine it (points); tied coefficients keep it all the same.
    """

    name: str
    pools: tuple[int, ...]
    spreads: tuple[int, ...]
    bias: bool
    runs: Runs | None = None
    rank: int | None = None
    beside: bool = False
    dropped: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many products it stands for."""
        return self.runs.count if self.runs else 1

    @property
    def modules(self) -> tuple[str, ...]:
        """Its matrices by name: one, or one for each run."""
        if self.runs is None:
            return (f"mix_{self.name}",)
        return tuple(f"mix_{self.name}.{run}" for run in range(self.runs.count))


@dataclass(frozen=True, slots=True)
class Level:
    """The maps through one multiset of strands. `strands` holds them with those inside, in preorder.

    With `runs` it stands for a level of each run, through axes that the run has for itself.
    """

    name: str
    roots: tuple[Strand, ...]
    pools: tuple[Half, ...]
    spreads: tuple[Half, ...]
    products: tuple[Product, ...]
    runs: Runs | None = None

    @property
    def count(self) -> int:
        """How many levels it stands for."""
        return self.runs.count if self.runs else 1

    @property
    def strands(self) -> tuple[Strand, ...]:
        return tuple(each for root in self.roots for each in root.preorder())

    def __str__(self) -> str:
        strands = ", ".join(strand.axis.name for strand in self.strands)
        pools, spreads = counted(len(self.pools), "pool"), counted(len(self.spreads), "spread")
        return f"level ({strands}): {pools}, {spreads}"


@dataclass(frozen=True, slots=True)
class TiedShapes:
    """The shapes of a tied product's parameters: `weight` and `bias` where it has a single block,
    else lists of them."""

    weights: tuple[tuple[int, int, int], ...]
    biases: tuple[tuple[int, int], ...]
    single: bool


@dataclass(frozen=True, slots=True)
class Centre:
    """Tensors of points, by their numbers, that the same translations move: maps read the inputs from
    the mean of their points, and the outputs are moved by it."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Maps:
    """All equivariant maps from `inputs` to `outputs`, level by level, finest first.

    `own` are the axes that runs have for themselves, by their names in the first; `names` are
    identifiers for axes, the same for an axis of each run. `centres` are the means of points.
    """

    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    levels: tuple[Level, ...]
    own: tuple[tuple[str, Runs], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    centres: tuple[Centre, ...] = ()

    @property
    def is_complex(self) -> bool:
        """Whether coefficients are complex: they are where any result is."""
        return any(operand.tensor.complex for operand in self.outputs)

    @property
    def dimension(self) -> int:
        """Independent linear maps at one channel in and out; pinned positions count.

        With points, of the affine family that they are.
        """
        return sum(
            each.count
            * self._maps_of_pair(level, each, s, p)
            * self.pool_count(level, each, p)
            * self.spread_count(level, each, s)
            for level in self.levels
            for each in level.products
            if not each.beside
            for p in each.pools
            for s in each.spreads
        )

    @property
    def bias_dimension(self) -> int:
        """Independent invariant vectors of the outputs at one channel."""
        return sum(
            maps_between(self._written(level, s), None) * self.spread_count(level, each, s)
            for level in self.levels
            for each in level.products
            if each.bias
            for s in each.spreads
        )

    def pool_count(self, level: Level, each: Product, pool: int) -> int:
        """How many blocks of columns of a product's weight a pool stands for."""
        return 1 if each.runs else self._read(level, pool).count

    def spread_count(self, level: Level, each: Product, spread: int) -> int:
        """How many blocks of rows of a product's weight a spread stands for."""
        return 1 if each.runs else self._written(level, spread).count

    def _maps_of_pair(self, level: Level, each: Product, spread: int, pool: int) -> int:
        """The maps of a pair; of a mean of points without those that others determine."""
        written = self._written(level, spread)
        determined = maps_between(written, None) if pool in each.dropped else 0
        return maps_between(written, self._read(level, pool)) - determined

    def leaves_out(self, level: Level, each: Product, pool: int) -> bool:
        """Whether a product does not read the first feature of a pool."""
        return pool in each.dropped and not self.is_tied(level, each)

    def columns(self, level: Level, each: Product, pool: int) -> int:
        """The features of a pool that a product reads."""
        return self._read(level, pool).features - self.leaves_out(level, each, pool)

    def pool_width(self, level: Level, each: Product) -> int:
        return sum(
            self.columns(level, each, p) * self.pool_count(level, each, p) for p in each.pools
        )

    def spread_width(self, level: Level, each: Product) -> int:
        return sum(
            self._written(level, s).features * self.spread_count(level, each, s)
            for s in each.spreads
        )

    def size(self, level: Level, each: Product) -> int:
        """The coefficients of a product and its bias, of all runs."""
        if self.is_tied(level, each):
            shapes = self.tied_shapes(level, each)
            return sum(map(prod, (*shapes.weights, *shapes.biases)))
        read, written = self.pool_width(level, each), self.spread_width(level, each)
        matrix = read * written if each.rank is None else each.rank * (read + written)
        return each.count * (matrix + written * each.bias)

    def is_tied(self, level: Level, each: Product) -> bool:
        """Whether coefficients of a product are tied by a group that is given by generators."""
        written = [self._written(level, s).tensor for s in each.spreads]
        return any(is_tied(w, self._read(level, p).tensor) for w in written for p in each.pools)

    def tied_shapes(self, level: Level, each: Product) -> TiedShapes:
        """The parameters of a tied product: a weight for each block with maps, and a bias likewise."""
        written = [self._written(level, s) for s in each.spreads]
        read = [self._read(level, p) for p in each.pools]
        weights = [
            (maps, row.tensor.width, column.tensor.width)
            for row in written
            for column in read
            if (maps := maps_between(row, column))
        ]
        biases = [
            (maps, row.tensor.width)
            for row in written
            if each.bias and (maps := maps_between(row, None))
        ]
        return TiedShapes(tuple(weights), tuple(biases), len(written) == len(read) == 1)

    @property
    def parameters(self) -> int:
        return sum(self.size(level, each) for level in self.levels for each in level.products)

    def reaches(self, output: int) -> bool:
        """Whether any map leads to an output, by its number."""
        return any(
            each.pools and any(level.spreads[s].tensor == output for s in each.spreads)
            for level in self.levels
            for each in level.products
        )

    @property
    def pool_total(self) -> int:
        """The pools of all levels."""
        return sum(
            level.count * (1 if level.runs else self._read(level, p).count)
            for level in self.levels
            for p in {p for each in level.products for p in each.pools}
        )

    @property
    def spread_total(self) -> int:
        """The spreads of all levels."""
        return sum(
            each.count * self.spread_count(level, each, s)
            for level in self.levels
            for each in level.products
            if not each.beside
            for s in each.spreads
        )

    @property
    def product_total(self) -> int:
        """The matrix products of all levels."""
        return sum(each.count for level in self.levels for each in level.products)

    def _read(self, level: Level, pool: int) -> Operand:
        return self.inputs[level.pools[pool].tensor]

    def _written(self, level: Level, spread: int) -> Operand:
        return self.outputs[level.spreads[spread].tensor]

    def __str__(self) -> str:
        return "\n".join([counted(self.dimension, "map"), *map(str, self.levels)])


def maps_between(written: Operand, read: Operand | None) -> int:
    """The maps between the positions of two tensors that count as channels; invariants without `read`."""
    return count_between(written.tensor, read.tensor if read else None)


@cache
def derive(inputs: tuple[Operand, ...], outputs: tuple[Operand, ...], bias: bool = True) -> Maps:
    """Every map between the two collections, and with `bias` every invariant of the outputs.

    One run of a repeat stands for all that are alike.
    """
    return _maps(fold(*mechanism(inputs, outputs)), bias)


def _maps(folded: Folded, bias: bool) -> Maps:
    inputs, outputs = folded.inputs, folded.outputs
    order = _axis_order(inputs + outputs)
    names = level_names(folded)
    determinants = _determinants(inputs, outputs)
    input_halves: dict[tuple[Strand, ...], list[Half]] = {}
    output_halves: dict[tuple[Strand, ...], list[Half]] = {}
    for number, operand in enumerate(inputs):
        for roots, half in pools(operand.tensor, number, order, determinants):
            input_halves.setdefault(roots, []).append(half)
    for number, operand in enumerate(outputs):
        for roots, half in spreads(operand.tensor, number, order, determinants):
            output_halves.setdefault(roots, []).append(half)
    levels = []
    taken: set[str] = set()
    for roots in sorted(output_halves, key=lambda roots: _level_key(roots, order)):
        own = _own(roots, folded)
        name = _level_name(roots, names, taken)
        level = _level(name, roots, input_halves.get(roots, []), output_halves[roots], folded, bias)
        taken.add(name)
        if level.products:
            levels.append(_of_runs(level, own.runs) if own else level)
    first = ((name, own.runs) for name, own in folded.own.items() if own.run == 0)
    return Maps(inputs, outputs, tuple(levels), tuple(first), tuple(names.items()))


def _determinants(inputs: Sequence[Operand], outputs: Sequence[Operand]) -> dict[Axis, int]:
    """The movers that have determinants between some two tensors, with their most."""
    tensors = [each.tensor for each in (*inputs, *outputs)]
    axes = dict.fromkeys(a.moved for t in tensors for a in t.axes if isinstance(a.group, Diagrams))
    found = {}
    for axis in axes:
        written = {_kinds(each.tensor, axis) for each in outputs}
        read = {_kinds(each.tensor, axis) for each in inputs} | {()}
        most = max(axis.diagrams.most_determinants(axis.size, w, r) for w in written for r in read)
        if most:
            found[axis] = most
    return found


def _kinds(tensor: Tensor, moved: Axis) -> tuple[int, ...]:
    return tuple(axis.diagrams.kind for axis in tensor.axes if axis.moved == moved)


def _level_name(roots: tuple[Strand, ...], names: Mapping[str, str], taken: set[str]) -> str:
    """The axes of a level's strands, outermost first: `cloud_member`."""
    words = [
        names[strand.axis.name] + _mark(strand) for root in roots for strand in root.preorder()
    ]
    short, full = together(words) or "scalar", "_".join(words)
    numbered = (f"{full}_{number}" for number in count(2))
    return next(name for name in chain((short, full), numbered) if name not in taken)


def _mark(strand: Strand) -> str:
    """What tells strands of one axis apart in the name of a level."""
    if strand.wedge is not None:
        return f"_wedge{strand.wedge}"
    word = strand.axis.diagrams.word(strand.kind)
    return f"_{word}" if word else ""


def _of_runs(level: Level, runs: Runs) -> Level:
    products = tuple(replace(each, runs=runs) for each in level.products)
    return replace(level, products=products, runs=runs)


def _own(roots: tuple[Strand, ...], folded: Folded) -> Own | None:
    """The run whose own axes a level goes through."""
    axes = (strand.axis.name for root in roots for strand in root.preorder())
    return next((folded.own[name] for name in axes if name in folded.own), None)


def _axis_order(operands: tuple[Operand, ...]) -> dict[str, int]:
    """Numbers the movers by first appearance, so that names never decide anything."""
    names = dict.fromkeys(axis.mover for each in operands for axis in each.tensor.axes)
    return {name: number for number, name in enumerate(names)}


def short_names(names: tuple[str, ...]) -> dict[str, str]:
    """Identifiers for axes: `hidden` for `Classifier.hidden` where that is clear, else `classifier_hidden`."""
    plain = {name: name.replace("(", "_").replace(")", "").lower() for name in names}
    short = {name: each.rpartition(".")[2] for name, each in plain.items()}
    taken = list(short.values())
    return {
        name: each if taken.count(each) == 1 else plain[name].replace(".", "_")
        for name, each in short.items()
    }


def level_names(folded: Folded) -> dict[str, str]:
    """Identifiers for axes; those that runs have for themselves are called alike, without the number."""
    operands = folded.inputs + folded.outputs
    axes = dict.fromkeys(
        name for each in operands for axis in each.tensor.axes for name in (axis.name, axis.mover)
    )
    plain: dict[str, str] = {}
    for name in axes:
        without = _without_run(name, folded.own.get(name))
        plain[name] = name if without in axes or without in plain.values() else without
    short = short_names(tuple(plain.values()))
    return {name: short[plain[name]] for name in axes}


def _without_run(name: str, own: Own | None) -> str:
    """`Language.blocks_0_up` as `Language.blocks_up`; as it is where the number stands elsewhere."""
    if own is None:
        return name
    home, dot, last = name.rpartition(".")
    path = own.runs.path.replace(".", "_") + "_" if own.runs.path else ""
    start = f"{path}{own.runs.first}_"
    return f"{home}{dot}{path}{last.removeprefix(start)}" if last.startswith(start) else name


def _level_key(roots: tuple[Strand, ...], order: dict[str, int]) -> tuple[object, ...]:
    strands = sum(1 for root in roots for _ in root.preorder())
    return (-strands, tuple(strand_key(root, order) for root in roots))


def _level(
    name: str,
    roots: tuple[Strand, ...],
    pools: list[Half],
    spreads: list[Half],
    folded: Folded,
    bias: bool,
) -> Level:
    """Joins the halves of a level: spreads that admit the same pools share a product.

    A pair is left out where it depends on others, or where no map leads between the positions that
    count as channels; then the level has several products, each with all of its own pairs, so that
    there is one parameter for each map and no mask.
    """
    has_bias = bias and all(root.wedge == 0 for root in roots)
    taken = _taken(roots)
    partners: dict[tuple[tuple[int, ...], bool], list[int]] = {}
    for number, spread in enumerate(spreads):
        written = folded.outputs[spread.tensor]
        admitted = tuple(
            i
            for i, pool in enumerate(pools)
            if _admits(pool, spread, taken)
            and is_independent(
                roots, pool, spread, folded.inputs[pool.tensor].tensor, written.tensor
            )
            and count_between(written.tensor, folded.inputs[pool.tensor].tensor)
        )
        biased = (
            has_bias
            and is_independent(roots, None, spread, None, written.tensor)
            and count_between(written.tensor, None) > 0
        )
        if admitted or biased:
            partners.setdefault((admitted, biased), []).append(number)
    products = tuple(
        Product(name if number == 0 else f"{name}_{number + 1}", admitted, tuple(group), biased)
        for number, ((admitted, biased), group) in enumerate(partners.items())
    )
    return Level(name, roots, tuple(pools), tuple(spreads), products)


def _taken(roots: tuple[Strand, ...]) -> dict[Slot, int]:
    """How many strands of a level share each slot."""
    taken: dict[Slot, int] = {}
    number = 0

    def visit(strands: tuple[Strand, ...], enclosing: int | None) -> None:
        nonlocal number
        for strand in strands:
            slot = Slot(enclosing, strand.axis)
            taken[slot] = taken.get(slot, 0) + 1
            number += 1
            visit(strand.inner, number - 1)

    visit(roots, None)
    return taken


def _admits(pool: Half, spread: Half, taken: dict[Slot, int]) -> bool:
    """Whether the joint diagram has no more blocks in any slot than its basis allows."""
    outside = dict(spread.load)
    for slot, whole in pool.load:
        most = slot.axis.diagrams.most_blocks(slot.axis.size)
        if most is not None and whole + outside.get(slot, 0) + taken.get(slot, 0) > most:
            return False
    return True
