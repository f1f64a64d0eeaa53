"""`specc trace`, and `check` and `verify` of a space against the model whose weights it is of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from specc.terminal.cli import MISTAKE, main

MODEL = """\
import torch
from torch import nn


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.fc1, self.fc2 = nn.Embedding(9, 4), nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, ids, scale=None):
        x = self.fc2(torch.relu(self.fc1(self.embed(ids).mean(1))))
        return x if scale is None else x * scale


def perceptron():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def with_inputs():
    return perceptron(), (torch.randn(5, 3),)


def fails():
    return 1 // 0


number = 3
"""

INPUT = ("--input", "f32[5, 3]")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def test_a_summary_follows_the_specification(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "models.py:perceptron", *INPUT, "-o", "net.spec"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:5] == [
        "Sequential  4 tensors, 1 free group, 2 pinned axes",
        "",
        "free",
        "  axis     group  moves (tensor:dimension)",
        "  layer_0  S(4)   0.weight:0, 0.bias:0, 2.weight:1",
    ]
    words = [" ".join(line.split()) for line in told]
    assert "layer_2 2 an output of the model 2; a layer behind it would free it" in words
    assert told[-1].startswith("verified: 3 random elements change the outputs by ")
    text = (folder / "net.spec").read_text(encoding="utf-8")
    assert text.endswith(
        """
axis layer_0 = S(4)
axis layer_0_in = 3  # an input of the model (`input`)
axis layer_2 = 2     # an output of the model (2)

space Sequential {
    "0.weight": [layer_0, layer_0_in]
    "0.bias": [layer_0]
    "2.weight": [layer_2, layer_0]
    "2.bias": [layer_2]
}
"""
    )


def test_without_a_file_the_specification_is_printed_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["trace", "models.py:with_inputs", "--name", "Net"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("# The weights of `Net`, traced: 1 free group.\n")
    assert "space Net {" in told.out
    assert told.err.startswith("Net  4 tensors")


def test_as_data(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    arguments = [
        "trace",
        "models.py:Words",
        "--input",
        "ids=i64[2, 5; index 9]",
        "--format",
        "json",
    ]
    assert main([*arguments, "--input", "scale=f32[2, 1]", "-o", "words.spec"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [group["axis"] for group in record["groups"]] == ["embed", "fc1"]
    assert record["tensors"]["embed.weight"] == ["embed_rows", "embed"]
    assert record["verification"]["deviation"] < 1e-12
    assert (folder / "words.spec").exists()


def test_layers_that_are_alike_share_a_row(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    text = "\nstack = nn.Sequential(nn.Linear(3, 4), *[nn.Linear(4, 4) for _ in range(6)])\n"
    (folder / "models.py").write_text(MODEL + text, encoding="utf-8")
    assert main(["trace", "models.py:stack", *INPUT, "-o", "net.spec"]) == 0
    assert "  layer_*  S(4) x 6  *.weight:0, *.bias:0, *.weight:1" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["git-rebasin", "unf", "spec"])
def test_every_form_is_read_again(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = "net.spec" if form == "spec" else "net.json"
    given = ["models.py:perceptron", *INPUT]
    assert main(["trace", *given, "-o", name, "--as", form]) == 0
    assert main(["check", "--spec", name, "--model", *given]) == 0
    assert main(["verify", name, "--model", *given]) == 0
    said = capsys.readouterr().out.splitlines()[-2:]
    assert all(line.startswith(f"ok  {name}: random elements change") for line in said)


def test_a_wrong_specification_fails_and_its_group_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"perm_to_axes": {"P_0": [["0.weight", 0], ["2.weight", 1]]}}
    (folder / "other.json").write_text(json.dumps(wrong))
    given = ["models.py:perceptron", *INPUT]
    assert main(["check", "--spec", "other.json", "--model", *given]) == MISTAKE
    told = capsys.readouterr().out
    assert told.startswith("wrong  other.json: random elements change the outputs by ")
    assert "alone `P_0` (S(4)) by " in told


def test_what_a_form_cannot_say_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    text = "\nlayer = nn.TransformerEncoderLayer(8, 2, 6, batch_first=True)\n"
    (folder / "models.py").write_text(MODEL + text, encoding="utf-8")
    arguments = [
        "trace",
        "models.py:layer",
        "--input",
        "f32[2, 5, 8]",
        "-o",
        "net.json",
        "--as",
        "unf",
    ]
    assert main(arguments) == 0
    assert (
        "note: unf cannot say 3 of the free groups, which are pinned there: "
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models.py:perceptrn", *INPUT], "`models.py` has no `perceptrn`"),
        (["models.py:number", *INPUT], "`models.py:number` is no model, and cannot be called"),
        (["models.py:fails", *INPUT], "`models.py:fails()` fails with ZeroDivisionError"),
        (["other.py:make", *INPUT], "there is no file `other.py`"),
        (["no_such_module:make", *INPUT], "`no_such_module` cannot be imported"),
        (["perceptron", *INPUT], "`perceptron` names no model"),
        (["models.py:perceptron"], "the model needs inputs"),
        (["models.py:perceptron", "--input", "f33[5, 3]"], "there is no dtype `f33`"),
        (["models.py:perceptron", "--input", "[5, 3"], "`[5, 3` is no input"),
        (["models.py:perceptron", "--input", "f32[5; index 3]"], "only integers have an index"),
        (
            ["models.py:perceptron", "--input", "f32[5, 4]"],
            "torch.export cannot capture this model",
        ),
    ],
)
def test_a_mistake_is_a_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert main(["trace", *arguments, "-o", "net.spec"]) == MISTAKE
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert not (folder / "net.spec").exists()


def test_checks_need_both_a_space_and_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--spec", "net.spec"]) == MISTAKE
    assert (
        "`--spec FILE` and `--model package.module:factory` go together" in capsys.readouterr().err
    )
    assert main(["check"]) == MISTAKE
    assert "nothing to check" in capsys.readouterr().err


def test_the_space_of_a_file_is_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "two.spec").write_text(
        'axis a = S(4)\nspace Right { "0.weight": [a, 3] "0.bias": [a] "2.weight": [2, a] "2.bias": [2] }\n'
        'space Wrong { "0.weight": [a, 3] "0.bias": [4] "2.weight": [2, a] "2.bias": [2] }\n'
    )
    given = ["--model", "models.py:perceptron", *INPUT]
    assert main(["verify", "two.spec", "Right", *given]) == 0
    assert main(["verify", "two.spec", "Wrong", *given]) == MISTAKE
    assert main(["verify", "two.spec", *given]) == MISTAKE
    assert "two.spec declares several spaces" in capsys.readouterr().err


def test_groups_of_different_sizes_are_told_apart(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "models.py").write_text(
        "from torch import nn\n\n"
        "def pyramid():\n"
        "    sizes = [(3, 4), (4, 4), (4, 4), (4, 8), (8, 2)]\n"
        "    return nn.Sequential(*(nn.Sequential(nn.Linear(*s), nn.Tanh()) for s in sizes))\n"
    )
    assert main(["trace", "models.py:pyramid", *INPUT, "-o", "net.spec"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[3:6] == [
        "  axis       group     moves (tensor:dimension)",
        "  layer_*_0  S(4) x 3  *.0.weight:0, *.0.bias:0, *.0.weight:1",
        "  layer_3_0  S(8)      3.0.weight:0, 3.0.bias:0, 4.0.weight:1",
    ]
