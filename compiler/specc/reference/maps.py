"""The slow, obvious meaning of an equivariant layer: the sum over its diagrams, one at a time.

It reads the list of diagrams, and nothing of plans or emitted code. `xp` is a tensor library with the
interface of torch; values are `(batch, *axes, channels)`, or dicts of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from ..groups import Diagrams
from ..operations.masks import mask_axes, mask_name, presence, without_absent
from ..symmetry.diagrams import Half, enclosing_index, folded_indices
from ..symmetry.exchanges import generated
from ..symmetry.folding import Operand
from ..symmetry.maps import Centre, Level, Maps, Product
from ..types import Tensor, Type, tensors_of
from .tied import tied_biases, tied_matrices

Array = Any
"""A tensor of the library `xp`."""

Value = Array | dict[str, Array]

LETTERS = "bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Subscripts of einsum; the batch is `a`."""


def evaluate_maps(
    xp: Any, maps: Maps, values: Mapping[str, Array], result: Type, parameters: Mapping[str, Array]
) -> Value:
    """The sum over all diagrams of a layer, each times its coefficients, and over its biases.

    The diagram of a pool and a spread, whose input indices are i, output indices o, reads

        y[o, d] = sum over c and i of coefficient[d, c] x[i, c]

    where all indices of a block agree, and an input block that does not go through is averaged.
    Indices of pinned axes take part in the coefficient: `coefficient[o, d, i, c]`.
    Points are read from the mean of all points, and those that are written are moved by it.
    `maps` have each run of a repeat by itself (`expand`). `parameters` may hold masks: then averages
    are over what is there, and what is not is zero.
    """
    arrays = [
        without_absent(values[operand.name], operand.tensor.axes, parameters)
        for operand in maps.inputs
    ]
    if maps.is_complex:
        arrays = [array.to(array.dtype.to_complex()) for array in arrays]
    centers = [_center(maps, centre, arrays, parameters) for centre in maps.centres]
    for center, centre in zip(centers, maps.centres, strict=True):
        for number in centre.inputs:
            arrays[number] = arrays[number] - _along(center, maps.inputs[number].tensor)
    totals: list[Array] = [_zeros(arrays[0], operand) for operand in maps.outputs]
    for level in maps.levels:
        for each in level.products:
            _add_product(xp, maps, level, each, arrays, totals, parameters)
    for center, centre in zip(centers, maps.centres, strict=True):
        for number in centre.outputs:
            totals[number] = totals[number] + _along(center, maps.outputs[number].tensor)
    totals = [
        without_absent(_averaged(total, operand.tensor), operand.tensor.axes, parameters)
        for total, operand in zip(totals, maps.outputs, strict=True)
    ]
    if isinstance(result, Tensor):
        return totals[0]
    named = {operand.name: total for operand, total in zip(maps.outputs, totals, strict=True)}
    return {name: named[name] for name, _ in tensors_of(result)}


def _center(
    maps: Maps, centre: Centre, arrays: Sequence[Array], masks: Mapping[str, Array]
) -> Array:
    """The mean of points `(batch, coordinates)`: over channels, what is there of positions, and tensors."""
    total = 0
    for number in centre.inputs:
        mean, tensor = arrays[number].mean(-1, keepdim=True), maps.inputs[number].tensor
        axes = list(tensor.axes)
        for dim in reversed(range(1, 1 + len(axes))):
            if dim - 1 == tensor.coordinates:
                continue
            present = presence(mean, axes, dim, masks)
            if present is None:
                mean = mean.mean(dim)
            else:
                mean = mean.masked_fill(~present, 0).sum(dim) / present.sum(dim).clamp(min=1)
            del axes[dim - 1]
        total = total + mean.squeeze(-1)
    return total / len(centre.inputs)


def _along(center: Array, tensor: Tensor) -> Array:
    """The center `(batch, coordinates)` with the dimensions of a tensor."""
    shape = [1] * (2 + len(tensor.axes))
    assert tensor.coordinates is not None
    shape[0], shape[1 + tensor.coordinates] = center.shape
    return center.reshape(shape)


def _averaged(total: Array, tensor: Tensor) -> Array:
    """The mean over the exchanges of indices that a type declares."""
    if not tensor.swaps:
        return total
    elements = generated(tensor.swaps, len(tensor.axes))
    last = 1 + len(tensor.axes)
    return sum(s * total.permute(0, *(1 + i for i in order), last) for order, s in elements) / len(
        elements
    )


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
    tied = bool(each.pools) and maps.is_tied(level, each)
    if tied:
        blocks = tied_matrices(xp, maps, level, each, parameters)
        offsets = tied_biases(xp, maps, level, each, parameters)
    else:
        blocks = _blocks(maps, level, each, parameters)
        offsets = _offsets(maps, level, each, parameters)
    for (s, p), block in blocks.items():
        pool, spread = level.pools[p], level.spreads[s]
        read, written = maps.inputs[pool.tensor], maps.outputs[spread.tensor]
        diagram = _Einsum(xp, arrays[pool.tensor], parameters)
        totals[spread.tensor] += diagram.map(read, pool, written, spread, block)
    for s, offset in offsets.items():
        spread = level.spreads[s]
        diagram = _Einsum(xp, totals[spread.tensor], parameters)
        totals[spread.tensor] += diagram.invariant(maps.outputs[spread.tensor], spread, offset)


def _blocks(
    maps: Maps, level: Level, each: Product, parameters: Mapping[str, Array]
) -> dict[tuple[int, int], Array]:
    """The blocks of a product's weight: rows belong to its spreads in order, columns to its pools."""
    found = {}
    top = 0
    for s in each.spreads:
        rows = maps.outputs[level.spreads[s].tensor].features
        left = 0
        for p in each.pools:
            columns = maps.columns(level, each, p)
            weight = _weight(each, parameters)
            block = weight[top : top + rows, left : left + columns]
            if p in each.dropped:  # the first feature of a mean of points has no column
                whole = block.new_zeros(rows, 1 + columns)
                whole[:, 1:] = block
                block = whole
            found[s, p] = block
            left += columns
        top += rows
    return found


def _offsets(
    maps: Maps, level: Level, each: Product, parameters: Mapping[str, Array]
) -> dict[int, Array]:
    """The blocks of a product's bias."""
    if not each.bias:
        return {}
    bias = parameters[f"mix_{each.name}.bias" if each.pools else f"bias_{each.name}"]
    rows = [maps.outputs[level.spreads[s].tensor].features for s in each.spreads]
    return dict(zip(each.spreads, bias.split(rows), strict=True))


def _weight(each: Product, parameters: Mapping[str, Array]) -> Array:
    """The matrix of a product, of rows and columns; those of the runs of a repeat are in one tensor."""
    name, _, run = f"mix_{each.name}".partition(".")
    if each.rank is None:
        weight = parameters[f"{name}.weight"]
        return weight[int(run)] if run else weight
    name = f"mix_{each.name}"
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
        wedged = zip(pool.wedges, spread.wedges, strict=True)
        source = self._indices(read.tensor, pool, through)
        target = self._indices(written.tensor, spread, through)
        channel, result = next(self._letters), next(self._letters)
        self._multiply("a" + "".join(source) + channel, self._x)
        for block in pool.whole:
            self._contract(read.tensor, block, source)
        for joined, rest in wedged:
            self._determinant(read.tensor, joined, source, written.tensor, rest, target)
        pinned_in = [source[i] for i in folded_indices(read.tensor)]
        pinned_out = [target[i] for i in folded_indices(written.tensor)]
        self._multiply(
            "".join([*pinned_out, result, *pinned_in, channel]),
            coefficients.reshape(
                *_sizes(written.tensor), written.tensor.width, *_sizes(read.tensor), -1
            ),
        )
        return self._written(written, spread, target, result)

    def invariant(self, written: Operand, spread: Half, coefficients: Array) -> Array:
        """A constant `y`, the same for the whole batch."""
        target = self._indices(
            written.tensor, spread, [next(self._letters) for _ in spread.strands]
        )
        result = next(self._letters)
        for wedge in spread.wedges:
            self._determinant(written.tensor, (), [], written.tensor, wedge, target)
        self._multiply("a", self._x.new_ones(self._x.shape[0]))
        pinned = [target[i] for i in folded_indices(written.tensor)]
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
        letter = {block: each for block, each in letter.items() if _joins(tensor, half, block)}
        of_index = {index: letter[block] for block in letter for index in block}
        return [
            of_index[i] if i in of_index else next(self._letters) for i in range(len(tensor.axes))
        ]

    def _contract(self, tensor: Tensor, block: Sequence[int], letters: Sequence[str]) -> None:
        """The mean along a block; of a pair under a form, with one of the two lowered."""
        group = tensor.axes[block[0]].diagrams
        if len(block) == 1 and group.contracts_with:
            self._multiply(letters[block[0]], self._unit(group))
            return
        form = group.form
        if form is None:
            self._average(tensor, block[0], letters)
            return
        first, second = block
        size = self._x.shape[1 + first]
        entries = self._x.new_tensor(form.matrix(size))
        self._multiply(letters[first] + letters[second], entries / size)

    def _unit(self, group: Diagrams) -> Array:
        """The vector that a group fixes, of length one."""
        vector = self._x.new_tensor([float(x) for x in group.contracts_with])
        return vector / (vector @ vector) ** 0.5

    def _determinant(
        self,
        read: Tensor,
        joined: Sequence[int],
        source: Sequence[str],
        written: Tensor,
        rest: Sequence[int],
        target: list[str],
    ) -> None:
        """The determinant of output indices, raised by the form, and input indices."""
        axis = (written.axes[rest[0]] if rest else read.axes[joined[0]]).moved
        raised = []
        for index in rest:
            letter = target[index]
            if axis.diagrams.form is not None:
                letter = next(self._letters)
                self._multiply(
                    target[index] + letter, self._x.new_tensor(axis.diagrams.form.matrix(axis.size))
                )
            raised.append(letter)
        letters = [*raised, *(source[index] for index in joined)]
        self._multiply("".join(letters), self._x.new_tensor(_levi_civita(axis.size)))

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
        count = mask.sum(-1, keepdim=True).clamp(min=1)
        self._multiply("a" + subscript, mask.to(self._x.dtype) / count)

    def _written(self, written: Operand, spread: Half, target: list[str], result: str) -> Array:
        """Copies along output blocks that do not go through; zero where indices of a block differ."""
        tensor = written.tensor
        for block in (*spread.strands, *spread.whole):
            if not _joins(tensor, spread, block):
                form = None if block in spread.wedges else tensor.axes[block[0]].diagrams.form
                if form is not None:
                    first, second = block
                    entries = self._x.new_tensor(form.matrix(tensor.axes[first].size))
                    self._multiply(target[second] + target[first], entries)
                continue
            size = tensor.axes[block[0]].size
            if block in spread.whole:
                group = tensor.axes[block[0]].diagrams
                single = len(block) == 1 and group.contracts_with
                along = self._unit(group) if single else self._x.new_ones(size)
                self._multiply(target[block[0]], along)
            for index in block[1:]:
                equal = self._xp.eye(size, dtype=self._x.dtype)
                target[index] = next(self._letters)
                self._multiply(target[block[0]] + target[index], equal)
        return self._xp.einsum(
            f"{','.join(self._subscripts)}->a{''.join(target)}{result}", *self._operands
        )


def _joins(tensor: Tensor, half: Half, block: Sequence[int]) -> bool:
    """Whether the indices of a block are set equal: not those of a determinant, nor a pair under a form."""
    if block in half.wedges:
        return False
    return block not in half.whole or tensor.axes[block[0]].diagrams.form is None


def _levi_civita(size: int) -> Array:
    """The totally antisymmetric tensor, as nested lists."""

    def entries(before: tuple[int, ...]) -> Array:
        if len(before) == size:
            pairs = [before[j] - before[i] for i in range(size) for j in range(i + 1, size)]
            return prod((pair > 0) - (pair < 0) for pair in pairs)
        return [entries((*before, i)) for i in range(size)]

    return entries(())


def _sizes(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.axes[i].size for i in folded_indices(tensor))
