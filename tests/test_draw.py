"""Drawings say what the graph says: edges can be read off the lanes, folded runs stand for all runs.

The texts themselves are in `golden/draw`; `pytest --update-golden` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import PROGRAMS

import specc
from specc.graph import Typed
from specc.groups import Pinned, Symmetric
from specc.terminal.draw import dot, draw, graph_data, mermaid, picture
from specc.terminal.draw.dot import quoted as quoted_for_dot
from specc.terminal.draw.lanes import lay_out
from specc.terminal.draw.mermaid import quoted as quoted_for_mermaid
from specc.terminal.draw.palette import palette, type_text
from specc.terminal.draw.picture import Frame, Picture
from specc.types import Axis, Collection, Tensor, Type

GOLDEN = Path(__file__).parent / "golden" / "draw"

MANY_REGIONS = """\
axis node = S(24, masked)

space Graph {
    adjacency: [node, node; 2]
    feature:   [node; 8]
}

block Mix(x, c) {
    a = equivariant(relu(x), c)
    b = equivariant(gelu(x), c)
    return x + a * b
}

model Many(g: Graph, other: [node; 4]) -> Graph(; 1), [node; 4], [; 3] {
    z = equivariant(g, 16)
    s = z
    repeat 3 as blocks { z = Mix(z, 16) }
    repeat 2 {
        repeat 2 { w = equivariant(relu(z), 16)  z = w + z }
        z = z + s
    }
    repeat 2 as odd { y = equivariant(z, 16)  v = z  z = relu(y) }
    t = equivariant(other, 4)
    graph = Graph(adjacency = linear(z.adjacency, 1), feature = linear(v.feature, 1))
    return graph, t + linear(v.feature, 4), invariant(z, 3)
}
"""

DRAWN = {name: PROGRAMS[name] for name in ("digits", "graphs", "implicit", "sets")} | {
    "many_regions": MANY_REGIONS
}


def models(text: str) -> tuple[Typed, ...]:
    return specc.check(text).models


def model(text: str, name: str = "M") -> Typed:
    (found,) = (typed for typed in models(text) if typed.name == name)
    return found


# --- Texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", DRAWN)
def test_drawing_is_the_golden_one(name: str, width: int, update_golden: bool) -> None:
    drawings = (
        "\n".join(line.plain for line in draw(typed, width)) for typed in models(DRAWN[name])
    )
    text = "\n\n".join(drawings) + "\n"
    file = GOLDEN / f"{name}_{width}.txt"
    if update_golden:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 120])
@pytest.mark.parametrize("name", DRAWN)
def test_no_line_is_longer_than_the_terminal_is_wide(name: str, width: int) -> None:
    for typed in models(DRAWN[name]):
        for line in draw(typed, width):
            assert line.cell_len <= width
            assert line.plain == line.plain.rstrip()


@pytest.mark.parametrize("name", DRAWN)
def test_lanes_are_the_same_at_every_width(name: str) -> None:
    for typed in models(DRAWN[name]):
        drawn = [[line.plain[:16] for line in draw(typed, width)] for width in (90, 200)]
        lanes = [[line for line in lines if line[:1] in "●○◆│├"] for lines in drawn]
        assert lanes[0] == lanes[1]


def test_nothing_is_shortened_without_a_width() -> None:
    for typed in models(MANY_REGIONS):
        assert not any("…" in line.plain for line in draw(typed))


def test_one_axis_has_one_colour_and_pinned_axes_have_none() -> None:
    typed = model("axis a = S(3) axis b = 4 model M(x: [a, b; 2]) -> [a, b; 2] { return relu(x) }")
    by_style: dict[str, set[str]] = {}
    for line in draw(typed):
        for span in line.spans:
            by_style.setdefault(str(span.style), set()).add(line.plain[span.start : span.end])
    assert by_style["cyan"] == {"a", "S(3)"}
    assert "b" in by_style["dim"]


def test_drawing_of_a_model_with_hundreds_of_values_has_a_row_for_each() -> None:
    text = "model M(x: [; 8]) -> [; 8] { a = x repeat 400 { b = a  a = relu(a) + x } return a + b }"
    typed = model(text)
    rows = [line.plain for line in draw(typed, 80)]
    assert sum("relu" in row for row in rows) == 400


# --- Types in little room ------------------------------------------------------------------------


def tensor(*names: str) -> Tensor:
    return Tensor(tuple(Axis(name, 3, Symmetric()) for name in names), 32)


@pytest.mark.parametrize(
    ("kind", "room", "shown"),
    [
        (tensor("Net.fc1", "Net.image"), 30, "[Net.fc1, Net.image; 32]"),
        (tensor("Net.fc1", "Net.image"), 20, "[fc1, image; 32]"),
        (tensor("Net.fc1", "Net.image"), 14, "[fc1, …; 32]"),
        (tensor("Net.fc1", "Net.image"), 6, "[fc1,…"),
        (Collection((), "weights(Classifier)"), 30, "weights(Classifier)"),
        (Collection((), "weights(Classifier)"), 16, "weights(Classi…)"),
        (Collection((), "weights(Classifier)"), 5, "weig…"),
        (Collection((("a", Tensor((), 32)),), "weights(Classifier)"), 20, "weights(Classi…; 32)"),
    ],
)
def test_type_is_shortened_where_it_says_least(kind: Type, room: int, shown: str) -> None:
    text = type_text(kind, palette([kind]), room).plain
    assert len(text) <= room
    assert text == shown


# --- Lanes ---------------------------------------------------------------------------------------


@st.composite
def graphs(draw_from: st.DrawFn) -> nx.DiGraph[int]:
    """Graphs whose nodes are in an order that their edges follow."""
    size = draw_from(st.integers(1, 14))
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(size))
    for node in range(1, size):
        sources = draw_from(st.sets(st.integers(0, node - 1), max_size=4))
        graph.add_edges_from((source, node) for source in sources)
    return graph


def edges_seen(rows: list[str]) -> Iterator[tuple[int, int]]:
    """The edges that a reader sees: lines followed by eye, with no knowledge of how they came there.

    A lane belongs to the last dot in its column. A dot reads the lane that runs into it from above,
    and those that a horizontal line joins to it.
    """
    owner: dict[int, int] = {}
    for number, row in enumerate(rows):
        at = row.index("●")
        above = rows[number - 1][at : at + 1] if number else ""
        if above and above in "●│├┤┼":
            yield owner[at], number
        for column in joined(row, at):
            yield owner[column], number
        owner[at] = number


def joined(row: str, at: int) -> Iterator[int]:
    """The columns that a horizontal line joins to the dot."""
    for step in (-1, 1):
        column = at + step
        while 0 <= column < len(row) and row[column] in "─├┤┼╰╯┴│":
            if column % 2 == 0 and row[column] in "├┤┼╰╯┴":
                yield column
            if row[column] in "├╰" * (step < 0) + "┤╯" * (step > 0):
                break
            if row[column] == "│" and row[column + step : column + step + 1] != "─":
                break
            column += step


@given(graphs())
def test_edges_can_be_read_off_the_lanes(graph: nx.DiGraph[int]) -> None:
    rows = [row.cells() for row in lay_out(graph)]
    assert set(edges_seen(rows)) == set(graph.edges)


@given(graphs())
def test_there_are_no_more_lanes_than_values_that_live(graph: nx.DiGraph[int]) -> None:
    last = {node: max(graph.successors(node), default=node) for node in graph}
    living = max(sum(node <= row < last[node] for node in graph) for row in graph)
    assert max(row.width for row in lay_out(graph)) <= living + 2


def test_lanes_of_a_diamond() -> None:
    graph: nx.DiGraph[int] = nx.DiGraph([(0, 1), (0, 2), (1, 3), (2, 3)])
    assert [row.cells().rstrip() for row in lay_out(graph)] == ["●", "├─●", "● │", "●─╯"]


# --- Folding -------------------------------------------------------------------------------------


def frames(shown: Picture) -> list[tuple[str, str]]:
    def walk(frame: Frame) -> Iterator[Frame]:
        yield frame
        for inner in frame.inner:
            yield from walk(inner)

    return [(each.title, each.detail) for frame in shown.frames for each in walk(frame)]


def reads(shown: Picture) -> list[tuple[str, list[str], list[str]]]:
    """Each value with what it reads, and what it reads of the run before, by their operations."""
    word = {value.number: str(value.node.operation) for value in shown.values}
    return [
        (word[v.number], [word[n] for n in v.reads], [word[n] for n in v.reads_again])
        for v in shown.values
    ]


def test_runs_that_are_alike_are_one() -> None:
    shown = picture(model("model M(x: [; 2]) -> [; 2] { repeat 5 { x = tanh(relu(x)) } return x }"))
    assert frames(shown) == [("repeat 5", "carries x")]
    assert reads(shown) == [
        ("input", [], []),
        ("relu", ["input"], ["tanh"]),
        ("tanh", ["relu"], []),
    ]
    assert [shown.values[-1].number] == list(shown.outputs)


def test_what_every_run_reads_is_not_carried() -> None:
    text = "model M(x: [; 2]) -> [; 2] { s = tanh(x) repeat 3 { x = relu(x) + s } return x }"
    shown = picture(model(text))
    assert frames(shown) == [("repeat 3", "carries x")]
    assert reads(shown)[3] == ("+", ["tanh", "relu"], [])


def test_repeats_in_repeats_are_folded_into_one_body() -> None:
    text = """
    model M(x: [; 2]) -> [; 2] {
        repeat 2 { repeat 3 { x = relu(x) } x = tanh(x) }
        return x
    }
    """
    shown = picture(model(text))
    assert frames(shown) == [("repeat 2", "carries x"), ("repeat 3", "carries x")]
    assert reads(shown) == [
        ("input", [], []),
        ("relu", ["input"], ["relu", "tanh"]),
        ("tanh", ["relu"], []),
    ]


def test_parameters_of_all_runs_have_one_pattern() -> None:
    text = """
    block Layer(x) { return x + linear(relu(linear(x, 3, name = up)), 2, name = down) }
    model M(x: [; 2]) -> [; 2] { repeat 2 as blocks { x = Layer(x) } return x }
    """
    shown = picture(model(text))
    assert frames(shown) == [("repeat 2 as blocks of Layer", "carries x")]
    assert [value.path for value in shown.values if value.path] == ["blocks.*.up", "blocks.*.down"]


def test_runs_that_something_later_looks_into_stay_apart() -> None:
    text = "model M(x: [; 2]) -> [; 2] { repeat 2 { y = x  x = relu(x) } return x + y }"
    assert frames(picture(model(text))) == [("repeat 2", "unrolled"), ("run 1", ""), ("run 2", "")]


@pytest.mark.parametrize("count", [0, 1])
def test_repeat_of_few_runs(count: int) -> None:
    text = f"model M(x: [; 2]) -> [; 2] {{ repeat {count} {{ x = relu(x) }} return x }}"
    assert frames(picture(model(text))) == [("repeat 1", "")] * count


# --- For other programs --------------------------------------------------------------------------

HOSTILE = 'a "quoted" \\ <b>&amp; `x` #1; \n{end}'


def strings_and_rest(text: str) -> tuple[list[str], str]:
    """The quoted strings of a text, and what is left without them; fails where one is open."""
    strings = re.findall(r'"(?:[^"\\\n]|\\.)*"', text)
    rest = re.sub(r'"(?:[^"\\\n]|\\.)*"', "", text)
    assert '"' not in rest
    return strings, rest


@pytest.mark.parametrize("name", DRAWN)
def test_dot_is_well_formed(name: str) -> None:
    text = dot(models(DRAWN[name]))
    _, rest = strings_and_rest(text)
    assert rest.count("{") == rest.count("}") and rest.count("[") == rest.count("]")
    declared = set(re.findall(r"^ *(m\d+_\w+) \[", rest, re.MULTILINE))
    used = set(re.findall(r"\bm\d+_(?:\d+|return)\b", rest))
    assert declared == used


@pytest.mark.parametrize("name", DRAWN)
def test_mermaid_is_well_formed(name: str) -> None:
    text = mermaid(models(DRAWN[name]))
    _, rest = strings_and_rest(text)
    lines = [line.strip() for line in rest.splitlines()]
    assert lines[0] == "flowchart TD"
    assert sum(line.startswith("subgraph") for line in lines) == lines.count("end")
    declared = set(re.findall(r"^ *(m\d+_\w+)[\[(]", rest, re.MULTILINE))
    used = set(re.findall(r"\bm\d+_(?:\d+|return)\b", rest))
    assert declared == used


def test_what_means_something_to_the_reader_is_escaped() -> None:
    strings, rest = strings_and_rest(quoted_for_dot(HOSTILE))
    assert rest == "" and strings == ['"a \\"quoted\\" \\\\ <b>&amp; `x` #1; \\n{end}"']
    inner = quoted_for_mermaid(HOSTILE).removeprefix('"').removesuffix('"')
    assert not set('"<`') & set(inner.replace("<br/>", ""))
    assert re.sub(r"#(\w+);", "", inner).count("#") == 0


def test_what_goes_into_the_next_run_is_dashed() -> None:
    typed = model("model M(x: [; 2]) -> [; 2] { repeat 5 { x = tanh(relu(x)) } return x }")
    assert "m0_2 -> m0_1 [style=dashed, constraint=false]" in dot([typed])
    assert "m0_2 -.-> m0_1" in mermaid([typed])


@pytest.mark.parametrize("name", DRAWN)
def test_data_has_every_node_and_edge(name: str) -> None:
    typed = models(DRAWN[name])
    for data, each in zip(graph_data(typed).models, typed, strict=True):
        expected = {(s, t, place) for s, t, place in each.graph.networkx().edges(data="place")}
        assert {(edge.source, edge.to, edge.place) for edge in data.edges} == expected
        assert [node.id for node in data.nodes] == list(range(len(each.graph.nodes)))
        assert [node.path for node in data.nodes] == [node.path for node in each.graph.nodes]


def test_data_of_a_node() -> None:
    text = """
    axis n = S(4)
    axis p = 3
    model M(x: [n, p; 5]) -> [n, p; 5] { repeat 2 as b { x = linear(x, 5, bias = false) } return x }
    """
    node = graph_data([model(text)]).models[0].nodes[2].model_dump()
    assert node == {
        "id": 2,
        "label": "x",
        "operation": "linear",
        "attributes": {"channels": 5, "bias": False, "shared": False},
        "text": "linear{channels = 5, bias = False}",
        "type": "[n, p; 5]",
        "axes": [
            {"name": "n", "size": 4, "group": "S(4)"},
            {"name": "p", "size": 3, "group": "pinned"},
        ],
        "path": "b.1",
        "region": ["repeat b", "run 1"],
    }


def test_pinned_axes_have_no_colour() -> None:
    kind = Tensor((Axis("p", 3, Pinned()), Axis("n", 3, Symmetric())), None)
    assert palette([kind]) == {"n": 0}


# --- Groups by name --------------------------------------------------------------------------------

NAMED = """
group P = O(3)
group Mirror = <(1 2)>
axis y = 2  axis x = 2
group Turn on (y, x) = <(1 2 4 3)>
axis node = S(4)
axis u = P
axis l2 = P spin 2
axis axial = P spin 1 even
axis leg = Mirror
axis place = Mirror by matrices { [[1, 0], [0, -1]] }
model Spins(a: [node, l2, axial; 2], b: [u, u; 1]) -> [node, u, u; 1] { return equivariant((a, b), [node, u, u; 1]) }
model Legs(a: [leg, leg, place; 1], image: [y, x; 1]) -> [leg; 1], [; 1] { return equivariant(a, [leg; 1]), invariant(image, 1) }
"""


def test_a_named_group_stands_once_and_by_its_name() -> None:
    """The column of symmetry, by value; the line below says what the names mean."""
    lines = [line.plain for typed in models(NAMED) for line in draw(typed)]
    columns = [[part.strip() for part in line.split("  ") if part.strip()] for line in lines]
    shown = {tuple(each[i : i + 2]) for each in columns for i in (1, 2)}
    assert ("[node, l2, axial; 2]", "S(4) P spin 2 P spin 1 even") in shown
    assert ("[u, u; 1]", "P") in shown
    assert ("[leg, leg, place; 1]", "Mirror") in shown
    assert ("[y, x; 1]", "Turn") in shown


def test_groups_are_explained_by_name() -> None:
    models = specc.explain(NAMED).model_dump()["models"]
    groups = {each["axis"]: each["group"] for model in models for each in model["groups"]}
    assert groups == {
        "node": "S(4)",
        "u": "P = O(3)",
        "l2": "P spin 2",
        "axial": "P spin 1 even",
        "leg": "Mirror",
        "place": "Mirror",
        "y": "Turn on (y, x)",
        "x": "Turn on (y, x)",
    }
