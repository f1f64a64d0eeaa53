"""The command line `specc`: which commands there are, defaults from `pyproject.toml`, exit codes.

What the commands do is in `commands`, which is imported when one is run: `specc --help` and shell
completion never wait for the compiler.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App, CycloptsError, Group

from ..errors import SpecError, SpecErrors
from .defaults import defaults

MISTAKE = 1
"""Exit code where what was given is wrong, or a check has failed."""
BUG = 2
"""Exit code where the compiler is wrong."""

_COMMANDS = {
    "build": "Write a Python module for each specification.",
    "check": "Report every mistake in specifications.",
    "graph": "Draw models: what is computed from what, with types and symmetry.",
    "explain": "Groups, spaces, and for each equivariant layer its maps, levels and cost.",
    "verify": "Test modules from outside: equivariance in float64, completeness by rank.",
    "bench": "Measure modules and their layers, beside the predicted cost.",
    "trace": "Derive the permutation symmetry of a PyTorch model's weights, and verify it.",
}

_WITH_TORCH = ("bench", "trace")
"""Commands in modules of their own, which import torch."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code; a message instead of a traceback for every mistake."""
    _replace_what_cannot_be_shown()
    try:
        result = application()(arguments)
        sys.stdout.flush()
    except CycloptsError:
        return MISTAKE  # shown already
    except (SpecError, SpecErrors) as error:
        from .console import complaints
        from .diagnostics import render

        render(error, complaints())
        return MISTAKE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return MISTAKE
    except OSError as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return MISTAKE
    except Exception:
        return _report_bug()
    return int(result or 0)


def application() -> App:
    """The commands with their defaults from the nearest `pyproject.toml`."""
    app = App(
        name="specc",
        help="Compile specifications of symmetric neural networks to PyTorch modules.",
        help_format="plaintext",
        version=_version,
        config=defaults(Path.cwd(), tuple(_COMMANDS)),
        exit_on_error=False,
        result_action="return_value",
    )
    for name, purpose in _COMMANDS.items():
        home = name if name in _WITH_TORCH else "commands"
        app.command(f"specc.terminal.{home}:{name}", name=name, help=purpose)
    app.register_install_completion_command(
        name="--install-completion", group=Group("Completion"), help="Complete in this shell."
    )
    return app


def _version() -> str:
    from importlib.metadata import version

    return version("specc")


# --- Failures ------------------------------------------------------------------------------------


def _sentence(error: OSError) -> str:
    """`models: Permission denied`."""
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def _report_bug() -> int:
    import traceback

    traceback.print_exc()
    print(
        f"\nThis is a bug in specc {_version()}, not in your specification. "
        "Please report it with the lines above and the specification.",
        file=sys.stderr,
    )
    return BUG


def _replace_what_cannot_be_shown() -> None:
    """A sign that the encoding of a stream lacks becomes `?`, not an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
