"""Small modules that generated networks are made of, beside those of `torch.nn`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PerTensor(nn.ModuleDict):
    """One module for each tensor of a collection; tensors without one pass through.

    In the state_dict a tensor's name has underscores for dots, `fc1_weight.weight`, or is what `names`
    says: for those that `nn.ModuleDict` has already.
    """

    def __init__(
        self, modules: Mapping[str, nn.Module], names: Mapping[str, str] | None = None
    ) -> None:
        given = names or {}
        own = {name: given.get(name, name.replace(".", "_")) for name in modules}
        super().__init__({own[name]: module for name, module in modules.items()})
        self._names = own

    def forward(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: self[self._names[name]](value) if name in self._names else value
            for name, value in values.items()
        }


class Pointwise(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)

    def extra_repr(self) -> str:
        return self.function.__name__


class Codes(nn.Module):
    """Adds a learned code to each position along some dimensions of `(batch, *axes, channels)`.

    `shapes` gives for each code its dimension, the number of positions and the number of channels.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, int, int]],
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self._dims = {name: dim for name, (dim, _, _) in shapes.items()}
        for name, (_, positions, channels) in shapes.items():
            empty = torch.empty(positions, channels, device=device, dtype=dtype)
            self.register_parameter(name, nn.Parameter(empty))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws each code from the standard normal distribution, as `nn.Embedding` does."""
        for code in self.parameters():
            nn.init.normal_(code)

    def forward(self, x: Tensor) -> Tensor:
        for name, dim in self._dims.items():
            code: Tensor = getattr(self, name)
            shape = [1] * x.dim()
            shape[dim], shape[-1] = code.shape
            x = x + code.reshape(shape)
        return x


class Mix(nn.Linear):
    """The product of a level: an `nn.Linear` whose layer draws its parameters, see `init_mix_`."""

    def reset_parameters(self) -> None:
        """Draws nothing, so that building a layer and `reset_parameters` draw the same numbers."""


class BatchedMix(nn.Module):
    """A product of a level for each run of a repeat: its weight is `(runs, out, in)`."""

    def __init__(
        self,
        runs: int,
        in_features: int,
        out_features: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        weight = torch.empty(runs, out_features, in_features, device=device, dtype=dtype)
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        """`(runs, batch, *axes, in) -> (runs, batch, *axes, out)` in one batched product."""
        rows = x.flatten(1, -2)
        if torch.compiler.is_compiling():
            positions = x.shape[2:-1].numel()
            if isinstance(positions, int) and positions > 1:
                torch._check(rows.shape[1] != 1)  # which Inductor asks and cannot see
        made = torch.bmm(rows, self.weight.transpose(1, 2))
        return made.reshape(*x.shape[:-1], -1)


class FactoredMix(nn.Module):
    """A product of a level whose matrix is one of low rank: `weight_out @ weight_in`."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        rank: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()

        def empty(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape, device=device, dtype=dtype))

        self.weight_in = empty(rank, in_features)
        self.weight_out = empty(out_features, rank)
        self.bias = empty(out_features) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.linear(x, self.weight_in), self.weight_out, self.bias)


def init_factored_mix_(mix: FactoredMix, rows: Iterable[tuple[int, float]]) -> None:
    """Draws both factors so that their product has the variance that `init_mix_` gives a matrix."""
    rank, in_features = mix.weight_in.shape
    init_mix_(mix.weight_in, [(rank, in_features)])
    init_mix_(mix.weight_out, [(count, rank * fan_in / in_features) for count, fan_in in rows])


def init_mix_(weight: Tensor, rows: Iterable[tuple[int, float]]) -> None:
    """Draws each block of rows of a mixing matrix from a normal distribution of variance 1 / fan-in.

    `rows` are pairs of a number of rows and their fan-in: the pooled features, over all levels, that
    an entry of the output tensor sums up.
    """
    counts, fans = zip(*rows, strict=True)
    with torch.no_grad():
        for block, fan_in in zip(weight.split(list(counts)), fans, strict=True):
            block.normal_(0.0, fan_in**-0.5)


def reset_parameters(module: nn.Module) -> None:
    """Draws every parameter inside a module anew, in the order of its submodules."""
    for child in module.children():
        reset = getattr(child, "reset_parameters", None)
        if callable(reset):
            reset()
        else:
            reset_parameters(child)
