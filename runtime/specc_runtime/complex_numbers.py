"""Layers with complex coefficients, at the precision of a module: complex64 where others have float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from .gates import Gate
from .modules import Codes


def complex_dtype(dtype: torch.dtype | None) -> torch.dtype:
    """The complex dtype of a precision; None is torch's default, and beside bfloat16 stands complex64."""
    return (dtype or torch.get_default_dtype()).to_complex()


def as_complex(x: Tensor) -> Tensor:
    """Real numbers as complex ones of the same precision; complex ones as they are."""
    return x.to(torch.promote_types(x.dtype, torch.complex32))


def all_complex(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same of each tensor of a collection."""
    return {name: as_complex(value) for name, value in values.items()}


class ComplexLinear(nn.Linear):
    """`nn.Linear` with complex coefficients; `dtype` is that of a real or a complex module."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, bias, device, complex_dtype(dtype))

    def reset_parameters(self) -> None:
        """Draws complex normal numbers with the variance of `nn.Linear`, one third of 1 / fan-in."""
        for parameter in self.parameters(recurse=False):
            nn.init.normal_(parameter, std=(3 * self.in_features) ** -0.5)


class ComplexCodes(Codes):
    """Adds learned complex codes; `dtype` is that of a real or a complex module."""

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, int, int]],
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(shapes, device, complex_dtype(dtype))


class ComplexGate(Gate):
    """x act(s) of complex x, with a real scalar s for each channel: the real part of the mean of
    conj(left(x)) right(x), and a real bias."""

    mixing = ComplexLinear

    def _product(self, left: Tensor, right: Tensor) -> Tensor:
        return (left.conj() * right).real


def converted(fn: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A change of device or precision, as modules make it of each tensor, that complex tensors follow.

    `nn.Module.to(dtype)` would drop imaginary parts, and `double()` leave complex tensors as they are:
    here it is done to both parts. Beside bfloat16 stands complex64, torch's complex dtype for it.
    """

    def convert(x: Tensor) -> Tensor:
        if not x.is_complex():
            return fn(x)
        parts = fn(torch.view_as_real(x))
        if parts.is_complex():
            return fn(x)
        precision = parts.dtype.to_complex().to_real()
        return torch.view_as_complex(parts.to(precision).contiguous())

    return convert
