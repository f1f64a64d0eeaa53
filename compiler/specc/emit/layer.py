"""The class of an equivariant layer: what it says of itself, its parameters, how they are drawn.

What `forward` does is next door; it pools, mixes and spreads.
"""

from __future__ import annotations

from ..names import counted
from ..planning.module_plan import LayerUse
from ..planning.plan import Along, LayerPlan, Project, Unwedge, Wedge
from ..symmetry.folding import Runs
from ..symmetry.maps import Maps
from .forward import forward
from .layout import docstring, indent, statement
from .steps import determinant_name, fixed_name
from .tables import Words, layer_tables, layer_words, module_name, moves, products
from .ties import tied_actions, tied_mix


def emit_layer(layer: LayerUse) -> list[str]:
    """The lines of the class."""
    words = layer_words(layer.plan.maps)
    body = [
        *docstring([layer.signature, *_paragraphs(layer, words)]),
        "",
        *layer_tables(layer, words),
        "",
        *_constructor(layer.plan),
        "",
        *_reset(layer.plan.maps),
        "",
        *forward(layer, words),
    ]
    return [f"class {layer.name}(Equivariant):", *indent(body)]


def _paragraphs(layer: LayerUse, words: Words) -> list[str]:
    maps = layer.plan.maps
    own = dict(maps.own)
    moving = dict.fromkeys(
        axis
        for each in (*maps.inputs, *maps.outputs)
        for axis in each.tensor.axes
        if not axis.pinned
    )
    groups = ", ".join(moves(axis, words.plain) + _of_each(own.get(axis.name)) for axis in moving)
    counts = (
        f"{counted(maps.dimension, 'map')} and {counted(maps.bias_dimension, 'bias', 'biases')} "
        f"for each pair of channels, from {counted(maps.pool_total, 'pool')} and "
        f"{counted(maps.spread_total, 'spread')} in {counted(maps.product_total, 'product')}."
    )
    found = [(f"Commutes with {groups}.\n" if groups else "") + counts]
    if maps.centres:
        found.append(
            "Points are read from the center of all of them, and results that are points are moved by it;\n"
            "so one of their channels has no weight where the others say what it would."
        )
    return found


def _of_each(runs: Runs | None) -> str:
    if runs is None:
        return ""
    first, last = runs.named(0), runs.named(runs.count - 1)
    return f" in each of `{first}` to `{last}`"


def _constructor(plan: LayerPlan) -> list[str]:
    maps = plan.maps
    body: list[str] = []
    actions = tied_actions(maps)
    body += [line for name, code in actions.values() for line in statement(f"{name} = {code}", 2)]
    for (level, each), step in zip(products(maps), plan.mixes, strict=True):
        if step.tied is not None:
            mix = tied_mix(maps, level, each, step.tied.form, actions)
            body += statement(f"self.{module_name(each)} = {mix}", 2)
            continue
        read, written = maps.pool_width(level, each), maps.spread_width(level, each)
        name = module_name(each)
        if not each.pools:
            body += statement(f"self.{name} = nn.Parameter(torch.empty({written}, **factory))", 2)
            continue
        bias = "" if each.bias else "bias=False, "
        mix = f"Mix({read}, {written}, {bias}**factory)"
        if each.rank is not None:
            mix = f"FactoredMix({read}, {written}, {each.rank}, {bias}**factory)"
            if each.runs is not None:
                mix = f"nn.ModuleList([{mix} for _ in range({each.count})])"
        elif each.runs is not None:
            mix = f"BatchedMix({each.count}, {read}, {written}, **factory)"
        body += statement(f"self.{name} = {mix}", 2)
    determinants = {
        determinant_name(step): f"Determinant({step.size}, {step.joined})"
        for step in plan.steps
        if isinstance(step, Wedge | Unwedge)
    }
    body += [f"self.{name} = {made}" for name, made in sorted(determinants.items())]
    body += _fixed(plan)
    start = ["super().__init__()"]
    if any("factory" in line for line in body):
        dtype = "complex_dtype(dtype)" if maps.is_complex else "dtype"
        start.append(f'factory = {{"device": device, "dtype": {dtype}}}')
    return [*CONSTRUCTOR, *indent([*start, *body, "self.reset_parameters()"])]


def _fixed(plan: LayerPlan) -> list[str]:
    """Buffers with the unit vectors that groups fix."""
    axes = {fixed_name(s.axis): s.axis for s in plan.steps if isinstance(s, Project | Along)}
    lines = []
    for name, axis in axes.items():
        vector = [float(x) for x in axis.diagrams.contracts_with]
        length = sum(x * x for x in vector) ** 0.5
        entries = ", ".join(repr(x / length) for x in vector)
        made = f"torch.tensor([{entries}], **factory)"
        lines += statement(f'self.register_buffer("{name}", {made}, persistent=False)', 2)
    return lines


CONSTRUCTOR = [
    "def __init__(",
    "    self, device: torch.device | str | None = None, dtype: torch.dtype | None = None",
    ") -> None:",
]


def _reset(maps: Maps) -> list[str]:
    fans = _fan_ins(maps)
    body = ['"""Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""']
    for level, each in products(maps):
        name = module_name(each)
        rows = []
        for s in each.spreads:
            number = level.spreads[s].tensor
            count = maps.outputs[number].features * maps.spread_count(level, each, s)
            rows.append(f"({count}, {fans[number]})")
        if each.pools and maps.is_tied(level, each):
            drawn = [str(fans[level.spreads[s].tensor]) for s in each.spreads]
            body += statement(f"init_tied_mix_(self.{name}, [{', '.join(drawn)}])", 2)
            continue
        draw = "init_mix_({}.weight, [{}])" if each.rank is None else "init_factored_mix_({}, [{}])"
        if each.pools and each.runs and each.rank is None:
            body.append(f"for weight in self.{name}.weight:")
            body += indent(statement(f"init_mix_(weight, [{', '.join(rows)}])", 3))
        elif each.pools and each.runs:
            body.append(f"for mix in self.{name}:")
            body += indent(statement(draw.format("mix", ", ".join(rows)), 3))
        elif each.pools:
            body += statement(draw.format(f"self.{name}", ", ".join(rows)), 2)
        if each.bias:
            body.append(f"nn.init.zeros_(self.{name}{'.bias' if each.pools else ''})")
    return ["def reset_parameters(self) -> None:", *indent(body)]


def _fan_ins(maps: Maps) -> list[int]:
    """For each output the pooled features that one of its entries sums up, on average."""
    totals = [0.0] * len(maps.outputs)
    for level, each in products(maps):
        for s in each.spreads:
            spread = level.spreads[s]
            axes = maps.outputs[spread.tensor].tensor.axes
            share = 1.0
            for block in filter(None, (*spread.strands, *spread.whole)):
                share /= axes[block[0]].size ** (len(block) - 1)
            totals[spread.tensor] += share * maps.pool_width(level, each)
    return [max(1, round(total)) for total in totals]
