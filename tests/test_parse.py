"""Texts become the trees that they mean: every form, precedence, names that are keywords, spans."""

from __future__ import annotations

import logging
from pathlib import Path

import lark
import pytest
from programs import PROGRAMS
from unparse import expression as shown
from unparse import unparse

import specc_grammar
from specc.errors import Source, Span
from specc.text import syntax
from specc.text.parse import parse, read_source
from specc.text.syntax import (
    Assign,
    Attribute,
    Axis,
    Binary,
    Block,
    Boolean,
    Bracket,
    Call,
    Cycle,
    Cycles,
    Declaration,
    Expression,
    Field,
    Group,
    Identifier,
    Import,
    Indexed,
    Keyword,
    Matrices,
    Model,
    Name,
    Negative,
    Number,
    Param,
    Product,
    Repeat,
    Return,
    Space,
    Statement,
    String,
    Target,
    Tuple,
    Type,
)

NOWHERE = Span(Source("nowhere", ""), 0, 0)


def named(text: str) -> Identifier:
    return Identifier(text, NOWHERE)


def names(text: str) -> tuple[Identifier, ...]:
    return tuple(map(named, text.split()))


def name(text: str) -> Name:
    return Name(text, NOWHERE)


def number(value: float) -> Number:
    return Number(value, NOWHERE)


def call(function: str, *arguments: Expression, **keywords: Expression) -> Call:
    given = tuple(Keyword(named(word), value, NOWHERE) for word, value in keywords.items())
    return Call(named(function), None, arguments, given, None, NOWHERE)


def bracket(
    *entries: Expression, channels: Expression | None = None, index: bool = False
) -> Bracket:
    return Bracket(entries, channels, index, NOWHERE)


def typed(value: Expression, displacement: bool = False) -> Type:
    return Type(value, displacement, NOWHERE)


def field(name: str, type: Type) -> Field:
    return Field(named(name), type, (), NOWHERE)


def only(text: str) -> Declaration:
    (declaration,) = parse(Source("test.spec", text)).declarations
    return declaration


def value_of(text: str) -> Expression:
    param = only(f"param p = {text}")
    assert isinstance(param, Param)
    return param.value


def body_of(text: str) -> tuple[Statement, ...]:
    block = only(f"block B() {{ {text} }}")
    assert isinstance(block, Block)
    return block.body


V, S3 = name("v"), call("S", number(3))
THREE = typed(bracket(channels=number(3)))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_target_programs_parse(program: str) -> None:
    file = parse(Source(program, PROGRAMS[program]))
    assert file.declarations
    assert parse(Source(program, unparse(file))) == file


def axis(
    value: Expression,
    parent: str | None = None,
    spin: Expression | None = None,
    parity: str | None = None,
    fixing: tuple[Expression, ...] | None = None,
    by: Cycles | Matrices | None = None,
) -> Axis:
    inside = named(parent) if parent else None
    sign = named(parity) if parity else None
    return Axis(named("a"), value, inside, spin, sign, fixing, by, NOWHERE)


def group(value: Expression | Cycles | Matrices, on: str = "") -> Group:
    return Group(named("G"), names(on), value, NOWHERE)


def cycle(*positions: int) -> Cycle:
    return Cycle(tuple(map(number, positions)), NOWHERE)


def cycles(*generators: tuple[Cycle, ...], degree: Expression | None = None) -> Cycles:
    return Cycles(generators, degree, NOWHERE)


SWAP = ((number(0), number(1)), (Negative(number(1), NOWHERE), number(0)))

DECLARATIONS: dict[str, Declaration] = {
    "param width = 64": Param(named("width"), number(64), NOWHERE),
    'param act = "relu"': Param(named("act"), String("relu", NOWHERE), NOWHERE),
    "param bias = false": Param(named("bias"), Boolean(False, NOWHERE), NOWHERE),
    "axis a = 784": axis(number(784)),
    "axis a = S(24, masked)": axis(call("S", number(24), name("masked"))),
    "axis a = S(3) in head": axis(S3, parent="head"),
    "axis a = R": axis(name("R")),
    "axis a = R spin 2": axis(name("R"), spin=number(2)),
    "axis a = R spin 1 odd": axis(name("R"), spin=number(1), parity="odd"),
    "axis a = R even spin n + 1": axis(
        name("R"), spin=Binary("+", name("n"), number(1), NOWHERE), parity="even"
    ),
    "axis a = M by <(1 2)>": axis(
        name("M"), by=Cycles(((Cycle((number(1), number(2)), NOWHERE),),), None, NOWHERE)
    ),
    "axis a = O(3) fixing (0, 0, 1)": axis(
        call("O", number(3)), fixing=(number(0), number(0), number(1))
    ),
    "axis a = dual(v)": axis(call("dual", V)),
    "group G = SO(3)": group(call("SO", number(3))),
    "group G = <(1 2)(3 4), (1 3)(2 4)>": group(
        cycles((cycle(1, 2), cycle(3, 4)), (cycle(1, 3), cycle(2, 4)))
    ),
    "group G = <(1 2 3), ()> on 8": group(cycles((cycle(1, 2, 3),), (cycle(),), degree=number(8))),
    "group G on (y, x) = <(1 2)>": group(cycles((cycle(1, 2),)), on="y x"),
    "group G = matrices { [[0, 1], [-1, 0]] }": group(Matrices((SWAP,), False, NOWHERE)),
    "group G = matrices { [[0, 1], [-1, 0]], [[0, 1], [-1, 0]], } lie": group(
        Matrices((SWAP, SWAP), True, NOWHERE)
    ),
    "space G { adj: [v, v]  feat: [v; 3] }": Space(
        named("G"),
        (
            field("adj", typed(bracket(V, V))),
            field("feat", typed(bracket(V, channels=number(3)))),
        ),
        NOWHERE,
    ),
    'space G { layers.0.weight: [; 3] "odd name": weights(M) displacement }': Space(
        named("G"),
        (
            field("layers.0.weight", THREE),
            field("odd name", typed(call("weights", name("M")), True)),
        ),
        NOWHERE,
    ),
    "model M(x: [; 3], g: Graph) -> [; 3], [v] displacement { return x }": Model(
        named("M"),
        (field("x", THREE), field("g", typed(name("Graph")))),
        (THREE, typed(bracket(V), True)),
        (Return((name("x"),), NOWHERE),),
        NOWHERE,
    ),
    "model M() -> G { }": Model(named("M"), (), (typed(name("G")),), (), NOWHERE),
    "block B(x, width,) { }": Block(named("B"), names("x width"), (), NOWHERE),
    'from "other.spec" import A, B': Import(String("other.spec", NOWHERE), names("A B"), NOWHERE),
}


@pytest.mark.parametrize("text", DECLARATIONS)
def test_declarations(text: str) -> None:
    assert only(text) == DECLARATIONS[text]


def assign(targets: str, value: Expression) -> Assign:
    return Assign(tuple(Target(n, None, NOWHERE) for n in names(targets)), value, NOWHERE)


def element(name: str, indices: str) -> Target:
    return Target(named(name), names(indices), NOWHERE)


X, F_X = name("x"), call("f", name("x"))

STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "z = x": (assign("z", X),),
    "x, v = f(x)": (assign("x v", F_X),),
    "d[i, c] = x": (Assign((element("d", "i c"),), X, NOWHERE),),
    "x[i], v[i] = f(x)": (Assign((element("x", "i"), element("v", "i")), F_X, NOWHERE),),
    "return x, v": (Return((X, V), NOWHERE),),
    "repeat 2 { z = x }": (Repeat(number(2), None, (assign("z", X),), NOWHERE),),
    "repeat n as stage { }": (Repeat(name("n"), named("stage"), (), NOWHERE),),
    "y = x z = f(x) return x": (assign("y", X), assign("z", F_X), Return((X,), NOWHERE)),
    "y = x\nz[i] = x": (assign("y", X), Assign((element("z", "i"),), X, NOWHERE)),
}


@pytest.mark.parametrize("text", STATEMENTS)
def test_statements(text: str) -> None:
    assert body_of(text) == STATEMENTS[text]


EXPRESSIONS: dict[str, Expression] = {
    "3": number(3),
    "1_000": number(1000),
    "0.5": number(0.5),
    "1e-3": number(0.001),
    "true": Boolean(True, NOWHERE),
    '"text"': String("text", NOWHERE),
    "x": X,
    "(x)": X,
    "w.layers.0.weight": Attribute(
        Attribute(Attribute(name("w"), named("layers"), NOWHERE), named("0"), NOWHERE),
        named("weight"),
        NOWHERE,
    ),
    "d[i, j, c]": Indexed(name("d"), names("i j c"), NOWHERE),
    "w.fc1[i]": Indexed(Attribute(name("w"), named("fc1"), NOWHERE), names("i"), NOWHERE),
    "[a, b; 3]": bracket(name("a"), name("b"), channels=number(3)),
    "[; 10]": bracket(channels=number(10)),
    "[]": bracket(),
    "[y, x]": bracket(name("y"), X),
    "[token; index 64]": bracket(name("token"), channels=number(64), index=True),
    "[token; index n * 2]": bracket(
        name("token"), channels=Binary("*", name("n"), number(2), NOWHERE), index=True
    ),
    "[token; index (64)]": bracket(name("token"), channels=number(64), index=True),
    "[token; index]": bracket(name("token"), channels=name("index")),
    "[token; index + 1]": bracket(
        name("token"), channels=Binary("+", name("index"), number(1), NOWHERE)
    ),
    "[sym(v, v); 3]": bracket(call("sym", V, V), channels=number(3)),
    "[784, (head key), (c1 + c2)]": bracket(
        number(784),
        Product(names("head key"), None, NOWHERE),
        Binary("+", name("c1"), name("c2"), NOWHERE),
    ),
    "[(head group (a + b))]": bracket(
        Product(names("head group"), Binary("+", name("a"), name("b"), NOWHERE), NOWHERE)
    ),
    "[(head (a + b))]": bracket(call("head", Binary("+", name("a"), name("b"), NOWHERE))),
    "(x, v)": Tuple((X, V), NOWHERE),
    "(x,)": Tuple((X,), NOWHERE),
    "f()": call("f"),
    "f(x, 8, act = relu)": call("f", X, number(8), act=name("relu")),
    "f(x, over = [y, x],)": call("f", X, over=bracket(name("y"), X)),
    "Graph(adj = a, feat = f)": call("Graph", adj=name("a"), feat=name("f")),
    "Graph(; 32)": Call(named("Graph"), None, (), (), number(32), NOWHERE),
    "weights(M, signs = true; 19)": Call(
        named("weights"),
        None,
        (name("M"),),
        (Keyword(named("signs"), Boolean(True, NOWHERE), NOWHERE),),
        number(19),
        NOWHERE,
    ),
    "softmax[axis](x)": Call(named("softmax"), names("axis"), (X,), (), None, NOWHERE),
    "mean[y, x](x)": Call(named("mean"), names("y x"), (X,), (), None, NOWHERE),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text: str) -> None:
    assert value_of(text) == EXPRESSIONS[text]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a + b - c", "((a + b) - c)"),
        ("a - b + c", "((a - b) + c)"),
        ("a + b * c", "(a + (b * c))"),
        ("a * b / c // d % e", "((((a * b) / c) // d) % e)"),
        ("(a + b) * c", "((a + b) * c)"),
        ("-a * b", "((-a) * b)"),
        ("a * -b", "(a * (-b))"),
        ("a - -b", "(a - (-b))"),
        ("--a", "(-(-a))"),
        ("-a ^ 2", "(-(a ^ 2))"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("a ^ -b ^ c", "(a ^ (-(b ^ c)))"),
        ("2 * a ^ 2 * 3", "((2 * (a ^ 2)) * 3)"),
        ("a.b ^ 2", "(a.b ^ 2)"),
        ("d[i, j] ^ 2", "(d[i, j] ^ 2)"),
        ("-f(x)[i].w", "(-f(x)[i].w)"),
        ("x |> f", "f(x)"),
        ("x |> f |> g(8)", "g(f(x), 8)"),
        ("x + y |> f", "f((x + y))"),
        ("-x |> f", "f((-x))"),
        ("(x |> f) + y", "(f(x) + y)"),
        ("g(x |> f, 2)", "g(f(x), 2)"),
        ("x |> mean[y, x]", "mean[y, x](x)"),
        ("x |> f(8, act = relu; 3)", "f(x, 8, act = relu; 3)"),
    ],
)
def test_precedence(text: str, meaning: str) -> None:
    assert shown(value_of(text)) == meaning


CONTEXTUAL = [
    "param",
    "axis",
    "group",
    "space",
    "model",
    "block",
    "from",
    "import",
    "in",
    "spin",
    "even",
    "odd",
    "fixing",
    "by",
    "on",
    "matrices",
    "lie",
    "as",
    "displacement",
    "complex",
    "index",
    "masked",
    "weights",
]


@pytest.mark.parametrize("word", CONTEXTUAL)
def test_every_keyword_but_four_is_a_name(word: str) -> None:
    text = f"""
    param {word} = {word} + 1
    axis {word} = {word} in {word} spin {word} fixing ({word}, {word})
    group {word} on ({word}, {word}) = {word}
    space {word} {{ {word}: [{word}; {word}] a: {word}  {word}.{word}: ({word})[{word}] }}
    from "x" import {word}, {word}
    block {word}({word}) {{
        {word} = {word} {word}, {word} = {word}({word}, {word} = {word})
        {word}[{word}] = {word}[{word}].{word} |> {word}
        repeat {word} as {word} {{ {word} = [({word} {word}), {word}] }}
        return {word}, {word}
    }}
    model {word}({word}: {word}, {word}: [{word}] displacement) -> {word}, {word} {{ return {word} }}
    """.replace(f"({word})[{word}]", f"{word}({word})")
    file = parse(Source("test.spec", text))
    assert len(file.declarations) == 7
    assert parse(Source("test.spec", unparse(file))) == file


def test_complex_ends_a_type_or_names_the_next_tensor() -> None:
    space = only("space S { x: [v] complex y: [v] complex: [v] complex.z: [v] }")
    assert isinstance(space, Space)
    assert [(t.name.text, t.type.complex) for t in space.tensors] == [
        ("x", True),
        ("y", False),
        ("complex", False),
        ("complex.z", False),
    ]


def test_complex_follows_a_type_among_arguments() -> None:
    model = only(
        "model M(x: [v] complex) -> [; 3] complex { return f(x, [; 3] complex, complex(x)) }"
    )
    assert isinstance(model, Model)
    assert model.parameters[0].type.complex and model.outputs[0].complex
    (call_,) = model.body[0].values  # type: ignore[union-attr]
    assert [getattr(each, "complex", None) for each in call_.arguments] == [None, True, None]


def test_displacement_ends_a_type_or_names_the_next_tensor() -> None:
    space = only("space S { x: [v] displacement y: [v] displacement: [v] displacement.z: [v] }")
    assert isinstance(space, Space)
    assert [(t.name.text, t.type.displacement) for t in space.tensors] == [
        ("x", True),
        ("y", False),
        ("displacement", False),
        ("displacement.z", False),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "param a = 1\r\nparam b = 2\r\n",
        "param a = 1 param b = 2",
        "param a\n=\n1\n\nparam\tb = 2",
        "# a comment\nparam a = 1 # another\nparam b = 2 #",
    ],
)
def test_white_space_and_comments_mean_nothing(text: str) -> None:
    expected = (Param(named("a"), number(1), NOWHERE), Param(named("b"), number(2), NOWHERE))
    assert parse(Source("test.spec", text)).declarations == expected


def test_spans_are_the_text_as_written() -> None:
    text = "# x\nmodel M(x: [; 3] displacement) -> S {\n  y[i] = (a + b) * w.fc1 |> f(8)\n  return y, -y\n}"
    model = parse(Source("test.spec", text)).declarations[0]
    assert isinstance(model, Model)
    assign, returned = model.body
    assert isinstance(assign, Assign) and isinstance(returned, Return)
    call = assign.value
    assert isinstance(call, Call)
    product = call.arguments[0]
    assert isinstance(product, Binary) and isinstance(product.right, Attribute)
    nodes = {
        text[4:]: model,
        "M": model.name,
        "x: [; 3] displacement": model.parameters[0],
        "[; 3] displacement": model.parameters[0].type,
        "[; 3]": model.parameters[0].type.value,
        "S": model.outputs[0],
        "y[i] = (a + b) * w.fc1 |> f(8)": assign,
        "y[i]": assign.targets[0],
        "(a + b) * w.fc1 |> f(8)": call,
        "(a + b) * w.fc1": product,
        "a + b": product.left,
        "w.fc1": product.right,
        "fc1": product.right.name,
        "8": call.arguments[1],
        "return y, -y": returned,
        "-y": returned.values[1],
    }
    assert {written: node.span.text for written, node in nodes.items()} == {w: w for w in nodes}
    assert (product.span.line, product.span.column) == (3, 10)


def test_a_file_is_read_with_any_line_ends_and_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.spec"
    path.write_bytes(b"\xef\xbb\xbfparam a = 1\r\nparam b = 2\rparam c = 3\n")
    source = read_source(path)
    assert source == Source(str(path), "param a = 1\nparam b = 2\nparam c = 3\n", path)
    last = parse(source).declarations[-1]
    assert (last.span.line, last.span.column) == (3, 1)


def test_a_file_may_be_called_otherwise_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "a.spec"
    path.write_text("param a = 1")
    assert read_source(path, "a.spec").name == "a.spec"


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=lark.logger.name):
        lark.Lark.open(
            "specc.lark", rel_to=specc_grammar.__file__, parser="lalr", start="file", debug=True
        )
    assert "conflict" not in caplog.text.lower()


def test_a_hundred_operations_one_in_another_are_well() -> None:
    deep = "f(" * 99 + "x" + ")" * 99
    assert shown(value_of(deep)) == deep
    assert shown(value_of("+".join("1" * 100))).startswith("(" * 99 + "1 + 1)")


def test_trees_compare_without_their_places() -> None:
    assert only("axis a = 3") == only("  axis a   =  3")
    assert isinstance(parse(Source("a", "axis a = 3")), syntax.File)
