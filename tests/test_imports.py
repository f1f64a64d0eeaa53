"""`from "other.spec" import A, B`: what can be imported, from where, and what is said otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sampled import check_runs, models_of, parameter_shapes

import specc
from specc.errors import SpecError, SpecErrors, leaves

Files = dict[str, str]

SHARED = """\
param width = 4
axis node = S(4)
axis place = 3
space Graph { edge: [node, node; 2] at: [place; 3] }
block Half(x, c) { return relu(linear(x, c // 2)) }
model Net(x: [; 3]) -> [; 2] { h = linear(x, width) return linear(relu(h), 2) }
"""


def written(files: Files, folder: Path) -> Path:
    """Writes the files; the first is the one to build."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / next(iter(files))


def complaints(main: Path) -> list[str]:
    """What is said of a file: `file:line:column: message (hint)`, files as seen from its folder."""
    try:
        specc.check(main)
    except SpecError as error:
        found = [error]
    except SpecErrors as group:
        found = list(leaves(group))
    else:
        return []
    return [str(error).replace(str(main.parent) + os.sep, "") for error in found]


# What works: files, the first of which is built.
GOOD: dict[str, Files] = {
    "axes": {
        "main.spec": 'from "s.spec" import node, place\n'
        "model M(x: [node, place; 3]) -> [place; 3] { return mean[node](coded(x, over = place)) }",
        "s.spec": SHARED,
    },
    "spaces": {
        "main.spec": 'from "s.spec" import Graph\n'
        "model M(g: Graph) -> Graph(; 4), [; 1] {\n"
        "z = equivariant(g, Graph(; 4)) return Graph(edge = z.edge, at = z.at), invariant(z, 1) }",
        "s.spec": SHARED,
    },
    "a space as the type to map to": {
        "main.spec": 'from "s.spec" import Graph\n'
        "model M(g: Graph) -> Graph { return equivariant(g, Graph) }",
        "s.spec": SHARED,
    },
    "models, for their weights": {
        "main.spec": 'from "s.spec" import Net\n'
        "model M(w: weights(Net), v: weights(Net; 2)) -> [; 1] { return invariant((w, v), 1) }",
        "s.spec": SHARED,
    },
    "blocks": {
        "main.spec": 'from "s.spec" import Half\n'
        "model M(x: [; 3]) -> [; 4] { return Half(Half(x, 6), 8) }",
        "s.spec": SHARED,
    },
    "parameters": {
        "main.spec": 'from "s.spec" import width\n'
        "model M(x: [; width]) -> [; 8] { return linear(x, width * 2) }",
        "s.spec": SHARED,
    },
    "what a file imports itself": {
        "main.spec": 'from "a.spec" import node\nmodel M(x: [node; 3]) -> [node; 3] { return x }',
        "a.spec": 'from "s.spec" import node',
        "s.spec": SHARED,
    },
    "a diamond": {
        "main.spec": 'from "a.spec" import A\nfrom "b.spec" import B\n'
        "model M(a: A, b: B) -> [node; 1] { return equivariant((a, b), [node; 1]) }\n"
        'from "s.spec" import node',
        "a.spec": 'from "s.spec" import node\nspace A { x: [node; 2] }',
        "b.spec": 'from "s.spec" import node\nspace B { x: [node; 3] }',
        "s.spec": SHARED,
    },
    "the same names in two files": {
        "main.spec": 'from "a.spec" import Outer\nparam c = 2\n'
        "block Inner(x) { return linear(x, c) }\n"
        "model M(x: [; 3]) -> [; 2], [; 5] { return Inner(x), Outer(x) }",
        "a.spec": "param c = 5\nblock Inner(x) { return linear(x, c) }\n"
        "block Outer(x) { return Inner(x) }",
    },
    "a block that uses a block of its own name": {
        "main.spec": 'from "a.spec" import Other\n'
        "block Layer(x) { return Other(x) }\nmodel M(x: [; 3]) -> [; 3] { return Layer(x) }",
        "a.spec": "block Layer(x) { return linear(x, 3) }\nblock Other(x) { return Layer(x) }",
    },
    "a model that takes the weights of one of its own name": {
        "main.spec": 'from "a.spec" import Other\n'
        "model Net(w: weights(Other)) -> [; 1] { return invariant(w, 1) }",
        "a.spec": "model Net(x: [; 3]) -> [; 3] { return linear(x, 3) }\n"
        "model Other(w: weights(Net)) -> [; 1] { return invariant(w, 1) }",
    },
    "a file below": {"main.spec": 'from "parts/s.spec" import node', "parts/s.spec": SHARED},
    "a file above, below pyproject.toml": {
        "models/main.spec": 'from "../parts/s.spec" import node',
        "parts/s.spec": SHARED,
        "pyproject.toml": "",
    },
    "a file above, below .git": {
        "models/deep/main.spec": 'from "../../s.spec" import node',
        "s.spec": SHARED,
        ".git/HEAD": "",
    },
}


@pytest.mark.parametrize("case", GOOD)
def test_what_is_imported_means_what_it_means_there(case: str, tmp_path: Path) -> None:
    main = written(GOOD[case], tmp_path)
    assert complaints(main) == []
    for typed, model in models_of(main):
        check_runs(typed, model)


HINT = (
    "imports are looked up beside the file and never leave "
    "the nearest folder with pyproject.toml or .git"
)

# What does not: files, the first of which is built, and what is said.
BAD: dict[str, tuple[Files, list[str]]] = {
    "a name that is not there": (
        {"main.spec": 'from "s.spec" import nod, node, widht', "s.spec": SHARED},
        [
            "main.spec:1:22: `s.spec` declares nothing called `nod` (did you mean `node`?)",
            "main.spec:1:33: `s.spec` declares nothing called `widht` (did you mean `width`?)",
        ],
    ),
    "a missing file, and what it would have brought": (
        {
            "main.spec": 'from "t.spec" import node\n'
            "model M(x: [node; 3]) -> [node; 3] { return relu(q) }"
        },
        [
            "main.spec:1:6: there is no file `t.spec`",
            "main.spec:2:50: there is nothing called `q`",
        ],
    ),
    "a folder": (
        {"main.spec": 'from "parts" import node', "parts/s.spec": SHARED},
        ["main.spec:1:6: `parts` is a directory, not a file"],
    ),
    "a name that is declared as well": (
        {"main.spec": 'axis node = 3\nfrom "s.spec" import node', "s.spec": SHARED},
        ["main.spec:2:22: `node` is declared twice"],
    ),
    "a name that is imported already": (
        {"main.spec": 'from "s.spec" import node, node\naxis node = 3', "s.spec": SHARED},
        [
            "main.spec:1:28: `node` is imported already",
            "main.spec:2:6: `node` is imported already",
        ],
    ),
    "a file that imports itself": (
        {"main.spec": 'from "main.spec" import node'},
        ["main.spec:1:6: imports go in a circle: main.spec -> main.spec"],
    ),
    "a circle of files": (
        {
            "main.spec": 'from "a.spec" import A\nmodel M(x: [A; 3]) -> [A; 3] { return x }',
            "a.spec": 'from "b.spec" import B\naxis A = S(B)',
            "b.spec": 'from "a.spec" import A\nparam B = 3',
        },
        ["b.spec:1:6: imports go in a circle: main.spec -> a.spec -> b.spec -> a.spec"],
    ),
    "a mistake in an imported declaration": (
        {
            "main.spec": 'from "a.spec" import A\nmodel M(x: [A; 3]) -> [A; 3] { return relu(x) }',
            "a.spec": "# comment\naxis A = 0",
        },
        ["a.spec:2:10: the size of an axis is at least 1, and this is 0"],
    ),
    "a mistake in an imported file's text": (
        {
            "main.spec": 'from "a.spec" import A\nmodel M(x: [A; 3]) -> [A; 3] { return relu(q) }',
            "a.spec": "axis A S(3)",
        },
        [
            "a.spec:1:8: expected `=`, but found the name `S` (write `axis A = S(3)`)",
            "main.spec:2:44: there is nothing called `q`",
        ],
    ),
    "a mistake in an imported block": (
        {
            "main.spec": 'from "a.spec" import B\nmodel M(x: [; 3]) -> [; 3] { return B(B(x)) }',
            "a.spec": "block B(x) { return x + linear(x, 4) }",
        },
        [
            "a.spec:1:21: [; 3] and [; 4] do not go together: 3 channels meet 4 "
            "(`linear(x, c)` changes the number of channels)"
        ],
    ),
    "a name that only the importing file has": (
        {
            "main.spec": 'axis node = S(3)\nfrom "a.spec" import B\n'
            "model M(x: [node; 3]) -> [; 3] { return B(x) }",
            "a.spec": "block B(x) { return mean[node](x) }",
        },
        ["a.spec:1:26: there is nothing called `node`"],
    ),
    "a mistake in an imported model whose weights are taken": (
        {
            "main.spec": 'from "a.spec" import N\nmodel M(w: weights(N)) -> [; 1] { return invariant(w, 1) }',
            "a.spec": "model N(x: [; 3]) -> [; 3] { return linear(q, 3) }",
        },
        ["a.spec:1:44: there is nothing called `q`"],
    ),
    "axes of one name and two sizes": (
        {
            "main.spec": 'axis node = S(3)\nfrom "a.spec" import G\n'
            "model M(g: G, x: [node; 3]) -> [; 3] { return invariant((g, x), 3) }",
            "a.spec": "axis node = S(4)\nspace G { x: [node; 3] }",
        },
        ["main.spec:3:47: axis `node` has 4 positions in one value and 3 in another"],
    ),
    "an absolute path": (
        {"root/main.spec": 'from "/etc/passwd" import A'},
        [f'main.spec:1:6: "/etc/passwd" lies outside the project, whose root is `root` ({HINT})'],
    ),
    "a file above, where nothing marks the root": (
        {"root/main.spec": 'from "../s.spec" import node', "s.spec": SHARED},
        [f'main.spec:1:6: "../s.spec" lies outside the project, whose root is `root` ({HINT})'],
    ),
    "a file above the root": (
        {
            "root/main.spec": 'from "../s.spec" import node',
            "root/pyproject.toml": "",
            "pyproject.toml": "",
            "s.spec": SHARED,
        },
        [f'main.spec:1:6: "../s.spec" lies outside the project, whose root is `root` ({HINT})'],
    ),
    "a file that is not there, above the root": (
        {"root/main.spec": 'from "../no.spec" import node'},
        [f'main.spec:1:6: "../no.spec" lies outside the project, whose root is `root` ({HINT})'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_said_of_an_import(case: str, tmp_path: Path) -> None:
    files, said = BAD[case]
    assert complaints(written(files, tmp_path)) == said


def test_a_link_does_not_lead_out_of_the_root(tmp_path: Path) -> None:
    files = {"root/main.spec": 'from "s.spec" import node', "root/.git/HEAD": "", "s.spec": SHARED}
    main = written(files, tmp_path)
    (tmp_path / "root" / "s.spec").symlink_to(tmp_path / "s.spec")
    (said,) = complaints(main)
    assert said.startswith('main.spec:1:6: "s.spec" lies outside the project')


def test_a_link_within_the_root_is_followed(tmp_path: Path) -> None:
    files = {"main.spec": 'from "link.spec" import node', "s.spec": SHARED}
    main = written(files, tmp_path)
    (tmp_path / "link.spec").symlink_to(tmp_path / "s.spec")
    assert complaints(main) == []


def test_the_root_of_a_linked_file_is_that_of_its_target(tmp_path: Path) -> None:
    files = {"root/main.spec": 'from "s.spec" import node', "root/s.spec": SHARED}
    main = written(files, tmp_path)
    (tmp_path / "link.spec").symlink_to(main)
    assert complaints(tmp_path / "link.spec") == []


def test_links_in_a_circle(tmp_path: Path) -> None:
    main = written({"main.spec": 'from "a.spec" import A'}, tmp_path)
    (tmp_path / "a.spec").symlink_to(tmp_path / "b.spec")
    (tmp_path / "b.spec").symlink_to(tmp_path / "a.spec")
    assert complaints(main) == ["main.spec:1:6: the file `a.spec` cannot be read"]


def test_a_text_without_a_file_imports_nothing() -> None:
    with pytest.raises(SpecError, match="a specification without a file cannot import others"):
        specc.check('from "a.spec" import A')


def test_only_parameters_of_the_built_file_can_be_overridden(tmp_path: Path) -> None:
    files = {
        "main.spec": 'from "s.spec" import width, Net\nparam depth = width * 2\n'
        "model M(w: weights(Net)) -> [; depth] { return invariant(w, depth) }",
        "s.spec": SHARED,
    }
    main = written(files, tmp_path)
    with pytest.raises(SpecError, match="has no build parameter `width`"):
        specc.check(main, width=6)
    (typed,) = specc.check(main, depth=5).models
    assert str(typed.graph.output_types[0]) == "[; 5]"


def test_only_the_models_of_the_built_file_become_classes(tmp_path: Path) -> None:
    files = {
        "main.spec": 'from "s.spec" import Net\nmodel M(w: weights(Net)) -> [; 1] { return invariant(w, 1) }',
        "s.spec": SHARED,
    }
    module = specc.load(written(files, tmp_path))
    assert module.__all__ == ["M"]
    assert "Net" not in vars(module)


def test_parameters_of_an_imported_block_are_named_as_those_of_an_own(tmp_path: Path) -> None:
    body = "model M(x: [; 3]) -> [; 4] { h = Half(x, 6) return Half(h, 8, name = last) }"
    block = "block Half(x, c) { return relu(linear(x, c // 2)) }"
    imported = written(
        {"main.spec": f'from "s.spec" import Half\n{body}', "s.spec": SHARED}, tmp_path
    )
    own = written({"own.spec": f"{block}\n{body}"}, tmp_path)
    ((_, first),), ((_, second),) = models_of(imported), models_of(own)
    assert parameter_shapes(first) == parameter_shapes(second)
