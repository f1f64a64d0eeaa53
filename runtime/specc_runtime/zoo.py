"""Trains many networks of one architecture at once: the data on which networks that read weights are trained.

A zoo is a batch of weights as `torch.func.stack_module_state` makes it, with the score each network
reached. Every network has hyper-parameters and a random stream of its own, so network `i` is a function
of the seed, of `i` and of its hyper-parameters alone: not of the networks trained beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy

STEPS_PER_DRAW = 64  # minibatches drawn at a time from each network's random stream

Weights = dict[str, Tensor]
"""Named tensors of many networks, each `(networks, *shape)`."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""From one network's outputs `(batch, ...)` and the targets `(batch, ...)` to a scalar; goes through `vmap`."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What networks are trained or scored on: `inputs` and `targets`, both `(examples, ...)`."""

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets) or len(self.inputs) == 0:
            raise ValueError(
                f"expected as many inputs as targets, and some; "
                f"got {len(self.inputs)} inputs and {len(self.targets)} targets"
            )

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True, eq=False)
class Hyperparameters:
    """How each network is trained: tensors of shape `(networks,)`.

    `initial_scale` multiplies the initial parameters. `data_share` is the part of the examples, in
    (0, 1], that a network sees at all. `label_noise` is the chance, in [0, 1], that an example shows
    the target of another one, drawn at random once and for all.
    """

    learning_rate: Tensor
    weight_decay: Tensor
    steps: Tensor
    initial_scale: Tensor
    data_share: Tensor
    label_noise: Tensor

    def __post_init__(self) -> None:
        shapes = {field.name: tuple(getattr(self, field.name).shape) for field in fields(self)}
        if set(shapes.values()) != {(len(self.steps),)}:
            raise ValueError(f"expected every tensor to have the shape (networks,); got {shapes}")
        if self.steps.is_floating_point() or bool((self.steps < 0).any()):
            raise ValueError("expected steps to be integers that are not negative")
        for name in ("data_share", "label_noise"):
            values: Tensor = getattr(self, name)
            if not bool(((values >= 0) & (values <= 1)).all()):
                raise ValueError(f"expected {name} to be between 0 and 1")

    def __len__(self) -> int:
        return len(self.steps)

    def select(self, networks: Tensor) -> Hyperparameters:
        """Those of some networks; `networks` is an index or a boolean mask of one axis."""
        return Hyperparameters(
            **{field.name: getattr(self, field.name)[networks] for field in fields(self)}
        )


@dataclass(frozen=True, slots=True, eq=False)
class Zoo:
    """Trained networks: `weights[name]` is `(networks, *shape)`, `scores` is `(networks,)`.

    The weights hold the parameters and the floating-point buffers, keyed like a `state_dict`.
    """

    weights: Weights
    scores: Tensor
    hyperparameters: Hyperparameters

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, networks: Tensor) -> Zoo:
        """Some of the networks; `networks` is an index or a boolean mask of one axis."""
        return Zoo(
            {name: weight[networks] for name, weight in self.weights.items()},
            self.scores[networks],
            self.hyperparameters.select(networks),
        )


@dataclass(frozen=True, slots=True, eq=False)
class AdamW:
    """The rule of `torch.optim.AdamW` for many networks at once, each with a learning rate and a decay of its own."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    @torch.no_grad()
    def update_(
        self,
        weight: Tensor,
        gradient: Tensor,
        mean: Tensor,
        square: Tensor,
        *,
        step: int,
        learning_rate: Tensor,
        weight_decay: Tensor,
    ) -> None:
        """Moves `weight` and its moments `mean` and `square` in place, all `(networks, *shape)`.

        `step` counts from 1; `learning_rate` and `weight_decay` are `(networks,)`.
        """
        each = (-1, *[1] * (weight.dim() - 1))
        mean.lerp_(gradient, 1 - self.beta1)
        square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        spread = square.sqrt().div_((1 - self.beta2**step) ** 0.5).add_(self.epsilon)
        weight.mul_((1 - learning_rate * weight_decay).view(each))
        weight.sub_(
            mean.div(spread).mul_((learning_rate / (1 - self.beta1**step)).view(each))
        )


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of the examples whose largest output is their target: `(batch, classes)`, `(batch,)` -> `()`."""
    return (outputs.argmax(-1) == targets).float().mean()


def train_zoo(
    make_model: Callable[[], nn.Module],
    examples: Examples,
    held_out: Examples,
    hyperparameters: Hyperparameters,
    *,
    loss: Loss = cross_entropy,
    score: Loss = accuracy,
    optimizer: AdamW | None = None,
    batch_size: int = 32,
    at_once: int = 128,
    seed: int = 0,
    progress: Callable[[int], object] = lambda _: None,
) -> Zoo:
    """Trains one network per entry of `hyperparameters` and scores it on `held_out`.

    `make_model` makes a network with fresh parameters from torch's global random stream, which is left
    as it was. Networks are trained `at_once` together, those of like length beside each other: memory
    grows with `at_once`, results do not depend on it. `progress` is called with the number of network
    steps just done; they add up to `hyperparameters.steps.sum()`.
    """
    seeds = _network_seeds(seed, len(hyperparameters))
    longest_first = hyperparameters.steps.argsort(descending=True, stable=True)
    parts = [
        _train_together(
            make_model, examples, held_out, hyperparameters.select(part), seeds[part],
            loss, score, optimizer or AdamW(), batch_size, progress,
        )
        for part in longest_first.split(at_once)
    ]
    return _join(parts).select(longest_first.argsort())


def draw_batches(
    seed: int, examples: int, batch_size: int, data_share: float, label_noise: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """The minibatches of one network without end, `STEPS_PER_DRAW` at a time.

    Yields which inputs and which targets, both `(STEPS_PER_DRAW, batch_size)` indices of examples, drawn
    with replacement from the network's share.
    """
    stream = torch.Generator().manual_seed(seed)
    share = torch.randperm(examples, generator=stream)[: max(1, round(data_share * examples))]
    noisy = torch.rand(len(share), generator=stream) < label_noise
    shown = torch.where(noisy, torch.randint(examples, share.shape, generator=stream), share)
    while True:
        drawn = torch.randint(len(share), (STEPS_PER_DRAW, batch_size), generator=stream)
        yield share[drawn], shown[drawn]


def _train_together(make_model, examples, held_out, hp, seeds, loss, score, optimizer, batch_size, progress):
    models = [_fresh(make_model, s) for s in seeds.tolist()]
    model = models[0]
    weights, buffers = stack_module_state(models)
    weights = {k: v.detach() * hp.initial_scale.view(-1, *[1] * (v.dim() - 1)) for k, v in weights.items()}
    moments = {k: (torch.zeros_like(v), torch.zeros_like(v)) for k, v in weights.items()}

    def network_loss(w, x, y):
        return loss(functional_call(model, w, (x,)), y)

    gradient = vmap(grad(network_loss))
    streams = [
        draw_batches(s, len(examples), batch_size, share, noise)
        for s, share, noise in zip(seeds.tolist(), hp.data_share.tolist(), hp.label_noise.tolist(), strict=True)
    ]
    remaining = hp.steps.tolist()
    for step in range(max(remaining)):
        active = sum(r > step for r in remaining)
        if step % STEPS_PER_DRAW == 0:
            pairs = [next(s) for s in streams[:active]]
            xi = torch.stack([p[0] for p in pairs], 1)
            yi = torch.stack([p[1] for p in pairs], 1)
        t = step % STEPS_PER_DRAW
        now = {k: v[:active] for k, v in weights.items()}
        g = gradient(now, examples.inputs[xi[t, :active]], examples.targets[yi[t, :active]])
        for k in now:
            optimizer.update_(now[k], g[k], moments[k][0][:active], moments[k][1][:active], step=step + 1,
              learning_rate=hp.learning_rate[:active], weight_decay=hp.weight_decay[:active])
        progress(active)
    with torch.no_grad():
        scores = vmap(lambda w: score(functional_call(model, w, (held_out.inputs,)), held_out.targets))(weights)
    return Zoo(weights, scores, hp)


def _fresh(make_model, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_model()


def _network_seeds(seed, n):
    return torch.randint(2**62, (n,), generator=torch.Generator().manual_seed(seed))


def _join(parts):
    cat = lambda ts: torch.cat(ts)
    return Zoo({k: cat([p.weights[k] for p in parts]) for k in parts[0].weights}, cat([p.scores for p in parts]),
      Hyperparameters(**{f.name: cat([getattr(p.hyperparameters, f.name) for p in parts]) for f in fields(Hyperparameters)}))
