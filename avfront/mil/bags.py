"""Bags of proposals: those of several clips in one padded batch, and sums that leave the padding out."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass(frozen=True)
class Bag:
    """The proposals of one modality of B clips, filled up to P, the most that one of them has.

    Attributes
    ----------
    features : Tensor (B, P, D)
    mask : Tensor (B, P), bool
        Where there is a proposal. A clip may have none at all.
    windows : Tensor (B, P), int
        The second that a proposal begins in; -1 where there is none.
    """

    features: Tensor
    mask: Tensor
    windows: Tensor


def pad(features: Tensor, windows: Tensor, counts: Sequence[int]) -> Bag:
    """A bag of proposals that come clip after clip.

    Parameters
    ----------
    features : Tensor (Σ counts, D)
    windows : Tensor (Σ counts,), int
    counts : sequence of int
        Proposals of each clip.

    >>> bag = pad(torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 0]), [2, 1])
    >>> bag.features.shape, bag.mask.tolist()
    (torch.Size([2, 2, 2]), [[True, True], [True, False]])
    """
    parts = list(counts)
    seconds = pad_sequence(list(torch.split(windows, parts)), batch_first=True, padding_value=-1)
    return Bag(pad_sequence(list(torch.split(features, parts)), batch_first=True), seconds >= 0, seconds)


def softmax(values: Tensor, mask: Tensor, dim: int = 1) -> Tensor:
    """Softmax along `dim` over where `mask` is on, 0 elsewhere; all 0 where it is on nowhere."""
    return torch.softmax(values.masked_fill(~mask, torch.finfo(values.dtype).min), dim) * mask


def log_mean_exp(values: Tensor, mask: Tensor, dim: int = 1) -> Tensor:
    """Soft maximum along `dim` over where `mask` is on; 0 where it is on nowhere.

    The log-sum-exp of Pinheiro and Collobert (2015), which divides by the number of values, so that bags of different
    sizes are on one scale.
    """
    low = values.masked_fill(~mask, torch.finfo(values.dtype).min)
    count = mask.sum(dim)
    return torch.where(count > 0, torch.logsumexp(low, dim) - count.clamp(min=1).to(values.dtype).log(), 0.0)
