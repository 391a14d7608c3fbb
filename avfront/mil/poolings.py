"""From proposals to a clip: how scores of proposals become those of their bag, and what they are trained with.

Each pooling is given what the linear layers say of every proposal: A = Z W_cls, and B = Z W_loc if it localizes, both
(B, P, C). It weighs them to E (B, P, C), the scores of proposals for each class, and fuses the modalities' into scores
of clips φ (B, C) (Parekh et al. 2020, sections III.B and III.D).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from avfront.mil.bags import Bag, log_mean_exp, softmax

Scored = tuple[Tensor, Bag]  # E (B, P, C) of one modality, and what it is of


class Pooling(ABC):
    """A way from proposals to clips.

    Parameters
    ----------
    sharpness : float
        κ, see :class:`avfront.mil.network.Variant`.
    """

    localizes: ClassVar[bool] = True  # whether it has a use for B

    def __init__(self, sharpness: float = 1.0) -> None:
        self._sharpness = sharpness

    @abstractmethod
    def weigh(self, a: Tensor, b: Tensor | None, bag: Bag) -> Tensor:
        """Scores of the proposals E (B, P, C), 0 where there is none."""

    @abstractmethod
    def fuse(self, scored: Sequence[Scored]) -> Tensor:
        """Scores of the clips φ (B, C), of one modality or several."""

    def loss(self, scores: Tensor, truth: Tensor) -> Tensor:
        """Multi-label hinge loss, the mean of max(0, 1 - y φ) with y = ±1 (equation 2).

        Parameters
        ----------
        scores : Tensor (B, C)
        truth : Tensor (B, C), bool
        """
        return F.relu(1 - torch.where(truth, scores, -scores)).mean()


class TwoStream(Pooling):
    """E = A ⊙ softmax over proposals of κ B; its sum, on the unit sphere, is added over modalities (equation 1)."""

    def weigh(self, a: Tensor, b: Tensor | None, bag: Bag) -> Tensor:
        assert b is not None
        return a * softmax(self._sharpness * b, bag.mask[..., None])

    def fuse(self, scored: Sequence[Scored]) -> Tensor:
        return sum((F.normalize(e.sum(1)) for e, _ in scored), start=torch.tensor(0.0))


class OneStream(Pooling):
    """E = A; its soft maximum over proposals, on the unit sphere, is added over modalities (section V.A.1)."""

    localizes = False

    def weigh(self, a: Tensor, b: Tensor | None, bag: Bag) -> Tensor:
        return a * bag.mask[..., None]

    def fuse(self, scored: Sequence[Scored]) -> Tensor:
        # To divide by κ would change nothing on the sphere.
        soft = (log_mean_exp(self._sharpness * e, bag.mask[..., None]) for e, bag in scored)
        return sum((F.normalize(each) for each in soft), start=torch.tensor(0.0))


class Synchronous(Pooling):
    """Two streams within each second; seconds are added over modalities, and the best counts (section III.D.2)."""

    def weigh(self, a: Tensor, b: Tensor | None, bag: Bag) -> Tensor:
        assert b is not None
        within = _windows(bag)  # (B, T, P)
        weights = softmax(self._sharpness * b[:, None], within[..., None], dim=2)  # (B, T, P, C)
        return a * weights.sum(1)

    def fuse(self, scored: Sequence[Scored]) -> Tensor:
        seconds = max(int(bag.windows.max()) + 1 for _, bag in scored)
        total, there = torch.tensor(0.0), torch.tensor(False)
        for e, bag in scored:
            within = _windows(bag, seconds)
            total = total + within.to(e.dtype) @ e  # (B, T, C)
            there = there | within.any(2)
        return log_mean_exp(total, there[..., None])


class Attention(Pooling):
    """Probabilities of proposals σ(A), averaged with a softmax over proposals of B, and a binary log loss.

    Kong et al. (2018), Audio Set classification with attention model. Base networks learn by it: from scratch it is
    several times as fast as the hinge loss on the unit sphere.
    """

    def weigh(self, a: Tensor, b: Tensor | None, bag: Bag) -> Tensor:
        assert b is not None
        return a.sigmoid() * softmax(self._sharpness * b, bag.mask[..., None])

    def fuse(self, scored: Sequence[Scored]) -> Tensor:
        return sum((e.sum(1) for e, _ in scored), start=torch.tensor(0.0)) / len(scored)

    def loss(self, scores: Tensor, truth: Tensor) -> Tensor:
        """The mean binary log loss; the scores are probabilities."""
        return F.binary_cross_entropy(scores.clamp(1e-6, 1 - 1e-6), truth.to(scores.dtype))


class DeepDetection(Attention):
    """WSDDN (Bilen and Vedaldi 2016): as attention, but A goes through a softmax over classes."""

    def weigh(self, a: Tensor, b: Tensor | None, bag: Bag) -> Tensor:
        assert b is not None
        return a.softmax(2) * softmax(self._sharpness * b, bag.mask[..., None])


POOLINGS: dict[str, type[Pooling]] = {
    "two-stream": TwoStream,
    "one-stream": OneStream,
    "synchronous": Synchronous,
    "wsddn": DeepDetection,
    "attention": Attention,
}


def _windows(bag: Bag, seconds: int | None = None) -> Tensor:
    """Which proposals are in which second, (B, T, P), bool."""
    count = int(bag.windows.max()) + 1 if seconds is None else seconds
    return bag.windows[:, None] == torch.arange(count, device=bag.windows.device)[:, None]
