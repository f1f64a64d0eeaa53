"""On random networks nothing that tracing finds changes the function, and it finds something."""

from __future__ import annotations

import pytest
import torch
from random_networks import BATCH, RandomNetwork

from specc.tracing.trace import infer
from specc.tracing.verify import verify
from specc.types import axes_of


def free_groups(seed: int, steps: int) -> int:
    """The number of free groups that were found; AssertionError where one changes the function."""
    network, inputs = RandomNetwork(seed, steps), (torch.randn(BATCH, 4),)
    space = infer(network, inputs, {}, "Net").space
    finding = verify(space, network, inputs, {})
    assert finding.ok, f"seed {seed}: {finding}"
    return len({a.name for a in axes_of(space) if not a.pinned and a.size > 1})


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_what_is_found_leaves_the_function_unchanged(start: int) -> None:
    found = [free_groups(seed, 9) for seed in range(start, start + 20)]
    assert sum(found) > 2 * len(found)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 1600, 100))
def test_what_is_found_in_long_networks_leaves_the_function_unchanged(start: int) -> None:
    for seed in range(start, start + 100):
        free_groups(seed, 16)
