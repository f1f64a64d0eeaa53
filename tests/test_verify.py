"""`verify` passes what the compiler generates, and catches a generated file that was edited.

Each edit is one that a person might make, or a bug of the emitter: parts swapped, a coefficient that
depends on its position, a map that is missing. The layer it is in is named, the others pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import specc
from specc.api import generate
from specc.verification import Verification

GOOD = {
    "weights": """
        model Classifier(image: [; 6]) -> [; 3] {
            fc1 = linear(image, 5)
            return linear(relu(fc1), 3)
        }
        model Accuracy(w: weights(Classifier)) -> [; 1] {
            z = coded(linear(w, 4))
            z = equivariant(z, 4)
            repeat 2 { z = equivariant(relu(z), 4) }
            return mlp(relu(invariant(relu(z), 4)), 4, 1)
        }
        model Edit(w: weights(Classifier)) -> weights(Classifier) {
            return w + 0.01 * equivariant(relu(equivariant(w, 4)), 1)
        }
    """,
    "masked graphs": """
        axis node = S(5, masked)
        space Graph { adjacency: [node, node; 2]  feature: [node; 3] }
        model Molecule(g: Graph) -> [; 1] {
            z = relu(equivariant(g, 4))
            return mlp(relu(invariant(cos(z), 4)), 4, 1)
        }
        model EdgeScore(g: Graph) -> [node, node; 1] {
            return equivariant(cos(equivariant(g, 4)), [node, node; 1])
        }
    """,
    "sets of sets": """
        axis cloud = S(3)  axis member = S(4) in cloud
        model Ranker(x: [cloud, member; 3]) -> [cloud; 1] {
            x = relu(equivariant(x, 4))
            return equivariant(x, [cloud; 1])
        }
        model Pairs(x: [cloud, member, member; 2]) -> [cloud, member] {
            return equivariant(x, [cloud, member; 1])
        }
    """,
    "masked sets of sets": """
        axis club = S(3, masked)  axis fan = S(4, masked) in club
        model Ranker(x: [club, fan; 3]) -> [club; 1] {
            x = relu(equivariant(x, 4))
            return equivariant(x, [club; 1]) + mean[fan](linear(x, 1))
        }
    """,
    "few positions": """
        axis few = S(2)  axis one = S(1)
        model Pairs(x: [few, few; 3]) -> [few, few; 2] { return equivariant(x, 2) }
        model Triples(x: [few, one, few; 2]) -> [few, few, few; 2] {
            return equivariant(x, [few, few, few; 2])
        }
    """,
    "tuples and pinned axes": """
        axis node = S(4)  axis pixel = 3
        space Mixed { table: [node, pixel; 2]  total: [; 2] }
        model Both(m: Mixed, x: [node; 3]) -> Mixed, [node; 2] {
            a, b = equivariant((m.table, x), 2)
            return equivariant((m, a), Mixed, bias = false), relu(b)
        }
        model Nothing(x: [pixel; 2]) -> [; 2] { return mlp(mean[pixel](x), 4, 2) }
    """,
    "what is not finite": """
        axis node = S(4)
        model Logs(x: [node; 2]) -> [node; 2] { return log(equivariant(x, 2)) }
    """,
    "blocks": """
        axis node = S(4)
        block Residual(x, c) { h = relu(equivariant(x, c))  return x + equivariant(h, c) }
        model Deep(x: [node, node; 2]) -> [node; 2] {
            repeat 2 as stage { x = Residual(x, 2) }
            x = equivariant(x, 2, name = tied)
            return equivariant(equivariant(x, 2, name = tied), [node; 2])
        }
    """,
}


@pytest.mark.parametrize("name", GOOD)
def test_what_the_compiler_generates_passes(name: str) -> None:
    verification = specc.verify(GOOD[name])
    assert verification.ok, verification
    for model in verification.models:
        assert model.ok and model.problem is None
        assert model.deviation is not None and model.deviation < model.tolerance
        for layer in model.layers:
            assert layer.ok and layer.problem is None and layer.unchecked is None
            assert layer.rank == layer.maps
            assert layer.deviation is not None and layer.deviation < model.tolerance


def test_layers_are_named_by_their_parameters_and_counted() -> None:
    (classifier, accuracy, edit) = specc.verify(GOOD["weights"]).models
    assert [model.name for model in (classifier, accuracy, edit)] == [
        "Classifier",
        "Accuracy",
        "Edit",
    ]
    assert [(layer.name, layer.maps) for layer in accuracy.layers] == [
        ("z_2", 32),
        ("z_3.0", 32),
        ("z_3.1", 32),
        ("invariant", 4),
    ]
    assert [layer.name for layer in specc.verify(GOOD["blocks"]).models[0].layers] == [
        "stage.0.h",
        "stage.0.equivariant",
        "stage.1.h",
        "stage.1.equivariant",
        "tied",
        "equivariant",
    ]


def test_one_model_of_several() -> None:
    (model,) = specc.verify(GOOD["few positions"], "Pairs").models
    assert (model.name, model.layers[0].maps) == ("Pairs", 8)


def test_large_axes_are_verified_at_fewer_positions() -> None:
    text = "axis a = S(300)  axis b = S(200)\nmodel M(x: [a, b; 2]) -> [a; 2] { return equivariant(x, [a; 2]) }"
    (layer,) = specc.verify(text).models[0].layers
    assert (layer.rank, layer.maps) == (2, 2)


def test_what_is_too_large_is_said_to_be() -> None:
    text = "axis a = 70\nmodel M(x: [a, a; 1]) -> [a; 1] { return equivariant(x, [a; 1]) }"
    verification = specc.verify(text)
    (layer,) = verification.models[0].layers
    assert verification.ok and layer.rank is None and layer.maps is None
    assert layer.unchecked == "too large for matrices of all its maps"


def test_verification_is_a_function_of_the_seed_and_leaves_torch_as_it_was() -> None:
    state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    first = specc.verify(GOOD["few positions"])
    assert torch.equal(torch.get_rng_state(), state) and torch.get_default_dtype() == dtype
    assert specc.verify(GOOD["few positions"]) == first


# --- Edited files --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one class of a generated file: text to find there, and what to put instead."""

    spec: str
    layer_class: str
    find: str
    replacement: str
    model: str
    layers: tuple[str, ...]


EDITS = {}


def edited(edit: Edit, folder: Path) -> Path:
    """The generated file with the edit made, which must change one place of one class."""
    text = generate(GOOD[edit.spec], {})
    start = text.index(f"class {edit.layer_class}(")
    end = text.find("\nclass ", start + 1) % (len(text) + 1)
    body = text[start:end]
    assert body.count(edit.find) == 1, body
    path = folder / "edited.py"
    path.write_text(text[:start] + body.replace(edit.find, edit.replacement) + text[end:])
    return path
