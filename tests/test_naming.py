"""What parameters are called: tables from the statements of a model to the names of its state_dict."""

from __future__ import annotations

import keyword

import pytest
from sampled import check_runs, models_of, parameter_shapes
from torch import nn

import specc
from specc.naming import MODULE_ATTRIBUTES, snake_case

pytestmark = pytest.mark.grid

BLOCKS = """
block Two(h) { up = linear(h, 3) return linear(up, 3) }
block ResidualBlock(h) { return h + linear(h, 3) }
block Plain(h) { return relu(h) }
block Pair(h) { a = linear(h, 3) b = linear(h, 3) return a, b }
block Nest(h) { repeat 2 as inner { h = Two(h) } return h }
block Sized(h, c) { return linear(linear(h, c, name = up), 3, name = down) }
"""


def layers_of(text: str) -> list[str]:
    """The paths of the layers that have a weight, in the order of the state_dict."""
    *_, (typed, model) = models_of(text)
    check_runs(typed, model)
    return [n.removesuffix(".weight") for n in parameter_shapes(model) if n.endswith(".weight")]


# The body of a model from [; 3] to [; 3] -> the paths of its layers.
PATHS: dict[str, str] = {
    # The target, the target and the operation, the operation.
    "h = linear(x, 3) return h": "h",
    "h = relu(linear(x, 3)) return h": "h",
    "h = linear(linear(x, 3), 3) return h": "h.linear h.linear_2",
    "h = linear(layer_norm(x), 3) return h": "h.layer_norm h.linear",
    "h = x + linear(layer_norm(x), 3) return rms_norm(h)": "h.layer_norm h.linear rms_norm",
    "return linear(x, 3)": "linear",
    "return linear(linear(x, 3), 3)": "linear linear_2",
    "return mlp(x, 4, 3)": "mlp.0 mlp.2",
    "h = mlp(x, 4, 3) return h": "h.0 h.2",
    "h = linear(mlp(x, 4, 3), 3) return h": "h.mlp.0 h.mlp.2 h.linear",
    "a, b = (linear(x, 3), linear(x, 3)) return a + b": "linear linear_2",
    "return linear(x, 3) + linear(x, 3)": "linear linear_2",
    "return x |> linear(4) |> linear(3)": "linear linear_2",
    # Names that are taken.
    "a = linear(x, 3) a = linear(a, 3) a = linear(a, 3) return a": "a a_2 a_3",
    "a_2 = linear(x, 3) a = linear(a_2, 3) a = linear(a, 3) return a": "a_2 a a_3",
    "linear = linear(x, 3) return linear(linear, 3)": "linear linear_2",
    "a = linear(x, 3) a = linear(layer_norm(a), 3) return a": "a a_2.layer_norm a_2.linear",
    # A name of its own; equal names tie.
    "a = linear(x, 3, name = up) return a": "up",
    "a = linear(linear(x, 3, name = up), 3) return a": "up a.linear",
    "up = linear(x, 3) return linear(up, 3, name = up)": "up_2 up",
    "a = linear(x, 3, name = t) return linear(a, 3, name = t)": "t",
    "a = linear(linear(x, 3, name = t), 3, name = t) return linear(a, 3)": "t linear",
    # Blocks.
    "return Two(x)": "two.up two.linear",
    "y = Two(x) return y": "y.up y.linear",
    "y = relu(Two(x)) return y": "y.up y.linear",
    "y = linear(Two(x), 3) return y": "y.two.up y.two.linear y.linear",
    "return Two(Two(x))": "two.up two.linear two_2.up two_2.linear",
    "return ResidualBlock(x)": "residual_block.linear",
    "return Plain(linear(x, 3))": "linear",
    "y = Plain(linear(x, 3)) return y": "y",
    "y = Plain(Two(x)) return y": "y.up y.linear",
    "return Nest(x)": "nest.inner.0.up nest.inner.0.linear nest.inner.1.up nest.inner.1.linear",
    "return Sized(x, 4) + Sized(x, 5)": "sized.up sized.down sized_2.up sized_2.down",
    "return Two(x, name = enc)": "enc.up enc.linear",
    "return Two(Two(x, name = enc), name = enc)": "enc.up enc.linear",
    "return Sized(x, 4, name = enc) + Sized(x, 4, name = enc)": "enc.up enc.down",
    # Several results.
    "a, b = Pair(x) return a + b": "pair.a pair.b",
    "a, b = equivariant((x, x), 3) return a + b": "equivariant.mix_scalar",
    # Repeats without `as`.
    "repeat 2 { x = linear(x, 3) } return x": "x.0 x.1",
    "repeat 1 { x = linear(x, 3) } return x": "x.0",
    "repeat 0 { x = linear(x, 3) } return x": "",
    "repeat 2 { x = linear(layer_norm(x), 3) } return x": "x.0.layer_norm x.0.linear x.1.layer_norm x.1.linear",
    "repeat 2 { y = linear(x, 3) x = linear(y, 3) } return x": "y.0 y.1 x.0 x.1",
    "repeat 2 { x = linear(x, 3) x = linear(x, 3) } return x": "x.0 x.1 x_2.0 x_2.1",
    "x = linear(x, 3) repeat 2 { x = linear(x, 3) } return linear(x, 3)": "x x_2.0 x_2.1 linear",
    "repeat 2 { x = Two(x) } return x": "x.0.up x.0.linear x.1.up x.1.linear",
    "repeat 2 { a, x = Pair(x) } return x": "pair.0.a pair.0.b pair.1.a pair.1.b",
    "repeat 2 { x = linear(x, 3, name = up) } return x": "up.0 up.1",
    "repeat 2 { repeat 2 { x = linear(x, 3) } } return x": "x.0.0 x.0.1 x.1.0 x.1.1",
    # Repeats with `as`: a body of one assignment is the stage itself.
    "repeat 2 as s { x = linear(x, 3) } return x": "s.0 s.1",
    "repeat 2 as s { x = linear(layer_norm(x), 3) } return x": "s.0.layer_norm s.0.linear s.1.layer_norm s.1.linear",
    "repeat 2 as s { y = linear(x, 3) x = linear(y, 3) } return x": "s.0.y s.0.x s.1.y s.1.x",
    "repeat 2 as s { x = linear(x, 3) x = linear(x, 3) } return x": "s.0.x s.0.x_2 s.1.x s.1.x_2",
    "repeat 2 as s { y = relu(x) x = linear(y, 3) } return x": "s.0.x s.1.x",
    "repeat 2 as s { x = Two(x) } return x": "s.0.up s.0.linear s.1.up s.1.linear",
    "repeat 2 as s { x = Two(Two(x)) } return x": "s.0.two.up s.0.two.linear s.0.two_2.up s.0.two_2.linear "
    "s.1.two.up s.1.two.linear s.1.two_2.up s.1.two_2.linear",
    "repeat 2 as s { a, x = Pair(x) } return x": "s.0.a s.0.b s.1.a s.1.b",
    "repeat 2 as s { x = linear(x, 3, name = up) } return x": "s.0.up s.1.up",
    "repeat 2 as s { y = linear(x, 3, name = up) x = linear(y, 3, name = up) } return x": "s.0.up s.1.up",
    "repeat 2 as s { x = linear(x, 3) } repeat 2 as s { x = linear(x, 3) } return x": "s.0 s.1 s_2.0 s_2.1",
    "s = linear(x, 3) repeat 1 as s { x = linear(s, 3) } return x": "s s_2.0",
    "repeat 2 as s { repeat 2 as t { x = linear(x, 3) } } return x": "s.0.t.0 s.0.t.1 s.1.t.0 s.1.t.1",
    "repeat 2 as s { repeat 2 { x = linear(x, 3) } } return x": "s.0.x.0 s.0.x.1 s.1.x.0 s.1.x.1",
    "repeat 2 { repeat 2 as t { x = linear(x, 3) } } return x": "t.0.0 t.0.1 t.1.0 t.1.1",
    # Names that Python or a module has already.
    "forward = linear(x, 3) return forward": "forward_",
    "class = linear(x, 3) class = linear(class, 3) return class": "class_ class__2",
    "return linear(x, 3, name = state_dict)": "state_dict_",
    "repeat 1 as train { x = linear(x, 3) } return x": "train_.0",
    "inputs = linear(x, 3) return inputs": "inputs_",
    "weight = linear(x, 3) return weight": "weight",
    "self = linear(x, 3) torch = linear(self, 3) return torch": "self torch",
}  # fmt: skip


@pytest.mark.parametrize("body", PATHS)
def test_paths_of_layers(body: str) -> None:
    text = f"{BLOCKS}\nmodel M(x: [; 3]) -> [; 3] {{ {body} }}"
    assert sorted(layers_of(text)) == sorted(PATHS[body].split())


# The body of a model of a space -> names and shapes of all parameters.
SPACE = """
axis node = S(4)
axis place = 5
axis member = S(3) in node
space Graph { edge: [node, node; 2] fc1.bias: [place; 3] }
"""

SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "return linear(g, 4)": {
        "linear.edge.weight": (4, 2),
        "linear.edge.bias": (4,),
        "linear.fc1_bias.weight": (4, 3),
        "linear.fc1_bias.bias": (4,),
    },
    "return linear(g, 4, bias = false)": {
        "linear.edge.weight": (4, 2),
        "linear.fc1_bias.weight": (4, 3),
    },
    "return mlp(linear(g, 2), 6, 4, shared = true)": {
        "linear.edge.weight": (2, 2),
        "linear.edge.bias": (2,),
        "linear.fc1_bias.weight": (2, 3),
        "linear.fc1_bias.bias": (2,),
        "mlp.0.weight": (6, 2),
        "mlp.0.bias": (6,),
        "mlp.2.weight": (4, 6),
        "mlp.2.bias": (4,),
    },
    "h = rms_norm(g) return equivariant(layer_norm(h, affine = false), 4)": {
        "h.edge.weight": (2,),
        "h.fc1_bias.weight": (3,),
        "equivariant.mix_node_node.weight": (4, 4),
        "equivariant.mix_node.weight": (12, 6),
        "equivariant.mix_scalar.weight": (28, 19),
        "equivariant.mix_scalar.bias": (28,),
    },
    "c = coded(g) return equivariant(c, 4, bias = false)": {
        "c.fc1_bias.place": (5, 3),
        "equivariant.mix_node_node.weight": (4, 4),
        "equivariant.mix_node.weight": (12, 6),
        "equivariant.mix_place.weight": (4, 3),
        "equivariant.mix_scalar.weight": (12, 7),
    },
}


@pytest.mark.parametrize("body", SHAPES)
def test_parameters_of_layers_on_collections(body: str) -> None:
    *_, (typed, model) = models_of(f"{SPACE}\nmodel M(g: Graph) -> Graph(; 4) {{ {body} }}")
    check_runs(typed, model)
    assert parameter_shapes(model) == SHAPES[body]


def test_the_order_of_parameters_is_that_of_the_text() -> None:
    text = "model M(x: [; 3]) -> [; 3] { b = linear(x, 3) a = linear(b, 3) return rms_norm(a) }"
    ((_, model),) = models_of(text)
    assert list(parameter_shapes(model)) == [
        "b.weight", "b.bias", "a.weight", "a.bias", "rms_norm.weight",
    ]  # fmt: skip


def test_names_in_repeats_and_blocks_do_not_depend_on_how_often() -> None:
    def names(depth: int) -> set[str]:
        body = (
            "repeat depth as s { x = Two(x) } repeat depth { x = linear(x, 3) } return linear(x, 3)"
        )
        text = f"param depth = {depth}\n{BLOCKS}\nmodel M(x: [; 3]) -> [; 3] {{ {body} }}"
        return set(layers_of(text))

    assert names(1) < names(2) < names(3)


# Where a name of the user can stand; it must never clash with what Python or torch have.
PLACES: dict[str, str] = {
    "layer": "model M(y: [; 3]) -> [; 3] { NAME = linear(y, 3) return relu(NAME) }",
    "layers": "model M(y: [; 3]) -> [; 3] { NAME = linear(relu(linear(y, 3)), 3) return NAME }",
    "input": "model M(NAME: [; 3]) -> [; 3] { return relu(linear(NAME, 3)) }",
    "stage": "model M(y: [; 3]) -> [; 3] { repeat 2 as NAME { y = linear(y, 3) } return y }",
    "block parameter": "block B(NAME) { NAME = linear(NAME, 3) return NAME }\n"
    "model M(y: [; 3]) -> [; 3] { return B(B(y)) }",
    "block": "block NAME(y) { q = linear(y, 3) return q }\n"
    "model M(y: [; 3]) -> [; 3] { return NAME(NAME(y)) }",
    "tensor": "axis n = S(2)\nspace G { NAME: [n; 3] other: [; 3] }\nmodel M(g: G) -> G {\n"
    "h = equivariant(layer_norm(linear(g, 3)), 3) return G(NAME = h.NAME, other = h.other) }",
    "axis": "axis NAME = 4\nmodel M(y: [NAME; 3]) -> [NAME; 3] {\n"
    "return equivariant(coded(y), 3) + equivariant(y, 3) }",
    "masked axis": "axis NAME = S(4, masked)\nmodel M(y: [NAME; 3]) -> [NAME; 3] {\n"
    "return equivariant(y, 3) + mean[NAME](y) }",
    "space": "space NAME { a: [; 3] b: [; 3] }\n"
    "model M(y: NAME) -> NAME { return NAME(a = y.b, b = y.a) }",
}  # fmt: skip

CLASHES = [
    *["forward", "training", "state_dict", "parameters", "keys", "pop", "type", "T_destination"],
    *["class", "lambda", "None", "match", "super", "dict", "zip", "range", "print"],
    *["self", "torch", "nn", "F", "Tensor", "factory", "device", "dtype"],
    *["inputs", "outputs", "sizes", "check_inputs", "apply_mask", "Codes", "value", "name", "x"],
    *["param", "axis", "model", "in", "displacement", "index", "masked", "M"],
]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("name", CLASHES)
def test_a_name_of_the_user_never_clashes(name: str, where: str) -> None:
    if name == "M" and where in ("block", "space", "axis", "masked axis"):
        pytest.skip("declared twice")
    if name == "x" and where == "block":
        pytest.skip("the block's own parameter")
    for typed, model in models_of(PLACES[where].replace("NAME", name)):
        check_runs(typed, model)


def test_the_names_that_modules_have_are_known() -> None:
    public = {n for n in (*dir(nn.Module), *dir(nn.ModuleDict)) if not n.startswith("_")}
    own = {"training"}  # set in every instance
    assert (public | own) - {n for n in public if keyword.iskeyword(n)} <= MODULE_ATTRIBUTES


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("ResidualBlock", "residual_block"),
        ("MLPHead", "mlp_head"),
        ("block2", "block2"),
        ("A", "a"),
    ],
)
def test_a_block_is_called_in_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake
    text = f"block {name}(x) {{ return linear(x, 3) }}\n"
    text += f"model M(x: [; 3]) -> [; 3] {{ return {name}(x) }}"
    assert layers_of(text) == [f"{snake}.linear"]


def test_a_model_loads_what_another_build_of_it_saved() -> None:
    text = f"{BLOCKS}\nmodel M(x: [; 3]) -> [; 3] {{ repeat 2 as s {{ x = Two(x) }} return x }}"
    first, second = (specc.load(text).M() for _ in range(2))
    second.load_state_dict(first.state_dict())
