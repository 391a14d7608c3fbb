"""What one pass over the samples finds."""

import numpy as np
import pytest

from avfront import audio


def wave(channels: int, frames: int, rate: int = 8000) -> np.ndarray:
    t = np.arange(frames) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * 300 * (k + 1) * t) for k in range(channels)]).astype(np.float32)


def test_survey_finds_what_is_there(save):
    samples = wave(3, 8000)
    samples[1] = 0
    samples[2, 100:110] = 1.0
    found = audio.survey(audio.probe(save("x.wav", samples)))
    assert found.frames == 8000
    assert found.silent_channels == (1,)
    assert found.peak == pytest.approx(np.abs(samples).max(axis=1))
    assert found.rms == pytest.approx(np.sqrt(np.mean(samples.astype(float) ** 2, axis=1)))
    assert found.clipped == 9
    assert not found.identical
    beyond = audio.survey(audio.probe(save("beyond.wav", 3 * wave(2, 8000))))
    assert beyond.clipped == 0, "float files may go beyond full scale"
    assert audio.survey(audio.probe(save("y.wav", np.stack([samples[0]] * 2)))).identical
    assert not audio.survey(audio.probe(save("z.wav", samples[0]))).identical
