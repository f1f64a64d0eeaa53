"""Ways to predict a network's test accuracy from its weights: one trainer for all that are networks.

The baselines see what ours sees, trained on the same split: statistics of each weight tensor with trees
or kernels, a multilayer perceptron on the flattened weights, and a Deep Set that pools each tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from specc_runtime.zoo import Weights, Zoo
from torch import Tensor, nn
from torch.nn import functional as F

QUANTILES = torch.tensor([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])


class Regressor(Protocol):
    """What a scikit-learn regressor does."""

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.float32]) -> object: ...

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]: ...


class Predictor(Protocol):
    """Learns accuracies from one zoo and predicts those of another, `(networks,)`."""

    def predict(self, known: Zoo, unknown: Zoo, seed: int) -> Tensor: ...


@dataclass(frozen=True)
class FromStatistics:
    """A scikit-learn regressor on the mean, standard deviation and quantiles of every weight tensor."""

    regressor: Callable[[int], Regressor]

    def predict(self, known: Zoo, unknown: Zoo, seed: int) -> Tensor:
        regressor = self.regressor(seed)
        regressor.fit(statistics(known.weights).numpy(), known.scores.numpy())
        return torch.from_numpy(regressor.predict(statistics(unknown.weights).numpy()))


def statistics(weights: Weights) -> Tensor:
    """Nine numbers for each tensor: `(networks, 9 * tensors)`."""
    columns = []
    for weight in weights.values():
        entries = weight.flatten(1)
        columns += [entries.mean(1), entries.std(1), *entries.quantile(QUANTILES, dim=1)]
    return torch.stack(columns, dim=1)


@dataclass(frozen=True)
class Training:
    """How a predictor that is a network learns: AdamW under a one-cycle schedule."""

    learning_rate: float
    weight_decay: float
    epochs: int
    batch_size: int


@dataclass(frozen=True)
class FromNetwork:
    """A network that reads weights `(networks, *shape)` by name and returns `(networks, 1)`."""

    make: Callable[[], nn.Module]
    training: Training
    progress: Callable[[int], object] | None = None
    permute: bool = False

    def predict(self, known: Zoo, unknown: Zoo, seed: int) -> Tensor:
        torch.manual_seed(seed)
        network = self.make()
        deviations = {name: weight.std() for name, weight in known.weights.items()}
        mean, deviation = known.scores.mean(), known.scores.std()
        learn(
            network,
            standardised(known.weights, deviations),
            (known.scores - mean) / deviation,
            self.training, self.progress, self.permute
        )
        network.eval()
        with torch.no_grad():
            weights = standardised(unknown.weights, deviations)
            batches = torch.arange(len(unknown)).split(64)
            outputs = [network(select(weights, batch)).squeeze(1) for batch in batches]
        return torch.cat(outputs) * deviation + mean


def learn(
    network: nn.Module, weights: Weights, targets: Tensor, training: Training,
    progress: Callable[[int], object] | None, permute,
) -> None:
    """Least squares; `targets` is `(networks,)`."""
    batches_per_epoch = -(-len(targets) // training.batch_size)
    optimizer = torch.optim.AdamW(
        network.parameters(), training.learning_rate, (0.9, 0.99), weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, training.epochs * batches_per_epoch, pct_start=0.15
    )
    for batch in shuffled(len(targets), training):
        w = select(weights, batch)
        if permute: w = permuted(w)
        loss = F.mse_loss(network(w).squeeze(1), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if progress is not None:
            progress(len(batch))

def permuted(w):
    p=torch.randperm(w["fc1.bias"].shape[1])
    return {"fc1.weight":w["fc1.weight"][:,p],"fc1.bias":w["fc1.bias"][:,p],"fc2.weight":w["fc2.weight"][:,:,p],"fc2.bias":w["fc2.bias"]}

def shuffled(networks: int, training: Training) -> Iterator[Tensor]:
    """Minibatches of network numbers, epoch after epoch."""
    for _ in range(training.epochs):
        yield from torch.randperm(networks).split(training.batch_size)


def standardised(weights: Weights, deviations: Weights) -> Weights:
    """Each tensor divided by one number, its standard deviation over the networks learned from."""
    return {name: weight / deviations[name] for name, weight in weights.items()}


def select(weights: Weights, chosen: Tensor) -> Weights:
    return {name: weight[chosen] for name, weight in weights.items()}


class FlatPerceptron(nn.Module):
    """A multilayer perceptron on all weights as one vector."""

    def __init__(self, entries: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in [entries] + [width] * (depth - 1):
            layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, weights: Weights) -> Tensor:
        output: Tensor = self.layers(torch.cat([w.flatten(1) for w in weights.values()], dim=1))
        return output


class DeepSet(nn.Module):
    """Each tensor's entries as a set: a perceptron on every entry, the mean, a perceptron on the means."""

    def __init__(self, names: tuple[str, ...], width: int) -> None:
        super().__init__()
        self.names = names
        self.entry = nn.ModuleList(
            nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
            for _ in names
        )
        self.whole = nn.Sequential(nn.Linear(width * len(names), 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, weights: Weights) -> Tensor:
        means = [
            entry(weights[name].flatten(1).unsqueeze(2)).mean(1)
            for name, entry in zip(self.names, self.entry, strict=True)
        ]
        output: Tensor = self.whole(torch.cat(means, dim=1))
        return output
