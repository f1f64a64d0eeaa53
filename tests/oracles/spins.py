"""Spins from their textbook definitions: ladder operators, spherical harmonics, polynomials, characters.

Nothing of the compiler is imported. Polar angles are about y, as in e3nn: the (x, y, z) of textbooks
is its (z, x, y).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import sph_harm_y

Matrix = NDArray[np.float64]


def complex_to_real(degree: int) -> NDArray[np.complex128]:
    """Rows are real harmonics in terms of the complex ones of Condon and Shortley, m from -l to l."""
    change = np.zeros((2 * degree + 1, 2 * degree + 1), dtype=np.complex128)
    change[degree, degree] = 1
    for m in range(1, degree + 1):
        sign = (-1) ** m
        change[degree + m, [degree + m, degree - m]] = np.array([sign, 1]) / np.sqrt(2)
        change[degree - m, [degree + m, degree - m]] = np.array([sign, -1]) / (1j * np.sqrt(2))
    return change


def ladder_rotations(degree: int) -> list[Matrix]:
    """The derivatives of D, Y(R p) = D Y(p), for rotations about e3nn's x, y and z.

    The derivative of Y_m along a rotation about axis k is i times the sum of Y_m' <m'|L_k|m>.
    """
    m = np.arange(-degree, degree + 1)
    raising = np.diag(np.sqrt((degree - m[:-1]) * (degree + m[:-1] + 1)), -1)
    about_x, about_y, about_z = (raising + raising.T) / 2, (raising - raising.T) / 2j, np.diag(m)
    change = complex_to_real(degree)
    found = []
    for operator in (about_y, about_z, about_x):
        real = change @ (1j * operator.T) @ np.linalg.inv(change)
        assert np.abs(real.imag).max() < 1e-12
        found.append(real.real)
    return found


def harmonics(degree: int, points: Matrix) -> Matrix:
    """The real spherical harmonics of points (number, 3) on the sphere, (number, 2 l + 1)."""
    x, y, z = points.T
    m = np.arange(-degree, degree + 1)
    values = sph_harm_y(degree, m, np.arccos(y)[:, None], np.arctan2(x, z)[:, None])
    real = values @ complex_to_real(degree).T
    return np.asarray(real.real)


def polynomial_rotations(degree: int) -> list[Matrix]:
    """so(3) on the harmonic polynomials of a degree, in an orthonormal basis that SVD happens to give."""
    exponents = [e for e in product(range(degree + 1), repeat=3) if sum(e) == degree]
    number = {e: n for n, e in enumerate(exponents)}
    lower = [e for e in product(range(degree + 1), repeat=3) if sum(e) == degree - 2]
    laplacian = np.zeros((len(lower), len(exponents)))
    for e, column in number.items():
        for k in range(3):
            if e[k] >= 2:
                less = tuple(n - 2 * (i == k) for i, n in enumerate(e))
                laplacian[lower.index(less), column] += e[k] * (e[k] - 1)
    _, values, rows = np.linalg.svd(np.vstack([laplacian, np.zeros((1, len(exponents)))]))
    basis = rows[int((values > 1e-9).sum()) :]
    found = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        derivative = np.zeros((len(exponents), len(exponents)))
        for e, column in number.items():  # x_i d_j - x_j d_i
            for up, down, sign in ((i, j, 1), (j, i, -1)):
                if e[down]:
                    moved = tuple(n + (d == up) - (d == down) for d, n in enumerate(e))
                    derivative[number[moved], column] += sign * e[down]
        found.append(basis @ derivative @ basis.T)
    return found


def count_fixed(indices: Sequence[Sequence[Matrix]], parity: int = 1) -> int:
    """Invariants of a tensor product by brute force: the nullspace of all generators."""
    if parity < 0:
        return 0
    sizes = [each[0].shape[0] for each in indices]
    rows = []
    for k in range(3):
        total = np.zeros((int(np.prod(sizes)),) * 2)
        for place, each in enumerate(indices):
            before, after = int(np.prod(sizes[:place])), int(np.prod(sizes[place + 1 :]))
            total += np.kron(np.kron(np.eye(before), each[k]), np.eye(after))
        rows.append(total)
    values = np.linalg.svd(np.vstack(rows), compute_uv=False)
    assert not ((values > 1e-9) & (values < 1e-3)).any(), "a clear gap"
    return int((values <= 1e-9).sum())


def count_by_characters(degrees: Sequence[int]) -> int:
    """The mean over SO(3) of the product of characters, sin((l + 1/2) t) / sin(t / 2).

    With the density (1 - cos t) / pi of the angle on [0, pi]; the sum over equal steps is exact for
    trigonometric polynomials.
    """
    steps = 2 * (sum(degrees) + 2)
    angles = (np.arange(steps) + 0.5) * 2 * np.pi / steps
    values = (1 - np.cos(angles)) / steps
    for degree in degrees:
        values = values * (1 + 2 * sum(np.cos(m * angles) for m in range(1, degree + 1)))
    total = float(np.sum(values))
    assert abs(total - round(total)) < 1e-9
    return round(total)
