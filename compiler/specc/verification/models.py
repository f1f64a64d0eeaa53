"""Verification of a model: made in float64, moved by its group, and each of its layers alone.

What does not fit into memory is not run, and said to be unchecked; layers are then taken smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType

import torch
from torch import Tensor, nn

from ..compile import Program
from ..errors import SpecError, nearest
from ..graph import Node, Typed
from ..operations import Equivariant
from ..operations.masks import mask_axes, mask_name, presence, without_absent
from ..reference.stored import put_together, taken_apart
from ..types import Axis, Collection, Type, axes_of, tensors_of
from ..types import Tensor as TensorType
from .actions import Element, act_on_mask, moved, random_element
from .completeness import Completeness, completeness
from .draws import averaged, gap, random_mask, random_value, randomise
from .layers import Layer, absence_gap, equivariance_gap, layer_of, meaning_gap, shrunk
from .memory import layer_bytes, model_bytes, parameter_bytes, shortage
from .records import TOLERANCE, LayerVerification, ModelVerification, Verification
from .scales import rescaled

BATCH = 2
DRAWS = 3

NOT_EQUIVARIANT = "it does not commute with its group"
ABSENT = "what stands in positions that are not there has influence"
TOO_LARGE = "too large for matrices of all its maps"
FEWER = "at its own sizes, which are too large for memory"
NOT_ITS_DIAGRAMS = "it is not the sum of its diagrams with its coefficients"

Value = Tensor | dict[str, Tensor]

Counted = dict[object, Completeness | None]
"""What has been counted already, by the kind of layer: layers of one kind run the same code."""


def verify_program(
    program: Program, module: ModuleType, model: str | None = None, seed: int = 0
) -> Verification:
    """Verifies all models of a program, or one of them, as the generated module has them."""
    names = [typed.name for typed in program.models]
    if model is not None and model not in names:
        raise SpecError(f"there is no model `{model}`", hint=nearest(model, names))
    chosen = [typed for typed in program.models if model in (None, typed.name)]
    counted: Counted = {}
    with torch.no_grad(), _one_thread():
        models = [_verify_model(typed, module, seed, counted) for typed in chosen]
    return Verification(ok=all(each.ok for each in models), models=models)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small tensors are fastest in one thread, by far where other programs keep the machine busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _verify_model(
    typed: Typed, module: ModuleType, seed: int, counted: Counted
) -> ModelVerification:
    generator = torch.Generator().manual_seed(seed)
    unmade = shortage(parameter_bytes(typed))
    unchecked = shortage(model_bytes(typed, BATCH))
    layers: list[LayerVerification] = []
    deviation, problem, network = None, None, None
    try:
        if unmade is None:
            network = _made(typed, module, generator)
        if network is not None and unchecked is None:
            deviation, problem = _judged(
                (_equivariance_gap(typed, network, generator), NOT_EQUIVARIANT),
                (_absence_gap(typed, network, generator), ABSENT),
            )
    except Exception as error:  # whatever the module under test does is a finding, not our failure
        problem = _sentence(error)
    if network is not None:
        layers = _verify_layers(typed, network, generator, counted)
    elif unmade is not None:
        layers = [_unmade(node.path, unmade) for node in _layer_nodes(typed)]
    return ModelVerification(
        name=typed.name,
        ok=problem is None and all(layer.ok for layer in layers),
        deviation=deviation,
        unchecked=unchecked and f"as a whole: {unchecked}",
        problem=problem,
        layers=layers,
    )


def _made(typed: Typed, module: ModuleType, generator: torch.Generator) -> nn.Module:
    """The model in float64 and evaluation, with random parameters."""
    with torch.random.fork_rng(devices=[]):
        network: nn.Module = getattr(module, typed.name)(dtype=torch.float64).eval()
    randomise(network, generator)
    return network


def _judged(*gaps: tuple[float, str]) -> tuple[float, str | None]:
    """The largest deviation, and what the first that rounding does not explain means."""
    problems = [problem for deviation, problem in gaps if not deviation <= TOLERANCE]
    return max(deviation for deviation, _ in gaps), problems[0] if problems else None


def _sentence(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else "no reason given"
    return f"it fails with {type(error).__name__}: {first}"


# --- Layers ---------------------------------------------------------------------------------------


def _layer_nodes(typed: Typed) -> list[Node]:
    """Each equivariant layer once, by the path of its parameters."""
    nodes: dict[str, Node] = {}
    for node in typed.graph.nodes:
        if isinstance(node.operation, Equivariant):
            nodes.setdefault(node.path, node)
    return list(nodes.values())


def _unmade(name: str, unchecked: str) -> LayerVerification:
    """A layer of which nothing could be run."""
    return LayerVerification(name=name, ok=True, deviation=None, unchecked=unchecked)


def _verify_layers(
    typed: Typed, network: nn.Module, generator: torch.Generator, counted: Counted
) -> list[LayerVerification]:
    nodes = _layer_nodes(typed)
    return [_verify_node(typed, node, network, generator, counted) for node in nodes]


def _verify_node(
    typed: Typed, node: Node, network: nn.Module, generator: torch.Generator, counted: Counted
) -> LayerVerification:
    assert isinstance(node.operation, Equivariant)
    try:
        part = network.get_submodule(node.path)
        layer = layer_of(node.path, part, node.operation, typed.input_types(node), typed.type(node))
        return _verify_layer(layer, generator, counted)
    except Exception as error:  # as above
        return LayerVerification(name=node.path, ok=False, deviation=None, problem=_sentence(error))


def _verify_layer(layer: Layer, generator: torch.Generator, counted: Counted) -> LayerVerification:
    """Whether a layer commutes with its group, computes its diagrams, and can be every map."""
    small = shrunk(layer)
    tested = layer if shortage(layer_bytes(layer, BATCH)) is None else small
    if unchecked := shortage(layer_bytes(tested, BATCH)):
        return _unmade(layer.name, unchecked)
    deviation, problem = _judged(
        (equivariance_gap(tested, generator), NOT_EQUIVARIANT),
        (absence_gap(tested, generator), ABSENT),
    )
    found = None
    if problem is None:
        if layer.kind not in counted:
            counted[layer.kind] = completeness(small, generator)
        found = counted[layer.kind]
    if found is not None:
        meaning = meaning_gap(small, generator)
        deviation, problem = _judged((deviation, NOT_EQUIVARIANT), (meaning, NOT_ITS_DIAGRAMS))
        problem = problem or _missing(found)
    left = [TOO_LARGE] * (found is None and problem is None) + [FEWER] * (tested is small)
    return LayerVerification(
        name=layer.name,
        ok=problem is None,
        deviation=deviation,
        rank=found.maps.rank if found else None,
        maps=found.maps.dimension if found else None,
        bias_rank=found.biases.rank if found else None,
        bias_maps=found.biases.dimension if found else None,
        unchecked="; ".join(left) or None,
        problem=problem,
    )


def _missing(found: Completeness) -> str | None:
    maps, biases = found.maps, found.biases
    if maps.rank != maps.dimension:
        return f"it spans {maps.rank} of {maps.dimension} maps"
    if biases.rank != biases.dimension:
        return f"it adds {biases.rank} of {biases.dimension} invariants"
    return None


# --- Equivariance of a model ----------------------------------------------------------------------


def _equivariance_gap(typed: Typed, network: nn.Module, generator: torch.Generator) -> float:
    """The largest relative difference between acting on the inputs and on the results."""
    kinds, axes = _input_types(typed), _moving(typed)
    values, masks = _drawn(kinds, axes, generator)
    masked = {mask_name(axis): axis for axis in axes if axis.masked}
    plain = _results(network, values, masks)
    worst = _asymmetry(plain, typed.graph.output_types)
    for _ in range(DRAWS):
        element = random_element(axes, generator)
        scaled = [_rescaled(v, kind, generator) for v, kind in zip(values, kinds, strict=True)]
        inputs = [_moved(element, v, kind, {}) for v, kind in zip(scaled, kinds, strict=True)]
        moved_masks = {name: act_on_mask(element, m, masked[name]) for name, m in masks.items()}
        answers = _results(network, inputs, moved_masks)
        outputs = zip(plain, typed.graph.output_types, strict=True)
        wanted = [_moved(element, value, kind, moved_masks) for value, kind in outputs]
        worst = max(worst, gap(_tensors(answers), _tensors(wanted)))
    return worst


def _asymmetry(values: Sequence[Value], kinds: Sequence[Type]) -> float:
    """How far results are from as symmetric as their types say, `[sym(v, v)]`."""
    worst = 0.0
    for value, kind in zip(values, kinds, strict=True):
        for name, tensor in tensors_of(kind):
            if tensor.exchanges:
                x = value if isinstance(value, Tensor) else value[name]
                worst = max(worst, gap([averaged(x, tensor)], [x]))
    return worst


def _absence_gap(typed: Typed, network: nn.Module, generator: torch.Generator) -> float:
    """How much the results answer to numbers that stand where nothing is: here, to none at all."""
    kinds, axes = _input_types(typed), _moving(typed)
    values, masks = _drawn(kinds, axes, generator)
    if not masks:
        return 0.0
    spoilt = [_spoilt(value, kind, masks) for value, kind in zip(values, kinds, strict=True)]
    plain = _results(network, values, masks)
    return gap(_tensors(_results(network, spoilt, masks)), _tensors(plain))


def _input_types(typed: Typed) -> list[Type]:
    return [typed.types[number] for number in typed.graph.inputs]


def _moving(typed: Typed) -> tuple[Axis, ...]:
    """The axes of inputs and outputs that the group moves, those that others live in first."""
    found: dict[str, Axis] = {}
    for kind in (*_input_types(typed), *typed.graph.output_types):
        for axis in axes_of(kind):
            for each in mask_axes(axis):
                if not each.pinned or each.masked:
                    found.setdefault(each.name, each)
    return tuple(found.values())


def _drawn(
    kinds: Sequence[Type], axes: Sequence[Axis], generator: torch.Generator
) -> tuple[list[Value], dict[str, Tensor]]:
    """Random inputs and masks."""
    values = [_random(kind, generator) for kind in kinds]
    masks = {mask_name(a): random_mask(BATCH, a, generator) for a in axes if a.masked}
    return values, masks


def _random(kind: Type, generator: torch.Generator) -> Value:
    tensors = {name: random_value(tensor, BATCH, generator) for name, tensor in tensors_of(kind)}
    return tensors[""] if isinstance(kind, TensorType) else put_together(tensors, kind)


def _results(
    network: nn.Module, values: Sequence[Value], masks: Mapping[str, Tensor]
) -> tuple[Value, ...]:
    answer = network(*values, **masks)
    return answer if isinstance(answer, tuple) else (answer,)


def _tensors(values: Iterable[Value]) -> list[Tensor]:
    return [
        tensor
        for value in values
        for tensor in (
            [value] if isinstance(value, Tensor) else [value[name] for name in sorted(value)]
        )
    ]


def _moved(element: Element, value: Value, kind: Type, masks: Mapping[str, Tensor]) -> Value:
    """The element on a value of the type; with masks zero where nothing is, wherever the origin is."""

    def move(x: Tensor, tensor: TensorType) -> Tensor:
        y = moved(element, x, tensor)
        return without_absent(y, tensor.axes, masks) if tensor.points else y

    if isinstance(value, Tensor):
        assert isinstance(kind, TensorType)
        return move(value, kind)
    assert isinstance(kind, Collection)
    tensors = taken_apart(value, kind)
    return put_together({n: move(tensors[n], tensor) for n, tensor in kind.tensors}, kind)


def _rescaled(value: Value, kind: Type, generator: torch.Generator) -> Value:
    """The value with random scales where its type has them: a model sees nothing of these."""
    if isinstance(value, Tensor) or not isinstance(kind, Collection):
        return value
    tensors = taken_apart(value, kind)
    for scale in kind.scales:
        tensors = rescaled(tensors, kind, scale, generator)
    return put_together(tensors, kind)


def _spoilt(value: Value, kind: Type, masks: Mapping[str, Tensor]) -> Value:
    """The value with numbers that are none, and indices that do not exist, where nothing is."""

    def spoil(x: Tensor, tensor: TensorType) -> Tensor:
        nothing = torch.nan if tensor.index is None else -1
        x = x.unsqueeze(-1) if tensor.bare else x
        for dim in range(1, len(tensor.axes) + 1):
            present = presence(x, tensor.axes, dim, masks)
            if present is not None:
                x = x.masked_fill(~present, nothing)
        return x.squeeze(-1) if tensor.bare else x

    if isinstance(value, Tensor):
        assert isinstance(kind, TensorType)
        return spoil(value, kind)
    assert isinstance(kind, Collection)
    tensors = taken_apart(value, kind)
    return put_together({n: spoil(tensors[n], tensor) for n, tensor in kind.tensors}, kind)
