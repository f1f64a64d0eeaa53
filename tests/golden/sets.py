"""PointClassifier, CloudRanker, Completion: generated from sets.spec. DO NOT EDIT.

specc 0.1.0, source sha256 303f786e51999d54.
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

__all__ = ["CloudRanker", "Completion", "PointClassifier"]


class PointClassifier(Model):
    """(x: [point; 3]) -> [; 10]

    Commutes with S(256) on point.
    """

    inputs = {"x": "batch point 3"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.x = PointClassifierX(**factory)
        self.x_2 = PointClassifierX2(**factory)
        self.invariant = PointClassifierInvariant(**factory)
        self.mlp = nn.Sequential(
            nn.Linear(64, 64, **factory), nn.ReLU(), nn.Linear(64, 10, **factory)
        )

    def forward(self, x: Tensor) -> Tensor:
        check_inputs(self, self.inputs, x=x)
        x = self.x(x, activation=F.relu)  # (batch, point, 64)
        x = self.x_2(x, activation=F.relu)  # (batch, point, 64)
        return self.mlp(F.relu(self.invariant(x)))


class CloudRanker(Model):
    """(x: [cloud, member; 3]) -> [cloud; 1]

    Commutes with S(8) on cloud, S(256) on member in each cloud.
    """

    inputs = {"x": "batch cloud member 3"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.x = CloudRankerX(**factory)
        self.equivariant = CloudRankerEquivariant(**factory)

    def forward(self, x: Tensor) -> Tensor:
        check_inputs(self, self.inputs, x=x)
        x = self.x(x, activation=F.relu)  # (batch, cloud, member, 32)
        return self.equivariant(x)


class Completion(Model):
    """(ratings: [user, item; 2]) -> [user, item; 1]

    Commutes with S(100) on user, S(40) on item.
    """

    inputs = {"ratings": "batch user item 2"}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.z = CompletionZ(**factory)
        self.z_2 = CompletionZ2(**factory)
        self.equivariant = CompletionEquivariant(**factory)

    def forward(self, ratings: Tensor) -> Tensor:
        check_inputs(self, self.inputs, ratings=ratings)
        z = self.z(ratings, activation=F.relu)  # (batch, user, item, 32)
        z = self.z_2(z, activation=F.relu)  # (batch, user, item, 32)
        return self.equivariant(z)


class PointClassifierX(Equivariant):
    """[point; 3] -> [point; 64]

    Commutes with S(256) on point.
    2 maps and 1 bias for each pair of channels, from 2 pools and 2 spreads in 2 products.
    """

    inputs = {"": "batch point 3"}
    outputs = {"": "batch point 64"}
    sizes = {"point": 256}
    columns = {"mix_point": [Part("x[a]", 3)], "mix_scalar": [Part("x[i]", 3)]}
    rows = {"mix_point": [Part("y[a]", 64)], "mix_scalar": [Part("y[p]", 64)]}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_point = Mix(3, 64, bias=False, **factory)
        self.mix_scalar = Mix(3, 64, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_point.weight, [(64, 6)])
        init_mix_(self.mix_scalar.weight, [(64, 6)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: Tensor, activation: Activation = as_is) -> Tensor:
        # pool
        x, x_mean = with_means(x, 1)  # (batch, 3)
        # mix
        y_all = self.mix_scalar(x_mean)  # (batch, 64)
        # spread
        y = mix_spread(x, self.mix_point.weight, y_all[:, None], activation=activation, means=(1,))
        return y


class PointClassifierX2(Equivariant):
    """[point; 64] -> [point; 64]

    Commutes with S(256) on point.
    2 maps and 1 bias for each pair of channels, from 2 pools and 2 spreads in 2 products.
    """

    inputs = {"": "batch point 64"}
    outputs = {"": "batch point 64"}
    sizes = {"point": 256}
    columns = {"mix_point": [Part("x[a]", 64)], "mix_scalar": [Part("x[i]", 64)]}
    rows = {"mix_point": [Part("y[a]", 64)], "mix_scalar": [Part("y[p]", 64)]}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_point = Mix(64, 64, bias=False, **factory)
        self.mix_scalar = Mix(64, 64, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_point.weight, [(64, 128)])
        init_mix_(self.mix_scalar.weight, [(64, 128)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: Tensor, activation: Activation = as_is) -> Tensor:
        # pool
        x, x_mean = with_means(x, 1)  # (batch, 64)
        # mix
        y_all = self.mix_scalar(x_mean)  # (batch, 64)
        # spread
        y = mix_spread(x, self.mix_point.weight, y_all[:, None], activation=activation)
        return y


class PointClassifierInvariant(Equivariant):
    """[point; 64] -> [; 64]

    Commutes with S(256) on point.
    1 map and 1 bias for each pair of channels, from 1 pool and 1 spread in 1 product.
    """

    inputs = {"": "batch point 64"}
    outputs = {"": "batch 64"}
    sizes = {"point": 256}
    columns = {"mix_scalar": [Part("x[i]", 64)]}
    rows = {"mix_scalar": [Part("y[]", 64)]}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_scalar = Mix(64, 64, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_scalar.weight, [(64, 64)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: Tensor) -> Tensor:
        # pool
        x_mean = x.mean(1)  # (batch, 64)
        # mix
        y = self.mix_scalar(x_mean)  # (batch, 64)
        return y


class CloudRankerX(Equivariant):
    """[cloud, member; 3] -> [cloud, member; 32]

    Commutes with S(8) on cloud, S(256) on member in each cloud.
    3 maps and 1 bias for each pair of channels, from 3 pools and 3 spreads in 3 products.
    """

    inputs = {"": "batch cloud member 3"}
    outputs = {"": "batch cloud member 32"}
    sizes = {"cloud": 8, "member": 256}
    columns = {
        "mix_cloud_member": [Part("x[a,b]", 3)],
        "mix_cloud": [Part("x[a,i]", 3)],
        "mix_scalar": [Part("x[i,j]", 3)],
    }
    rows = {
        "mix_cloud_member": [Part("y[a,b]", 32)],
        "mix_cloud": [Part("y[a,p]", 32)],
        "mix_scalar": [Part("y[p,q]", 32)],
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_cloud_member = Mix(3, 32, bias=False, **factory)
        self.mix_cloud = Mix(3, 32, bias=False, **factory)
        self.mix_scalar = Mix(3, 32, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_cloud_member.weight, [(32, 9)])
        init_mix_(self.mix_cloud.weight, [(32, 9)])
        init_mix_(self.mix_scalar.weight, [(32, 9)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: Tensor, activation: Activation = as_is) -> Tensor:
        # pool
        x, x_cloud = with_means(x, 2)  # (batch, cloud, 3)
        x_mean = x_cloud.mean(1)  # (batch, 3)
        # mix
        y_cloud = self.mix_cloud(x_cloud)  # (batch, cloud, 32)
        y_all = self.mix_scalar(x_mean)  # (batch, 32)
        # spread
        y_cloud = y_cloud + y_all[:, None]  # (batch, cloud, 32)
        y = mix_spread(x, self.mix_cloud_member.weight, y_cloud[:, :, None], activation=activation)
        return y


class CloudRankerEquivariant(Equivariant):
    """[cloud, member; 32] -> [cloud; 1]

    Commutes with S(8) on cloud, S(256) on member in each cloud.
    2 maps and 1 bias for each pair of channels, from 2 pools and 2 spreads in 2 products.
    """

    inputs = {"": "batch cloud member 32"}
    outputs = {"": "batch cloud 1"}
    sizes = {"cloud": 8, "member": 256}
    columns = {"mix_cloud": [Part("x[a,i]", 32)], "mix_scalar": [Part("x[i,j]", 32)]}
    rows = {"mix_cloud": [Part("y[a]", 1)], "mix_scalar": [Part("y[p]", 1)]}

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_cloud = Mix(32, 1, bias=False, **factory)
        self.mix_scalar = Mix(32, 1, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_cloud.weight, [(1, 64)])
        init_mix_(self.mix_scalar.weight, [(1, 64)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: Tensor) -> Tensor:
        # pool
        x_cloud = x.mean(2)  # (batch, cloud, 32)
        x_mean = x_cloud.mean(1)  # (batch, 32)
        # mix
        y_all = self.mix_scalar(x_mean)  # (batch, 1)
        # spread
        y = mix_spread(x_cloud, self.mix_cloud.weight, y_all[:, None])  # (batch, cloud, 1)
        return y


class CompletionZ(Equivariant):
    """[user, item; 2] -> [user, item; 32]

    Commutes with S(100) on user, S(40) on item.
    4 maps and 1 bias for each pair of channels, from 4 pools and 4 spreads in 4 products.
    """

    inputs = {"": "batch user item 2"}
    outputs = {"": "batch user item 32"}
    sizes = {"user": 100, "item": 40}
    columns = {
        "mix_user_item": [Part("x[a,b]", 2)],
        "mix_user": [Part("x[a,i]", 2)],
        "mix_item": [Part("x[i,a]", 2)],
        "mix_scalar": [Part("x[i,j]", 2)],
    }
    rows = {
        "mix_user_item": [Part("y[a,b]", 32)],
        "mix_user": [Part("y[a,p]", 32)],
        "mix_item": [Part("y[p,a]", 32)],
        "mix_scalar": [Part("y[p,q]", 32)],
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_user_item = Mix(2, 32, bias=False, **factory)
        self.mix_user = Mix(2, 32, bias=False, **factory)
        self.mix_item = Mix(2, 32, bias=False, **factory)
        self.mix_scalar = Mix(2, 32, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_user_item.weight, [(32, 8)])
        init_mix_(self.mix_user.weight, [(32, 8)])
        init_mix_(self.mix_item.weight, [(32, 8)])
        init_mix_(self.mix_scalar.weight, [(32, 8)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: Tensor, activation: Activation = as_is) -> Tensor:
        # pool
        x, x_user, x_item = with_means(x, 2, 1)  # (batch, user, 2), (batch, item, 2)
        x_mean = x_item.mean(1)  # (batch, 2)
        # mix
        y_user = self.mix_user(x_user)  # (batch, user, 32)
        y_item = self.mix_item(x_item)  # (batch, item, 32)
        y_all = self.mix_scalar(x_mean)  # (batch, 32)
        # spread
        y_user = y_user + y_all[:, None]  # (batch, user, 32)
        y = mix_spread(
            x,
            self.mix_user_item.weight,
            y_user[:, :, None],
            y_item[:, None],
            activation=activation,
            means=(2, 1),
        )
        return y


class CompletionZ2(Equivariant):
    """[user, item; 32] -> [user, item; 32]

    Commutes with S(100) on user, S(40) on item.
    4 maps and 1 bias for each pair of channels, from 4 pools and 4 spreads in 4 products.
    """

    inputs = {"": "batch user item 32"}
    outputs = {"": "batch user item 32"}
    sizes = {"user": 100, "item": 40}
    columns = {
        "mix_user_item": [Part("x[a,b]", 32)],
        "mix_user": [Part("x[a,i]", 32)],
        "mix_item": [Part("x[i,a]", 32)],
        "mix_scalar": [Part("x[i,j]", 32)],
    }
    rows = {
        "mix_user_item": [Part("y[a,b]", 32)],
        "mix_user": [Part("y[a,p]", 32)],
        "mix_item": [Part("y[p,a]", 32)],
        "mix_scalar": [Part("y[p,q]", 32)],
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_user_item = Mix(32, 32, bias=False, **factory)
        self.mix_user = Mix(32, 32, bias=False, **factory)
        self.mix_item = Mix(32, 32, bias=False, **factory)
        self.mix_scalar = Mix(32, 32, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_user_item.weight, [(32, 128)])
        init_mix_(self.mix_user.weight, [(32, 128)])
        init_mix_(self.mix_item.weight, [(32, 128)])
        init_mix_(self.mix_scalar.weight, [(32, 128)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: Tensor, activation: Activation = as_is) -> Tensor:
        # pool
        x, x_user, x_item = with_means(x, 2, 1)  # (batch, user, 32), (batch, item, 32)
        x_mean = x_item.mean(1)  # (batch, 32)
        # mix
        y_user = self.mix_user(x_user)  # (batch, user, 32)
        y_item = self.mix_item(x_item)  # (batch, item, 32)
        y_all = self.mix_scalar(x_mean)  # (batch, 32)
        # spread
        y_user = y_user + y_all[:, None]  # (batch, user, 32)
        y = mix_spread(
            x,
            self.mix_user_item.weight,
            y_user[:, :, None],
            y_item[:, None],
            activation=activation,
            means=(2, 1),
        )
        return y


class CompletionEquivariant(Equivariant):
    """[user, item; 32] -> [user, item; 1]

    Commutes with S(100) on user, S(40) on item.
    4 maps and 1 bias for each pair of channels, from 4 pools and 4 spreads in 4 products.
    """

    inputs = {"": "batch user item 32"}
    outputs = {"": "batch user item 1"}
    sizes = {"user": 100, "item": 40}
    columns = {
        "mix_user_item": [Part("x[a,b]", 32)],
        "mix_user": [Part("x[a,i]", 32)],
        "mix_item": [Part("x[i,a]", 32)],
        "mix_scalar": [Part("x[i,j]", 32)],
    }
    rows = {
        "mix_user_item": [Part("y[a,b]", 1)],
        "mix_user": [Part("y[a,p]", 1)],
        "mix_item": [Part("y[p,a]", 1)],
        "mix_scalar": [Part("y[p,q]", 1)],
    }

    def __init__(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.mix_user_item = Mix(32, 1, bias=False, **factory)
        self.mix_user = Mix(32, 1, bias=False, **factory)
        self.mix_item = Mix(32, 1, bias=False, **factory)
        self.mix_scalar = Mix(32, 1, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights of variance 1 / fan-in, so that outputs keep the scale of inputs."""
        init_mix_(self.mix_user_item.weight, [(1, 128)])
        init_mix_(self.mix_user.weight, [(1, 128)])
        init_mix_(self.mix_item.weight, [(1, 128)])
        init_mix_(self.mix_scalar.weight, [(1, 128)])
        nn.init.zeros_(self.mix_scalar.bias)

    @fused_if_small
    def forward(self, x: Tensor) -> Tensor:
        # pool
        x, x_user, x_item = with_means(x, 2, 1)  # (batch, user, 32), (batch, item, 32)
        x_mean = x_item.mean(1)  # (batch, 32)
        # mix
        y_user = self.mix_user(x_user)  # (batch, user, 1)
        y_item = self.mix_item(x_item)  # (batch, item, 1)
        y_all = self.mix_scalar(x_mean)  # (batch, 1)
        # spread
        y_user = y_user + y_all[:, None]  # (batch, user, 1)
        y = mix_spread(x, self.mix_user_item.weight, y_user[:, :, None], y_item[:, None])
        return y
