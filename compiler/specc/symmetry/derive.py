"""Derives every linear map between two collections of tensors that commutes with their groups.

The result is a list of levels. On each, pools of the inputs meet spreads of the outputs in a few
products; every pair of a product is one map, and together they are a basis of the commutant.
Nothing after this pass knows which groups there were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, count

from ..groups import Diagrams
from ..names import together
from ..types import Axis, Tensor
from .diagrams import Half, Slot, Strand, pools, spreads, strand_key
from .folding import Folded, Operand, Own, Runs, fold
from .maps import Level, Maps, Product
from .mechanism import mechanism
from .pairings import is_independent
from .ties import count_between


@cache
def derive(inputs: tuple[Operand, ...], outputs: tuple[Operand, ...], bias: bool = True) -> Maps:
    """Every map between the two collections, and with `bias` every invariant of the outputs.

    One run of a repeat stands for all that are alike.
    """
    return _maps(fold(*mechanism(inputs, outputs)), bias)


def _maps(folded: Folded, bias: bool) -> Maps:
    inputs, outputs = folded.inputs, folded.outputs
    order = _axis_order(inputs + outputs)
    names = level_names(folded)
    determinants = _determinants(inputs, outputs)
    input_halves: dict[tuple[Strand, ...], list[Half]] = {}
    output_halves: dict[tuple[Strand, ...], list[Half]] = {}
    for number, operand in enumerate(inputs):
        for roots, half in pools(operand.tensor, number, order, determinants):
            input_halves.setdefault(roots, []).append(half)
    for number, operand in enumerate(outputs):
        for roots, half in spreads(operand.tensor, number, order, determinants):
            output_halves.setdefault(roots, []).append(half)
    levels = []
    taken: set[str] = set()
    for roots in sorted(output_halves, key=lambda roots: _level_key(roots, order)):
        own = _own(roots, folded)
        name = _level_name(roots, names, taken)
        level = _level(name, roots, input_halves.get(roots, []), output_halves[roots], folded, bias)
        taken.add(name)
        if level.products:
            levels.append(_of_runs(level, own.runs) if own else level)
    first = ((name, own.runs) for name, own in folded.own.items() if own.run == 0)
    return Maps(inputs, outputs, tuple(levels), tuple(first), tuple(names.items()))


def _determinants(inputs: Sequence[Operand], outputs: Sequence[Operand]) -> dict[Axis, int]:
    """The movers that have determinants between some two tensors, with their most."""
    tensors = [each.tensor for each in (*inputs, *outputs)]
    axes = dict.fromkeys(a.moved for t in tensors for a in t.axes if isinstance(a.group, Diagrams))
    found = {}
    for axis in axes:
        written = {_kinds(each.tensor, axis) for each in outputs}
        read = {_kinds(each.tensor, axis) for each in inputs} | {()}
        most = max(axis.diagrams.most_determinants(axis.size, w, r) for w in written for r in read)
        if most:
            found[axis] = most
    return found


def _kinds(tensor: Tensor, moved: Axis) -> tuple[int, ...]:
    return tuple(axis.diagrams.kind for axis in tensor.axes if axis.moved == moved)


def _level_name(roots: tuple[Strand, ...], names: Mapping[str, str], taken: set[str]) -> str:
    """The axes of a level's strands, outermost first: `cloud_member`."""
    words = [
        names[strand.axis.name] + _mark(strand) for root in roots for strand in root.preorder()
    ]
    short, full = together(words) or "scalar", "_".join(words)
    numbered = (f"{full}_{number}" for number in count(2))
    return next(name for name in chain((short, full), numbered) if name not in taken)


def _mark(strand: Strand) -> str:
    """What tells strands of one axis apart in the name of a level."""
    if strand.wedge is not None:
        return f"_wedge{strand.wedge}"
    word = strand.axis.diagrams.word(strand.kind)
    return f"_{word}" if word else ""


def _of_runs(level: Level, runs: Runs) -> Level:
    products = tuple(replace(each, runs=runs) for each in level.products)
    return replace(level, products=products, runs=runs)


def _own(roots: tuple[Strand, ...], folded: Folded) -> Own | None:
    """The run whose own axes a level goes through."""
    axes = (strand.axis.name for root in roots for strand in root.preorder())
    return next((folded.own[name] for name in axes if name in folded.own), None)


def _axis_order(operands: tuple[Operand, ...]) -> dict[str, int]:
    """Numbers the movers by first appearance, so that names never decide anything."""
    names = dict.fromkeys(axis.mover for each in operands for axis in each.tensor.axes)
    return {name: number for number, name in enumerate(names)}


def short_names(names: tuple[str, ...]) -> dict[str, str]:
    """Identifiers for axes: `hidden` for `Classifier.hidden` where that is clear, else `classifier_hidden`."""
    plain = {name: name.replace("(", "_").replace(")", "").lower() for name in names}
    short = {name: each.rpartition(".")[2] for name, each in plain.items()}
    taken = list(short.values())
    return {
        name: each if taken.count(each) == 1 else plain[name].replace(".", "_")
        for name, each in short.items()
    }


def level_names(folded: Folded) -> dict[str, str]:
    """Identifiers for axes; those that runs have for themselves are called alike, without the number."""
    operands = folded.inputs + folded.outputs
    axes = dict.fromkeys(
        name for each in operands for axis in each.tensor.axes for name in (axis.name, axis.mover)
    )
    plain: dict[str, str] = {}
    for name in axes:
        without = _without_run(name, folded.own.get(name))
        plain[name] = name if without in axes or without in plain.values() else without
    short = short_names(tuple(plain.values()))
    return {name: short[plain[name]] for name in axes}


def _without_run(name: str, own: Own | None) -> str:
    """`Language.blocks_0_up` as `Language.blocks_up`; as it is where the number stands elsewhere."""
    if own is None:
        return name
    home, dot, last = name.rpartition(".")
    path = own.runs.path.replace(".", "_") + "_" if own.runs.path else ""
    start = f"{path}{own.runs.first}_"
    return f"{home}{dot}{path}{last.removeprefix(start)}" if last.startswith(start) else name


def _level_key(roots: tuple[Strand, ...], order: dict[str, int]) -> tuple[object, ...]:
    strands = sum(1 for root in roots for _ in root.preorder())
    return (-strands, tuple(strand_key(root, order) for root in roots))


def _level(
    name: str,
    roots: tuple[Strand, ...],
    pools: list[Half],
    spreads: list[Half],
    folded: Folded,
    bias: bool,
) -> Level:
    """Joins the halves of a level: spreads that admit the same pools share a product.

    A pair is left out where it depends on others, or where no map leads between the positions that
    count as channels; then the level has several products, each with all of its own pairs, so that
    there is one parameter for each map and no mask.
    """
    has_bias = bias and all(root.wedge == 0 for root in roots)
    taken = _taken(roots)
    partners: dict[tuple[tuple[int, ...], bool], list[int]] = {}
    for number, spread in enumerate(spreads):
        written = folded.outputs[spread.tensor]
        admitted = tuple(
            i
            for i, pool in enumerate(pools)
            if _admits(pool, spread, taken)
            and is_independent(
                roots, pool, spread, folded.inputs[pool.tensor].tensor, written.tensor
            )
            and count_between(written.tensor, folded.inputs[pool.tensor].tensor)
        )
        biased = (
            has_bias
            and is_independent(roots, None, spread, None, written.tensor)
            and count_between(written.tensor, None) > 0
        )
        if admitted or biased:
            partners.setdefault((admitted, biased), []).append(number)
    products = tuple(
        Product(name if number == 0 else f"{name}_{number + 1}", admitted, tuple(group), biased)
        for number, ((admitted, biased), group) in enumerate(partners.items())
    )
    return Level(name, roots, tuple(pools), tuple(spreads), products)


def _taken(roots: tuple[Strand, ...]) -> dict[Slot, int]:
    """How many strands of a level share each slot."""
    taken: dict[Slot, int] = {}
    number = 0

    def visit(strands: tuple[Strand, ...], enclosing: int | None) -> None:
        nonlocal number
        for strand in strands:
            slot = Slot(enclosing, strand.axis)
            taken[slot] = taken.get(slot, 0) + 1
            number += 1
            visit(strand.inner, number - 1)

    visit(roots, None)
    return taken


def _admits(pool: Half, spread: Half, taken: dict[Slot, int]) -> bool:
    """Whether the joint diagram has no more blocks in any slot than its basis allows."""
    outside = dict(spread.load)
    for slot, whole in pool.load:
        most = slot.axis.diagrams.most_blocks(slot.axis.size)
        if most is not None and whole + outside.get(slot, 0) + taken.get(slot, 0) > most:
            return False
    return True
