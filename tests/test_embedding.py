"""Tables: `embedding` and its ties against `nn.Embedding`, `positions` and `sinusoidal` against formulas."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from networks import total
from test_messages import mistakes_of, place
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

import specc
from specc.program.arguments import signature
from specc_runtime import InputError, Model

BATCH, WORDS, WIDTH = 4, 7, 3

AXES = "axis token = 5  axis y = 2  axis x = 3  axis node = S(4)  axis guest = S(4, masked)"


def model(text: str, seed: int = 0) -> Model:
    """Model `M` in float64 with random parameters."""
    module = specc.load(f"{AXES} {text}").M(dtype=torch.float64)
    assert isinstance(module, Model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module


def words(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(WORDS, shape, generator=torch.Generator().manual_seed(seed))


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


# --- Embedding -----------------------------------------------------------------------------------

EMBEDS = """model M(ids: [token; index 7]) -> [token; 3] {
    return embedding(ids, 3, name = table)
}"""


def test_an_embedding_is_that_of_torch() -> None:
    ours, ids = model(EMBEDS), words(BATCH, 5)
    theirs = nn.Embedding(WORDS, WIDTH, dtype=torch.float64)
    theirs.load_state_dict({"weight": ours.state_dict()["table.weight"]}, strict=True)
    assert {n: tuple(p.shape) for n, p in ours.state_dict().items()} == {"table.weight": (7, 3)}
    expected, found = theirs(ids), ours(ids)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    torch.testing.assert_close(ours(ids.int()), expected, rtol=0, atol=0)
    wanted = torch.autograd.grad(total(expected), list(theirs.parameters()))
    given = torch.autograd.grad(total(found), list(ours.parameters()))
    torch.testing.assert_close(given, wanted, rtol=0, atol=0)


def test_fresh_tables_are_those_of_torch() -> None:
    """Under one seed, also after `reset_parameters`."""
    text = f"{AXES} model M(ids: [token; index 7]) -> [token; 3] {{ return embedding(ids, 3) + positions(token, 3) }}"
    module = specc.load(text)
    torch.manual_seed(0)
    expected = [nn.Embedding(7, 3).weight, nn.Embedding(5, 3).weight]
    torch.manual_seed(0)
    ours = module.M()
    torch.testing.assert_close(list(ours.parameters()), expected, rtol=0, atol=0)
    torch.manual_seed(0)
    ours.reset_parameters()
    torch.testing.assert_close(list(ours.parameters()), expected, rtol=0, atol=0)


def test_a_batch_of_networks_at_once() -> None:
    networks, ids = [model(EMBEDS, seed) for seed in range(3)], words(BATCH, 5)
    parameters, _ = stack_module_state(list[nn.Module](networks))

    def says(own: dict[str, Tensor]) -> Tensor:
        made: Tensor = functional_call(networks[0], own, ids)
        return made

    expected = torch.stack([network(ids) for network in networks])
    torch.testing.assert_close(vmap(says)(parameters), expected)
    found = vmap(grad(lambda own: says(own).sin().sum()))(parameters)["table.weight"]
    for number, network in enumerate(networks):
        (wanted,) = torch.autograd.grad(total(network(ids)), list(network.parameters()))
        torch.testing.assert_close(found[number], wanted)


def test_what_stands_where_no_word_is_does_not_matter() -> None:
    ours = model(
        "model M(ids: [guest; index 7]) -> [; 3] { return mean[guest](embedding(ids, 3)) }"
    )
    ids, mask = words(BATCH, 4), torch.tensor([[True, True, False, False]] * BATCH)
    expected = ours(ids, guest_mask=mask)
    torch.testing.assert_close(ours(ids.masked_fill(~mask, -100), guest_mask=mask), expected)
    alone = F.embedding(ids[:, :2], ours.get_parameter("embedding.weight")).mean(1)
    torch.testing.assert_close(expected, alone)


def test_words_are_whole_numbers() -> None:
    message = r"^`ids` holds indices <7, and its dtype is torch.float64, not int64$"
    with pytest.raises(InputError, match=message):
        model(EMBEDS)(random(BATCH, 5))


# --- Ties ----------------------------------------------------------------------------------------

# What reads the words, what writes them, in the order of the text; x is the input, h what was read.
TIES = {
    "embedding first": "e = embedding(ids, 3, name = embed)  return linear(tanh(e) + x, 7, bias = false, name = embed)",
    "linear first": "out = linear(x, 7, bias = false, name = embed)  return out + linear(embedding(ids, 3, name = embed), 7, bias = false, name = out)",
    "two of each": (
        "e = embedding(ids, 3, name = embed) * embedding(ids, 3, name = embed)"
        "  return linear(e, 7, bias = false, name = embed) + linear(x, 7, bias = false, name = embed)"
    ),
}  # fmt: skip


def told(name: str, embed: Tensor, unembed: Tensor, out: Tensor, ids: Tensor, x: Tensor) -> Tensor:
    """The model of `TIES` in plain torch; the two uses of the matrix are two arguments."""
    e = F.embedding(ids, embed)
    match name:
        case "embedding first":
            return F.linear(torch.tanh(e) + x, unembed)
        case "linear first":
            return F.linear(x, unembed) + F.linear(e, out)
        case _:
            return F.linear(e * e, unembed) + F.linear(x, unembed)


@pytest.mark.parametrize("inside", ["model", "block", "block used twice"])
@pytest.mark.parametrize("name", TIES)
def test_a_tied_matrix_is_one_parameter(name: str, inside: str) -> None:
    """Its gradient is the sum of those of its uses, each as if it were a matrix of its own."""
    head = "model M(ids: [token; index 7], x: [token; 3]) -> [token; 7]"
    if inside == "model":
        text, prefix = f"{head} {{ {TIES[name]} }}", ""
    else:
        count = 2 if inside == "block used twice" else 1
        uses = " + ".join(["B(ids, x, name = b)"] * count)
        text, prefix = f"block B(ids, x) {{ {TIES[name]} }} {head} {{ return {uses} }}", "b."
    ours, ids, x = model(text), words(BATCH, 5), random(BATCH, 5, 3)
    names = ["embed.weight", *(["out.weight"] if name == "linear first" else [])]
    assert sorted(n for n, _ in ours.named_parameters()) == [prefix + each for each in names]
    assert all(p.shape == (7, 3) for p in ours.parameters())
    matrix = ours.get_parameter(f"{prefix}embed.weight").detach()
    out = ours.get_parameter(f"{prefix}{names[-1]}").detach()
    embed, unembed = matrix.clone().requires_grad_(), matrix.clone().requires_grad_()
    expected = told(name, embed, unembed, out, ids, x)
    expected = 2 * expected if inside == "block used twice" else expected
    found = ours(ids, x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    wanted = torch.autograd.grad(total(expected), [embed, unembed])
    (given,) = torch.autograd.grad(total(found), [ours.get_parameter(f"{prefix}embed.weight")])
    torch.testing.assert_close(given, wanted[0] + wanted[1], rtol=1e-12, atol=1e-12)


def test_a_tied_network_is_copied_and_stacked_as_one() -> None:
    text = f"model M(ids: [token; index 7], x: [token; 3]) -> [token; 7] {{ {TIES['embedding first']} }}"
    ours, ids, x = model(text), words(BATCH, 5), random(BATCH, 5, 3)
    other = copy.deepcopy(ours)
    assert len(list(other.parameters())) == 1
    stacked, _ = stack_module_state([ours, other])
    found = vmap(lambda own: functional_call(ours, own, (ids, x)))(stacked)
    torch.testing.assert_close(found[1], ours(ids, x), rtol=1e-12, atol=1e-12)


# --- Positions -----------------------------------------------------------------------------------


def test_positions_are_an_embedding_of_their_numbers() -> None:
    ours = model("model M(x: [token; 3]) -> [token; 3] { return x * positions(token, 3) }")
    assert {n: tuple(p.shape) for n, p in ours.state_dict().items()} == {"positions.weight": (5, 3)}
    x = random(BATCH, 5, 3)
    table = F.embedding(torch.arange(5), ours.get_parameter("positions.weight"))
    torch.testing.assert_close(ours(x), x * table, rtol=0, atol=0)


def test_positions_of_several_axes() -> None:
    ours = model("model M(x: [x, y; 3]) -> [x, y; 3] { return x + positions([y, x], 3) }")
    table = ours.get_parameter("positions.weight")
    assert table.shape == (2, 3, 3)
    x = random(BATCH, 3, 2, 3)
    torch.testing.assert_close(ours(x), x + table.transpose(0, 1), rtol=0, atol=0)


@pytest.mark.parametrize("word", ["positions", "sinusoidal"])
def test_a_table_is_there_for_each_element_of_the_batch(word: str) -> None:
    """It is the result itself here, and the only input is a collection without axes of the table."""
    ours = model(
        f"space S {{ a.b: [node; 2] }} model M(s: S) -> [token; 3] {{ return {word}(token, 3) }}"
    )
    found = ours({"a.b": random(BATCH, 4, 2)})
    assert found.shape == (BATCH, 5, 3)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, found[:1].expand_as(found), rtol=0, atol=0)
    assert ours({"a.b": random(0, 4, 2)}).shape == (0, 5, 3)


# --- The sinusoidal table ------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "base"), [(6, 10000), (5, 10000), (1, 10000), (4, 30.5)])
def test_the_sinusoidal_table_is_the_one_of_the_paper(channels: int, base: float) -> None:
    """PE(pos, 2i) = sin(pos / base^(2i / d)), PE(pos, 2i + 1) = cos(pos / base^(2i / d))."""
    text = f"{AXES} model M(x: [; 1]) -> [token; {channels}] {{ return sinusoidal(token, {channels}, base = {base}) }}"
    found = specc.load(text).M(dtype=torch.float64)(random(1, 1))[0]
    for position in range(5):
        for channel in range(channels):
            i = channel // 2
            angle = position / base ** (2 * i / channels)
            wanted = math.cos(angle) if channel % 2 else math.sin(angle)
            assert math.isclose(found[position, channel].item(), wanted, abs_tol=1e-12)


def test_the_sinusoidal_table_is_no_parameter() -> None:
    text = f"{AXES} model M(x: [token; 4]) -> [token; 4] {{ return x + sinusoidal(token, 4) }}"
    module = specc.load(text)
    ours = module.M()
    assert ours.state_dict() == {}
    assert list(ours.parameters()) == []
    x = random(BATCH, 5, 4)
    expected = module.M(dtype=torch.float64)(x)
    torch.testing.assert_close(copy.deepcopy(ours).double()(x), expected, rtol=1e-6, atol=1e-6)
    empty = module.M(device="meta").to_empty(device="cpu")
    empty.reset_parameters()
    torch.testing.assert_close(empty(x.float()), ours(x.float()), rtol=0, atol=0)


# --- What is refused -----------------------------------------------------------------------------

EMBEDDING, POSITIONS, SINUSOIDAL = (
    f"`{signature(word)}`" for word in ("embedding", "positions", "sinusoidal")
)
GRAPH = "space Two { left: [token; index 7] right: [token; 3] }"
UNBIASED = "`bias = false`: one of them has no bias"

# Per row: inputs, a statement with its mistake marked, the message, the hint.
MISTAKES = [
    ("x: [token; 3]", "y = ⟦embedding(x, 4)⟧",
     "`embedding` looks up indices, and [token; 3] holds numbers",
     "`[token; index 64]` is the type of indices below 64; `linear(x, c)` maps numbers"),
    ("x: Two", "y = ⟦embedding(x, 4)⟧",
     "`embedding` works on one tensor, and this is a collection", "take one out of it: `x.left`"),
    ("x: Two", "y = ⟦relu(x)⟧",
     "`relu` works on numbers, and [token; index 7] holds indices",
     "`embedding(x, c)` makes a vector of each"),
    ("x: [token; index 7]", "y = embedding(x, ⟦0⟧)",
     "`channels` of `embedding` cannot be 0: it is at least 1", EMBEDDING),
    ("x: [token; index 7]", "y = ⟦embedding(x)⟧", "`embedding` needs `channels`, a number", EMBEDDING),
    ("x: [token; index 7]", "y = embedding(x, 3, name = e) z = ⟦linear(y, 7, name = e)⟧",
     "two layers are called `e`, and they differ", UNBIASED),
    ("x: [token; index 7], h: [; 3]", "z = linear(h, 7, name = e) y = ⟦embedding(x, 3, name = e)⟧",
     "two layers are called `e`, and they differ", UNBIASED),
    ("h: [; 7]", "z = linear(h, 7, name = e) y = ⟦linear(h, 7, bias = false, name = e)⟧",
     "two layers are called `e`, and they differ", UNBIASED),
    ("x: [token; index 7]",
     "y = embedding(x, 3, name = e) z = ⟦linear(y, 8, bias = false, name = e)⟧",
     "two layers are called `e`, and they differ", None),
    ("x: [token; index 7]", "y = embedding(x, 3, name = e) z = ⟦positions(token, 3, name = e)⟧",
     "two layers are called `e`, and they differ", None),
    ("x: [guest; 3]", "y = ⟦positions(guest, 3)⟧",
     "`positions` tells the positions of `guest` apart, and some may not be there",
     "`axis guest = 4` has all of them"),
    ("x: [guest; 3]", "y = ⟦sinusoidal(guest, 3)⟧",
     "`sinusoidal` tells the positions of `guest` apart, and some may not be there",
     "`axis guest = 4` has all of them"),
    ("x: [token; 3]", "y = ⟦positions(token)⟧", "`positions` needs `channels`, a number", POSITIONS),
    ("x: [token; 3]", "y = ⟦positions()⟧",
     "`positions` needs `axes`, one axis or a list of axes", POSITIONS),
    ("x: [token; 3]", "y = positions([y, ⟦y⟧], 3)", "`y` is given twice", None),
    ("x: [token; 3]", "y = positions(x, token, ⟦3⟧)", "`positions` takes no more arguments by place", POSITIONS),
    ("x: [token; 3]", "y = sinusoidal(⟦[y, x]⟧, 3)", "`axis` is the name of one axis", None),
    ("x: [token; 3]", "y = sinusoidal(token, 3, base = ⟦0⟧)",
     "`base` of `sinusoidal` cannot be 0: it is at least 1.0", SINUSOIDAL),
    ("x: [token; 3]", "y = ⟦x + positions(token, 4)⟧",
     "[token; 3] and [token; 4] do not go together: 3 channels meet 4",
     "`linear(x, c)` changes the number of channels"),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "statement", "message", "hint"), MISTAKES)
def test_mistakes(inputs: str, statement: str, message: str, hint: str | None) -> None:
    declarations = AXES + "\n" + GRAPH
    text, start, end = place(
        f"{declarations} model M({inputs}, given: [; 3]) -> [; 3] {{ {statement} return given }}"
    )
    (error,) = mistakes_of(text)
    assert (error.message, error.hint) == (message, hint)
    assert error.span is not None
    assert (error.span.start, error.span.end) == (start, end)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model M(x: [token; index 7]) -> [token] { return x }",
         "the model declares [token] and returns [token; index 7]: it holds indices below 7, not numbers"),
        ("model M(x: [token]) -> [token; index 7] { return x }",
         "the model declares [token; index 7] and returns [token]: it holds numbers, not indices below 7"),
        ("model M(x: [node; 3]) -> [node; 3] { return x + positions(node, 3) }",
         "`positions` tells the positions of `node` apart, and S(4) moves them"),
    ],
)  # fmt: skip
def test_results_of_another_type(text: str, message: str) -> None:
    (error,) = mistakes_of(f"{AXES} {text}")
    assert error.message == message
