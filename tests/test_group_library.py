"""The library's specifications over groups: each verifies, and does what its first line says, tested by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch
from oracles.values import randomise
from torch import Tensor

import specc
from specc_runtime import Model

SPECS = Path(__file__).parent.parent / "specs"

NAMES = (
    "vectors", "finite", "elasticity", "group_convolutions", "sets_of_symmetric_elements", "hypergraphs",
    "robot", "jets",
)  # fmt: skip

CONSTANTS = {
    "Triclinic": 21, "Monoclinic": 13, "Orthorhombic": 9, "Tetragonal": 6, "Tetragonal4": 7, "Trigonal": 6,
    "Trigonal3": 7, "Hexagonal": 5, "Cubic": 3, "Isotropic": 2,
}  # fmt: skip
"""Independent elastic constants of the crystal classes (J. F. Nye, Physical Properties of Crystals)."""


@cache
def loaded(name: str) -> ModuleType:
    return specc.load(SPECS / f"{name}.spec")


def model(spec: str, name: str) -> Model:
    made: Model = getattr(loaded(spec), name)(dtype=torch.float64).eval()
    randomise(made, torch.Generator().manual_seed(0))
    return made


def normal(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def turned(matrix: Tensor, x: Tensor, *dims: int) -> Tensor:
    """A matrix applied along dimensions."""
    for dim in dims:
        x = torch.tensordot(matrix, x.movedim(dim, 0), 1).movedim(0, dim)
    return x


@pytest.mark.parametrize("name", NAMES)
def test_every_model_verifies(name: str) -> None:
    found = specc.verify(SPECS / f"{name}.spec")
    assert found.ok, found
    assert {each.name for each in found.models} == set(loaded(name).__all__)


@pytest.mark.parametrize("crystal", CONSTANTS)
def test_explain_shows_the_elastic_constants(crystal: str) -> None:
    found = specc.explain(SPECS / "elasticity.spec").models
    (layer,) = next(each.layers for each in found if each.name == f"Constants{crystal}")
    assert layer.maps == CONSTANTS[crystal]


def test_stress_turns_with_strain_and_stays_symmetric() -> None:
    law = model("elasticity", "Isotropic")
    turn = torch.linalg.qr(normal(3, 3)).Q
    strain = normal(4, 3, 3)
    strain = strain + strain.mT
    torch.testing.assert_close(law(turned(turn, strain, 1, 2)), turned(turn, law(strain), 1, 2))
    torch.testing.assert_close(law(strain), law(strain).mT)


def test_a_law_of_a_cube_knows_other_turns_from_its_own() -> None:
    law = model("elasticity", "Crystal")
    strain = normal(4, 3, 3)
    strain = strain + strain.mT
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    eighth = torch.linalg.matrix_exp(
        torch.pi / 4 * torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
    )
    for turn, same in ((quarter, True), (eighth.double(), False)):
        found, wanted = law(turned(turn, strain, 1, 2)), turned(turn, law(strain), 1, 2)
        assert torch.allclose(found, wanted, atol=1e-9) is same


def test_torque_is_the_cross_product() -> None:
    torque = model("vectors", "Torque")
    x = normal(5, 3, 8)
    weight = torque.state_dict()
    (mix,) = [value for name, value in weight.items() if name.endswith("weight")]
    pairs = torch.linalg.cross(x.unsqueeze(-1), x.unsqueeze(-2), dim=1).flatten(-2)
    found, wanted = torque(x)[..., 0], pairs @ mix[0]
    scale = float(((found * wanted).sum() / (wanted * wanted).sum()).detach())
    assert abs(scale) == pytest.approx(1.0)
    torch.testing.assert_close(found, scale * wanted)


def test_classes_of_images_do_not_change_as_they_turn_and_shift() -> None:
    network = model("group_convolutions", "Rotations")
    image = normal(2, 3, 3, 1)
    moved = torch.rot90(image.roll((1, 2), (1, 2)), 1, (1, 2))
    torch.testing.assert_close(network(moved.flatten(1, 2)), network(image.flatten(1, 2)))


def test_images_are_reflected_with_their_input() -> None:
    network = model("group_convolutions", "Reflections")
    image = normal(2, 3, 3, 1)

    def answered(x: Tensor) -> Tensor:
        y: Tensor = network(x.flatten(1, 2)).unflatten(1, (3, 3))
        return y

    torch.testing.assert_close(answered(image.flip(2)), answered(image).flip(2))
    torch.testing.assert_close(answered(image.transpose(1, 2)), answered(image).transpose(1, 2))


def test_a_mirrored_robot_has_mirrored_torques_and_the_same_value() -> None:
    policy, value = model("robot", "Policy"), model("robot", "Value")
    state = {
        "joints": normal(3, 4, 2), "velocity": normal(3, 3, 1), "rate": normal(3, 3, 1) + 1,
        "contact": normal(3, 2, 1),
    }  # fmt: skip

    def joints(x: Tensor) -> Tensor:
        """Abduction and knee of the left side, then of the right; abduction changes its sign."""
        sign = torch.tensor([-1.0, 1.0], dtype=torch.float64)[:, None]
        left, right = x.split(2, 1)
        return torch.cat([sign * right, sign * left], 1)

    mirror = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)[:, None]
    mirrored = {
        "joints": joints(state["joints"]), "velocity": mirror * state["velocity"],
        "rate": -mirror * state["rate"], "contact": state["contact"].flip(1),
    }  # fmt: skip
    torch.testing.assert_close(policy(mirrored), joints(policy(state)))
    torch.testing.assert_close(value(mirrored), value(state))


def test_jets_are_told_apart_the_same_from_every_frame() -> None:
    tagger = model("jets", "Tagger")
    momenta, charge = 0.3 * normal(2, 12, 4, 1), normal(2, 12, 2)
    mask = torch.arange(12) < torch.tensor([[12], [7]])
    rapidity = 0.7
    boost = torch.eye(4, dtype=torch.float64)
    boost[0, 0] = boost[3, 3] = torch.cosh(torch.tensor(rapidity, dtype=torch.float64))
    boost[0, 3] = boost[3, 0] = torch.sinh(torch.tensor(rapidity, dtype=torch.float64))
    order = torch.tensor([3, 0, 2, 1, 4, 6, 5, 7, 8, 9, 10, 11])
    wanted = tagger(momenta, charge, mask)
    found = tagger(turned(boost, momenta, 2)[:, order], charge[:, order], mask[:, order])
    torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-8)


def test_scores_of_nodes_follow_them() -> None:
    network = model("hypergraphs", "NodeScores")
    graph = {"incidence": normal(2, 6, 4, 1), "feature": normal(2, 6, 3), "weight": normal(2, 4, 2)}
    nodes, edges = torch.tensor([2, 0, 1, 5, 3, 4]), torch.tensor([1, 0, 3, 2])
    moved = {
        "incidence": graph["incidence"][:, nodes][:, :, edges], "feature": graph["feature"][:, nodes],
        "weight": graph["weight"][:, edges],
    }  # fmt: skip
    torch.testing.assert_close(network(moved), network(graph)[:, nodes])


def test_a_set_of_signals_is_shifted_and_reordered() -> None:
    network = model("sets_of_symmetric_elements", "Signals")
    signals, order = normal(2, 5, 16, 2), torch.tensor([4, 2, 0, 1, 3])
    torch.testing.assert_close(network(signals.roll(5, 2)[:, order]), network(signals)[:, order])
