"""Networks that turn boxes in pictures into feature vectors."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn.functional import interpolate

from avfront.features.audio import block
from avfront.features.pooling import roi_max_pool


class VisualNetwork(nn.Module, ABC):
    """Pictures (T, 3, h, w), RGB in 0…1, and boxes in them to features (R, size).

    Boxes (R, 4) are x, y, width, height in pixels of these pictures, box_frames (R,) tells which picture each is in.
    """

    name: str
    size: int
    unused: tuple[str, ...] = ()
    shortest: int  # pixels of the shorter side that pictures are scaled to, and
    longest: int  # pixels of the longer one, at most
    stride: int  # pixels per cell of the maps
    cells: int  # of the grid that a box becomes, each way

    def forward(self, frames: Tensor, boxes: Tensor, box_frames: Tensor) -> Tensor:
        """See the class."""
        sides = frames.shape[-2:]
        zoom = min(self.shortest / min(sides), self.longest / max(sides))
        size = [max(self.stride, round(zoom * side)) for side in sides]
        maps = self.maps(interpolate(frames, size, mode="bilinear", antialias=zoom < 1))
        return self.head(roi_max_pool(maps, boxes, box_frames, self.cells, zoom / self.stride))

    @abstractmethod
    def maps(self, frames: Tensor) -> Tensor:
        """Feature maps (T, C, H, W) of scaled pictures."""

    @abstractmethod
    def head(self, pooled: Tensor) -> Tensor:
        """Features (R, size) of pooled maps (R, C, cells, cells)."""


class SmallVisual(VisualNetwork):
    """Three convolutions and a 4 × 4 grid, for training from scratch on a CPU.

    0.16 million parameters, 69 million flops a picture of 160 × 120 and 0.26 million a box. Features (R, 128), ≥ 0.

    >>> import torch
    >>> frames, boxes = torch.rand(2, 3, 120, 160), torch.tensor([[10.0, 20, 50, 60], [0, 0, 160, 120]])
    >>> SmallVisual()(frames, boxes, torch.tensor([0, 1])).shape
    torch.Size([2, 128])
    """

    name = "small"
    size = 128
    shortest, longest, stride, cells = 120, 240, 4, 4

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*block(3, 16, kernel=5, stride=2), *block(16, 32, stride=2), *block(32, 64))
        self.embedding = nn.Sequential(nn.Dropout(), nn.Linear(64 * self.cells**2, self.size), nn.ReLU())

    def maps(self, frames: Tensor) -> Tensor:
        x: Tensor = self.features(2 * frames - 1)
        return x

    def head(self, pooled: Tensor) -> Tensor:
        x: Tensor = self.embedding(pooled.flatten(1))
        return x


class AlexNet(VisualNetwork):
    """CaffeNet's kind (Krizhevsky et al. 2012) as torchvision names its parts, with a 6 × 6 grid after conv5.

    The pictures are scaled as Fast R-CNN's; fc6 and fc7 with dropout ½ follow the grid: features (R, 4096), ≥ 0.
    57 million parameters; 13 billion flops a picture of 800 × 600 and 0.11 billion a box.
    """

    name = "alexnet"
    size = 4096
    unused = ("classifier.6.",)
    shortest, longest, stride, cells = 600, 1000, 16, 6
    # Of ImageNet's pictures, R, G, B.
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * self.cells**2, self.size),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(self.size, self.size),
            nn.ReLU(inplace=True),
        )

    def maps(self, frames: Tensor) -> Tensor:
        mean, deviation = frames.new_tensor([self.mean, self.deviation])[..., None, None]
        x: Tensor = self.features((frames - mean) / deviation)
        return x

    def head(self, pooled: Tensor) -> Tensor:
        x: Tensor = self.classifier(pooled.flatten(1))
        return x
