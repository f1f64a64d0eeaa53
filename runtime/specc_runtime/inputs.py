"""Checks of what a generated module is given: one clear sentence for each way to be wrong.

Shapes are written as words: `"batch hidden 64"`. A number is the size that a dimension must have; a
word stands for one size wherever it occurs among the inputs; `(4 8)+16` is what `storage` says. `"batch token <64"` are integers below 64,
`"batch 2 8 complex"` complex numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .storage import size_of, words_of

Shapes = Mapping[str, str | Mapping[str, str]]
Values = Mapping[str, Tensor | Mapping[str, Tensor]]

Dims = tuple[tuple[str, int | None], ...]
"""The word of each dimension, and its size where that is fixed."""


class _Declared(NamedTuple):
    """What a shape in words says: its dimensions, and what numbers they hold."""

    dims: Dims
    indices: str
    complex_: bool


def _declared(shape: str) -> _Declared:
    *words, last = words_of(shape)
    indices = last if last.startswith("<") else ""
    complex_ = last == "complex"
    words += [] if indices or complex_ else [last]
    return _Declared(tuple((word, size_of(word)) for word in words), indices, complex_)


_remembered = cache(_declared)

MOST_SEEN = 1 << 10

_good: dict[Hashable, Shapes] = {}
"""What passes, under autocast and without, and the shapes it was held against: a key has their `id`.

To check six tensors again takes half as long as a small layer on them.
"""


class InputError(ValueError):
    """A module was given something else than it declares."""


def check_inputs(
    module: nn.Module, shapes: Shapes, /, **values: Tensor | Mapping[str, Tensor]
) -> None:
    """Compares inputs with their shapes in words, and with the module's dtype and device.

    Keys that are not declared are left alone: integer buffers are among the weights of a network.
    Raises `InputError`.
    """
    if torch.compiler.is_compiling():  # whose guards would hold on to what was seen
        check_against(reference_of(module), shapes, values)
        return
    key = seen(module, shapes, values)
    if key in _good:
        return
    check_against(reference_of(module), shapes, values)
    if key is None:
        return
    if len(_good) >= MOST_SEEN:
        _good.clear()
    _good[key] = shapes


def seen_of(module: nn.Module, shapes: Shapes, values: Values) -> Hashable | None:
    """What the check of these values goes by; None where they are not dicts and plain tensors like the module's."""
    tensors: list[Tensor] = []
    for name, declared in shapes.items():
        value = values[name]
        if isinstance(declared, str):
            tensors.append(value)  # type: ignore[arg-type]
        elif type(value) is dict and declared.keys() <= value.keys():
            tensors += [value[key] for key in declared]
        else:
            return None
    reference = reference_of(module)
    if reference is None:
        return None
    like = reference.dtype, reference.device
    for x in tensors:
        if type(x) not in (Tensor, nn.Parameter) or (x.dtype, x.device) != like:
            return None
    return id(shapes), like, tuple([x.shape for x in tensors])


seen: Callable[[nn.Module, Shapes, Values], Hashable | None] = seen_of
"""`seen_of`, or what a backend does instead; keys of the two differ."""


def reference_of(module: nn.Module) -> Tensor | None:
    """The parameter whose dtype and device inputs must have: a real one if there is any."""
    complex_ = None
    waiting: list[nn.Module | None] = [module]
    while waiting:  # a quarter of the time of module.parameters()
        each = waiting.pop()
        if each is None:
            continue
        for parameter in each._parameters.values():
            if parameter is None:
                continue
            if parameter.is_floating_point():
                return parameter
            if complex_ is None and parameter.is_complex():
                complex_ = parameter
        waiting += [*each._modules.values()][::-1]
    return complex_


def check_against(
    reference: Tensor | None,
    shapes: Shapes,
    values: Values,
) -> dict[str, tuple[int, str]]:
    """As `check_inputs`, with the dtype and device of a tensor; the size of each word and where it was seen."""
    sizes: dict[str, tuple[int, str]] = {}
    for name, declared in shapes.items():
        value = values[name]
        if isinstance(declared, str):
            _check_tensor(name, value, declared, reference, sizes)
            continue
        if not isinstance(value, Mapping):
            raise InputError(f"`{name}` is a dict of tensors, and {_kind(value)}{_how(value)}")
        for key, shape in declared.items():
            if key not in value:
                raise InputError(f"`{name}` lacks `{key}`: it needs {_listed(declared)}")
            _check_tensor(f'{name}["{key}"]', value[key], shape, reference, sizes)
    return sizes


def check_mask(name: str, mask: Tensor, shape: tuple[int, ...]) -> None:
    """Compares a mask with the shape that the inputs ask for; raises `InputError`."""
    if not isinstance(mask, Tensor):
        raise InputError(f"`{name}` is a boolean tensor, and {_kind(mask)}")
    if mask.dtype != torch.bool:
        raise InputError(f"`{name}` is a boolean mask, and its dtype is {mask.dtype}")
    if tuple(mask.shape) != shape:
        raise InputError(f"`{name}` has shape {tuple(mask.shape)}, and {shape} is needed")


def _check_tensor(
    name: str,
    value: Tensor | Mapping[str, Tensor],
    shape: str,
    parameter: Tensor | None,
    sizes: dict[str, tuple[int, str]],
) -> None:
    if not isinstance(value, Tensor):
        raise InputError(f"`{name}` is a tensor, and {_kind(value)}")
    declared = _declared if torch.compiler.is_compiling() else _remembered
    dims, indices, complex_ = declared(shape)
    _check_shape(name, value.shape, dims, sizes)
    if indices and value.dtype not in (torch.int64, torch.int32):
        raise InputError(
            f"`{name}` holds indices {indices}, and its dtype is {value.dtype}, not int64"
        )
    if complex_ and not value.is_complex():
        raise InputError(
            f"`{name}` is complex, and {value.dtype} was given: `torch.complex(x, torch.zeros_like(x))`"
        )
    if value.is_complex() and not complex_:
        raise InputError(f"`{name}` is real, and {value.dtype} was given: `x.real` or `x.abs()`")
    if parameter is None or indices:
        return
    if value.dtype != _expected(parameter.dtype, complex_) and not _autocast(value):
        raise InputError(
            f"`{name}` is {value.dtype}, and the module is {_precision(parameter)}: convert one of them"
        )
    if value.device != parameter.device and parameter.device.type != "meta":
        raise InputError(
            f"`{name}` is on {value.device}, and the module is on {parameter.device}: move one of them"
        )


def _check_shape(
    name: str,
    given: tuple[int, ...],
    dims: Dims,
    sizes: dict[str, tuple[int, str]],
) -> None:
    """A number must be met, a word must be the same wherever it was seen: `sizes` are those so far."""
    if len(given) != len(dims):
        lacks = len(given) == len(dims) - 1
        hint = f": the first dimension is the batch{_stacked(name)}" if lacks else ""
        raise InputError(f"{_needed(name, given, dims)}{hint}")
    for place, ((word, wanted), size) in enumerate(zip(dims, given, strict=True)):
        if wanted is not None:
            if size != wanted:
                needed = _needed(name, given, dims)
                raise InputError(f"{needed}: dimension {place} is {size}, not {wanted}")
            continue
        expected, where = sizes.setdefault(word, (size, name))
        if size != expected:
            needed = _needed(name, given, dims)
            raise InputError(f"{needed}: `{word}` is {size} here and {expected} in `{where}`")


def _needed(name: str, given: tuple[int, ...], dims: Dims) -> str:
    words = ", ".join(word for word, _ in dims)
    return f"`{name}` has shape {tuple(given)}, and ({words}) is needed"


_PARTS = {
    torch.complex32: torch.float16,
    torch.complex64: torch.float32,
    torch.complex128: torch.float64,
}
"""The dtype of the real and imaginary parts; torch.compile does not know `dtype.to_real()`."""


def _expected(dtype: torch.dtype, complex_: bool) -> torch.dtype:
    """The dtype of real, or of complex inputs of a module with such parameters."""
    if not complex_:
        return _PARTS.get(dtype, dtype)
    return dtype if dtype in _PARTS else torch.promote_types(dtype, torch.complex32)


def _precision(parameter: Tensor) -> str:
    """The dtype of a module; that of real numbers beside complex ones."""
    if parameter.dtype not in _PARTS:
        return str(parameter.dtype)
    return f"{_PARTS[parameter.dtype]}, with {parameter.dtype} for complex numbers"


def _autocast(value: Tensor) -> bool:
    """Whether autocast makes a floating dtype other than the module's right."""
    return value.is_floating_point() and torch.is_autocast_enabled(value.device.type)


def _kind(value: object) -> str:
    return f"a {'dict' if isinstance(value, Mapping) else type(value).__name__} was given"


def _how(value: object) -> str:
    """How weights become what is needed, where it looks as if weights are meant."""
    match value:
        case nn.Module():
            return ": `torch.func.stack_module_state` makes one of a list of modules"
        case (Mapping(), Mapping()):
            return ": join parameters and buffers, `parameters | buffers`"
        case _:
            return ""


def _stacked(name: str) -> str:
    return ", as `torch.func.stack_module_state` makes it" if "[" in name else ""


def _listed(names: Mapping[str, str]) -> str:
    shown = [f"`{name}`" for name in names][:8]
    return ", ".join(shown) + (", ..." if len(names) > 8 else "")
