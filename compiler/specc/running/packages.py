"""Ahead-of-time packages beside generated modules: `specc build --aot`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

import specc_runtime

from ..compile import Program, compose_all
from ..emit.model import model_words
from ..errors import SpecError
from ..operations.masks import mask_axes
from ..planning.module_plan import ModulePlan
from ..types import axes_of


def write_packages(
    program: Program, module: ModuleType, target: Path, weights: Path | None = None
) -> list[Path]:
    """Writes for each model of a program `NAME.MODEL.pt2` beside the module at `target`.

    The parameters are those of a state_dict in the file `weights`, which one model alone can have; else
    they are as drawn under the seed 0. Raises `SpecError` where they do not fit.
    """
    if weights is not None and len(program.models) != 1:
        names = ", ".join(typed.name for typed in program.models) or "none"
        raise SpecError(
            f"`--weights` are those of one model, and the models here are {names}",
            hint="`--model` names one",
        )
    plans, _ = compose_all(program)
    return [_written(plan, module, target, weights) for plan in plans]


def _written(plan: ModulePlan, module: ModuleType, target: Path, weights: Path | None) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = getattr(module, plan.name)()
    if weights is not None:
        _load(model, weights)
    path = target.with_name(f"{target.stem}.{plan.name}.pt2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as folder:
        made = specc_runtime.package(model, Path(folder) / path.name, sizes=_sizes(plan))
        os.replace(made, path)
    return path


def _sizes(plan: ModulePlan) -> dict[str, int]:
    """The sizes of axes by the words that stand for them in the shapes of inputs and masks."""
    words = model_words(plan)
    kinds = [*(argument.type for argument in plan.arguments), *plan.declared]
    axes = [axis for kind in kinds for axis in axes_of(kind)]
    axes += [each for axis in plan.masks for each in mask_axes(axis)]
    return {words[axis.name]: axis.size for axis in axes if not axis.fixed}


def _load(model: Any, weights: Path) -> None:
    try:
        model.load_state_dict(_state(weights))
    except RuntimeError as error:
        sentences = [line.strip() for line in str(error).splitlines()]
        raise SpecError(f"{weights}: {' '.join(sentences[:2])}") from None


def _state(weights: Path) -> Mapping[str, Tensor]:
    """A state_dict from a file of `torch.save` or of safetensors."""
    if not weights.is_file():
        raise SpecError(f"there is no file `{weights}`")
    if weights.suffix == ".safetensors":
        try:
            from safetensors.torch import load_file
        except ImportError:
            hint = "`pip install safetensors`"
            raise SpecError(f"{weights} needs the package safetensors", hint=hint) from None
        return load_file(weights)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling fails in many ways
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpecError(f"{weights} cannot be read: {reason}") from None
    if not isinstance(state, Mapping):
        hint = "`torch.save(model.state_dict(), path)` writes one"
        raise SpecError(f"{weights} holds no state_dict", hint=hint)
    return state
