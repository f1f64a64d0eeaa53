"""`torch.compile` with one graph for every batch size: the one file that knows how.

Left to itself torch.compile makes a graph of its own for batches of one, whatever is marked dynamic.
It does not where shapes are declared unknown from the start; that interface,
`torch.fx.experimental.dynamic_spec`, is experimental, and where it is not there a batch of one costs
a second graph. So it does in a module with convolutions of images: of a batch of unknown size torch
does not know in which memory format it computes them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from .inputs import Shapes
from .storage import size_of, words_of

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
"""Layers whose memory format torch chooses, and cannot tell for a batch of unknown size."""


def one_graph(
    module: nn.Module, inputs: Shapes, masks: Mapping[str, str], **options: Any
) -> dict[str, Any]:
    """Options of `torch.compile` with which a module has one full graph for every batch size.

    `inputs` and `masks` are the shapes in words of what `forward` takes. Sizes of axes are constants
    of the graph, and others compile anew; with `dynamic=True` they are free as the batch is. What
    `options` say otherwise is kept: `fullgraph`, a `shapes_spec`, `dynamic=False`.
    """
    dynamic = options.get("dynamic")
    options = {"fullgraph": True, **options}
    if dynamic is False or "shapes_spec" in options:
        return options
    convolves = any(isinstance(each, CONVOLUTIONS) for each in module.modules())
    if convolves or "shapes_spec" not in inspect.signature(torch.compile).parameters:
        return {**options, "dynamic": True}
    free = None if dynamic else frozenset({"batch"})
    return {**options, "dynamic": None, "shapes_spec": _unknown_sizes({**inputs, **masks}, free)}


def _unknown_sizes(shapes: Shapes, free: frozenset[str] | None) -> object:
    """Declares the sizes of the words in `free`, or of all words, unknown; a word has one size."""
    from torch.fx.experimental.dynamic_spec import DictSpec, ParamsSpec, ShapeVar, TensorSpec

    sizes: dict[str, ShapeVar] = {}

    def size(word: str) -> ShapeVar | None:
        if size_of(word) is not None or (free is not None and word not in free):
            return None
        return sizes.setdefault(word, ShapeVar(word))

    def tensor(shape: str) -> TensorSpec:
        words = [each for each in words_of(shape) if each != "complex" and not each.startswith("<")]
        return TensorSpec([size(word) for word in words])

    return ParamsSpec(
        {
            name: tensor(shape)
            if isinstance(shape, str)
            else DictSpec({key: tensor(each) for key, each in shape.items()})
            for name, shape in shapes.items()
        }
    )
