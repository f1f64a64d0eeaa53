"""The groups that may act on an axis, one file per family.

A diagram group tells derivation which blocks of indices its diagrams may have; derivation asks
nothing else of it, and no later stage knows which group it was.
"""

from .interface import Group
from .pinned import Pinned
from .symmetric import Symmetric

__all__ = ["Group", "Pinned", "Symmetric"]
