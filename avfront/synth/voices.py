"""Class-typical sounds made from sine waves and noise, for where no recordings of a class are at hand.

Each voice is a function of a random generator and a rate in Hz and returns some seconds of mono samples (T,) with
peak 1. Two draws are two individuals: another pitch, another pace, another room in the throat.
"""

from collections.abc import Callable, Sequence

import numpy as np

from avfront.synth.signals import Array, convolve, noise, wander

Voice = Callable[[np.random.Generator, int], Array]


def dog(rng: np.random.Generator, rate: int) -> Array:
    """Barks: short, falling, hoarse."""
    pitch, count = rng.uniform(380, 720), int(rng.integers(3, 7))
    barks = [_cry(rng, rate, pitch * np.array([0.8, 1.1, 0.7]), rng.uniform(0.12, 0.22), 0.5) for _ in range(count)]
    return _in_turn(rng, barks, rate, 0.25)


def cat(rng: np.random.Generator, rate: int) -> Array:
    """Meows: long glides up and down, clear."""
    pitch = rng.uniform(420, 750)
    glides = [_cry(rng, rate, pitch * np.array([0.8, 1.3, 1.2, 0.75]), rng.uniform(0.6, 1.1), 0.04) for _ in range(3)]
    return _in_turn(rng, glides, rate, 0.4)


def rooster(rng: np.random.Generator, rate: int) -> Array:
    """A crow: three short syllables and a long one that sinks."""
    pitch = rng.uniform(550, 900)
    lengths, tops = (0.2, 0.15, 0.3, 0.9), (0.8, 0.9, 1.2, 1.1)
    parts = [_cry(rng, rate, pitch * t * np.array([0.9, 1, 0.85]), s, 0.15) for s, t in zip(lengths, tops, strict=True)]
    return _in_turn(rng, parts, rate, 0.06)


def birds(rng: np.random.Generator, rate: int) -> Array:
    """Chirps between 2.5 and 6 kHz, some a second."""
    pitch = rng.uniform(2600, 4800)
    chirps = [
        _cry(rng, rate, pitch * rng.uniform(0.8, 1.25, 3), rng.uniform(0.06, 0.2), 0.0, harmonics=2)
        for _ in range(int(rng.integers(10, 18)))
    ]
    return _in_turn(rng, chirps, rate, 0.12)


def laughter(rng: np.random.Generator, rate: int) -> Array:
    """Ha, ha, ha: four or five breaths a second, sinking."""
    pitch, count = rng.uniform(180, 360), int(rng.integers(6, 12))
    fall = np.linspace(1.15, 0.85, count)
    return _in_turn(rng, [_cry(rng, rate, pitch * f * np.array([1, 1.1, 0.9]), 0.12, 0.35) for f in fall], rate, 0.09)


def baby(rng: np.random.Generator, rate: int) -> Array:
    """Wails of a second, bright, with a breath in between."""
    pitch = rng.uniform(380, 560)
    wails = [_cry(rng, rate, pitch * np.array([0.85, 1.1, 1.05, 0.8]), rng.uniform(0.7, 1.2), 0.12) for _ in range(3)]
    return _in_turn(rng, wails, rate, 0.3)


def engine(rng: np.random.Generator, rate: int) -> Array:
    """Ignitions thirty to ninety times a second, uneven, over a low rumble."""
    length = 4 * rate
    speed = rng.uniform(30, 90) * (0.9 + 0.25 * wander(rng, length, rate, 0.4))
    return _peak(_harmonics(rng, speed, rate, 24, 0.8) + 0.5 * noise(rng, length, rate, lambda f: 1 / (1 + f / 250)))


def siren(rng: np.random.Generator, rate: int) -> Array:
    """A tone that wails between two pitches an octave apart."""
    t = np.arange(4 * rate) / rate
    low, pace = rng.uniform(450, 800), rng.uniform(0.3, 2.5)
    return _peak(_harmonics(rng, low * 2 ** (0.5 + 0.5 * np.sin(2 * np.pi * pace * t)), rate, 5, 1.2))


def train(rng: np.random.Generator, rate: int) -> Array:
    """Wheels over joints of the rails, in pairs, over a deep roar."""
    length = 4 * rate
    beat = rng.uniform(0.4, 0.8)
    times = np.concatenate([np.arange(0.05, 3.8, beat), np.arange(0.05 + 0.28 * beat, 3.8, beat)])
    clack = _hits(rng, times, rate, length, (300, 900, 2100), 40)
    return _peak(0.7 * clack + 0.6 * noise(rng, length, rate, lambda f: 1 / (1 + (f / 300) ** 1.4)))


def alarm(rng: np.random.Generator, rate: int) -> Array:
    """Beeps of one pitch, two to eight a second."""
    t = np.arange(4 * rate) / rate
    gate = (t * rng.uniform(2, 8)) % 1 < rng.uniform(0.35, 0.6)
    smooth = convolve(gate.astype(float), np.hanning(round(0.006 * rate)))
    return _peak(smooth * _harmonics(rng, np.full(len(t), rng.uniform(900, 2800)), rate, 4, 1.5))


def knocks(rng: np.random.Generator, rate: int) -> Array:
    """Three to five knocks on wood, quickly one after the other."""
    times = 0.1 + np.cumsum(rng.uniform(0.16, 0.28) * rng.uniform(0.9, 1.1, int(rng.integers(3, 6))))
    return _hits(rng, times, rate, 2 * rate, rng.uniform((120, 300, 700), (220, 500, 1200)).tolist(), 60)


def steps(rng: np.random.Generator, rate: int) -> Array:
    """Two steps a second: a heel and the scrape of the sole."""
    times = 0.1 + np.cumsum(rng.uniform(0.4, 0.7) * rng.uniform(0.93, 1.07, 7))
    times = times[times < 3.8]
    heels = _hits(rng, times, rate, 4 * rate, rng.uniform((80, 400, 1500), (140, 800, 3000)).tolist(), 90)
    scrape = _hits(rng, times + 0.07, rate, 4 * rate, (), 30)
    return _peak(heels + 0.4 * scrape)


def _cry(
    rng: np.random.Generator, rate: int, pitch: Array, seconds: float, hoarse: float, harmonics: int = 12
) -> Array:
    """A voiced sound whose pitch passes through the given points (Hz), under two resonances of a throat."""
    length = round(seconds * rate)
    at = np.linspace(0, 1, length)
    curve = np.interp(at, np.linspace(0, 1, len(pitch)), pitch) * rng.uniform(0.95, 1.05)
    tone = _harmonics(rng, curve, rate, harmonics, 0.7, resonances=rng.uniform((600, 1300), (1100, 3000)))
    breath = noise(rng, length, rate, lambda f: np.exp(-0.5 * (np.log2(np.maximum(f, 1) / 1500) / 1.2) ** 2))
    return _peak(np.sin(np.pi * at) ** 0.6 * (tone / max(float(tone.std()), 1e-12) + hoarse * breath))


def _harmonics(
    rng: np.random.Generator, pitch: Array, rate: int, count: int, fall: float, resonances: Array | tuple[()] = ()
) -> Array:
    """Harmonics of a pitch curve (Hz), of which the k-th is k^-fall as strong."""
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    middle = float(pitch.mean())
    tone = np.zeros(len(pitch))
    for k in range(1, min(count, int(0.45 * rate / pitch.max())) + 1):
        gain = k**-fall * (0.2 + sum(np.exp(-0.5 * (np.log2(k * middle / f) / 0.4) ** 2) for f in resonances))
        tone += gain * np.sin(k * phase + rng.uniform(0, 6))
    return tone


def _hits(
    rng: np.random.Generator, times: Array, rate: int, length: int, pitches: Sequence[float], decay: float
) -> Array:
    """Something struck at given times (s): decaying resonances (Hz), or decaying noise where it has none."""
    struck = np.zeros(length)
    at = np.round(times * rate).astype(int)
    struck[at[at < length]] = rng.uniform(0.6, 1.0, int((at < length).sum()))
    t = np.arange(round(0.25 * rate)) / rate
    rings = [np.sin(2 * np.pi * f * t) / (k + 1) for k, f in enumerate(pitches)]
    sound = np.sum(rings, axis=0) if rings else rng.standard_normal(len(t))
    return _peak(convolve(struck, np.exp(-decay * t) * sound))


def _in_turn(rng: np.random.Generator, parts: list[Array], rate: int, pause: float) -> Array:
    """One after the other, with pauses (s) of varying length."""
    gaps = [np.zeros(round(pause * rng.uniform(0.6, 1.4) * rate)) for _ in parts]
    return np.concatenate([x for part, gap in zip(parts, gaps, strict=True) for x in (part * rng.uniform(0.6, 1), gap)])


def _peak(samples: Array) -> Array:
    return np.asarray(samples / max(float(np.abs(samples).max()), 1e-12))
