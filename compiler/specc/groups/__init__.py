"""The groups that may act on an axis, one file per family.

A diagram group tells derivation which blocks of indices its diagrams may have; a tied group gives the
generators by which coefficients are tied. No later stage knows which group it was.
"""

from .classical import DUAL, Linear, Orthogonal, Symplectic
from .finite import why_infinite
from .interface import Diagrams, Form, Group, Kinds, Monotone, Structure
from .pinned import Pinned
from .related import absolute, absolute_name, dual, dual_name, pairing
from .signed import UNSIGNED, Signed
from .spins import EVEN, ODD, Spin, count_couplings
from .stabilisers import Stabiliser
from .symmetric import Symmetric
from .tied import (
    Action,
    Alternating,
    Cyclic,
    Dihedral,
    Joint,
    Matrices,
    Matrix,
    Permutations,
    Permuted,
    Represented,
    Tied,
)

__all__ = [
    "DUAL",
    "EVEN",
    "ODD",
    "UNSIGNED",
    "Action",
    "Alternating",
    "Cyclic",
    "Diagrams",
    "Dihedral",
    "Form",
    "Group",
    "Joint",
    "Kinds",
    "Linear",
    "Matrices",
    "Matrix",
    "Monotone",
    "Orthogonal",
    "Permutations",
    "Permuted",
    "Pinned",
    "Represented",
    "Signed",
    "Spin",
    "Stabiliser",
    "Structure",
    "Symmetric",
    "Symplectic",
    "Tied",
    "absolute",
    "absolute_name",
    "count_couplings",
    "dual",
    "dual_name",
    "pairing",
    "why_infinite",
]
