"""What tracing a model gives: its weight space, why what does not move is pinned, and how it was checked."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from torch import nn

from ..errors import SpecError
from ..names import counted
from ..symmetry.weight_space import Pin
from ..types import Axis, Collection, axes_of
from ..verification.records import TOLERANCE
from .trace import infer
from .verify import DRAWS, Finding, verify
from .written import specification, tensors_of


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Touched(_Record):
    """A dimension of a tensor that an axis lies along, all of it or a part."""

    tensor: str
    dimension: int


class FreeGroup(_Record):
    """An axis whose positions may be permuted: its group, and all that moves with it."""

    axis: str
    group: str
    size: int
    inside: str | None
    born: str
    touches: list[Touched]


class Pinned(_Record):
    """An axis that may not be permuted: the operation that pins it, and what would free it if anything."""

    axis: str
    size: int
    reason: str
    place: str
    remedy: str | None


class Checked(_Record):
    """The largest relative change of the outputs under random elements of the group, in float64.

    `unseen` are tensors of which it says nothing: at these inputs they have no influence.
    """

    deviation: float
    tolerance: float = TOLERANCE
    elements: int = DRAWS
    unseen: list[str]


class TraceReport(_Record):
    """A traced model as data. `left_out` are entries of the state_dict that are no weights: integers."""

    name: str
    tensors: dict[str, list[str]]
    groups: list[FreeGroup]
    pins: list[Pinned]
    verification: Checked | None
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Traced:
    """The weight space of a PyTorch model.

    `space` has a tensor for each entry of the state_dict that is not of integers; those are
    `left_out`. `pins` say of each pinned axis why. `finding` is None where it was not verified.
    """

    name: str
    space: Collection
    pins: tuple[tuple[Axis, Pin], ...]
    left_out: tuple[str, ...]
    finding: Finding | None

    @property
    def free(self) -> tuple[Axis, ...]:
        """The axes whose positions may be permuted."""
        found = dict.fromkeys(a for a in axes_of(self.space) if not a.pinned and a.size > 1)
        return tuple(found)

    def spec(self) -> str:
        """The specification: a `space` that models take as `from "net.spec" import Net`."""
        heading = [
            f"The weights of `{self.name}`, traced: {counted(len(self.free), 'free group')}."
        ]
        if self.finding is not None:
            heading.append(
                f"Verified: {DRAWS} random elements change the outputs by {self.finding.deviation:.1e}."
            )
        if self.left_out:
            heading.append(f"No weights, and left out: {listed(self.left_out)}.")
        return specification(self.space, dict(self.pins), heading)

    def report(self) -> TraceReport:
        """The same as data."""
        tensors = tensors_of(self.space)
        return TraceReport(
            name=self.name,
            tensors={each.name: list(each.notation()) for each in tensors},
            groups=[self._group(axis) for axis in self.free],
            pins=[
                Pinned(axis=a.name, size=a.size, reason=p.reason, place=p.place, remedy=remedy(p))
                for a, p in self.pins
                if a.size > 1
            ],
            verification=None
            if self.finding is None
            else Checked(deviation=self.finding.deviation, unseen=list(self.finding.unseen)),
            left_out=list(self.left_out),
        )

    def _group(self, axis: Axis) -> FreeGroup:
        touches = [
            Touched(tensor=each.name, dimension=dim)
            for each in tensors_of(self.space)
            for dim in range(len(each.shape))
            if any(axis in piece.dims[dim].axes for piece in each.pieces)
        ]
        first = touches[0]
        return FreeGroup(
            axis=axis.name,
            group=axis.symmetry,
            size=axis.size,
            inside=axis.parent.name if axis.parent else None,
            born=f"{first.tensor}, dimension {first.dimension}",
            touches=touches,
        )


_REMEDIES = {
    "an output of the model": "a layer behind it",
    "parts one after the other lie inside": "a projection of its own for each part",
}


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def remedy(pin: Pin) -> str | None:
    """What would free an axis, if anything."""
    if pin.reason.endswith("has no rule"):
        return f"a rule for {pin.reason.split()[0]}"
    found = (text for start, text in _REMEDIES.items() if pin.reason.startswith(start))
    return next(found, None)


def trace(
    module: nn.Module,
    *inputs: object,
    kwargs: Mapping[str, object] | None = None,
    name: str | None = None,
    verify: bool = True,
) -> Traced:
    """The permutation symmetry of a model's weights, derived from its graph and verified.

    `forward` is called as `module(*inputs, **kwargs)`, in evaluation; shapes are taken as they are. The
    space is called `name`, else as the module's class. Every permutation of the positions of axes that
    is found leaves the function unchanged whatever the weights are: rules are sound, and what has none
    pins all that it touches. Then random elements of the group are applied to random weights in
    float64 and outputs are compared, unless `verify` is False.

    Raises `SpecError` where `torch.export` cannot capture the model, where the model does not run in
    float64, and where verification fails.
    """
    called = _space_name(name or type(module).__name__)
    options = dict(kwargs or {})
    weights = infer(module, inputs, options, called)
    finding = None
    if verify:
        finding = verified(weights.space, module, inputs, options)
    entries = {each.name for each in tensors_of(weights.space)}
    left_out = tuple(key for key in module.state_dict() if key not in entries)
    return Traced(called, weights.space, weights.pins, left_out, finding)


def verified(
    space: Collection, module: nn.Module, inputs: Sequence[object], options: Mapping[str, object]
) -> Finding:
    """The finding; `SpecError` names the groups that change the function."""
    finding = verify(space, module, inputs, options)
    if finding.ok:
        return finding
    raise SpecError(
        f"this is not the symmetry of the model: outputs change by {finding.deviation:.1e}",
        None,
        blame(finding),
    )


def blame(finding: Finding) -> str:
    """Which groups are wrong, in words."""
    if not finding.wrong:
        return "each axis alone leaves them as they are, several together do not"
    named = [
        f"`{axis.name}` ({axis.symmetry}) by {change:.1e}" for axis, change in finding.wrong[:5]
    ]
    more = f" and {len(finding.wrong) - 5} others" if len(finding.wrong) > 5 else ""
    return f"alone {', '.join(named)}{more}"


def _space_name(text: str) -> str:
    """A name that a space may have."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    if (
        not name
        or name[0].isdigit()
        or keyword.iskeyword(name)
        or name in ("repeat", "true", "false")
    ):
        return f"Net{name}"
    return name
