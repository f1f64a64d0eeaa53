"""Verification of a model: made in float64, moved by its group, and each of its layers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType

import torch
from torch import Tensor, nn

from ..compile import Program
from ..errors import SpecError, nearest
from ..graph import Node, Typed
from ..operations import Equivariant
from ..operations.masks import mask_axes, mask_name
from ..types import Axis, Type, axes_of, tensors_of
from ..types import Tensor as TensorType
from .actions import Element, act, act_on_mask, random_element
from .layers import layer_of, randomise, relative, verify_layer
from .records import TOLERANCE, LayerVerification, ModelVerification, Verification

BATCH = 2
DRAWS = 3

Value = Tensor | dict[str, Tensor]


def verify_program(
    program: Program, module: ModuleType, model: str | None = None, seed: int = 0
) -> Verification:
    """Verifies all models of a program, or one of them, as the generated module has them."""
    names = [typed.name for typed in program.models]
    if model is not None and model not in names:
        raise SpecError(f"there is no model `{model}`", hint=nearest(model, names))
    chosen = [typed for typed in program.models if model in (None, typed.name)]
    with torch.no_grad():
        models = [_verify_model(typed, module, seed) for typed in chosen]
    return Verification(ok=all(each.ok for each in models), models=models)


def _verify_model(typed: Typed, module: ModuleType, seed: int) -> ModelVerification:
    generator = torch.Generator().manual_seed(seed)
    network = None
    try:
        with torch.random.fork_rng(devices=[]):
            network = getattr(module, typed.name)(dtype=torch.float64).eval()
        randomise(network, generator)
        deviation = _deviation(typed, network, generator)
        problem = None if deviation <= TOLERANCE else "it does not commute with its group"
    except Exception as error:  # whatever the module under test does is a finding, not our failure
        deviation, problem = None, _sentence(error)
    layers = [] if network is None else _verify_layers(typed, network, generator)
    return ModelVerification(
        name=typed.name,
        ok=problem is None and all(layer.ok for layer in layers),
        deviation=deviation,
        problem=problem,
        layers=layers,
    )


def _verify_layers(
    typed: Typed, network: nn.Module, generator: torch.Generator
) -> list[LayerVerification]:
    """Each equivariant layer once, under the path of its parameters."""
    nodes: dict[str, Node] = {}
    for node in typed.graph.nodes:
        if isinstance(node.operation, Equivariant):
            nodes.setdefault(node.path, node)
    return [_verify_one(typed, node, network, generator) for node in nodes.values()]


def _verify_one(
    typed: Typed, node: Node, network: nn.Module, generator: torch.Generator
) -> LayerVerification:
    assert isinstance(node.operation, Equivariant)
    try:
        part = network.get_submodule(node.path)
        layer = layer_of(node.path, part, node.operation, typed.input_types(node), typed.type(node))
        return verify_layer(layer, generator)
    except Exception as error:  # as above
        return LayerVerification(name=node.path, ok=False, deviation=None, problem=_sentence(error))


def _sentence(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else "no reason given"
    return f"it fails with {type(error).__name__}: {first}"


# --- Equivariance of a model ----------------------------------------------------------------------


def _deviation(typed: Typed, network: nn.Module, generator: torch.Generator) -> float:
    """The largest relative difference between acting on the inputs and on the results."""
    graph = typed.graph
    kinds = [typed.types[number] for number in graph.inputs]
    axes = _moving((*kinds, *graph.output_types))
    values = [_random(kind, generator) for kind in kinds]
    masks = {mask_name(axis): _random_mask(axis, generator) for axis in axes if axis.masked}
    masked = {mask_name(axis): axis for axis in axes if axis.masked}
    plain = _results(network, values, masks)
    scale = max(float(each.abs().max()) for value in plain for each in _tensors(value))
    worst = 0.0
    for _ in range(DRAWS):
        element = random_element(axes, generator)
        moved = [_moved(element, v, kind) for v, kind in zip(values, kinds, strict=True)]
        moved_masks = {name: act_on_mask(element, m, masked[name]) for name, m in masks.items()}
        answers = _results(network, moved, moved_masks)
        for answer, before, kind in zip(answers, plain, graph.output_types, strict=True):
            wanted = _moved(element, before, kind)
            pairs = zip(_tensors(answer), _tensors(wanted), strict=True)
            worst = max([worst, *(float((a - w).abs().max()) for a, w in pairs)])
    return relative(worst, scale)


def _moving(kinds: Sequence[Type]) -> tuple[Axis, ...]:
    """The symmetric axes of some types, those that others live in first."""
    found: dict[str, Axis] = {}
    for kind in kinds:
        for axis in axes_of(kind):
            for each in mask_axes(axis):
                if not each.pinned:
                    found.setdefault(each.name, each)
    return tuple(found.values())


def _results(
    network: nn.Module, values: Sequence[Value], masks: Mapping[str, Tensor]
) -> tuple[Value, ...]:
    answer = network(*values, **masks)
    return answer if isinstance(answer, tuple) else (answer,)


def _tensors(value: Value) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else list(value.values())


def _random(kind: Type, generator: torch.Generator) -> Value:
    tensors = {
        name: torch.randn(*_shape(tensor), generator=generator, dtype=torch.float64)
        for name, tensor in tensors_of(kind)
    }
    return tensors[""] if isinstance(kind, TensorType) else tensors


def _shape(tensor: TensorType) -> tuple[int, ...]:
    channels = () if tensor.channels is None else (tensor.channels,)
    return (BATCH, *(axis.size for axis in tensor.axes), *channels)


def _random_mask(axis: Axis, generator: torch.Generator) -> Tensor:
    """About two thirds of the positions, the first always."""
    mask = torch.rand(BATCH, *(a.size for a in mask_axes(axis)), generator=generator) < 2 / 3
    mask[..., 0] = True
    return mask


def _moved(element: Element, value: Value, kind: Type) -> Value:
    if isinstance(value, Tensor):
        assert isinstance(kind, TensorType)
        return act(element, value, kind.axes)
    return {name: act(element, value[name], tensor.axes) for name, tensor in tensors_of(kind)}
