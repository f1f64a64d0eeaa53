"""Blocks of tied matrices with cyclic factors as circular correlations: their form and its steps.

A map that commutes with C(n) is known from where its first output position is 0. When every other
index is counted from the first one of its tensor, the *carrier*, it is a circular correlation along
the carrier, y[o] = sum over t of K[t] x[o + t]: one product of matrices for each frequency, or for
each offset t of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .actions import cyclic
from .tied_blocks import TiedBlock, TiedFactor, expanded, tied_table_rows


class CirculantForm(NamedTuple):
    """A block as a correlation. Indices are numbered as in `TiedBlock`: factor by factor.

    `coefficients` are for each factor its dimension and the rows of its table, None for a cyclic one.
    `kernel` are the indices that coefficients have, with `taps` of each; `inputs` and `outputs` those
    of the tensors in their order, `sizes` those of all. `carriers` are pairs of an output and an input
    index, `followers` pairs of a carrier and an index that is counted from it.
    """

    coefficients: tuple[tuple[int, int | None], ...]
    kernel: tuple[int, ...]
    taps: tuple[int, ...]
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    sizes: tuple[int, ...]
    carriers: tuple[tuple[int, int], ...]
    followers: tuple[tuple[int, int], ...]

    @property
    def dimension(self) -> int:
        """How many coefficients there are for each pair of channels."""
        return prod(dimension for dimension, _ in self.coefficients)

    @property
    def reach(self) -> int:
        """How many input positions an output position has coefficients for."""
        return prod(n for k, n in zip(self.kernel, self.taps, strict=True) if k in self.inputs)

    def leading(self, indices: Sequence[int]) -> list[int]:
        """Indices with the carriers first, the others in the order of the factors."""
        carriers = [k for pair in self.carriers for k in pair if k in indices]
        return [*carriers, *sorted(set(indices) - set(carriers))]


# --- The form of a block -------------------------------------------------------------------------


def circulant_form(block: TiedBlock, support: int | None = None) -> CirculantForm:
    """The block as a correlation; raises `ValueError` as `CirculantMix` does."""
    sizes = [size for factor in block.factors for size in factor.sizes]
    coefficients: list[tuple[int, int | None]] = []
    carriers: list[tuple[int, int]] = []
    followers: list[tuple[int, int]] = []
    start = 0
    for factor in block.factors:
        middle, end = start + len(factor.outputs), start + len(factor.sizes)
        if is_cyclic(factor):
            taps = _window(factor, support)
            coefficients.append((taps ** (end - start - 1), None))
            carriers.append((start, middle))
            followers += [(start, k) for k in range(start + 1, middle)]
            followers += [(middle, k) for k in range(middle + 1, end)]
        else:
            coefficients.append((factor.dimension, tied_table_rows(factor)))
        start = end
    if not carriers or (support is not None and len(carriers) > 3):
        raise ValueError(f"a block with {len(carriers)} cyclic factors is no correlation here")
    assert block.order is not None
    split = sum(len(factor.outputs) for factor in block.factors)
    first = {output for output, _ in carriers}
    kernel = [k for k in range(len(sizes)) if k not in first]
    windows = {k: support for _, k in carriers if support is not None}
    return CirculantForm(
        coefficients=tuple(coefficients),
        kernel=tuple(kernel),
        taps=tuple(windows.get(k, sizes[k]) for k in kernel),
        outputs=tuple(block.order[:split]),
        inputs=tuple(block.order[split:]),
        sizes=tuple(sizes),
        carriers=tuple(carriers),
        followers=tuple(followers),
    )


def is_cyclic(factor: TiedFactor) -> bool:
    """Whether the group is C(n), and moves indices on both sides."""
    moved = {*factor.outputs, *factor.inputs}
    return moved == {cyclic(factor.sizes[0])} if factor.outputs and factor.inputs else False


def _window(factor: TiedFactor, support: int | None) -> int:
    """How many offsets along a cyclic factor have coefficients."""
    size = factor.sizes[0]
    if support is None:
        return size
    if len(factor.sizes) != 2:
        raise ValueError("a support is that of one output and one input index, not of more")
    if support % 2 == 0 or not 0 < support <= size:
        raise ValueError(
            f"a support along {size} positions is odd and at most {size}, not {support}"
        )
    return support


# --- Its steps -----------------------------------------------------------------------------------


def correlation_kernel(
    weight: Tensor, form: CirculantForm, bases: Sequence[Tensor | None]
) -> Tensor:
    """The correlation's matrices: (*carriers, outputs beside them, inputs beside them)."""
    channels = weight.shape[1:]
    waiting = iter(bases)
    entries = weight.reshape(*(dimension for dimension, _ in form.coefficients), *channels)
    for dim, (_, rows) in enumerate(form.coefficients):
        if rows is not None:
            entries = expanded(entries, dim, next(waiting), rows)
    entries = entries.reshape(*form.taps, *channels)
    carriers = [k for _, k in form.carriers]
    rest_out = [k for k in form.kernel if k in form.outputs]
    rest_in = [k for k in form.kernel if k in form.inputs and k not in carriers]
    order = [form.kernel.index(k) for k in (*carriers, *rest_out, *rest_in)]
    places = len(form.kernel)
    split = len(carriers) + len(rest_out)
    entries = entries.permute(*order[:split], places, *order[split:], places + 1)
    ids = (*carriers, *rest_out, -1, *rest_in, -2)
    entries = _counted_from_carriers(entries, ids, form.followers, 1)
    return entries.flatten(split + 1).flatten(len(carriers), split)


def as_correlated(x: Tensor, form: CirculantForm) -> Tensor:
    """Inputs (..., columns) as (*carriers, batch, inputs beside them)."""
    sizes = [form.sizes[k] for k in form.inputs]
    apart = x.reshape(-1, *sizes, x.shape[-1] // prod(sizes))
    carriers = len(form.carriers)
    ids = form.leading(form.inputs)
    order = [1 + form.inputs.index(k) for k in ids]
    apart = apart.permute(*order[:carriers], 0, *order[carriers:], -1)
    named = (*ids[:carriers], -1, *ids[carriers:], -2)
    return _counted_from_carriers(apart, named, form.followers, 1).flatten(carriers + 1)


def from_correlated(y: Tensor, form: CirculantForm) -> Tensor:
    """(*carriers, batch, outputs beside them) as (batch, *outputs, channels)."""
    carriers = len(form.carriers)
    ids = form.leading(form.outputs)
    sizes = [form.sizes[k] for k in ids[carriers:]]
    apart = y.reshape(*y.shape[: carriers + 1], *sizes, y.shape[-1] // prod(sizes))
    named = (*ids[:carriers], -1, *ids[carriers:], -2)
    apart = _counted_from_carriers(apart, named, form.followers, -1)
    order = [named.index(k) for k in form.outputs]
    return apart.permute(carriers, *order, -1)


def _counted_from_carriers(
    values: Tensor, indices: Sequence[int], followers: Sequence[tuple[int, int]], sign: int
) -> Tensor:
    """Followers p + s of a carrier p at s, or with sign -1 what stands at s back at p + s."""
    for carrier, follower in followers:
        if carrier in indices and follower in indices:
            dims = indices.index(carrier), indices.index(follower)
            size = values.shape[dims[0]]
            positions = torch.arange(size, device=values.device)
            places = (positions + sign * positions[:, None]) % size + size * positions[:, None]
            flat = values.movedim(dims, (0, 1)).flatten(0, 1)
            chosen = flat.index_select(0, places.flatten()).unflatten(0, (size, size))
            values = chosen.movedim((0, 1), dims)
    return values


def correlated_by_frequencies(rows: Tensor, kernel: Tensor, axes: int) -> Tensor:
    """y[p] = sum over t of K[t] x[p + t] for each row, by Fourier transforms along the carriers."""
    dims = list(range(axes))
    dtype = torch.promote_types(rows.dtype, torch.float32)
    rows, kernel = rows.to(dtype), kernel.to(dtype)
    if dtype.is_complex:
        responses = torch.fft.fftn(kernel.conj(), dim=dims).conj()
        found = torch.fft.fftn(rows, dim=dims) @ responses.mT
        made: Tensor = torch.fft.ifftn(found, dim=dims)
        return made
    sizes = list(rows.shape[:axes])
    responses = torch.fft.rfftn(kernel, dim=dims).conj()
    found = torch.fft.rfftn(rows, dim=dims) @ responses.mT
    made = torch.fft.irfftn(found, s=sizes, dim=dims)
    return made


def correlated_by_window(rows: Tensor, kernel: Tensor, axes: int) -> Tensor:
    """The same sum over the offsets of a window, as torch's convolution with circular padding."""
    convolve = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    images = rows.movedim((-2, -1), (0, 1))
    padding = [kernel.shape[dim] // 2 for dim in reversed(range(axes)) for _ in range(2)]
    wrapped = F.pad(images, padding, mode="circular")
    made: Tensor = convolve(wrapped, kernel.movedim((-2, -1), (0, 1)))
    return made.movedim((0, 1), (-2, -1))
