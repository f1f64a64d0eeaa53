"""How the predictors in `methods.py` were chosen: 16 configurations of each, on a zoo of its own.

None of the networks that `run.py` judges is looked at. About half an hour on two cores.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean

import run
import torch
from comparison import compare
from methods import DEEP_SET, FLAT, OURS, STATISTICS
from predictors import DeepSet, FlatPerceptron, Ours, Predictor, Statistics, Training
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestRegressor,
)

ZOO_SEED = 1  # `run.py` takes 0
SEEDS = (0, 1)


def candidates(module: Path) -> dict[str, list[Predictor]]:
    """By name; `module` is what specc made of the spec."""
    return {
        OURS: [
            Ours(Training(rate, decay, epochs=40, batch_size=batch), module)
            for rate, decay, batch in product((2e-3, 4e-3, 7e-3, 1e-2), (0.01, 0.3), (8, 16))
        ],
        DEEP_SET: [
            DeepSet(Training(rate, decay, epochs=60, batch_size=16), width)
            for rate, decay, width in product((1e-3, 3e-3, 6e-3, 1e-2), (0.01, 0.3), (16, 32))
        ],
        FLAT: [
            FlatPerceptron(Training(rate, 0.1, 100, 16), 256, 2, dropout, shuffle)
            for rate, dropout, shuffle in product(
                (3e-4, 1e-3, 3e-3, 1e-2), (0.0, 0.3), (False, True)
            )
        ],
        STATISTICS: [
            *(
                Statistics(ExtraTreesRegressor(500, min_samples_leaf=leaf, max_features=share))
                for leaf, share in product((1, 3, 5), (0.3, 0.5, 1.0))
            ),
            *(
                Statistics(RandomForestRegressor(500, min_samples_leaf=leaf, max_features=0.3))
                for leaf in (1, 3, 5)
            ),
            *(
                Statistics(
                    GradientBoostingRegressor(
                        n_estimators=count, learning_rate=0.05, max_depth=depth, subsample=0.5
                    )
                )
                for count, depth in product((100, 300), (3, 5))
            ),
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=1000, help="classifiers to train")
    parser.add_argument("--workers", type=int, default=2, help="processes to run at a time")
    parser.add_argument("--output", type=Path, default=Path("build/digits-tuning"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(arguments.workers)
    settings = run.Settings(
        arguments.networks, len(SEEDS), arguments.workers, quick=False, output=arguments.output
    )
    console = Console()
    with Progress(console=console) as bars:
        module = run.build(settings, bars)
        zoo = run.train_classifiers(module, settings, bars, seed=ZOO_SEED)
        numbered = {
            f"{name} {number}": predictor
            for name, predictors in candidates(module).items()
            for number, predictor in enumerate(predictors)
        }
        bar = bars.add_task("try them", total=len(numbered) * len(SEEDS))
        outcomes = compare(
            numbered,
            zoo,
            SEEDS,
            arguments.workers,
            lambda _, share: bars.advance(bar, share),
        )
    taus = {name: fmean(o.tau for o in outcomes if o.predictor == name) for name in numbered}
    table = Table("tau", "configuration", title=f"Mean over {len(SEEDS)} splits, best first")
    for name in sorted(taus, key=taus.__getitem__, reverse=True):
        table.add_row(f"{taus[name]:.3f}", described(numbered[name]))
    console.print(table)


def described(predictor: Predictor) -> str:
    """A predictor's fields, without the path of the generated module."""
    return repr(replace(predictor, module=Path()) if isinstance(predictor, Ours) else predictor)


if __name__ == "__main__":
    main()
