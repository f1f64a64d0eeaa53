"""Signs and scales of hidden positions, against networks that are written by hand and run.

`weights(M, signs = true)` is claimed by the compiler; here the network itself says which changes of sign
and which scales of its weights leave its function as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from pathlib import Path

import pytest
import torch
from oracles.swaps import Dimension, State, dimensions_of, state_of
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

import specc
from specc.api import as_source
from specc.compile import understand
from specc.groups import Signed
from specc.program.infer import infer
from specc.reference.stored import put_together, taken_apart
from specc.symmetry.factors import ALL_FACTORS
from specc.types import Tensor as TensorType
from specc.types import axes_of
from specc.verification.actions import moved, random_element
from specc.verification.draws import random_value
from specc.verification.scales import rescaled

pytestmark = pytest.mark.grid

SPECS = Path(__file__).parent.parent / "specs"

F = nn.functional


class Mlp(nn.Module):
    """Three layers, or two and a residual block, with an activation and what comes after the first."""

    def __init__(self, act: Callable[[Tensor], Tensor], after: nn.Module | None = None) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(2, 3), nn.Linear(3, 4), nn.Linear(4, 2)
        self.norm = after or nn.Identity()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(self.act(self.fc2(self.norm(self.act(self.fc1(x))))))


class Residual(nn.Module):
    """A linear stream that a block reads and adds to."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.start, self.up = nn.Linear(2, 3), nn.Linear(3, 4)
        self.down, self.head = nn.Linear(4, 3), nn.Linear(3, 2)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        return self.head(h + self.down(self.act(self.up(h))))


class Gated(nn.Module):
    """A product of two layers, one of them behind a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.glu = nn.ModuleDict({"gate": nn.Linear(2, 3), "up": nn.Linear(2, 3)})
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.sigmoid(self.glu["gate"](x)) * self.glu["up"](x))


class Product(nn.Module):
    """A product of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(2, 3), nn.Linear(2, 3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.a(x) * self.b(x))


class Cnn(nn.Module):
    """Convolutions, one of them depthwise, an activation, a mean over pixels."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.depth = nn.Conv1d(2, 3, 2), nn.Conv1d(3, 3, 2, groups=3)
        self.head = nn.Linear(3, 2)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.depth(self.act(self.conv(x.mT)))).mean(-1))


class Tied(nn.Module):
    """Logits by the embeddings themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.mid = nn.Embedding(5, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.table(x)
        return (h + self.mid(h)) @ self.table.weight.T


class Recurrent(nn.Module):
    """A recurrent layer."""

    def __init__(self, act: str) -> None:
        super().__init__()
        self.rnn = nn.RNN(2, 3, nonlinearity=act, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0])


def mlp(act: str, scale: str = "", norm: str = "") -> str:
    after = f"norm = {norm}(h)  h = norm" if norm else ""
    return f"""
    model Net(x: [; 2]) -> [; 2] {{
        fc1 = linear(x, 3)  h = {act}({scale}fc1)  {after}
        fc2 = linear(h, 4)  fc3 = linear({act}({scale}fc2), 2)
        return fc3
    }}"""


def residual(act: str) -> str:
    return f"""
    model Net(x: [; 2]) -> [; 2] {{
        start = linear(x, 3)  up = linear(start, 4)  down = linear({act}(up), 3)
        head = linear(start + down, 2)
        return head
    }}"""


def cnn(act: str) -> str:
    return f"""
    axis t = 6
    model Net(x: [t; 2]) -> [; 2] {{
        conv = conv(x, 3, over = t, kernel = 2)
        depth = conv({act}(conv), 3, over = t, kernel = 2, groups = 3)
        head = linear(mean[t]({act}(depth)), 2)
        return head
    }}"""


def rnn(act: str) -> str:
    return f"""
    axis t = 6
    model Net(x: [t; 2]) -> [t; 2] {{
        rnn = rnn(x, 3, over = t, act = {act})  head = linear(rnn, 2)
        return head
    }}"""


@dataclass(frozen=True, slots=True)
class Case:
    """A network, its spec, and the sizes of the axes that have signs and scales."""

    make: Callable[[], nn.Module]
    spec: str
    signs: tuple[int, ...]
    scales: tuple[int, ...]
    inputs: Callable[[], Tensor] = lambda: torch.randn(5, 2, dtype=torch.float64)
    all_signs: bool = True
    """Whether these are all changes of sign that the network has."""


def sequence() -> Tensor:
    return torch.randn(5, 6, 2, dtype=torch.float64)


GLU = "model Net(x: [; 2]) -> [; 2] { glu = gated(x, 3)  head = linear(glu, 2)  return head }"
PRODUCT = """
    model Net(x: [; 2]) -> [; 2] { a = linear(x, 3)  b = linear(x, 3)  head = linear(a * b, 2)  return head }
"""
TIED = """
    axis t = 6
    model Net(x: [t; index 5]) -> [t; 5] {
        h = embedding(x, 3, name = table)  mid = linear(h, 3)
        return linear(h + mid, 5, bias = false, name = table)
    }
"""

CASES: Mapping[str, Case] = {
    "sine network": Case(lambda: Mlp(lambda x: torch.sin(30 * x)), mlp("sin", "30 * "), (3, 4), ()),
    "tanh": Case(lambda: Mlp(torch.tanh), mlp("tanh"), (3, 4), ()),
    "relu": Case(lambda: Mlp(torch.relu), mlp("relu"), (), (3, 4)),
    "leaky relu": Case(lambda: Mlp(F.leaky_relu), mlp("leaky_relu"), (), (3, 4)),
    "abs": Case(lambda: Mlp(torch.abs), mlp("abs"), (), (3, 4), all_signs=False),
    "gelu": Case(lambda: Mlp(F.gelu), mlp("gelu"), (), ()),
    "cosine": Case(lambda: Mlp(torch.cos), mlp("cos"), (), (), all_signs=False),
    "linear": Case(lambda: Mlp(lambda x: 2 * x), mlp("2 *"), (3, 4), (3, 4)),
    "rms norm": Case(
        lambda: Mlp(torch.tanh, nn.RMSNorm(3)),
        mlp("tanh", norm="rms_norm"),
        (3, 4),
        (),
        all_signs=False,
    ),
    "layer norm": Case(
        lambda: Mlp(torch.tanh, nn.LayerNorm(3)),
        mlp("tanh", norm="layer_norm"),
        (4,),
        (),
        all_signs=False,
    ),
    "batch norm": Case(
        lambda: Mlp(torch.tanh, nn.BatchNorm1d(3)),
        mlp("tanh", norm="batch_norm"),
        (3, 4),
        (),
        all_signs=False,
    ),
    "residual, tanh": Case(lambda: Residual(torch.tanh), residual("tanh"), (3, 4), (3,)),
    "residual, relu": Case(lambda: Residual(torch.relu), residual("relu"), (3,), (3, 4)),
    "residual, gelu": Case(lambda: Residual(F.gelu), residual("gelu"), (3,), (3,)),
    "gated": Case(Gated, GLU, (3,), (3,)),
    "product": Case(Product, PRODUCT, (), (), all_signs=False),
    "convolutions, tanh": Case(
        lambda: Cnn(torch.tanh), cnn("tanh"), (3,), (), sequence, all_signs=False
    ),
    "convolutions, relu": Case(lambda: Cnn(torch.relu), cnn("relu"), (), (3,), sequence),
    "convolutions, gelu": Case(lambda: Cnn(F.gelu), cnn("gelu"), (), (), sequence),
    "recurrent, tanh": Case(lambda: Recurrent("tanh"), rnn("tanh"), (3,), (), sequence),
    "recurrent, relu": Case(lambda: Recurrent("relu"), rnn("relu"), (), (3,), sequence),
    "tied embeddings": Case(
        Tied, TIED, (3,), (), lambda: torch.randint(5, (5, 6)), all_signs=False
    ),
}


def network(case: Case, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    module = case.make().double().eval()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.normal_(generator=generator)
        for name, tensor in module.state_dict().items():
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return module


def same_function(module: nn.Module, x: Tensor, state: State) -> bool:
    with torch.no_grad():
        before = functional_call(module, state_of(module), (x,))
        after = functional_call(module, state, (x,))
    change = float((before - after).abs().max() / before.abs().max())
    assert change < 1e-11 or change > 1e-7, f"too close to call: {change}"
    return change < 1e-11


def multiplied(state: State, powers: Mapping[Dimension, int], factors: Tensor) -> State:
    """The state with the positions along dimensions multiplied by powers of factors."""
    result = dict(state)
    for (name, dim), power in powers.items():
        shape = [1] * result[name].dim()
        shape[dim] = -1
        result[name] = result[name] * factors.reshape(shape) ** power
    return result


def flips(size: int) -> Tensor:
    return torch.tensor([-1.0, *[1.0] * (size - 1)], dtype=torch.float64)


# --- What is claimed, read off the report ---------------------------------------------------------------


def model_report(case: Case, options: str = "") -> specc.report.ModelReport:
    text = case.spec + f"model P(w: weights(Net{options})) -> [; 1] {{ return invariant(w, 1) }}"
    return specc.explain(text).models[-1]


def claimed(case: Case) -> dict[str, dict[Dimension, int]]:
    """The dimensions that each signed axis changes."""
    report = model_report(case, ", signs = true")
    signed = [each.axis for each in report.groups if each.group == f"B({each.size})"]
    return {
        axis: {
            (tensor.name, dim): 1
            for space in report.spaces
            for tensor in space.tensors
            for dim, name in enumerate(tensor.axes)
            if name == axis
        }
        for axis in signed
    }


@pytest.mark.parametrize("name", CASES)
def test_larger_groups_are_reported_where_they_are_not_asked_for(name: str) -> None:
    case = CASES[name]
    groups = model_report(case).groups
    for option, sizes in (("signs", case.signs), ("scales", case.scales)):
        assert sorted(g.size for g in groups if option in g.larger) == sorted(sizes)
    assert all(each.group != f"B({each.size})" for each in groups)


SIGNED = [name for name, case in CASES.items() if case.signs]
SCALED = [name for name, case in CASES.items() if case.scales]


@pytest.mark.parametrize("name", SIGNED)
def test_signs_that_are_claimed_leave_the_function_as_it_is(name: str) -> None:
    case = CASES[name]
    module, axes = network(case), claimed(case)
    sizes = dimensions_of(module)
    assert sorted(sizes[next(iter(dims))] for dims in axes.values()) == sorted(case.signs)
    for dims in axes.values():
        state = multiplied(state_of(module), dims, flips(sizes[next(iter(dims))]))
        assert same_function(module, case.inputs(), state)
        name_, dim = next(iter(dims))
        half = multiplied(state_of(module), {(name_, dim): 1}, flips(sizes[name_, dim]))
        assert len(dims) == 1 or not same_function(module, case.inputs(), half)


def sign_changes(module: nn.Module, x: Tensor, size: int) -> Iterator[frozenset[Dimension]]:
    """Every set of dimensions of a size in which the first position may change its sign."""
    alike = [dimension for dimension, n in dimensions_of(module).items() if n == size]
    for count in range(1, len(alike) + 1):
        for chosen in combinations(alike, count):
            state = multiplied(state_of(module), dict.fromkeys(chosen, 1), flips(size))
            if same_function(module, x, state):
                yield frozenset(chosen)


def combined(sets: Sequence[frozenset[Dimension]]) -> set[frozenset[Dimension]]:
    """All that several changes of sign make together."""
    return {
        reduce(lambda a, b: a ^ b, chosen)
        for count in range(1, len(sets) + 1)
        for chosen in combinations(sets, count)
    }


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.all_signs])
def test_no_change_of_sign_is_missed(name: str) -> None:
    case = CASES[name]
    module = network(case)
    sizes = dimensions_of(module)
    axes = claimed(case) if case.signs else {}
    for size in {n for (name, _), n in sizes.items() if n > 2}:
        known = [frozenset(dims) for dims in axes.values() if sizes[next(iter(dims))] == size]
        assert set(sign_changes(module, case.inputs(), size)) == combined(known)


# --- Scales -----------------------------------------------------------------------------------------

ROWS_AND_COLUMNS: Mapping[str, tuple[dict[Dimension, int], ...]] = {
    name: (
        {("fc1.weight", 0): 1, ("fc1.bias", 0): 1, ("fc2.weight", 1): -1},
        {("fc2.weight", 0): 1, ("fc2.bias", 0): 1, ("fc3.weight", 1): -1},
    )
    for name in ("relu", "leaky relu", "abs", "linear")
}
_STREAM = {
    ("start.weight", 0): 1,
    ("start.bias", 0): 1,
    ("up.weight", 1): -1,
    ("down.weight", 0): 1,
    ("down.bias", 0): 1,
    ("head.weight", 1): -1,
}
_INNER = {("up.weight", 0): 1, ("up.bias", 0): 1, ("down.weight", 1): -1}
_DEPTHWISE = {
    ("conv.weight", 0): 1,
    ("conv.bias", 0): 1,
    ("depth.bias", 0): 1,
    ("head.weight", 1): -1,
}
_CELL = {
    ("rnn.weight_ih_l0", 0): 1,
    ("rnn.weight_hh_l0", 0): 1,
    ("rnn.weight_hh_l0", 1): -1,
    ("rnn.bias_ih_l0", 0): 1,
    ("rnn.bias_hh_l0", 0): 1,
    ("head.weight", 1): -1,
}
_UP = {("glu.up.weight", 0): 1, ("glu.up.bias", 0): 1, ("head.weight", 1): -1}
ROWS_AND_COLUMNS = ROWS_AND_COLUMNS | {
    "residual, tanh": (_STREAM,),
    "residual, gelu": (_STREAM,),
    "residual, relu": (_STREAM, _INNER),
    "gated": (_UP,),
    "convolutions, relu": (_DEPTHWISE,),
    "recurrent, relu": (_CELL,),
}


def reader(case: Case, body: str = "mlp(relu(invariant(relu(z), 4)), 4, 1)") -> nn.Module:
    text = f"""
    {case.spec}
    model P(w: weights(Net, scales = true)) -> [; 1] {{ z = equivariant(w, 4) return {body} }}
    """
    torch.manual_seed(0)
    module: nn.Module = specc.load(text).P(dtype=torch.float64)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
    return module


def read(model: nn.Module, *states: State) -> Tensor:
    return model({name: torch.stack([state[name] for state in states]) for name in states[0]})


def test_every_network_with_scales_has_its_rows_and_columns_here() -> None:
    assert set(ROWS_AND_COLUMNS) == set(SCALED)


@pytest.mark.parametrize("name", SCALED)
def test_what_a_model_sees_is_the_same_for_all_scales(name: str) -> None:
    case = CASES[name]
    module, model = network(case), reader(case)
    state, sizes = state_of(module), dimensions_of(module)
    plain = read(model, state)
    scaled = state
    for powers in ROWS_AND_COLUMNS[name]:
        factors = torch.rand(sizes[next(iter(powers))], dtype=torch.float64) * 3 + 0.2
        scaled = multiplied(scaled, powers, factors)
        assert same_function(module, case.inputs(), scaled)
        torch.testing.assert_close(read(model, scaled), plain)
        rows = {dimension: power for dimension, power in powers.items() if power > 0}
        other = multiplied(state, rows, factors)
        assert not same_function(module, case.inputs(), other)
        assert float((read(model, other) - plain).detach().abs().max()) > 1e-6


@pytest.mark.parametrize("name", SCALED)
def test_what_scales_are_divided_out_of_is_the_same_function(name: str) -> None:
    """A model that returns what it sees."""
    case = CASES[name]
    module = network(case)
    text = case.spec + "model Seen(w: weights(Net, scales = true)) -> weights(Net) { return w }"
    state = {key: tensor[None] for key, tensor in state_of(module).items()}
    seen = {key: t[0] for key, t in specc.load(text).Seen(dtype=torch.float64)(state).items()}
    assert same_function(module, case.inputs(), seen)
    assert any(not torch.equal(seen[key], tensor[0]) for key, tensor in state.items())


def test_a_position_of_norm_zero_stays_and_gradients_are_finite() -> None:
    case = CASES["relu"]
    module, model = network(case), reader(case)
    state = state_of(module)
    state["fc1.weight"][0], state["fc1.bias"][0] = 0, 0
    given = {name: tensor[None].clone().requires_grad_() for name, tensor in state.items()}
    model(given).sum().backward()
    assert all(
        tensor.grad is not None and tensor.grad.isfinite().all() for tensor in given.values()
    )
    text = case.spec + "model Seen(w: weights(Net, scales = true)) -> weights(Net) { return w }"
    seen = specc.load(text).Seen(dtype=torch.float64)({k: t[None] for k, t in state.items()})
    assert not seen["fc1.weight"][0, 0].any()
    assert same_function(module, case.inputs(), {name: t[0] for name, t in seen.items()})


def test_signs_and_scales_together() -> None:
    case = CASES["residual, relu"]
    text = f"""
    {case.spec}
    model P(w: weights(Net, signs = true, scales = true)) -> [; 1] {{
        z = gate(linear(w, 4, bias = false))
        return mlp(relu(invariant(gate(equivariant(z, 4)), 4)), 4, 1)
    }}
    """
    module, state = specc.load(text).P(dtype=torch.float64), state_of(network(case))
    moved = multiplied(state, _STREAM, torch.tensor([-2.0, 0.3, -1.5], dtype=torch.float64))
    moved = multiplied(moved, _INNER, torch.tensor([2.0, 0.3, 1.5, 4.0], dtype=torch.float64))
    assert same_function(network(case), case.inputs(), moved)
    torch.testing.assert_close(read(module, moved), read(module, state))
    wrong = multiplied(state, _INNER, flips(4))
    assert float((read(module, wrong) - read(module, state)).detach().abs().max()) > 1e-6


# --- Whole models -----------------------------------------------------------------------------------

CLASSIFIER = """
    model Siren(xy: [; 2]) -> [; 1] {
        first = linear(xy, 6)  second = linear(sin(30 * first), 5)
        last = linear(sin(30 * second), 1)
        return last
    }
    model Digit(w: weights(Siren, signs = true)) -> [; 3] {
        z = gate(linear(w, 8, bias = false))
        z = tanh(equivariant(z, 8))
        z = tanh(equivariant(z, 8))
        return mlp(relu(invariant(outer(z.first.bias, z.first.bias), 16)), 16, 3)
    }
"""


class Siren(nn.Module):
    """The network of the classifier, by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 6), nn.Linear(6, 5)
        self.last = nn.Linear(5, 1)

    def forward(self, xy: Tensor) -> Tensor:
        return self.last(torch.sin(30 * self.second(torch.sin(30 * self.first(xy)))))


def test_a_classifier_of_sine_networks_sees_no_signed_permutations() -> None:
    networks = [Siren().double() for _ in range(4)]
    state = {name: t.detach() for name, t in stack_module_state(networks)[0].items()}
    model = specc.load(CLASSIFIER).Digit(dtype=torch.float64)
    order, signs = torch.randperm(6), torch.randint(2, (6,)).double() * 2 - 1
    other, more = torch.randperm(5), torch.randint(2, (5,)).double() * 2 - 1
    moved = dict(state)
    moved["first.weight"] = (state["first.weight"] * signs[:, None])[:, order]
    moved["first.bias"] = (state["first.bias"] * signs)[:, order]
    inner = state["second.weight"] * signs * more[:, None]
    moved["second.weight"] = inner[:, :, order][:, other]
    moved["second.bias"] = (state["second.bias"] * more)[:, other]
    moved["last.weight"] = (state["last.weight"] * more)[..., other]
    x = torch.randn(7, 2, dtype=torch.float64)
    for number, network_ in enumerate(networks):
        one = {name: tensor[number] for name, tensor in moved.items()}
        torch.testing.assert_close(functional_call(network_, one, (x,)), network_(x))
    torch.testing.assert_close(model(moved), model(state))
    flipped = {**state, "first.bias": -state["first.bias"]}
    assert float((model(flipped) - model(state)).detach().abs().max()) > 1e-9


@pytest.mark.parametrize("name", ["implicit", "rectified"])
def test_the_library_passes_verification(name: str) -> None:
    assert specc.verify(SPECS / f"{name}.spec").ok


# --- Networks of many operations: their function under random elements of all that is claimed ---------------

WITH_TIME = "axis t = 6  axis u = 5\n"
MANY: Mapping[str, tuple[str, int, int]] = {
    "flattened": (
        """model Net(x: [t; 2]) -> [; 2] {
            a = tanh(conv(x, 3, over = t, kernel = 3, padding = 1))
            return linear(tanh(linear(flatten(a), 5)), 2)
        }""",
        2,
        0,
    ),
    "one channel, flattened": (
        """model Net(x: [t; 2]) -> [; 2] { a = tanh(linear(x, 1))  return linear(flatten(a), 2) }""",
        0,
        0,
    ),
    "joined and split": (
        """model Net(x: [t; 2]) -> [t; 2] {
            a, b = split(linear(concat(relu(linear(x, 3)), linear(x, 4)), 8), 3, 5)
            return linear(concat(relu(a), b), 2)
        }""",
        2,
        4,
    ),
    "attention": (
        """model Net(x: [t; 2]) -> [t; 2] {
            h = linear(x, 4)
            h = h + attention(h, over = t, heads = 2)
            return linear(h, 2)
        }""",
        1,
        1,
    ),
    "fused gate": (
        """model Net(x: [t; 2]) -> [t; 2] {
            return linear(gated(linear(x, 3), 4, act = silu, fused = true), 2)
        }""",
        2,
        2,
    ),
    "bilinear, shuffled, pooled": (
        """model Net(x: [t, u; 2]) -> [; 2] {
            a = conv(x, 12, over = [t, u], kernel = 2)
            a = relu(pixel_shuffle(a, over = [t, u], factor = 2))
            a = max_pool(a, over = [t, u], kernel = 2)
            return linear(mean[t, u](bilinear(a, a, 4)), 2)
        }""",
        1,
        2,
    ),
    "transposed": (
        """model Net(x: [t; 2]) -> [t; 2] {
            a = conv_transpose(x, 3, over = t, kernel = 3, padding = 1)
            return conv_transpose(relu(a), 2, over = t, kernel = 3, padding = 1)
        }""",
        0,
        1,
    ),
    "grouped": (
        """model Net(x: [t; 2]) -> [; 2] {
            a = conv(x, 4, over = t, kernel = 2)
            return linear(mean[t](conv(relu(a), 6, over = t, kernel = 2, groups = 2)), 2)
        }""",
        0,
        0,
    ),
    "recurrent": (
        """model Net(x: [t; 2]) -> [t; 2] {
            h = linear(x, 3)
            return linear(concat(gru(h, 4, over = t), rnn(h, 4, over = t, bidirectional = true)), 2)
        }""",
        3,
        1,
    ),
    "a single channel to many": (
        """model Net(x: [t; 2]) -> [t; 2] { return linear(linear(x, 3) + linear(x, 1), 2) }""",
        0,
        0,
    ),
    "products by a scalar, quotients, powers": (
        """model Net(x: [t; 2]) -> [t; 2] {
            a = linear(x, 3) * linear(x, 1)
            b = 1 / linear(x, 4)
            c = linear(x, 5) ^ 3
            d = linear(x, 4) / linear(x, 4)
            return linear(concat(a, b, c, d), 2)
        }""",
        3,
        1,
    ),
    "constants": (
        "model Net(x: [t; 2]) -> [t; 2] { return linear(tanh(linear(x, 3) + 1), 2) }",
        0,
        0,
    ),
    "sums and minus": (
        """model Net(x: [t; 2]) -> [t; 2] {
            h = tanh(linear(x, 3))
            h = -h - 2 * linear(h, 3) / 3
            return linear(dropout(h, 0.5), 2)
        }""",
        1,
        0,
    ),
    "splines": ("model Net(x: [t; 2]) -> [t; 2] { return linear(kan(linear(x, 3), 4), 2) }", 1, 1),
    "experts": (
        "model Net(x: [t; 2]) -> [t; 2] { return linear(experts(linear(x, 3), 5, 4, count = 2), 2) }",
        2,
        2,
    ),
    "extremes": (
        "model Net(x: [t; 2]) -> [; 2] { return linear(max[t](linear(x, 3)) + sum[t](linear(x, 3)), 2) }",
        0,
        1,
    ),
    "a matrix twice": (
        """model Net(x: [t; 2]) -> [t; 2] {
            h = linear(x, 3)
            h = relu(linear(h, 3, name = m))
            return linear(relu(linear(h, 3, name = m)), 2)
        }""",
        0,
        1,
    ),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_functions_do_not_change_under_what_is_claimed(name: str, seed: int) -> None:
    """The network decides: signed permutations and scales as the inferred type says are put on its weights."""
    text, signs, scales = MANY[name]
    typed = understand(as_source(WITH_TIME + text)).models[-1]
    kind = infer(typed, ALL_FACTORS).space
    generator = torch.Generator().manual_seed(seed)
    module = specc.load(WITH_TIME + text).Net(dtype=torch.float64).eval()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.normal_(generator=generator)
    axes = tuple(axis for axis in axes_of(kind) if not axis.pinned)
    movers = {axis.mover for axis in axes if axis.group == Signed()}
    assert (len(movers), len(kind.scales)) == (signs, scales)
    tensors = taken_apart({name: t[None] for name, t in module.state_dict().items()}, kind)
    for scale in kind.scales:
        tensors = rescaled(tensors, kind, scale, generator)
    element = random_element(sorted(axes, key=lambda axis: axis.parent is not None), generator)
    tensors = {name: moved(element, tensors[name], tensor) for name, tensor in kind.tensors}
    state = {name: tensor[0] for name, tensor in put_together(tensors, kind).items()}
    (given,) = (typed.types[number] for number in typed.graph.inputs)
    assert isinstance(given, TensorType)
    x = random_value(given, 3, generator)
    assert same_function(module, x, state)
