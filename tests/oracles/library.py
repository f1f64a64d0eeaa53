"""Known convolutional networks in plain PyTorch, images channels first, their layers in the library's order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """A convolution that keeps the length but for its stride, and a batch norm."""
    conv = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after))


class Residual(nn.Module):
    """A block of ResNet: the shortcut has a convolution where channels or lengths change."""

    def __init__(self, kind: str, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = width if kind == "basic" else 4 * width
        if stride != 1 or before != after:
            self.shortcut = conv_norm(before, after, 1, stride)
        if kind == "basic":
            steps = [conv_norm(before, width, 3, stride), conv_norm(width, width, 3)]
        else:
            middle = conv_norm(width, width, 3, stride)
            steps = [conv_norm(before, width, 1), middle, conv_norm(width, after, 1)]
        self.steps = nn.ModuleList(steps)
        self.width = after

    def forward(self, x: Tensor) -> Tensor:
        *inner, last = self.steps
        y = x
        for step in inner:
            y = torch.relu(step(y))
        shortcut = self.shortcut(x) if hasattr(self, "shortcut") else x
        return torch.relu(shortcut + last(y))


class ResNet(nn.Module):
    """arXiv:1512.03385, with the stride of bottlenecks in the middle as torchvision has it."""

    def __init__(self, kind: str, counts: Sequence[int], width: int, classes: int) -> None:
        super().__init__()
        self.stem = conv_norm(3, width, 7, 2)
        blocks: list[Residual] = []
        for stage, count in enumerate(counts):
            for number in range(count):
                before = blocks[-1].width if blocks else width
                stride = 2 if stage and not number else 1
                blocks.append(Residual(kind, before, width * 2**stage, stride))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(blocks[-1].width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(torch.relu(self.stem(x)), 3, stride=2, padding=1)
        return self.head(self.blocks(x).mean((2, 3)))  # type: ignore[no-any-return]


class Inverted(nn.Module):
    """A block of MobileNetV2: wide inside, and convolved channel by channel there."""

    def __init__(self, before: int, after: int, stride: int, factor: int) -> None:
        super().__init__()
        hidden = factor * before
        self.adds = stride == 1 and before == after
        self.wide = conv_norm(before, hidden, 1) if factor > 1 else None
        self.depth = conv_norm(hidden, hidden, 3, stride, groups=hidden)
        self.point = conv_norm(hidden, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.wide(x)) if self.wide is not None else x
        y = self.point(F.relu6(self.depth(y)))
        return x + y if self.adds else y  # type: ignore[no-any-return]


class Mobile(nn.Module):
    """arXiv:1801.04381: factor, channels for a width of 32, blocks and stride of each stage."""

    STAGES = (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    )  # fmt: skip

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.stem = conv_norm(3, width, 3, 2)
        blocks, before = [], width
        for factor, channels, count, stride in self.STAGES:
            for number in range(count):
                after = channels * width // 32
                blocks.append(Inverted(before, after, 1 if number else stride, factor))
                before = after
        self.blocks = nn.Sequential(*blocks)
        self.last = conv_norm(before, 40 * width, 1)
        self.head = nn.Linear(40 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.last(self.blocks(F.relu6(self.stem(x)))))
        return self.head(x.mean((2, 3)))  # type: ignore[no-any-return]


class Unet(nn.Module):
    """arXiv:1505.04597, with padding and batch norm."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        self.down = nn.ModuleList(
            self._two(before, after) for before, after in zip([3, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ModuleDict(
                {
                    "longer": nn.ConvTranspose2d(2 * each, each, 2, 2),
                    "two": self._two(2 * each, each),
                }
            )
            for each in widths[-2::-1]
        )
        self.head = nn.Conv2d(width, classes, 1)

    def _two(self, before: int, after: int) -> nn.Module:
        steps = (conv_norm(before, after, 3), nn.ReLU(), conv_norm(after, after, 3), nn.ReLU())
        return nn.Sequential(*steps)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for level, two in enumerate(self.down):
            x = two(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for skip, up in zip(skips[-2::-1], self.up, strict=True):
            longer = up.get_submodule("longer")(x)
            x = up.get_submodule("two")(torch.cat([skip, longer], 1))
        return self.head(x)  # type: ignore[no-any-return]
