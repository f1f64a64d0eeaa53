"""Molecule, EdgeScore: generated from graphs.spec. DO NOT EDIT.

specc 0.1.0, source sha256 9117ae422b37001f.
"""

from __future__ import annotations

import torch
from specc_runtime import (
    Activation,
    Equivariant,
    Mix,
    Model,
    OnDiagonal,
    Part,
    apply_mask,
    as_is,
    check_inputs,
    check_mask,
    diagonal,
    full_mask,
    init_mix_,
    masked_mean,
    mix_spread,
)
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["EdgeScore", "Molecule"]


class Molecule(Model):
    """(g: Graph) -> [; 1]

    Commutes with S(24, masked) on node.
    """

    inputs = {"g": {"adjacency": "batch node node 2", "feature": "batch node 8"}}
    masks = {"node_mask": "batch node"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.z = MoleculeZ(**factory)
        self.z_2 = MoleculeZ2(**factory)
        self.invariant = MoleculeInvariant(**factory)
        self.mlp = nn.Sequential(
            nn.Linear(64, 64, **factory), nn.ReLU(), nn.Linear(64, 1, **factory)
        )

    def forward(self, g: dict[str, Tensor], node_mask: Tensor | None = None) -> Tensor:
        check_inputs(self, self.inputs, g=g)
        if node_mask is None:
            node_mask = full_mask(g["adjacency"], 1)
        check_mask("node_mask", node_mask, (g["adjacency"].shape[0], g["adjacency"].shape[1]))
        g = {
            "adjacency": apply_mask(apply_mask(g["adjacency"], node_mask, 1), node_mask, 2),
            "feature": apply_mask(g["feature"], node_mask, 1),
        }
        z = self.z(g, node_mask, activation=F.relu)
        z = self.z_2(z, node_mask, activation=F.relu)
        return self.mlp(F.relu(self.invariant(z, node_mask)))


class EdgeScore(Model):
    """(g: Graph) -> [node, node; 1]

    Commutes with S(24, masked) on node.
    """

    inputs = {"g": {"adjacency": "batch node node 2", "feature": "batch node 8"}}
    masks = {"node_mask": "batch node"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.z = MoleculeZ(**factory)
        self.equivariant = EdgeScoreEquivariant(**factory)

    def forward(self, g: dict[str, Tensor], node_mask: Tensor | None = None) -> Tensor:
        check_inputs(self, self.inputs, g=g)
        if node_mask is None:
            node_mask = full_mask(g["adjacency"], 1)
        check_mask("node_mask", node_mask, (g["adjacency"].shape[0], g["adjacency"].shape[1]))
        g = {
            "adjacency": apply_mask(apply_mask(g["adjacency"], node_mask, 1), node_mask, 2),
            "feature": apply_mask(g["feature"], node_mask, 1),
        }
        z = self.z(g, node_mask, activation=F.relu)
        return apply_mask(apply_mask(self.equivariant(z, node_mask), node_mask, 1), node_mask, 2)


class MoleculeZ(Equivariant):
    """Graph -> Graph(; 32)

    Commutes with S(24, masked) on node.
    27 maps and 3 biases for each pair of channels, from 9 pools and 8 spreads in 3 products.
    """

    inputs = {"adjacency": "batch node node 2", "feature": "batch node 8"}
    outputs = {"adjacency": "batch node node 32", "feature": "batch node 32"}
    sizes = {"node": 24}
    columns = {
        "mix_node_node": [Part("adjacency[a,b]", 2), Part("adjacency[b,a]", 2)],
        "mix_node": [
            Part("adjacency[a,i]", 2),
            Part("adjacency[i,a]", 2),
            Part("adjacency[a,a]", 2),
            Part("feature[a]", 8),
        ],
        "mix_scalar": [Part("adjacency[i,j]", 2), Part("adjacency[i,i]", 2), Part("feature[i]", 8)],
    }
    rows = {
        "mix_node_node": [Part("adjacency[a,b]", 32)],
        "mix_node": [
            Part("adjacency[a,p]", 32),
            Part("adjacency[p,a]", 32),
            Part("adjacency[a,a]", 32),
            Part("feature[a]", 32),
        ],
        "mix_scalar": [
            Part("adjacency[p,q]", 32),
            Part("adjacency[p,p]", 32),
            Part("feature[p]", 32),
        ],
    }
    masks = {"node_mask": "batch node"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_node_node = Mix(4, 32, bias=False, **factory)
        self.mix_node = Mix(14, 128, bias=False, **factory)
        self.mix_scalar = Mix(12, 96, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_node_node.weight, [(32, 45)])
        init_mix_(self.mix_node.weight, [(32, 45), (32, 45), (32, 45), (32, 26)])
        init_mix_(self.mix_scalar.weight, [(32, 45), (32, 45), (32, 26)])
        nn.init.zeros_(self.mix_scalar.bias)

    def forward(
        self, x: dict[str, Tensor], node_mask: Tensor, activation: Activation = as_is
    ) -> dict[str, Tensor]:
        # pool
        adjacency = x["adjacency"]  # (batch, node, node, 2)
        adjacency_a = masked_mean(adjacency, node_mask, 2)  # (batch, node, 2)
        adjacency_b = masked_mean(adjacency, node_mask, 1)  # (batch, node, 2)
        adjacency_mean = masked_mean(adjacency_a, node_mask, 1)  # (batch, 2)
        adjacency_aa = diagonal(adjacency, 1, 2)  # (batch, node, 2)
        adjacency_aa_mean = masked_mean(adjacency_aa, node_mask, 1)  # (batch, 2)
        feature = x["feature"]  # (batch, node, 8)
        feature_mean = masked_mean(feature, node_mask, 1)  # (batch, 8)
        # mix
        node_level = self.mix_node(torch.cat([adjacency_a, adjacency_b, adjacency_aa, feature], -1))
        to_adjacency_a, to_adjacency_b, to_adjacency_aa, to_feature = node_level.split(32, -1)
        scalar_level = self.mix_scalar(
            torch.cat([adjacency_mean, adjacency_aa_mean, feature_mean], -1)
        )
        to_adjacency_all, to_adjacency_aa_all, to_feature_all = scalar_level.split(32, -1)
        # spread
        to_adjacency_aa = to_adjacency_aa + to_adjacency_aa_all[:, None]  # (batch, node, 32)
        to_adjacency_a = to_adjacency_a + to_adjacency_all[:, None]  # (batch, node, 32)
        to_adjacency = mix_spread(
            (adjacency, adjacency.transpose(1, 2)),
            self.mix_node_node.weight,
            OnDiagonal(to_adjacency_aa, 1, 1, 2),
            to_adjacency_a[:, :, None],
            to_adjacency_b[:, None],
            activation=activation,
        )
        to_feature = to_feature + to_feature_all[:, None]  # (batch, node, 32)
        return {
            "adjacency": apply_mask(apply_mask(to_adjacency, node_mask, 1), node_mask, 2),
            "feature": apply_mask(activation(to_feature), node_mask, 1),
        }


class MoleculeZ2(Equivariant):
    """Graph(; 32) -> Graph(; 32)

    Commutes with S(24, masked) on node.
    27 maps and 3 biases for each pair of channels, from 9 pools and 8 spreads in 3 products.
    """

    inputs = {"adjacency": "batch node node 32", "feature": "batch node 32"}
    outputs = {"adjacency": "batch node node 32", "feature": "batch node 32"}
    sizes = {"node": 24}
    columns = {
        "mix_node_node": [Part("adjacency[a,b]", 32), Part("adjacency[b,a]", 32)],
        "mix_node": [
            Part("adjacency[a,i]", 32),
            Part("adjacency[i,a]", 32),
            Part("adjacency[a,a]", 32),
            Part("feature[a]", 32),
        ],
        "mix_scalar": [
            Part("adjacency[i,j]", 32),
            Part("adjacency[i,i]", 32),
            Part("feature[i]", 32),
        ],
    }
    rows = {
        "mix_node_node": [Part("adjacency[a,b]", 32)],
        "mix_node": [
            Part("adjacency[a,p]", 32),
            Part("adjacency[p,a]", 32),
            Part("adjacency[a,a]", 32),
            Part("feature[a]", 32),
        ],
        "mix_scalar": [
            Part("adjacency[p,q]", 32),
            Part("adjacency[p,p]", 32),
            Part("feature[p]", 32),
        ],
    }
    masks = {"node_mask": "batch node"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_node_node = Mix(64, 32, bias=False, **factory)
        self.mix_node = Mix(128, 128, bias=False, **factory)
        self.mix_scalar = Mix(96, 96, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_node_node.weight, [(32, 425)])
        init_mix_(self.mix_node.weight, [(32, 425), (32, 425), (32, 425), (32, 224)])
        init_mix_(self.mix_scalar.weight, [(32, 425), (32, 425), (32, 224)])
        nn.init.zeros_(self.mix_scalar.bias)

    def forward(
        self, x: dict[str, Tensor], node_mask: Tensor, activation: Activation = as_is
    ) -> dict[str, Tensor]:
        # pool
        adjacency = x["adjacency"]  # (batch, node, node, 32)
        adjacency_a = masked_mean(adjacency, node_mask, 2)  # (batch, node, 32)
        adjacency_b = masked_mean(adjacency, node_mask, 1)  # (batch, node, 32)
        adjacency_mean = masked_mean(adjacency_a, node_mask, 1)  # (batch, 32)
        adjacency_aa = diagonal(adjacency, 1, 2)  # (batch, node, 32)
        adjacency_aa_mean = masked_mean(adjacency_aa, node_mask, 1)  # (batch, 32)
        feature = x["feature"]  # (batch, node, 32)
        feature_mean = masked_mean(feature, node_mask, 1)  # (batch, 32)
        # mix
        node_level = self.mix_node(torch.cat([adjacency_a, adjacency_b, adjacency_aa, feature], -1))
        to_adjacency_a, to_adjacency_b, to_adjacency_aa, to_feature = node_level.split(32, -1)
        scalar_level = self.mix_scalar(
            torch.cat([adjacency_mean, adjacency_aa_mean, feature_mean], -1)
        )
        to_adjacency_all, to_adjacency_aa_all, to_feature_all = scalar_level.split(32, -1)
        # spread
        to_adjacency_aa = to_adjacency_aa + to_adjacency_aa_all[:, None]  # (batch, node, 32)
        to_adjacency_a = to_adjacency_a + to_adjacency_all[:, None]  # (batch, node, 32)
        to_adjacency = mix_spread(
            (adjacency, adjacency.transpose(1, 2)),
            self.mix_node_node.weight,
            OnDiagonal(to_adjacency_aa, 1, 1, 2),
            to_adjacency_a[:, :, None],
            to_adjacency_b[:, None],
            activation=activation,
        )
        to_feature = to_feature + to_feature_all[:, None]  # (batch, node, 32)
        return {
            "adjacency": apply_mask(apply_mask(to_adjacency, node_mask, 1), node_mask, 2),
            "feature": apply_mask(activation(to_feature), node_mask, 1),
        }


class MoleculeInvariant(Equivariant):
    """Graph(; 32) -> [; 64]

    Commutes with S(24, masked) on node.
    3 maps and 1 bias for each pair of channels, from 3 pools and 1 spread in 1 product.
    """

    inputs = {"adjacency": "batch node node 32", "feature": "batch node 32"}
    outputs = {"": "batch 64"}
    sizes = {"node": 24}
    columns = {
        "mix_scalar": [
            Part("adjacency[i,j]", 32),
            Part("adjacency[i,i]", 32),
            Part("feature[i]", 32),
        ]
    }
    rows = {"mix_scalar": [Part("y[]", 64)]}
    masks = {"node_mask": "batch node"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_scalar = Mix(96, 64, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_scalar.weight, [(64, 96)])
        nn.init.zeros_(self.mix_scalar.bias)

    def forward(self, x: dict[str, Tensor], node_mask: Tensor) -> Tensor:
        # pool
        adjacency = x["adjacency"]  # (batch, node, node, 32)
        adjacency_a = masked_mean(adjacency, node_mask, 2)  # (batch, node, 32)
        adjacency_mean = masked_mean(adjacency_a, node_mask, 1)  # (batch, 32)
        adjacency_aa = diagonal(adjacency, 1, 2)  # (batch, node, 32)
        adjacency_aa_mean = masked_mean(adjacency_aa, node_mask, 1)  # (batch, 32)
        feature = x["feature"]  # (batch, node, 32)
        feature_mean = masked_mean(feature, node_mask, 1)  # (batch, 32)
        # mix
        y = self.mix_scalar(torch.cat([adjacency_mean, adjacency_aa_mean, feature_mean], -1))
        return y


class EdgeScoreEquivariant(Equivariant):
    """Graph(; 32) -> [node, node; 1]

    Commutes with S(24, masked) on node.
    20 maps and 2 biases for each pair of channels, from 9 pools and 6 spreads in 3 products.
    """

    inputs = {"adjacency": "batch node node 32", "feature": "batch node 32"}
    outputs = {"": "batch node node 1"}
    sizes = {"node": 24}
    columns = {
        "mix_node_node": [Part("adjacency[a,b]", 32), Part("adjacency[b,a]", 32)],
        "mix_node": [
            Part("adjacency[a,i]", 32),
            Part("adjacency[i,a]", 32),
            Part("adjacency[a,a]", 32),
            Part("feature[a]", 32),
        ],
        "mix_scalar": [
            Part("adjacency[i,j]", 32),
            Part("adjacency[i,i]", 32),
            Part("feature[i]", 32),
        ],
    }
    rows = {
        "mix_node_node": [Part("y[a,b]", 1)],
        "mix_node": [Part("y[a,p]", 1), Part("y[p,a]", 1), Part("y[a,a]", 1)],
        "mix_scalar": [Part("y[p,q]", 1), Part("y[p,p]", 1)],
    }
    masks = {"node_mask": "batch node"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_node_node = Mix(64, 1, bias=False, **factory)
        self.mix_node = Mix(128, 3, bias=False, **factory)
        self.mix_scalar = Mix(96, 2, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_node_node.weight, [(1, 425)])
        init_mix_(self.mix_node.weight, [(1, 425), (1, 425), (1, 425)])
        init_mix_(self.mix_scalar.weight, [(1, 425), (1, 425)])
        nn.init.zeros_(self.mix_scalar.bias)

    def forward(self, x: dict[str, Tensor], node_mask: Tensor) -> Tensor:
        # pool
        adjacency = x["adjacency"]  # (batch, node, node, 32)
        adjacency_a = masked_mean(adjacency, node_mask, 2)  # (batch, node, 32)
        adjacency_b = masked_mean(adjacency, node_mask, 1)  # (batch, node, 32)
        adjacency_mean = masked_mean(adjacency_a, node_mask, 1)  # (batch, 32)
        adjacency_aa = diagonal(adjacency, 1, 2)  # (batch, node, 32)
        adjacency_aa_mean = masked_mean(adjacency_aa, node_mask, 1)  # (batch, 32)
        feature = x["feature"]  # (batch, node, 32)
        feature_mean = masked_mean(feature, node_mask, 1)  # (batch, 32)
        # mix
        node_level = self.mix_node(torch.cat([adjacency_a, adjacency_b, adjacency_aa, feature], -1))
        y_a, y_b, y_aa = node_level.split(1, -1)
        scalar_level = self.mix_scalar(
            torch.cat([adjacency_mean, adjacency_aa_mean, feature_mean], -1)
        )
        y_all, y_aa_all = scalar_level.split(1, -1)
        # spread
        y_aa = y_aa + y_aa_all[:, None]  # (batch, node, 1)
        y_a = y_a + y_all[:, None]  # (batch, node, 1)
        y = mix_spread(
            (adjacency, adjacency.transpose(1, 2)),
            self.mix_node_node.weight,
            OnDiagonal(y_aa, 1, 1, 2),
            y_a[:, :, None],
            y_b[:, None],
        )
        return apply_mask(apply_mask(y, node_mask, 1), node_mask, 2)
