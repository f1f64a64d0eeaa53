"""The Triton kernels: a product with what is added to it, its gradient, pools, and their gradient.

Positions are `(leads, height, width)`, see `grid`; a tensor is `(leads, height, width, channels)` and
contiguous. A tile is TALL rows by POSITIONS // TALL columns of one lead, as a matrix of positions by
channels. Channels are padded to powers of two and masked. Products and sums are accumulated in
float32; what several programs sum is written apart and summed up afterwards, always in one order.
Sizes known while compiling are in capitals; `size` only names the size for which a kernel was tuned.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _tile(top, left, height, width, TALL: tl.constexpr, WIDE: tl.constexpr):
    """A tile's positions, (TALL * WIDE,), counted from its first, and which of them exist."""
    position = tl.arange(0, TALL * WIDE)
    i = position // WIDE
    j = position % WIDE
    return i * width + j, (top + i < height) & (left + j < width)


@triton.jit
def _origin(lead, top, left, height, width):
    """The index of a tile's first position."""
    return (lead.to(tl.int64) * height + top) * width + left


@triton.jit
def _channels(x, index, exists, channel, COUNT: tl.constexpr):
    """x at the positions (rows) and channels (columns); zero where there is nothing."""
    known = exists[:, None] & (channel < COUNT)[None, :]
    return tl.load(x + (index[:, None] * COUNT + channel[None, :]), mask=known, other=0.0)


@triton.jit
def _block(matrix, row, column, row_step, column_step, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """A block of a matrix of ROWS by COLUMNS; zero beyond it."""
    known = (row < ROWS)[:, None] & (column < COLUMNS)[None, :]
    at = row[:, None] * row_step + column[None, :] * column_step
    return tl.load(matrix + at, mask=known, other=0.0)


@triton.jit
def _term(term, first, count, step, out, OUT: tl.constexpr, SIZE: tl.constexpr):
    """The vectors of SIZE rows or columns from the first of `count`, (SIZE, out), in float32."""
    line = first + tl.arange(0, SIZE)
    known = (line < count)[:, None] & (out < OUT)[None, :]
    at = (line.to(tl.int64) * step)[:, None] + out[None, :]
    return tl.load(term + at, mask=known, other=0.0).to(tl.float32)


@triton.jit
def _dot(a, b, total, PRECISION: tl.constexpr):
    """total + a b. Triton's interpreter takes the bits of a bfloat16 for a whole number here."""
    if PRECISION == "interpreted":
        total = tl.dot(a.to(tl.float32), b.to(tl.float32), total)
    else:
        total = tl.dot(a, b, total, input_precision=PRECISION)
    return total


@triton.jit(do_not_specialize=["size"])
def product(
    x, gate, weight, rows, columns, y,
    leads, height, width, weight_out, weight_in,
    row_lead, row_step, column_lead, column_step, size,
    IN: tl.constexpr, OUT: tl.constexpr, GATE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, RELU: tl.constexpr, PRECISION: tl.constexpr,
    TALL: tl.constexpr, POSITIONS: tl.constexpr, BLOCK_IN: tl.constexpr, BLOCK_OUT: tl.constexpr,
):  # fmt: skip
    """y = relu(x W^T + rows + columns); with GATE, x counts only where `gate` is positive.

    Program p has one block of output channels and every n-th tile. A weight whose inputs are one
    block is read once for all of its tiles; the blocks of one tile are next to each other, so that
    those after the first find its x in the cache.
    """
    WIDE: tl.constexpr = POSITIONS // TALL
    blocks: tl.constexpr = (OUT + BLOCK_OUT - 1) // BLOCK_OUT
    high = tl.cdiv(height, TALL)
    wide = tl.cdiv(width, WIDE)
    out = (tl.program_id(0) % blocks) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    block = tl.arange(0, BLOCK_IN)
    if IN <= BLOCK_IN:
        w = _block(weight, block, out, weight_in, weight_out, IN, OUT)
    programs = tl.num_programs(0) // blocks
    for tile in tl.range(tl.program_id(0) // blocks, leads * high * wide, programs):
        lead = tile // wide // high
        top = (tile // wide % high) * TALL
        left = (tile % wide) * WIDE
        index, exists = _tile(top, left, height, width, TALL, WIDE)
        origin = _origin(lead, top, left, height, width)
        z = tl.zeros((POSITIONS, BLOCK_OUT), tl.float32)
        if IN <= BLOCK_IN:
            s = _channels(x + origin * IN, index, exists, block, IN)
            if GATE:
                s = tl.where(
                    _channels(gate + origin * IN, index, exists, block, IN) <= 0, 0.0, s
                ).to(s.dtype)
            z = _dot(s, w, z, PRECISION)
        else:
            for start in tl.range(0, IN, BLOCK_IN):
                s = _channels(x + origin * IN, index, exists, start + block, IN)
                if GATE:
                    opened = _channels(gate + origin * IN, index, exists, start + block, IN)
                    s = tl.where(opened <= 0, 0.0, s).to(s.dtype)
                part = _block(weight, start + block, out, weight_in, weight_out, IN, OUT)
                z = _dot(s, part, z, PRECISION)
        if ROWS:
            its_rows = rows + lead.to(tl.int64) * row_lead
            row = _term(its_rows, top, height, row_step, out, OUT, TALL)
            z = tl.reshape(
                tl.reshape(z, (TALL, WIDE, BLOCK_OUT)) + row[:, None, :], (POSITIONS, BLOCK_OUT)
            )
        if COLUMNS:
            its_columns = columns + lead.to(tl.int64) * column_lead
            column = _term(its_columns, left, width, column_step, out, OUT, WIDE)
            z = tl.reshape(
                tl.reshape(z, (TALL, WIDE, BLOCK_OUT)) + column[None, :, :], (POSITIONS, BLOCK_OUT)
            )
        if RELU:
            z = tl.where(z < 0, 0.0, z)
        known = exists[:, None] & (out < OUT)[None, :]
        at = index[:, None] * OUT + out[None, :]
        tl.store(y + origin * OUT + at, z.to(y.dtype.element_ty), mask=known)


@triton.jit
def _transposed_product(g, s, total, PRECISION: tl.constexpr):
    """total + g^T s, (PARTS, out, in): by parts of the positions, one for each warp where there are few
    channels, since a product this small is not divided otherwise."""
    parts: tl.constexpr = total.shape[0]
    if parts == 1:
        before = tl.reshape(total, (g.shape[1], s.shape[1]))
        found = _dot(tl.trans(g), s, before, PRECISION)
        total = tl.reshape(found, total.shape)
    else:
        g = tl.reshape(g, (parts, g.shape[0] // parts, g.shape[1]))
        s = tl.reshape(s, (parts, s.shape[0] // parts, s.shape[1]))
        total = _dot(tl.permute(g, (0, 2, 1)), s, total, PRECISION)
    return total


@triton.jit(do_not_specialize=["size"])
def gradient(
    dy, y, x, weight, rows, columns, dx, dweight, drows, dcolumns,
    leads, height, width, chunk, weight_out, weight_in,
    row_lead, row_step, column_lead, column_step, size,
    IN: tl.constexpr, OUT: tl.constexpr, WHOLE: tl.constexpr, DX: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, RELU: tl.constexpr, PRECISION: tl.constexpr,
    TALL: tl.constexpr, POSITIONS: tl.constexpr, BLOCK_IN: tl.constexpr, BLOCK_OUT: tl.constexpr,
    PARTS: tl.constexpr,
):  # fmt: skip
    """The gradient of y = relu(x W^T + rows + columns). With g = dy where y > 0, and 0 elsewhere,

        dx = g W,   dweight = g^T x,   drows = sum of g over a row,   dcolumns = sum over a column.

    Program p has one block of channels and every n-th strip, TALL rows by `chunk` columns, a multiple
    of a tile's. WHOLE says that the block has all channels: y is then computed again, which reads
    nothing that the products do not, and dx is written where DX; otherwise y is read. What several
    programs sum stands apart: dweight (programs, OUT, IN), drows (leads, height, chunks, OUT),
    dcolumns (leads, strips, width, OUT).
    """
    WIDE: tl.constexpr = POSITIONS // TALL
    ins: tl.constexpr = (IN + BLOCK_IN - 1) // BLOCK_IN
    blocks: tl.constexpr = ins * ((OUT + BLOCK_OUT - 1) // BLOCK_OUT)
    high = tl.cdiv(height, TALL)
    chunks = tl.cdiv(width, chunk)
    summed = tl.where(tl.program_id(0) % ins == 0, OUT, 0)  # of programs with one g, one sums it up
    block = (tl.program_id(0) % ins) * BLOCK_IN + tl.arange(0, BLOCK_IN)
    out = (tl.program_id(0) % blocks // ins) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    row = tl.arange(0, TALL)
    column = tl.arange(0, WIDE)
    if WHOLE:
        w = _block(weight, out, block, weight_out, weight_in, OUT, IN)
        transposed = tl.trans(w)
    dw = tl.zeros((PARTS, BLOCK_OUT, BLOCK_IN), tl.float32)
    program = tl.program_id(0) // blocks
    for unit in tl.range(program, leads * high * chunks, tl.num_programs(0) // blocks):
        strip = unit // chunks
        lead = strip // high
        top = (strip % high) * TALL
        left = (unit % chunks) * chunk
        if RELU and WHOLE and ROWS:
            its_rows = rows + lead.to(tl.int64) * row_lead
            row_term = _term(its_rows, top, height, row_step, out, OUT, TALL)
        row_sum = tl.zeros((TALL, BLOCK_OUT), tl.float32)
        for start in tl.range(left, tl.minimum(left + chunk, width), WIDE):
            index, exists = _tile(top, start, height, width, TALL, WIDE)
            origin = _origin(lead, top, start, height, width)
            s = _channels(x + origin * IN, index, exists, block, IN)
            g = _channels(dy + origin * OUT, index, exists, out, OUT)
            if RELU:
                if WHOLE:
                    z = tl.zeros((POSITIONS, BLOCK_OUT), tl.float32)
                    z = _dot(s, transposed, z, PRECISION)
                    if ROWS:
                        z = tl.reshape(z, (TALL, WIDE, BLOCK_OUT)) + row_term[:, None, :]
                        z = tl.reshape(z, (POSITIONS, BLOCK_OUT))
                    if COLUMNS:
                        its_columns = columns + lead.to(tl.int64) * column_lead
                        term = _term(its_columns, start, width, column_step, out, OUT, WIDE)
                        z = tl.reshape(z, (TALL, WIDE, BLOCK_OUT)) + term[None, :, :]
                        z = tl.reshape(z, (POSITIONS, BLOCK_OUT))
                else:
                    z = _channels(y + origin * OUT, index, exists, out, OUT).to(tl.float32)
                g = tl.where(z <= 0, 0.0, g).to(g.dtype)
            if DX:
                source = tl.zeros((POSITIONS, BLOCK_IN), tl.float32)
                source = _dot(g, w, source, PRECISION).to(dx.dtype.element_ty)
                known = exists[:, None] & (block < IN)[None, :]
                at = index[:, None] * IN + block[None, :]
                tl.store(dx + origin * IN + at, source, mask=known)
            dw = _transposed_product(g, s, dw, PRECISION)
            if ROWS or COLUMNS:
                apart = tl.reshape(g.to(tl.float32), (TALL, WIDE, BLOCK_OUT))
                row_sum += tl.sum(apart, 1)
            if COLUMNS:
                known = (start + column < width)[:, None] & (out < summed)[None, :]
                at = (strip.to(tl.int64) * width + start + column)[:, None] * OUT + out[None, :]
                tl.store(dcolumns + at, tl.sum(apart, 0), mask=known)
        if ROWS:
            known = (top + row < height)[:, None] & (out < summed)[None, :]
            at = (lead.to(tl.int64) * height + top + row) * chunks + unit % chunks
            tl.store(drows + at[:, None] * OUT + out[None, :], row_sum, mask=known)
    known = (out < OUT)[:, None] & (block < IN)[None, :]
    at = (program.to(tl.int64) * OUT + out)[:, None] * IN + block[None, :]
    tl.store(dweight + at, tl.sum(dw, 0), mask=known)


@triton.jit
def _box(lead, i, j, height, width, channel, CHANNELS: tl.constexpr):
    """Offsets of a tile (TALL, WIDE, channels), and which of its entries exist."""
    index = ((lead.to(tl.int64) * height + i) * width)[:, None] + j[None, :]
    exists = (i < height)[:, None] & (j < width)[None, :]
    offsets = index[:, :, None] * CHANNELS + channel[None, None, :]
    return offsets, exists[:, :, None] & (channel < CHANNELS)[None, None, :]


@triton.jit(do_not_specialize=["size"])
def pool(
    x, rows, columns,
    leads, height, width, chunk, size,
    CHANNELS: tl.constexpr, COLUMNS: tl.constexpr,
    TALL: tl.constexpr, POSITIONS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Sums of x over each row, (leads, height, chunks, CHANNELS), and over the columns of each strip
    of TALL rows, (leads, strips, width, CHANNELS). A program has `chunk` columns of one strip."""
    WIDE: tl.constexpr = POSITIONS // TALL
    blocks: tl.constexpr = (CHANNELS + BLOCK - 1) // BLOCK
    high = tl.cdiv(height, TALL)
    chunks = tl.cdiv(width, chunk)
    unit = tl.program_id(0) // blocks
    strip = unit // chunks
    lead = strip // high
    left = (unit % chunks) * chunk
    i = (strip % high) * TALL + tl.arange(0, TALL)
    channel = (tl.program_id(0) % blocks) * BLOCK + tl.arange(0, BLOCK)
    row_sum = tl.zeros((TALL, BLOCK), tl.float32)
    for start in tl.range(left, tl.minimum(left + chunk, width), WIDE):
        j = start + tl.arange(0, WIDE)
        offsets, exists = _box(lead, i, j, height, width, channel, CHANNELS)
        tile = tl.load(x + offsets, mask=exists, other=0.0).to(tl.float32)
        row_sum += tl.sum(tile, 1)
        if COLUMNS:
            known = (j < width)[:, None] & (channel < CHANNELS)[None, :]
            at = (strip.to(tl.int64) * width + j)[:, None] * CHANNELS + channel[None, :]
            tl.store(columns + at, tl.sum(tile, 0), mask=known)
    known = (i < height)[:, None] & (channel < CHANNELS)[None, :]
    at = (lead.to(tl.int64) * height + i) * chunks + unit % chunks
    tl.store(rows + at[:, None] * CHANNELS + channel[None, :], row_sum, mask=known)


@triton.jit(do_not_specialize=["size"])
def spread(
    x, rows, columns, y,
    leads, height, width, row_scale, column_scale, size,
    CHANNELS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    TALL: tl.constexpr, POSITIONS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y = x + row_scale * rows + column_scale * columns, with contiguous rows (leads, height,
    CHANNELS) and columns (leads, width, CHANNELS)."""
    WIDE: tl.constexpr = POSITIONS // TALL
    blocks: tl.constexpr = (CHANNELS + BLOCK - 1) // BLOCK
    wide = tl.cdiv(width, WIDE)
    tile = tl.program_id(0) // blocks
    lead = tile // wide // tl.cdiv(height, TALL)
    i = (tile // wide % tl.cdiv(height, TALL)) * TALL + tl.arange(0, TALL)
    j = (tile % wide) * WIDE + tl.arange(0, WIDE)
    channel = (tl.program_id(0) % blocks) * BLOCK + tl.arange(0, BLOCK)
    offsets, exists = _box(lead, i, j, height, width, channel, CHANNELS)
    total = tl.load(x + offsets, mask=exists, other=0.0).to(tl.float32)
    known = (channel < CHANNELS)[None, :]
    if ROWS:
        at = (lead.to(tl.int64) * height + i)[:, None] * CHANNELS + channel[None, :]
        row = tl.load(rows + at, mask=(i < height)[:, None] & known, other=0.0)
        total += (row_scale * row.to(tl.float32))[:, None, :]
    if COLUMNS:
        at = (lead.to(tl.int64) * width + j)[:, None] * CHANNELS + channel[None, :]
        column = tl.load(columns + at, mask=(j < width)[:, None] & known, other=0.0)
        total += (column_scale * column.to(tl.float32))[None, :, :]
    tl.store(y + offsets, total.to(y.dtype.element_ty), mask=exists)
