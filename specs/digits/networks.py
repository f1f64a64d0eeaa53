"""The networks to be judged: classifiers of scikit-learn's handwritten digits, well and badly trained."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from specc_runtime.zoo import Examples, Hyperparameters, Task, Zoo, train_zoo
from torch import Tensor, nn

TRAINING_IMAGES = 1000  # of 1797; the rest measures test accuracy


def digits() -> Task:
    """Images `(images, 64)` with values from 0 to 1, and their digits `(images,)`."""
    images, labels = load_digits(return_X_y=True)
    shuffled = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    examples = Examples(
        torch.from_numpy(images).float()[shuffled] / 16, torch.from_numpy(labels)[shuffled]
    )
    first, rest = torch.arange(len(images)).tensor_split([TRAINING_IMAGES])
    return Task(examples.select(first), held_out=examples.select(rest))


def spread(networks: int, seed: int) -> Hyperparameters:
    """Hyper-parameters drawn independently, nearly all from log-uniform distributions."""
    stream = torch.Generator().manual_seed(seed)

    def log_uniform(low: float, high: float) -> Tensor:
        share = torch.rand(networks, generator=stream)
        return torch.exp(math.log(low) + share * math.log(high / low))

    return Hyperparameters(
        learning_rate=log_uniform(3e-4, 3e-2),
        weight_decay=log_uniform(1e-3, 1.0),
        steps=log_uniform(10, 500).round().long(),
        initial_scale=log_uniform(0.3, 3.0),
        data_share=log_uniform(0.03, 1.0),
        label_noise=torch.rand(networks, generator=stream) / 2,
    )


def train_classifiers(
    classifier: Callable[[], nn.Module],
    hyperparameters: Hyperparameters,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> Zoo:
    """Weights of trained classifiers, with their test accuracies as scores."""
    return train_zoo(classifier, digits(), hyperparameters, seed=seed, progress=progress)
