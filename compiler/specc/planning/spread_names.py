"""Names for the variables in which a layer's products go to its outputs."""

from __future__ import annotations

from ..names import Variables, identifier
from ..symmetry.maps import Maps
from .states import State, suffix


class SpreadNames:
    """Names for what goes to the outputs: `to_fc1_weight_hidden`."""

    def __init__(self, maps: Maps, names: Variables) -> None:
        self._outputs = maps.outputs
        self._axis_names = dict(maps.names)
        self._names = names
        self._given: set[str] = set()
        self.bases = [
            names.claim(
                f"to_{identifier(operand.name.replace('{}.', ''))}" if operand.name else "y"
            )
            for operand in maps.outputs
        ]

    def fresh(self, number: int, state: State) -> str:
        """A variable for a spread of an output; the finest is called as the output itself."""
        base = self.bases[number]
        tensor = self._outputs[number].tensor
        end = suffix(base.removeprefix("to_"), state, tensor, "all", self._axis_names)
        if end or base in self._given:
            return self._names.claim(f"{base}_{end}" if end else base)
        self._given.add(base)
        return base

    def diagonal(self, number: int) -> str:
        """A variable for a full-size tensor that is zero off a diagonal."""
        return self._names.claim(f"{self.bases[number]}_diagonal")
