"""Joins steps that touch full-size tensors, so that each is read and written as few times as can be.

The product of a full level is computed where its result is spread, together with what coarser spreads
add to it; the means of a tensor that only such a product reads besides are taken in one pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .plan import (
    Arranged,
    Average,
    Diagonal,
    Embed,
    Fold,
    Mean,
    Mix,
    MixSpread,
    Pooled,
    PoolStep,
    SpreadStep,
    Sum,
    Target,
    Term,
    Trace,
    Unfold,
)


def fuse_spreads(
    mixes: Sequence[Mix],
    pools: Sequence[PoolStep],
    outputs: Sequence[Sequence[SpreadStep]],
    owners: Mapping[str, int],
) -> tuple[tuple[Mix, ...], list[list[SpreadStep]]]:
    """Moves products into the spreads of their results.

    `outputs` are the steps of each output, `owners` the output that each result of a product goes to.
    A product moves where each of its results is a term of the size of the output that it goes to. One
    with several results moves if it reads full-size tensors alone: that of a coarse level stays in one
    piece, and those of the runs of a repeat stay together.
    """
    spread = [list(steps) for steps in outputs]
    whole = {step.target for step in pools if isinstance(step, Fold)}
    kept = []
    for mix in mixes:
        full = all(each.source in whole for each in mix.operands)
        alone = full or (len(mix.targets) == 1 and mix.runs is None)
        joined = _joined(mix, spread, owners) if alone and _is_plain(mix) else None
        for output, steps in (joined or {}).items():
            spread[output] = steps
        kept.append(replace(mix, fused=joined is not None))
    return tuple(kept), [_finished(_on_diagonals(steps)) for steps in spread]


def fuse_pools(
    pools: Sequence[PoolStep], mixes: Sequence[Mix], spreads: Sequence[SpreadStep]
) -> tuple[PoolStep | Pooled, ...]:
    """Takes the means of a tensor in one pass where only full products and diagonals read it besides."""
    read = {each.source for mix in mixes if not mix.fused for each in mix.operands}
    read |= {step.source for step in pools if not isinstance(step, Fold | Mean | Diagonal | Trace)}
    read |= {step.source for step in pools if isinstance(step, Mean) and step.masked}
    multiplied = {
        each.source for step in spreads if isinstance(step, MixSpread) for each in step.operands
    }
    whole = {step.target for step in pools if isinstance(step, Fold)}
    means: dict[str, list[Mean]] = {source: [] for source in whole & multiplied - read}
    for step in pools:
        if isinstance(step, Mean) and step.source in means:
            means[step.source].append(step)
    fused: list[PoolStep | Pooled] = []
    for step in pools:
        if not (isinstance(step, Mean) and step.source in means):
            fused.append(step)
        elif step is means[step.source][0]:
            fused.append(Pooled(step.source, tuple(means[step.source])))
    return tuple(fused)


def _is_plain(mix: Mix) -> bool:
    """Whether a product is one matrix, applied at the positions of some axis."""
    apart = all(each.count is None for each in mix.operands)
    apart &= all(each.count is None for each in mix.targets)
    whole = not any(operand.without_first for operand in mix.operands)
    matrix = mix.is_matrix and not mix.bias
    return bool(mix.operands and mix.shape.axes) and apart and whole and matrix


def _joined(
    mix: Mix, spread: Sequence[list[SpreadStep]], owners: Mapping[str, int]
) -> dict[int, list[SpreadStep]] | None:
    """The steps of the outputs that a product goes to with the product in them, if they take it."""
    found: dict[int, list[SpreadStep]] = {}
    for target, rows in zip(mix.targets, _rows(mix), strict=True):
        output = owners[target.name]
        steps = _with_product(mix, target, rows, found.get(output, spread[output]))
        if steps is None:
            return None
        found[output] = steps
    return found


def _rows(mix: Mix) -> Iterator[tuple[int, int] | None]:
    """The rows of the weight that give each target; None for all."""
    if len(mix.targets) == 1:
        yield None
        return
    start = 0
    for target in mix.targets:
        yield start, start + target.width
        start += target.width


def _with_product(
    mix: Mix, target: Target, rows: tuple[int, int] | None, steps: Sequence[SpreadStep]
) -> list[SpreadStep] | None:
    """An output's steps with a product in place of the sum that its result is a full-size term of."""
    if all(isinstance(step, Unfold | Average) for step in steps):
        shape = replace(mix.shape, features=target.width)
        own = Term(target.name, None, ())
        return [_product(mix, rows, Sum(target.name, (own,), shape, mix.runs), own), *steps]
    sums = [n for n, step in enumerate(steps) if isinstance(step, Sum | MixSpread)]
    total = steps[sums[-1]] if sums else None
    if not isinstance(total, Sum) or total.shape.positions != mix.shape.positions:
        return None
    for term in total.terms:
        if term.source == target.name and not term.inserted:
            product = _product(mix, rows, total, term)
            return [product if step is total else step for step in steps]
    return None


def _product(mix: Mix, rows: tuple[int, int] | None, total: Sum, own: Term) -> MixSpread:
    """The product whose result is the term `own` of a sum, together with the other terms."""
    return MixSpread(
        total.target,
        tuple(_permuted(each, own.permutation) for each in mix.operands),
        mix.module,
        rows,
        mix.input_widths,
        tuple(term for term in total.terms if term is not own),
        total.shape,
        total.runs,
    )


def _on_diagonals(steps: Sequence[SpreadStep]) -> list[SpreadStep]:
    """Makes terms of products of the diagonals that nothing else adds: they need no full-size tensor."""
    written = Counter(step.target for step in steps)
    read = Counter(source for step in steps for source in _read(step))
    diagonals = {
        step.target: step
        for step in steps
        if isinstance(step, Embed) and written[step.target] == read[step.target] == 1
    }
    found = [_with_diagonals(step, diagonals) for step in steps]
    inside = {id(term) for step in found if isinstance(step, MixSpread) for term in step.terms}
    return [step for step in found if id(step) not in inside]


def _with_diagonals(step: SpreadStep, diagonals: Mapping[str, Embed]) -> SpreadStep:
    if not isinstance(step, MixSpread):
        return step
    return replace(step, terms=tuple(diagonals.get(each.source, each) for each in step.terms))


def _read(step: SpreadStep) -> Iterator[str]:
    """The variables that a step reads."""
    if isinstance(step, Sum | MixSpread):
        yield from (term.source for term in step.terms)
    else:
        yield step.source


def _finished(steps: Sequence[SpreadStep]) -> list[SpreadStep]:
    """Marks the product that an output is only reshaped after."""
    reshaped = 0
    while reshaped < len(steps) and isinstance(steps[-1 - reshaped], Unfold):
        reshaped += 1
    done, rest = steps[: len(steps) - reshaped], steps[len(steps) - reshaped :]
    if not (done and isinstance(done[-1], MixSpread)):
        return list(steps)
    return [*done[:-1], replace(done[-1], last=True), *rest]


def _permuted(operand: Arranged, permutation: tuple[int, ...] | None) -> Arranged:
    """The operand with its dimensions permuted once more."""
    if permutation is None:
        return operand
    first = operand.permutation or tuple(range(len(permutation)))
    both = tuple(first[dim] for dim in permutation)
    return replace(operand, permutation=None if both == tuple(sorted(both)) else both)
