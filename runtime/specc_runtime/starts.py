"""What `torch.compile` made of a model, kept in a file: the next process starts without tracing it.

A second start of `torch.compile` finds its kernels in Inductor's cache and yet traces the model anew,
which takes most of its time. Here graphs are kept whole, with the conditions under which they hold; forward
and backward. The one file that knows how: `torch._dynamo.aot_compile` is experimental, and where it
is not there `keep_compiled` is `Model.compile`.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch

from . import native
from .compilation import one_graph
from .models import Model

FORMAT = 2
"""Of the files: counted up where they hold something else."""


def keep_compiled(model: Model, path: Path | str, **options: Any) -> None:
    """Compiles `forward` in place as `Model.compile` does, and keeps what was compiled in a file.

    Each condition under which torch needs a graph of its own (gradients or not, training or evaluation,
    sizes of axes) is compiled when it first occurs, and added to the file. Of a file that another
    torch, another machine's code or another source made nothing is used. Reading it runs what it
    holds: keep it where only you write.
    """
    if not available():
        model.compile(**options)
        return
    model._compiled_call_impl = _Kept(model, Path(path), options)


def available() -> bool:
    """Whether this torch can keep what it compiles."""
    if find_spec("torch._dynamo.aot_compile") is None:
        return False
    from torch._dynamo import aot_compile

    return hasattr(aot_compile, "aot_compile_fullgraph") and hasattr(
        torch._dynamo.config, "_shapes_spec"
    )


class _Kept:
    """Calls the graph whose conditions hold, and compiles one where none does."""

    def __init__(self, model: Model, path: Path, options: dict[str, Any]) -> None:
        self._model = model
        self._path = path
        self._options = one_graph(model, model.inputs, model.masks, **options)
        self._key = _key(model, options)
        self._graphs: list[Any] = _read(path, self._key)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for graph in self._graphs:
            if graph.guard_check(self._model, *args, **kwargs):
                return graph.fn(self._model, *args, **kwargs)
        graph = self._compiled(args, kwargs)
        self._graphs.append(graph)
        _write(self._path, self._key, self._graphs)
        return graph.fn(self._model, *args, **kwargs)

    def _compiled(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from torch._dynamo.aot_compile import aot_compile_fullgraph
        from torch._dynamo.backends.registry import lookup_backend
        from torch._dynamo.hooks import Hooks

        backend: Any = lookup_backend(self._options.get("backend", "inductor"))
        with _shapes(self._options.get("shapes_spec")):
            return aot_compile_fullgraph(
                self._model.forward,
                (args, kwargs),
                hooks=Hooks(),
                backend=backend,
                dynamic=self._options.get("dynamic"),
            )


@contextmanager
def _shapes(spec: Any) -> Iterator[None]:
    """What `torch.compile(shapes_spec=...)` declares, for code that is traced without it."""
    if spec is None:
        yield
        return
    from torch.fx.experimental.dynamic_spec import ShapesSpec

    with torch._dynamo.config.patch(_shapes_spec=ShapesSpec(spec)):
        yield


def _key(model: Model, options: dict[str, Any]) -> str:
    """A digest of all that a graph depends on and that its own conditions do not say."""
    made = FORMAT, torch.__version__, sys.version, sorted(options.items()), native.enabled()
    digest = hashlib.sha256(repr(made).encode())
    folder = Path(__file__).parent
    files = [
        sys.modules[type(model).__module__].__file__,
        *sorted([*folder.rglob("*.py"), *folder.rglob("*.h"), *folder.rglob("*.cpp")]),
    ]
    for file in files:
        digest.update(_source(str(file)))
    return digest.hexdigest()


def _source(file: str) -> bytes:
    """The text of a module; one made in memory is called by a digest of its text."""
    return Path(file).read_bytes() if Path(file).is_file() else file.encode()


def _read(path: Path, key: str) -> list[Any]:
    if not path.is_file():
        return []
    from torch._dynamo.aot_compile import AOTCompiledFunction

    held, *kept = pickle.loads(path.read_bytes())
    if held != key:
        return []
    instructions, graphs = kept
    if instructions is not None:
        _expect(instructions)
    return [AOTCompiledFunction.deserialize(graph) for graph in graphs]


def _write(path: Path, key: str, graphs: list[Any]) -> None:
    """Writes the file whole or not at all."""
    from torch._dynamo.aot_compile import AOTCompiledFunction

    held = [AOTCompiledFunction.serialize(graph).serialized_data for graph in graphs]
    kept = key, _searched(), held
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        pickle.dump(kept, file)
    os.replace(temporary, path)


# --- Vector instructions --------------------------------------------------------------------------


class Instructions(NamedTuple):
    """What the processor claims to have, and by what compiler Inductor looks whether it can be used."""

    compiler: str
    claimed: tuple[str, ...]


def _searched() -> Instructions | None:
    """What Inductor searched with, where it found all that is claimed; else, and without a search, None."""
    inductor = sys.modules.get("torch._inductor.cpu_vec_isa")
    if inductor is None or not inductor.valid_vec_isa_list.cache_info().currsize:
        return None
    instructions = _instructions()
    found = tuple(map(str, inductor.valid_vec_isa_list()))
    return instructions if found == instructions.claimed else None


def _instructions() -> Instructions:
    from torch._inductor.cpp_builder import get_compiler_version_info, get_cpp_compiler
    from torch._inductor.cpu_vec_isa import supported_vec_isa_list, x86_isa_checker

    flags = x86_isa_checker()
    claimed = [str(each) for each in supported_vec_isa_list]
    return Instructions(
        get_compiler_version_info(get_cpp_compiler()),
        tuple(each for each in claimed if all(flag in flags for flag in each.split())),
    )


def _expect(instructions: Instructions) -> None:
    """Spares Inductor its search, which builds and runs a program for each kind, for more than a second.

    It found all that the processor claimed. So it does again where processor and compiler are the same;
    else it searches.
    """
    from torch._inductor import config, exc
    from torch._inductor.cpu_vec_isa import valid_vec_isa_list

    try:
        same = _instructions() == instructions
    except exc.InvalidCxxCompiler:
        return
    if same:
        with config.patch({"cpp.vec_isa_ok": True}):
            valid_vec_isa_list()
