"""Bowed strings made of sine waves: harmonics under the body's resonances, vibrato, and the noise of the bow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.synth.score import Note, instrument

Signal = npt.NDArray[np.float32]

# Resonances of the body: Hz, and how far they reach as a share of it.
_BODY = {
    "violin": ((280, 0.15), (460, 0.2), (1200, 0.4), (2700, 0.5)),
    "viola": ((220, 0.15), (380, 0.2), (900, 0.4), (2000, 0.5)),
    "cello": ((105, 0.15), (200, 0.2), (600, 0.5), (1500, 0.5)),
}
_HIGHEST = 9000.0  # Hz


def play(notes: Sequence[Note], part: str, seconds: float, rate: int, seed: int) -> Signal:
    """The sound of one part, mono (T,), peak below 1.

    >>> sound = play([Note(0.1, 0.3, 69.0, 90, 0)], "violin", 0.5, 8000, seed=0)
    >>> sound.shape, bool(np.abs(np.fft.rfft(sound)[:600]).argmax() in range(215, 225))  # 440 Hz
    ((4000,), True)
    """
    rng = np.random.default_rng([seed, 3])
    # No two instruments are alike, nor two players.
    body = [(centre * rng.uniform(0.93, 1.07), width) for centre, width in _BODY[instrument(part)]]
    wobble, depth, tune = rng.uniform(5.0, 6.4), rng.uniform(0.1, 0.3), rng.uniform(-0.06, 0.06)
    whole = np.zeros(round(seconds * rate))
    for note in notes:
        first = round(note.onset * rate)
        t = np.arange(min(round((note.duration + 0.12) * rate), len(whole) - first)) / rate
        if len(t) == 0:
            continue
        bend = depth * np.clip(t / 0.25 - 0.4, 0, 1) * np.sin(2 * np.pi * wobble * t + rng.uniform(0, 6))
        pitch = 440 * 2 ** ((note.pitch + tune + bend - 69) / 12)
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        gate = np.clip(t / 0.06, 0, 1) * np.clip((note.duration + 0.1 - t) / 0.1, 0, 1)
        swell = 0.75 + 0.25 * np.sin(np.pi * np.clip(t / note.duration, 0, 1))
        tone = np.zeros(len(t))
        for k in range(1, int(min(_HIGHEST, 0.45 * rate) / pitch.max()) + 1):
            tone += _resonance(k * pitch.mean(), body) / k * np.sin(k * phase + rng.uniform(0, 6))
        scrape = rng.standard_normal(len(t)) * 0.01
        whole[first : first + len(t)] += (note.velocity / 127) ** 1.5 * gate * swell * (tone + scrape)
    peak = float(np.abs(whole).max())
    return np.asarray(0.3 * whole / peak if peak > 0 else whole, np.float32)


def _resonance(hertz: float, body: Any) -> float:
    return float(0.25 + sum(np.exp(-0.5 * ((hertz - centre) / (width * centre)) ** 2) for centre, width in body))
