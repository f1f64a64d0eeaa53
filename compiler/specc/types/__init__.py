"""Types of values: axes with the groups that act on them, tensors, collections of tensors.

Every type is frozen, compares by meaning and prints as the language writes it: `[node, node; 32]`.
"""

from .axes import Axis
from .collections import (
    Collection,
    Scale,
    Type,
    axes_of,
    map_tensors,
    tensor_named,
    tensors_of,
)
from .stored import (
    Dimension,
    Part,
    Piece,
    Stored,
    Strided,
    dimension_text,
    size_of,
    sizes_text,
    stored,
    strided,
)
from .tensors import Exchange, Swap, Tensor, part_indices

__all__ = [
    "Axis",
    "Collection",
    "Dimension",
    "Exchange",
    "Part",
    "Piece",
    "Scale",
    "Stored",
    "Strided",
    "Swap",
    "Tensor",
    "Type",
    "axes_of",
    "dimension_text",
    "map_tensors",
    "part_indices",
    "size_of",
    "sizes_text",
    "stored",
    "strided",
    "tensor_named",
    "tensors_of",
]
