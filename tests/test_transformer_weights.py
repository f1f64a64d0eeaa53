"""The weights of the library's transformers: the group stated by hand, the networks, and the models that read them.

No element of the group changes what a network computes; the compiler infers the same group; scores of
the weights do not change along it, and edits move with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import factorial

import numpy as np
import pytest
import torch
from inferred import state_space
from library import SPECS, TINY, random_model
from oracles.action import generators, order, random_element
from oracles.counting import orbit_labels
from oracles.stored import State, StateSpace, declared, stored
from torch import Tensor
from torch.func import functional_call

import specc
from specc_runtime import Model


@dataclass(frozen=True)
class Case:
    """A network of the library and the model that reads its weights; axes, and the dimensions of each parameter.

    `{i}` stands for the number of a layer: there are two.
    """

    network: str
    reader: str
    axes: str
    dims: str
    order: int

    @property
    def space(self) -> StateSpace:
        axes = declared("  ".join(self.axes.replace("{i}", str(i)) for i in range(2)))
        lines = [line.strip() for line in self.dims.strip().splitlines()]
        numbered = [
            line.replace("{i}", str(i)) for line in lines for i in range(2 if "{i}" in line else 1)
        ]
        pairs = (line.split(": ") for line in numbered)
        return StateSpace(tuple(stored(name, blocks, axes) for name, blocks in pairs))


FUSED = """{path}.in_proj_weight: (head{n} key{n}) + (head{n} key{n}) + (head{n} value{n}), {stream}
        {path}.in_proj_bias: (head{n} key{n}) + (head{n} key{n}) + (head{n} value{n})
        {path}.out_proj.weight: {stream}, (head{n} value{n})
        {path}.out_proj.bias: {stream}"""


def fused(path: str, number: str, stream: str) -> str:
    return FUSED.replace("{path}", path).replace("{n}", number).replace("{stream}", stream)


def norm(path: str, stream: str = "stream") -> str:
    return f"{path}.weight: {stream}\n        {path}.bias: {stream}"


def crossed(path: str) -> str:
    """Attention from stream `out` to stream `in`, by one matrix."""
    head = "(heads{i} keys{i})"
    return fused(path, "s{i}", "out").replace(
        f"{head} + {head} + (heads{{i}} values{{i}}), out",
        f"{head}, out; {head} + (heads{{i}} values{{i}}), in",
    )


HEAD = "head{i} = S(4)  key{i} = S(2) in head{i}  value{i} = S(2) in head{i}"
TWO = factorial(2)

CASES: Mapping[str, Case] = {
    "transformer": Case(
        "Language",
        "Update",
        "stream = S(8)  word = 7  place = 16  up{i} = S(32)  " + HEAD,
        f"""
        embed.weight: word, stream
        x.positions.weight: place, stream
        {norm("blocks.{i}.a.layer_norm")}
        {fused("blocks.{i}.a.attention", "{i}", "stream")}
        {norm("blocks.{i}.h.layer_norm")}
        blocks.{{i}}.up.weight: up{{i}}, stream
        blocks.{{i}}.up.bias: up{{i}}
        blocks.{{i}}.down.weight: stream, up{{i}}
        blocks.{{i}}.down.bias: stream
        {norm("layer_norm")}
        """,
        factorial(8) * (factorial(4) * TWO**4 * TWO**4 * factorial(32)) ** 2,
    ),
    "llama": Case(
        "Llama",
        "Score",
        "stream = S(8)  word = 7  last = 7  up{i} = S(6)  head{i} = S(2)  key{i} = 2"
        "  group{i} = S(2) in head{i}  value{i} = S(2) in head{i}",
        """
        embed_tokens.weight: word, stream
        layers.{i}.input_layernorm.weight: stream
        layers.{i}.self_attn.q_proj.weight: (head{i} group{i} key{i}), stream
        layers.{i}.self_attn.k_proj.weight: (head{i} key{i}), stream
        layers.{i}.self_attn.v_proj.weight: (head{i} value{i}), stream
        layers.{i}.self_attn.out_proj.weight: stream, (head{i} group{i} value{i})
        layers.{i}.post_attention_layernorm.weight: stream
        layers.{i}.mlp.gate.weight: up{i}, stream
        layers.{i}.mlp.up.weight: up{i}, stream
        layers.{i}.down_proj.weight: stream, up{i}
        norm.weight: stream
        lm_head.weight: last, stream
        """,
        factorial(8) * (TWO * TWO**2 * TWO**2 * factorial(6)) ** 2,
    ),
    "mixture_of_experts": Case(
        "Language",
        "Edit",
        "stream = S(8)  word = 7  place = 16  expert{i} = S(3)  hidden{i} = S(6) in expert{i}  "
        + HEAD,
        """
        embed.weight: word, stream
        x.positions.weight: place, stream
        blocks.{i}.a.rms_norm.weight: stream
        blocks.{i}.a.attention.in_proj_weight: (head{i} key{i}) + (head{i} key{i}) + (head{i} value{i}), stream
        blocks.{i}.a.attention.out_proj.weight: stream, (head{i} value{i})
        blocks.{i}.rms_norm.weight: stream
        blocks.{i}.experts.up_weight: expert{i}, hidden{i}, stream
        blocks.{i}.experts.down_weight: expert{i}, stream, hidden{i}
        blocks.{i}.experts.router.weight: expert{i}, stream
        rms_norm.weight: stream
        """,
        factorial(8) * (factorial(4) * TWO**4 * TWO**4 * factorial(3) * factorial(6) ** 3) ** 2,
    ),
    "encoder_decoder": Case(
        "Translator",
        "Quality",
        "in = S(8)  out = S(8)  word = 7  place = 5  up{i} = S(6)  ups{i} = S(6)"
        "  heade{i} = S(2)  keye{i} = S(4) in heade{i}  valuee{i} = S(4) in heade{i}"
        "  headd{i} = S(2)  keyd{i} = S(4) in headd{i}  valued{i} = S(4) in headd{i}"
        "  heads{i} = S(2)  keys{i} = S(4) in heads{i}  values{i} = S(4) in heads{i}",
        f"""
        source_words.weight: word, in
        source_places.weight: place, in
        target_words.weight: word, out
        target_places.weight: place, out
        {fused("encoder.layers.{i}.self_attn", "e{i}", "in")}
        {norm("encoder.layers.{i}.norm1", "in")}
        encoder.layers.{{i}}.linear1.weight: up{{i}}, in
        encoder.layers.{{i}}.linear1.bias: up{{i}}
        encoder.layers.{{i}}.linear2.weight: in, up{{i}}
        encoder.layers.{{i}}.linear2.bias: in
        {norm("encoder.layers.{i}.norm2", "in")}
        {norm("encoder.norm", "in")}
        {fused("decoder.layers.{i}.self_attn", "d{i}", "out")}
        {norm("decoder.layers.{i}.norm1", "out")}
        {crossed("decoder.layers.{i}.multihead_attn")}
        {norm("decoder.layers.{i}.norm2", "out")}
        decoder.layers.{{i}}.linear1.weight: ups{{i}}, out
        decoder.layers.{{i}}.linear1.bias: ups{{i}}
        decoder.layers.{{i}}.linear2.weight: out, ups{{i}}
        decoder.layers.{{i}}.linear2.bias: out
        {norm("decoder.layers.{i}.norm3", "out")}
        {norm("decoder.norm", "out")}
        """,
        factorial(8) ** 2 * (factorial(6) ** 2 * (TWO * factorial(4) ** 4) ** 3) ** 2,
    ),
}

every_case = pytest.mark.parametrize("spec", CASES)


def random_ids(module: Model) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    lengths = [int(str(shape).split()[1]) for shape in module.inputs.values()]
    return [torch.randint(7, (2, length), generator=generator) for length in lengths]


@every_case
def test_the_group_by_hand_leaves_the_function_unchanged(spec: str) -> None:
    case, module = CASES[spec], random_model(spec, CASES[spec].network)
    space, state = case.space, dict(module.state_dict())
    assert {t.name: t.shape for t in space.tensors} == {n: t.shape for n, t in state.items()}
    ids, rng = random_ids(module), np.random.default_rng(0)
    with torch.no_grad():
        expected = module(*ids)
        for element in [random_element(space.axes, rng) for _ in range(3)]:
            found = functional_call(module, space.moved(state, element), tuple(ids))
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@every_case
def test_the_inferred_group_is_the_one_by_hand(spec: str) -> None:
    """Of one order, and the same entries are moved to each other."""
    case = CASES[spec]
    report = specc.explain(SPECS / f"{spec}.spec", **TINY[spec]).model_dump()
    (reader,) = (model for model in report["models"] if model["name"] == case.reader)
    found, by_hand = state_space(reader), case.space
    assert order(by_hand.axes) == order(found.axes) == case.order
    places = {tensor.name: tensor for tensor in found.tensors}
    found = StateSpace(tuple(places[tensor.name] for tensor in by_hand.tensors))
    labels = [
        orbit_labels(space.size, [space.destinations(g) for g in generators(space.axes)])
        for space in (by_hand, found)
    ]
    assert labels[0] == labels[1]


@every_case
def test_models_of_weights_respect_the_group(spec: str) -> None:
    case, reader = CASES[spec], random_model(spec, CASES[spec].reader)
    space, channels = case.space, 19 if spec == "transformer" else 1
    generator = torch.Generator().manual_seed(2)
    flat = torch.randn(2, channels, space.size, generator=generator, dtype=torch.float64)
    given = space.unflat(flat)
    element = random_element(space.axes, np.random.default_rng(3))
    moved = space.moved(given, element, batch=2)
    with torch.no_grad():
        before, after = (reader(as_declared(each, channels)) for each in (given, moved))
    scores = space.flat(before, batch=1) if isinstance(before, dict) else before
    assert (scores[0] - scores[1]).abs().max() > 1e-6 * scores.abs().max()
    expected = space.moved(before, element, batch=1) if isinstance(before, dict) else before
    torch.testing.assert_close(after, expected, rtol=1e-8, atol=1e-8)


def as_declared(state: State, channels: int) -> State:
    """`(batch, channels, *shape)` as a model takes it: channels last, or no such dimension."""
    if channels == 1:
        return {name: tensor.squeeze(1) for name, tensor in state.items()}
    return {name: tensor.movedim(1, -1) for name, tensor in state.items()}
