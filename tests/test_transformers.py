"""The library's transformers against `torch.nn`'s own with the same weights, and how large the real ones are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from library import SPECS, TINY, random_model, tiny
from oracles.attention import PlainAttention, PlainExperts
from sampled import check_runs, instance
from torch import Tensor, nn
from torch.nn import functional as F

import specc
from specc_runtime import Model


@pytest.mark.parametrize("spec", TINY)
def test_all_models_of_the_library_run(spec: str) -> None:
    program = specc.check(SPECS / f"{spec}.spec", **TINY[spec])
    for typed in program.models:
        check_runs(typed, instance(tiny(spec), typed.name))


# --- The same in torch ---------------------------------------------------------------------------


def pre_norm(
    width: int, heads: int, activation: Callable[[Tensor], Tensor], eps: float
) -> nn.Module:
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, 0.0, activation, eps, batch_first=True, norm_first=True
    )


class Decoder(nn.Module):
    """GPT-2: `nn.TransformerEncoderLayer` with a causal mask, embeddings around."""

    def __init__(self, heads: int, token: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(7, 8), nn.Embedding(token, 8)
        self.layers = nn.ModuleList(pre_norm(8, heads, activation, 1e-5) for _ in range(2))
        self.norm = nn.LayerNorm(8)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        x = self.words(ids) + self.places.weight
        later = torch.ones(length, length).triu(1).bool()
        for layer in self.layers:
            x = layer(x, src_mask=later)
        return F.linear(self.norm(x), self.words.weight)


class Vision(nn.Module):
    """A vision transformer of `nn.TransformerEncoderLayer`s on channels-last images."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.places = nn.Parameter(torch.empty(4, 8))
        self.layers = nn.ModuleList(pre_norm(8, 2, F.gelu, 1e-6) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(8, eps=1e-6), nn.Linear(8, 3)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image.movedim(-1, 1)).flatten(2).movedim(1, -1) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(1))  # type: ignore[no-any-return]


class Translator(nn.Module):
    """`nn.Transformer`, embeddings around."""

    def __init__(self) -> None:
        super().__init__()
        self.source_words, self.target_words = nn.Embedding(7, 8), nn.Embedding(7, 8)
        self.source_places, self.target_places = nn.Embedding(5, 8), nn.Embedding(5, 8)
        self.transformer = nn.Transformer(8, 2, 2, 2, 6, 0.0, batch_first=True)

    def forward(self, sentence: Tensor, translation: Tensor) -> Tensor:
        x = self.source_words(sentence) + self.source_places.weight
        y = self.target_words(translation) + self.target_places.weight
        later = torch.ones(5, 5).triu(1).bool()
        decoded = self.transformer(x, y, tgt_mask=later)
        return F.linear(decoded, self.target_words.weight)


class Llama(nn.Module):
    """A Llama in plain PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(7, 8)
        self.layers = nn.ModuleList(self._layer() for _ in range(2))
        self.norm, self.lm_head = nn.RMSNorm(8, eps=1e-5), nn.Linear(8, 7, bias=False)

    def _layer(self) -> nn.ModuleDict:
        attention = PlainAttention(8, 4, 2, causal=True, rotary_base=1e4, bias=False)
        mlp = {name: nn.Linear(8, 6, bias=False) for name in ("gate", "up")}
        return nn.ModuleDict(
            {
                "input_layernorm": nn.RMSNorm(8, eps=1e-5),
                "self_attn": attention,
                "post_attention_layernorm": nn.RMSNorm(8, eps=1e-5),
                "mlp": nn.ModuleDict(mlp),
                "down_proj": nn.Linear(6, 8, bias=False),
            }
        )

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed_tokens(ids)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleDict)
            x = x + layer["self_attn"](layer["input_layernorm"](x))
            h, mlp = layer["post_attention_layernorm"](x), layer["mlp"]
            assert isinstance(mlp, nn.ModuleDict)
            x = x + layer["down_proj"](F.silu(mlp["gate"](h)) * mlp["up"](h))
        return self.lm_head(self.norm(x))  # type: ignore[no-any-return]


class Mixture(nn.Module):
    """A decoder with experts in plain PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.positions = nn.Embedding(7, 8), nn.Embedding(16, 8)
        self.blocks = nn.ModuleList(self._layer() for _ in range(2))
        self.norm = nn.RMSNorm(8)

    def _layer(self) -> nn.ModuleDict:
        return nn.ModuleDict(
            {
                "norm1": nn.RMSNorm(8),
                "attention": PlainAttention(8, 4, fused=True, causal=True, bias=False),
                "norm2": nn.RMSNorm(8),
                "experts": PlainExperts(8, 6, 8, 3, nn.SiLU(), bias=False),
            }
        )

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids) + self.positions.weight
        for block in self.blocks:
            assert isinstance(block, nn.ModuleDict)
            x = x + block["attention"](block["norm1"](x))
            x = x + block["experts"](block["norm2"](x))
        return F.linear(self.norm(x), self.embed.weight)


@dataclass(frozen=True)
class Case:
    """A model of the library, the same in torch, and how torch calls its parameters: patterns to texts."""

    spec: str
    model: str
    make: Callable[[], nn.Module]
    renamed: Mapping[str, str] = field(default_factory=dict)


def tanh_gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


CASES = [
    Case(
        "gpt2", "Gpt2", lambda: Decoder(2, 5, tanh_gelu),
        {r"^wte": "words", r"^wpe": "places", r"^ln_f": "norm", r"^h\.": "layers.", r"ln_": "norm",
         r"attn\.": "self_attn.", r"up\.": "linear1.", r"down\.": "linear2."},
    ),
    Case(
        "transformer", "Language", lambda: Decoder(4, 16, F.gelu),
        {r"^embed": "words", r"^x\.positions": "places", r"^layer_norm": "norm", r"^blocks\.": "layers.",
         r"a\.layer_norm": "norm1", r"a\.attention": "self_attn", r"h\.layer_norm": "norm2",
         r"up\.": "linear1.", r"down\.": "linear2."},
    ),
    Case(
        "vit", "Vit", Vision,
        {r"^places\.weight": "places", r"^blocks\.": "layers.", r"attn\.": "self_attn.",
         r"fc1": "linear1", r"fc2": "linear2"},
    ),
    Case("encoder_decoder", "Translator", Translator, {r"^(en|de)coder": r"transformer.\1coder"}),
    Case("llama", "Llama", Llama),
    Case(
        "mixture_of_experts", "Language", Mixture,
        {r"^x\.": "", r"^rms_norm": "norm", r"a\.rms_norm": "norm1", r"(\d)\.rms_norm": r"\1.norm2",
         r"a\.attention": "attention"},
    ),
]  # fmt: skip


def renamed(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    found = {}
    for name, tensor in state.items():
        for pattern, text in names.items():
            name = re.sub(pattern, text, name)
        found[name] = tensor
    return found


def random_inputs(model: Model) -> list[Tensor]:
    """Indices or numbers, as the model declares."""
    generator = torch.Generator().manual_seed(1)
    inputs = []
    for shape in model.inputs.values():
        *sizes, last = str(shape).replace("batch", "3").split()
        if last.startswith("<"):
            inputs.append(
                torch.randint(int(last[1:]), [int(n) for n in sizes], generator=generator)
            )
        else:
            whole = [int(n) for n in (*sizes, last)]
            inputs.append(torch.randn(whole, generator=generator, dtype=torch.float64))
    return inputs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.spec)
def test_equal_to_torch(case: Case) -> None:
    ours, theirs = random_model(case.spec, case.model), case.make().double().eval()
    theirs.load_state_dict(renamed(ours.state_dict(), case.renamed))
    inputs = random_inputs(ours)
    found, expected = ours(*inputs), theirs(*inputs)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    of_ours, of_theirs = dict(ours.named_parameters()), dict(theirs.named_parameters())
    gradients = [
        torch.autograd.grad(value.sin().sum(), list(of.values()))
        for value, of in ((found, of_ours), (expected, of_theirs))
    ]
    by_name = renamed(dict(zip(of_ours, gradients[0], strict=True)), case.renamed)
    for name, gradient in zip(of_theirs, gradients[1], strict=True):
        torch.testing.assert_close(by_name[name], gradient, rtol=1e-8, atol=1e-8)


REAL = [
    ("gpt2", "Gpt2", {}, 124_439_808),
    ("vit", "Vit", {}, 22_049_896),
    ("llama", "Llama", {"depth": 32, "width": 4096, "heads": 32, "kv_heads": 8, "hidden": 14336,
                        "vocabulary": 128256, "context": 8192, "base": 500000.0}, 8_030_261_248),
    ("encoder_decoder", "Translator", {"depth": 6, "width": 512, "heads": 8, "hidden": 2048,
                                       "vocabulary": 37000, "context": 512}, 44_140_544 + 38_412_288),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "model", "params", "count"), REAL)
def test_real_sizes(spec: str, model: str, params: Mapping[str, Any], count: int) -> None:
    """As many parameters as published; ViT-S/16 without a class token, `nn.Transformer` with its tables."""
    module = getattr(specc.load(SPECS / f"{spec}.spec", **params), model)(device="meta")
    assert sum(parameter.numel() for parameter in module.parameters()) == count
