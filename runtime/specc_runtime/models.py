"""The base class of generated models: what each has beside its layers and its `forward`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from .compilation import compile_regions, one_graph
from .complex_numbers import converted
from .inputs import Shapes
from .modules import reset_parameters


class Model(nn.Module):
    """A model; `inputs` and `masks` are the shapes in words of what `forward` takes."""

    inputs: ClassVar[Shapes] = {}
    masks: ClassVar[Mapping[str, str]] = {}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """As modules do; complex parameters follow the precision of the real ones, see `converted`."""
        return super()._apply(converted(fn), recurse)  # type: ignore[no-any-return, no-untyped-call]

    def reset_parameters(self) -> None:
        """Draws every parameter anew, as construction does: under one seed the values are equal."""
        reset_parameters(self)

    def compile(self, *args: Any, regional: bool = False, **options: Any) -> None:
        """Compiles `forward` in place with `torch.compile`: one full graph for every batch size.

        Sizes of axes are constants of the graph unless `dynamic=True`; other options are torch's. A plain
        `torch.compile(model)` works as well and has a graph of its own for batches of one, as have
        modules with convolutions of images here.

        With `regional` blocks and layers are compiled by themselves, those of one class once, and what
        stands between them is not: for models of many blocks, which then start far sooner.
        """
        if regional:
            compile_regions(self, *args, **options)
            return
        super().compile(*args, **one_graph(self, self.inputs, self.masks, **options))


def compile(model: Model, **options: Any) -> nn.Module:
    """`torch.compile(model)` with one full graph for every batch size: `Model.compile`, not in place."""
    compiled = torch.compile(model, **one_graph(model, model.inputs, model.masks, **options))
    return cast(nn.Module, compiled)
