"""A small layer as one C++ operator computes what its generated `forward` says, in all derivatives."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from library import SMALL, SPECS
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

import specc
from specc_runtime import Equivariant, as_is, native
from specc_runtime.native.layers import table_of

CASES = {
    "an MLP": """
        space W { w0: [a, i]  b0: [a]  w1: [b, a]  b1: [b]  w2: [o, b]  b2: [o] }
        model M(w: W(; 3)) -> W(; 5) { return relu(equivariant(w, 5)) }""",
    "whole vectors, no biases": """
        space W { w0: [a, i]  b0: [a]  w1: [b, a]  w2: [o, b] }
        model M(w: W(; 16)) -> W(; 32) { return relu(equivariant(w, 32, bias = false)) }""",
    "diagonals and transposes": """
        space W { w: [a, a]  u: [a, a]  v: [a, b] }
        model M(w: W(; 2)) -> W(; 3) { return relu(equivariant(w, 3)) }""",
    "three indices of one group": "model M(x: [a, a, a; 2]) -> [a, a, a; 1] { return relu(equivariant(x, 1)) }",
    "pinned before, between and after": """
        space W { v: [i, a, o, b, i]  w: [o, i]  u: [i, a] }
        model M(w: W(; 2)) -> W(; 3) { return relu(equivariant(w, 3)) }""",
    "invariants": "model M(x: [a, b, i; 3]) -> [; 4] { return invariant(x, 4) }",
    "other outputs than inputs": "model M(x: [a, i; 3]) -> [b, a, o; 4] { return relu(equivariant(x, [b, a, o; 4])) }",
    "one position": """
        axis one = S(1)
        model M(x: [a, one; 3]) -> [a, one; 4] { return relu(equivariant(x, 4)) }""",
    "two tensors of one shape": """
        space W { g: [a, a]  x: [a] }
        model M(w: W) -> W { return relu(equivariant(w, 1)) }""",
    "runs of a repeat": """
        model Net(x: [; 2]) -> [; 3] {
            z = tanh(linear(x, 4))
            repeat 3 as blocks { z = tanh(linear(z, 4)) }
            return linear(z, 3)
        }
        model M(w: weights(Net; 2)) -> weights(Net; 3) { return relu(equivariant(w, 3)) }""",
}
"""Specs after `axis i = 2  axis o = 3  axis a = S(4)  axis b = S(5)`; each has a layer of one argument."""

AXES = "axis i = 2\naxis o = 3\naxis a = S(4)\naxis b = S(5)\n"


pytestmark = pytest.mark.usefixtures("kernels")


def layer_of(text: str) -> Equivariant:
    """The layer of a spec's model, with parameters of all sizes."""
    torch.manual_seed(0)
    model = specc.load(AXES + text).M()
    (found,) = (each for each in model.modules() if isinstance(each, Equivariant))
    for parameter in found.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    return found


def inputs_of(module: Equivariant, batch: int, dtype: torch.dtype) -> Any:
    """Random inputs as `forward` takes them."""
    generator = torch.Generator().manual_seed(batch)
    found = {}
    for name, words in module.inputs.items():
        sizes = [int(w) if w.isdecimal() else module.sizes[w] for w in words.split()[1:]]
        x = torch.randn(batch, *sizes, generator=generator, dtype=torch.float64)
        found[name] = x.to(dtype).requires_grad_()
    return found[""] if list(found) == [""] else found


def listed(values: Any) -> list[Tensor]:
    return [values] if isinstance(values, Tensor) else list(values.values())


def derivatives(module: Equivariant, x: Any, activation: Any) -> list[list[Tensor]]:
    """Outputs, gradients of inputs and parameters, and those of the squares of these."""
    wanted = [*listed(x), *module.parameters()]
    takes = "activation" in inspect.signature(module.forward).parameters
    options = {"activation": activation} if takes else {}
    with torch.no_grad():
        alone = listed(module(x, **options))
    outputs = listed(module(x, **options))
    losses = [
        (each * torch.linspace(-1, 1, each.numel(), dtype=each.dtype).view(each.shape)).sum()
        for each in outputs
    ]
    once = torch.autograd.grad(sum(losses), wanted, retain_graph=True)
    first = torch.autograd.grad(sum(losses), wanted, create_graph=True)
    total = sum(each.square().sum() for each in first)
    second = torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True)
    return [alone, outputs, list(once), list(first), list(second)]


def is_used(module: Equivariant, x: Any) -> bool:
    with torch.profiler.profile() as profile, torch.no_grad():
        module(x)
    return any(event.key == "specc_native::layer" for event in profile.key_averages())


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.parametrize("activation", [F.relu, as_is, torch.tanh])
@pytest.mark.parametrize("batch", [1, 3, 64])
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_derivatives_are_those_of_the_plain_path(
    case: str, batch: int, activation: Any
) -> None:
    module = layer_of(CASES[case])
    assert is_used(module, inputs_of(module, batch, torch.float32))
    found = derivatives(module, inputs_of(module, batch, torch.float32), activation)
    native.disable()
    expected = derivatives(module.double(), inputs_of(module, batch, torch.float64), activation)
    for some, others in zip(found, expected, strict=True):
        scale = max(each.abs().max().item() for each in others)
        for each, other in zip(some, others, strict=True):
            torch.testing.assert_close(each.double(), other, rtol=0, atol=1e-5 * scale)


def layers_of(spec: str) -> list[Equivariant]:
    """The layers of all models of a library file that an operator may compute."""
    module = specc.load(SPECS / f"{spec}.spec", **SMALL.get(spec, {}))
    models = [getattr(module, name)() for name in module.__all__]
    return [
        each
        for model in models
        for each in model.modules()
        if isinstance(each, Equivariant) and hasattr(type(each).forward, "__wrapped__")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("spec", sorted(path.stem for path in SPECS.glob("*.spec")))
def test_layers_of_the_library(spec: str) -> None:
    for module in layers_of(spec):
        for parameter in module.parameters():
            nn.init.normal_(parameter, 0, 0.3)
        x = inputs_of(module, 3, torch.float32)
        found, expected = listed(module(x)), listed(type(module).forward.__wrapped__(module, x))
        for each, other in zip(found, expected, strict=True):
            torch.testing.assert_close(each, other, rtol=1e-3, atol=1e-3)


def arguments_of(module: Equivariant, batch: int, requires_grad: bool) -> tuple[Any, ...]:
    """What the operator is given for a layer with a bias in its last product."""
    table = table_of(type(module), tuple(name == "mix_scalar" for name in module.columns))
    assert table is not None
    inputs = [each.detach() for each in listed(inputs_of(module, batch, torch.float32))]
    outputs = listed(module(dict(zip(module.inputs, inputs, strict=True))))
    mixes = [getattr(module, name) for name in module.columns]
    weights, bias = [each.weight.detach() for each in mixes], mixes[-1].bias.detach()
    for each in (*inputs, *weights, bias):
        each.requires_grad_(requires_grad)
    sizes = [size for each in outputs for size in each.shape[1:]]
    return inputs, weights, [bias], table.program, sizes


@pytest.mark.slow
@pytest.mark.parametrize("requires_grad", [False, True])
def test_operators_pass_opcheck(requires_grad: bool) -> None:
    module = layer_of(CASES["an MLP"])
    inputs, weights, biases, program, sizes = arguments_of(module, 3, requires_grad)
    operators, check = torch.ops.specc_native, torch.library.opcheck
    for rectify in (False, True):
        check(operators.layer.default, (inputs, weights, biases, program, sizes, rectify, False))
    outputs = operators.layer(inputs, weights, biases, program, sizes, True, False)
    grads = [torch.randn_like(each, requires_grad=requires_grad) for each in outputs]
    check(operators.layer_products.default, (grads, inputs, program))
    own = [size for each in inputs for size in each.shape[1:]]
    check(operators.layer.default, (grads, weights, [], program, own, False, True))
    given = [[each.detach() for each in some] for some in (grads, outputs, inputs, weights)]
    check(operators.layer_backward.default, (*given, program, True))


@pytest.mark.slow
@pytest.mark.parametrize("mapped", ["inputs", "weights", "both"])
def test_the_operator_has_a_rule_for_vmap(mapped: str) -> None:
    module = layer_of(CASES["an MLP"])
    inputs, weights, biases, program, sizes = arguments_of(module, 3, False)
    of_inputs, of_weights = mapped != "weights", mapped != "inputs"

    def stacked(some: list[Tensor], own: bool) -> list[Tensor]:
        return [torch.stack([each, 2 * each]) if own else each for each in some]

    def compute(inputs: list[Tensor], weights: list[Tensor]) -> Any:
        return torch.ops.specc_native.layer(inputs, weights, biases, program, sizes, True, False)

    dims = (0 if of_inputs else None, 0 if of_weights else None)
    given = stacked(inputs, of_inputs), stacked(weights, of_weights)
    found = torch.vmap(compute, dims)(*given)
    for i in range(2):
        own = [
            [each[i] for each in some] if on else some
            for some, on in zip(given, (of_inputs, of_weights), strict=True)
        ]
        torch.testing.assert_close([each[i] for each in found], compute(*own))


@pytest.mark.slow
def test_one_graph_for_every_batch_size() -> None:
    module = specc.load(AXES + CASES["an MLP"]).M()
    layers = [each for each in module.modules() if isinstance(each, Equivariant)]
    torch.compiler.reset()
    compiled = specc.load(AXES + CASES["an MLP"]).M()
    compiled.load_state_dict(module.state_dict())
    compiled.compile(backend="aot_eager")
    for batch in (1, 4, 2):
        x = inputs_of(layers[0], batch, torch.float32)
        found, expected = compiled(x), module(x)
        torch.testing.assert_close(found, expected)
        of = [
            torch.autograd.grad(
                sum(each.square().sum() for each in made.values()), [*x.values(), *own.parameters()]
            )
            for made, own in ((found, compiled), (expected, module))
        ]
        torch.testing.assert_close(*of, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_axes_may_have_other_sizes_than_they_were_built_with() -> None:
    module = layer_of(CASES["diagonals and transposes"])
    sizes = {"a": 7, "b": 2}
    x = {
        name: torch.randn(3, *(int(w) if w.isdecimal() else sizes[w] for w in words.split()[1:]))
        for name, words in module.inputs.items()
    }
    assert is_used(module, x)
    found = module(x)
    native.disable()
    torch.testing.assert_close(found, module(x), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_what_does_not_fit_takes_the_plain_path() -> None:
    module = layer_of(CASES["an MLP"])
    x = {name: each.detach() for name, each in inputs_of(module, 2, torch.float32).items()}
    assert is_used(module, x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_used(module, x)
    assert not is_used(module.double(), {name: each.double() for name, each in x.items()})
    module.float()
    large = {
        **x,
        "w1": torch.randn(2, 5, 200000, 3),
        "w0": torch.randn(2, 200000, 2, 3),
        "b0": torch.randn(2, 200000, 3),
    }
    assert not is_used(module, large)
    empty = {
        "w": torch.zeros(2, 0, 0, 2),
        "u": torch.zeros(2, 0, 0, 2),
        "v": torch.zeros(2, 0, 5, 2),
    }
    assert not is_used(layer_of(CASES["diagonals and transposes"]), empty)
    with pytest.raises(RuntimeError):
        module({**x, "b0": torch.randn(2, 9, 3)})


@pytest.mark.slow
def test_results_larger_than_the_caches() -> None:
    """They are stored past these: 16 MB and more, rows of whole vectors."""
    module = layer_of(
        "axis n = S(64)\naxis m = S(64)\nmodel M(x: [n, m; 32]) -> [n, m; 32] { return relu(equivariant(x, 32)) }"
    )
    x = torch.randn(33, 64, 64, 32, requires_grad=True)
    assert is_used(module, x)
    wanted = [x, *module.parameters()]
    found = module(x, activation=F.relu)
    gradients = torch.autograd.grad(found.square().sum(), wanted)
    native.disable()
    expected = module(x, activation=F.relu)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    of_expected = torch.autograd.grad(expected.square().sum(), wanted)
    for each, other in zip(gradients, of_expected, strict=True):
        torch.testing.assert_close(each, other, rtol=1e-3, atol=1e-4 * other.abs().max().item())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("threads", "batch", "used"),
    [(2, 1, False), (2, 2, True), (2, 3, True), (4, 3, True), (4, 5, False), (4, 6, True)],
)
def test_middling_networks_are_computed_at_once_where_all_threads_have_some(
    threads: int, batch: int, used: bool
) -> None:
    module = layer_of(
        "axis n = S(64)\nmodel M(x: [n, n; 128]) -> [n, n; 128] { return equivariant(x, 128) }"
    )
    torch.set_num_threads(threads)
    assert is_used(module, torch.randn(batch, 64, 64, 128)) == used


@pytest.mark.slow
@pytest.mark.parametrize(("tensors", "width", "used"), [(1, 768, False), (8, 96, True)])
def test_of_many_tensors_larger_networks_are_computed_at_once(
    tensors: int, width: int, used: bool
) -> None:
    fields = " ".join(f"t{i}: [{'m, n' if i % 2 else 'n, m'}]" for i in range(tensors))
    module = layer_of(
        f"axis n = S(64)\naxis m = S({width})\nspace W {{ {fields} }}\n"
        "model M(w: W(; 32)) -> W(; 32) { return relu(equivariant(w, 32)) }"
    )
    torch.set_num_threads(2)
    x = inputs_of(module, 3, torch.float32)
    assert is_used(module, x) == used
    wanted = [*listed(x), *module.parameters()]
    found = [*module(x, activation=F.relu).values()]
    gradients = torch.autograd.grad(sum(each.square().sum() for each in found), wanted)
    native.disable()
    expected = [*module(x, activation=F.relu).values()]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    of_expected = torch.autograd.grad(sum(each.square().sum() for each in expected), wanted)
    for each, other in zip(gradients, of_expected, strict=True):
        torch.testing.assert_close(each, other, rtol=1e-3, atol=1e-4 * other.abs().max().item())


@pytest.mark.slow
def test_products_that_are_not_as_generated_are_called() -> None:
    module = layer_of(CASES["an MLP"])
    x = inputs_of(module, 2, torch.float32)
    assert is_used(module, x)
    called: list[tuple[int, ...]] = []
    handle = module.mix_a.register_forward_hook(lambda _, __, made: called.append(made.shape))
    assert not is_used(module, x)
    assert called == [(2, 4, 20)]
    handle.remove()
    assert is_used(module, x)
    module.mix_a = nn.Sequential(module.mix_a, nn.Tanh())
    assert not is_used(module, x)


class Labelled(Tensor):
    """A tensor that may stand for something else."""


@pytest.mark.slow
def test_tensors_of_other_classes_take_the_plain_path() -> None:
    module = layer_of(CASES["an MLP"])
    x = {name: each.detach() for name, each in inputs_of(module, 2, torch.float32).items()}
    expected = module(x)
    assert is_used(module, OrderedDict(x))
    assert is_used(module, {name: nn.Parameter(each) for name, each in x.items()})
    assert not is_used(module, {**x, "b1": x["b1"].as_subclass(Labelled)})
    with torch.device("cpu"):
        assert is_used(module, x)
    module.mix_a.weight = nn.Parameter(module.mix_a.weight.as_subclass(Labelled))
    assert not is_used(module, x)
    torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_transforms_take_the_plain_path() -> None:
    module = layer_of(CASES["an MLP"])
    x = {name: each.detach() for name, each in inputs_of(module, 2, torch.float32).items()}
    of_each = torch.vmap(lambda each: module({k: v[None] for k, v in each.items()}))(x)
    torch.testing.assert_close(
        {name: each[:, 0] for name, each in of_each.items()}, module(x), rtol=1e-4, atol=1e-4
    )
    moved, tangents = torch.func.jvp(module, (x,), (x,))
    torch.testing.assert_close(moved, module(x), rtol=1e-4, atol=1e-4)
    zero = module({name: torch.zeros_like(each) for name, each in x.items()})
    linear = {name: each - zero[name] for name, each in module(x).items()}
    torch.testing.assert_close(tangents, linear, rtol=1e-4, atol=1e-4)
    with forward_ad.dual_level():
        dual = {name: forward_ad.make_dual(each, each) for name, each in x.items()}
        made = {name: forward_ad.unpack_dual(each).tangent for name, each in module(dual).items()}
    torch.testing.assert_close(made, linear, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_calls_from_several_threads() -> None:
    """They find out for different batches at the same time what is kept for later."""
    module = layer_of(CASES["an MLP"])
    inputs = [inputs_of(module, 1 + i % 40, torch.float32) for i in range(400)]
    expected = [module(x) for x in inputs[:40]]
    native._calls.cache_clear()
    with ThreadPoolExecutor(4) as pool, torch.no_grad():
        found = list(pool.map(module, inputs))
    for i, each in enumerate(found):
        torch.testing.assert_close(each, expected[i % 40])


@pytest.mark.slow
def test_more_shapes_than_are_kept() -> None:
    module = layer_of("model M(x: [a, i; 3]) -> [a, i; 3] { return relu(equivariant(x, 3)) }")
    x = torch.randn(1100, 4, 2, 3)
    with torch.no_grad():
        expected = module(x)
        for batch in (*range(1, 1101), 1, 1100):
            torch.testing.assert_close(module(x[:batch]), expected[:batch], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_steps_that_are_kept_serve_their_sizes_and_any_weights() -> None:
    module = layer_of(CASES["diagonals and transposes"])
    more_than_are_kept = [*range(1, 70), 1, 64]

    def results() -> list[list[Tensor]]:
        torch.manual_seed(1)
        found = []
        for batch in more_than_are_kept:
            for parameter in module.parameters():
                nn.init.normal_(parameter, 0, 0.3)
            x = inputs_of(module, batch, torch.float32)
            outputs = listed(module(x, activation=F.relu))
            loss = sum(each.square().sum() for each in outputs)
            found.append([*outputs, *torch.autograd.grad(loss, [*listed(x), *module.parameters()])])
        return found

    found = [results()]
    torch.set_num_threads(1)
    found.append(results())
    native.disable()
    expected = results()
    for each in found:
        torch.testing.assert_close(each, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_the_same_bits_each_time() -> None:
    module = layer_of(CASES["an MLP"])
    x = inputs_of(module, 64, torch.float32)
    first, second = (derivatives(module, x, F.relu) for _ in range(2))
    for some, others in zip(first, second, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("1 1", "end too early"),
        ("1 1 1 1 1 1 0 1 0 4 0 1 0 4 0", "rows of 4 floats of a tensor that has 3"),
        ("1 1 1 1 1 1 0 1 7 3 0 1 0 3 0", "has no tensor 7"),
        (
            "1 1 1 1 1 0 0 1 0 3 -9 1 0 3 -2",
            "a position that its tensor does not have",
        ),
    ],
)
def test_numbers_that_do_not_fit_are_refused(program: str, message: str) -> None:
    x, weight = torch.randn(2, 5, 3), torch.randn(3, 3)
    with pytest.raises(RuntimeError, match=message):
        torch.ops.specc_native.layer([x], [weight], [], program, [5, 3], False, False)
