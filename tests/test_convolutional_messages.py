"""What is said of convolutions, pooling, norms and cuts that have no meaning: see `test_messages`."""

from __future__ import annotations

import pytest
from test_messages import Row, ids, mistakes_of, on, place

AXES = """
axis t = 3  axis y = 7  axis x = 6  axis z = 2  axis node = S(4)  axis guest = S(5, masked)
axis token = 42  axis short = 41  axis free = S(42)
space Images { small: [y, x; 4]  large: [y, x; 8] }
"""


def wrong(statement: str, given: str = "x: [y, x; 4]", result: str = "[y, x; 4]") -> str:
    return on(AXES, statement, given, result)


CONV = (
    "`conv(x, channels, over = [axis, ...], kernel = n, stride = 1, padding = 0, dilation = 1,"
    " groups = 1, bias = true)`"
)

WINDOWS: list[Row] = [
    # What the windows slide along.
    (wrong("h = ⟦conv(x, 4, kernel = 3)⟧"), "`conv` needs `over`, an axis or a list of axes", CONV),
    (
        wrong("h = ⟦conv(x, 4, over = y)⟧"),
        "`conv` needs `kernel`, a number, or a list with one for each axis",
        CONV,
    ),
    (wrong("h = ⟦conv(x, 4, over = z, kernel = 3)⟧"), "[y, x; 4] has no axis `z`", None),
    (
        wrong("h = ⟦conv(x, 4, over = [], kernel = 3)⟧"),
        "`conv` works along one, two or three axes, and `over` has 0",
        None,
    ),
    (
        wrong(
            "h = ⟦max_pool(x, over = [t, y, x, z], kernel = 3)⟧", "x: [t, y, x, z]", "[t, y, x, z]"
        ),
        "`max_pool` works along one, two or three axes, and `over` has 4",
        None,
    ),
    (
        wrong("h = ⟦upsample(x, over = y)⟧", "x: [y, y; 2]", "[y, y; 2]"),
        "`y` stands twice in [y, y; 2], so it is ambiguous which of the two is meant",
        None,
    ),
    (
        wrong("h = ⟦conv(x, 2, over = guest, kernel = 3)⟧", "x: [guest; 2]", "[guest; 2]"),
        "`conv` sees neighbours, and positions of `guest` may not be there",
        "`axis guest = 5` has all of them",
    ),
    (
        wrong("h = ⟦conv(x, 2, over = y, kernel = 3)⟧", "x: Images", "Images"),
        "`conv` works on one tensor, and this is a collection",
        "take one out of it: `x.small`",
    ),
    # Their sizes.
    (
        wrong("h = conv(x, 4, over = y, kernel = ⟦0⟧)"),
        "`kernel` of `conv` cannot be 0: it is at least 1",
        CONV,
    ),
    (
        wrong("h = conv(x, 4, over = [y, x], kernel = ⟦[3, 1.5]⟧)"),
        "`kernel` of `conv` cannot be 1.5: it is a whole number",
        CONV,
    ),
    (
        wrong("h = conv(x, 4, over = y, kernel = ⟦[]⟧)"),
        "`kernel` is a number, or a list with one for each axis",
        "`kernel = [3, 5]`, for one",
    ),
    (
        wrong("h = conv(x, 4, over = y, kernel = 3, padding = ⟦-1⟧)"),
        "`padding` of `conv` cannot be -1: it is at least 0",
        CONV,
    ),
    (
        wrong("h = conv(x, 4, over = y, kernel = 3, padding = ⟦valid⟧)"),
        "there is nothing called `valid`",
        None,
    ),
    (
        wrong("h = ⟦conv(x, 4, over = y, kernel = [3, 3])⟧"),
        "`kernel` has 2 numbers, and `over` has 1 axis",
        None,
    ),
    (
        wrong("h = ⟦avg_pool(x, over = [y, x], kernel = 2, stride = [1, 1, 1])⟧"),
        "`stride` has 3 numbers, and `over` has 2 axes",
        None,
    ),
    (
        wrong("h = ⟦conv(x, 4, over = y, kernel = 4, dilation = 3)⟧"),
        "a kernel that reaches over 10 positions does not fit on `y`, which has 7",
        None,
    ),
    (
        wrong("h = ⟦conv(x, 4, over = x, kernel = 9, padding = 1)⟧"),
        "a kernel that reaches over 9 positions does not fit on `x`, which has 6, and 2 of padding",
        None,
    ),
    (
        wrong("h = ⟦conv(x, 4, over = y, kernel = 3, padding = same, stride = 2)⟧"),
        "`padding = same` keeps the length, and a stride shortens it",
        None,
    ),
    (
        wrong("h = ⟦conv(x, 4, over = y, kernel = 3, groups = 3)⟧"),
        "`groups = 3` does not divide 4 channels",
        None,
    ),
    (
        wrong("h = ⟦conv(x, 6, over = y, kernel = 3, groups = 4)⟧"),
        "`groups = 4` does not divide 6 new channels",
        None,
    ),
    (
        wrong("h = ⟦conv_transpose(x, 4, over = y, kernel = 2, padding = same)⟧"),
        "`padding = same` is for `conv`, here it is a number",
        None,
    ),
    (
        wrong("h = ⟦conv_transpose(x, 4, over = y, kernel = 2, stride = 2, output_padding = 2)⟧"),
        "`output_padding` is smaller than the stride or the dilation",
        None,
    ),
    (
        wrong("h = ⟦conv_transpose(x, 4, over = y, kernel = 1, padding = 4)⟧"),
        "`padding` leaves nothing of `y`",
        None,
    ),
    (
        wrong("h = ⟦max_pool(x, over = y, kernel = 3, padding = 2)⟧"),
        "`padding` is at most half of the kernel: no window is all padding",
        None,
    ),
    (
        wrong("h = ⟦pixel_shuffle(x, over = y)⟧"),
        "`pixel_shuffle` works along two axes",
        "`over = [y, x]`",
    ),
    (
        wrong("h = ⟦pixel_shuffle(x, over = [y, x], factor = 3)⟧"),
        "4 channels do not make 3 x 3 pixels each",
        "a multiple of 9 is needed",
    ),
    # Where the new lengths are seen.
    (
        wrong("h = ⟦x + conv(x, 4, over = y, kernel = 3)⟧"),
        "axis `y` has 7 positions in one value and 5 in another",
        None,
    ),
]

CHANNELS: list[Row] = [
    (
        wrong("h = ⟦flatten(x)⟧", "x: Images", "Images"),
        "`flatten` works on one tensor, and this is a collection",
        "take one out of it: `x.small`",
    ),
    (
        wrong("h = ⟦flatten(x)⟧", "x: [node; 4]", "[node; 4]"),
        "`flatten` tells the positions of `node` apart, and S(4) moves them",
        "`axis node = 4`, without a group, if their order matters",
    ),
    (
        wrong("h = ⟦conv(x, 4, over = node, kernel = 3)⟧", "x: [node; 4]", "[node; 4]"),
        "`conv` tells the positions of `node` apart, and S(4) moves them",
        "`axis node = 4`, without a group, if their order matters",
    ),
    (
        wrong("h = ⟦max_pool(x, over = node, kernel = 2)⟧", "x: [node; 4]", "[node; 4]"),
        "`max_pool` tells the positions of `node` apart, and S(4) moves them",
        "`axis node = 4`, without a group, if their order matters",
    ),
    (
        wrong("h = ⟦flatten(x, over = [y, x])⟧"),
        "`flatten` takes `over` and `into` together, or none of them",
        "`flatten(x, over = [y, x], into = token)`",
    ),
    (
        wrong("h = flatten(x, over = [y, x], into = ⟦[token]⟧)"),
        "`into` is the name of one axis",
        None,
    ),
    (
        wrong("h = ⟦flatten(x, over = [y, x], into = short)⟧"),
        "axis `short` has 41 positions, and these axes have 42",
        None,
    ),
    (
        wrong("h = ⟦flatten(x, over = [y, x], into = free)⟧"),
        "`flatten` tells positions apart, and those of `free` are interchangeable",
        "declare `axis free = 42`",
    ),
    (
        wrong("h = ⟦flatten(x, over = [y, z], into = token)⟧"),
        "[y, x; 4] has no axis `z`",
        None,
    ),
    (
        wrong("h = ⟦flatten(x, over = z, into = y)⟧", "x: [y, z; 4]", "[y, z; 4]"),
        "axis `y` has 7 positions, and these axes have 2",
        None,
    ),
    (
        wrong("h = ⟦flatten(x, over = [y, x], into = token)⟧", "x: [token, y, x]", "[token, y, x]"),
        "[token, y, x] has an axis `token` already",
        None,
    ),
    (
        wrong("a, b = ⟦split(x, 2, 3)⟧"),
        "2 + 3 channels are not the 4 of [y, x; 4]",
        None,
    ),
    (
        wrong("a, b = split(x, 4, ⟦0⟧)"),
        "the number of channels is at least 1, and this is 0",
        None,
    ),
    (
        wrong("a = ⟦split(x, 2, 2)⟧"),
        "this gives 2 values, and there is one name for them",
        "`a, b = ...` takes several",
    ),
]

NORMS: list[Row] = [
    (
        wrong(f"h = ⟦{norm}⟧", "x: [guest; 4]", "[guest; 4]"),
        f"`{norm.partition('(')[0]}` would count positions of `guest` that are not there",
        "`layer_norm(x)` normalises each position by itself",
    )
    for norm in ("batch_norm(x)", "group_norm(x, 2)", "instance_norm(x)")
] + [
    (
        wrong("h = ⟦group_norm(x, 3)⟧"),
        "`groups = 3` does not divide 4 channels",
        None,
    ),
    (
        wrong("h = ⟦group_norm(x)⟧"),
        "`group_norm` needs `groups`, a number",
        "`group_norm(x, groups, eps = 1e-05, affine = true)`",
    ),
    (
        wrong("h = ⟦instance_norm(x)⟧", "x: [; 4]", "[; 4]"),
        "`instance_norm` takes statistics along axes, and [; 4] has one position",
        None,
    ),
    (
        wrong("h = batch_norm(x, momentum = ⟦2⟧)"),
        "`momentum` of `batch_norm` cannot be 2: it is at most 1.0",
        "`batch_norm(x, eps = 1e-05, momentum = 0.1, affine = true, track = true)`",
    ),
]

ROWS = WINDOWS + CHANNELS + NORMS


@pytest.mark.parametrize(("marked", "message", "hint"), ROWS, ids=ids(ROWS))
def test_one_mistake(marked: str, message: str, hint: str | None) -> None:
    text, start, end = place(marked)
    (mistake,) = mistakes_of(text)
    assert mistake.message == message
    assert mistake.hint == hint
    assert mistake.span is not None
    assert (mistake.span.start, mistake.span.end) == (start, end)
