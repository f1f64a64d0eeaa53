"""The oracles against each other and against published numbers, before they judge anything else."""

from __future__ import annotations

import ast
from itertools import pairwise
from math import factorial, prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from oracles import counting, linear_algebra
from oracles.action import (
    Axis,
    Hom,
    Space,
    Tensor,
    destinations,
    elements,
    generators,
    identity,
    order,
    random_element,
    representation,
)
from oracles.counting import Count, bell, partitions_up_to, stirling
from oracles.described import NETWORKS
from oracles.spaces import arbitrary_homs, homs
from oracles.swaps import random_inputs, random_network, swaps, symmetric

CLOUD = Axis("cloud", 3)
MEMBER = Axis("member", 2, parent=CLOUD)
PIXEL = Axis("pixel", 3, pinned=True)


def bare(*axes: Axis, channels: int | None = None) -> Space:
    return Space(None, (Tensor("x", axes, channels),))


def nodes(count: int, size: int) -> Space:
    return bare(*(Axis("node", size),) * count)


def by_nullspace(hom: Hom) -> Count:
    return Count(len(linear_algebra.commutant(hom)), len(linear_algebra.invariants(hom)))


def test_stirling_and_bell_numbers_are_the_published_ones() -> None:
    assert [stirling(6, t) for t in range(8)] == [0, 1, 31, 90, 65, 15, 1, 0]
    assert [bell(m) for m in range(8)] == [1, 1, 2, 5, 15, 52, 203, 877]
    assert bell(16) == 10480142147


@pytest.mark.parametrize("m", range(8))
def test_stirling_numbers_count_the_listed_partitions(m: int) -> None:
    sizes = [len(blocks) for blocks in counting.set_partitions(range(m))]
    assert [sizes.count(t) for t in range(m + 1)] == [stirling(m, t) for t in range(m + 1)]
    assert partitions_up_to(m, m) == bell(m) == len(sizes)


# Per row: out and in, maps, bias maps.
KNOWN = {
    "deep sets": (Hom((nodes(1, 5),), nodes(1, 5)), 2, 1),
    "graphs, n = 4": (Hom((nodes(2, 4),), nodes(2, 4)), 15, 2),
    "graphs, n = 3": (Hom((nodes(2, 3),), nodes(2, 3)), 14, 2),
    "graphs, n = 2": (Hom((nodes(2, 2),), nodes(2, 2)), 8, 2),
    "graphs, n = 1": (Hom((nodes(2, 1),), nodes(2, 1)), 1, 1),
    "six indices, n = 3": (Hom((nodes(3, 3),), nodes(3, 3)), 1 + 31 + 90, 5),
    "six indices, n = 2": (Hom((nodes(3, 2),), nodes(3, 2)), 1 + 31, 4),
    "pinned": (Hom((bare(PIXEL),), bare(PIXEL, channels=2)), 18, 6),
    "sets of sets": (Hom((bare(CLOUD, MEMBER),), bare(CLOUD, MEMBER)), 3, 1),
    "scalar": (Hom((bare(),), bare(channels=4)), 4, 4),
}


@pytest.mark.parametrize("case", KNOWN)
def test_known_dimensions(case: str) -> None:
    hom, maps, biases = KNOWN[case]
    assert by_nullspace(hom) == Count(maps, biases)
    assert counting.by_formula(hom) == Count(maps, biases)


@pytest.mark.parametrize("size", (1, 2, 3))
@pytest.mark.parametrize("into", range(5))
@pytest.mark.parametrize("out", range(3))
def test_few_positions_keep_the_partitions_with_few_blocks(out: int, into: int, size: int) -> None:
    hom = Hom((nodes(into, size),), nodes(out, size))
    assert by_nullspace(hom).maps == partitions_up_to(out + into, size)


@pytest.mark.parametrize("depth", range(1, 7))
def test_weight_spaces_of_an_mlp_have_4_l_squared_plus_10_l_minus_4_maps(depth: int) -> None:
    layers = [Axis(f"h{k}", 2 + k % 2) for k in range(depth + 1)]
    tensors = [(Tensor(f"w{b}", (b, a)), Tensor(f"b{b}", (b,))) for a, b in pairwise(layers)]
    space = Space("Weights", tuple(tensor for layer in tensors for tensor in layer))
    expected = 4 * depth**2 + 10 * depth - 4
    assert counting.by_formula(Hom((space,), space)).maps == expected
    assert counting.by_orbits(Hom((space,), space)).maps == expected


def agree(hom: Hom) -> None:
    expected = by_nullspace(hom)
    assert counting.by_formula(hom) == expected
    assert counting.by_orbits(hom) == expected
    assert counting.by_burnside(hom) == expected
    if hom.source.size * hom.target.size <= 150:
        assert linear_algebra.exact_commutant_dimension(hom) == expected.maps


@pytest.mark.parametrize("hom", homs(seed=1, number=60), ids=str)
def test_nullspace_formula_burnside_and_orbits_agree(hom: Hom) -> None:
    agree(hom)


@pytest.mark.slow
@settings(max_examples=500)
@given(hom=arbitrary_homs())
def test_nullspace_formula_burnside_and_orbits_agree_everywhere(hom: Hom) -> None:
    agree(hom)


@pytest.mark.parametrize("hom", homs(seed=2, number=20), ids=str)
def test_orbits_span_what_the_nullspace_spans(hom: Hom) -> None:
    orbits = counting.orbit_basis(hom)
    kernel = linear_algebra.commutant(hom)
    assert orbits.shape == kernel.shape
    flat = orbits.reshape(len(orbits), -1)
    assert linear_algebra.rank(flat) == len(orbits)
    assert linear_algebra.residual(flat, kernel.reshape(len(kernel), -1)) < 1e-9


@pytest.mark.parametrize("hom", homs(seed=3, number=20), ids=str)
def test_the_commutant_commutes_with_every_element_not_only_generators(hom: Hom) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        g = random_element(hom.axes, rng)
        out, into = representation(g, hom.target), representation(g, hom.source)
        kernel = linear_algebra.commutant(hom)
        assert np.abs(out @ kernel - kernel @ into).max(initial=0.0) < 1e-9
        assert np.abs(linear_algebra.invariants(hom) @ (out.T - np.eye(len(out)))).max() < 1e-9


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ((PIXEL,), 1),
        ((Axis("node", 4),), 24),
        ((Axis("node", 3), Axis("edge", 2)), 12),
        ((CLOUD, MEMBER), factorial(3) * factorial(2) ** 3),
        ((CLOUD, MEMBER, Axis("colour", 2, parent=CLOUD)), 6 * 2**3 * 2**3),
        ((CLOUD, MEMBER, Axis("bit", 2, parent=MEMBER)), 6 * 2**3 * 2**6),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "; ".join(map(str, value)),
)
def test_the_group_has_its_order(axes: tuple[Axis, ...], expected: int) -> None:
    faithful = Space("All", tuple(Tensor(axis.name, axis.lineage) for axis in axes))
    images = {tuple(destinations(g, faithful).tolist()) for g in elements(axes)}
    assert len(images) == len(list(elements(axes))) == order(axes) == expected
    assert images == _closure([destinations(g, faithful) for g in generators(axes)], faithful.size)


def _closure(moves: list[np.ndarray], size: int) -> set[tuple[int, ...]]:
    found = {tuple(range(size))}
    new = list(found)
    while new:
        new = [tuple(move[list(image)].tolist()) for image in new for move in moves]
        new = [image for image in dict.fromkeys(new) if image not in found]
        found.update(new)
    return found


def test_axes_of_one_name_move_together() -> None:
    node = Axis("node", 3)
    g = {"node": np.array([1, 2, 0])}  # 0 -> 1 -> 2 -> 0
    space = Space("Graph", (Tensor("edges", (node, node)), Tensor("features", (node,), 2)))
    x = np.arange(3 * 3 + 3 * 2)
    moved = np.empty_like(x)
    moved[destinations(g, space)] = x
    edges, features = moved[:9].reshape(3, 3), moved[9:].reshape(3, 2)
    assert edges.tolist() == [[8, 6, 7], [2, 0, 1], [5, 3, 4]]
    assert features.tolist() == [[13, 14], [9, 10], [11, 12]]


def test_members_travel_with_their_cloud() -> None:
    x = np.array([[0, 1], [2, 3], [4, 5]])
    g = identity((CLOUD, MEMBER))
    g["cloud"] = np.array([1, 0, 2])
    g["member"][0] = [1, 0]  # swap the members of cloud 0, which becomes cloud 1
    moved = np.empty(6, dtype=int)
    moved[destinations(g, bare(CLOUD, MEMBER))] = x.ravel()
    assert moved.reshape(3, 2).tolist() == [[2, 3], [1, 0], [4, 5]]


def test_representations_multiply() -> None:
    rng = np.random.default_rng(4)
    node, space = Axis("node", 4), nodes(2, 4)
    first, second = random_element((node,), rng), random_element((node,), rng)
    both = {"node": second["node"][first["node"]]}
    product = representation(second, space) @ representation(first, space)
    assert np.array_equal(product, representation(both, space))


def test_a_member_must_follow_its_cloud() -> None:
    with pytest.raises(AssertionError, match="member must directly follow cloud"):
        Tensor("x", (MEMBER, CLOUD))


def test_random_spaces_are_reproducible_and_varied() -> None:
    drawn = homs(seed=5, number=200)
    assert drawn == homs(seed=5, number=200)
    assert {hom.source.size * hom.target.size > 200 for hom in drawn} == {True, False}
    assert any(len(hom.sources) == 2 for hom in drawn)
    assert any(hom.target.name is None for hom in drawn)
    indices = [len(tensor.axes) for hom in drawn for tensor in hom.target.tensors]
    assert {0, 1, 2, 3} <= set(indices)
    names = {axis.name for hom in drawn for axis in hom.axes}
    assert names == {"node", "edge", "pixel", "cloud", "member", "bit", "colour"}
    assert {axis.size for hom in drawn for axis in hom.axes} == {1, 2, 3, 4}
    assert any(_thin(hom) for hom in drawn)


def _thin(hom: Hom) -> bool:
    """Whether some axis has fewer positions than some pair of tensors has indices of it."""
    pairs = [out.axes + into.axes for out in hom.target.tensors for into in hom.source.tensors]
    return any(not a.pinned and a.size < axes.count(a) for axes in pairs for a in axes)


def test_a_spec_prints_in_the_language() -> None:
    graph = Space("Graph", (Tensor("t", (CLOUD, MEMBER)), Tensor("f", (PIXEL,), 2)))
    assert Hom((graph, bare(channels=1)), graph).spec == (
        "axis cloud = S(3)\naxis pixel = 3\naxis member = S(2) in cloud\n"
        "space Graph { t: [cloud, member]  f: [pixel; 2] }\n"
        "model M(x1: Graph, x2: [; 1]) -> Graph"
        " { return equivariant((x1, x2), Graph, name = layer) }"
    )


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (0, 3)], ids=str)
def test_ranks_agree_with_elimination(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(prod(shape))
    for inner in range(5):
        left = rng.integers(-3, 4, (shape[0], inner))
        matrix = left @ rng.integers(-3, 4, (inner, shape[1]))
        exact = linear_algebra.rank_modulo(matrix.astype(np.int64))
        assert linear_algebra.rank(matrix.astype(np.float64)) == exact <= inner


def test_a_rank_too_close_to_call_is_refused() -> None:
    with pytest.raises(AssertionError, match="no clear gap"):
        linear_algebra.rank(np.diag([1.0, 1e-9]))
    with pytest.raises(AssertionError, match="no clear gap"):
        linear_algebra.nullspace(np.diag([1.0, 1e-6]))


def test_the_residual_sees_what_is_outside() -> None:
    line = np.array([[1.0, 0.0]])
    assert linear_algebra.residual(np.array([[2.0, 0.0]]), line) == 0.0
    assert linear_algebra.residual(np.array([[2.0, 0.5]]), line) == 0.5


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_as_symmetric_as_they_claim(name: str) -> None:
    """The sets of dimensions that can be swapped are the unions of disjoint ones, one per axis."""
    network = NETWORKS[name]
    module, inputs = random_network(network), random_inputs(network)
    found = {
        chosen: len(swap)
        for chosen, swap in swaps(module)
        if symmetric(module, inputs, sorted(chosen), swap)
    }
    smallest = [one for one in found if not any(other < one for other in found)]
    assert sorted(found[one] for one in smallest) == sorted(network.axes)
    assert len(frozenset().union(*smallest)) == sum(map(len, smallest))
    for chosen in found:
        assert chosen == frozenset().union(*(one for one in smallest if one <= chosen))


def test_oracles_import_nothing_of_the_compiler() -> None:
    allowed = {
        "__future__",
        "collections",
        "dataclasses",
        "fractions",
        "functools",
        "itertools",
        "re",
    }
    allowed |= {"hypothesis", "math", "numpy", "random", "scipy", "torch", "typing"}
    files = sorted((Path(__file__).parent / "oracles").glob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Import(names=names):
                    roots = {name.name.split(".")[0] for name in names}
                case ast.ImportFrom(module=str(module), level=0):
                    roots = {module.split(".")[0]}
                case _:
                    roots = set()
            assert roots <= allowed, f"{file.name} imports {roots - allowed}"
