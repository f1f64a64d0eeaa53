"""What generated modules import: torch and nothing of the compiler."""

import os

from . import native, triton_kernels
from .actions import alternating, combined, cyclic, dihedral, dual, matrices, permutations, unmoved
from .attention import FusedAttention, SeparateAttention
from .circulant import CirculantMix
from .complex_numbers import (
    ComplexCodes,
    ComplexGate,
    ComplexLinear,
    all_complex,
    as_complex,
    complex_dtype,
)
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
from .forms import Determinant, along, antisymmetric, lower, lower_symplectic, symmetric
from .fused import (
    Activation,
    OnDiagonal,
    as_is,
    each_with_means,
    fused_if_small,
    mix_spread,
    with_means,
)
from .gates import Gate, NormAct, SelfGate, inner, outer
from .inputs import InputError, check_inputs, check_mask
from .kan import KanLayer
from .memory import keep_memory
from .models import Model, compile
from .modules import (
    BatchedMix,
    Codes,
    FactoredMix,
    Mix,
    PerTensor,
    Pointwise,
    init_factored_mix_,
    init_mix_,
    reset_parameters,
)
from .packages import Package, load_package, package
from .points import PointLinear, mix_points
from .products import Bilinear, FusedGatedLinearUnit, GatedLinearUnit
from .recurrent import GRU, LSTM, RNN
from .scales import normalise_scale
from .spins import spin
from .starts import keep_compiled
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
    runs_first,
    sections,
)
from .tied import TiedMix, init_tied_mix_
from .tied_blocks import TiedBlock, TiedFactor

triton_kernels.enable()
if os.environ.get("SPECC_NATIVE") == "1":
    native.enable()

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
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
    "Gate",
    "GatedLinearUnit",
    "GroupNorm",
    "InputError",
    "InstanceNorm",
    "KanLayer",
    "Mix",
    "Model",
    "NormAct",
    "OnDiagonal",
    "Package",
    "Part",
    "PerTensor",
    "PointLinear",
    "Pointwise",
    "Positions",
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
    "compile",
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
    "keep_compiled",
    "keep_memory",
    "load_package",
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
    "native",
    "normalise_scale",
    "outer",
    "package",
    "permutations",
    "pixel_shuffle",
    "put_together",
    "reset_parameters",
    "runs_first",
    "sections",
    "spin",
    "symmetric",
    "take_apart",
    "unmoved",
    "with_means",
]
