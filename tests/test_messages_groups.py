"""What is said of group declarations that are not what they claim, each with its place."""

from __future__ import annotations

import pytest
from test_messages import mistakes_of, place

LIE = "a Lie group is given by a basis of its Lie algebra: `matrices { ... } lie`"

# Per row: a declaration with its mistake marked, the message, the hint.
MISTAKES = [
    ("group G = <(1 2)(⟦2⟧ 3)>", "2 stands twice in this generator, so it is no permutation",
     "the cycles of a generator share no positions; generators are separated by commas"),
    ("group G = <(⟦0⟧ 1)>", "positions count from 1", None),
    ("group G = <(1 ⟦5⟧)> on 4", "this is more than the degree, 4", None),
    ("group G = ⟦<()>⟧", "the identity alone does not say how many positions there are", "`<()> on 4`"),
    ("group G = matrices { [[1, 0], [0, 1]], [[⟦1⟧]] }",
     "all generators are of one size; the first is 2 x 2, and this is 1 x 1", None),
    ("group G = matrices { [[1, 2], [⟦3⟧]] }",
     "a matrix is as wide as high, and this row has 1 of 2 entries", None),
    ("group G = matrices { [[⟦1⟧, 0], [0, 0]] }",
     "generator 1 is not invertible, so it is no element of a group",
     "a basis of a Lie algebra is marked: `matrices { ... } lie`"),
    ("group G = ⟦matrices { [[1, 1], [0, 1]] }⟧",
     "`G` is given by generators of a finite group, and generator 1 has infinite order", LIE),
    ("group G = ⟦matrices { [[3/5, -4/5], [4/5, 3/5]] }⟧",
     "`G` is given by generators of a finite group, and generator 1 has infinite order", LIE),
    ("group G = ⟦matrices { [[0, -1], [1, 0]], [[1, -1], [1, 0]] }⟧",
     "`G` is given by generators of a finite group, and its generators make infinitely many elements",
     LIE),
    ("group G = ⟦7⟧", "a group is a constructor, `SO(3)`, or generators, `<(1 2 3)>`", None),
    ("axis a = ⟦Q⟧(3)", "there is no group `Q`", "`S(n)` is n interchangeable positions"),
    ("axis a = Sp(⟦3⟧)", "`Sp(n)` acts on an even number of dimensions, and this is 3",
     "n is the dimension: `Sp(4)` acts on two positions and two momenta"),
    ("axis a = ⟦C(3, 4)⟧", "this group is written `C(n)`", None),
    ("axis a = ⟦O(1, 2, 3)⟧", "this group is written `O(n)` or `O(p, q)`", None),
    ("axis a = O(3) fixing (⟦0⟧, 0)", "O(3) acts on 3 dimensions, and this vector has 2", None),
    ("axis a = O(2) fixing (⟦0⟧, 0)",
     "every element fixes zero: a vector that is not zero is needed", None),
    ("axis a = ⟦C(3)⟧ fixing (1, 0, 0)",
     "`fixing` belongs to a classical group of matrices, and this is C(3)",
     "`axis v = O(3) fixing (0, 0, 1)`; of permuted positions a part that stays is an axis of its own"),
    ("group M = <(1 2)>\naxis a = M by ⟦<(1 2), (3 4)>⟧",
     "`M` has 1 generator, and 2 generators are given here",
     "one for each generator, in their order"),
    ("axis a = ⟦S(3)⟧ by <(1 2)>",
     "`by` says what the generators of a named group do to an axis, and this is S(3)",
     "`group Mirror = <(1 2)>`, then `axis side = Mirror by matrices { [[-1]] }`"),
    ("axis y = 2\naxis x = 3\ngroup G on (⟦y⟧, x) = <(1 2 3 4)>",
     "the generators act on 4 positions, and (y, x) has 6",
     "pairs of positions are numbered row-major from 1; `on 16` after the generators adds fixed ones"),
    ("axis y = S(2)\ngroup G on (⟦y⟧) = <(1 2)>", "`y` has a group of its own, S(2)",
     "`axis y = 2`: what a group acts on jointly is declared as positions"),
    ("axis y = 2\naxis x = 2\ngroup G on (y, x) = <(1 2)(3 4)>\n"
     "model M(v: [⟦y⟧; 2]) -> [; 2] { return invariant(v, 2) }",
     "`G` moves (y, x) jointly, so they stand together", "`[y, x]`"),
    ("axis v = O(3)\nmodel M(x: [⟦sym(v)⟧; 2]) -> [; 2] { return invariant(x, 2) }",
     "`sym` takes two axes or more", "`sym(v, v)`"),
    ("axis v = O(3)\naxis w = O(3)\nmodel M(x: [⟦sym(v, w)⟧; 2]) -> [; 2] { return invariant(x, 2) }",
     "`sym(v, w)` exchanges parts that are not alike",
     "`sym(v, v)`: the same axis, or the same symmetric parts, on both places"),
    ("axis q = Sp(2)\nmodel M(x: [⟦dual(q)⟧; 2]) -> [; 2] { return invariant(x, 2) }",
     "Sp(2) keeps a form, which makes linear forms of vectors: `dual(q)` is `q` in other coordinates",
     "`[q]`, with indices raised by the form"),
    ("axis v = O(3)\nmodel M(x: [v, v; 2]) -> [sym(v, v); 2] { return ⟦x⟧ }",
     "the model declares [sym(v, v); 2] and returns [v, v; 2]: nothing makes it `sym(v, v)`,"
     " which `equivariant(x, TYPE)` does", None),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "message", "hint"), MISTAKES, ids=[m for _, m, _ in MISTAKES])
def test_the_message_and_its_place(marked: str, message: str, hint: str | None) -> None:
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert error.message == message
    assert error.span is not None
    assert text[error.span.start : error.span.end] == text[start:end]
    assert hint is None or error.hint == hint
