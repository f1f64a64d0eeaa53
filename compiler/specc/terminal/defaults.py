"""What the nearest `pyproject.toml` says for commands that do not say it themselves.

[tool.specc]                  # for all commands
define = { width = 128 }

[tool.specc.build]            # for one
out = "generated"             # beside this file, wherever the command is run
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cyclopts.config import Dict

from ..errors import SpecError, nearest

FOR_ALL = ("define", "max-maps", "out", "plan", "standalone")
"""Options that may stand for all commands; each takes those that it has."""

Table = Mapping[str, object]


def defaults(folder: Path, commands: Sequence[str]) -> list[Dict]:
    """The defaults for commands that are run in a folder, those for one command first."""
    path = next(
        (p for d in (folder, *folder.parents) if (p := d / "pyproject.toml").exists()), None
    )
    if path is None:
        return []
    table = _table(path)
    for_one = {name: value for name, value in table.items() if name in commands}
    for_all = {name: value for name, value in table.items() if name not in commands}
    for name in for_all:
        if name not in FOR_ALL:
            known = nearest(name, (*FOR_ALL, *commands))
            raise SpecError(f"{path}: [tool.specc] has no option `{name}`", None, known)
    return [
        Dict(
            {name: _options(value, path) for name, value in for_one.items()},
            source=str(path),
        ),
        Dict(
            _options(for_all, path),
            source=str(path),
            use_commands_as_keys=False,
            allow_unknown=True,
        ),
    ]


def _table(path: Path) -> Table:
    """The table `[tool.specc]` of a file."""
    import tomllib  # not for those who have no such file

    try:
        found: object = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SpecError(f"{path} cannot be read: {error}") from None
    for name in ("tool", "specc"):
        found = found.get(name, {}) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise SpecError(f"{path}: [tool.specc] has to be a table")
    return found


def _options(table: object, path: Path) -> dict[str, object]:
    """A table of options of the file at `path` as a command takes them."""
    if not isinstance(table, dict):
        raise SpecError(f"{path}: what [tool.specc] says for a command has to be a table")
    options = dict(table)
    if isinstance(options.get("define"), dict):
        options["define"] = [f"{name}={_text(value)}" for name, value in options["define"].items()]
    if isinstance(options.get("out"), str):
        options["out"] = os.path.relpath(path.parent / options["out"])
    return options


def _text(value: object) -> str:
    """A value of TOML as it stands after `-D`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
