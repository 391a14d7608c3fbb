"""Clips that might have been: how a few recordings are made to go further while base networks are trained from scratch.

Sounds add up and labels are joined when two clips are played together; a class stays what it is when a part of its
spectrum or of its time is missing, and a picture mirrored or lit in another way.
"""

import numpy as np
import torch
from torch import Tensor

_SILENCE = float(np.log(0.01))  # of log-mel patches (avfront.proposals)


def mixed(patches: Tensor, other: Tensor, rng: np.random.Generator) -> Tensor:
    """Log-mel patches (P, 96, 64) of two sounds at once, the other one (Q, 96, 64) at -10…10 dB.

    Each patch meets one of the other's, drawn at random.

    >>> loud, silent = torch.zeros(2, 96, 64), torch.full((3, 96, 64), _SILENCE)
    >>> bool(torch.allclose(mixed(loud, silent, np.random.default_rng(0)), loud))
    True
    """
    gain = 10 ** rng.uniform(-0.5, 0.5)
    partners = other[torch.from_numpy(rng.integers(len(other), size=len(patches)))]
    # What silence adds to the logarithm is there once.
    return torch.log(patches.exp() + gain * (partners.exp() - np.exp(_SILENCE)).clamp(min=0))


def masked(patches: Tensor, rng: np.random.Generator) -> Tensor:
    """Log-mel patches moved by up to three bands, with a band of up to 12 and a time of up to 20 frames left out.

    SpecAugment (Park et al. 2019), by patch.
    """
    count, frames, bands = patches.shape
    moved = torch.roll(patches, int(rng.integers(-3, 4)), dims=2)
    hidden = _span(count, bands, 12, rng)[:, None, :] | _span(count, frames, 20, rng)[:, :, None]
    return moved.masked_fill(hidden, _SILENCE)


def relit(frames: Tensor, boxes: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Pictures (T, 3, h, w) in 0…1 in another light, every second time mirrored, with their boxes (R, 4)."""
    if rng.random() < 0.5:
        x = frames.shape[3] - boxes[:, 0] - boxes[:, 2]
        frames, boxes = frames.flip(3), torch.cat([x[:, None], boxes[:, 1:]], dim=1)
    return (frames * rng.uniform(0.7, 1.3) + rng.uniform(-0.1, 0.1)).clamp(0, 1), boxes


def _span(count: int, length: int, longest: int, rng: np.random.Generator) -> Tensor:
    """A run of fewer than `longest` places in each of `count` rows of that length, (count, length), bool."""
    begin = torch.from_numpy(rng.integers(0, length, (count, 1)))
    end = begin + torch.from_numpy(rng.integers(0, longest, (count, 1)))
    places = torch.arange(length)
    return (places >= begin) & (places < end)
