"""Models and inputs as a command line names them: `package.module:factory`, `f32[2, 3, 32, 32]`."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import SpecError, nearest

DTYPES: Mapping[str, torch.dtype] = {
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "f32": torch.float32,
    "f64": torch.float64,
    "i32": torch.int32,
    "i64": torch.int64,
    "bool": torch.bool,
}

_INPUT = re.compile(
    r"(?:(?P<name>[A-Za-z_]\w*)\s*=\s*)?(?P<dtype>\w+)\s*"
    r"\[(?P<shape>[\d\s,]*)(?:;\s*index\s+(?P<index>\d+)\s*)?\]"
)


@dataclass(frozen=True, slots=True)
class Given:
    """A model, and what its `forward` is called with by place and by name."""

    module: nn.Module
    inputs: tuple[object, ...]
    options: Mapping[str, object]


def given_by(model: str, inputs: Sequence[str]) -> Given:
    """A model and its inputs from their texts.

    What the model's name leads to is a module, or is called for one; it may also give a module with a
    tuple of inputs, or with a dict of inputs by name, which count where no inputs are named.
    """
    made = _made(model)
    example: object = ()
    if isinstance(made, tuple) and len(made) == 2:
        made, example = made
    if not isinstance(made, nn.Module):
        raise SpecError(f"`{model}` gives {type(made).__name__}, not a torch.nn.Module")
    torch.manual_seed(0)
    if inputs:
        read = [_input(text) for text in inputs]
        by_place = tuple(tensor for name, tensor in read if name is None)
        return Given(made, by_place, {name: tensor for name, tensor in read if name is not None})
    if isinstance(example, Mapping):
        return Given(made, (), dict(example))
    if isinstance(example, (tuple, list)) and example:
        return Given(made, tuple(example), {})
    raise SpecError("the model needs inputs", None, '`--input "f32[2, 3, 32, 32]"` gives it one')


def _made(model: str) -> object:
    """What `package.module:attribute` or `file.py:attribute` names, called if it is no module."""
    place, colon, attribute = model.rpartition(":")
    if not colon or not place or not attribute:
        raise SpecError(f"`{model}` names no model", None, "write `package.module:factory`")
    found: object = _module(place)
    for name in attribute.split("."):
        if not hasattr(found, name):
            hint = nearest(name, [each for each in dir(found) if not each.startswith("_")])
            raise SpecError(f"`{place}` has no `{name}`", None, hint)
        found = getattr(found, name)
    if isinstance(found, (nn.Module, tuple)):
        return found
    if not callable(found):
        raise SpecError(f"`{model}` is no model, and cannot be called for one")
    try:
        return found()
    except Exception as error:  # it is not our code
        raise SpecError(f"`{model}()` fails with {type(error).__name__}: {error}") from error


def _module(place: str) -> object:
    """A Python module by its name, from the working directory too, or by its file."""
    try:
        if place.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(place).stem, place)
            assert spec is not None and spec.loader is not None, (
                "a file that ends in .py has a loader"
            )
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            return module
        sys.path.insert(0, str(Path.cwd()))
        return importlib.import_module(place)
    except FileNotFoundError as error:
        raise SpecError(f"there is no file `{place}`") from error
    except ModuleNotFoundError as error:
        raise SpecError(f"`{place}` cannot be imported: {error}") from error
    except Exception as error:  # it is not our code
        raise SpecError(f"`{place}` fails with {type(error).__name__}: {error}") from error


def _input(text: str) -> tuple[str | None, Tensor]:
    """`f32[2, 3]` of normal numbers, `i64[2, 16; index 99]` of numbers below 99, `ids=i64[...]` by name."""
    match = _INPUT.fullmatch(text.strip())
    if match is None:
        hint = "`f32[2, 3, 32, 32]`, `i64[2, 16; index 99]` or `ids=i64[2, 16; index 99]`"
        raise SpecError(f"`{text}` is no input", None, hint)
    if match["dtype"] not in DTYPES:
        raise SpecError(
            f"there is no dtype `{match['dtype']}`", None, f"known are {', '.join(DTYPES)}"
        )
    dtype = DTYPES[match["dtype"]]
    shape = [int(size) for size in match["shape"].split(",") if size.strip()]
    if dtype.is_floating_point:
        if match["index"]:
            raise SpecError(f"`{text}`: only integers have an index")
        return match["name"], torch.randn(shape).to(dtype)
    return match["name"], torch.randint(int(match["index"] or 2), shape).to(dtype)
