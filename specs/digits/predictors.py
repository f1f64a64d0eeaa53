"""Four ways to predict the test accuracy of networks from their weights, one trainer for all that learn.

Ours is the model `Accuracy` of the spec. The baselines: statistics of every weight tensor with a
scikit-learn regressor, a perceptron on the flattened weights, and a Deep Set of each tensor's entries.
"""

from __future__ import annotations

import importlib.util
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

import torch
from sklearn.base import RegressorMixin, clone
from torch import Tensor, nn
from torch.nn import functional as F

from specc_runtime.zoo import Weights, Zoo

QUANTILES = torch.tensor([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])

Report = Callable[[float], object]
"""Is told what share of the work was just done."""


class Predictor(Protocol):
    """Learns from networks of known accuracy and predicts that of others, `(networks,)`."""

    def predict(self, known: Zoo, unknown: Zoo, seed: int, report: Report) -> Tensor: ...


@dataclass(frozen=True)
class Statistics:
    """Mean, deviation and quantiles of each tensor, read by a scikit-learn regressor."""

    regressor: RegressorMixin

    def predict(self, known: Zoo, unknown: Zoo, seed: int, report: Report) -> Tensor:
        regressor = clone(self.regressor)
        if "random_state" in regressor.get_params():
            regressor.set_params(random_state=seed)
        regressor.fit(statistics(known.weights).numpy(), known.scores.numpy())
        report(1.0)
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
    """How a network learns to predict: AdamW with one cycle of learning rates and clipped gradients."""

    learning_rate: float
    weight_decay: float
    epochs: int
    batch_size: int


@dataclass(frozen=True)
class NetworkPredictor(ABC):
    """A network that takes weights, by name `(networks, *shape)`, to `(networks, 1)`."""

    training: Training

    @abstractmethod
    def make(self, weights: Weights) -> nn.Module:
        """A fresh network for weights of these shapes."""

    def predict(self, known: Zoo, unknown: Zoo, seed: int, report: Report) -> Tensor:
        torch.manual_seed(seed)
        network = self.make(known.weights)
        scales = {name: weight.std() for name, weight in known.weights.items()}
        mean, deviation = known.scores.mean(), known.scores.std()
        targets = (known.scores - mean) / deviation
        learn(network, divided(known.weights, scales), targets, self.training, report)
        network.eval()
        with torch.no_grad():
            parts = torch.arange(len(unknown)).split(64)
            weights = divided(unknown.weights, scales)
            outputs = torch.cat([network(select(weights, part)) for part in parts])
        return outputs.squeeze(1) * deviation + mean


def learn(
    network: nn.Module, weights: Weights, targets: Tensor, training: Training, report: Report
) -> None:
    """Fits `network` to `targets`, `(networks,)`, by least squares."""
    optimizer = torch.optim.AdamW(
        network.parameters(), betas=(0.9, 0.99), weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=training.learning_rate,
        epochs=training.epochs,
        steps_per_epoch=math.ceil(len(targets) / training.batch_size),
        pct_start=0.15,
        cycle_momentum=False,
    )
    for _ in range(training.epochs):
        for batch in torch.randperm(len(targets)).split(training.batch_size):
            loss = F.mse_loss(network(select(weights, batch)).squeeze(1), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        report(1 / training.epochs)


def divided(weights: Weights, scales: Weights) -> Weights:
    """Each tensor over one number of its own, `scales[name]`."""
    return {name: weight / scales[name] for name, weight in weights.items()}


def select(weights: Weights, chosen: Tensor) -> Weights:
    """The weights of some of the networks."""
    return {name: weight[chosen] for name, weight in weights.items()}


@dataclass(frozen=True)
class Ours(NetworkPredictor):
    """The model `Accuracy` of a module that specc generated."""

    module: Path

    def make(self, weights: Weights) -> nn.Module:
        network: nn.Module = import_module(self.module).Accuracy()
        return network


def import_module(path: Path) -> ModuleType:
    """The Python module in a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class FlatPerceptron(NetworkPredictor):
    """A perceptron on all weights as one vector, their hidden units shuffled while it learns or not."""

    width: int
    depth: int
    dropout: float
    shuffle: bool

    def make(self, weights: Weights) -> nn.Module:
        entries = sum(weight[0].numel() for weight in weights.values())
        layers: list[nn.Module] = [FlattenWeights(self.shuffle)]
        for width in [entries] + [self.width] * (self.depth - 1):
            layers += [nn.Linear(width, self.width), nn.ReLU(), nn.Dropout(self.dropout)]
        return nn.Sequential(*layers, nn.Linear(self.width, 1))


class FlattenWeights(nn.Module):
    """A classifier's weights as vectors `(networks, entries)`.

    With `shuffle`, each minibatch in training meets the hidden units in another order: the symmetry that
    ours has by construction, as augmentation.
    """

    def __init__(self, shuffle: bool) -> None:
        super().__init__()
        self.shuffle = shuffle

    def forward(self, weights: Weights) -> Tensor:
        if self.shuffle and self.training:
            order = torch.randperm(weights["fc1.bias"].shape[1])
            weights = weights | {
                "fc1.weight": weights["fc1.weight"][:, order],
                "fc1.bias": weights["fc1.bias"][:, order],
                "fc2.weight": weights["fc2.weight"][:, :, order],
            }
        return torch.cat([weight.flatten(1) for weight in weights.values()], dim=1)


@dataclass(frozen=True)
class DeepSet(NetworkPredictor):
    """Each tensor's entries as a set: a perceptron on every entry, their mean, a perceptron on all means."""

    width: int

    def make(self, weights: Weights) -> nn.Module:
        return PooledEntries(list(weights), self.width)


class PooledEntries(nn.Module):
    """The network of `DeepSet`."""

    def __init__(self, names: list[str], width: int) -> None:
        super().__init__()
        self.names = names
        self.each = nn.ModuleList(
            nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
            for _ in names
        )
        self.all = nn.Sequential(
            nn.Linear(width * len(names), 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )

    def forward(self, weights: Weights) -> Tensor:
        means = [
            each(weights[name].flatten(1).unsqueeze(2)).mean(1)  # (networks, width)
            for name, each in zip(self.names, self.each, strict=True)
        ]
        output: Tensor = self.all(torch.cat(means, dim=1))
        return output
