"""What the compiler makes of a spec, for tests: a module with random parameters, a layer's report."""

from __future__ import annotations

from typing import Any

import torch
from oracles.values import randomise
from torch import nn

import specc


def build(text: str, seed: int | None = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    """Model `M` of the spec, its parameters drawn at random; as initialised when `seed` is None."""
    module = specc.load(text).M(dtype=dtype)
    assert isinstance(module, nn.Module)
    if seed is not None:
        randomise(module, torch.Generator().manual_seed(seed))
    return module


def model_report(text: str, name: str = "M") -> dict[str, Any]:
    """What `explain` says of one model."""
    (model,) = (m for m in specc.explain(text).model_dump()["models"] if m["name"] == name)
    assert isinstance(model, dict)
    return model


def layer_report(text: str) -> dict[str, Any]:
    """What `explain` says of the layer named `layer` of model `M`."""
    (layer,) = (layer for layer in model_report(text)["layers"] if layer["name"] == "layer")
    assert isinstance(layer, dict)
    return layer
