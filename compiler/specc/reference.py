"""The slow, obvious meaning of a model: its graph node by node, its layers one diagram at a time.

This is what tests hold generated modules against. It reads the types and the list of diagrams, and
nothing of plans or emitted code. `xp` is a tensor library with the interface of torch, handed in by
the caller: the compiler imports none. Values are `(batch, *axes, channels)`, or dicts of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .graph import Node, Typed
from .operations.masks import mask_axes, mask_name, without_absent
from .symmetry.derive import Level, Maps, Product
from .symmetry.diagrams import Half, enclosing_index, pinned_indices
from .symmetry.folding import Operand
from .types import Collection, Piece, Tensor, Type, tensor_named, tensors_of

Array = Any
"""A tensor of the library `xp`."""

Value = Array | dict[str, Array]

LETTERS = "bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Subscripts of einsum; the batch is `a`."""


def evaluate(
    xp: Any,
    typed: Typed,
    inputs: Sequence[Value],
    parameters: Mapping[str, Array],
    masks: Mapping[str, Array] | None = None,
) -> tuple[Value, ...]:
    """The results of a model in evaluation.

    Inputs are as `forward` takes them, without a channel dimension where the type declares none;
    parameters are keyed like the state_dict, masks by argument (`node_mask`). An axis whose mask is
    not given has all of its positions.
    """
    masks = masks or {}
    given = iter(inputs)
    values: list[Value] = []
    for node in typed.graph.nodes:
        if node.number in typed.graph.inputs:
            values.append(_entered(next(given), typed.type(node), masks))
        else:
            read = tuple(values[number] for number in node.inputs)
            values.append(_node(xp, typed, node, read, {**_own(typed, node, parameters), **masks}))
    return tuple(
        _left(values[number], declared, masks)
        for number, declared in zip(typed.graph.outputs, typed.graph.output_types, strict=True)
    )


def _own(typed: Typed, node: Node, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """The parameters of one layer, by the names that its operation gives them."""
    declared = node.operation.parameters(typed.input_types(node), typed.type(node))
    return {each.name: parameters[f"{node.path}.{each.name}"] for each in declared}


def _node(
    xp: Any, typed: Typed, node: Node, values: tuple[Value, ...], known: Mapping[str, Array]
) -> Value:
    """One operation; an elementwise one acts on each tensor of a collection alone."""
    inputs, result = typed.input_types(node), typed.type(node)
    if not (node.operation.elementwise and isinstance(result, Collection)):
        value: Value = node.operation.reference(xp, values, inputs, result, known)
        return value
    return {
        name: node.operation.reference(
            xp,
            tuple(value[name] if isinstance(value, dict) else value for value in values),
            tuple(tensor_named(kind, name) for kind in inputs),
            tensor,
            known,
        )
        for name, tensor in result.tensors
    }


def _entered(value: Value, declared: Type, masks: Mapping[str, Array]) -> Value:
    """An input with a channel dimension, and zeros where nothing is."""

    def enter(array: Array, tensor: Tensor) -> Array:
        array = array.unsqueeze(-1) if tensor.bare else array
        return without_absent(array, tensor.axes, masks)

    if isinstance(declared, Tensor):
        return enter(value, declared)
    value = taken_apart(value, declared)
    return {name: enter(value[name], tensor) for name, tensor in declared.tensors}


def _left(value: Value, declared: Type, masks: Mapping[str, Array]) -> Value:
    """A result as `forward` gives it: zeros where nothing is, channels only where declared."""

    def leave(array: Array, tensor: Tensor) -> Array:
        array = without_absent(array, tensor.axes, masks)
        return array.squeeze(-1) if tensor.bare else array

    if isinstance(declared, Tensor):
        return leave(value, declared)
    left = {name: leave(value[name], tensor) for name, tensor in declared.tensors}
    return put_together(left, declared)


def taken_apart(value: Mapping[str, Array], kind: Collection) -> dict[str, Array]:
    """The tensors of a collection, from those it is stored in; channels may follow the axes."""
    if not kind.stored:
        return {name: value[name] for name in kind.names}
    return {
        piece.name: _seen(value[each.name], piece) for each in kind.stored for piece in each.pieces
    }


def put_together(value: Mapping[str, Array], kind: Collection) -> dict[str, Array]:
    """The tensors that a collection is stored in: what `taken_apart` was given."""
    if not kind.stored:
        return dict(value)
    found: dict[str, Array] = {}
    for each in kind.stored:
        first = value[each.pieces[0].name]
        after = first.shape[1 + len(each.pieces[0].axes) :]
        whole = first.new_zeros(first.shape[0], *each.shape, *after)
        for piece in each.pieces:
            _seen(whole, piece).copy_(value[piece.name])
        found[each.name] = whole
    return found


def _seen(array: Array, piece: Piece) -> Array:
    """A piece as a view of the tensor that it is in, `(batch, *axes, channels)`."""
    batch, *steps = array.stride()
    rank = len(piece.dims)
    along = list(zip(piece.dims, steps, strict=False))
    sizes = [axis.size for axis in piece.axes]
    strides = [step * stride for each, step in along for stride in each.strides]
    start = array.storage_offset() + sum(step * each.start for each, step in along)
    after = array.shape[1 + rank :]
    shape = (array.shape[0], *sizes, *after)
    return array.as_strided(shape, (batch, *strides, *steps[rank:]), start)


# --- Equivariant layers ---------------------------------------------------------------------------


def evaluate_maps(
    xp: Any, maps: Maps, values: Mapping[str, Array], result: Type, parameters: Mapping[str, Array]
) -> Value:
    """The sum over all diagrams of a layer, each times its coefficients, and over its biases.

    The diagram of a pool and a spread, whose input indices are i, output indices o, reads

        y[o, d] = sum over c and i of coefficient[d, c] x[i, c]

    where all indices of a block agree, and an input block that does not go through is averaged.
    Indices of pinned axes take part in the coefficient: `coefficient[o, d, i, c]`.
    `maps` have each run of a repeat by itself (`expand`). `parameters` may hold masks: then averages
    are over what is there, and what is not is zero.
    """
    arrays = [
        without_absent(values[operand.name], operand.tensor.axes, parameters)
        for operand in maps.inputs
    ]
    totals: list[Array] = [_zeros(arrays[0], operand) for operand in maps.outputs]
    for level in maps.levels:
        for each in level.products:
            _add_product(xp, maps, level, each, arrays, totals, parameters)
    totals = [
        without_absent(total, operand.tensor.axes, parameters)
        for total, operand in zip(totals, maps.outputs, strict=True)
    ]
    if isinstance(result, Tensor):
        return totals[0]
    named = {operand.name: total for operand, total in zip(maps.outputs, totals, strict=True)}
    return {name: named[name] for name, _ in tensors_of(result)}


def _zeros(like: Array, operand: Operand) -> Array:
    sizes = [axis.size for axis in operand.tensor.axes]
    return like.new_zeros(like.shape[0], *sizes, operand.tensor.width)


def _add_product(
    xp: Any,
    maps: Maps,
    level: Level,
    each: Product,
    arrays: Sequence[Array],
    totals: list[Array],
    parameters: Mapping[str, Array],
) -> None:
    """Rows of a product's weight belong to its spreads in order, columns to its pools."""
    bias = f"mix_{each.name}.bias" if each.pools else f"bias_{each.name}"
    top = 0
    for s in each.spreads:
        spread = level.spreads[s]
        written = maps.outputs[spread.tensor]
        left = 0
        for p in each.pools:
            pool = level.pools[p]
            read = maps.inputs[pool.tensor]
            weight = _weight(each, parameters)
            block = weight[top : top + written.features, left : left + read.features]
            diagram = _Einsum(xp, arrays[pool.tensor], parameters)
            totals[spread.tensor] += diagram.map(read, pool, written, spread, block)
            left += read.features
        if each.bias:
            block = parameters[bias][top : top + written.features]
            diagram = _Einsum(xp, totals[spread.tensor], parameters)
            totals[spread.tensor] += diagram.invariant(written, spread, block)
        top += written.features


def _weight(each: Product, parameters: Mapping[str, Array]) -> Array:
    """The matrix of a product, of rows and columns."""
    name = f"mix_{each.name}"
    if each.rank is None:
        return parameters[f"{name}.weight"]
    return parameters[f"{name}.weight_out"] @ parameters[f"{name}.weight_in"]


class _Einsum:
    """One diagram as one einsum: a letter for each block, operands that say what happens to it.

    `x` gives the input, or for an invariant only the batch and the dtype.
    """

    def __init__(self, xp: Any, x: Array, masks: Mapping[str, Array]) -> None:
        self._xp = xp
        self._x = x
        self._masks = masks
        self._letters = iter(LETTERS)
        self._subscripts: list[str] = []
        self._operands: list[Array] = []

    def map(
        self, read: Operand, pool: Half, written: Operand, spread: Half, coefficients: Array
    ) -> Array:
        """`y` for the input `x` of this diagram alone."""
        through = [next(self._letters) for _ in pool.strands]
        source = self._indices(read.tensor, pool, through)
        target = self._indices(written.tensor, spread, through)
        channel, result = next(self._letters), next(self._letters)
        self._multiply("a" + "".join(source) + channel, self._x)
        for block in pool.whole:
            self._average(read.tensor, block[0], source)
        pinned_in = [source[i] for i in pinned_indices(read.tensor)]
        pinned_out = [target[i] for i in pinned_indices(written.tensor)]
        self._multiply(
            "".join([*pinned_out, result, *pinned_in, channel]),
            coefficients.reshape(
                *_sizes(written.tensor), written.tensor.width, *_sizes(read.tensor), -1
            ),
        )
        return self._written(written, spread, target, result)

    def invariant(self, written: Operand, spread: Half, coefficients: Array) -> Array:
        """A constant `y`, the same for the whole batch."""
        target = self._indices(written.tensor, spread, [])
        result = next(self._letters)
        self._multiply("a", self._x.new_ones(self._x.shape[0]))
        pinned = [target[i] for i in pinned_indices(written.tensor)]
        shape = (*_sizes(written.tensor), written.tensor.width)
        self._multiply("".join([*pinned, result]), coefficients.reshape(shape))
        return self._written(written, spread, target, result)

    def _multiply(self, subscript: str, operand: Array) -> None:
        self._subscripts.append(subscript)
        self._operands.append(operand)

    def _indices(self, tensor: Tensor, half: Half, through: Sequence[str]) -> list[str]:
        """The letter of each index of a tensor: that of its block, or of its own where it is pinned."""
        letter = dict(zip(half.strands, through, strict=True))
        letter |= {block: next(self._letters) for block in half.whole}
        of_index = {index: letter[block] for block in letter for index in block}
        return [
            of_index[i] if i in of_index else next(self._letters) for i in range(len(tensor.axes))
        ]

    def _average(self, tensor: Tensor, index: int, letters: Sequence[str]) -> None:
        """Weights that sum to one along a block, over what is there of it."""
        axis = tensor.axes[index]
        mask = self._masks.get(mask_name(axis)) if axis.masked else None
        if mask is None:
            size = self._x.shape[1 + index]
            self._multiply(letters[index], self._x.new_ones(size) / size)
            return
        place: int | None = index
        subscript = ""
        for _ in mask_axes(axis):
            assert place is not None
            subscript = letters[place] + subscript
            place = enclosing_index(tensor, place)
        present = mask.to(self._x.dtype)
        self._multiply("a" + subscript, present / present.sum(-1, keepdim=True).clamp(min=1))

    def _written(self, written: Operand, spread: Half, target: list[str], result: str) -> Array:
        """Copies along output blocks that do not go through; zero where indices of a block differ."""
        tensor = written.tensor
        for block in (*spread.strands, *spread.whole):
            size = tensor.axes[block[0]].size
            if block in spread.whole:
                self._multiply(target[block[0]], self._x.new_ones(size))
            for index in block[1:]:
                equal = self._xp.eye(size, dtype=self._x.dtype)
                target[index] = next(self._letters)
                self._multiply(target[block[0]] + target[index], equal)
        return self._xp.einsum(
            f"{','.join(self._subscripts)}->a{''.join(target)}{result}", *self._operands
        )


def _sizes(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.axes[i].size for i in pinned_indices(tensor))
