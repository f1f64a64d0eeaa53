"""The networks to be judged: classifiers of scikit-learn's handwritten digits, from good to hopeless."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from specc_runtime.zoo import Examples, Hyperparameters, Task, Zoo

TRAINING_IMAGES = 1000  # the other 797 measure test accuracy


def digits() -> Task:
    """Images `(images, 64)` of values from 0 to 1, and their digits `(images,)`."""
    images, labels = load_digits(return_X_y=True)
    examples = Examples(torch.from_numpy(images).float() / 16, torch.from_numpy(labels))
    shuffled = torch.randperm(len(examples), generator=torch.Generator().manual_seed(0))
    training, test = shuffled.tensor_split([TRAINING_IMAGES])
    return Task(examples.select(training), held_out=examples.select(test))


def spread(networks: int, seed: int) -> Hyperparameters:
    """Hyper-parameters over wide ranges, drawn independently of one another."""
    stream = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(networks, generator=stream)

    def log_uniform(low: float, high: float) -> Tensor:
        return uniform(math.log(low), math.log(high)).exp()

    return Hyperparameters(
        learning_rate=log_uniform(3e-4, 3e-2),
        weight_decay=log_uniform(1e-3, 1.0),
        steps=log_uniform(20, 1000).round().long(),
        initial_scale=log_uniform(0.3, 3.0),
        data_share=log_uniform(0.03, 1.0),
        label_noise=uniform(0.0, 0.8),
    )


def save(zoo: Zoo, path: Path) -> None:
    """Writes a zoo so that `load` reads it again, without pickled code."""
    torch.save((zoo.weights, zoo.scores, zoo.hyperparameters.by_name()), path)


def load(path: Path) -> Zoo:
    """Reads what `save` wrote."""
    weights, scores, hyperparameters = torch.load(path, weights_only=True)
    return Zoo(weights, scores, Hyperparameters(**hyperparameters))
