"""Whole layers as numbers, for the operator that computes one at once: see `table.h`.

The numbers are read off the tables of a generated class: the shapes of its tensors, and what the columns and
rows of its weights stand for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice, product
from math import prod
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor

from ..equivariant import Equivariant, Part
from ..modules import BatchedMix, Mix

MOST_AXES, MOST_VIEWS = 7, 512
"""Axes of a tensor or a level, and entries of the tables, up to which a layer is computed at once."""

LARGEST, LARGEST_SHARED, LARGEST_EACH = 1 << 19, 1 << 21, 3 << 17
"""Numbers of one network, in and out, up to which it is computed at once.

Threads then share out networks, and not their tensors: the second is for batches that keep them all at work for
three quarters of the time. Many tensors may be so large on average as the third says, of which a core's caches
hold two. Compiled graphs, whose batch is of any size, go by the first.
"""

STRANDS = "abcdefgh"
IN_ROW, FIRST_POSITION = -1, -2

Made = Tensor | dict[str, Tensor] | None

Call = Callable[[Equivariant, Tensor | Mapping[str, Tensor], bool], Made]
"""A layer, its input and whether negative values are to be zero; None where it is not computed at once."""

Codes = tuple[int, ...]
"""A tensor, the numbers of a row, and what each of its axes stands for."""


class Table(NamedTuple):
    """The numbers of a layer, and the shapes of its tensors in words without the batch; outputs by name."""

    program: str
    inputs: tuple[tuple[str, ...], ...]
    outputs: tuple[tuple[str, tuple[str, ...]], ...]


def table_of(kind: type[Equivariant], biased: tuple[bool, ...]) -> Table | None:
    """The table of a generated class, whose products have a bias or not; None where it is a large one."""
    return _table(kind, biased)  # type: ignore[arg-type]


# what `torch.compiler.assume_constant_result` sets, without importing a compiler for more than a second
table_of._dynamo_marked_constant = True  # type: ignore[attr-defined]


@cache
def _table(kind: type[Equivariant], biased: tuple[bool, ...]) -> Table | None:
    inputs = {name: tuple(words.split()[1:]) for name, words in kind.inputs.items()}
    outputs = {name: tuple(words.split()[1:]) for name, words in kind.outputs.items()}
    program = [each for side in (inputs, outputs) for each in (len(side), *_axes(side))]
    program.append(len(kind.columns))
    most, left = max(*_axes(inputs), *_axes(outputs)), MOST_VIEWS
    for name, has_bias in zip(kind.columns, biased, strict=True):
        sides = ((kind.columns[name], list(inputs)), (kind.rows[name], list(outputs)))
        strands = 1 + max((_strand(i) for parts, _ in sides for i in _indices(parts)), default=-1)
        program += [strands, int(has_bias)]
        for parts, tensors in sides:
            every = (view for part in parts for view in _views(part, tensors, strands))
            views = list(islice(every, left + 1))
            program += [len(views), *(code for view in views for code in view)]
            left -= len(views)
        most = max(most, strands)
        if most > MOST_AXES or left < 0:
            return None
    return Table(" ".join(map(str, program)), tuple(inputs.values()), tuple(outputs.items()))


def layer(
    module: Equivariant,
    values: Sequence[Tensor],
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
    rectified: bool,
) -> Made:
    """What a generated layer gives while torch traces it, with negative values zero if `rectified`.

    `values` are its inputs in the order of its table, and the others `parameters_of` it. None where it is
    not to be computed at once.
    """
    biased = tuple(each is not None for each in biases)
    shapes = tuple(each.shape for each in values)
    if not all(shapes):
        return None
    found = fitting(type(module), biased, shapes, False)  # for a batch of any size
    if found is None:
        return None
    table, sizes = found
    made = torch.ops.specc_native.layer.default(
        values,
        weights,
        [each for each in biases if each is not None],
        table.program,
        sizes,
        rectified,
        False,
    )
    names = [name for name, _ in table.outputs]
    return made[0] if names == [""] else dict(zip(names, made, strict=True))


def calls_of(library: ModuleType, kind: type[Equivariant]) -> Call:
    """What `layer` and `parameters_of` do, for a generated class where nothing is traced: see `calls.cpp`."""
    products = []
    for name in kind.columns:
        path, _, run = name.partition(".")
        products.append((sys.intern(path), int(run or -1)))
    answer = partial(_answer, kind)
    made: Call = library.Calls(
        list(kind.inputs), list(kind.outputs), products, Mix, BatchedMix, answer
    )
    return made


def _answer(
    kind: type[Equivariant], biased: tuple[bool, ...], shapes: tuple[tuple[int, ...], ...]
) -> tuple[str, list[int]] | None:
    """The numbers and the sizes that the operator is given; None where it is not to be used."""
    batch, threads = shapes[0][0], torch.get_num_threads()
    shared = 4 * batch >= 3 * threads * -(-batch // threads)
    found = fitting(kind, biased, shapes, shared)
    return None if found is None else (found[0].program, found[1])


def parameters_of(module: Equivariant) -> tuple[list[Tensor], list[Tensor | None]] | None:
    """The matrix of each product, `(rows, columns)`, and its bias where it has one.

    None where a product is not as it was generated, or has hooks: then it is to be called.
    """
    weights: list[Tensor] = []
    biases: list[Tensor | None] = []
    runs: dict[str, tuple[Tensor, ...]] = {}
    modules, parameters = module._modules, module._parameters  # a tenth of the time of getattr
    for name in module.columns:
        path, _, run = name.partition(".")
        mix, bias = modules.get(path), parameters.get(path)
        if bias is not None:
            weights.append(bias.new_empty(len(bias), 0))
            biases.append(bias)
            continue
        if mix is None or type(mix) not in (Mix, BatchedMix):
            return None
        weight = mix._parameters.get("weight")
        if weight is None or mix._forward_hooks or mix._forward_pre_hooks:
            return None
        if not run and "bias" not in mix._parameters:
            return None
        if run and path not in runs:
            runs[path] = weight.unbind()
        weights.append(runs[path][int(run)] if run else weight)
        biases.append(None if run else mix._parameters["bias"])
    return weights, biases


def fitting(
    kind: type[Equivariant],
    biased: tuple[bool, ...],
    shapes: tuple[tuple[int, ...], ...],
    shared: bool,
) -> tuple[Table, list[int]] | None:
    """The table for inputs of these shapes, and the sizes of each output's axes and channels.

    None where inputs do not agree or are empty, or a network is a large one; `shared` says that there are
    enough of them for all threads.
    """
    table = table_of(kind, biased)
    if table is None:
        return None
    sizes = dict(kind.sizes)
    seen: set[str] = set()
    count = 0
    for (_, *shape), words in zip(shapes, table.inputs, strict=True):
        if len(shape) != len(words) or 0 in shape:
            return None
        for word, size in zip(words, shape, strict=True):
            known = int(word) if word.isdecimal() else sizes[word] if word in seen else size
            if known != size:
                return None
            seen.add(word)
            sizes[word] = size
        count += prod(shape)
    made = [
        [int(word) if word.isdecimal() else sizes[word] for word in words]
        for _, words in table.outputs
    ]
    count += sum(map(prod, made))
    tensors = len(shapes) + len(made)
    most = max(LARGEST_SHARED, tensors * LARGEST_EACH) if shared else LARGEST
    return (table, [size for each in made for size in each]) if count <= most else None


def _axes(shapes: Mapping[str, Sequence[str]]) -> list[int]:
    return [len(words) - 1 for words in shapes.values()]


def _indices(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        yield from _index(part)


def _index(part: Part) -> list[str]:
    """What stands for each axis of a part's tensor: `["a", "{}"]`."""
    written = part.label[part.label.rindex("[") + 1 : -1]
    return written.split(",") if written else []


def _strand(index: str) -> int:
    """The number of a strand, or -1: a, b, ..., h, a1, ..."""
    return (
        STRANDS.index(index[0]) + len(STRANDS) * int(index[1:] or 0) if index[0] in STRANDS else -1
    )


def _views(part: Part, tensors: Sequence[str], strands: int) -> Iterator[Codes]:
    """A part for each of its pinned positions but those of the last axes, which are in one row."""
    name = part.label[: part.label.rindex("[")]
    tensor = 0 if list(tensors) == [""] else tensors.index(name)
    index = _index(part)
    last = len(index)
    while last > 0 and index[last - 1] == "{}":
        last -= 1
    apart = index[:last].count("{}")
    width = part.channels * prod(part.pinned[apart:])
    others = list(dict.fromkeys(each for each in index if each != "{}" and _strand(each) < 0))
    for positions in product(*map(range, part.pinned[:apart])):
        left = list(positions)
        codes = [
            FIRST_POSITION - left.pop(0)
            if each == "{}"
            else _strand(each)
            if _strand(each) >= 0
            else strands + others.index(each)
            for each in index[:last]
        ]
        yield (tensor, width, *codes, *[IN_ROW] * (len(index) - last))
