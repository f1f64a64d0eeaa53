"""Repeated blocks as one run: the layer is the same whether its blocks are recognised or not.

The same space is declared twice, once with names that count (`block.0.w`, `block.1.w`) and once with
names that do not; only the first is folded. Everything that can be observed must agree.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from compiled import layer_report
from oracles.values import randomise
from torch import nn

import specc

SPACES = {
    "blocks with an axis of their own": """
        axis hub = S(5)
        axis own0 = S(4) axis own1 = S(4) axis own2 = S(4)
        space W {
            in.w: [hub, 3]
            block.0.w: [own0, hub]  block.0.b: [own0]  block.0.n: [hub]
            block.1.w: [own1, hub]  block.1.b: [own1]  block.1.n: [hub]
            block.2.w: [own2, hub]  block.2.b: [own2]  block.2.n: [hub]
            out.b: [hub]
        }
    """,
    "blocks that share all axes": """
        axis hub = S(4)
        space W { block.0.w: [hub, hub]  block.1.w: [hub, hub]  first.w: [hub] }
    """,
    "own axes twice in a tensor": """
        axis a0 = S(4) axis a1 = S(4) axis hub = S(5)
        space W { block.0.w: [a0, a0]  block.0.v: [hub, a0]  block.1.w: [a1, a1]  block.1.v: [hub, a1] }
    """,
    "two lists, one of them not from zero": """
        axis a2 = S(4) axis a3 = S(4) axis b0 = S(5) axis b1 = S(5) axis hub = S(4)
        space W {
            up.2.w: [a2, hub]  up.3.w: [a3, hub]
            down.0.w: [hub, b0]  down.1.w: [hub, b1]
            mixed: [hub]
        }
    """,
    "a first block unlike the others": """
        axis a0 = S(6) axis a1 = S(4) axis a2 = S(4) axis hub = S(4)
        space W { block.0.w: [a0, hub]  block.1.w: [a1, hub]  block.2.w: [a2, hub] }
    """,
    "wreath axes in each block": """
        axis head0 = S(4) axis key0 = S(4) in head0 axis head1 = S(4) axis key1 = S(4) in head1
        axis hub = S(4)
        space W {
            block.0.q: [head0, key0, hub]  block.0.k: [hub, head0, key0]  block.0.b: [head0, key0]
            block.1.q: [head1, key1, hub]  block.1.k: [hub, head1, key1]  block.1.b: [head1, key1]
        }
    """,
    "axes too short for all diagrams": """
        axis a0 = S(2) axis a1 = S(2) axis hub = S(4)
        space W { block.0.w: [a0, a0, hub]  block.1.w: [a1, a1, hub] }
    """,
    "pinned axes in each block": """
        axis hub = S(4)
        space W { block.0.w: [hub, 3]  block.1.w: [hub, 3]  block.2.w: [hub, 3] }
    """,
}

FOLDED = {name for name in SPACES if name != "axes too short for all diagrams"}

LAYERS = {
    "same": "model M(w: W(; 2)) -> W(; 3) { layer = equivariant(w, 3) return layer }",
    "two": "model M(w: W, v: W) -> W(; 2) { layer = equivariant((w, v), W(; 2)) return layer }",
    "invariant": "model M(w: W(; 2)) -> [; 3] { layer = invariant(w, 3) return layer }",
    "near": "model M(w: W(; 6)) -> W(; 6) {"
    " layer = equivariant(w, 6, coupling = near, summary = 1) return layer }",
    "thin": "model M(w: W(; 6)) -> W(; 6) { layer = equivariant(w, 6, rank = 2) return layer }",
}


def without_numbers(spec: str) -> str:
    """The same spec with letters for the numbers of blocks."""
    return re.sub(r"(?<=\.)(\d)(?=\.)", lambda number: f"n{'abcd'[int(number[1])]}", spec)


def built(spec: str) -> nn.Module:
    module = specc.load(spec).M(dtype=torch.float64)
    assert isinstance(module, nn.Module)
    randomise(module, torch.Generator().manual_seed(0))
    return module


@pytest.mark.parametrize("layer", ["same", "two", "invariant"])
@pytest.mark.parametrize("space", SPACES)
def test_the_same_maps_are_counted(space: str, layer: str) -> None:
    spec = f"{SPACES[space]} {LAYERS[layer]}"
    folded, plain = layer_report(spec), layer_report(without_numbers(spec))
    counts = ("maps", "bias_maps", "pools", "spreads", "products", "parameters")
    assert {c: folded[c] for c in counts} == {c: plain[c] for c in counts}


@pytest.mark.parametrize("space", SPACES)
def test_the_basis_spans_the_same_maps(space: str) -> None:
    spec = f"{SPACES[space]} {LAYERS['same']}"
    folded, plain = (
        built(spec).get_submodule("layer"),
        built(without_numbers(spec)).get_submodule("layer"),
    )
    order = rows_of(folded), rows_of(plain)
    ours = np.stack([m.numpy()[np.ix_(order[0], order[0])].ravel() for _, m in folded.basis()])
    theirs = np.stack([m.numpy()[np.ix_(order[1], order[1])].ravel() for _, m in plain.basis()])
    rank = np.linalg.matrix_rank(ours)
    assert len(ours) == rank == np.linalg.matrix_rank(theirs)
    assert np.linalg.matrix_rank(np.concatenate([ours, theirs])) == rank


def rows_of(layer: nn.Module) -> np.ndarray:
    """The positions of all tensors, those of tensors in the order of their names without numbers."""
    shapes = {
        name: [layer.sizes.get(word, None) or int(word) for word in shape.split()[1:-1]]
        for name, shape in layer.inputs.items()
    }
    starts, total = {}, 0
    for name, shape in shapes.items():
        starts[name] = range(total, total + int(np.prod(shape, dtype=int)))
        total += len(starts[name])
    return np.array([n for name in sorted(starts, key=without_numbers) for n in starts[name]])


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("space", SPACES)
def test_the_module_is_verified(space: str, layer: str) -> None:
    """Equivariance, completeness and the sum over diagrams, all measured on the generated module."""
    found = specc.verify(f"{SPACES[space]} {LAYERS[layer]}")
    assert found.ok, found


@pytest.mark.parametrize("space", sorted(FOLDED))
def test_blocks_are_written_once(space: str) -> None:
    source = specc.api.generate(f"{SPACES[space]} {LAYERS['same']}", {})
    assert "for i in range(" in source
