"""Siren, Edit, Digit: generated from implicit.spec. DO NOT EDIT.

specc 0.1.0, source sha256 6bb8fa842c391c3e.
"""

from __future__ import annotations

import torch
from specc_runtime import (
    Activation,
    Equivariant,
    Mix,
    Model,
    Part,
    as_is,
    check_inputs,
    fused_if_small,
    init_mix_,
    mix_spread,
    with_means,
)
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Digit", "Edit", "Siren"]


class Siren(Model):
    """(xy: [; 2]) -> [; 1]"""

    inputs = {"xy": "batch 2"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.h = nn.Linear(2, 32, **factory)
        self.h_2 = nn.ModuleList([nn.Linear(32, 32, **factory) for _ in range(1)])
        self.linear = nn.Linear(32, 1, **factory)

    def forward(self, xy: Tensor) -> Tensor:
        check_inputs(self, self.inputs, xy=xy)
        h = torch.sin(30 * self.h(xy))  # (batch, 32)
        h = torch.sin(30 * self.h_2[0](h))  # (batch, 32)
        return self.linear(h)


class Edit(Model):
    """(w: weights(Siren)) -> weights(Siren)

    Commutes with S(32) on h, S(32) on h_2_0.
    """

    inputs = {
        "w": {
            "h.weight": "batch h 2",
            "h.bias": "batch h",
            "h_2.0.weight": "batch h_2_0 h",
            "h_2.0.bias": "batch h_2_0",
            "linear.weight": "batch 1 h_2_0",
            "linear.bias": "batch 1",
        }
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.z = EditZ(**factory)
        self.z_2 = EditZ2(**factory)
        self.equivariant = EditEquivariant(**factory)

    def forward(self, w: dict[str, Tensor]) -> dict[str, Tensor]:
        check_inputs(self, self.inputs, w=w)
        w = {key: w[key].unsqueeze(-1) for key in self.inputs["w"]}
        z = self.z(w, activation=F.relu)
        z = self.z_2(z, activation=F.relu)
        equivariant = self.equivariant(z)
        result = {name: w[name] + 0.01 * equivariant[name] for name in w}
        return {key: value.squeeze(-1) for key, value in result.items()}


class Digit(Model):
    """(w: weights(Siren)) -> [; 10]

    Commutes with S(32) on h, S(32) on h_2_0.
    """

    inputs = {
        "w": {
            "h.weight": "batch h 2",
            "h.bias": "batch h",
            "h_2.0.weight": "batch h_2_0 h",
            "h_2.0.bias": "batch h_2_0",
            "linear.weight": "batch 1 h_2_0",
            "linear.bias": "batch 1",
        }
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.z = EditZ(**factory)
        self.z_2 = EditZ2(**factory)
        self.invariant = DigitInvariant(**factory)
        self.mlp = nn.Sequential(
            nn.Linear(128, 128, **factory), nn.ReLU(), nn.Linear(128, 10, **factory)
        )

    def forward(self, w: dict[str, Tensor]) -> Tensor:
        check_inputs(self, self.inputs, w=w)
        w = {key: w[key].unsqueeze(-1) for key in self.inputs["w"]}
        z = self.z(w, activation=F.relu)
        z = self.z_2(z, activation=F.relu)
        return self.mlp(F.relu(self.invariant(z)))


class EditZ(Equivariant):
    """weights(Siren) -> weights(Siren; 64)

    Commutes with S(32) on h, S(32) on h_2_0.
    75 maps and 7 biases for each pair of channels, from 13 pools and 13 spreads in 4 products.
    """

    inputs = {
        "h.weight": "batch h 2 1",
        "h.bias": "batch h 1",
        "h_2.0.weight": "batch h_2_0 h 1",
        "h_2.0.bias": "batch h_2_0 1",
        "linear.weight": "batch 1 h_2_0 1",
        "linear.bias": "batch 1 1",
    }
    outputs = {
        "h.weight": "batch h 2 64",
        "h.bias": "batch h 64",
        "h_2.0.weight": "batch h_2_0 h 64",
        "h_2.0.bias": "batch h_2_0 64",
        "linear.weight": "batch 1 h_2_0 64",
        "linear.bias": "batch 1 64",
    }
    sizes = {"h": 32, "h_2_0": 32}
    columns = {
        "mix_h_h_2_0": [Part("h_2.0.weight[b,a]", 1)],
        "mix_h": [
            Part("h.weight[a,{}]", 1, (2,)),
            Part("h.bias[a]", 1),
            Part("h_2.0.weight[i,a]", 1),
        ],
        "mix_h_2_0": [
            Part("h_2.0.weight[a,i]", 1),
            Part("h_2.0.bias[a]", 1),
            Part("linear.weight[{},a]", 1, (1,)),
        ],
        "mix_scalar": [
            Part("h.weight[i,{}]", 1, (2,)),
            Part("h.bias[i]", 1),
            Part("h_2.0.weight[i,j]", 1),
            Part("h_2.0.bias[i]", 1),
            Part("linear.weight[{},i]", 1, (1,)),
            Part("linear.bias[{}]", 1, (1,)),
        ],
    }
    rows = {
        "mix_h_h_2_0": [Part("h_2.0.weight[b,a]", 64)],
        "mix_h": [
            Part("h.weight[a,{}]", 64, (2,)),
            Part("h.bias[a]", 64),
            Part("h_2.0.weight[p,a]", 64),
        ],
        "mix_h_2_0": [
            Part("h_2.0.weight[a,p]", 64),
            Part("h_2.0.bias[a]", 64),
            Part("linear.weight[{},a]", 64, (1,)),
        ],
        "mix_scalar": [
            Part("h.weight[p,{}]", 64, (2,)),
            Part("h.bias[p]", 64),
            Part("h_2.0.weight[p,q]", 64),
            Part("h_2.0.bias[p]", 64),
            Part("linear.weight[{},p]", 64, (1,)),
            Part("linear.bias[{}]", 64, (1,)),
        ],
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_h_h_2_0 = Mix(1, 64, bias=False, **factory)
        self.mix_h = Mix(4, 256, bias=False, **factory)
        self.mix_h_2_0 = Mix(3, 192, bias=False, **factory)
        self.mix_scalar = Mix(7, 448, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_h_h_2_0.weight, [(64, 15)])
        init_mix_(self.mix_h.weight, [(128, 11), (64, 11), (64, 15)])
        init_mix_(self.mix_h_2_0.weight, [(64, 15), (64, 10), (64, 10)])
        init_mix_(
            self.mix_scalar.weight, [(128, 11), (64, 11), (64, 15), (64, 10), (64, 10), (64, 7)]
        )
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: dict[str, Tensor], activation: Activation = as_is) -> dict[str, Tensor]:
        # pool
        h_weight = x["h.weight"].flatten(-2)  # (batch, h, 2)
        h_weight_mean = h_weight.mean(1)  # (batch, 2)
        h_bias = x["h.bias"]  # (batch, h, 1)
        h_bias_mean = h_bias.mean(1)  # (batch, 1)
        h_2_0_weight = x["h_2.0.weight"]  # (batch, h_2_0, h, 1)
        h_2_0_weight, h_2_0_weight_h_2_0, h_2_0_weight_h = with_means(h_2_0_weight, 2, 1)
        h_2_0_weight_mean = h_2_0_weight_h_2_0.mean(1)  # (batch, 1)
        h_2_0_bias = x["h_2.0.bias"]  # (batch, h_2_0, 1)
        h_2_0_bias_mean = h_2_0_bias.mean(1)  # (batch, 1)
        linear_weight = x["linear.weight"].transpose(1, 2).flatten(-2)  # (batch, h_2_0, 1)
        linear_weight_mean = linear_weight.mean(1)  # (batch, 1)
        linear_bias = x["linear.bias"].flatten(-2)  # (batch, 1)
        # mix
        h_level = self.mix_h(torch.cat([h_weight, h_bias, h_2_0_weight_h], -1))  # (batch, h, 256)
        to_h_weight, to_h_bias, to_h_2_0_weight_h = h_level.split([128, 64, 64], -1)
        h_2_0_level = self.mix_h_2_0(torch.cat([h_2_0_weight_h_2_0, h_2_0_bias, linear_weight], -1))
        to_h_2_0_weight_h_2_0, to_h_2_0_bias, to_linear_weight = h_2_0_level.split(64, -1)
        scalar_level = self.mix_scalar(
            torch.cat(
                [
                    h_weight_mean,
                    h_bias_mean,
                    h_2_0_weight_mean,
                    h_2_0_bias_mean,
                    linear_weight_mean,
                    linear_bias,
                ],
                -1,
            )
        )
        (
            to_h_weight_all,
            to_h_bias_all,
            to_h_2_0_weight_all,
            to_h_2_0_bias_all,
            to_linear_weight_all,
            to_linear_bias,
        ) = scalar_level.split([128, 64, 64, 64, 64, 64], -1)
        # spread
        to_h_weight = to_h_weight + to_h_weight_all[:, None]  # (batch, h, 128)
        to_h_weight = to_h_weight.unflatten(-1, (2, 64))  # (batch, h, 2, 64)
        to_h_bias = to_h_bias + to_h_bias_all[:, None]  # (batch, h, 64)
        to_h_2_0_weight_h_2_0 = to_h_2_0_weight_h_2_0 + to_h_2_0_weight_all[:, None]
        to_h_2_0_weight = mix_spread(
            h_2_0_weight,
            self.mix_h_h_2_0.weight,
            to_h_2_0_weight_h_2_0[:, :, None],
            to_h_2_0_weight_h[:, None],
            activation=activation,
            means=(2, 1),
        )
        to_h_2_0_bias = to_h_2_0_bias + to_h_2_0_bias_all[:, None]  # (batch, h_2_0, 64)
        to_linear_weight = to_linear_weight + to_linear_weight_all[:, None]  # (batch, h_2_0, 64)
        to_linear_weight = to_linear_weight.unflatten(-1, (1, 64)).transpose(1, 2)
        to_linear_bias = to_linear_bias.unflatten(-1, (1, 64))  # (batch, 1, 64)
        return {
            "h.weight": activation(to_h_weight),
            "h.bias": activation(to_h_bias),
            "h_2.0.weight": to_h_2_0_weight,
            "h_2.0.bias": activation(to_h_2_0_bias),
            "linear.weight": activation(to_linear_weight),
            "linear.bias": activation(to_linear_bias),
        }


class EditZ2(Equivariant):
    """weights(Siren; 64) -> weights(Siren; 64)

    Commutes with S(32) on h, S(32) on h_2_0.
    75 maps and 7 biases for each pair of channels, from 13 pools and 13 spreads in 4 products.
    """

    inputs = {
        "h.weight": "batch h 2 64",
        "h.bias": "batch h 64",
        "h_2.0.weight": "batch h_2_0 h 64",
        "h_2.0.bias": "batch h_2_0 64",
        "linear.weight": "batch 1 h_2_0 64",
        "linear.bias": "batch 1 64",
    }
    outputs = {
        "h.weight": "batch h 2 64",
        "h.bias": "batch h 64",
        "h_2.0.weight": "batch h_2_0 h 64",
        "h_2.0.bias": "batch h_2_0 64",
        "linear.weight": "batch 1 h_2_0 64",
        "linear.bias": "batch 1 64",
    }
    sizes = {"h": 32, "h_2_0": 32}
    columns = {
        "mix_h_h_2_0": [Part("h_2.0.weight[b,a]", 64)],
        "mix_h": [
            Part("h.weight[a,{}]", 64, (2,)),
            Part("h.bias[a]", 64),
            Part("h_2.0.weight[i,a]", 64),
        ],
        "mix_h_2_0": [
            Part("h_2.0.weight[a,i]", 64),
            Part("h_2.0.bias[a]", 64),
            Part("linear.weight[{},a]", 64, (1,)),
        ],
        "mix_scalar": [
            Part("h.weight[i,{}]", 64, (2,)),
            Part("h.bias[i]", 64),
            Part("h_2.0.weight[i,j]", 64),
            Part("h_2.0.bias[i]", 64),
            Part("linear.weight[{},i]", 64, (1,)),
            Part("linear.bias[{}]", 64, (1,)),
        ],
    }
    rows = {
        "mix_h_h_2_0": [Part("h_2.0.weight[b,a]", 64)],
        "mix_h": [
            Part("h.weight[a,{}]", 64, (2,)),
            Part("h.bias[a]", 64),
            Part("h_2.0.weight[p,a]", 64),
        ],
        "mix_h_2_0": [
            Part("h_2.0.weight[a,p]", 64),
            Part("h_2.0.bias[a]", 64),
            Part("linear.weight[{},a]", 64, (1,)),
        ],
        "mix_scalar": [
            Part("h.weight[p,{}]", 64, (2,)),
            Part("h.bias[p]", 64),
            Part("h_2.0.weight[p,q]", 64),
            Part("h_2.0.bias[p]", 64),
            Part("linear.weight[{},p]", 64, (1,)),
            Part("linear.bias[{}]", 64, (1,)),
        ],
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_h_h_2_0 = Mix(64, 64, bias=False, **factory)
        self.mix_h = Mix(256, 256, bias=False, **factory)
        self.mix_h_2_0 = Mix(192, 192, bias=False, **factory)
        self.mix_scalar = Mix(448, 448, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_h_h_2_0.weight, [(64, 960)])
        init_mix_(self.mix_h.weight, [(128, 704), (64, 704), (64, 960)])
        init_mix_(self.mix_h_2_0.weight, [(64, 960), (64, 640), (64, 640)])
        init_mix_(
            self.mix_scalar.weight,
            [(128, 704), (64, 704), (64, 960), (64, 640), (64, 640), (64, 448)],
        )
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: dict[str, Tensor], activation: Activation = as_is) -> dict[str, Tensor]:
        # pool
        h_weight = x["h.weight"].flatten(-2)  # (batch, h, 128)
        h_weight_mean = h_weight.mean(1)  # (batch, 128)
        h_bias = x["h.bias"]  # (batch, h, 64)
        h_bias_mean = h_bias.mean(1)  # (batch, 64)
        h_2_0_weight = x["h_2.0.weight"]  # (batch, h_2_0, h, 64)
        h_2_0_weight, h_2_0_weight_h_2_0, h_2_0_weight_h = with_means(h_2_0_weight, 2, 1)
        h_2_0_weight_mean = h_2_0_weight_h_2_0.mean(1)  # (batch, 64)
        h_2_0_bias = x["h_2.0.bias"]  # (batch, h_2_0, 64)
        h_2_0_bias_mean = h_2_0_bias.mean(1)  # (batch, 64)
        linear_weight = x["linear.weight"].transpose(1, 2).flatten(-2)  # (batch, h_2_0, 64)
        linear_weight_mean = linear_weight.mean(1)  # (batch, 64)
        linear_bias = x["linear.bias"].flatten(-2)  # (batch, 64)
        # mix
        h_level = self.mix_h(torch.cat([h_weight, h_bias, h_2_0_weight_h], -1))  # (batch, h, 256)
        to_h_weight, to_h_bias, to_h_2_0_weight_h = h_level.split([128, 64, 64], -1)
        h_2_0_level = self.mix_h_2_0(torch.cat([h_2_0_weight_h_2_0, h_2_0_bias, linear_weight], -1))
        to_h_2_0_weight_h_2_0, to_h_2_0_bias, to_linear_weight = h_2_0_level.split(64, -1)
        scalar_level = self.mix_scalar(
            torch.cat(
                [
                    h_weight_mean,
                    h_bias_mean,
                    h_2_0_weight_mean,
                    h_2_0_bias_mean,
                    linear_weight_mean,
                    linear_bias,
                ],
                -1,
            )
        )
        (
            to_h_weight_all,
            to_h_bias_all,
            to_h_2_0_weight_all,
            to_h_2_0_bias_all,
            to_linear_weight_all,
            to_linear_bias,
        ) = scalar_level.split([128, 64, 64, 64, 64, 64], -1)
        # spread
        to_h_weight = to_h_weight + to_h_weight_all[:, None]  # (batch, h, 128)
        to_h_weight = to_h_weight.unflatten(-1, (2, 64))  # (batch, h, 2, 64)
        to_h_bias = to_h_bias + to_h_bias_all[:, None]  # (batch, h, 64)
        to_h_2_0_weight_h_2_0 = to_h_2_0_weight_h_2_0 + to_h_2_0_weight_all[:, None]
        to_h_2_0_weight = mix_spread(
            h_2_0_weight,
            self.mix_h_h_2_0.weight,
            to_h_2_0_weight_h_2_0[:, :, None],
            to_h_2_0_weight_h[:, None],
            activation=activation,
            means=(2, 1),
        )
        to_h_2_0_bias = to_h_2_0_bias + to_h_2_0_bias_all[:, None]  # (batch, h_2_0, 64)
        to_linear_weight = to_linear_weight + to_linear_weight_all[:, None]  # (batch, h_2_0, 64)
        to_linear_weight = to_linear_weight.unflatten(-1, (1, 64)).transpose(1, 2)
        to_linear_bias = to_linear_bias.unflatten(-1, (1, 64))  # (batch, 1, 64)
        return {
            "h.weight": activation(to_h_weight),
            "h.bias": activation(to_h_bias),
            "h_2.0.weight": to_h_2_0_weight,
            "h_2.0.bias": activation(to_h_2_0_bias),
            "linear.weight": activation(to_linear_weight),
            "linear.bias": activation(to_linear_bias),
        }


class EditEquivariant(Equivariant):
    """weights(Siren; 64) -> weights(Siren; 1)

    Commutes with S(32) on h, S(32) on h_2_0.
    75 maps and 7 biases for each pair of channels, from 13 pools and 13 spreads in 4 products.
    """

    inputs = {
        "h.weight": "batch h 2 64",
        "h.bias": "batch h 64",
        "h_2.0.weight": "batch h_2_0 h 64",
        "h_2.0.bias": "batch h_2_0 64",
        "linear.weight": "batch 1 h_2_0 64",
        "linear.bias": "batch 1 64",
    }
    outputs = {
        "h.weight": "batch h 2 1",
        "h.bias": "batch h 1",
        "h_2.0.weight": "batch h_2_0 h 1",
        "h_2.0.bias": "batch h_2_0 1",
        "linear.weight": "batch 1 h_2_0 1",
        "linear.bias": "batch 1 1",
    }
    sizes = {"h": 32, "h_2_0": 32}
    columns = {
        "mix_h_h_2_0": [Part("h_2.0.weight[b,a]", 64)],
        "mix_h": [
            Part("h.weight[a,{}]", 64, (2,)),
            Part("h.bias[a]", 64),
            Part("h_2.0.weight[i,a]", 64),
        ],
        "mix_h_2_0": [
            Part("h_2.0.weight[a,i]", 64),
            Part("h_2.0.bias[a]", 64),
            Part("linear.weight[{},a]", 64, (1,)),
        ],
        "mix_scalar": [
            Part("h.weight[i,{}]", 64, (2,)),
            Part("h.bias[i]", 64),
            Part("h_2.0.weight[i,j]", 64),
            Part("h_2.0.bias[i]", 64),
            Part("linear.weight[{},i]", 64, (1,)),
            Part("linear.bias[{}]", 64, (1,)),
        ],
    }
    rows = {
        "mix_h_h_2_0": [Part("h_2.0.weight[b,a]", 1)],
        "mix_h": [
            Part("h.weight[a,{}]", 1, (2,)),
            Part("h.bias[a]", 1),
            Part("h_2.0.weight[p,a]", 1),
        ],
        "mix_h_2_0": [
            Part("h_2.0.weight[a,p]", 1),
            Part("h_2.0.bias[a]", 1),
            Part("linear.weight[{},a]", 1, (1,)),
        ],
        "mix_scalar": [
            Part("h.weight[p,{}]", 1, (2,)),
            Part("h.bias[p]", 1),
            Part("h_2.0.weight[p,q]", 1),
            Part("h_2.0.bias[p]", 1),
            Part("linear.weight[{},p]", 1, (1,)),
            Part("linear.bias[{}]", 1, (1,)),
        ],
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_h_h_2_0 = Mix(64, 1, bias=False, **factory)
        self.mix_h = Mix(256, 4, bias=False, **factory)
        self.mix_h_2_0 = Mix(192, 3, bias=False, **factory)
        self.mix_scalar = Mix(448, 7, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_h_h_2_0.weight, [(1, 960)])
        init_mix_(self.mix_h.weight, [(2, 704), (1, 704), (1, 960)])
        init_mix_(self.mix_h_2_0.weight, [(1, 960), (1, 640), (1, 640)])
        init_mix_(
            self.mix_scalar.weight, [(2, 704), (1, 704), (1, 960), (1, 640), (1, 640), (1, 448)]
        )
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        # pool
        h_weight = x["h.weight"].flatten(-2)  # (batch, h, 128)
        h_weight_mean = h_weight.mean(1)  # (batch, 128)
        h_bias = x["h.bias"]  # (batch, h, 64)
        h_bias_mean = h_bias.mean(1)  # (batch, 64)
        h_2_0_weight = x["h_2.0.weight"]  # (batch, h_2_0, h, 64)
        h_2_0_weight, h_2_0_weight_h_2_0, h_2_0_weight_h = with_means(h_2_0_weight, 2, 1)
        h_2_0_weight_mean = h_2_0_weight_h_2_0.mean(1)  # (batch, 64)
        h_2_0_bias = x["h_2.0.bias"]  # (batch, h_2_0, 64)
        h_2_0_bias_mean = h_2_0_bias.mean(1)  # (batch, 64)
        linear_weight = x["linear.weight"].transpose(1, 2).flatten(-2)  # (batch, h_2_0, 64)
        linear_weight_mean = linear_weight.mean(1)  # (batch, 64)
        linear_bias = x["linear.bias"].flatten(-2)  # (batch, 64)
        # mix
        h_level = self.mix_h(torch.cat([h_weight, h_bias, h_2_0_weight_h], -1))  # (batch, h, 4)
        to_h_weight, to_h_bias, to_h_2_0_weight_h = h_level.split([2, 1, 1], -1)
        h_2_0_level = self.mix_h_2_0(torch.cat([h_2_0_weight_h_2_0, h_2_0_bias, linear_weight], -1))
        to_h_2_0_weight_h_2_0, to_h_2_0_bias, to_linear_weight = h_2_0_level.split(1, -1)
        scalar_level = self.mix_scalar(
            torch.cat(
                [
                    h_weight_mean,
                    h_bias_mean,
                    h_2_0_weight_mean,
                    h_2_0_bias_mean,
                    linear_weight_mean,
                    linear_bias,
                ],
                -1,
            )
        )
        (
            to_h_weight_all,
            to_h_bias_all,
            to_h_2_0_weight_all,
            to_h_2_0_bias_all,
            to_linear_weight_all,
            to_linear_bias,
        ) = scalar_level.split([2, 1, 1, 1, 1, 1], -1)
        # spread
        to_h_weight = to_h_weight + to_h_weight_all[:, None]  # (batch, h, 2)
        to_h_weight = to_h_weight.unflatten(-1, (2, 1))  # (batch, h, 2, 1)
        to_h_bias = to_h_bias + to_h_bias_all[:, None]  # (batch, h, 1)
        to_h_2_0_weight_h_2_0 = to_h_2_0_weight_h_2_0 + to_h_2_0_weight_all[:, None]
        to_h_2_0_weight = mix_spread(
            h_2_0_weight,
            self.mix_h_h_2_0.weight,
            to_h_2_0_weight_h_2_0[:, :, None],
            to_h_2_0_weight_h[:, None],
        )
        to_h_2_0_bias = to_h_2_0_bias + to_h_2_0_bias_all[:, None]  # (batch, h_2_0, 1)
        to_linear_weight = to_linear_weight + to_linear_weight_all[:, None]  # (batch, h_2_0, 1)
        to_linear_weight = to_linear_weight.unflatten(-1, (1, 1)).transpose(1, 2)
        to_linear_bias = to_linear_bias.unflatten(-1, (1, 1))  # (batch, 1, 1)
        return {
            "h.weight": to_h_weight,
            "h.bias": to_h_bias,
            "h_2.0.weight": to_h_2_0_weight,
            "h_2.0.bias": to_h_2_0_bias,
            "linear.weight": to_linear_weight,
            "linear.bias": to_linear_bias,
        }


class DigitInvariant(Equivariant):
    """weights(Siren; 64) -> [; 128]

    Commutes with S(32) on h, S(32) on h_2_0.
    7 maps and 1 bias for each pair of channels, from 6 pools and 1 spread in 1 product.
    """

    inputs = {
        "h.weight": "batch h 2 64",
        "h.bias": "batch h 64",
        "h_2.0.weight": "batch h_2_0 h 64",
        "h_2.0.bias": "batch h_2_0 64",
        "linear.weight": "batch 1 h_2_0 64",
        "linear.bias": "batch 1 64",
    }
    outputs = {"": "batch 128"}
    sizes = {"h": 32, "h_2_0": 32}
    columns = {
        "mix_scalar": [
            Part("h.weight[i,{}]", 64, (2,)),
            Part("h.bias[i]", 64),
            Part("h_2.0.weight[i,j]", 64),
            Part("h_2.0.bias[i]", 64),
            Part("linear.weight[{},i]", 64, (1,)),
            Part("linear.bias[{}]", 64, (1,)),
        ]
    }
    rows = {"mix_scalar": [Part("y[]", 128)]}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_scalar = Mix(448, 128, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_scalar.weight, [(128, 448)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: dict[str, Tensor]) -> Tensor:
        # pool
        h_weight = x["h.weight"].flatten(-2)  # (batch, h, 128)
        h_weight_mean = h_weight.mean(1)  # (batch, 128)
        h_bias = x["h.bias"]  # (batch, h, 64)
        h_bias_mean = h_bias.mean(1)  # (batch, 64)
        h_2_0_weight = x["h_2.0.weight"]  # (batch, h_2_0, h, 64)
        h_2_0_weight_h_2_0 = h_2_0_weight.mean(2)  # (batch, h_2_0, 64)
        h_2_0_weight_mean = h_2_0_weight_h_2_0.mean(1)  # (batch, 64)
        h_2_0_bias = x["h_2.0.bias"]  # (batch, h_2_0, 64)
        h_2_0_bias_mean = h_2_0_bias.mean(1)  # (batch, 64)
        linear_weight = x["linear.weight"].transpose(1, 2).flatten(-2)  # (batch, h_2_0, 64)
        linear_weight_mean = linear_weight.mean(1)  # (batch, 64)
        linear_bias = x["linear.bias"].flatten(-2)  # (batch, 64)
        # mix
        y = self.mix_scalar(
            torch.cat(
                [
                    h_weight_mean,
                    h_bias_mean,
                    h_2_0_weight_mean,
                    h_2_0_bias_mean,
                    linear_weight_mean,
                    linear_bias,
                ],
                -1,
            )
        )
        return y
