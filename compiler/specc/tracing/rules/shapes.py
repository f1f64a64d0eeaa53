"""Operations that rearrange entries: views, permutations, concatenation, cuts, repeats."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ...symmetry.terms import Term, product_of
from ..values import Dims, Facts, Value
from .base import Call, Result, fixed, pin_everything, pin_numbers, replaced, rule


@rule("view", "reshape", "_unsafe_view", "flatten", "unflatten", "view_as", "reshape_as",
      "_reshape_alias", "squeeze", "unsqueeze", "squeeze.dims", "squeeze.dim", "view_copy", "ravel",
      "unsqueeze_copy", "squeeze_copy", reads_numbers=True)  # fmt: skip
def view(facts: Facts, call: Call) -> Result:
    """The same entries in the same order, in other dimensions."""
    value = call.value("self", "input")
    return Value(reshaped(facts, value.dims, call.shape), value.refers)


def reshaped(facts: Facts, dims: Dims, shape: Sequence[int]) -> Dims:
    """Dimensions of one shape as those of another, in the smallest groups of dimensions that correspond."""
    if 0 in shape:
        return tuple(facts.fresh(size) for size in shape)
    result: list[Term] = []
    old = [term for term in dims if term.size > 1]
    new = [size for size in shape if size > 1]
    wide: list[Term] = []
    while old or new:
        read, written = [old.pop(0)], [new.pop(0)]
        while (have := prod(t.size for t in read)) != (want := prod(written)):
            if have < want:
                read.append(old.pop(0))
            else:
                written.append(new.pop(0))
        wide += (
            facts.split(facts.merged(read), written) if len(written) > 1 else [facts.merged(read)]
        )
    for size in shape:
        result.append(wide.pop(0) if size > 1 else facts.one())
    return tuple(result)


@rule("permute", "permute_copy", reads_numbers=True)
def permute(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    order = call.integers("dims")
    return Value(tuple(value.dims[dim] for dim in order), value.refers)


@rule("transpose", "swapaxes", "swapdims", "transpose_copy", reads_numbers=True)
def transpose(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    names = ("dim0", "dim1") if "dim0" in call.arguments else ("axis0", "axis1")
    first, second = (call.dim(value, name) for name in names)
    dims = list(value.dims)
    if dims:
        dims[first], dims[second] = dims[second], dims[first]
    return Value(tuple(dims), value.refers)


@rule("t", "numpy_T", "mT", "mH", "adjoint", "matrix_H", "t_copy", reads_numbers=True)
def transposed(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    dims = value.dims
    if call.name in ("t", "numpy_T", "t_copy"):
        return Value(dims[::-1], value.refers)
    return Value((*dims[:-2], dims[-1], dims[-2]), value.refers)


@rule("movedim", "moveaxis", reads_numbers=True)
def movedim(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    rank = len(value.dims)
    sources = [dim % rank for dim in call.integers("source")]
    places = [dim % rank for dim in call.integers("destination")]
    rest = iter([dim for dim in range(rank) if dim not in sources])
    moved = dict(zip(places, sources, strict=True))
    order = [moved[place] if place in moved else next(rest) for place in range(rank)]
    return Value(tuple(value.dims[dim] for dim in order), value.refers)


@rule("expand", "expand_as", "broadcast_to", "expand_copy", reads_numbers=True)
def expand(facts: Facts, call: Call) -> Result:
    """Along a dimension of one position, or a new one, all entries are the same."""
    value = call.value("self")
    new = len(call.shape) - len(value.dims)
    old = (*(facts.one() for _ in range(new)), *value.dims)
    kept = [term for term, size in zip(old, call.shape, strict=True) if term.size == size]
    dims: list[Term] = []
    for term, size in zip(old, call.shape, strict=True):
        dims.append(term if term.size == size else facts.copy(size, [*kept, *dims]))
    made = {dim for dim, (a, b) in enumerate(zip(old, dims, strict=True)) if a is not b}
    return Value(tuple(dims), value.refers, frozenset(made | {dim + new for dim in value.uniform}))


@rule("repeat", "tile", reads_numbers=True)
def repeat(facts: Facts, call: Call) -> Result:
    """The entries along each dimension several times, one copy after the other."""
    value = call.value("self")
    given = call.integers("repeats") or call.integers("dims")
    rank = len(call.shape)
    counts = [1] * (rank - len(given)) + given
    dims = (*(facts.one() for _ in range(rank - len(value.dims))), *value.dims)
    return Value(
        tuple(_tiled(facts, t, n) for t, n in zip(dims, counts, strict=True)), value.refers
    )


def _tiled(facts: Facts, term: Term, count: int) -> Term:
    term = facts.positions.resolve(term)
    if count == 1:
        return term
    if term.size == 1:
        return facts.copy(count)
    return facts.merged([facts.copy(count), term])


@rule("repeat_interleave.self_int", reads_numbers=True)
def repeat_interleave(facts: Facts, call: Call) -> Result:
    """Each entry along a dimension several times in a row."""
    value = call.value("self")
    if call.arguments.get("dim") is None:
        return pin_everything(facts, call, "all dimensions are flattened")
    dim, count = call.dim(value), call.integer("repeats", 1)
    term = facts.positions.resolve(value.dims[dim])
    copies = facts.copy(count, list(value.dims))
    made = product_of([term, copies])
    return Value(replaced(value.dims, {dim: made}), value.refers)


# --- One after the other ----------------------------------------------------------------------------


@rule("cat", "concat", "concatenate", reads_numbers=True)
def cat(facts: Facts, call: Call) -> Result:
    """Tensors one after the other along a dimension; empty ones of one dimension are skipped."""
    values = [each for each in call.values("tensors") if each.shape != (0,)]
    (first, *others) = values
    dim = call.dim(first)
    for other in others:
        for place, (a, b) in enumerate(zip(first.dims, other.dims, strict=True)):
            if place != dim:
                facts.same(a, b)
    whole = facts.joined([each.dims[dim] for each in values])
    return Value(replaced(first.dims, {dim: whole}), _referred(facts, values))


def _referred(facts: Facts, values: Sequence[Value]) -> Term | None:
    """What all of several tensors of integers refer to; where they differ it is pinned."""
    terms = [value.refers for value in values if value.refers is not None]
    if len(terms) == len(values) and len({term.size for term in terms}) == 1:
        for term in terms[1:]:
            facts.same(terms[0], term)
        return terms[0]
    pin_numbers(facts, values, "positions are put beside others")
    return None


@rule("stack", reads_numbers=True)
def stack(facts: Facts, call: Call) -> Result:
    """Tensors along a new dimension."""
    values = call.values("tensors")
    refers = _referred(facts, values)
    new, dims = facts.stacked([value.dims for value in values], "tensors are stacked")
    dim = call.integer("dim") % (len(dims) + 1)
    return Value((*dims[:dim], new, *dims[dim:]), refers)


@rule("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk", "tensor_split", "hsplit",
      "split.sizes", "unsafe_split_with_sizes", "split_copy", "split_with_sizes_copy", reads_numbers=True)  # fmt: skip
def split(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    dim = call.dim(value)
    sizes = [shape[dim] for shape in call.shapes if shape is not None]
    if all(size == 1 for size in sizes) and len(sizes) > 1:
        return tuple(
            Value(facts.stretch(value.dims, dim, place, 1), value.refers)
            for place in range(len(sizes))
        )
    parts = facts.cut(value.dims[dim], sizes)
    return tuple(Value(replaced(value.dims, {dim: part}), value.refers) for part in parts)


@rule("unbind", reads_numbers=True)
def unbind(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    dim = call.dim(value)
    return tuple(
        Value(facts.at(value.dims, dim, place), value.refers) for place in range(len(call.shapes))
    )


@rule("select", "select_copy", reads_numbers=True)
def select(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    dim = call.dim(value)
    place = call.integer("index") % value.dims[dim].size
    return Value(facts.at(value.dims, dim, place), value.refers)


@rule("slice", "narrow", "slice_copy", reads_numbers=True)
def slice_(facts: Facts, call: Call) -> Result:
    """A stretch of a dimension; every n-th of its positions is told from the others."""
    value = call.value("self")
    dim = call.dim(value)
    size = value.dims[dim].size
    start = call.arguments.get("start")
    if not isinstance(start, int):
        if start is not None:
            return pin_everything(facts, call, "the stretch depends on data")
        start = 0
    begin = min(max(start + size if start < 0 else start, 0), size)
    count = call.shape[dim]
    if count == size:
        return value
    step = call.integer("step", 1)
    if step != 1 and begin < step and size % step == 0 and count > 1:
        rows, columns = facts.split(value.dims[dim], [size // step, step])
        around = (*value.dims[:dim], rows, columns, *value.dims[dim + 1 :])
        return Value(facts.at(around, dim + 1, begin), value.refers)
    if step != 1:
        facts.together(*value.dims, value.dims[dim])
        facts.pin(value.dims[dim], "every n-th of its positions is picked")
        every = facts.pinned(count, "every n-th position")
        return Value(replaced(value.dims, {dim: every}), value.refers)
    return Value(facts.stretch(value.dims, dim, begin, count), value.refers)


@rule("constant_pad_nd", "pad")
def pad(facts: Facts, call: Call) -> Result:
    """New positions of one value before and after; negative numbers cut some off."""
    value = call.value("self")
    if call.name == "pad" and call.arguments.get("mode", "constant") != "constant":
        return neighbours(facts, call)
    widths = call.integers("pad")
    dims = list(value.dims)
    for number in range(len(widths) // 2):
        dim = len(dims) - 1 - number
        before, after = widths[2 * number : 2 * number + 2]
        term, size = dims[dim], dims[dim].size
        cut = [max(-before, 0), size - max(-before, 0) - max(-after, 0), max(-after, 0)]
        if cut[0] or cut[2]:
            term = facts.cut(term, cut)[1]
        ends = [facts.copy(max(before, 0)), term, facts.copy(max(after, 0))]
        dims[dim] = facts.joined(ends) if max(before, after) > 0 else term
    return Value(tuple(dims))


@rule("reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d",
      "replication_pad2d", "replication_pad3d", "_pad_circular")  # fmt: skip
def neighbours(facts: Facts, call: Call) -> Result:
    """Entries of the tensor itself are put beside its ends."""
    value = call.value("self")
    dims = list(value.dims)
    for dim, size in enumerate(call.shape):
        if dims[dim].size != size:
            reason = "its ends are padded with its own entries"
            facts.pin(dims[dim], reason)
            facts.together(*value.dims, value.dims[dim])
            dims[dim] = facts.pinned(size, reason)
    return Value(tuple(dims))


# --- Order ------------------------------------------------------------------------------------------


@rule("flip", "fliplr", "flipud", reads_numbers=True)
def flip(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    dims = value.dims
    for dim in {"fliplr": [1], "flipud": [0]}.get(call.name) or call.dims(value, "dims"):
        order = range(dims[dim].size - 1, -1, -1)
        dims = facts.rearranged(dims, dim, order, "the order of its positions is reversed")
    return Value(dims, value.refers)


@rule("roll", reads_numbers=True)
def roll(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    dims, over = value.dims, call.integers("dims")
    if not over:
        return pin_everything(facts, call, "all positions are moved along")
    for dim, shift in zip(over, call.integers("shifts"), strict=True):
        size = dims[dim].size
        order = [(place - shift) % size for place in range(size)]
        dims = facts.rearranged(dims, dim % len(dims), order, "its positions are moved along")
    return Value(dims, value.refers)


@rule("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin")
def cumulated(facts: Facts, call: Call) -> Result:
    """Each position depends on those before it."""
    value = call.value("self")
    dim = call.dim(value)
    facts.pin(value.dims[dim], f"`{call.name}` reads the order of its positions")
    facts.together(*value.dims, value.dims[dim])
    return (
        Value(value.dims)
        if len(call.shapes) == 1
        else tuple(Value(value.dims) for _ in call.shapes)
    )


@rule("tril", "triu")
def triangle(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    facts.pin_all(value.dims[-2:], "a triangle of the matrix is kept")
    facts.together(*value.dims)
    return Value(value.dims)


@rule("diagonal", "diagonal_copy", "linalg_diagonal")
def diagonal(facts: Facts, call: Call) -> Result:
    value = call.value("self", "A")
    first, second = call.dim(value, "dim1"), call.dim(value, "dim2", 1)
    rest = [term for dim, term in enumerate(value.dims) if dim not in (first, second)]
    one, other = value.dims[first], value.dims[second]
    if call.integer("offset") or one.size != other.size:
        facts.pin_all((one, other), "a diagonal beside the main one is read")
        return Value((*rest, facts.pinned(call.shape[-1], "a diagonal")))
    facts.same(one, other)
    return Value((*rest, one))


@rule("diag_embed")
def diag_embed(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    rank = len(call.shape)
    first, second = call.integer("dim1", -2) % rank, call.integer("dim2", -1) % rank
    *rest, last = value.dims
    if call.integer("offset"):
        return pin_everything(facts, call, "a diagonal beside the main one is written")
    others = iter(rest)
    return Value(tuple(last if d in (first, second) else next(others) for d in range(rank)))


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(facts: Facts, call: Call) -> Result:
    """Channels as a grid of groups and members, with the two exchanged."""
    value = call.value("self", "input")
    groups = call.integer("groups", 1)
    group, member = facts.split(value.dims[1], [groups, value.dims[1].size // groups])
    return Value(replaced(value.dims, {1: facts.merged([member, group])}))


@rule("view_as_real", "view_as_real_copy")
def view_as_real(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    return Value((*value.dims, facts.pinned(2, "real and imaginary parts")))


@rule("view_as_complex", "view_as_complex_copy")
def view_as_complex(facts: Facts, call: Call) -> Result:
    value = call.value("self")
    facts.pin(value.dims[-1], "real and imaginary parts")
    facts.together(*value.dims, value.dims[-1])
    return Value(value.dims[:-1])


# --- From nothing -----------------------------------------------------------------------------------


@rule("zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "empty_like",
      "new_zeros", "new_ones", "new_full", "new_empty", "scalar_tensor", "empty_strided",
      "new_empty_strided")  # fmt: skip
def uniform(facts: Facts, call: Call) -> Result:
    """Every entry is the same."""
    return Value(facts.uniform(call.shape), uniform=frozenset(range(len(call.shape))))


@rule("eye")
def eye(facts: Facts, call: Call) -> Result:
    """Stays as it is where rows and columns move together."""
    rows, columns = call.shape
    if rows != columns:
        return fixed(facts, call, "`eye` tells positions apart")
    both = facts.fresh(rows)
    return Value((both, both))


@rule("arange", "linspace", "logspace", "tril_indices", "triu_indices", "rand", "randn",
      "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "normal",
      "hann_window", "multinomial")  # fmt: skip
def told_apart(facts: Facts, call: Call) -> Result:
    """Every position is its own."""
    for value in call.tensors():
        facts.pin_all(value.dims, f"`{call.name}` tells positions apart")
    return fixed(facts, call, f"`{call.name}` tells positions apart")
