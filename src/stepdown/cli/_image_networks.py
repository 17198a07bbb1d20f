"""The networks of the information-flow recipe: a large teacher, and the small kind of which auxiliary and student are.

Layers whose outputs are transferred are modules of their own, so that they can be tapped by name: each map, pooled
and rectified, and the rectified hidden layer.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

LAYERS = ("relu1", "relu2", "relu3", "features")
"""Of `Small`, from the first to the last; the last is what retrieval compares."""
TINY, VERY_TINY = (16, 32, 64, 128), (8, 16, 32, 64)
"""Widths of the auxiliary (57,994 parameters on 32x32 images of ten classes) and of the student (15,050)."""


class Small(nn.Module):
    """Three convolutions without padding, each normalised, rectified and pooled, a hidden layer and a head."""

    def __init__(self, widths: tuple[int, int, int, int], n_classes: int = 10, size: int = 32) -> None:
        super().__init__()
        one, two, three, hidden = widths
        left = size
        for _ in range(3):
            left = (left - 2) // 2
        self.conv1, self.conv1_bn = nn.Conv2d(3, one, 3), nn.BatchNorm2d(one)
        self.conv2, self.conv2_bn = nn.Conv2d(one, two, 3), nn.BatchNorm2d(two)
        self.conv3, self.conv3_bn = nn.Conv2d(two, three, 3), nn.BatchNorm2d(three)
        self.pool1, self.pool2, self.pool3 = nn.MaxPool2d(2), nn.MaxPool2d(2), nn.MaxPool2d(2)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(inplace=True), nn.ReLU(inplace=True), nn.ReLU(inplace=True)
        self.fc1, self.features = nn.Linear(left * left * three, hidden), nn.ReLU()
        self.fc2 = nn.Linear(hidden, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        # Rectified behind the pool: the same values and gradients as before it, at a quarter of the cost.
        x = self.relu1(self.pool1(self.conv1_bn(self.conv1(x))))
        x = self.relu2(self.pool2(self.conv2_bn(self.conv2(x))))
        x = self.relu3(self.pool3(self.conv3_bn(self.conv3(x))))
        hidden: Tensor = self.features(self.fc1(x.flatten(1)))
        logits: Tensor = self.fc2(hidden)
        return logits


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out)
        self.conv2, self.bn2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out)
        self.around: nn.Module = nn.Identity()
        if stride > 1 or n_in != n_out:
            self.around = nn.Sequential(nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_()))
        # The way around reads every other pixel, which is a stride of 2 in its convolution of one pixel: with few
        # channels, laid out last, torch 2.13's own writes beside its memory on some processors.
        return (inner + self.around(x[:, :, :: self.stride, :: self.stride])).relu_()


class ResNet18(nn.Module):
    """He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with the stem that is usual for 32x32."""

    def __init__(self, n_classes: int = 10, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Block(n_in, n_out, 1 if stage == 0 else 2), Block(n_out, n_out, 1))
                for stage, (n_in, n_out) in enumerate(pairwise(widths))
            )
        )
        self.features = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(8 * width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(self.stages(self.stem(x))))
        return logits
