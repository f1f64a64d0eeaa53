"""Tracing of models that nobody prepared: how many free groups each has, stated by hand, and verified.

The models of `transformers` are built small from their configurations, without weights. Sizes that mean
different things differ where a configuration allows it. What is counted is said in `traced_networks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from traced_networks import NETWORKS

from specc.errors import SpecError
from specc.tracing.trace import infer
from specc.tracing.verify import verify
from specc.types import Collection, axes_of

pytestmark = pytest.mark.grid

Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A model of `transformers`, what it is called with, and its number of free groups stated by hand.

    Export takes experts as one product for all of them: `batched_mm`.
    """

    model: str
    config: str
    options: Callable[[], Options]
    free: int
    sizes: Mapping[str, object] = field(default_factory=dict)

    def make(self) -> nn.Module:
        library = pytest.importorskip("transformers")
        module: nn.Module = getattr(library, self.model)(
            getattr(library, self.config)(**self.sizes)
        )
        if "num_experts_per_tok" in self.sizes:
            module.set_experts_implementation("batched_mm")  # type: ignore[operator]
        return module


# --- What they are called with ----------------------------------------------------------------------


def _tokens(length: int = 7) -> Tensor:
    return torch.randint(5, 90, (2, length))


def text() -> Options:
    return {"input_ids": _tokens(), "attention_mask": torch.ones(2, 7, dtype=torch.long)}


def prompt() -> Options:
    return {"input_ids": _tokens()}


def pieces() -> Options:
    """A length that chunks of four divide."""
    return {"input_ids": _tokens(8), "use_cache": False}


def two_texts() -> Options:
    return {"input_ids": _tokens(), "decoder_input_ids": _tokens(5)}


def speech() -> Options:
    return {
        "input_features": torch.randn(2, 8, 40),
        "decoder_input_ids": _tokens(5),
        "use_cache": False,
    }


def sound() -> Options:
    return {"input_values": torch.randn(2, 400)}


def series() -> Options:
    return {"past_values": torch.randn(2, 16, 3)}


def images(size: int) -> Callable[[], Options]:
    return lambda: {"pixel_values": torch.randn(2, 3, size, size)}


def captions() -> Options:
    return {"input_ids": _tokens(), "pixel_values": torch.randn(2, 3, 16, 16)}


# --- Sizes ------------------------------------------------------------------------------------------

LAYERS = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
NARROW = {**LAYERS, "vocab_size": 99, "max_position_embeddings": 40}
PAIRS = {**NARROW, "num_key_value_heads": 2}
"""Two heads of queries for each of keys."""
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 99, "n_positions": 40}
SIDES = {
    **{f"{side}_layers": 2 for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": 4 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": 48 for side in ("encoder", "decoder")},
    "d_model": 32,
    "vocab_size": 99,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}
BART = {**SIDES, "max_position_embeddings": 40, "forced_eos_token_id": 2}
T5 = {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "vocab_size": 99,
    "decoder_start_token_id": 0,
}
PATCHES = {**LAYERS, "image_size": 16, "patch_size": 4}
DINO = {k: v for k, v in PATCHES.items() if k != "intermediate_size"}
WINDOWS = {
    "image_size": 16,
    "patch_size": 2,
    "embed_dim": 8,
    "depths": [2, 2],
    "num_heads": [2, 4],
    "window_size": 4,
}
STAGES = {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 2, 1]}
WAVES = {
    **LAYERS,
    "conv_dim": (8, 8),
    "conv_stride": (5, 2),
    "conv_kernel": (10, 3),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 4,
    "mask_time_prob": 0.0,
}
CHOSEN = {
    **PAIRS,
    "num_experts_per_tok": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
STATES = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 99, "state_size": 4}

# --- Encoders: a layer has heads, keys, values and what is hidden in it -----------------------------

# The stream goes out unless a head reads it.
ENCODERS = {
    "Bert": Case("BertModel", "BertConfig", text, 2 * 4, NARROW),
    # The stream; what the head computes is held against the embeddings, and so moves with it.
    "Bert, masked words": Case("BertForMaskedLM", "BertConfig", text, 2 * 4 + 1, NARROW),
    # The stream and the pooler.
    "Bert, classes": Case("BertForSequenceClassification", "BertConfig", text, 2 * 4 + 2, NARROW),
    "Roberta": Case("RobertaModel", "RobertaConfig", text, 2 * 4, {**NARROW, "pad_token_id": 1}),
    "DistilBert": Case(
        "DistilBertModel",
        "DistilBertConfig",
        text,
        2 * 4,
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "vocab_size": 99},
    ),
    # Embeddings of another width.
    "Electra": Case(
        "ElectraModel", "ElectraConfig", text, 2 * 4 + 1, {**NARROW, "embedding_size": 16}
    ),
    # And the stream, and a layer of the head.
    "Electra, detection": Case(
        "ElectraForPreTraining", "ElectraConfig", text, 2 * 4 + 3, {**NARROW, "embedding_size": 16}
    ),
    # One layer called twice, and embeddings of another width.
    "Albert": Case("AlbertModel", "AlbertConfig", text, 4 + 1, {**NARROW, "embedding_size": 16}),
    "Albert, masked words": Case(
        "AlbertForMaskedLM", "AlbertConfig", text, 4 + 2, {**NARROW, "embedding_size": 16}
    ),
    # Positions have keys from the same matrices as words.
    "DebertaV2": Case(
        "DebertaV2Model",
        "DebertaV2Config",
        text,
        2 * 4,
        {
            **NARROW,
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 8,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
        },
    ),
    # One table of relative positions ties the heads of both layers.
    "MPNet": Case("MPNetModel", "MPNetConfig", text, 1 + 2 * 3, NARROW),
    "XLMRoberta, tags": Case(
        "XLMRobertaForTokenClassification",
        "XLMRobertaConfig",
        text,
        2 * 4 + 1,
        {**NARROW, "pad_token_id": 1},
    ),
    # Rotated keys are pinned.
    "ModernBert": Case(
        "ModernBertForMaskedLM",
        "ModernBertConfig",
        text,
        2 * 3 + 1,
        {
            **NARROW,
            "local_attention": 4,
            "global_attn_every_n_layers": 2,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "cls_token_id": 1,
            "sep_token_id": 2,
        },
    ),
    # A Fourier transform over the stream pins it: embeddings, hidden layers, a pooler that nothing reads.
    "FNet": Case(
        "FNetForMaskedLM",
        "FNetConfig",
        lambda: {"input_ids": _tokens()},
        1 + 2 + 3,
        {k: v for k, v in NARROW.items() if k != "num_attention_heads"},
    ),
    # The stream goes out, and layers read it in four groups, which pins the heads: keys, values and what
    # is hidden, of each group of both layers.
    "SqueezeBert": Case(
        "SqueezeBertModel",
        "SqueezeBertConfig",
        text,
        2 * 4 * 3,
        {**NARROW, "embedding_size": 32},
    ),
}

# --- Decoders: the stream is free, and rotated keys are pinned --------------------------------------

DECODERS = {
    "GPT2": Case("GPT2LMHeadModel", "GPT2Config", prompt, 2 * 4 + 1, GPT),
    "GPTNeo": Case(
        "GPTNeoForCausalLM",
        "GPTNeoConfig",
        prompt,
        2 * 4 + 1,
        {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "vocab_size": 99,
            "max_position_embeddings": 40,
            "window_size": 4,
            "attention_types": [[["global", "local"], 1]],
        },
    ),
    # The keys that are not rotated.
    "GPTNeoX": Case("GPTNeoXForCausalLM", "GPTNeoXConfig", prompt, 2 * 4 + 1, NARROW),
    "GPTJ": Case("GPTJForCausalLM", "GPTJConfig", prompt, 2 * 4 + 1, {**GPT, "rotary_dim": 4}),
    # All heads have the same keys and values.
    "GPTBigCode": Case("GPTBigCodeForCausalLM", "GPTBigCodeConfig", prompt, 2 * 4 + 1, GPT),
    # Sines pin the stream.
    "CTRL": Case("CTRLLMHeadModel", "CTRLConfig", prompt, 2 * 4, {**GPT, "dff": 48}),
    "OPT": Case(
        "OPTForCausalLM",
        "OPTConfig",
        prompt,
        2 * 4 + 1,
        {**NARROW, "ffn_dim": 48, "word_embed_proj_dim": 32},
    ),
    # Embeddings of another width.
    "OPT, projected": Case(
        "OPTForCausalLM",
        "OPTConfig",
        prompt,
        2 * 4 + 2,
        {**NARROW, "ffn_dim": 48, "word_embed_proj_dim": 16, "do_layer_norm_before": False},
    ),
    # Slopes tell the heads apart: keys and values of each of four.
    "MPT": Case(
        "MptForCausalLM",
        "MptConfig",
        prompt,
        2 * (4 * 2 + 1) + 1,
        {"d_model": 32, "n_heads": 4, "n_layers": 2, "vocab_size": 99, "max_seq_len": 16},
    ),
    "Bloom": Case(
        "BloomForCausalLM",
        "BloomConfig",
        prompt,
        2 * (4 * 2 + 1) + 1,
        {"hidden_size": 32, "n_head": 4, "n_layer": 2, "vocab_size": 99},
    ),
    # Heads of queries, one of keys and values.
    "Falcon": Case("FalconForCausalLM", "FalconConfig", prompt, 2 * 3 + 1, NARROW),
    # Heads of keys and values with those of queries in them.
    "Falcon, newer": Case(
        "FalconForCausalLM",
        "FalconConfig",
        prompt,
        2 * 4 + 1,
        {**NARROW, "num_kv_heads": 2, "new_decoder_architecture": True},
    ),
    "Llama": Case("LlamaForCausalLM", "LlamaConfig", prompt, 2 * 3 + 1, NARROW),
    "Llama, fewer keys": Case(
        "LlamaForCausalLM",
        "LlamaConfig",
        prompt,
        2 * 4 + 1,
        {**PAIRS, "attention_bias": True, "tie_word_embeddings": True},
    ),
    "Mistral": Case(
        "MistralForCausalLM", "MistralConfig", prompt, 2 * 4 + 1, {**PAIRS, "sliding_window": 4}
    ),
    "Qwen2": Case("Qwen2ForCausalLM", "Qwen2Config", prompt, 2 * 4 + 1, PAIRS),
    "Qwen3": Case("Qwen3ForCausalLM", "Qwen3Config", prompt, 2 * 4 + 1, {**PAIRS, "head_dim": 8}),
    # One head of keys and values.
    "Gemma": Case(
        "GemmaForCausalLM",
        "GemmaConfig",
        prompt,
        2 * 3 + 1,
        {**NARROW, "num_key_value_heads": 1, "head_dim": 8},
    ),
    "Gemma2": Case(
        "Gemma2ForCausalLM",
        "Gemma2Config",
        prompt,
        2 * 4 + 1,
        {**PAIRS, "head_dim": 8, "sliding_window": 4},
    ),
    # The keys that are not rotated.
    "Phi": Case(
        "PhiForCausalLM", "PhiConfig", prompt, 2 * 4 + 1, {**NARROW, "partial_rotary_factor": 0.5}
    ),
    "Phi3": Case("Phi3ForCausalLM", "Phi3Config", prompt, 2 * 4 + 1, {**PAIRS, "pad_token_id": 0}),
    "StableLm": Case("StableLmForCausalLM", "StableLmConfig", prompt, 2 * 5 + 1, PAIRS),
    "Persimmon": Case("PersimmonForCausalLM", "PersimmonConfig", prompt, 2 * 4 + 1, NARROW),
    "Cohere": Case("CohereForCausalLM", "CohereConfig", prompt, 2 * 4 + 1, PAIRS),
    "Olmo": Case("OlmoForCausalLM", "OlmoConfig", prompt, 2 * 3 + 1, NARROW),
    "Olmo2": Case(
        "Olmo2ForCausalLM", "Olmo2Config", prompt, 2 * 4 + 1, {**PAIRS, "pad_token_id": 0}
    ),
    "Starcoder2": Case("Starcoder2ForCausalLM", "Starcoder2Config", prompt, 2 * 4 + 1, PAIRS),
}

# --- Encoders with decoders: the last state of the encoder goes out ---------------------------------

BOTH = {
    # Relative positions tie the heads of one side; those of attention across are free in either layer.
    "T5": Case(
        "T5ForConditionalGeneration",
        "T5Config",
        two_texts,
        (1 + 2 * 3) + (1 + 2 * 3) + 2 * 3,
        T5,
    ),
    "T5, gated": Case(
        "T5ForConditionalGeneration",
        "T5Config",
        two_texts,
        (1 + 2 * 3) + (1 + 2 * 3) + 2 * 3,
        {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    # One table of words for both sides pins both streams.
    "Bart": Case("BartForConditionalGeneration", "BartConfig", two_texts, 2 * 4 + 2 * 7, BART),
    "MBart": Case("MBartForConditionalGeneration", "MBartConfig", two_texts, 2 * 4 + 2 * 7, BART),
    "Pegasus": Case(
        "PegasusForConditionalGeneration", "PegasusConfig", two_texts, 2 * 4 + 2 * 7, BART
    ),
    "Marian": Case("MarianMTModel", "MarianConfig", two_texts, 2 * 4 + 2 * 7, BART),
    # The first convolution and the decoder's stream.
    "Whisper": Case(
        "WhisperForConditionalGeneration",
        "WhisperConfig",
        speech,
        2 * 4 + 2 * 7 + 2,
        {
            **SIDES,
            "num_mel_bins": 8,
            "max_source_positions": 20,
            "max_target_positions": 20,
        },
    ),
}

# --- Vision, sound, time ----------------------------------------------------------------------------

VISION = {
    "ViT": Case("ViTForImageClassification", "ViTConfig", images(16), 2 * 4 + 1, PATCHES),
    "DeiT": Case("DeiTForImageClassification", "DeiTConfig", images(16), 2 * 4 + 1, PATCHES),
    "Beit": Case(
        "BeitForImageClassification",
        "BeitConfig",
        images(16),
        2 * 4 + 1,
        {**PATCHES, "use_relative_position_bias": True, "layer_scale_init_value": 0.1},
    ),
    # And a token that stands for patches only in training: nothing reads it.
    "DINOv2": Case("Dinov2ForImageClassification", "Dinov2Config", images(16), 2 * 4 + 1 + 1, DINO),
    # The stream goes out.
    "DINOv2, gated": Case(
        "Dinov2Model", "Dinov2Config", images(16), 2 * 4 + 1, {**DINO, "use_swiglu_ffn": True}
    ),
    # A stream in either stage.
    "Swin": Case("SwinForImageClassification", "SwinConfig", images(16), 4 * 4 + 2, WINDOWS),
    # In each of four blocks a network from relative positions to the bias of each head.
    "Swinv2": Case("Swinv2ForImageClassification", "Swinv2Config", images(16), 4 * 5 + 2, WINDOWS),
    # Four streams and five blocks.
    "ConvNext": Case("ConvNextForImageClassification", "ConvNextConfig", images(32), 4 + 5, STAGES),
    "ConvNextV2": Case(
        "ConvNextV2ForImageClassification", "ConvNextV2Config", images(32), 4 + 5, STAGES
    ),
    "PoolFormer": Case(
        "PoolFormerForImageClassification", "PoolFormerConfig", images(32), 4 + 5, STAGES
    ),
    # The stem, a stream in either stage, two convolutions inside each of four blocks.
    "ResNet, bottlenecks": Case(
        "ResNetForImageClassification",
        "ResNetConfig",
        images(32),
        1 + 2 + 4 * 2,
        {"embedding_size": 8, "hidden_sizes": [16, 24], "depths": [2, 2]},
    ),
    # The stem is the first stage's stream.
    "ResNet, basic": Case(
        "ResNetForImageClassification",
        "ResNetConfig",
        images(32),
        2 + 4,
        {
            "embedding_size": 8,
            "hidden_sizes": [8, 16],
            "depths": [2, 2],
            "layer_type": "basic",
        },
    ),
    # Groups and what comes into and out of each, and what is squeezed, in each of four blocks.
    "RegNet": Case(
        "RegNetForImageClassification",
        "RegNetConfig",
        images(32),
        1 + 2 + 4 * 4,
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [2, 2], "groups_width": 4},
    ),
    # Groups of the norms, and members in each: the stem, in either stage the stream and two inside.
    "BiT": Case(
        "BitForImageClassification",
        "BitConfig",
        images(32),
        2 * (1 + 2 * 3),
        {"embedding_size": 8, "hidden_sizes": [32, 64], "depths": [1, 1], "num_groups": 4},
    ),
    # The stem and what thirteen convolutions of single positions put out.
    "MobileNetV1": Case(
        "MobileNetV1ForImageClassification",
        "MobileNetV1Config",
        images(32),
        1 + 13,
        {"depth_multiplier": 0.25, "image_size": 32},
    ),
    # Two in the stem, sixteen expansions, six streams, what is read at the end.
    "MobileNetV2": Case(
        "MobileNetV2ForImageClassification",
        "MobileNetV2Config",
        images(32),
        2 + 16 + 6 + 1,
        {"depth_multiplier": 0.1, "depth_divisible_by": 4, "min_depth": 4, "image_size": 32},
    ),
    # Stem and top; six of seven blocks expand, six squeeze to more than one channel, all project.
    "EfficientNet": Case(
        "EfficientNetForImageClassification",
        "EfficientNetConfig",
        images(32),
        2 + 6 + 6 + 7,
        {
            "width_coefficient": 0.25,
            "depth_coefficient": 0.2,
            "image_size": 32,
            "hidden_dim": 320,
            "depth_divisor": 4,
        },
    ),
    # Streams, keys, values, what is hidden; heads except in the first stage, where there is one; what the
    # keys are read from except in the last, where it is the stream; the decoder's four and their fusion.
    "Segformer": Case(
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        images(64),
        4 * 4 + 3 + 3 + 4 + 1,
        {
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 12, 16, 16],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 24,
        },
    ),
    # Both states and both projections go out.
    "Clip": Case(
        "CLIPModel",
        "CLIPConfig",
        captions,
        2 * 2 * 4,
        {
            "text_config": {**NARROW, "projection_dim": 16, "eos_token_id": 98},
            "vision_config": {**PATCHES, "projection_dim": 16},
            "projection_dim": 16,
        },
    ),
    # And a layer of attention in which a parameter asks.
    "Siglip": Case(
        "SiglipModel",
        "SiglipConfig",
        captions,
        2 * 2 * 4 + 4,
        {
            "text_config": {**NARROW, "max_position_embeddings": 7},
            "vision_config": {**PATCHES},
        },
    ),
}

SOUND_AND_TIME = {
    # Two convolutions; the stream is a grid of the groups that its positions are read in and their members.
    "Wav2Vec2": Case(
        "Wav2Vec2ForCTC", "Wav2Vec2Config", sound, 2 + 2 + 2 * 4, {**WAVES, "vocab_size": 20}
    ),
    # The stream goes out.
    "Hubert": Case("HubertModel", "HubertConfig", sound, 2 + 2 * 4, WAVES),
    "PatchTST": Case(
        "PatchTSTForPrediction",
        "PatchTSTConfig",
        series,
        2 * 4 + 1,
        {
            "num_input_channels": 3,
            "context_length": 16,
            "patch_length": 4,
            "patch_stride": 4,
            "prediction_length": 4,
            "d_model": 16,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "ffn_dim": 24,
        },
    ),
}

# --- Experts and states -----------------------------------------------------------------------------

# Attention has heads, queries in them and values; experts, and what is hidden in each.
EXPERTS = {
    "Mixtral": Case(
        "MixtralForCausalLM",
        "MixtralConfig",
        prompt,
        2 * (3 + 2) + 1,
        {**CHOSEN, "num_local_experts": 4},
    ),
    # An expert for all tokens.
    "Qwen2Moe": Case(
        "Qwen2MoeForCausalLM",
        "Qwen2MoeConfig",
        prompt,
        2 * (3 + 2 + 1) + 1,
        {
            **CHOSEN,
            "num_experts": 4,
            "moe_intermediate_size": 24,
            "shared_expert_intermediate_size": 40,
        },
    ),
    "Olmoe": Case(
        "OlmoeForCausalLM", "OlmoeConfig", prompt, 2 * (3 + 2) + 1, {**CHOSEN, "num_experts": 4}
    ),
    "Phimoe": Case(
        "PhimoeForCausalLM",
        "PhimoeConfig",
        prompt,
        2 * (3 + 2) + 1,
        {**CHOSEN, "num_local_experts": 4},
    ),
    "GptOss": Case(
        "GptOssForCausalLM",
        "GptOssConfig",
        prompt,
        2 * (3 + 2) + 1,
        {**CHOSEN, "head_dim": 8, "num_local_experts": 4, "sliding_window": 4},
    ),
    # Queries and keys through a narrow layer each, heads, keys that are not rotated, values; a layer
    # without experts, and one with an expert for all tokens, experts in groups and what is hidden there.
    "DeepseekV3": Case(
        "DeepseekV3ForCausalLM",
        "DeepseekV3Config",
        prompt,
        2 * 5 + 1 + 1 + 3 + 1,
        {
            **CHOSEN,
            "num_key_value_heads": 4,
            "moe_intermediate_size": 24,
            "n_routed_experts": 4,
            "n_group": 2,
            "topk_group": 1,
            "q_lora_rank": 12,
            "kv_lora_rank": 14,
            "qk_nope_head_dim": 8,
            "qk_rope_head_dim": 4,
            "v_head_dim": 6,
            "first_k_dense_replace": 1,
        },
    ),
}

# The stream is free; a layer has channels, states, the rank of its steps.
RECURRENT = {
    "Mamba": Case("MambaForCausalLM", "MambaConfig", prompt, 2 * 3 + 1, STATES),
    "FalconMamba": Case("FalconMambaForCausalLM", "FalconMambaConfig", prompt, 2 * 3 + 1, STATES),
    # Groups, heads in them, channels in those, states in a group.
    "Mamba2": Case(
        "Mamba2ForCausalLM",
        "Mamba2Config",
        prompt,
        2 * 4 + 1,
        {**STATES, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 4},
    ),
    # Channels of attention, and what is hidden.
    "Rwkv": Case(
        "RwkvForCausalLM",
        "RwkvConfig",
        prompt,
        2 * 2 + 1,
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "attention_hidden_size": 24,
            "intermediate_size": 48,
            "vocab_size": 99,
            "context_length": 32,
        },
    ),
    # Heads, keys, values, what is hidden.
    "xLSTM": Case(
        "xLSTMForCausalLM",
        "xLSTMConfig",
        pieces,
        2 * 4 + 1,
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_blocks": 2,
            "num_heads": 4,
            "vocab_size": 99,
            "chunkwise_kernel": "chunkwise--native_autograd",
            "sequence_kernel": "native_sequence__native",
            "step_kernel": "native",
            "mode": "train",
            "chunk_size": 4,
        },
    ),
    # Two layers of recurrence with heads and their members, one of attention with heads of queries, values
    # and keys that are not rotated; three times what is hidden.
    "RecurrentGemma": Case(
        "RecurrentGemmaForCausalLM",
        "RecurrentGemmaConfig",
        prompt,
        2 * 2 + 3 + 3 + 1,
        {
            **NARROW,
            "num_hidden_layers": 3,
            "num_key_value_heads": 1,
            "lru_width": 32,
            "attention_window_size": 8,
        },
    ),
    # A layer of states with heads, channels in them and states, one of attention with heads, queries,
    # keys that are not rotated and values; twice what is hidden.
    "Bamba": Case(
        "BambaForCausalLM",
        "BambaConfig",
        prompt,
        3 + 4 + 2 + 1,
        {
            **PAIRS,
            "attn_layer_indices": [1],
            "mamba_n_heads": 8,
            "mamba_d_head": 8,
            "mamba_n_groups": 1,
            "mamba_d_state": 4,
            "mamba_chunk_size": 4,
        },
    ),
}

CASES = {
    **ENCODERS,
    **DECODERS,
    **BOTH,
    **VISION,
    **SOUND_AND_TIME,
    **EXPERTS,
    **RECURRENT,
}

PARTS_AND_HEADS = "heads of queries stand beside one of keys and one of values"

LESS: dict[str, tuple[int, str]] = {
    "DeepseekV3": (14, "the scores of experts in groups that are masked are equal"),
    "Phimoe": (9, "the scores of experts that are masked are equal"),
    "Falcon": (3, PARTS_AND_HEADS),
    "Falcon, newer": (5, PARTS_AND_HEADS),
}
"""Models of which less is found than they have: how much, and why."""

# --- Tests ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Model:
    """A module, what its forward is called with, and its number of free groups stated by hand."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    options: Options
    free: int


def _model(name: str) -> Model:
    torch.manual_seed(0)
    if name in NETWORKS:
        network = NETWORKS[name]
        return Model(network.make(), network.inputs(), {}, network.free)
    case = CASES[name]
    return Model(case.make(), (), case.options(), case.free)


def _entries(space: Collection) -> list[str]:
    return [each.name for each in space.stored] or [name for name, _ in space.tensors]


def test_no_two_models_have_one_name() -> None:
    assert not NETWORKS.keys() & CASES.keys()


@pytest.mark.parametrize("name", [*NETWORKS, *CASES])
def test_the_symmetry_of_a_model(name: str) -> None:
    """As many free groups as by hand, none of which changes the function; no operation is unknown."""
    model = _model(name)
    model.module.eval()
    weights = infer(model.module, model.inputs, model.options, "Net")
    space = weights.space
    finding = verify(space, model.module, model.inputs, model.options)
    assert finding.wrong == ()
    assert finding.deviation < 1e-8
    assert [pin for _, pin in weights.pins if "no rule" in pin.reason] == []
    floating = [n for n, each in model.module.state_dict().items() if each.is_floating_point()]
    assert _entries(space) == floating
    free = {axis.name for axis in axes_of(space) if not axis.pinned and axis.size > 1}
    found, _ = LESS.get(name, (model.free, ""))
    assert len(free) == found <= model.free


def test_a_loop_over_chosen_experts_is_refused_in_one_sentence() -> None:
    """Which experts are called depends on the data; export says so."""
    module = CASES["Mixtral"].make().eval()
    module.set_experts_implementation("eager")  # type: ignore[operator]
    with pytest.raises(SpecError) as caught:
        infer(module, (), prompt(), "Net")
    assert str(caught.value).startswith("torch.export cannot capture this model: Could not guard")
    assert "\n" not in str(caught.value)
