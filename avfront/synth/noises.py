"""Everyday noises made from random numbers, for the demo and for tests: wind, rain and traffic.

Each function returns mono float32 samples (T,) of root mean square 0.1, the same ones for the same seed.
"""

import numpy as np
import numpy.typing as npt

from avfront.synth.signals import Array, convolve, noise, wander

Signal = npt.NDArray[np.float32]

_RMS = 0.1


def wind(seconds: float, rate: int, seed: int) -> Signal:
    """Wind about a house: low noise whose level and pitch come in gusts, with a faint whistle.

    >>> wind(1.0, 16000, seed=0).shape
    (16000,)
    """
    rng = np.random.default_rng([seed, 1])
    length = round(seconds * rate)
    gusts = wander(rng, length, rate, 0.5)
    low = noise(rng, length, rate, lambda f: 1 / (1 + (f / 180) ** 2))
    high = noise(rng, length, rate, lambda f: np.exp(-0.5 * ((f - 900) / 350) ** 2))
    whistle = noise(rng, length, rate, lambda f: np.exp(-0.5 * ((f - 1400) / 60) ** 2))
    return _finish(low * (0.4 + gusts) + 0.35 * high * gusts**2 + 0.05 * whistle * gusts**3)


def rain(seconds: float, rate: int, seed: int) -> Signal:
    """Rain on a window sill: a bright hiss and several hundred drops a second, some of them loud.

    >>> bool(np.array_equal(rain(0.5, 16000, seed=3), rain(0.5, 16000, seed=3)))
    True
    """
    rng = np.random.default_rng([seed, 2])
    length = round(seconds * rate)
    hiss = noise(rng, length, rate, lambda f: f**2 / (f**2 + 1500.0**2))
    # A drop is a short decaying ring; drops of one pitch share their shape, so that each pitch is one
    # convolution.
    drops = np.zeros(length)
    t = np.arange(round(0.012 * rate)) / rate
    for pitch in rng.uniform(0.06, 0.42, 12) * rate:
        hits = (rng.random(length) < 35.0 / rate) * rng.lognormal(0.0, 1.0, length)
        drops += convolve(hits, np.exp(-t * 500) * np.sin(2 * np.pi * pitch * t))
    swell = 0.8 + 0.4 * wander(rng, length, rate, 0.3)
    return _finish(swell * (0.6 * hiss + 0.7 * drops / (drops.std() + 1e-12)))


def traffic(seconds: float, rate: int, seed: int) -> Signal:
    """A busy road: a deep hum of engines, tyres on asphalt, and cars that pass.

    >>> round(float(np.sqrt(np.mean(traffic(2.0, 16000, seed=1) ** 2))), 3)
    0.1
    """
    rng = np.random.default_rng([seed, 3])
    length = round(seconds * rate)
    t = np.arange(length) / rate
    road = noise(rng, length, rate, lambda f: 1 / (1 + (f / 350) ** 1.5))
    sound = 0.5 * road
    for _ in range(max(3, round(seconds / 1.5))):
        when, width = rng.uniform(-0.5, seconds + 0.5), rng.uniform(0.5, 1.4)
        passing = np.exp(-0.5 * ((t - when) / width) ** 2)
        tyres = noise(rng, length, rate, lambda f: np.exp(-0.5 * (np.log2(np.maximum(f, 1) / 900) / 0.9) ** 2))
        # The engine's note falls while the car goes by.
        note = rng.uniform(45, 95) * (1 - 0.06 * np.tanh((t - when) / width))
        phase = 2 * np.pi * np.cumsum(note) / rate
        engine = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 7))
        sound += rng.uniform(0.5, 1.0) * passing * (0.6 * tyres + 0.5 * engine)
    return _finish(sound)


def _finish(samples: Array) -> Signal:
    samples = samples - samples.mean()
    return np.asarray(samples * (_RMS / np.sqrt(np.mean(samples**2))), dtype=np.float32)
