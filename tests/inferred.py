"""The symmetry that the compiler inferred for weights, read off its report in the oracles' terms."""

from __future__ import annotations

import re
from typing import Any

from oracles.stored import StateSpace, declared, stored


def state_space(report: dict[str, Any]) -> StateSpace:
    """The weights that a model reads: of the spaces that `explain` shows of it the one of most tensors."""
    groups = {each["axis"]: each["group"] for each in report["groups"]}
    sizes = {each["axis"]: each["size"] for each in report["groups"]}
    texts = {name: str(sizes[name]) if g == "pinned" else g for name, g in groups.items()}
    outer_first = sorted(texts, key=lambda name: _depth(texts, name))
    axes = declared("  ".join(f"{name} = {texts[name]}" for name in outer_first))
    space = max(report["spaces"], key=lambda each: len(each["tensors"]))
    return StateSpace(tuple(stored(t["name"], _blocks(t), axes) for t in space["tensors"]))


def _blocks(tensor: dict[str, Any]) -> str:
    """A tensor in the oracle's notation: where pieces have different columns, a block for each piece."""
    rows, *columns = tensor["axes"] or [""]
    if not any("|" in each for each in columns):
        return ", ".join([rows, *columns])
    parts = re.findall(r"\([^()+]*\)|[\w.]+", rows)
    pieces = zip(parts, tensor["pieces"], strict=True)
    return "; ".join(
        ", ".join([part, *piece["axes"][len(part.split()) :]]) for part, piece in pieces
    )


def _depth(texts: dict[str, str], name: str) -> int:
    outer = texts[name].partition(" in ")[2]
    return 1 + _depth(texts, outer) if outer else 0
