"""Verification passes on what the compiler writes, and finds what is changed in it by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import specc
import torch

GRAPHS = """
axis node = S(5, masked)
space Graph { adjacency: [node, node; 2]  feature: [node; 3] }
model Net(g: Graph) -> [node; 2] {
    first = equivariant(g, 4)
    return equivariant(relu(first), [node; 2], name = second)
}
"""

GOOD = {
    "graphs with masks": GRAPHS,
    "weights with codes": """
        model Small(image: [; 3]) -> [; 2] { h = linear(image, 4)  return linear(relu(h), 2) }
        model Net(w: weights(Small)) -> [; 1] {
            z = equivariant(coded(linear(w, 3)), 3)
            repeat 2 { z = equivariant(relu(z), 3) }
            return mlp(invariant(relu(z), 4), 4, 1)
        }""",
    "sets of sets": """
        axis cloud = S(3)  axis member = S(4) in cloud
        model Net(x: [cloud, member; 2]) -> [cloud; 1] {
            return equivariant(relu(equivariant(x, 3)), [cloud; 1])
        }""",
    "fewer positions than indices": """
        axis node = S(2)
        model Net(x: [node, node, node; 1]) -> [node, node; 2] {
            return equivariant(x, [node, node; 2])
        }""",
    "pinned axes": """
        axis pixel = 3  axis user = S(4)
        model Net(x: [pixel, user; 2]) -> [user, pixel; 1] {
            return equivariant(x, [user, pixel; 1])
        }""",
    "an axis that no input has": """
        axis user = S(4)  axis item = S(3)
        model Net(x: [user; 2]) -> [user, item; 1] { return equivariant(x, [user, item; 1]) }""",
    "a tuple of values": """
        axis user = S(4)
        model Net(x: [user; 2], y: [; 3]) -> [user; 1] {
            return equivariant((x, y), [user; 1])
        }""",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_the_compiler_writes_passes(text: str) -> None:
    verification = specc.verify(text)
    assert verification.ok, verification
    for model in verification.models:
        for layer in model.layers:
            assert layer.rank == layer.maps is not None


def test_global_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    specc.verify(GOOD["sets of sets"])
    assert torch.equal(before, torch.get_rng_state())


# Each change by hand: what is replaced in the first layer, and what verification says of it.
CHANGES = {
    "two slices swapped between pool and spread": (
        "to_adjacency_a, to_adjacency_b, to_adjacency_aa, to_feature = ",
        "to_adjacency_b, to_adjacency_a, to_adjacency_aa, to_feature = ",
        "not the sum of its diagrams",
    ),
    "one coefficient scaled per position": (
        "to_feature = to_feature + to_feature_all[:, None]",
        "to_feature = to_feature * torch.arange(1.0, 6.0)[None, :, None] + to_feature_all[:, None]",
        "does not commute",
    ),
    "one map removed": (
        "adjacency_aa_mean = masked_mean(adjacency_aa, node_mask, 1)",
        "adjacency_aa_mean = 0 * masked_mean(adjacency_aa, node_mask, 1)",
        "not the sum of its diagrams",
    ),
    "a layer that fails": (
        "adjacency_aa = diagonal(adjacency, 1, 2)",
        "adjacency_aa = diagonal(adjacency, 1, 9)",
        "fails with IndexError",
    ),
}


@pytest.mark.parametrize(("old", "new", "problem"), CHANGES.values(), ids=CHANGES)
def test_a_change_by_hand_is_found(tmp_path: Path, old: str, new: str, problem: str) -> None:
    spec = tmp_path / "graphs.spec"
    spec.write_text(GRAPHS)
    (built,) = specc.build(spec)
    source = built.read_text()
    assert old in source
    built.write_text(source.replace(old, new, 1))
    verification = specc.verify(spec, module=built)
    assert not verification.ok
    (model,) = verification.models
    first, second = model.layers
    assert (first.name, second.name) == ("first", "second")
    assert not first.ok and second.ok
    assert first.problem is not None and problem in first.problem


def test_a_missing_map_shows_in_the_rank(tmp_path: Path) -> None:
    """Rank alone finds it too: two coefficients that are always equal span one map less."""
    from specc.verification.layers import _rank, _shrunk, layer_of

    program = specc.check(
        "axis n = S(4) model Net(x: [n; 1]) -> [n; 1] { return equivariant(x, 1) }"
    )
    (typed,) = program.models
    node = typed.graph.nodes[-1]
    module = specc.load(
        "axis n = S(4) model Net(x: [n; 1]) -> [n; 1] { return equivariant(x, 1) }"
    ).Net(dtype=torch.float64)
    layer = module.get_submodule(node.path)
    layer.mix_scalar = torch.nn.Linear(1, 1, dtype=torch.float64)
    layer.mix_scalar.forward = lambda x: 0 * x
    described = layer_of("layer", layer, node.operation, typed.input_types(node), typed.type(node))
    with torch.no_grad():
        assert _rank(_shrunk(described), 5, torch.Generator().manual_seed(0)) == 1


def test_the_command_exits_with_1(tmp_path: Path) -> None:
    spec = tmp_path / "graphs.spec"
    spec.write_text(GRAPHS)
    (built,) = specc.build(spec)
    old, new, problem = CHANGES["one map removed"]
    edited = tmp_path / "edited.py"
    edited.write_text(built.read_text().replace(old, new, 1))
    command = [sys.executable, "-m", "specc", "verify", str(spec)]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    bad = subprocess.run(
        [*command, "--module", str(edited)], capture_output=True, text=True, check=False
    )
    assert bad.returncode == 1
    assert "first" in bad.stdout and problem in " ".join(bad.stdout.split())
