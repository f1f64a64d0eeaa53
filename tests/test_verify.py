"""`verify` passes what the compiler generates, and catches a generated file that was edited.

Each edit is one that a person might make, or a bug of the emitter: parts swapped, a coefficient that
depends on its position, a map that is missing. The layer it is in is named, the others pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import specc
from specc.api import generate
from specc.operations import Equivariant
from specc.terminal.cli import main
from specc.verification import ModelVerification
from specc.verification.completeness import Completeness, Span, completeness
from specc.verification.layers import layer_of, shrunk

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
            assert layer.rank == layer.maps and layer.bias_rank == layer.bias_maps
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


LARGE = """
    axis a = S(300)  axis b = S(200)
    model M(x: [a, b; 2]) -> [a; 2] { return equivariant(relu(equivariant(x, 2)), [a; 2]) }
"""
WHOLE = (
    "as a whole: it would take about {} GB, and {} GB are available; "
    "with smaller build parameters (`-D`) it can be checked"
)


def verified_within(limit: int, monkeypatch: pytest.MonkeyPatch) -> ModelVerification:
    monkeypatch.setattr("specc.verification.memory.available", lambda: limit)
    verification = specc.verify(LARGE)
    (model,) = verification.models
    assert verification.ok and model.ok and model.problem is None
    return model


def test_a_model_that_does_not_fit_into_memory_is_not_run_and_its_layers_are_taken_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inputs of 1.92 MB are held four times; a run has them, as much again, and both once more beside."""
    model = verified_within(10**6, monkeypatch)
    assert model.deviation is None and model.unchecked == WHOLE.format("0.015", "0.001")
    for layer in model.layers:
        assert layer.deviation is not None and layer.deviation < model.tolerance
        assert layer.rank == layer.maps is not None
        assert layer.unchecked == "at its own sizes, which are too large for memory"


def test_a_model_whose_parameters_do_not_fit_into_memory_is_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.nn.Module.__init__", None)
    model = verified_within(10, monkeypatch)
    assert model.unchecked == WHOLE.format("0.015", "1e-08")
    assert [layer.deviation for layer in model.layers] == [None, None]
    assert all(layer.unchecked and "it would take" in layer.unchecked for layer in model.layers)


def test_with_enough_memory_all_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    model = verified_within(10**8, monkeypatch)
    assert model.unchecked is None and model.deviation is not None
    assert all(layer.unchecked is None for layer in model.layers)


def test_verification_is_a_function_of_the_seed_and_leaves_torch_as_it_was() -> None:
    state, dtype = torch.get_rng_state(), torch.get_default_dtype()
    threads = torch.get_num_threads()
    first = specc.verify(GOOD["few positions"])
    assert torch.equal(torch.get_rng_state(), state) and torch.get_default_dtype() == dtype
    assert torch.get_num_threads() == threads
    assert specc.verify(GOOD["few positions"]) == first


# --- Edited files --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one class of a generated file, and what is then said of which layers.

    `layers` are the names of all layers in all models that are made of the class.
    """

    spec: str
    layer_class: str
    find: str
    replacement: str
    layers: tuple[str, ...]
    problem: str


EDITS = {
    "two slices swapped between pool and spread": Edit(
        "masked graphs",
        "MoleculeZ",
        "to_adjacency_a, to_adjacency_b, to_adjacency_aa, to_feature = ",
        "to_adjacency_b, to_adjacency_a, to_adjacency_aa, to_feature = ",
        ("Molecule.z", "EdgeScore.equivariant"),
        "it is not the sum of its diagrams with its coefficients",
    ),
    "two pools swapped": Edit(
        "weights",
        "AccuracyZ2",
        "torch.cat([fc1_weight_fc1, fc1_bias, linear_weight_fc1], -1)",
        "torch.cat([linear_weight_fc1, fc1_bias, fc1_weight_fc1], -1)",
        ("Accuracy.z_2", "Accuracy.z_3.0", "Accuracy.z_3.1"),
        "it is not the sum of its diagrams with its coefficients",
    ),
    "a spread along the wrong axis": Edit(
        "masked graphs",
        "EdgeScoreEquivariant2",
        "y_b[:, None]",
        "y_b[:, :, None]",
        ("EdgeScore.equivariant_2",),
        "it is not the sum of its diagrams with its coefficients",
    ),
    "a coefficient for each position": Edit(
        "masked graphs",
        "MoleculeZ",
        "to_feature = to_feature + ",
        "to_feature = to_feature * torch.arange(1.0, 6.0, dtype=x['feature'].dtype)[:, None] + ",
        ("Molecule.z", "EdgeScore.equivariant"),
        "it does not commute with its group",
    ),
    "a coefficient for each position of a parent": Edit(
        "sets of sets",
        "RankerX",
        "return y",
        "return y * torch.arange(1.0, 4.0, dtype=y.dtype)[:, None, None]",
        ("Ranker.x",),
        "it does not commute with its group",
    ),
    "a map left out of a sum": Edit(
        "masked graphs",
        "MoleculeZ",
        "            OnDiagonal(to_adjacency_aa, 1, 1, 2),\n",
        "",
        ("Molecule.z", "EdgeScore.equivariant"),
        "it is not the sum of its diagrams with its coefficients",
    ),
    "a pool that is zero": Edit(
        "few positions",
        "PairsEquivariant",
        "torch.cat([x_a, x_b, x_aa], -1)",
        "torch.cat([x_a, 0 * x_b, x_aa], -1)",
        ("Pairs.equivariant",),
        "it is not the sum of its diagrams with its coefficients",
    ),
    "a bias that is not added": Edit(
        "few positions",
        "PairsEquivariant",
        "y_all = self.bias_scalar[None]",
        "y_all = 0 * self.bias_scalar[None]",
        ("Pairs.equivariant",),
        "it is not the sum of its diagrams with its coefficients",
    ),
    "a mean over what is not there": Edit(
        "masked graphs",
        "MoleculeInvariant",
        "feature_mean = masked_mean(feature, node_mask, 1)",
        "feature_mean = feature.mean(1)",
        ("Molecule.invariant",),
        "what stands in positions that are not there has influence",
    ),
    "a sum for a mean": Edit(
        "sets of sets",
        "RankerEquivariant",
        "x_cloud = x.mean(2)",
        "x_cloud = x.sum(2)",
        ("Ranker.equivariant",),
        "it is not the sum of its diagrams with its coefficients",
    ),
    "a layer that fails": Edit(
        "masked graphs",
        "MoleculeZ",
        "adjacency_aa = diagonal(adjacency, 1, 2)",
        "adjacency_aa = diagonal(adjacency, 1, 9)",
        ("Molecule.z", "EdgeScore.equivariant"),
        "it fails with IndexError: ",
    ),
}


def edited(edit: Edit, folder: Path) -> Path:
    """The generated file with the edit made, which is at one place of one class."""
    text = generate(GOOD[edit.spec], {})
    start = text.index(f"class {edit.layer_class}(")
    end = text.find("\nclass ", start) if "\nclass " in text[start:] else len(text)
    body = text[start:end]
    assert body.count(edit.find) == 1, body
    path = folder / "edited.py"
    path.write_text(text[:start] + body.replace(edit.find, edit.replacement) + text[end:])
    return path


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_found_in_its_layer(name: str, tmp_path: Path) -> None:
    edit = EDITS[name]
    verification = specc.verify(GOOD[edit.spec], module=edited(edit, tmp_path))
    found = {
        f"{model.name}.{layer.name}": layer.problem
        for model in verification.models
        for layer in model.layers
        if not layer.ok
    }
    assert not verification.ok
    assert tuple(found) == edit.layers
    assert all(problem is not None and edit.problem in problem for problem in found.values())
    for model in verification.models:
        assert model.ok or any(layer.startswith(f"{model.name}.") for layer in edit.layers)


def test_a_model_that_fails_is_a_finding(tmp_path: Path) -> None:
    edit = Edit("few positions", "Pairs", "self.equivariant(x)", "self.missing(x)", (), "")
    pairs, triples = specc.verify(GOOD[edit.spec], module=edited(edit, tmp_path)).models
    assert not pairs.ok and pairs.problem is not None and "AttributeError" in pairs.problem
    assert pairs.deviation is None and pairs.layers[0].ok and triples.ok


def test_a_model_that_is_missing_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("")
    (model,) = specc.verify(GOOD["few positions"], "Pairs", module=path).models
    assert not model.ok and model.problem is not None and "Pairs" in model.problem


def test_a_model_that_breaks_the_symmetry_around_its_layers(tmp_path: Path) -> None:
    find, replacement = (
        "return self.equivariant(x)",
        "return self.equivariant(x) + x[..., :2].cumsum(1)",
    )
    edit = Edit("few positions", "Pairs", find, replacement, (), "")
    pairs, _ = specc.verify(GOOD[edit.spec], module=edited(edit, tmp_path)).models
    assert pairs.problem == "it does not commute with its group"
    assert all(layer.ok for layer in pairs.layers)


# --- What a layer spans, without its diagrams ----------------------------------------------------


def spanned(change: Callable[[nn.Module], None]) -> Completeness:
    """What the 15 maps and 2 biases of `[node, node]` span after a change to the layer."""
    text = "axis node = S(6)\nmodel M(x: [node, node; 2]) -> [node, node; 2] { return equivariant(x, 2) }"
    (typed,) = specc.check(text).models
    node = typed.graph.nodes[-1]
    assert isinstance(node.operation, Equivariant)
    part = specc.load(text).M(dtype=torch.float64).get_submodule(node.path)
    change(part)
    layer = layer_of("layer", part, node.operation, typed.input_types(node), typed.type(node))
    with torch.no_grad():
        found = completeness(shrunk(layer), torch.Generator().manual_seed(0))
    assert found is not None
    return found


def keep(module: nn.Module) -> None:
    """No change."""


def one_product_gone(module: nn.Module) -> None:
    """Two pools meet one spread in the finest product."""
    weight = module.mix_node_node.weight
    del module.mix_node_node.weight
    module.mix_node_node.register_buffer("weight", torch.zeros_like(weight))


def no_bias(module: nn.Module) -> None:
    """The two biases stand in one product."""
    forward = module.mix_scalar.forward
    module.mix_scalar.forward = lambda x: forward(x) - module.mix_scalar.bias


def equal_biases(module: nn.Module) -> None:
    """The bias of the diagonal is that of all: one invariant less."""
    forward = module.mix_scalar.forward
    bias = module.mix_scalar.bias
    module.mix_scalar.forward = lambda x: forward(x) - bias + bias[:2].repeat(2)


@pytest.mark.parametrize(
    ("change", "maps", "biases"),
    [(keep, 15, 2), (one_product_gone, 13, 2), (no_bias, 15, 0), (equal_biases, 15, 1)],
)
def test_rank_counts_what_is_left(
    change: Callable[[nn.Module], None], maps: int, biases: int
) -> None:
    assert spanned(change) == Completeness(Span(maps, 15), Span(biases, 2))


# --- Command line --------------------------------------------------------------------------------


def test_the_command_says_what_is_unchecked_and_exits_with_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specc.verification.memory.available", lambda: 10**6)
    spec = tmp_path / "large.spec"
    spec.write_text(LARGE)
    assert main(["verify", str(spec)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "unchecked " + WHOLE.format("0.015", "0.001") in said


def test_the_command_says_where_it_is_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit = EDITS["a map left out of a sum"]
    spec = tmp_path / "graphs.spec"
    spec.write_text(GOOD[edit.spec])
    assert main(["verify", str(spec)]) == 0
    capsys.readouterr()
    command = ["verify", str(spec), "Molecule", "--module", str(edited(edit, tmp_path))]
    assert main(command) == 1
    assert edit.problem in " ".join(capsys.readouterr().out.split())
    assert main([*command, "--format", "json"]) == 1
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert [layer["name"] for layer in model["layers"] if not layer["ok"]] == ["z"]
