"""Every model of the library answers the same eagerly, exported, decomposed and compiled by Inductor."""

from __future__ import annotations

import re
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import torch
from library import SMALL, SPECS
from oracles.values import randomise
from torch.utils._pytree import tree_map, tree_map_only

import specc
from specc.compile import Program
from specc.running.inputs import random_inputs
from specc_runtime import Model

pytestmark = pytest.mark.grid

SIGNATURES = {
    (path.stem, name): signature
    for path in sorted(SPECS.glob("*.spec"))
    for name, signature in re.findall(
        r"^model (\w+)(.*)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
}
MODELS = list(SIGNATURES)
LARGE = {"densenet", "mobilenet", "res2net", "resnet", "squeeze_excitation", "unet"}
"""Specs whose networks have many layers."""
SLOW = {each for each, text in SIGNATURES.items() if each[0] in LARGE or "weights(" in text}
"""Also models on weights, which are of many tensors."""
REPRESENTATIVE = {
    ("finite", "Ring"),
    ("graphs", "Molecule"),
    ("sets", "CloudRanker"),
    ("transformer", "Language"),
}

BATCHES = (1, 2, 5)

Given = tuple[tuple[Any, ...], dict[str, Any]]


@cache
def program(spec: str) -> tuple[Program, ModuleType]:
    path, params = SPECS / f"{spec}.spec", SMALL.get(spec, {})
    return specc.check(path, **params), specc.load(path, **params)


def model_of(spec: str, name: str) -> Model:
    """In float64 and evaluation, with random parameters."""
    model = getattr(program(spec)[1], name)(dtype=torch.float64).eval()
    assert isinstance(model, Model)
    randomise(model, torch.Generator().manual_seed(0))
    return model


def inputs_of(spec: str, name: str, batch: int) -> Given:
    (typed,) = (each for each in program(spec)[0].models if each.name == name)
    drawn = random_inputs(typed, batch, torch.Generator().manual_seed(batch))

    def double(x: torch.Tensor) -> torch.Tensor:
        if x.is_complex():
            return x.to(torch.complex128)
        return x.double() if x.is_floating_point() else x

    found: Given = tree_map_only(torch.Tensor, double, (drawn.values, drawn.masks))
    return found


def close(found: object, expected: object) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)


def marked(spec: str, name: str, *marks: pytest.MarkDecorator) -> Any:
    return pytest.param(spec, name, id=f"{spec} {name}", marks=marks)


@pytest.mark.parametrize(
    ("spec", "name"),
    [marked(*each, *([pytest.mark.slow] if each in SLOW else [])) for each in MODELS],
)
def test_exported_answers_are_those_of_the_module(spec: str, name: str) -> None:
    model = model_of(spec, name)
    values, masks = inputs_of(spec, name, 3)
    batch = torch.export.Dim("batch", min=1)
    arguments = dict(zip([*model.inputs, *masks], [*values, *masks.values()], strict=True))
    shapes = tree_map(lambda _: {0: batch}, arguments)
    with torch.no_grad():
        exported = torch.export.export(model, values, masks, dynamic_shapes=shapes)
        plain, decomposed = exported.module(), exported.run_decompositions().module()
        for size in BATCHES:
            values, masks = inputs_of(spec, name, size)
            expected = model(*values, **masks)
            close(plain(*values, **masks), expected)
            close(decomposed(*values, **masks), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "name"),
    [
        marked(*each, *([pytest.mark.representative] if each in REPRESENTATIVE else []))
        for each in MODELS
    ],
)
def test_compiled_answers_are_those_of_the_module(spec: str, name: str) -> None:
    """Also of complex numbers: Inductor has no code for them, and calls the kernels of eager tensors."""
    torch.compiler.reset()
    model, compiled = model_of(spec, name), model_of(spec, name)
    compiled.compile()
    with torch.no_grad():
        for size in BATCHES:
            values, masks = inputs_of(spec, name, size)
            close(compiled(*values, **masks), model(*values, **masks))
