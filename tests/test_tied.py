"""Products with tied matrices compute what their definition says, and are drawn as promised."""

from __future__ import annotations

import ast
import math
import sys
import types
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tied_groups import (
    GROUPS,
    Matrix,
    dense,
    exponential,
    kron,
)
from tied_products import (
    BLOCKS,
    LAYOUTS,
    Blocks,
    draw,
    dtype_of,
    every_module,
    factor,
    make,
    one_index,
    shifts,
)
from torch import Tensor

import specc_runtime
from specc_runtime.actions import (
    Action,
    cyclic,
    dihedral,
)
from specc_runtime.tied import TiedMix, init_tied_mix_
from specc_runtime.tied_blocks import TiedBlock, TiedFactor, assemble
from specc_runtime.ties import tied_basis

# --- Blocks --------------------------------------------------------------------------------------

every_block = pytest.mark.parametrize("name", BLOCKS)


def by_definition(weight: NDArray[np.complex128], block: TiedBlock) -> Matrix:
    """Sum over a, c_out, c_in of the weight, times B_a with its indices in order."""
    bases = [dense(tied_basis(each.outputs, each.inputs)) for each in block.factors]
    sizes = [size for each in block.factors for size in each.sizes]
    outputs = sum(len(each.outputs) for each in block.factors)
    channels = weight.shape[1:]
    total = np.zeros((block.outputs, channels[0], block.inputs, channels[1]), complex)
    for number, chosen in enumerate(product(*(range(len(basis)) for basis in bases))):
        joint = np.ones((), complex)
        for basis, a in zip(bases, chosen, strict=True):
            joint = np.multiply.outer(joint, basis[a])
        joint = joint.reshape(sizes).transpose(block.order)
        assert joint.shape == tuple(sizes[k] for k in block.order or ())
        matrix = joint.reshape(math.prod(joint.shape[:outputs]), -1)
        total += matrix[:, None, :, None] * weight[number][None, :, None, :]
    return total.reshape(block.outputs * channels[0], -1)


@every_block
def test_blocks_are_assembled_as_defined(name: str) -> None:
    block = BLOCKS[name]
    weight = np.random.default_rng(0).normal(size=(block.dimension, 2, 3))
    found = assemble(torch.from_numpy(weight).to(dtype_of(name)), block)
    np.testing.assert_allclose(found.numpy(), by_definition(weight, block), atol=1e-12)


def test_a_block_without_an_order_takes_that_of_its_factors() -> None:
    factors = [factor("C(5)", "v > v"), factor("B(2)", "v > v")]
    assert TiedBlock(factors) == TiedBlock(factors, [0, 2, 1, 3])
    swapped = TiedBlock(factors, [2, 0, 1, 3])
    weight = torch.randn(swapped.dimension, 1, 1)
    plain = assemble(weight, TiedBlock(factors)).reshape(5, 2, 10)
    assert torch.equal(assemble(weight, swapped).reshape(2, 5, 10), plain.transpose(0, 1))


# --- The module ----------------------------------------------------------------------------------


def defined(
    stored: Iterator[Tensor], blocks: Blocks, heights: list[int], widths: list[int]
) -> Matrix:
    """The matrix of blocks by definition, from their coefficients as they are stored."""
    matrix = []
    for row, height in zip(blocks, heights, strict=True):
        parts = [np.zeros((height, width), complex) for width in widths]
        for k, block in enumerate(row):
            if block is not None and block.dimension:
                channels = (height // block.outputs, widths[k] // block.inputs)
                weight = next(stored).numpy().reshape(block.dimension, *channels)
                parts[k] = by_definition(weight, block)
        matrix.append(np.concatenate(parts, 1))
    return np.concatenate(matrix)


@every_module
def test_products_are_those_of_the_matrix_by_definition(name: str) -> None:
    layout, mix = LAYOUTS[name], make(name)
    state = mix.state_dict()
    weights = iter([value for key, value in state.items() if key.startswith("weight")])
    biases = iter([value for key, value in state.items() if key.startswith("bias")])
    x = draw(mix, name, 4, 2)
    expected = x.numpy() @ defined(weights, layout.blocks, mix.row_widths, mix.column_widths).T
    if layout.bias:
        column = [[block] for block in layout.bias]
        expected = expected + defined(biases, column, mix.row_widths, [1])[:, 0]
    assert next(weights, None) is None and next(biases, None) is None
    np.testing.assert_allclose(mix(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("C(5)", {"weight": (25, 2, 3), "bias": (5, 2)}),
        ("dense", {"weight": (3, 2, 3), "bias": (1, 2)}),
        ("three groups", {"weight": (48, 2, 3)}),
        ("no maps", {"bias": (1, 2)}),
        (
            "several",
            {
                "weights.0": (7, 2, 2),
                "weights.1": (3, 3, 2),
                "weights.2": (1, 3, 4),
                "weights.3": (3, 1, 2),
                "biases.0": (1, 3),
            },
        ),
    ],
)
def test_checkpoints_hold_coefficients_alone(name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    assert {key: tuple(value.shape) for key, value in make(name).state_dict().items()} == shapes


def test_an_index_pair_commutes_with_a_rotation_and_a_turn() -> None:
    """The whole product, with channels: three tensors in other coordinates."""
    mix = make("several")
    turn = np.array(GROUPS["quarter turns"][1][0].real)
    amounts = np.array([0.3, -1.1, 0.7])
    spin = exponential(np.eye(3, dtype=complex), amounts, GROUPS["SO(3)"][2]).real
    inputs = block_diagonal(kron([spin, spin, turn, np.eye(2)]), np.eye(4))
    outputs = block_diagonal(
        kron([spin, turn, turn, np.eye(2)]), kron([turn, np.eye(3)]), kron([spin, turn])
    )
    x = draw(mix, "several", 5)
    turned = mix(torch.from_numpy(x.numpy() @ inputs.real.T)).detach().numpy()
    np.testing.assert_allclose(turned, mix(x).detach().numpy() @ outputs.real.T, atol=1e-12)


def block_diagonal(*parts: Matrix) -> Matrix:
    sizes = np.cumsum([0, *(len(part) for part in parts)])
    total = np.zeros((sizes[-1], sizes[-1]), complex)
    for part, start, end in zip(parts, sizes, sizes[1:], strict=False):
        total[start:end, start:end] = part
    return total


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make_one", "message"),
    [
        (lambda: TiedBlock([TiedFactor([cyclic(2)], [cyclic(2)])], [1, 0]), "no order of 2 indices"),
        (lambda: TiedBlock([TiedFactor([cyclic(2)], [cyclic(2)])], [0]), "no order of 2 indices"),
        (lambda: TiedMix([[None]], [1], [1]), r"block 0 of the rows has \[\] positions"),
        (lambda: TiedMix([[shifts(2), shifts(3)]], [1], [1, 1]), r"the rows has \[2, 3\] positions"),
        (lambda: TiedMix([[shifts(2)]], [1], [1, 1]), "not those of 1 rows and 2 columns"),
        (lambda: TiedMix([[shifts(2)]], [1], [1], [shifts(2)]), "bias has no inputs"),
        (lambda: TiedMix([[one_index("SU(2)")]], [1], [1]), "complex weights, not torch.float32"),
    ],
)  # fmt: skip
def test_what_is_refused(make_one: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_one()


# --- How coefficients are drawn ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["C(5)", "with zeros", "dense", "three groups"])
def test_entries_have_on_average_the_variance_asked_for(name: str) -> None:
    block = BLOCKS[name]
    mix = TiedMix([[block]], [300], [300])
    torch.manual_seed(0)
    init_tied_mix_(mix, [5.0])
    assert mix.weight is not None
    coefficient_variance = mix.weight.var(correction=0).item()
    squares = reduce(
        np.multiply.outer,
        [
            (abs(dense(tied_basis(f.outputs, f.inputs))) ** 2).sum(0).flatten()
            for f in block.factors
        ],
    )
    assert coefficient_variance * squares.mean() == pytest.approx(1 / 5, rel=0.02)


@pytest.mark.parametrize("size", [4, 400])
@pytest.mark.parametrize("action", [cyclic, dihedral])
def test_readouts_keep_the_scale_of_what_is_constant(
    action: Callable[[int], Action], size: int
) -> None:
    """As means do: inputs that are the same at all positions of a group come out with their scale."""
    block = TiedBlock([TiedFactor([], [action(size)])])
    mix = TiedMix([[block]], [200], [100])
    torch.manual_seed(0)
    init_tied_mix_(mix, [100.0 * size])
    x = torch.randn(50, 1, 100).expand(50, size, 100)
    assert mix(x.flatten(1)).square().mean().item() == pytest.approx(1, rel=0.15)


def test_each_block_of_rows_has_its_fan_in() -> None:
    mix = TiedMix([[shifts(3), shifts(3)], [shifts(3), shifts(3)]], [50, 50], [50, 50])
    init_tied_mix_(mix, [4, 100])
    found = [weight.std().item() for weight in mix.weights]
    assert found == pytest.approx([0.5, 0.5, 0.1, 0.1], rel=0.05)


@pytest.mark.parametrize("name", ["C(5)", "with zeros", "dense", "three groups"])
def test_outputs_keep_the_scale_of_independent_inputs(name: str) -> None:
    block = BLOCKS[name]
    mix = TiedMix([[block]], [40], [30])
    torch.manual_seed(0)
    mix.reset_parameters()
    outputs = mix(torch.randn(200, sum(mix.column_widths)))
    assert outputs.square().mean().sqrt().item() == pytest.approx(1, rel=0.15)


def test_coefficients_are_drawn_anew_from_the_generator() -> None:
    states = []
    for _ in range(2):
        mix = make("several")
        torch.manual_seed(3)
        mix.reset_parameters()
        states.append(mix.state_dict())
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    assert not states[0]["biases.0"].any()


# --- In one file ---------------------------------------------------------------------------------

FILES = (
    "actions", "orbits", "rings", "ties", "tied_blocks", "correlations", "tied", "circulant"
)  # fmt: skip
RUNTIME = Path(specc_runtime.__file__).parent


def test_the_files_work_as_one() -> None:
    """As standalone modules have them: without relative imports, in one namespace."""
    parts = [(RUNTIME / f"{file}.py").read_text(encoding="utf-8") for file in FILES]
    tree = ast.parse("\n".join(part.replace("from __future__", "from __past__") for part in parts))
    kept = [
        node
        for node in tree.body
        if not isinstance(node, ast.ImportFrom) or not (node.level or node.module == "__past__")
    ]
    kept.insert(0, ast.parse("from __future__ import annotations").body[0])
    module = types.ModuleType("one_file")
    sys.modules["one_file"] = module
    exec(compile(ast.Module(kept, []), "one_file", "exec"), module.__dict__)
    action = module.dihedral(4)
    block = module.TiedBlock([module.TiedFactor([action], [action])])
    weight = torch.randn(3, 2, 2)
    same = dihedral(4)
    expected = assemble(weight, TiedBlock([TiedFactor([same], [same])]))
    assert torch.equal(module.assemble(weight, block), expected)


def test_no_name_of_the_files_is_another_of_the_runtime() -> None:
    own: list[str] = []
    others: set[str] = set()
    for path in sorted(RUNTIME.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = (
                [node.name]
                if isinstance(node, ast.FunctionDef | ast.ClassDef)
                else [t.id for t in node.targets if isinstance(t, ast.Name)]
                if isinstance(node, ast.Assign)
                else []
            )
            if path.stem in FILES:
                own += names
            else:
                others.update(names)
    assert len(own) == len(set(own)) and not others & set(own)
