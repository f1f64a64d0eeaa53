"""How operations meet the groups that act on axes: one rule for all of them.

An operation acts alike at every position of the axes that it does not name, as a function of the
channels there. It commutes with every permutation of positions; with other matrices only if its
algebra allows it (a signed permutation asks f(-x) = -f(x), positions that are scaled f(cx) = c f(x) for
c > 0, a matrix that mixes positions a linear f).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from enum import Enum

from ..groups import Form, Structure, pairing
from ..types import Axis, Exchange, Tensor, Type, map_tensors, tensors_of
from .refusal import Refusal


class Algebra(Enum):
    """f(-x) = -f(x), f(-x) = f(x), f(cx) = c f(x) for c > 0, or nothing of the kind.

    The modulus is even and positively homogeneous; a multiple has f(cx) = c f(x) for every c, with a
    factor of its own at each position. An affine function is linear but for a constant.
    """

    ANY = "any"
    ODD = "odd"
    EVEN = "even"
    HOMOGENEOUS = "positively homogeneous"
    MODULUS = "even, positively homogeneous"
    MULTIPLE = "multiple"
    AFFINE = "affine"
    LINEAR = "linear"


_ODD = (Algebra.ODD, Algebra.MULTIPLE, Algebra.LINEAR)
_EVEN = (Algebra.EVEN, Algebra.MODULUS)
_HOMOGENEOUS = (Algebra.HOMOGENEOUS, Algebra.MODULUS, Algebra.MULTIPLE, Algebra.LINEAR)


def commutes(algebra: Algebra, structure: Structure) -> bool:
    """Whether functions of an algebra commute with matrices of a structure.

    An even function takes what signed permutations move to what is permuted without the signs, and the
    modulus likewise what is scaled too.
    """
    match structure:
        case Structure.IDENTITY | Structure.PERMUTATION:
            return True
        case Structure.SIGNED:
            return algebra in (*_ODD, *_EVEN)
        case Structure.POSITIVE:
            return algebra in _HOMOGENEOUS
        case Structure.MONOMIAL:
            return algebra in _HOMOGENEOUS and algebra in (*_ODD, *_EVEN)
        case Structure.OTHER:
            return algebra is Algebra.LINEAR


def admit(word: str, algebra: Algebra, value: Type, has_bias: bool = False) -> None:
    """Raises `Refusal` where an operation of this algebra breaks the symmetry of a value."""
    for _, tensor in tensors_of(value):
        for axis in tensor.axes:
            if not commutes(algebra, axis.structure):
                way_out = _way_out(algebra, axis, has_bias)
                raise Refusal(_reason(word, algebra, axis), way_out, show_types=True)


def refuse_torn(word: str, named: Collection[str], value: Type) -> None:
    """Refuses work along some of the axes that a group moves jointly: their positions are one set."""
    for _, tensor in tensors_of(value):
        for axis in tensor.axes:
            joint = axis.joint
            if joint is not None and axis.name in named and not set(joint.axes) <= set(named):
                raise Refusal(
                    f"`{word}` works along `{axis.name}` alone, and `{joint.name}` moves "
                    f"({', '.join(joint.axes)}) jointly",
                    f"along [{', '.join(joint.axes)}] it commutes, or an equivariant layer does",
                    show_types=True,
                )


def _reason(word: str, algebra: Algebra, axis: Axis) -> str:
    group = axis.group.notation(axis.size)
    if algebra is Algebra.AFFINE:
        return (
            f"`{word}` adds a constant along `{axis.name}`, and {group} leaves no constant as it is"
        )
    if axis.structure is Structure.SIGNED:
        return f"`{word}` is not odd, and {group} changes the signs of `{axis.name}`"
    if axis.structure is Structure.MONOMIAL:
        return f"`{word}` is not linear, and {group} scales the positions of `{axis.name}` and changes signs"
    if axis.structure is Structure.POSITIVE:
        return f"`{word}` is not positively homogeneous, and {group} scales the positions of `{axis.name}`"
    return f"`{word}` is not linear, and {group} mixes the coordinates of `{axis.name}`"


def _way_out(algebra: Algebra, axis: Axis, has_bias: bool) -> str:
    if algebra is Algebra.AFFINE and has_bias:
        return "`bias = false`"
    if algebra is Algebra.AFFINE:
        return "`x * (1 + g)`, with an invariant `g`, scales"
    if axis.structure is Structure.SIGNED:
        return "`tanh(x)` is odd, and `gate(x)` multiplies by what has no signs"
    if axis.structure is Structure.MONOMIAL:
        return "`abs(x)` has no signs, and `x * sigmoid(g)` multiplies by an invariant `g`"
    if axis.structure is Structure.POSITIVE:
        return (
            "`relu(x)` and `leaky_relu(x)` are, and `x * sigmoid(g)` multiplies by an invariant `g`"
        )
    return _scaling(axis)


def _scaling(axis: Axis) -> str:
    """What acts where a group mixes coordinates."""
    form = own_form(axis)
    by_hand = "`x * sigmoid(g)`, with an invariant `g`,"
    if form is None:
        return f"{by_hand} multiplies by invariants"
    other = "`norm_act(x)`" if is_definite(form) else by_hand
    return f"`gate(x)` and {other} multiply by invariants"


def own_form(axis: Axis) -> Form | None:
    """The invariant form of vectors with themselves; under a unitary group the first is conjugated."""
    first = axis.dual() if axis.unitary else axis
    return pairing(first.group, axis.group, axis.size)


def is_definite(form: Form) -> bool:
    """Whether it is the identity, so that it gives a norm."""
    return form == Form(0)


def keeps_constants(tensor: Tensor) -> bool:
    """Whether a constant in each channel is invariant, so that a layer may have a bias."""
    return all(axis.permuted for axis in tensor.axes)


def applied(algebra: Algebra, value: Type) -> Type:
    """The type of a function of each number, of an algebra that is admitted on the value.

    An even one leaves positions that are permuted without signs. Exchanges of indices that only permute
    numbers stay; those that change signs stay only under odd functions.
    """
    return map_tensors(value, lambda tensor: _applied(algebra, tensor))


def _applied(algebra: Algebra, tensor: Tensor) -> Tensor:
    if algebra in _ODD:
        return tensor
    axes = tuple(axis.absolute() for axis in tensor.axes) if algebra in _EVEN else tensor.axes
    kept = tuple(each for each in tensor.exchanges if _only_permutes(each))
    return replace(tensor, axes=axes, exchanges=kept)


def _only_permutes(exchange: Exchange | int) -> bool:
    if isinstance(exchange, int):
        return True
    return exchange.sign > 0 and all(map(_only_permutes, exchange.parts))


def product_axis(word: str, common: Axis, factors: Sequence[Axis]) -> Axis:
    """The axis of a product, position by position, of values in which it is each of `factors`.

    `common` is what they share but for signs.
    """
    signed = [axis for axis in factors if axis.structure is Structure.SIGNED]
    if common.pinned:
        return common
    if len(factors) == 1:
        return factors[0] if factors[0].absolute() != factors[0] else common
    if all(axis.permuted or axis in signed for axis in factors):
        return signed[0] if len(signed) % 2 else common
    axis = factors[0]
    moves = "mixes" if axis.structure is Structure.OTHER else "scales"
    raise Refusal(
        f"`{word}` would multiply coordinates along `{axis.name}` with each other, and "
        f"{axis.group.notation(axis.size)} {moves} them",
        "`outer(x, y)` has all products, `inner(x, y)` those that are invariant",
        show_types=True,
    )
