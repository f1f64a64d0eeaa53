"""Points of a layer: their mean is taken away from the inputs first, and given to the outputs last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..names import Variables
from ..symmetry.folding import Operand
from ..symmetry.maps import Maps
from ..types import Tensor
from .plan import Center, Copy, PointSource, Shape, Shift


class Centres:
    """The means of a layer's points, one for each group with translations, and what is done with them."""

    def __init__(self, maps: Maps, sources: Sequence[PointSource], names: Variables) -> None:
        self._maps = maps
        self._sources = sources
        self.means: list[Center] = []
        self._of_input: dict[int, str] = {}
        self._of_output: dict[int, str] = {}
        for centre in maps.centres:
            target = names.claim("center")
            points = tuple(sources[number] for number in centre.inputs)
            index = points[0].tensor.coordinates
            assert index is not None, "a centre is that of points"
            axes = (points[0].tensor.axes[index],)
            self.means.append(Center(target, points, Shape(axes, 1), None))
            self._of_input |= dict.fromkeys(centre.inputs, target)
            self._of_output |= dict.fromkeys(centre.outputs, target)

    def subtracted(self, bases: Mapping[int, str]) -> tuple[Shift, ...]:
        """Displacements from the mean in place of points, in the variables of the inputs."""
        return tuple(
            _shift(
                bases[number], self._sources[number].code, center, False, self._maps.inputs[number]
            )
            for number, center in self._of_input.items()
            if number in bases
        )

    def added(self, number: int, variable: str | None, base: str) -> tuple[Shift | Copy, ...]:
        """What makes points of an output's displacements; of none, where nothing leads there, copies."""
        if number not in self._of_output:
            return ()
        center, operand = self._of_output[number], self._maps.outputs[number]
        if variable is None:
            return (Copy(base, center, _inserted(operand.tensor), _full(operand.tensor), None),)
        return (_shift(variable, variable, center, True, operand),)


def _shift(target: str, source: str, center: str, added: bool, operand: Operand) -> Shift:
    tensor = operand.tensor
    return Shift(target, source, center, added, _inserted(tensor), _full(tensor), None)


def _inserted(tensor: Tensor) -> tuple[int, ...]:
    """The dimensions of `(batch, *axes, channels)` that `(batch, coordinates, 1)` does not have."""
    return tuple(1 + i for i in range(len(tensor.axes)) if i != tensor.coordinates)


def _full(tensor: Tensor) -> Shape:
    return Shape(tensor.axes, tensor.width)
