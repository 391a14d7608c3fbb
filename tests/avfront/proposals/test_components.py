"""NMF component proposals: sounds that add up to the mixture, the same whatever else is in the batch."""

import numpy as np
import pytest

from avfront.proposals import Settings, components, log_mel
from avfront.proposals.found import Array

pytest.importorskip("scipy")

QUICK = Settings(components=4, iterations=60)


def tones(seconds: float, *, hertz: tuple[float, ...] = (440, 1250, 3000), seed: int = 0) -> Array:
    """Tones that come and go one after the other, in a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * 16000)) / 16000
    parts = [np.sin(2 * np.pi * f * t) * (np.sin(2 * np.pi * (0.7 + 0.3 * i) * t + i) > 0) for i, f in enumerate(hertz)]
    return (0.3 * np.sum(parts, axis=0) + 0.001 * rng.standard_normal(len(t))).astype(np.float32)


def test_alone_or_among_others() -> None:
    sounds = [tones(2.0), tones(3.3, hertz=(700,)), tones(1.1, seed=3)]
    together = components.factorize(sounds, QUICK)
    for sound, (W, H) in zip(sounds, together, strict=True):
        [(alone_W, alone_H)] = components.factorize([sound], QUICK)
        np.testing.assert_allclose(W, alone_W, rtol=1e-3, atol=1e-4 * W.max())
        np.testing.assert_allclose(H, alone_H, rtol=1e-3, atol=1e-4 * H.max())
    again = components.factorize(sounds, QUICK)
    assert all((a[0] == b[0]).all() and (a[1] == b[1]).all() for a, b in zip(together, again, strict=True))


def test_components_add_up_to_the_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = tones(1.5)
    [factors] = components.factorize([sound], QUICK)
    heard: list[Array] = []
    through = log_mel.patches

    def listen(sounds: Array, *stride: float) -> tuple[Array, Array]:
        heard.append(sounds)
        return through(sounds, *stride)

    monkeypatch.setattr(log_mel, "patches", listen)
    components.propose(sound, *factors)
    every = np.concatenate([one for one in heard if one.ndim == 2])
    assert every.shape == (4, len(sound))
    np.testing.assert_allclose(every.sum(axis=0), sound, atol=1e-5)


def test_each_tone_has_a_component() -> None:
    sound = tones(3.0)
    [factors] = components.factorize([sound], Settings(components=4, iterations=200))
    ncp, times, of = components.propose(sound, *factors)
    assert ncp.shape == (4 * 3, 96, 64)
    assert of.tolist() == np.repeat(np.arange(4), 3).tolist()
    assert times[:4].tolist() == [[0, 0.96], [0.96, 1.92], [1.92, 2.88], [0, 0.96]]
    bands = np.linspace(*(1127 * np.log(1 + np.array([125, 7500]) / 700)), 66)[1:-1]
    loudest = {int(ncp[of == k].mean(axis=(0, 1)).argmax()) for k in range(4)}
    for hertz in (440, 1250, 3000):
        band = int(np.abs(bands - 1127 * np.log(1 + hertz / 700)).argmin())
        assert any(abs(band - one) <= 1 for one in loudest), (hertz, band, loudest)


def test_ten_seconds_give_twenty_times_ten() -> None:
    sound = tones(10.0)
    [factors] = components.factorize([sound], Settings(iterations=2))
    ncp, times, of = components.propose(sound, *factors)
    assert (ncp.shape, times.shape, of.shape) == ((200, 96, 64), (200, 2), (200,))
    assert np.isfinite(ncp).all()


def test_in_blocks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = tones(1.2)
    [factors] = components.factorize([sound], QUICK)
    whole = components.propose(sound, *factors)[0]
    monkeypatch.setattr(components, "_AT_ONCE", 1)
    np.testing.assert_array_equal(components.propose(sound, *factors)[0], whole)


def test_pauses_of_digital_silence() -> None:
    sound = tones(2.0)
    sound[8000:24000] = 0
    [factors] = components.factorize([sound], QUICK)
    ncp, _, _ = components.propose(sound, *factors)
    assert np.isfinite(ncp).all()


def test_there_and_back() -> None:
    sound = tones(0.7)
    back = components.waveform(components.spectrogram(sound), len(sound))
    np.testing.assert_allclose(back, sound, atol=1e-6)
