"""Dividing positive scales out of the weights of a model, where they come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import InstanceOf

from ..types import Collection, Scale, Type
from .base import Channels, Operation, Rules
from .brackets import Binding
from .representations import Algebra

Dimensions = tuple[tuple[str, int], ...]


class NormaliseScale(Operation):
    """`w: weights(M, scales = true)`: the weights with every position of one axis scaled to norm one.

    For position i let n_i be the Euclidean norm of what is measured of it, over all its entries and all
    channels. What the scale of i multiplies is divided by n_i, what it divides is multiplied by n_i;
    where n_i = 0 both stay as they are. The function of M is the same, and the result is that of any
    other scales: n_i is then s_i times as large.
    """

    word: ClassVar[str] = "normalise_scale"

    scale: InstanceOf[Scale]

    @property
    def algebra(self) -> Algebra | None:
        """Norms over all positions of other axes are invariant under (signed) permutations of these."""
        return None

    def result(self, inputs: tuple[Type, ...]) -> Type:
        value = inputs[0]
        assert isinstance(value, Collection), "weights are a collection"
        return replace(value, scales=value.scales[1:])

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """Its value is an input: all channels are pinned."""
        return inputs[0]

    def expression(self, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type) -> str:
        scale = self.scale
        rest = tuple(each for each in scale.multiplied if each not in scale.measured)
        given = [f"norm={_table(scale.measured)}"]
        given += [
            f"{name}={_table(d)}" for name, d in (("rows", rest), ("columns", scale.divided)) if d
        ]
        return f"normalise_scale({', '.join((*values, *given))})"

    def binding(self, place: int) -> Binding:
        return Binding.ANY

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        tensors = dict(values[0])
        squares = sum(
            tensors[name].movedim(dim + 1, 1).flatten(2).square().sum(-1)
            for name, dim in self.scale.measured
        )
        norm = xp.where(squares > 0, squares, xp.ones_like(squares)).sqrt()
        for dimensions, factor in (
            (self.scale.multiplied, 1 / norm),
            (self.scale.divided, norm),
        ):
            for name, dim in dimensions:
                moved = tensors[name].movedim(dim + 1, -1)
                shaped = factor.reshape(len(factor), *(1 for _ in moved.shape[1:-1]), -1)
                tensors[name] = (moved * shaped).movedim(-1, dim + 1)
        return tensors

    def __str__(self) -> str:
        return f"{self.word}{{{self.scale.axis}}}"


def _table(dimensions: Dimensions) -> str:
    """Dimensions of tensors as code: `[("fc1.weight", 0)]`."""
    entries = (f'("{name}", {dim})' for name, dim in dimensions)
    return f"[{', '.join(entries)}]"
