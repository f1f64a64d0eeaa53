"""The operations on full-size tensors, and whole layers on small ones, in C++ for float32 on a CPU.

`enable()` compiles the sources beside this file with the machine's C++ compiler (a minute or two; kept
in torch's folder for extensions) and has `with_means` and `mix_spread` use them wherever they fit: float32, at
most `WIDEST` channels, no autocast. Layers that are `fused_if_small` use them up to the sizes that `layers` says. All
else, and what is exported, takes the plain path as before. With `SPECC_NATIVE=1` in the environment, importing
`specc_runtime` enables them.

The operators are `torch.ops.specc_native.*`, with gradients, shapes for tracing and a rule for vmap.
For a given number of threads results are the same bits each time.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from .. import inputs
from ..equivariant import Equivariant
from ..formulas import transformed
from ..fused import KERNELS, fit
from .layers import Call, Made, calls_of, layer, parameters_of
from .rules import register_rules

WIDEST = 256
"""Channels of a source or a result up to which a product is kept in registers and the nearest cache."""

MOST_DIMS, MOST_TERMS = 8, 16
"""What the kernels count on the stack, `MAX_DIMS` and `MAX_TARGETS`."""

PLAIN = frozenset((Tensor, nn.Parameter))

FLAGS = {
    "AVX512": ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma"),
    "AVX2": ("-mavx2", "-mfma"),
}
"""By what torch calls the processor's capability; a build serves every processor that has it."""


def enable() -> bool:
    """Uses the kernels from now on; says whether it could, and warns where there is no compiler."""
    try:
        library = _load()
    except (ImportError, OSError, RuntimeError) as error:
        warnings.warn(
            f"the C++ kernels could not be built, so the plain path is used: {error}", stacklevel=2
        )
        return False
    KERNELS["with_means", "cpu"] = _with_means
    KERNELS["mix_spread", "cpu"] = _mix_spread
    KERNELS["mix_with_means", "cpu"] = _mix_with_means
    KERNELS["layer", "cpu"] = _layer
    inputs.seen = library.seen
    return True


def disable() -> None:
    """Uses the plain path again."""
    for operation in ("with_means", "mix_spread", "mix_with_means", "layer"):
        KERNELS.pop((operation, "cpu"), None)
    inputs.seen = inputs.seen_of


def release_memory() -> int:
    """Gives the memory that waits for the next large results back to the system; how many bytes it was.

    Large results of the kernels leave theirs waiting when they are freed: as much as was ever in use at
    a time, counted with what is in use.
    """
    if not _load.cache_info().currsize:
        return 0
    freed: int = torch.ops.specc_native.release_memory()
    return freed


def enabled() -> bool:
    """Whether the kernels are in use."""
    return KERNELS.get(("mix_spread", "cpu")) is _mix_spread


@cache
def _load() -> ModuleType:
    """Gives torch the operators and their rules; the library as a module."""
    library = _built()
    spec = spec_from_file_location(library.stem, library)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    register_rules()
    return module


def _built() -> Path:
    """The library of operators, which is built where there is none.

    Its name holds a digest of sources, flags and versions: where a home folder is shared by different
    machines, each finds what it can run. A process that is killed while it builds leaves no more than
    another one overwrites: the system takes its lock back, which torch's own, a mere file, is not.
    """
    from filelock import FileLock
    from torch.utils import cpp_extension

    source = Path(__file__).parent
    flags = ["-O3", "-fopenmp", *FLAGS.get(torch.backends.cpu.get_cpu_capability(), ())]
    texts = [path.read_text(encoding="utf-8") for path in sorted(source.glob("*.[ch]*"))]
    versions = (torch.__version__, str(sys.implementation.cache_tag))
    digest = hashlib.sha256("\0".join([*texts, *flags, *versions]).encode()).hexdigest()
    name = f"specc_native_{digest[:16]}"
    root = os.environ.get("TORCH_EXTENSIONS_DIR") or cpp_extension.get_default_build_root()
    folder = Path(root) / name
    folder.mkdir(parents=True, exist_ok=True)
    complete = folder / "complete"
    with FileLock(folder / "building"):
        if not complete.exists():
            (folder / "lock").unlink(missing_ok=True)
            cpp_extension.load(
                name,
                [str(path) for path in sorted(source.glob("*.cpp"))],
                extra_cflags=flags,
                extra_ldflags=["-fopenmp"],
                build_directory=str(folder),
                is_python_module=False,
            )
            complete.touch()
    return folder / f"{name}.so"


def _with_means(x: Tensor, *dims: int) -> tuple[Tensor, ...] | None:
    """`with_means` where the kernel fits: the gradients of the means are added to that of `x` in place."""
    own = [dim % x.dim() for dim in dims]
    if not dims or not _takes(x) or x.dim() > MOST_DIMS or x.dim() - 1 in own:
        return None
    operators = torch.ops.specc_native
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() and x.requires_grad):
        return x, *operators.pool.default(x, own)
    same, means = operators.pooled.default(x, own)
    return same, *means


def _mix_spread(
    parts: tuple[Tensor, ...], weight: Tensor, terms: tuple[Tensor, ...], rectified: bool
) -> Tensor | None:
    """`mix_spread` up to its activation where the kernel fits; the rectifier is a part of it."""
    if not _mixes(parts, weight, terms):
        return None
    found: Tensor = torch.ops.specc_native.mix.default(parts, weight, terms, rectified)
    return found


def _mix_with_means(
    parts: tuple[Tensor, ...],
    weight: Tensor,
    terms: tuple[Tensor, ...],
    rectified: bool,
    dims: tuple[int, ...],
) -> list[Tensor] | None:
    """`_mix_spread` and the means of it over each of the dimensions; not while torch traces, which
    could not tell whose means they are."""
    axes = range(1, parts[0].dim() - 1)
    if torch.compiler.is_compiling() or not all(dim in axes for dim in dims):
        return None
    if len(dims) > MOST_TERMS or not _mixes(parts, weight, terms):
        return None
    operator = torch.ops.specc_native.mix_with_means.default
    found: list[Tensor] = operator(parts, weight, terms, rectified, dims)
    return found


def _mixes(parts: tuple[Tensor, ...], weight: Tensor, terms: tuple[Tensor, ...]) -> bool:
    """Whether the kernels take a product with what is added to it."""
    widths = [each.shape[-1] for each in parts]
    return (
        _takes(*parts, weight, *terms)
        and max(*widths, len(weight)) <= WIDEST
        and weight.shape[1] == sum(widths)
        and len(terms) <= MOST_TERMS
        and parts[0].dim() <= MOST_DIMS
        and all(each.shape[-1] == len(weight) for each in terms)
        and (torch.compiler.is_compiling() or fit(parts, terms))
    )


@cache
def _calls(kind: type[Equivariant]) -> Call:
    return calls_of(_load(), kind)


def _layer(module: Equivariant, x: Tensor | Mapping[str, Tensor], rectified: bool) -> Made:
    """A layer up to its activation where the kernel fits; the rectifier is a part of it."""
    if not torch.compiler.is_compiling():
        return _calls(type(module))(module, x, rectified)  # type: ignore[arg-type]
    values = [x] if isinstance(x, Tensor) else [x[name] for name in module.inputs]
    parameters = parameters_of(module)
    if parameters is None:
        return None
    weights, biases = parameters
    if not _takes(*values, *weights, *(each for each in biases if each is not None)):
        return None
    return layer(module, values, weights, biases, rectified)


def _takes(x: Tensor, *others: Tensor) -> bool:
    """Whether these are float32 tensors on a CPU, outside of any transform."""
    tensors = (x, *others)
    if torch.compiler.is_exporting() or torch.is_autocast_enabled("cpu") or transformed():
        return False
    if torch.compiler.is_compiling():
        return all(each.dtype == torch.float32 and each.device.type == "cpu" for each in tensors)
    float32 = torch.float32
    for each in tensors:
        if type(each) not in PLAIN or each.dtype is not float32 or not each.is_cpu:
            return False
    return forward_ad._current_level < 0
