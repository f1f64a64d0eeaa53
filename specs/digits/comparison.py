"""Predictors compared on the same networks and the same splits, in a few processes of one thread each."""

from __future__ import annotations

import multiprocessing
import queue
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path

import networks
import torch
from predictors import Predictor
from scipy.stats import kendalltau
from torch import Tensor

KNOWN_SHARE = 0.6  # of the networks; the accuracies of the others are predicted


@dataclass(frozen=True)
class Outcome:
    """What one predictor, trained on one split, said of the networks it did not know."""

    predictor: str
    seed: int
    predicted: Tensor
    true: Tensor
    seconds: float

    @property
    def tau(self) -> float:
        """Kendall's rank correlation of predicted and true accuracies."""
        return float(kendalltau(self.predicted, self.true).statistic)


def compare(
    predictors: Mapping[str, Predictor],
    zoo: Path,
    seeds: range,
    workers: int,
    progress: Callable[[str, float], object],
) -> list[Outcome]:
    """Every predictor on the split of every seed; `progress` is told a name and a share of one seed's work."""
    context = multiprocessing.get_context("spawn")
    reports: Queue[tuple[str, float]] = context.Queue()
    with ProcessPoolExecutor(workers, context, _start_worker, (zoo, reports)) as pool:
        jobs = [
            pool.submit(_judge, name, predictor, seed)
            for name, predictor in predictors.items()
            for seed in seeds
        ]
        waiting = True
        while waiting:
            waiting = bool(wait(jobs, timeout=0.2, return_when=FIRST_EXCEPTION).not_done)
            for name, share in drained(reports): progress(name, share)
    return [job.result() for job in jobs]
