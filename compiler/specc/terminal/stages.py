"""What each stage of the compiler made of a specification, as text: `specc build --show`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never

from ..compile import Program
from ..graph import Typed
from ..groups import Structure
from ..operations import Equivariant
from ..planning.compose import layer_plan
from ..planning.description import described
from ..planning.plan import Formulation
from ..program.infer import infer
from ..symmetry.factors import Factor
from ..symmetry.weight_space import Weights
from ..types import Axis, Type, axes_of, tensors_of

Stage = Literal["graph", "symmetry", "maps", "plan"]


def show_stage(program: Program, stage: Stage, formulation: Formulation | None = None) -> str:
    """The stage of every model, in the notation of its values."""
    match stage:
        case "graph":
            parts = [str(typed) for typed in program.models]
        case "symmetry":
            parts = [_symmetry(typed) for typed in program.models]
            parts += [_weights(weights) for weights in _inferred(program)]
        case "maps" | "plan":
            parts = [
                part for typed in program.models for part in _layers(typed, stage, formulation)
            ]
        case _:
            assert_never(stage)
    return "\n\n".join(parts)


def _symmetry(typed: Typed) -> str:
    """The axes that a model reads and writes, each with its group."""
    kinds: list[Type] = [typed.types[number] for number in typed.graph.inputs]
    kinds += typed.graph.output_types
    axes = dict.fromkeys(axis for kind in kinds for axis in axes_of(kind))
    lines = [f"  {axis.name}: {_group(axis)}" for axis in axes]
    return "\n".join([f"model {typed.name}", *(lines or ["  no axes"])])


def _inferred(program: Program) -> Iterator[Weights]:
    """The weight spaces that the specification asks for; those of all its models if it asks for none."""
    if program.weights:
        yield from program.weights
    else:
        yield from map(infer, program.models)


def _weights(weights: Weights) -> str:
    """Each tensor with its axes, then the axes with what moves or pins them."""
    lines = [weights.space.label]
    if weights.space.stored:
        lines += [f"  {each.name}: [{', '.join(each.notation())}]" for each in weights.space.stored]
    else:
        lines += [f"  {name}: {tensor}" for name, tensor in tensors_of(weights.space)]
    pins = dict(weights.pins)
    for axis in axes_of(weights.space):
        pin = pins.get(axis)
        reason = f": {pin.reason} ({pin.place})" if pin else ""
        lines.append(f"  {axis.name}: {_group(axis)}{reason}{_larger(axis, weights)}")
    return "\n".join(lines)


def _larger(axis: Axis, weights: Weights) -> str:
    """The options of `weights` that would make the group of an axis larger."""
    divided = any(scale.axis == axis.name for scale in weights.space.scales)
    used = {Factor.SIGN: axis.structure is Structure.SIGNED, Factor.SCALE: divided}
    allowed = [
        f"`{each.factor.value} = true`"
        for each in weights.factors
        if each.axis == axis and each.pin is None and not used[each.factor]
    ]
    return f", and more with {' or '.join(allowed)}" if allowed else ""


def _group(axis: Axis) -> str:
    return f"{axis.size} pinned" if axis.pinned else axis.called


def _layers(
    typed: Typed, stage: Literal["maps", "plan"], formulation: Formulation | None
) -> Iterator[str]:
    """The maps or the plan of every equivariant layer."""
    for node in typed.graph.nodes:
        if isinstance(node.operation, Equivariant):
            plan = layer_plan(typed, node, formulation)
            types = ", ".join(map(str, typed.input_types(node)))
            lines = (str(plan.maps) if stage == "maps" else described(plan)).splitlines()
            head = f"{typed.name}.{node.path}: {types} -> {typed.type(node)}"
            yield "\n".join([head, *(f"  {line}" for line in lines)])
