"""The sequence models of the library: their networks run, and models read the networks' weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from networks import draw
from programs import PROGRAMS
from torch.func import stack_module_state

import specc

SPECS = Path(__file__).parents[1] / "specs"

# A file of the library, small values of its parameters, a network, and a model of its weights.
LIBRARY = [
    ("sequences", {"hidden": 6}, "Adder", "SuccessRate"),
    ("names", {"hidden": 6, "embedded": 4}, "LstmClassifier", "LstmAccuracy"),
    ("names", {"hidden": 6, "embedded": 4}, "GruClassifier", "GruAccuracy"),
    (
        "translation",
        {"hidden": 6, "embedded": 4, "source_words": 9, "target_words": 7},
        "Translation",
        "Optimiser",
    ),
    ("splines", {"hidden": 4}, "Kan", "KanLoss"),
    ("splines", {"hidden": 4}, "Gated", "GatedLoss"),
]


def test_the_target_program_stands_in_the_library_as_it_is() -> None:
    assert (SPECS / "sequences.spec").read_text(encoding="utf-8") == PROGRAMS["sequences"]


@pytest.mark.parametrize(("file", "params", "network", "reader"), LIBRARY)
def test_models_of_the_library_read_the_weights_of_its_networks(
    file: str, params: dict[str, int], network: str, reader: str
) -> None:
    module = specc.load(SPECS / f"{file}.spec", **params)
    networks = [getattr(module, network)() for _ in range(3)]
    said = networks[0](**draw(networks[0], 2))
    assert said.shape[0] == 2 and said.isfinite().all()
    weights, _ = stack_module_state(networks)
    model = getattr(module, reader)()
    if reader == "Optimiser":
        weights = {
            name: tensor.unsqueeze(-1).expand(*tensor.shape, 3) for name, tensor in weights.items()
        }
    found = model(weights)
    shapes = {n: t.shape for n, t in found.items()} if isinstance(found, dict) else found.shape
    expected = {n: t.shape[:-1] for n, t in weights.items()} if isinstance(found, dict) else (3, 1)
    assert shapes == expected
