"""Whether a space is the symmetry of a model: random elements of its group applied to the weights, in float64."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils import _pytree as pytree

from ..reference import put_together, taken_apart
from ..types import Axis, Collection, axes_of
from ..verification.actions import Element, act, random_element
from ..verification.draws import gap
from ..verification.records import TOLERANCE

DRAWS = 3

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Finding:
    """The largest relative change of the outputs under random elements; for each axis alone where it is too large."""

    deviation: float
    wrong: tuple[tuple[Axis, float], ...] = ()

    @property
    def ok(self) -> bool:
        return self.deviation <= TOLERANCE


def verify(
    space: Collection,
    module: nn.Module,
    inputs: Sequence[object],
    options: Mapping[str, object],
    seed: int = 0,
) -> Finding:
    """Applies random elements of the group of a weight space to a model's state_dict and compares outputs.

    The model is copied to float64, and its weights are disturbed, so that nothing is accidentally
    symmetric: biases of zero, scales of one. Raises `KeyError` where the space has tensors that the
    model has not.
    """
    generator = torch.Generator().manual_seed(seed)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return _finding(space, _Function(module, inputs, options, generator), generator)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


class _Function:
    """A model as a function of its weights."""

    def __init__(
        self,
        module: nn.Module,
        inputs: Sequence[object],
        options: Mapping[str, object],
        generator: torch.Generator,
    ) -> None:
        self.module = copy.deepcopy(module).double().eval()
        self.inputs, self.options = _in_float64((tuple(inputs), dict(options)))
        self.state = {
            name: _disturbed(name, tensor.detach(), generator)
            for name, tensor in self.module.state_dict(keep_vars=True).items()
        }

    def __call__(self, state: State) -> list[Tensor]:
        torch.manual_seed(0)
        given = {**self.state, **state}
        found = functional_call(
            self.module, given, copy.deepcopy(self.inputs), self.options, strict=False
        )
        return [each for each in pytree.tree_leaves(found) if isinstance(each, Tensor)]


def _finding(space: Collection, function: _Function, generator: torch.Generator) -> Finding:
    axes = tuple(axis for axis in _outer_first(space) if not axis.pinned)
    state = {name: function.state[name] for name in _names(space)}
    expected = function(state)
    elements = [random_element(axes, generator) for _ in range(DRAWS)]
    worst = max((_change(space, function, state, expected, e) for e in elements), default=0.0)
    if worst <= TOLERANCE:
        return Finding(worst)
    wrong = []
    still = random_element(axes, generator)
    for axis in axes:
        alone = {name: _identity(table) for name, table in still.items()}
        alone[axis.name] = random_element((axis,), generator)[axis.name]
        change = _change(space, function, state, expected, alone)
        if change > TOLERANCE:
            wrong.append((axis, change))
    return Finding(worst, tuple(wrong))


def _change(
    space: Collection, function: _Function, state: State, expected: list[Tensor], element: Element
) -> float:
    return gap(function(moved(space, state, element)), expected)


def moved(space: Collection, state: State, element: Element) -> State:
    """The weights with an element of the group applied."""
    batched = {name: tensor.unsqueeze(0) for name, tensor in state.items()}
    tensors = taken_apart(batched, space)
    found = {name: act(element, tensors[name], t.axes) for name, t in space.tensors}
    return {name: t.squeeze(0) for name, t in put_together(found, space).items()}


def _identity(table: Tensor) -> Tensor:
    return torch.arange(table.shape[-1]).expand(table.shape)


def _names(space: Collection) -> list[str]:
    return [each.name for each in space.stored] or [name for name, _ in space.tensors]


def _outer_first(space: Collection) -> list[Axis]:
    found: dict[str, Axis] = {}

    def add(axis: Axis) -> None:
        if axis.parent is not None:
            add(axis.parent)
        found.setdefault(axis.name, axis)

    for axis in axes_of(space):
        add(axis)
    return list(found.values())


def _disturbed(name: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Generic numbers of about the size of the given ones; what may not be negative stays so."""
    if not tensor.is_floating_point():
        return tensor
    scale = float(tensor.std()) if tensor.numel() > 1 else 0.0
    noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
    found = tensor + noise * (scale or 0.1) / 2
    return found.abs() + 0.1 if name.endswith("running_var") else found


def _in_float64(given: object) -> tuple[tuple[object, ...], dict[str, object]]:
    def cast(each: object) -> object:
        return each.double() if isinstance(each, Tensor) and each.is_floating_point() else each

    cast_all: tuple[tuple[object, ...], dict[str, object]] = pytree.tree_map(cast, given)
    return cast_all
