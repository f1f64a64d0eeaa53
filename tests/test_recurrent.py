"""`rnn`, `gru` and `lstm` against `nn.RNN`, `nn.GRU` and `nn.LSTM` with the same weights in float64."""

from __future__ import annotations

import copy
import pickle
from itertools import product
from typing import Any

import pytest
import torch
from networks import total
from test_messages import mistakes_of, place
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

import specc
from specc.program.arguments import signature

pytestmark = pytest.mark.grid

STEPS, WIDTH, HIDDEN, BATCH = 5, 3, 4, 6

WORDS: dict[str, Any] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}

# What a spec says, and the same for torch.
OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "layers = 3": {"num_layers": 3},
    "bidirectional = true": {"bidirectional": True},
    "layers = 2, bidirectional = true": {"num_layers": 2, "bidirectional": True},
    "bias = false": {"bias": False},
    "layers = 2, bidirectional = true, bias = false, dropout = 0.3": {
        "num_layers": 2,
        "bidirectional": True,
        "bias": False,
        "dropout": 0.3,
    },
}

CASES = [
    *product(WORDS, OPTIONS, ("all", "last", "state")),
    *(("rnn", f"act = relu, {options}", "all") for options in OPTIONS if options),
    ("rnn", "act = tanh", "all"),
]

every_case = pytest.mark.parametrize(("word", "options", "steps"), CASES)


def torch_options(options: str) -> dict[str, Any]:
    """As torch takes them; `act` is torch's `nonlinearity`."""
    if not options.startswith("act"):
        return OPTIONS[options]
    act, _, others = options.removeprefix("act = ").partition(", ")
    return {"nonlinearity": act, **OPTIONS[others]}


def made(word: str, options: str) -> nn.Module:
    """Torch's layer with random weights."""
    layer: nn.Module = WORDS[word](WIDTH, HIDDEN, batch_first=True, **torch_options(options))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    return layer.double().eval()


def width_of(layer: nn.Module, steps: str) -> int:
    """The channels of what is read of a layer."""
    directions = 2 if layer.bidirectional else 1
    layers = layer.num_layers if steps == "state" else 1
    assert isinstance(layers, int)
    return layers * directions * HIDDEN


def spec_of(word: str, options: str, steps: str, axes: str = "step", initial: str = "") -> str:
    layer = made(word, options)
    call = f"{word}(x, {HIDDEN}, over = step, steps = {steps}, name = layer"
    call += f", {options}" if options else ""
    call += ", initial = h" if initial and word != "lstm" else ""
    call += ", initial = (h, c)" if initial and word == "lstm" else ""
    left = axes if steps == "all" else ", ".join(a for a in axes.split(", ") if a != "step")
    kind = f"[{left}; {width_of(layer, steps)}]"
    two = word == "lstm" and steps == "state"
    given = f", h: {initial}" if initial else ""
    given += f", c: {initial}" if initial and word == "lstm" else ""
    result = f"{kind}, {kind}" if two else kind
    return f"""
        axis step = {STEPS}  axis row = S(3)  axis col = 2
        model M(x: [{axes}; {WIDTH}]{given}) -> {result} {{ return {call}) }}
    """


def built(word: str, options: str, steps: str, **more: str) -> nn.Module:
    """Ours, with the weights of `made`."""
    ours = specc.load(spec_of(word, options, steps, **more)).M(dtype=torch.float64).eval()
    assert isinstance(ours, nn.Module)
    ours.load_state_dict({f"layer.{n}": p for n, p in made(word, options).state_dict().items()})
    return ours


def read(layer: nn.Module, said: tuple[Any, Any], steps: str) -> tuple[Tensor, ...]:
    """What torch's layer gives, as `steps` asks for: from its outputs, and its last states."""
    outputs, ends = said
    if steps == "all":
        return (outputs,)
    if steps == "last":
        forward, backward = outputs[:, -1, :HIDDEN], outputs[:, 0, HIDDEN:]
        return (torch.cat([forward, backward], -1),)
    states = ends if isinstance(ends, tuple) else (ends,)
    return tuple(torch.cat(list(state), -1) for state in states)


def tensors(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def random(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# --- The same as torch ---------------------------------------------------------------------------


@every_case
def test_parameters_are_those_of_torch(word: str, options: str, steps: str) -> None:
    theirs = {f"layer.{n}": p.shape for n, p in made(word, options).state_dict().items()}
    ours = specc.load(spec_of(word, options, steps)).M().state_dict()
    assert list(ours) == list(theirs)
    assert {name: p.shape for name, p in ours.items()} == theirs


@every_case
def test_outputs_and_gradients_are_those_of_torch(word: str, options: str, steps: str) -> None:
    theirs, ours = made(word, options), built(word, options, steps)
    x = random(BATCH, STEPS, WIDTH).requires_grad_()
    expected = read(theirs, theirs(x), steps)
    found = tensors(ours(x))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    cotangents = [random(*each.shape, seed=2 + n) for n, each in enumerate(expected)]
    wanted = torch.autograd.grad(expected, [x, *theirs.parameters()], cotangents, allow_unused=True)
    given = torch.autograd.grad(found, [x, *ours.parameters()], cotangents, allow_unused=True)
    torch.testing.assert_close(given, wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("options", ["", "layers = 2, bidirectional = true"])
@pytest.mark.parametrize("steps", ["all", "last", "state"])
@pytest.mark.parametrize("word", WORDS)
def test_a_given_state_is_that_of_torch(word: str, options: str, steps: str) -> None:
    theirs = made(word, options)
    width = width_of(theirs, "state")
    ours = built(word, options, steps, initial=f"[; {width}]")
    x = random(BATCH, STEPS, WIDTH).requires_grad_()
    count = 2 if word == "lstm" else 1
    states = [random(BATCH, width, seed=2 + n).requires_grad_() for n in range(count)]
    first = tuple(torch.stack(state.split(HIDDEN, -1)) for state in states)
    expected = read(theirs, theirs(x, first if count == 2 else first[0]), steps)
    found = tensors(ours(x, *states))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    wanted = torch.autograd.grad(total(expected), [x, *states])
    given = torch.autograd.grad(total(found), [x, *states])
    torch.testing.assert_close(given, wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("axes", ["row, step", "step, row", "col, step, row", "col, row, step"])
@pytest.mark.parametrize("steps", ["all", "last"])
@pytest.mark.parametrize("word", WORDS)
def test_other_axes_count_as_batch(word: str, steps: str, axes: str) -> None:
    theirs, ours = (
        made(word, "bidirectional = true"),
        built(word, "bidirectional = true", steps, axes=axes),
    )
    sizes = {"row": 3, "col": 2, "step": STEPS}
    names = axes.split(", ")
    x = random(BATCH, *(sizes[name] for name in names), WIDTH)
    dim = 1 + names.index("step")
    rows = x.movedim(dim, -2)
    (expected,) = read(theirs, theirs(rows.flatten(0, -3)), steps)
    expected = expected.unflatten(0, rows.shape[:-2])
    wanted = expected.movedim(-2, dim) if steps == "all" else expected
    torch.testing.assert_close(ours(x), wanted, rtol=1e-12, atol=1e-12)


def test_a_state_broadcasts_over_axes_that_it_lacks() -> None:
    ours = built("lstm", "", "all", axes="col, step, row", initial=f"[row; {HIDDEN}]")
    x, h, c = random(BATCH, 2, STEPS, 3, WIDTH), random(BATCH, 3, HIDDEN), random(BATCH, 3, HIDDEN)
    theirs = made("lstm", "")
    for col, row in product(range(2), range(3)):
        expected, _ = theirs(x[:, col, :, row], (h[None, :, row], c[None, :, row]))
        torch.testing.assert_close(ours(x, h, c)[:, col, :, row], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("word", WORDS)
def test_fresh_parameters_are_those_of_torch(word: str) -> None:
    """Under one seed, also after `reset_parameters`."""
    torch.manual_seed(0)
    expected = list(WORDS[word](WIDTH, HIDDEN, num_layers=2, bidirectional=True).parameters())
    module = specc.load(spec_of(word, "layers = 2, bidirectional = true", "all"))
    torch.manual_seed(0)
    ours = module.M()
    torch.testing.assert_close(list(ours.parameters()), expected, rtol=0, atol=0)
    torch.manual_seed(0)
    ours.reset_parameters()
    torch.testing.assert_close(list(ours.parameters()), expected, rtol=0, atol=0)


@pytest.mark.parametrize("word", WORDS)
def test_dropout_in_training_is_that_of_torch(word: str) -> None:
    """Under one seed; in evaluation there is none."""
    options = "layers = 2, bidirectional = true, bias = false, dropout = 0.3"
    theirs, ours = made(word, options).train(), built(word, options, "all").train()
    x = random(BATCH, STEPS, WIDTH)
    torch.manual_seed(0)
    expected, _ = theirs(x)
    torch.manual_seed(0)
    torch.testing.assert_close(ours(x), expected, rtol=1e-12, atol=1e-12)
    assert not torch.equal(ours(x), expected)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("word", WORDS)
def test_a_state_goes_on_where_it_was_left(word: str) -> None:
    """Two halves of a sequence, the second from the state of the first, are the whole."""
    names = "h, c" if word == "lstm" else "h"
    model = specc.load(f"""
        axis whole = 6  axis half = 3
        model M(x: [whole; 3], first: [half; 3], second: [half; 3]) -> [whole; 4], [half; 4] {{
            {names} = {word}(first, 4, over = half, layers = 2, steps = state, name = layer)
            return {word}(x, 4, over = whole, layers = 2, name = layer),
                   {word}(second, 4, over = half, layers = 2, initial = ({names}), name = layer)
        }}
    """).M(dtype=torch.float64)
    assert len({name.partition(".")[0] for name in model.state_dict()}) == 1
    x = random(BATCH, 6, 3)
    whole, second = model(x, x[:, :3], x[:, 3:])
    torch.testing.assert_close(second, whole[:, 3:], rtol=1e-12, atol=1e-12)


# --- Transforms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "layers = 2, bidirectional = true", "bias = false"])
@pytest.mark.parametrize("word", [*WORDS, "rnn with relu"])
def test_a_batch_of_networks_at_once(word: str, options: str) -> None:
    """`vmap` over stacked parameters gives what each network alone does, and its gradients."""
    word, _, relu = word.partition(" with ")
    options = ", ".join(filter(None, (relu and "act = relu", options)))
    ours = built(word, options, "all")
    networks = [copy.deepcopy(ours) for _ in range(3)]
    for seed, network in enumerate(networks):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.normal_(0, 0.5, generator=generator)
    x = random(BATCH, STEPS, WIDTH)
    parameters, _ = stack_module_state(networks)

    def says(own: dict[str, Tensor]) -> Tensor:
        made: Tensor = functional_call(ours, own, x)
        return made

    found = vmap(says)(parameters)
    expected = torch.stack([network(x) for network in networks])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(vmap(says)(parameters), expected, rtol=1e-12, atol=1e-12)
    gradients = vmap(grad(lambda own: says(own).sin().sum()))(parameters)
    for number, network in enumerate(networks):
        own = dict(network.named_parameters())
        wanted = torch.autograd.grad(total(network(x)), list(own.values()))
        given = [gradients[name][number] for name in own]
        torch.testing.assert_close(given, list(wanted), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("word", WORDS)
def test_second_derivatives(word: str) -> None:
    ours = built(word, "layers = 2, bidirectional = true", "state")
    x = random(2, STEPS, WIDTH).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda z: total(ours(z)), (x,), fast_mode=True)


@pytest.mark.parametrize("word", WORDS)
def test_copies_and_casts(word: str) -> None:
    ours = built(word, "layers = 2, bidirectional = true", "last")
    x = random(BATCH, STEPS, WIDTH)
    expected = ours(x)
    layer = copy.deepcopy(ours.get_submodule("layer"))
    kept = pickle.loads(pickle.dumps(layer))
    torch.testing.assert_close(kept(x, steps="last"), expected, rtol=0, atol=0)
    single = ours.float()(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.zero_()
    torch.testing.assert_close(layer(x, steps="last"), expected, rtol=0, atol=0)
    meta = specc.load(spec_of(word, "", "all")).M(device="meta")
    assert meta(torch.empty(2, STEPS, WIDTH, device="meta")).shape == (2, STEPS, HIDDEN)


@pytest.mark.parametrize("word", WORDS)
def test_an_exported_program_takes_every_batch(word: str) -> None:
    ours = built(word, "layers = 2, bidirectional = true", "all")
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(
        ours, (random(2, STEPS, WIDTH),), dynamic_shapes={"x": {0: batch}}
    )
    for size in (1, 2, 5):
        x = random(size, STEPS, WIDTH)
        torch.testing.assert_close(program.module()(x), ours(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("word", WORDS)
def test_a_batch_of_networks_in_one_graph(word: str) -> None:
    torch.compiler.reset()
    ours, x = built(word, "bidirectional = true", "all"), random(BATCH, STEPS, WIDTH)
    stacked, _ = stack_module_state([ours, copy.deepcopy(ours)])

    def says(own: dict[str, Tensor]) -> Tensor:
        made: Tensor = vmap(lambda each: functional_call(ours, each, x))(own)
        return made

    compiled = torch.compile(says, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(stacked)[1], ours(x), rtol=1e-10, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "word", [pytest.param("gru", marks=pytest.mark.representative), "rnn", "lstm"]
)
def test_compiled_layers_are_those_of_torch(word: str) -> None:
    torch.compiler.reset()
    theirs, ours = made(word, ""), built(word, "", "all")
    compiled = torch.compile(ours, fullgraph=True)
    x = random(BATCH, STEPS, WIDTH)
    torch.testing.assert_close(compiled(x), theirs(x)[0], rtol=1e-10, atol=1e-10)


# --- What is refused -----------------------------------------------------------------------------

AXES = """
axis step = 5  axis later = 4  axis node = S(4)  axis guest = S(4, masked)
axis cloud = S(3)  axis member = S(2, masked) in cloud  axis person = S(2) in cloud
space Two { left: [step; 3] right: [step; 3] }
"""

GRU, RNN, LSTM = (f"`{signature(word)}`" for word in ("gru", "rnn", "lstm"))

# Per row: inputs, a statement with its mistake marked, the message, the hint.
MISTAKES = [
    ("x: [step; 3]", "y = ⟦gru(x, 4)⟧", "`gru` needs `over`, an axis", GRU),
    ("x: [step; 3]", "y = gru(x, 4, over = ⟦[step, later]⟧)",
     "`over` is the name of one axis", None),
    ("x: [step; 3]", "y = ⟦gru(x, 4, over = later)⟧", "[step; 3] has no axis `later`", None),
    ("x: [step, step; 3]", "y = ⟦rnn(x, 4, over = step)⟧",
     "`step` stands twice in [step, step; 3], so it is ambiguous which of the two is meant", None),
    ("x: Two", "y = ⟦lstm(x, 4, over = step)⟧",
     "`lstm` works on one tensor, and this is a collection", "take one out of it: `x.left`"),
    ("x: [step; index 9]", "y = ⟦gru(x, 4, over = step)⟧",
     "`gru` works on numbers, and [step; index 9] holds indices",
     "`embedding(x, c)` makes a vector of each"),
    ("x: [guest; 3]", "y = ⟦gru(x, 4, over = guest)⟧",
     "`gru` goes from one position of `guest` to the next, and some of `guest` may not be there",
     "`axis guest = 4` has all of them"),
    ("x: [cloud, member; 3]", "y = ⟦gru(x, 4, over = cloud)⟧",
     "`gru` goes from one position of `cloud` to the next, and some of `member` may not be there",
     "`axis member = 2` has all of them"),
    ("x: [node; 3]", "y = ⟦gru(x, 4, over = node, steps = last)⟧",
     "`gru` tells the positions of `node` apart, and S(4) moves them",
     "`axis node = 4`, without a group, if their order matters"),
    ("x: [node; 3]", "h, c = ⟦lstm(x, 4, over = node, steps = state)⟧",
     "`lstm` tells the positions of `node` apart, and S(4) moves them",
     "`axis node = 4`, without a group, if their order matters"),
    ("x: [cloud, person; 3]", "y = ⟦gru(x, 4, over = person)⟧",
     "`gru` tells the positions of `person` apart, and S(2) in cloud moves them",
     "`axis person = 2`, without a group, if their order matters"),
    ("x: [step; 3]", "y = ⟦gru(x, 4, over = step, dropout = 0.5)⟧",
     "`dropout` acts between layers, and there is one", "`layers = 2`"),
    ("x: [step; 3]", "y = gru(x, 4, over = step, dropout = ⟦2⟧)",
     "`dropout` of `gru` cannot be 2: it is at most 1.0", GRU),
    ("x: [step; 3]", "y = gru(x, ⟦0⟧, over = step)",
     "`channels` of `gru` cannot be 0: it is at least 1", GRU),
    ("x: [step; 3]", "y = gru(x, 4, over = step, layers = ⟦0⟧)",
     "`layers` of `gru` cannot be 0: it is at least 1", GRU),
    ("x: [step; 3]", "y = lstm(x, 4, over = step, steps = ⟦first⟧)",
     '`steps` of `lstm` cannot be "first": it is all, last or state', LSTM),
    ("x: [step; 3]", "y = rnn(x, 4, over = step, act = ⟦gelu⟧)",
     '`act` of `rnn` cannot be "gelu": it is tanh or relu', RNN),
    ("x: [step; 3]", "y = gru(x, 4, over = step, ⟦act⟧ = relu)", "`gru` has no option `act`", GRU),
    ("x: [step; 3], h: [; 4]", "y = ⟦lstm(x, 4, over = step, initial = h)⟧",
     "`lstm` starts from 2 values, and `initial` gives 1", "`initial = (h, c)`"),
    ("x: [step; 3], h: [; 4]", "y = ⟦gru(x, 4, over = step, initial = (h, h))⟧",
     "`gru` starts from 1 value, and `initial` gives 2", None),
    ("x: [step; 3], h: [step; 4]", "y = ⟦gru(x, 4, over = step, initial = h)⟧",
     "`initial` has the axis `step`, for which there is no state",
     "`steps = last` and `steps = state` give what a layer ends with"),
    ("x: [step; 3], h: [node; 4]", "y = ⟦gru(x, 4, over = step, initial = h)⟧",
     "`initial` has the axis `node`, for which there is no state",
     "`steps = last` and `steps = state` give what a layer ends with"),
    ("x: [step; 3], h: Two", "y = ⟦gru(x, 4, over = step, initial = h)⟧",
     "`initial` is one tensor, and this is a collection", None),
    ("x: [step; 3], h: [; 4]", "y = ⟦gru(x, 4, over = step, layers = 2, bidirectional = true, initial = h)⟧",
     "`initial` has 4 channels, and 2 layers of 4 in 2 directions need 16", None),
    ("x: [step; 3], h: [; 1]", "y = ⟦gru(x, 4, over = step, initial = h)⟧",
     "`initial` has 1 channel, and 1 layer of 4 needs 4", None),
    ("x: [step; 3]", "y = ⟦lstm(x, 4, over = step, steps = state)⟧",
     "this gives 2 values, and there is one name for them", "`a, b = ...` takes several"),
    ("x: [step; 3]", "h, c = ⟦gru(x, 4, over = step, steps = state)⟧",
     "this gives 1 value, and there are 2 names for them", None),
    ("x: [step; 4]", "y = gru(x, 4, over = step, name = a) z = ⟦lstm(x, 4, over = step, name = a)⟧",
     "two layers are called `a`, and they differ", None),
    ("x: [step; 4]", "y = rnn(x, 4, over = step, name = a) z = ⟦rnn(x, 4, over = step, act = relu, name = a)⟧",
     "two layers are called `a`, and they differ", None),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "statement", "message", "hint"), MISTAKES)
def test_mistakes(inputs: str, statement: str, message: str, hint: str | None) -> None:
    marked = f"{AXES}model M({inputs}, given: [; 3]) -> [; 3] {{ {statement} return given }}"
    text, start, end = place(marked)
    (error,) = mistakes_of(text)
    assert (error.message, error.hint) == (message, hint)
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)
