"""The plan of a generated file: its classes, and for each what `forward` does, line by line."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..names import Variables
from ..types import Axis, Type
from .plan import Formulation, LayerPlan


@dataclass(frozen=True, slots=True)
class Line:
    """A statement in one line, with what stands beside it."""

    text: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """`for ...:` and what is repeated."""

    head: str
    body: tuple[Line | Loop, ...]


@dataclass(frozen=True, slots=True)
class ForwardArgument:
    """An argument of `forward`: its name and type."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class ModulePlan:
    """A class of the generated module: a model, or a block that models use."""

    name: str
    is_model: bool
    arguments: tuple[ForwardArgument, ...]
    masks: tuple[Axis, ...]
    results: tuple[tuple[str, Type], ...]
    declared: tuple[Type, ...]
    submodules: tuple[tuple[str, str], ...]
    body: tuple[Line | Loop, ...]


@dataclass(frozen=True, slots=True)
class LayerUse:
    """A class for equivariant layers of one kind, by the layer that was first."""

    name: str
    signature: str
    plan: LayerPlan
    masks: tuple[Axis, ...]


@dataclass(slots=True)
class Classes:
    """The classes of one file: each kind of layer and each kind of block once; and plans of layers by themselves."""

    taken: Variables
    formulation: Formulation | None
    plans: dict[object, LayerPlan] = field(default_factory=dict)
    layers: dict[object, LayerUse] = field(default_factory=dict)
    blocks: dict[object, ModulePlan] = field(default_factory=dict)
