"""What a call gives by position and by name, held against what its block or collection takes."""

from __future__ import annotations

from ..errors import SpecError, nearest
from ..names import counted
from ..text import syntax
from ..types import Collection


def name_keyword(call: syntax.Call) -> syntax.Keyword | None:
    """The `name = encoder` of a call."""
    return next((each for each in call.keywords if each.name.text == "name"), None)


def given_name(call: syntax.Call) -> syntax.Identifier | None:
    """The name in `name = encoder`, under which the parameters of a call live."""
    keyword = name_keyword(call)
    if keyword is None:
        return None
    value = keyword.value
    if not isinstance(value, syntax.Name):
        plain = isinstance(value, syntax.String) and value.value.isidentifier()
        hint = f"`name = {value.value if plain else 'encoder'}`"  # type: ignore[union-attr]
        raise SpecError("a name is needed here, without quotes", value.span, hint)
    return syntax.Identifier(value.text, value.span)


def block_arguments(call: syntax.Call, block: syntax.Block) -> dict[str, syntax.Expression]:
    """What a call gives for each parameter of a block."""
    word = call.function.text
    wanted = [parameter.text for parameter in block.parameters]
    form = f"`{word}({', '.join(wanted)})`"
    if call.axes is not None or call.channels is not None:
        what = "axes in brackets" if call.axes is not None else "`;`"
        raise SpecError(f"block `{word}` takes no {what}", call.span, form)
    if len(call.arguments) > len(wanted):
        message = f"block `{word}` takes {counted(len(wanted), 'argument')}"
        raise SpecError(message, call.span, form)
    given = dict(zip(wanted, call.arguments, strict=False))
    for keyword in call.keywords:
        name = keyword.name.text
        if name == "name" and "name" not in wanted:
            continue
        if name not in wanted:
            hint = nearest(name, wanted) or form
            raise SpecError(f"block `{word}` has no `{name}`", keyword.span, hint)
        if name in given:
            raise SpecError(f"`{name}` is given twice", keyword.span)
        given[name] = keyword.value
    missing = [name for name in wanted if name not in given]
    if missing:
        raise SpecError(f"block `{word}` also needs `{missing[0]}`", call.span, form)
    return given


def tensor_arguments(call: syntax.Call, space: Collection) -> list[syntax.Expression]:
    """What a call gives for each tensor of a collection, in its order."""
    given = {keyword.name.text: keyword.value for keyword in call.keywords}
    form = f"`{call.function.text}({', '.join(f'{n} = ...' for n in space.names)})`"
    for keyword in call.keywords:
        name = keyword.name.text
        if name not in space.names:
            hint = nearest(name, space.names) or form
            raise SpecError(f"{space.label} has no tensor `{name}`", keyword.span, hint)
    missing = [name for name in space.names if name not in given]
    if missing or call.arguments or call.channels is not None or call.axes is not None:
        raise SpecError(f"{space.label} is put together from all its tensors", call.span, form)
    return [given[name] for name in space.names]
