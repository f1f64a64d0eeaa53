"""Classifier, Accuracy: generated from digits.spec. DO NOT EDIT.

specc 0.1.0, source sha256 4cfc710622a4807e.
"""

from __future__ import annotations

import torch
from specc_runtime import (
    Codes,
    Equivariant,
    Mix,
    Model,
    Part,
    PerTensor,
    check_inputs,
    fused_if_small,
    init_mix_,
    mix_spread,
    with_means,
)
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Accuracy", "Classifier"]


class Classifier(Model):
    """(image: [; 64]) -> [; 10]"""

    inputs = {"image": "batch 64"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.fc1 = nn.Linear(64, 32, **factory)
        self.fc2 = nn.Linear(32, 10, **factory)

    def forward(self, image: Tensor) -> Tensor:
        check_inputs(self, self.inputs, image=image)
        fc1 = self.fc1(image)  # (batch, 32)
        fc2 = self.fc2(F.relu(fc1))  # (batch, 10)
        return fc2


class Accuracy(Model):
    """(w: weights(Classifier)) -> [; 1]

    Commutes with S(32) on fc1.
    """

    inputs = {
        "w": {
            "fc1.weight": "batch fc1 64",
            "fc1.bias": "batch fc1",
            "fc2.weight": "batch 10 fc1",
            "fc2.bias": "batch 10",
        }
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.z = nn.ModuleDict(
            {
                "linear": PerTensor(
                    {
                        "fc1.weight": nn.Linear(1, 32, **factory),
                        "fc1.bias": nn.Linear(1, 32, **factory),
                        "fc2.weight": nn.Linear(1, 32, **factory),
                        "fc2.bias": nn.Linear(1, 32, **factory),
                    }
                ),
                "coded": PerTensor(
                    {
                        "fc1.weight": Codes({"image": (2, 64, 32)}, **factory),
                        "fc2.weight": Codes({"fc2": (1, 10, 32)}, **factory),
                        "fc2.bias": Codes({"fc2": (1, 10, 32)}, **factory),
                    }
                ),
            }
        )
        self.z_2 = AccuracyZ2(**factory)
        self.z_3 = nn.ModuleList([AccuracyZ2(**factory) for _ in range(2)])
        self.invariant = AccuracyInvariant(**factory)
        self.mlp = nn.Sequential(
            nn.Linear(64, 64, **factory), nn.ReLU(), nn.Linear(64, 1, **factory)
        )

    def forward(self, w: dict[str, Tensor]) -> Tensor:
        check_inputs(self, self.inputs, w=w)
        w = {key: w[key].unsqueeze(-1) for key in self.inputs["w"]}
        z = self.z["coded"](self.z["linear"](w))
        z = self.z_2(z)
        for layer in self.z_3:
            z = layer({name: F.relu(value) for name, value in z.items()})
        pointwise = F.relu(self.invariant({name: F.relu(value) for name, value in z.items()}))
        return self.mlp(pointwise)


class AccuracyZ2(Equivariant):
    """weights(Classifier; 32) -> weights(Classifier; 32)

    Commutes with S(32) on fc1, S(64) on image, S(10) on fc2.
    32 maps and 4 biases for each pair of channels, from 12 pools and 12 spreads in 6 products.
    """

    inputs = {
        "fc1.weight": "batch fc1 image 32",
        "fc1.bias": "batch fc1 32",
        "fc2.weight": "batch fc2 fc1 32",
        "fc2.bias": "batch fc2 32",
    }
    outputs = {
        "fc1.weight": "batch fc1 image 32",
        "fc1.bias": "batch fc1 32",
        "fc2.weight": "batch fc2 fc1 32",
        "fc2.bias": "batch fc2 32",
    }
    sizes = {"fc1": 32, "image": 64, "fc2": 10}
    columns = {
        "mix_fc1_image": [Part("fc1.weight[a,b]", 32)],
        "mix_fc1_fc2": [Part("fc2.weight[b,a]", 32)],
        "mix_fc1": [
            Part("fc1.weight[a,i]", 32),
            Part("fc1.bias[a]", 32),
            Part("fc2.weight[i,a]", 32),
        ],
        "mix_image": [Part("fc1.weight[i,a]", 32)],
        "mix_fc2": [Part("fc2.weight[a,i]", 32), Part("fc2.bias[a]", 32)],
        "mix_scalar": [
            Part("fc1.weight[i,j]", 32),
            Part("fc1.bias[i]", 32),
            Part("fc2.weight[i,j]", 32),
            Part("fc2.bias[i]", 32),
        ],
    }
    rows = {
        "mix_fc1_image": [Part("fc1.weight[a,b]", 32)],
        "mix_fc1_fc2": [Part("fc2.weight[b,a]", 32)],
        "mix_fc1": [
            Part("fc1.weight[a,p]", 32),
            Part("fc1.bias[a]", 32),
            Part("fc2.weight[p,a]", 32),
        ],
        "mix_image": [Part("fc1.weight[p,a]", 32)],
        "mix_fc2": [Part("fc2.weight[a,p]", 32), Part("fc2.bias[a]", 32)],
        "mix_scalar": [
            Part("fc1.weight[p,q]", 32),
            Part("fc1.bias[p]", 32),
            Part("fc2.weight[p,q]", 32),
            Part("fc2.bias[p]", 32),
        ],
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_fc1_image = Mix(32, 32, bias=False, **factory)
        self.mix_fc1_fc2 = Mix(32, 32, bias=False, **factory)
        self.mix_fc1 = Mix(96, 96, bias=False, **factory)
        self.mix_image = Mix(32, 32, bias=False, **factory)
        self.mix_fc2 = Mix(64, 64, bias=False, **factory)
        self.mix_scalar = Mix(128, 128, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_fc1_image.weight, [(32, 288)])
        init_mix_(self.mix_fc1_fc2.weight, [(32, 320)])
        init_mix_(self.mix_fc1.weight, [(32, 288), (32, 224), (32, 320)])
        init_mix_(self.mix_image.weight, [(32, 288)])
        init_mix_(self.mix_fc2.weight, [(32, 320), (32, 192)])
        init_mix_(self.mix_scalar.weight, [(32, 288), (32, 224), (32, 320), (32, 192)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        # pool
        fc1_weight = x["fc1.weight"]  # (batch, fc1, image, 32)
        fc1_weight, fc1_weight_fc1, fc1_weight_image = with_means(fc1_weight, 2, 1)
        fc1_weight_mean = fc1_weight_fc1.mean(1)  # (batch, 32)
        fc1_bias = x["fc1.bias"]  # (batch, fc1, 32)
        fc1_bias_mean = fc1_bias.mean(1)  # (batch, 32)
        fc2_weight = x["fc2.weight"]  # (batch, fc2, fc1, 32)
        fc2_weight, fc2_weight_fc2, fc2_weight_fc1 = with_means(fc2_weight, 2, 1)
        fc2_weight_mean = fc2_weight_fc2.mean(1)  # (batch, 32)
        fc2_bias = x["fc2.bias"]  # (batch, fc2, 32)
        fc2_bias_mean = fc2_bias.mean(1)  # (batch, 32)
        # mix
        fc1_level = self.mix_fc1(torch.cat([fc1_weight_fc1, fc1_bias, fc2_weight_fc1], -1))
        to_fc1_weight_fc1, to_fc1_bias, to_fc2_weight_fc1 = fc1_level.split(32, -1)
        to_fc1_weight_image = self.mix_image(fc1_weight_image)  # (batch, image, 32)
        fc2_level = self.mix_fc2(torch.cat([fc2_weight_fc2, fc2_bias], -1))  # (batch, fc2, 64)
        to_fc2_weight_fc2, to_fc2_bias = fc2_level.split(32, -1)
        scalar_level = self.mix_scalar(
            torch.cat([fc1_weight_mean, fc1_bias_mean, fc2_weight_mean, fc2_bias_mean], -1)
        )
        (
            to_fc1_weight_all,
            to_fc1_bias_all,
            to_fc2_weight_all,
            to_fc2_bias_all,
        ) = scalar_level.split(32, -1)
        # spread
        to_fc1_weight_fc1 = to_fc1_weight_fc1 + to_fc1_weight_all[:, None]  # (batch, fc1, 32)
        to_fc1_weight = mix_spread(
            fc1_weight,
            self.mix_fc1_image.weight,
            to_fc1_weight_fc1[:, :, None],
            to_fc1_weight_image[:, None],
        )
        to_fc1_bias = to_fc1_bias + to_fc1_bias_all[:, None]  # (batch, fc1, 32)
        to_fc2_weight_fc2 = to_fc2_weight_fc2 + to_fc2_weight_all[:, None]  # (batch, fc2, 32)
        to_fc2_weight = mix_spread(
            fc2_weight,
            self.mix_fc1_fc2.weight,
            to_fc2_weight_fc2[:, :, None],
            to_fc2_weight_fc1[:, None],
        )
        to_fc2_bias = to_fc2_bias + to_fc2_bias_all[:, None]  # (batch, fc2, 32)
        return {
            "fc1.weight": to_fc1_weight,
            "fc1.bias": to_fc1_bias,
            "fc2.weight": to_fc2_weight,
            "fc2.bias": to_fc2_bias,
        }


class AccuracyInvariant(Equivariant):
    """weights(Classifier; 32) -> [; 64]

    Commutes with S(32) on fc1, S(64) on image, S(10) on fc2.
    4 maps and 1 bias for each pair of channels, from 4 pools and 1 spread in 1 product.
    """

    inputs = {
        "fc1.weight": "batch fc1 image 32",
        "fc1.bias": "batch fc1 32",
        "fc2.weight": "batch fc2 fc1 32",
        "fc2.bias": "batch fc2 32",
    }
    outputs = {"": "batch 64"}
    sizes = {"fc1": 32, "image": 64, "fc2": 10}
    columns = {
        "mix_scalar": [
            Part("fc1.weight[i,j]", 32),
            Part("fc1.bias[i]", 32),
            Part("fc2.weight[i,j]", 32),
            Part("fc2.bias[i]", 32),
        ]
    }
    rows = {"mix_scalar": [Part("y[]", 64)]}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_scalar = Mix(128, 64, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_scalar.weight, [(64, 128)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: dict[str, Tensor]) -> Tensor:
        # pool
        fc1_weight = x["fc1.weight"]  # (batch, fc1, image, 32)
        fc1_weight_fc1 = fc1_weight.mean(2)  # (batch, fc1, 32)
        fc1_weight_mean = fc1_weight_fc1.mean(1)  # (batch, 32)
        fc1_bias = x["fc1.bias"]  # (batch, fc1, 32)
        fc1_bias_mean = fc1_bias.mean(1)  # (batch, 32)
        fc2_weight = x["fc2.weight"]  # (batch, fc2, fc1, 32)
        fc2_weight_fc2 = fc2_weight.mean(2)  # (batch, fc2, 32)
        fc2_weight_mean = fc2_weight_fc2.mean(1)  # (batch, 32)
        fc2_bias = x["fc2.bias"]  # (batch, fc2, 32)
        fc2_bias_mean = fc2_bias.mean(1)  # (batch, 32)
        # mix
        y = self.mix_scalar(
            torch.cat([fc1_weight_mean, fc1_bias_mean, fc2_weight_mean, fc2_bias_mean], -1)
        )
        return y
