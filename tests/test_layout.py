"""Long statements are broken as ruff breaks them: random expressions, formatted, stay as they are."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from pathlib import Path

import pytest

from specc.emit.layout import WIDTH, docstring, indent, statement

ROOT = Path(__file__).resolve().parents[1]

NAMES = ("x", "z", "first", "to_fc1_weight_hidden", "self.scale", 'g["adjacency"]', "0.01", "2")
CALLED = ("torch.cat", "self.mix", 'self.z["linear"]', "apply_mask", "F.relu")


def ruff(text: str) -> str:
    """The text as the project's formatter leaves it."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--config",
        str(ROOT / "pyproject.toml"),
        "-",
    ]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def expression(draw: random.Random, depth: int) -> str:
    """A random expression of the kinds that generated modules have."""
    if depth == 0:
        return draw.choice(NAMES)

    def inner(most: int = 3) -> list[str]:
        return [expression(draw, depth - 1) for _ in range(draw.randint(1, most))]

    match draw.randrange(8):
        case 0 | 1:
            return f"{draw.choice(CALLED)}({', '.join(inner())})"
        case 2:
            return f"[{', '.join(inner(4))}]"
        case 3:
            return "{" + ", ".join(f'"key{n}": {each}' for n, each in enumerate(inner())) + "}"
        case 4 | 5:
            first, second = expression(draw, depth - 1), expression(draw, depth - 1)
            operator = draw.choice(["+", "+", "-", "*", "/", "**"])
            return plain(f"({first}) {operator} ({second})")
        case 6:
            return plain(f"-({expression(draw, depth - 1)})")
        case _:
            return f"{{name: {expression(draw, depth - 1)} for name, value in z.items()}}"


def plain(code: str) -> str:
    """Without brackets that are not needed."""
    return ast.unparse(ast.parse(code)).replace("'", '"')


def function(number: int, body: list[str]) -> str:
    return f"def f{number}(self, x, z, g):\n" + "".join(f"    {line}\n" for line in body)


@pytest.mark.parametrize("seed", range(4))
def test_statements_are_formatted(seed: int) -> None:
    draw = random.Random(seed)
    functions = []
    for number in range(150):
        value = expression(draw, draw.randint(2, 4))
        text = draw.choice(["z = {}", "self.a_layer_of_the_model = {}", "return {}"]).format(value)
        if not text.startswith("return -"):  # `-2` alone is a constant to ruff
            functions.append(function(number, statement(text, 1)))
    source = "\n\n".join(functions)
    assert source == ruff(source)


@pytest.mark.parametrize(
    "text",
    [
        f"def forward(self, x: Tensor, {'y' * 60}: dict[str, Tensor]) -> dict[str, Tensor]:",
        f"def forward(self, {'x' * 80}: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:",
        f"def forward(self, {'x' * 90}: Tensor | None = None) -> Tensor:",
        f"for {'a' * 40}, {'b' * 40} in zip(self.first, self.second, strict=True):",
        f"if {'a' * 95} is None:",
    ],
    ids=["parameters on a line", "a parameter a line", "an annotation", "a loop", "a condition"],
)
def test_heads_are_formatted(text: str) -> None:
    body = [*statement(text, 1), "    pass"]
    source = function(0, body)
    assert source == ruff(source)


def test_a_shape_stands_beside_a_line_where_there_is_room() -> None:
    assert statement("y = self.mix(x)", 2, "(batch, 3)") == ["y = self.mix(x)  # (batch, 3)"]
    assert statement("y = " + "x" * 80, 2, "(batch, 3)") == ["y = " + "x" * 80]


def test_docstrings_are_broken_at_spaces() -> None:
    groups = ", ".join(f"S({n}) on axis_{n}" for n in range(10, 30))
    for paragraphs in ([groups], ["[a] -> [b]", f"Commutes with {groups}.\n4 maps."]):
        lines = docstring(paragraphs)
        assert len(lines) > 4 and all(len(line) <= WIDTH for line in indent(lines))
        words = " ".join(lines).replace('"""', "").split()
        assert words == " ".join(paragraphs).split()
    assert docstring(["x" * 90]) == [f'"""{"x" * 90}"""']
    assert docstring(["x" * 91]) == [f'"""{"x" * 91}', '"""']
