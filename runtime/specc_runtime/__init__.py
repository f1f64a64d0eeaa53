"""What generated modules import: torch and nothing of the compiler."""

from .attention import FusedAttention, SeparateAttention
from .convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    avg_pool,
    max_pool,
    pixel_shuffle,
)
from .embedding import Positions, Sinusoidal
from .equivariant import Equivariant, Part
from .experts import SoftExperts
from .inputs import InputError, check_inputs, check_mask
from .kan import KanLayer
from .models import Model, compile
from .modules import (
    Codes,
    FactoredMix,
    Mix,
    PerTensor,
    Pointwise,
    init_factored_mix_,
    init_mix_,
    reset_parameters,
)
from .products import Bilinear, FusedGatedLinearUnit, GatedLinearUnit
from .recurrent import GRU, LSTM, RNN
from .statistics import BatchNorm, GroupNorm, InstanceNorm
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
    sections,
)

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "BatchNorm",
    "Bilinear",
    "Codes",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Equivariant",
    "FactoredMix",
    "FusedAttention",
    "FusedGatedLinearUnit",
    "GatedLinearUnit",
    "GroupNorm",
    "InputError",
    "InstanceNorm",
    "KanLayer",
    "Mix",
    "Model",
    "Part",
    "PerTensor",
    "Pointwise",
    "Positions",
    "SeparateAttention",
    "Sinusoidal",
    "SoftExperts",
    "accumulate",
    "apply_mask",
    "avg_pool",
    "check_inputs",
    "check_mask",
    "compile",
    "concat",
    "diagonal",
    "embed_diagonal",
    "full_mask",
    "init_factored_mix_",
    "init_mix_",
    "masked_max",
    "masked_mean",
    "masked_min",
    "masked_softmax",
    "masked_sum",
    "max_pool",
    "pixel_shuffle",
    "put_together",
    "reset_parameters",
    "sections",
    "take_apart",
]
