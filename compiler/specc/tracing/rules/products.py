"""Matrix products and what else contracts dimensions."""

from __future__ import annotations

from itertools import pairwise

from ...symmetry.terms import Term
from ..values import Dims, Facts, Value
from .base import Call, Result, pin_everything, replaced, rule


@rule("linear")
def linear(facts: Facts, call: Call) -> Result:
    """Rows of the matrix come out, columns are read."""
    value, weight, bias = call.value("input"), call.value("weight"), call.optional("bias")
    facts.same(value.dims[-1], weight.dims[-1])
    facts.together(*value.dims, *weight.dims[:-1])
    if len(weight.dims) == 1:
        return Value(value.dims[:-1])
    if bias is not None:
        facts.broadcast([weight.dims[:1], bias.dims])
    return Value((*value.dims[:-1], weight.dims[0]))


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot", "inner_1d")
def matmul(facts: Facts, call: Call) -> Result:
    """The last dimension of the first against the one before last of the second, batches broadcast."""
    first, second = call.value("self"), call.value("other", "mat2", "vec", "tensor")
    return Value(_product(facts, first.dims, second.dims))


def _product(facts: Facts, first: Dims, second: Dims) -> Dims:
    inner = second[-2] if len(second) > 1 else second[0]
    facts.same(first[-1], inner)
    batch = facts.broadcast([first[:-2], second[:-2]])
    columns = second[-1:] if len(second) > 1 else ()
    facts.together(*batch, *first[-2:], *columns)
    return (*batch, *first[:-1][-1:], *columns)


@rule("addmm", "baddbmm", "addmv")
def added_product(facts: Facts, call: Call) -> Result:
    """A product, and a tensor that is broadcast to it."""
    first = call.value("mat1", "batch1", "mat")
    second = call.value("mat2", "batch2", "vec")
    made = _product(facts, first.dims, second.dims)
    facts.broadcast([made, call.value("self").dims])
    return Value(made)


@rule("addbmm")
def summed_products(facts: Facts, call: Call) -> Result:
    """The products of a batch, summed up."""
    made = _product(facts, call.value("batch1").dims, call.value("batch2").dims)[1:]
    facts.broadcast([made, call.value("self").dims])
    return Value(made)


@rule("outer", "ger")
def outer(facts: Facts, call: Call) -> Result:
    return Value((*call.value("self").dims, *call.value("vec2").dims))


@rule("addr")
def added_outer(facts: Facts, call: Call) -> Result:
    made = (*call.value("vec1").dims, *call.value("vec2").dims)
    facts.broadcast([made, call.value("self").dims])
    return Value(made)


@rule("kron")
def kron(facts: Facts, call: Call) -> Result:
    """Each dimension is the grid of those of the two."""
    first, second = call.value("self").dims, call.value("other").dims
    rank = max(len(first), len(second))
    first, second = (
        (*(facts.one() for _ in range(rank - len(dims))), *dims) for dims in (first, second)
    )
    return Value(tuple(facts.merged([a, b]) for a, b in zip(first, second, strict=True)))


@rule("einsum")
def einsum(facts: Facts, call: Call) -> Result:
    """Dimensions of one letter are the same."""
    equation = str(call.arguments["equation"]).replace(" ", "")
    given, _, result = equation.partition("->")
    of_letter: dict[str, Term] = {}
    ellipses: list[Dims] = []
    for letters, value in zip(given.split(","), call.values("tensors"), strict=True):
        before, dots, after = letters.partition("...")
        dims = value.dims
        if dots:
            ellipses.append(dims[len(before) : len(dims) - len(after)])
            dims = (*dims[: len(before)], *dims[len(dims) - len(after) :])
        for name, term in zip(before + after, dims, strict=True):
            known = of_letter.setdefault(name, term)
            if known.size == term.size:
                facts.same(known, term)
            elif known.size == 1:
                of_letter[name] = term
    if "->" not in equation:
        alone = sorted(n for n in of_letter if given.count(n) == 1)
        result = ("..." if ellipses else "") + "".join(alone)
    before, dots, after = result.partition("...")
    middle = facts.broadcast(ellipses)
    facts.together(*middle, *of_letter.values())
    middle = middle if dots else ()
    return Value((*(of_letter[n] for n in before), *middle, *(of_letter[n] for n in after)))


@rule("tensordot")
def tensordot(facts: Facts, call: Call) -> Result:
    first, second = call.value("self").dims, call.value("other").dims
    read = [dim % len(first) for dim in call.integers("dims_self")]
    against = [dim % len(second) for dim in call.integers("dims_other")]
    for a, b in zip(read, against, strict=True):
        facts.same(first[a], second[b])
    rest = [term for dim, term in enumerate(second) if dim not in against]
    facts.together(*first, *rest)
    return Value((*(term for dim, term in enumerate(first) if dim not in read), *rest))


@rule("chain_matmul", "linalg_multi_dot")
def chain(facts: Facts, call: Call) -> Result:
    dims = [value.dims for value in call.values("matrices") or call.values("tensors")]
    for first, second in pairwise(dims):
        facts.same(first[-1], second[0])
        facts.together(*first, *second[1:])
    return Value((*dims[0][:-1], *dims[-1][1:]))


@rule("bilinear")
def bilinear(facts: Facts, call: Call) -> Result:
    """A tensor `(out, first, second)` against two vectors."""
    first, second, weight = call.value("input1"), call.value("input2"), call.value("weight")
    facts.same(first.dims[-1], weight.dims[1])
    facts.same(second.dims[-1], weight.dims[2])
    bias = call.optional("bias")
    if bias is not None:
        facts.same(weight.dims[0], bias.dims[0])
    batch = facts.broadcast([first.dims[:-1], second.dims[:-1]])
    facts.together(*batch, *weight.dims)
    return Value((*batch, weight.dims[0]))


@rule("cdist", "_cdist_forward")
def cdist(facts: Facts, call: Call) -> Result:
    """The distances of all pairs of rows."""
    first, second = call.value("x1").dims, call.value("x2").dims
    facts.same(first[-1], second[-1])
    batch = facts.broadcast([first[:-2], second[:-2]])
    facts.together(*batch, first[-2], second[-2], first[-1])
    return Value((*batch, first[-2], second[-2]))


@rule("_weight_norm", "_weight_norm_interface")
def weight_norm(facts: Facts, call: Call) -> Result:
    """A direction and a length; the norm is over all dimensions but one."""
    direction, length = call.value("v"), call.value("g")
    facts.broadcast([direction.dims, length.dims])
    kept = call.integer("dim")
    facts.mixed(direction.dims, [d for d in range(len(direction.dims)) if d != kept])
    return Value(direction.dims) if len(call.shapes) == 1 else (Value(direction.dims), length)


@rule("_grouped_mm", "grouped_mm", "grouped_mm_fallback")
def grouped_product(facts: Facts, call: Call) -> Result:
    """Stretches of rows, each with a matrix of its own: `(row, in)` against `(group, in, out)`."""
    (first, second, *offsets) = call.tensors()
    if len(first.dims) != 2 or len(second.dims) != 3:
        return without(facts, call)
    facts.pin_all((first.dims[0], second.dims[0]), "rows are sent to matrices by their number")
    for each in offsets:
        facts.pin_all(each.dims, "rows are sent to matrices by their number")
    facts.same(first.dims[1], second.dims[1])
    facts.together(first.dims[0], *second.dims[1:])
    return Value((first.dims[0], second.dims[2]))


# --- Of square matrices -----------------------------------------------------------------------------


@rule("inverse", "linalg_inv", "linalg_inv_ex", "pinverse", "linalg_pinv")
def inverse(facts: Facts, call: Call) -> Result:
    """Its rows are the columns of the matrix."""
    *batch, rows, columns = call.value("self", "A").dims
    facts.together(*batch, rows, rows, columns, columns)
    found = Value((*batch, columns, rows))
    return found if len(call.shapes) == 1 else (found, Value(tuple(batch)))


@rule("linalg_solve", "linalg_solve_ex")
def solve(facts: Facts, call: Call) -> Result:
    matrix, right = call.value("A").dims, call.value("B").dims
    if call.arguments.get("left") is False or len(right) != len(matrix):
        return without(facts, call)
    *_, rows, columns = matrix
    facts.same(rows, right[-2])
    batch = facts.broadcast([matrix[:-2], right[:-2]])
    facts.together(*batch, rows, rows, columns, columns, right[-1])
    return Value((*batch, columns, right[-1]))


@rule("linalg_slogdet", "slogdet", "logdet", "det", "linalg_det")
def determinant(facts: Facts, call: Call) -> Result:
    """Its size does not depend on any order; its sign does unless rows and columns move together."""
    *batch, rows, columns = call.value("self", "A").dims
    facts.together(*batch, rows, rows, columns, columns)
    if len(call.shapes) == 1 or 0 in call.used:
        facts.same(rows, columns)
    found = Value(tuple(batch))
    return found if len(call.shapes) == 1 else (found, found)


@rule("matrix_exp", "linalg_matrix_exp", "matrix_power", "linalg_matrix_power", "trace")
def of_square(facts: Facts, call: Call) -> Result:
    """Rows and columns move together."""
    dims = call.value("self", "A").dims
    facts.same(dims[-2], dims[-1])
    facts.together(*dims, *dims[-2:])
    return Value(dims[:-2] if call.name == "trace" else dims)


@rule("linalg_matrix_norm")
def matrix_norm(facts: Facts, call: Call) -> Result:
    dims = call.value("self").dims
    over = [dim % len(dims) for dim in call.integers("dim")] or [len(dims) - 2, len(dims) - 1]
    facts.together(*dims, *(dims[dim] for dim in over))
    if call.flag("keepdim"):
        return Value(replaced(dims, {dim: facts.one() for dim in over}))
    return Value(tuple(term for dim, term in enumerate(dims) if dim not in over))


@rule("cross", "linalg_cross")
def cross(facts: Facts, call: Call) -> Result:
    dims = facts.broadcast([value.dims for value in call.tensors()])
    given = call.arguments.get("dim")
    threes = [dim for dim, term in enumerate(dims) if term.size == 3]
    dim = given % len(dims) if isinstance(given, int) else threes[0]
    facts.pin(dims[dim], "a cross product is in a basis")
    facts.together(*dims, dims[dim])
    return Value(dims)


def without(facts: Facts, call: Call) -> Result:
    """Pins everything: this form of the operation has no rule."""
    return pin_everything(facts, call, f"this form of `{call.name}` has no rule")
