"""`specs/quantum.spec`: numbers of physics that its models find, with Pauli matrices by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch
from oracles.values import randomise
from torch import Tensor, nn

import specc

SPEC = Path(__file__).parent.parent / "specs" / "quantum.spec"

PAULI = torch.tensor(
    [[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=torch.complex128
)
BATCH, SITES, WIDTH = 2, 3, 4


@cache
def generated() -> ModuleType:
    return specc.load(SPEC, width=WIDTH, sites=SITES)


def model(name: str) -> nn.Module:
    made: nn.Module = getattr(generated(), name)(dtype=torch.float64)
    randomise(made, torch.Generator().manual_seed(0))
    return made


def normal(*shape: int) -> Tensor:
    return torch.randn(
        *shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.complex128
    )


def rotation(*angles: float) -> Tensor:
    """exp(-i angles · sigma / 2)."""
    weighted = torch.einsum("k,kij->ij", torch.tensor(angles, dtype=torch.complex128), PAULI)
    return torch.linalg.matrix_exp(-0.5j * weighted)


def test_every_model_verifies() -> None:
    found = specc.verify(SPEC, width=WIDTH, sites=SITES)
    assert found.ok, found


def test_an_energy_knows_no_direction_and_no_site() -> None:
    energy, state = model("Energy"), normal(BATCH, SITES, 2)
    turned = torch.einsum("ij,bsj->bsi", rotation(0.3, -1.2, 2.0), state)
    torch.testing.assert_close(energy(turned), energy(state))
    torch.testing.assert_close(energy(state[:, [2, 0, 1]]), energy(state))
    one_turned = torch.cat([turned[:, :1], state[:, 1:]], 1)
    assert not torch.allclose(energy(one_turned), energy(state))


@pytest.mark.parametrize("angle", [0.0, 0.2, 0.7, torch.pi / 4])
def test_concurrence_is_that_of_two_qubits(angle: float) -> None:
    """cos |00> + sin |11> has concurrence sin of twice the angle (Wootters, quant-ph/9709029)."""
    weights = torch.tensor([angle], dtype=torch.float64)
    state = torch.diag(torch.cat([weights.cos(), weights.sin()])).to(torch.complex128)
    turned = rotation(0.4, 1.0, -0.5) @ state @ rotation(-2.0, 0.1, 0.7).T
    concurrence = model("Concurrence")
    bell = torch.eye(2, dtype=torch.complex128) / 2**0.5
    found = concurrence(torch.stack([state, turned, bell]))[:, 0]
    expected = weights.mul(2).sin().expand(2) * found[2]
    assert found[2] > 0.01
    torch.testing.assert_close(found[:2], expected)


def test_invariants_of_a_mixed_state_are_those_of_its_spectrum() -> None:
    invariants = model("Invariants")
    vectors = torch.linalg.qr(normal(2, 3, 3)).Q
    spectrum = torch.tensor([0.6, 0.3, 0.1], dtype=torch.complex128)
    first, second = vectors @ torch.diag(spectrum) @ vectors.mH
    found = invariants(torch.stack([first, second, torch.diag(spectrum)]))
    torch.testing.assert_close(found, found[:1].expand(3, 1))
    other = torch.diag(torch.tensor([0.5, 0.4, 0.1], dtype=torch.complex128))
    assert not torch.allclose(invariants(other[None]), found[:1])


def test_an_evolution_goes_with_any_change_of_modes() -> None:
    evolve, state = model("Evolve"), normal(BATCH, 3, 4)
    change = torch.linalg.qr(normal(3, 3)).Q
    torch.testing.assert_close(evolve(change @ state), change @ evolve(state))


def test_parts_are_those_of_a_complex_state() -> None:
    parts, state = model("Parts"), normal(BATCH, 3, 4)
    change = torch.linalg.qr(normal(3, 3)).Q

    def apart(x: Tensor) -> Tensor:
        return torch.cat([x.real, x.imag], 1)

    plain = parts(apart(state))
    together = torch.complex(plain[:, :3], plain[:, 3:])
    torch.testing.assert_close(parts(apart(change @ state)), apart(change @ together))


@pytest.mark.parametrize(("name", "maps"), [("Evolve", 1), ("Parts", 2), ("Concurrence", 1)])
def test_numbers_of_maps(name: str, maps: int) -> None:
    (found,) = (each for each in specc.explain(SPEC).models if each.name == name)
    assert {layer.maps for layer in found.layers} == {maps}
