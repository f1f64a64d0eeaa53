"""The language reference: every block of `grammar/README.md` does what the text around it says."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from sampled import check_runs, models_of, parameter_shapes

import specc
from specc.errors import SpecError, SpecErrors, leaves
from specc.operations import CATALOGUE, FUNCTIONS, LATER
from specc.program.arguments import signature
from specc.terminal.diagnostics import render

REFERENCE = Path(__file__).parent.parent / "grammar" / "README.md"

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$\n?((?:^> [^\n]*\n)*)", re.MULTILINE | re.DOTALL)

NOT_YET = "is part of the language, but this version does not compile it yet"


@dataclass(frozen=True)
class Block:
    """A fenced block of the reference: its kind, where it stands, and the messages quoted below it."""

    kind: str
    line: int
    text: str
    messages: tuple[str, ...]

    @property
    def file(self) -> str:
        """The name that the first line of a block gives it, if it does."""
        named = re.match(r"# (\w+\.spec)\n", self.text)
        return named[1] if named else ""

    def __str__(self) -> str:
        return f"line {self.line}"


def blocks_of(reference: str) -> list[Block]:
    return [
        Block(
            fence[1].strip(),
            reference.count("\n", 0, fence.start()) + 1,
            fence[2],
            tuple(line[2:] for line in fence[3].splitlines()),
        )
        for fence in FENCE.finditer(reference)
    ]


BLOCKS = blocks_of(REFERENCE.read_text(encoding="utf-8"))


def of_kind(kind: str) -> list[Block]:
    return [block for block in BLOCKS if block.kind == kind]


def errors_of(text: str) -> list[SpecError]:
    with pytest.raises((SpecError, SpecErrors)) as caught:
        specc.check(text)
    error = caught.value
    if isinstance(error, SpecErrors):
        return list(leaves(error))
    assert isinstance(error, SpecError)
    return [error]


@pytest.mark.parametrize("block", [b for b in of_kind("spec") if not b.file], ids=str)
def test_an_example_builds_and_runs(block: Block) -> None:
    models = list(models_of(block.text))
    assert models
    for typed, model in models:
        check_runs(typed, model)


def test_examples_in_several_files_build_and_run(tmp_path: Path) -> None:
    files = [block for block in of_kind("spec") if block.file]
    assert len(files) > 1
    for block in files:
        (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    for block in files:
        for typed, model in models_of(tmp_path / block.file):
            check_runs(typed, model)


def test_the_names_of_parameters_are_as_shown() -> None:
    shown = of_kind("state_dict")
    assert shown
    for block in shown:
        example = BLOCKS[BLOCKS.index(block) - 1]
        *_, (_, model) = models_of(example.text)
        names = [f"{name} {shape}" for name, shape in parameter_shapes(model).items()]
        assert names == block.text.splitlines()


@pytest.mark.parametrize("block", of_kind("spec wrong"), ids=str)
def test_a_mistake_is_told_as_quoted(block: Block) -> None:
    assert [error.message for error in errors_of(block.text)] == list(block.messages)


def test_a_report_looks_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (report,) = of_kind("report")
    (line,) = re.findall(r"^\d+ \| (.*)$", report.text, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    Path("residual.spec").write_text(line, encoding="utf-8")
    (error,) = errors_of("residual.spec")
    printed = io.StringIO()
    render(error, Console(file=printed, width=100))
    assert printed.getvalue().rstrip() == report.text.rstrip()


@pytest.mark.parametrize("block", of_kind("spec later"), ids=str)
def test_what_comes_later_is_read_and_refused(block: Block) -> None:
    messages = [error.message for error in errors_of(block.text)]
    assert messages and all(message.endswith(NOT_YET) for message in messages), messages


def test_every_declaration_of_a_later_block_is_refused() -> None:
    for block in of_kind("spec later"):
        lines = {error.span.line for error in errors_of(block.text) if error.span}
        declared = re.findall(
            r"^(?:group|axis \w+ = (?!S\(\d\)$|\d+$)).*", block.text, re.MULTILINE
        )
        assert len(lines) >= max(1, len(declared)), block


# --- Completeness --------------------------------------------------------------------------------


def test_the_table_of_pointwise_functions_is_complete() -> None:
    rows = [
        f"| `{signature(word)}` | {function.algebra.value} | `{function.path}` |"
        for word, function in FUNCTIONS.items()
    ]
    assert "\n".join(rows) in REFERENCE.read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [word for word in CATALOGUE if word not in FUNCTIONS])
def test_an_operation_stands_in_the_table_with_its_signature(word: str) -> None:
    assert f"`{signature(word)}`" in REFERENCE.read_text(encoding="utf-8")


@pytest.mark.parametrize("word", sorted(LATER))
def test_a_later_word_is_named(word: str) -> None:
    assert f"`{word}`" in REFERENCE.read_text(encoding="utf-8").partition("\n## Later\n")[2]


def test_links_lead_to_sections() -> None:
    reference = REFERENCE.read_text(encoding="utf-8")
    headings = re.findall(r"^##+ (.*)$", reference, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", reference)) <= anchors
