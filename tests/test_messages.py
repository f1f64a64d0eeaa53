"""What is said of a text that can be read and has no meaning: the sentence, the place, the way out.

In the tables `⟦` and `⟧` stand around the place that a message points to; they are not in the text.
A row has a mistake alone: what stands on it is not reported.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from programs import PROGRAMS

import specc
from specc.api import as_source, generate
from specc.compile import understand
from specc.errors import SpecError, SpecErrors, leaves
from specc.program.check import MOST_MAPS
from specc.program.static import Static
from specc.text.parse import read_source


def mistakes_of(
    source: Path | str, params: Mapping[str, Static] | None = None, most_maps: int = MOST_MAPS
) -> list[SpecError]:
    try:
        understand(as_source(source), params, most_maps)
    except SpecError as error:
        return [error]
    except SpecErrors as group:
        return list(leaves(group))
    return []


def place(marked: str) -> tuple[str, int, int]:
    """The text without its marks, and where they were."""
    start, end = marked.index("⟦"), marked.index("⟧") - 1
    return marked.replace("⟦", "").replace("⟧", ""), start, end


def body(statement: str, inputs: str = "x: [; 3]", output: str = "[; 3]") -> str:
    """A model around a statement. It returns x, so that the statement alone can be wrong."""
    return f"model M({inputs}) -> {output} {{\n    {statement}\n    return x\n}}\n"


def on(declarations: str, statement: str, inputs: str = "x: [; 3]", output: str = "[; 3]") -> str:
    return declarations + "\n" + body(statement, inputs, output)


GRAPH = "axis node = S(4)\nspace Graph { edge: [node, node; 2] feature: [node; 3] }"
NET = "model Net(x: [; 4]) -> [; 2] { h = linear(x, 5) return linear(relu(h), 2) }"
NODES = "axis node = S(4)\naxis item = S(3)"
LINEAR = "`linear(x, channels, bias = true, shared = false)`"

Row = tuple[str, str, str | None]

NAMES: list[Row] = [
    # Values.
    (body("y = relu(⟦q⟧)"), "there is nothing called `q`", None),
    (
        body("width = x y = relu(⟦widht⟧)"),
        "there is nothing called `widht`",
        "did you mean `width`?",
    ),
    (on("axis node = S(4)", "y = relu(⟦node⟧)"), "`node` is an axis, not a value", None),
    (on(NET, "y = relu(⟦Net⟧)"), "`Net` is a model, not a value", None),
    (on(GRAPH, "y = relu(⟦Graph⟧)"), "`Graph` is a space, not a value", None),
    (on("block B(x) { return x }", "y = relu(⟦B⟧)"), "`B` is a block, not a value", None),
    (
        body("y = x + ⟦relu⟧"),
        "`relu` is an operation, not a value",
        "`relu(x)`, or in a chain `x |> relu`",
    ),
    (body("y = relu(⟦3⟧)"), "a value is needed here, and this is 3", None),
    (body('y = relu(⟦"a"⟧)'), 'a value is needed here, and this is "a"', None),
    (body("y = ⟦[; 3]⟧"), "a value is needed here, and this is a type", None),
    # Axes.
    ("model M(x: [⟦node⟧; 3]) -> [; 3] { return x }", "there is nothing called `node`", None),
    (
        "axis node = S(3)\nmodel M(x: [⟦nod⟧; 3]) -> [; 3] { return x }",
        "there is nothing called `nod`",
        "did you mean `node`?",
    ),
    (
        on("axis node = S(3)", "y = mean[⟦nodes⟧](x)", "x: [node; 3]", "[node; 3]"),
        "there is nothing called `nodes`",
        "did you mean `node`?",
    ),
    (
        on("axis pixel = 9", "y = coded(x, over = ⟦pixl⟧)", "x: [pixel; 3]", "[pixel; 3]"),
        "there is nothing called `pixl`",
        "did you mean `pixel`?",
    ),
    (
        "param p = 3\nmodel M(x: [⟦p⟧; 3]) -> [; 3] { return x }",
        "`p` is the build parameter 3, not an axis",
        None,
    ),
    ("param p = 3\naxis a = S(3) in ⟦p⟧", "`p` is the build parameter 3, not an axis", None),
    (
        "model M(x: [⟦3⟧; 3]) -> [; 3] { return x }",
        "an axis needs a name here",
        "declare `axis pixel = 3`",
    ),
    # Types.
    (
        "model M(x: ⟦Grph⟧) -> [; 3] { return x }\nspace Graph { a: [; 3] }",
        "there is nothing called `Grph`",
        "did you mean `Graph`?",
    ),
    (
        NET + "\nmodel M(x: ⟦Net⟧) -> [; 3] { return x }",
        "`Net` is a model, not a type",
        "`weights(Net)`?",
    ),
    ("axis a = 3\nmodel M(x: ⟦a⟧) -> [; 3] { return x }", "`a` is an axis, not a type", "`[a]`?"),
    ("axis a = 3\nmodel M(x: [; ⟦a⟧]) -> [; 3] { return x }", "`a` is an axis, not a number", None),
    ("space A { x: ⟦B⟧ }\nspace B { x: [; 3] }", "a space holds tensors", "`[axis; channels]`"),
    (
        body("y = equivariant(x, ⟦relu(x)⟧)"),
        "a type is needed here, and this is an operation",
        None,
    ),
    # Models and blocks.
    (
        NET + "\nmodel M(w: weights(⟦Nett⟧)) -> [; 1] { return invariant(w, 1) }",
        "there is nothing called `Nett`",
        "did you mean `Net`?",
    ),
    (
        "axis a = 3\nmodel M(w: weights(⟦a⟧)) -> [; 1] { return invariant(w, 1) }",
        "`a` is an axis, not a model",
        None,
    ),
    (
        "model M(w: ⟦weights()⟧) -> [; 1] { return w }",
        "`weights` takes the name of a model",
        "`weights(Model)`",
    ),
    (
        "model Same(x: [; 3]) -> [; 3] { return x }\nmodel M(w: weights(⟦Same⟧)) -> [; 1] { return invariant(w, 1) }",
        "`Same` has no parameters",
        None,
    ),
    (
        on(NET, "y = ⟦Net⟧(x)"),
        "`Net` is a model and cannot be called",
        "a piece that models share is a `block`",
    ),
    (on("axis a = 3", "y = ⟦a⟧(x)"), "`a` is an axis and cannot be called", None),
    # Operations, options, functions.
    (body("y = ⟦rleu⟧(x)"), "there is nothing called `rleu`", "did you mean `relu`?"),
    (
        body("y = ⟦batchnorm⟧(x)"),
        "there is nothing called `batchnorm`",
        "did you mean `batch_norm`?",
    ),
    (
        body("y = linear(x, 3, ⟦biass⟧ = false)"),
        "`linear` has no option `biass`",
        "did you mean `bias`?",
    ),
    (body("y = linear(x, 3, ⟦heads⟧ = 3)"), "`linear` has no option `heads`", LINEAR),
    (body("y = relu(x, ⟦inplace⟧ = true)"), "`relu` has no option `inplace`", "`relu(x)`"),
    (body("y = mlp(x, 3, act = ⟦rleu⟧)"), "there is no activation `rleu`", "did you mean `relu`?"),
    (body('y = mlp(x, 3, act = ⟦"tanh"⟧)'), "`act` is the name of a function", "`act = relu`"),
    (
        body("y = gelu(x, approximate = ⟦tanh⟧)"),
        "`tanh` is an operation",
        '`approximate = "tanh"`, for a text',
    ),
    # Declarations.
    ("axis a = 3\naxis ⟦a⟧ = 4", "`a` is declared twice", None),
    ("space S { a: [; 3] ⟦a⟧: [; 4] }", "`a` is declared twice", None),
    ("model M(x: [; 3], ⟦x⟧: [; 4]) -> [; 3] { return x }", "`x` is declared twice", None),
    ("block B(x, ⟦x⟧) { return x }", "`x` is declared twice", None),
    (
        "block ⟦relu⟧(x) { return x }",
        "`relu` is an operation of the language",
        "choose another name",
    ),
    ("space ⟦conv⟧ { x: [; 3] }", "`conv` is an operation of the language", "choose another name"),
    (
        "block ⟦weights⟧(x) { return x }",
        "`weights` is an operation of the language",
        "choose another name",
    ),
    (
        "model ⟦class⟧(x: [; 3]) -> [; 3] { return x }",
        "a model cannot be called `class`: its module needs that name",
        "choose another name",
    ),
    (
        "model ⟦torch⟧(x: [; 3]) -> [; 3] { return x }",
        "a model cannot be called `torch`: its module needs that name",
        "choose another name",
    ),
    (
        body("⟦_y⟧ = linear(x, 3)"),
        "`_y` becomes a name of the module and cannot begin with `_`",
        "`y`, for one",
    ),
    (
        "model M(⟦__x⟧: [; 3]) -> [; 3] { return __x }",
        "`__x` becomes a name of the module and cannot begin with `_`",
        "`x`, for one",
    ),
]

ARGUMENTS: list[Row] = [
    (
        body("y = ⟦linear()⟧"),
        "`linear` needs a value first",
        "`linear(x, channels, bias = true, shared = false)`",
    ),
    (body("y = ⟦concat()⟧"), "`concat` needs values", None),
    (body("y = ⟦linear(x)⟧"), "`linear` needs `channels`, a number", LINEAR),
    (
        body("y = ⟦equivariant(x)⟧"),
        "`equivariant` needs `shape`, a number of channels or a type",
        "`equivariant(x, shape, bias = true, coupling = all, summary = 32, rank = ..., support = ...)`",
    ),
    (
        body("y = ⟦mlp(x, act = relu)⟧"),
        "`mlp` needs `channels`, a number",
        "`mlp(x, c, ..., act = relu, bias = true, shared = false)`",
    ),
    (body("y = linear(x, ⟦0⟧)"), "`channels` of `linear` cannot be 0: it is at least 1", LINEAR),
    (body("y = linear(x, ⟦-1⟧)"), "`channels` of `linear` cannot be -1: it is at least 1", LINEAR),
    (
        body("y = linear(x, ⟦2.5⟧)"),
        "`channels` of `linear` cannot be 2.5: it is a whole number",
        LINEAR,
    ),
    (
        body("y = linear(x, ⟦true⟧)"),
        "`channels` of `linear` cannot be true: it is a whole number",
        LINEAR,
    ),
    (body("y = linear(x, ⟦x⟧)"), "`x` is a value, and a number is needed here", None),
    (
        body("y = linear(x, ⟦linear(x, 3)⟧)"),
        "a number is needed here",
        "a size cannot depend on what an operation gives",
    ),
    (
        body("y = linear(x, 3, bias = ⟦1⟧)"),
        "`bias` of `linear` cannot be 1: it is true or false",
        LINEAR,
    ),
    (body("y = linear(x, 3, ⟦4⟧)"), "`linear` takes no more arguments by place", LINEAR),
    (body("y = linear(x, 3, ⟦channels = 4⟧)"), "`channels` is given twice", None),
    (body("y = linear(x; ⟦3⟧)"), "`;` has no meaning in `linear`", LINEAR),
    (body("y = relu[⟦x⟧](x)"), "`relu` takes no axes in brackets", None),
    (body("y = mlp(x, 4, ⟦0⟧)"), "the number of channels is at least 1, and this is 0", None),
    (body("y = equivariant(x, ⟦0⟧)"), "the number of channels is at least 1, and this is 0", None),
    (
        body("y = equivariant(x, ⟦3.0⟧)"),
        "the number of channels is a whole number, and this is 3.0",
        "`//` divides without a remainder",
    ),
    (
        body("y = invariant(x, ⟦[; 3]⟧)"),
        "a number is needed here",
        "this is a type; `equivariant(x, TYPE)` maps to one",
    ),
    (
        body("y = dropout(x, ⟦2⟧)"),
        "`p` of `dropout` cannot be 2: it is at most 1.0",
        "`dropout(x, p = 0.5)`",
    ),
    (
        body("y = layer_norm(x, eps = ⟦-1⟧)"),
        "`eps` of `layer_norm` cannot be -1: it is at least 0.0",
        "`layer_norm(x, affine = true, eps = 1e-05)`",
    ),
    (body('y = elu(x, alpha = ⟦"a"⟧)'), '`alpha` is a number, not "a"', "`alpha = 1.0`"),
    (
        body("y = gelu(x, approximate = ⟦3⟧)"),
        "`approximate` is a text, not 3",
        '`approximate = "none"`',
    ),
    (
        body('y = gelu(x, approximate = ⟦"tan"⟧)'),
        '`approximate` is "none" or "tanh"',
        '`gelu(x, approximate = "none")`',
    ),
    (body("y = relu(x, ⟦name = a⟧)"), "`relu` has no parameters to name", None),
    (
        body('y = linear(x, 3, name = ⟦"up"⟧)'),
        "a name is needed here, without quotes",
        "`name = up`",
    ),
    (
        body("y = linear(x, 3, name = ⟦3⟧)"),
        "a name is needed here, without quotes",
        "`name = encoder`",
    ),
    (
        on("axis a = 3", "y = coded(x, over = ⟦3⟧)", "x: [a; 3]", "[a; 3]"),
        "an axis, or a list of axes, is needed here",
        "`over = [y, x]`",
    ),
    (on("axis a = 3", "y = mean[a, ⟦a⟧](x)", "x: [a; 3]", "[a; 3]"), "`a` is given twice", None),
    # Several values.
    (body("y = relu(⟦(x, x)⟧)"), "one value is needed here, and this gives 2", None),
    (
        body("y = ⟦(x, x)⟧"),
        "this gives 2 values, and there is one name for them",
        "`a, b = ...` takes several",
    ),
    (body("y, z = ⟦relu(x)⟧"), "this gives 1 value, and there are 2 names for them", None),
    (
        body("y, z = ⟦equivariant((x, x, x), 3)⟧"),
        "this gives 3 values, and there are 2 names for them",
        None,
    ),
    (body("y, ⟦y⟧ = (x, x)"), "`y` is given two values", None),
    # Blocks.
    (
        on("block B(h, c) { return linear(h, c) }", "y = ⟦B(x)⟧"),
        "block `B` also needs `c`",
        "`B(h, c)`",
    ),
    (
        on("block B(h, c) { return linear(h, c) }", "y = ⟦B(x, 3, 4)⟧"),
        "block `B` takes 2 arguments",
        "`B(h, c)`",
    ),
    (
        on("block B(h, c) { return linear(h, c) }", "y = B(x, 3, ⟦c = 4⟧)"),
        "`c` is given twice",
        None,
    ),
    (
        on("block B(h, width) { return linear(h, width) }", "y = B(x, ⟦widht = 4⟧)"),
        "block `B` has no `widht`",
        "did you mean `width`?",
    ),
    (
        on("block B(h) { return h }", "y = ⟦B[a](x)⟧"),
        "block `B` takes no axes in brackets",
        "`B(h)`",
    ),
    (on("block B(h) { return h }", "y = ⟦B(x; 3)⟧"), "block `B` takes no `;`", "`B(h)`"),
    (
        on("block B(h) { return h, h }", "y = ⟦B(x)⟧"),
        "this gives 2 values, and there is one name for them",
        "`a, b = ...` takes several",
    ),
]

SIZES: list[Row] = [
    ("axis a = ⟦0⟧", "the size of an axis is at least 1, and this is 0", None),
    ("axis a = ⟦-2⟧", "the size of an axis is at least 1, and this is -2", None),
    (
        "axis a = ⟦16.5⟧",
        "the size of an axis is a whole number, and this is 16.5",
        "`//` divides without a remainder",
    ),
    (
        "axis a = ⟦7 / 2⟧",
        "the size of an axis is a whole number, and this is 3.5",
        "`//` divides without a remainder",
    ),
    ("axis a = S(⟦0⟧)", "the size of a group is at least 1, and this is 0", None),
    ("axis a = ⟦true⟧", "the size of an axis is a whole number, and this is true", None),
    ('param p = "x"\naxis a = ⟦p⟧', 'the size of an axis is a whole number, and this is "x"', None),
    ("axis a = 3 + ⟦true⟧", "a number is needed here, and this is true", None),
    ("axis a = ⟦2 ^ 64⟧", "this number is too large", None),
    ("axis a = ⟦2 ^ 1000000000⟧", "this number is too large", None),
    ("axis a = ⟦10 ^ 18 * 10⟧", "this number is too large", None),
    ("param a = ⟦99999999999999999999⟧", "this number is too large", None),
    ("param a = ⟦1e300 * 1e300⟧", "this number is too large", None),
    ("axis a = ⟦1 / 0⟧", "division by zero", None),
    ("axis a = ⟦1 // 0⟧", "division by zero", None),
    ("axis a = ⟦1 % 0⟧", "division by zero", None),
    ("param a = ⟦0 ^ -1⟧", "division by zero", None),
    ("param a = ⟦(0 - 1) ^ 0.5⟧", "a root of a negative number is not a real number", None),
    (body("y = ⟦x / 0⟧"), "division by zero", None),
    (body("y = x * ⟦99999999999999999999⟧"), "this number is too large", None),
    (
        "model M(x: [; ⟦0⟧]) -> [; 3] { return x }",
        "the number of channels is at least 1, and this is 0",
        None,
    ),
    (
        NET + "\nmodel M(w: weights(Net; ⟦0⟧)) -> [; 1] { return invariant(w, 1) }",
        "the number of channels is at least 1, and this is 0",
        None,
    ),
    (body("repeat ⟦-1⟧ { y = x }"), "the count of a repeat is at least 0, and this is -1", None),
    (
        body("repeat ⟦2.5⟧ { y = x }"),
        "the count of a repeat is a whole number, and this is 2.5",
        "`//` divides without a remainder",
    ),
    (body("repeat ⟦x⟧ { y = x }"), "`x` is a value, and a number is needed here", None),
    (body("repeat ⟦10000000⟧ { x = relu(x) }"), "a repeat has at most 100000 runs", None),
]

AXES: list[Row] = [
    ("axis a = ⟦T⟧(3)", "there is no group `T`", "`S(n)` is n interchangeable positions"),
    ("axis a = S(3, ⟦mask⟧)", "this group is written `S(n)` or `S(n, masked)`", None),
    ("axis a = ⟦S()⟧", "this group is written `S(n)` or `S(n, masked)`", None),
    (
        "axis b = 4\naxis a = S(3) in ⟦b⟧",
        "`a` in `b` needs a group on both, and `b` is pinned",
        None,
    ),
    (
        "axis b = S(4)\naxis a = 3 in ⟦b⟧",
        "`a` in `b` needs a group on both, and `a` is pinned",
        None,
    ),
    (
        "axis b = S(4)\naxis a = S(3) in b\nmodel M(x: [⟦a⟧; 3]) -> [; 3] { return invariant(x, 3) }",
        "`a` lives in `b` and has to follow it",
        "`[b, a]`",
    ),
    (
        "axis b = S(4)\naxis a = S(3) in b\nmodel M(x: [⟦a⟧, b; 3]) -> [; 3] { return invariant(x, 3) }",
        "`a` lives in `b` and has to follow it",
        "`[b, a]`",
    ),
]

TYPES: list[Row] = [
    # Arithmetic.
    (
        on(NODES, "y = ⟦x + z⟧", "x: [node; 3], z: [node; 4]", "[node; 3]"),
        "[node; 3] and [node; 4] do not go together: 3 channels meet 4",
        "`linear(x, c)` changes the number of channels",
    ),
    (
        on(NODES, "y = ⟦x * z⟧", "x: [node, node; 3], z: [node; 3]", "[node, node; 3]"),
        "`node` stands twice in [node, node; 3], so it is ambiguous which of the two is meant",
        "index notation says which: `z[i, j] = x[i, j] + y[j]`",
    ),
    (
        on(
            GRAPH + "\nspace Other { edge: [node; 2] at: [] }",
            "y = ⟦x + z⟧",
            "x: Graph, z: Other",
            "Graph",
        ),
        "Graph and Other are different collections of tensors",
        None,
    ),
    (
        on(GRAPH, "y = ⟦x * z⟧", "x: Graph(; 3), z: Graph(; 4)", "Graph(; 3)"),
        "tensor `edge`: [node, node; 3] and [node, node; 4] do not go together: 3 channels meet 4",
        "`linear(x, c)` changes the number of channels",
    ),
    (body("y = ⟦x % 2⟧"), "`%` works on numbers, not on values", None),
    (body("y = ⟦x // 2⟧"), "`//` works on numbers, not on values", None),
    (body('y = x + ⟦"a"⟧'), "a number or a value is needed here", None),
    (body("y = -⟦true⟧"), "a number is needed here", None),
    # Reductions and softmax.
    (
        on(NODES, "y = ⟦mean[item](x)⟧", "x: [node; 3]", "[node; 3]"),
        "[node; 3] has no axis `item`",
        None,
    ),
    (body("y = ⟦sum(x)⟧"), "`sum` needs to be told over which axes", "`sum[axis](x)`"),
    (
        on(NODES, "y = ⟦max[node](x)⟧", "x: [node, node; 3]", "[node, node; 3]"),
        "`node` stands twice in [node, node; 3], so it is ambiguous which of the two is meant",
        "index notation says which: `z[i] = max[j](x[i, j])`",
    ),
    (
        on(GRAPH, "y = ⟦mean[node](x)⟧", "x: Graph", "Graph"),
        "`mean` works on one tensor, and this is a collection",
        "take one out of it: `mean[axis](x.edge)`",
    ),
    (
        on(NODES, "y = ⟦softmax[node, item](x)⟧", "x: [node, item; 3]", "[node, item; 3]"),
        "`softmax` runs along one axis",
        "`softmax[axis](x)`",
    ),
    # Collections.
    (body("y = ⟦x.edge⟧"), "[; 3] is one tensor and has no part `edge`", None),
    (
        on(GRAPH, "y = ⟦x.egde⟧", "x: Graph", "Graph"),
        "there is no tensor `egde` in Graph",
        "did you mean `edge`?",
    ),
    (
        on(GRAPH, "y = ⟦x.weight⟧", "x: Graph", "Graph"),
        "there is no tensor `weight` in Graph",
        "it has `edge`, `feature`",
    ),
    (
        on(GRAPH, "y = ⟦Graph(edge = x.edge)⟧", "x: Graph", "Graph"),
        "Graph is put together from all its tensors",
        "`Graph(edge = ..., feature = ...)`",
    ),
    (
        on(GRAPH, "y = Graph(edge = x.edge, ⟦featur = x.feature⟧)", "x: Graph", "Graph"),
        "Graph has no tensor `featur`",
        "did you mean `feature`?",
    ),
    (
        on(GRAPH, "y = ⟦Graph(edge = x.feature, feature = x.feature)⟧", "x: Graph", "Graph"),
        "`edge` of Graph is [node, node; 2], and this is [node; 3]",
        None,
    ),
    (
        on(GRAPH, "y = ⟦linear(x, 3, shared = true)⟧", "x: Graph", "Graph"),
        "`shared = true` needs the same channels in all tensors, and there are [2, 3]",
        None,
    ),
    # Codes.
    (body("y = ⟦coded(x)⟧"), "there is no pinned axis to tell the positions of", None),
    (
        on(NODES, "y = ⟦coded(x, over = node)⟧", "x: [node; 3]", "[node; 3]"),
        "`node` is no pinned axis of this value",
        None,
    ),
    (
        NET
        + "\nmodel M(w: weights(Net)) -> [; 3] { return invariant(coded(w, over = Net.⟦hiden⟧), 3) }",
        "the weights of `Net` have no axis `hiden`",
        "it has h, x, linear",
    ),
    (
        on(NODES, "y = coded(x, over = ⟦node⟧.x)", "x: [node; 3]", "[node; 3]"),
        "`node` is an axis, not a model",
        None,
    ),
    # Results.
    (
        NODES + "\nmodel M(x: [node; 3]) -> [node; 4] { return ⟦x⟧ }",
        "the model declares [node; 4] and returns [node; 3]: it has 3 channels, not 4",
        None,
    ),
    (
        NODES + "\nmodel M(x: [node]) -> [node; 4] { return ⟦x⟧ }",
        "the model declares [node; 4] and returns [node]: it has 1 channel, not 4",
        None,
    ),
    (
        NODES + "\nmodel M(x: [node; 3]) -> [; 3] { return ⟦x⟧ }",
        "the model declares [; 3] and returns [node; 3]: it has other axes",
        None,
    ),
    (
        NODES + "\nmodel M(x: [node, item; 3]) -> [item, node; 3] { return ⟦x⟧ }",
        "the model declares [item, node; 3] and returns [node, item; 3]: its axes stand in another order",
        None,
    ),
    (
        GRAPH + "\nmodel M(x: Graph) -> Graph { return ⟦x.edge⟧ }",
        "the model declares Graph and returns [node, node; 2]: one is a tensor, the other a collection",
        None,
    ),
    (
        GRAPH + "\nmodel M(x: Graph) -> Graph(; 4) { return ⟦linear(x, 3)⟧ }",
        "the model declares Graph(; 4) and returns Graph(; 3): `edge`: it has 3 channels, not 4",
        None,
    ),
    (
        GRAPH + "\nspace Other { a: [; 3] b: [; 4] }\nmodel M(x: Graph) -> Other { return ⟦x⟧ }",
        "the model declares Other and returns Graph: they hold different tensors",
        None,
    ),
    (
        "axis p = 3\naxis q = S(3)\nmodel M(x: [q, p; 3]) -> [q; 3] { return ⟦coded(x, over = p)⟧ }",
        "the model declares [q; 3] and returns [q, p; 3]: it has other axes",
        None,
    ),
    (
        "block Two(x) { return x, linear(x, 5) }\nmodel M(x: [; 3]) -> [; 3], [; 7] { return ⟦Two(x)⟧ }",
        "the model declares [; 7] and returns [; 5]: it has 5 channels, not 7",
        None,
    ),
    ("model M(x: [; 3]) -> [; 3] { ⟦return x, x⟧ }", "`M` declares 1 result and returns 2", None),
    (
        "model M(x: [; 3]) -> [; 3], [; 3] { ⟦return x⟧ }",
        "`M` declares 2 results and returns 1",
        None,
    ),
    ("model ⟦M⟧(x: [; 3]) -> [; 3] { y = x }", "`M` returns nothing", "end it with `return x`"),
    ("model M(x: [; 3]) -> [; 3] { return x ⟦y = x⟧ }", "nothing comes after `return`", None),
    (body("repeat 2 { ⟦return x⟧ }"), "`return` does not stand inside `repeat`", None),
    # Repeats.
    (
        body("repeat 3 { x = ⟦linear(x, 4)⟧ }"),
        "a repeat has to keep the type of `x`: it goes in as [; 3] and comes out as [; 4]",
        None,
    ),
    (
        on(NODES, "repeat 3 { x = ⟦mean[node](x)⟧ }", "x: [node; 3]", "[; 3]"),
        "a repeat has to keep the type of `x`: it goes in as [node; 3] and comes out as [; 3]",
        None,
    ),
    (body("n = 1 ⟦repeat 2 { n = n + 1 }⟧"), "a repeat cannot change the number `n`", None),
    # Too many coefficients.
    (
        "axis node = S(4)\n"
        "model M(x: [node, node, node, node; 300]) -> [node, node, node, node; 300] {\n"
        "    return ⟦equivariant(x, [node, node, node, node; 300])⟧\n}",
        "this layer has 2795 maps and 251550000 coefficients, and the limit is 200000000",
        "`coupling = near`, `rank = 64` or fewer channels need fewer; a larger limit is `--max-maps 2000000`",
    ),
    # Ties.
    (
        body("y = linear(x, 3, name = a) z = ⟦linear(x, 4, name = a)⟧"),
        "two layers are called `a`, and they differ",
        None,
    ),
    (
        body("y = linear(x, 3, name = a) z = ⟦layer_norm(x, name = a)⟧"),
        "two layers are called `a`, and they differ",
        None,
    ),
    (
        body("y = mlp(x, 3, 3, name = a) z = ⟦mlp(x, 3, 3, act = tanh, name = a)⟧"),
        "two layers are called `a`, and they differ",
        None,
    ),
    (
        on("block B(h) { return linear(h, 3) }", "y = B(x, name = a) z = ⟦linear(x, 3, name = a)⟧"),
        "`a` names a `B`",
        None,
    ),
    (
        on(
            "block B(h, k) { return ⟦k * h⟧ + linear(h, 3) }",
            "y = B(x, 2, name = a) z = B(x, 3, name = a)",
        ),
        "two blocks are called `a`, and they differ",
        None,
    ),
]

CIRCLES: list[Row] = [
    ("param a = b\nparam b = ⟦a⟧", "`a` is declared through itself: a -> b -> a", None),
    (
        "axis a = S(3) in b\naxis b = S(3) in ⟦a⟧",
        "`a` is declared through itself: a -> b -> a",
        None,
    ),
    (
        "model A(w: weights(⟦A⟧)) -> [; 1] { return invariant(w, 1) }",
        "a model cannot take its own weights: A -> A",
        None,
    ),
    (
        "model A(w: weights(B)) -> [; 1] { return invariant(w, 1) }\n"
        "model B(w: weights(⟦A⟧)) -> [; 1] { return invariant(w, 1) }",
        "a model cannot take its own weights: A -> B -> A",
        None,
    ),
    (
        on("block A(x) { return ⟦A(x)⟧ }", "y = A(x)"),
        "block `A` uses itself: A -> A",
        None,
    ),
    (
        on("block A(x) { return B(linear(x, 3)) }\nblock B(x) { y = ⟦A(x)⟧ return y }", "y = A(x)"),
        "block `A` uses itself: A -> B -> A",
        None,
    ),
]


def later(what: str) -> str:
    return f"{what} is part of the language, but this version does not compile it yet"


LATER: list[Row] = [
    (body("y = ⟦x[i]⟧"), later("index notation"), None),
    (body("⟦y[i]⟧ = x z = relu(y)"), later("index notation"), None),
]


def ids(rows: list[Row]) -> list[str]:
    return [message for _, message, _ in rows]


ROWS = [*NAMES, *ARGUMENTS, *SIZES, *AXES, *TYPES, *CIRCLES, *LATER]


@pytest.mark.parametrize(("marked", "message", "hint"), ROWS, ids=ids(ROWS))
def test_one_mistake(marked: str, message: str, hint: str | None) -> None:
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert error.message == message
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
    assert hint is None or error.hint == hint


# The text, with the places of notes marked, and what is said of each.
NOTED: dict[str, tuple[str, list[str]]] = {
    "a second declaration": ("axis ⟦a⟧ = 3\naxis a = 4", ["first declared here"]),
    "both sides of a sum": (
        "model M(⟦x: [; 3]⟧) -> [; 3] { y = ⟦linear(x, 4)⟧ z = x + y return x }",
        ["`x` is [; 3]", "`y` is [; 4]"],
    ),
    "what is reduced": (
        "axis a = 3\nmodel M(⟦x: [; 3]⟧) -> [; 3] { return mean[a](x) }",
        ["`x` is [; 3]"],
    ),
    "what is returned": (
        "model M(x: [; 3]) -> [; 3] { y = ⟦linear(x, 4)⟧ return y }",
        ["`y` is [; 4]"],
    ),
    "what a repeat carries": (
        "model M(⟦x: [; 3]⟧) -> [; 3] { repeat 2 { x = ⟦linear(x, 4)⟧ } return x }",
        ["`x` goes in as [; 3]", "`x` comes out as [; 4]"],
    ),
    "a layer of the same name": (
        body("y = ⟦linear(x, 3, name = a)⟧ z = linear(x, 4, name = a)"),
        ["the other one"],
    ),
    "another thing of the same name": (
        on("block B(h) { return linear(h, 3) }", "y = ⟦B(x, name = a)⟧ z = linear(x, 3, name = a)"),
        ["the first one"],
    ),
}


@pytest.mark.parametrize("case", NOTED)
def test_notes_show_the_other_places(case: str) -> None:
    marked, messages = NOTED[case]
    text = re.sub("[⟦⟧]", "", marked)
    (error,) = mistakes_of(text)
    assert [note.message for note in error.notes] == messages
    assert [note.span.text for note in error.notes] == re.findall("⟦(.*?)⟧", marked)


# Texts with several mistakes: what is said, in the order of the text.
SEVERAL: dict[str, tuple[str, list[str]]] = {
    "declarations and statements": (
        "axis a = 0\naxis b = S(c)\nmodel M(x: [a; 3], y: [; 3]) -> [; 3] { z = relu(q) return y }",
        [
            "the size of an axis is at least 1, and this is 0",
            "there is nothing called `c`",
            "there is nothing called `q`",
        ],
    ),
    "names and types": (
        body("y = relu(q)\n    z = linear(x, 4) + x\n    v = linear(y, 0) + z"),
        [
            "there is nothing called `q`",
            "[; 4] and [; 3] do not go together: 4 channels meet 3",
        ],
    ),
    "models": (
        "model M(x: [; 3]) -> [; 3] { return p }\nmodel N(x: [; 3]) -> [; 3] { return q }",
        ["there is nothing called `p`", "there is nothing called `q`"],
    ),
    "results": (
        "model M(x: [; 3]) -> [; 3], [; 3], [; 4] { return relu(p), relu(q), x }",
        ["there is nothing called `p`", "there is nothing called `q`"],
    ),
    "tensors of a space": (
        "space S { a: [b; 3] c: [; 0] }\nmodel M(s: S) -> [; 1] { return invariant(s, 1) }",
        ["there is nothing called `b`", "the number of channels is at least 1, and this is 0"],
    ),
    "a wrong model's weights": (
        "model N(x: [; 3]) -> [; 3] { return linear(q, 3) }\n"
        "model M(w: weights(N)) -> [; 1] { z = relu(w) return invariant(z, 1) }",
        ["there is nothing called `q`"],
    ),
    "a block used twice, in two models": (
        "block B(x) { return relu(q) }\n"
        + body("y = B(x) z = B(y)")
        + "model N(x: [; 3]) -> [; 3] { return B(x) }",
        ["there is nothing called `q`"],
    ),
    "a block with types that do not fit, used in a repeat": (
        "block B(x) { return x + linear(x, 4) }\n" + body("repeat 3 { x = B(x) }"),
        ["[; 3] and [; 4] do not go together: 3 channels meet 4"],
    ),
    "in every run of a repeat": (
        body("repeat 3 { y = relu(q) z = y + x v = x + linear(x, 4) }"),
        ["there is nothing called `q`", "[; 3] and [; 4] do not go together: 3 channels meet 4"],
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_independent_mistakes_are_told_together_and_once(case: str) -> None:
    text, messages = SEVERAL[case]
    assert [error.message for error in mistakes_of(text)] == messages


# --- Rejected programs of the design ---------------------------------------------------------------


def rejected(name: str) -> str:
    text: str = PROGRAMS[f"rejected/{name}"]
    return text


def test_rejected_shape() -> None:
    (error,) = mistakes_of(rejected("shape"))
    assert error.message == "[; 32] and [; 16] do not go together: 32 channels meet 16"
    assert [(note.message, note.span.text) for note in error.notes] == [
        ("this is [; 32]", "relu(h)"),
        ("this is [; 16]", "linear(h, 16)"),
    ]


def test_rejected_unknown_name() -> None:
    assert [(e.message, e.hint) for e in mistakes_of(rejected("unknown_name"))] == [
        ("there is nothing called `hiden`", "did you mean `hidden`?"),
        ("there is nothing called `Clasifier`", "did you mean `Classifier`?"),
    ]


def test_rejected_too_many() -> None:
    specc.check("model M(x: [; 3]) -> [; 3] { return x }")  # makes the parser
    start = time.perf_counter()
    (error,) = mistakes_of(rejected("too_many"))
    assert time.perf_counter() - start < 0.2
    assert error.message == (
        "this layer has 10480142147 maps (16 indices of `node` meet), and the limit is 1000000"
    )
    assert error.hint == "a larger limit is `--max-maps 10480142147`"


def test_a_larger_limit_lets_a_layer_pass() -> None:
    text = "axis node = S(9)\n" + body(
        "y = equivariant(x, 3)", "x: [node, node; 3]", "[node, node; 3]"
    )
    (error,) = mistakes_of(text, most_maps=14)
    assert error.message == "this layer has 15 maps, and the limit is 14"
    assert error.hint == "a larger limit is `--max-maps 15`"
    assert mistakes_of(text, most_maps=15) == []


def test_codes_are_suggested_where_long_pinned_axes_make_maps_many() -> None:
    text = "axis pixel = 2000\n" + body("y = equivariant(x, 3)", "x: [pixel; 3]", "[pixel; 3]")
    (error,) = mistakes_of(text)
    assert error.message == "this layer has 4000000 maps, and the limit is 1000000"
    assert error.hint == (
        "`coded(x)` before it makes long pinned axes cheap: `pixel` (2000); "
        "a larger limit is `--max-maps 4000000`"
    )


def test_rejected_escape(tmp_path: Path) -> None:
    file = tmp_path / "escape.spec"
    file.write_text(rejected("escape"), encoding="utf-8")
    (error,) = mistakes_of(file)
    assert error.message == (
        f'"../../../../etc/passwd" lies outside the project, whose root is `{tmp_path.name}`'
    )
    assert error.span is not None and (error.span.line, error.span.column) == (2, 6)


def test_rejected_points() -> None:
    (error,) = mistakes_of(rejected("points"))
    assert error.message == (
        "a sum of points is not a point under translation (five points weigh 5)"
    )
    assert error.hint == "`mean[axis](x)` is a point, and a difference `x - y` a displacement"
    assert error.span is not None and error.span.text == "sum[particle](x)"


# --- Build parameters -----------------------------------------------------------------------------

SIZED = 'param width = 4\nparam rate = 0.5\nparam biased = true\nparam word = "tanh"\n' + body(
    "y = rate * linear(x, width, bias = biased)"
)

OVERRIDES: list[tuple[dict[str, Static], str, str | None]] = [
    ({"widht": 8}, "<text> has no build parameter `widht`", "did you mean `width`?"),
    ({"zzz": 8}, "<text> has no build parameter `zzz`", "it has width, rate, biased, word"),
    ({"width": "8"}, '`width` is a whole number, and "8" was given for it', None),
    ({"width": 8.0}, "`width` is a whole number, and 8.0 was given for it", None),
    ({"width": True}, "`width` is a whole number, and true was given for it", None),
    ({"rate": "a"}, '`rate` is a number, and "a" was given for it', None),
    ({"rate": float("nan")}, "`rate` is a finite number, and not nan", None),
    ({"rate": 10**400}, "`rate` is a finite number, and not inf", None),
    ({"biased": 1}, "`biased` is true or false, and 1 was given for it", None),
    ({"word": 3}, "`word` is a text, and 3 was given for it", None),
    ({"word": 'a"b'}, "`word` is a text without quotes, `\\` and line ends", None),
    ({"width": 0}, "`channels` of `linear` cannot be 0: it is at least 1", None),
    ({"width": 2**63}, "the number given for `width` is too large", None),
]


@pytest.mark.parametrize(("given", "message", "hint"), OVERRIDES)
def test_a_wrong_build_parameter(given: dict[str, Static], message: str, hint: str | None) -> None:
    (error,) = mistakes_of(SIZED, given)
    assert error.message == message
    assert hint is None or error.hint == hint


@pytest.mark.parametrize("given", [{"width": 8}, {"rate": 2}, {"biased": False}, {"word": "b"}])
def test_a_right_build_parameter(given: dict[str, Static]) -> None:
    assert mistakes_of(SIZED, given) == []


# --- Short texts that would take forever, or too deep ----------------------------------------------

TOO_MUCH = "declarations, blocks or operations stand too deep one in another"

BOMBS: dict[str, tuple[str, str]] = {
    "blocks that double": (
        "block B0(x) { return x }\n"
        + "".join(f"block B{i}(x) {{ return B{i - 1}(B{i - 1}(x)) }}\n" for i in range(1, 40))
        + body("y = B39(x)"),
        "the model has more than 100000 blocks and runs",
    ),
    "repeats in repeats": (
        body("repeat 1000 { repeat 1000 { y = x } }"),
        "the model has more than 100000 blocks and runs",
    ),
    "a long chain of blocks": (
        "block B0(x) { return x }\n"
        + "".join(f"block B{i}(x) {{ return B{i - 1}(x) }}\n" for i in range(1, 500))
        + body("y = B499(x)"),
        TOO_MUCH,
    ),
    "a long chain of parameters": (
        "".join(f"param p{i} = p{i + 1}\n" for i in range(500)) + "param p500 = 1",
        TOO_MUCH,
    ),
}


@pytest.mark.parametrize("case", BOMBS)
def test_short_texts_that_would_take_forever(case: str) -> None:
    text, message = BOMBS[case]
    (error,) = mistakes_of(text)
    assert error.message == message


# --- Any text -------------------------------------------------------------------------------------

TOKEN = re.compile(r'#[^\n]*|"[^"\n]*"|\|>|->|//|[A-Za-z_]\w*|[0-9][\w.]*|\.\w+|\S')

SPICE = [
    *[
        "0",
        "-1",
        "2.5",
        "1e9",
        "99",
        "true",
        '"a"',
        "x",
        "y",
        "q",
        "node",
        "Net",
        "Graph",
        "weights",
    ],
    *[
        "relu",
        "linear",
        "mean",
        "coded",
        "equivariant",
        "concat",
        "softmax",
        "conv",
        "name",
        "bias",
    ],
    *["return", "repeat", "axis", "model", "as", "in", "masked", "index", "displacement"],
    *["(", ")", "[", "]", "{", "}", ",", ";", ":", "=", "+", "-", "*", "/", "^", "|>", "->", "."],
]

SEEDS = [
    *(text for name, text in PROGRAMS.items() if "rejected" not in name),
    GRAPH + "\n" + NET + "\nparam p = 2\naxis cloud = S(2, masked)\naxis member = S(3) in cloud\n"
    "block B(h, c) { u = linear(h, c) return u + linear(u, c, name = up), u }\n"
    "model M(g: Graph, w: weights(Net; 2), x: [cloud, member; 3]) -> Graph(; 4), [; 1] {\n"
    "    a, b = equivariant((g, w), 4)\n"
    "    repeat p as stage { a, c = B(a, 4) a = relu(a) + c }\n"
    "    z = coded(w) |> invariant(2) |> mlp(3, 1, act = silu)\n"
    "    v = mean[cloud](max[member](softmax[member](x))) - p * 0.5 ^ 2\n"
    "    return Graph(edge = a.edge, feature = a.feature), z + linear(v, 1)\n"
    "}\n",
]


def mutated(text: str, rng: random.Random) -> str:
    """A text with a few tokens replaced, dropped, doubled or swapped."""
    tokens = [(match.start(), match.end()) for match in TOKEN.finditer(text)]
    pieces = [text[start:end] for start, end in tokens]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
        match rng.randrange(5):
            case 0:
                pieces[at] = rng.choice(SPICE)
            case 1:
                pieces[at] = pieces[other]
            case 2:
                pieces[at] = ""
            case 3:
                pieces[at] += " " + rng.choice([pieces[at], pieces[other]])
            case _:
                pieces[at], pieces[other] = pieces[other], pieces[at]
    ends = [0, *(end for _, end in tokens)]
    between = [text[end:start] for end, (start, _) in zip(ends, tokens, strict=False)]
    return "".join(gap + piece for gap, piece in zip(between, pieces, strict=True))


def assert_has_meaning_or_message(text: str) -> None:
    """A text compiles to Python that compiles, or is refused with messages that have places."""
    try:
        module = generate(text, {}, max_maps=10_000)
    except SpecError as error:
        assert error.message
    except SpecErrors as group:
        assert all(error.message for error in leaves(group))
    else:
        compile(module, "<generated>", "exec")


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_any_text_has_a_meaning_or_a_message(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(25):
        assert_has_meaning_or_message(mutated(SEEDS[seed], rng))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_very_many_texts_have_a_meaning_or_a_message(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        assert_has_meaning_or_message(mutated(rng.choice(SEEDS), rng))


def test_a_file_in_messages_is_called_as_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "a.spec"
    file.write_text("axis a = 0", encoding="utf-8")
    (error,) = mistakes_of(file)
    assert str(error) == f"{file}:1:10: the size of an axis is at least 1, and this is 0"
    assert read_source(file).name == str(file)
