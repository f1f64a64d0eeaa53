"""`specc bench` and `specc build --aot`: what they measure, write and print, and mistakes with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import specc
from specc.terminal.bench import duration
from specc.terminal.cli import MISTAKE, main
from specc_runtime import load_package

SMALL = """\
param width = 3
axis n = S(4)
axis m = S(2, masked)
model M(x: [n, m; 1], k: [n; index 5]) -> [n; 1] {
    z = relu(equivariant((x, embedding(k, 2)), [n; width]))
    return equivariant(z, 1)
}
model Plain(x: [; 4]) -> [; 2] { return linear(x, 2) }
"""
QUICK = ("--turns", "2", "--threads", "1", "--batch", "2")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a specification, which is where commands are run."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "small.spec").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- bench ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--backward"]])
def test_layers_and_wholes_are_measured(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "small.spec", *QUICK, *options, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in found["models"]] == ["M", "Plain"]
    model, plain = found["models"]
    assert [layer["name"] for layer in model["layers"]] == ["z.equivariant", "equivariant"]
    assert plain["layers"] == [] and plain["whole"]["flops"] == 0
    for timing in (model["whole"], *model["layers"], plain["whole"]):
        assert timing["seconds"] > 0
    for name in ("flops", "bytes"):
        assert model["whole"][name] == sum(layer[name] for layer in model["layers"])
    assert found["batch"] == 2 and found["backward"] == bool(options)
    assert found["machine"]["threads"] == 1


def test_predictions_are_those_of_explain_for_each_of_the_batch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["bench", "small.spec", "M", *QUICK, "--format", "json"])
    (measured,) = json.loads(capsys.readouterr().out)["models"]
    (explained,) = (m for m in specc.explain(Path("small.spec")).models if m.name == "M")
    for timing, layer in zip(measured["layers"], explained.layers, strict=True):
        assert (timing["flops"], timing["bytes"]) == (2 * layer.flops, 2 * layer.bytes)


def test_floor_is_the_longer_of_arithmetic_and_memory(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bench", "small.spec", "M", *QUICK, "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    machine, layer = found["machine"], found["models"][0]["layers"][1]
    numbers = 2 * (4 * 3 + 4 * 1)  # batch * (inputs + outputs)
    longer = max(4 * numbers / machine["bandwidth"], layer["flops"] / machine["peak"])
    assert layer["floor"] == pytest.approx(longer)


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "small.spec", *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["time", "+-", "flops", "bytes", "floor", "x", "floor"]
    assert [line.split()[0] for line in lines[1:4]] == ["M", "z.equivariant", "equivariant"]
    assert "medians of the forward pass, batch 2, float32" in " ".join(lines)


@pytest.mark.slow
@pytest.mark.representative
def test_what_is_compiled_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "small.spec", "M", *QUICK, "--compile", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["compiled"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.234e-5, "12.3 us"), (0.0123456, "12.3 ms"), (9.996e-4, "1 ms"), (75.04, "75 s")],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# --- build --aot ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.parametrize("save", [torch.save, None], ids=["torch", "safetensors"])
def test_packages_hold_the_weights_that_were_given(
    save: Callable[..., None] | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = folder / ("state.pt" if save else "state.safetensors")
    model = specc.load(folder / "small.spec").M()
    if save is None:
        save = pytest.importorskip("safetensors.torch").save_file
    save(model.state_dict(), weights)
    arguments = ["build", "small.spec", "--aot", "--model", "M", "--weights", str(weights)]
    assert main([*arguments, "-o", "built"]) == 0
    assert capsys.readouterr().out.split() == [
        "written", "built/small.M.pt2", "written", "built/small.py",
    ]  # fmt: skip
    assert sorted(path.name for path in (folder / "built").iterdir()) == ["small.M.pt2", "small.py"]
    x, k = torch.randn(3, 4, 2, 1), torch.randint(5, (3, 4))
    torch.testing.assert_close(load_package(folder / "built/small.M.pt2")(x, k), model(x, k))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "M"], "hint: add `--aot`"),
        (["--weights", "state.pt"], "hint: add `--aot`"),
        (["--aot", "--check"], "`--check` and `--show` write nothing"),
        (["--aot", "--show", "graph"], "`--check` and `--show` write nothing"),
        (["--aot", "--model", "N"], "there is no model `N` in small.spec"),
        (["--aot", "--weights", "state.pt"], "the models here are M, Plain"),
        (["--aot", "--model", "M", "--weights", "nowhere.pt"], "there is no file `nowhere.pt`"),
        (["--aot", "--model", "M", "--weights", "small.spec"], "small.spec cannot be read"),
        (["--aot", "--model", "M", "--weights", "list.pt"], "list.pt holds no state_dict"),
        (["--aot", "--model", "M", "--weights", "state.pt"], "Missing key(s) in state_dict"),
    ],
)
def test_mistakes_with_packages_get_a_sentence(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(specc.load(folder / "small.spec").Plain().state_dict(), folder / "state.pt")
    torch.save([torch.ones(1)], folder / "list.pt")
    assert main(["build", "small.spec", *arguments]) == MISTAKE
    shown = capsys.readouterr()
    assert said in shown.err and "Traceback" not in shown.err and shown.out == ""
    assert not (folder / "small.py").exists()
