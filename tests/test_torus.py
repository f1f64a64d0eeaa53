"""Groups by cycles that are transitive and abelian: their positions are a torus's, and layers correlate.

Truths are shifts of an array, which are labelled at random and never seen by the compiler as shifts;
torch's transforms of that array; and spaces of matrices found by linear algebra from the cycles.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from compiled import layer_report
from networks import draw
from oracles.linear_algebra import rank
from oracles.values import randomise
from torch import Tensor, nn

import specc
from specc.planning import mixes
from specc.planning.plan import TiedForm
from specc_runtime import CirculantMix, TiedMix
from specc_runtime.actions import dihedral, matrices, permutations
from specc_runtime.torus import torus

Move = np.ndarray
"""Where each position goes."""


def shifts(sizes: Sequence[int], vectors: Sequence[Sequence[int]], seed: int | None) -> list[Move]:
    """Shifts of an array by vectors, its places labelled at random; row-major without a seed."""
    count = math.prod(sizes)
    labels = np.arange(count)
    if seed is not None:
        np.random.default_rng(seed).shuffle(labels)
    array = labels.reshape(sizes)
    found = []
    for vector in vectors:
        move = np.empty(count, dtype=int)
        move[array] = np.roll(array, [-each for each in vector], range(len(sizes)))
        found.append(move)
    return found


def cycles(move: Move) -> str:
    """A permutation as a spec writes it."""
    seen: set[int] = set()
    text = ""
    for start in range(len(move)):
        cycle = []
        while start not in seen:
            seen.add(start)
            cycle.append(start + 1)
            start = int(move[start])
        text += f"({' '.join(map(str, cycle))})" if len(cycle) > 1 else ""
    return text or "()"


GROUPS: dict[str, list[Move]] = {
    "one cycle": shifts([6], [[1]], None),
    "a scrambled cycle": shifts([7], [[1]], 1),
    "a power": shifts([6], [[5]], 2),
    "a cycle and its powers": shifts([6], [[2], [3], [4]], 3),
    "a torus": shifts([2, 3], [[1, 0], [0, 1]], None),
    "columns first": shifts([2, 4], [[0, 1], [1, 0]], None),
    "a scrambled torus": shifts([2, 4], [[1, 1], [0, 1]], 4),
    "skew": shifts([4, 2], [[1, 1], [2, 1]], 5),
    "Klein": shifts([2, 2], [[1, 0], [0, 1]], 6),
    "three rings": shifts([2, 2, 2], [[1, 1, 0], [0, 1, 1], [1, 1, 1]], 7),
    "with the identity": shifts([5], [[0], [2]], 8),
}
every_group = pytest.mark.parametrize("name", GROUPS)


@every_group
def test_each_generator_shifts_the_torus(name: str) -> None:
    size = len(GROUPS[name][0])
    found = torus(permutations(*map(cycles, GROUPS[name]), degree=size))
    assert found is not None
    assert sorted(found.positions) == list(range(size)) and found.positions[0] == 0
    assert math.prod(found.sizes) == size and min(found.sizes) > 1
    array = np.array(found.positions).reshape(found.sizes)
    for move in GROUPS[name]:
        place = np.argwhere(array == move[0])[0]
        assert (move[array] == np.roll(array, list(-place), range(array.ndim))).all()


@pytest.mark.parametrize("seed", range(40))
def test_random_generators_of_random_groups(seed: int) -> None:
    """Random vectors: where they reach every place they shift a torus of as many, else there is none."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([1, 2, 3, 4, 6], size=rng.integers(1, 4))
    vectors = rng.integers(0, 6, size=(rng.integers(1, 5), len(sizes))) % sizes
    moves = shifts(sizes, vectors, seed)
    reached = {0}
    while (more := reached | {int(move[p]) for move in moves for p in reached}) != reached:
        reached = more
    found = torus(permutations(*map(cycles, moves), degree=len(moves[0])))
    assert (found is not None) == (len(reached) == len(moves[0]))
    if found is not None:
        array = np.array(found.positions).reshape(found.sizes)
        for move in moves:
            place = np.argwhere(array == move[0])[0]
            assert (move[array] == np.roll(array, list(-place), range(array.ndim))).all()


def test_positions_that_stand_in_order_are_left_there() -> None:
    for name in ("one cycle", "a torus", "columns first"):
        moves = GROUPS[name]
        found = torus(permutations(*map(cycles, moves), degree=len(moves[0])))
        assert found is not None and found.is_ordered


@pytest.mark.parametrize(
    "action",
    [
        dihedral(3),
        permutations("(1 2 3)(4 5 6)", degree=6),
        permutations("(1 2)", degree=3),
        permutations("(1 2 3)", "(1 2)", degree=3),
        matrices([[0, -1], [1, 0]]),
        matrices([[0, 1], [-1, 0]], lie=True),
    ],
)
def test_other_groups_have_no_torus(action: object) -> None:
    assert torus(action) is None  # type: ignore[arg-type]


# --- Layers -----------------------------------------------------------------------------------------

LAYERS = {
    "itself": "[p; 3] -> [p; 2]",
    "from pairs": "[p, p; 2] -> [p; 1]",
    "to pairs": "[p; 1] -> [p, p; 2]",
    "beside others": "[k, p, c; 2] -> [c, p; 3]",
    "pooled": "[p, c; 2] -> [c; 3]",
}
every_layer = pytest.mark.parametrize("layer", LAYERS)


def declared(moves: Sequence[Move]) -> str:
    group = f"group G = <{', '.join(map(cycles, moves))}> on {len(moves[0])}"
    return f"{group}\naxis p = G  axis c = C(3)  axis k = 2\n"


def spec(moves: Sequence[Move], types: str) -> str:
    read, written = types.split(" -> ")
    body = f"equivariant(x, {written}, name = layer)"
    return f"{declared(moves)}model M(x: {read}) -> {written} {{ return {body} }}"


def made(text: str, form: TiedForm, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """The model with every tied product in one form."""
    monkeypatch.setattr(mixes, "cheaper_tied_form", lambda *_: form)
    module: nn.Module = specc.load(text).M(dtype=torch.float64)
    monkeypatch.undo()
    return module


@every_group
@every_layer
def test_both_forms_compute_the_same_from_one_checkpoint(
    name: str, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = spec(GROUPS[name], LAYERS[layer])
    matrix, circulant = (made(text, form, monkeypatch) for form in ("matrix", "circulant"))
    kinds = [type(each) for each in circulant.modules() if isinstance(each, TiedMix)]
    assert kinds and set(kinds) == {CirculantMix}
    randomise(matrix, torch.Generator().manual_seed(0))
    state = matrix.state_dict()
    assert list(state) == list(circulant.state_dict())
    circulant.load_state_dict(state)
    inputs = draw(matrix, 3)
    torch.testing.assert_close(circulant(**inputs), matrix(**inputs), rtol=1e-10, atol=1e-10)


@every_group
def test_one_map_for_each_element(name: str) -> None:
    """A group that is transitive and abelian has as many elements as positions."""
    size = len(GROUPS[name][0])
    assert layer_report(spec(GROUPS[name], LAYERS["itself"]))["maps"] == size
    assert layer_report(spec(GROUPS[name], LAYERS["from pairs"]))["maps"] == size**2
    assert layer_report(spec(GROUPS[name], LAYERS["beside others"]))["maps"] == 2 * size * 3


@every_group
@pytest.mark.parametrize("layer", ["itself", "from pairs"])
def test_maps_are_those_that_commute(
    name: str, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random draws solve the constraints, and as many are independent as there are solutions."""
    moves = GROUPS[name]
    size, indices = len(moves[0]), 2 + (layer == "from pairs")
    tuples = np.indices([size] * indices).reshape(indices, -1)
    numbers = np.arange(size**indices).reshape([size] * indices)
    identity = np.eye(numbers.size)
    constraints = np.concatenate([identity[numbers[tuple(m[tuples])]] - identity for m in moves])
    module = made(spec(moves, LAYERS[layer]), "circulant", monkeypatch)
    unit = torch.eye(size ** (indices - 1), dtype=torch.float64)
    x = unit.reshape(-1, *[size] * (indices - 1), 1).expand(*[-1] * indices, 3 - (indices == 3))
    drawn = []
    for seed in range(size ** (indices - 1) + 2):
        randomise(module, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            answers = (module(x) - module(torch.zeros_like(x)))[..., 0]
        drawn.append(answers.T.flatten().numpy())
    maps = np.stack(drawn)
    assert np.abs(constraints @ maps.T).max() < 1e-9
    assert rank(maps) == size ** (indices - 1) == numbers.size - rank(constraints)


def test_a_group_may_act_jointly_or_by_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a knight on a board of 3 x 3 that is a torus; and a cycle as a matrix."""
    moves = shifts([3, 3], [[1, 2], [1, 1]], None)
    group = ", ".join(map(cycles, moves))
    joint = f"""axis y = 3  axis x = 3  group Knight on (y, x) = <{group}>
    model M(i: [y, x; 2]) -> [y, x; 3] {{ return equivariant(i, 3, name = layer) }}"""
    by_matrix = """group Turn = matrices { [[0, 0, 1], [1, 0, 0], [0, 1, 0]] }
    axis t = Turn
    model M(i: [t; 2]) -> [t; 3] { return equivariant(i, 3, name = layer) }"""
    for text, maps in ((joint, 9), (by_matrix, 3)):
        matrix, circulant = (made(text, form, monkeypatch) for form in ("matrix", "circulant"))
        assert any(isinstance(each, CirculantMix) for each in circulant.modules())
        assert layer_report(text)["maps"] == maps
        randomise(matrix, torch.Generator().manual_seed(0))
        circulant.load_state_dict(matrix.state_dict())
        inputs = draw(matrix, 3)
        torch.testing.assert_close(circulant(**inputs), matrix(**inputs), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sizes", [(32, 32), (1024,), (2,) * 10, (4, 16, 16)])
@pytest.mark.parametrize("seed", [None, 0])
def test_a_long_torus_is_a_product_in_frequencies(sizes: tuple[int, ...], seed: int | None) -> None:
    """1024 positions, labelled at random: against transforms of the array whose shifts they are."""
    axes = range(len(sizes))
    vectors = [[int(i == k) for k in axes] for i in axes]
    moves = shifts(sizes, vectors, seed)
    text = spec(moves, LAYERS["itself"])
    assert layer_report(text)["maps"] == 1024
    module = specc.load(text).M(dtype=torch.float64)
    (mix,) = (each for each in module.modules() if isinstance(each, TiedMix))
    assert isinstance(mix, CirculantMix)
    held = sum(value.numel() for value in (*module.parameters(), *module.buffers()))
    assert held < 1024 * (2 * 3 + 5)
    randomise(module, torch.Generator().manual_seed(0))
    labels = np.arange(1024)
    if seed is not None:
        np.random.default_rng(seed).shuffle(labels)
    array = torch.from_numpy(labels.reshape(sizes))
    assert mix.weight is not None and mix.bias is not None
    x = torch.randn(2, 1024, 3, dtype=torch.float64)
    first = [-int(place) for place in np.argwhere(labels.reshape(sizes) == 0)[0]]
    response = transformed(mix.weight[array].roll(first, tuple(axes)), torch.fft.fft, axes).conj()
    seen = transformed(x[:, array].movedim(0, -2), torch.fft.fft, axes)
    multiplied = torch.einsum("...dc,...bc->...bd", response, seen)
    expected = transformed(multiplied, torch.fft.ifft, axes).real + mix.bias
    answer = module(x)[:, array].movedim(0, -2)
    torch.testing.assert_close(answer, expected, rtol=1e-10, atol=1e-10)


def transformed(values: Tensor, transform: Callable[..., Tensor], axes: Iterable[int]) -> Tensor:
    for axis in axes:
        values = transform(values, dim=axis)
    return values


def test_modules_are_one_graph_and_travel() -> None:
    """Compiled as one graph for every batch; orders of positions follow a change of precision."""
    module = specc.load(spec(shifts([8, 40], [[1, 1], [0, 3]], 0), LAYERS["itself"])).M()
    assert any(isinstance(each, CirculantMix) for each in module.modules())
    torch._dynamo.reset()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True, dynamic=True)
    for batch in (3, 5):
        x = torch.randn(batch, 320, 3)
        torch.testing.assert_close(compiled(x), module(x), rtol=1e-4, atol=1e-5)
    before = module(x)
    double = module.double()(x.double())
    torch.testing.assert_close(double.float(), before, rtol=1e-4, atol=1e-5)
    names = {name for name, _ in module.named_parameters()}
    assert set(module.state_dict()) == names


def test_a_standalone_file_has_the_torus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = spec(shifts([32, 32], [[1, 0], [0, 1]], 0), LAYERS["itself"])
    (tmp_path / "model.spec").write_text(text, encoding="utf-8")
    specc.build(tmp_path / "model.spec", standalone=True)
    assert "from specc_runtime" not in (tmp_path / "model.py").read_text(encoding="utf-8")
    found = importlib.util.spec_from_file_location("torus_alone", tmp_path / "model.py")
    assert found is not None and found.loader is not None
    file = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "torus_alone", file)  # where its dataclasses look for names
    found.loader.exec_module(file)
    module, alone = specc.load(text).M(), file.M()
    alone.load_state_dict(module.state_dict())
    x = torch.randn(2, 1024, 3)
    torch.testing.assert_close(alone(x), module(x))


@pytest.mark.parametrize("place", list(product(range(2), range(3)))[1:])
def test_shifts_commute_with_the_layer(place: tuple[int, int]) -> None:
    (move,) = shifts([2, 3], [place], 9)
    moves = shifts([2, 3], [[1, 0], [0, 1]], 9)
    module = specc.load(spec(moves, LAYERS["to pairs"])).M(dtype=torch.float64)
    randomise(module, torch.Generator().manual_seed(0))
    x = torch.randn(2, 6, 1, dtype=torch.float64)
    inverse = torch.from_numpy(np.argsort(move))
    expected = module(x)[:, inverse][:, :, inverse]
    torch.testing.assert_close(module(x[:, inverse]), expected, rtol=1e-10, atol=1e-10)
