"""States of a tensor on its way through a layer: which of its indices are joined, which reduced away.

A pool goes from fine to coarse, a spread from coarse to fine; both are steps between states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb

from ..groups import Pinned
from ..names import identifier, letter, together
from ..symmetry.diagrams import Half, free_indices
from ..symmetry.folding import Operand
from ..types import Axis, Tensor
from .plan import Shape

Block = tuple[int, ...]

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class State:
    """A tensor in between: the blocks that its indices are joined to, and which of them it keeps.

    `wedges` are those that are joined by a determinant.
    """

    blocks: tuple[Block, ...]
    kept: tuple[Block, ...]
    wedges: tuple[Block, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every block is kept."""
        return self.kept == self.blocks


def pooled(half: Half, tensor: Tensor) -> State:
    """What a pool reduces a tensor to. A wedge of one index is that index."""
    joined = (w for w in half.wedges if len(w) > 1 or (w and tensor.axes[w[0]].size == 1))
    return _state(half, tensor, tuple(joined))


def spreading(half: Half, tensor: Tensor) -> State:
    """What a spread starts from."""
    return _state(half, tensor, tuple(wedge for wedge in half.wedges if wedge))


def _state(half: Half, tensor: Tensor, wedges: tuple[Block, ...]) -> State:
    strands = [block for block in half.strands if block]
    full = [block for block in wedges if len(block) == tensor.axes[block[0]].size]
    kept = tuple(sorted(block for block in strands if block not in full))
    return State(tuple(sorted((*strands, *half.whole))), kept, tuple(sorted(wedges)))


def finest(tensor: Tensor) -> State:
    """The state of the tensor itself."""
    blocks = tuple((i,) for i in free_indices(tensor))
    return State(blocks, blocks)


def shape_of(state: State, operand: Operand) -> Shape:
    """The run-time shape of a state."""
    axes = tuple(_axis(operand.tensor, block, block in state.wedges) for block in state.kept)
    return Shape(axes, operand.features)


def _axis(tensor: Tensor, block: Block, is_wedge: bool) -> Axis:
    """What a dimension runs over: the axis, or for a wedge the sets of as many of its positions."""
    axis = tensor.axes[block[0]]
    if not is_wedge:
        return axis
    return Axis(f"{axis.mover}^{len(block)}", comb(axis.size, len(block)), Pinned())


def split_wedge(state: State) -> tuple[State, Block]:
    """The state with the dimensions of its last wedge by themselves, and the wedge."""
    wedge = state.wedges[-1]
    single = [(index,) for index in wedge]
    blocks = sorted((*(b for b in state.blocks if b != wedge), *single))
    kept = sorted((*(b for b in state.kept if b != wedge), *single))
    return State(tuple(blocks), tuple(kept), state.wedges[:-1]), wedge


def split_whole(state: State, pair: Block) -> State:
    """The state with a block that is not kept as dimensions of its own."""
    single = [(index,) for index in pair]
    blocks = sorted((*(b for b in state.blocks if b != pair), *single))
    return State(tuple(blocks), tuple(sorted((*state.kept, *single))), state.wedges)


def split_last(state: State) -> tuple[State, Block, Block]:
    """The whole state with one block cut in two, and the two parts."""
    block = [block for block in state.blocks if len(block) > 1][-1]
    first, second = block[:-1], block[-1:]
    blocks = tuple(sorted((*(b for b in state.blocks if b != block), first, second)))
    return State(blocks, blocks), first, second


def place(block: Block, state: State) -> int:
    """The run-time dimension of a kept block."""
    return 1 + state.kept.index(block)


def permutation(order: Sequence[int]) -> tuple[int, ...] | None:
    """The permutation of batch, dimensions, features that puts the dimensions in order; None where it is."""
    if list(order) == list(range(len(order))):
        return None
    return (0, *(1 + i for i in order), 1 + len(order))


def suffix(base: str, state: State, tensor: Tensor, whole: str, names: Mapping[str, str]) -> str:
    """How a variable that begins with `base` says what it keeps: axes where they are distinct, else
    letters as in einsum."""
    if state == finest(tensor):
        return ""
    if state.wedges:
        joined = ["".join(ALPHABET[i] for i in wedge) for wedge in state.wedges]
        plain, _ = split_wedge(replace(state, wedges=state.wedges[:1]))
        return "_".join(filter(None, [suffix(base, plain, tensor, "", names), "wedge", *joined]))
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
