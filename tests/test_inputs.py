"""Each way to give a module something else than it declares has its own sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import CLASSIFIER, SPECS, draw
from torch import Tensor, nn
from torch.func import stack_module_state

import specc
from specc_runtime import InputError

WEIGHTS = specc.load(SPECS["weights"])


def weights(**changed: Tensor | None) -> dict[str, Tensor]:
    """Weights of three classifiers; `fc1_bias = None` leaves one out."""
    stacked, _ = stack_module_state([WEIGHTS.Classifier() for _ in range(3)])
    for name, value in changed.items():
        key = name.replace("_", ".")
        if value is None:
            del stacked[key]
        else:
            stacked[key] = value
    return stacked


def network() -> nn.Module:
    module = WEIGHTS.Classifier()
    assert isinstance(module, nn.Module)
    return module


# What is given for `w: weights(Classifier)`, and what is said.
OF_WEIGHTS: dict[str, tuple[Callable[[], object], str]] = {
    "a key is missing": (
        lambda: weights(fc2_bias=None),
        "`w` lacks `fc2.bias`: it needs `fc1.weight`, `fc1.bias`, `fc2.weight`, `fc2.bias`",
    ),
    "a list": (
        lambda: list(weights().values()),
        "`w` is a dict of tensors, and a list was given",
    ),
    "a tensor": (
        lambda: torch.zeros(3),
        "`w` is a dict of tensors, and a Tensor was given",
    ),
    "a module": (
        network,
        "`w` is a dict of tensors, and a Classifier was given: "
        "`torch.func.stack_module_state` makes one of a list of modules",
    ),
    "parameters and buffers": (
        lambda: stack_module_state([network()]),
        "`w` is a dict of tensors, and a tuple was given: "
        "join parameters and buffers, `parameters | buffers`",
    ),
    "no batch": (
        lambda: network().state_dict(),
        '`w["fc1.weight"]` has shape (5, 6), and (batch, fc1, 6) is needed: '
        "the first dimension is the batch, as `torch.func.stack_module_state` makes it",
    ),
    "a list inside": (
        lambda: {**weights(), "fc1.bias": [1.0]},
        '`w["fc1.bias"]` is a tensor, and a list was given',
    ),
    "another size": (
        lambda: weights(fc1_weight=torch.zeros(3, 5, 7)),
        '`w["fc1.weight"]` has shape (3, 5, 7), and (batch, fc1, 6) is needed: '
        "dimension 2 is 7, not 6",
    ),
    "two widths": (
        lambda: weights(fc1_bias=torch.zeros(3, 4)),
        '`w["fc1.bias"]` has shape (3, 4), and (batch, fc1) is needed: '
        '`fc1` is 4 here and 5 in `w["fc1.weight"]`',
    ),
    "two batches": (
        lambda: weights(fc2_bias=torch.zeros(4, 3)),
        '`w["fc2.bias"]` has shape (4, 3), and (batch, 3) is needed: '
        '`batch` is 4 here and 3 in `w["fc1.weight"]`',
    ),
    "two more dimensions": (
        lambda: weights(fc2_bias=torch.zeros(3, 3, 1, 1)),
        '`w["fc2.bias"]` has shape (3, 3, 1, 1), and (batch, 3) is needed',
    ),
    "another dtype": (
        lambda: {name: value.double() for name, value in weights().items()},
        '`w["fc1.weight"]` is torch.float64, and the module is torch.float32: convert one of them',
    ),
    "another device": (
        lambda: {name: value.to("meta") for name, value in weights().items()},
        '`w["fc1.weight"]` is on meta, and the module is on cpu: move one of them',
    ),
}


@pytest.mark.parametrize("case", OF_WEIGHTS)
def test_weights_that_are_none_are_refused(case: str) -> None:
    given, sentence = OF_WEIGHTS[case]
    refused(WEIGHTS.M(), sentence, given())


def refused(module: nn.Module, sentence: str, *arguments: Any, **more: Any) -> None:
    with pytest.raises(InputError) as caught:
        module(*arguments, **more)
    assert str(caught.value) == sentence


def test_other_keys_are_left_alone() -> None:
    """A state_dict has integer buffers, `num_batches_tracked`, beside the weights."""
    module = WEIGHTS.M()
    given = weights()
    more = {**given, "norm.num_batches_tracked": torch.zeros(3, dtype=torch.long)}
    torch.testing.assert_close(module(more), module(given))


OF_TENSORS: dict[str, tuple[object, str]] = {
    "a dict": ({}, "`image` is a tensor, and a dict was given"),
    "None": (None, "`image` is a tensor, and a NoneType was given"),
    "no batch": (
        torch.zeros(6),
        "`image` has shape (6,), and (batch, 6) is needed: the first dimension is the batch",
    ),
    "another size": (
        torch.zeros(2, 7),
        "`image` has shape (2, 7), and (batch, 6) is needed: dimension 1 is 7, not 6",
    ),
    "integers": (
        torch.zeros(2, 6, dtype=torch.long),
        "`image` is torch.int64, and the module is torch.float32: convert one of them",
    ),
}


@pytest.mark.parametrize("case", OF_TENSORS)
def test_tensors_that_do_not_fit_are_refused(case: str) -> None:
    given, sentence = OF_TENSORS[case]
    refused(network(), sentence, given)


OF_MASKS: dict[str, tuple[object, str]] = {
    "numbers": (
        torch.ones(2, 4),
        "`node_mask` is a boolean mask, and its dtype is torch.float32",
    ),
    "another size": (
        torch.ones(2, 5, dtype=torch.bool),
        "`node_mask` has shape (2, 5), and (2, 4) is needed",
    ),
    "a list": ([True], "`node_mask` is a boolean tensor, and a list was given"),
}


@pytest.mark.parametrize("case", OF_MASKS)
def test_masks_that_do_not_fit_are_refused(case: str) -> None:
    given, sentence = OF_MASKS[case]
    module = specc.load(SPECS["graph"]).M()
    refused(module, sentence, **draw(module, 2), node_mask=given)


@pytest.fixture(
    params=["Python", pytest.param("C++", marks=[pytest.mark.slow, pytest.mark.representative])]
)
def looked_up_in(request: pytest.FixtureRequest) -> None:
    """Who says what a check goes by: the kernels do it for themselves."""
    if request.param == "C++":
        request.getfixturevalue("kernels")


@pytest.mark.usefixtures("looked_up_in")
def test_what_passed_before_makes_nothing_else_pass() -> None:
    """Checks that were passed are remembered."""
    module, given = WEIGHTS.M(), weights()
    for _ in range(2):
        module(given)
        for make, sentence in OF_WEIGHTS.values():
            refused(module, sentence, make())
    of_one = "`image` is {}, and the module is {}: convert one of them"
    one, image = network(), torch.zeros(2, 6)
    with torch.autocast("cpu", torch.bfloat16):
        one(image.bfloat16())
    one(image)
    refused(one, of_one.format("torch.bfloat16", "torch.float32"), image.bfloat16())
    one.double()
    one(image.double())
    refused(one, of_one.format("torch.float32", "torch.float64"), image)


@pytest.mark.usefixtures("looked_up_in")
def test_what_one_module_takes_another_may_not() -> None:
    small, large = (
        specc.load(
            f"axis n = {n} model M(x: [n; 2]) -> [; 2] {{ return linear(mean[n](x), 2) }}"
        ).M()
        for n in (3, 4)
    )
    x = torch.zeros(2, 3, 2)
    for _ in range(2):
        small(x)
        refused(
            large,
            "`x` has shape (2, 3, 2), and (batch, 4, 2) is needed: dimension 1 is 3, not 4",
            x,
        )


@pytest.mark.usefixtures("looked_up_in")
def test_the_first_real_parameter_says_which_dtype_is_needed() -> None:
    """Of nested modules, some of which have no parameters, or complex ones before."""
    module = network()
    module.first = nn.Sequential(nn.Tanh(), nn.ParameterList([torch.zeros(1, dtype=torch.cfloat)]))
    module._modules = {"first": module._modules.pop("first"), "none": None, **module._modules}
    for _ in range(2):
        module(torch.zeros(2, 6))
        refused(
            module,
            "`image` is torch.float64, and the module is torch.float32: convert one of them",
            torch.zeros(2, 6, dtype=torch.float64),
        )


def test_a_module_without_parameters_takes_any_dtype() -> None:
    module = specc.load(
        "axis node = S(3) model M(x: [node; 2]) -> [; 2] { return mean[node](x) }"
    ).M()
    assert module(torch.zeros(2, 3, 2, dtype=torch.float16)).dtype == torch.float16


def test_modules_that_are_offloaded_take_inputs_of_any_device() -> None:
    """Libraries that keep parameters elsewhere leave meta tensors in their place."""
    module = specc.load(CLASSIFIER).Classifier(device="meta")
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):  # torch's own refusal
        module(torch.zeros(2, 6)) + torch.zeros(2, 3)


@pytest.mark.parametrize(
    "name", ["module", "shapes", "name", "value", "key", "self", "torch", "zip"]
)
def test_inputs_may_have_any_name(name: str) -> None:
    text = f"""
        {CLASSIFIER}
        model M({name}: weights(Classifier), other: weights(Classifier)) -> weights(Classifier) {{
            both = linear({name} * other + {name}, 1)
            repeat 2 {{ both = relu(linear(both, 1)) + both }}
            return both + {name}
        }}
    """
    module = specc.load(text).M()
    first, second = weights(), weights()
    outputs = module(first, second)
    assert {key: value.shape for key, value in outputs.items()} == {
        key: value.shape for key, value in first.items()
    }
