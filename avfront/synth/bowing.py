"""The motion of a bow that plays given notes, and the motion capture table of it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avfront.synth.score import STRINGS, Note, instrument

Array = npt.NDArray[np.float64]

RATE = 240  # Hz, of the motion capture
_BOW = 60.0  # cm of hair that a stroke can use
_TILTS = (-27.0, -9.0, 9.0, 27.0)  # degrees of inclination on the four strings
_TURN = 0.05  # s to turn the bow around, or to reach another string


@dataclass(frozen=True)
class Bowing:
    """A bow at :data:`RATE`, without the errors of measuring it."""

    times: Array  # (T,) s
    inclination: Array  # (T,) degrees
    velocity: Array  # (T,) cm/s, positive for a down-bow
    position: Array  # (T,) cm from the middle of the bow
    sounding: npt.NDArray[np.bool_]  # (T,) while the bow is on the string

    def measured(self, seed: int, *, noise: float = 1.0) -> tuple[Array, Array]:
        """Inclination and velocity with the sensors' noise: 1.2 degrees and 1.5 cm/s, times `noise`."""
        rng = np.random.default_rng([seed, 7])
        tilt, speed = rng.standard_normal((2, len(self.times)))
        return self.inclination + 1.2 * noise * tilt, self.velocity + 1.5 * noise * speed

    def write(self, path: Path, seed: int, *, noise: float = 1.0) -> None:
        """Write the measured bow as CSV: time (s), inclination (degrees), velocity (cm/s)."""
        inclination, velocity = self.measured(seed, noise=noise)
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["time_s", "bow_inclination_deg", "bow_velocity_cm_s"])
            table.writerows(np.round(np.stack([self.times, inclination, velocity], axis=1), 4).tolist())


def bow(notes: Sequence[Note], part: str, seconds: float, seed: int) -> Bowing:
    """The bow of one player.

    A stroke is as fast as its dynamics ask and the length of the bow allows, down and up in turns. In rests the hand
    goes on moving now and then, silently: it swings back for the next stroke.

    >>> found = bow([Note(0.5, 1.0, 62.0, 90, 0)], "violin", 2.0, seed=0)
    >>> bool(np.abs(found.position).max() <= 30), int(found.sounding.sum()), float(np.ptp(found.inclination[120:]))
    (True, 240, 0.0)
    """
    rng = np.random.default_rng([seed, 5])
    times = np.arange(round(seconds * RATE)) / RATE
    velocity = np.zeros(len(times))
    sounding = np.zeros(len(times), bool)
    tilt = np.full(len(times), _TILTS[_string(notes[0].pitch, part)] if notes else 0.0)
    for note in notes:
        tilt[times >= note.onset - _TURN / 2] = _TILTS[_string(note.pitch, part)]
    place, end = 0.0, 0.0
    for _, group in groupby(notes, key=lambda note: note.stroke):
        stroke = list(group)
        begin, stop = stroke[0].onset, max(note.end for note in stroke)
        length = max(stop - begin, 0.05)
        loud = float(np.mean([note.velocity for note in stroke])) / 127
        way = min((15 + 75 * loud) * length, _BOW * rng.uniform(0.75, 0.95))
        if begin - end > 0.3 and rng.random() < 0.6:
            # A silent swing that ends before the bow is set down.
            swing = (times > end + 0.05) & (times < begin - 0.05)
            to = rng.uniform(-0.3, 0.3) * _BOW
            velocity[swing] += _ramp(times[swing], end + 0.05, begin - 0.05) * (to - place)
            place = to
        direction = -1.0 if place + way / 2 > 0 else 1.0
        target = float(np.clip(place + direction * way, -_BOW / 2, _BOW / 2))
        playing = (times >= begin) & (times < stop)
        velocity[playing] += _stroke(times[playing], begin, stop) * (target - place)
        sounding |= playing
        place, end = target, stop
    return Bowing(times, _smooth(tilt), velocity, np.clip(np.cumsum(velocity) / RATE, -_BOW / 2, _BOW / 2), sounding)


def _string(pitch: float, part: str) -> int:
    """The highest string that has the pitch."""
    return max(sum(pitch >= lowest for lowest in STRINGS[instrument(part)]) - 1, 0)


def _ramp(times: Array, begin: float, end: float) -> Array:
    """A velocity that begins and ends at rest and goes 1 in all."""
    length = end - begin
    return np.asarray((1 - np.cos(2 * np.pi * (times - begin) / length)) / length)


def _stroke(times: Array, begin: float, end: float) -> Array:
    """A velocity with quick turns at both ends and a slight swell, which goes 1 in all."""
    edge = np.minimum(times - begin, end - times) / min(_TURN, (end - begin) / 3)
    shape = np.sin(np.pi / 2 * np.clip(edge, 0, 1)) * (1 + 0.3 * np.sin(np.pi * (times - begin) / (end - begin)))
    total = float(shape.sum()) / RATE
    return np.asarray(shape / total if total > 0 else shape)


def _smooth(tilt: Array) -> Array:
    window = np.hanning(round(_TURN * RATE) + 2)
    padded = np.pad(tilt, len(window) // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), "same")[len(window) // 2 :][: len(tilt)]
