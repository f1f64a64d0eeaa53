"""Which function may act on which representation: the typing rule against brute force, for every pair.

Whether a function commutes with a representation is decided here from its matrices and torch's function,
on numbers. The language has to accept exactly those pairs, with the type that numbers say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from oracles import finite_groups as finite
from oracles import matrix_groups as groups
from oracles.moved import Element, act, random_element
from oracles.representations import Axis, declarations, dual, indices, written
from test_messages import mistakes_of
from torch import Tensor
from torch.nn import functional as F

from specc.operations import FUNCTIONS

pytestmark = pytest.mark.grid

QUARTER = [[[0, -1], [1, 0]]]
SWAP = [[[0, 2], [0.5, 0]]]
STRETCHED = [[[0, 0, 0.125], [2, 0, 0], [0, 4, 0]], [[0, 0.5, 0], [2, 0, 0], [0, 0, 1]]]
SIGNED_SWAP = [[[0, -2], [-0.5, 0]], [[-1, 0], [0, 1]]]
MIRROR = [[[-1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]]

REPRESENTATIONS: dict[str, tuple[Axis, ...]] = {
    "S": (finite.symmetric(4),),
    "S twice": (finite.symmetric(3),) * 2,
    "A": (finite.alternating(4),),
    "C": (finite.cyclic(4),),
    "D": (finite.dihedral(4),),
    "permutations by generators": (finite.cycles("(1 2)(3 4), (1 3)(2 4)"),),
    "permutations by matrices": (groups.matrices([[[0, 1], [1, 0]]]),),
    "B": (finite.signed(3),),
    "B twice": (finite.signed(3),) * 2,
    "B and B": (finite.signed(2, "s"), finite.signed(3, "t")),
    "B and S": (finite.signed(3, "s"), finite.symmetric(4, "node")),
    "quarter turns": (groups.matrices(QUARTER),),
    "signed permutations by matrices": (groups.matrices(MIRROR),),
    "O": (groups.orthogonal(3),),
    "O twice": (groups.orthogonal(2),) * 2,
    "O and S": (groups.orthogonal(3, "v"), finite.symmetric(4, "node")),
    "O and B": (groups.orthogonal(3, "v"), finite.signed(3, "s")),
    "SO": (groups.special_orthogonal(2),),
    "O(1, 1)": (groups.indefinite(1, 1),),
    "Sp": (groups.symplectic(2),),
    "GL": (groups.general_linear(2),),
    "GL and its dual": (groups.general_linear(2), dual(groups.general_linear(2))),
    "shears": (groups.matrices([[[0, 1], [0, 0]]], lie=True),),
    "a swap that scales": (groups.matrices(SWAP),),
    "cycles that scale": (groups.matrices(STRETCHED),),
    "its dual": (dual(groups.matrices(STRETCHED)),),
    "scaled twice": (groups.matrices(SWAP),) * 2,
    "scaled, and S": (groups.matrices(SWAP), finite.symmetric(3, "node")),
    "scaled, and B": (groups.matrices(SWAP), finite.signed(2, "s")),
    "scaled, and O": (groups.matrices(SWAP), groups.orthogonal(2, "o")),
    "a swap that scales and changes signs": (groups.matrices(SIGNED_SWAP),),
    "its square": (groups.matrices(SIGNED_SWAP),) * 2,
    "squeezes": (groups.matrices([[[1, 0], [0, -1]]], lie=True),),
    "scalings": (groups.matrices([[[1]]], lie=True),),
    "boosts": (groups.matrices([[[0, 1], [1, 0]]], lie=True),),
}


@dataclass(frozen=True, slots=True)
class Pointwise:
    """A call on x, and what it computes."""

    call: str
    function: Callable[[Tensor], Tensor]


def _torch(word: str) -> Callable[[Tensor], Tensor]:
    if word == "threshold":
        return lambda x: F.threshold(x, 0.0, 0.0)
    found = getattr(F if FUNCTIONS[word].path.startswith("F.") else torch, word)
    assert callable(found)
    return found  # type: ignore[no-any-return]


CALLS = (
    *(Pointwise(f"{word}(x)", _torch(word)) for word in FUNCTIONS),
    Pointwise("hardtanh(x, min_val = -0.5)", lambda x: F.hardtanh(x, -0.5, 1.0)),
    Pointwise("hardtanh(x, min_val = -2.0, max_val = 2.0)", lambda x: F.hardtanh(x, -2.0, 2.0)),
    Pointwise("threshold(x, threshold = 0.5)", lambda x: F.threshold(x, 0.5, 0.0)),
    Pointwise("threshold(x, value = -1.0)", lambda x: F.threshold(x, 0.0, -1.0)),
    Pointwise("hardshrink(x, lambd = 0.25)", lambda x: F.hardshrink(x, 0.25)),
    Pointwise("-x", lambda x: -x),
    Pointwise("2 * x", lambda x: 2 * x),
    Pointwise("x / 3", lambda x: x / 3),
    Pointwise("3 / x", lambda x: 3 / x),
    Pointwise("x + 1", lambda x: x + 1),
    Pointwise("1 - x", lambda x: 1 - x),
    Pointwise("x ^ 2", lambda x: x**2),
    Pointwise("x ^ 1", lambda x: x),
    Pointwise("x ^ 3", lambda x: x**3),
    Pointwise("x ^ -1", lambda x: x**-1),
    Pointwise("2 ^ x", lambda x: 2**x),
)


def commutes(call: Pointwise, axes: tuple[Axis, ...], left: Callable[[Tensor], Tensor]) -> bool:
    """Whether f(g x) = g' f(x) for random g and x, where g' is `left` of the matrices of g."""
    rng = np.random.default_rng(0)
    words = [axis.words for axis in axes]
    for _ in range(8):
        element = random_element(axes, rng)
        moved: Element = {name: left(matrix) for name, matrix in element.items()}
        x = torch.from_numpy(3 * rng.normal(size=(8, *(axis.size for axis in axes))))
        here, there = call.function(act(element, x, words)), act(moved, _finite(call, x), words)
        if not torch.allclose(here.nan_to_num(1e3), there, rtol=1e-9, atol=1e-9):
            return False
    return True


def _finite(call: Pointwise, x: Tensor) -> Tensor:
    """The values, with a large number where a logarithm or a root has none."""
    return call.function(x).nan_to_num(1e3)


def is_monomial(axes: tuple[Axis, ...]) -> bool:
    """Whether all elements have one entry in each row that is not zero, so that their absolute values
    are a group."""
    rng = np.random.default_rng(1)
    matrices = [each.abs() for _ in range(8) for each in random_element(axes, rng).values()]
    return all(bool(((m > 1e-9).sum(0) == 1).all()) for m in matrices)


@cache
def accepted(name: str, result: str) -> frozenset[str]:
    """The calls that the language accepts on a representation with a result: one file has all.

    Each has a number of channels of its own, since mistakes that read alike are told once.
    """
    axes = REPRESENTATIONS[name]
    lines = [*declarations(axes).splitlines()]
    before = len(lines) + 1
    for width, call in enumerate(CALLS, start=1):
        read, made = (f"{kind.removesuffix(']')}; {width}]" for kind in (written(axes), result))
        lines.append(f"model M{width}(x: {read}) -> {made} {{ return {call.call} }}")
    wrong = {error.span.line for error in mistakes_of("\n".join(lines)) if error.span}
    return frozenset(call.call for line, call in enumerate(CALLS, before) if line not in wrong)


@pytest.mark.parametrize("name", REPRESENTATIONS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.call)
def test_the_language_accepts_what_commutes(name: str, call: Pointwise) -> None:
    axes = REPRESENTATIONS[name]
    same = commutes(call, axes, lambda matrix: matrix)
    assert (call.call in accepted(name, written(axes))) == same
    if is_monomial(axes):
        without_signs = commutes(call, axes, torch.abs)
        plain = f"[{', '.join(f'abs({axis.words})' for axis in axes)}]"
        assert (call.call in accepted(name, plain)) == without_signs


def test_brute_force_finds_what_is_known() -> None:
    """The oracle says of some pairs what theory says."""
    calls = {call.call: call for call in CALLS}
    known = {
        ("relu(x)", "S"): True,
        ("relu(x)", "B"): False,
        ("relu(x)", "O"): False,
        ("tanh(x)", "B twice"): True,
        ("tanh(x)", "quarter turns"): True,
        ("tanh(x)", "SO"): False,
        ("2 * x", "GL and its dual"): True,
        ("relu(x)", "a swap that scales"): True,
        ("relu(x)", "a swap that scales and changes signs"): False,
        ("abs(x)", "squeezes"): True,
        ("tanh(x)", "scaled twice"): False,
    }
    for (call, name), expected in known.items():
        axes = REPRESENTATIONS[name]
        assert commutes(calls[call], axes, lambda matrix: matrix) == expected
        assert list(indices(axes)) == list(axes)
    assert commutes(calls["abs(x)"], REPRESENTATIONS["B"], torch.abs)
    assert not commutes(calls["tanh(x)"], REPRESENTATIONS["B"], torch.abs)
