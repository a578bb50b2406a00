"""Networks that are trained from random weights: the original report's plain CNN, and a ResNet-18 for small images."""

import torch
from torch import nn


class ScratchCNN(nn.Module):
    """Blocks of convolutions, each closed by 2×2 max pooling and dropout, then one hidden layer and a linear head.

    `channels` has one entry per block, `convolutions` is how many each block holds. Input float [B, 3, S, S];
    output logits float [B, classes].
    """

    def __init__(
        self,
        channels: list[int],
        convolutions: int,
        kernel_size: int,
        hidden: int,
        dropout: float,
        input_size: int,
        classes: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for channel in channels:
            for _ in range(convolutions):
                layers += [nn.Conv2d(width, channel, kernel_size, padding=kernel_size // 2), nn.ReLU(inplace=True)]
                width = channel
            layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        self.blocks = nn.Sequential(*layers)
        side = input_size // 2 ** len(channels)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(width * side * side, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )
        for layer in [*self.blocks, *self.classifier[:-1]]:  # every layer that a ReLU follows
            _he_initialise(layer)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.blocks(images))


def _he_initialise(module: nn.Module) -> None:
    """He et al. (2015), https://arxiv.org/abs/1502.01852: keeps the signal's size through ReLU layers.

    Without batch norm, torch's own default lets it fade, and training stands still for hundreds of steps.
    """
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


def scratch_resnet18(classes: int) -> nn.Module:
    """ResNet-18 (He et al. 2016) with the stem that 32 px images need: 3×3 with stride 1, and no pooling.

    Each residual branch starts at zero (Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 5.1).
    """
    from torchvision.models import resnet18

    network = resnet18(weights=None, num_classes=classes, zero_init_residual=True)
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")  # as its other convolutions
    network.maxpool = nn.Identity()
    return network
