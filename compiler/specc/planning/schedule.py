"""Decides how a layer is computed: which reduction comes from which, what is stacked, what is added where.

Coarse pools are made from fine ones, and coarse spreads are added to finer ones before anything
touches a full-size tensor, so that each tensor is read once for its pools and once for its product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..names import Variables, identifier, letter, together
from ..symmetry.derive import Level, Maps, Product
from ..symmetry.diagrams import Half, enclosing_index, free_indices, pinned_indices
from ..symmetry.folding import Operand
from ..types import Tensor
from .cost import cheaper_formulation
from .plan import (
    Argument,
    Arranged,
    Diagonal,
    Embed,
    Expand,
    Fold,
    Formulation,
    LayerPlan,
    Mean,
    Mix,
    PoolStep,
    Result,
    Shape,
    SpreadStep,
    Sum,
    Target,
    Term,
    Unfold,
)

Block = tuple[int, ...]

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class State:
    """A tensor in between: the blocks that its indices are joined to, and which of them it keeps."""

    blocks: tuple[Block, ...]
    kept: tuple[Block, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every block is kept."""
        return self.kept == self.blocks


def schedule(
    maps: Maps, arguments: Sequence[Argument], formulation: Formulation | None = None
) -> LayerPlan:
    """The plan of a layer.

    `arguments` are its inputs, all whose tensors are `maps.inputs` in order; `formulation` is taken
    for every product where it is given, else the cheaper one is.
    """
    names = Variables()
    for argument in arguments:
        names.claim(argument.name)
    if any(operand.runs for operand in (*maps.inputs, *maps.outputs)):
        names.claim("i")
    pools = _Pools(maps, names)
    for number, operand in enumerate(maps.inputs):
        source, key = _source(operand, arguments)
        base = names.claim(operand.name.replace("{}.", "")) if key else source
        pools.add_tensor(number, source, key, base)
    mixes = []
    pieces: dict[int, dict[State, list[Arranged]]] = {n: {} for n in range(len(maps.outputs))}
    spread_names = _SpreadNames(maps, names)
    for level in maps.levels:
        for each in level.products:
            mixes.append(_mix(maps, level, each, pools, spread_names, pieces, formulation))
    spreads: list[SpreadStep] = []
    results = []
    for number, operand in enumerate(maps.outputs):
        steps, variable = _spread(number, operand, pieces[number], spread_names)
        spreads += steps
        results.append(Result(operand, variable))
    return LayerPlan(
        maps,
        tuple(arguments),
        tuple(pools.steps),
        tuple(mixes),
        tuple(spreads),
        tuple(results),
    )


def _source(operand: Operand, arguments: Sequence[Argument]) -> tuple[str, str]:
    """The argument that holds an input, and its key there."""
    if len(arguments) == 1:
        return arguments[0].name, operand.name
    argument, _, key = operand.name.partition(".")
    return argument, key


# --- States of a tensor ---------------------------------------------------------------------------


def state_of(half: Half) -> State:
    """What a pool reduces a tensor to, or a spread starts from."""
    blocks = tuple(sorted((*half.strands, *half.whole)))
    return State(blocks, tuple(sorted(half.strands)))


def finest(tensor: Tensor) -> State:
    blocks = tuple((i,) for i in free_indices(tensor))
    return State(blocks, blocks)


def shape_of(state: State, operand: Operand) -> Shape:
    axes = tuple(operand.tensor.axes[block[0]] for block in state.kept)
    return Shape(axes, operand.features)


def split_last(state: State) -> tuple[State, Block, Block]:
    """The whole state with one block cut in two, and the two parts."""
    block = [block for block in state.blocks if len(block) > 1][-1]
    first, second = block[:-1], block[-1:]
    blocks = tuple(sorted((*(b for b in state.blocks if b != block), first, second)))
    return State(blocks, blocks), first, second


def place(block: Block, state: State) -> int:
    """The run-time dimension of a kept block."""
    return 1 + state.kept.index(block)


def suffix(base: str, state: State, tensor: Tensor, whole: str, names: Mapping[str, str]) -> str:
    """How a variable that begins with `base` says what it keeps: axes where they are distinct, else
    letters as in einsum."""
    if state == finest(tensor):
        return ""
    moving = [tensor.axes[i].name for block in state.blocks for i in block]
    if len(set(moving)) == len(moving):
        kept = [identifier(names[tensor.axes[block[0]].name]) for block in state.kept]
        return together([base, *kept]).removeprefix(f"{base}_") if kept else whole
    letters = {block: letter(ALPHABET, n) for n, block in enumerate(state.blocks)}
    pattern = "".join(
        letters[block] for i in free_indices(tensor) for block in state.blocks if i in block
    )
    kept_letters = "".join(letters[block] for block in state.kept)
    if all(len(block) == 1 for block in state.blocks):
        return kept_letters or whole
    return pattern if state.is_whole else f"{pattern}_{kept_letters or whole}"


# --- Pools ---------------------------------------------------------------------------------------


class _Pools:
    """The reductions that are needed, each made once, from the smallest there is."""

    def __init__(self, maps: Maps, names: Variables) -> None:
        self.steps: list[PoolStep] = []
        self._names = names
        self._inputs = maps.inputs
        self._axis_names = dict(maps.names)
        self._variables: dict[tuple[int, State], str] = {}
        self._wanted: dict[int, set[State]] = {}
        for level in maps.levels:
            used = {p for each in level.products for p in each.pools}
            for p in sorted(used):
                half = level.pools[p]
                self._wanted.setdefault(half.tensor, set()).add(state_of(half))

    def add_tensor(self, number: int, argument: str, key: str, base: str) -> None:
        """All that is read of one input, finest first."""
        wanted = self._wanted.get(number)
        if not wanted:
            return
        operand = self._inputs[number]
        self._fold(number, operand, argument, key, base)
        for state in sorted(wanted, key=lambda s: (-len(s.blocks), s.blocks, -len(s.kept), s.kept)):
            self._require(number, operand, base, state)

    def variable(self, number: int, state: State) -> str:
        return self._variables[number, state]

    def _fold(self, number: int, operand: Operand, argument: str, key: str, base: str) -> None:
        tensor = operand.tensor
        order = (*free_indices(tensor), *pinned_indices(tensor))
        state = finest(tensor)
        step = Fold(
            base,
            argument,
            key,
            _permutation(order),
            len(pinned_indices(tensor)),
            shape_of(state, operand),
            operand.runs,
        )
        self.steps.append(step)
        self._variables[number, state] = base

    def _require(self, number: int, operand: Operand, base: str, state: State) -> str:
        if (number, state) in self._variables:
            return self._variables[number, state]
        target_shape = shape_of(state, operand)
        step: PoolStep
        if state.is_whole:
            finer, first, second = split_last(state)
            source = self._require(number, operand, base, finer)
            target = self._names.claim(f"{base}_{self._suffix(base, state, operand.tensor)}")
            dims = place(first, finer), place(second, finer)
            step = Diagonal(target, source, *dims, target_shape, operand.runs)
        else:
            finer, block = self._cheapest_source(number, operand, state)
            source = self._require(number, operand, base, finer)
            target = self._names.claim(f"{base}_{self._suffix(base, state, operand.tensor)}")
            axes = shape_of(finer, operand).axes
            step = Mean(target, source, place(block, finer), axes, target_shape, operand.runs)
        self.steps.append(step)
        self._variables[number, state] = target
        return target

    def _suffix(self, base: str, state: State, tensor: Tensor) -> str:
        return suffix(base, state, tensor, "mean", self._axis_names)

    def _cheapest_source(self, number: int, operand: Operand, state: State) -> tuple[State, Block]:
        """The smallest tensor that has one block more, of those wanted anyway if there are any."""
        options = []
        for block in state.blocks:
            if block in state.kept or not _encloser_kept(block, state, operand.tensor):
                continue
            finer = State(state.blocks, tuple(sorted((*state.kept, block))))
            wanted = finer in self._wanted[number] or (number, finer) in self._variables
            options.append((not wanted, shape_of(finer, operand).numbers, finer.kept, finer, block))
        best = min(options, key=lambda option: option[:3])
        return best[3], best[4]


def _encloser_kept(block: Block, state: State, tensor: Tensor) -> bool:
    """Whether the block that this one lives in is still there, so that this one can be reduced first."""
    parent = enclosing_index(tensor, block[0])
    return parent is None or any(parent in kept for kept in state.kept)


# --- Products ------------------------------------------------------------------------------------


class _SpreadNames:
    """Names for what goes to the outputs: `to_fc1_weight_hidden`."""

    def __init__(self, maps: Maps, names: Variables) -> None:
        self._outputs = maps.outputs
        self._axis_names = dict(maps.names)
        self._names = names
        self._given: set[str] = set()
        self.bases = [
            names.claim(
                f"to_{identifier(operand.name.replace('{}.', ''))}" if operand.name else "y"
            )
            for operand in maps.outputs
        ]

    def fresh(self, number: int, state: State) -> str:
        """A variable for a spread of an output; the finest is called as the output itself."""
        base = self.bases[number]
        tensor = self._outputs[number].tensor
        end = suffix(base.removeprefix("to_"), state, tensor, "all", self._axis_names)
        if end or base in self._given:
            return self._names.claim(f"{base}_{end}" if end else base)
        self._given.add(base)
        return base

    def diagonal(self, number: int) -> str:
        """A variable for a full-size tensor that is zero off a diagonal."""
        return self._names.claim(f"{self.bases[number]}_diagonal")


def _mix(
    maps: Maps,
    level: Level,
    each: Product,
    pools: _Pools,
    names: _SpreadNames,
    pieces: dict[int, dict[State, list[Arranged]]],
    formulation: Formulation | None,
) -> Mix:
    """The product of a level; its dimensions are in the order of its first pool."""
    layout = _layout(level, each)
    operands = []
    for p in each.pools:
        half = level.pools[p]
        state = state_of(half)
        order = [state.kept.index(half.strands[strand]) for strand in layout]
        read = maps.inputs[half.tensor]
        source = pools.variable(half.tensor, state)
        of_run = read.runs is not None and each.runs is not None
        operands.append(Arranged(source, _permutation(order), _count(each, read), of_run))
    targets = []
    for s in each.spreads:
        half = level.spreads[s]
        state = state_of(half)
        target = names.fresh(half.tensor, state)
        order = [layout.index(half.strands.index(block)) for block in state.kept]
        pieces[half.tensor].setdefault(state, []).append(Arranged(target, _permutation(order)))
        written = maps.outputs[half.tensor]
        targets.append(Target(target, written.features, _count(each, written)))
    input_widths = tuple(
        maps.inputs[level.pools[p].tensor].features
        for p in each.pools
        for _ in range(maps.pool_count(level, each, p))
    )
    output_widths = [target.width for target in targets for _ in range(target.count or 1)]
    axes = tuple(level.strands[strand].axis for strand in layout)
    shape = Shape(axes, sum(output_widths))
    chosen = formulation or cheaper_formulation(input_widths, output_widths, shape.positions)
    return Mix(
        f"mix_{each.name}" if operands else f"bias_{each.name}",
        tuple(operands),
        tuple(targets),
        input_widths,
        each.bias,
        chosen if len(input_widths) > 1 and each.rank is None else "stack",
        shape,
        each.runs,
        each.rank,
    )


def _count(each: Product, operand: Operand) -> int | None:
    """How many tensors of an operand a product takes or gives; None for just the one."""
    return operand.runs.count if operand.runs and not each.runs else None


def _layout(level: Level, each: Product) -> tuple[int, ...]:
    """The order of the strands along the level's dimensions: as the first pool has them."""
    if not each.pools:
        return ()
    first = level.pools[each.pools[0]]
    kept = state_of(first).kept
    return tuple(first.strands.index(block) for block in kept)


def _permutation(order: Sequence[int]) -> tuple[int, ...] | None:
    """The permutation of batch, dimensions, features that puts the dimensions in order; None where it is."""
    if list(order) == list(range(len(order))):
        return None
    return (0, *(1 + i for i in order), 1 + len(order))


# --- Spreads -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Partial:
    """What has been added up for a state: its terms, and which of its dimensions have full size."""

    terms: list[Term]
    real: set[Block]


def _spread(
    number: int, operand: Operand, pieces: dict[State, list[Arranged]], names: _SpreadNames
) -> tuple[list[SpreadStep], str]:
    """Adds up what belongs to one output, coarse to fine; returns the steps and the last variable."""
    steps: list[SpreadStep] = []
    partials = {
        state: _Partial([Term(p.source, p.permutation, ()) for p in found], set(state.kept))
        for state, found in pieces.items()
    }
    last = finest(operand.tensor)
    while True:
        state = min(
            partials, key=lambda s: (s == last, len(s.blocks), s.blocks, len(s.kept), s.kept)
        )
        partial = partials.pop(state)
        variable = _summed(steps, number, operand, state, partial, names)
        if state == last and not partials:
            break
        if state.is_whole:
            _embed(steps, number, operand, state, partial, variable, partials, names)
        else:
            _lift(state, partial, variable, partials)
    missing = [block for block in last.kept if block not in partial.real]
    shape = shape_of(last, operand)
    if missing:
        dims = tuple(place(block, last) for block in missing)
        steps.append(Expand(names.bases[number], variable, dims, shape, operand.runs))
        variable = names.bases[number]
    return _unfold(steps, operand, variable, names.bases[number], shape)


def _summed(
    steps: list[SpreadStep],
    number: int,
    operand: Operand,
    state: State,
    partial: _Partial,
    names: _SpreadNames,
) -> str:
    """One variable for what has come together at a state."""
    (first, *others) = partial.terms
    if not others and first.permutation is None and not first.inserted:
        return first.source
    target = (
        first.source
        if first.permutation is None and not first.inserted
        else names.fresh(number, state)
    )
    steps.append(Sum(target, tuple(partial.terms), shape_of(state, operand), operand.runs))
    return target


def _lift(state: State, partial: _Partial, variable: str, partials: dict[State, _Partial]) -> None:
    """Adds a state to the smallest one that keeps more of the same blocks."""
    finer = [
        other
        for other in partials
        if other.blocks == state.blocks and set(state.kept) < set(other.kept)
    ]
    whole = State(state.blocks, state.blocks)
    target = min(finer, key=lambda s: (len(s.kept), s.kept)) if finer else whole
    inserted = tuple(place(b, target) for b in target.kept if b not in state.kept)
    term = Term(variable, None, inserted)
    if target in partials:
        partials[target].terms.append(term)
        partials[target].real |= partial.real
    else:
        partials[target] = _Partial([term], set(partial.real))


def _embed(
    steps: list[SpreadStep],
    number: int,
    operand: Operand,
    state: State,
    partial: _Partial,
    variable: str,
    partials: dict[State, _Partial],
    names: _SpreadNames,
) -> None:
    """Writes a block's dimension onto the diagonal of two, in the next finer state."""
    finer, first, second = split_last(state)
    block = tuple(sorted((*first, *second)))
    if block not in partial.real:
        target = names.fresh(number, state)
        dims = (place(block, state),)
        steps.append(Expand(target, variable, dims, shape_of(state, operand), operand.runs))
        variable = target
    target = (
        names.fresh(number, finer) if finer != finest(operand.tensor) else names.diagonal(number)
    )
    steps.append(
        Embed(
            target,
            variable,
            place(block, state),
            place(first, finer),
            place(second, finer),
            shape_of(finer, operand),
            operand.runs,
        )
    )
    real = {b for b in finer.kept if b in partial.real} | {first, second}
    if finer in partials:
        partials[finer].terms.append(Term(target, None, ()))
        partials[finer].real |= real
    else:
        partials[finer] = _Partial([Term(target, None, ())], real)


def _unfold(
    steps: list[SpreadStep], operand: Operand, variable: str, base: str, shape: Shape
) -> tuple[list[SpreadStep], str]:
    tensor = operand.tensor
    pinned = pinned_indices(tensor)
    order = (*free_indices(tensor), *pinned)
    back = [order.index(i) for i in range(len(order))]
    permutation = _permutation(back)
    if not pinned and permutation is None:
        return steps, variable
    sizes = tuple(tensor.axes[i].size for i in pinned)
    steps.append(Unfold(base, variable, sizes, tensor.width, permutation, shape, operand.runs))
    return steps, base
