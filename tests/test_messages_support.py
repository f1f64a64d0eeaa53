"""What is said of a `support` that has no meaning."""

from __future__ import annotations

import pytest
from test_messages import mistakes_of, place

AXES = (
    "axis ring = C(7)  axis y = C(4)  axis x = C(6)  axis die = D(5)  axis node = S(4)  axis k = 3"
)

# Per row: inputs, a layer with its mistake marked, the message, the hint.
MISTAKES = [
    ("x: [ring; 8]", "⟦equivariant(x, 2, support = 4)⟧",
     "`support` counts as many offsets on either side of 0, so it is odd, not 4", "`support = 5`"),
    ("x: [y, x; 8]", "⟦equivariant(x, 2, support = [4, 3])⟧",
     "`support` counts as many offsets on either side of 0, so it is odd, not 4", "`support = 3`"),
    ("x: [ring; 8]", "⟦equivariant(x, 2, support = 9)⟧",
     "`support = 9` is more than `ring` has positions, 7",
     "without `support` maps reach everywhere"),
    ("x: [y, x; 8]", "⟦equivariant(x, 2, support = 5)⟧",
     "`support = 5` is more than `y` has positions, 4",
     "without `support` maps reach everywhere"),
    ("x: [die; 8]", "⟦equivariant(x, 2, support = 7)⟧",
     "`support = 7` is more than `die` has positions, 5",
     "without `support` maps reach everywhere"),
    ("x: [ring; 8]", "equivariant(x, 2, support = ⟦0⟧)",
     "`support` of `equivariant` cannot be 0: it is at least 1", None),
    ("x: [ring; 8]", "equivariant(x, 2, support = ⟦true⟧)",
     "`support` of `equivariant` cannot be true: it is a whole number", None),
    ("x: [ring; 8]", "equivariant(x, 2, support = ⟦[; 3]⟧)",
     "`support` is a number, or a list with one for each axis", "`support = [3, 5]`, for one"),
    ("x: [node; 8]", "⟦equivariant(x, 2, support = 3)⟧",
     "`support` is for cyclic axes, and `node` is S(4)",
     "C(n) and D(n) know which positions are neighbours"),
    ("x: [k; 8]", "⟦equivariant(x, 2, support = 3)⟧",
     "`support` is for cyclic axes, and no such axis is in the input and in the result", None),
    ("x: [ring; 8]", "⟦invariant(x, 2, support = 3)⟧",
     "`support` is for cyclic axes, and no such axis is in the input and in the result", None),
    ("x: [ring; 8]", "⟦equivariant(x, [y; 2], support = 3)⟧",
     "`support` is for cyclic axes, and no such axis is in the input and in the result", None),
    ("x: [y, x; 8]", "⟦equivariant(x, 2, support = [3, 3, 3])⟧",
     "`support` has 3 numbers, and there are 2 cyclic axes: `y`, `x`", None),
    ("x: [ring, node; 8]", "⟦equivariant(x, 2, support = [3, 3])⟧",
     "`support` has 2 numbers, and there is 1 cyclic axis: `ring`", None),
    ("x: [ring, ring; 8]", "⟦equivariant(x, 2, support = 3)⟧",
     "`support` needs one index of `ring`, and [ring, ring; 8] has 2", None),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "layer", "message", "hint"), MISTAKES)
def test_a_support_without_a_meaning(
    inputs: str, layer: str, message: str, hint: str | None
) -> None:
    marked = (
        f"{AXES}\nmodel M({inputs}) -> [; 2] {{\n    y = {layer}\n    return invariant(x, 2)\n}}\n"
    )
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert error.message == message
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
    assert hint is None or error.hint == hint
