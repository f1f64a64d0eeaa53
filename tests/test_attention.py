"""`attention` against `nn.MultiheadAttention` and attention written by hand, and the symmetry of its types."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from attentive import AXES, CASES, MASKED, make, model, normal
from networks import draw
from torch import Tensor, nn

import specc
from specc.types import Tensor as TensorType

# --- Against torch -------------------------------------------------------------------------------


def torch_call(module: nn.Module, *inputs: Tensor) -> Tensor:
    inner = module["attention"] if isinstance(module, nn.ModuleDict) else module
    return inner(*inputs)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", CASES)
def test_equal_to_torch(name: str) -> None:
    """The same names and shapes in the same order; the same values and gradients."""
    case = CASES[name]
    ours = make(model(case.call, case.inputs, case.result))
    theirs = case.module().double().eval()
    shapes = [(key, tensor.shape) for key, tensor in theirs.state_dict().items()]
    assert [(key, tensor.shape) for key, tensor in ours.state_dict().items()] == shapes
    theirs.load_state_dict(ours.state_dict())
    inputs = [value.requires_grad_() for value in draw(ours, 3).values()]  # type: ignore[union-attr]
    found, expected = ours(*inputs), torch_call(theirs, *inputs)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    of = [
        torch.autograd.grad(value.sin().sum(), [*inputs, *module.parameters()], retain_graph=True)
        for value, module in ((found, ours), (expected, theirs))
    ]
    torch.testing.assert_close(of[0], of[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bias", [True, False])
def test_drawn_as_torch_draws(bias: bool) -> None:
    call = f"attention(x, over = token, heads = 4, bias = {str(bias).lower()})"
    compiled = specc.load(model(call))
    torch.manual_seed(7)
    expected = nn.MultiheadAttention(8, 4, bias=bias, batch_first=True).state_dict()
    torch.manual_seed(7)
    module = compiled.M()
    for _ in range(2):
        found = {key.removeprefix("attention."): t for key, t in module.state_dict().items()}
        torch.testing.assert_close(found, dict(expected), rtol=0, atol=0)
        torch.manual_seed(7)
        module.reset_parameters()


@pytest.mark.parametrize("name", ["as Llama has it", "a narrow memory", "two heads"])
def test_reset_draws_what_construction_draws(name: str) -> None:
    case = CASES[name]
    compiled = specc.load(model(case.call, case.inputs, case.result))
    torch.manual_seed(3)
    module = compiled.M()
    drawn = copy.deepcopy(module.state_dict())
    torch.manual_seed(3)
    module.reset_parameters()
    torch.testing.assert_close(dict(module.state_dict()), dict(drawn), rtol=0, atol=0)


def test_dropout_acts_in_training() -> None:
    module = make(model("attention(x, over = token, heads = 2, dropout = 0.5)"))
    x = normal(2, 5, 8)
    assert torch.equal(module(x), module(x))
    module.train()
    assert not torch.equal(module(x), module(x))


# --- Masks ---------------------------------------------------------------------------------------


def test_keys_that_are_not_there_are_never_attended_to() -> None:
    """The result for a shorter set is that of the set alone, whatever stands behind it."""
    module = make(model(*MASKED["a set"]))
    x = normal(3, 4, 4)
    mask = torch.tensor([[True, True, False, True], [True, True, True, False], [False] * 4])
    found = module(x, mask)
    for row, present in zip(range(3), mask, strict=True):
        alone = module(x[row : row + 1, present])
        torch.testing.assert_close(found[row : row + 1, present], alone)
        assert not found[row, ~present].any()
    torch.testing.assert_close(module(x.masked_fill(~mask[..., None], 9.0), mask), found)


def test_gradients_are_finite_where_nothing_is_there() -> None:
    call = "sum[guest](attention(x, over = guest, heads = 2))"
    module = make(model(call, "x: [guest; 4]", "[; 4]"))
    x = normal(3, 4, 4).requires_grad_()
    mask = torch.tensor([[False] * 4, [False, True, False, True], [True] * 4])
    module(x, mask).sum().backward()
    for tensor in (x, *module.parameters()):
        assert tensor.grad is not None and tensor.grad.isfinite().all()
    assert x.grad is not None and not x.grad[0].any()


# --- Types ---------------------------------------------------------------------------------------

# Per row: the call, its inputs, its result.
SYMMETRIES = [
    ("attention(x, over = node)", "x: [node; 8]", "[node; 8]"),
    ("attention(x, over = member)", "x: [cloud, member; 8]", "[cloud, member; 8]"),
    ("attention(x, over = [cloud, member])", "x: [cloud, member; 8]", "[cloud, member; 8]"),
    ("attention(x, over = token)", "x: [node, token; 8]", "[node, token; 8]"),
    ("attention(x, over = node)", "x: [node, token; 8]", "[node, token; 8]"),
    ("attention(x, over = token, memory = m)", "x: [token; 8], m: [node; 8]", "[token; 8]"),
    ("attention(x, over = node, memory = m)", "x: [node; 8], m: [node; 8]", "[node; 8]"),
    ("attention(x, over = node, memory = m)", "x: [node; 8], m: [source; 8]", "[node; 8]"),
    ("attention(x, over = token, memory = m)", "x: [token, node; 8], m: [node, source; 8]",
     "[token, node; 8]"),
    ("attention(x, over = member, memory = m)", "x: [cloud, member; 8], m: [cloud, member; 8]",
     "[cloud, member; 8]"),
    ("attention(x, over = token, heads = 2, memory = m, rotary = true)",
     "x: [token, node; 8], m: [node, source; 8]", "[token, node; 8]"),
]  # fmt: skip

IMAGES = {
    "node": torch.tensor([2, 0, 3, 1]),
    "cloud": torch.tensor([2, 0, 1]),
    "member": torch.tensor([[1, 0], [0, 1], [1, 0]]),
}


def rearranged(value: Tensor, axes: list[str]) -> Tensor:
    """`(batch, *axes, channels)` with its nodes, clouds, and members in each cloud reordered."""
    for dim, axis in enumerate(axes, start=1):
        if axis == "member":
            clouds = zip(value.unbind(dim - 1), IMAGES["member"], strict=True)
            value = torch.stack([c.index_select(dim - 1, image) for c, image in clouds], dim - 1)
        elif axis in IMAGES:
            value = value.index_select(dim, IMAGES[axis])
    return value


def axes_in(text: str) -> list[list[str]]:
    """The names of the axes of each type: `x: [a, b; 8], y: [a; 8]` -> `[["a", "b"], ["a"]]`."""
    return [found.split(", ") for found in re.findall(r"\[([^;]*);", text)]


@pytest.mark.parametrize(("call", "inputs", "result"), SYMMETRIES)
def test_attention_is_equivariant(call: str, inputs: str, result: str) -> None:
    module = make(model(call, inputs, result))
    given = [
        value for value in draw(module, 2, cloud=3, member=2).values() if isinstance(value, Tensor)
    ]
    moved = [rearranged(value, axes) for value, axes in zip(given, axes_in(inputs), strict=True)]
    (axes,) = axes_in(result)
    torch.testing.assert_close(module(*moved), rearranged(module(*given), axes))


# Per row: the call, its inputs, the groups of the result's axes.
PINS = [
    ("attention(x, over = token, causal = true)", "x: [node, token; 8]", "S(4), pinned"),
    ("attention(x, over = node)", "x: [node; 8]", "S(4)"),
    ("attention(x, over = guest)", "x: [guest; 8]", "S(4, masked)"),
    ("attention(coded(x), over = token)", "x: [token; 8]", "S(5)"),
    ("attention(coded(x), over = token, causal = true)", "x: [token; 8]", "pinned"),
    ("attention(coded(x), over = token, memory = x)", "x: [token; 8]", "pinned"),
    ("attention(x, over = token, memory = m)", "x: [token, node; 8], m: [source, node; 8]",
     "pinned, S(4)"),
    ("attention(coded(x), over = source, memory = x, memory_over = source)",
     "x: [token, source; 8]", "pinned, pinned"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "inputs", "groups"), PINS)
def test_what_reads_positions_pins_them(call: str, inputs: str, groups: str) -> None:
    (axes, *_) = axes_in(inputs)
    text = f"{AXES} model M({inputs}) -> [{', '.join(axes)}; 8] {{ y = {call} return x }}"
    (typed,) = specc.check(text).models
    kind = typed.types[-1]
    assert isinstance(kind, TensorType)
    assert ", ".join(axis.group.notation(axis.size) for axis in kind.axes) == groups
