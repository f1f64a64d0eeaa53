"""The command `specc trace`, and checks of a space against the model whose weights it is of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from .. import api
from ..errors import SpecError, nearest
from ..tracing import interchange
from ..tracing import trace as traced
from ..tracing.arguments import Given, given_by
from ..tracing.traced import Traced, blame
from ..tracing.verify import Finding
from ..tracing.verify import verify as verify_space
from ..types import Collection
from .cli import MISTAKE
from .commands import Inputs, TextOrJson
from .console import complaints, output, write
from .summary import summary

Form = Annotated[
    Literal["spec", "git-rebasin", "unf"],
    Parameter(name="--as", help="What to write: a specification, or another project's JSON."),
]


def trace(
    model: Annotated[str, Parameter(help="`package.module:factory` or `file.py:factory`.")],
    /,
    *,
    input: Inputs = (),
    out: Annotated[Path | None, Parameter(name=("--out", "-o"), help="Write it here.")] = None,
    form: Form = "spec",
    name: Annotated[str | None, Parameter(help="How the space is called.")] = None,
    no_verify: Annotated[bool, Parameter(negative=(), help="Do not check the result.")] = False,
    format: TextOrJson = "text",
) -> int:
    """Derives the permutation symmetry of a PyTorch model's weights and verifies it."""
    given = given_by(model, input)
    found = traced(
        given.module, *given.inputs, kwargs=given.options, name=name, verify=not no_verify
    )
    text = _written(found, form)
    if out is not None:
        api.write_atomically(out, text)
    elif format == "text":
        print(text)
    if format == "json":
        print(json.dumps(found.report().model_dump(), indent=2))
        return 0
    console = output() if out is not None else complaints()
    write(summary(found.report(), console.width), console)
    return 0


def _written(found: Traced, form: str) -> str:
    if form == "spec":
        return found.spec()
    other = interchange.left_out(found.space)
    if other:
        console = complaints()
        print(
            f"note: {form} cannot say {len(other)} of the free groups, which are pinned there: "
            + ", ".join(axis.name for axis in other[:5])
            + (", ..." if len(other) > 5 else ""),
            file=console.file,
        )
    data = (interchange.to_unf if form == "unf" else interchange.to_git_rebasin)(found.space)
    return json.dumps(data, indent=2) + "\n"


def check_space(space: Path, model: str, inputs: Sequence[str], name: str | None) -> int:
    """Says whether a space, of a specification or of another project, is the symmetry of a model."""
    given = given_by(model, inputs)
    found = verify_space(read_space(space, given, name), given.module, given.inputs, given.options)
    _tell(space, found)
    return 0 if found.ok else MISTAKE


def read_space(path: Path, given: Given, name: str | None) -> Collection:
    """The space of a file: a `.spec`, or JSON in one of the other forms."""
    if path.suffix != ".spec":
        shapes = {n: tuple(t.shape) for n, t in given.module.state_dict().items()}
        return interchange.read(path, shapes)
    spaces = api.spaces(path)
    if name is None and len(spaces) == 1:
        return next(iter(spaces.values()))
    if name is None or name not in spaces:
        hint = nearest(name or "", spaces) or f"its spaces are {', '.join(spaces) or 'none'}"
        what = "several spaces" if name is None else f"no space `{name}`"
        raise SpecError(f"{path} declares {what if spaces else 'no space'}", None, hint)
    return spaces[name]


def _tell(space: Path, found: Finding) -> None:
    if found.ok:
        print(f"ok  {space}: random elements change the outputs by {found.deviation:.1e}")
        return
    print(f"wrong  {space}: random elements change the outputs by {found.deviation:.1e}")
    print(f"       {blame(found)}")
