"""Tests generated modules from outside: in float64, with group elements made from types alone.

Equivariance is measured on random inputs, completeness is a rank compared with a count of orbits,
and each layer is held against the slow sum over its diagrams. Nothing here reads plans or emitted
code, so that a module edited by hand is tested just as well.
"""

from .models import verify_program
from .records import LayerVerification, ModelVerification, Verification

__all__ = ["LayerVerification", "ModelVerification", "Verification", "verify_program"]
