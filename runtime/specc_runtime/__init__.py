"""What generated modules import: torch and nothing of the compiler."""

from .equivariant import Equivariant, Part
from .inputs import InputError, check_inputs, check_mask
from .models import Model, compile
from .modules import Codes, Mix, PerTensor, Pointwise, init_mix_, reset_parameters
from .storage import put_together, take_apart
from .tensors import (
    accumulate,
    apply_mask,
    concat,
    diagonal,
    embed_diagonal,
    full_mask,
    masked_max,
    masked_mean,
    masked_min,
    masked_softmax,
    masked_sum,
)

__all__ = [
    "Codes",
    "Equivariant",
    "InputError",
    "Mix",
    "Model",
    "Part",
    "PerTensor",
    "Pointwise",
    "accumulate",
    "apply_mask",
    "check_inputs",
    "check_mask",
    "compile",
    "concat",
    "diagonal",
    "embed_diagonal",
    "full_mask",
    "init_mix_",
    "masked_max",
    "masked_mean",
    "masked_min",
    "masked_softmax",
    "masked_sum",
    "put_together",
    "reset_parameters",
    "take_apart",
]
