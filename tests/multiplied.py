"""Programs of gates, norms and products over groups, for the tests that compare modules with meanings."""

from __future__ import annotations

GROUPS = """
axis v = O(3)  axis r = SO(3)  axis p = O(1, 2)  axis q = Sp(4)  axis l = GL(2)  axis s = B(3)
group Turn = matrices { [[0, -1], [1, 0]] } lie
axis turn = Turn
space Features { scalar: [; 3]  vector: [v; 2]  matrix: [v, v; 2] }
"""

PROGRAMS = {
    name: GROUPS + "model M" + text
    for name, text in {
        "gate": "(x: [v; 3]) -> [v; 3] { return gate(x) }",
        "gate of matrices": "(x: [node, v, v; 3]) -> [node, v, v; 3] { return gate(x, act = tanh) }",
        "gate with a form": "(x: [p; 3]) -> [p; 3] { return gate(x) }",
        "gate with a symplectic form": "(x: [q, p; 3]) -> [q, p; 3] { return gate(x) }",
        "gate of vectors and duals": "(x: [l, dual(l), node; 3]) -> [l, dual(l), node; 3] { return gate(x) }",
        "gate on signed axes": "(x: [s, v; 3]) -> [s, v; 3] { return gate(x) }",
        "gate of scalars": "(x: [node, pixel; 3]) -> [node, pixel; 3] { return gate(x) }",
        "gate of a matrix group": "(x: [turn; 3]) -> [turn; 3] { return gate(x, act = silu) }",
        "gate on a collection": "(x: Features) -> Features { return gate(x) }",
        "norm_act": "(x: [v; 3]) -> [v; 3] { return norm_act(x) }",
        "norm_act with options": "(x: [node, v, v; 3]) -> [node, v, v; 3] { return norm_act(x, act = tanh, bias = false, eps = 0.1) }",
        "norm_act on signed axes": "(x: [s, r; 3]) -> [s, r; 3] { return norm_act(x) }",
        "norm_act on a collection": "(x: Features) -> Features { return norm_act(x, act = relu) }",
        "outer": "(x: [v; 3], y: [v; 2]) -> [v, v; 6] { return outer(x, y) }",
        "outer beside other axes": "(x: [node, v, edge; 3], y: [pixel, edge, v; 2]) -> [node, v, edge, pixel, v; 6] { return outer(x, y) }",
        "outer of the same": "(x: [node, s; 2]) -> [node, s, s; 4] { return outer(x, x) }",
        "outer over an axis": "(x: [node, edge; 2], y: [node; 2]) -> [node, edge, node; 4] { return outer(x, y, over = node) }",
        "outer over nested axes": "(x: [cloud, member; 2]) -> [cloud, member, cloud, member; 4] { return outer(x, x, over = [cloud, member]) }",
        "outer of scalars": "(x: [node; 2], y: []) -> [node; 2] { return outer(x, y) }",
        "inner": "(x: [v; 3], y: [v; 2]) -> [; 6] { return inner(x, y) }",
        "inner with a form": "(x: [node, p; 3], y: [p, edge; 2]) -> [node, edge; 6] { return inner(x, y) }",
        "inner with a symplectic form": "(x: [node, q, q; 2]) -> [node; 4] { return inner(x, x + x) }",
        "inner of vectors and duals": "(x: [l; 3], y: [node, dual(l); 2]) -> [node; 6] { return inner(x, y) }",
        "inner over an axis": "(x: [node, v; 3], y: [v, node; 2]) -> [; 6] { return inner(x, y, over = node) }",
        "inner of scalars": "(x: [node; 3], y: [edge; 2]) -> [node, edge; 6] { return inner(x, y) }",
        "signs": "(x: [s, node; 2], y: [node, s; 2]) -> [s, node; 2] { return x * y * x + x / (y ^ 2 + 1) + x * cos(y) }",
        "signs in a product": "(x: [s, node; 2], y: [abs(s); 2]) -> [s, node; 2] { return bilinear(x, y, 2) + linear(x, 2) }",
        "no bias": "(x: Features) -> Features(; 2) { return linear(mlp(x, 3), 2) }",
    }.items()
}
