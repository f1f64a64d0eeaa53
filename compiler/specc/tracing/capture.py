"""A PyTorch model as a graph of aten operations with the names of its state_dict: `torch.export`."""

from __future__ import annotations

import inspect
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from ..errors import SpecError


@dataclass(frozen=True, slots=True)
class Captured:
    """An exported model: for each placeholder of its graph the entry of the state_dict, or a constant."""

    program: ExportedProgram
    state: Mapping[str, str]
    constants: Mapping[str, Tensor]
    first_names: Mapping[str, str]
    """For each entry of the state_dict the first that is the same tensor."""

    def first_name(self, placeholder: str) -> str:
        """The entry of the state_dict that a placeholder holds, by the first of its names."""
        target = self.state[placeholder]
        return self.first_names.get(target, target)


def capture(module: nn.Module, inputs: Sequence[object], options: Mapping[str, object]) -> Captured:
    """The graph of a model in evaluation; `SpecError` with torch's reason where there is none.

    `inputs` and `options` are what `forward` is called with. Fused encoder layers are taken apart.
    """
    try:
        with _in_evaluation(module), _quietly(), torch.no_grad():
            called = without_cache(module, options)
            program = torch.export.export(module, tuple(inputs), called, strict=False)
    except Exception as error:  # torch raises many kinds
        raise SpecError(
            f"torch.export cannot capture this model: {_sentence(error)}", None
        ) from error
    state: dict[str, str] = {}
    constants: dict[str, Tensor] = {}
    for spec in program.graph_signature.input_specs:
        name, target = spec.arg.name, str(spec.target)
        if spec.kind is InputKind.PARAMETER:
            state[name] = target
        elif spec.kind is InputKind.BUFFER:
            held = program.state_dict.get(target, program.constants.get(target))
            if spec.persistent and isinstance(held, Tensor) and held.is_floating_point():
                state[name] = target
            elif isinstance(held, Tensor):
                constants[name] = held
        elif spec.kind is InputKind.CONSTANT_TENSOR:
            constants[name] = program.constants[target]
    return Captured(program, state, constants, first_names(module))


def without_cache(module: nn.Module, options: Mapping[str, object]) -> dict[str, object]:
    """The options of `forward`, and of a model that would else return its keys and values for later
    calls, as those of `transformers` do, that it shall not: they are no tensors to export or compare."""
    wanted = getattr(getattr(module, "config", None), "use_cache", False)
    if wanted and "use_cache" in inspect.signature(module.forward).parameters:
        return {"use_cache": False, **options}
    return dict(options)


@contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[None]:
    """Each part of a model in evaluation, and afterwards as it was; fused layers taken apart."""
    training = {each: each.training for each in module.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    module.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for each, mode in training.items():
            each.training = mode


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch warns of and logs: what matters comes as an exception."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def first_names(module: nn.Module) -> dict[str, str]:
    """For each parameter and buffer the name of the first that is the same tensor."""
    named: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    named |= dict(module.named_buffers(remove_duplicate=False))
    first: dict[int, str] = {}
    for name in module.state_dict():
        if name in named:
            first.setdefault(id(named[name]), name)
    return {name: first.setdefault(id(tensor), name) for name, tensor in named.items()}


def _sentence(error: Exception) -> str:
    """The first sentence of torch's message, or the kind of the exception."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return re.split(r"(?<=[.!?])\s", lines[0])[0] if lines else type(error).__name__
