"""What the compiler makes of a spec, for tests: a module with random parameters, a layer's report."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from oracles.action import Matrix
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


def layer_basis(text: str) -> list[tuple[str, Matrix]]:
    """What `basis` lists of the layer named `layer` of model `M`: labels and dense maps."""
    layer: Any = build(text).get_submodule("layer")
    return [(label, np.asarray(matrix, dtype=np.float64)) for label, matrix in layer.basis()]
