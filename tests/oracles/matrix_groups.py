"""The matrix groups, each as a few generator matrices on its defining space.

Invariants of a group are those of any elements that generate a Zariski-dense subgroup together with
Lie-algebra elements whose conjugates and brackets span the rest; each constructor says why its few
do. Signed permutations and diagonal matrices are given generously: they cost next to nothing. A
constructor gives an axis called `name`, declared as a spec declares it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from .finite_groups import reflection, rotation, transposition, turn, unit
from .representations import Axis, Square, generated


def matrices(
    entries: Sequence[Sequence[Sequence[float]]], *, lie: bool = False, name: str = "v"
) -> Axis:
    """A group by generator matrices, or by elements that generate its Lie algebra (connected)."""
    n = len(entries[0])
    listed = ", ".join(str([list(row) for row in matrix]) for matrix in entries)
    group = f"group G_{name} = matrices {{ {listed} }}{' lie' if lie else ''}"
    lines = (group, f"axis {name} = G_{name}")
    return generated(name, lines, n, () if lie else entries, entries if lie else ())


# --- Groups with a form --------------------------------------------------------------------------


def orthogonal(n: int, name: str = "v") -> Axis:
    """O(n): the signed permutations, which carry one plane's turn to every other plane of so(n)."""
    turns = [turn(n, 0, 1)] if n > 1 else []
    swaps = [transposition(n, k, k + 1) for k in range(n - 1)]
    return generated(name, f"axis {name} = O({n})", n, [*swaps, reflection(n, 0)], turns)


def special_orthogonal(n: int, name: str = "v") -> Axis:
    """SO(n), connected: quarter turns, which lie in it and conjugate one turn to all."""
    turns = [turn(n, 0, 1)] if n > 1 else []
    quarters = [rotation(n, k, k + 1) for k in range(n - 1)]
    return generated(name, f"axis {name} = SO({n})", n, quarters, turns)


def indefinite(p: int, q: int, name: str = "v", special: bool = False) -> Axis:
    """O(p, q), or SO(p, q), of the form diag(1, ..., 1, -1, ..., -1), p and q positive.

    One boost; signed permutations of the positive and of the negative directions carry it to all,
    and brackets of two boosts are the turns. O(p, q) has four components: reflections in a direction
    of each kind. SO(p, q) has two: quarter turns within a kind, and the product of both reflections.
    """
    assert p > 0 and q > 0
    n = p + q
    boost = unit(n, 0, p) + unit(n, p, 0)
    within = [k for k in range(n - 1) if k != p - 1]
    if special:
        elements = [rotation(n, k, k + 1) for k in within]
        elements.append(reflection(n, 0) @ reflection(n, p))
    else:
        elements = [transposition(n, k, k + 1) for k in within]
        elements += [reflection(n, 0), reflection(n, p)]
    title = f"{'SO' if special else 'O'}({p}, {q})"
    return generated(name, f"axis {name} = {title}", n, elements, [boost])


def symplectic(n: int, name: str = "v") -> Axis:
    """Sp(n) of the form [[0, I], [-I, 0]], n even; connected.

    Permutations of the pairs (e_k, f_k), the quarter turn of the first pair, a long root vector
    e_1 <- f_1 and a short one: the Weyl group carries them to all root vectors, whose brackets are
    the torus, given too.
    """
    h = n // 2
    swaps = [transposition(n, k, k + 1) @ transposition(n, h + k, h + k + 1) for k in range(h - 1)]
    algebra = [unit(n, 0, h), unit(n, 0, 0) - unit(n, h, h)]
    if h > 1:
        algebra.append(unit(n, 0, 1) - unit(n, h + 1, h))
    algebra += [unit(n, k, k) - unit(n, h + k, h + k) for k in range(1, h)]
    elements = [*swaps, rotation(n, 0, h)]
    return generated(name, f"axis {name} = Sp({n})", n, elements, algebra)


def fixing(n: int, vector: Sequence[int], name: str = "v", special: bool = False) -> Axis:
    """The part of O(n), or SO(n), that keeps a vector: the same group of the space across it.

    Whole vectors b_k across the given one span that space; b_i b_j^T - b_j b_i^T span its algebra.
    The reflection is in a direction u of whole numbers, 1 - 2 u u^T / |u|^2.
    """
    z = np.array(vector, dtype=np.int64)
    along = int(z @ z)
    across = [along * np.eye(n, dtype=np.int64)[k] - z[k] * z for k in range(n)]
    algebra = [np.outer(a, b) - np.outer(b, a) for i, a in enumerate(across) for b in across[:i]]
    mirrors = []
    if not special:
        u = next(u for u in across if u.any())
        scale = int(u @ u)
        mirrors.append(
            [
                [Fraction(int(i == j)) - Fraction(2 * int(u[i] * u[j]), scale) for j in range(n)]
                for i in range(n)
            ]
        )
    title = f"{'SO' if special else 'O'}({n}) fixing ({', '.join(map(str, vector))})"
    return generated(name, f"axis {name} = {title}", n, mirrors, algebra)


# --- Linear and unitary groups -------------------------------------------------------------------


def general_linear(n: int, name: str = "v", title: str = "GL") -> Axis:
    """GL(n): gl(n) by its torus and one root vector, permutations of the basis for the others.

    The identity component of GL(n, R) and U(n) are Zariski dense in GL(n, C): the same invariants
    of tensors, over the reals and over the complex numbers.
    """
    swaps = [transposition(n, k, k + 1) for k in range(n - 1)]
    algebra = [unit(n, k, k) for k in range(n)]
    roots = [unit(n, 0, 1)] if n > 1 else []
    return generated(name, f"axis {name} = {title}({n})", n, swaps, algebra + roots)


def special_linear(n: int, name: str = "v", title: str = "SL") -> Axis:
    """SL(n), and SU(n) which is Zariski dense in SL(n, C): sl(n) the same way, quarter turns."""
    quarters = [rotation(n, k, k + 1) for k in range(n - 1)]
    algebra = [unit(n, k, k) - unit(n, k + 1, k + 1) for k in range(n - 1)]
    roots = [unit(n, 0, 1)] if n > 1 else []
    return generated(name, f"axis {name} = {title}({n})", n, quarters, algebra + roots)


def unitary(n: int, name: str = "v") -> Axis:
    """U(n) on complex vectors."""
    return general_linear(n, name, "U")


def special_unitary(n: int, name: str = "v") -> Axis:
    """SU(n) on complex vectors."""
    return special_linear(n, name, "SU")


def real_unitary(n: int, name: str = "v", special: bool = False) -> Axis:
    """U(n), or SU(n), on the 2n real and imaginary parts (real parts first); connected.

    A + iB acts as [[A, -B], [B, A]]: the turn of two coordinates and i at one, or i and -i at two,
    with the quarter turns that these generate. By conjugation and brackets they span u(n), su(n).
    """

    def both(matrix: Square) -> Square:
        return np.kron(np.eye(2, dtype=np.int64), matrix)

    elements = [both(rotation(n, k, k + 1)) for k in range(n - 1)]
    phases = [turn(2 * n, k, n + k) for k in range(n)]
    quarters = [rotation(2 * n, k, n + k) for k in range(n)]
    if special:
        phases = [phases[k] - phases[k + 1] for k in range(n - 1)]
        quarters = [quarters[k] @ quarters[k + 1].T for k in range(n - 1)]
    turns = [both(turn(n, 0, 1))] if n > 1 else []
    title = f"{'SU' if special else 'U'}({n}, real)"
    return generated(name, f"axis {name} = {title}", 2 * n, elements + quarters, phases + turns)


# --- Irreducible representations of SO(3) and O(3) -----------------------------------------------


def spin(degree: int, parity: int | None = None, name: str = "R") -> Axis:
    """Spin `degree` of SO(3) by its complexified algebra sl(2), in a basis of weights, so whole.

    With a parity (1 even, -1 odd) of O(3), where the inversion acts by it. All spins under one name
    move together. For dimensions: the basis is not the real one that a module uses.
    """
    n = 2 * degree + 1
    raising = sum((k * (n - k) * unit(n, k - 1, k) for k in range(1, n)), 0 * np.eye(n, dtype=int))
    lowering = np.eye(n, k=-1, dtype=np.int64)
    weights = np.diag(np.arange(2 * degree, -2 * degree - 1, -2))
    inversion = [] if parity is None else [parity * np.eye(n, dtype=np.int64)]
    kind = {None: "", 1: " even", -1: " odd"}[parity]
    group, word = "SO(3)" if parity is None else "O(3)", f"{name}{degree}{kind.strip()}"
    lines = (f"group {name} = {group}", f"axis {word} = {name} spin {degree}{kind}")
    axis = generated(word, lines, n, inversion, [weights, raising, lowering])
    return Axis(name, word, (n,), axis.elements, axis.algebra, lines)
