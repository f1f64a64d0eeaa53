"""The reductions of a layer: coarse pools come from fine ones, so that each input is read once."""

from __future__ import annotations

from ..names import Variables
from ..symmetry.diagrams import enclosing_index, folded_indices, free_indices
from ..symmetry.folding import Operand
from ..symmetry.maps import Maps
from ..types import Tensor
from .plan import Diagonal, Fold, Mean, PoolStep, Project, Trace, Wedge
from .states import (
    Block,
    State,
    finest,
    permutation,
    place,
    pooled,
    shape_of,
    split_last,
    split_wedge,
    split_whole,
    suffix,
)


class Pools:
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
                state = pooled(half, self._inputs[half.tensor].tensor)
                self._wanted.setdefault(half.tensor, set()).add(state)

    def add_tensor(self, number: int, argument: str, key: str, base: str) -> None:
        """All that is read of one input, finest first."""
        wanted = self._wanted.get(number)
        if not wanted:
            return
        operand = self._inputs[number]
        self._fold(number, operand, argument, key, base)
        for state in sorted(wanted, key=lambda s: (-len(s.blocks), s.blocks, -len(s.kept), s.kept)):
            self._require(number, operand, base, state)

    def reads(self, number: int) -> bool:
        """Whether anything is read of an input."""
        return number in self._wanted

    def variable(self, number: int, state: State) -> str:
        """What holds the reduction of an input to a state."""
        return self._variables[number, state]

    def _fold(self, number: int, operand: Operand, argument: str, key: str, base: str) -> None:
        tensor = operand.tensor
        order = (*free_indices(tensor), *folded_indices(tensor))
        state = finest(tensor)
        step = Fold(
            base,
            argument,
            key,
            permutation(order),
            len(folded_indices(tensor)),
            shape_of(state, operand),
            operand.runs,
        )
        self.steps.append(step)
        self._variables[number, state] = base

    def _require(self, number: int, operand: Operand, base: str, state: State) -> str:
        if (number, state) in self._variables:
            return self._variables[number, state]
        formed = formed_pair(state, operand.tensor)
        single = fixed_index(state, operand.tensor)
        if state.wedges:
            step = self._wedge(number, operand, base, state)
        elif formed is not None:
            step = self._trace(number, operand, base, state, formed)
        elif single is not None:
            step = self._project(number, operand, base, state, single)
        elif state.is_whole:
            step = self._diagonal(number, operand, base, state)
        else:
            step = self._mean(number, operand, base, state)
        self.steps.append(step)
        self._variables[number, state] = step.target
        return step.target

    def _wedge(self, number: int, operand: Operand, base: str, state: State) -> PoolStep:
        finer, wedge = split_wedge(state)
        source = self._require(number, operand, base, finer)
        dims = tuple(place((index,), finer) for index in wedge)
        dim = place(wedge, state) if wedge in state.kept else None
        size = operand.tensor.axes[wedge[0]].size
        target, shape = self._target(operand, base, state), shape_of(state, operand)
        return Wedge(target, source, dims, dim, size, shape, operand.runs)

    def _trace(
        self, number: int, operand: Operand, base: str, state: State, pair: Block
    ) -> PoolStep:
        finer = split_whole(state, pair)
        source = self._require(number, operand, base, finer)
        form = operand.tensor.axes[pair[0]].diagrams.form
        assert form is not None
        dims = place(pair[:1], finer), place(pair[1:], finer)
        target, shape = self._target(operand, base, state), shape_of(state, operand)
        return Trace(target, source, *dims, form, shape, operand.runs)

    def _project(
        self, number: int, operand: Operand, base: str, state: State, block: Block
    ) -> PoolStep:
        finer = split_whole(state, block)
        source = self._require(number, operand, base, finer)
        axis = operand.tensor.axes[block[0]]
        target, shape = self._target(operand, base, state), shape_of(state, operand)
        return Project(target, source, place(block, finer), axis, shape, operand.runs)

    def _diagonal(self, number: int, operand: Operand, base: str, state: State) -> PoolStep:
        finer, first, second = split_last(state)
        source = self._require(number, operand, base, finer)
        dims = place(first, finer), place(second, finer)
        target, shape = self._target(operand, base, state), shape_of(state, operand)
        return Diagonal(target, source, *dims, shape, operand.runs)

    def _mean(self, number: int, operand: Operand, base: str, state: State) -> PoolStep:
        finer, block = self._cheapest_source(number, operand, state)
        source = self._require(number, operand, base, finer)
        axes = shape_of(finer, operand).axes
        target, shape = self._target(operand, base, state), shape_of(state, operand)
        return Mean(target, source, place(block, finer), axes, shape, operand.runs)

    def _target(self, operand: Operand, base: str, state: State) -> str:
        return self._names.claim(f"{base}_{self._suffix(base, state, operand.tensor)}")

    def _suffix(self, base: str, state: State, tensor: Tensor) -> str:
        return suffix(base, state, tensor, "mean", self._axis_names)

    def _cheapest_source(self, number: int, operand: Operand, state: State) -> tuple[State, Block]:
        """The smallest tensor that has one block more, of those wanted anyway if there are any."""
        options = []
        for block in state.blocks:
            if block in state.kept or not _encloser_kept(block, state, operand.tensor):
                continue
            finer = State(state.blocks, tuple(sorted((*state.kept, block))), state.wedges)
            wanted = finer in self._wanted[number] or (number, finer) in self._variables
            options.append((not wanted, shape_of(finer, operand).numbers, finer.kept, finer, block))
        best = min(options, key=lambda option: option[:3])
        return best[3], best[4]


def formed_pair(state: State, tensor: Tensor) -> Block | None:
    """A pair that is contracted with a form which is not the identity, if there is one."""
    for block in state.blocks:
        if block not in state.kept and tensor.axes[block[0]].diagrams.form is not None:
            return block
    return None


def fixed_index(state: State, tensor: Tensor) -> Block | None:
    """An index by itself that is contracted with the vector which its group fixes, if there is one."""
    for block in state.blocks:
        single = len(block) == 1 and block not in state.kept
        if single and tensor.axes[block[0]].diagrams.contracts_with:
            return block
    return None


def _encloser_kept(block: Block, state: State, tensor: Tensor) -> bool:
    """Whether the block that this one lives in is still there, so that this one can be reduced first."""
    parent = enclosing_index(tensor, block[0])
    return parent is None or any(parent in kept for kept in state.kept)
