"""Proposals without a video behind them."""

from collections.abc import Callable

import numpy as np
import pytest

from avfront.proposals import Proposals


@pytest.fixture
def made() -> Callable[..., Proposals]:
    """Proposals of random numbers in the ranges of real ones."""

    def make(seed: int = 0, boxes: int = 7, components: int = 3) -> Proposals:
        rng = np.random.default_rng(seed)
        return Proposals(
            duration=2.5,
            size=(640, 480),
            frames=rng.integers(0, 256, (2, 24, 32, 3), np.uint8),
            frame_times=np.array([0.5, 1.5]),
            boxes=rng.uniform(0, 480, (boxes, 4)).astype(np.float32),
            box_frames=np.sort(rng.integers(0, 2, boxes)),
            tsp=rng.uniform(-4.6, 7, (5, 96, 64)).astype(np.float32),
            tsp_times=0.48 * np.arange(5)[:, None] + np.array([0, 0.96]),
            ncp=rng.uniform(-4.6, 7, (2 * components, 96, 64)).astype(np.float32),
            ncp_times=np.tile([[0, 0.96], [0.96, 1.92]], (components, 1)),
            ncp_components=np.repeat(np.arange(components), 2),
            patterns=rng.random((513, components), np.float32),
            activations=rng.random((components, 79), np.float32),
        )

    return make
