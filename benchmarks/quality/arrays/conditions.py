"""The recordings of the table: microphones, sources, noise and rooms crossed, and some that were really recorded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.quality import rooms
from benchmarks.quality.mixtures import Mixture, array_mixture, recorded_mixture

ARRAYS = {  # metres
    2: rooms.microphones(),
    4: 0.05 * np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]),
    8: np.stack([0.1 * np.array([np.cos(a), np.sin(a), 0]) for a in np.arange(8) * np.pi / 4]),
}
SNRS = (12.0, 5.0, 0.0, -5.0, -11.0, -17.0)
ROOMS = ((0.15, 0.3), (0.3, 0.45), (0.45, 0.6))  # s, RT60


def conditions() -> list[dict[str, Any]]:
    """Channels, sources, SNR and reverberation, in an order in which any first few are varied.

    The first 18 have each SNR three times and each range of reverberation six times.
    """
    return [
        {
            "channels": channels,
            "sources": sources,
            "snr": SNRS[(2 * i + k + 2 * (i // 4)) % len(SNRS)],
            "rt60": ROOMS[(i + k) % len(ROOMS)],
        }
        for i, k in itertools.product(range(6), range(4))
        for channels, sources in (((2, 2), (4, 2), (2, 3), (8, 2))[k],)
    ]


def mixtures(count: int, seed: int) -> Iterator[Mixture]:
    """So many simulated recordings, then those made of what real microphones and rooms have recorded."""
    for index, condition in enumerate(conditions()[:count]):
        yield array_mixture(index, seed, array=ARRAYS[condition["channels"]], **condition)
    for index, (kind, snr) in enumerate(itertools.product(("array", "head"), (5.0, -5.0))):
        yield recorded_mixture(kind, snr, index, seed)
