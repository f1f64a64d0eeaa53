"""The README tells the truth: its example compiles, and to the code that it shows."""

from __future__ import annotations

import re
from pathlib import Path

import torch

import specc
from specc.api import generate

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first fenced block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_gives_the_code_that_is_shown() -> None:
    shown = [line for line in block("python").splitlines() if line.strip()]
    lines = generate(block("spec"), {}).splitlines()
    layer = lines[next(i for i, line in enumerate(lines) if line.startswith("class CompletionZ")) :]
    rest = iter(layer)
    missing = [line for line in shown if line not in rest]  # in order, with lines left out between
    assert not missing


def test_the_example_runs_at_its_size_and_at_others() -> None:
    model = specc.load(block("spec")).Completion()
    assert model(torch.randn(2, 100, 40, 2)).shape == (2, 100, 40, 1)
    assert model(torch.randn(2, 7, 5, 2)).shape == (2, 7, 5, 1)


def test_it_opens_with_two_commands() -> None:
    commands = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert "specs/digits/run.py" in commands[0]
    assert "pytest" in commands[1]
