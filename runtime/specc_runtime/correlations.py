"""Blocks of tied matrices with cyclic factors as circular correlations: their form and its steps.

A map that commutes with C(n), or with D(n), is known from where its first output position is 0. When
every other index is counted from the first one of its tensor, the *carrier*, it is a circular
correlation along the carrier, y[o] = sum over t of K[t] x[o + t]: one product of matrices for each
frequency, or for each offset t of a window. Positions that a group shifts as those of a torus are put
in its order, and count as an index for each of its rings.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .rings import ring_sizes, ring_table
from .tied_blocks import TiedBlock, TiedFactor, expanded, tied_expansion, tied_table_rows


class CirculantForm(NamedTuple):
    """A block as a correlation. Indices are numbered as in `TiedBlock`, factor by factor, but for one
    that is shifted on a torus there is one for each of its rings.

    `coefficients` are for each factor its dimension and the rows of its table, none for a matrix or
    where each entry has its own coefficient. `kernel` are the indices that coefficients have, with
    `taps` of each; `inputs` and `outputs` those of the tensors in their order, `sizes` those of all.
    `carriers` are pairs of an output and an input index, `followers` pairs of a carrier and an index
    that is counted from it. `windows` are for each carrier how many offsets a kernel has, the most
    negative first; None for all n of them from 0 on. `read` and `written` are the indices of the
    tensors themselves: how many positions each has, and the number of its factor.
    """

    coefficients: tuple[tuple[int, int], ...]
    kernel: tuple[int, ...]
    taps: tuple[int, ...]
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    sizes: tuple[int, ...]
    carriers: tuple[tuple[int, int], ...]
    followers: tuple[tuple[int, int], ...]
    windows: tuple[int | None, ...]
    read: tuple[tuple[int, int], ...]
    written: tuple[tuple[int, int], ...]

    @property
    def dimension(self) -> int:
        """How many coefficients there are for each pair of channels."""
        return prod(dimension for dimension, _ in self.coefficients)

    def leading(self, indices: Sequence[int]) -> list[int]:
        """Indices with the carriers first, the others in the order of the factors."""
        carriers = [k for pair in self.carriers for k in pair if k in indices]
        return [*carriers, *sorted(set(indices) - set(carriers))]


# --- The form of a block -------------------------------------------------------------------------


def is_circulant(block: TiedBlock) -> bool:
    """Whether a group of a ring or a torus moves indices on both sides of a block."""
    return any(factor.is_toroidal for factor in block.factors)


def circulant_form(block: TiedBlock) -> CirculantForm:
    """The block as a correlation along its rings."""
    sizes: list[int] = []
    taps: list[int] = []
    coefficients: list[tuple[int, int]] = []
    carriers: list[tuple[int, int]] = []
    followers: list[tuple[int, int]] = []
    apart: list[tuple[int, int, list[int]]] = []
    for number, factor in enumerate(block.factors):
        indices = []
        for size, rings in _rings_of_indices(factor):
            indices.append(list(range(len(sizes), len(sizes) + len(rings))))
            apart.append((size, number, indices[-1]))
            sizes += rings
            taps += [factor.support] if factor.support else rings
        outputs, inputs = indices[: len(factor.outputs)], indices[len(factor.outputs) :]
        if factor.is_toroidal:
            carriers += zip(outputs[0], inputs[0], strict=True)
            for first, *others in (outputs, inputs):
                followers += [pair for each in others for pair in zip(first, each, strict=True)]
        coefficients.append((factor.dimension, _table_rows(factor)))
    assert block.order is not None
    split = sum(len(factor.outputs) for factor in block.factors)
    ordered = [apart[k] for k in block.order]
    known = {output for output, _ in carriers}
    kernel = [k for k in range(len(sizes)) if k not in known]
    return CirculantForm(
        coefficients=tuple(coefficients),
        kernel=tuple(kernel),
        taps=tuple(taps[k] for k in kernel),
        outputs=tuple(k for _, _, ids in ordered[:split] for k in ids),
        inputs=tuple(k for _, _, ids in ordered[split:] for k in ids),
        sizes=tuple(sizes),
        carriers=tuple(carriers),
        followers=tuple(followers),
        windows=tuple(
            factor.support
            for factor in block.factors
            if factor.is_toroidal
            for _ in ring_sizes(factor.outputs[0])
        ),
        read=tuple((size, number) for size, number, _ in ordered[split:]),
        written=tuple((size, number) for size, number, _ in ordered[:split]),
    )


def _rings_of_indices(factor: TiedFactor) -> list[tuple[int, tuple[int, ...]]]:
    """The positions of each index, and the lengths of its rings: one where it has none."""
    if not factor.is_toroidal:
        return [(size, (size,)) for size in factor.sizes]
    rings = ring_sizes(factor.outputs[0])
    return [(size, rings) for size in factor.sizes]


def _table_rows(factor: TiedFactor) -> int:
    if not factor.is_toroidal:
        return tied_table_rows(factor)
    is_own = ring_table(factor.outputs[0], len(factor.sizes), factor.support) is None
    return 0 if is_own else factor.dimension


def circulant_expansion(factor: TiedFactor, weight: Tensor) -> Tensor | None:
    """What takes coefficients of a factor to entries of the kernel, see `tied_expansion`."""
    if not factor.is_toroidal:
        return tied_expansion(factor, weight)
    table = ring_table(factor.outputs[0], len(factor.sizes), factor.support)
    return None if table is None else table.to(weight.device)


# --- Its steps -----------------------------------------------------------------------------------


def correlation_kernel(
    weight: Tensor, form: CirculantForm, bases: Sequence[Tensor | None]
) -> Tensor:
    """The correlation's matrices: (*carriers, outputs beside them, inputs beside them)."""
    channels = weight.shape[1:]
    entries = weight.reshape(*(dimension for dimension, _ in form.coefficients), *channels)
    for dim, ((_, rows), basis) in enumerate(zip(form.coefficients, bases, strict=True)):
        entries = expanded(entries, dim, basis, rows)
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


def as_correlated(x: Tensor, form: CirculantForm, orders: Orders) -> Tensor:
    """Inputs (..., columns) as (*carriers, batch, inputs beside them)."""
    placed = _rearranged(x, form.read, orders, 0)
    sizes = [form.sizes[k] for k in form.inputs]
    apart = placed.reshape(-1, *sizes, x.shape[-1] // prod(sizes))
    carriers = len(form.carriers)
    ids = form.leading(form.inputs)
    order = [1 + form.inputs.index(k) for k in ids]
    apart = apart.permute(*order[:carriers], 0, *order[carriers:], -1)
    named = (*ids[:carriers], -1, *ids[carriers:], -2)
    return _counted_from_carriers(apart, named, form.followers, 1).flatten(carriers + 1)


def from_correlated(y: Tensor, form: CirculantForm, orders: Orders) -> Tensor:
    """(*carriers, batch, outputs beside them) as (batch, rows)."""
    carriers = len(form.carriers)
    ids = form.leading(form.outputs)
    sizes = [form.sizes[k] for k in ids[carriers:]]
    apart = y.reshape(*y.shape[: carriers + 1], *sizes, y.shape[-1] // prod(sizes))
    named = (*ids[:carriers], -1, *ids[carriers:], -2)
    apart = _counted_from_carriers(apart, named, form.followers, -1)
    order = [named.index(k) for k in form.outputs]
    rows = apart.permute(carriers, *order, -1).flatten(1)
    return _rearranged(rows, form.written, orders, 1)


Orders = Sequence[Tensor | None]
"""For each factor what `torus_order` gives."""


def _rearranged(
    values: Tensor, indices: Sequence[tuple[int, int]], orders: Orders, way: int
) -> Tensor:
    """Values (..., positions and channels) in the order of tori (way 0), or of positions again (1)."""
    if all(orders[factor] is None for _, factor in indices):
        return values
    sizes = [size for size, _ in indices]
    apart = values.reshape(-1, *sizes, values.shape[-1] // prod(sizes))
    for dim, (_, factor) in enumerate(indices, start=1):
        order = orders[factor]
        if order is not None:
            apart = apart.index_select(dim, order[way])
    return apart.flatten(1)


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


def correlated(
    x: Tensor,
    weight: Tensor,
    form: CirculantForm,
    bases: Sequence[Tensor | None],
    orders: Orders,
) -> Tensor:
    """The product of a block with inputs (..., columns): (..., rows)."""
    axes = len(form.carriers)
    kernel = correlation_kernel(weight, form, bases)
    rows = as_correlated(x, form, orders)
    if by_window(form):
        made = correlated_by_window(rows, kernel, axes)
    else:
        made = correlated_by_frequencies(rows, around(kernel, rows.shape, form.windows), axes)
    y = from_correlated(made.to(x.dtype), form, orders).flatten(1)
    return y.reshape(*x.shape[:-1], y.shape[1])


def by_window(form: CirculantForm) -> bool:
    """Whether torch has a convolution for the sum; else it is computed by Fourier transforms."""
    return len(form.carriers) <= 3 and None not in form.windows


def around(kernel: Tensor, sizes: Sequence[int], windows: Sequence[int | None]) -> Tensor:
    """A kernel with the offset t of a window at t mod n, zero where it does not reach."""
    for dim, window in enumerate(windows):
        if window is not None:
            rest = kernel.new_zeros(
                *kernel.shape[:dim], sizes[dim] - window, *kernel.shape[dim + 1 :]
            )
            kernel = torch.cat([kernel, rest], dim).roll(-(window // 2), dim)
    return kernel


def correlated_by_frequencies(rows: Tensor, kernel: Tensor, axes: int) -> Tensor:
    """y[p] = sum over t of K[t] x[p + t] for each row, by Fourier transforms along the carriers."""
    dtype = torch.promote_types(rows.dtype, torch.float32)
    rows, kernel = rows.to(dtype), kernel.to(dtype)
    outer, inner = _transformed_together(axes)
    if dtype.is_complex:
        responses = _frequencies(torch.fft.fftn(kernel.conj(), dim=inner), outer).conj()
        found = _frequencies(torch.fft.fftn(rows, dim=inner), outer) @ responses.mT
        made: Tensor = torch.fft.ifftn(_values(found, outer), dim=inner)
        return made
    sizes = [rows.shape[dim] for dim in inner]
    responses = _frequencies(torch.fft.rfftn(kernel, dim=inner), outer).conj()
    found = _frequencies(torch.fft.rfftn(rows, dim=inner), outer) @ responses.mT
    made = torch.fft.irfftn(_values(found, outer), s=sizes, dim=inner)
    return made


MOST_TOGETHER = 3
"""Libraries of Fourier transforms take so many dimensions at once."""


def _transformed_together(axes: int) -> tuple[list[list[int]], list[int]]:
    """The dimensions of the transforms, and those of the last, whose values may be real."""
    dims = list(range(axes))
    split = max(0, axes - MOST_TOGETHER)
    outer = [dims[i : min(i + MOST_TOGETHER, split)] for i in range(0, split, MOST_TOGETHER)]
    return outer, dims[split:]


def _frequencies(values: Tensor, outer: Sequence[Sequence[int]]) -> Tensor:
    for dims in outer:
        values = torch.fft.fftn(values, dim=dims)
    return values


def _values(frequencies: Tensor, outer: Sequence[Sequence[int]]) -> Tensor:
    for dims in outer:
        frequencies = torch.fft.ifftn(frequencies, dim=dims)
    return frequencies


def correlated_by_window(rows: Tensor, kernel: Tensor, axes: int) -> Tensor:
    """The same sum over the offsets of a window, as torch's convolution with circular padding."""
    convolve = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    images = rows.movedim((-2, -1), (0, 1))
    padding = [kernel.shape[dim] // 2 for dim in reversed(range(axes)) for _ in range(2)]
    wrapped = F.pad(images, padding, mode="circular")
    made: Tensor = convolve(wrapped, kernel.movedim((-2, -1), (0, 1)))
    return made.movedim((0, 1), (-2, -1))
