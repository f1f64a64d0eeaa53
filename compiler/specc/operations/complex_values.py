"""Which values are complex: those with an axis that a unitary group moves, and what is made of them.

An operation that meets one must have a meaning there; real and complex values together are promoted, as
torch does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..types import Collection, Tensor, Type, map_tensors, tensor_named, tensors_of
from .refusal import Refusal


def is_complex(value: Type) -> bool:
    """Whether any tensor of a value is complex."""
    return any(tensor.complex for _, tensor in tensors_of(value))


def refuse_complex(word: str, inputs: Sequence[Type]) -> None:
    """Raises `Refusal` where a value is complex: for what has a meaning on real numbers alone."""
    for value in inputs:
        for _, tensor in tensors_of(value):
            if tensor.complex:
                raise Refusal(
                    f"`{word}` works on real numbers, and {tensor} is complex",
                    real_of(tensor),
                    show_types=True,
                )


def real_of(tensor: Tensor) -> str:
    """How something real is made of a complex tensor."""
    if any(axis.unitary for axis in tensor.axes):
        return "`inner(x, x)` is invariant, and `abs`, `real` and `imag` of that are real"
    return "`abs(x)`, `real(x)` and `imag(x)` are real"


def promoted(result: Type, inputs: Sequence[Type]) -> Type:
    """The type of a combination, tensor by tensor, complex where a value is."""

    def marked(name: str, tensor: Tensor) -> Tensor:
        found = any(tensor_named(value, name).complex for value in inputs)
        return replace(tensor, complex=tensor.complex or found)

    if isinstance(result, Tensor):
        return marked("", result)
    tensors = tuple((name, marked(name, tensor)) for name, tensor in result.tensors)
    return Collection(tensors, result.label, result.stored)


def made_complex(result: Type) -> Type:
    """The type with all of its tensors complex."""
    return map_tensors(result, lambda tensor: replace(tensor, complex=True))
