"""Layers over every group have exactly the dimension, and the span, that independent oracles give.

The grid and its counts are in `group_cases`; the commutants come from generator matrices alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from compiled import build, layer_report
from group_cases import CASES, Case
from oracles.invariants import commutant, invariant_basis
from oracles.linear_algebra import rank
from oracles.representations import Axis, Node, Power, Tensor, size
from oracles.values import randomise
from torch import nn

import specc
from specc.errors import SpecError, SpecErrors

pytestmark = pytest.mark.grid

Matrix = np.ndarray

MOST_ENTRIES = 1300
"""Of a matrix from source to target, where spans are compared."""
MOST_MAPS = 50

REACHED = [case for case in CASES if case.maps]
UNREACHED = [case for case in CASES if not case.maps]
COMPARED = [case for case in REACHED if case.entries <= MOST_ENTRIES and case.maps <= MOST_MAPS]


def test_the_grid_is_worth_running() -> None:
    assert len(REACHED) > 500
    assert len(UNREACHED) > 50
    assert len(COMPARED) > 400


@pytest.mark.parametrize("case", REACHED, ids=str)
def test_explain_shows_the_dimension(case: Case) -> None:
    report = layer_report(case.spec)
    assert (report["maps"], report["bias_maps"]) == (case.maps, case.bias_maps), case.spec


@pytest.mark.parametrize("case", UNREACHED, ids=str)
def test_a_layer_without_maps_is_refused(case: Case) -> None:
    with pytest.raises((SpecError, SpecErrors), match="no linear map leads"):
        specc.explain(case.spec)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[] if number % 4 == 0 else pytest.mark.slow)
        for number, case in enumerate(COMPARED)
    ],
    ids=str,
)
def test_random_draws_span_the_commutant(case: Case) -> None:
    """As many draws as the dimension and three: inside the oracle's space, and of its rank."""
    maps = commutant(case.source, case.target).reshape(case.maps, case.entries)
    biases = invariant_basis(case.target)
    module, generator = build(case.spec), torch.Generator().manual_seed(0)
    seen = projector(case.source)
    drawn, added = [], []
    for _ in range(len(maps) + len(biases) + 3):
        randomise(module, generator)
        matrix, bias = affine_map(module, case)
        drawn.append((matrix @ seen).ravel())
        added.append(bias)
    inside(np.stack(drawn), maps)
    inside(np.stack(added), biases)
    coordinates = np.concatenate([np.stack(drawn) @ maps.T, np.stack(added) @ biases.T], axis=1)
    assert rank(coordinates) == len(maps) + len(biases), case.spec


def inside(vectors: Matrix, orthonormal: Matrix) -> None:
    outside = vectors - vectors @ orthonormal.T @ orthonormal
    scale = max(1.0, np.abs(vectors).max(initial=0.0))
    assert np.abs(outside).max(initial=0.0) < 1e-9 * scale


def affine_map(module: nn.Module, case: Case) -> tuple[Matrix, Matrix]:
    """The matrix (target size, source size) and bias of a layer, real or complex as its parameters."""
    dtype = next(module.parameters()).dtype
    probes = torch.cat([torch.zeros(1, size(case.source)), torch.eye(size(case.source))])
    x = probes.to(dtype).reshape(-1, *shape(case.source))
    with torch.no_grad():
        y = module(x)
    assert y.shape[1:] == shape(case.target), case.spec
    images = y.reshape(len(probes), size(case.target)).numpy()
    return (images[1:] - images[0]).T, images[0]


def shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape at run time, where an index over nested axes has a dimension for each."""
    return tuple(length for node in tensor for length in _lengths(node))


def _lengths(node: Node) -> tuple[int, ...]:
    if isinstance(node, Axis):
        return node.shape
    return tuple(length for part in node.parts for length in _lengths(part))


@cache
def projector(tensor: Tensor) -> Matrix:
    """Onto the tensors as symmetric as their powers ask: a module is given no others."""
    basis = invariant_basis(tuple(_still(node) for node in tensor))
    result: Matrix = basis.T @ basis
    return result


def _still(node: Node) -> Node:
    """The same under the trivial group."""
    if isinstance(node, Power):
        return Power(tuple(_still(part) for part in node.parts), node.sign)
    return replace(node, elements=(), algebra=())
