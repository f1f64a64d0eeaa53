"""The layers of the package `nfn` (Zhou et al., arXiv:2302.14040), on spaces that are chains of weights and biases.

They take channels first, `(batch, channels, out, in, y, x)`, and are given tensors that lie so.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from nfn.common import NetworkSpec, WeightSpaceFeatures
from nfn.common.data import network_spec_from_wsfeat
from nfn.layers import NPLinear
from torch import Tensor, nn

from .contender import Absent
from .spaces import Space


def pairs(space: Space) -> Sequence[tuple[str, str]]:
    """The weight and the bias of each layer; `Absent` unless the space is a chain of layers."""
    tensors = tuple(space.tensors)
    found = tuple(zip(tensors[::2], tensors[1::2], strict=False))
    before = None
    for weight, bias in found:
        free = space.free(weight)
        chained = len(set(free)) == 2 and before in (None, free[1])
        if not chained or space.tensors[bias] != free[:1]:
            raise Absent("nfn is for chains of weights and biases")
        before = free[0]
    if 2 * len(found) != len(tensors):
        raise Absent("nfn is for chains of weights and biases")
    return found


def features(space: Space, x: dict[str, Tensor]) -> dict[str, Tensor]:
    """Channels first, and contiguous."""
    pairs(space)
    return {name: value.movedim(-1, 1).contiguous() for name, value in x.items()}


class Layers(nn.Module):
    """NP layers, all axes interchangeable, each with a ReLU after it; dicts as `features` makes them."""

    def __init__(self, space: Space, depth: int, activation: bool = True) -> None:
        super().__init__()
        self.pairs = pairs(space)
        self.activation = activation
        width = space.channels
        self.layers = nn.ModuleList(NPLinear(_spec(space), width, width) for _ in range(depth))

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        value = WeightSpaceFeatures(
            [x[weight] for weight, _ in self.pairs], [x[bias] for _, bias in self.pairs]
        )
        for layer in self.layers:
            value = layer(value)
            value = value.map(torch.relu) if self.activation else value
        results = {}
        for (weight, bias), (weights, biases) in zip(self.pairs, value, strict=True):
            results |= {weight: weights, bias: biases}
        return results


def _spec(space: Space) -> NetworkSpec:
    empty = {
        name: torch.empty(1, 1, *space.shape(name)[1:-1], device="meta") for name in space.tensors
    }
    return network_spec_from_wsfeat(
        WeightSpaceFeatures(
            [empty[weight] for weight, _ in pairs(space)], [empty[bias] for _, bias in pairs(space)]
        )
    )
