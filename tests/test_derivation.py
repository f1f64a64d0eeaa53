"""A derived layer is the whole commutant and nothing else, by the oracles' independent count.

A layer that returns zero is equivariant: completeness (rank of its maps = dimension of the nullspace)
is tested beside containment (each of its maps solves the defining equations).
"""

from __future__ import annotations

import re
from itertools import pairwise
from math import prod

import numpy as np
import pytest
import torch
from compiled import build, layer_basis, layer_report
from hypothesis import given, settings
from numpy.typing import NDArray
from oracles.action import Axis, Hom, Matrix, Space, Tensor
from oracles.counting import by_formula
from oracles.linear_algebra import commutant, invariants, rank, residual
from oracles.spaces import arbitrary_homs, homs
from oracles.values import affine_map, apply, randomise

ONE_OF_EACH = homs(seed=10, number=40)


def flat(matrices: Matrix) -> Matrix:
    return matrices.reshape(len(matrices), -1)


# --- Laws ----------------------------------------------------------------------------------------


def explain_counts_the_commutant(hom: Hom) -> None:
    """maps and bias_maps are the dimensions at one channel; parameters are those at all channels."""
    report, single, full = layer_report(hom.spec), hom.one_channel, by_formula(hom)
    assert report["maps"] == len(commutant(single)), hom.spec
    assert report["bias_maps"] == len(invariants(single)), hom.spec
    assert report["parameters"] == full.maps + full.bias_maps, hom.spec


def random_draws_span_the_commutant(hom: Hom) -> None:
    """The affine maps of random parameters lie in the commutant and the invariants, and span them.

    Channels are to the oracle a pinned axis like any other.
    """
    module, generator = build(hom.spec), torch.Generator().manual_seed(0)
    maps, biases = commutant(hom), invariants(hom)
    matrices, offsets = [], []
    for _ in range(len(maps) + len(biases) + 3):
        randomise(module, generator)
        matrix, bias = affine_map(module, hom)
        matrices.append(matrix)
        offsets.append(bias)
    drawn, added = flat(np.stack(matrices)), np.stack(offsets)
    scale = max(np.abs(drawn).max(), np.abs(added).max())
    assert residual(drawn, flat(maps)) < 1e-10 * scale, hom.spec
    assert residual(added, biases) < 1e-10 * scale, hom.spec
    coordinates = np.concatenate([drawn @ flat(maps).T, added @ biases.T], axis=1)
    assert rank(coordinates) == len(maps) + len(biases), hom.spec


def basis_is_a_labelled_basis(hom: Hom) -> None:
    """`layer.basis()` lists as many maps as the dimension, independent, equivariant and named apart."""
    entries, single = layer_basis(hom.spec), hom.one_channel
    maps = commutant(single)
    labels = [label for label, _ in entries]
    assert len(entries) == len(maps) == len(set(labels)), (hom.spec, labels)
    matrices = np.stack([matrix for _, matrix in entries])
    assert matrices.shape == maps.shape, hom.spec
    assert rank(flat(matrices)) == len(maps), hom.spec
    assert residual(flat(matrices), flat(maps)) < 1e-10 * np.abs(matrices).max(), hom.spec


def labels_say_where_maps_are_not_zero(hom: Hom) -> None:
    """`t[a,i,0] -> u[a,p]` is constant where the indices called a are equal and the third is 0.

    It is zero elsewhere: a letter is one index wherever it stands, a number is a pinned position.
    """
    names = [f"x{k}" for k in range(1, len(hom.sources) + 1)] if len(hom.sources) > 1 else [""]
    sources = {
        f"{name}.{t.name}".strip(".") if space.name else name or "x": t
        for name, space in zip(names, hom.sources, strict=True)
        for t in space.tensors
    }
    targets = {t.name if hom.target.name else "y": t for t in hom.target.tensors}
    for label, matrix in layer_basis(hom.spec):
        parsed = re.fullmatch(r"(.*)\[(.*)\] -> (.*)\[(.*)\]", label)
        assert parsed, label
        into, columns, out, rows = parsed.groups()
        words = [word for word in (*rows.split(","), *columns.split(",")) if word]
        shape = (*axis_sizes(targets[out]), *axis_sizes(sources[into]))
        block = agreement(words, shape).reshape(prod(axis_sizes(targets[out])), -1)
        expected = np.zeros(matrix.shape, dtype=bool)
        row, column = offset(targets, out), offset(sources, into)
        expected[row : row + block.shape[0], column : column + block.shape[1]] = block
        assert np.array_equal(matrix != 0, expected), (hom.spec, label)
        assert np.ptp(matrix[expected]) < 1e-12, (hom.spec, label)


def axis_sizes(tensor: Tensor) -> tuple[int, ...]:
    return tuple(axis.size for axis in tensor.axes)


def offset(tensors: dict[str, Tensor], name: str) -> int:
    """The flat positions, at one channel, of the tensors before the named one."""
    before = list(tensors)[: list(tensors).index(name)]
    return sum(prod(axis_sizes(tensors[each])) for each in before)


def agreement(words: list[str], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where indices of one letter agree and each number is the index that it stands for."""
    assert len(words) == len(shape)
    agrees, first = np.ones(shape, dtype=bool), dict[str, NDArray[np.intp]]()
    for word, index in zip(words, np.indices(shape), strict=True):
        agrees &= index == (int(word) if word.isdigit() else first.setdefault(word, index))
    return agrees


def parameters_act_linearly(hom: Hom) -> None:
    """f(s a + t b) = s f(a) + t f(b) in the parameters a, b: matrix and bias together."""
    module, generator = build(hom.spec), torch.Generator().manual_seed(1)
    x = torch.randn(3, hom.source.size, generator=generator, dtype=torch.float64)
    start = list(module.parameters())
    first = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in start]
    second = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in start]

    def value(s: float, t: float) -> torch.Tensor:
        with torch.no_grad():
            for parameter, a, b in zip(start, first, second, strict=True):
                parameter.copy_(s * a + t * b)
            return apply(module, hom, x)

    expected = 2 * value(1, 0) - 3 * value(0, 1)
    torch.testing.assert_close(value(2, -3), expected, rtol=1e-10, atol=1e-10)


LAWS = (
    explain_counts_the_commutant,
    random_draws_span_the_commutant,
    basis_is_a_labelled_basis,
    labels_say_where_maps_are_not_zero,
    parameters_act_linearly,
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("hom", ONE_OF_EACH, ids=str)
def test_law_holds(hom: Hom, law: object) -> None:
    assert callable(law)
    law(hom)


@pytest.mark.slow
@settings(max_examples=300)
@given(hom=arbitrary_homs())
def test_laws_hold_everywhere(hom: Hom) -> None:
    for law in LAWS:
        law(hom)


# --- Tables --------------------------------------------------------------------------------------

DECLARATIONS = """
    axis node = S(5)  axis few = S(2)  axis pixel = 5  axis one = S(1)
    axis cloud = S(3)  axis member = S(4) in cloud  axis lone = S(1) in cloud
    axis grain = S(2) in lone
    space Graph { adjacency: [node, node; 2]  feature: [node; 3]  label: [; 4] }
"""

# Per row: from, to, maps, bias maps. Bell numbers 1, 1, 2, 5, 15, 52, 203.
DIMENSIONS = [
    ("[node]", "[node]", 2, 1),
    ("[node]", "[]", 1, 1),
    ("[]", "[node]", 1, 1),
    ("[; 3]", "[; 2]", 1, 1),
    ("[node, node; 3]", "[node, node; 2]", 15, 2),
    ("[node, node]", "[node]", 5, 1),
    ("[node, node, node]", "[node, node]", 52, 2),
    ("[node, node, node]", "[node, node, node]", 1 + 31 + 90 + 65 + 15, 5),  # 5 of 6 blocks
    ("[few, few, few]", "[few, few, few]", 1 + 31, 4),
    ("[few, few, few, few, few, few]", "[]", 1 + 31, 1),
    ("[one, one, one]", "[one, one]", 1, 1),
    ("[pixel]", "[pixel]", 25, 5),
    ("[pixel; 2]", "[; 2]", 5, 1),
    ("[node, pixel]", "[node, pixel]", 2 * 25, 5),
    ("[node, few]", "[node, few]", 2 * 2, 1),
    ("[cloud, member]", "[cloud, member]", 3, 1),
    ("[cloud, member]", "[cloud]", 2, 1),
    ("[cloud, member, cloud, member]", "[]", 1 + 2, 1),
    ("[cloud, lone]", "[cloud, lone]", 2, 1),
    ("[cloud, member, cloud]", "[cloud, member]", 3 + 2 * 2, 1),
    ("[cloud, lone, grain]", "[cloud, lone, grain]", 3, 1),
    ("[cloud, lone, grain, cloud]", "[cloud]", 5, 1),
    ("Graph", "Graph", (15 + 5 + 2) + (5 + 2 + 1) + (2 + 1 + 1), 2 + 1 + 1),
    ("Graph", "[node, node; 1]", 15 + 5 + 2, 2),
]


@pytest.mark.parametrize(("source", "target", "maps", "bias_maps"), DIMENSIONS)
def test_dimension(source: str, target: str, maps: int, bias_maps: int) -> None:
    layer = f"equivariant(x, {target}, name = layer)"
    report = layer_report(f"{DECLARATIONS} model M(x: {source}) -> {target} {{ return {layer} }}")
    assert (report["maps"], report["bias_maps"]) == (maps, bias_maps)


@pytest.mark.parametrize(
    ("call", "target", "maps", "bias_maps"),
    [
        ("equivariant(x, 7, name = layer)", "[node, node; 7]", 15, 2),
        ("invariant(x, 7, name = layer)", "[; 7]", 2, 1),
        ("equivariant(x, [; 7], name = layer)", "[; 7]", 2, 1),
        ("equivariant(x, 7, bias = false, name = layer)", "[node, node; 7]", 15, 0),
    ],
)
def test_dimension_of_other_calls(call: str, target: str, maps: int, bias_maps: int) -> None:
    model = f"axis node = S(5) model M(x: [node, node; 3]) -> {target} {{ return {call} }}"
    report = layer_report(model)
    assert (report["maps"], report["bias_maps"]) == (maps, bias_maps)
    assert report["parameters"] == maps * 3 * 7 + bias_maps * 7


def mlp_weight_space(layers: int) -> str:
    axes = "  ".join(f"axis h{k} = S({4 + k})" for k in range(layers + 1))
    tensors = "  ".join(f"w{b}: [h{b}, h{a}]  b{b}: [h{b}]" for a, b in pairwise(range(layers + 1)))
    model = "model M(w: Weights) -> Weights { return equivariant(w, Weights, name = layer) }"
    return f"{axes} space Weights {{ {tensors} }} {model}"


@pytest.mark.parametrize("layers", range(1, 7))
def test_weights_of_an_mlp_cost_linearly_many_pools_and_products(layers: int) -> None:
    report = layer_report(mlp_weight_space(layers))
    assert report["maps"] == 4 * layers**2 + 10 * layers - 4
    assert report["pools"] == 6 * layers
    assert report["products"] == 2 * layers + 2


@pytest.mark.parametrize("size", [4, 7])
def test_graphs_take_seven_pools_six_spreads_and_three_products(size: int) -> None:
    nodes = Space(None, (Tensor("x", (Axis("node", size),) * 2),))
    report = layer_report(Hom((nodes,), nodes).spec)
    assert report["maps"] == 15
    assert (report["pools"], report["spreads"], report["products"]) == (7, 6, 3)


def test_the_basis_is_labelled_in_the_papers_notation() -> None:
    model = """
        axis a = S(3)  axis b = S(4)
        space Weights { fc1.bias: [a]  fc2.weight: [b, a] }
        model M(w: Weights) -> Weights { return equivariant(w, Weights, name = layer) }
    """
    # Indices a, b, ... pass through; i, j, ... are reduced; p, q, ... are broadcast.
    assert {label for label, _ in layer_basis(model)} == {
        "fc2.weight[b,a] -> fc2.weight[b,a]",
        "fc2.weight[i,a] -> fc2.weight[p,a]",
        "fc2.weight[a,i] -> fc2.weight[a,p]",
        "fc2.weight[i,j] -> fc2.weight[p,q]",
        "fc1.bias[a] -> fc1.bias[a]",
        "fc1.bias[i] -> fc1.bias[p]",
        "fc1.bias[a] -> fc2.weight[p,a]",
        "fc1.bias[i] -> fc2.weight[p,q]",
        "fc2.weight[i,a] -> fc1.bias[a]",
        "fc2.weight[i,j] -> fc1.bias[p]",
    }


@pytest.mark.parametrize("count", [8, 9])
def test_many_indices_have_labels_too(count: int) -> None:
    """More indices than there are letters of a kind: still no letter for two different ones."""
    axes = tuple(Axis(f"h{k}", 2) for k in range(count))
    long, short = Space(None, (Tensor("x", axes),)), Space(None, (Tensor("x", axes[:1]),))
    for hom in (Hom((long,), short), Hom((short,), long)):
        labels_say_where_maps_are_not_zero(hom)
