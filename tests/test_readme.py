"""The README tells the truth: its example compiles, and to the code that it shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

import specc
from specc.api import generate

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def block(language: str) -> str:
    """The first of them."""
    return blocks(language)[0]


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


def test_the_lines_that_use_it_run_and_compile_to_one_graph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "completion", specc.load(block("spec")))
    counter = CompileCounter()
    names: dict[str, Any] = {"counter": counter, "ratings": torch.randn(2, 100, 40, 2)}
    for text in blocks("python")[1:3]:
        exec(text.replace("compile(model)", "compile(model, backend=counter)"), names)
    assert names["prediction"].shape == (2, 100, 40, 1)
    for batch in (1, 2, 5):
        names["fast"](torch.randn(batch, 100, 40, 2))
    assert counter.frame_count == 1


def test_laws_of_materials_turn_with_their_group() -> None:
    laws = specc.load(blocks("spec")[1])
    strain = torch.randn(4, 3, 3, dtype=torch.float64)
    strain = strain + strain.mT
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    turned = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q
    for law, turn in ((laws.Isotropic, turned), (laws.Crystal, quarter)):
        stress = law(dtype=torch.float64)
        torch.testing.assert_close(stress(turn @ strain @ turn.T), turn @ stress(strain) @ turn.T)


def test_a_traced_model_is_read_as_shown(tmp_path: Path) -> None:
    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.a, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.stem(x)
            return self.head(torch.relu(h + self.a(torch.relu(h))))  # type: ignore[no-any-return]

    module = ResNet()
    names: dict[str, Any] = {"specc": specc, "module": module, "inputs": [torch.randn(5, 3)]}
    exec(blocks("python")[3], names)
    (tmp_path / "net.spec").write_text(names["traced"].spec(), encoding="utf-8")
    (tmp_path / "models.spec").write_text(blocks("spec")[2], encoding="utf-8")
    weights, _ = torch.func.stack_module_state([module, ResNet()])
    assert specc.load(tmp_path / "models.spec").Accuracy()(weights).shape == (2, 1)


def test_it_opens_with_two_commands() -> None:
    commands = blocks("sh")
    assert "specs/digits/run.py" in commands[0]
    assert "pytest" in commands[1]
