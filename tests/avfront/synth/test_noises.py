"""Synthetic noises."""

import numpy as np
import pytest

from avfront import synth

KINDS = [synth.wind, synth.rain, synth.traffic]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_level_length_and_seed(make, rate):
    one, same, other = make(1.5, rate, 7), make(1.5, rate, 7), make(1.5, rate, 8)
    assert one.shape == (round(1.5 * rate),)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    assert np.sqrt(np.mean(one.astype(float) ** 2)) == pytest.approx(0.1, rel=1e-3)
    assert np.array_equal(one, same)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.2


def test_they_sound_different():
    """The middle of the spectrum lies low for wind and traffic, and high for rain."""

    def middle(samples: np.ndarray) -> float:
        power = np.cumsum(np.abs(np.fft.rfft(samples)) ** 2)
        return float(np.interp(0.5, power / power[-1], np.linspace(0, 8000, len(power))))

    wind, rain, traffic = (middle(make(4.0, 16000, 0)) for make in KINDS)
    assert wind < 1000
    assert traffic < 1500
    assert rain > 2000
