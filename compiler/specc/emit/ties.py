"""The constructors of products whose coefficients are tied: how each group acts, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..groups import Tied
from ..names import Variables
from ..planning.plan import TiedForm
from ..symmetry.folding import Operand
from ..symmetry.maps import Level, Maps, Product
from ..symmetry.ties import factors
from ..types import Axis


def tied_actions(maps: Maps) -> dict[Axis, tuple[str, str]]:
    """For each axis that a group given by generators moves, a variable and the code for it."""
    names = Variables(frozenset({"device", "dtype", "factory", "self"}))
    found: dict[Axis, tuple[str, str]] = {}
    for operand in (*maps.inputs, *maps.outputs):
        for axis in operand.tensor.axes:
            if axis.tied and axis not in found and not (axis.joint and axis.joint.place):
                assert isinstance(axis.group, Tied)
                name = axis.mover if axis.joint else axis.name
                found[axis] = names.claim(name.lower()), axis.group.expression(axis.size)
    return found


def tied_mix(
    maps: Maps,
    level: Level,
    each: Product,
    form: TiedForm,
    actions: Mapping[Axis, tuple[str, str]],
) -> str:
    """`TiedMix([[block]], [8], [4], ...)`."""
    rows = [maps.outputs[level.spreads[s].tensor] for s in each.spreads]
    columns = [maps.inputs[level.pools[p].tensor] for p in each.pools]
    blocks = [[_block(row, column, actions) for column in columns] for row in rows]
    grid = ", ".join(f"[{', '.join(row)}]" for row in blocks)
    bias = ""
    if each.bias:
        bias = f"bias=[{', '.join(_block(row, None, actions) for row in rows)}], "
    kind = {"matrix": "TiedMix", "circulant": "CirculantMix"}[form]
    return f"{kind}([{grid}], {_widths(rows)}, {_widths(columns)}, {bias}**factory)"


def _widths(operands: Iterable[Operand]) -> str:
    return str([operand.tensor.width for operand in operands])


def _block(written: Operand, read: Operand | None, actions: Mapping[Axis, tuple[str, str]]) -> str:
    """`TiedBlock([TiedFactor([ring], [ring])])`: a factor for each group, one for pinned positions."""
    sides = [written.tensor.axes, read.tensor.axes if read else ()]
    made, places = [], []
    for factor in factors(written.tensor, read.tensor if read else None):
        inside = [
            [_action(axes[place], actions) for place in of_side]
            for axes, of_side in zip(sides, (factor.outputs, factor.inputs), strict=True)
        ]
        exchanges = f", exchanges={list(factor.swaps)}" if factor.swaps else ""
        reach = factor.ring.support if factor.ring else None
        support = f", support={reach}" if reach else ""
        made.append(f"TiedFactor({_lists(*inside)}{exchanges}{support})")
        places += [(0, place) for place in factor.outputs] + [(1, p) for p in factor.inputs]
    order = [places.index(place) for place in sorted(places)]
    plain = sorted(range(len(places)), key=lambda place: places[place][0])
    ordered = "" if order == plain else f", {order}"
    return f"TiedBlock([{', '.join(made)}]{ordered})"


def _action(axis: Axis, actions: Mapping[Axis, tuple[str, str]]) -> str:
    return actions[axis][0] if axis.tied else f"unmoved({axis.size})"


def _lists(outputs: Sequence[str], inputs: Sequence[str]) -> str:
    written, read = f"[{', '.join(outputs)}]", f"[{', '.join(inputs)}]"
    return f"{written}, {read}" if inputs else written
