"""What recurrent layers share: everything but the cell, with the parameters of `torch.nn`'s.

They run along one axis; the other axes of x count as batch. A state has the channels of all layers,
and of both directions in each, one after the other: layers first, as torch orders them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, InstanceOf

from ..names import counted
from ..symmetry.factors import ALL_FACTORS, NO_FACTORS, Factors
from ..symmetry.terms import Atom, Term, joined, product_of
from ..types import Axis, Collection, Tensor, Type
from .arithmetic import spread_along
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .brackets import Binding, bracketed
from .broadcast import aligned, keep_enclosed, meet_with, told_apart
from .windows import Positive, axis_named

Steps = Literal["all", "last", "state"]


class Recurrent(Operation):
    """A recurrent layer; the cell says how many `gates` and which `states` it has, and takes steps."""

    positional: ClassVar[tuple[str, ...]] = ("channels",)
    kinds: ClassVar[Mapping[str, Kind]] = {
        "over": Kind.AXIS,
        "steps": Kind.SYMBOL,
        "initial": Kind.VALUE,
    }
    parametrised: ClassVar[bool] = True
    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)
    torch_name: ClassVar[str]

    channels: Positive
    over: InstanceOf[Axis]
    layers: Positive = 1
    bidirectional: bool = False
    steps: Steps = "all"
    initial: tuple[int, ...] | None = None
    bias: bool = True
    dropout: float = Field(0.0, ge=0, le=1)

    @property
    def results(self) -> tuple[str, ...]:
        return self.states if self.steps == "state" and len(self.states) > 1 else ()

    @property
    def tie(self) -> object:
        """One network may run along different axes, from different states, and be read differently."""
        return self.torch_name, self._options()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _ends(self) -> tuple[str, ...]:
        """How the names of each layer's and direction's parameters end, in the order of a state."""
        directions = ("", "_reverse")[: self._directions]
        return tuple(f"_l{layer}{end}" for layer in range(self.layers) for end in directions)

    @property
    def _state_width(self) -> int:
        return len(self._ends) * self.channels

    # --- Types

    def result(self, inputs: tuple[Type, ...]) -> Type:
        tensor = self._sequence(inputs)
        if self.dropout > 0 and self.layers == 1:
            raise Refusal("`dropout` acts between layers, and there is one", "`layers = 2`")
        axes = list(tensor.axes)
        for state in self._initial(inputs, tensor):
            axes = [meet_with(axis, state) for axis in axes]
        place = self._place(tensor)
        axes[place] = told_apart(axes[place], self.word)
        kept = keep_enclosed(tuple(axes))
        without = kept[:place] + kept[place + 1 :]
        match self.steps:
            case "all":
                return Tensor(kept, self._directions * self.channels)
            case "last":
                return Tensor(without, self._directions * self.channels)
            case "state":
                state = Tensor(without, self._state_width)
        if not self.results:
            return state
        names = ", ".join(self.states)
        return Collection(tuple((name, state) for name in self.states), f"({names})")

    def _sequence(self, inputs: tuple[Type, ...]) -> Tensor:
        """The input, if the layer can run along its axis."""
        tensor = inputs[0]
        if isinstance(tensor, Collection):
            raise Refusal(
                f"`{self.word}` works on one tensor, and this is a collection",
                f"take one out of it: `x.{tensor.names[0]}`",
                show_types=True,
            )
        axis = axis_named(self.over.name, tensor)
        for each in (axis, *_inside(axis, tensor)):
            if each.masked:
                raise Refusal(
                    f"`{self.word}` goes from one position of `{axis.name}` to the next, and some of "
                    f"`{each.name}` may not be there",
                    f"`axis {each.name} = {each.size}` has all of them",
                    show_types=True,
                )
        return tensor

    def _place(self, tensor: Tensor) -> int:
        return [axis.name for axis in tensor.axes].index(self.over.name)

    def _initial(self, inputs: tuple[Type, ...], tensor: Tensor) -> tuple[Tensor, ...]:
        """The states that the layer starts from, if they fit it."""
        if self.initial is None:
            return ()
        if len(self.initial) != len(self.states):
            needed = counted(len(self.states), "value")
            example = ", ".join(self.states)
            raise Refusal(
                f"`{self.word}` starts from {needed}, and `initial` gives {len(self.initial)}",
                f"`initial = ({example})`" if len(self.states) > 1 else None,
            )
        others = [axis.name for axis in tensor.axes if axis.name != self.over.name]
        found = []
        for place in self.initial:
            state = inputs[place]
            if isinstance(state, Collection):
                raise Refusal("`initial` is one tensor, and this is a collection", None, True)
            for axis in state.axes:
                if axis.name not in others:
                    raise Refusal(
                        f"`initial` has the axis `{axis.name}`, for which there is no state",
                        "`steps = last` and `steps = state` give what a layer ends with",
                        show_types=True,
                    )
            if state.width != self._state_width:
                raise Refusal(
                    f"`initial` has {counted(state.width, 'channel')}, and {self._width_in_words()} "
                    f"{self._state_width}",
                    show_types=True,
                )
            found.append(state)
        return tuple(found)

    def _width_in_words(self) -> str:
        directions = " in 2 directions" if self.bidirectional else ""
        layers = counted(self.layers, "layer")
        return f"{layers} of {self.channels}{directions} {'needs' if self.layers == 1 else 'need'}"

    # --- Parameters

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        rows = self.gates * self.channels
        found = []
        for number, end in enumerate(self._ends):
            above = number >= self._directions
            read = self._directions * self.channels if above else self._sequence(inputs).width
            found += [Parameter(f"weight_ih{end}", (rows, read))]
            found += [Parameter(f"weight_hh{end}", (rows, self.channels))]
            if self.bias:
                found += [Parameter(f"bias_{each}{end}", (rows,)) for each in ("ih", "hh")]
        return tuple(found)

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    @property
    def within(self) -> Factors:
        """The factors of hidden positions that a cell lets through."""
        return NO_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """The hidden positions of each layer and direction permute, in all gates and states together."""
        hidden = [rules.fresh(self.channels) for _ in self._ends]
        gate = rules.pinned(self.gates, "each gate has a part of its own", "gate")
        below = inputs[0][""]
        for first in range(0, len(hidden), self._directions):
            layer = hidden[first : first + self._directions]
            for end, born in zip(self._ends[first:], layer, strict=False):
                self._cell(rules, end, product_of([gate, born]), born, below)
            below = joined(layer)
        for place in self.initial or ():
            rules.same(inputs[place][""], joined(hidden))
        said = joined(hidden) if self.steps == "state" else below
        return dict.fromkeys(self.results or ("",), said)

    def _cell(self, rules: Rules, end: str, rows: Term, born: Atom, below: Term) -> None:
        rules.restrict(born, self.within)
        rules.parameter(f"weight_ih{end}", (rows, below), carries=(1, -1))
        rules.parameter(f"weight_hh{end}", (rows, born), carries=(1, -1))
        if self.bias:
            rules.parameter(f"bias_ih{end}", (rows,), carries=(1,))
            rules.parameter(f"bias_hh{end}", (rows,), carries=(1,))

    # --- Code

    def _options(self) -> str:
        """The options of torch's constructor that differ from its defaults."""
        shown = {
            "num_layers": (self.layers, 1),
            "bidirectional": (self.bidirectional, False),
            "bias": (self.bias, True),
            "dropout": (self.dropout, 0.0),
        }
        return "".join(f"{k}={value}, " for k, (value, usual) in shown.items() if value != usual)

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        width = self._sequence(inputs).width
        return f"{self.torch_name}({width}, {self.channels}, {self._options()}**factory)"

    def call(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        x, tensor = values[0], self._sequence(inputs)
        dim = 1 + self._place(tensor)
        at_end = dim == len(tensor.axes)
        arguments = [x if at_end else f"{bracketed(x, Binding.ATOM)}.movedim({dim}, -2)"]
        others = [axis for axis in tensor.axes if axis.name != self.over.name]
        states = self._initial(inputs, tensor)
        given = [
            aligned(values[place], state, others)
            for place, state in zip(self.initial or (), states, strict=True)
        ]
        if given:
            arguments.append(given[0] if len(given) == 1 else f"({', '.join(given)})")
        if self.steps != "all":
            arguments.append(f'steps="{self.steps}"')
        called = f"{module}({', '.join(arguments)})"
        return called if at_end or self.steps != "all" else f"{called}.movedim(-2, {dim})"

    # --- Meaning

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """Layer by layer, direction by direction, step by step; in evaluation, without dropout."""
        tensor = self._sequence(inputs)
        dim = 1 + self._place(tensor)
        steps = list(values[0].unbind(dim))
        first = self._first_states(xp, values, inputs, tensor, steps[0])
        ends: list[tuple[Any, ...]] = []
        for number, end in enumerate(self._ends):
            if number % self._directions == 0:
                read, steps = steps, []
            state = tuple(each[..., number, :] for each in first)
            said = []
            for x in reversed(read) if end.endswith("_reverse") else read:
                state = self._step(xp, x, state, parameters, end)
                said.append(state[0])
            ends.append(state)
            said = said[::-1] if end.endswith("_reverse") else said
            steps = [xp.cat(both, -1) for both in zip(steps, said, strict=True)] if steps else said
        if self.steps == "all":
            return xp.stack(steps, dim)
        if self.steps == "last":
            return xp.cat([state[0] for state in ends[-self._directions :]], -1)
        whole = [xp.cat(each, -1) for each in zip(*ends, strict=True)]
        return dict(zip(self.results, whole, strict=True)) if self.results else whole[0]

    def _first_states(
        self, xp: Any, values: tuple[Any, ...], inputs: tuple[Type, ...], tensor: Tensor, x: Any
    ) -> list[Any]:
        """The states before the first step, `(batch, *others, layers * directions, channels)`."""
        shape = (*x.shape[:-1], len(self._ends), self.channels)
        if self.initial is None:
            return [x.new_zeros(shape)] * len(self.states)
        others = Tensor(tuple(a for a in tensor.axes if a.name != self.over.name), 1)
        found = []
        for place in self.initial:
            state = spread_along(xp, values[place], inputs[place], others)
            found.append(state.reshape(*state.shape[:-1], *shape[-2:]).expand(shape))
        return found

    def _gates(
        self, xp: Any, x: Any, h: Any, parameters: Mapping[str, Any], end: str
    ) -> list[tuple[Any, Any]]:
        """What the input and the hidden state add to each gate."""
        found = []
        for gate in range(self.gates):
            rows = slice(gate * self.channels, (gate + 1) * self.channels)
            both = []
            for name, value in (("ih", x), ("hh", h)):
                weight = parameters[f"weight_{name}{end}"][rows]
                added = xp.einsum("...i,oi->...o", value, weight)
                both.append(added + parameters[f"bias_{name}{end}"][rows] if self.bias else added)
            found.append((both[0], both[1]))
        return found

    def _step(
        self, xp: Any, x: Any, state: tuple[Any, ...], parameters: Mapping[str, Any], end: str
    ) -> tuple[Any, ...]:
        """The state after reading x."""
        raise NotImplementedError


def _inside(axis: Axis, tensor: Tensor) -> list[Axis]:
    """The axes that live in one, however deep: they cannot move on their own once it is pinned."""
    return [each for each in tensor.axes if each.parent and axis in _around(each)]


def _around(axis: Axis) -> tuple[Axis, ...]:
    return (axis.parent, *_around(axis.parent)) if axis.parent else ()
