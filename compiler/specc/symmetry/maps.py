"""All linear maps that commute with some groups, level by level: what is derived, and counts of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..names import counted
from .diagrams import Half, Strand
from .folding import Operand, Runs
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
