"""The plan of an equivariant layer: pool, mix, spread as a list of tensor operations with names.

Every decision is made when a plan is built (`schedule`); the emitter writes one line for each step.
Run-time tensors are `(batch, *kept axes, features)`, where features are pinned positions times
channels. A step with `runs` is done for each run of a repeat: its variables are lists, or where it is
`batched` one tensor with the runs first.
"""

from .layer import Argument, LayerPlan, Result, Step
from .mixes import Arranged, Formulation, Mix, Target, TiedForm, TiedProduct, TiedSize
from .points import Center, Copy, PointSource, PointStep, Shift
from .pools import Diagonal, Fold, Mean, Pooled, PoolStep, Project, Trace, Wedge
from .shapes import Shape
from .spreads import (
    Along,
    Average,
    Embed,
    Expand,
    Lower,
    MixSpread,
    SpreadStep,
    Sum,
    Term,
    Unfold,
    Unwedge,
)

__all__ = [
    "Along",
    "Argument",
    "Arranged",
    "Average",
    "Center",
    "Copy",
    "Diagonal",
    "Embed",
    "Expand",
    "Fold",
    "Formulation",
    "LayerPlan",
    "Lower",
    "Mean",
    "Mix",
    "MixSpread",
    "PointSource",
    "PointStep",
    "PoolStep",
    "Pooled",
    "Project",
    "Result",
    "Shape",
    "Shift",
    "SpreadStep",
    "Step",
    "Sum",
    "Target",
    "Term",
    "TiedForm",
    "TiedProduct",
    "TiedSize",
    "Trace",
    "Unfold",
    "Unwedge",
    "Wedge",
]
