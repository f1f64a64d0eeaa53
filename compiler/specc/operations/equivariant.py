"""Equivariant layers: all linear maps that commute with the groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field, InstanceOf

from ..symmetry.coupling import Coupling, couple
from ..symmetry.derive import derive
from ..symmetry.expansion import expand
from ..symmetry.factors import ALL_FACTORS, Factors
from ..symmetry.folding import Operand
from ..symmetry.maps import Level, Maps, Product, TiedShapes
from ..symmetry.points import affine, centres_of
from ..symmetry.rings import within
from ..symmetry.terms import Term, joined, product_of
from ..types import Axis, Collection, Tensor, Type, axes_of, map_tensors, tensors_of
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .broadcast import keep_enclosed, meet
from .complex_values import is_complex, made_complex
from .representations import Algebra
from .support import supports
from .windows import Positive


class Equivariant(Operation):
    """`equivariant(x, c)`, `equivariant(x, TYPE)`: every equivariant linear map and invariant bias.

    `x` may be a tuple. With a number of channels the result has x's space.
    """

    word: ClassVar[str] = "equivariant"
    arity: ClassVar[int | None] = None
    positional: ClassVar[tuple[str, ...]] = ("shape",)
    kinds: ClassVar[Mapping[str, Kind]] = {
        "shape": Kind.SHAPE,
        "coupling": Kind.SYMBOL,
        "support": Kind.SIZES,
    }
    parametrised: ClassVar[bool] = True

    shape: int | InstanceOf[Tensor] | InstanceOf[Collection]
    bias: bool = True
    coupling: Literal["all", "near"] = "all"
    summary: int = Field(32, ge=1)
    rank: int | None = Field(None, ge=1)
    support: tuple[Positive, ...] | None = None

    @property
    def algebra(self) -> Algebra | None:
        """Its maps are derived from the groups."""
        return None

    def keeps_exchange(self, sign: int) -> bool:
        return True

    @property
    def takes_points(self) -> bool:
        return True

    @property
    def keeps_space(self) -> bool:
        """Whether the result has the space of the input."""
        return isinstance(self.shape, int)

    @property
    def takes_complex(self) -> bool:
        return True

    def result(self, inputs: tuple[Type, ...]) -> Type:
        target = self._target(inputs)
        axes = common_symmetry((*inputs, target))
        result = map_tensors(target, lambda tensor: _with_axes(tensor, axes))
        if any(map(is_complex, (*inputs, result))):
            result = _all_complex(inputs, result)
        _refuse_unreached_points(*self.operands(inputs, result))
        return result

    def _target(self, inputs: tuple[Type, ...]) -> Type:
        if not isinstance(self.shape, int):
            return self.shape
        if self.shape < 1:
            raise Refusal(f"there are no layers with {self.shape} channels")
        if len(inputs) == 1:
            return inputs[0].with_channels(self.shape)
        tensors = tuple((o.name, o.tensor.with_channels(self.shape)) for o in operands(inputs))
        return Collection(tensors, "(" + ", ".join(map(str, inputs)) + ")")

    def maps(self, inputs: tuple[Type, ...], result: Type) -> Maps:
        """The maps of the layer, between the two types with the symmetry that they share."""
        return self.derived(*self.operands(inputs, result))

    def derived(self, inputs: tuple[Operand, ...], outputs: tuple[Operand, ...]) -> Maps:
        """The maps between tensors, with the coupling that is asked for."""
        maps = affine(derive(inputs, outputs, bias=self.bias))
        return couple(maps, Coupling(self.coupling == "near", self.summary, self.rank))

    def operands(
        self, inputs: tuple[Type, ...], result: Type
    ) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
        """The tensors that are read and written, with the symmetry that all of them share, and along
        cyclic axes with the support that is asked for."""
        axes = common_symmetry((*inputs, result))
        read = tuple(Operand(o.name, _with_axes(o.tensor, axes)) for o in operands(inputs))
        written = operands((result,))
        if self.support is None:
            return read, written
        found = supports(self.support, read, written)
        read, written = (
            tuple(Operand(o.name, within(o.tensor, found)) for o in side)
            for side in (read, written)
        )
        return read, written

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        maps = self.maps(inputs, result)
        found = []
        for level in maps.levels:
            for each in level.products:
                rows, columns = maps.spread_width(level, each), maps.pool_width(level, each)
                if columns and maps.is_tied(level, each):
                    found += _tied(each, maps.tied_shapes(level, each))
                    continue
                for name in each.modules if columns else ():
                    found += _matrix(name, rows, columns, each.rank)
                if each.bias:
                    name = f"mix_{each.name}.bias" if columns else f"bias_{each.name}"
                    found.append(Parameter(name, (rows,)))
        made = is_complex(result)
        found = [replace(each, complex=made) for each in found]
        return tuple(sorted(found, key=lambda each: "." in each.name))  # own ones come first

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        read, written = self.operands(types, result)
        maps = expand(self.derived(read, written), read, written)
        terms = [
            channels[name]
            for channels, kind in zip(inputs, types, strict=True)
            for name, _ in tensors_of(kind)
        ]
        entering = {o.name: term for o, term in zip(read, terms, strict=True)}
        leaving: dict[str, Term] = {o.name: rules.fresh(o.tensor.width) for o in written}
        for level in maps.levels:
            for each in level.products:
                columns = _columns(rules, maps, level, each, entering)
                rows = [maps.outputs[level.spreads[s].tensor] for s in each.spreads]
                _product_rule(
                    rules,
                    each,
                    _features(rules, rows, leaving),
                    columns,
                )
        return {name: leaving[name] for name, _ in tensors_of(result)}

    def masks(self, inputs: tuple[Type, ...]) -> tuple[Axis, ...]:
        found = dict.fromkeys(axis for value in inputs for axis in axes_of(value))
        if not isinstance(self.shape, int):
            found |= dict.fromkeys(axes_of(self.shape))
        return tuple(axis for axis in found if axis.masked)

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        # the one meaning long enough for a module of its own
        from ..reference.maps import evaluate_maps

        read, written = self.operands(inputs, result)
        maps = expand(self.derived(read, written), read, written)
        arrays = [
            array
            for value, kind in zip(values, inputs, strict=True)
            for array in ([value] if isinstance(kind, Tensor) else [value[n] for n in kind.names])
        ]
        named = {o.name: array for o, array in zip(operands(inputs), arrays, strict=True)}
        return evaluate_maps(xp, maps, named, result, parameters)

    def __str__(self) -> str:
        return f"{self.word}{{{self.shape}}}"


class Invariant(Equivariant):
    """`invariant(x, c)`: `equivariant(x, [; c])`."""

    word: ClassVar[str] = "invariant"
    positional: ClassVar[tuple[str, ...]] = ("shape",)
    kinds: ClassVar[Mapping[str, Kind]] = {"coupling": Kind.SYMBOL, "support": Kind.SIZES}

    shape: int

    @property
    def keeps_space(self) -> bool:
        return False

    def _target(self, inputs: tuple[Type, ...]) -> Type:
        if self.shape < 1:
            raise Refusal(f"there are no layers with {self.shape} channels")
        return Tensor((), self.shape)


def _all_complex(inputs: Sequence[Type], result: Type) -> Type:
    """A layer that reads or writes complex numbers has complex coefficients, and so are its results."""
    for kind in (*inputs, result):
        for _, tensor in tensors_of(kind):
            if tensor.points:
                raise Refusal(
                    f"complex numbers do not go together with points, and {tensor} is of points",
                    "`displacement`: what translations leave as it is may be complex",
                    show_types=True,
                )
    return made_complex(result)


def _columns(
    rules: Rules, maps: Maps, level: Level, each: Product, entering: Channels
) -> Term | None:
    """The columns of a product; where the first of a tensor is left out, its channels are told apart."""
    terms = []
    for p in each.pools:
        operand = maps.inputs[level.pools[p].tensor]
        term = _positions(rules, operand.folded_positions, entering[operand.name])
        if maps.leaves_out(level, each, p):
            reason = "the first channel of points is left out of their mean"
            rules.pin(term, reason)
            term = rules.pinned(maps.columns(level, each, p), reason)
        terms.append(term)
    return joined(terms) if terms else None


def _features(rules: Rules, operands: Sequence[Operand], channels: Channels) -> Term | None:
    """The rows or columns of a product: for each tensor its pinned positions times its channels."""
    terms = [_positions(rules, o.folded_positions, channels[o.name]) for o in operands]
    return joined(terms) if terms else None


def _positions(rules: Rules, count: int, channels: Term) -> Term:
    """Channels for each of some positions that the layer tells apart, positions first."""
    reason = "a position that the layer tells apart"
    if count == 1:
        return channels
    return product_of([rules.pinned(count, reason), channels])


def _product_rule(rules: Rules, each: Product, rows: Term | None, columns: Term | None) -> None:
    """The parameters of a product: rows move with what leaves the layer, columns with what enters."""
    assert rows is not None
    name = f"mix_{each.name}"
    if columns is None:
        rules.parameter(f"bias_{each.name}", [rows], carries=(1,))
        return
    if each.rank is None:
        rules.parameter(f"{name}.weight", [rows, columns], carries=(1, -1))
    else:
        between = rules.fresh(each.rank)
        rules.parameter(f"{name}.weight_in", [between, columns], carries=(1, -1))
        rules.parameter(f"{name}.weight_out", [rows, between], carries=(1, -1))
    if each.bias:
        rules.parameter(f"{name}.bias", [rows], carries=(1,))


def _tied(each: Product, shapes: TiedShapes) -> list[Parameter]:
    """The parameters of a product whose coefficients are tied."""
    name = f"mix_{each.name}"
    if shapes.single:
        named = [(f"{name}.weight", shape) for shape in shapes.weights]
        named += [(f"{name}.bias", shape) for shape in shapes.biases]  # type: ignore[misc]
    else:
        named = [(f"{name}.weights.{n}", shape) for n, shape in enumerate(shapes.weights)]
        named += [(f"{name}.biases.{n}", shape) for n, shape in enumerate(shapes.biases)]  # type: ignore[misc]
    return [Parameter(name, shape) for name, shape in named]


def _matrix(name: str, rows: int, columns: int, rank: int | None) -> list[Parameter]:
    if rank is None:
        return [Parameter(f"{name}.weight", (rows, columns))]
    return [
        Parameter(f"{name}.weight_in", (rank, columns)),
        Parameter(f"{name}.weight_out", (rows, rank)),
    ]


def operands(values: tuple[Type, ...]) -> tuple[Operand, ...]:
    """The tensors of several values; those of more than one value are called `x1.name`, `x2.name`."""
    found = []
    for place, value in enumerate(values, start=1):
        prefix = f"x{place}" if len(values) > 1 else ""
        for name, tensor in tensors_of(value):
            found.append(Operand(".".join(filter(None, (prefix, name))), tensor))
    return tuple(found)


def common_symmetry(values: tuple[Type, ...]) -> dict[str, Axis]:
    """For each axis the symmetry it has in all of the values."""
    found: dict[str, Axis] = {}
    for value in values:
        for axis in axes_of(value):
            found[axis.name] = meet(found.get(axis.name, axis), axis)
    return found


def _with_axes(tensor: Tensor, axes: Mapping[str, Axis]) -> Tensor:
    kept = keep_enclosed(tuple(axes[axis.name] for axis in tensor.axes))
    return replace(tensor, axes=kept, points=tensor.points and any(a.affine for a in kept))


def _refuse_unreached_points(read: Sequence[Operand], written: Sequence[Operand]) -> None:
    """Points come from points: displacements and invariants do not say where the origin is."""
    reached = {number for centre in centres_of(read, written) for number in centre.outputs}
    for number, operand in enumerate(written):
        if operand.tensor.points and number not in reached:
            named = f"`{operand.name}`, " if operand.name else ""
            raise Refusal(
                f"no point leads to {named}{operand.tensor}: a point weighs one, and displacements"
                " and invariants weigh zero",
                "`displacement` after the type, or a point among the inputs",
                show_types=True,
            )
