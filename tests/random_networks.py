"""Random networks in plain PyTorch, of operations that split, join, reorder, mix and pick positions.

A network is a list of steps drawn from a seed; each takes earlier tensors and may have parameters. Shapes
are `(batch, ...)` with a few small sizes, so that dimensions meet that only chance made equal.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 3
MOST_NUMBERS = 600
"""Of one tensor, without the batch."""

Step = Callable[[nn.Module, list[Tensor]], Tensor]
"""From the network, which holds the parameters, and all earlier tensors."""


class RandomNetwork(nn.Module):
    """A network by its seed; the input is `(batch, 4)`."""

    def __init__(self, seed: int, steps: int = 9) -> None:
        super().__init__()
        self._rng = random.Random(seed)
        self._steps: list[Step] = []
        torch.manual_seed(seed)
        values = [torch.randn(BATCH, 4)]
        self._add(values, self._linear(values, 0, self._size()))
        while len(self._steps) < steps:
            try:
                step = self._rng.choice(KINDS)(self, values)
                made = step(self, values)
            except (RuntimeError, IndexError, ValueError):
                continue
            if made.dim() > 1 and made[0].numel() <= MOST_NUMBERS and made.shape[0] == BATCH:
                self._add(values, step)
        self._head = self._linear([values[-1].flatten(1)], 0, 2)

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for step in self._steps:
            values.append(step(self, values))
        return self._head(self, [values[-1].flatten(1)])

    # --- Drawing

    def _add(self, values: list[Tensor], step: Step) -> None:
        self._steps.append(step)
        values.append(step(self, values))

    def _size(self) -> int:
        return self._rng.choice([2, 3, 4, 6, 8])

    def _pick(self, values: list[Tensor]) -> int:
        """One of the latest values."""
        return len(values) - 1 - min(int(self._rng.expovariate(0.9)), len(values) - 1)

    def _dim(self, value: Tensor) -> int:
        return self._rng.randrange(1, value.dim())

    def _own(self, *shape: int) -> str:
        name = f"p{len(list(self.parameters()))}"
        self.register_parameter(name, nn.Parameter(torch.randn(shape) / shape[-1] ** 0.5))
        return name

    # --- Steps

    def _linear(self, values: list[Tensor], place: int, size: int) -> Step:
        weight = self._own(size, values[place].shape[-1])
        bias = self._own(size)
        return lambda n, v: torch.tanh(F.linear(v[place], getattr(n, weight), getattr(n, bias)))


def _mapped(net: Any, values: list[Tensor]) -> Step:
    step: Step = net._linear(values, net._pick(values), net._size())
    return step


def _transposed_weight(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    weight = net._own(values[place].shape[-1], net._size())
    return lambda n, v: v[place] @ getattr(n, weight)


def _scaled(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    value = values[place]
    weight = net._own(*value.shape[net._dim(value) :])
    return lambda n, v: v[place] * getattr(n, weight)


def _added(net: Any, values: list[Tensor]) -> Step:
    a, b = net._pick(values), net._pick(values)
    return lambda n, v: torch.sin(v[a]) + v[b]


def _product(net: Any, values: list[Tensor]) -> Step:
    a, b = net._pick(values), net._pick(values)
    return lambda n, v: torch.sin(v[a] @ v[b].transpose(-1, -2))


def _attended(net: Any, values: list[Tensor]) -> Step:
    a, b = net._pick(values), net._pick(values)
    return lambda n, v: F.scaled_dot_product_attention(v[a], v[b], torch.cos(v[b]))


def _split(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim = net._dim(values[place])
    size = values[place].shape[dim]
    factor = net._rng.choice([f for f in (2, 3, 4) if size % f == 0 and size > f] or [1])
    return lambda n, v: v[place].unflatten(dim, (factor, size // factor))


def _merged(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim = net._rng.randrange(1, values[place].dim() - 1)
    return lambda n, v: v[place].flatten(dim, dim + 1)


def _permuted(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    order = [0, *net._rng.sample(range(1, values[place].dim()), values[place].dim() - 1)]
    return lambda n, v: v[place].permute(order)


def _reshaped(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    size = net._size()
    return lambda n, v: v[place].reshape(BATCH, size, -1)


def _joined(net: Any, values: list[Tensor]) -> Step:
    a, b = net._pick(values), net._pick(values)
    dim = net._dim(values[a])
    return lambda n, v: torch.cat([v[a], torch.cos(v[b])], dim)


def _stacked(net: Any, values: list[Tensor]) -> Step:
    a, b = net._pick(values), net._pick(values)
    dim = net._rng.randrange(1, values[a].dim() + 1)
    return lambda n, v: torch.stack([torch.sin(v[a]), v[b]], dim)


def _chunked(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim, parts = net._dim(values[place]), net._rng.choice([2, 3])
    which = net._rng.randrange(parts)
    return lambda n, v: v[place].chunk(parts, dim)[which]


def _glued(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim = net._dim(values[place])
    return lambda n, v: F.glu(v[place], dim)


def _selected(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim = net._dim(values[place])
    which = net._rng.randrange(values[place].shape[dim])
    return lambda n, v: v[place].select(dim, which)


def _sliced(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim = net._dim(values[place])
    size = values[place].shape[dim]
    start, step = net._rng.randrange(size), net._rng.choice([1, 1, 2])
    index = [slice(None)] * dim + [slice(start, None, step)]
    return lambda n, v: v[place][tuple(index)]


def _indexed(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim = net._dim(values[place])
    size = values[place].shape[dim]
    index = torch.tensor([net._rng.randrange(size) for _ in range(net._size())])
    return lambda n, v: v[place].index_select(dim, index)


def _ordered(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim, kind = net._dim(values[place]), net._rng.randrange(4)
    kinds: list[Callable[[Tensor], Tensor]] = [
        lambda x: x.flip(dim),
        lambda x: x.roll(1, dim),
        lambda x: x.cumsum(dim),
        lambda x: x.sort(dim)[0],
    ]
    return lambda n, v: kinds[kind](v[place])


def _picked(net: Any, values: list[Tensor]) -> Step:
    """The entries of one tensor where another is largest."""
    a, b = net._pick(values), net._pick(values)
    if values[a].shape != values[b].shape:
        raise ValueError("numbers of one are no positions of the other")
    dim = net._dim(values[a])
    count = net._rng.randrange(1, values[a].shape[dim] + 1)
    return lambda n, v: torch.sin(v[b]).gather(dim, v[a].topk(count, dim)[1])


def _marked(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim = net._dim(values[place])
    size = values[place].shape[dim]
    return lambda n, v: F.one_hot(v[place].argmax(dim), size).to(v[place].dtype)


def _bent(net: Any, values: list[Tensor]) -> Step:
    """Piecewise: entries may be equal exactly at several positions."""
    a, b, kind = net._pick(values), net._pick(values), net._rng.randrange(6)
    kinds: list[Callable[[Tensor, Tensor], Tensor]] = [
        lambda x, y: torch.relu(x),
        lambda x, y: x - torch.relu(x),
        lambda x, y: x.clamp(-0.5, 0.5),
        lambda x, y: (x > 0.1).to(x.dtype),
        lambda x, y: torch.maximum(x, y),
        lambda x, y: x.masked_fill(y > 0, 0.0),
    ]
    return lambda n, v: kinds[kind](v[a], v[b])


def _reduced(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim, keep, kind = net._dim(values[place]), net._rng.random() < 0.5, net._rng.randrange(3)
    return lambda n, v: (torch.mean, torch.amax, torch.logsumexp)[kind](v[place], dim, keepdim=keep)


def _normalised(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    value, kind = values[place], net._rng.randrange(4)
    dim, shape = net._dim(value), value.shape[-net._rng.randrange(1, value.dim()) :]
    groups = net._rng.choice([g for g in (1, 2, 3) if value.shape[1] % g == 0])
    kinds: list[Callable[[Tensor], Tensor]] = [
        lambda x: torch.softmax(x, dim),
        lambda x: F.layer_norm(x, shape),
        lambda x: F.group_norm(x, groups),
        lambda x: F.normalize(x, dim=dim),
    ]
    return lambda n, v: kinds[kind](v[place])


def _convolved(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    channels = values[place].shape[1]
    groups = net._rng.choice([g for g in (1, 2, 3) if channels % g == 0])
    width = net._rng.choice([1, 2, 3])
    weight = net._own(groups * net._rng.choice([1, 2, 3]), channels // groups, width)
    return lambda n, v: F.conv1d(v[place], getattr(n, weight), groups=groups, padding=width // 2)


def _broadcast(net: Any, values: list[Tensor]) -> Step:
    a, b = net._pick(values), net._pick(values)
    dim = net._rng.randrange(1, values[a].dim() + 1)
    return lambda n, v: v[a].unsqueeze(dim) * torch.sin(v[b])


def _repeated(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    dim, many = net._dim(values[place]), net._rng.random() < 0.5
    counts = [1] * values[place].dim()
    counts[dim] = 2
    return lambda n, v: v[place].repeat_interleave(2, dim) if many else v[place].repeat(counts)


def _contracted(net: Any, values: list[Tensor]) -> Step:
    place = net._pick(values)
    size, last = net._size(), values[place].shape[-1]
    weight = net._own(size, last, last)
    return lambda n, v: torch.einsum(
        "bi,oij,bj->bo",
        v[place].flatten(1)[:, :last],
        getattr(n, weight),
        v[place].flatten(1)[:, -last:],
    )


def _expert(net: Any, values: list[Tensor]) -> Step:
    """A stack of matrices, one of which is picked or all of which are used."""
    place = net._pick(values)
    count, size = net._size(), net._size()
    weight = net._own(count, size, values[place].shape[-1])
    if net._rng.random() < 0.5:
        which = net._rng.randrange(count)
        return lambda n, v: v[place] @ getattr(n, weight)[which].T
    return lambda n, v: torch.einsum("b...i,eoi->b...eo", v[place], getattr(n, weight))


KINDS: list[Callable[[Any, list[Tensor]], Step]] = [
    _mapped, _mapped, _transposed_weight, _scaled, _added, _product, _attended, _split, _split, _merged,
    _permuted, _reshaped, _joined, _stacked, _chunked, _glued, _selected, _sliced, _indexed, _ordered,
    _picked, _marked, _bent, _reduced, _normalised, _convolved, _broadcast, _repeated, _contracted, _expert,
]  # fmt: skip
