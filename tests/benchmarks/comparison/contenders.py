"""The ways to compute a layer or a network on a space."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from types import ModuleType

import torch
from torch import Tensor, nn

import specc

from .contender import Absent, Contender, Run
from .floor import floor
from .spaces import DEPTH, Space, specification

MODELS = {"layer": 1, "network": DEPTH}
"""And of how many layers they are."""


def ours(
    space: Space, model: str, prepare: Callable[[nn.Module], Callable[..., object]]
) -> Contender:
    """A generated module; `prepare` makes of it what is called."""
    name = model.capitalize()
    module = getattr(specc.load(specification(space, name)), name)()
    return in_torch(prepare(module), module, _tensors(space))


def in_torch(call: Callable[..., object], module: nn.Module, x: dict[str, Tensor]) -> Contender:
    """Calls without gradients, and with those of all parameters and inputs for given ones of the results."""
    cotangents = [torch.randn_like(value) for value in x.values()]
    watched = {name: value.clone().requires_grad_() for name, value in x.items()}
    inputs = [*module.parameters(), *watched.values()]

    def forward() -> object:
        with torch.no_grad():
            return call(x)

    def training() -> object:
        results = call(watched)
        return results, torch.autograd.grad(
            [results[name] for name in x], inputs, cotangents, allow_unused=True
        )

    return Contender(forward, training)


def _tensors(space: Space) -> dict[str, Tensor]:
    return {tensor: torch.randn(space.shape(tensor)) for tensor in space.tensors}


def eager(space: Space, model: str) -> Contender:
    return _switched(ours(space, model, lambda module: module), False)


def compiled(space: Space, model: str) -> Contender:
    from specc_runtime import compile

    return _switched(ours(space, model, compile), False)


def native(
    space: Space, model: str, prepare: Callable[[nn.Module], Callable[..., object]]
) -> Contender:
    kernels = _native()
    if kernels is None:
        raise Absent("this runtime has no `specc_runtime.native`")
    if not kernels.enable():
        raise Absent("the kernels could not be built")
    return _switched(ours(space, model, prepare), True)


def natively_compiled(space: Space, model: str) -> Contender:
    from specc_runtime import compile

    return native(space, model, compile)


def _native() -> ModuleType | None:
    found = find_spec("specc_runtime.native")
    return importlib.import_module("specc_runtime.native") if found else None


def _switched(contender: Contender, on: bool) -> Contender:
    """With the native kernels on or off in every run, where there are any."""
    kernels = _native()
    if kernels is None:
        return contender
    switch = kernels.enable if on else kernels.disable

    def after(run: Run) -> object:
        switch()
        return run()

    return Contender(partial(after, contender.forward), partial(after, contender.training))


def floored(space: Space, model: str) -> Contender:
    return Contender(*floor(space, MODELS[model]))


def in_jax(space: Space, model: str, fused: bool) -> Contender:
    if find_spec("jax") is None:
        raise Absent("jax is not installed")
    from .compiled_published import contender

    return contender(space, MODELS[model], fused)


def in_nfn(space: Space, model: str) -> Contender:
    if find_spec("nfn") is None:
        raise Absent("nfn is not installed")
    from .nfn_layers import Layers, features

    layers = Layers(space, MODELS[model])
    return in_torch(layers, layers, features(space, _tensors(space)))


CONTENDERS: Mapping[str, Callable[[Space, str], Contender]] = {
    "JAX": partial(in_jax, fused=True),
    "JAX, YNN off": partial(in_jax, fused=False),
    "nfn": in_nfn,
    "eager": eager,
    "native": partial(native, prepare=lambda module: module),
    "compiled": compiled,
    "native compiled": natively_compiled,
    "floor": floored,
}


def contenders(
    space: Space, model: str, names: tuple[str, ...]
) -> Iterator[tuple[str, Contender | str]]:
    """Each that is named, or why it is not there."""
    for name in names:
        try:
            yield name, CONTENDERS[name](space, model)
        except Absent as absent:
            yield name, str(absent)
