"""One program on one recording: its scores, and the time that it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from . import peers, rooms, scores
from .mixtures import Mixture


def scored(mixture: Mixture, separate: Callable[[], NDArray[Any]], *, blind: bool) -> dict[str, Any]:
    """Scores of what a program makes of a mixture, at the first two microphones, and ``seconds`` of processor time.

    Args:
        mixture: with its truth.
        separate: gives the images (J, I, T).
        blind: their order is chosen by the truth.
    """
    began = time.process_time()
    images = separate()
    seconds = time.process_time() - began
    if blind:
        images = peers.assigned(mixture.images, images)
    found: dict[str, Any] = scores.images(mixture.images[:, :2], images[:, :2])
    found |= scores.speech(mixture.images[0, 0], images[0, 0], rooms.RATE)
    return found | {"seconds": round(seconds, 2)}
