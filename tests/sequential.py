"""Programs with every operation on sequences, and with products and splines, for tests that hold modules
against other evaluators.
"""

from __future__ import annotations

DECLARATIONS = """
    axis step = 5  axis later = 3  axis row = S(3)  axis col = 2
    axis hall = S(2, masked)  axis seat = S(3, masked) in hall
    space Words { title: [step; index 7]  weight: [step]  note: [row; 2] }
    space Two { left: [step; 3]  right: [row; 2] }
    block Cell(x, c) { return gru(x, c, over = step) }
    block Tied(ids) { x = embedding(ids, 4, name = embed)  return linear(tanh(x), 7, bias = false, name = embed) }
    block Placed(x) { return x + positions(step, 3) }
"""

_MODELS = {
    "embedding": "(v: [step; index 7]) -> [step; 4] { return embedding(v, 4) }",
    "embedding without axes": "(v: [; index 7]) -> [; 4] { return embedding(v, 4) }",
    "embedding of interchangeable words": "(v: [row, step; index 7]) -> [row; 4] { return mean[step](embedding(v, 4)) }",
    "embedding of words that may be missing": "(v: [hall, seat; index 7]) -> [hall; 4] { return max[seat](embedding(v, 4)) + 1 }",
    "embedding in a collection": "(v: Words) -> [step; 4], [row; 2] { return embedding(v.title, 4) * v.weight, v.note }",
    "indices as a result": "(v: [col; index 7], w: Words) -> [col; index 7], Words { return v, w }",
    "embedding, then its transpose": (
        "(v: [step; index 7]) -> [step; 7] { x = embedding(v, 4, name = embed)"
        "  return linear(relu(x), 7, bias = false, name = embed) }"
    ),
    "a matrix, then its rows": (
        "(v: [step; index 7], x: [; 4]) -> [step; 4], [; 7] { y = linear(x, 7, bias = false, name = embed)"
        "  return embedding(v, 4, name = embed), y }"
    ),
    "ties in blocks": "(v: [step; index 7]) -> [step; 7] { return Tied(v) + Tied(v) + Tied(v, name = first) + Tied(v, name = first) }",
    "ties in repeats": (
        "(v: [step; index 7]) -> [step; 7] { z = embedding(v, 7)  repeat 2 as stage { x = embedding(v, 4, name = table)"
        "  z = z * linear(x, 7, bias = false, name = table) }  return z }"
    ),
    "positions": "(x: [step; 3]) -> [step; 3] { return x * positions(step, 3) }",
    "positions of two axes": "(x: [row, step; 3]) -> [step, col; 3] { return positions([step, col], 3) + mean[row](x) }",
    "positions with a name": "(x: [step; 3]) -> [step; 3] { return positions(step, 3, name = place) - positions(step, 3, name = place) * x }",
    "positions beside a collection": "(v: Words) -> [step; 3] { return positions(step, 3) * v.weight }",
    "positions in a block": "(x: [step; 3]) -> [step; 3] { return Placed(Placed(relu(x))) }",
    "positions in a repeat": "(x: [step; 3]) -> [step; 3] { repeat 3 { x = sin(x + positions(step, 3)) }  return x }",
    "sinusoidal": "(x: [step; 5]) -> [step; 5] { return x * sinusoidal(step, 5) + sinusoidal(step, 5, base = 10) }",
    "rnn": "(x: [step; 3]) -> [step; 4] { return rnn(x, 4, over = step) }",
    "rnn with relu": "(x: [step; 3]) -> [; 4] { return rnn(x, 4, over = step, act = relu, steps = last, bias = false) }",
    "gru": "(x: [step; 3]) -> [step; 4] { return gru(x, 4, over = step) }",
    "gru, its last step": "(x: [step; 3]) -> [; 4] { return gru(x, 4, over = step, steps = last) }",
    "lstm": "(x: [step; 3]) -> [step; 4] { return lstm(x, 4, over = step) }",
    "lstm, its state": "(x: [step; 3]) -> [; 4], [; 4] { h, c = lstm(x, 4, over = step, steps = state)  return c, h }",
    "layers and directions": "(x: [step; 3]) -> [step; 8] { return gru(x, 4, over = step, layers = 2, bidirectional = true, dropout = 0.5) }",
    "the last step of both": "(x: [step; 3]) -> [; 8] { return lstm(x, 4, over = step, layers = 2, bidirectional = true, steps = last) }",
    "the state of all": "(x: [step; 3]) -> [; 16] { return rnn(x, 4, over = step, layers = 2, bidirectional = true, steps = state) }",
    "axes beside": "(x: [col, row, step; 3]) -> [col, row, step; 4] { return gru(x, 4, over = step) }",
    "axes beside and behind": "(x: [col, step, row; 3]) -> [col, step, row; 4], [col, row; 4] { return gru(x - 1, 4, over = step), lstm(relu(x), 4, over = step, steps = last) }",
    "axes that may be missing": "(x: [hall, seat, step; 3]) -> [hall; 4] { return mean[seat](gru(x, 4, over = step, steps = last)) }",
    "an interchangeable axis": "(x: [row, step; 3]) -> [row, step; 4] { return rnn(x, 4, over = step) }",
    "a coded axis": "(x: [step; 3]) -> [; 4] { return rnn(coded(x), 4, over = step, steps = last) }",
    "without channels": "(x: [step]) -> [step] { return gru(x, 1, over = step) }",
    "initial state": "(x: [step; 3], h: [; 4]) -> [step; 4] { return gru(x, 4, over = step, initial = h) }",
    "initial state of all": "(x: [step; 3], h: [; 16]) -> [; 16] { return gru(x, 4, over = step, layers = 2, bidirectional = true, initial = tanh(h), steps = state) }",
    "initial states with fewer axes": (
        "(x: [col, step, row; 3], h: [row; 4], c: [; 4]) -> [col, step, row; 4]"
        " { return lstm(x, 4, over = step, initial = (h - 1, c)) }"
    ),
    "initial state in another order": "(x: [col, row, step; 3], h: [row, col; 4]) -> [col, row; 4] { return gru(x, 4, over = step, initial = h * 2, steps = last) }",
    "hand-over": (
        "(x: [step; 3], y: [later; 2]) -> [later; 8] { h, c = lstm(x, 4, over = step, layers = 2, bidirectional = true, steps = state, name = reader)"
        "  return lstm(y, 4, over = later, layers = 2, bidirectional = true, initial = (h, c), name = writer) }"
    ),
    "hand-over at once": "(x: [step; 3], y: [later; 2]) -> [later; 4] { return lstm(y, 4, over = later, initial = lstm(x, 4, over = step, steps = state)) }",
    "one layer read in two ways": (
        "(x: [step; 3], y: [row, later; 3]) -> [step; 4], [row; 4] { return gru(x, 4, over = step, name = cell),"
        " gru(y, 4, over = later, steps = last, initial = gru(x, 4, over = step, name = cell, steps = state), name = cell) }"
    ),
    "recurrent blocks": "(x: [step; 4]) -> [step; 4] { repeat 2 as stage { x = x + Cell(x, 4) }  return Cell(x, 4) - Cell(x, 4, name = other) }",
    "recurrence in repeats": "(x: [step; 4]) -> [step; 4] { repeat 2 { x = lstm(x, 4, over = step) }  return x }",
    "bilinear": "(x: [row; 3], y: [row; 2]) -> [row; 4] { return bilinear(x, y, 4) }",
    "bilinear broadcasts": "(x: [row, col; 3], y: [col, step; 2]) -> [row, col, step; 4] { return bilinear(x, y - 1, 4, bias = false) }",
    "bilinear permutes": "(x: [row, col; 3], y: [col, row; 2], z: [; 2]) -> [row, col; 4] { return bilinear(x, y, 4) + bilinear(x, z, 4) }",
    "bilinear without channels": "(x: [row], y: [col]) -> [row, col] { return bilinear(x, y, 1) }",
    "gated": "(x: [row; 3]) -> [row; 4] { return gated(x, 4) + gated(x, 4, act = silu, bias = false) * gated(x, 4, act = sin) }",
    "gated and fused": "(x: [row; 3]) -> [row; 4] { return gated(x, 4, fused = true) + gated(x, 4, act = gelu, fused = true, bias = false) }",
    "gated on a collection": "(v: Two) -> Two(; 4) { return gated(gated(v, 4), 4, act = relu, fused = true) }",
    "kan": "(x: [row; 3]) -> [row; 4] { return kan(x, 4) - kan(x, 4, grid = 1, degree = 1) + kan(x, 4, grid = 4, degree = 2) }",
    "kan on a collection": "(v: Two) -> Two(; 2) { return kan(kan(v, 4), 2) }",
}

PROGRAMS = {
    f"sequential, {name}": f"{DECLARATIONS} model M{text}" for name, text in _MODELS.items()
}
"""Each has a model `M`."""
