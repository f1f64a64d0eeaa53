"""Programs with every convolutional operation, for tests that hold modules against other evaluators."""

from __future__ import annotations

DECLARATIONS = """
    axis t = 4  axis y = 7  axis x = 6  axis row = S(5)  axis single = 1
    axis troop = S(2, masked)  axis scout = S(3, masked) in troop
    axis place = 42  axis frame = 24  axis wide = 12
    space Images { small: [y, x; 4]  scene: [t, y, x; 4]  total: [; 4] }
    space Pair { left: [y; 6]  right: [x; 6] }
"""

_MODELS = {
    "one axis": "(v: [y; 2]) -> [; 9] { return flatten(conv(v, 3, over = y, kernel = 3, stride = 2)) }",
    "two axes": "(v: [y, x; 2]) -> [y, x; 3] { return conv(v, 3, over = [y, x], kernel = 3, padding = 1) }",
    "three axes": "(v: [t, y, x; 2]) -> [t, y, x; 3] { return conv(v, 3, over = [t, y, x], kernel = 3, padding = same) }",
    "another order": "(v: [y, x; 2]) -> [y, x; 3] { return conv(v, 3, over = [x, y], kernel = [5, 3], padding = [2, 1]) }",
    "axes beside": "(v: [t, y, row, x; 2]) -> [t, y, row, x; 3] { return conv(v, 3, over = [x, y], kernel = 3, padding = same) }",
    "masked axes beside": "(v: [troop, y, scout; 2]) -> [troop, y, scout; 3] { return conv(v, 3, over = y, kernel = 3, padding = same) }",
    "interchangeable axes": "(v: [row, t; 2]) -> [; 6] { return flatten(mean[row](conv(v, 3, over = t, kernel = 3))) }",
    "an even kernel of the same length": "(v: [y, x; 2]) -> [y, x; 3] { return conv(v, 3, over = [y, x], kernel = [2, 4], padding = same, dilation = [2, 1]) }",
    "strides and dilations": "(v: [y, x; 2]) -> [; 36] { return flatten(conv(v, 3, over = [y, x], kernel = [2, 3], stride = [2, 1], dilation = [1, 2], padding = [0, 1])) }",
    "groups": "(v: [y; 6]) -> [y; 9] { return conv(v, 9, over = y, kernel = 3, padding = 1, groups = 3, bias = false) }",
    "depthwise": "(v: [y, x; 4]) -> [y, x; 8] { return conv(v, 8, over = [y, x], kernel = 3, padding = 1, groups = 4) }",
    "no channel dimension": "(v: [y, x]) -> [y, x] { return conv(v, 1, over = [y, x], kernel = 3, padding = 1) }",
    "transposed": "(v: [y; 2]) -> [; 39] { return flatten(conv_transpose(v, 3, over = y, kernel = 3, stride = 2, padding = 1)) }",
    "transposed with groups": "(v: [y; 4]) -> [; 54] { return flatten(conv_transpose(v, 6, over = y, kernel = 3, groups = 2)) }",
    "transposed with all options": (
        "(v: [y, x; 2]) -> [; 546] { h = conv_transpose(v, 3, over = [x, y], kernel = [3, 2], stride = [2, 2], padding = [0, 1],"
        " output_padding = [1, 1], dilation = [1, 2])  return flatten(conv(h, 3, over = [x, y], kernel = [1, 2], groups = 3)) }"
    ),
    "max pool": "(v: [t, y, x; 2]) -> [t, y, x; 2] { return max_pool(v, over = [y, x], kernel = 3, stride = 1, padding = 1) }",
    "max pool of three axes": "(v: [t, y, x; 2]) -> [; 36] { return flatten(max_pool(v - 9, over = [x, t, y], kernel = [2, 2, 3], padding = [0, 0, 1])) }",
    "average pool": "(v: [t, y, x; 2]) -> [t, y, x; 2] { return avg_pool(v, over = [x, y], kernel = [5, 3], stride = 1, padding = [2, 1]) }",
    "average pool of one axis": "(v: [y; 2]) -> [; 6] { return flatten(avg_pool(2 * v + 1, over = y, kernel = 2)) }",
    "upsample": "(v: [t, y; 2]) -> [; 112] { h = upsample(v - 1, over = [y, t], factor = [3, 2])  return flatten(avg_pool(h, over = y, kernel = 3)) }",
    "pixel shuffle": "(v: [y, t, x; 18]) -> [; 336] { return flatten(avg_pool(pixel_shuffle(v, over = [x, y], factor = 3), over = [x, y], kernel = 3, stride = 3)) }",
    "flatten": "(v: [t, y; 3]) -> [; 84] { return flatten(v) * flatten(relu(v - 1)) }",
    "flatten without axes": "(v: [; 3]) -> [; 3] { return flatten(v) - flatten(2 * v) }",
    "flatten a coded axis": "(v: [y; 3]) -> [; 21] { return flatten(coded(v)) }",
    "flatten into an axis": "(v: [y, x; 3]) -> [place; 3] { return flatten(v, over = [y, x], into = place) }",
    "flatten in another order": "(v: [t, row, y, x; 3]) -> [frame, row, y; 3] { return flatten(v, over = [x, t], into = frame) }",
    "flatten one axis": "(v: [row, single, y; 3]) -> [row, single, place; 3] { h = upsample(v, over = y, factor = 6)  return flatten(h, over = y, into = place) }",
    "split": "(v: [row; 6]) -> [row; 3], [row; 4] { a, b, c = split(v, 1, 2, 3)  return c - a, concat(b, relu(b)) }",
    "split a collection": "(v: Images) -> Images(; 3), Images(; 1) { a, b = split(2 * v, 3, 1)  return a * b, b + 1 }",
    "split an expression": "(v: [y; 4]) -> [y; 2] { a, b = split(v * 2 - 1, 2, 2)  return a / (b ^ 2 + 1) }",
    "batch norm": "(v: [y, row; 3]) -> [y, row; 3] { return batch_norm(v) + batch_norm(v - 1, affine = false, eps = 0.1) }",
    "batch norm of the batch": "(v: [y, row; 3]) -> [y, row; 3] { return batch_norm(v, track = false, momentum = 0.5) }",
    "batch norm without axes": "(v: [; 3]) -> [; 3] { return batch_norm(v) * batch_norm(v, track = false, affine = false) }",
    "batch norm on a collection": "(v: Images) -> Images { return batch_norm(v) }",
    "group norm": "(v: [y, row; 6]) -> [y, row; 6] { return group_norm(v, 2) + group_norm(v, 6, affine = false, eps = 0.1) }",
    "group norm without axes": "(v: [; 6]) -> [; 6] { return group_norm(v, 3) }",
    "group norm on a collection": "(v: Images) -> Images { return group_norm(v, 2) }",
    "instance norm": "(v: [t, y, row; 3]) -> [t, y, row; 3] { return instance_norm(v) + instance_norm(v, affine = true, eps = 0.1) }",
    "instance norm with running statistics": "(v: [y; 3]) -> [y; 3] { return instance_norm(v, track = true, momentum = 0.5) }",
    "instance norm on a collection": "(v: Pair) -> Pair { return instance_norm(v, affine = true) }",
    "a block of layers": (
        "(v: [y, x; 3]) -> [; 8] { repeat 2 as stage { h = batch_norm(conv(v, 3, over = [y, x], kernel = 3, padding = 1))"
        "  v = relu(v + h) }  return linear(mean[y, x](v), 8) }"
    ),
    "tied convolutions": (
        "(v: [y; 3]) -> [y; 3] { h = conv(v, 3, over = y, kernel = 3, padding = 1, name = same)"
        "  return conv(relu(h), 3, over = y, kernel = 3, padding = 1, name = same) }"
    ),
}

PROGRAMS = {
    f"convolutional, {name}": f"{DECLARATIONS} model M{text}" for name, text in _MODELS.items()
}
"""Each has a model `M`."""
