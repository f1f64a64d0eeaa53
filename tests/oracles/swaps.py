"""What a network itself says of its symmetry: does moving positions of its weights change it?

Nothing is derived here; the network is run before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .described import Network

State = dict[str, Tensor]
Dimension = tuple[str, int]
"""A dimension of a tensor of the state_dict: its name and 0, 1, ..."""


def random_network(network: Network, seed: int = 0) -> nn.Module:
    """The network in float64 with generic weights: norms and biases are drawn as well."""
    generator = torch.Generator().manual_seed(seed)
    module = network.make().double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module


def random_inputs(network: Network, seed: int = 1) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(6, *shape) for shape in network.inputs]
    return tuple(torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)


def state_of(module: nn.Module) -> State:
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def moved(state: State, dimensions: Sequence[Dimension], image: Tensor) -> State:
    """The state with the positions of all the dimensions reordered by `image`."""
    result = dict(state)
    for name, dim in dimensions:
        result[name] = result[name].index_select(dim, image)
    return result


def symmetric(
    module: nn.Module, inputs: tuple[Tensor, ...], dimensions: Sequence[Dimension], image: Tensor
) -> bool:
    """Whether moving these positions of the weights leaves the function unchanged.

    Raises AssertionError when the difference is too small to be a change and too large for rounding.
    """
    state = state_of(module)
    with torch.no_grad():
        before = functional_call(module, state, inputs)
        after = functional_call(module, moved(state, dimensions, image), inputs)
    change = float((before - after).abs().max() / before.abs().max())
    assert change < 1e-11 or change > 1e-6, f"too close to call: {change}"
    return change < 1e-11


def swaps(module: nn.Module) -> Iterator[tuple[frozenset[Dimension], Tensor]]:
    """Every set of dimensions of one size, with a swap of their first and last position."""
    sizes = dimensions_of(module)
    for size in sorted({n for n in sizes.values() if n > 1}):
        swap = torch.tensor([size - 1, *range(1, size - 1), 0])
        alike = [dimension for dimension, n in sizes.items() if n == size]
        for count in range(1, len(alike) + 1):
            for chosen in combinations(alike, count):
                yield frozenset(chosen), swap


def dimensions_of(module: nn.Module) -> dict[Dimension, int]:
    """Every dimension of every tensor of the state_dict, and its size."""
    state = module.state_dict()
    return {(name, dim): n for name, tensor in state.items() for dim, n in enumerate(tensor.shape)}
