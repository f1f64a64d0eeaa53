"""Operations on each entry by itself, with broadcasting; reductions; norms."""

from __future__ import annotations

from ...symmetry.terms import Term
from ..values import Facts, Value
from .base import Call, Result, fixed, replaced, rule


def pointwise(facts: Facts, call: Call) -> Result:
    """All tensors are broadcast together and the result has their dimensions."""
    values = call.tensors()
    dims = facts.broadcast([value.dims for value in values])
    uniform = frozenset(
        dim for dim in range(len(dims)) if all(_is_uniform(v, dim - len(dims)) for v in values)
    )
    found = Value(dims, uniform=uniform)
    results = tuple(None if shape is None else found for shape in call.shapes)
    return results[0] if len(results) == 1 else results


def _is_uniform(value: Value, dim: int) -> bool:
    """Whether entries are the same along a dimension, counted from the last, to which a tensor is broadcast."""
    place = len(value.dims) + dim
    return place < 0 or value.dims[place].size == 1 or place in value.uniform


rule("celu", "glu_jvp", "logit", "relu6", "selu", "rrelu", "threshold", "floor_divide", "xlogy")(
    pointwise
)
rule("true_divide", "isclose", "real", "imag", "angle", "conj", "resolve_conj", "resolve_neg")(
    pointwise
)
rule("__and__", "__or__", "__xor__", "logical_xor", "clip", "addcdiv", "addcmul", "lerp")(pointwise)
rule("hardswish", "hardsigmoid", "log_sigmoid", "nan_to_num", "polar", "complex", "isfinite")(
    pointwise
)


@rule(
    "clone", "contiguous", "detach", "alias", "lift_fresh_copy", "lift_fresh", "to", "_to_copy",
    "type_as", "dropout", "feature_dropout", "alpha_dropout", "native_dropout", "float", "double",
    "half", "positive", "requires_grad", "cpu", "bfloat16", "feature_alpha_dropout", "_conj",
    "_conj_physical", "fill_diagonal", "identity", "_cast_Float", "_cast_Double",
    reads_numbers=True,
)  # fmt: skip
def same(facts: Facts, call: Call) -> Result:
    """The first tensor as it is: the model is in evaluation, and nothing is dropped."""
    value = call.value("self", "input")
    if call.name in ("dropout", "feature_dropout", "alpha_dropout", "native_dropout") and call.flag(
        "train"
    ):
        return fixed(facts, call, "entries are dropped at random")
    if call.name == "fill_diagonal":
        facts.pin_all(value.dims, "a diagonal is written")
        facts.together(*value.dims, *value.dims)
    if value.shape != call.shape:
        return fixed(facts, call, f"`{call.name}` changes the shape")
    return value if len(call.shapes) == 1 else (value, Value(value.dims))


@rule("_assert_tensor_metadata", "_assert_async", "_assert_scalar", "sym_constrain_range")
def nothing(facts: Facts, call: Call) -> Result:
    """Checks something, and has no result."""
    return None


@rule("copy", "fill", "zero", "masked_fill", "where")
def written(facts: Facts, call: Call) -> Result:
    """Values written into a tensor, or chosen between, entry by entry."""
    return pointwise(facts, call)


@rule("prelu")
def prelu(facts: Facts, call: Call) -> Result:
    """One slope, or one for each channel, which is dimension 1."""
    value, slope = call.value("self"), call.value("weight")
    if slope.dims and slope.dims[0].size > 1:
        facts.same(value.dims[1 if len(value.dims) > 1 else 0], slope.dims[0])
    return Value(value.dims)


@rule("glu")
def glu(facts: Facts, call: Call) -> Result:
    """The second half of a dimension gates the first."""
    value = call.value("self")
    dim = call.dim(value, default=-1)
    half = value.dims[dim].size // 2
    first, second = facts.cut(value.dims[dim], [half, half])
    facts.same(first, second)
    return Value(replaced(value.dims, {dim: first}))


# --- Reductions -------------------------------------------------------------------------------------


def _reduced(facts: Facts, dims: tuple[Term, ...], over: list[int], keep: bool) -> tuple[Term, ...]:
    if keep:
        return replaced(dims, {dim: facts.one() for dim in over})
    return tuple(term for dim, term in enumerate(dims) if dim not in over)


ITSELF = frozenset(("sum", "mean", "amax", "amin", "prod"))
"""Of a single entry they are that entry."""


@rule(
    "sum", "mean", "amax", "amin", "prod", "any", "all", "logsumexp", "var", "std", "var_mean",
    "std_mean", "norm", "linalg_vector_norm", "count_nonzero", "nansum", "nanmean", "aminmax",
    "frobenius_norm", "max", "min", "median", "nanmedian",
)  # fmt: skip
def reduction(facts: Facts, call: Call) -> Result:
    """Does not depend on the order of what it reduces."""
    value = call.value("self", "input")
    if call.optional("other") is not None:
        return pointwise(facts, call)
    over = call.dims(value)
    if call.name in ITSELF and value.shape == call.shape:
        return value
    found = Value(_reduced(facts, value.dims, over, call.flag("keepdim")))
    return found if len(call.shapes) == 1 else tuple(found for _ in call.shapes)


@rule("max.dim", "min.dim", "median.dim", "nanmedian.dim", "mode", "kthvalue")
def extremum(facts: Facts, call: Call) -> Result:
    """The value along a dimension, and at which of its positions that stands."""
    value = call.value("self")
    dim = call.dim(value, default=-1)
    if 1 in call.used:
        (facts.compared if call.name in ("max", "min") else facts.sorted)(value, dim)
    dims = _reduced(facts, value.dims, [dim], call.flag("keepdim"))
    return Value(dims), Value(dims, value.dims[dim])


@rule("argmax", "argmin")
def position(facts: Facts, call: Call) -> Result:
    """At which position of a dimension the extremum stands; of all dimensions they are counted together."""
    value = call.value("self")
    if call.arguments.get("dim") is None:
        facts.pin_all(value.dims, "the position is counted over all dimensions")
        return fixed(facts, call, "a number")
    dim = call.dim(value)
    facts.compared(value, dim)
    return Value(_reduced(facts, value.dims, [dim], call.flag("keepdim")), value.dims[dim])


@rule("softmax", "log_softmax", "_softmax", "_log_softmax", "_safe_softmax", "softmin")
def normalised(facts: Facts, call: Call) -> Result:
    """Over one dimension, in whatever order it is."""
    value = call.value("self", "input")
    facts.mixed(value.dims, [call.dim(value)])
    return Value(value.dims)


@rule("cosine_similarity", "pairwise_distance")
def compared(facts: Facts, call: Call) -> Result:
    """Two tensors are broadcast together, and one dimension is reduced: the last for a distance."""
    dims = facts.broadcast([value.dims for value in call.tensors()])
    facts.together(*dims)
    dim = call.integer("dim", 1) if call.name == "cosine_similarity" else -1
    return Value(_reduced(facts, dims, [dim % len(dims)], call.flag("keepdim")))


# --- Norms ------------------------------------------------------------------------------------------


@rule("layer_norm", "native_layer_norm", "rms_norm", "_fused_rms_norm")
def layer_norm(facts: Facts, call: Call) -> Result:
    """Over the last dimensions, which the weight and the bias have as well."""
    value = call.value("input")
    count = len(call.integers("normalized_shape"))
    for name in ("weight", "bias"):
        scale = call.optional(name)
        if scale is not None:
            facts.all_same(value.dims[-count:], scale.dims)
    facts.mixed(value.dims, range(len(value.dims) - count, len(value.dims)))
    if len(call.shapes) == 1:
        return Value(value.dims)
    kept = replaced(value.dims, {len(value.dims) - 1 - k: facts.one() for k in range(count)})
    return Value(value.dims), *(Value(kept) for _ in call.shapes[1:])


@rule("batch_norm", "native_batch_norm", "_native_batch_norm_legit_no_training", "instance_norm",
      "cudnn_batch_norm", "_native_batch_norm_legit", "_batch_norm_impl_index")  # fmt: skip
def batch_norm(facts: Facts, call: Call) -> Result:
    """Each channel, dimension 1, by itself."""
    value = call.value("input")
    for name in ("weight", "bias", "running_mean", "running_var"):
        each = call.optional(name)
        if each is not None:
            facts.same(value.dims[1], each.dims[0])
    if call.flag("training") or call.flag("train") or call.flag("use_input_stats"):
        alone = [0, 1] if "instance" in call.name else [1]
        facts.mixed(value.dims, [dim for dim in range(len(value.dims)) if dim not in alone])
    if len(call.shapes) == 1:
        return Value(value.dims)
    rest = tuple(Value((value.dims[1],)) if s and len(s) == 1 else None for s in call.shapes[1:])
    return Value(value.dims), *rest


@rule("group_norm", "native_group_norm")
def group_norm(facts: Facts, call: Call) -> Result:
    """Channels permute within their group, and groups as wholes."""
    value = call.value("input")
    groups = call.integer("num_groups", call.integer("group", 1))
    group, member = facts.split(value.dims[1], [groups, value.dims[1].size // groups])
    inside = (value.dims[0], group, member, *value.dims[2:])
    facts.mixed(inside, range(2, len(inside)))
    for name in ("weight", "bias"):
        each = call.optional(name)
        if each is not None:
            facts.same(value.dims[1], each.dims[0])
    if len(call.shapes) == 1:
        return Value(value.dims)
    return Value(value.dims), *(None for _ in call.shapes[1:])


@rule("local_response_norm")
def local_response_norm(facts: Facts, call: Call) -> Result:
    """Reads neighbouring channels."""
    value = call.value("input")
    facts.pin(value.dims[1], "neighbouring channels are normalised together")
    return Value(value.dims)
