"""Whether a space is the symmetry of a model: random elements of its group applied to the weights, in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from ..errors import SpecError
from ..types import Axis, Collection
from ..verification.actions import Element, random_element
from ..verification.draws import gap
from ..verification.records import TOLERANCE
from .capture import first_names, without_cache
from .moves import moved
from .written import outer_first, tensors_of

DRAWS = 3

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Finding:
    """The largest relative change of the outputs under random elements of the group.

    `wrong` are the axes that change them too much when they alone are moved; none where only several
    together do. `unseen` are tensors that move and have no influence on the outputs at these inputs.
    """

    deviation: float
    wrong: tuple[tuple[Axis, float], ...] = ()
    unseen: tuple[str, ...] = ()

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

    All is computed in float64, on random weights of generic size: nothing is accidentally symmetric,
    as biases of zero are. Raises `SpecError` where the space has tensors that the model has not, or of
    other shapes, and where the model does not run in float64.
    """
    _refuse_other_tensors(space, module)
    generator = torch.Generator().manual_seed(seed)
    with _exactly(), torch.random.fork_rng(devices=[]):
        function = _Function(module, inputs, options, generator)
        return _finding(space, function, generator)


@contextmanager
def _exactly() -> Iterator[None]:
    """In float64, with encoder layers taken apart as `torch.export` does."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _InFloat64():  # type: ignore[no-untyped-call]
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


class _InFloat64(TorchDispatchMode):
    """Casts to fewer bits inside a model are casts to float64."""

    supports_higher_order_operators = True

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if str(func) == "cond":
            decides, first, second, operands = args
            return (first if bool(decides) else second)(*operands)
        given = dict(kwargs or {})
        if given.get("dtype") in (torch.float32, torch.float16, torch.bfloat16):
            given["dtype"] = torch.float64
        return func(*args, **given)


class _Function:
    """A model as a function of its weights."""

    def __init__(
        self,
        module: nn.Module,
        inputs: Sequence[object],
        options: Mapping[str, object],
        generator: torch.Generator,
    ) -> None:
        self._module = _copied(module, _held_in_float64).eval()
        self._first = first_names(self._module)
        parameters = {id(each) for each in self._module.parameters()}
        held = self._module.state_dict(keep_vars=True)
        self.parameters = {
            name
            for name, tensor in held.items()
            if id(tensor) in parameters and self._first.get(name) == name
        }
        self._inputs = pytree.tree_map(_in_float64, (tuple(inputs), without_cache(module, options)))
        self.state = {n: t.detach() for n, t in held.items() if self._first.get(n) == n}
        for name, tensor in self.state.items():
            _randomise(name, tensor, generator)

    def stored(self, names: Sequence[str]) -> State:
        """Entries of the state_dict; one tensor may have several names."""
        return {name: self.state[self._first[name]] for name in names}

    def __call__(self, state: State) -> list[Tensor]:
        """The outputs with these entries of the state_dict."""
        torch.manual_seed(0)
        first = {name: t for name, t in state.items() if self._first.get(name, name) == name}
        module = _copied(self._module, lambda tensor: tensor)
        inputs, options = copy.deepcopy(self._inputs)
        try:
            found = functional_call(
                module, {**self.state, **first}, inputs, options, tie_weights=True, strict=False
            )
        except Exception as error:  # whatever the model does is not our failure
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise SpecError(f"the model does not run in float64: {reason}") from error
        return [each for each in pytree.tree_leaves(found) if isinstance(each, Tensor)]


def _copied(module: nn.Module, held: Callable[[Tensor], Tensor]) -> nn.Module:
    """A module with state of its own, and for each of its tensors what `held` gives."""
    tensors = [*module.parameters(), *module.buffers()]
    for each in module.modules():
        tensors += [t for t in vars(each).values() if isinstance(t, Tensor)]
    return copy.deepcopy(module, {id(tensor): held(tensor) for tensor in tensors})


def _held_in_float64(tensor: Tensor) -> Tensor:
    """A copy in float64; what is computed from parameters is cut off from them."""
    wanted = torch.float64 if tensor.is_floating_point() else tensor.dtype
    found = tensor.detach().to(wanted, copy=True)
    return nn.Parameter(found, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else found


def _refuse_other_tensors(space: Collection, module: nn.Module) -> None:
    has = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    for each in tensors_of(space):
        if each.name not in has:
            raise SpecError(f"the model has no tensor `{each.name}`")
        if has[each.name] != each.shape:
            raise SpecError(
                f"`{each.name}` is {_by(each.shape)} in the space "
                f"and {_by(has[each.name])} in the model"
            )


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a number"


def _finding(space: Collection, function: _Function, generator: torch.Generator) -> Finding:
    axes = tuple(axis for axis in outer_first(space) if not axis.pinned)
    state = function.stored([each.name for each in tensors_of(space)])
    with torch.no_grad():
        expected = function(state)
        elements = [random_element(axes, generator) for _ in range(DRAWS if axes else 0)]
        worst = _worst(space, function, state, expected, elements)
        if not worst <= TOLERANCE:
            return Finding(worst, _wrong(space, function, state, expected, axes, generator))
    return Finding(worst, (), _unseen(space, function, state))


def _worst(
    space: Collection,
    function: _Function,
    state: State,
    expected: list[Tensor],
    elements: Sequence[Element],
) -> float:
    """The largest change by any of several elements; all are written into the same memory."""
    into = {name: torch.empty_like(tensor) for name, tensor in state.items()} if elements else {}
    changes = (gap(function(moved(space, state, e, into)), expected) for e in elements)
    return max(changes, default=0.0)


def _wrong(
    space: Collection,
    function: _Function,
    state: State,
    expected: list[Tensor],
    axes: Sequence[Axis],
    generator: torch.Generator,
) -> tuple[tuple[Axis, float], ...]:
    """The axes that change the outputs when they alone are moved, and by how much."""
    found = []
    element = random_element(axes, generator)
    still = {name: torch.arange(t.shape[-1]).expand(t.shape) for name, t in element.items()}
    for axis in axes:
        alone = {**still, axis.name: element[axis.name]}
        change = gap(function(moved(space, state, alone)), expected)
        if not change <= TOLERANCE:
            found.append((axis, change))
    return tuple(found)


def _unseen(space: Collection, function: _Function, state: State) -> tuple[str, ...]:
    """The tensors that move and whose gradient is zero: moving them wrongly would not be noticed.

    Nothing is said of buffers, nor where the model has no derivative.
    """
    moving = {
        each.name
        for each in tensors_of(space)
        if any(not axis.pinned for piece in each.pieces for axis in piece.axes)
    }
    names = sorted(moving & function.parameters)
    leaves = {name: state[name].detach().requires_grad_() for name in names}
    try:
        with torch.enable_grad():
            outputs = [t for t in function({**state, **leaves}) if t.requires_grad]
            total = torch.stack([_weighted(t) for t in outputs]).sum()
            found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    except Exception:  # whatever has no derivative
        return ()
    norms = [None if each is None else torch.linalg.vector_norm(each, torch.inf) for each in found]
    sizes = [0.0 if norm is None else float(norm) for norm in norms]
    least = TOLERANCE * max(sizes, default=0.0)
    return tuple(name for name, size in zip(names, sizes, strict=True) if size <= least)


def _weighted(output: Tensor) -> Tensor:
    """A sum in which every entry has a weight of its own."""
    weights = torch.linspace(0.5, 1.5, output.numel(), dtype=torch.float64)
    total: Tensor = torch.real(output).flatten() @ weights
    return total


def _randomise(name: str, tensor: Tensor, generator: torch.Generator) -> None:
    """Random numbers of a size that keeps signals alive: matrices of variance over 1 / fan-in, vectors
    around 0 or 1 as they were, variances positive. Integers stay."""
    if not tensor.is_floating_point():
        return
    if name.endswith("running_var"):
        around, width = 1.0, 0.5
    elif tensor.dim() > 1:
        around, width = 0.0, 2.6 / max(tensor[0].numel(), 1) ** 0.5
    else:
        around, width = float(tensor.numel() > 0 and float(tensor.mean()) > 0.5), 0.5
    tensor.uniform_(around - width, around + width, generator=generator)


def _in_float64(each: object) -> object:
    return each.double() if isinstance(each, Tensor) and each.is_floating_point() else each
