"""The predictors as `tune.py` chose them: for each the best of 16 configurations on a zoo of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from predictors import (
    DeepSet,
    FlatPerceptron,
    NetworkPredictor,
    Ours,
    Predictor,
    Statistics,
    Training,
)
from sklearn.ensemble import ExtraTreesRegressor

OURS = "specc: Accuracy"
DEEP_SET = "Deep Set of each tensor"
FLAT = "perceptron on flat weights"
STATISTICS = "weight statistics, trees"


def tuned(module: Path) -> dict[str, Predictor]:
    """By name; `module` is what specc made of the spec."""
    return {
        OURS: Ours(Training(7e-3, 0.01, epochs=40, batch_size=8), module),
        DEEP_SET: DeepSet(Training(6e-3, 0.01, epochs=60, batch_size=16), width=16),
        FLAT: FlatPerceptron(
            Training(1e-3, 0.1, epochs=100, batch_size=16),
            width=256,
            depth=2,
            dropout=0.0,
            shuffle=True,
        ),
        STATISTICS: Statistics(ExtraTreesRegressor(n_estimators=500, min_samples_leaf=3)),
    }


def shortened(predictor: Predictor) -> Predictor:
    """The same with two epochs of training, where it has any: to see that all runs."""
    if isinstance(predictor, NetworkPredictor):
        return replace(predictor, training=replace(predictor.training, epochs=2))
    return predictor
