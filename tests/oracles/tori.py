"""Dimensions of invariants of the classical groups as means of characters over a maximal torus.

For a connected compact group the mean over the group is a constant term, by Weyl's integration
formula (Goodman, Wallach 2009, section 7.3). A non-compact form has the invariants of the compact
form of its complexification: O(p, q) those of O(p + q), GL(n) those of U(n).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from .characters import character
from .representations import Axis, Tensor

Weight = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Laurent:
    """A Laurent polynomial in several variables: coefficients by exponents."""

    terms: Mapping[Weight, int]

    def __add__(self, other: Laurent) -> Laurent:
        keys = {**self.terms, **other.terms}
        return Laurent({k: self.terms.get(k, 0) + other.terms.get(k, 0) for k in keys})

    def __sub__(self, other: Laurent) -> Laurent:
        keys = {**self.terms, **other.terms}
        return Laurent({k: self.terms.get(k, 0) - other.terms.get(k, 0) for k in keys})

    def __mul__(self, other: Laurent) -> Laurent:
        result: dict[Weight, int] = {}
        for a, first in self.terms.items():
            for b, second in other.terms.items():
                both = tuple(map(sum, zip(a, b, strict=True)))
                result[both] = result.get(both, 0) + first * second
        return Laurent(result)

    def __floordiv__(self, divisor: int) -> Laurent:
        assert all(value % divisor == 0 for value in self.terms.values())
        return Laurent({weight: value // divisor for weight, value in self.terms.items()})


@dataclass(frozen=True, slots=True)
class Torus:
    """Weights of the defining representation, and positive roots.

    The last exponent counts factors of -1: it is 0 all over but on the other component of O(n).
    """

    weights: tuple[Weight, ...]
    roots: tuple[Weight, ...]

    def invariants(self, tensor: Tensor, others: Mapping[str, Sequence[Weight]] = {}) -> int:
        """The constant term of the character times the product of 1 - e^root.

        `others` gives the weights of axes, by their words, that are not defining; duals have the
        negative ones.
        """

        def trace(axis: Axis, power: int) -> Laurent:
            name = axis.words.removeprefix("dual(").removesuffix(")")
            factor = power if name == axis.words else -power
            terms: dict[Weight, int] = {}
            for weight in others.get(name, self.weights):
                scaled = tuple(factor * each for each in weight)
                terms[scaled] = terms.get(scaled, 0) + 1
            return Laurent(terms)

        one = (0,) * len(self.weights[0])
        factors = [Laurent({one: 1, root: -1}) for root in self.roots]
        factors += [character(node, trace) for node in tensor]
        product = math.prod(factors, start=Laurent({one: 1}))
        return sum(
            coefficient * (-1) ** (weight[-1] % 2)
            for weight, coefficient in product.terms.items()
            if not any(weight[:-1])
        )


def _e(rank: int, **at: int) -> Weight:
    """A weight: `_e(3, _0=1, _2=-1)` is e_0 - e_2; `minus` is the exponent of -1."""
    return (*(at.get(f"_{k}", 0) for k in range(rank)), at.get("minus", 0))


def _pm(rank: int, k: int, minus: int = 0) -> list[Weight]:
    return [_e(rank, **{f"_{k}": sign, "minus": minus}) for sign in (1, -1)]


def _sums(rank: int) -> list[Weight]:
    """e_i - e_j and e_i + e_j for i < j."""
    return [
        _e(rank, **{f"_{i}": 1, f"_{j}": sign})
        for i, j in combinations(range(rank), 2)
        for sign in (1, -1)
    ]


def special_orthogonal(n: int) -> Torus:
    """SO(n): weights e_k, -e_k, and 0 for odd n; roots e_i ± e_j, and e_i for odd n."""
    rank, odd = divmod(n, 2)
    short = [_pm(rank, k)[0] for k in range(rank)] if odd else []
    weights = [weight for k in range(rank) for weight in _pm(rank, k)] + [_e(rank)] * odd
    return Torus(tuple(weights), tuple(_sums(rank) + short))


def symplectic(n: int) -> Torus:
    """Sp(n): weights e_k, -e_k; roots e_i ± e_j and 2 e_i."""
    rank = n // 2
    weights = [weight for k in range(rank) for weight in _pm(rank, k)]
    long = [_e(rank, **{f"_{k}": 2}) for k in range(rank)]
    return Torus(tuple(weights), tuple(_sums(rank) + long))


def reflected(n: int) -> Torus:
    """The component of O(n) that is not SO(n) (Weyl 1946, chapter VII.9).

    For odd n it is -SO(n). For even n its elements have the eigenvalues 1, -1 and those of a torus of
    rank n/2 - 1, distributed as in Sp(n - 2).
    """
    if n % 2:
        torus = special_orthogonal(n)
        return Torus(tuple((*weight[:-1], 1) for weight in torus.weights), torus.roots)
    smaller = symplectic(n - 2)
    rank = n // 2 - 1
    return Torus((*smaller.weights, _e(rank), _e(rank, minus=1)), smaller.roots)


def orthogonal(n: int, tensor: Tensor, others: Mapping[str, Sequence[Weight]] = {}) -> int:
    """O(n): the mean of its two components."""
    both = [torus.invariants(tensor, others) for torus in (special_orthogonal(n), reflected(n))]
    assert sum(both) % 2 == 0
    return sum(both) // 2


def general_linear(n: int) -> Torus:
    """GL(n), U(n): weights e_k, roots e_i - e_j."""
    weights = [_pm(n, k)[0] for k in range(n)]
    roots = [_e(n, **{f"_{i}": 1, f"_{j}": -1}) for i, j in combinations(range(n), 2)]
    return Torus(tuple(weights), tuple(roots))


def special_linear(n: int) -> Torus:
    """SL(n), SU(n): the same where the exponents add up to zero, e_n = -(e_1 + ... + e_(n-1))."""
    torus = general_linear(n)
    return Torus(
        tuple(_traceless(each) for each in torus.weights),
        tuple(_traceless(each) for each in torus.roots),
    )


def _traceless(weight: Weight) -> Weight:
    *free, last, minus = weight
    return (*(each - last for each in free), minus)


def realified(torus: Torus) -> Torus:
    """The real and imaginary parts of a complex representation: it and its dual."""
    negative = tuple((*(-each for each in weight[:-1]), weight[-1]) for weight in torus.weights)
    return Torus(torus.weights + negative, torus.roots)


def with_fixed(torus: Torus) -> Torus:
    """The same group on a space with one more direction, which it fixes."""
    zero = (0,) * len(torus.weights[0])
    return Torus((*torus.weights, zero), torus.roots)


def spin(degree: int) -> tuple[Weight, ...]:
    """The weights of spin `degree` on the torus of SO(3)."""
    return tuple((m, 0) for m in range(-degree, degree + 1))
