"""Where parameters live in the state_dict: paths that are a function of the spec alone.

A statement with one layer gives it the target's name (`fc1.weight`); with several, target and
operation (`a.linear.weight`); without a target, the operation's. A name that is taken gets `_2`, `_3`.
The body of a repeat takes names once, and each run adds its number: `z.0`, `z.1`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from typing import Protocol

# fmt: off
MODULE_ATTRIBUTES = frozenset({
    "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "clear",
    "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float",
    "forward", "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half",
    "inputs", "ipu", "items", "keys", "load_state_dict", "masks", "modules", "mtia",
    "named_buffers", "named_children", "named_modules", "named_parameters", "parameters", "pop",
    "register_backward_hook", "register_buffer", "register_forward_hook",
    "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter",
    "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_",
    "reset_parameters", "set_extra_state", "set_submodule", "share_memory", "state_dict",
    "T_destination", "to", "to_empty", "train", "training", "type", "update", "values", "xpu",
    "zero_grad",
})
# fmt: on
"""What `nn.Module`, `nn.ModuleDict` or a generated model has already; a test compares this with them."""


class Scope(Protocol):
    """Gives out names of submodules."""

    def claim(self, name: str) -> str:
        """A path of its own for a layer that would like to be called `name`."""
        ...

    def tie(self, name: str) -> str:
        """The path of `name = ...`, which layers share that ask for the same."""
        ...


class Names:
    """The names under one prefix."""

    def __init__(self, prefix: str = "", explicit: frozenset[str] = frozenset()) -> None:
        self._prefix = prefix
        self._taken = {attribute(name) for name in explicit}

    def claim(self, name: str) -> str:
        free = base = attribute(name)
        number = 1
        while free in self._taken:
            number += 1
            free = f"{base}_{number}"
        self._taken.add(free)
        return self._prefix + free

    def tie(self, name: str) -> str:
        return self._prefix + attribute(name)


class Runs:
    """The names in the body of a repeat: taken in the first run, numbered in each."""

    def __init__(self, outer: Scope) -> None:
        self._outer = outer
        self._claimed: list[str] = []
        self._run = 0
        self._next = 0

    def start(self, run: int) -> None:
        self._run, self._next = run, 0

    def claim(self, name: str) -> str:
        if self._next == len(self._claimed):
            self._claimed.append(self._outer.claim(name))
        self._next += 1
        return f"{self._claimed[self._next - 1]}.{self._run}"

    def tie(self, name: str) -> str:
        return f"{self._outer.tie(name)}.{self._run}"


class Fixed:
    """The names of a repeat with one statement: whatever it is called, `as` says how."""

    def __init__(self, runs: Runs, name: str) -> None:
        self._runs = runs
        self._name = name

    def claim(self, name: str) -> str:
        return self._runs.claim(self._name)

    def tie(self, name: str) -> str:
        return self._runs.tie(name)


def attribute(name: str) -> str:
    """A name as an attribute of a module: never one that Python or `nn.Module` has already."""
    clash = keyword.iskeyword(name) or name in MODULE_ATTRIBUTES
    return name + "_" if clash else name


def submodules(tensors: Iterable[str]) -> dict[str, str]:
    """The submodules that serve the tensors of a collection: `fc1_weight`, each its own; see `PerTensor`."""
    names = Names()
    return {tensor: names.claim(tensor.replace(".", "_")) for tensor in tensors}


def prefixes(tensors: Iterable[str]) -> dict[str, str]:
    """How the parameters for each tensor begin: `fc1_weight.`, and with nothing for a tensor alone."""
    return {tensor: name + "." if tensor else "" for tensor, name in submodules(tensors).items()}


def snake_case(name: str) -> str:
    """`ResidualBlock` as a submodule: `residual_block`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
