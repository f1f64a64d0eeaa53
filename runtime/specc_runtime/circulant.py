"""Products of tied matrices along cyclic axes, as correlations instead of matrices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .correlations import (
    CirculantForm,
    by_window,
    circulant_expansion,
    circulant_form,
    correlated,
    is_circulant,
)
from .rings import torus_order
from .tied import TiedMix, TiedPiece
from .tied_blocks import TiedArrangement, TiedBlock, TiedFactor


class CirculantMix(TiedMix):
    """What `TiedMix` computes, from the same arguments and parameters; for long cyclic axes.

    Blocks in which C(n), D(n) or a group of a torus's shifts has indices on both sides are correlations
    along them: by Fourier transforms, or within a `support` by convolutions with circular padding. Other
    blocks are matrices.
    """

    def forward(self, x: Tensor) -> Tensor:
        weights, biases = self.coefficients()
        parts = x.split(self.column_widths, -1)
        sums: dict[int, Tensor] = {}
        for piece, weight in zip(self._pieces, weights, strict=True):
            part = parts[piece.column]
            if isinstance(piece.form, CirculantForm):
                orders = self._orders(piece)
                made = correlated(part, weight, piece.form, self._expansions(piece), orders)
            else:
                made = F.linear(part, self._matrix(piece, weight))
            sums[piece.row] = sums[piece.row] + made if piece.row in sums else made
        rows = [
            sums[row] if row in sums else x.new_zeros(*x.shape[:-1], width)
            for row, width in enumerate(self.row_widths)
        ]
        y = rows[0] if len(rows) == 1 else torch.cat(rows, -1)
        offset = self._offset(biases)
        return y if offset is None else y + offset

    @property
    def chooses_layout(self) -> bool:
        """Whether torch chooses the order of dimensions: in Fourier transforms, in convolutions over two axes."""
        forms = [piece.form for piece in self._pieces]
        return any(
            isinstance(form, CirculantForm) and (len(form.carriers) > 1 or not by_window(form))
            for form in forms
        )

    def _form(self, block: TiedBlock) -> TiedArrangement | CirculantForm:
        return circulant_form(block) if is_circulant(block) else block.arrangement()

    def _orders(self, piece: TiedPiece) -> list[Tensor | None]:
        return [getattr(self, f"order_{number}") for number in piece.factors]

    def _expansion(self, factor: TiedFactor, weight: Tensor) -> Tensor | None:
        return circulant_expansion(factor, weight)

    def _write_bases(self) -> None:
        """Registers the orders of tori as buffers too, int64 on the coefficients' device."""
        super()._write_bases()
        weights, biases = self.coefficients()
        for number, factor in enumerate(self._factors):
            order = torus_order(factor.outputs[0]) if factor.is_toroidal else None
            if order is None:
                setattr(self, f"order_{number}", None)
            else:
                device = (*weights, *biases)[0].device
                self.register_buffer(f"order_{number}", order.to(device), persistent=False)
