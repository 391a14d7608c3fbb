"""Proposals without a video behind them, and small videos."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avfront import media
from avfront.proposals import Proposals

RATE = 16000


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


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Writes a short mp4: a disc that moves to the right at 10 pictures a second, and a tone in noise."""
    pytest.importorskip("av")
    cv2 = pytest.importorskip("cv2")

    def write(name: str = "clip.mp4", seconds: float = 2.0, *, level: float = 0.3, tracks: Any = None) -> Path:
        t = np.arange(round(seconds * RATE)) / RATE
        noise = 0.01 * np.random.default_rng(0).standard_normal(len(t))
        samples = (level * (np.sin(2 * np.pi * 800 * t) + noise)).astype(np.float32)[None]
        path = tmp_path / name
        with media.Writer(path, (160, 120), {"sound": samples} if tracks is None else tracks, RATE) as out:
            for n in range(round(seconds * 10)):
                picture = np.full((120, 160, 3), 90, np.uint8)
                cv2.circle(picture, (30 + 4 * n, 60), 20, (40, 60, 230), -1)  # red, as OpenCV orders it
                out.write(media.Frame(n / 10, picture))
        return path

    return write
