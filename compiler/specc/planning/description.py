"""Plans in words, a line for each step, for `specc build --show plan`."""

from __future__ import annotations

from .plan import (
    Along,
    Average,
    Center,
    Copy,
    Diagonal,
    Embed,
    Expand,
    Fold,
    LayerPlan,
    Lower,
    Mean,
    Mix,
    MixSpread,
    Pooled,
    Project,
    Shift,
    Step,
    Sum,
    Term,
    Trace,
    Unfold,
    Unwedge,
    Wedge,
)


def described(plan: LayerPlan) -> str:
    """One line a step: `fc1_weight_hidden = mean(fc1_weight, 2)`."""
    return "\n".join(_line(step) for step in plan.steps)


def _line(step: Step) -> str:
    runs = step.runs
    return _words(step) + (f"  # for each of {runs.count} {runs.path}" if runs else "")


def _words(step: Step) -> str:
    match step:
        case Center():
            of = ", ".join(source.code for source in step.sources)
            return f"{step.target} = center({of})"
        case Shift():
            return f"{step.target} = {step.source} {'+' if step.added else '-'} {step.center}"
        case Copy():
            return f"{step.target} = copies({step.center})"
        case Fold():
            return f"{step.target} = fold({step.key or step.argument})"
        case Pooled():
            targets = ", ".join(mean.target for mean in step.means)
            dims = ", ".join(str(mean.dim) for mean in step.means)
            return f"{targets} = means({step.source}, {dims})"
        case Diagonal():
            return f"{step.target} = diagonal({step.source}, {step.first}, {step.second})"
        case Mean():
            return f"{step.target} = mean({step.source}, {step.dim})"
        case Trace():
            return f"{step.target} = trace({step.source}, {step.first}, {step.second})"
        case Project():
            return f"{step.target} = project({step.source}, {step.dim})"
        case Wedge():
            return f"{step.target} = wedge({step.source}, {step.dims})"
        case Mix():
            of = ", ".join(operand.source for operand in step.operands)
            targets = ", ".join(target.name for target in step.targets)
            form = step.tied.form if step.tied else "fused" if step.fused else step.formulation
            return f"{targets} = {step.module}({of})  # {form}"
        case MixSpread():
            of = ", ".join(operand.source for operand in step.operands)
            terms = "".join(f" + {_added(term)}" for term in step.terms)
            return f"{step.target} = {step.module}({of}){terms}"
        case Sum():
            return f"{step.target} = {' + '.join(term.source for term in step.terms)}"
        case Expand():
            return f"{step.target} = expand({step.source}, {step.dims})"
        case Embed():
            return f"{step.target} = {_embedded(step)}"
        case Along():
            return f"{step.target} = along({step.source}, {step.dim})"
        case Lower():
            return f"{step.target} = lower({step.source}, {step.dim})"
        case Unwedge():
            return f"{step.target} = wedge({step.source}, {step.dim} -> {step.dims})"
        case Average():
            return f"{step.target} = average({step.source}, {step.parts})"
        case Unfold():
            return f"{step.target} = unfold({step.source})"


def _added(term: Term | Embed) -> str:
    return _embedded(term) if isinstance(term, Embed) else term.source


def _embedded(step: Embed) -> str:
    return f"embed({step.source}, {step.dim} -> {step.first}, {step.second})"
