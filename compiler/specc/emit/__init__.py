"""From plans to Python source. Nothing is decided here: one template for each kind of step and node."""

from .file import emit

__all__ = ["emit"]
