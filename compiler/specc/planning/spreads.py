"""What goes to an output of a layer, added up from coarse to fine before anything has full size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..symmetry.diagrams import folded_indices, free_indices
from ..symmetry.folding import Operand
from ..types import Exchange, part_indices
from .plan import (
    Along,
    Arranged,
    Average,
    Embed,
    Expand,
    Lower,
    Shape,
    SpreadStep,
    Sum,
    Term,
    Unfold,
    Unwedge,
)
from .pools import fixed_index
from .spread_names import SpreadNames
from .states import (
    Block,
    State,
    finest,
    permutation,
    place,
    shape_of,
    split_last,
    split_wedge,
    split_whole,
)


@dataclass(slots=True)
class _Partial:
    """What has been added up for a state: its terms, and which of its dimensions have full size."""

    terms: list[Term]
    real: set[Block]


@dataclass(slots=True)
class _Output:
    """An output on its way: the states that something waits in, and the steps so far."""

    number: int
    operand: Operand
    names: SpreadNames
    partials: dict[State, _Partial]
    steps: list[SpreadStep] = field(default_factory=list)

    def shape(self, state: State) -> Shape:
        return shape_of(state, self.operand)

    def fresh(self, state: State) -> str:
        return self.names.fresh(self.number, state)

    def add(self, state: State, term: Term, real: set[Block]) -> None:
        """One more term for a state."""
        partial = self.partials.setdefault(state, _Partial([], set()))
        partial.terms.append(term)
        partial.real |= real


def spread(
    number: int,
    operand: Operand,
    pieces: Mapping[State, Sequence[Arranged]],
    names: SpreadNames,
) -> tuple[tuple[SpreadStep, ...], str | None]:
    """Adds up what belongs to one output, coarse to fine; returns the steps and the last variable.

    There is none where nothing belongs to it.
    """
    if not pieces:
        return (), None
    partials = {
        state: _Partial([Term(p.source, p.permutation, ()) for p in found], set(state.kept))
        for state, found in pieces.items()
    }
    output = _Output(number, operand, names, partials)
    last = finest(operand.tensor)
    while True:
        state = min(
            partials,
            key=lambda s: (
                s == last,
                not _comes_first(s, operand),
                len(s.blocks),
                s.blocks,
                len(s.kept),
                s.kept,
            ),
        )
        partial = partials.pop(state)
        variable = _summed(output, state, partial)
        if state == last and not partials:
            break
        single = fixed_index(state, operand.tensor)
        if state.wedges:
            _unwedge(output, state, partial, variable)
        elif single is not None:
            _along(output, state, partial, variable, single)
        elif state.is_whole:
            _embed(output, state, partial, variable)
        else:
            _lift(output, state, partial, variable)
    missing = tuple(block for block in last.kept if block not in partial.real)
    if missing:
        base = names.bases[number]
        variable = _expanded(output, last, missing, variable, base)
    variable = _unfolded(output, last, variable)
    for exchange in operand.tensor.exchanges:
        variable = _averaged(output, exchange, variable)
    return tuple(output.steps), variable


def _summed(output: _Output, state: State, partial: _Partial) -> str:
    """One variable for what has come together at a state."""
    (first, *others) = partial.terms
    as_it_is = first.permutation is None and not first.inserted
    if not others and as_it_is:
        return first.source
    target = first.source if as_it_is else output.fresh(state)
    step = Sum(target, tuple(partial.terms), output.shape(state), output.operand.runs)
    output.steps.append(step)
    return target


def _comes_first(state: State, operand: Operand) -> bool:
    """Whether something is written along other dimensions before any is broadcast."""
    return bool(state.wedges) or fixed_index(state, operand.tensor) is not None


def _along(output: _Output, state: State, partial: _Partial, variable: str, block: Block) -> None:
    """Writes a state along the vector that a group fixes."""
    operand = output.operand
    finer = split_whole(state, block)
    axis = operand.tensor.axes[block[0]]
    is_finest = finer == finest(operand.tensor)
    target = output.names.diagonal(output.number) if is_finest else output.fresh(finer)
    step = Along(target, variable, place(block, finer), axis, output.shape(finer), operand.runs)
    output.steps.append(step)
    output.add(finer, Term(target, None, ()), partial.real | {block})


def _lift(output: _Output, state: State, partial: _Partial, variable: str) -> None:
    """Adds a state to the smallest one that keeps more of the same blocks."""
    finer = [
        other
        for other in output.partials
        if not other.wedges and other.blocks == state.blocks and set(state.kept) < set(other.kept)
    ]
    whole = State(state.blocks, state.blocks)
    target = min(finer, key=lambda s: (len(s.kept), s.kept)) if finer else whole
    inserted = tuple(place(b, target) for b in target.kept if b not in state.kept)
    output.add(target, Term(variable, None, inserted), partial.real)


def _embed(output: _Output, state: State, partial: _Partial, variable: str) -> None:
    """Writes a block's dimension onto the diagonal of two, in the next finer state."""
    operand = output.operand
    finer, first, second = split_last(state)
    block = tuple(sorted((*first, *second)))
    if block not in partial.real:
        variable = _expanded(output, state, (block,), variable, output.fresh(state))
    is_finest = finer == finest(operand.tensor)
    target = output.names.diagonal(output.number) if is_finest else output.fresh(finer)
    dims = place(block, state), place(first, finer), place(second, finer)
    output.steps.append(Embed(target, variable, *dims, output.shape(finer), operand.runs))
    form = operand.tensor.axes[first[0]].diagrams.form
    if form is not None:
        shape = output.shape(finer)
        output.steps.append(Lower(target, target, dims[2], form, shape, operand.runs))
    real = {b for b in finer.kept if b in partial.real} | {first, second}
    output.add(finer, Term(target, None, ()), real)


def _unwedge(output: _Output, state: State, partial: _Partial, variable: str) -> None:
    """Writes a dimension of sets of positions onto those that a determinant joins them with."""
    operand = output.operand
    finer, wedge = split_wedge(state)
    dim = place(wedge, state) if wedge in state.kept else None
    single = [(index,) for index in wedge]
    is_finest = finer == finest(operand.tensor)
    target = output.names.diagonal(output.number) if is_finest else output.fresh(finer)
    dims = tuple(place(each, finer) for each in single)
    size = operand.tensor.axes[wedge[0]].size
    shape = output.shape(finer)
    output.steps.append(Unwedge(target, variable, dim, dims, size, shape, operand.runs))
    form = operand.tensor.axes[wedge[0]].diagrams.form
    if form is not None:
        output.steps += [Lower(target, target, d, form, shape, operand.runs) for d in dims]
    output.add(finer, Term(target, None, ()), (partial.real - {wedge}) | set(single))


def _expanded(
    output: _Output, state: State, blocks: Sequence[Block], variable: str, target: str
) -> str:
    """Gives dimensions of size 1 their full size."""
    dims = tuple(place(block, state) for block in blocks)
    output.steps.append(Expand(target, variable, dims, output.shape(state), output.operand.runs))
    return target


def _averaged(output: _Output, exchange: Exchange, variable: str) -> str:
    """Makes an output symmetric, innermost first; tied coefficients make their positions so anyway."""
    tensor = output.operand.tensor
    for part in exchange.parts:
        if isinstance(part, Exchange):
            variable = _averaged(output, part, variable)
    if all(i in folded_indices(tensor) for i in exchange.indices):
        return variable
    target = output.names.bases[output.number]
    parts = tuple(tuple(1 + i for i in part_indices(part)) for part in exchange.parts)
    shape = Shape(tensor.axes, tensor.width)
    output.steps.append(Average(target, variable, parts, exchange.sign, shape, output.operand.runs))
    return target


def _unfolded(output: _Output, last: State, variable: str) -> str:
    """Puts the indices of the tensor in its own order, pinned ones out of the features."""
    tensor = output.operand.tensor
    pinned = folded_indices(tensor)
    order = (*free_indices(tensor), *pinned)
    back = permutation([order.index(i) for i in range(len(order))])
    if not pinned and back is None:
        return variable
    target = output.names.bases[output.number]
    sizes = tuple(tensor.axes[i].size for i in pinned)
    shape, runs = Shape(tensor.axes, tensor.width), output.operand.runs
    output.steps.append(Unfold(target, variable, sizes, tensor.width, back, shape, runs))
    return target
