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
from .tied import TiedMix
from .tied_blocks import TiedArrangement, TiedBlock, TiedFactor


class CirculantMix(TiedMix):
    """What `TiedMix` computes, from the same arguments and parameters; for long cyclic axes.

    Blocks in which C(n) or D(n) has indices on both sides are correlations along them: by Fourier
    transforms, or within a `support` by convolutions with circular padding. Other blocks are matrices.
    """

    def forward(self, x: Tensor) -> Tensor:
        weights, biases = self.coefficients()
        parts = x.split(self.column_widths, -1)
        sums: dict[int, Tensor] = {}
        for piece, weight in zip(self._pieces, weights, strict=True):
            part = parts[piece.column]
            if isinstance(piece.form, CirculantForm):
                made = correlated(part, weight, piece.form, self._expansions(piece))
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

    def _expansion(self, factor: TiedFactor, weight: Tensor) -> Tensor | None:
        return circulant_expansion(factor, weight)
