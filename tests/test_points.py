"""Points and displacements over E(n): types, what is refused, and layers against brute force."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import pytest
import torch
from programs import PROGRAMS
from sampled import check_runs, models_of
from torch import Tensor, nn

import specc
from specc.errors import SpecError, SpecErrors, leaves

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
