"""Which tensors of the runs of a repeat are kept as one, so that one operation serves all runs.

Reductions and what comes of them are small: there starting an operation takes longer than carrying it
out, and one batched product does for all runs what would be a product for each. Tensors of full size
stay as they come, for bringing them together would copy them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .plan import Fold, Mean, Mix, MixSpread, Pooled, PoolStep, SpreadStep, Sum

SMALL = 16
"""A tensor this many times smaller than the largest input of a layer is worth its copy."""


def batch_pools(
    pools: Sequence[PoolStep | Pooled], spreads: Sequence[SpreadStep]
) -> tuple[tuple[PoolStep | Pooled, ...], frozenset[str]]:
    """The pools of all runs at once where that pays, and the variables that hold those of all runs."""
    whole = {each.source for s in spreads if isinstance(s, MixSpread) for each in s.operands}
    largest = max((step.shape.numbers for step in pools if isinstance(step, Fold)), default=0)
    steps: list[PoolStep | Pooled] = []
    batched: set[str] = set()
    for step in pools:
        match step:
            case Fold() if step.runs and step.target not in whole:
                if SMALL * step.shape.numbers <= largest:
                    step = replace(step, batched=True)
                    batched.add(step.target)
            case Pooled() if step.runs:
                batched |= {mean.target for mean in step.means}
            case Mean() if step.runs and step.source in batched:
                if not step.masked:
                    step = replace(step, batched=True)
                    batched.add(step.target)
        steps.append(step)
    return tuple(steps), frozenset(batched)


def batch_mixes(mixes: Sequence[Mix], batched: frozenset[str]) -> tuple[Mix, ...]:
    """Products of all runs at once where all that they read is there so."""
    return tuple(
        replace(mix, batched=True) if mix.runs and _is_batched(mix, batched) else mix
        for mix in mixes
    )


def _is_batched(mix: Mix, batched: frozenset[str]) -> bool:
    there = (each.source in batched for each in mix.operands if each.of_run)
    return mix.is_matrix and not mix.fused and all(there)


def batch_spreads(spreads: Sequence[SpreadStep], mixes: Sequence[Mix]) -> tuple[SpreadStep, ...]:
    """What coarse spreads add up, for all runs at once."""
    batched = {
        target.name
        for mix in mixes
        for target in mix.targets
        if not mix.fused and (mix.batched or target.count is not None)
    }
    steps: list[SpreadStep] = []
    for step in spreads:
        if isinstance(step, Sum) and step.runs and batched.issuperset(_sources(step)):
            step = replace(step, batched=True)
            batched.add(step.target)
        else:
            batched.discard(step.target)
        steps.append(step)
    return tuple(steps)


def _sources(total: Sum) -> set[str]:
    return {term.source for term in total.terms}
