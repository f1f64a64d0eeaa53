"""Integers that say which positions are read: what they refer to moves with them, all else is pinned."""

from __future__ import annotations

from ...symmetry.terms import Term
from ..values import Dims, Facts, Value
from .base import Call, Result, fixed, fixed_value, pin_numbers, replaced, rule
from .products import without

PICKED = "its positions are picked by number"


def refer(facts: Facts, term: Term, index: Value, reason: str = PICKED) -> None:
    """Positions of a dimension are picked by an index: those that it refers to, or fixed ones."""
    if index.refers is not None and index.refers.size == term.size:
        facts.same(term, index.refers)
        return
    facts.pin(term, reason)
    if index.refers is not None:
        facts.pin(index.refers, "its numbers pick positions of something else")


@rule("topk", reads_numbers=True)
def topk(facts: Facts, call: Call) -> Result:
    """The largest entries in their order, and at which positions they stand."""
    value = call.value("self")
    dim = call.dim(value, default=-1)
    if 1 in call.used:
        facts.sorted(value, dim)
    ranks = facts.pinned(call.shape[dim], "entries are sorted")
    dims = replaced(value.dims, {dim: ranks})
    facts.together(*value.dims, ranks)
    pin_numbers(facts, [value], "numbers are sorted")
    return Value(dims), Value(dims, value.dims[dim])


@rule("sort", "msort", "argsort", reads_numbers=True)
def sort(facts: Facts, call: Call) -> Result:
    """Does not depend on the order before; the order after is fixed."""
    value = call.value("self")
    dim = 0 if call.name == "msort" else call.dim(value, default=-1)
    if call.flag("stable"):
        facts.compared(value, dim)
    elif call.name == "argsort" or 1 in call.used:
        facts.sorted(value, dim)
    ranks = facts.pinned(value.dims[dim].size, "entries are sorted")
    dims = replaced(value.dims, {dim: ranks})
    facts.together(*value.dims, ranks)
    pin_numbers(facts, [value], "numbers are sorted")
    if call.name == "sort":
        return Value(dims), Value(dims, value.dims[dim])
    return Value(dims, value.dims[dim] if call.name == "argsort" else None)


@rule("one_hot", reads_numbers=True)
def one_hot(facts: Facts, call: Call) -> Result:
    """A new dimension of the positions that the integers refer to."""
    index = call.value("self")
    count = call.shape[-1]
    if index.refers is not None and index.refers.size == count:
        return Value((*index.dims, index.refers))
    if index.refers is not None:
        facts.pin(index.refers, "its numbers are counted")
    return Value((*index.dims, facts.pinned(count, "numbers are told apart")))


@rule("embedding", reads_numbers=True)
def embedding(facts: Facts, call: Call) -> Result:
    """Rows of a table, looked up by number."""
    weight, index = call.value("weight"), call.value("indices")
    refer(facts, weight.dims[0], index, "rows are looked up by number")
    facts.together(*index.dims, *weight.dims)
    return Value((*index.dims, *weight.dims[1:]))


@rule("embedding_bag", "_embedding_bag_forward_only", "_embedding_bag")
def embedding_bag(facts: Facts, call: Call) -> Result:
    weight = call.value("weight")
    facts.pin(weight.dims[0], "rows are looked up by number")
    facts.pin_all(call.value("indices").dims, "bags are told apart")
    bags = facts.pinned(call.shape[0], "bags are told apart")
    return Value((bags, weight.dims[1])), *(
        fixed_value(facts, shape, "bags are told apart") for shape in call.shapes[1:]
    )


@rule("index_select", reads_numbers=True)
def index_select(facts: Facts, call: Call) -> Result:
    value, index = call.value("self"), call.value("index")
    dim = call.dim(value)
    stretch = _stretch(index)
    if stretch is not None and value.dims[dim].size > 1:
        return Value(facts.stretch(value.dims, dim, *stretch), value.refers)
    picked = _picked(index, value.dims[dim].size)
    if picked is not None:
        return Value(facts.rearranged(value.dims, dim, picked, PICKED), value.refers)
    refer(facts, value.dims[dim], index)
    facts.together(*value.dims, *index.dims)
    made = index.dims[0] if index.dims else facts.one()
    return Value(replaced(value.dims, {dim: made}), value.refers)


def _stretch(index: Value) -> tuple[int, int] | None:
    """The start and the length of what a constant index picks, where that is one stretch."""
    if index.known is None or len(index.dims) != 1:
        return None
    numbers = [int(n) for n in index.known]
    in_a_row = numbers and numbers[0] >= 0 and numbers == list(range(numbers[0], numbers[-1] + 1))
    return (numbers[0], len(numbers)) if in_a_row else None


def _picked(index: Value, size: int) -> list[int] | None:
    """What a constant index with one dimension picks of so many positions."""
    if index.known is None or len(index.dims) != 1:
        return None
    return [int(n) % size for n in index.known]


@rule("gather", "take_along_dim", reads_numbers=True)
def gather(facts: Facts, call: Call) -> Result:
    """At each position of the index one entry along a dimension."""
    value, index = call.value("self"), call.value("index", "indices")
    if call.arguments.get("dim") is None or len(value.dims) != len(index.dims):
        return without(facts, call)
    dim = call.dim(value)
    _refer_along(facts, value, index, dim)
    dims = (call.name == "gather" and index.dims) or facts.broadcast(
        [index.dims, replaced(value.dims, {dim: index.dims[dim]})]
    )
    return Value(dims, value.refers)


def _refer_along(facts: Facts, value: Value, index: Value, dim: int) -> None:
    """An index of as many dimensions picks positions along one; along the others it goes with the tensor."""
    refer(facts, value.dims[dim], index)
    for place, (term, other) in enumerate(zip(value.dims, index.dims, strict=True)):
        if place != dim:
            _covered(facts, term, other)
    facts.together(*value.dims, index.dims[dim])


def _covered(facts: Facts, term: Term, first: Term) -> None:
    """One dimension is as long as the first positions of another."""
    if first.size == term.size:
        facts.same(term, first)
    elif first.size != 1 and first.size < term.size:
        facts.same(facts.cut(term, [first.size, term.size - first.size])[0], first)
    elif first.size < term.size:
        facts.pin(term, "only its first position is read")


@rule("scatter", "scatter_add", "scatter_reduce", reads_numbers=True)
def scatter(facts: Facts, call: Call) -> Result:
    """Writes at the positions that an index refers to."""
    value, index, source = call.value("self"), call.value("index"), call.optional("src")
    dim = call.dim(value)
    _refer_along(facts, value, index, dim)
    if source is not None:
        pin_numbers(facts, [source], "positions are written")
        for term, other in zip(source.dims, index.dims, strict=True):
            _covered(facts, term, other)
    return Value(value.dims)


@rule("index_add", "index_copy", "index_fill", "index_reduce", reads_numbers=True)
def index_add(facts: Facts, call: Call) -> Result:
    """Writes slices at the positions that an index refers to."""
    value, index, source = call.value("self"), call.value("index"), call.optional("source")
    dim = call.dim(value)
    refer(facts, value.dims[dim], index)
    facts.together(*value.dims, *index.dims)
    if source is not None:
        pin_numbers(facts, [source], "positions are written")
    if source is not None and source.dims:
        facts.all_same(replaced(value.dims, {dim: index.dims[0]}), source.dims)
    return Value(value.dims)


@rule("index", "_unsafe_index", reads_numbers=True)
def index(facts: Facts, call: Call) -> Result:
    """Advanced indexing: dimensions that are indexed become those of the indices, broadcast together."""
    value = call.value("self")
    indices = _indices(call, value)
    (first, *others) = [(dim, each) for dim, each in enumerate(indices) if each is not None]
    stretch = _stretch(first[1])
    if not others and stretch is not None and not call.flag("has_mask"):
        return Value(facts.stretch(value.dims, first[0], *stretch), value.refers)
    picked = _picked(first[1], value.dims[first[0]].size)
    if not others and picked is not None and not call.flag("has_mask"):
        return Value(facts.rearranged(value.dims, first[0], picked, PICKED), value.refers)
    found = _indexed(facts, call, value)
    if found is None or tuple(term.size for term in found) != call.shape:
        return without(facts, call)
    return Value(found, value.refers)


@rule("index_put", "_unsafe_index_put", reads_numbers=True)
def index_put(facts: Facts, call: Call) -> Result:
    """Writes values where indexing would read."""
    value, values = call.value("self"), call.value("values")
    found = _indexed(facts, call, value)
    masks = [each for each in _indices(call, value) if each is not None]
    if found is None and len(masks) == 1 and masks[0].shape == value.shape and not values.dims:
        facts.all_same(value.dims, masks[0].dims)
        return Value(value.dims)
    if found is None:
        return without(facts, call)
    pin_numbers(facts, [values], "positions are written")
    facts.broadcast([found, values.dims])
    return Value(value.dims)


def _indices(call: Call, value: Value) -> list[Value | None]:
    """The index of each dimension; None for one that is taken whole."""
    given = call.arguments["indices"]
    assert isinstance(given, (list, tuple)), "a list with an index for each dimension"
    indices: list[Value | None] = [each if isinstance(each, Value) else None for each in given]
    return indices + [None] * (len(value.dims) - len(indices))


def _indexed(facts: Facts, call: Call, value: Value) -> Dims | None:
    """What indexing gives; None where an index is a mask."""
    if call.flag("has_mask"):
        return None
    indices = _indices(call, value)
    for term, each in zip(value.dims, indices, strict=True):
        if each is not None:
            refer(facts, term, each)
    places = [dim for dim, each in enumerate(indices) if each is not None]
    picked = facts.broadcast([each.dims for each in indices if each is not None])
    facts.together(*value.dims, *picked)
    kept = [term for term, each in zip(value.dims, indices, strict=True) if each is None]
    together = places[-1] - places[0] == len(places) - 1
    front = places[0] if together else 0
    return (*kept[:front], *picked, *kept[front:])


@rule("select_scatter", reads_numbers=True)
def select_scatter(facts: Facts, call: Call) -> Result:
    """A tensor with what stands at one position replaced."""
    value, source = call.value("self"), call.value("src")
    dim = call.dim(value)
    position = call.integer("index") % value.dims[dim].size
    pin_numbers(facts, [value, source], "positions are written")
    facts.all_same(facts.at(value.dims, dim, position), source.dims)
    return Value(value.dims)


@rule("slice_scatter")
def slice_scatter(facts: Facts, call: Call) -> Result:
    """A tensor with a stretch replaced."""
    value, source = call.value("self"), call.value("src")
    dim = call.dim(value)
    size, count = value.dims[dim].size, source.dims[dim].size
    start = call.integer("start")
    begin = min(max(start + size if start < 0 else start, 0), size)
    if call.integer("step", 1) != 1:
        return without(facts, call)
    _, part, _ = facts.cut(value.dims[dim], [begin, count, size - begin - count])
    facts.all_same(replaced(value.dims, {dim: part}), source.dims)
    return Value(value.dims)


@rule("bucketize", "searchsorted")
def bucketize(facts: Facts, call: Call) -> Result:
    """Numbers of sorted boundaries."""
    for name in ("boundaries", "sorted_sequence"):
        boundaries = call.optional(name)
        if boundaries is not None:
            facts.pin_all(boundaries.dims, "boundaries are sorted")
    value = call.value("self")
    if value.shape != call.shape:
        return fixed(facts, call, "boundaries are sorted")
    return Value(value.dims)
