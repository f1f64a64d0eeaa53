"""The command line: what is written and printed, exit codes, and that nobody sees a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import PROGRAMS
from pydantic import BaseModel

import specc
from specc.errors import SpecError
from specc.terminal import commands
from specc.terminal.cli import BUG, MISTAKE, main
from specc.terminal.definitions import definitions, value_of

SMALL = """\
param width = 3
axis n = S(4)
model M(x: [n; 1]) -> [n; 1] { return equivariant(relu(equivariant(x, width)), 1) }
"""
WRONG = """\
axis n = S(4)
model M(x: [n; 1]) -> [n; 1] { return equivariant(y, 1) }
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a few specifications, which is where commands are run."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "small.spec").write_text(SMALL)
    (tmp_path / "wrong.spec").write_text(WRONG)
    for name in ("digits", "graphs", "sets"):
        (tmp_path / f"{name}.spec").write_text(PROGRAMS[name])
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def run_apart(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "specc", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        check=False,
    )


# --- build ---------------------------------------------------------------------------------------


def test_build_writes_a_module_beside_its_specification(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "small.spec"]) == 0
    assert capsys.readouterr().out == "written     small.py\n"
    assert (folder / "small.py").read_text() == specc.api.generate(folder / "small.spec", {})


def test_build_leaves_alone_what_is_up_to_date(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["build", "small.spec", "digits.spec"])
    before = (folder / "small.py").stat().st_mtime_ns
    capsys.readouterr()
    assert main(["build", "small.spec", "digits.spec", "-D", "width=3"]) == 0
    assert capsys.readouterr().out == "written     small.py\nwritten     digits.py\n"
    assert main(["build", "small.spec", "-D", "width=3"]) == 0
    assert capsys.readouterr().out == "unchanged   small.py\n"
    assert (folder / "small.py").stat().st_mtime_ns >= before


def test_build_takes_options_anywhere_and_attached(folder: Path) -> None:
    assert main(["build", "-Dwidth=8", "-o", "a/b", "small.spec"]) == 0
    assert "-> [n; 8]" in (folder / "a" / "b" / "small.py").read_text()


def test_check_of_what_was_built(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--check", "small.spec"]) == MISTAKE
    assert capsys.readouterr().out == "missing     small.py\n"
    assert not (folder / "small.py").exists()
    main(["build", "small.spec"])
    capsys.readouterr()
    assert main(["build", "--check", "small.spec"]) == 0
    assert capsys.readouterr().out == "up to date  small.py\n"
    assert main(["build", "--check", "small.spec", "-D", "width=5"]) == MISTAKE
    assert capsys.readouterr().out == "out of date small.py\n"


def test_nothing_is_written_if_anything_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_in(folder)
    assert main(["build", "small.spec", "wrong.spec", "digits.spec"]) == MISTAKE
    assert files_in(folder) == before
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "wrong.spec:2:51" in shown.err and "Traceback" not in shown.err


def test_what_others_wrote_is_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "small.py").write_text("mine = 1\n")
    assert main(["build", "digits.spec", "small.spec"]) == MISTAKE
    assert "small.py is there and was not written by specc" in capsys.readouterr().err
    assert (folder / "small.py").read_text() == "mine = 1\n"
    assert not (folder / "digits.py").exists()


def test_standalone_module_needs_torch_alone(folder: Path) -> None:
    assert main(["build", "small.spec", "--standalone"]) == 0
    assert "specc_runtime import" not in (folder / "small.py").read_text()


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("graph", "  %1 fc1: [; 32] = linear{channels = 32}(%0)"),
        ("symmetry", "  Classifier.image: 64 pinned: an input of the model (image, line 6)"),
        ("maps", "  level (Classifier.fc1): 3 pools, 3 spreads"),
        ("plan", "  fc1_bias_mean = mean(fc1_bias, 1)"),
    ],
)
def test_stages_are_shown_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], stage: str, line: str
) -> None:
    before = files_in(folder)
    assert main(["build", "digits.spec", "--show", stage]) == 0
    assert line in capsys.readouterr().out.splitlines()
    assert files_in(folder) == before


# --- check ---------------------------------------------------------------------------------------


def test_check_names_what_is_well_and_shows_what_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "small.spec", "wrong.spec"]) == MISTAKE
    shown = capsys.readouterr()
    assert shown.out == "ok          small.spec  M\n"
    assert shown.err.splitlines()[:2] == [
        "error: there is nothing called `y`",
        " --> wrong.spec:2:51",
    ]


def test_mistake_in_a_file_that_two_import_is_shown_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "block.spec").write_text("block B(x) { return relu(x }")
    for name in ("first", "second"):
        (folder / f"{name}.spec").write_text('from "block.spec" import B')
    assert main(["check", "first.spec", "second.spec"]) == MISTAKE
    assert capsys.readouterr().err.count("block.spec:1") == 1


def test_check_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "small.spec", "wrong.spec", "--format", "json"]) == MISTAKE
    found = json.loads(capsys.readouterr().out)
    (diagnostic,) = found["diagnostics"]
    assert not found["ok"]
    assert (diagnostic["file"], diagnostic["line"], diagnostic["column"]) == ("wrong.spec", 2, 51)
    assert main(["check", "small.spec", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "diagnostics": []}


# --- explain, graph ------------------------------------------------------------------------------


def test_explain_as_data_is_the_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "digits.spec", "--format", "json"]) == 0
    report = specc.explain(folder / "digits.spec").model_dump()
    assert json.loads(capsys.readouterr().out) == report
    assert list(report) == ["models"]


def test_explain_of_one_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "digits.spec", "Classifier"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Classifier(image: [; 64]) -> [; 10]",
        "2,410 parameters",
    ]


@pytest.mark.parametrize("name", ["digits", "graphs", "sets"])
def test_explanation_is_the_golden_one(
    name: str, capsys: pytest.CaptureFixture[str], update_golden: bool
) -> None:
    assert main(["explain", f"{name}.spec"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    file = Path(__file__).parent / "golden" / "explain" / f"{name}.txt"
    if update_golden:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_hint_where_long_pinned_axes_cost_most(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["explain", "digits.spec"])
    assert "hint" not in capsys.readouterr().out
    spec = folder / "digits.spec"
    spec.write_text(spec.read_text().replace("coded(linear(w, width))", "linear(w, width)"))
    main(["explain", "digits.spec"])
    hint = " ".join(capsys.readouterr().out.partition("hint: ")[2].split())
    assert "`Classifier.image` (64), `Classifier.fc2` (10)" in hint and "`coded(x)`" in hint


@pytest.mark.parametrize("form", ["text", "json", "dot", "mermaid"])
def test_graph_of_one_model(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "digits.spec", "Classifier", "--format", form]) == 0
    text = capsys.readouterr().out
    assert "fc1" in text and "Accuracy" not in text


def test_graph_as_data_names_ends_of_edges(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "digits.spec", "Classifier", "--format", "json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["edges"][0] == {"from": 0, "to": 1, "place": 0}


# --- verify --------------------------------------------------------------------------------------


class LayerMeasured(BaseModel):
    name: str
    deviation: float
    rank: int
    complete: bool


class ModelMeasured(BaseModel):
    name: str
    deviation: float
    layers: list[LayerMeasured]


class Measured(BaseModel):
    ok: bool
    models: list[ModelMeasured]


@pytest.mark.parametrize("ok", [True, False])
def test_verification_decides_the_exit_code(
    ok: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = LayerMeasured(name="equivariant", deviation=2.5e-16, rank=2, complete=ok)
    found = Measured(ok=ok, models=[ModelMeasured(name="M", deviation=1e-15, layers=[layer])])
    monkeypatch.setattr(commands.api, "verify", lambda *_, **__: found)
    assert main(["verify", "small.spec"]) == (0 if ok else MISTAKE)
    assert capsys.readouterr().out.splitlines() == [
        "M  deviation 1.0e-15",
        "  layers       deviation  rank  complete",
        f"  equivariant    2.5e-16     2       {'yes' if ok else ' no'}",
    ]
    assert main(["verify", "small.spec", "--format", "json"]) == (0 if ok else MISTAKE)
    assert json.loads(capsys.readouterr().out) == found.model_dump()


@pytest.mark.parametrize("command", ["graph", "explain", "verify"])
def test_unknown_model_gets_the_nearest(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "digits.spec", "Acuracy"]) == MISTAKE
    assert capsys.readouterr().err.splitlines() == [
        "error: there is no model `Acuracy` in digits.spec",
        "  = hint: did you mean `Accuracy`?",
        "",
    ]


# --- Mistakes of all kinds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["graph", "digits.spec", "--format", "xml"], "xml"),
        (["bild", "digits.spec"], 'Did you mean "build"?'),
        (["build"], "FILES"),
        (["build", "small.spec", "--max-maps", "0"], "max-maps"),
        (["build", "small.spec", "--plan", "stak"], "accumulate"),
        (["build", "nowhere.spec"], "there is no file `nowhere.spec`"),
        (["build", "small.spec", "-D", "widht=4"], "did you mean `width`?"),
        (["build", "small.spec", "-D", "width"], "`-D width=128` sets one"),
        (["build", "small.spec", "-o", "digits.spec"], "digits.spec: File exists"),
        (["build", "small.spec", "small.spec"], "two specifications"),
    ],
)
def test_mistake_on_the_command_line_gets_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == MISTAKE
    shown = capsys.readouterr()
    assert said in shown.err
    assert "Traceback" not in shown.err and shown.out == ""


def test_bug_of_the_compiler_is_called_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("three strands and two slots")

    monkeypatch.setattr(commands, "report", broken)
    assert main(["explain", "small.spec"]) == BUG
    shown = capsys.readouterr().err
    assert "Traceback" in shown and "three strands and two slots" in shown
    assert "This is a bug in specc" in shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("128", 128),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("false", False),
        ("silu", "silu"),
        ("inf", "inf"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_value_of_a_build_parameter(text: str, value: object) -> None:
    assert definitions([f"x={text}"]) == {"x": value}
    assert type(value_of(text)) is type(value)


@pytest.mark.parametrize("text", ["width", "=3", "two words=3", "1x=3"])
def test_what_sets_no_build_parameter(text: str) -> None:
    with pytest.raises(SpecError, match="sets no build parameter"):
        definitions([text])


# --- Defaults ------------------------------------------------------------------------------------


def test_defaults_come_from_the_nearest_project(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.specc]\ndefine = { width = 7 }\n[tool.specc.build]\nout = "generated"\n'
    )
    (folder / "inner").mkdir()
    monkeypatch.chdir(folder / "inner")
    assert main(["build", "../small.spec"]) == 0
    assert "-> [n; 7]" in (folder / "generated" / "small.py").read_text()
    assert main(["build", "../small.spec", "-o", ".", "-D", "width=2"]) == 0
    assert "-> [n; 2]" in (folder / "inner" / "small.py").read_text()
    capsys.readouterr()
    main(["explain", "../small.spec", "--format", "json"])
    layers = json.loads(capsys.readouterr().out)["models"][0]["layers"]
    assert layers[0]["output"] == "[n; 7]"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[tool.specc\n", "pyproject.toml cannot be read"),
        ("[tool.specc.build]\nplan = 'stak'\n", "stak"),
        ("[tool.specc.build]\nouput = 'x'\n", "ouput"),
        ("[tool.specc]\nmax-mapps = 3\n", "max-mapps"),
        ("[tool]\nspecc = 3\n", "tool.specc"),
        ("[tool.specc]\nbuild = 3\n", "table"),
    ],
)
def test_mistake_in_the_defaults_gets_a_sentence(
    folder: Path, table: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pyproject.toml").write_text(table)
    assert main(["build", "small.spec"]) == MISTAKE
    shown = capsys.readouterr().err
    assert said in shown and "Traceback" not in shown
    assert not (folder / "small.py").exists()


# --- Processes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["build", "check", "graph", "explain"])
def test_command_does_not_import_torch(command: str) -> None:
    code = (
        "import sys; from specc.terminal.cli import main; "
        f"code = main(['{command}', 'digits.spec']); "
        "print([name for name in ('torch', 'numpy') if name in sys.modules]); sys.exit(code)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert found.stdout.splitlines()[-1] == "[]"


def test_help_does_not_import_the_commands() -> None:
    code = (
        "import sys; from specc.terminal.cli import main; main(['--help']); "
        "print('specc.terminal.commands' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert found.stdout.splitlines()[-1] == "False"
    for command in ("build", "check", "graph", "explain", "verify"):
        assert command in found.stdout


def test_exit_codes_reach_the_shell() -> None:
    assert run_apart("check", "small.spec").returncode == 0
    assert run_apart("check", "wrong.spec").returncode == MISTAKE
    assert run_apart("--version").stdout.strip() != ""


@pytest.mark.parametrize("command", ["graph", "explain"])
def test_output_into_a_pipe_is_plain(command: str) -> None:
    assert "\x1b" not in run_apart(command, "graphs.spec").stdout


@pytest.mark.parametrize("command", ["graph", "explain"])
def test_terminal_without_our_signs_gets_others(command: str) -> None:
    shown = run_apart(command, "digits.spec", PYTHONIOENCODING="ascii")
    assert shown.returncode == 0 and shown.stdout.isascii() and "?" not in shown.stdout


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("command", ["graph", "explain"])
def test_output_fits_the_terminal(command: str, columns: str) -> None:
    shown = run_apart(command, "digits.spec", COLUMNS=columns)
    assert max(map(len, shown.stdout.splitlines())) <= int(columns)


def test_reader_that_stops_early_is_no_mistake() -> None:
    command = f"{sys.executable} -m specc graph digits.spec | head -n 1"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        command, shell=True, capture_output=True, text=True, env=environment, check=False
    )
    assert found.stdout == "Classifier(image: [; 64]) -> [; 10]\n"
    assert found.stderr == ""
