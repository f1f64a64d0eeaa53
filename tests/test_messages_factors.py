"""What is said where `signs` and `scales` of weights are given wrongly: the sentence, the place, the way out."""

from __future__ import annotations

import pytest
from test_messages import mistakes_of, place

NET = "model Net(x: [; 4]) -> [; 2] { h = linear(x, 5) return linear(relu(h), 2) }\n"
ODD = "model Net(x: [; 4]) -> [; 2] { h = linear(x, 5) return linear(tanh(h), 2) }\n"
READ = "model P(w: weights({})) -> [; 1] {{ return invariant(w, 1) }}"
TANH = "`tanh` does not let scales through (tanh, line 1)"
RELU = "`relu` does not let signs through (relu, line 1)"

MISTAKES = [
    (NET + READ.format("Net, signs = ⟦1⟧"), "`signs` is true or false, and this is 1", None),
    (
        NET + READ.format('Net, scales = ⟦"yes"⟧'),
        '`scales` is true or false, and this is "yes"',
        None,
    ),
    (NET + READ.format("Net, ⟦sign⟧ = true"), "`weights` has no option `sign`", "`signs`"),
    (
        NET + READ.format("Net, ⟦rotations⟧ = true"),
        "`weights` has no option `rotations`",
        "`signs = true` and `scales = true`",
    ),
    (
        ODD + READ.format("Net, signs = true, ⟦signs⟧ = true"),
        "`signs` is given a second time",
        None,
    ),
    (
        NET + READ.format("⟦Net⟧, signs = true"),
        "no hidden positions of `Net` may change signs",
        RELU,
    ),
    (
        ODD + READ.format("⟦Net⟧, signs = true, scales = true"),
        "no hidden positions of `Net` may be scaled",
        TANH,
    ),
    (
        "model Net(x: [; 4]) -> [; 2] { return linear(x, 2) }\n"
        + READ.format("⟦Net⟧, scales = true"),
        "no hidden positions of `Net` may be scaled",
        "no hidden positions are free to move",
    ),
    (
        NET + "model P(w: weights(Net)) -> ⟦weights(Net, scales = true)⟧ { return w }",
        "`scales = true` says that scales are divided out of what comes in, so it is said of an input",
        "without it the type is that of such weights once their scales are divided out",
    ),
    (
        ODD + "model ⟦P⟧(w: weights(Net, signs = true)) -> weights(Net) { return w }",
        "`Net.h` is B(5) in weights(Net, signs = true) and S(5) in weights(Net)",
        "weights of one model are asked for with one symmetry: `signs = true` in all or in none",
    ),
]


@pytest.mark.parametrize(("marked", "message", "hint"), MISTAKES)
def test_message(marked: str, message: str, hint: str | None) -> None:
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert error.message == message
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
    assert error.hint is None if hint is None else hint in (error.hint or "")


def test_options_that_are_false_change_nothing() -> None:
    assert mistakes_of(NET + READ.format("Net, signs = false, scales = false")) == []
