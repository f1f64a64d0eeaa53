"""Ahead-of-time packages: a model compiled by AOTInductor into one file, with the checks of its inputs.

`package` writes one and `load_package` loads it, without the model's source and without compiling. By
itself AOTInductor answers wrong shapes, dtypes, strides and orders of keys with wrong numbers; a
loaded package checks its inputs first, in the words of the model that it was made from, and puts
them into the order and layout that were compiled.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map, tree_unflatten, treespec_loads

from .inputs import InputError, Shapes, check_against, check_mask, reference_of
from .models import Model
from .storage import size_of, words_of

Values = dict[str, Tensor | dict[str, Tensor]]

KEY = "specc"
"""Under this key of a package's metadata stands its `Signature`, as JSON."""

EVERY_PARAMETER = {"always_keep_tensor_constants": True, "joint_graph_constant_folding": False}
"""Else short parameters, and those whose entries are all equal, are built into the code for good."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a package is called with: shapes in words as in `inputs`, dtypes and a device as texts.

    `dtype` is that of the parameters, empty where there are none; `state` are the shapes of the
    state_dict that it was made with.
    """

    name: str
    inputs: dict[str, str | dict[str, str]]
    masks: dict[str, str]
    dtype: str
    device: str
    state: dict[str, list[int]]

    def reference(self) -> Tensor | None:
        """A tensor with the dtype and the device that inputs have; None where any will do."""
        if not self.dtype:
            return None
        return torch.empty(0, dtype=getattr(torch, self.dtype), device=self.device)


# --- Writing --------------------------------------------------------------------------------------


def package(
    model: Model,
    path: Path | str,
    *,
    sizes: Mapping[str, int] | None = None,
    dynamic: bool = False,
    **configs: Any,
) -> Path:
    """Compiles a model as it is in evaluation, for every batch size, and writes it with its parameters.

    The path ends in `.pt2`. Sizes of axes are constants of the package, those that the model was built
    with unless `sizes` say otherwise; with `dynamic` they are free as the batch is. `configs` are
    Inductor's. The package computes no gradients. Raises `ValueError` where the size of an axis is
    not known.
    """
    known = {**sizes_of(model), **(sizes or {})}
    signature = signature_of(model, known, dynamic)
    example = example_of(signature, known)
    with evaluated(model), torch.no_grad():
        program = torch.export.export(
            model, (), dict(example), dynamic_shapes=_dimensions(signature), strict=False
        )
    metadata = {KEY: json.dumps(asdict(signature))}
    settings = {**configs, **EVERY_PARAMETER, "aot_inductor.metadata": metadata}
    written = torch._inductor.aoti_compile_and_package(
        program, package_path=str(path), inductor_configs=settings
    )
    return Path(written)


def signature_of(model: Model, sizes: Mapping[str, int], dynamic: bool = False) -> Signature:
    """The shapes that a package takes: numbers for words, but for the batch; with `dynamic` words."""

    def known(shape: str) -> str:
        words = words_of(shape)
        return shape if dynamic else " ".join(str(sizes.get(word, word)) for word in words)

    inputs = {
        name: known(shape)
        if isinstance(shape, str)
        else {key: known(each) for key, each in shape.items()}
        for name, shape in model.inputs.items()
    }
    reference = reference_of(model)
    state: Mapping[str, Tensor] = model.state_dict()
    return Signature(
        name=type(model).__name__,
        inputs=inputs,
        masks={name: known(shape) for name, shape in model.masks.items()},
        dtype="" if reference is None else str(reference.dtype).removeprefix("torch."),
        device="cpu" if reference is None else str(reference.device),
        state={name: list(value.shape) for name, value in state.items()},
    )


def sizes_of(model: nn.Module) -> dict[str, int]:
    """The sizes of axes that the layers of a model were built with, where all that name one agree."""
    found: dict[str, set[int]] = {}
    for layer in model.modules():
        sizes: Mapping[str, int] = getattr(type(layer), "sizes", {})  # of layers, inlined ones too
        for axis, size in sizes.items():
            found.setdefault(axis, set()).add(size)
    return {axis: sizes.pop() for axis, sizes in found.items() if len(sizes) == 1}


def example_of(signature: Signature, sizes: Mapping[str, int], batch: int = 2) -> Values:
    """Inputs and masks of the declared shapes: zeros, and masks that hold everywhere."""
    reference = signature.reference()
    device = None if reference is None else reference.device
    real = torch.get_default_dtype() if reference is None else reference.dtype.to_real()

    def tensor(shape: str) -> Tensor:
        words = words_of(shape)
        last = words[-1]
        indices, complex_ = last.startswith("<"), last == "complex"
        dims = words[:-1] if indices or complex_ else words
        dtype = torch.int64 if indices else real.to_complex() if complex_ else real
        return torch.zeros(
            [_size(word, {"batch": batch, **sizes}) for word in dims], dtype=dtype, device=device
        )

    def mask(shape: str) -> Tensor:
        dims = [_size(word, {"batch": batch, **sizes}) for word in words_of(shape)]
        return torch.ones(dims, dtype=torch.bool, device=device)

    inputs: Values = {
        name: tensor(shape)
        if isinstance(shape, str)
        else {key: tensor(each) for key, each in shape.items()}
        for name, shape in signature.inputs.items()
    }
    return {**inputs, **{name: mask(shape) for name, shape in signature.masks.items()}}


def _size(word: str, sizes: Mapping[str, int]) -> int:
    size = sizes.get(word, size_of(word))
    if size is None:
        raise ValueError(
            f"the size of `{word}` is not known: `package(model, path, sizes={{{word!r}: 16}})`"
        )
    return size


def _dimensions(signature: Signature) -> dict[str, Any]:
    """Which dimensions `torch.export` leaves free: those of words, one for each word."""
    free: dict[str, Any] = {}

    def dims(shape: str) -> dict[int, Any]:
        words = [word for word in words_of(shape) if word != "complex" and not word.startswith("<")]
        return {
            place: free.setdefault(word, torch.export.Dim(word, min=1))
            for place, word in enumerate(words)
            if size_of(word) is None
        }

    return tree_map(dims, {**signature.inputs, **signature.masks})  # type: ignore[no-any-return]


@contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """The model in evaluation, and each of its modules as before afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


# --- Loading --------------------------------------------------------------------------------------


def load_package(path: Path | str) -> Package:
    """Loads what `package` wrote, on the device that it was made for.

    Raises `ValueError` for a file that it did not write, and torch's errors where it does not fit the
    machine: a package holds machine code for the kind of processor that it was made on.
    """
    # what `torch._inductor.aoti_load_package` wraps, without importing a compiler for seconds
    loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", False, 1, -1)
    metadata = loader.get_metadata()
    if KEY not in metadata:
        raise ValueError(f"{path} was not written by specc: it does not say what it is called with")
    return Package(loader, Signature(**json.loads(metadata[KEY])))


class Package:
    """A compiled model: called as the model is, with the same checks, for inference alone.

    `load_state_dict` gives it the parameters of another model of its kind, trained ones for example.
    """

    def __init__(self, loader: Any, signature: Signature) -> None:
        self.signature = signature
        self._loader = loader
        self._results = treespec_loads(loader.get_call_spec()[1])
        self._reference = signature.reference()
        self._arguments = inspect.Signature(
            [
                *(_argument(name, inspect.Parameter.empty) for name in signature.inputs),
                *(_argument(name, None) for name in signature.masks),
            ]
        )

    @property
    def inputs(self) -> Shapes:
        """The shapes in words of what it takes; a word stands for any size, the same everywhere."""
        return self.signature.inputs

    @property
    def masks(self) -> Mapping[str, str]:
        """The shapes in words of its masks."""
        return self.signature.masks

    def __repr__(self) -> str:
        return f"Package({self.signature.name}: {', '.join(self._arguments.parameters)})"

    def __call__(self, *values: Any, **named: Any) -> Any:
        """The outputs of the model; raises `InputError` where its inputs are not what it takes."""
        bound = self._arguments.bind(*values, **named)
        bound.apply_defaults()
        given = dict(bound.arguments)
        leaves = self._checked(given)
        return tree_unflatten(self._loader.boxed_run(leaves), self._results)

    def _checked(self, given: dict[str, Any]) -> list[Tensor]:
        """The tensors in the order that was compiled: contiguous, indices as int64."""
        with torch.autocast(self._device.type, enabled=False):
            inputs = {name: given[name] for name in self.inputs}
            sizes = check_against(self._reference, self.inputs, inputs)
        for name, shape in self.masks.items():
            given[name] = self._mask(name, given[name], shape, sizes)
        leaves = [leaf for name, value in given.items() for leaf in self._declared(name, value)]
        if torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves):
            raise InputError(
                "a package computes no gradients, and an input requires them: `with torch.no_grad():`"
            )
        return [_prepared(leaf) for leaf in leaves]

    def _declared(self, name: str, value: Any) -> list[Tensor]:
        """The tensors of an argument that are declared, in that order."""
        shape = self.inputs.get(name, "")
        return [value] if isinstance(shape, str) else [value[key] for key in shape]

    def _mask(
        self, name: str, mask: Tensor | None, shape: str, sizes: Mapping[str, tuple[int, str]]
    ) -> Tensor:
        """The mask that was given, checked, or one that holds everywhere."""
        dims = []
        for place, word in enumerate(words_of(shape)):
            size = sizes[word][0] if word in sizes else size_of(word)
            if size is None:  # no input has the axis: the mask says itself how many there are
                size = 1 if mask is None else mask.shape[place]
            dims.append(size)
        if mask is None:
            return torch.ones(dims, dtype=torch.bool, device=self._device)
        check_mask(name, mask, tuple(dims))
        return mask

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Takes the parameters and buffers of another model of the same class, which are copied.

        Raises `ValueError` unless names and shapes are those of the model that was packaged.
        """
        given = {name: list(value.shape) for name, value in state.items()}
        wrong = [
            name
            for name in dict.fromkeys((*self.signature.state, *given))
            if given.get(name) != self.signature.state.get(name)
        ]
        if wrong:
            raise ValueError(
                f"this is not a state_dict of {self.signature.name}: `{wrong[0]}` "
                f"is {_shown(given.get(wrong[0]))}, not {_shown(self.signature.state.get(wrong[0]))}"
            )
        held = self._loader.get_constant_fqns()
        constants = {
            name: value.detach().to(self._device, _dtype(value, self._reference)).contiguous()
            for name, value in state.items()
            if name in held
        }
        self._loader.load_constants(constants, False, False, False, False)  # copies, as they are

    @property
    def _device(self) -> torch.device:
        return torch.device(self.signature.device)


def _argument(name: str, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)


def _prepared(value: Tensor) -> Tensor:
    """A tensor as it was compiled for: in the order of its dimensions, indices as int64."""
    return (value.long() if value.dtype == torch.int32 else value).contiguous()


def _dtype(value: Tensor, reference: Tensor | None) -> torch.dtype:
    """The dtype that a parameter has in the package: its own kind of number in the package's precision."""
    if reference is None or not (value.is_floating_point() or value.is_complex()):
        return value.dtype
    real = reference.dtype.to_real()
    return real.to_complex() if value.is_complex() else real


def _shown(shape: list[int] | None) -> str:
    return "missing" if shape is None else str(tuple(shape))
