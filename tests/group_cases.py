"""A grid of spaces of equivariant maps, over the groups of the language, with their dimensions.

A case is a source and a target tensor and one or more ways to count the invariants of a tensor that
do not use one another. To add one, write `Case(source, target, (count, ...))` with axes from
`oracles.finite_groups` or `oracles.matrix_groups`, in a family below. A group of your own is
`finite.cycles("(1 2 3), (1 2)")` or `groups.matrices([...])`; `by_listing` counts for every finite one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb

from oracles import finite_groups as finite
from oracles import matrix_groups as groups
from oracles import tableaux, tori
from oracles.characters import by_listing
from oracles.representations import (
    Axis,
    Node,
    Tensor,
    alt,
    declarations,
    dual,
    dual_tensor,
    indices,
    size,
    sym,
    written,
)

Count = Callable[[Tensor], int]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The maps from source to target; every count gives the dimension of a tensor's invariants."""

    source: Tensor
    target: Tensor
    counts: tuple[Count, ...]

    @property
    def joint(self) -> Tensor:
        """The maps as a tensor."""
        return (*self.target, *dual_tensor(self.source))

    @property
    def maps(self) -> int:
        return self.counts[0](self.joint)

    @property
    def bias_maps(self) -> int:
        return self.counts[0](self.target)

    @property
    def entries(self) -> int:
        return size(self.joint)

    @property
    def spec(self) -> str:
        """Model `M` with the one layer `layer`."""
        source, target = written(self.source), written(self.target)
        layer = f"return equivariant(x, {target}, name = layer)"
        result = f"{target} complex" if self.is_complex else target
        model = f"model M(x: {source}) -> {result} {{ {layer} }}"
        return f"{declarations(self.source, self.target)}\n{model}"

    @property
    def is_complex(self) -> bool:
        """Whether a unitary group moves anything, as complex vectors."""
        return bool(re.search(r"= S?U\(\d+\)$", declarations(self.source, self.target), re.M))

    def __str__(self) -> str:
        lines = declarations(self.source, self.target).replace("\n", "  ")
        return f"{written(self.source)} -> {written(self.target)}  {lines}"


# --- From numbers of indices ---------------------------------------------------------------------


def length(count: Callable[[int, int], int], n: int) -> Count:
    """A count by the number of indices."""
    return lambda tensor: count(len(list(indices(tensor))), n)


def halves(axis: Axis, m: int, counts: Sequence[Count]) -> Iterator[Case]:
    """m indices cut between source and target in the middle, and at another place."""
    for out in dict.fromkeys((m // 2, (7 * axis.size + m) % (m + 1))):
        yield Case((axis,) * (m - out), (axis,) * out, tuple(counts))


def near(m: int, least: int = 1) -> range:
    """Sizes m - 2 ... m + 2."""
    return range(max(least, m - 2), m + 3)


def permutations() -> Iterator[Case]:
    for m in range(1, 7):
        for n in near(m):
            listed = (by_listing,) if n <= 6 else ()
            yield from halves(finite.symmetric(n), m, (length(tableaux.symmetric, n), *listed))
            yield from halves(finite.alternating(n), m, (length(tableaux.alternating, n), *listed))
    for m in range(1, 5):
        for n in range(1, 7):
            yield from halves(finite.cyclic(n), m, (length(tableaux.cyclic, n), by_listing))
            yield from halves(finite.dihedral(n), m, (length(tableaux.dihedral, n), by_listing))


def signed() -> Iterator[Case]:
    for m in range(1, 7):
        for n in range(1, m // 2 + 3):
            listed = (by_listing,) if n <= 4 else ()
            yield from halves(finite.signed(n), m, (length(tableaux.signed, n), *listed))


def nested() -> Iterator[Case]:
    """Wreath products, by the depth of each index."""
    for sizes in ((2, 2), (2, 3), (3, 2), (4, 1), (1, 3), (2, 2, 2), (3, 2, 1)):
        axes = finite.wreath(sizes)
        depths = {axis.words: len(axis.shape) for axis in axes}

        def count(
            tensor: Tensor, sizes: tuple[int, ...] = sizes, depths: dict[str, int] = depths
        ) -> int:
            return tableaux.wreath(sizes, [depths[axis.words] for axis in _plain(tensor)])

        outer, inner, deep = axes[0], axes[1], axes[-1]
        for source, target in (
            ((deep,), (outer,)),
            ((deep,), (deep,)),
            ((deep, outer), (deep,)),
            ((deep, inner), (deep,)),
            ((deep, deep), (outer,)),
        ):
            yield Case(source, target, (count, by_listing))


def _plain(tensor: Tensor) -> Iterator[Axis]:
    """The indices, duals taken for what they are duals of: so they are, for permutations."""
    for axis in indices(tensor):
        yield dual(axis) if axis.words.startswith("dual(") else axis


def by_generators() -> Iterator[Case]:
    for text, degree in (
        ("(1 2)(3 4), (1 3)(2 4)", None),
        ("(1 2 3 4)(5 6 7 8), (1 5 8 4)(2 6 7 3)", None),
        ("(1 2 3), (1 2)", 5),
        ("(1 2 3)(4 5)", None),
        ("(1 2 3 4 5), (2 3 5 4)", None),
        ("(1 2 3 4 5 6 7), (2 3)(4 7)", None),
        ("(1 2)(3 4)(5 6), (1 3 5)(2 4 6)", 7),
    ):
        for m in (1, 2, 3):
            yield from halves(finite.cycles(text, degree), m, (by_listing,))


# --- Groups with a form --------------------------------------------------------------------------


def orthogonal() -> Iterator[Case]:
    for m in (1, 2, 3, 4, 5, 6):
        for n in range(1, {4: 7, 6: 8}.get(m, 5)):
            counts = [length(tableaux.orthogonal, n), length(tableaux.orthogonal_matchings, n)]
            weyl = (lambda tensor, n=n: tori.orthogonal(n, tensor),) if n < 6 else ()
            yield from halves(groups.orthogonal(n), m, (*counts, *weyl))
            special = length(tableaux.special_orthogonal, n)
            weyl = (tori.special_orthogonal(n).invariants,) if n < 6 else ()
            yield from halves(groups.special_orthogonal(n), m, (special, *weyl))
    for m in (2, 3, 4, 5):
        for p, q in ((1, 1), (1, 2), (2, 1), (1, 3), (2, 2)):
            n = p + q
            yield from halves(groups.indefinite(p, q), m, (length(tableaux.orthogonal, n),))
            special = length(tableaux.special_orthogonal, n)
            yield from halves(groups.indefinite(p, q, special=True), m, (special,))


def symplectic() -> Iterator[Case]:
    for m in (1, 2, 3, 4, 6):
        for n in (2, 4) if m == 3 else (2, 4, 6):
            counts = [length(tableaux.symplectic, n), length(tableaux.symplectic_matchings, n)]
            counts.append(tori.symplectic(n).invariants)
            yield from halves(groups.symplectic(n), m, counts)


def stabilisers() -> Iterator[Case]:
    for vector in ((0, 0, 1), (1, 0, 0), (1, 2, 2), (0, 1), (3, 4), (0, 0, 0, 2)):
        n = len(vector)
        for m in (1, 2, 3, 4):
            plain = length(tableaux.fixing, n)
            yield from halves(groups.fixing(n, vector), m, (plain,))
            axis = groups.fixing(n, vector, special=True)
            weyl = tori.with_fixed(tori.special_orthogonal(n - 1)).invariants
            yield from halves(axis, m, (length(partial(tableaux.fixing, special=True), n), weyl))


def powers() -> Iterator[Case]:
    """Symmetric and antisymmetric tensors."""
    for make, count in (
        (groups.orthogonal(3), partial(tori.orthogonal, 3)),
        (groups.special_orthogonal(3), tori.special_orthogonal(3).invariants),
        (groups.special_orthogonal(4), tori.special_orthogonal(4).invariants),
        (groups.symplectic(4), tori.symplectic(4).invariants),
        (groups.indefinite(1, 3), partial(tori.orthogonal, 4)),
        (groups.special_linear(3), tori.special_linear(3).invariants),
        (groups.general_linear(2), tori.general_linear(2).invariants),
        (finite.symmetric(4), by_listing),
        (finite.signed(3), by_listing),
        (finite.dihedral(4), by_listing),
        (finite.cycles("(1 2)(3 4), (1 3)(2 4)"), by_listing),
    ):
        for source, target in power_types(make):
            yield Case(source, target, (count,))


def power_types(v: Axis) -> Iterator[tuple[Tensor, Tensor]]:
    yield (sym(v, v),), (sym(v, v),)
    yield (alt(v, v),), (alt(v, v),)
    yield (v, v), (sym(v, v),)
    yield (alt(v, v),), (v,)
    yield (sym(v, v, v),), (v,)
    yield (alt(v, v, v),), ()
    yield (sym(sym(v, v), sym(v, v)),), ()
    yield (sym(alt(v, v), alt(v, v)),), ()
    yield (alt(sym(v, v), sym(v, v)),), ()


# --- Linear and unitary groups -------------------------------------------------------------------


def linear() -> Iterator[Case]:
    for n, title in ((n, title) for n in (1, 2, 3, 4) for title in ("GL", "U")):
        v = groups.general_linear(n, title=title)
        counts = (_by_kind(tableaux.general_linear, n), tori.general_linear(n).invariants)
        for source, target in mixed_types(v, 6 if n < 4 else 4):
            yield Case(source, target, counts)
    for n, title in ((n, title) for n in (1, 2, 3, 4) for title in ("SL", "SU")):
        v = groups.special_linear(n, title=title)
        counts = (_by_kind(tableaux.special_linear, n), tori.special_linear(n).invariants)
        for source, target in mixed_types(v, 6 if n < 4 else 4):
            yield Case(source, target, counts)


def real_unitary() -> Iterator[Case]:
    """Unitary groups on real and imaginary parts."""
    for n, special in ((1, False), (2, False), (3, False), (1, True), (2, True), (3, True)):
        count = length(partial(tableaux.real_unitary, special=special), n)
        for m in (1, 2, 3, 4) if n < 3 else (1, 2, 3):
            yield from halves(groups.real_unitary(n, special=special), m, (count,))


def mixed_types(v: Axis, most: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Vectors and duals on both sides, with at most so many indices."""
    w = dual(v)
    types: list[tuple[Tensor, Tensor]] = [
        ((v,), (v,)),
        ((v,), (w,)),
        ((v, v), (v, v)),
        ((w, v), (v, w)),
        ((v, v), (w,)),
        ((v, w), ()),
        ((w, w), (v, v)),
        ((v, v, w), (v,)),
        ((v, v, v), (v, v, v)),
        ((v, w, w), (w, v, w)),
        ((v, v, v), (w, w, w)),
    ]
    return (each for each in types if len(each[0]) + len(each[1]) <= most)


def _by_kind(count: Callable[[int, int, int], int], n: int) -> Count:
    def counted(tensor: Tensor) -> int:
        duals = [axis.words.startswith("dual(") for axis in indices(tensor)]
        return count(len(duals) - sum(duals), sum(duals), n)

    return counted


# --- Matrix groups and products ------------------------------------------------------------------

BOOST = [[0, 1], [1, 0]]
NILPOTENT = [[0, 1], [0, 0]]
CUBE = ([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
QUATERNIONS = (
    [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]],
    [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]],
)
HEXAGON = ([[1, -1], [1, 0]], [[0, 1], [1, 0]])  # in a basis of the lattice: not orthogonal
TURNS = ([[0, -1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, -1], [0, 1, 0]])


def by_matrices() -> Iterator[Case]:
    for listed in (CUBE, QUATERNIONS, HEXAGON):
        for m in (1, 2, 3, 4):
            yield from halves(groups.matrices(listed), m, (by_listing,))
        v = groups.matrices(listed)
        yield Case((dual(v),), (v,), (by_listing,))
        yield Case((sym(v, v),), (sym(v, v),), (by_listing,))
    for m in (1, 2, 3, 4):
        boost = groups.matrices([BOOST], lie=True)
        yield from halves(boost, m, (lambda tensor: _zero_sums(len(tensor)),))
        nilpotent = groups.matrices([NILPOTENT], lie=True)
        yield from halves(nilpotent, m, (lambda tensor: comb(len(tensor), len(tensor) // 2),))
        turns = groups.matrices(TURNS, lie=True)
        yield from halves(turns, m, (length(tableaux.special_orthogonal, 3),))


def _zero_sums(m: int) -> int:
    """A torus with weights 1 and -1: as many of one as of the other."""
    return 0 if m % 2 else comb(m, m // 2)


def products() -> Iterator[Case]:
    """Different groups on different axes: counts multiply."""
    pairs: list[tuple[Axis, Count, Axis, Count]] = [
        _factor(finite.symmetric(3, "a"), by_listing)
        + _factor(groups.orthogonal(3, "b"), length(tableaux.orthogonal, 3)),
        _factor(finite.cyclic(3, "a"), by_listing) + _factor(finite.cyclic(4, "b"), by_listing),
        _factor(finite.signed(2, "a"), by_listing)
        + _factor(finite.alternating(4, "b"), by_listing),
        _factor(groups.special_orthogonal(3, "a"), length(tableaux.special_orthogonal, 3))
        + _factor(groups.symplectic(2, "b"), length(tableaux.symplectic, 2)),
        _factor(groups.special_linear(2, "a"), _by_kind(tableaux.special_linear, 2))
        + _factor(finite.symmetric(3, "b"), by_listing),
    ]
    for a, first, b, second in pairs:

        def count(
            tensor: Tensor, first: Count = first, second: Count = second, mover: str = a.mover
        ) -> int:
            own = tuple(axis for axis in indices(tensor) if axis.mover == mover)
            other = tuple(axis for axis in indices(tensor) if axis.mover != mover)
            return first(own) * second(other)

        nodes: list[tuple[Sequence[Node], Sequence[Node]]] = [
            ((a, b), (a, b)),
            ((b, a, b), (a,)),
            ((a, a, b), (b, a)),
        ]
        for source, target in nodes:
            yield Case(tuple(source), tuple(target), (count,))


def _factor(axis: Axis, count: Count) -> tuple[Axis, Count]:
    return axis, count


FAMILIES: dict[str, list[Case]] = {
    family.__name__: list(family())
    for family in (
        permutations,
        signed,
        nested,
        by_generators,
        orthogonal,
        symplectic,
        stabilisers,
        powers,
        linear,
        real_unitary,
        by_matrices,
        products,
    )
}

CASES = [case for cases in FAMILIES.values() for case in cases]
