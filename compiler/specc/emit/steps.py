"""A line for each tensor that a layer's `forward` pools from its inputs or spreads to its outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, assert_never

from ..groups import Form
from ..names import identifier
from ..operations.broadcast import unsqueezed
from ..operations.masks import mask_axes, mask_name, masked_reduction
from ..planning.plan import (
    Along,
    Arranged,
    Average,
    Diagonal,
    Embed,
    Expand,
    Fold,
    LayerPlan,
    Lower,
    Mean,
    MixSpread,
    Pooled,
    PoolStep,
    Project,
    Shape,
    SpreadStep,
    Sum,
    Term,
    Trace,
    Unfold,
    Unwedge,
    Wedge,
)
from ..symmetry.folding import Runs
from ..types import Axis
from .layout import statement, unpacking
from .tables import Words

AnyTerm = TypeVar("AnyTerm", bound=Term | Embed)


def step_lines(step: Pooled | PoolStep | SpreadStep, plan: LayerPlan, comment: str) -> list[str]:
    """The line of a step, with its shape beside it; none where a tensor is used as it comes."""
    if isinstance(step, Pooled):
        return _pooled(step, comment)
    if step.runs is None:
        text = _code(step, plan)
        return [] if text is None else statement(f"{step.target} = {text}", 2, comment)
    if isinstance(step, Mean | Sum) and step.batched:
        text = _code(_of_all_runs(step), plan)
        return statement(f"{step.target} = {text}", 2, of_all_runs(comment, step.runs))
    text = for_each(_code(_of_run(step), plan), step.runs)
    if isinstance(step, Fold) and step.batched:
        stacked = f"{step.target} = torch.stack({text})"
        return statement(stacked, 2, of_all_runs(comment, step.runs))
    return statement(f"{step.target} = {text}", 2, f"each {comment}")


def of_all_runs(comment: str, runs: Runs) -> str:
    """The shape of a tensor that has the runs first."""
    return f"({runs.count}, {comment.removeprefix('(')}"


def _of_all_runs(step: Mean | Sum) -> Mean | Sum:
    """The step on tensors that have one dimension more in front."""
    if isinstance(step, Mean):
        return replace(step, dim=step.dim + 1, axes=(step.axes[0], *step.axes))
    return replace(step, terms=tuple(_shifted(term) for term in step.terms))


def _shifted(term: Term) -> Term:
    inserted = tuple(dim + 1 for dim in term.inserted)
    return replace(term, permutation=after_runs(term.permutation), inserted=inserted)


def after_runs(permutation: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """A permutation of dimensions that stand behind that of the runs."""
    return None if permutation is None else (0, *(1 + dim for dim in permutation))


def _of_run(step: PoolStep | SpreadStep) -> PoolStep | SpreadStep:
    """The step for run number `i`: it reads that one of each list."""
    match step:
        case Fold():
            return step
        case Sum():
            return replace(step, terms=_terms_of_run(step.terms))
        case MixSpread():
            return replace(step, terms=_terms_of_run(step.terms))
        case _:
            return replace(step, source=f"{step.source}[i]")


def _terms_of_run(terms: tuple[AnyTerm, ...]) -> tuple[AnyTerm, ...]:
    return tuple(replace(term, source=f"{term.source}[i]") for term in terms)


def _pooled(step: Pooled, comment: str) -> list[str]:
    """All means of a tensor in one line, and the tensor as its product reads it."""
    targets = [step.source, *(mean.target for mean in step.means)]
    dims = ", ".join(str(mean.dim) for mean in step.means)
    if step.runs is not None:
        return unpacking(targets, f"each_with_means({step.source}, {dims})", 2)
    lines = unpacking(targets, f"with_means({step.source}, {dims})", 2)
    return statement(lines[0], 2, comment) if len(lines) == 1 else lines


def _code(step: PoolStep | SpreadStep, plan: LayerPlan) -> str | None:
    match step:
        case Fold():
            return _fold(step)
        case Diagonal():
            return f"diagonal({step.source}, {step.first}, {step.second})"
        case Mean():
            if step.masked:
                return masked_reduction("mean", step.source, step.axes, step.dim)
            return f"{step.source}.mean({step.dim})"
        case Trace():
            lowered = _lowered(step.source, step.second, step.form)
            return f"diagonal({lowered}, {step.first}, {step.second}).mean({step.first})"
        case Project():
            return (
                f"torch.tensordot({step.source}, self.{fixed_name(step.axis)}, ([{step.dim}], [0]))"
            )
        case Wedge():
            return f"self.{determinant_name(step)}.pool({step.source}, {step.dims}, {step.dim})"
        case MixSpread():
            return _mix_spread(step, plan.activated)
        case Sum():
            return " + ".join(_term(term) for term in step.terms)
        case Expand():
            return _expand(step, plan)
        case Embed():
            return f"embed_diagonal({step.source}, {step.dim}, {step.first}, {step.second})"
        case Along():
            return f"along({step.source}, {step.dim}, self.{fixed_name(step.axis)})"
        case Lower():
            return _lowered(step.source, step.dim, step.form)
        case Unwedge():
            return f"self.{determinant_name(step)}.spread({step.source}, {step.dim}, {step.dims})"
        case Average():
            word = "symmetric" if step.sign > 0 else "antisymmetric"
            return f"{word}({step.source}, {', '.join(map(str, step.parts))})"
        case Unfold():
            return _unfold(step)
        case _:
            assert_never(step)


def _mix_spread(step: MixSpread, activated: bool) -> str:
    """A product of full size, what coarser spreads add to it, and what follows the layer."""
    sources = [operand_code(each) for each in step.operands]
    source = sources[0] if len(sources) == 1 else f"({', '.join(sources)})"
    of_run = ["i"] if step.runs else []
    rows = [f"{step.rows[0]}:{step.rows[1]}"] if step.rows else []
    weight = f"self.{step.module}.weight"
    if of_run or rows:
        weight += f"[{', '.join([*of_run, *rows])}]"
    terms = [_term(term) for term in step.terms]
    named = ["activation=activation"] if activated and step.last else []
    if step.means:
        named.append(f"means={step.means}")
    return f"mix_spread({', '.join([source, weight, *terms, *named])})"


def operand_code(operand: Arranged) -> str:
    """What a product reads, its dimensions as the product has them."""
    source = f"{operand.source}[i]" if operand.of_run else operand.source
    whole = permuted(source, operand.permutation)
    return f"{whole}[..., 1:]" if operand.without_first else whole


def _lowered(source: str, dim: int, form: Form) -> str:
    """A dimension multiplied by an invariant form."""
    if form.negative is None:
        return f"lower_symplectic({source}, {dim})"
    return f"lower({source}, {dim}, {form.negative})"


def fixed_name(axis: Axis) -> str:
    """The buffer with the vector that the group of an axis fixes."""
    return f"{identifier(axis.mover)}_fixed"


def determinant_name(step: Wedge | Unwedge) -> str:
    """The constant module of a determinant: its size, and how many of its indices are read."""
    return f"determinant_{step.size}_{step.joined}"


def _fold(step: Fold) -> str | None:
    source = f"{step.argument}[{_key(step)}]" if step.key else step.argument
    text = permuted(source, step.permutation)
    if step.pinned:
        text = f"{text}.flatten(-{step.pinned + 1})"
    return None if text == step.target else text


def _key(step: Fold) -> str:
    """The key of an input, with the number of the run where there is one for each."""
    return f'"{step.key}"' if step.runs is None else f'f"{numbered(step.key, step.runs)}"'


def numbered(name: str, runs: Runs) -> str:
    """A name with the number of run `i` of a list."""
    return name.format(f"{{i + {runs.first}}}" if runs.first else "{i}")


def _term(term: Term | Embed) -> str:
    if isinstance(term, Embed):
        return f"OnDiagonal({term.source}, {term.dim}, {term.first}, {term.second})"
    return unsqueezed(permuted(term.source, term.permutation), term.inserted)


def _expand(step: Expand, plan: LayerPlan) -> str:
    sizes = ["-1"] * (2 + len(step.shape.axes))
    for dim in step.dims:
        sizes[dim] = axis_size(step.shape.axes[dim - 1], plan)
    return f"{step.source}.expand({', '.join(sizes)})"


def axis_size(axis: Axis, plan: LayerPlan) -> str:
    """The size of an axis: read off an input or a mask, else the one it was built with."""
    if axis.masked:
        return f"{mask_name(axis)}.shape[{len(mask_axes(axis))}]"
    own = dict(plan.maps.own)
    folds = [step for step in plan.pools if isinstance(step, Fold)]
    for fold in sorted(folds, key=lambda fold: fold.runs is not None):
        if axis in fold.shape.axes:
            run = "" if fold.runs is None else "[i]" if axis.name in own else "[0]"
            return f"{fold.target}{run}.shape[{1 + fold.shape.axes.index(axis)}]"
    return str(axis.size)


def _unfold(step: Unfold) -> str:
    text = step.source
    if step.pinned:
        sizes = ", ".join(map(str, (*step.pinned, step.channels)))
        text = f"{text}.unflatten(-1, ({sizes}))"
    return permuted(text, step.permutation)


def for_each(code: str | None, runs: Runs) -> str:
    """A list with one tensor for each run."""
    return f"[{code} for i in range({runs.count})]"


def permuted(text: str, permutation: tuple[int, ...] | None) -> str:
    """The code with its dimensions in another order."""
    if permutation is None:
        return text
    moved = [i for i, dim in enumerate(permutation) if i != dim]
    if len(moved) == 2:
        return f"{text}.transpose({moved[0]}, {moved[1]})"
    return f"{text}.permute({', '.join(map(str, permutation))})"


def shape_comment(shape: Shape, words: Words) -> str:
    """A shape as it stands beside a line: `(batch, hidden, 16)`."""
    axes = [str(axis.size) if axis.fixed else words.plain[axis.name] for axis in shape.axes]
    return f"({', '.join(['batch', *axes, str(shape.features)])})"
