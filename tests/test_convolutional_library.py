"""The library's convolutional networks: as many parameters as they are known to have, the function of
the same network written by hand, and models of their weights that respect their symmetry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from inferred import state_space
from oracles.action import random_element
from oracles.library import Mobile, ResNet, Unet
from oracles.values import randomise
from torch import nn
from torch.func import functional_call, stack_module_state

import specc
from specc_runtime import Model

pytestmark = pytest.mark.grid

SPECS = Path(__file__).parent.parent / "specs"

KNOWN = {
    ("lenet", "LeNet"): 61_706,
    ("vgg", "Vgg"): 138_357_544,
    ("resnet", "ResNet18"): 11_689_512,
    ("resnet", "ResNet50"): 25_557_032,
    ("densenet", "DenseNet"): 1_019_722,
    ("unet", "Unet"): 31_037_698,
    ("mobilenet", "MobileNet"): 3_504_872,
    ("res2net", "Res2Net"): 25_699_120,
}

TINY: Mapping[str, Mapping[str, Any]] = {
    "convolutions": {},
    "lenet": {},
    "vgg": {"size": 32, "width": 4, "hidden": 6, "classes": 3},
    "resnet": {"size": 32, "width": 4, "classes": 3},
    "densenet": {"size": 8, "growth": 2, "classes": 3},
    "unet": {"size": 16, "width": 2},
    "mobilenet": {"size": 32, "width": 4, "classes": 3},
    "squeeze_excitation": {"size": 8, "width": 4, "classes": 3},
    "res2net": {"size": 32, "width": 4, "scale": 2, "classes": 3},
}
"""Build parameters with which a network fits into a test."""

READERS = {
    ("convolutions", "SmallCnn"): "CnnAccuracy",
    ("convolutions", "ResNet"): "ResNetAccuracy",
    ("lenet", "LeNet"): "Accuracy",
    ("vgg", "Vgg"): "Accuracy",
    ("resnet", "ResNet18"): "Accuracy18",
    ("resnet", "ResNet50"): "Accuracy50",
    ("densenet", "DenseNet"): "Accuracy",
    ("unet", "Unet"): "Quality",
    ("mobilenet", "MobileNet"): "Accuracy",
    ("squeeze_excitation", "SeResNet"): "Accuracy",
    ("res2net", "Res2Net"): "Accuracy",
}
"""For each network the model of its weights."""

BY_HAND: Mapping[tuple[str, str], Callable[[], nn.Module]] = {
    ("resnet", "ResNet18"): lambda: ResNet("basic", (2, 2, 2, 2), 4, 3),
    ("resnet", "ResNet50"): lambda: ResNet("bottleneck", (3, 4, 6, 3), 4, 3),
    ("mobilenet", "MobileNet"): lambda: Mobile(4, 3),
    ("unet", "Unet"): lambda: Unet(2, 2),
}


@cache
def tiny(spec: str) -> ModuleType:
    return specc.load(SPECS / f"{spec}.spec", **TINY[spec])


def network(spec: str, name: str, seed: int = 0) -> nn.Module:
    """A tiny network in float64 and evaluation, with generic weights that keep values in bounds."""
    module: nn.Module = getattr(tiny(spec), name)(dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(seed)
    randomise(module, generator)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.mul_(parameter[0].numel() ** -0.5)
    return module


def images(module: nn.Module) -> torch.Tensor:
    """Two images as the module takes them."""
    assert isinstance(module, Model)
    words = module.inputs["image"]
    assert isinstance(words, str)
    shape = map(int, words.split()[1:])
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, *shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("spec", "name"), KNOWN, ids=[name for _, name in KNOWN])
def test_networks_have_the_parameters_that_they_are_known_to_have(spec: str, name: str) -> None:
    module = getattr(specc.load(SPECS / f"{spec}.spec"), name)(device="meta")
    assert sum(parameter.numel() for parameter in module.parameters()) == KNOWN[spec, name]


@pytest.mark.parametrize(("spec", "name"), BY_HAND, ids=[name for _, name in BY_HAND])
def test_networks_compute_what_those_by_hand_do(spec: str, name: str) -> None:
    """The parameters of both are in one order."""
    ours, theirs = network(spec, name), BY_HAND[spec, name]().double().eval()
    values = ours.state_dict().values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    x = images(ours)
    expected = theirs(x.movedim(-1, 1))
    expected = expected.movedim(1, -1) if expected.dim() == 4 else expected
    torch.testing.assert_close(ours(x), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("spec", "name"), READERS, ids=[name for _, name in READERS])
def test_models_of_weights_see_no_permutation_that_the_network_does_not(
    spec: str, name: str
) -> None:
    """A random element of the inferred group changes neither the network's function nor what is read of it."""
    (report,) = (
        model.model_dump()
        for model in specc.explain(SPECS / f"{spec}.spec", **TINY[spec]).models
        if model.name == READERS[spec, name]
    )
    space = state_space(report)
    networks = [network(spec, name, seed) for seed in range(2)]
    parameters, buffers = stack_module_state(networks)
    weights = {**parameters, **buffers}
    element = random_element(space.axes, np.random.default_rng(2))
    stacked = {tensor.name: weights[tensor.name].detach() for tensor in space.tensors}
    moved = {**weights, **space.moved(stacked, element, batch=1)}
    x = images(networks[0])
    reader = getattr(tiny(spec), READERS[spec, name])(dtype=torch.float64)
    with torch.no_grad():
        for number, each in enumerate(networks):
            state = {key: tensor[number] for key, tensor in moved.items()}
            found = functional_call(each, state, x)
            torch.testing.assert_close(found, each(x), rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(reader(moved), reader(weights), rtol=1e-8, atol=1e-8)
        assert any(
            not torch.equal(moved[tensor.name], weights[tensor.name]) for tensor in space.tensors
        )


@pytest.mark.slow
def test_a_network_of_real_size_is_read() -> None:
    module = specc.load(SPECS / "resnet.spec")
    parameters, buffers = stack_module_state([module.ResNet18() for _ in range(2)])
    with torch.no_grad():
        assert module.Accuracy18()({**parameters, **buffers}).shape == (2, 1)
