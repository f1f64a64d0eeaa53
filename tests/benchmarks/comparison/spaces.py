"""Collections of tensors with named axes, on which layers are compared, and their text in a `.spec`.

Nothing here knows how a layer is computed: `specification` is what our compiler reads, and `partitions`
makes the maps of the published method from the same axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

DEPTH = 4
"""Layers of the networks."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Interchangeable positions; distinct ones where `pinned`; those of each `inside`, one by one."""

    name: str
    size: int
    pinned: bool = False
    inside: str | None = None

    def __str__(self) -> str:
        group = str(self.size) if self.pinned else f"S({self.size})"
        return f"axis {self.name} = {group}" + (f" in {self.inside}" if self.inside else "")


@dataclass(frozen=True, slots=True)
class Space:
    """Tensors by name, each with the names of its axes; `batch` of them at once, `channels` wide."""

    name: str
    title: str
    axes: Mapping[str, Axis]
    tensors: Mapping[str, tuple[str, ...]]
    batch: int
    channels: int

    def shape(self, tensor: str) -> tuple[int, ...]:
        """(batch, *axes, channels)."""
        sizes = (self.axes[axis].size for axis in self.tensors[tensor])
        return (self.batch, *sizes, self.channels)

    def free(self, tensor: str) -> tuple[str, ...]:
        """The axes that are not pinned."""
        return tuple(axis for axis in self.tensors[tensor] if not self.axes[axis].pinned)

    def places(self, tensor: str) -> int:
        """Positions along the pinned axes, taken together."""
        axes = (self.axes[axis] for axis in self.tensors[tensor])
        return prod(axis.size for axis in axes if axis.pinned)

    @property
    def numbers(self) -> int:
        """Of all tensors, with batch and channels."""
        return sum(prod(self.shape(tensor)) for tensor in self.tensors)


def space_of(
    name: str,
    title: str,
    axes: Iterable[Axis],
    tensors: Mapping[str, str],
    batch: int,
    channels: int,
) -> Space:
    """A space whose tensors are given as words, `{"fc1.weight": "hidden pixel"}`."""
    words = {tensor: tuple(text.split()) for tensor, text in tensors.items()}
    named = {axis.name: axis for axis in axes}
    return Space(name, title, MappingProxyType(named), MappingProxyType(words), batch, channels)


def specification(space: Space, model: str, bias: bool = True) -> str:
    """A `.spec` with one model, `Linear`; `Layer`, with a ReLU after it; `Network`, of four of these."""
    kind, layer = f"W(; {space.channels})", f"equivariant(w, {space.channels}"
    layer += ")" if bias else ", bias = false)"
    body = {
        "Linear": f"return {layer}",
        "Layer": f"return relu({layer})",
        "Network": f"repeat {DEPTH} {{ w = relu({layer}) }} return w",
    }
    return "\n".join(
        [
            *map(str, space.axes.values()),
            "space W {",
            *(f"    {tensor}: [{', '.join(axes)}]" for tensor, axes in space.tensors.items()),
            "}",
            f"model {model}(w: {kind}) -> {kind} {{ {body[model]} }}",
            "",
        ]
    )


def mlp(name: str, widths: tuple[int, ...], batch: int, channels: int) -> Space:
    """Weights and biases of linear layers from each width to the next; all axes permute."""
    axes = [Axis(f"n{number}", width) for number, width in enumerate(widths)]
    tensors = {}
    for number in range(1, len(widths)):
        tensors[f"weight{number}"] = f"n{number} n{number - 1}"
        tensors[f"bias{number}"] = f"n{number}"
    return space_of(name, f"MLP {'-'.join(map(str, widths))}", axes, tensors, batch, channels)


def cnn(
    name: str, widths: tuple[int, ...], classes: int, kernel: int, batch: int, channels: int
) -> Space:
    """Convolutions between channels, places of the kernel pinned, and a linear layer of their means."""
    axes = [Axis(f"n{number}", width) for number, width in enumerate(widths)]
    axes += [
        Axis("classes", classes),
        Axis("y", kernel, pinned=True),
        Axis("x", kernel, pinned=True),
    ]
    tensors = {}
    for number in range(1, len(widths)):
        tensors[f"weight{number}"] = f"n{number} n{number - 1} y x"
        tensors[f"bias{number}"] = f"n{number}"
    tensors |= {"head.weight": f"classes n{len(widths) - 1}", "head.bias": "classes"}
    title = f"CNN {'-'.join(map(str, widths))}-{classes}, {kernel} x {kernel}"
    return space_of(name, title, axes, tensors, batch, channels)


def rnn(name: str, read: int, hidden: int, written: int, batch: int, channels: int) -> Space:
    """Two recurrent layers, each with a matrix from its hidden positions to the same positions."""
    axes = [Axis("read", read), Axis("h1", hidden), Axis("h2", hidden), Axis("written", written)]
    tensors = {}
    for number, source in enumerate(("read", "h1"), start=1):
        own = f"h{number}"
        tensors[f"input{number}"] = f"{own} {source}"
        tensors[f"recurrent{number}"] = f"{own} {own}"
        tensors[f"bias{number}"] = own
    tensors |= {"head.weight": "written h2", "head.bias": "written"}
    title = f"RNN {read}-{hidden}-{hidden}-{written}"
    return space_of(name, title, axes, tensors, batch, channels)


def transformer(
    name: str,
    blocks: int,
    width: int,
    heads: int,
    vocabulary: int,
    batch: int,
    channels: int,
) -> Space:
    """Blocks of attention and of a hidden layer four times as wide, on one residual stream, with
    scales of norms and no biases; keys and values permute in each head, and heads in each block."""
    axes = [Axis("word", vocabulary), Axis("stream", width)]
    tensors = {"embedding": "word stream"}
    for block in range(blocks):
        head, key, value, hidden = (f"{axis}{block}" for axis in ("head", "key", "value", "hidden"))
        axes += [
            Axis(head, heads),
            Axis(key, width // heads, inside=head),
            Axis(value, width // heads, inside=head),
            Axis(hidden, 4 * width),
        ]
        own = {
            "norm1": "stream",
            "query": f"{head} {key} stream",
            "key": f"{head} {key} stream",
            "value": f"{head} {value} stream",
            "out": f"stream {head} {value}",
            "norm2": "stream",
            "up": f"{hidden} stream",
            "down": f"stream {hidden}",
        }
        tensors |= {f"blocks.{block}.{tensor}": words for tensor, words in own.items()}
    tensors |= {"norm": "stream", "readout": "word stream"}
    title = f"transformer, {blocks} blocks of width {width}, {heads} heads"
    return space_of(name, title, axes, tensors, batch, channels)


SPACES = {
    space.name: space
    for space in (
        mlp("mlp-small", (2, 32, 32, 1), batch=64, channels=16),
        mlp("mlp-wide", (784, 128, 128, 10), batch=8, channels=16),
        mlp("mlp-deep", (64, 256, 256, 256, 10), batch=8, channels=32),
        cnn("cnn", (3, 32, 64, 64), classes=10, kernel=3, batch=16, channels=8),
        rnn("rnn", read=32, hidden=128, written=10, batch=8, channels=16),
        transformer(
            "transformer", blocks=6, width=64, heads=4, vocabulary=256, batch=2, channels=16
        ),
    )
}

TINY = (
    mlp("mlp", (2, 3, 4, 1), batch=2, channels=1),
    cnn("cnn", (2, 3), classes=2, kernel=2, batch=2, channels=1),
    rnn("rnn", read=2, hidden=4, written=2, batch=2, channels=1),
    transformer("transformer", blocks=1, width=4, heads=2, vocabulary=2, batch=2, channels=1),
)
"""Small enough for all maps to be written out as matrices."""
