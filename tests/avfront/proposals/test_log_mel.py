"""The front end of VGGish: against a plain loop written from its description, and what its windows must be."""

import numpy as np
import pytest

from avfront.proposals import log_mel

pytest.importorskip("scipy")
RNG = np.random.default_rng(0)


def literal(sound: np.ndarray) -> np.ndarray:
    """Frame by frame and band by band in float64, from the description: nothing shared with the code."""
    window = np.array([0.5 * (1 - np.cos(2 * np.pi * n / 400)) for n in range(400)])
    mel = [1127 * np.log(1 + hertz / 700) for hertz in np.arange(257) * 16000 / 512]
    low, high = (1127 * np.log(1 + hertz / 700) for hertz in (125, 7500))
    edge = [low + (high - low) * i / 65 for i in range(66)]
    rows = []
    for begin in range(0, len(sound) - 400 + 1, 160):
        magnitude = np.abs(np.fft.rfft(sound[begin : begin + 400] * window, 512))
        row = []
        for band in range(64):
            a, b, c = edge[band : band + 3]
            weight = [0.0] + [max(0, min((m - a) / (b - a), (c - m) / (c - b))) for m in mel[1:]]
            row.append(np.log(np.dot(weight, magnitude) + 0.01))
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("length", [400, 559, 560, 5000, 16001])
@pytest.mark.parametrize("level", [1.0, 1e-4])
def test_as_described(length: int, level: float) -> None:
    sound = level * RNG.standard_normal(length)
    got = log_mel.log_mel(sound)
    assert got.dtype == np.float32
    assert got.shape == (1 + (length - 400) // 160, 64)
    np.testing.assert_allclose(got, literal(sound.astype(np.float32)), atol=2e-5)


def test_a_tone_is_in_its_band() -> None:
    centres = np.linspace(*(1127 * np.log(1 + np.array([125, 7500]) / 700)), 66)[1:-1]
    for band in (5, 20, 40, 63):
        hertz = 700 * (np.exp(centres[band] / 1127) - 1)
        mel = log_mel.log_mel(np.sin(2 * np.pi * hertz * np.arange(8000) / 16000))
        assert (np.abs(mel.argmax(axis=1) - band) <= (0 if band > 10 else 1)).all()


def test_silence() -> None:
    assert (log_mel.log_mel(np.zeros(1000)) == np.log(np.float32(0.01))).all()


@pytest.mark.parametrize(
    ("seconds", "tsp", "ncp"), [(10, 20, 10), (9.6, 20, 10), (0.96, 2, 1), (0.3, 1, 1), (1.5, 3, 2)]
)
def test_windows(seconds: float, tsp: int, ncp: int) -> None:
    sound = RNG.standard_normal(round(16000 * seconds))
    for stride, count in ((0.48, tsp), (0.96, ncp)):
        patches, times = log_mel.patches(sound, stride)
        assert patches.shape == (count, 96, 64)
        assert patches.flags.c_contiguous
        np.testing.assert_allclose(times[:, 0], stride * np.arange(count))
        assert (times[:, 1] <= seconds + 1e-9).all()
        # VGGish's own windows are among them, to rounding error.
        own = log_mel.log_mel(sound) if len(sound) >= 400 else np.zeros((0, 64))
        for p in range(count):
            begin = round(stride * 100) * p
            if begin + 96 <= len(own):
                np.testing.assert_allclose(patches[p], own[begin : begin + 96], atol=1e-5)


def test_the_last_window_ends_in_silence() -> None:
    patches, times = log_mel.patches(np.ones(16000), 0.48)
    assert times.tolist() == [[0, 0.96], [0.48, 1.0]]
    assert (patches[1, 55:] == np.log(np.float32(0.01))).all()


def test_many_sounds_at_once() -> None:
    sounds = RNG.standard_normal((2, 3, 20000))
    many, times = log_mel.patches(sounds, 0.48)
    one, same = log_mel.patches(sounds[1, 2], 0.48)
    np.testing.assert_allclose(many[1, 2], one, atol=1e-5)
    np.testing.assert_array_equal(times, same)
