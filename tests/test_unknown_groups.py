"""Groups that the compiler has no name for, entered by generators, against brute force from these.

Textbook groups of many kinds: extraspecial, dicyclic, Frobenius, simple, nilpotent, solvable, exceptional.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, product

import pytest
import torch
from compiled import layer_report
from oracles import finite_groups as finite
from oracles import matrix_groups as groups
from oracles.invariants import invariants
from oracles.representations import Axis, declarations, dual, written
from test_messages import mistakes_of

import specc
from specc_runtime.nullspaces import nullspace

Point = tuple[int, ...]


def acting(points: Sequence[Point], *maps: Callable[[Point], Point]) -> Axis:
    """A permutation group by what its generators do to points."""
    number = {point: place for place, point in enumerate(points)}
    texts = []
    for image in maps:
        seen: set[Point] = set()
        text = ""
        for start in points:
            cycle = []
            point = start
            while point not in seen:
                seen.add(point)
                cycle.append(number[point] + 1)
                point = image(point)
            text += f"({' '.join(map(str, cycle))})" if len(cycle) > 1 else ""
        texts.append(text)
    return finite.cycles(", ".join(texts))


def heisenberg(p: int) -> Axis:
    """Upper unitriangular 3 x 3 matrices modulo p, on p^2 points."""
    points = list(product(range(p), repeat=2))
    return acting(points, lambda x: ((x[0] + 1) % p, x[1]), lambda x: (x[0], (x[1] + x[0]) % p))


def on_pairs(n: int) -> Axis:
    """S(n) on unordered pairs."""

    def moved(image: Callable[[int], int]) -> Callable[[Point], Point]:
        return lambda pair: tuple(sorted(map(image, pair)))

    swap = moved(lambda i: {0: 1, 1: 0}.get(i, i))
    return acting(list(combinations(range(n), 2)), swap, moved(lambda i: (i + 1) % n))


def lie(*matrices: Sequence[Sequence[float]]) -> Axis:
    return groups.matrices(matrices, lie=True)


def exceptional() -> Axis:
    """G2 on the imaginary octonions: brackets of two derivations make all fourteen, found by hand.

    The derivations D(a, b) of the octonions, x to [[a, b], x] - 3 (a, b, x), for units a and b.
    """
    lines = [(0, 1, 2), (0, 3, 4), (0, 6, 5), (1, 3, 5), (1, 4, 6), (2, 3, 6), (2, 5, 4)]
    table: dict[tuple[int, int], tuple[int, int]] = {(i, i): (-1, -1) for i in range(7)}
    for a, b, c in lines:
        for x, y, z in ((a, b, c), (b, c, a), (c, a, b)):
            table[x, y], table[y, x] = (z, 1), (z, -1)

    def times(first: list[int], second: list[int]) -> list[int]:
        found = [0] * 8  # the last entry is the real part
        for (i, x), (j, y) in product(enumerate(first), enumerate(second)):
            if i == 7 or j == 7:
                place, sign = (j if i == 7 else i), 1
            else:
                place, sign = table[i, j]
            found[place] += sign * x * y
        return found

    def derivation(i: int, j: int) -> list[list[int]]:
        units = [[int(k == row) for k in range(8)] for row in range(8)]
        a, b = units[i], units[j]
        commutator = [x - y for x, y in zip(times(a, b), times(b, a), strict=True)]
        columns = []
        for k in range(7):
            x = units[k]
            associator = [
                p - q for p, q in zip(times(times(a, b), x), times(a, times(b, x)), strict=True)
            ]
            inner = zip(times(commutator, x), times(x, commutator), associator, strict=True)
            columns.append([p - q - 3 * r for p, q, r in inner][:7])
        return [list(row) for row in zip(*columns, strict=True)]

    return lie(*(derivation(i, j) for i, j in combinations(range(7), 2)))


QUATERNION = (
    [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]],
    [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]],
)
DICYCLIC = (
    [[1, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 1]],
    [[0, 0, -1, 0], [0, 0, 0, -1], [1, 0, 0, 0], [0, 1, 0, 0]],
)
GOLDEN = 1.618033988749895 / 2
ICOSAHEDRAL = (
    [[0.5, -GOLDEN, GOLDEN - 0.5], [GOLDEN, GOLDEN - 0.5, -0.5], [GOLDEN - 0.5, 0.5, GOLDEN]],
    [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
)

GROUPS: dict[str, Axis] = {
    "Heisenberg modulo 3": heisenberg(3),
    "quaternions": groups.matrices(QUATERNION),
    "dicyclic": groups.matrices(DICYCLIC),
    "Frobenius 21": finite.cycles("(1 2 3 4 5 6 7), (2 3 5)(4 7 6)"),
    "PSL(2, 7)": finite.cycles("(1 2 3 4 5 6 7), (2 3)(4 7)"),
    "M11": finite.cycles("(1 2 3 4 5 6 7 8 9 10 11), (3 7 11 8)(4 10 5 6)"),
    "S(5) on pairs": on_pairs(5),
    "signs of three, turned": finite.cycles("(1 4), (1 2 3)(4 5 6)"),
    "icosahedral": groups.matrices(ICOSAHEDRAL),
    "tetrahedral": groups.matrices(
        [[[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]]
    ),
    "turns and scalings": lie([[0, -1], [1, 0]], [[1, 0], [0, 1]]),
    "spirals": lie([[0.5, -1.25], [1.25, 0.5]]),
    "Heisenberg": lie(
        [[0, 1, 0], [0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    ),
    "filiform": lie(
        [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]],
        [[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ),
    "affine line": lie([[1, 0], [0, 0]], [[0, 1], [0, 0]]),
    "Sp(2, R)": lie([[0, 1], [0, 0]], [[0, 0], [1, 0]]),
    "Sp(2, R) on cubics": lie(
        [[0, 3, 0, 0], [0, 0, 4, 0], [0, 0, 0, 3], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]],
    ),
    "SO(2, 1)": lie([[0, 1, 0], [-1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0], [1, 0, 0]]),
    "G2": exceptional(),
}  # fmt: skip

SHAPES = [(1, 0), (1, 1), (2, 1), (2, 2)]


def spec(axis: Axis, read: int, output: int) -> str:
    source, target = (written((axis,) * k)[:-1] for k in (read, output))
    body = f"equivariant(x, {target}; 1], name = layer)"
    lines = declarations((axis,))
    return f"{lines}\nmodel M(x: {source}; 1]) -> {target}; 1] {{ return {body} }}"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param(name, shape, marks=[pytest.mark.slow] * (name == "G2" and shape == (2, 2)))
        for name in GROUPS
        for shape in SHAPES
    ],
)
def test_maps_are_as_many_as_brute_force_finds(name: str, shape: tuple[int, int]) -> None:
    axis, (read, output) = GROUPS[name], shape
    if name == "G2" and shape == (2, 2):
        expected = 4  # 1, 7, 14 and 27 once each in 7 x 7 (Fulton, Harris 1991, section 22.3)
    else:
        expected = invariants((*[axis] * output, *[dual(axis)] * read))
    text = spec(axis, read, output)
    if expected == 0:
        (mistake,) = mistakes_of(text)
        assert mistake.message.startswith("no linear map leads from")
    else:
        assert layer_report(text)["maps"] == expected


@pytest.mark.parametrize("name", GROUPS)
def test_layers_pass_verification(name: str) -> None:
    """Between [v] and [v]: every map is reached, and all commute."""
    (found,) = specc.verify(spec(GROUPS[name], 1, 1)).models
    (layer,) = found.layers
    assert found.ok and layer.rank == layer.maps


INFINITE = {
    "GL(2, Z)": "[[0, -1], [1, 0]], [[1, 1], [0, 1]]",
    "the modular group": "[[0, -1], [1, 0]], [[0, -1], [1, 1]]",
    "a free group": "[[1, 2], [0, 1]], [[1, 0], [2, 1]]",
    "a turn by no part of a circle": "[[0.6, -0.8], [0.8, 0.6]]",
}


@pytest.mark.parametrize("name", INFINITE)
def test_infinite_groups_are_refused_as_finite_ones(name: str) -> None:
    text = f"group G = matrices {{ {INFINITE[name]} }}\naxis v = G\nmodel M(x: [v]) -> [v] {{ return x }}"
    (mistake,) = mistakes_of(text)
    assert "is given by generators of a finite group" in mistake.message


def test_a_million_tuples() -> None:
    """M11 on six indices: the mean of fixed tuples over its 7920 elements, by how many points they fix."""
    fixed = {
        11: 1,
        3: 165 + 990,
        2: 440,
        1: 1584 + 1980,
        0: 1320 + 1440,
    }  # the ATLAS of Finite Groups
    tuples = sum(points**6 * elements for points, elements in fixed.items())
    assert sum(fixed.values()) == 7920
    assert layer_report(spec(GROUPS["M11"], 3, 3))["maps"] == tuples // 7920


@pytest.mark.parametrize("seed", range(20))
def test_nullspaces_by_parts_are_those_of_the_whole(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows, columns = (int(torch.randint(1, 30, (), generator=generator)) for _ in range(2))
    kept = torch.rand(rows, columns, generator=generator) < 0.08
    matrix = torch.randn(rows, columns, generator=generator, dtype=torch.float64) * kept
    found = nullspace(matrix, 10.0)
    rank = int(torch.linalg.matrix_rank(matrix))
    assert found.shape == (columns, columns - rank)
    identity = torch.eye(columns - rank, dtype=torch.float64)
    torch.testing.assert_close(found.T @ found, identity)
    torch.testing.assert_close(
        matrix @ found, torch.zeros(rows, columns - rank, dtype=torch.float64)
    )
