"""Networks trained together against the same networks trained one by one with `torch.optim`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from specc_runtime.zoo import (
    STEPS_PER_DRAW,
    AdamW,
    Examples,
    Hyperparameters,
    Task,
    Zoo,
    accuracy,
    draw_batches,
    network_seeds,
    train_zoo,
)


class Network(nn.Module):
    shift: Tensor
    order: Tensor

    def __init__(self, inputs: int = 6, outputs: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, 5, dtype=torch.float64)
        self.second = nn.Linear(5, outputs, dtype=torch.float64)
        self.register_buffer("shift", torch.rand(5, dtype=torch.float64))
        self.register_buffer("order", torch.arange(5).flip(0))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(torch.tanh(self.first(x) + self.shift)[..., self.order])
        return y


def classes(examples: int, inputs: int = 6) -> Examples:
    stream = torch.Generator().manual_seed(examples)
    points = torch.randn(examples, inputs, dtype=torch.float64, generator=stream)
    return Examples(points, points[:, :3].argmax(1))


TASK = Task(classes(40), held_out=classes(25), batch_size=7)

STEPS = [3, 2 * STEPS_PER_DRAW + 1, 0, 17, STEPS_PER_DRAW, 17]

VARIED = Hyperparameters(
    learning_rate=torch.tensor([1e-2, 1e-3, 1e-2, 3e-2, 5e-3, 3e-2]),
    weight_decay=torch.tensor([0.0, 0.1, 1.0, 0.01, 0.5, 0.01]),
    steps=torch.tensor(STEPS),
    initial_scale=torch.tensor([1.0, 0.5, 2.0, 1.0, 3.0, 1.0]),
    data_share=torch.tensor([1.0, 0.5, 0.001, 0.2, 0.7, 0.2]),
    label_noise=torch.tensor([0.0, 0.3, 0.0, 1.0, 0.1, 1.0]),
)


def trained_alone(
    task: Task, hyperparameters: Hyperparameters, number: int, seed: int
) -> nn.Module:
    """Network `number` of the zoo, by an ordinary loop."""
    of = {name: values[number].item() for name, values in hyperparameters.by_name().items()}
    own_seed = int(network_seeds(seed, len(hyperparameters))[number])
    torch.manual_seed(own_seed)
    network = Network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(of["initial_scale"])
    rule = task.optimizer
    optimizer = torch.optim.AdamW(
        network.parameters(),
        of["learning_rate"],
        (rule.beta1, rule.beta2),
        rule.epsilon,
        of["weight_decay"],
    )
    draws = draw_batches(
        own_seed, len(task.examples), task.batch_size, of["data_share"], of["label_noise"]
    )
    batches = (batch for draw in draws for batch in zip(*draw, strict=True))
    for _, (inputs, targets) in zip(range(int(of["steps"])), batches, strict=False):
        loss = task.loss(network(task.examples.inputs[inputs]), task.examples.targets[targets])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


@cache
def trained_together(optimizer: AdamW) -> Zoo:
    return train_zoo(Network, replace(TASK, optimizer=optimizer), VARIED, at_once=4, seed=3)


def assert_same(zoo: Zoo, other: Zoo) -> None:
    torch.testing.assert_close(zoo.weights, other.weights, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(zoo.scores, other.scores)


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[f"{steps} steps" for steps in STEPS])
@pytest.mark.parametrize("optimizer", [AdamW(), AdamW(0.5, 0.9, 1e-4)], ids=str)
def test_each_network_is_as_if_trained_alone(number: int, optimizer: AdamW) -> None:
    zoo = trained_together(optimizer)
    task = replace(TASK, optimizer=optimizer)
    alone = trained_alone(task, VARIED, number, seed=3)
    state = {name: value for name, value in alone.state_dict().items() if name != "order"}
    assert zoo.weights.keys() == state.keys()
    for name, weight in zoo.weights.items():
        torch.testing.assert_close(weight[number], state[name], rtol=1e-9, atol=1e-12)
    outputs = alone(task.held_out.inputs)
    torch.testing.assert_close(zoo.scores[number], accuracy(outputs, task.held_out.targets))


def test_targets_may_be_vectors() -> None:
    def curve(examples: int) -> Examples:
        points = torch.linspace(-1, 1, examples, dtype=torch.float64)[:, None].expand(-1, 6)
        return Examples(points, torch.sin(3 * points[:, :3]))

    def fit(outputs: Tensor, targets: Tensor) -> Tensor:
        return -mse_loss(outputs, targets)

    few = VARIED.select(torch.tensor([0]))
    many = replace(few, steps=torch.tensor([300]))
    task = Task(curve(30), curve(50), loss=mse_loss, score=fit)
    before, after = (train_zoo(Network, task, each).scores for each in (few, many))
    assert bool(after > before)


def test_training_helps() -> None:
    steps = torch.tensor([0, 300]).repeat(4)
    same = torch.ones(8)
    hyperparameters = Hyperparameters(same / 100, 0 * same, steps, same, same, 0 * same)
    scores = train_zoo(Network, TASK, hyperparameters).scores
    assert bool(scores[1::2].mean() > scores[::2].mean() + 0.2)


def test_a_seed_decides_all() -> None:
    zoo, again = (train_zoo(Network, TASK, VARIED, seed=1) for _ in range(2))
    torch.testing.assert_close(zoo.weights, again.weights, rtol=0, atol=0)
    assert torch.equal(zoo.scores, again.scores)
    other = train_zoo(Network, TASK, VARIED, seed=2)
    assert not torch.allclose(zoo.weights["first.weight"], other.weights["first.weight"])


def test_equal_hyperparameters_make_different_networks() -> None:
    weights = train_zoo(Network, TASK, VARIED).weights
    assert not torch.allclose(weights["first.weight"][3], weights["first.weight"][5])


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_companions_do_not_matter(at_once: int) -> None:
    together = train_zoo(Network, TASK, VARIED)
    assert_same(train_zoo(Network, TASK, VARIED, at_once=at_once), together)
    first = torch.arange(3)
    assert_same(train_zoo(Network, TASK, VARIED.select(first)), together.select(first))


def test_the_global_random_stream_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train_zoo(Network, TASK, VARIED)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_progress_adds_up() -> None:
    calls: list[int] = []
    train_zoo(Network, TASK, VARIED, at_once=2, progress=calls.append)
    assert sum(calls) == sum(STEPS)


def test_order_and_hyperparameters_are_kept() -> None:
    zoo = train_zoo(Network, TASK, VARIED, at_once=2)
    for name, values in VARIED.by_name().items():
        assert torch.equal(zoo.hyperparameters.by_name()[name], values)
    assert len(zoo) == len(zoo.select(zoo.scores >= 0)) == len(STEPS)


@pytest.mark.parametrize("share, seen", [(0.0, 1), (0.1, 5), (0.5, 25), (1.0, 50)])
def test_a_network_sees_its_share(share: float, seen: int) -> None:
    inputs, targets = next(draw_batches(0, 50, 100, share, label_noise=0.0))
    assert inputs.shape == targets.shape == (STEPS_PER_DRAW, 100)
    assert len(inputs.unique()) == seen
    assert torch.equal(inputs, targets)


def test_noisy_targets_stay_what_they_are() -> None:
    draws = draw_batches(0, 1000, 64, data_share=1.0, label_noise=0.3)
    inputs, targets = (torch.cat(parts) for parts in zip(next(draws), next(draws), strict=True))
    shown = dict(zip(inputs.flatten().tolist(), targets.flatten().tolist(), strict=True))
    assert all(
        shown[example] == target
        for example, target in zip(
            inputs.flatten().tolist(), targets.flatten().tolist(), strict=True
        )
    )
    mistaken = sum(example != target for example, target in shown.items()) / len(shown)
    assert 0.25 < mistaken < 0.35


class Largest(TorchDispatchMode):
    """Notes how many entries the largest tensor has that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = 0

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.entries = max(self.entries, leaf.numel())
        return result


def test_memory_does_not_grow_with_networks_times_examples() -> None:
    task = Task(classes(3000), held_out=classes(20), batch_size=4)
    with Largest() as largest:
        train_zoo(Network, task, VARIED, at_once=2)
    assert 0 < largest.entries < task.examples.inputs.numel()


def test_accuracy_is_the_share_of_hits() -> None:
    outputs = torch.tensor([[0.0, 1.0], [3.0, 2.0], [0.0, 1.0], [0.0, 1.0]])
    assert accuracy(outputs, torch.tensor([1, 0, 1, 0])).item() == 0.75


@pytest.mark.parametrize(
    "change, message",
    [
        ({"steps": torch.tensor([1, 2])}, "expected tensors of one shape"),
        ({"steps": torch.ones(6)}, "expected steps to be integers"),
        ({"steps": torch.tensor([1, 2, 3, 4, 5, -1])}, "expected steps to be integers"),
        ({"data_share": torch.full((6,), 1.5)}, "expected each data_share to be from 0 to 1"),
        ({"label_noise": torch.full((6,), -0.1)}, "expected each label_noise to be from 0 to 1"),
        ({"label_noise": torch.full((6,), torch.nan)}, "expected each label_noise to be from"),
    ],
)
def test_hyperparameters_are_checked(change: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(VARIED, **change)


@pytest.mark.parametrize("inputs, targets", [(3, 2), (0, 0)])
def test_examples_are_checked(inputs: int, targets: int) -> None:
    with pytest.raises(ValueError, match=f"got {inputs} inputs and {targets} targets"):
        Examples(torch.zeros(inputs, 6), torch.zeros(targets))
