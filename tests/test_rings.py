"""Layers along cyclic axes: as matrices or correlations, everywhere or in a window.

Truths are the shifts themselves, torch's circular convolutions, and spaces of matrices found by
linear algebra from shifts and distances.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from compiled import layer_report
from networks import draw
from oracles.linear_algebra import rank
from oracles.values import randomise
from torch import Tensor, nn
from torch.nn import functional as F

import specc
from specc.groups import Cyclic, Dihedral
from specc.planning import mixes
from specc.planning.cost import cheaper_tied_form
from specc.planning.plan import TiedForm, TiedSize
from specc.symmetry.rings import Ring, ring_maps
from specc.symmetry.ties import count_invariants
from specc_runtime import CirculantMix, TiedMix

SHIFTS = Path(__file__).parent.parent / "specs" / "shifts.spec"

AXES = (
    "axis ring = C(6)  axis y = C(4)  axis x = C(5)  axis die = D(7)  axis node = S(3)  axis k = 2"
)

LAYERS = {
    "ring": "x: [ring; 3] -> [ring; 2] |",
    "pairs": "x: [ring, ring; 2] -> [ring; 2] |",
    "pairs to pairs": "x: [ring, ring; 1] -> [ring, ring; 2] |",
    "image": "x: [y, x; 3] -> [x, y; 2] |",
    "beside nodes": "x: [node, ring; 2] -> [ring, node; 3] |",
    "beside pinned": "x: [k, ring; 2] -> [ring, k; 3] |",
    "pooled": "x: [ring; 3] -> [; 2] |",
    "broadcast": "x: [; 3] -> [ring; 2] |",
    "dihedral": "x: [die; 2] -> [die; 3] |",
    "window": "x: [ring; 3] -> [ring; 2] | support = 3",
    "image windows": "x: [y, x; 3] -> [x, y; 2] | support = [3, 5]",
    "windows of nodes": "x: [node, ring, node; 2] -> [ring, node; 3] | support = 5",
    "one window of pinned": "x: [k, ring; 2] -> [ring, k; 3] | support = 1",
    "dihedral window": "x: [die, node; 2] -> [die; 3] | support = 5",
}  # fmt: skip

every_layer = pytest.mark.parametrize("name", LAYERS)


def spec(name: str) -> str:
    types, _, options = LAYERS[name].partition("|")
    inputs, output = (part.strip() for part in types.split("->"))
    asked = f", {options.strip()}" if options.strip() else ""
    body = f"equivariant(x, {output}{asked}, name = layer)"
    return f"{AXES}\nmodel M({inputs}) -> {output} {{ return {body} }}"


SEVERAL = f"""{AXES}
model M(a: [ring; 2], b: [node, ring; 3], c: [ring, ring; 1]) -> [ring; 2] {{
    return equivariant((a, b, c), [ring; 2], name = layer)
}}"""
COLLECTION = f"""{AXES}
space Both {{ signal: [ring; 2] sets: [node, ring; 2] flat: [node; 2] }}
model M(b: Both) -> Both {{ return equivariant(b, 2, support = 3, name = layer) }}"""

TEXTS = {**{name: spec(name) for name in LAYERS}, "several": SEVERAL, "collection": COLLECTION}


def made(text: str, form: TiedForm, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """The model with every tied product in one form."""
    monkeypatch.setattr(mixes, "cheaper_tied_form", lambda *_: form)
    module: nn.Module = specc.load(text).M(dtype=torch.float64)
    monkeypatch.undo()
    return module


def products(module: nn.Module) -> list[TiedMix]:
    return [each for each in module.modules() if isinstance(each, TiedMix)]


@pytest.mark.parametrize("name", TEXTS)
def test_both_forms_compute_the_same_from_one_checkpoint(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix, circulant = (made(TEXTS[name], form, monkeypatch) for form in ("matrix", "circulant"))
    assert not any(isinstance(each, CirculantMix) for each in products(matrix))
    assert products(circulant) and all(isinstance(e, CirculantMix) for e in products(circulant))
    randomise(matrix, torch.Generator().manual_seed(0))
    state = matrix.state_dict()
    assert list(state) == list(circulant.state_dict())
    circulant.load_state_dict(state)
    inputs = draw(matrix, 3)
    first, second = matrix(**inputs), circulant(**inputs)
    torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", TEXTS)
def test_fresh_parameters_have_the_same_scale(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = []
    for form in ("matrix", "circulant"):
        torch.manual_seed(0)
        fresh.append(made(TEXTS[name], form, monkeypatch).state_dict())
    torch.testing.assert_close(fresh[0], fresh[1], rtol=0, atol=0)


# --- Against shifts and linear algebra -----------------------------------------------------------

SIZES = {"ring": 6, "y": 4, "x": 5, "die": 7, "k": 2}
RINGED = [name for name in LAYERS if "node" not in LAYERS[name]]


def axes(side: str) -> list[str]:
    return side[side.index("[") + 1 : side.index(";")].replace(",", " ").split()


def moves(name: str) -> list[np.ndarray]:
    """Where generators of the group of an axis take its positions; k is pinned."""
    positions = np.arange(SIZES[name])
    shift = [] if name == "k" else [np.roll(positions, 1)]
    return shift + ([(-positions) % len(positions)] if name == "die" else [])


def windows(name: str, named: Sequence[str]) -> dict[str, int]:
    """The support of each cyclic axis of a layer, by the order of the input."""
    options = LAYERS[name].partition("|")[2]
    numbers = [int(each) for each in options.replace("[", " ").replace("]", " ").replace(",", " ").split() if each.isdigit()]  # fmt: skip
    rings = [each for each in named if each != "k"]
    if not numbers:
        return {}
    return dict(zip(rings, numbers * (len(rings) if len(numbers) == 1 else 1), strict=True))


def commutant(name: str) -> tuple[np.ndarray, int]:
    """Rows that span the constraints on maps (outputs * inputs), and how many entries these have."""
    types = LAYERS[name].partition("|")[0]
    read, written = (axes(part) for part in types.split("->"))
    reach = windows(name, read)
    joint = [*written, *read]
    shape = [SIZES[each] for each in joint]
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    rows = []
    for mover in dict.fromkeys(joint):
        for move in moves(mover):
            moved = numbers
            for dim, each in enumerate(joint):
                moved = moved.take(move, dim) if each == mover else moved
            identity = np.eye(numbers.size)
            rows.append(identity[moved.ravel()] - identity)
    for place in product(*map(range, shape)):
        for each, support in reach.items():
            size = SIZES[each]
            steps = abs(place[written.index(each)] - place[len(written) + read.index(each)])
            if min(steps, size - steps) > support // 2:
                rows.append(np.eye(numbers.size)[[numbers[place]]])
    return np.concatenate(rows), numbers.size


@pytest.mark.parametrize("name", RINGED)
@pytest.mark.parametrize("form", ["matrix", "circulant"])
def test_maps_are_those_that_commute_and_reach_no_further(
    name: str, form: TiedForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random draws solve the constraints, and as many are independent as there are solutions."""
    constraints, entries = commutant(name)
    dimension = entries - rank(constraints)
    assert layer_report(spec(name))["maps"] == dimension
    text = spec(name).replace("; 1]", "; 2]").replace("; 3]", "; 2]")
    module = made(text, form, monkeypatch)
    drawn = []
    for seed in range(dimension + 2):
        randomise(module, torch.Generator().manual_seed(seed))
        drawn.append(matrix_of(module, name))
    maps = np.stack(drawn)
    assert np.abs(constraints @ maps.T).max() < 1e-9
    assert rank(maps) == dimension


def matrix_of(module: nn.Module, name: str) -> np.ndarray:
    """The entries (outputs * inputs) of the linear map between the first channels."""
    read, _ = (axes(part) for part in LAYERS[name].partition("|")[0].split("->"))
    shape = [SIZES[each] for each in read]
    count = int(np.prod(shape))
    unit = torch.zeros(count, *shape, 2, dtype=torch.float64)
    unit[..., 0] = torch.eye(count, dtype=torch.float64).reshape(count, *shape)
    with torch.no_grad():
        answers = (module(unit) - module(torch.zeros_like(unit)))[..., 0]
    return np.asarray(answers.reshape(count, -1).T.reshape(-1))


@pytest.mark.parametrize("support", [1, 3, 5])
@pytest.mark.parametrize("sizes", [(9,), (6, 8), (5, 6, 7)])
def test_a_layer_with_support_is_torchs_circular_convolution(
    sizes: tuple[int, ...], support: int
) -> None:
    names = "abc"[: len(sizes)]
    declared = "  ".join(f"axis {n} = C({size})" for n, size in zip(names, sizes, strict=True))
    kind = f"[{', '.join(names)}; {{}}]"
    text = f"{declared}\nmodel M(i: {kind.format(3)}) -> {kind.format(2)} {{ return equivariant(i, 2, support = {support}, name = layer) }}"  # fmt: skip
    module = specc.load(text).M(dtype=torch.float64)
    randomise(module, torch.Generator().manual_seed(0))
    weight, bias = (module.state_dict()[f"layer.mix_scalar.{end}"] for end in ("weight", "bias"))
    assert weight.shape == (support ** len(sizes), 2, 3)
    layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(sizes) - 1]
    conv = layer(3, 2, support, padding="same", padding_mode="circular", dtype=torch.float64)
    kernel = weight.reshape(*[support] * len(sizes), 2, 3).movedim((-2, -1), (0, 1))
    conv.load_state_dict({"weight": kernel, "bias": bias[0]})
    x = torch.randn(4, *sizes, 3, dtype=torch.float64)
    torch.testing.assert_close(module(x), conv(x.movedim(-1, 1)).movedim(1, -1))
    assert layer_report(text)["maps"] == support ** len(sizes)


@pytest.mark.parametrize("name", ["image", "image windows", "dihedral window", "windows of nodes"])
def test_shifts_and_reflections_commute_with_the_layer(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, written = (axes(part) for part in LAYERS[name].partition("|")[0].split("->"))
    for form in ("matrix", "circulant"):
        module = made(spec(name), form, monkeypatch)
        randomise(module, torch.Generator().manual_seed(0))
        x = draw(module, 2)["x"]
        for axis in set(read) & set(written) - {"node"}:
            dims = 1 + read.index(axis), 1 + written.index(axis)
            for move in moves(axis):
                where = torch.from_numpy(move)
                expected = module(x).index_select(dims[1], where)
                torch.testing.assert_close(module(x.index_select(dims[0], where)), expected)


@pytest.mark.parametrize("indices", [1, 2, 3, 4])
@pytest.mark.parametrize("group", ["C", "D"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_maps_are_counted_as_burnside_counts_them(group: str, size: int, indices: int) -> None:
    """The mean over the group of the number of tuples that an element leaves where they are."""
    positions = np.arange(size)
    elements = [(positions + shift) % size for shift in range(size)]
    elements += [(shift - positions) % size for shift in range(size)] if group == "D" else []
    fixed = [int((element == positions).sum()) ** indices for element in elements]
    made = Cyclic() if group == "C" else Dihedral()
    assert ring_maps(Ring(size, group == "D"), indices) == sum(fixed) // len(elements)
    assert count_invariants((made.action(size),) * indices) == sum(fixed) // len(elements)


# --- The choice -----------------------------------------------------------------------------------


def size_of(ring: int, channels: int, support: int | None = None) -> TiedSize:
    return TiedSize(ring * channels, ring * channels, ring, support or ring, support is not None)


@pytest.mark.parametrize("support", [None, 3])
def test_short_rings_are_matrices_and_long_ones_correlations(support: int | None) -> None:
    forms = [cheaper_tied_form([size_of(n, 8, support)], 1) for n in (2, 4, 8, 64, 512, 65_536)]
    assert forms == sorted(forms, reverse=True)  # "matrix" for short ones, and from some length on
    assert (forms[0], forms[-1]) == ("matrix", "circulant")


def test_what_has_no_ring_is_a_matrix() -> None:
    assert cheaper_tied_form([TiedSize(10_000, 10_000, 1, 1, False)], 1) == "matrix"


def test_an_image_has_no_matrix_of_its_positions() -> None:
    """65536 x 65536 labels would not fit into memory, neither here nor in the module."""
    text = """axis y = C(256)  axis x = C(256)
    model M(i: [y, x; 4]) -> [y, x; 4] {
        z = relu(equivariant(i, 4))
        return equivariant(z, 4, support = 3)
    }"""
    module = specc.load(text).M()
    assert all(isinstance(each, CirculantMix) for each in products(module))
    held = sum(value.numel() for value in (*module.parameters(), *module.buffers()))
    assert held < 256 * 256 * 4 * 4 + 10_000
    x = torch.randn(1, 256, 256, 4)
    with torch.no_grad():
        y = module(x)
        moved = module(x.roll((5, 100), (1, 2)))
    torch.testing.assert_close(moved, y.roll((5, 100), (1, 2)), rtol=1e-3, atol=1e-4)


def test_several_pools_of_a_tied_product_are_stacked() -> None:
    """A tied weight cannot be cut by columns, whatever formulation is asked for."""
    for plan in ("stack", "accumulate"):
        text = specc.api.generate(SEVERAL, {}, plan=plan)
        assert "accumulate(" not in text


# --- One file, one graph --------------------------------------------------------------------------

LONG = """
axis y = C(40)
axis x = C(12)
axis angle = D(300)
model M(image: [y, x; 2], a: [angle; 2]) -> [y, x; 2], [angle; 3] {
    z = equivariant(tanh(equivariant(image, 3)), 2, support = 3)
    return z, equivariant(equivariant(a, 2), 3, support = [5])
}
"""

ALONE = """
import sys
sys.modules["specc_runtime"] = None
import torch, model
given = torch.load("given.pt")
made = model.M()
made.load_state_dict(given["state"])
torch.save(made(*given["inputs"]), "found.pt")
"""


def test_a_standalone_file_needs_torch_alone(tmp_path: Path) -> None:
    (tmp_path / "model.spec").write_text(LONG, encoding="utf-8")
    specc.build(tmp_path / "model.spec", standalone=True)
    module = specc.load(LONG).M()
    assert {type(each) for each in products(module)} == {CirculantMix}
    inputs = list(draw(module, 2).values())
    torch.save({"state": module.state_dict(), "inputs": inputs}, tmp_path / "given.pt")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", ALONE], cwd=tmp_path, env=environment, check=True)
    found = torch.load(tmp_path / "found.pt")
    torch.testing.assert_close(found, module(*inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.representative
def test_one_graph_serves_every_batch_size() -> None:
    module = specc.load(LONG).M()
    torch._dynamo.reset()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True, dynamic=True)
    for batch in (3, 5):
        inputs = list(draw(module, batch).values())
        torch.testing.assert_close(compiled(*inputs), module(*inputs), rtol=1e-4, atol=1e-5)


# --- The library ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shifts() -> Any:
    return specc.load(SHIFTS, size=8)


def test_the_librarys_models_pass_verification() -> None:
    found = specc.verify(SHIFTS, size=6, width=2)
    assert found.ok
    layers = {(m.name, each.name): each for m in found.models for each in m.layers}
    maps = {name: each.maps for name, each in layers.items()}
    assert maps["Filter", "z"] == maps["Filter", "equivariant"] == 36
    assert maps["Classifier", "z"] == 9
    assert maps["Classifier", "stage.0"] == 15
    assert maps["Profile", "z"] == 3
    assert maps["Profile", "equivariant"] == 7
    assert all(each.rank == each.maps and each.unchecked is None for each in layers.values())


def test_the_classifier_is_a_network_of_circular_convolutions(shifts: Any) -> None:
    model = shifts.Classifier(dtype=torch.float64)
    randomise(model, torch.Generator().manual_seed(0))
    state = model.state_dict()

    def conv(x: Tensor, path: str, kernel: tuple[int, int]) -> Tensor:
        weight = state[f"{path}.mix_scalar.weight"]
        weight = weight.reshape(*kernel, *weight.shape[1:]).movedim((-2, -1), (0, 1))
        before, after = kernel[0] // 2, kernel[1] // 2
        padded = F.pad(x, (after, after, before, before), mode="circular")
        return F.conv2d(padded, weight, state[f"{path}.mix_scalar.bias"][0])

    image = torch.randn(3, 8, 8, 3, dtype=torch.float64)
    z = torch.relu(conv(image.movedim(-1, 1), "z", (3, 3)))
    for stage in range(2):
        z = z + torch.relu(conv(z, f"stage.{stage}", (3, 5)))
    names = [name for name in state if "mlp" in name]
    first, first_bias, last, last_bias = (state[name] for name in names)
    hidden = torch.relu(F.linear(z.mean((2, 3)), first, first_bias))
    torch.testing.assert_close(model(image), F.linear(hidden, last, last_bias))


def test_a_filter_is_a_product_in_frequencies(shifts: Any) -> None:
    model = shifts.Filter(dtype=torch.float64)
    randomise(model, torch.Generator().manual_seed(0))
    image = torch.randn(2, 8, 8, 1, dtype=torch.float64)
    layer = model.z
    weight, bias = layer.mix_scalar.weight, layer.mix_scalar.bias
    response = torch.fft.fft2(weight.reshape(8, 8, 8, 1), dim=(0, 1)).conj()
    seen = torch.fft.fft2(image, dim=(1, 2))
    expected = torch.fft.ifft2(torch.einsum("yxdc,byxc->byxd", response, seen), dim=(1, 2)).real
    torch.testing.assert_close(layer(image), expected + bias[0])
