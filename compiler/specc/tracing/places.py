"""Where an operation stands in a model, and what positions that are born there are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

import torch
from torch import fx

_TORCH = str(Path(torch.__file__).parent)


def place_of(node: fx.Node) -> str:
    """The innermost module and the source line of an operation: `encoder.0.fc1, model.py:12`."""
    path = _path(node)
    frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [frame for frame in frames if not frame[0].startswith(_TORCH)]
    line = [f"{PurePath(own[-1][0]).name}:{own[-1][1]}"] if own else []
    return ", ".join(filter(None, [path, *line])) or f"`{node.name}`"


def _path(node: fx.Node) -> str:
    """The path of the innermost module that an operation belongs to."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values()]
    return paths[-1].removeprefix("L['self'].").removeprefix("L['self']") if paths else ""


def birth_of(node: fx.Node) -> str:
    return _identifier(_path(node)) or _identifier(node.name)


def _identifier(path: str) -> str:
    """The path as a name of the language: `layers.0.fc1` is `layers_0_fc1`, and `0` is `layer_0`."""
    name = re.sub(r"\W+", "_", path, flags=re.ASCII).strip("_")
    plain = name and not name[0].isdigit() and name not in ("return", "repeat", "true", "false")
    return name if plain or not name else f"layer_{name}"


def births_of(node: fx.Node, name: str) -> list[str]:
    """What the positions along each dimension of a parameter are called, by the operation that reads it."""
    rank = len(node.meta["val"].shape)
    module, _, own = name.rpartition(".")
    path = _identifier(module if own in OWN_NAMES and module else name)
    if rank < 2:
        return [path] * rank
    roles = ROLES.get(_reader(node), ("", *(f"dim{n}" for n in range(1, rank))))
    roles = (*roles, *[roles[-1]] * (rank - len(roles)))[:rank]
    return ["_".join(filter(None, (path, role))) for role in roles]


OWN_NAMES = {"weight", "bias", "running_mean", "running_var"}

ROLES: Mapping[str, tuple[str, ...]] = {
    "linear": ("", "in"),
    "embedding": ("rows", ""),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), ("", "in", "kernel")),
    **dict.fromkeys(
        ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), ("in", "", "kernel")
    ),
    **dict.fromkeys(("matmul", "mm", "addmm"), ("in", "")),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), ("", "in")),
}


def _reader(node: fx.Node) -> str:
    """The operation that reads a parameter, after casts and the like."""
    for user in node.users:
        if isinstance(user.target, torch._ops.OpOverload):
            name = user.target._schema.name.partition("::")[2]
            return _reader(user) if name in ("to", "_to_copy", "detach", "alias") else name
    return ""
