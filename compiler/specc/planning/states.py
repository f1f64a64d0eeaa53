"""States of a tensor on its way through a layer: which of its indices are joined, which reduced away.

A pool goes from fine to coarse, a spread from coarse to fine; both are steps between states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..names import identifier, letter, together
from ..symmetry.diagrams import Half, free_indices
from ..symmetry.folding import Operand
from ..types import Tensor
from .plan import Shape

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


def state_of(half: Half) -> State:
    """What a pool reduces a tensor to, or a spread starts from."""
    blocks = tuple(sorted((*half.strands, *half.whole)))
    return State(blocks, tuple(sorted(half.strands)))


def finest(tensor: Tensor) -> State:
    """The state of the tensor itself."""
    blocks = tuple((i,) for i in free_indices(tensor))
    return State(blocks, blocks)


def shape_of(state: State, operand: Operand) -> Shape:
    """The run-time shape of a state."""
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
