"""The network of the weakly supervised system: proposals of a clip in, scores of the clip and of its proposals out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn

from avfront.errors import AvfrontError
from avfront.mil.bags import Bag, pad
from avfront.mil.poolings import POOLINGS

MODALITIES = {"audio-visual": ("audio", "visual"), "audio": ("audio",), "visual": ("visual",)}
AUDIO = ("tsp", "ncp", "both")


@dataclass(frozen=True)
class Variant:
    """Which of the systems of the papers.

    Attributes
    ----------
    pooling : {"two-stream", "one-stream", "synchronous", "wsddn", "attention"}
    modalities : {"audio-visual", "audio", "visual"}
    audio : {"tsp", "ncp", "both"}
        What the bag of sound holds: segments of time, NMF components, or both in one bag.
    hidden : int
        Outputs of the layer that adapts the features of a modality to the task; 0 leaves it out.
    dropout : float
        Share of that layer's outputs that is left out at random while learning, 0 ≤ dropout < 1.
    sharpness : float
        How sharply proposals are told apart, κ > 0: a factor of B, which begins with about equal weights for all; the
        r of the soft maximum with one stream. The papers' is 1; with larger ones classes of the made set are told
        better, and from 3 on placed worse.

    Raises
    ------
    AvfrontError
        If a value is none of these.

    >>> Variant(modalities="audio", audio="ncp").pooling
    'two-stream'
    """

    pooling: str = "two-stream"
    modalities: str = "audio-visual"
    audio: str = "both"
    hidden: int = 128
    dropout: float = 0.5
    sharpness: float = 2.0

    def __post_init__(self) -> None:
        for name, known in (("pooling", POOLINGS), ("modalities", MODALITIES), ("audio", AUDIO)):
            value = getattr(self, name)
            if value not in known:
                raise AvfrontError(
                    f"{name}='{value}' is not known", remedy=f"choose one of {', '.join(known)}", usage=True
                )
        if self.hidden < 0 or not 0 <= self.dropout < 1 or not 0 < self.sharpness < float("inf"):
            raise AvfrontError(
                f"hidden={self.hidden}, dropout={self.dropout} or sharpness={self.sharpness} is out of range",
                remedy="give hidden ≥ 0, 0 ≤ dropout < 1 and sharpness > 0",
                usage=True,
            )


@dataclass(frozen=True)
class Items:
    """One modality of several clips, before it is padded.

    Attributes
    ----------
    inputs : sequence of tuples of Tensor
        For each clip its features, (P, D); or what the base network of the modality takes.
    windows : sequence of Tensor (P,), int
        The second that each proposal begins in.
    """

    inputs: Sequence[tuple[Tensor, ...]]
    windows: Sequence[Tensor]

    def to(self, device: torch.device) -> "Items":
        """The same on another device."""
        inputs = [tuple(part.to(device) for part in parts) for parts in self.inputs]
        return Items(inputs, [part.to(device) for part in self.windows])


@dataclass(frozen=True)
class Scored:
    """What a network says.

    Attributes
    ----------
    clips : Tensor (B, C)
    proposals : dict of modality to Tensor (B, P, C)
        For each class; 0 where a bag is padded.
    """

    clips: Tensor
    proposals: dict[str, Tensor]


class Network(nn.Module):
    """Heads of one or both modalities and their fusion (Parekh et al. 2020, figure 3).

    Parameters
    ----------
    variant : Variant
    classes : int
        C.
    sizes : mapping of modality to int
        Length D of the features.
    bases : mapping of modality to module, optional
        Base networks to be trained with the heads; without, the inputs are features already.
    """

    def __init__(
        self, variant: Variant, classes: int, sizes: Mapping[str, int], bases: Mapping[str, nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.variant = variant
        self.pooling = POOLINGS[variant.pooling](variant.sharpness)
        used = MODALITIES[variant.modalities]
        self.heads = nn.ModuleDict(
            {name: Head(sizes[name], classes, variant, localizes=self.pooling.localizes) for name in used}
        )
        self.bases = nn.ModuleDict({name: base for name, base in (bases or {}).items() if name in used})

    def forward(self, batch: Mapping[str, Items]) -> Scored:
        """Score clips, and their proposals; in float32 whatever the features are computed in."""
        bags = {name: self._bag(name, batch[name]) for name in self.heads}
        scored = {}
        for name, head in self.heads.items():
            a, b = head(bags[name].features)
            scored[name] = self.pooling.weigh(a.float(), None if b is None else b.float(), bags[name])
        return Scored(self.pooling.fuse([(scored[name], bags[name]) for name in scored]), scored)

    @contextmanager
    def upon(self, bases: Mapping[str, nn.Module]) -> Iterator[None]:
        """Meanwhile inputs are what these base networks take, and they learn with the heads."""
        self.bases = nn.ModuleDict({name: bases[name] for name in self.heads})
        try:
            yield
        finally:
            self.bases = nn.ModuleDict()

    def _bag(self, name: str, items: Items) -> Bag:
        base = self.bases[name] if name in self.bases else nn.Identity()
        features = torch.cat([base(*parts) for parts in _joined(items.inputs)])
        return pad(features, torch.cat(list(items.windows)), [len(part) for part in items.windows])


class Head(nn.Module):
    """Features of proposals to A = Z W_cls and B = Z W_loc, with Z the features adapted to the task."""

    def __init__(self, size: int, classes: int, variant: Variant, *, localizes: bool) -> None:
        super().__init__()
        width = variant.hidden or size
        layers = [nn.Linear(size, width), nn.ReLU(), nn.Dropout(variant.dropout)] if variant.hidden else []
        self.adapt = nn.Sequential(*layers)
        self.classify = nn.Linear(width, classes)
        # A bias would be the same for all proposals, and leave their softmax as it is.
        self.localize = nn.Linear(width, classes, bias=False) if localizes else None

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """A and B, (B, P, C) each, of features (B, P, D)."""
        z = self.adapt(features)
        return self.classify(z), None if self.localize is None else self.localize(z)


def _joined(inputs: Sequence[tuple[Tensor, ...]]) -> Iterator[tuple[Tensor, ...]]:
    """Clips after one another as if they were one, as far as their pictures are of one size.

    Statistics of a batch, which some base networks learn by, are then those of many clips.
    """
    for _, run in groupby(inputs, key=lambda parts: parts[0].shape[1:]):
        clips = list(run)
        columns = list(zip(*clips, strict=True))
        if len(columns) == 3:  # frames, boxes, and which frame each box is in
            firsts = np.cumsum([0, *map(len, columns[0][:-1])])
            columns[2] = tuple(which + int(first) for which, first in zip(columns[2], firsts, strict=True))
        yield tuple(torch.cat(column) for column in columns)
