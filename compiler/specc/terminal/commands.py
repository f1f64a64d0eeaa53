"""The commands of `specc`: what each reads and prints, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import PositiveInt
from pydantic import BaseModel
from rich.text import Text

from .. import api
from ..compile import Program, understand
from ..errors import Errors, SpecError, SpecErrors, leaves, nearest
from ..planning.plan import Formulation
from ..program.check import MOST_MAPS
from ..program.static import Static
from ..report import report
from .cli import MISTAKE
from .console import complaints, output, width, write
from .definitions import definitions
from .diagnostics import as_records, render
from .draw import dot, draw, graph_data, mermaid
from .stages import Stage, show_stage
from .tabulate import tabulate, tabulate_verification


def flag(purpose: str) -> Parameter:
    return Parameter(help=purpose, negative=(), show_default=False)


File = Annotated[Path, Parameter(help="A specification.")]
Files = Annotated[Path, Parameter(help="Specifications.", required=True, negative=())]
OptionalFiles = Annotated[Path, Parameter(help="Specifications.", negative=())]
Network = Annotated[
    str | None,
    Parameter(name="--model", help="A PyTorch model: `package.module:factory`."),
]
Spec = Annotated[
    Path | None, Parameter(help="A space: a specification, or Git Re-Basin's or UNF's JSON.")
]
Inputs = Annotated[
    tuple[str, ...],
    Parameter(
        name="--input",
        negative=(),
        show_default=False,
        help="An input of the PyTorch model: `f32[2, 3, 32, 32]`, `ids=i64[2, 16; index 99]`.",
    ),
]
Model = Annotated[str | None, Parameter(help="One of its models; all if none is named.")]
Define = Annotated[
    tuple[str, ...],
    Parameter(
        name=("--define", "-D"),
        negative=(),
        show_default=False,
        help="Set a build parameter, as in `-D width=128`.",
    ),
]
Out = Annotated[
    Path | None, Parameter(name=("--out", "-o"), help="Write here, not beside the specification.")
]
Check = Annotated[bool, flag("Write nothing; fail where a module is not up to date.")]
Standalone = Annotated[bool, flag("Write modules that need torch alone.")]
MaxMaps = Annotated[PositiveInt, Parameter(help="The most maps that a layer may have.")]
Plan = Annotated[
    Formulation | None,
    Parameter(help="Stack the pools of a level for one product, or add up one for each."),
]
Show = Annotated[Stage | None, Parameter(help="Print what a stage made; write nothing.")]
Aot = Annotated[bool, flag("Write a package compiled ahead of time for each model, too.")]
Packaged = Annotated[
    str | None, Parameter(name="--model", help="The one model of which `--aot` writes a package.")
]
Weights = Annotated[
    Path | None, Parameter(help="Its parameters: a state_dict, `.pt` or `.safetensors`.")
]
Module = Annotated[
    Path | None, Parameter(help="A module that was built; one made in memory if none is named.")
]
TextOrJson = Annotated[Literal["text", "json"], Parameter(help="For people or for programs.")]
Drawing = Annotated[
    Literal["text", "json", "dot", "mermaid"], Parameter(help="A drawing, data, or a program's.")
]


# --- build ---------------------------------------------------------------------------------------


def build(
    *files: Files,
    out: Out = None,
    define: Define = (),
    check: Check = False,
    standalone: Standalone = False,
    max_maps: MaxMaps = MOST_MAPS,
    plan: Plan = None,
    show: Show = None,
    aot: Aot = False,
    packaged: Packaged = None,
    weights: Weights = None,
) -> int:
    """Writes a module for each specification, or says what would be written."""
    params = definitions(define)
    if not aot and (packaged or weights):
        raise SpecError("`--model` and `--weights` say what is packaged", hint="add `--aot`")
    if aot and (check or show):
        raise SpecError("`--aot` writes packages, and `--check` and `--show` write nothing")
    if show is not None:
        programs = understood(files, max_maps, params)
        _print("\n\n".join(show_stage(program, show, plan) for program in programs))
        return 0
    modules: dict[Path, str] = {}
    errors = Errors()
    for file in files:
        with errors.collect():
            target = api.module_path(file, out)
            if target in modules:
                raise SpecError(f"two specifications would be written to {target}")
            modules[target] = api.generate(
                file, params, max_maps=max_maps, plan=plan, standalone=standalone
            )
    errors.raise_if_any()
    if check:
        return _compare(modules)
    programs = understood(files, max_maps, params, packaged) if aot else []
    for program, (target, text) in zip(programs, modules.items(), strict=False):
        for path in api.write_packages(program, text, target, weights):
            _tell("written", path)
    _write(modules)
    return 0


def _compare(modules: Mapping[Path, str]) -> int:
    """Names every module that is not what would be written."""
    outdated = False
    for target, text in modules.items():
        if _read(target) == text:
            _tell("up to date", target)
            continue
        outdated = True
        _tell("out of date" if target.exists() else "missing", target)
    return MISTAKE if outdated else 0


def _write(modules: Mapping[Path, str]) -> None:
    """Writes the modules that are not up to date, if nobody else has written what is there."""
    errors = Errors()
    there = {target: _read(target) for target in modules}
    for target, text in there.items():
        if text and "DO NOT EDIT" not in text.partition("\n")[0]:
            hint = "`-o` names another folder"
            errors.add(SpecError(f"{target} is there and was not written by specc", None, hint))
    errors.raise_if_any()
    for target, text in modules.items():
        if there[target] == text:
            _tell("unchanged", target)
        else:
            api.write_atomically(target, text)
            _tell("written", target)


def _read(target: Path) -> str | None:
    return target.read_bytes().decode(errors="replace") if target.is_file() else None


_STYLES = {"written": "green", "ok": "green", "out of date": "red", "missing": "red"}


def _tell(what: str, file: Path, more: str = "") -> None:
    """A line on what became of a file."""
    line = Text.assemble((f"{what:<11}", _STYLES.get(what, "dim")), f" {file}", (more, "dim"))
    write([line], output())


# --- check ---------------------------------------------------------------------------------------


def check(
    *files: OptionalFiles,
    define: Define = (),
    max_maps: MaxMaps = MOST_MAPS,
    format: TextOrJson = "text",
    spec: Spec = None,
    network: Network = None,
    input: Inputs = (),
) -> int:
    """Reports every mistake in each specification; one in a file that several import, once.

    With `--model`, whether the space in `--spec` is the symmetry of that PyTorch model's weights.
    """
    if network is not None or spec is not None:
        if network is None or spec is None or files:
            raise SpecError("`--spec FILE` and `--model package.module:factory` go together, alone")
        from .trace import check_space

        return check_space(spec, network, input, None)
    if not files:
        raise SpecError("nothing to check", None, "name a specification")
    params = definitions(define)
    mistakes: dict[str, SpecError] = {}
    for file in files:
        try:
            program = understand(api.as_source(file), params, max_maps)
        except SpecError as mistake:
            mistakes[str(mistake)] = mistake
        except SpecErrors as several:
            mistakes |= {str(mistake): mistake for mistake in leaves(several)}
        else:
            if format == "text":
                models = ", ".join(typed.name for typed in program.models)
                _tell("ok", file, f"  {models or 'no models'}")
    if format == "json":
        records = [record.model_dump() for each in mistakes.values() for record in as_records(each)]
        _print(json.dumps({"ok": not mistakes, "diagnostics": records}, indent=2))
    elif mistakes:
        found = list(mistakes.values())
        render(SpecErrors("mistakes", found) if found[1:] else found[0], complaints())
    return MISTAKE if mistakes else 0


# --- graph, explain, verify ----------------------------------------------------------------------


def graph(
    file: File,
    model: Model = None,
    /,
    *,
    define: Define = (),
    max_maps: MaxMaps = MOST_MAPS,
    format: Drawing = "text",
) -> int:
    """Draws models: what is computed from what, with types and symmetry."""
    (program,) = understood((file,), max_maps, definitions(define), model)
    match format:
        case "text":
            console = output()
            drawings = [draw(typed, width(console)) for typed in program.models]
            write([line for drawing in drawings for line in (*drawing, Text())][:-1], console)
        case "json":
            print_data(graph_data(program.models))
        case "dot":
            _print(dot(program.models))
        case "mermaid":
            _print(mermaid(program.models))
    return 0


def explain(
    file: File,
    model: Model = None,
    /,
    *,
    define: Define = (),
    max_maps: MaxMaps = MOST_MAPS,
    plan: Plan = None,
    format: TextOrJson = "text",
) -> int:
    """Says what was derived: groups, spaces, and the maps, levels and cost of every layer."""
    (program,) = understood((file,), max_maps, definitions(define), model)
    derived = report(program, plan)
    if format == "json":
        print_data(derived)
    else:
        console = output()
        write(tabulate(derived, console.width), console)
    return 0


def verify(
    file: File,
    model: Model = None,
    /,
    *,
    module: Module = None,
    define: Define = (),
    max_maps: MaxMaps = MOST_MAPS,
    format: TextOrJson = "text",
    network: Network = None,
    input: Inputs = (),
) -> int:
    """Tests modules from outside; fails where one is not what its specification says.

    With `--model`, tests a space of the specification against that PyTorch model.
    """
    if network is not None:
        from .trace import check_space

        return check_space(file, network, input, model)
    params = definitions(define)
    understood((file,), max_maps, params, model)
    clashes = {"model", "module", "max_maps"} & params.keys()
    if clashes:
        raise SpecError(f"`verify` cannot set a build parameter called `{min(clashes)}`")
    found = api.verify(file, model, module=module, max_maps=max_maps, **params)
    if format == "json":
        print_data(found)
    else:
        console = output()
        write(tabulate_verification(found, console.width), console)
    return 0 if found.ok else MISTAKE


def understood(
    files: Sequence[Path],
    max_maps: int,
    params: Mapping[str, Static],
    model: str | None = None,
) -> list[Program]:
    """The checked specifications, with one of their models if it is named."""
    errors = Errors()
    programs = []
    for file in files:
        with errors.collect():
            programs.append(_only(understand(api.as_source(file), params, max_maps), model))
    errors.raise_if_any()
    return programs


def _only(program: Program, model: str | None) -> Program:
    names = [typed.name for typed in program.models]
    if model is None:
        return program
    if model not in names:
        hint = nearest(model, names) or f"its models are {', '.join(names) or 'none'}"
        raise SpecError(f"there is no model `{model}` in {program.source.name}", None, hint)
    return replace(program, models=(program.models[names.index(model)],))


def print_data(record: BaseModel) -> None:
    _print(json.dumps(record.model_dump(by_alias=True), indent=2))


def _print(text: str) -> None:
    """Prints a text as it is, for files and other programs."""
    print(text)
