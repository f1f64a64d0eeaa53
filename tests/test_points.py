"""Points and displacements over E(n): types, what is refused, and layers against brute force."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import pytest
import torch
from library import SPECS
from sampled import check_runs, models_of
from torch import Tensor, nn

import specc
from specc.api import generate
from specc.emit.standalone import standalone
from specc.errors import SpecError, SpecErrors, leaves
from specc.terminal.cli import main

AXES = "axis p = S({positions})\naxis k = 2\naxis x = {group}({size})\n"

# --- Brute force -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A type as it is written: its axes by letter, its channels, whether it is of points."""

    axes: tuple[str, ...]
    channels: int
    points: bool

    @staticmethod
    def of(text: str) -> Written:
        match = re.fullmatch(r"\[([^;]*)(?:; (\d+))?\]( displacement)?", text)
        assert match is not None
        axes = tuple(axis for axis in match[1].replace(" ", "").split(",") if axis)
        return Written(axes, int(match[2] or 1), "x" in axes and match[3] is None)


@dataclass(frozen=True)
class Element:
    """A group element: a matrix for each axis by letter, and a translation."""

    matrices: dict[str, Tensor]
    translation: Tensor

    def on(self, written: Written) -> Tensor:
        """Its linear part on a tensor, channels last."""
        result = torch.eye(1, dtype=torch.float64)
        for axis in written.axes:
            result = torch.kron(result, self.matrices[axis].contiguous())
        return torch.kron(result, torch.eye(written.channels, dtype=torch.float64))

    def moves(self, written: Written) -> Tensor:
        """What its translation adds to a tensor, flattened."""
        result = torch.ones(1, dtype=torch.float64)
        for axis in written.axes:
            here = self.translation if axis == "x" else torch.ones(len(self.matrices[axis]))
            result = torch.kron(result, here.to(torch.float64))
        return torch.kron(result, torch.ones(written.channels)) * written.points


def elements(positions: int, group: str, size: int) -> Iterator[Element]:
    """Generators: a swap, a rotation of positions, orthogonal matrices, translations along each axis."""
    still = {
        "p": torch.eye(positions, dtype=torch.float64),
        "k": torch.eye(2, dtype=torch.float64),
        "x": torch.eye(size, dtype=torch.float64),
    }
    nowhere = torch.zeros(size, dtype=torch.float64)
    for direction in torch.eye(size, dtype=torch.float64):
        yield Element(still, direction)
    if positions > 1:
        yield Element({**still, "p": still["p"].roll(1, 0)}, nowhere)
        yield Element({**still, "p": still["p"][[1, 0, *range(2, positions)]]}, nowhere)
    generator = torch.Generator().manual_seed(3)
    for _ in range(2):
        normal = torch.randn(size, size, generator=generator, dtype=torch.float64)
        yield Element({**still, "x": torch.linalg.matrix_exp(normal - normal.T)}, nowhere)
    if group == "E":
        flip = still["x"].clone()
        flip[0, 0] = -1
        yield Element({**still, "x": flip}, nowhere)


def affine_dimensions(
    inputs: Sequence[Written], output: Written, group: Sequence[Element]
) -> tuple[int, int]:
    """The dimensions of the affine maps that commute with a group, and of the constants among them.

    Differences L x + b of two maps satisfy rho_out L = L rho_in, L t = 0 and rho_out b = b.
    """
    linear, constant = [], []
    for element in group:
        read = torch.block_diag(*(element.on(each) for each in inputs))
        written = element.on(output)
        shift = torch.cat([element.moves(each) for each in inputs])
        rows, columns = torch.eye(len(written)).double(), torch.eye(len(read)).double()
        linear.append(torch.kron(written, columns) - torch.kron(rows, read.T.contiguous()))
        linear.append(torch.kron(rows, shift[None]))
        constant.append(written - rows)
    return _nullity(torch.cat(linear)), _nullity(torch.cat(constant))


def _nullity(matrix: Tensor) -> int:
    values = torch.linalg.eigvalsh(matrix.T @ matrix)
    return int((values < 1e-10).sum())


# --- Layers ------------------------------------------------------------------------------------------


def layer(inputs: Sequence[str], output: str, axes: str) -> nn.Module:
    arguments = ", ".join(f"x{n}: {each}" for n, each in enumerate(inputs, start=1))
    names = ", ".join(f"x{n}" for n in range(1, 1 + len(inputs)))
    given = f"({names})" if len(inputs) > 1 else names
    text = (
        f"{axes}model M({arguments}) -> {output} {{ y = equivariant({given}, {output}) return y }}"
    )
    ((_, model),) = models_of(text)
    return model.double()


def randomise(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64))


def answers(
    model: nn.Module, inputs: Sequence[Written], sizes: dict[str, int], x: Tensor
) -> Tensor:
    """A model on flattened inputs `(batch, numbers)`, its answers flattened."""
    shapes = [[*(sizes[axis] for axis in each.axes), each.channels] for each in inputs]
    parts = x.split([prod(shape) for shape in shapes], 1)
    values = [part.reshape(len(x), *shape) for part, shape in zip(parts, shapes, strict=True)]
    result: Tensor = model(*values)
    return result.flatten(1)


CASES: list[tuple[tuple[str, ...], str]] = [
    (("[p, x; 2]",), "[p, x; 1]"),
    (("[p, x; 1]",), "[p, x; 1]"),
    (("[p, x; 1]",), "[x; 1]"),
    (("[x; 1]",), "[p, x; 2]"),
    (("[p, x; 2]",), "[p, x; 1] displacement"),
    (("[x; 2]",), "[x; 1] displacement"),
    (("[p, x; 1]", "[p, x; 1] displacement"), "[p, x; 1]"),
    (("[p, x; 1]", "[x; 2]", "[p; 1]"), "[x; 1]"),
    (("[p, x; 1] displacement", "[p, x; 2]"), "[p, x; 1] displacement"),
    (("[k, x; 1]",), "[k, x; 1]"),
    (("[k, x; 2]", "[x; 1] displacement"), "[x; 1]"),
    (("[x, p; 1]",), "[p, x; 1]"),
    (("[p, x; 2]",), "[x, x; 1] displacement"),
    (("[p, x; 2]", "[x, x; 1] displacement"), "[x, x; 1] displacement"),
    (("[p, x; 2]", "[x, x; 1] displacement"), "[p; 1]"),
    (("[p, p, x; 1]",), "[p, x; 1]"),
    (("[p, x; 1]",), "[p, p, x; 1]"),
    (("[p, x; 2]",), "[p, p, x; 1] displacement"),
]

GRID = [
    (positions, group, size)
    for positions, group, size in product((2, 3), ("E", "SE"), (1, 2, 3))
    if (group, size) != ("SE", 1)
]


@pytest.mark.parametrize(("inputs", "output"), CASES, ids=str)
@pytest.mark.parametrize(("positions", "group", "size"), GRID, ids=str)
def test_a_layer_is_every_affine_map(
    inputs: tuple[str, ...], output: str, positions: int, group: str, size: int
) -> None:
    """As many parameters as the affine family has dimensions, each of which it reaches."""
    read, written = [Written.of(each) for each in inputs], Written.of(output)
    sizes = {"p": positions, "k": 2, "x": size}
    numbers = [prod(sizes[axis] for axis in each.axes) * each.channels for each in (*read, written)]
    if sum(numbers[:-1]) * numbers[-1] > 700:
        pytest.skip("too many equations for brute force")
    group_elements = list(elements(positions, group, size))
    maps, constants = affine_dimensions(read, written, group_elements)
    axes = AXES.format(positions=positions, group=group, size=size)
    try:
        model = layer(inputs, output, axes)
    except SpecError as error:
        assert error.message.startswith("no linear map leads from")
        assert maps == 0 and not written.points
        return
    assert sum(parameter.numel() for parameter in model.parameters()) == maps + constants
    inputs_at = torch.cat(
        [torch.zeros(1, sum(numbers[:-1])), torch.eye(sum(numbers[:-1]))]
    ).double()
    found = []
    for _ in range(maps + constants + 2):
        randomise(model)
        found.append(answers(model, read, sizes, inputs_at).flatten())
    differences = torch.stack(found)[1:] - found[0]
    values = torch.linalg.svdvals(differences)
    assert int((values > 1e-9).sum()) == maps + constants
    x = torch.randn(1, sum(numbers[:-1]), dtype=torch.float64)
    plain = answers(model, read, sizes, x)[0]
    for element in group_elements:
        moved = torch.cat(
            [
                element.on(each) @ part + element.moves(each)
                for each, part in zip(read, x[0].split(numbers[:-1]), strict=True)
            ]
        )
        wanted = element.on(written) @ plain + element.moves(written)
        torch.testing.assert_close(answers(model, read, sizes, moved[None])[0], wanted)


FEW = [
    (1, "E", 2, ("[p, x; 2]",), "[p, x; 1]"),
    (2, "SE", 2, ("[p, x; 2]",), "[x, x, x; 1] displacement"),
    (2, "SE", 2, ("[p, x; 1]", "[x, x; 1] displacement"), "[k; 1]"),
    (2, "E", 2, ("[p, p, x; 1]",), "[p, p, x; 1]"),
    (2, "E", 1, ("[p, p, p, x; 1]",), "[p, p, x; 1]"),
    (4, "E", 1, ("[p, p, x; 1]",), "[p, x; 1]"),
]


@pytest.mark.parametrize(("positions", "group", "size", "inputs", "output"), FEW, ids=str)
def test_a_layer_is_every_affine_map_around_its_thresholds(
    positions: int, group: str, size: int, inputs: tuple[str, ...], output: str
) -> None:
    test_a_layer_is_every_affine_map(inputs, output, positions, group, size)


# --- Types -------------------------------------------------------------------------------------------

VALUES = "a: [p, x; 4], b: [p, x; 4], v: [p, x; 4] displacement, h: [p; 4]"
PARTICLES = AXES.format(positions=5, group="E", size=3) + (
    "space G { a: [p, x; 4] v: [p, x; 4] displacement h: [p; 4] }\n"
)


def errors_of(text: str) -> list[SpecError]:
    with pytest.raises((SpecError, SpecErrors)) as caught:
        specc.check(text)
    error = caught.value
    return list(leaves(error)) if isinstance(error, SpecErrors) else [error]  # type: ignore[list-item]


ADMITTED = {
    "a - b": "[p, x; 4] displacement",
    "a + v": "[p, x; 4]",
    "v + a": "[p, x; 4]",
    "a - v": "[p, x; 4]",
    "v - v": "[p, x; 4] displacement",
    "-v * h": "[p, x; 4] displacement",
    "mean[p](a)": "[x; 4]",
    "sum[p](v)": "[x; 4] displacement",
    "a - mean[p](a)": "[p, x; 4] displacement",
    "linear(a, 2)": "[p, x; 2]",
    "linear(v, 2)": "[p, x; 2] displacement",
    "concat(a, b)": "[p, x; 8]",
    "gate(a - b)": "[p, x; 4] displacement",
    "inner(a - b, v)": "[p; 16]",
    "outer(v, a - b)": "[p, x, x; 16] displacement",
    "equivariant(a, 2)": "[p, x; 2]",
    "equivariant(v, 2)": "[p, x; 2] displacement",
    "equivariant(a, [p, x; 2] displacement)": "[p, x; 2] displacement",
    "equivariant((a, v, h), [x; 1])": "[x; 1]",
    "G(a = a, v = v, h = h)": "G(; 4)",
    "equivariant(G(a = a, v = v, h = h), 2)": "G(; 2)",
}


@pytest.mark.parametrize("expression", ADMITTED)
def test_what_a_combination_is(expression: str) -> None:
    written = ADMITTED[expression]
    text = f"{PARTICLES}model M({VALUES}) -> {written} {{ return {expression} }}"
    ((typed, model),) = models_of(text)
    assert str(typed.types[-1]) == written
    check_runs(typed, model)


def test_the_result_of_a_model_is_what_is_declared() -> None:
    model = "model M(a: [p, x], v: [p, x] displacement) -> "
    assert [e.message for e in errors_of(f"{PARTICLES}{model}[p, x] {{ return v }}")] == [
        "the model declares [p, x] and returns [p, x] displacement: it holds displacements, not points"
    ]
    assert [
        e.message for e in errors_of(f"{PARTICLES}{model}[p, x] displacement {{ return a }}")
    ] == [
        "the model declares [p, x] displacement and returns [p, x]: it holds points, not displacements"
    ]


TWO = "a sum of points is not a point under translation (two points weigh 2)"
REFUSED = {
    "a + b": TWO,
    "G(a = a, v = v, h = h) + G(a = b, v = v, h = h)": TWO,
    "sum[p](a)": "a sum of points is not a point under translation (five points weigh 5)",
    "v - a": "a displacement minus a point is not a point under translation: it weighs -1",
    "concat(a, v)": "`concat` would put points and displacements into one tensor, and translations"
    " move only the points",
    "equivariant((v, h), [x; 1])": "no point leads to [x; 1]: a point weighs one, and displacements"
    " and invariants weigh zero",
    "linear(G(a = a, v = v, h = h), 4, shared = true)": "`shared = true` needs all tensors to be"
    " points, or none: channels of points are mixed with weights that sum to one",
    "G(a = v, v = v, h = h)": "`a` of G is [p, x; 4], and this is [p, x; 4] displacement",
    "equivariant(a, [x, x; 1])": "points have one index of coordinates, and here are 2",
    "equivariant(a, [p; 1] displacement)": "`displacement` is said of what has an axis with"
    " translations, and this has none",
}
ORIGIN = {
    "2 * a": "2 *",
    "a * h": "*",
    "h / a": "/",
    "a ^ 2": "^ 2",
    "relu(a)": "relu",
    "tanh(a)": "tanh",
    "mlp(a, 2, 2)": "mlp",
    "gate(a)": "gate",
    "norm_act(a)": "norm_act",
    "inner(a, v)": "inner",
    "outer(v, a)": "outer",
    "max[p](a)": "max",
    "softmax[p](a)": "softmax",
    "layer_norm(a)": "layer_norm",
    "dropout(a)": "dropout",
    "coded(a)": "coded",
    "flatten(a)": "flatten",
}
REFUSED |= {
    expression: f"`{word}` of points depends on where the origin is, and E(3) moves it along `x`"
    for expression, word in ORIGIN.items()
}


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_neither_a_point_nor_a_displacement(expression: str) -> None:
    text = f"{PARTICLES}model M({VALUES}) -> [p; 4] {{ z = {expression} return h }}"
    (error,) = errors_of(text)
    assert error.message == REFUSED[expression]
    written = re.search(r"\[[px, ]*; 1\]( displacement)?", expression)
    assert error.span is not None and error.span.text in (expression, written and written[0])


def test_a_group_that_changes_signs_does_not_leave_points() -> None:
    (error,) = errors_of(
        f"axis s = B(2)\n{PARTICLES}model M(a: [s, x], h: [p]) -> [p] {{ return h }}"
    )
    assert error.message == (
        "a translation moves all points alike, and B(2) does not leave that as it is along `s`"
    )


# --- Modules -----------------------------------------------------------------------------------------


def test_the_library_spec_builds_and_verifies() -> None:
    assert main(["verify", str(SPECS / "points.spec")]) == 0


def test_channels_of_points_are_mixed_with_weights_that_sum_to_one() -> None:
    text = f"{PARTICLES}model M(a: [p, x; 3]) -> [p, x; 4] {{ y = linear(a, 4) return y }}"
    ((_, model),) = models_of(text)
    a = torch.randn(2, 5, 3, 3)
    weight = model.get_parameter("y.weight")
    assert weight.shape == (4, 3)
    weights = weight - weight.mean(1, keepdim=True) + 1 / 3
    torch.testing.assert_close(model(a), a @ weights.T)
    torch.testing.assert_close(model(a + 7), model(a) + 7)


def test_absent_points_have_no_influence_and_any_number_may_be_there() -> None:
    """A module runs at other numbers of particles; the center is that of those which are there."""
    text = """
        axis p = S(4, masked)
        axis x = E(3)
        model M(a: [p, x; 2], h: [p; 1]) -> [p, x; 2] { return equivariant((a, h), [p, x; 2]) }
    """
    ((_, model),) = models_of(text)
    a, h = torch.randn(2, 6, 3, 2), torch.randn(2, 6, 1)
    mask = torch.tensor([[True] * 4 + [False] * 2] * 2)
    plain = model(a, h, p_mask=mask)
    few = model(a[:, :4], h[:, :4], p_mask=mask[:, :4])
    torch.testing.assert_close(plain[:, :4], few)
    assert not plain[:, 4:].any()
    moved = model(a + torch.tensor([1.0, -2.0, 3.0])[:, None], h, p_mask=mask)
    torch.testing.assert_close(moved[:, :4], few + torch.tensor([1.0, -2.0, 3.0])[:, None])


@pytest.mark.parametrize(
    ("group", "orbits"), [("C(3)", 3), ("D(3)", 2), ("A(3)", 3)], ids=lambda each: str(each)
)
def test_positions_of_groups_by_generators(group: str, orbits: int) -> None:
    """Of the orbits on pairs of positions one is determined; its weight is kept all the same."""
    text = f"axis b = {group}\naxis x = E(2)\nmodel M(a: [b, x; 1]) -> [b, x; 1] {{ return equivariant(a, 1) }}"
    ((report,),) = ([layer for model in specc.explain(text).models for layer in model.layers],)
    assert report.maps == orbits - 1
    ((_, model),) = models_of(text)
    model = model.double()
    randomise(model)
    a, turn = torch.randn(2, 3, 2, 1).double(), torch.linalg.qr(torch.randn(2, 2).double())[0]
    moved = model(torch.einsum("ij,bpjc->bpic", turn, a.roll(1, 1)) + 5)
    torch.testing.assert_close(moved, torch.einsum("ij,bpjc->bpic", turn, model(a).roll(1, 1)) + 5)


def test_the_dense_basis_is_the_directions_of_the_family() -> None:
    text = f"{PARTICLES}model M(a: [p, x; 2]) -> [p, x; 2] {{ y = equivariant(a, 2) return y }}"
    ((_, model),) = models_of(text)
    basis = model.get_submodule("y").basis(p=2, x=2)
    (label, dense), *others = basis
    assert label == "x[a,b] -> y[a,b]" and not others
    torch.testing.assert_close(dense.sum(1), torch.zeros(4))


def test_a_standalone_file_needs_torch_alone() -> None:
    text = (
        f"{PARTICLES}model M(a: [p, x; 2]) -> [p, x; 2] {{ return linear(equivariant(a, 2), 2) }}"
    )
    source = standalone(generate(text, {}))
    assert "specc_runtime" not in source
    module: dict[str, object] = {}
    exec(compile(source, "standalone", "exec"), module)
    model = module["M"]()  # type: ignore[operator]
    a = torch.randn(2, 5, 3, 2)
    torch.testing.assert_close(model(a + 3), model(a) + 3, atol=1e-4, rtol=1e-4)
