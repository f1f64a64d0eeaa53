"""Predicts from their weights alone how well networks do: the digits spec, from its text to a table.

Builds `digits.spec`, trains many of its `Classifier`s, lets its `Accuracy` and three baselines learn from
the weights of some of them, and compares how well each ranks the others.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must not spin

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import networks
import torch
from comparison import Outcome, compare
from methods import shortened, tuned
from predictors import import_module
from report import plot, table
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

import specc
from specc_runtime.zoo import train_zoo

SPEC = Path(__file__).with_name("digits.spec")
WIDTH = 16  # channels of `Accuracy`


@dataclass(frozen=True)
class Settings:
    """What the command line asks for."""

    networks: int
    seeds: int
    workers: int
    quick: bool
    output: Path


def main() -> None:
    settings = parse_settings()
    settings.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.workers)
    console = Console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    start = time.perf_counter()
    with Progress(*columns, console=console) as bars:
        module = build(settings, bars)
        zoo = train_classifiers(module, settings, bars)
        outcomes = train_predictors(module, zoo, settings, bars)
    picture = plot(outcomes, settings.output / "predicted.png")
    console.print(table(outcomes))
    console.print(f"{time.perf_counter() - start:.0f} s in all. Plot: {picture}", soft_wrap=True)


def parse_settings() -> Settings:
    parser = argparse.ArgumentParser(description="Predict networks' accuracies from their weights.")
    parser.add_argument("--networks", type=int, default=1000, help="classifiers to train")
    parser.add_argument("--seeds", type=int, default=5, help="splits, and starts, to average over")
    parser.add_argument("--workers", type=int, default=2, help="processes to run at a time")
    parser.add_argument("--quick", action="store_true", help="far too short, to see that it runs")
    parser.add_argument("--output", type=Path, default=Path("build/digits"), help="folder to fill")
    return Settings(**vars(parser.parse_args()))


def build(settings: Settings, bars: Progress) -> Path:
    """Compiles the spec to a Python module and returns its path."""
    bar = bars.add_task(f"build {SPEC.name}", total=1)
    (module,) = specc.build(SPEC, out=settings.output, width=WIDTH)
    bars.advance(bar)
    return module


def train_classifiers(module: Path, settings: Settings, bars: Progress, seed: int = 0) -> Path:
    """Trains the zoo and returns the path of the file that holds it."""
    count = 100 if settings.quick else settings.networks
    hyperparameters = networks.spread(count, seed)
    bar = bars.add_task(f"train {count} classifiers", total=int(hyperparameters.steps.sum()))
    zoo = train_zoo(
        import_module(module).Classifier,
        networks.digits(),
        hyperparameters,
        progress=lambda steps: bars.advance(bar, steps),
    )
    path = settings.output / "zoo.pt"
    networks.save(zoo, path)
    return path


def train_predictors(module: Path, zoo: Path, settings: Settings, bars: Progress) -> list[Outcome]:
    """Lets every predictor learn, on the same split for each seed."""
    predictors = tuned(module)
    if settings.quick:
        predictors = {name: shortened(predictor) for name, predictor in predictors.items()}
    seeds = range(2 if settings.quick else settings.seeds)
    tasks = {name: bars.add_task(name, total=len(seeds)) for name in predictors}
    return compare(
        predictors,
        zoo,
        seeds,
        settings.workers,
        lambda name, share: bars.advance(tasks[name], share),
    )


if __name__ == "__main__":
    main()
