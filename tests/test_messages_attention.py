"""What is said of calls of `attention` and `experts` that have no meaning."""

from __future__ import annotations

import pytest
from attentive import AXES
from test_messages import mistakes_of, place

from specc.program.arguments import signature

SIGNATURE = f"`{signature('attention')}`"
EXPERTS = f"`{signature('experts')}`"
GRAPH = "space Graph { edge: [node, node; 8] feature: [node; 8] }"

# Per row: inputs, a statement with its mistake marked, the message, the hint.
MISTAKES = [
    ("x: [token; 8]", "⟦attention(x)⟧",
     "`attention` needs `over`, an axis or a list of axes", SIGNATURE),
    ("x: [token; 8]", "⟦attention(x, over = [])⟧",
     "`attention` needs an axis to attend over", "`over = token`"),
    ("x: [token; 8]", "⟦attention(x, over = source)⟧",
     "[token; 8] has no axis `source`", None),
    ("x: [node, node; 8]", "⟦attention(x, over = node)⟧",
     "`node` stands twice in [node, node; 8], so it is ambiguous which of the two is meant", None),
    ("x: Graph", "⟦attention(x, over = node)⟧",
     "`attention` works on tensors, and Graph(; 8) is a collection", "take one out of it: `x.edge`"),
    ("x: [cloud, member; 8]", "⟦attention(x, over = cloud)⟧",
     "attention over `cloud` would match positions of `member` that move separately in each `cloud`",
     "attend over both: `[cloud, member]`"),
    ("x: [cloud, member; 8]", "⟦attention(x, over = [member, cloud])⟧",
     "`member` lives in `cloud` and has to follow it", "`[cloud, member]`"),
    ("x: [token; 8]", "⟦attention(x, over = token, heads = 3)⟧",
     "8 channels cannot be shared evenly by 3 heads",
     "`head_size` gives every head a size of its own"),
    ("x: [token; 8]", "attention(x, over = token, heads = ⟦0⟧)",
     "`heads` of `attention` cannot be 0: it is at least 1", SIGNATURE),
    ("x: [token; 8]", "⟦attention(x, over = token, heads = 4, kv_heads = 3)⟧",
     "4 heads cannot share 3 heads of keys and values evenly", None),
    ("x: [token; 8]", "⟦attention(x, over = token, rotary = true)⟧",
     "`rotary` rotates pairs, and a head has 1 numbers",
     "`head_size` gives every head a size of its own"),
    ("x: [token; 8], m: [source; 6]", "⟦attention(x, over = token, memory = m)⟧",
     "the one matrix of all projections reads 8 channels, and the memory [source; 6] has 6",
     "`fused = false` gives each projection its own"),
    ("x: [token; 8]", "⟦attention(x, over = token, memory_over = source)⟧",
     "`memory_over` says along which axes `memory` is attended to, and there is none",
     "`memory = encoded`"),
    ("x: [token; 8]", "⟦attention(x, over = token, memory = (x, x))⟧",
     "`memory` is one value, and this is a tuple", None),
    ("x: [token; 8], m: [y, x; 8]", "⟦attention(x, over = token, memory = m)⟧",
     "the memory [y, x; 8] could be attended along `y` or `x`", "say which: `memory_over = x`"),
    ("x: [token; 8], m: [; 8]", "⟦attention(x, over = token, memory = m)⟧",
     "the memory [; 8] has no axis to attend along", None),
    ("x: [token; 8], m: [y, x; 8]", "⟦attention(x, over = token, memory = m, memory_over = y)⟧",
     "the memory [y, x; 8] is not attended along `x`, which [token; 8] does not have",
     "`memory_over = [y, x]` attends along all its axes"),
    ("x: [token; 8], m: [token, source; 8]",
     "⟦attention(x, over = token, memory = m, memory_over = source)⟧",
     "the memory [token, source; 8] is not attended along `token`, which [token; 8] attends over",
     "`memory_over = [token, source]` attends along all its axes"),
    ("x: [token; 8], m: [token, source; 8]", "⟦attention(x, over = token, memory = m)⟧",
     "the memory [token, source; 8] could be attended along `token` or `source`",
     "say which: `memory_over = source`"),
    ("x: [token, node, node; 8], m: [source, node; 8]",
     "⟦attention(x, over = token, memory = m, memory_over = source)⟧",
     "`node` stands twice in [token, node, node; 8], so it is ambiguous which of the two the memory"
     " [source, node; 8] has", None),
    ("x: [token; 8], m: Graph", "⟦attention(x, over = token, memory = m)⟧",
     "`attention` works on tensors, and Graph(; 8) is a collection", "take one out of it: `x.edge`"),
    ("x: [token; 8], m: [source; 8]",
     "⟦attention(x, over = token, memory = m, causal = true)⟧",
     "`causal` compares positions along `token` with positions along `source`: they are of different"
     " axes", None),
    ("x: [token; 8], m: [node; 8]",
     "⟦attention(x, over = token, heads = 2, memory = m, rotary = true)⟧",
     "`rotary` tells the positions of `node` apart, and S(4) moves them",
     "`axis node = 4`, without a group, if their order matters"),
    ("x: [node; 8]", "⟦attention(x, over = node, causal = true)⟧",
     "`causal` tells the positions of `node` apart, and S(4) moves them",
     "`axis node = 4`, without a group, if their order matters"),
    ("x: [cloud, member; 8]", "⟦attention(x, over = [cloud, member], causal = true)⟧",
     "`causal` tells the positions of `cloud` apart, and S(3) moves them",
     "`axis cloud = 3`, without a group, if their order matters"),
    ("x: [guest; 8]", "⟦attention(x, over = guest, causal = true)⟧",
     "`causal` reads the positions of `guest`, and some may not be there",
     "`axis guest = 4` has all of them"),
    ("x: [token; 8], m: [guest; 8]",
     "⟦attention(x, over = token, heads = 2, memory = m, rotary = true)⟧",
     "`rotary` reads the positions of `guest`, and some may not be there",
     "`axis guest = 4` has all of them"),
    ("x: [token; index 8]", "⟦attention(x, over = token)⟧",
     "`attention` works on numbers, and [token; index 8] holds indices",
     "`embedding(x, c)` makes a vector of each"),
    ("x: [token; 8]", "⟦experts(x, 8)⟧", "`experts` needs `channels`, a number", EXPERTS),
    ("x: [token; 8]", "experts(x, 8, ⟦0⟧)",
     "`channels` of `experts` cannot be 0: it is at least 1", EXPERTS),
    ("x: [token; 8]", "experts(x, 8, 4, count = ⟦0⟧)",
     "`count` of `experts` cannot be 0: it is at least 1", EXPERTS),
    ("x: [token; 8]", "experts(x, 8, 4, act = ⟦gellu⟧)",
     "there is no activation `gellu`", "did you mean `gelu`?"),
    ("x: Graph", "⟦experts(x, 8, 4)⟧",
     "`experts` works on one tensor, and Graph(; 8) is a collection",
     "take one out of it: `x.edge`"),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "statement", "message", "hint"), MISTAKES)
def test_a_mistake_is_told(inputs: str, statement: str, message: str, hint: str | None) -> None:
    kind = inputs.partition(": ")[2].split(", m:")[0]
    marked = f"{AXES} {GRAPH} model M({inputs}) -> {kind} {{ y = {statement} return x }}"
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert error.message == message
    assert error.hint == hint
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
