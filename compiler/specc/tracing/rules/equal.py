"""Which entries of a tensor may well be equal exactly, or zero, whatever the weights are.

An operation that compares takes the first of equal entries, so that their order matters. Entries are equal
as copies, or where a piecewise function is constant: a relu, a mask, a norm over a single entry. What is
zero on a whole stretch stays so in every product, along the new dimensions too; what has a generic summand
is different again, unless the two may cancel, as in `x - relu(x)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ...symmetry.terms import Term
from ..values import Facts, Value
from .base import Call, Result

FEW_VALUES = frozenset(
    (
        "relu", "relu6", "hardtanh", "threshold", "hardsigmoid", "hardswish", "hardshrink", "softshrink",
        "clamp", "clamp_min", "clamp_max", "clip", "sign", "sgn", "round", "floor", "ceil", "trunc", "frac",
        "floor_divide", "heaviside", "masked_fill", "fill", "zero", "constant_pad_nd", "pad", "tril", "triu",
        "diag_embed", "eye", "zeros", "zeros_like", "new_zeros", "empty", "empty_like", "new_empty", "full",
        "full_like", "new_full", "ones", "ones_like", "new_ones", "scalar_tensor", "arange", "linspace",
    )
)  # fmt: skip
"""Operations whose results may well be equal, and zero, at several positions; all integers are of few values."""

BOUNDED = frozenset(("clamp", "clamp_min", "clamp_max", "clip", "hardtanh"))
"""They are equal at their bounds: zero only where a bound is."""

CHOSEN = frozenset(("where", "maximum", "minimum", "fmax", "fmin", "copy"))
"""Every entry is one of several tensors, of which some may have fewer dimensions."""

SUMS = frozenset(("add", "sub", "rsub"))
QUOTIENTS = frozenset(("mul", "div", "true_divide"))

ORDERED = frozenset(
    ("amax", "amin", "max", "min", "topk", "sort", "msort", "kthvalue", "median", "mode", "cummax",
     "cummin", "aminmax", "gather", "take_along_dim")
)  # fmt: skip
"""They take entries as they are: of a matrix of all pairs the same one in two rows."""

PICKED = frozenset(
    ("embedding", "index_select", "gather", "take_along_dim", "index", "_unsafe_index")
)
"""Entries of the first tensor, at positions that the others say."""

MIXED = frozenset(
    ("linear", "matmul", "mm", "bmm", "mv", "einsum", "addmm", "baddbmm", "addmv", "addbmm", "conv1d",
     "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
     "_convolution", "lstm", "gru", "rnn_tanh", "bilinear", "tensordot", "_grouped_mm")
)  # fmt: skip
"""Products: with weights nothing in the result is an entry of what was multiplied."""


def marked(facts: Facts, call: Call, result: Result) -> Result:
    """Results with what may be equal in them."""
    if isinstance(result, tuple):
        return tuple(
            _one_marked(facts, call, each, number) if isinstance(each, Value) else each
            for number, each in enumerate(result)
        )
    return None if result is None else _one_marked(facts, call, result, 0)


def _one_marked(facts: Facts, call: Call, result: Value, number: int) -> Value:
    values = call.tensors()
    few = call.name in FEW_VALUES or call.integral[number]
    if not few and any(result is value for value in values):
        return result
    result = replace(result, alike=result.alike | frozenset(facts.copies))
    if few:
        found = constant(result, _reaches_zero(call), bent=bool(values))
    elif call.name in SUMS and call.arguments.get("self") is not call.arguments.get("other"):
        found = _summed(facts, result, values)
    elif call.name in CHOSEN or (call.name in ("max", "min") and call.optional("other")):
        found = _chosen(facts, result, call)
    else:
        found = _computed(facts, call, result)
    origins = frozenset[int]().union(*(value.origins for value in values))
    return replace(
        found,
        learned=bool(values) and call.name != "embedding" and all(v.learned for v in _given(call)),
        origins=facts.origin() if _mixes(call) else origins,
    )


def constant(value: Value, vanishes: bool = True, bent: bool = True) -> Value:
    """A tensor all of whose entries may be equal; `bent` where they may be those of an argument."""
    return replace(value, alike=frozenset(value.dims), vanishes=vanishes, bent=bent)


def _mixes(call: Call) -> bool:
    """Whether an operation is a product with weights."""
    weights = [value for value in call.tensors() if value.learned and not value.vanishes]
    return call.name in MIXED and bool(weights)


def _given(call: Call) -> list[Value]:
    """The tensors that are computed with, without those that say what of them is picked."""
    return call.tensors()[:1] if call.name in PICKED else call.tensors()


def _computed(facts: Facts, call: Call, result: Value) -> Value:
    """By any other operation: what is alike in an argument, and all where one is zero."""
    values = call.tensors()
    alike = frozenset[Term]().union(*(value.alike for value in values))
    if call.name in QUOTIENTS:
        alike = _everywhere(facts, result, values)
    if call.name in ORDERED:
        alike |= {atom for value in values for atom in facts.twice(value.dims)}
    made = replace(
        result,
        alike=result.alike | facts.among(result.dims, alike),
        vanishes=any(value.vanishes for value in _given(call)),
        bent=any(value.bent for value in _given(call)),
    )
    if _mixes(call):
        made = replace(made, bent=False)
    if made.vanishes or is_flat(call):
        made = constant(made, bent=made.bent)
    return _biased(facts, call, made)


# --- Summands ---------------------------------------------------------------------------------------


def _summed(facts: Facts, result: Value, summands: Sequence[Value]) -> Value:
    """Different along each dimension along which one summand is that no other one may cancel."""
    alike = _everywhere(facts, result, summands)
    cancels = [each for each in summands if each.bent and _meets(each, summands)]
    for each in cancels:
        alike |= facts.among(each.dims, each.alike)
    free = [d for d in result.dims if d.size > 1 and not facts.among([d], alike)]
    vanishes = all(each.vanishes for each in summands) or bool(cancels and not free)
    bent = any(each.bent for each in summands)
    return replace(result, alike=alike, vanishes=vanishes, bent=bent)


def _meets(summand: Value, summands: Sequence[Value]) -> bool:
    """Whether another summand is computed from the same entries."""
    return any(summand.origins & each.origins for each in summands if each is not summand)


def _everywhere(facts: Facts, result: Value, values: Sequence[Value]) -> frozenset[Term]:
    """What is alike in all tensors that have it, of tensors that are broadcast together."""
    found: set[Term] = set()
    for place in range(1, len(result.dims) + 1):
        here = [v for v in values if len(v.dims) >= place and v.dims[-place].size > 1]
        kinds = [facts.among([value.dims[-place]], value.alike) for value in here]
        found |= frozenset.intersection(*kinds) if kinds else frozenset()
    return frozenset(found)


def _biased(facts: Facts, call: Call, made: Value) -> Value:
    """Along the dimensions of a bias nothing is alike any more."""
    if call.name in ("addmm", "baddbmm", "addmv", "addbmm"):
        return _summed(facts, made, [made, call.value("self")])
    if call.name in ("lstm", "gru", "rnn_tanh") and call.flag("has_biases"):
        return _without(facts, made, made.dims[-1:])
    bias = call.optional("bias")
    return made if bias is None or bias.vanishes else _without(facts, made, bias.dims)


def _without(facts: Facts, made: Value, dims: Sequence[Term]) -> Value:
    """Nothing is alike along dimensions, which are no others at the same time, and nothing is zero."""
    twice = facts.twice(made.dims)
    apart = {atom for d in dims for atom in facts.atoms([d])} - twice
    return replace(made, alike=frozenset(facts.atoms(made.alike) - apart), vanishes=False)


def _chosen(facts: Facts, result: Value, call: Call) -> Value:
    """Alike where one of the tensors is, and where one has no such dimension."""
    names = ("src",) if call.name == "copy" else ("self", "input", "other")
    values = [v for name in names if (v := call.optional(name)) is not None]
    numbers = [n for name in names if isinstance(n := call.arguments.get(name), (int, float))]
    found = set[Term](facts.atoms(result.dims) if numbers else ())
    for value in values:
        found |= facts.among(value.dims, value.alike)
        wide = len(result.dims) - len(value.dims)
        for place, term in enumerate(result.dims):
            if place < wide or value.dims[place - wide].size < term.size:
                found |= facts.atoms([term])
    vanishes = 0 in numbers or any(value.vanishes for value in values)
    return replace(result, alike=frozenset(found), vanishes=vanishes, bent=True)


# --- Single operations ------------------------------------------------------------------------------


def _reaches_zero(call: Call) -> bool:
    """Whether entries that may be equal may be zero."""
    if call.name in ("ones", "ones_like", "new_ones"):
        return False
    if call.name in ("full", "full_like", "new_full", "fill"):
        return call.arguments.get("fill_value", call.arguments.get("value")) in (0, None)
    if call.name not in BOUNDED:
        return True
    names = ("min", "max", "min_val", "max_val")
    bounds = [call.arguments.get(name) for name in names]
    return 0 in bounds or any(value.vanishes for value in call.tensors())


def is_flat(call: Call) -> bool:
    """Whether an operation leaves nothing, or a sign, of what it computes with.

    It normalises single entries, or layers of two: one is then above their mean as far as the other is
    below. It multiplies by zero, or computes a difference or quotient of a tensor and itself.
    A convolution reads nothing but padding.
    """
    value = call.optional("self", "input", "x1")
    if value is None:
        return False
    match call.name:
        case "mul":
            return call.arguments.get("other") == 0
        case "add" | "sub" | "rsub" | "div" | "true_divide":
            return call.arguments.get("other") is value
        case "softmax" | "log_softmax" | "_softmax" | "_log_softmax" | "_safe_softmax" | "softmin":
            return value.dims[call.dim(value)].size == 1 if value.dims else True
        case "var" | "std" | "norm" | "linalg_vector_norm" | "cosine_similarity":
            return prod(value.dims[dim].size for dim in call.dims(value)) == 1
        case "layer_norm" | "native_layer_norm" | "rms_norm" | "_fused_rms_norm":
            return prod(call.integers("normalized_shape")) <= 2
        case "group_norm" | "native_group_norm":
            groups = call.integer("num_groups", call.integer("group", 1))
            return prod(value.shape[1:]) <= 2 * groups
        case "instance_norm" | "_native_batch_norm_legit":
            return prod(value.shape[2:]) <= 2
    return "conv" in call.name and _reads_padding(call)


def _reads_padding(call: Call) -> bool:
    """Whether a window may lie all in the padding, or between the positions of what it reads."""
    sizes = call.value("weight").shape[2:]
    spread = zip(sizes, call.integers("dilation", len(sizes)) or [1] * len(sizes), strict=True)
    reach = [dilation * (size - 1) + 1 for size, dilation in spread]
    between = "transpose" in call.name or call.flag("transposed")
    steps = call.integers("stride" if between else "padding", len(sizes))
    ends = any(call.integers("output_padding"))
    return ends or any(s > r if between else s >= r for s, r in zip(steps, reach, strict=False))
