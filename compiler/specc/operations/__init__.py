"""The operation catalogue: every word of the language that makes a value, with all its rules.

To add an operation, write its class in a module beside this one and name it in `CATALOGUE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .arithmetic import Arithmetic, Constant, Minus
from .attention import Attention
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .bilinear import Bilinear
from .channels import Flatten, PixelShuffle, Split
from .coded import Coded
from .complex_parts import Complex, Conj, Imag, Real
from .convolution import Conv, ConvTranspose
from .embedding import Embedding, Positions, Sinusoidal
from .equivariant import Equivariant, Invariant
from .experts import Experts
from .gated import Gated
from .gates import Gate, NormAct
from .kan import Kan
from .layers import Linear, Mlp
from .norms import Dropout, LayerNorm, RmsNorm
from .outer import Inner, Outer
from .pointwise import FUNCTIONS, Pointwise
from .pooling import AvgPool, MaxPool, Upsample
from .recurrent import Gru, Lstm, Rnn
from .reductions import Reduce, Softmax
from .scales import NormaliseScale
from .statistics import BatchNorm, GroupNorm, InstanceNorm
from .structure import Collect, Concat, Input, Take


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of the language: the operation it names and the attributes it fixes."""

    operation: type[Operation]
    fixed: Mapping[str, str] = field(default_factory=dict)

    def make(self, **attributes: Any) -> Operation:
        """The operation with its attributes checked; raises pydantic's `ValidationError`."""
        if self.operation is Pointwise:
            attributes = {"options": tuple(attributes.items())}
        return self.operation(**self.fixed, **attributes)


_OPERATIONS: tuple[type[Operation], ...] = (
    Equivariant,
    Invariant,
    Coded,
    Linear,
    Mlp,
    LayerNorm,
    RmsNorm,
    Dropout,
    Softmax,
    Concat,
    Split,
    Flatten,
    Conv,
    ConvTranspose,
    MaxPool,
    AvgPool,
    Upsample,
    PixelShuffle,
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    Attention,
    Experts,
    Embedding,
    Positions,
    Sinusoidal,
    Rnn,
    Gru,
    Lstm,
    Bilinear,
    Gated,
    Kan,
    Gate,
    NormAct,
    Outer,
    Inner,
    Conj,
    Real,
    Imag,
    Complex,
)

CATALOGUE: Mapping[str, Entry] = {
    **{operation.word: Entry(operation) for operation in _OPERATIONS},
    **{word: Entry(Pointwise, {"function": word}) for word in FUNCTIONS},
    **{word: Entry(Reduce, {"kind": word}) for word in ("sum", "mean", "max", "min")},
}

LATER: frozenset[str] = frozenset()
"""Words of the language whose meaning this version does not have yet."""

__all__ = [
    "CATALOGUE",
    "FUNCTIONS",
    "LATER",
    "Arithmetic",
    "Channels",
    "Coded",
    "Collect",
    "Concat",
    "Constant",
    "Entry",
    "Equivariant",
    "Input",
    "Invariant",
    "Kind",
    "Linear",
    "Minus",
    "Mlp",
    "NormaliseScale",
    "Operation",
    "Parameter",
    "Pointwise",
    "Reduce",
    "Refusal",
    "Rules",
    "Take",
]
