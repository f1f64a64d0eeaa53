"""Networks of known kinds in plain PyTorch, and how many free groups the symmetry of their weights has.

A free group is an axis of the state_dict, of more than one position, whose positions may be permuted;
one that lives in another counts once, and once for each position of one that is pinned. The comments
count them by hand: what comes in and what goes out is pinned, everything between is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Traced:
    """A model, what its forward is called with, and its number of free groups stated by hand."""

    make: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]
    free: int


def _draw(*shapes: Sequence[int]) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: tuple(torch.randn(*shape) for shape in shapes)


# --- Convolutional ----------------------------------------------------------------------------------


class Normed(nn.Sequential):
    """A convolution with batch norm."""

    def __init__(self, old: int, new: int, size: int = 3, stride: int = 1, groups: int = 1) -> None:
        conv = nn.Conv2d(old, new, size, stride, size // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(new))


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut, which has one of its own where the width changes."""

    def __init__(self, old: int, new: int) -> None:
        super().__init__()
        stride = 1 if old == new else 2
        self.first, self.second = Normed(old, new, 3, stride), Normed(new, new)
        self.shortcut = nn.Identity() if old == new else Normed(old, new, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.second(F.relu(self.first(x))))


class ResNet(nn.Module):
    """ResNet-18 with narrow stages: a stem and four stages of two blocks."""

    def __init__(self, widths: Sequence[int] = (4, 6, 8, 10)) -> None:
        super().__init__()
        self.stem = Normed(3, widths[0], 7, 2)
        blocks: list[nn.Module] = []
        for old, new in zip((widths[0], *widths), widths, strict=False):
            blocks += [BasicBlock(old, new), BasicBlock(new, new)]
        self.stages = nn.Sequential(*blocks)
        self.head = nn.Linear(widths[-1], 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, 1)
        return self.head(F.adaptive_avg_pool2d(self.stages(x), 1).flatten(1))  # type: ignore[no-any-return]


class Grown(nn.Module):
    """What a layer of DenseNet puts behind its input: norm, bottleneck, norm, convolution."""

    def __init__(self, old: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(old), nn.Conv2d(old, 2 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * growth)
        self.conv2 = nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        grown = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        return torch.cat([x, grown], 1)


class DenseNet(nn.Module):
    """Two dense blocks of three and two layers with a transition between."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.block1 = nn.Sequential(Grown(4, 3), Grown(7, 3), Grown(10, 3))
        self.transition = nn.Sequential(nn.BatchNorm2d(13), nn.ReLU(), nn.Conv2d(13, 6, 1))
        self.block2 = nn.Sequential(Grown(6, 3), Grown(9, 3))
        self.norm, self.head = nn.BatchNorm2d(12), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(self.transition(self.block1(self.stem(x))), 2)
        return self.head(F.relu(self.norm(self.block2(x))).mean((2, 3)))  # type: ignore[no-any-return]


class ShuffleUnit(nn.Module):
    """Convolutions in two groups with a shuffle between, beside a shortcut."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = Normed(width, hidden, 1, groups=2)
        self.depthwise = Normed(hidden, hidden, 3, groups=hidden)
        self.expand = Normed(hidden, width, 1, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.squeeze(x))
        batch, channels, rows, columns = h.shape
        h = h.view(batch, 2, channels // 2, rows, columns).transpose(1, 2).reshape_as(h)
        return F.relu(x + self.expand(self.depthwise(h)))


class ShuffleNet(nn.Module):
    """A stem and two units of the same width."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Normed(3, 10)
        self.units = nn.Sequential(ShuffleUnit(10, 12), ShuffleUnit(10, 12))
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.units(F.relu(self.stem(x))).mean((2, 3)))  # type: ignore[no-any-return]


class Inception(nn.Module):
    """Four branches side by side, of one, two and three convolutions and after a pool."""

    def __init__(self, old: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(old, 3, 1)
        self.two = nn.Sequential(nn.Conv2d(old, 4, 1), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1))
        self.three = nn.Sequential(
            nn.Conv2d(old, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(),
            nn.Conv2d(4, 6, 3, padding=1),
        )  # fmt: skip
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(old, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(torch.cat([self.one(x), self.two(x), self.three(x), self.pooled(x)], 1))


def _inception() -> nn.Module:
    read = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Inception(4), Inception(16), read)


class TwoConvolutions(nn.Sequential):
    def __init__(self, old: int, new: int) -> None:
        super().__init__(
            nn.Conv2d(old, new + 1, 3, padding=1), nn.ReLU(),
            nn.Conv2d(new + 1, new, 3, padding=1), nn.ReLU(),
        )  # fmt: skip


class UNet(nn.Module):
    """Two levels down and up again, each joined with what was there on the way down."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = TwoConvolutions(3, 4), TwoConvolutions(4, 6)
        self.bottom = TwoConvolutions(6, 8)
        self.raise2, self.up2 = nn.ConvTranspose2d(8, 5, 2, 2), TwoConvolutions(11, 6)
        self.raise1, self.up1 = nn.ConvTranspose2d(6, 3, 2, 2), TwoConvolutions(7, 4)
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.down1(x)
        middle = self.down2(F.max_pool2d(fine, 2))
        coarse = self.bottom(F.max_pool2d(middle, 2))
        middle = self.up2(torch.cat([middle, self.raise2(coarse)], 1))
        return self.last(self.up1(torch.cat([fine, self.raise1(middle)], 1)))  # type: ignore[no-any-return]


# --- Sets, flows, graphs ----------------------------------------------------------------------------


class Rotation(nn.Module):
    """A square matrix for each set of points, close to the identity: `(set, width, width)`."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.width = width
        self.points = nn.Sequential(
            nn.Conv1d(width, hidden, 1), nn.ReLU(), nn.Conv1d(hidden, 2 * hidden, 1)
        )
        self.whole = nn.Sequential(
            nn.Linear(2 * hidden, hidden + 1), nn.ReLU(), nn.Linear(hidden + 1, width * width)
        )

    def forward(self, x: Tensor) -> Tensor:
        found = self.whole(self.points(x).amax(2)).view(-1, self.width, self.width)
        return found + torch.eye(self.width)  # type: ignore[no-any-return]


class PointNet(nn.Module):
    """Points, channels first: rotated, mapped, rotated again, mapped, and their maximum taken."""

    def __init__(self) -> None:
        super().__init__()
        self.of_points, self.of_features = Rotation(3, 4), Rotation(5, 6)
        self.first, self.second = nn.Conv1d(3, 5, 1), nn.Conv1d(5, 8, 1)
        self.norm, self.last = nn.BatchNorm1d(8), nn.Conv1d(8, 9, 1)
        self.head = nn.Sequential(nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 4))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.bmm(x.transpose(1, 2), self.of_points(x)).transpose(1, 2)
        x = F.relu(self.first(x))
        x = torch.bmm(x.transpose(1, 2), self.of_features(x)).transpose(1, 2)
        x = self.last(F.relu(self.norm(self.second(x))))
        return self.head(x.amax(2))  # type: ignore[no-any-return]


class Coupling(nn.Module):
    """The first half scales and shifts the second; both come back exchanged, with the volume."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.randn(width, width))
        self.net = nn.Sequential(
            nn.Linear(width // 2, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second = (x @ self.mix).chunk(2, -1)
        scale, shift = self.net(first).chunk(2, -1)
        scale = torch.tanh(scale)
        volume = scale.sum(-1) + torch.linalg.slogdet(self.mix)[1]
        return torch.cat([second * scale.exp() + shift, first], -1), volume


class Flow(nn.Module):
    """Couplings one after the other, with mixing as in Glow: the result and the logarithm of its volume."""

    def __init__(self, width: int = 6, steps: int = 3) -> None:
        super().__init__()
        self.steps = nn.ModuleList(Coupling(width, 7) for _ in range(steps))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.zeros(len(x), dtype=x.dtype)
        for step in self.steps:
            x, volume = step(x)
            total = total + volume
        return x, total


class Convolved(nn.Module):
    """A graph convolution with a dense adjacency matrix, normalised by degree."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(3, 6), nn.Linear(6, 7), nn.Linear(7, 2)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        linked = adjacency.abs() + torch.eye(len(adjacency))
        root = linked.sum(1).rsqrt()
        linked = root[:, None] * linked * root
        x = F.relu(linked @ self.first(x))
        return self.head(F.relu(linked @ self.second(x)))  # type: ignore[no-any-return]


class Attended(nn.Module):
    """Graph attention with several heads, masked by a dense adjacency matrix; heads are joined or averaged."""

    def __init__(self, old: int, heads: int, width: int, joined: bool) -> None:
        super().__init__()
        self.heads, self.width, self.joined = heads, width, joined
        self.map = nn.Linear(old, heads * width, bias=False)
        self.source = nn.Parameter(torch.randn(heads, width))
        self.target = nn.Parameter(torch.randn(heads, width))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        h = self.map(x).view(-1, self.heads, self.width)
        source, target = (h * self.source).sum(-1), (h * self.target).sum(-1)
        scores = F.leaky_relu(source[:, None] + target[None], 0.2)
        weights = scores.masked_fill((adjacency <= 0)[..., None], -1e9).softmax(1)
        found = torch.einsum("ijh,jhc->ihc", weights, h)
        return found.flatten(1) if self.joined else found.mean(1)


class GraphAttention(nn.Module):
    """Two layers: four heads side by side, then three whose average goes out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Attended(3, 4, 5, True), Attended(20, 3, 2, False)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return self.second(F.elu(self.first(x, adjacency)), adjacency)  # type: ignore[no-any-return]


class MessagePassing(nn.Module):
    """Messages along edges, added up at their targets, beside a residual stream; graphs are summed."""

    def __init__(self, width: int = 5, rounds: int = 2) -> None:
        super().__init__()
        self.encode = nn.Linear(3, width)
        self.message = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width + 2, 7), nn.ReLU(), nn.Linear(7, 6))
            for _ in range(rounds)
        )
        self.update = nn.ModuleList(
            nn.Sequential(nn.Linear(width + 6, 8), nn.ReLU(), nn.Linear(8, width))
            for _ in range(rounds)
        )
        self.read = nn.Sequential(nn.Linear(width, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x: Tensor, edges: Tensor, features: Tensor, graph: Tensor) -> Tensor:
        source, target = edges
        h = self.encode(x)
        for message, update in zip(self.message, self.update, strict=True):
            sent = message(torch.cat([h[source], h[target], features], -1))
            heard = torch.zeros(len(x), sent.shape[-1], dtype=x.dtype).index_add(0, target, sent)
            h = h + update(torch.cat([h, heard], -1))
        index = graph[:, None].expand_as(h)
        whole = torch.zeros(2, h.shape[1], dtype=x.dtype).scatter_add(0, index, h)
        return self.read(whole)  # type: ignore[no-any-return]


def _graph() -> tuple[Tensor, ...]:
    edges = torch.tensor([[0, 1, 2, 3, 4, 1], [1, 2, 0, 4, 3, 0]])
    return torch.randn(5, 3), edges, torch.randn(6, 2), torch.tensor([0, 0, 0, 1, 1])


# --- Layers as they come ----------------------------------------------------------------------------


class Recurrent(nn.Module):
    """A recurrent layer whose outputs are read by a linear one, and whose last states are not."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0])  # type: ignore[no-any-return]


def _encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True)
    stack = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False)
    return nn.Sequential(nn.Linear(3, 8), stack, nn.Linear(8, 2))


NETWORKS: dict[str, Traced] = {
    # In each of four stages a stream and what is inside either block; the stem is the first stream.
    "ResNet": Traced(ResNet, _draw((2, 3, 32, 32)), 4 * 3),
    # Stem, transition; each of five layers has a bottleneck and what it puts behind.
    "DenseNet": Traced(DenseNet, _draw((2, 3, 8, 8)), 2 + 5 * 2),
    # The stream is a grid of groups and members. Inside a unit the channels are a grid of the group they
    # come from, the group they go to, and what is left, which is permuted for each pair of groups.
    "ShuffleNet": Traced(ShuffleNet, _draw((2, 3, 6, 6)), 2 + 2),
    # Stem; in either module 1 + 2 + 3 + 1.
    "Inception": Traced(_inception, _draw((2, 3, 8, 8)), 1 + 2 * 7),
    # Five pairs of convolutions and two transposed ones.
    "U-Net": Traced(UNet, _draw((2, 3, 8, 8)), 5 * 2 + 2),
    # Three in either rotation; features before and after theirs, which the identity ties, two
    # convolutions and a layer of the head.
    "PointNet": Traced(PointNet, _draw((2, 3, 12)), 2 * 3 + 1 + 2 + 1),
    # Two hidden layers in each of three steps; between steps either half of the channels.
    "flow": Traced(Flow, _draw((4, 6)), 3 * 2 + 2 * 2),
    # Two hidden layers.
    "graph convolution": Traced(Convolved, _draw((5, 3), (5, 5)), 2),
    # Heads and their features in the first layer, heads in the second, whose features go out.
    "graph attention": Traced(GraphAttention, _draw((5, 3), (5, 5)), 3),
    # The stream; in either round a hidden layer of messages, messages, a hidden layer of updates; the head.
    "message passing": Traced(MessagePassing, _graph, 1 + 2 * 3 + 1),
    # All states go out.
    "LSTM": Traced(lambda: nn.LSTM(4, 3, 2, bidirectional=True), _draw((5, 2, 4)), 0),
    # The hidden units of two layers in two directions.
    "LSTM in both directions": Traced(
        lambda: Recurrent(nn.LSTM(4, 3, 2, bidirectional=True), 6), _draw((5, 2, 4)), 2 * 2
    ),
    # In either layer cells and what they are projected to.
    "LSTM with projection": Traced(
        lambda: Recurrent(nn.LSTM(4, 6, 2, proj_size=3, batch_first=True), 3),
        _draw((2, 5, 4)),
        2 * 2,
    ),
    "GRU": Traced(lambda: Recurrent(nn.GRU(4, 3, 2), 3), _draw((5, 2, 4)), 2),
    "RNN": Traced(lambda: Recurrent(nn.RNN(4, 3, 2), 3), _draw((5, 2, 4)), 2),
    # Heads, keys and values.
    "MultiheadAttention": Traced(lambda: nn.MultiheadAttention(8, 2), _draw(*[(5, 2, 8)] * 3), 3),
    "MultiheadAttention of other widths": Traced(
        lambda: nn.MultiheadAttention(8, 2, kdim=6, vdim=5, batch_first=True),
        _draw((2, 5, 8), (2, 4, 6), (2, 4, 5)),
        3,
    ),
    "MultiheadAttention with a key and a value of its own": Traced(
        lambda: nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True),
        _draw(*[(5, 2, 8)] * 3),
        3,
    ),
    # Heads, keys, values and the hidden layer; the stream goes in and out.
    "TransformerEncoderLayer": Traced(
        lambda: nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), _draw((2, 5, 8)), 4
    ),
    # The stream is free.
    "TransformerEncoder": Traced(_encoder, _draw((2, 5, 3)), 1 + 2 * 4),
    # Two attentions and the hidden layer.
    "TransformerDecoderLayer": Traced(
        lambda: nn.TransformerDecoderLayer(8, 2, 12), _draw((5, 2, 8), (4, 2, 8)), 2 * 3 + 1
    ),
    "Transformer": Traced(
        lambda: nn.Transformer(8, 2, 2, 2, 12, batch_first=True),
        _draw((2, 5, 8), (2, 4, 8)),
        2 * 4 + 2 * 7,
    ),
}
