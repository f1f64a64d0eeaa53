"""Trains many networks of one architecture at once, to have weights from which other networks learn.

A zoo is a batch of weights, keyed and stacked as `torch.func.stack_module_state` does it, with the score
each network reached. Every network has hyper-parameters and a random stream of its own: network `i` is a
function of the seed, of `i` and of its hyper-parameters, up to rounding, and not of its companions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy

Weights = dict[str, Tensor]
"""Tensors of many networks by name, each `(networks, *shape)`."""

STEPS_PER_DRAW = 64
"""How many minibatches are drawn at a time from a network's random stream."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Inputs and what is to be made of them, both `(examples, ...)`."""

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets) or len(self.inputs) == 0:
            raise ValueError(
                "expected at least one example, and as many inputs as targets; "
                f"got {len(self.inputs)} inputs and {len(self.targets)} targets"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, chosen: Tensor) -> Examples:
        """Some of the examples: `chosen` holds their numbers, in any shape `(...)`, or is a mask."""
        return Examples(self.inputs[chosen], self.targets[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Hyperparameters:
    """How each network is trained: tensors of shape `(networks,)`.

    `initial_scale` multiplies the initial parameters. `data_share` is the part of the examples that a
    network ever sees, at least one of them. `label_noise` is the chance that an example always comes with
    the target of another one, drawn at random.
    """

    learning_rate: Tensor
    weight_decay: Tensor
    steps: Tensor
    initial_scale: Tensor
    data_share: Tensor
    label_noise: Tensor

    def __post_init__(self) -> None:
        shapes = {name: tuple(values.shape) for name, values in self.by_name().items()}
        if set(shapes.values()) != {(self.steps.numel(),)} or self.steps.numel() == 0:
            raise ValueError(f"expected tensors of one shape (networks,), not empty; got {shapes}")
        if self.steps.is_floating_point() or bool((self.steps < 0).any()):
            raise ValueError("expected steps to be integers, none of them negative")
        for name in ("data_share", "label_noise"):
            values = self.by_name()[name]
            if not bool(((values >= 0) & (values <= 1)).all()):
                raise ValueError(f"expected each {name} to be from 0 to 1")

    def __len__(self) -> int:
        return len(self.steps)

    def by_name(self) -> dict[str, Tensor]:
        """The tensors under the names of their fields."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def select(self, chosen: Tensor) -> Hyperparameters:
        """Those of some networks: `chosen` holds their numbers, or is a mask."""
        return Hyperparameters(**{name: values[chosen] for name, values in self.by_name().items()})


@dataclass(frozen=True, slots=True, eq=False)
class Zoo:
    """Trained networks: `weights[name]` is `(networks, *shape)`, `scores` is `(networks,)`.

    The weights are the parameters and the floating-point buffers, keyed like a `state_dict`.
    """

    weights: Weights
    scores: Tensor
    hyperparameters: Hyperparameters

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, chosen: Tensor) -> Zoo:
        """Some of the networks: `chosen` holds their numbers, or is a mask."""
        return Zoo(
            {name: weight[chosen] for name, weight in self.weights.items()},
            self.scores[chosen],
            self.hyperparameters.select(chosen),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A tensor in training with the running means of its gradient and of the gradient's square.

    All are `(networks, *shape)`.
    """

    weight: Tensor
    mean: Tensor
    square: Tensor

    def first(self, networks: int) -> Trained:
        """The same of the first networks: views, so that what is done in place counts."""
        return Trained(self.weight[:networks], self.mean[:networks], self.square[:networks])


@dataclass(frozen=True, slots=True)
class AdamW:
    """The rule of `torch.optim.AdamW`, for networks with learning rates and decays of their own."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def update_(
        self, tensor: Trained, gradient: Tensor, rates: Tensor, decays: Tensor, step: int
    ) -> None:
        """Does step number `step`, counted from 1, in place.

        `gradient` is `(networks, *shape)`; the learning rates and weight decays are `(networks,)`.
        """
        rates, decays = _along(rates, gradient), _along(decays, gradient)
        tensor.mean.lerp_(gradient, 1 - self.beta1)
        tensor.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        deviation = tensor.square.sqrt().div_((1 - self.beta2**step) ** 0.5).add_(self.epsilon)
        tensor.weight.mul_(1 - rates * decays)
        tensor.weight.sub_(tensor.mean.div(deviation).mul_(rates / (1 - self.beta1**step)))


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of the examples with the target as largest output: `(batch, classes)`, `(batch,)` to `()`."""
    return (outputs.argmax(-1) == targets).to(outputs.dtype).mean()


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What the networks of a zoo learn from `examples`, and how they are scored on `held_out`.

    `loss` and `score` take one network's outputs and the targets, both `(batch, ...)`, to a scalar, in
    operations that `torch.func.vmap` can batch. Training happens on the device of the examples, in
    minibatches drawn with replacement.
    """

    examples: Examples
    held_out: Examples
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    score: Callable[[Tensor, Tensor], Tensor] = accuracy
    batch_size: int = 32
    optimizer: AdamW = field(default_factory=AdamW)


def train_zoo(
    make_model: Callable[[], nn.Module],
    task: Task,
    hyperparameters: Hyperparameters,
    *,
    at_once: int = 128,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Zoo:
    """Trains and scores one network for each entry of `hyperparameters`.

    `make_model` makes a network with parameters from torch's global random stream, which is left as it
    was. Networks are trained `at_once` together, those of like training length in one group: this decides
    on speed and memory, not on the result. Buffers are constants: batch normalisation with running
    statistics cannot be trained here. `progress` is called with the number of networks that just did
    a step; its calls add up to the sum of `hyperparameters.steps`.
    """
    seeds = network_seeds(seed, len(hyperparameters))
    longest_first = hyperparameters.steps.argsort(descending=True, stable=True).cpu()
    zoos = [
        _train_group(
            make_model, task, hyperparameters.select(group), seeds[group].tolist(), progress
        )
        for group in longest_first.split(at_once)
    ]
    return _concatenate(zoos).select(longest_first.argsort())


def network_seeds(seed: int, networks: int) -> Tensor:
    """The seed of each network, `(networks,)`: of its initial parameters and of its `draw_batches`."""
    stream = torch.Generator().manual_seed(seed)
    return torch.randint(2**62, (networks,), generator=stream)


def draw_batches(
    seed: int, examples: int, batch_size: int, data_share: float, label_noise: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """The minibatches of one network without end, `STEPS_PER_DRAW` at a time.

    Yields the numbers of the examples whose inputs are shown, and of those whose targets are, both
    `(STEPS_PER_DRAW, batch_size)`, drawn with replacement from the network's share.
    """
    stream = torch.Generator().manual_seed(seed)
    share = torch.randperm(examples, generator=stream)[: max(1, round(data_share * examples))]
    strangers = torch.randint(examples, share.shape, generator=stream)
    mistaken = torch.rand(share.shape, generator=stream) < label_noise
    shown = torch.where(mistaken, strangers, share)
    while True:
        drawn = torch.randint(len(share), (STEPS_PER_DRAW, batch_size), generator=stream)
        yield share[drawn], shown[drawn]


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Networks trained together, those with the most steps first."""

    tensors: dict[str, Trained]
    buffers: Weights
    rates: Tensor
    decays: Tensor

    @property
    def parameters(self) -> Weights:
        return {name: tensor.weight for name, tensor in self.tensors.items()}

    def first(self, networks: int) -> _Group:
        return _Group(
            {name: tensor.first(networks) for name, tensor in self.tensors.items()},
            {name: buffer[:networks] for name, buffer in self.buffers.items()},
            self.rates[:networks],
            self.decays[:networks],
        )


def _train_group(
    make_model: Callable[[], nn.Module],
    task: Task,
    hyperparameters: Hyperparameters,
    seeds: list[int],
    progress: Callable[[int], object] | None,
) -> Zoo:
    """Trains networks that come with falling `steps`, and scores them."""
    models = [_seeded(make_model, seed).to(task.examples.inputs.device) for seed in seeds]
    group = _start(models, hyperparameters)
    gradient = vmap(grad(partial(_measure, models[0], task.loss)))
    batches = _batches_of_all(task, hyperparameters, seeds)
    for step, networks in enumerate(_in_training(hyperparameters.steps), start=1):
        active = group.first(networks)
        inputs, targets = next(batches)
        gradients = gradient(
            active.parameters,
            active.buffers,
            task.examples.inputs[inputs[:networks]],
            task.examples.targets[targets[:networks]],
        )
        for name, tensor in active.tensors.items():
            task.optimizer.update_(tensor, gradients[name], active.rates, active.decays, step)
        if progress is not None:
            progress(networks)
    return Zoo(_weights(group), _scores(models[0], task, group), hyperparameters)


def _seeded(make_model: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_model()


def _start(models: list[nn.Module], hyperparameters: Hyperparameters) -> _Group:
    """Stacks fresh networks, scaled, with moments of zero."""
    parameters, buffers = stack_module_state(models)
    tensors = {}
    for name, parameter in parameters.items():
        scale = _along(hyperparameters.initial_scale, parameter)
        weight = parameter.detach() * scale
        tensors[name] = Trained(weight, torch.zeros_like(weight), torch.zeros_like(weight))
    return _Group(tensors, buffers, hyperparameters.learning_rate, hyperparameters.weight_decay)


def _measure(
    model: nn.Module,
    measure: Callable[[Tensor, Tensor], Tensor],
    parameters: Weights,
    buffers: Weights,
    inputs: Tensor,
    targets: Tensor,
) -> Tensor:
    """The loss or score of one network: `parameters[name]` is `(*shape)`, the result `()`."""
    outputs: Tensor = functional_call(model, (parameters, buffers), (inputs,))
    return measure(outputs, targets)


def _batches_of_all(
    task: Task, hyperparameters: Hyperparameters, seeds: list[int]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The minibatches of `draw_batches` for every network, step by step, both `(networks, batch_size)`."""
    shares, noises = hyperparameters.data_share.tolist(), hyperparameters.label_noise.tolist()
    streams = [
        draw_batches(seed, len(task.examples), task.batch_size, share, noise)
        for seed, share, noise in zip(seeds, shares, noises, strict=True)
    ]
    device = task.examples.inputs.device
    while True:
        inputs, targets = zip(*(next(stream) for stream in streams), strict=True)
        yield from zip(
            torch.stack(inputs, dim=1).to(device),
            torch.stack(targets, dim=1).to(device),
            strict=True,
        )


def _in_training(steps: Tensor) -> Iterator[int]:
    """How many networks do step 1, step 2, ...: `steps` is `(networks,)` and falls."""
    for step in range(int(steps.max())):
        yield int((steps > step).sum())


@torch.no_grad()
def _scores(model: nn.Module, task: Task, group: _Group) -> Tensor:
    score = vmap(partial(_measure, model, task.score), in_dims=(0, 0, None, None))
    scores: Tensor = score(
        group.parameters, group.buffers, task.held_out.inputs, task.held_out.targets
    )
    return scores


def _weights(group: _Group) -> Weights:
    return group.parameters | {
        name: buffer for name, buffer in group.buffers.items() if buffer.is_floating_point()
    }


def _concatenate(zoos: list[Zoo]) -> Zoo:
    by_name = [zoo.hyperparameters.by_name() for zoo in zoos]
    return Zoo(
        {name: torch.cat([zoo.weights[name] for zoo in zoos]) for name in zoos[0].weights},
        torch.cat([zoo.scores for zoo in zoos]),
        Hyperparameters(
            **{name: torch.cat([values[name] for values in by_name]) for name in by_name[0]}
        ),
    )


def _along(values: Tensor, tensor: Tensor) -> Tensor:
    """`values`, `(networks,)`, in the dtype and on the device of a `tensor` that they shall multiply."""
    return values.to(tensor).view(-1, *[1] * (tensor.dim() - 1))
