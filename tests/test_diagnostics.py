"""How mistakes look on a terminal, and as records."""

from __future__ import annotations

import io
from textwrap import dedent

import pytest
from rich.console import Console
from rich.syntax import Syntax

from specc.errors import Note, Source, Span, SpecError, SpecErrors
from specc.terminal.diagnostics import Diagnostic, Place, as_records, render
from specc_grammar.highlight import SpecLexer


def drawn(error: SpecError | SpecErrors, width: int = 80) -> str:
    file = io.StringIO()
    render(error, Console(file=file, width=width))
    return file.getvalue()


def at(text: str, part: str, name: str = "a.spec") -> Span:
    source = Source(name, text)
    start = text.index(part)
    return Span(source, start, start + len(part))


def check(error: SpecError | SpecErrors, expected: str, width: int = 80) -> None:
    assert drawn(error, width) == dedent(expected).removeprefix("\n")


def test_a_mistake_with_a_hint() -> None:
    span = at("param a = 1\naxis b S(3)\n", "S")
    check(
        SpecError("expected `=`, but found the name `S`", span, "write `axis b = S(3)`"),
        """
        error: expected `=`, but found the name `S`
         --> a.spec:2:8
          |
        2 | axis b S(3)
          |        ^
          = hint: write `axis b = S(3)`

        """,
    )


def test_a_mistake_without_a_place() -> None:
    check(
        SpecError("there is no file `a.spec`", hint="is it elsewhere?"),
        """
        error: there is no file `a.spec`
          = hint: is it elsewhere?

        """,
    )


def test_notes_in_the_same_line_before_and_after() -> None:
    text = "one two\nthree\nfour\nfive six\n" + "\n" * 6 + "seven"
    span = at(text, "six")
    notes = [
        Note(part, Span(span.source, at(text, part).start, at(text, part).end))
        for part in ("five", "two", "seven")
    ]
    check(
        SpecError("odd", span, notes=tuple(notes)),
        """
        error: odd
          --> a.spec:4:6
           |
         1 | one two
           |     --- two
        ...
         4 | five six
           |      ^^^
           | ---- five
        ...
        11 | seven
           | ----- seven

        """,
    )


def test_a_note_in_another_file() -> None:
    note = Note("declared here", at("axis a = 3", "a = 3", name="b.spec"))
    check(
        SpecError("odd", at("axis a = 4", "a = 4"), notes=(note,)),
        """
        error: odd
         --> a.spec:1:6
          |
        1 | axis a = 4
          |      ^^^^^
         --> b.spec:1:6
        1 | axis a = 3
          |      ----- declared here

        """,
    )


def test_several_lines_show_the_first_and_the_last() -> None:
    text = "axis a = f(\n    1,\n    2,\n    3)\n"
    check(
        SpecError("too long", at(text, text[9:-1])),
        """
        error: too long
         --> a.spec:1:10
          |
        1 | axis a = f(
          |          ^^
        ...
        4 |     3)
          |     ^^

        """,
    )


def test_a_place_without_characters_gets_one_caret() -> None:
    source = Source("a.spec", "axis a =")
    check(
        SpecError("expected an expression after `=`", Span(source, 8, 8)),
        """
        error: expected an expression after `=`
         --> a.spec:1:9
          |
        1 | axis a =
          |         ^

        """,
    )


def test_tabs_and_wide_characters_keep_the_carets_right() -> None:
    check(
        SpecError("odd", at('\t"数据"\tx = 数字', "数字")),
        """
        error: odd
         --> a.spec:1:11
          |
        1 |     "数据"    x = 数字
          |                   ^^^^

        """,
    )


def test_invisible_characters_are_shown() -> None:
    check(
        SpecError("odd", at("a \x1b[31m b", "b")),
        """
        error: odd
         --> a.spec:1:9
          |
        1 | a \N{REPLACEMENT CHARACTER}[31m b
          |         ^

        """,
    )


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("aaa", "aaa bbb ccc ddd eee fff ggg…|^^^"),
        ("hhh", "…fff ggg hhh iii jjj kkk ll…|         ^^^"),
        ("nnn", "…hhh iii jjj kkk lll mmm nnn|                         ^^^"),
        ("bbb ccc ddd eee fff ggg hhh iii jjj kkk lll", None),
    ],
)
def test_long_lines_are_cut_around_the_place(part: str, shown: str | None) -> None:
    text = " ".join(letter * 3 for letter in "abcdefghijklmn")
    lines = drawn(SpecError("odd", at(text, part)), width=33).splitlines()
    assert all(len(line) <= 33 for line in lines)
    if shown is not None:
        assert [line[4:] for line in lines[3:5]] == shown.split("|")


def test_several_mistakes_end_with_their_number() -> None:
    text = "one two"
    errors = SpecErrors(
        "2 errors", [SpecError("a", at(text, "one")), SpecError("b", at(text, "two"))]
    )
    check(
        errors,
        """
        error: a
         --> a.spec:1:1
          |
        1 | one two
          | ^^^

        error: b
         --> a.spec:1:5
          |
        1 | one two
          |     ^^^

        2 errors
        """,
    )


LONG = SpecError("long " * 30 + "end", at("axis a", "a"), "hint " * 30 + "end")


def test_messages_are_never_wrapped() -> None:
    lines = drawn(LONG, width=40).splitlines()
    assert lines[0] == f"error: {LONG.message}"
    assert lines[-2] == f"  = hint: {LONG.hint}"


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    file = io.StringIO()
    render(LONG, Console(file=file, force_terminal=True, color_system="standard"))
    assert "\x1b[1;31m" in file.getvalue()
    assert "\x1b" not in drawn(LONG)
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    render(LONG, Console(file=file, force_terminal=True, color_system="standard"))
    assert "31m" not in file.getvalue()


def test_a_console_without_unicode_gets_none() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    render(SpecError("`é` is odd", at("axis é = 1" + " " * 100, "é")), Console(file=file, width=80))
    file.flush()
    assert b"error: `?` is odd" in raw.getvalue()


def test_markup_in_a_text_is_text() -> None:
    assert "[bold]" in drawn(SpecError("[bold]", at("x[bold]", "[bold]")))


def test_records() -> None:
    text = "axis a = (1\naxis b = 2"
    note = Note("this `(` is not closed", at(text, "("))
    error = SpecError("expected `)`", at(text, "1\naxis"), "close it", (note,))
    assert as_records(error) == [
        Diagnostic(
            message="expected `)`",
            file="a.spec",
            line=1,
            column=11,
            end_line=2,
            end_column=5,
            hint="close it",
            notes=(
                Place(
                    message="this `(` is not closed",
                    file="a.spec",
                    line=1,
                    column=10,
                    end_line=1,
                    end_column=11,
                ),
            ),
        )
    ]


def test_records_of_several_and_without_a_place() -> None:
    group = SpecErrors("2 errors", [SpecError("a"), SpecError("b")])
    assert as_records(group) == [Diagnostic(message="a"), Diagnostic(message="b")]


def test_the_highlighter_knows_every_character_and_keywords_by_position() -> None:
    text = "model M(model: [; index 3]) -> [v] displacement { return relu(model.fc1) } # end\n"
    tokens = list(SpecLexer().get_tokens(text))
    assert "".join(value for _, value in tokens) == text
    assert not any(str(kind).startswith("Token.Error") for kind, _ in tokens)
    kinds = [str(kind) for kind, value in tokens if value == "model"]
    assert kinds == ["Token.Keyword.Declaration", "Token.Name", "Token.Name"]
    assert Syntax(text, SpecLexer()).lexer is not None
