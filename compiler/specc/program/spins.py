"""Axes that are irreducible representations of SO(3) or O(3): `R spin 2`, `P spin 1 even`."""

from __future__ import annotations

from dataclasses import replace

from ..errors import SpecError
from ..groups import EVEN, ODD, Orthogonal, Spin
from ..text import syntax
from ..types import Axis
from .scope import Scope
from .static import show

MOST_SPIN = 100
"""Larger spins are refused: their matrices have more entries than a layer has use for."""


def with_spin(declaration: syntax.Axis, axis: Axis, scope: Scope) -> Axis:
    """The axis by the representation that its declaration asks for; as it is where it asks for none."""
    if declaration.spin is None:
        if declaration.parity is not None:
            raise SpecError(
                "a parity is that of a spin", declaration.parity.span, "`axis l1 = P spin 1 even`"
            )
        return axis
    group = axis.group
    linear = isinstance(group, Orthogonal) and group.negative is None and not group.affine
    if not isinstance(group, Orthogonal) or not linear or axis.size != 3:
        raise SpecError(
            f"spins are representations of SO(3) and O(3), and this is {_group(axis)}",
            declaration.value.span,
            "`group R = SO(3)` and then `axis l2 = R spin 2`",
        )
    degree = _degree(declaration.spin, scope)
    spin = Spin(degree, None if group.special else _parity(declaration.parity, degree))
    if group.special and declaration.parity is not None:
        raise SpecError(
            "SO(3) has no reflections, so that its spins have no parity",
            declaration.parity.span,
            "those of O(3) have one",
        )
    return replace(axis, size=spin.size, group=spin)


def _group(axis: Axis) -> str:
    return f"{axis.size} positions without a group" if axis.pinned else axis.symmetry


def _degree(written: syntax.Expression, scope: Scope) -> int:
    value = scope.static(written)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_SPIN:
        raise SpecError(
            f"a spin is a whole number from 0 to {MOST_SPIN}, and this is {show(value)}",
            written.span,
        )
    return value


def _parity(written: syntax.Identifier | None, degree: int) -> int:
    """The parity that is written, else that of spherical harmonics."""
    if written is None:
        return ODD if degree % 2 else EVEN
    return EVEN if written.text == "even" else ODD
