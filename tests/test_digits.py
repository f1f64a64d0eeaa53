"""The digits job from its command line: a short run of all that the long one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.representative
def test_quick_run_prints_the_table_and_saves_the_plot(tmp_path: Path) -> None:
    roots = os.pathsep.join(str(ROOT / root) for root in ("compiler", "grammar", "runtime"))
    finished = subprocess.run(
        [sys.executable, str(ROOT / "specs/digits/run.py"), "--quick", "--output", str(tmp_path)],
        env=os.environ | {"PYTHONPATH": roots, "COLUMNS": "120", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    for cell in ("specc: Accuracy", "Deep Set", "flat weights", "weight statistics", "tau"):
        assert cell in finished.stdout
    assert (tmp_path / "digits.py").read_text().count("class Accuracy(") == 1
    assert (tmp_path / "predicted.png").read_bytes().startswith(b"\x89PNG")
