"""The groups that a specification writes: `SO(3)`, `<(1 2 3 4)>`, `matrices { ... } lie`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ..errors import Span, SpecError, nearest
from ..groups import (
    Alternating,
    Cyclic,
    Dihedral,
    Group,
    Linear,
    Matrices,
    Matrix,
    Orthogonal,
    Permutations,
    Signed,
    Stabiliser,
    Symmetric,
    Symplectic,
    why_infinite,
)
from ..groups.tied import inverse
from ..groups.unitary import real_unitary
from ..names import counted
from ..text import syntax
from ..types import Axis
from .scope import Scope
from .static import number, size


@dataclass(frozen=True, slots=True)
class Constructed:
    """A group with the number of positions, or dimensions, that it acts on."""

    group: Group
    size: int


def constructed(call: syntax.Call, scope: Scope) -> Constructed:
    """The group that a call writes: `S(8)`, `O(1, 3)`."""
    word = call.function.text
    if word not in _CONSTRUCTORS:
        hint = nearest(word, _CONSTRUCTORS) or "`S(n)` is n interchangeable positions"
        raise SpecError(f"there is no group `{word}`", call.function.span, hint)
    if call.keywords or call.channels or call.axes or not call.arguments:
        raise SpecError(f"this group is written {_FORMS[word]}", call.span)
    group = _CONSTRUCTORS[word](call, scope)
    return group


def _symmetric(call: syntax.Call, scope: Scope) -> Constructed:
    masked = len(call.arguments) == 2
    if len(call.arguments) > 2 or (
        masked and call.arguments[1] != syntax.Name("masked", call.span)
    ):
        raise SpecError(f"this group is written {_FORMS['S']}", call.arguments[-1].span)
    return Constructed(Symmetric(masked), _size(call.arguments[0], scope))


def _plain(group: Group) -> Callable[[syntax.Call, Scope], Constructed]:
    """A family with one number."""

    def of(call: syntax.Call, scope: Scope) -> Constructed:
        word = call.function.text
        if len(call.arguments) != 1:
            raise SpecError(f"this group is written {_FORMS[word]}", call.span)
        return Constructed(group, _size(call.arguments[0], scope))

    return of


def _orthogonal(special: bool) -> Callable[[syntax.Call, Scope], Constructed]:
    def of(call: syntax.Call, scope: Scope) -> Constructed:
        word = call.function.text
        if len(call.arguments) > 2:
            raise SpecError(f"this group is written {_FORMS[word]}", call.span)
        sizes = [_size(each, scope) for each in call.arguments]
        negative = sizes[1] if len(sizes) == 2 else None
        return Constructed(Orthogonal(special, negative), sum(sizes))

    return of


def _euclidean(call: syntax.Call, scope: Scope) -> Constructed:
    special = call.function.text == "SE"
    found = _plain(Orthogonal(special, affine=True))(call, scope)
    if special and found.size == 1:
        raise SpecError(
            "`SE(1)` is translations alone, and has no rotations",
            call.span,
            "`E(1)` reflects a line too; differences of numbers are made without a group",
        )
    return found


def _symplectic(call: syntax.Call, scope: Scope) -> Constructed:
    found = _plain(Symplectic())(call, scope)
    if found.size % 2:
        raise SpecError(
            f"`Sp(n)` acts on an even number of dimensions, and this is {found.size}",
            call.arguments[0].span,
            "n is the dimension: `Sp(4)` acts on two positions and two momenta",
        )
    return found


def _unitary(call: syntax.Call, scope: Scope) -> Constructed:
    special = call.function.text == "SU"
    size = _size(call.arguments[0], scope)
    if len(call.arguments) == 1:
        return Constructed(Linear(special=special, unitary=True), size)
    real = call.arguments[1]
    if len(call.arguments) > 2 or not (isinstance(real, syntax.Name) and real.text == "real"):
        raise SpecError(f"a unitary group is written {_FORMS[call.function.text]}", real.span)
    return Constructed(real_unitary(size, special), 2 * size)


def _size(written: syntax.Expression, scope: Scope) -> int:
    return size(written, scope.param, "the size of a group")


_CONSTRUCTORS: dict[str, Callable[[syntax.Call, Scope], Constructed]] = {
    "S": _symmetric,
    "A": _plain(Alternating()),
    "B": _plain(Signed()),
    "C": _plain(Cyclic()),
    "D": _plain(Dihedral()),
    "O": _orthogonal(False),
    "SO": _orthogonal(True),
    "E": _euclidean,
    "SE": _euclidean,
    "Sp": _symplectic,
    "GL": _plain(Linear()),
    "SL": _plain(Linear(special=True)),
    "U": _unitary,
    "SU": _unitary,
}

_FORMS = {word: f"`{word}(n)`" for word in _CONSTRUCTORS} | {
    "S": "`S(n)` or `S(n, masked)`",
    "O": "`O(n)` or `O(p, q)`",
    "SO": "`SO(n)` or `SO(p, q)`",
    "U": "`U(n)` or `U(n, real)`",
    "SU": "`SU(n)` or `SU(n, real)`",
}

# --- Generators -------------------------------------------------------------------------------------


def generated(declaration: syntax.Group, scope: Scope) -> Constructed:
    """The group of a declaration `group Name = ...`."""
    match declaration.value:
        case syntax.Cycles() | syntax.Matrices() as generators:
            return _of_generators(declaration.name.text, generators, scope)
        case syntax.Call() as call:
            return constructed(call, scope)
        case other:
            raise SpecError(
                "a group is a constructor, `SO(3)`, or generators, `<(1 2 3)>`", other.span
            )


def _of_generators(
    name: str, written: syntax.Cycles | syntax.Matrices, scope: Scope
) -> Constructed:
    if isinstance(written, syntax.Cycles):
        return _permutations(name, written, scope)
    return _matrices(name, written, scope)


def with_generators(declaration: syntax.Axis, axis: Axis, scope: Scope) -> Axis:
    """The axis `leg = Mirror by <(1 2)>`: what each generator of a named group does to it."""
    if declaration.by is None:
        return axis
    group = axis.group
    if not axis.element or not isinstance(group, Permutations | Matrices):
        raise SpecError(
            f"`by` says what the generators of a named group do to an axis, and this is {axis.symmetry}",
            declaration.value.span,
            "`group Mirror = <(1 2)>`, then `axis side = Mirror by matrices { [[-1]] }`",
        )
    found = _of_generators(axis.element, declaration.by, scope)
    wanted, given = _generators(group), _generators(found.group)
    if wanted != given:
        raise SpecError(
            f"`{axis.element}` has {wanted}, and {given} are given here",
            declaration.by.span,
            "one for each generator, in their order",
        )
    return replace(axis, size=found.size, group=found.group)


def _generators(group: Group) -> str:
    if isinstance(group, Matrices):
        what = "Lie-algebra element" if group.lie else "generator"
        return counted(len(group.matrices), what)
    assert isinstance(group, Permutations)
    return counted(len(group.generators), "generator")


def _permutations(name: str, cycles: syntax.Cycles, scope: Scope) -> Constructed:
    written = [
        each for generator in cycles.generators for cycle in generator for each in cycle.positions
    ]
    largest = max((each.value for each in written), default=0)
    for each in written:
        if each.value == 0:
            raise SpecError("positions count from 1", each.span)
    for generator in cycles.generators:
        _refuse_repeated(generator)
    degree = int(largest)
    if cycles.degree is not None:
        degree = size(cycles.degree, scope.param, "the degree of a permutation group")
        for each in written:
            if each.value > degree:
                raise SpecError(f"this is more than the degree, {degree}", each.span)
    if degree == 0:
        raise SpecError(
            "the identity alone does not say how many positions there are",
            cycles.span,
            "`<()> on 4`",
        )
    generators = tuple(
        tuple(tuple(int(each.value) for each in cycle.positions) for cycle in generator)
        for generator in cycles.generators
    )
    return Constructed(Permutations(name, generators), degree)


def _refuse_repeated(generator: Sequence[syntax.Cycle]) -> None:
    """A generator is a product of disjoint cycles."""
    seen: set[int | float] = set()
    for cycle in generator:
        for each in cycle.positions:
            if each.value in seen:
                raise SpecError(
                    f"{each.value} stands twice in this generator, so it is no permutation",
                    each.span,
                    "the cycles of a generator share no positions; generators are separated by commas",
                )
            seen.add(each.value)


def _matrices(name: str, written: syntax.Matrices, scope: Scope) -> Constructed:
    found: list[Matrix] = []
    for place, matrix in enumerate(written.matrices, start=1):
        rows = tuple(tuple(_entry(value, scope) for value in row) for row in matrix)
        start = matrix[0][0].span
        for row, values in zip(matrix, rows, strict=True):
            if len(values) != len(rows):
                raise SpecError(
                    f"a matrix is as wide as high, and this row has {len(values)} of {len(rows)} entries",
                    row[0].span,
                )
        if found and len(rows) != len(found[0]):
            raise SpecError(
                f"all generators are of one size; the first is {len(found[0])} x {len(found[0])},"
                f" and this is {len(rows)} x {len(rows)}",
                start,
            )
        if not written.lie:
            _refuse_singular(rows, place, start)
        found.append(rows)
    reason = None if written.lie else why_infinite(found)
    if reason is not None:
        raise SpecError(
            f"`{name}` is given by generators of a finite group, and {reason}",
            written.span,
            "a Lie group is given by a basis of its Lie algebra: `matrices { ... } lie`",
        )
    return Constructed(Matrices(name, tuple(found), written.lie), len(found[0]))


def _refuse_singular(rows: Matrix, place: int, start: Span) -> None:
    try:
        inverse(rows)
    except ZeroDivisionError:
        raise SpecError(
            f"generator {place} is not invertible, so it is no element of a group",
            start,
            "a basis of a Lie algebra is marked: `matrices { ... } lie`",
        ) from None


def _entry(written: syntax.Expression, scope: Scope) -> Fraction | float:
    """An entry of a matrix: exact where it is written with whole numbers, `1/3` too."""
    match written:
        case syntax.Negative():
            return -_entry(written.operand, scope)
        case syntax.Binary(operator="/"):
            left, right = _entry(written.left, scope), _entry(written.right, scope)
            if right == 0:
                raise SpecError("division by zero", written.right.span)
            return left / right
        case _:
            value = number(written, scope.param)
            return Fraction(value) if isinstance(value, int) else _exact(value)


def _exact(value: float) -> Fraction | float:
    """A number with few binary digits, such as 0.5, exactly."""
    exact = Fraction(value)
    return exact if exact.denominator <= 1024 else value


def with_fixed(declaration: syntax.Axis, axis: Axis, scope: Scope) -> Axis:
    """The axis `... fixing (0, 0, 1)`: moved by the elements that leave a vector where it is."""
    if declaration.fixing is None:
        return axis
    span = declaration.fixing[0].span
    if axis.element or not isinstance(axis.group, Orthogonal | Symplectic | Linear):
        raise SpecError(
            f"`fixing` belongs to a classical group of matrices, and this is {axis.symmetry}",
            declaration.value.span,
            "`axis v = O(3) fixing (0, 0, 1)`; of permuted positions a part that stays is an axis of its own",
        )
    vector = tuple(_entry(value, scope) for value in declaration.fixing)
    if len(vector) != axis.size:
        raise SpecError(
            f"{axis.symmetry} acts on {axis.size} dimensions, and this vector has {len(vector)}",
            span,
        )
    if not any(vector):
        raise SpecError("every element fixes zero: a vector that is not zero is needed", span)
    group = axis.group
    if isinstance(group, Orthogonal) and group.negative is None:
        return replace(axis, group=replace(group, fixed=vector))
    return replace(axis, group=Stabiliser(group, vector))
