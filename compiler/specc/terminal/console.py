"""Where the command line writes: consoles, and lines that go out as they are."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

_ASCII = str.maketrans("●○◆│─├┤┼╰╯┴╭┊…·→", "*o#|-+++`'+.:~.>")
"""What stands for the signs of drawings where the encoding has none of them."""


def output() -> Console:
    """The console for what was asked for."""
    return Console(highlight=False)


def complaints() -> Console:
    """The console for messages."""
    return Console(stderr=True, highlight=False)


def width(console: Console) -> int | None:
    """How many columns there are: None for a file or a pipe whose reader has said nothing of them."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


def write(lines: Sequence[Text], console: Console) -> None:
    """Prints lines: never wrapped, and in ASCII where the encoding has nothing else."""
    if console.options.ascii_only:
        lines = [_ascii(line) for line in lines]
    console.print(Text("\n").join(lines), soft_wrap=True)


def _ascii(line: Text) -> Text:
    plain = line.plain.translate(_ASCII).encode("ascii", "replace").decode()
    return Text(plain, line.style, spans=line.spans)
