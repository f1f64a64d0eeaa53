"""The base class of generated layers: what columns and rows of their weights mean, and dense maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call


class Part(NamedTuple):
    """A block of columns or rows of a weight: a pool or a spread, by its indices.

    Strands are a, b, ...; `{}` stands for a pinned position, of which there are `pinned` along each.
    The block has one entry for each pinned position and channel, channels last; the mean of points may
    have its first entry left out, which the others determine.
    """

    label: str
    channels: int
    pinned: tuple[int, ...] = ()
    first_left_out: bool = False

    @property
    def width(self) -> int:
        return prod(self.pinned) * self.channels - self.first_left_out

    def positions(self) -> list[tuple[str, int]]:
        """Each pinned position's label, and the place of its first channel in the block."""
        places = product(*(range(size) for size in self.pinned))
        found = [(self.label.format(*p), n * self.channels) for n, p in enumerate(places)]
        if self.first_left_out:
            return [(label, place - 1) for label, place in found[1:]]
        return found


class Equivariant(nn.Module):
    """A layer of all equivariant linear maps. Tables say what its products are made of.

    `inputs` and `outputs` are shapes by tensor (the key is empty for a single tensor), `sizes` the
    axes they were built with; `columns` and `rows` give the parts of each product's weight, `masks`
    the shapes of masks; with several `arguments` the keys of `inputs` begin with them. Inputs that are
    `points` are read from the center of all of them, and outputs that are points are moved by it.
    """

    inputs: ClassVar[Mapping[str, str]]
    outputs: ClassVar[Mapping[str, str]]
    sizes: ClassVar[Mapping[str, int]]
    columns: ClassVar[Mapping[str, Sequence[Part]]]
    rows: ClassVar[Mapping[str, Sequence[Part]]]
    masks: ClassVar[Mapping[str, str]] = {}
    arguments: ClassVar[Sequence[str]] = ("x",)
    points: ClassVar[Sequence[str]] = ()

    @torch.no_grad()
    def basis(self, **sizes: int) -> list[tuple[str, Tensor]]:
        """The dense maps of the layer at one channel in and out, each with its diagram.

        Each map is a matrix from all inputs to all outputs, tensors in order and row-major in
        themselves; `sizes` replace those of permutable axes. With points the maps are the directions
        of the affine family that the layer is, through points that are alike in all channels. Meant for
        small sizes: the matrices are dense. Raises `ValueError` for an axis that the layer does not have.
        """
        unknown = sizes.keys() - self.sizes.keys()
        if unknown:
            raise ValueError(f"the layer has the axes {list(self.sizes)}, not {sorted(unknown)}")
        sizes = {**self.sizes, **sizes}
        batch = self._one_hot(sizes)
        zeros = {name: torch.zeros_like(value) for name, value in self.named_parameters()}
        return [
            (label, self._dense(batch, sizes, zeros, chosen))
            for name in self.columns
            for label, chosen in self._coefficients(zeros, name)
        ]

    def _coefficients(
        self, zeros: Mapping[str, Tensor], name: str
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Each coefficient of a product at one channel in and out: its diagram, and parameters in which
        it alone is 1. Tied coefficients of one block are numbered."""
        columns, rows = self.columns[name], self.rows[name]
        tied = getattr(dict(self.named_modules()).get(name), "tied_coefficients", None)
        if tied is None:
            for column, j in _offsets(columns):
                for row, i in _offsets(rows):
                    yield f"{column} -> {row}", _single(zeros, name, (i, j))
            return
        for parameter, row_block, column_block in tied():
            column, row = (
                part.label.format(*"." * len(part.pinned))
                for part in (columns[column_block], rows[row_block])
            )
            key = f"{name}.{parameter}"
            for number in range(len(zeros[key])):
                weight = zeros[key].clone()
                weight[number, 0, 0] = 1
                yield f"{column} -> {row} {number}", {key: weight}

    def _dense(
        self,
        batch: dict[str, Tensor],
        sizes: Mapping[str, int],
        zeros: Mapping[str, Tensor],
        chosen: Mapping[str, Tensor],
    ) -> Tensor:
        """The matrix of one coefficient: the layer's answers to all unit inputs when it alone is 1."""
        first = next(iter(batch.values()))
        masks = {
            mask: first.new_ones(
                len(first), *(sizes[word] for word in shape.split()[1:]), dtype=torch.bool
            )
            for mask, shape in self.masks.items()
        }

        def answer(parameters: Mapping[str, Tensor]) -> Tensor:
            made = functional_call(self, dict(parameters), tuple(self._arguments(batch)), masks)
            outputs = [made] if isinstance(made, Tensor) else list(made.values())
            return torch.cat([value[..., 0].reshape(len(value), -1) for value in outputs], 1)

        dense = answer({**zeros, **chosen})
        return (dense - answer(zeros) if self.points else dense).T.contiguous()

    def _one_hot(self, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """For each position of the inputs one element of a batch, with a one there in channel 0."""
        first = next(self.parameters())
        shapes = {
            name: [sizes[word] if word in sizes else int(word) for word in shape.split()[1:]]
            for name, shape in self.inputs.items()
        }
        counts = [prod(shape[:-1]) for shape in shapes.values()]
        batch, start = {}, 0
        for (name, shape), count in zip(shapes.items(), counts, strict=True):
            value = torch.zeros(
                sum(counts), count, shape[-1], dtype=first.dtype, device=first.device
            )
            channels = slice(None) if name in self.points else slice(0, 1)
            value[start : start + count, :, channels] = torch.eye(count).unsqueeze(-1)
            batch[name] = value.reshape(-1, *shape)
            start += count
        return batch

    def _arguments(self, batch: dict[str, Tensor]) -> list[Tensor | dict[str, Tensor]]:
        """The batch as `forward` takes it: `x`, or `x1`, `x2`, ..., tensors or dicts."""
        if "" in batch:
            return [batch[""]]
        if len(self.arguments) == 1:
            return [batch]
        groups: dict[str, Tensor | dict[str, Tensor]] = {}
        for name, value in batch.items():
            argument, _, key = name.partition(".")
            if not key:
                groups[argument] = value
                continue
            group = groups.setdefault(argument, {})
            assert isinstance(group, dict)
            group[key] = value
        return list(groups.values())


def _single(zeros: Mapping[str, Tensor], name: str, place: tuple[int, int]) -> dict[str, Tensor]:
    """Parameters with which the matrix of a product is 1 at one place, and 0 elsewhere."""
    mix, _, run = name.partition(".")
    key = f"{mix}.weight"
    if key in zeros:
        weight = zeros[key].clone()
        (weight[int(run)] if run else weight)[place] = 1
        return {key: weight}
    row, column = place
    outer, inner = (zeros[f"{name}.{end}"].clone() for end in ("weight_out", "weight_in"))
    outer[row, 0] = inner[0, column] = 1
    return {f"{name}.weight_out": outer, f"{name}.weight_in": inner}


def _offsets(parts: Sequence[Part]) -> list[tuple[str, int]]:
    """Each part's label, once for each pinned position, and where its channel 0 stands."""
    found, start = [], 0
    for part in parts:
        found += [(label, start + place) for label, place in part.positions()]
        start += part.width
    return found
