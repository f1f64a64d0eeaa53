"""Common mistakes, each with a sentence of its own and malformed examples by which it is known again.

In a message `{found}` is the word that does not fit, described, and `{text}` is the word as written.
An example holds its mistake and no other.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    message: str
    hint: str | None
    examples: tuple[str, ...]


def _in_body(*statements: str) -> tuple[str, ...]:
    """Examples as the first and as a later statement of a body, before another and at the end."""
    head = "model M(x: [; 3]) -> [; 3] {\n"
    return tuple(
        f"{head}{before}{statement}{after}}}"
        for statement in statements
        for before in ("", "y = f(x)\n")
        for after in ("\n", "\nz = x\n")
    )


def _in_file(*texts: str) -> tuple[str, ...]:
    """Examples at the head of a file and after each kind of declaration."""
    before = (
        "",
        "param p = 3\n",
        "axis a = S(3)\n",
        "group G = SO(3)\n",
        "space S { t: [; 3] }\n",
        "model M(x: [; 3]) -> [; 3] { return x }\n",
        "block B(x) { return x }\n",
        'from "a.spec" import A\n',
    )
    return tuple(first + text for first in before for text in texts)


_HEAD = "(x: [; 3])"

MISTAKES = (
    Mistake(
        "a statement stands here, outside of every model and block",
        "write it between the `{` and `}` of a model, `model Name(x: [; 3]) -> [; 3] { ... }`",
        _in_file(
            "z = relu(x)",
            "z = x",
            "x, v = f(x)",
            "z[i, j] = f(x)",
            "return x",
            "repeat 2 { x = f(x) }",
        ),
    ),
    Mistake(
        "the model does not say what it returns",
        "the types of its outputs stand after `->`: `model Name(x: [; 3]) -> [; 10] { ... }`",
        (
            f"model M{_HEAD} {{ return x }}",
            "model M() { return x }",
            f"model M{_HEAD} -> {{ return x }}",
        ),
    ),
    Mistake(
        "the model does not say what it takes",
        "its inputs stand between round brackets: `model Name(x: [; 3]) -> [; 10] { ... }`",
        ("model M { return x }", "model M -> [; 3] { return x }"),
    ),
    Mistake(
        "an input of a model has a type",
        "write it after a colon: `x: [; 3]`",
        (
            "model M(x) -> [; 3] { return x }",
            "model M(x, y: [; 3]) -> [; 3] { return x }",
            "model M(x: [; 3], y) -> [; 3] { return x }",
            "model M(x: [; 3], y, z: [; 3]) -> [; 3] { return x }",
            "model M(x = [; 3]) -> [; 3] { return x }",
            "model M(x: [; 3], y = [; 3]) -> [; 3] { return x }",
        ),
    ),
    Mistake(
        "the parameters of a block have no types",
        "a block takes the types of what it is given: `block Name(x, width) { ... }`",
        (
            "block B(x: [; 3]) { return x }",
            "block B(x: [; 3], y: [; 3]) { return x }",
            "block B(c, x: [; 3]) { return x }",
            "block B(x: S) { return x }",
        ),
    ),
    Mistake(
        "the parameters of a block have no default values",
        "give the value where the block is used, or declare a `param`",
        (
            "block B(c = 3) { return x }",
            "block B(x, c = 3) { return x }",
            "block B(x, c = 3, d = 4) { return x }",
        ),
    ),
    Mistake(
        "a block does not declare what it returns",
        "the types follow from those it is given: `block Name(x, width) { ... }`",
        (
            "block B(x) -> [; 3] { return x }",
            "block B() -> [; 3] { return x }",
            "block B(x, c) -> S { return x }",
            "block B(x, c) -> S(; 3), [; 4] { return x }",
        ),
    ),
    Mistake(
        "a body stands between `{` and `}`",
        "there are no colons before a body, and indentation means nothing",
        (
            f"model M{_HEAD} -> [; 3]:\nreturn x",
            f"model M{_HEAD} -> S:\nreturn x",
            f"model M{_HEAD} -> [; 3]:\ny = f(x)\nreturn y",
            "block B(x):\nreturn x",
            "block B(x):\ny = f(x)\nreturn y",
            f"model M{_HEAD} -> [; 3] {{\nrepeat 2:\nx = f(x)\nreturn x }}",
            f"model M{_HEAD} -> [; 3] = {{ return x }}",
            "block B(x) = { return x }",
        ),
    ),
    Mistake(
        "the result of this operation has no name",
        "write `h = ...` before it, or `return ...` if the body ends with it",
        _in_body("relu(x)", "relu(x, 3, act = relu)", "mean[a](x)", "x |> relu", "x + y", "x"),
    ),
    Mistake(
        "only a name can be given a value, not a part of a collection",
        "`Graph(adj = a, feat = f)` puts a collection together",
        _in_body("x.a = f(x)", "x.a.b = f(x)"),
    ),
    Mistake(
        "several results are taken without brackets",
        "write `x, v = f(x)`",
        _in_body("(x, v) = f(x)", "[x, v] = f(x)"),
    ),
    Mistake(
        "`return` without a value",
        "write what is returned: `return x`, or `return x, v`",
        (
            f"model M{_HEAD} -> [; 3] {{ return }}",
            f"model M{_HEAD} -> [; 3] {{ y = f(x)\nreturn\n}}",
        ),
    ),
    Mistake(
        "an index is a name, not {found}",
        "`x[i, j]` is index notation: the indices stand for all positions; nothing takes out a single one",
        _in_body(
            "y = x[0]", "y = x[i, 0]", "y = x[0, i]", "y = x[:, 0]", "y = x[-1]", "y = x[1:2]"
        ),
    ),
    Mistake(
        "only an operation with a name can be used",
        "give the value a name in a statement of its own",
        _in_body("y = f(x)(x)", "y = x.f(x)", "y = x.a.f(x)", "y = (f)(x)"),
    ),
    Mistake(
        "`|>` binds loosest, and an operation follows it",
        "put brackets around: `(x |> f) + y`",
        _in_body("y = x |> f + z", "y = x |> f(8) + z", "y = x |> f * 2", "y = x |> f(8) * 2"),
    ),
    Mistake(
        "an operation follows `|>`, not {found}",
        "write `x |> f` or `x |> g(8)`",
        _in_body("y = x |> 3", "y = x |> (f)", "y = x |> [f]", "y = x |> -f"),
    ),
    Mistake(
        "the tensors of a space are not separated by commas",
        "a new line is enough, or a space",
        (
            "space S { a: [; 3], b: [; 3] }",
            "space S { a: [; 3], }",
            "space S { a: [; 3]\nb: [; 3], c: [; 3] }",
            "space S { a: T, b: [; 3] }",
            "space S { a: T(; 3), b: [; 3] }",
            "space S { a: T, }",
            "space S { a: [; 3]; b: [; 3] }",
        ),
    ),
    Mistake(
        "a space names at least one tensor",
        "write `space Name { x: [; 3] }`",
        ("space S { }", "space S { }\naxis a = 3"),
    ),
    Mistake(
        "the type of a tensor stands after a colon",
        "write `name: [; 3]`",
        (
            "space S { a = [; 3] }",
            "space S { a = [; 3] b: [; 4] }",
            "space S { b: [; 4] a = [; 3] }",
            "space S { b: T a = [; 3] }",
        ),
    ),
    Mistake(
        "the file of an import stands in double quotes",
        'write `from "other.spec" import A, B`',
        ("from a import A", "from a import A, B\naxis a = 3"),
    ),
    Mistake(
        "positions in a cycle are separated by spaces",
        "write `(1 2 3)`",
        (
            "group G = <(1, 2)>",
            "group G = <(1, 2)(3, 4)>",
            "group G = <(1 2)(3, 4)>",
            "group G = <(1 2, 3)>",
            "group G = <(1, 2, 3)>",
        ),
    ),
    Mistake(
        "a generator is a product of cycles in round brackets",
        "write `<(1 2)(3 4), (1 3)(2 4)>`",
        (
            "group G = <>",
            "group G = <1 2>",
            "group G = <[1 2]>",
            "group G = <(1 2), 3>",
        ),
    ),
    Mistake(
        "a matrix is a list of rows",
        "write `[[0, 1], [1, 0]]`",
        (
            "group G = matrices { 1 }",
            "group G = matrices { [0, 1] }",
            "group G = matrices { [0, 1], [1, 0] }",
            "group G = matrices { [1] }",
            "group G = matrices { }",
        ),
    ),
    Mistake(
        "the matrices of a group stand between `{` and `}`",
        "write `matrices { [[0, 1], [1, 0]] }`",
        ("group G = matrices [[0, 1], [1, 0]]",),
    ),
    Mistake(
        "the generators of a permutation group stand between `<` and `>`",
        "write `<(1 2)(3 4), (1 3)(2 4)>`",
        ("group G = (1 2)(3 4)", "group G = (1 2 3)", "group G = (1 2), (3 4)", "axis a = <(1 2)>"),
    ),
    Mistake(
        "the vector that is left alone stands between round brackets",
        "write `axis v = O(3) fixing (0, 0, 1)`",
        (
            "axis v = O(3) fixing 0, 0, 1",
            "axis v = O(3) fixing [0, 0, 1]",
            "axis v = O(3) fixing z",
        ),
    ),
    Mistake(
        "several outputs stand after `->` without brackets",
        "write `-> [; 3], [; 4]`",
        (
            "model M(x: [; 3]) -> ([; 3], [; 4]) { return x, x }",
            "model M(x: [; 3]) -> (S, T) { return x }",
        ),
    ),
    Mistake(
        "values are not compared in a specification",
        None,
        _in_body("y = x < z", "y = x > z", "y = f(x) < 3"),
    ),
    Mistake(
        "there are no dictionaries and sets",
        "`Graph(adj = a, feat = f)` puts a collection together",
        _in_body("y = {a: 3}"),
    ),
    Mistake(
        "an import begins with the file",
        'write `from "other.spec" import A, B`',
        (
            'import "a.spec"',
            'import A from "a.spec"',
            "import A",
            'axis a = 3\nimport A from "a.spec"',
        ),
    ),
    Mistake(
        "nothing stands between two statements or declarations",
        "a new line is enough, or a space",
        (
            *_in_body("y = x;", "y = f(x);"),
            "axis a = 3;",
            "axis a = S(3);\naxis b = 3",
            "axis a = 3;\naxis b = 3",
            "param p = n;\naxis b = 3",
            "group G = SO(3);\naxis b = 3",
            "model M(x: [; 3]) -> [; 3] { return x };\naxis b = 3",
            "model M(x: [; 3]) -> [; 3] { return x; }",
            "block B(x) { return x; }\naxis b = 3",
        ),
    ),
)
