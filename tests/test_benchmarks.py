"""The benchmarks compare what they say: the published maps are those of its definition and span ours, the
least work has the sizes of a layer's products, and figures come out of the tables as they went in.
"""

from __future__ import annotations

import mmap
from functools import partial
from itertools import product
from math import comb

import numpy as np
import pytest
import torch
from comparison import agreement, measure, memory, report
from comparison.contender import Absent
from comparison.contenders import CONTENDERS
from comparison.floor import floor, levels
from comparison.measure import Times
from comparison.partitions import Map, count_maps, maps
from comparison.spaces import SPACES, TINY, Axis, mlp, rnn, space_of
from rich.console import Console

SIZE = 256_000_000
TINY_BY_NAME = {space.name: space for space in TINY}


def bell(count: int) -> int:
    """Set partitions of so many."""
    return sum(comb(count - 1, k) * bell(k) for k in range(count)) if count else 1


@pytest.mark.parametrize("layers", [2, 3, 4, 7])
def test_the_maps_of_an_mlp_are_as_many_as_the_formula_says(layers: int) -> None:
    space = mlp("mlp", (5,) * (layers + 1), batch=1, channels=1)
    assert count_maps(space) == 4 * layers**2 + 10 * layers - 4


@pytest.mark.parametrize(("read", "written"), [(0, 0), (1, 1), (2, 1), (2, 2), (3, 2)])
def test_indices_of_one_axis_have_as_many_maps_as_set_partitions(read: int, written: int) -> None:
    words = {"x": " ".join(["a"] * read), "y": " ".join(["a"] * written)}
    space = space_of("", "", [Axis("a", 6)], words, batch=1, channels=1)
    assert len(maps(space, "y", "x")) == bell(read + written)


def test_keys_share_a_block_only_where_their_heads_do() -> None:
    """[head, key] to itself under a wreath product: another head, this head, this key."""
    axes = [Axis("head", 3), Axis("key", 4, inside="head")]
    space = space_of("", "", axes, {"x": "head key"}, batch=1, channels=1)
    assert maps(space, "x", "x") == [
        Map((0, 1), (0, 1)),
        Map((0, 1), (0, 2)),
        Map((0, 1), (2, 3)),
    ]


def by_definition(each: Map, x: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """One map of numbers, entry by entry: the mean of all inputs whose indices agree with the output's."""
    y = np.zeros(sizes)
    for output in product(*map(range, sizes)):
        agree = [
            x[source] for source in product(*map(range, x.shape)) if _agrees(each, output, source)
        ]
        y[output] = np.mean(agree) if agree else 0
    return y


def _agrees(each: Map, output: tuple[int, ...], source: tuple[int, ...]) -> bool:
    """Whether indices of one block are equal, all over."""
    blocks = zip((*each.outputs, *each.inputs), (*output, *source), strict=True)
    found: dict[int, int] = {}
    return all(found.setdefault(block, index) == index for block, index in blocks)


@pytest.mark.slow
@pytest.mark.representative
def test_published_maps_are_those_of_the_definition() -> None:
    """With a repeated axis on both sides, so that there are diagonals."""
    pytest.importorskip("jax")
    from comparison import published

    space = rnn("rnn", read=2, hidden=3, written=2, batch=1, channels=1)
    generator = np.random.default_rng(1)
    x = {name: generator.standard_normal(space.shape(name)) for name in space.tensors}
    drawn = published.draw(space, generator)
    results = published.linear(space, drawn, {name: np.float32(each) for name, each in x.items()})
    for output in space.tensors:
        sizes = space.shape(output)[1:-1]
        expected = sum(
            by_definition(each, x[source][0, ..., 0], sizes)
            * float(drawn[output][source][number, 0, 0])
            for source in space.tensors
            for number, each in enumerate(maps(space, output, source))
        )
        np.testing.assert_allclose(results[output][0, ..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("name", TINY_BY_NAME)
def test_the_published_maps_and_ours_span_the_same(name: str) -> None:
    pytest.importorskip("jax")
    space = TINY_BY_NAME[name]
    published, ours, both = agreement.ranks(
        agreement.published_matrices(space), agreement.our_matrices(space)
    )
    assert published == ours == both


def test_ranks_tell_layers_apart() -> None:
    """A layer that lacks a map, and one with a map of its own."""
    ours = agreement.our_matrices(TINY_BY_NAME["mlp"])
    fewer, both = ours[1:], np.concatenate([ours, np.eye(1, ours.shape[1])])
    assert agreement.ranks(fewer, ours) == (len(ours) - 1, len(ours), len(ours))
    assert agreement.ranks(both, ours) == (len(ours) + 1, len(ours), len(ours) + 1)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_nfn_is_given_tensors_whose_axes_it_means(name: str) -> None:
    """Its maps are among ours: it would mix other positions if an axis stood elsewhere."""
    pytest.importorskip("nfn")
    from comparison.nfn_layers import Layers, features

    space = TINY_BY_NAME[name]

    class Last(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = Layers(space, 1, activation=False)

        def forward(self, x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            results = self.layers(features(space, x))
            return {name: value.movedim(1, -1) for name, value in results.items()}

    module = Last()
    for parameter_name, parameter in module.named_parameters():
        if parameter_name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
            parameter.requires_grad_(False)
    theirs, ours, both = agreement.ranks(
        agreement.matrices(space, module), agreement.our_matrices(space)
    )
    assert 0 < theirs <= ours == both


@pytest.mark.parametrize("name", ["rnn", "transformer"])
def test_nfn_is_left_out_where_it_does_not_apply(name: str) -> None:
    pytest.importorskip("nfn")
    from comparison.nfn_layers import pairs

    with pytest.raises(Absent, match="chains of weights and biases"):
        pairs(TINY_BY_NAME[name])


@pytest.mark.slow
@pytest.mark.representative
def test_the_published_network_is_the_same_at_once_and_layer_by_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Results and gradients: of large spaces XLA sees a layer at a time."""
    jax = pytest.importorskip("jax")
    from comparison import compiled_published

    space = TINY_BY_NAME["cnn"]
    at_once = compiled_published.contender(space, 2, fused=True)
    monkeypatch.setattr(compiled_published, "MOST_MAPS", 0)
    monkeypatch.setattr(compiled_published, "WITHOUT_YNN", {})
    by_layers = compiled_published.contender(space, 2, fused=False)
    close = partial(np.testing.assert_allclose, atol=1e-5)
    jax.tree.map(close, at_once.forward(), by_layers.forward())
    jax.tree.map(close, at_once.training(), by_layers.training())


def test_the_least_work_has_the_products_of_the_full_sizes() -> None:
    """Rows are positions times batch; tensors on the same axes share one, and [h, h] is read both ways."""
    assert sorted(levels(SPACES["mlp-wide"])) == sorted(
        [
            (8 * 784 * 128, 16, 16),
            (8 * 128, 16, 16),
            (8 * 128 * 128, 16, 16),
            (8 * 128, 16, 16),
            (8 * 1280, 16, 16),
            (8 * 10, 16, 16),
        ]
    )
    assert (8 * 128 * 128, 32, 16) in levels(SPACES["rnn"])
    assert (16 * 64 * 32, 72, 72) in levels(SPACES["cnn"])
    assert levels(SPACES["transformer"]).count((2 * 64 * 64, 32, 32)) == 2 * 6


def test_the_least_work_runs() -> None:
    forward, training = floor(TINY_BY_NAME["rnn"], depth=2)
    forward()
    training()


def test_runs_take_turns_and_the_first_of_a_turn_does_not_count() -> None:
    calls: list[str] = []

    def run(name: str) -> None:
        calls.append(name)
        torch.linalg.svd(torch.eye(400))

    taken = measure.interleaved(
        {"a": lambda: run("a"), "b": lambda: run("b")}, repeats=3, budget=0.0, pause=0.0
    )
    counted = {name: len(seconds) for name, (_, seconds) in taken.items()}
    assert all(count >= measure.FEWEST for count in counted.values())
    assert calls.count("a") == 1 + 3 + counted["a"]
    assert calls[:2] == ["a", "b"]
    turns = "".join(calls[2:])
    assert turns.index("b") < turns.rindex("a")


def times(contender: str, milliseconds: float, way: str = "forward") -> Times:
    seconds = tuple(1e-3 * (milliseconds + off) for off in (-0.5, 0.0, 9.0))
    return Times("default", "cnn", "layer", way, contender, 0.1, seconds)


def test_tables_have_medians_and_ratios() -> None:
    found = [
        times("JAX", 30.0),
        times("JAX, YNN off", 24.0),
        times("eager", 12.0),
        times("compiled", 8.0),
        times("floor", 4.0),
        times("eager", 40.0, "training"),
    ]
    first, second = report.rows(found)
    cells = dict(zip(report.HEAD, first, strict=True))
    assert cells["space"] == "cnn" and cells["model"] == "layer, forward"
    assert cells["JAX (ms)"] == "30.0" and cells["floor (ms)"] == "4.00"
    assert cells["nfn (ms)"] == cells["nfn / best"] == report.NONE
    assert cells["JAX / best"] == "3.00" and cells["JAX / eager"] == "2.00"
    assert cells["best / floor"] == "2.00" and cells["JAX / floor"] == "6.00"
    assert dict(zip(report.HEAD, second, strict=True))["eager (ms)"] == "40.0"


def test_the_short_table_has_the_faster_of_two() -> None:
    found = [
        *(times("JAX", 30.0), times("JAX, YNN off", 24.0), times("nfn", 60.0)),
        *(times("eager", 12.0), times("compiled", 8.0), times("native", 6.0), times("floor", 4.0)),
    ]
    row = report.markdown("a title", found).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    milliseconds = ["24.0", "60.0", "8.00", "6.00", "4.00"]
    assert cells == ["cnn", "layer, forward", *milliseconds, "4.00", "3.00", "10.00", "1.50"]


def test_every_contender_has_a_column() -> None:
    assert tuple(CONTENDERS) == report.CONTENDERS


def test_tables_render_and_are_kept() -> None:
    found = [times("eager", 12.0), times("floor", 4.0)]
    console = Console(width=300, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(report.table("a title", found))
    text = console.export_text()
    assert "a title" in text and "12.0" in text and "3.00" in text
    lines = report.markdown("a title", found).splitlines()
    assert {line.count("|") for line in lines[2:]} == {len(report.SHORT_HEAD) + 1}
    assert report.from_json(report.to_json("a machine", found)) == found
    assert "CNN 3-32-64-64-10" in report.legend(["cnn"])


def filled() -> mmap.mmap:
    """A buffer of its own from the system, of which every page is written, without another beside it."""
    held = mmap.mmap(-1, SIZE)
    for start in range(0, SIZE, mmap.PAGESIZE):
        held[start] = 1
    return held


def test_memory_counts_what_is_held_and_the_peak_what_was() -> None:
    before = memory.resident()
    memory.forget_peak()
    held = filled()
    assert memory.resident() - before > 0.9 * SIZE
    held.close()
    assert memory.resident() - before < 0.5 * SIZE
    assert memory.peak() - before > 0.9 * SIZE


def test_memory_is_told_line_by_line() -> None:
    """After the line that takes it, and after the line that lets it go."""

    def run() -> None:
        held = filled()
        held.close()

    first = run.__code__.co_firstlineno
    found = {line.number: line.resident for line in memory.after_each_line(run, __file__)}
    assert found[first + 1] - found[first + 2] > 0.9 * SIZE
