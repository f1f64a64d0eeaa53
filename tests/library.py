"""The library in sizes that tests can run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from oracles.values import randomise

import specc
from specc_runtime import Model

SPECS = Path(__file__).parent.parent / "specs"

TINY: Mapping[str, Mapping[str, Any]] = {
    "transformer": {"depth": 2, "width": 8, "vocab": 7},
    "gpt2": {"depth": 2, "width": 8, "heads": 2, "vocabulary": 7, "context": 5},
    "vit": {"depth": 2, "width": 8, "heads": 2, "size": 8, "patch": 4, "classes": 3},
    "llama": {"depth": 2, "width": 8, "heads": 4, "kv_heads": 2, "hidden": 6, "vocabulary": 7, "context": 5},
    "mixture_of_experts": {"depth": 2, "width": 8, "hidden": 6, "experts": 3, "vocabulary": 7},
    "encoder_decoder": {"depth": 2, "width": 8, "heads": 2, "hidden": 6, "vocabulary": 7, "context": 5},
}  # fmt: skip


SMALL: Mapping[str, Mapping[str, Any]] = {
    **TINY,
    "densenet": {"size": 8, "growth": 2, "classes": 3},
    "mobilenet": {"size": 32, "width": 4, "classes": 3},
    "names": {"embedded": 4, "hidden": 5},
    "res2net": {"size": 32, "width": 4, "scale": 2, "classes": 3},
    "resnet": {"size": 32, "width": 4, "classes": 3},
    "sequences": {"hidden": 5},
    "squeeze_excitation": {"size": 8, "width": 4, "classes": 3},
    "translation": {"source_words": 9, "target_words": 8, "embedded": 6, "hidden": 5},
    "unet": {"size": 16, "width": 2},
    "vgg": {"size": 32, "width": 4, "hidden": 6, "classes": 3},
}
"""Build parameters with which networks are small."""


@cache
def tiny(spec: str) -> ModuleType:
    return specc.load(SPECS / f"{spec}.spec", **TINY[spec])


def random_model(spec: str, name: str) -> Model:
    module = getattr(tiny(spec), name)(dtype=torch.float64).eval()
    assert isinstance(module, Model)
    randomise(module, torch.Generator().manual_seed(0))
    return module
