"""Generated modules compute what the reference evaluator does: node by node, one diagram at a time.

Whatever the plan: all plans of a spec load one checkpoint, whose names the catalogue declares.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from attentive import PROGRAMS as ATTENTIVE
from convolutional import PROGRAMS as CONVOLUTIONAL
from multiplied import PROGRAMS as MULTIPLIED
from oracles.values import Value, randomise
from random_programs import random_program
from sequential import PROGRAMS as SEQUENTIAL
from torch import Tensor
from unitary import PROGRAMS as UNITARY

import specc
from specc.graph import Typed
from specc.operations import CATALOGUE, FUNCTIONS
from specc.operations.masks import mask_axes, mask_name
from specc.planning.plan import Formulation
from specc.reference.models import evaluate
from specc.types import Axis, Type, axes_of, tensors_of
from specc.types import Tensor as TensorType

pytestmark = pytest.mark.grid

PLANS: tuple[Formulation | None, ...] = ("stack", "accumulate", None)
BATCH = 3

DECLARATIONS = """
axis node = S(4)  axis edge = S(3)  axis pixel = 3  axis colour = 2  axis one = S(1)
axis cloud = S(3)  axis member = S(2) in cloud
axis guest = S(4, masked)  axis club = S(3, masked)  axis fan = S(4, masked) in club
axis team = S(2)  axis player = S(3, masked) in team
space Graph { adjacency: [node, node; 2]  feature: [node; 3] }
space Mixed { table: [node, pixel; 2]  image: [pixel, colour; 2]  total: [; 2] }
space Bare { left: [node, edge]  right: [node] }
space Party { meets: [guest, guest; 2]  person: [guest; 2]  day: [pixel; 2] }
model Net(x: [; 3]) -> [; 2] {
    a = linear(x, 4)
    repeat 2 as stage { a = relu(linear(a, 4)) }
    return linear(a, 2)
}
block Twice(x, c) { h = linear(x, c)  return relu(linear(h, c)) }
block Split(x, c) { left = linear(x, c)  right = linear(x, c)  return left, right }
block Residual(x, c) { h = relu(equivariant(x, c))  return x + equivariant(h, c) }
block Swap(a, b) { return b, a }
block Renamed(x, c) { x = relu(linear(x, c))  y = x  x = sin(x)  return y * x }
block Passing(x, y) { z = sin(linear(y, 2))  return x, z - y }
block Double(x) { y = linear(x, 2)  return y, y }
"""

POINTWISE = {
    f"pointwise {word}": f"model M(x: [node; 2]) -> [node; 2] {{ return {word}(square(x) + 0.5) + {word}(x ^ 2) }}"
    for word in FUNCTIONS
}

OPTIONS = {
    "leaky_relu": "negative_slope = 0.2",
    "elu": "alpha = 0.5",
    "celu": "alpha = 2.0",
    "gelu": 'approximate = "tanh"',
    "softplus": "beta = 2.0, threshold = 1.0",
    "hardtanh": "min_val = -0.5, max_val = 0.25",
    "hardshrink": "lambd = 0.25",
    "softshrink": "lambd = 0.75",
    "threshold": "threshold = 0.1, value = -3.0",
}

ARITHMETIC = {
    "numbers on both sides": "(x: [node; 2]) -> [node; 2] { return 2 - x * 3 + (1 - x) / 4 - -x + 2 / (3 + x ^ 2) }",
    "powers": "(x: [node; 2]) -> [node; 2] { return -x ^ 2 + (-x) ^ 2 + 2 ^ x + (x ^ 2 + 1) ^ 0.5 }",
    "nested signs": "(x: [node; 2]) -> [node; 2] { return -(-x) - (x - (1 - x)) - (-(x - 2) * -3) }",
    "left to right": "(x: [node; 2], y: [node; 2]) -> [node; 2] { return x - y - (x - y) + x / 2 / (y ^ 2 + 1) * x }",
    "values": "(x: [node; 2], y: [node; 2]) -> [node; 2] { return (x + y) * (x - y) / (y * y + 1) ^ (x * x) }",
    "one channel and many": "(x: [node; 3], y: [node; 1], z: [node]) -> [node; 3] { return x * y + z - y / 2 }",
    "fewer axes": "(x: [node, edge; 2], y: [edge; 2], z: [; 2]) -> [node, edge; 2] { return x + y - z * y }",
    "axes in another order": "(x: [node, edge; 2], y: [edge, node; 2]) -> [node, edge; 2] { return (x - y) * y }",
    "three axes in another order": (
        "(x: [node, edge, pixel; 2], y: [pixel, node; 2], z: [edge, pixel, node; 2]) -> [node, edge, pixel; 2]"
        " { return x * (y + z) - (z - y) }"
    ),
    "the shorter stands first": "(x: [edge; 2], y: [node, edge; 2]) -> [node, edge; 2] { return x - y ^ 2 }",
    "axes only the other has": "(x: [node; 2], y: [edge; 2]) -> [node, edge; 2] { return x - y }",
    "expression to be permuted": "(x: [node, edge; 2], y: [edge, node; 2]) -> [node, edge; 2] { return x * -(y - 1) + relu(y) - (y + x) }",
    "without channels": "(x: [node, edge], y: [edge]) -> [node, edge] { return x * y + 1 }",
    "collections": "(g: Graph, h: Graph) -> Graph { return (g - h) * g + 2 * (h - 1) / 3 - -g }",
    "collection and tensor": "(g: Mixed, t: [; 2]) -> Mixed { return g * t + (t - g) }",
    "collection and tensor and both": "(g: Mixed, t: [; 1]) -> Mixed { y = t - g  return relu(y - g) * (g + t) }",
    "bare collections": "(b: Bare) -> Bare { return 1 - b * b }",
    "pinned meets free": "(x: [node, pixel; 2], y: [pixel; 2]) -> [node, pixel; 2] { return softmax(x) * y }",
}

CHANNELS = {
    "linear": "(x: [node, edge; 2]) -> [node, edge; 5] { return linear(x, 5) }",
    "linear without bias": "(x: [node, edge; 2]) -> [node, edge; 5] { return linear(x, 5, bias = false) }",
    "linear without channels": "(x: [node]) -> [node; 3] { return linear(x, 3) }",
    "linear to a bare tensor": "(x: [node; 3]) -> [node] { return linear(x, 1) }",
    "linear on a collection": "(g: Graph) -> Graph(; 4) { return linear(g, 4) }",
    "linear on weights": "(w: weights(Net)) -> weights(Net; 3) { return linear(w, 3) }",
    "shared": "(g: Mixed) -> Mixed(; 4) { h = linear(g, 4, shared = true)  return relu(linear(h, 4, bias = false, shared = true)) }",
    "mlp": "(x: [node; 2]) -> [node; 3] { return mlp(x, 4, 5, 3) }",
    "mlp of one layer": "(x: [node; 2]) -> [node; 3] { return mlp(x, 3, bias = false) }",
    "mlp on a collection": "(g: Graph) -> Graph(; 2) { return mlp(g, 4, 2, act = tanh) }",
    "mlp shared": "(g: Mixed) -> Mixed(; 3) { return mlp(g, 4, 3, act = sin, shared = true) }",
    "concat": "(x: [node; 2], y: [node; 3]) -> [node; 7] { return concat(x, y, x) }",
    "concat broadcasts": "(x: [node, edge; 2], y: [edge; 3], z: [; 1]) -> [node, edge; 6] { return concat(x, y, z) }",
    "concat permutes": "(x: [node, edge; 2], y: [edge, node; 3]) -> [node, edge; 5] { return concat(x, y) }",
    "concat of expressions": "(x: [node, edge; 2], y: [edge; 3]) -> [node, edge; 7] { return concat(x * 2 - 1, relu(y), x) }",
    "concat of collections": "(g: Mixed, h: Mixed) -> Mixed(; 6) { return concat(g, 2 * h, g - h) }",
    "layer norm": "(x: [node; 4]) -> [node; 4] { return layer_norm(x) + layer_norm(x, affine = false, eps = 0.1) }",
    "rms norm": "(x: [node; 4]) -> [node; 4] { return rms_norm(x) + rms_norm(x, affine = false, eps = 0.1) }",
    "norms on a collection": "(g: Graph) -> Graph { return layer_norm(g) + rms_norm(g) }",
    "dropout": "(x: [node; 4]) -> [node; 4] { return dropout(x, 0.3) + dropout(2 * x - 1) }",
    "softmax over channels": "(x: [node; 4]) -> [node; 4] { return softmax(x) * softmax(10 * x) }",
    "softmax of a collection": "(g: Graph) -> Graph { return softmax(g + 1) }",
}

REDUCTIONS = {
    f"{kind}": f"(x: [node, pixel, edge; 2]) -> [pixel; 2] {{ return {kind}[node, edge](x) + {kind}[edge, node](x - 1) + {kind}[node]({kind}[edge](x)) }}"
    for kind in ("sum", "mean", "max", "min")
} | {
    "softmax along an axis": "(x: [node, edge; 2]) -> [node, edge; 2] { return softmax[edge](x - 1) * softmax[node](x) }",
    "reduce to a scalar": "(x: [node]) -> [; 1] { return max[node](x) - min[node](x) }",
    "reduce and broadcast": "(x: [node, edge; 2]) -> [node, edge; 2] { return x - mean[node](x) - mean[edge](x) }",
    "reduce members": "(x: [cloud, member; 2]) -> [cloud; 2] { return max[member](x) + mean[member](x) }",
    "reduce clouds and members": "(x: [cloud, member; 2]) -> [; 2] { return mean[cloud, member](x) }",
    "reduce members, then clouds": "(x: [cloud, member; 2]) -> [; 2] { return max[cloud](sum[member](x)) }",
}

COLLECTIONS = {
    "take": "(g: Graph) -> [node, node; 2] { return g.adjacency * 2 + 1 }",
    "take and collect": "(g: Graph) -> Graph { return Graph(feature = g.feature * 2, adjacency = relu(g.adjacency - 1)) }",
    "collect of results": "(g: Graph) -> Graph { return relu(Graph(adjacency = g.adjacency, feature = linear(g.feature, 3))) }",
    "take of an expression": "(g: Graph) -> [node; 3] { return relu(2 * g).feature }",
    "take weights": "(w: weights(Net)) -> [; 4] { return invariant(relu(linear(w, 4)).a.bias, 4) }",
    "take part of weights": "(w: weights(Net)) -> [; 4] { z = linear(w, 4)  return invariant(z.stage, 4) }",
}

LAYERS = {
    "deep sets": "(x: [node; 2]) -> [node; 3] { return equivariant(x, 3) }",
    "fifteen maps": "(x: [node, node; 2]) -> [node, node; 3] { return equivariant(x, 3) }",
    "bare": "(x: [node, node]) -> [node, node] { return equivariant(x, 1) }",
    "no bias": "(x: [node, node; 2]) -> [node, node; 3] { return equivariant(x, 3, bias = false) }",
    "two axes": "(x: [node, edge; 2]) -> [edge, node; 3] { return equivariant(x, [edge, node; 3]) }",
    "pinned": "(x: [pixel, node, colour; 2]) -> [colour, node, pixel; 3] { return equivariant(x, [colour, node, pixel; 3]) }",
    "pinned alone": "(x: [pixel; 2]) -> [pixel, colour; 3] { return equivariant(x, [pixel, colour; 3]) }",
    "pinned between": "(x: [node, pixel, node; 2]) -> [node, pixel, node; 2] { return equivariant(x, 2) }",
    "three indices": "(x: [node, edge, node; 2]) -> [node, edge; 2] { return equivariant(x, [node, edge; 2]) }",
    "four indices": "(x: [edge, edge, edge; 1]) -> [edge, edge, edge; 1] { return equivariant(x, 1) }",
    "to a scalar": "(x: [node, node; 2]) -> [; 3] { return invariant(x, 3) }",
    "invariant without bias": "(g: Graph) -> [; 3] { return invariant(g, 3, bias = false) }",
    "invariant of a tuple": "(g: Graph, x: [node, edge; 2]) -> [; 3] { return invariant((g, x), 3) }",
    "from a scalar": "(x: [; 2]) -> [node, node; 3] { return equivariant(x, [node, node; 3]) }",
    "scalars": "(x: [; 2]) -> [; 3] { return equivariant(x, 3) }",
    "other axes": "(x: [node; 2]) -> [edge, edge; 3] { return equivariant(x, [edge, edge; 3]) }",
    "to fewer": "(x: [node, node; 2]) -> [node; 3] { return equivariant(x, [node; 3]) }",
    "to more": "(x: [node; 2]) -> [node, node, node; 2] { return equivariant(x, [node, node, node; 2]) }",
    "a collection": "(g: Graph) -> Graph(; 3) { return equivariant(g, 3) }",
    "a mixed collection": "(m: Mixed) -> Mixed(; 3) { return equivariant(m, 3) }",
    "a bare collection": "(b: Bare) -> Bare { return equivariant(b, 1) }",
    "a collection to another": "(g: Graph) -> Mixed { return equivariant(g, Mixed) }",
    "weights": "(w: weights(Net)) -> weights(Net) { return equivariant(relu(equivariant(w, 2)), 1) }",
    "a tuple to a type": "(g: Graph, x: [node; 2]) -> [node, node; 2] { return equivariant((g, x), [node, node; 2]) }",
    "a tuple of expressions": "(x: [node; 2], y: [edge; 2]) -> [node, edge; 2] { return equivariant((x * y, relu(x), y), [node, edge; 2]) }",
    "a tuple to itself": "(x: [node; 2], y: [node, edge; 3]) -> [node; 4], [node, edge; 4] { u, v = equivariant((x, y), 4)  return u + 1, v * 2 }",
    "a tuple with a collection": "(g: Graph, y: [node; 3]) -> Graph(; 2) { return equivariant((y, g), Graph(; 2)) }",
    "a tuple of one twice": "(x: [node; 2]) -> [node; 2] { return equivariant((x, x), [node; 2]) }",
    "less symmetry": "(x: [node, pixel; 2], y: [pixel; 2]) -> [node, pixel; 2] { return equivariant((coded(x), y), [node, pixel; 2]) }",
    "sets of sets": "(x: [cloud, member; 2]) -> [cloud, member; 3] { return equivariant(x, 3) }",
    "pairs of members": "(x: [cloud, member, member; 1]) -> [cloud, member; 2] { return equivariant(x, [cloud, member; 2]) }",
    "two clouds": "(x: [cloud, member, cloud; 1]) -> [cloud, cloud, member; 2] { return equivariant(x, [cloud, cloud, member; 2]) }",
    "two clouds and their members": "(x: [cloud, member, cloud, member]) -> [cloud, member; 2] { return equivariant(x, [cloud, member; 2]) }",
    "members to all": "(x: [cloud, member, pixel; 2]) -> [pixel; 2] { return equivariant(x, [pixel; 2]) }",
    "to sets of sets": "(x: [cloud; 2]) -> [cloud, member; 2] { return equivariant(x, [cloud, member; 2]) }",
    "one position": "(x: [one, node; 2]) -> [node, one; 2] { return equivariant(x, [node, one; 2]) }",
}

SMALL = {
    f"S({n}), {before} to {after}": (
        f"axis few = S({n})  model M(x: [{', '.join(['few'] * before)}; 2])"
        f" -> [{', '.join(['few'] * after)}; 2]"
        f" {{ return equivariant(x, [{', '.join(['few'] * after)}; 2]) }}"
    )
    for n in (1, 2, 3)
    for before, after in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 2), (0, 2), (2, 0))
} | {
    "small sets of sets": """
        axis room = S(2)  axis bed = S(2) in room
        model M(x: [room, bed, room, bed; 1]) -> [room, bed; 1] { return equivariant(x, [room, bed; 1]) }
    """,
    "small collections": """
        axis few = S(2)  space Few { a: [few, few; 1]  b: [few, few, few; 1]  c: [few; 1] }
        model M(x: Few) -> Few { return equivariant(x, 1) }
    """,
}

CODES = {
    "coded": "(x: [pixel, node; 2]) -> [pixel, node; 2] { return equivariant(coded(x), 2) }",
    "coded over some": "(x: [pixel, colour; 2]) -> [pixel, colour; 2] { return equivariant(coded(x, over = pixel), 2) }",
    "coded over a list": "(x: [pixel, colour; 2]) -> [pixel, colour; 2] { return coded(x, over = [pixel, colour]) }",
    "coded twice": "(x: [pixel, pixel; 2]) -> [pixel, pixel; 2] { return equivariant(coded(x), 2) }",
    "coded without channels": "(x: [pixel, colour]) -> [pixel, colour] { return coded(x) }",
    "coded collection": "(m: Mixed) -> Mixed { return equivariant(coded(m), 2) }",
    "coded weights": "(w: weights(Net)) -> [; 1] { return invariant(relu(equivariant(coded(linear(w, 3)), 3)), 1) }",
    "coded and not": "(x: [pixel; 2]) -> [pixel; 2] { return coded(x) + x }",
}

STRUCTURE = {
    "rebinding": "(x: [node; 2]) -> [node; 2] { h = x  x = relu(x)  y = x + h  return y * x - h }",
    "rebinding in turn": "(x: [node; 2], y: [node; 2]) -> [node; 2] { t = x  x = y - 1  y = t  return x - 2 * y }",
    "an alias of an input": "(x: [node; 2]) -> [node; 2] { y = x  return y }",
    "an input twice": "(x: [node; 2]) -> [node; 2], [node; 2] { return x, x }",
    "a name kept over a rebinding": "(x: [node; 2]) -> [node; 2] { a = sin(x)  b = a  a = cos(a)  a = a + b  return a * b }",
    "names that Python has": "(torch: [node; 2], F: [node; 2]) -> [node; 2] { nn = relu(torch)  self = nn + F  lambda = self * 2  return lambda }",
    "names like masks": "(x: [guest; 2], guest_mask: [guest; 2]) -> [guest; 2] { return equivariant(x, 2) + guest_mask }",
    "two layers in a statement": "(x: [node; 2]) -> [node; 2] { h = linear(relu(linear(x, 3)), 2)  return h }",
    "layers in a return": "(x: [node; 2]) -> [node; 2] { return linear(relu(linear(x, 3)), 2) + linear(x, 2) }",
    "many results": "(x: [node; 2]) -> [node; 2], [; 2], [node; 3] { y = linear(x, 3)  return relu(x), mean[node](x), y }",
    "a result of collections": "(g: Graph) -> Graph, [; 2] { return relu(g), invariant(g, 2) }",
    "a pipe": "(x: [node; 2]) -> [node; 3] { return x |> relu |> linear(4) |> sin |> linear(3) }",
    "block": "(x: [node; 2]) -> [node; 4] { return Twice(x, 4) }",
    "block twice": "(x: [node; 2]) -> [node; 4] { h = Twice(x, 3)  return Twice(h, 4) + Twice(h, 4) }",
    "block of two results": "(x: [node; 2]) -> [node; 3] { a, b = Split(x, 3)  b = relu(b)  return a - b }",
    "block that swaps": "(x: [node; 2], y: [node; 2]) -> [node; 2] { x, y = Swap(x, y)  return x - 2 * y }",
    "block that swaps twice": "(x: [node; 2], y: [node; 2]) -> [node; 2] { x, y = Swap(x, y + 1)  x, y = Swap(x, y)  return x - 2 * y }",
    "block on a collection": "(g: Graph) -> Graph(; 2) { z = linear(g, 2)  return Residual(Residual(z, 2), 2) }",
    "block of an expression": "(x: [node; 2]) -> [node; 2] { return Residual(x - 1, 2) * Residual(relu(x), 2) }",
    "block result unused": "(x: [node; 2]) -> [node; 3] { a, b = Split(x, 3)  return b }",
    "block of one value twice": "(x: [node; 2]) -> [node; 2] { a, b = Swap(x, x)  return a - 2 * b }",
    "a value called as a layer": "(g: Graph) -> Graph { z = relu(linear(g, 2, name = z))  return equivariant(z, Graph, name = v) * equivariant(z, Graph, name = z_2) - equivariant(z, Graph) }",
    "a value called result": "(g: Graph) -> Graph, Graph { result = relu(g)  return layer_norm(g), result }",
    "block that rebinds its parameter": "(x: [node; 2]) -> [node; 2] { return Renamed(x, 2) - x }",
    "block that returns what it was given": "(x: [node; 2], y: [node; 2]) -> [node; 2], [node; 2] { x, z = Passing(x, y)  return linear(z, 2), x - y }",
    "block of one result twice": "(x: [node; 2]) -> [node; 2] { y, z = Double(x)  return y - 2 * z }",
    "block whose result is not read": "(x: [node; 2]) -> [node; 2] { y = Renamed(x, 2)  return linear(x, 2) }",
    "two results of blocks": "(x: [node; 2]) -> [node; 2], [node; 2] { y = sin(x)  return Renamed(y, 2), Renamed(y, 2) }",
    "repeat": "(x: [node; 2]) -> [node; 2] { repeat 3 { x = relu(linear(x, 2)) }  return x }",
    "repeat as": "(x: [node; 2]) -> [node; 2] { repeat 3 as stage { x = relu(linear(x, 2)) }  return x }",
    "repeat of two statements": "(x: [node; 2]) -> [node; 2] { repeat 2 as stage { h = linear(x, 3)  x = x + linear(relu(h), 2) }  return x }",
    "repeat of two statements, no path": "(x: [node; 2]) -> [node; 2] { repeat 2 { h = linear(x, 3)  x = x + linear(relu(h), 2) }  return x }",
    "repeat once": "(x: [node; 2]) -> [node; 2] { repeat 1 as stage { x = relu(linear(x, 2)) }  return x }",
    "repeat never": "(x: [node; 2]) -> [node; 2] { repeat 0 { x = relu(linear(x, 2)) }  return x }",
    "repeat without layers": "(x: [node; 2]) -> [node; 2] { repeat 3 { x = sin(x) + 1 }  return x }",
    "repeat of a block": "(x: [node; 2]) -> [node; 2] { repeat 3 { x = Twice(x, 2) }  return x }",
    "repeat of a block as": "(x: [node; 2]) -> [node; 2] { repeat 3 as deep { x = Residual(x, 2) }  return x }",
    "repeat that reads outside": "(x: [node; 2]) -> [node; 2] { h = sin(x)  repeat 3 { x = linear(x, 2) + h }  return x - h }",
    "repeat that reads its own input": "(x: [node; 2]) -> [node; 2] { y = x  repeat 3 { y = linear(y, 2) + x }  return y * x }",
    "repeat that carries two": "(x: [node; 2], y: [node; 2]) -> [node; 2] { repeat 3 { t = x  x = linear(y, 2)  y = t + 1 }  return x - 2 * y }",
    "repeat that swaps": "(x: [node; 2], y: [node; 2]) -> [node; 2] { repeat 3 { t = x  x = y  y = t }  return x - 2 * y }",
    "repeat that keeps the last": "(x: [node; 2]) -> [node; 2] { last = x  repeat 3 { last = x  x = linear(x, 2) }  return x - last }",
    "repeat of a block that swaps": "(x: [node; 2], y: [node; 2]) -> [node; 2] { repeat 3 { x, y = Swap(x, relu(linear(y, 2))) }  return x - 2 * y }",
    "repeat of two results": "(x: [node; 2], y: [node; 2]) -> [node; 2] { repeat 2 { x, y = Split(x - y, 2) }  return x - 2 * y }",
    "repeat of equivariant layers": "(g: Graph) -> Graph(; 2) { z = linear(g, 2)  repeat 2 { z = equivariant(relu(z), 2) }  return z }",
    "repeat of tuples": "(x: [node; 2], y: [node, edge; 2]) -> [node; 2] { repeat 2 { x, y = equivariant((relu(x), y), 2) }  return x + mean[edge](y) }",
    "nested repeats": "(x: [node; 2]) -> [node; 2] { repeat 2 as outer { x = sin(x)  repeat 2 as inner { x = linear(x, 2) + 1 } }  return x }",
    "nested repeats without paths": "(x: [node; 2]) -> [node; 2] { repeat 2 { x = sin(linear(x, 2))  repeat 2 { x = linear(x, 2) + 1 } }  return x }",
    "nested repeats with a residual": (
        "(x: [node; 2]) -> [node; 2] { repeat 2 as outer { h = x  repeat 3 as inner { h = relu(linear(h, 2)) + x }"
        "  x = x + linear(h, 2) }  return x }"
    ),
    "nested repeats that carry two": (
        "(x: [node; 2], y: [node; 2]) -> [node; 2] { repeat 2 { y = sin(y - x)  x = y  repeat 3 { x = linear(y, 2)  y = x + 1 } }"
        "  return x - 2 * y }"
    ),
    "nested repeats that keep the last": "(x: [node; 2]) -> [node; 2] { repeat 2 { repeat 3 { u = x  x = linear(u, 2) } }  return u - x }",
    "two names for what is carried": "(x: [node; 2], y: [node; 2]) -> [node; 2] { repeat 3 { y = y - cos(x)  v = sin(x)  x = y }  return x * v - y }",
    "a carried value read late": "(x: [node; 2], y: [node; 2]) -> [node; 2] { repeat 2 { u = sin(x)  y, x = Swap(-y / 2, linear(x, 2) - u) }  return x - 2 * y }",
    "a value that a later loop reuses": (
        "(z: [node; 2]) -> [node; 2] { repeat 2 { repeat 2 { v = tanh(z)  y = v }  repeat 2 { z = 1 - linear(v, 2)  v = z + z } }"
        "  return y * z }"
    ),
    "repeat of nothing": "(x: [node; 2], y: [node; 2]) -> [node; 2] { repeat 3 { u = x  u = y }  repeat 2 { y = cos(y) }  return u - x * y }",
    "a repeat then another": "(x: [node; 2]) -> [node; 2] { repeat 2 { x = linear(x, 2) }  repeat 2 { x = sin(linear(x, 2)) }  return x }",
    "a repeat that changes after its first run": "(x: [node; 2]) -> [node; 2] { h = x  repeat 3 { y = h  h = linear(x, 2)  x = y + h }  return x }",
    "tied": "(x: [node; 2]) -> [node; 2] { a = linear(x, 2, name = same)  b = linear(relu(a), 2, name = same)  return a + b }",
    "tied equivariant": "(x: [node, node; 2]) -> [node, node; 2] { a = equivariant(x, 2, name = same)  return equivariant(relu(a), 2, name = same) }",
    "tied in a repeat": "(x: [node; 2]) -> [node; 2] { repeat 2 as stage { x = linear(x, 2, name = same)  x = sin(linear(x, 2, name = same)) }  return x }",
    "named": "(x: [node; 2]) -> [node; 2] { return linear(x, 3, name = first) |> relu |> linear(2, name = second) }",
    "no symmetry at all": "(x: [; 3]) -> [; 2] { return mlp(x, 4, 2) }",
    "weights of weights": "(w: weights(Net)) -> weights(Net) { z = relu(equivariant(w, 2))  return w + 0.01 * equivariant(z, 1) }",
    "one layer class for two": "(g: Graph, h: Graph) -> Graph(; 2) { return equivariant(g, 2) + equivariant(h, 2) }",
}

MASKED = {
    "masked set": "(x: [guest; 2]) -> [guest; 2] { return equivariant(relu(equivariant(x, 3)), 2) }",
    "masked pairs": "(x: [guest, guest; 2]) -> [guest, guest; 2] { return equivariant(x, 2) }",
    "masked party": "(p: Party) -> Party(; 3) { return equivariant(cos(equivariant(p, 3)), 3) }",
    "masked invariant": "(p: Party) -> [; 3] { return mlp(invariant(cos(p), 3), 3) }",
    "masked bare": "(x: [guest]) -> [guest] { return cos(x) }",
    "masked reductions": "(x: [guest, node; 2]) -> [node; 2] { return mean[guest](x) + max[guest](x - 9) + min[guest](x + 9) + sum[guest](x) }",
    "masked and not": "(x: [guest, node; 2]) -> [; 2] { return mean[guest, node](x) + max[node, guest](x - 9) }",
    "masked softmax": "(x: [guest; 2]) -> [guest; 2] { return softmax[guest](x) }",
    "masked block": "(x: [guest; 2]) -> [guest; 2] { return Residual(x, 2) }",
    "masked repeat": "(x: [guest; 2]) -> [guest; 2] { repeat 2 { x = Residual(x, 2) }  return mean[guest](x) + x }",
    "masked broadcast": "(x: [guest; 2], y: [node; 2]) -> [node, guest; 2] { return equivariant(y + x, [node, guest; 2]) }",
    "made masked": "(x: [guest; 2]) -> [guest, guest; 2] { return equivariant(x, [guest, guest; 2]) }",
    "masked inside alone": "(x: [node; 2]) -> [; 2] { return invariant(cos(equivariant(x, [club, fan; 2])), 2) }",
    "masked members": "(x: [team, player; 2]) -> [team, player; 2] { return equivariant(x, 2) }",
    "masked members reduced": "(x: [team, player; 2]) -> [team; 2] { return mean[player](x) + max[player](x - 9) }",
    "masked members to teams": "(x: [team, player; 2]) -> [team; 2] { return equivariant(x, [team; 2]) }",
    "masked clubs of fans": "(x: [club, fan; 2]) -> [club, fan; 2] { return equivariant(cos(x), 2) }",
    "masked clubs and pairs of fans": "(x: [club, fan, fan; 1]) -> [club; 2], [club, fan; 2] { return equivariant(x, [club; 2]), equivariant(x, [club, fan; 2]) }",
    "masked two clubs": "(x: [club, fan, club; 1]) -> [club, club, fan; 2] { return equivariant(x, [club, club, fan; 2]) }",
    "masked clubs reduced": "(x: [club, fan; 2]) -> [; 2] { return mean[club, fan](x) + max[club](mean[fan](x)) }",
}

PROGRAMS = (
    POINTWISE
    | {
        f"pointwise {word} with options": f"model M(g: Graph) -> Graph {{ return {word}(g - 0.1, {options}) * 2 }}"
        for word, options in OPTIONS.items()
    }
    | SMALL
    | {
        name: f"model M{text}"
        for table in (
            ARITHMETIC,
            CHANNELS,
            REDUCTIONS,
            COLLECTIONS,
            LAYERS,
            CODES,
            STRUCTURE,
            MASKED,
        )
        for name, text in table.items()
    }
    | CONVOLUTIONAL
    | SEQUENTIAL
    | ATTENTIVE
    | MULTIPLIED
    | UNITARY
)


def random_value(kind: Type, generator: torch.Generator) -> Value:
    """A value `(batch, *axes, channels)` of a declared type."""

    def draw(tensor: TensorType) -> Tensor:
        channels = () if tensor.channels is None else (tensor.channels,)
        sizes = tuple(axis.size for axis in tensor.axes)
        if tensor.index is not None:
            return torch.randint(tensor.index, (BATCH, *sizes), generator=generator)
        dtype = torch.complex128 if tensor.complex else torch.float64
        return torch.randn(BATCH, *sizes, *channels, dtype=dtype, generator=generator)

    if isinstance(kind, TensorType):
        return draw(kind)
    return {name: draw(tensor) for name, tensor in tensors_of(kind)}


def random_masks(typed: Typed, generator: torch.Generator) -> dict[str, Tensor]:
    """A mask for each masked axis; the first element of the batch lacks everything."""
    axes = dict.fromkeys(axis for kind in typed.types for axis in axes_of(kind) if axis.masked)
    return {mask_name(axis): _random_mask(axis, generator) for axis in axes}


def _random_mask(axis: Axis, generator: torch.Generator) -> Tensor:
    shape = (BATCH, *(each.size for each in mask_axes(axis)))
    mask = torch.rand(shape, generator=generator) < 0.6
    mask[0] = False
    return mask


def rounded(value: Value) -> Value:
    """A value that differs from another in its last bits."""
    if isinstance(value, Mapping):
        return {name: rounded(each) for name, each in value.items()}
    return value * (1 + 2**-51) if value.is_floating_point() or value.is_complex() else value


def same(found: object, expected: object, nearby: object) -> None:
    """Equal types, keys, shapes and numbers, up to what rounding of the inputs, `nearby`, does to them."""
    if isinstance(expected, Mapping):
        assert isinstance(found, Mapping) and isinstance(nearby, Mapping)
        assert list(found) == list(expected)
        for name in expected:
            same(found[name], expected[name], nearby[name])
        return
    assert isinstance(found, Tensor) and isinstance(expected, Tensor) and isinstance(nearby, Tensor)
    moved = (nearby - expected).abs().nan_to_num().sum().item()
    atol = max(1e-9, 10 * moved)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=atol, equal_nan=True)


def model_of(text: str) -> Typed:
    """Model `M` of a specification."""
    (typed,) = (model for model in specc.check(text).models if model.name == "M")
    return typed


def agree(text: str) -> None:
    """Modules of all plans, with the parameters of one of them, give what the reference gives."""
    typed = model_of(text)
    generator = torch.Generator().manual_seed(0)
    inputs = [random_value(typed.types[n], generator) for n in typed.graph.inputs]
    masks = random_masks(typed, generator)
    checkpoint: dict[str, Tensor] = {}
    for plan in PLANS:
        module = specc.load(text, plan=plan).M(dtype=torch.float64).eval()
        if not checkpoint:
            randomise(module, generator)
            checkpoint = module.state_dict()
            expected = evaluate(torch, typed, inputs, checkpoint, masks)
            nearby = evaluate(torch, typed, [rounded(x) for x in inputs], checkpoint, masks)
        module.load_state_dict(checkpoint)
        with torch.no_grad():
            found = module(*inputs, **masks)
        results = found if isinstance(found, tuple) else (found,)
        for result, wanted, beside in zip(results, expected, nearby, strict=True):
            same(result, wanted, beside)


@pytest.mark.parametrize("name", PROGRAMS)
def test_modules_of_all_plans_compute_what_the_reference_does(name: str) -> None:
    agree(DECLARATIONS + PROGRAMS[name])


@pytest.mark.parametrize("seed", range(50))
def test_random_programs_compute_what_the_reference_does(seed: int) -> None:
    agree(random_program(seed))


def test_a_layer_that_the_last_run_gives_beside_its_activation() -> None:
    agree(
        "axis node = S(3)\n"
        "block Both(x) { return tanh(x), x }\n"
        "model M(x: [node; 2]) -> [node; 2] {"
        " repeat 3 { y, z = Both(equivariant(x, 2)) } return y + z }"
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50, 3050, 100))
def test_many_random_programs_compute_what_the_reference_does(seed: int) -> None:
    for each in range(seed, seed + 100):
        agree(random_program(each))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_catalogue_declares_the_parameters_that_modules_have(name: str) -> None:
    text = DECLARATIONS + PROGRAMS[name]
    typed = model_of(text)
    state = specc.load(text).M().state_dict()
    numbers = {n: p for n, p in state.items() if p.is_floating_point() or p.is_complex()}
    shapes = {name: tuple(p.shape) for name, p in numbers.items()}
    declared = {}
    for node in typed.graph.nodes:
        found = node.operation.parameters(typed.input_types(node), typed.type(node))
        layer = {f"{node.path}.{each.name}": each.shape for each in found}
        dtypes = {f"{node.path}.{each.name}": each.complex for each in found}
        assert all(numbers[name].is_complex() == made for name, made in dtypes.items())
        assert [name for name in shapes if name in layer] == list(layer)
        declared |= layer
    assert shapes == declared


def test_the_table_has_every_word_of_the_catalogue() -> None:
    written = " ".join(PROGRAMS.values())
    assert [
        word for word in CATALOGUE if f"{word}(" not in written and f"{word}[" not in written
    ] == []
