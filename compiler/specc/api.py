"""The compiler from Python: `build`, `load`, `check`, `explain`, `verify`."""

from __future__ import annotations

import builtins
import hashlib
import keyword
import linecache
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from .compile import Program, compile, understand
from .emit.standalone import standalone as inlined
from .errors import Errors, Source, SpecError
from .planning.plan import Formulation
from .program.check import MOST_MAPS
from .program.static import Static
from .report import Report, report
from .text.parse import read_source

if TYPE_CHECKING:
    from .running.bench import Settings
    from .running.records import Timings
    from .types import Collection
    from .verification import Verification


NAMES_OF_LIBRARIES = frozenset({"torch", "specc", "specc_grammar", "specc_runtime", "numpy"})
"""A file of such a name would be imported in place of what generated modules need."""


def check(source: Path | str, /, *, max_maps: int = MOST_MAPS, **params: Static) -> Program:
    """Checks a specification, a file or a text; raises `SpecError` or `SpecErrors`."""
    return understand(as_source(source), params, max_maps)


def spaces(source: Path | str, /, **params: Static) -> dict[str, Collection]:
    """The spaces that a specification declares, by their names."""
    return dict(understand(as_source(source), params).spaces)


def explain(
    source: Path | str,
    /,
    *,
    max_maps: int = MOST_MAPS,
    plan: Formulation | None = None,
    **params: Static,
) -> Report:
    """Groups, spaces, and the maps, levels and cost of every equivariant layer."""
    return report(understand(as_source(source), params, max_maps), plan)


def generate(
    source: Path | str,
    params: Mapping[str, Static],
    *,
    max_maps: int = MOST_MAPS,
    plan: Formulation | None = None,
    standalone: bool = False,
) -> str:
    """The source of the generated module; with `standalone` it needs torch alone."""
    text = compile(as_source(source), params, max_maps, plan)
    return inlined(text) if standalone else text


def build(
    *files: Path | str,
    out: Path | str | None = None,
    max_maps: int = MOST_MAPS,
    plan: Formulation | None = None,
    standalone: bool = False,
    **params: Static,
) -> list[Path]:
    """Writes one Python file for each specification, into `out` or beside it; returns their paths.

    Each is written whole or not at all, and none is if any specification has a mistake.
    """
    errors = Errors()
    written: dict[Path, str] = {}
    for file in map(Path, files):
        with errors.collect():
            target = module_path(file, out)
            if target in written:
                raise SpecError(f"two specifications would be written to {target}")
            written[target] = generate(
                file, params, max_maps=max_maps, plan=plan, standalone=standalone
            )
    errors.raise_if_any()
    for target, text in written.items():
        write_atomically(target, text)
    return list(written)


def load(
    source: Path | str,
    /,
    *,
    max_maps: int = MOST_MAPS,
    plan: Formulation | None = None,
    **params: Static,
) -> ModuleType:
    """The generated module in memory: a class for each model. Tracebacks show its source.

    The module is in `sys.modules` under a name made from its text, so that its classes pickle within
    one process; write it with `build` to unpickle elsewhere.
    """
    return _executed(as_source(source).name, generate(source, params, max_maps=max_maps, plan=plan))


def _executed(source_name: str, text: str) -> ModuleType:
    """A generated module's source run under a name made from it."""
    name = f"specc_generated_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    file = f"<specc {source_name} {name[-16:]}>"
    module = ModuleType(name)
    module.__file__ = file
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    sys.modules[name] = module
    try:
        exec(builtins.compile(text, file, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def verify(
    source: Path | str,
    /,
    model: str | None = None,
    *,
    module: Path | str | None = None,
    max_maps: int = MOST_MAPS,
    **params: Static,
) -> Verification:
    """Tests generated modules from outside, in float64; see `specc.verify`."""
    from .verification import verify_program

    program = understand(as_source(source), params, max_maps)
    text = generate(source, params, max_maps=max_maps)
    loaded = import_file(Path(module)) if module else _executed(program.source.name, text)
    return verify_program(program, loaded, model)


def bench_program(
    program: Program,
    params: Mapping[str, Static],
    settings: Settings,
    *,
    max_maps: int = MOST_MAPS,
    plan: Formulation | None = None,
) -> Timings:
    """Measures the models of a checked specification."""
    from .running.bench import bench_program

    text = compile(program.source, params, max_maps, plan)
    return bench_program(program, _executed(program.source.name, text), settings, plan)


def write_packages(
    program: Program, text: str, target: Path, weights: Path | None = None
) -> list[Path]:
    """Writes a package for each model of a program, beside its module, whose source is `text`."""
    from .running.packages import write_packages

    return write_packages(program, _executed(program.source.name, text), target, weights)


def as_source(source: Path | str) -> Source:
    """A specification's text: a path, a name that ends in `.spec`, or the text itself."""
    if isinstance(source, Path) or (source.endswith(".spec") and "\n" not in source):
        return read_source(Path(source))
    return Source("<text>", source)


def module_path(file: Path, out: Path | str | None) -> Path:
    """Where the module of a specification is written: a name that Python can import."""
    name = file.stem.replace("-", "_").replace(" ", "_")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SpecError(f"`{file.name}` cannot be the name of a Python module", hint="rename it")
    if name in sys.stdlib_module_names or name in NAMES_OF_LIBRARIES:
        raise SpecError(
            f"`{name}.py` would hide the module `{name}` from programs in its folder",
            hint="rename the specification",
        )
    return (Path(out) if out else file.parent) / f"{name}.py"


def write_atomically(target: Path, text: str) -> None:
    """Writes a file so that at no time it is there in part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def import_file(path: Path) -> ModuleType:
    """A module from its file, under a name of its own."""
    name = f"specc_file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    exec(builtins.compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module
