"""What a comparison found: a table for the terminal, a plot for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from comparison import Outcome
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from methods import OURS
from rich.table import Table


def table(outcomes: Sequence[Outcome]) -> Table:
    """Each predictor's Kendall's tau, and how far ours is ahead of it on the same splits."""
    by_name = grouped(outcomes)
    ours = [outcome.tau for outcome in by_name[OURS]]
    rows = Table(
        title=f"Test accuracy of {len(outcomes[0].true)} networks, predicted from their weights",
        caption=f"mean and standard deviation over {len(ours)} seeds",
    )
    rows.add_column("predictor")
    for heading in ("Kendall's tau", "ours ahead by", "s per seed"):
        rows.add_column(heading, justify="right")
    for name, theirs in by_name.items():
        taus = [outcome.tau for outcome in theirs]
        ahead = [our - their for our, their in zip(ours, taus, strict=True)]
        rows.add_row(
            name,
            with_spread(taus),
            "" if name == OURS else with_spread(ahead),
            f"{fmean(outcome.seconds for outcome in theirs):.0f}",
        )
    return rows


def plot(outcomes: Sequence[Outcome], path: Path) -> Path:
    """Predicted against true accuracies of the first seed, a panel for each predictor; writes a PNG."""
    by_name = grouped(outcomes)
    figure = Figure(figsize=(3.2 * len(by_name), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(by_name), sharex=True, sharey=True)
    for panel, (first, *_) in zip(panels, by_name.values(), strict=True):
        draw(panel, first)
    panels[0].set_ylabel("predicted test accuracy")
    figure.savefig(path, dpi=150)
    return path


def draw(panel: Axes, outcome: Outcome) -> None:
    """One point for each network, and the line of perfect prediction."""
    panel.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    panel.scatter(outcome.true, outcome.predicted, s=6, alpha=0.6, linewidths=0)
    panel.set_title(f"{outcome.predictor}\ntau {outcome.tau:.2f}", fontsize=10)
    panel.set_xlabel("true test accuracy")
    panel.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")


def grouped(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """By predictor, in the order in which they come."""
    by_name: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_name.setdefault(outcome.predictor, []).append(outcome)
    return by_name


def with_spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    return f"{fmean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"
