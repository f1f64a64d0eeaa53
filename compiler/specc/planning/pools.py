"""The reductions of a layer: coarse pools come from fine ones, so that each input is read once."""

from __future__ import annotations

from ..names import Variables
from ..symmetry.derive import Maps
from ..symmetry.diagrams import enclosing_index, folded_indices, free_indices
from ..symmetry.folding import Operand
from ..types import Tensor
from .plan import Diagonal, Fold, Mean, PoolStep
from .states import Block, State, finest, permutation, place, shape_of, split_last, state_of, suffix


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
