"""The product of tied matrices along cyclic axes, in frequencies instead of positions."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Self

import torch
from torch import Tensor, nn

from .correlations import (
    as_correlated,
    circulant_form,
    correlated_by_frequencies,
    correlated_by_window,
    correlation_kernel,
    from_correlated,
    is_cyclic,
)
from .tied_blocks import TiedBlock, assembled, tied_expansion


class CirculantMix(nn.Module):
    """What `TiedMix` computes with one block, from the same parameters; for long cyclic axes.

    Factors that are a cyclic group with indices on both sides are correlations, by Fourier transforms;
    others are expanded to matrices. With `support`, an odd number, each cyclic factor has one output
    and one input index, and coefficients for the inputs at most support // 2 positions away: those of
    these offsets, the most negative first, and the product is a convolution with circular padding.

    `weight` is (dimension, c_out, c_in), `bias` (dimension, c_out) or None without maps. The
    constructor draws nothing, see `init_circulant_mix_`. It raises `ValueError` for a block without a
    cyclic factor, and for a support that is even, longer than an axis, of more indices or of more than
    three axes.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        block: TiedBlock,
        out_channels: int,
        in_channels: int,
        bias: TiedBlock | None = None,
        support: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.support = support
        self._form = circulant_form(block, support)
        self._factors = [factor for factor in block.factors if not is_cyclic(factor)]
        self._offset = bias if bias is not None and bias.dimension else None
        self.density = prod(factor.density for factor in self._factors)

        def empty(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape, device=device, dtype=dtype))

        self.weight = empty(self._form.dimension, out_channels, in_channels)
        self.register_parameter("bias", None)
        if self._offset is not None:
            self.bias = empty(self._offset.dimension, out_channels)
            self._arrangement = self._offset.arrangement()
        self._write_bases()

    def reset_parameters(self) -> None:
        """Draws with the fan-in of all inputs that an output has coefficients for."""
        init_circulant_mix_(self, self._form.reach * self.weight.shape[-1])

    def forward(self, x: Tensor) -> Tensor:
        form = self._form
        kernel = correlation_kernel(self.weight, form, self._bases("basis", len(self._factors)))
        rows = as_correlated(x, form)
        if self.support is None:
            made = correlated_by_frequencies(rows, kernel, len(form.carriers))
        else:
            made = correlated_by_window(rows, kernel, len(form.carriers))
        y = from_correlated(made.to(x.dtype), form).reshape(*x.shape[:-1], -1)
        if self.bias is None or self._offset is None:
            return y
        bases = self._bases("bias_basis", len(self._offset.factors))
        return y + assembled(self.bias.unsqueeze(-1), self._arrangement, bases).squeeze(-1)

    def extra_repr(self) -> str:
        sizes = [self._form.sizes[k] for _, k in self._form.carriers]
        return f"{sizes}, maps={self._form.dimension}, support={self.support}"

    def _bases(self, name: str, count: int) -> list[Tensor | None]:
        return [getattr(self, f"{name}_{number}") for number in range(count)]

    def _write_bases(self) -> None:
        """Registers the bases as buffers with the coefficients' device and dtype."""
        offset = self._offset.factors if self._offset is not None else ()
        for name, factors in (("basis", self._factors), ("bias_basis", offset)):
            for number, factor in enumerate(factors):
                basis = tied_expansion(factor, self.weight)
                self.register_buffer(f"{name}_{number}", basis, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """As modules do; bases are computed at their new precision, not converted or left empty."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._write_bases()
        return self


def init_circulant_mix_(mix: CirculantMix, fan_in: float) -> None:
    """Draws as `init_tied_mix_`, with variance 1 / fan-in among the entries that `support` leaves."""
    with torch.no_grad():
        mix.weight.normal_(0.0, (fan_in * mix.density) ** -0.5)
        if mix.bias is not None:
            mix.bias.zero_()
