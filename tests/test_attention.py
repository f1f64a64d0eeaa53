"""`attention` against `nn.MultiheadAttention` and against attention written by hand: names, numbers,
gradients; masks; the symmetry of its types; its messages.
"""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
import torch
from networks import draw, draw_masks
from oracles.attention import PlainAttention
from oracles.values import randomise
from test_messages import mistakes_of, place
from test_reference import agree
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

import specc
import specc.types as specc_types
from specc.program.arguments import signature
from specc_runtime import Model

AXES = """
    axis token = 5  axis source = 4  axis y = 2  axis x = 3
    axis node = S(4)  axis guest = S(4, masked)
    axis cloud = S(3)  axis member = S(2) in cloud
    axis club = S(3, masked)  axis fan = S(4, masked) in club
"""


def model(body: str, inputs: str = "x: [token; 8]", result: str = "[token; 8]") -> str:
    return f"{AXES} model M({inputs}) -> {result} {{ return {body} }}"


def make(text: str, dtype: torch.dtype = torch.float64) -> Model:
    """Model `M` with random parameters, in evaluation."""
    module = specc.load(text).M(dtype=dtype)
    assert isinstance(module, Model)
    randomise(module, torch.Generator().manual_seed(0))
    return module.eval()


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# --- Against torch -------------------------------------------------------------------------------


class Packed(nn.Module):
    """`nn.MultiheadAttention` of x, to itself or to a memory."""

    def __init__(self, width: int, heads: int, causal: bool = False, **options: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True, **options)
        self.causal = causal

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        memory = x if memory is None else memory
        later = torch.ones(x.shape[1], memory.shape[1]).triu(1).bool() if self.causal else None
        result, _ = self.attention(x, memory, memory, need_weights=False, attn_mask=later)
        return result  # type: ignore[no-any-return]


class Grid(Packed):
    """The same on `(batch, y, x, width)`, flattened row-major or column by column."""

    columns = False

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        arranged = x.transpose(1, 2) if self.columns else x
        found = super().forward(arranged.flatten(1, 2)).unflatten(1, arranged.shape[1:3])
        return found.transpose(1, 2) if self.columns else found


class Columns(Grid):
    columns = True


class Along(Packed):
    """On `(batch, token, other, width)`, along the tokens."""

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        rows = x.transpose(1, 2).flatten(0, 1)
        found = super().forward(rows).unflatten(0, (x.shape[0], -1))
        return found.transpose(1, 2)


def plain(width: int, heads: int, **options: int | bool | float | None) -> nn.Module:
    return nn.ModuleDict({"attention": PlainAttention(width, heads, **options)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """A call, the module that it is, and the shapes of inputs beside `[token; 8]`."""

    call: str
    module: Callable[[], nn.Module]
    inputs: str = "x: [token; 8]"
    result: str = "[token; 8]"


TOKENS = "x: [token; 8], m: [source; 8]"
NARROW = "x: [token; 8], m: [source; 6]"

TORCH: Mapping[str, Case] = {
    "two heads": Case("attention(x, over = token, heads = 2)", lambda: Packed(8, 2)),
    "eight heads": Case("attention(x, over = token)", lambda: Packed(8, 8)),
    "one head": Case("attention(x, over = token, heads = 1)", lambda: Packed(8, 1)),
    "no bias": Case(
        "attention(x, over = token, heads = 2, bias = false)", lambda: Packed(8, 2, bias=False)
    ),
    "causal": Case(
        "attention(x, over = token, heads = 4, causal = true)", lambda: Packed(8, 4, causal=True)
    ),
    "dropout in evaluation": Case(
        "attention(x, over = token, heads = 4, dropout = 0.5)", lambda: Packed(8, 4)
    ),
    "a set": Case(
        "attention(x, over = node, heads = 4)",
        lambda: Packed(8, 4),
        "x: [node; 8]",
        "[node; 8]",
    ),
    "an image": Case(
        "attention(x, over = [y, x], heads = 4)",
        lambda: Grid(8, 4),
        "x: [y, x; 8]",
        "[y, x; 8]",
    ),
    "an image, causal": Case(
        "attention(x, over = [y, x], heads = 4, causal = true)",
        lambda: Grid(8, 4, causal=True),
        "x: [y, x; 8]",
        "[y, x; 8]",
    ),
    "an image column by column, causal": Case(
        "attention(x, over = [x, y], heads = 4, causal = true)",
        lambda: Columns(8, 4, causal=True),
        "x: [y, x; 8]",
        "[y, x; 8]",
    ),
    "another axis behind": Case(
        "attention(x, over = token, heads = 4, causal = true)",
        lambda: Along(8, 4, causal=True),
        "x: [token, y; 8]",
        "[token, y; 8]",
    ),
    "a memory": Case(
        "attention(x, over = token, heads = 4, memory = m)", lambda: Packed(8, 4), TOKENS
    ),
    "a memory, no bias": Case(
        "attention(x, over = token, heads = 4, memory = m, bias = false)",
        lambda: Packed(8, 4, bias=False),
        TOKENS,
    ),
    "a memory along the same axis, causal": Case(
        "attention(x, over = token, heads = 4, memory = m, causal = true)",
        lambda: Packed(8, 4, causal=True),
        "x: [token; 8], m: [token; 8]",
    ),
}

BY_HAND: Mapping[str, Case] = {
    "separate": Case(
        "attention(x, over = token, heads = 4, fused = false)", lambda: plain(8, 4)
    ),
    "separate, no bias, causal": Case(
        "attention(x, over = token, heads = 4, fused = false, bias = false, causal = true)",
        lambda: plain(8, 4, bias=False, causal=True),
    ),
    "large heads": Case(
        "attention(x, over = token, heads = 3, head_size = 5)",
        lambda: plain(8, 3, head_size=5, fused=True),
    ),
    "large heads, separate": Case(
        "attention(x, over = token, heads = 3, head_size = 5, fused = false)",
        lambda: plain(8, 3, head_size=5),
    ),
    "grouped queries": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2, fused = false)",
        lambda: plain(8, 4, kv_heads=2),
    ),
    "grouped queries, fused": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2)",
        lambda: plain(8, 4, kv_heads=2, fused=True),
    ),
    "one head of keys": Case(
        "attention(x, over = token, heads = 4, kv_heads = 1, fused = false, causal = true)",
        lambda: plain(8, 4, kv_heads=1, causal=True),
    ),
    "rotary": Case(
        "attention(x, over = token, heads = 2, rotary = true)",
        lambda: plain(8, 2, fused=True, rotary_base=10000.0),
    ),
    "as Llama has it": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2, head_size = 4, causal = true,"
        " rotary = true, rotary_base = 500, bias = false, fused = false)",
        lambda: plain(
            8, 4, kv_heads=2, head_size=4, causal=True, rotary_base=500.0, bias=False
        ),
    ),
    "a narrow memory": Case(
        "attention(x, over = token, heads = 4, memory = m, fused = false)",
        lambda: plain(8, 4, memory_width=6),
        NARROW,
    ),
    "a narrow memory, grouped queries, rotary": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2, memory = m, memory_over = source,"
        " fused = false, rotary = true)",
        lambda: plain(8, 4, kv_heads=2, memory_width=6, rotary_base=10000.0),
        NARROW,
    ),
    "a memory, grouped queries, fused": Case(
        "attention(x, over = token, heads = 4, kv_heads = 2, memory = m)",
        lambda: plain(8, 4, kv_heads=2, fused=True),
        TOKENS,
    ),
}  # fmt: skip

CASES = {**TORCH, **BY_HAND}


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


@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_reference(name: str) -> None:
    case = CASES[name]
    agree(model(case.call, case.inputs, case.result))


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

MASKED = {
    "a set": ("attention(x, over = guest, heads = 2)", "x: [guest; 4]", "[guest; 4]"),
    "beside another axis": (
        "attention(x, over = guest, heads = 2)",
        "x: [guest, token; 4]",
        "[guest, token; 4]",
    ),
    "in clubs": ("attention(x, over = fan, heads = 2)", "x: [club, fan; 4]", "[club, fan; 4]"),
    "clubs and fans": (
        "attention(x, over = [club, fan], heads = 2)",
        "x: [club, fan; 4]",
        "[club, fan; 4]",
    ),
    "guests and tokens": (
        "attention(x, over = [token, guest], heads = 2, kv_heads = 1)",
        "x: [guest, token; 4]",
        "[guest, token; 4]",
    ),
    "a memory": (
        "attention(x, over = token, heads = 2, memory = m)",
        "x: [token; 4], m: [guest; 4]",
        "[token; 4]",
    ),
    "a memory for every club": (
        "attention(x, over = token, heads = 2, memory = m)",
        "x: [token, club; 4], m: [club, fan; 4]",
        "[token, club; 4]",
    ),
    "a memory of two axes": (
        "attention(x, over = token, heads = 2, memory = m, memory_over = [guest, source])",
        "x: [token, node; 4], m: [source, node, guest; 4]",
        "[token, node; 4]",
    ),
    "causal": (
        "attention(x, over = guest, heads = 2, causal = true) |> mean[guest]",
        "x: [guest; 4]",
        "[; 4]",
    ),
}


@pytest.mark.parametrize("name", MASKED)
def test_masked_modules_compute_what_the_reference_does(name: str) -> None:
    agree(model(*MASKED[name]))


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


@pytest.mark.parametrize("causal", ["false", "true"])
def test_gradients_are_finite_where_nothing_is_there(causal: str) -> None:
    call = f"sum[guest](attention(x, over = guest, heads = 2, causal = {causal}))"
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
    ("attention(x, over = node, causal = true)", "x: [node; 8]", "pinned"),
    ("attention(x, over = node, rotary = true, heads = 2)", "x: [node; 8]", "pinned"),
    ("attention(x, over = node)", "x: [node; 8]", "S(4)"),
    ("attention(x, over = guest)", "x: [guest; 8]", "S(4, masked)"),
    ("attention(x, over = guest, causal = true)", "x: [guest; 8]", "pinned"),
    ("attention(x, over = node, causal = true)", "x: [cloud, node; 8]", "S(3), pinned"),
    ("attention(x, over = member, causal = true)", "x: [cloud, member; 8]", "S(3), pinned"),
    ("attention(x, over = [cloud, member], causal = true)", "x: [cloud, member; 8]",
     "pinned, pinned"),
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
    assert isinstance(kind, specc_types.Tensor)
    assert ", ".join(axis.group.notation(axis.size) for axis in kind.axes) == groups


# --- As torch's modules are used -----------------------------------------------------------------

USES = ("causal", "grouped queries, fused", "as Llama has it", "a narrow memory")


def used(name: str) -> tuple[Model, list[Tensor]]:
    case = CASES[name]
    module = make(model(case.call, case.inputs, case.result))
    return module, [value for value in draw(module, 3).values() if isinstance(value, Tensor)]


@pytest.mark.parametrize("name", USES)
def test_copies_compute_the_same(name: str) -> None:
    module, inputs = used(name)
    for made in (copy.deepcopy(module.attention), pickle.loads(pickle.dumps(module.attention))):
        torch.testing.assert_close(made(*inputs), module(*inputs), rtol=0, atol=0)


@pytest.mark.parametrize("name", USES)
def test_second_derivatives(name: str) -> None:
    """Of the fused kernels torch has none; its plain one is asked for."""
    module, inputs = used(name)
    inputs = [value[:1].requires_grad_() for value in inputs]
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradgradcheck(lambda *x: module(*x), inputs, fast_mode=True)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("name", USES)
def test_many_modules_at_once(name: str) -> None:
    case = CASES[name]
    modules = [make(model(case.call, case.inputs, case.result)) for _ in range(2)]
    for seed, each in enumerate(modules):
        randomise(each, torch.Generator().manual_seed(seed))
    inputs = [value for value in draw(modules[0], 3).values() if isinstance(value, Tensor)]
    parameters, _ = stack_module_state(modules)  # type: ignore[arg-type]

    def loss(own: dict[str, Tensor]) -> Tensor:
        value: Tensor = functional_call(modules[0], own, tuple(inputs))
        return value.sin().sum()

    found = vmap(grad(loss))(parameters)
    for number, each in enumerate(modules):
        expected = torch.autograd.grad(each(*inputs).sin().sum(), list(each.parameters()))
        for (key, _), gradient in zip(each.named_parameters(), expected, strict=True):
            torch.testing.assert_close(found[key][number], gradient)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", USES)
def test_half_precision(name: str, dtype: torch.dtype) -> None:
    module, inputs = used(name)
    exact = module(*inputs)
    found = module.to(dtype)(*(value.to(dtype) for value in inputs))
    assert found.dtype == dtype
    assert (found.double() - exact).norm() < 0.05 * exact.norm()


def test_meta_modules_can_be_filled() -> None:
    case = CASES["as Llama has it"]
    compiled = specc.load(model(case.call, case.inputs, case.result))
    module = compiled.M(device="meta", dtype=torch.float64).to_empty(device="cpu")
    full, inputs = used("as Llama has it")
    module.load_state_dict(full.state_dict())
    torch.testing.assert_close(module.eval()(*inputs), full(*inputs), rtol=0, atol=0)


@pytest.mark.parametrize("name", USES)
def test_exported(name: str) -> None:
    module, inputs = used(name)
    exported = torch.export.export(module, tuple(inputs)).module()
    torch.testing.assert_close(exported(*inputs), module(*inputs))


@pytest.mark.slow
@pytest.mark.representative
def test_compiled() -> None:
    """Grouped queries, rotary, a mask, and attention over an axis in front, in one full graph."""
    text = f"""{AXES} model M(x: [guest, token; 8]) -> [guest, token; 8] {{
        h = attention(x, over = token, heads = 4, kv_heads = 2, causal = true, rotary = true, head_size = 4)
        return h + attention(h, over = guest, heads = 2)
    }}"""
    module = make(text)
    compiled = copy.deepcopy(module)
    compiled.compile()
    for batch in (2, 1, 3):
        given = {**draw(module, batch), **draw_masks(module, batch, guest=4)}
        found, expected = compiled(**given), module(**given)
        torch.testing.assert_close(found, expected)
        gradients = [
            torch.autograd.grad(value.sin().sum(), list(each.parameters()))
            for value, each in ((found, compiled), (expected, module))
        ]
        torch.testing.assert_close(gradients[0], gradients[1])


# --- Messages ------------------------------------------------------------------------------------

SIGNATURE = f"`{signature('attention')}`"
GRAPH = "space Graph { edge: [node, node; 8] feature: [node; 8] }"

# Per row: inputs, a statement with its mistake marked, the message, the hint.
MISTAKES = [
    ("x: [token; 8]", "⟦attention(x)⟧",
     "`attention` needs `over`, an axis or a list of axes", SIGNATURE),
    ("x: [token; 8]", "⟦attention(x, over = [])⟧",
     "`attention` needs an axis to attend over", "`over = token`"),
    ("x: [token; 8]", "⟦attention(x, over = source)⟧",
     "[token; 8] has no axis `source`", None),
    ("x: [node, node; 8]", "⟦attention(x, over = node)⟧",
     "`node` stands twice in [node, node; 8], so it is ambiguous which of the two is meant", None),
    ("x: Graph", "⟦attention(x, over = node)⟧",
     "`attention` works on tensors, and Graph(; 8) is a collection", "take one out of it: `x.edge`"),
    ("x: [cloud, member; 8]", "⟦attention(x, over = cloud)⟧",
     "attention over `cloud` would match positions of `member` that move separately in each `cloud`",
     "attend over both: `[cloud, member]`"),
    ("x: [cloud, member; 8]", "⟦attention(x, over = [member, cloud])⟧",
     "`member` lives in `cloud` and has to follow it", "`[cloud, member]`"),
    ("x: [token; 8]", "⟦attention(x, over = token, heads = 3)⟧",
     "8 channels cannot be shared evenly by 3 heads",
     "`head_size` gives every head a size of its own"),
    ("x: [token; 8]", "attention(x, over = token, heads = ⟦0⟧)",
     "`heads` of `attention` cannot be 0: it is at least 1", SIGNATURE),
    ("x: [token; 8]", "⟦attention(x, over = token, heads = 4, kv_heads = 3)⟧",
     "4 heads cannot share 3 heads of keys and values evenly", None),
    ("x: [token; 8]", "⟦attention(x, over = token, rotary = true)⟧",
     "`rotary` rotates pairs, and a head has 1 numbers",
     "`head_size` gives every head a size of its own"),
    ("x: [token; 8], m: [source; 6]", "⟦attention(x, over = token, memory = m)⟧",
     "the one matrix of all projections reads 8 channels, and the memory [source; 6] has 6",
     "`fused = false` gives each projection its own"),
    ("x: [token; 8]", "⟦attention(x, over = token, memory_over = source)⟧",
     "`memory_over` says along which axes `memory` is attended to, and there is none",
     "`memory = encoded`"),
    ("x: [token; 8]", "⟦attention(x, over = token, memory = (x, x))⟧",
     "`memory` is one value, and this is a tuple", None),
    ("x: [token; 8], m: [y, x; 8]", "⟦attention(x, over = token, memory = m)⟧",
     "the memory [y, x; 8] could be attended along `y` or `x`", "say which: `memory_over = x`"),
    ("x: [token; 8], m: [; 8]", "⟦attention(x, over = token, memory = m)⟧",
     "the memory [; 8] has no axis to attend along", None),
    ("x: [token; 8], m: [y, x; 8]", "⟦attention(x, over = token, memory = m, memory_over = y)⟧",
     "`x` of the memory [y, x; 8] is not attended to, and x has no axis of its own for it",
     "attend along it too: `memory_over = [y, x]`"),
    ("x: [token, node, node; 8], m: [source, node; 8]",
     "⟦attention(x, over = token, memory = m, memory_over = source)⟧",
     "`node` of the memory [source, node; 8] is not attended to, and x has two axes for it",
     "attend along it too: `memory_over = [source, node]`"),
    ("x: [token; 8], m: Graph", "⟦attention(x, over = token, memory = m)⟧",
     "`attention` works on tensors, and Graph(; 8) is a collection", "take one out of it: `x.edge`"),
    ("x: [token; 8], m: [source; 8]",
     "⟦attention(x, over = token, memory = m, causal = true)⟧",
     "`causal` compares positions along `token` with positions along `source`: they are of different"
     " axes", None),
    ("x: [token; 8], m: [node; 8]",
     "⟦attention(x, over = token, heads = 2, memory = m, rotary = true)⟧",
     "`rotary` reads the positions of `node`, which are interchangeable",
     "`rotary = false`, or `axis node = 4` if their order matters"),
    ("x: [token; index 8]", "⟦attention(x, over = token)⟧",
     "`attention` works on numbers, and [token; index 8] holds indices",
     "`embedding(x, c)` makes a vector of each"),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "statement", "message", "hint"), MISTAKES)
def test_a_mistake_is_told(inputs: str, statement: str, message: str, hint: str | None) -> None:
    kind = inputs.partition(": ")[2].split(", m:")[0]
    marked = f"{AXES} {GRAPH} model M({inputs}) -> {kind} {{ y = {statement} return x }}"
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert error.message == message
    assert error.hint == hint
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
