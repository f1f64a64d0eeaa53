"""The class of a model or of a block: its submodules and its `forward`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..names import Variables
from ..operations.brackets import Binding, bracketed
from ..operations.masks import mask_axes, mask_name
from ..planning.module_plan import ForwardArgument, Line, Loop, ModulePlan
from ..repeats import numbered, paths_of, text_table
from ..types import Axis, Collection, Part, Stored, Tensor, Type, axes_of, sizes_text, tensors_of
from .forward import masked_value
from .layer import CONSTRUCTOR
from .layout import docstring, indent, statement
from .tables import axis_words, mask_table, moves, shape_words


def emit_module(plan: ModulePlan) -> list[str]:
    """The lines of the class."""
    words = model_words(plan)
    body = docstring(_paragraphs(plan))
    if plan.is_model:
        body += ["", *_tables(plan, words)]
    body += ["", *_constructor(plan), "", *_forward(plan)]
    base = "Model" if plan.is_model else "nn.Module"
    return [f"class {plan.name}({base}):", *indent(body)]


def model_words(plan: ModulePlan) -> dict[str, str]:
    """The words for axes in the shapes of a model's inputs, masks and outputs."""
    kinds = [*(argument.type for argument in plan.arguments), *plan.declared]
    of_masks = (each for axis in plan.masks for each in mask_axes(axis))
    return axis_words((*(axis for kind in kinds for axis in axes_of(kind)), *of_masks))


def _paragraphs(plan: ModulePlan) -> list[str]:
    inputs = ", ".join(f"{argument.name}: {argument.type}" for argument in plan.arguments)
    outputs = ", ".join(map(str, plan.declared))
    kinds = [*(argument.type for argument in plan.arguments), *plan.declared]
    axes = dict.fromkeys(axis for kind in kinds for axis in axes_of(kind) if not axis.pinned)
    words = model_words(plan)
    summary = f"({inputs}) -> {outputs}"
    if not axes:
        return [summary]
    names = (name for kind in kinds for name, _ in tensors_of(kind))
    groups = [
        common if len(alike) == 1 else f"{common} ({len(alike)} times)"
        for common, alike in numbered(
            (moves(axis, words) for axis in axes), paths_of(names)
        ).items()
    ]
    return [summary, f"Commutes with {', '.join(groups)}.", *_divided(plan, words)]


def _divided(plan: ModulePlan, words: dict[str, str]) -> list[str]:
    """A sentence on the scales that are divided out of what comes in."""
    kinds = [argument.type for argument in plan.arguments]
    scales = [scale.axis for kind in kinds if isinstance(kind, Collection) for scale in kind.scales]
    names = ", ".join(words[axis] for axis in dict.fromkeys(scales))
    return [f"Sees no positive scales of positions along {names}."] if scales else []


def _tables(plan: ModulePlan, words: dict[str, str]) -> list[str]:
    """The shapes of inputs and of masks, for checks and for `Model.compile`."""
    entries = [f'"{a.name}": {_shapes(a.type, words)}' for a in plan.arguments]
    lines = [*statement(f"inputs = {{{', '.join(entries)}}}", 1), *mask_table(plan.masks, words)]
    own = [_stored_of(kind) and "outputs" in _table_of(kind, 0, plan) for kind in plan.declared]
    if any(own):
        shapes = [
            _shapes(kind, words) if each else "{}"
            for kind, each in zip(plan.declared, own, strict=True)
        ]
        lines += statement(f"outputs = [{', '.join(shapes)}]", 1)
    return lines


def _shapes(kind: Type, words: dict[str, str]) -> str:
    if isinstance(kind, Tensor):
        return f'"{_run_time_shape(kind, words)}"'
    shapes = {name: _run_time_shape(tensor, words) for name, tensor in kind.tensors}
    if kind.stored:
        shapes = {each.name: _stored_shape(each, dict(kind.tensors), words) for each in kind.stored}
    return text_table(shapes)


def _stored_shape(stored: Stored, tensors: Mapping[str, Tensor], words: dict[str, str]) -> str:
    """`batch (4 8)+(4 8) hidden`: numbers where a dimension is more than one axis."""
    first = tensors[stored.pieces[0].name]
    dims = []
    for ways in stored.dims:
        match ways:
            case ((Part((axis,), ()),),):
                dims.append(str(axis.size) if axis.fixed else words[axis.name])
            case (whole, *_):
                dims.append(sizes_text(whole))
    if first.channels is not None:
        dims.append(str(first.channels))
    return " ".join(["batch", *dims, *(["complex"] if first.complex else [])])


def _run_time_shape(tensor: Tensor, words: dict[str, str]) -> str:
    shape = shape_words(tensor, words)
    if tensor.index is not None:
        return f"{shape.rpartition(' ')[0]} <{tensor.index}"
    shape = shape.rpartition(" ")[0] if tensor.channels is None else shape
    return f"{shape} complex" if tensor.complex else shape


def _constructor(plan: ModulePlan) -> list[str]:
    body = ["super().__init__()"]
    if any("**factory" in expression for _, expression in plan.submodules):
        body.append('factory = {"device": device, "dtype": dtype}')
    for name, expression in plan.submodules:
        body += statement(f"self.{name} = {expression}", 2)
    return [*CONSTRUCTOR, *indent(body)]


def _forward(plan: ModulePlan) -> list[str]:
    arguments = ["self", *(f"{a.name}: {_annotation(a.type)}" for a in plan.arguments)]
    default = "Tensor | None = None" if plan.is_model else "Tensor"
    arguments += [f"{mask_name(axis)}: {default}" for axis in plan.masks]
    kinds = [_annotation(kind) for kind in plan.declared]
    result = kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"
    head = statement(f"def forward({', '.join(arguments)}) -> {result}:", 1)
    body: list[str] = []
    if plan.is_model:
        body += _entrance(plan)
    body += _lines(plan.body, 2)
    body += statement(f"return {', '.join(_results(plan))}", 2)
    return [*head, *indent(body)]


def _annotation(kind: Type) -> str:
    return "Tensor" if isinstance(kind, Tensor) else "dict[str, Tensor]"


def _entrance(plan: ModulePlan) -> list[str]:
    """Checks inputs, brings them to `(batch, *axes, channels)`, and puts zeros where nothing is."""
    given = ", ".join(f"{a.name}={a.name}" for a in plan.arguments)
    lines = statement(f"check_inputs(self, self.inputs, {given})", 2) if given else []
    for axis in plan.masks:
        lines += _mask_lines(axis, plan.arguments)
    for argument in plan.arguments:
        lines += _normal(argument)
    return lines


def _mask_lines(axis: Axis, arguments: Sequence[ForwardArgument]) -> list[str]:
    """Everything is there where no mask is given; one that is given fits the inputs."""
    name = mask_name(axis)
    place = _found(axis, arguments)
    if place is None:
        return _free_mask_lines(axis, arguments)
    source, dims = place
    shown = ", ".join(map(str, dims))
    sizes = ", ".join(f"{source}.shape[{dim}]" for dim in (0, *dims))
    return [
        *statement(f"if {name} is None:", 2),
        *indent(statement(f"{name} = full_mask({source}, {shown})", 3)),
        *statement(f'check_mask("{name}", {name}, ({sizes}))', 2),
    ]


def _free_mask_lines(axis: Axis, arguments: Sequence[ForwardArgument]) -> list[str]:
    """The mask of an axis that no input has: it says itself how many positions there are."""
    name = mask_name(axis)
    first = arguments[0]
    key = tensors_of(first.type)[0][0]
    source = f'{first.name}["{key}"]' if key else first.name
    built, given = [f"{source}.shape[0]"], [f"{source}.shape[0]"]
    for dim, each in enumerate(mask_axes(axis), start=1):
        place = _found(each, arguments)
        size = f"{place[0]}.shape[{place[1][-1]}]" if place else None
        built.append(size or str(each.size))
        given.append(size or f"{name}.shape[{dim - len(mask_axes(axis)) - 1}]")
    return [
        *statement(f"if {name} is None:", 2),
        *indent(
            statement(
                f"{name} = torch.ones({', '.join(built)}, dtype=torch.bool, device={source}.device)",
                3,
            )
        ),
        *statement(f'check_mask("{name}", {name}, ({", ".join(given)}))', 2),
    ]


def _found(axis: Axis, arguments: Sequence[ForwardArgument]) -> tuple[str, tuple[int, ...]] | None:
    """An input with the axis in it, and the dimensions of the axes of its mask."""
    for argument in arguments:
        for name, tensor in tensors_of(argument.type):
            if axis in tensor.axes:
                at = tensor.axes.index(axis)
                names = [each.name for each in tensor.axes[: at + 1]]
                dims = tuple(len(names) - names[::-1].index(each.name) for each in mask_axes(axis))
                source = f'{argument.name}["{name}"]' if name else argument.name
                return source, dims
    return None


def _normal(argument: ForwardArgument) -> list[str]:
    name, kind = argument.name, argument.type
    if isinstance(kind, Tensor):
        end = ".unsqueeze(-1)" if kind.bare else ""
        value = masked_value(f"{name}{end}", kind.axes)
        return statement(f"{name} = {value}", 2) if value != name else []
    masked = any(axis.masked for axis in axes_of(kind))
    bare = {tensor.bare for _, tensor in kind.tensors}
    apart = []
    if kind.stored:
        code = f'take_apart({name}, self.inputs["{name}"])'
        if not masked and bare == {True}:
            code = f"{{key: value.unsqueeze(-1) for key, value in {code}.items()}}"
        apart = statement(f"{name} = {code}", 2)
        if not masked:
            return apart
    if not masked and len(bare) == 1:
        end = ".unsqueeze(-1)" if bare == {True} else ""
        key = Variables(frozenset({name})).claim("key")
        text = f'{name} = {{{key}: {name}[{key}]{end} for {key} in self.inputs["{name}"]}}'
        return statement(text, 2)
    entries = []
    for key, tensor in kind.tensors:
        end = ".unsqueeze(-1)" if tensor.bare else ""
        entries.append(
            f'"{key}": {masked_value(f"{name}[{chr(34)}{key}{chr(34)}]{end}", tensor.axes)}'
        )
    return [*apart, *statement(f"{name} = {{{', '.join(entries)}}}", 2)]


def _results(plan: ModulePlan) -> list[str]:
    """What `forward` returns: without a channel dimension where the type declares none."""
    if not plan.is_model:
        return [text for text, _ in plan.results]
    return [
        _exit(text, declared, _table_of(declared, place, plan))
        for place, ((text, _), declared) in enumerate(zip(plan.results, plan.declared, strict=True))
    ]


def _table_of(declared: Type, place: int, plan: ModulePlan) -> str:
    """Where the stored shapes of a result stand: with an input of the same space, or among `outputs`."""
    for argument in plan.arguments:
        if _stored_of(argument.type) == _stored_of(declared):
            return f'self.inputs["{argument.name}"]'
    return f"self.outputs[{place}]"


def _stored_of(kind: Type) -> tuple[Stored, ...]:
    return kind.stored if isinstance(kind, Collection) else ()


def _exit(text: str, declared: Type, table: str) -> str:
    """The code of a result; `table` is that of the shapes in which a collection is stored."""
    if isinstance(declared, Tensor):
        value = masked_value(text, declared.axes)
        return f"{_called_on(value)}.squeeze(-1)" if declared.bare else value
    bare = {tensor.bare for _, tensor in declared.tensors}
    if any(axis.masked for axis in axes_of(declared)) or len(bare) > 1:
        entries = []
        for key, tensor in declared.tensors:
            value = masked_value(f'{text}["{key}"]', tensor.axes)
            entries.append(f'"{key}": {value}{".squeeze(-1)" if tensor.bare else ""}')
        text = f"{{{', '.join(entries)}}}"
    elif bare == {True}:
        text = f"{{key: value.squeeze(-1) for key, value in {_called_on(text)}.items()}}"
    return f"put_together({text}, {table})" if declared.stored else text


def _called_on(text: str) -> str:
    return bracketed(text, Binding.ATOM)


def _lines(body: Sequence[Line | Loop], depth: int) -> list[str]:
    lines: list[str] = []
    for each in body:
        match each:
            case Line():
                lines += statement(each.text, depth, each.comment)
            case Loop():
                lines += [*statement(each.head, depth), *indent(_lines(each.body, depth + 1))]
    return lines
