"""`torch.compile` with one graph for every batch size: the one file that knows how.

Left to itself torch.compile makes a graph of its own for batches of one, whatever is marked dynamic.
It does not where shapes are declared unknown from the start; that interface,
`torch.fx.experimental.dynamic_spec`, is experimental, and where it is not there a batch of one costs
a second graph. So it does in a module with convolutions of images, or with Fourier transforms: of a
batch of unknown size torch does not know in which order of dimensions it computes them.

Blocks and layers of one class share one graph where they are compiled by themselves, `regional`: a model of
many blocks then compiles about as long as one of its blocks.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

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
    if not takes_unknown_sizes(module):
        return {**options, "dynamic": True}
    free = None if dynamic else frozenset({"batch"})
    return {**options, "dynamic": None, "shapes_spec": _unknown_sizes({**inputs, **masks}, free)}


def takes_unknown_sizes(module: nn.Module) -> bool:
    """Whether torch compiles a module for a batch of which it knows nothing, not even whether it is one."""
    ordered = any(
        isinstance(each, CONVOLUTIONS) or getattr(each, "chooses_layout", False)
        for each in module.modules()
    )
    return not ordered and "shapes_spec" in inspect.signature(torch.compile).parameters


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


# --- Regions --------------------------------------------------------------------------------------


def compile_regions(model: nn.Module, **options: Any) -> None:
    """Compiles blocks and layers of a generated model in place, each class once; the rest stays as it is."""
    classes: dict[type[nn.Module], Callable[..., Any]] = {}
    for region in regions_of(model):
        kind = type(region)
        classes.setdefault(kind, one_graph_of_class(kind, **options))
        region._compiled_call_impl = _call_of(region, classes[kind])


def regions_of(model: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules of generated classes that stand at several places, or hold no others."""
    generated = [
        each for each in model.modules() if type(each).__module__ == type(model).__module__
    ]
    count = Counter(map(type, generated))

    def inside(module: nn.Module) -> Iterator[nn.Module]:
        for child in module.children():
            held = [each for each in child.modules() if type(each) in count]
            if type(child) in count and (count[type(child)] > 1 or len(held) == 1):
                yield child
            else:
                yield from inside(child)

    return inside(model)


def one_graph_of_class(kind: type[nn.Module], **options: Any) -> Callable[..., Any]:
    """`forward` of a class, compiled when it is first called: one full graph for every batch size.

    Every tensor that a block or a layer takes has the batch as its first dimension. What of its inputs
    is a tensor, and of how many dimensions, is seen in the first call, and the same in others. What is
    given transposed has a second graph for batches of one, where strides do not tell.
    """
    compiled: list[Callable[..., Any]] = []

    def forward(*args: Any, **kwargs: Any) -> Any:
        if not compiled:
            bound = inspect.signature(kind.forward).bind(*args, **kwargs).arguments
            given = {name: value for name, value in bound.items() if name != "self"}
            compiled.append(torch.compile(kind.forward, **_free_batch(args[0], given, **options)))
        return compiled[0](*args, **kwargs)

    return forward


def _free_batch(region: nn.Module, given: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Options of `torch.compile` with which the first dimension of every tensor is free."""
    options = {"fullgraph": True, **options}
    if options.get("dynamic") is not None or not takes_unknown_sizes(region):
        return {"dynamic": True, **options}
    from torch.fx.experimental.dynamic_spec import DictSpec, ParamsSpec, ShapeVar, TensorSpec

    batch = ShapeVar("batch")

    def spec(value: Any) -> Any:
        if isinstance(value, Mapping):
            return DictSpec({key: spec(each) for key, each in value.items()})
        return TensorSpec([batch, *[None] * (value.dim() - 1)])

    tensors = {name: each for name, each in given.items() if isinstance(each, Tensor | Mapping)}
    return {
        **options,
        "shapes_spec": ParamsSpec({name: spec(each) for name, each in tensors.items()}),
    }


def _call_of(region: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    """What is run for `region(...)`: with hooks, which torch calls around `forward`, not what was compiled."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if region._forward_hooks or region._forward_pre_hooks:
            return region._call_impl(*args, **kwargs)
        return forward(region, *args, **kwargs)

    return call
