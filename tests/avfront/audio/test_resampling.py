"""Sound at another rate."""

import numpy as np
import pytest

from avfront import audio


def wave(channels: int, frames: int, rate: int = 8000) -> np.ndarray:
    t = np.arange(frames) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * 300 * (k + 1) * t) for k in range(channels)]).astype(np.float32)


@pytest.mark.parametrize(("rate", "new"), [(44100, 16000), (16000, 44100), (8000, 48000), (48000, 8000)])
def test_resampling_keeps_a_tone(rate, new):
    t, u = np.arange(rate) / rate, np.arange(new) / new
    tone = np.sin(2 * np.pi * 1000 * t).astype(np.float32)[None]
    got = audio.resample(tone, rate, new)
    assert got.shape == (1, new)
    assert got.dtype == np.float32
    middle = slice(new // 10, -new // 10)
    assert np.abs(got[0] - np.sin(2 * np.pi * 1000 * u))[middle].max() < 1e-3


def test_same_rate_is_untouched():
    samples = wave(2, 100)
    assert audio.resample(samples, 8000, 8000) is samples
