"""What is said of a text that is no specification: the sentence, the place and the way out.

In the tables `⟦` and `⟧` stand around the place that a message points to; they are not in the text.
"""

# ruff: noqa: RUF001 (signs that look alike are among the mistakes)

from __future__ import annotations

import os
from pathlib import Path

import pytest
from programs import PROGRAMS

from specc.errors import Source, SpecError, SpecErrors, leaves
from specc.text.parse import LARGEST_FILE, parse, read_source
from specc_grammar.mistakes import MISTAKES


def mistakes_of(text: str) -> list[SpecError]:
    try:
        parse(Source("test.spec", text))
    except SpecError as error:
        return [error]
    except SpecErrors as group:
        return list(leaves(group))
    return []


def place(marked: str) -> tuple[str, int, int]:
    """The text without its marks, and where they were."""
    start, end = marked.index("⟦"), marked.index("⟧") - 1
    return marked.replace("⟦", "").replace("⟧", ""), start, end


def body(statement: str) -> str:
    return f"model M(x: [; 3]) -> [; 3] {{\n    {statement}\n    return x\n}}\n"


# One row: the text with its place, the message, the hint.
ONE_MISTAKE: list[tuple[str, str, str | None]] = [
    # Something is missing.
    ("axis a ⟦S⟧(3)", "expected `=`, but found the name `S`", "write `axis a = S(3)`"),
    ("param ⟦=⟧ 3", "expected a name, but found `=`", None),
    ("param a =⟦⟧", "expected an expression after `=`", None),
    ("axis a = 3\nmodel⟦⟧", "expected a name after `model`", None),
    (
        "model M(x ⟦[⟧; 3]) -> [; 3] { return x }",
        "expected `:`, but found `[`",
        "write `model M(x: [; 3]) -> [; 3] { return x }`",
    ),
    (
        "model M(x: [; 3]) ⟦[⟧; 3] { return x }",
        "expected `->`, but found `[`",
        "write `model M(x: [; 3]) -> [; 3] { return x }`",
    ),
    (body("y = f(x ⟦3⟧)"), "expected `,`, but found the number `3`", "write `y = f(x, 3)`"),
    (body("y = x ⟦v⟧"), "expected an operator, but found the name `v`", None),
    (body("y = x +⟦⟧"), "expected an expression after `+`", None),
    (body("y = ⟦*⟧ x"), "expected an expression, but found `*`", None),
    (body("y = f(a = ⟦)⟧"), "expected an expression, but found `)`", None),
    (body("y, ⟦=⟧ f(x)"), "expected a name, but found `=`", None),
    ('from "b.spec" ⟦A⟧', "expected `import`, but found the name `A`", None),
    ("space S { x: ⟦}⟧", "expected a type, but found `}`", None),
    # Brackets.
    ("axis a = S(3⟦⟧\naxis b = S(4)", "expected `)` after the number `3`", None),
    ("model M(x: [; 3⟦)⟧ -> [; 3] { return x }", "expected `]`, but found `)`", None),
    (body("y = f(x⟦]⟧"), "expected `)`, but found `]`", None),
    (body("y = f(x)⟦)⟧"), "this `)` closes nothing", None),
    (body("y = f(g(x)⟦⟧"), "expected `)` after `)`", None),
    ("group G = <(1 2)(3 4)⟦⟧\naxis a = G", "expected `>` after `)`", None),
    (body("y = x")[:-3] + "⟦⟧\n", "expected `}` after the name `x`", None),
    (body("y = x")[:-3] + "⟦⟧\naxis b = S(4)\naxis c = 3", "expected `}` after the name `x`", None),
    # One word for another.
    ("⟦modle⟧ M(x: [; 3]) -> [; 3] { return x }", "unknown word `modle`", "did you mean `model`?"),
    (body("⟦retrun⟧ x"), "unknown word `retrun`", "did you mean `return`?"),
    (body("⟦repaet⟧ 3 { x = f(x) }"), "unknown word `repaet`", "did you mean `repeat`?"),
    ("axis a = S(3) ⟦inn⟧ b", "unknown word `inn`", "did you mean `in`?"),
    (body("⟦return⟧ = f(x)"), "`return` is a keyword and cannot be a name", None),
    (body("y ⟦:⟧ f(x)"), "expected `=`, but found `:`", "write `y = f(x)`"),
    # Other languages.
    (
        "⟦def⟧ f(x) { return x }",
        "`def` is not a word of this language",
        "a network is declared with `model`, a reusable piece of one with `block`",
    ),
    (
        "⟦class⟧ Net { }",
        "`class` is not a word of this language",
        "a network is declared with `model`, a reusable piece of one with `block`",
    ),
    (
        body("⟦for⟧ i in range(3) { x = f(x) }"),
        "`for` is not a word of this language",
        "`repeat n { ... }` is the one loop of the language",
    ),
    (
        body("⟦let⟧ y = x"),
        "`let` is not a word of this language",
        "nothing stands before the name: `h = relu(x)`",
    ),
    (
        body("y = x ⟦if⟧ a else b"),
        "`if` is not a word of this language",
        "there are no conditions in a specification",
    ),
    (body("⟦//⟧ a comment"), "`//` begins no comment here", "a comment begins with `#`"),
    ("⟦/* hi */⟧ axis a = 3", "`/*` begins no comment here", "a comment begins with `#`"),
    (
        body("y = x ⟦**⟧ 2"),
        "`**` is not a sign of this language",
        "a power is written with `^`, as in `x ^ 2`",
    ),
    (
        body("y ⟦==⟧ x"),
        "`==` is not a sign of this language",
        "a single `=` gives a name or an argument its value",
    ),
    (body("y ⟦+=⟧ x"), "`+=` is not a sign of this language", "write `x = x + ...`"),
    (
        "model M(x: [; 3]) ⟦=>⟧ [; 3] { return x }",
        "`=>` is not a sign of this language",
        "the outputs of a model stand after `->`",
    ),
    (
        body("y = x ⟦\\⟧\n + x"),
        "`\\` is not a sign of this language",
        "newlines are white space: nothing marks a line that goes on",
    ),
    # Texts, numbers, characters.
    (
        'from ⟦"b.spec import A⟧',
        'this text is not closed: a `"` is missing',
        "it must end in its line",
    ),
    (
        "from ⟦'b.spec'⟧ import A",
        'a text stands between straight double quotes: `"b.spec"`',
        None,
    ),
    ("param a = ⟦1.⟧", "`1.` is no number", "write `1.0`"),
    ("param a = ⟦.5⟧", "`.5` is no number", "write `0.5`"),
    ("param a = ⟦0x1F⟧", "`0x1F` is neither a number nor a name", None),
    ("param a = ⟦1.2.3⟧", "`1.2.3` is no number", "numbers are written `12`, `0.5` or `1e-3`"),
    ("param a = ⟦" + "9" * 41 + "⟧", "this number has more than 40 digits", None),
    ("param a = ⟦1e999⟧", "`1e999` is too large for a number", None),
    (
        "param ⟦θ⟧ = 3",
        "`θ` is no name: names are made of the letters a to z, digits and `_`",
        "write `theta`",
    ),
    (
        "axis ⟦größe⟧ = 3\naxis b = S(größe)",
        "`größe` is no name: names are made of the letters a to z, digits and `_`",
        None,
    ),
    ("param a = 3⟦\u00a0⟧", "the no-break space is not a sign of this language", None),
    ("param a = 3 ⟦−⟧ 1", "`−` is not a sign of this language", "write `-`"),
    ("param a = 3 ⟦，⟧ 1", "the fullwidth comma is not a sign of this language", "write `,`"),
    ("param a = 3 ⟦\x07⟧", "the character U+0007 is not a sign of this language", None),
    # What the grammar cannot say.
    (
        body("y = f(a = x, ⟦x⟧)"),
        "an argument without a name follows one with a name",
        "write the named arguments last",
    ),
    (body("y = f(a = x, ⟦a⟧ = x)"), "`a` is given a second time", None),
    ("axis a = R spin 1 ⟦spin 2⟧", "`spin 2` is given a second time", None),
    ("axis a = R even ⟦odd⟧", "`odd` is given a second time", None),
    # Nothing at all.
    (
        "⟦⟧",
        "this file declares nothing",
        "write `model Same(x: [; 3]) -> [; 3] { return x }`",
    ),
    (
        "⟦⟧# only a comment\n",
        "this file declares nothing",
        "write `model Same(x: [; 3]) -> [; 3] { return x }`",
    ),
]


@pytest.mark.parametrize(("marked", "message", "hint"), ONE_MISTAKE)
def test_one_mistake(marked: str, message: str, hint: str | None) -> None:
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert error.message == message
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
    assert hint is None or error.hint == hint


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_common_mistake_is_known_by_its_examples(number: int) -> None:
    mistake = MISTAKES[number]
    for example in mistake.examples:
        (error,) = mistakes_of(example)
        before, _, after = mistake.message.partition("{found}")
        assert error.message.startswith(before) and error.message.endswith(after), example
        assert error.hint == mistake.hint


# The text with a note, and what the note says of which place.
NOTED = [
    ("axis a = S⟦(⟧3\naxis b = S(4)", "this `(` is not closed"),
    (body("y = x").replace("{", "⟦{⟧")[:-2], "this `{` is not closed"),
    ("model M(x: [; 3]) -> [; 3] ⟦{⟧ return x\nmodel N() -> S { }", "this `{` is not closed"),
    (body("y = f⟦(⟧x]"), "to close this `(`"),
    (body("y = f(⟦a⟧ = x, a = x)"), "first given here"),
    ("axis a = R ⟦even⟧ odd", "first given here"),
]


@pytest.mark.parametrize(("marked", "message"), NOTED)
def test_a_note_points_to_the_other_place(marked: str, message: str) -> None:
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    (note,) = error.notes
    assert (note.message, note.span.start, note.span.end) == (message, start, end)


SEVERAL = {
    "declarations": ("axis a S(3)\naxis b S(4)\naxis c = S(4))\nparam = 3\n", [1, 2, 3, 4]),
    "statements": (body("y = f(x\n    z = x +\n    v = x\n    repeet 2 { y = x }"), [2, 3, 5]),
    "characters and words": ("param a = 1.\nparam b 2\nparam c = 3 ** 2", [1, 2, 3]),
    "what the parser skips": (
        "model M(x [3] y {\n  z = = 3\n  return z\n}\naxis a 3\n",
        [1, 2, 5],
    ),
    "a model in the text and one after": (
        body("y = ! x").replace("!", "= = =") + body("y = (x"),
        [2, 6],
    ),
    "after a body that is not closed": (
        "model M(x: [; 3]) -> [; 3] { return x\nmodel N() -> S { }\naxis a S(3)",
        [1, 3],
    ),
    "beyond the grammar": ("axis a = R odd even\naxis b = R odd odd", [1, 2]),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_independent_mistakes_are_told_together_and_once(case: str) -> None:
    text, lines = SEVERAL[case]
    assert [error.span.line for error in mistakes_of(text) if error.span] == lines


def test_a_sign_of_another_language_is_told_wherever_it_stands_but_a_name_once() -> None:
    assert len(mistakes_of("param a = 2 ** 3\nparam b = a ** 2")) == 2
    assert len(mistakes_of("param ä = 2\nparam b = ä + ä")) == 1


@pytest.mark.parametrize("program", [name for name in PROGRAMS if "rejected" not in name])
def test_a_forgotten_bracket_is_one_mistake(program: str) -> None:
    text = PROGRAMS[program]
    code = [i for line in text.splitlines(keepends=True) for i in _code(text, line)]
    for position in [i for i in code if text[i] in ")]}"]:
        errors = mistakes_of(text[:position] + " " + text[position + 1 :])
        assert len(errors) == 1, (text[:position][-60:], list(map(str, errors)))


def _code(text: str, line: str) -> range:
    start = text.index(line)
    return range(start, start + len(line.partition("#")[0]))


# --- Files and limits ----------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        read_source(path, "a.spec")
    return caught.value.message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.spec"
    assert refused(path) == "there is no file `a.spec`"
    assert refused(tmp_path) == "`a.spec` is a directory, not a file"
    path.write_bytes(b"\x7fELF\x00\x00")
    assert refused(path) == "`a.spec` is a binary file, not a specification"
    path.write_bytes(b"axis a = 3\n# caf\xe9\n")
    assert refused(path) == "the file `a.spec` is not written in UTF-8 (line 2, byte 16)"
    path.write_bytes(b"#" * (LARGEST_FILE + 1))
    assert refused(path) == "the file `a.spec` is larger than 1000 kB"
    assert refused(tmp_path / ("x" * 300)).startswith("the file `a.spec` cannot be read: ")
    assert refused(Path("a\0b")).startswith("the file `a.spec` cannot be read: ")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the owner may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.spec"
    path.write_text("axis a = 3")
    path.chmod(0)
    assert refused(path) == "the file `a.spec` may not be read: permission denied"


def test_brackets_are_nested_a_hundred_deep_at_most() -> None:
    (error,) = mistakes_of("param a = " + "(" * 10_000)
    assert error.message == "brackets are nested more than 100 deep here"
    assert error.span is not None and error.span.start == len("param a = ") + 100


@pytest.mark.parametrize(
    "expression",
    ["+".join("1" * 5000), "^".join("1" * 5000), "-" * 5000 + "1", "x" + " |> f" * 5000],
)
def test_very_long_chains_of_operations_are_refused(expression: str) -> None:
    (error,) = mistakes_of(f"param a = {expression}")
    assert error.message == "more than 100 operations one in another"
    assert error.hint == "give a part of it a name of its own"


@pytest.mark.parametrize("text", ["-" * 5000, "^".join("1" * 5000) + " 3 ^", "a " * 5000])
def test_very_long_nonsense_is_one_mistake(text: str) -> None:
    assert len(mistakes_of(f"param a = {text}")) == 1


def test_after_fifty_mistakes_the_rest_is_not_read() -> None:
    assert len(mistakes_of("axis a S(3)\n" * 1000)) == 50
    assert len(mistakes_of("$" * 1000)) == 50
