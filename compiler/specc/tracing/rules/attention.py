"""Attention in one operation."""

from __future__ import annotations

from ..values import Facts, Value
from .base import Call, Result, rule


@rule(
    "scaled_dot_product_attention", "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_attention_math", "_scaled_dot_product_fused_attention_overrideable",
)  # fmt: skip
def attention(facts: Facts, call: Call) -> Result:
    """`(..., head, token, key)` against `(..., head, source, key)`, and `(..., head, source, value)`."""
    query, key, value = (call.value(name) for name in ("query", "key", "value"))
    facts.same(query.dims[-1], key.dims[-1])
    facts.same(key.dims[-2], value.dims[-2])
    heads = query.dims[:-2]
    for other in (key, value):
        dims = other.dims[:-2]
        if call.flag("enable_gqa") and dims[-1].size != heads[-1].size:
            count = dims[-1].size
            of_keys, _ = facts.split(heads[-1], [count, heads[-1].size // count])
            facts.same(of_keys, dims[-1])
            dims = (*dims[:-1], heads[-1])
        heads = facts.broadcast([heads, dims])
    if call.flag("is_causal"):
        facts.pin_all((query.dims[-2], key.dims[-2]), "attention is causal")
    mask = call.optional("attn_mask", "attn_bias")
    if mask is not None:
        facts.broadcast([(*heads, query.dims[-2], key.dims[-2]), mask.dims])
    facts.together(*heads, query.dims[-2], key.dims[-2], query.dims[-1])
    facts.together(*heads, query.dims[-2], key.dims[-2], value.dims[-1])
    if heads:
        facts.called(heads[-1], "head")
    facts.called(query.dims[-1], "key")
    facts.called(value.dims[-1], "value")
    made = Value((*heads, query.dims[-2], value.dims[-1]))
    if len(call.shapes) == 1:
        return made
    return made, *(None if s is None else Value(heads[: len(s)]) for s in call.shapes[1:])
