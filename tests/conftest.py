"""Settings of the test session, made before numpy and torch are imported."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Small matrices on shared cores: waiting threads cost 50 times the arithmetic.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# One cache for all tests and runs: a cold start compiles probes of the processor for seconds.
os.environ.setdefault(
    "TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"specc-inductor-{os.getuid()}")
)

# Kernels for GPUs run in Triton's interpreter where there is no GPU; triton reads this when imported.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# How long an example takes says nothing about it: the machine may be busy, or its host.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files instead of comparing them"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def kernels() -> Iterator[None]:
    """Uses the C++ kernels, with two threads."""
    import torch

    from specc_runtime import native

    threads = torch.get_num_threads()
    assert native.enable()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)
    native.disable()


QUICK_SHARE = 16
"""One in so many cases of a grid is a quick test."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the many cases of a `grid` some run always, chosen by their names; the others are slow.

    What compiles for minutes comes first, so that other tests fill the gaps at the end.
    """
    for item in items:
        if item.get_closest_marker("grid") and zlib.crc32(item.nodeid.encode()) % QUICK_SHARE:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: "test_compiled_answers" not in item.name)
