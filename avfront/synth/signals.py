"""What made sounds are made of: coloured noise, slow random curves, and quick convolution."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def noise(rng: np.random.Generator, length: int, rate: int, gain: Any) -> Array:
    """Gaussian noise with the given gain over frequency (Hz), of unit variance."""
    size = _quick(length)
    spectrum = np.fft.rfft(rng.standard_normal(size)) * gain(np.fft.rfftfreq(size, 1 / rate))
    samples = np.fft.irfft(spectrum, size)[:length]
    return np.asarray(samples / (samples.std() + 1e-12))


def wander(rng: np.random.Generator, length: int, rate: int, hertz: float) -> Array:
    """A slow random curve between 0 and 1 that changes about `hertz` times a second."""
    points = max(4, round(length / rate * hertz * 2) + 2)
    at = np.linspace(0, points - 1, length)
    values = rng.random(points)
    k = np.minimum(at.astype(int), points - 2)
    bend = 0.5 - 0.5 * np.cos(np.pi * (at - k))
    return np.asarray(values[k] * (1 - bend) + values[k + 1] * bend)


def convolve(signal: Array, shape: Array) -> Array:
    """Each sample of `signal` becomes the `shape`; cut to the length of the signal."""
    size = _quick(len(signal) + len(shape) - 1)
    whole = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(shape, size), size)
    return np.asarray(whole[: len(signal)])


def _quick(length: int) -> int:
    """The next power of two: a transform of prime length would take a hundred times longer."""
    return 1 << (length - 1).bit_length()
