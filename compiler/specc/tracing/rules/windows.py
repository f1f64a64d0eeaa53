"""Convolutions, pools and what else reads neighbours on a grid of positions."""

from __future__ import annotations

from ...symmetry.terms import Term
from ..values import Dims, Facts, Value
from .base import Call, Result, fixed, replaced, rule

NEIGHBOURS = "a window reads neighbouring positions"


@rule("conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d",
      "conv_transpose3d", "_convolution", "mkldnn_convolution", "cudnn_convolution")  # fmt: skip
def convolution(facts: Facts, call: Call) -> Result:
    """Channels in groups: those that go out of each, and those that come in; positions have neighbours.

    `(batch, channels, *positions)`, or without the batch. The weight is `(out, in of a group, *kernel)`,
    transposed `(in, out of a group, *kernel)`.
    """
    value, weight = call.value("input", "self"), call.value("weight")
    rank = len(weight.dims) - 2
    transposed = "transpose" in call.name or call.flag("transposed")
    groups = call.integer("groups", 1)
    channels = value.dims[-1 - rank]
    rows, columns = weight.dims[:2]
    kernel = weight.dims[2:]
    group, inner = facts.split(channels, [groups, channels.size // groups])
    if transposed:
        facts.same(channels, rows)
        made = facts.merged([group, columns]) if groups > 1 else columns
    else:
        facts.same(inner, columns)
        outer_group, _ = facts.split(rows, [groups, rows.size // groups])
        facts.same(group, outer_group)
        made = rows
    bias = call.optional("bias")
    if bias is not None:
        facts.same(made, bias.dims[0])
    positions = _positions(facts, call, value.dims[-rank:], kernel, rank)
    facts.together(
        *value.dims[: -1 - rank], rows, columns, *kernel, *value.dims[-rank:], *positions
    )
    return Value((*value.dims[: -1 - rank], made, *positions))


def _positions(facts: Facts, call: Call, dims: Dims, kernel: Dims, rank: int) -> Dims:
    """A dimension that every window reads one position of stays as it is; all of it goes with the kernel."""
    padding = call.arguments.get("padding")
    alone = [not isinstance(padding, str) and size == 0 for size in _each(call, "padding", rank, 0)]
    strides, sizes = _each(call, "stride", rank, 1), call.shape[-rank:]
    plain = "transpose" not in call.name and not call.flag("transposed")
    result: list[Term] = []
    for dim, term in enumerate(dims):
        if kernel[dim].size == 1 and strides[dim] == 1 and alone[dim] and term.size == sizes[dim]:
            result.append(term)
            continue
        if kernel[dim].size == term.size and sizes[dim] == 1 and alone[dim] and plain:
            facts.same(kernel[dim], term)
            result.append(facts.one())
            continue
        facts.pin(kernel[dim], "a kernel tells neighbours apart")
        facts.pin(term, NEIGHBOURS)
        result.append(facts.pinned(sizes[dim], NEIGHBOURS))
    return tuple(result)


def _each(call: Call, name: str, rank: int, default: int) -> list[int]:
    given = call.integers(name, rank) if not isinstance(call.arguments.get(name), str) else []
    return given or [default] * rank


@rule(
    "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d",
    "lp_pool1d", "lp_pool2d", "fractional_max_pool2d", "mkldnn_max_pool2d",
)  # fmt: skip
def pool(facts: Facts, call: Call) -> Result:
    """Each channel by itself. A pool over all of a dimension does not depend on its order."""
    value = call.value("self", "input")
    rank = int(call.name[call.name.index("d", call.name.index("pool")) - 1])
    made = list(value.dims)
    kernel = _each(call, "kernel_size", rank, 0)
    strides, padding = call.integers("stride", rank) or kernel, _each(call, "padding", rank, 0)
    for place, dim in enumerate(range(len(made) - rank, len(made))):
        size, alone = call.shape[dim], (kernel[place], strides[place], padding[place]) == (1, 1, 0)
        if "adaptive" in call.name and size == 1:
            made[dim] = facts.one()
        elif not (size == made[dim].size and (alone or "adaptive" in call.name)):
            facts.pin(made[dim], NEIGHBOURS)
            made[dim] = facts.pinned(size, NEIGHBOURS)
    facts.together(
        *value.dims, *(t for t, old in zip(made, value.dims, strict=True) if t is not old)
    )
    found = Value(tuple(made))
    return found if len(call.shapes) == 1 else (found, Value(tuple(made)))


@rule(
    "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_linear1d",
    "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa", "max_unpool2d", "max_unpool3d",
)  # fmt: skip
def upsample(facts: Facts, call: Call) -> Result:
    """Each channel by itself, `(batch, channels, *positions)`."""
    value = call.value("self", "input")
    reason = "positions are interpolated between neighbours"
    facts.pin_all(value.dims[2:], reason)
    positions = [facts.pinned(size, reason) for size in call.shape[2:]]
    facts.together(*value.dims, *positions)
    indices = call.optional("indices")
    if indices is not None:
        facts.all_same(value.dims[:2], indices.dims[:2])
    return Value((*value.dims[:2], *positions))


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def grid_sample(facts: Facts, call: Call) -> Result:
    """Each channel is read at the places of a grid."""
    value, grid = call.value("input"), call.value("grid")
    reason = "positions are interpolated between neighbours"
    facts.pin_all(value.dims[2:], reason)
    facts.pin(grid.dims[-1], "coordinates are told apart")
    facts.same(value.dims[0], grid.dims[0])
    facts.together(*value.dims, *grid.dims[1:], grid.dims[-1])
    return Value((*value.dims[:2], *grid.dims[1:-1]))


@rule("pixel_shuffle")
def pixel_shuffle(facts: Facts, call: Call) -> Result:
    """Channels as a grid `(channel, row, column)`, whose rows and columns become positions."""
    value, factor = call.value("self"), call.integer("upscale_factor", 1)
    channels, height, width = value.dims[-3:]
    kept, *inner = facts.split(channels, [channels.size // factor**2, factor, factor])
    reason = "channels become positions"
    facts.pin_all(inner, reason)
    facts.pin_all((height, width), reason)
    facts.together(*value.dims, *inner, *value.dims[-2:])
    return Value((*value.dims[:-3], kept, *(facts.pinned(s, reason) for s in call.shape[-2:])))


@rule("pixel_unshuffle")
def pixel_unshuffle(facts: Facts, call: Call) -> Result:
    """Positions become channels `(channel, row, column)`."""
    value, factor = call.value("self"), call.integer("downscale_factor", 1)
    reason = "positions become channels"
    facts.pin_all(value.dims[-2:], reason)
    inner = [facts.pinned(factor, reason) for _ in range(2)]
    made = facts.merged([value.dims[-3], *inner])
    facts.together(*value.dims, *value.dims[-2:])
    return Value((*value.dims[:-3], made, *(facts.pinned(s, reason) for s in call.shape[-2:])))


@rule("im2col")
def unfold_windows(facts: Facts, call: Call) -> Result:
    """`(batch, channel and place in the window, window)`."""
    value = call.value("self")
    facts.pin_all(value.dims[-2:], NEIGHBOURS)
    facts.together(*value.dims, *value.dims[-2:])
    inside = [facts.pinned(size, NEIGHBOURS) for size in call.integers("kernel_size", 2)]
    made = facts.merged([value.dims[-3], *inside])
    return Value((*value.dims[:-3], made, facts.pinned(call.shape[-1], NEIGHBOURS)))


@rule("col2im")
def fold_windows(facts: Facts, call: Call) -> Result:
    """The inverse, where windows overlap added up."""
    value = call.value("self")
    kernel = call.integers("kernel_size", 2)
    *before, columns, windows = value.dims
    facts.pin(windows, NEIGHBOURS)
    channels, *inside = facts.split(columns, [call.shape[-3], *kernel])
    facts.pin_all(inside, NEIGHBOURS)
    facts.together(*before, channels, *inside, *inside, windows, windows)
    return Value((*before, channels, *(facts.pinned(size, NEIGHBOURS) for size in call.shape[-2:])))


@rule("unfold", "unfold_copy")
def unfold(facts: Facts, call: Call) -> Result:
    """Windows along one dimension, their places in a new one."""
    value = call.value("self")
    dim = call.dim(value, "dimension")
    facts.pin(value.dims[dim], NEIGHBOURS)
    windows = facts.pinned(call.shape[dim], NEIGHBOURS)
    facts.together(*value.dims, value.dims[dim])
    return Value((*replaced(value.dims, {dim: windows}), facts.pinned(call.shape[-1], NEIGHBOURS)))


@rule("fft_fft", "fft_ifft", "fft_rfft", "fft_irfft", "fft_hfft", "fft_ihfft", "fft_fft2",
      "fft_ifft2", "fft_rfft2", "fft_irfft2", "fft_fftn", "fft_ifftn", "fft_rfftn", "fft_irfftn",
      "fft_fftshift", "fft_ifftshift")  # fmt: skip
def fourier(facts: Facts, call: Call) -> Result:
    """Reads the order along dimensions; the others stay."""
    value = call.value("self")
    over = call.dims(value)
    if call.name[-1] == "t" and "dim" not in call.arguments:
        over = [len(value.dims) - 1]
    dims = list(value.dims)
    for dim in over:
        facts.pin(dims[dim], "a Fourier transform reads the order of its positions")
        dims[dim] = facts.pinned(call.shape[dim], "a Fourier transform orders frequencies")
    facts.together(*value.dims, *(dims[dim] for dim in over), *(value.dims[dim] for dim in over))
    if tuple(t.size for t in dims) != call.shape:
        return fixed(facts, call, f"`{call.name}`")
    return Value(tuple(dims))
