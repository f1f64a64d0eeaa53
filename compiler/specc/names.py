"""Python identifiers for what a spec names, distinct within one function of the generated module."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

RUNTIME = (
    "Activation",
    "BatchNorm",
    "BatchedMix",
    "Bilinear",
    "CirculantMix",
    "Codes",
    "ComplexCodes",
    "ComplexGate",
    "ComplexLinear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Determinant",
    "Equivariant",
    "FactoredMix",
    "FusedAttention",
    "FusedGatedLinearUnit",
    "GRU",
    "Gate",
    "GatedLinearUnit",
    "GroupNorm",
    "InstanceNorm",
    "KanLayer",
    "LSTM",
    "Mix",
    "Model",
    "NormAct",
    "OnDiagonal",
    "Part",
    "PerTensor",
    "PointLinear",
    "Pointwise",
    "Positions",
    "RNN",
    "SelfGate",
    "SeparateAttention",
    "Sinusoidal",
    "SoftExperts",
    "TiedBlock",
    "TiedFactor",
    "TiedMix",
    "accumulate",
    "all_complex",
    "along",
    "alternating",
    "antisymmetric",
    "apply_mask",
    "as_complex",
    "as_is",
    "avg_pool",
    "check_inputs",
    "check_mask",
    "combined",
    "complex_dtype",
    "concat",
    "cyclic",
    "diagonal",
    "dihedral",
    "dual",
    "each_with_means",
    "embed_diagonal",
    "full_mask",
    "fused_if_small",
    "init_factored_mix_",
    "init_mix_",
    "init_tied_mix_",
    "inner",
    "lower",
    "lower_symplectic",
    "masked_max",
    "masked_mean",
    "masked_min",
    "masked_softmax",
    "masked_sum",
    "matrices",
    "max_pool",
    "mix_points",
    "mix_spread",
    "normalise_scale",
    "outer",
    "permutations",
    "pixel_shuffle",
    "put_together",
    "runs_first",
    "sections",
    "spin",
    "symmetric",
    "take_apart",
    "unmoved",
    "with_means",
)
"""What generated modules may use of `specc_runtime`."""

RESERVED = frozenset(RUNTIME) | {
    "self", "torch", "nn", "F", "Tensor", "factory", "device", "dtype", "range", "super", "zip"
}  # fmt: skip
"""What the generated module uses under these names."""


def identifier(name: str) -> str:
    """`fc1.weight` as a variable: `fc1_weight`; `abs(s)` is `abs_s`."""
    plain = re.sub(r"\W", "_", name.replace(")", ""))
    return f"t_{plain}" if plain[:1].isdigit() else plain


def together(words: Iterable[str]) -> str:
    """Several names as one, without the words that two in a row both begin with.

    `h_attn_head` and `h_attn_key` make `h_attn_head_key`.
    """
    before: list[str] = []
    found: list[str] = []
    for word in words:
        parts = word.split("_")
        same = 0
        while same < min(len(before), len(parts)) - 1 and before[same] == parts[same]:
            same += 1
        found += parts[same:] if parts[same][:1].isalpha() else parts
        before = parts
    return "_".join(found)


def counted(number: int, noun: str, several: str | None = None) -> str:
    """`1 map`, `2 maps`: a number with its noun."""
    return f"{number} {noun if number == 1 else several or noun + 's'}"


def letter(letters: str, number: int) -> str:
    """The number-th of some letters; after the last they come again with a number: `a1`."""
    turn, place = divmod(number, len(letters))
    return letters[place] + (str(turn) if turn else "")


class Variables:
    """The local names of one function."""

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self._taken = set(taken)

    def claim(self, name: str) -> str:
        """`name` as an identifier that nothing else in the function has."""
        base = identifier(name)
        if keyword.iskeyword(base) or base in RESERVED:
            base += "_"
        free = base
        number = 1
        while free in self._taken:
            number += 1
            free = f"{base}_{number}"
        self._taken.add(free)
        return free
