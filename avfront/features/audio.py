"""Networks that turn log-mel patches into feature vectors."""

from abc import ABC, abstractmethod
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from avfront.proposals.log_mel import OFFSET

_SILENCE = float(np.log(OFFSET))


class AudioNetwork(nn.Module, ABC):
    """Log-mel patches (B, 96, 64) to features (B, size)."""

    name: str
    size: int
    # Beginnings of names in public checkpoints that are not used.
    unused: tuple[str, ...] = ()

    @abstractmethod
    def forward(self, log_mel: Tensor) -> Tensor:
        """See the class."""


class SmallAudio(AudioNetwork):
    """Four convolutions, for training from scratch on a CPU: 0.23 million parameters, 12 million flops a patch.

    Frequencies stay apart to the end, times are averaged and maximised over. Features (B, 128), ≥ 0.

    >>> SmallAudio()(torch.zeros(3, 96, 64)).shape
    torch.Size([3, 128])
    """

    name = "small"
    size = 128

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *block(1, 16, kernel=5, stride=2),  # (48, 32)
            nn.MaxPool2d(2),
            *block(16, 32),  # (24, 16)
            nn.MaxPool2d(2),
            *block(32, 64),  # (12, 8)
            nn.MaxPool2d(2),
            *block(64, 128),  # (6, 4)
        )
        self.embedding = nn.Sequential(nn.Linear(2 * 128 * 4, self.size), nn.ReLU())

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.features((log_mel[:, None] - _SILENCE) / 4)  # silence is 0, as what the borders are filled with
        return self.embedding(torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1).flatten(1))


class VGGish(AudioNetwork):
    """Hershey et al., ICASSP 2017, as torchvggish names its parts: 72 million parameters, 1.7 billion flops a patch.

    Features (B, 128), ≥ 0: the embedding before the whitening and quantisation that YouTube-8M adds.
    """

    name = "vggish"
    size = 128
    unused = ("pproc.",)

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for group in ((64,), (128,), (256, 256), (512, 512)):
            for wider in group:
                layers += [nn.Conv2d(channels, wider, 3, padding=1), nn.ReLU(inplace=True)]
                channels = wider
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        sizes = (512 * 6 * 4, 4096, 4096, self.size)
        linear = [(nn.Linear(a, b), nn.ReLU(inplace=True)) for a, b in pairwise(sizes)]
        self.embeddings = nn.Sequential(*(layer for pair in linear for layer in pair))

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.features(log_mel[:, None])  # (B, 512, 6, 4)
        return self.embeddings(x.permute(0, 2, 3, 1).flatten(1))  # channels last, as in TensorFlow


def block(channels: int, wider: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """A convolution, normalised over the batch, so that training from scratch is quick."""
    convolution = nn.Conv2d(channels, wider, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(wider), nn.ReLU(inplace=True)]
