"""The permutation symmetry of any PyTorch model, derived from its own graph."""

from .traced import Traced, TraceReport, trace

__all__ = ["TraceReport", "Traced", "trace"]
