"""Matrix products whose matrix commutes with groups, as their layers use them.

The bases of the maps that commute are computed from generators when a module is built, see `ties`;
checkpoints hold the coefficients alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .correlations import CirculantForm
from .tied_blocks import TiedArrangement, TiedBlock, TiedFactor, assembled, tied_expansion


class TiedPiece(NamedTuple):
    """A block that has maps: where it stands, and the numbers of its factors."""

    row: int
    column: int
    dimension: int
    block: TiedBlock
    form: TiedArrangement | CirculantForm
    factors: tuple[int, ...]


BlockGrid = Sequence[Sequence[TiedBlock | None]]
"""Blocks by rows; None where nothing leads from a block of columns to one of rows."""


class TiedMix(nn.Module):
    """The product of a level whose matrix is tied: (..., columns) to (..., rows).

    `blocks[r][k]` has the maps from block k of the columns to block r of the rows. A block of rows is
    as wide as it has output positions times `out_channels[r]`, channels last, and one of columns
    likewise. `bias[r]` is a block without inputs: the vectors that may be added to rows r.

    Where there is one block its coefficients are `weight` (dimension, c_out, c_in), and those of the
    bias `bias` (dimension, c_out); each is None without maps. Else they are `weights`, row by row
    without the blocks that have no maps, and `biases` likewise. The constructor draws nothing, see
    `init_tied_mix_`. It raises `ValueError` where sizes disagree.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(
        self,
        blocks: BlockGrid,
        out_channels: Sequence[int],
        in_channels: Sequence[int],
        bias: Sequence[TiedBlock | None] = (),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        offsets = [[block] for block in bias or [None] * len(out_channels)]
        rows, columns = _tied_positions(blocks, offsets, len(out_channels), len(in_channels))
        self.row_widths = [n * c for n, c in zip(rows, out_channels, strict=True)]
        self.column_widths = [n * c for n, c in zip(columns, in_channels, strict=True)]
        self._factors = _factors_with_maps([*blocks, *offsets])
        self._pieces = self._with_maps(blocks)
        self._offsets = self._with_maps(offsets)

        def empty(piece: TiedPiece, *inputs: int) -> nn.Parameter:
            shape = (piece.dimension, out_channels[piece.row], *inputs)
            return nn.Parameter(torch.empty(shape, device=device, dtype=dtype))

        weights = [empty(piece, in_channels[piece.column]) for piece in self._pieces]
        biases = [empty(piece) for piece in self._offsets]
        self._single = len(rows) == len(columns) == 1
        if self._single:
            self.register_parameter("weight", weights[0] if weights else None)
            self.register_parameter("bias", biases[0] if biases else None)
        else:
            self.weights, self.biases = nn.ParameterList(weights), nn.ParameterList(biases)
        self._write_bases()

    def coefficients(self) -> tuple[list[Tensor], list[Tensor]]:
        """The parameters of the blocks that have maps, row by row, and those of the biases."""
        if not self._single:
            return list(self.weights), list(self.biases)
        return (
            [] if self.weight is None else [self.weight],
            [] if self.bias is None else [self.bias],
        )

    def tied_coefficients(self) -> list[tuple[str, int, int]]:
        """Each weight by its name, with the numbers of its block of rows and of columns."""
        names = ["weight"] if self._single else [f"weights.{n}" for n in range(len(self._pieces))]
        return [(n, piece.row, piece.column) for n, piece in zip(names, self._pieces, strict=False)]

    def reset_parameters(self) -> None:
        """Draws with the fan-in of rows all of whose columns count that lead to them."""
        fans = [1] * len(self.row_widths)
        for row in {piece.row for piece in self._pieces}:
            fans[row] = sum(self.column_widths[p.column] for p in self._pieces if p.row == row)
        init_tied_mix_(self, fans)

    def forward(self, x: Tensor) -> Tensor:
        weights, biases = self.coefficients()
        offset = self._offset(biases)
        if weights:
            return F.linear(x, self._joined(self._pieces, weights, self.column_widths), offset)
        zeros = x.new_zeros(*x.shape[:-1], sum(self.row_widths))
        return zeros if offset is None else zeros + offset

    def extra_repr(self) -> str:
        maps = sum(piece.dimension for piece in self._pieces)
        return f"{sum(self.column_widths)}, {sum(self.row_widths)}, maps={maps}"

    def _with_maps(self, blocks: BlockGrid) -> list[TiedPiece]:
        """The blocks that have maps, row by row."""
        return [
            TiedPiece(
                r,
                k,
                block.dimension,
                block,
                self._form(block),
                tuple(map(self._factors.index, block.factors)),
            )
            for r, row in enumerate(blocks)
            for k, block in enumerate(row)
            if block is not None and block.dimension
        ]

    def _form(self, block: TiedBlock) -> TiedArrangement | CirculantForm:
        """How coefficients of a block are used."""
        return block.arrangement()

    def _expansion(self, factor: TiedFactor, weight: Tensor) -> Tensor | None:
        """What takes coefficients of a factor to entries."""
        return tied_expansion(factor, weight)

    def _expansions(self, piece: TiedPiece) -> list[Tensor | None]:
        return [getattr(self, f"basis_{number}") for number in piece.factors]

    def _offset(self, biases: Sequence[Tensor]) -> Tensor | None:
        """What is added to the rows."""
        columns = [bias.unsqueeze(-1) for bias in biases]
        return self._joined(self._offsets, columns, [1]).squeeze(-1) if biases else None

    def _matrix(self, piece: TiedPiece, coefficients: Tensor) -> Tensor:
        """The matrix of a block (outputs * c_out, inputs * c_in)."""
        assert isinstance(piece.form, TiedArrangement)
        return assembled(coefficients, piece.form, self._expansions(piece))

    def _joined(
        self, pieces: Sequence[TiedPiece], coefficients: Sequence[Tensor], widths: Sequence[int]
    ) -> Tensor:
        """The matrix (rows, columns) of blocks, zero where there are no maps."""
        made = {
            (piece.row, piece.column): self._matrix(piece, coefficient)
            for piece, coefficient in zip(pieces, coefficients, strict=True)
        }
        if self._single:
            return made[0, 0]
        empty = coefficients[0].new_zeros
        rows = [
            [
                made[r, k] if (r, k) in made else empty(height, width)
                for k, width in enumerate(widths)
            ]
            for r, height in enumerate(self.row_widths)
        ]
        return torch.cat([torch.cat(row, 1) for row in rows])

    def _write_bases(self) -> None:
        """Registers the bases as buffers with the coefficients' device and dtype."""
        weights, biases = self.coefficients()
        for number, factor in enumerate(self._factors):
            basis = self._expansion(factor, (*weights, *biases)[0])
            if basis is None:  # torch.export miscounts buffers that are None
                setattr(self, f"basis_{number}", None)
            else:
                self.register_buffer(f"basis_{number}", basis, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """As modules do; bases are computed at their new precision, not converted or left empty."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._write_bases()
        return self


def init_tied_mix_(mix: TiedMix, rows: Iterable[float]) -> None:
    """Draws coefficients so that outputs keep the scale of inputs; zeroes biases.

    `rows` has the fan-in of each block of rows. Where a coefficient stands once in a row of the matrix
    an entry has variance 1 / fan-in on average, zeros of a block that has maps among them. One that
    stands m times in a row, along positions that the group exchanges, has variance 1 / m of that: so
    that inputs which are constant along them keep their scale, as means do.
    """
    fans = list(rows)
    weights, biases = mix.coefficients()
    with torch.no_grad():
        for piece, weight in zip(mix._pieces, weights, strict=True):
            repeats = piece.block.repeats().to(weight.device)
            scale = (fans[piece.row] * piece.block.density * repeats) ** -0.5
            weight.normal_().mul_(scale.to(weight.dtype)[:, None, None])
        for bias in biases:
            bias.zero_()


def _tied_positions(
    blocks: BlockGrid, offsets: BlockGrid, rows: int, columns: int
) -> tuple[list[int], list[int]]:
    """The number of positions of each block of rows and of columns."""
    if len(blocks) != rows or len(offsets) != rows or any(len(row) != columns for row in blocks):
        raise ValueError(
            f"the blocks and biases are not those of {rows} rows and {columns} columns"
        )
    down = list(zip(*blocks, strict=True))
    outputs = [{b.outputs for b in (*blocks[r], *offsets[r]) if b is not None} for r in range(rows)]
    inputs = [{b.inputs for b in down[k] if b is not None} for k in range(columns)]
    for what, sizes in (("rows", outputs), ("columns", inputs)):
        for number, each in enumerate(sizes):
            if len(each) != 1:
                raise ValueError(f"block {number} of the {what} has {sorted(each)} positions")
    if any(block.inputs != 1 for row in offsets for block in row if block is not None):
        raise ValueError("the block of a bias has no inputs")
    return [each.pop() for each in outputs], [each.pop() for each in inputs]


def _factors_with_maps(blocks: BlockGrid) -> list[TiedFactor]:
    """The different factors of blocks that have maps, in order."""
    present = [block for row in blocks for block in row if block is not None and block.dimension]
    return list(dict.fromkeys(factor for block in present for factor in block.factors))
