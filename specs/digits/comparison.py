"""Predictors compared on the same networks and the same splits, in processes of one thread each."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import networks
import torch
from predictors import Predictor
from scipy.stats import kendalltau
from torch import Tensor

KNOWN_SHARE = 0.6  # of the networks; the accuracies of the others are to be predicted


@dataclass(frozen=True)
class Outcome:
    """What a predictor that learned from one split says of the networks it does not know."""

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
    seeds: Sequence[int],
    workers: int,
    progress: Callable[[str, float], object],
) -> list[Outcome]:
    """Every predictor on the split of every seed; the order of outcomes is that of the arguments.

    `progress` is called with a predictor's name and the share of one seed's work that was just done.
    """
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(workers, context) as pool:
        reports = manager.Queue()
        jobs = [
            pool.submit(_judge, name, predictor, zoo, seed, reports)
            for name, predictor in predictors.items()
            for seed in seeds
        ]
        unfinished = set(jobs)
        while unfinished:
            finished, unfinished = wait(unfinished, 0.2, FIRST_COMPLETED)
            for job in finished:
                job.result()  # raises what the worker raised
            while not reports.empty():
                progress(*reports.get())
        return [job.result() for job in jobs]


def _judge(
    name: str, predictor: Predictor, zoo: Path, seed: int, reports: Queue[tuple[str, float]]
) -> Outcome:
    torch.set_num_threads(1)
    start = time.perf_counter()
    judged = networks.load(zoo)
    shuffled = torch.randperm(len(judged), generator=torch.Generator().manual_seed(seed))
    known, unknown = shuffled.tensor_split([round(KNOWN_SHARE * len(judged))])
    predicted = predictor.predict(
        judged.select(known), judged.select(unknown), seed, lambda share: reports.put((name, share))
    )
    return Outcome(name, seed, predicted, judged.scores[unknown], time.perf_counter() - start)
