"""Rooms of random size, with microphones and sounds in them, by the image-source method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import recordings

Array = NDArray[np.float64]
RATE = recordings.RATE
SECONDS = 10.0
LENGTH = int(SECONDS * RATE)
SPACING = 0.086  # m between the two microphones
POINTS = 10  # places from which the noise is played
RT60 = (0.15, 0.45)  # s, unless told otherwise
_LEAD = RATE // 2  # reverberation builds up before the ten seconds begin
_WALL = 0.2  # m that nothing comes nearer to a wall


def microphones() -> Array:
    """Positions (2, 3) in metres of the pair, about its centre; azimuth 90 degrees is broadside."""
    return np.array([[SPACING / 2, 0.0, 0.0], [-SPACING / 2, 0.0, 0.0]])


def talk(files: Sequence[str], rng: np.random.Generator) -> Array:
    """A talker's sentences in random order with short pauses, at most ten seconds."""
    pieces = []
    for position in rng.permutation(len(files)):
        samples = recordings.read(files[int(position)])
        pieces += [samples / np.sqrt(np.mean(samples**2)), np.zeros(int(rng.uniform(0.15, 0.4) * RATE))]
    return np.concatenate(pieces)[:LENGTH]


def stretch(noise: Array, length: int, rng: np.random.Generator) -> Array:
    """`length` samples from a random place of the noise, round its end if need be."""
    start = int(rng.integers(len(noise)))
    return np.take(noise, np.arange(start, start + length), mode="wrap")


class Room:
    """A shoebox with microphones at a random place, turned at random.

    Args:
        array: (I, 3) in metres, about the centre of the microphones.
        rt60s: s, between which the reverberation time is drawn.
        rng: draws everything.
    """

    def __init__(self, array: Array, rt60s: tuple[float, float], rng: np.random.Generator) -> None:
        import pyroomacoustics as pra

        self._rng = rng
        while True:  # some sizes cannot have some reverberation times: draw again
            self.size = rng.uniform([4.0, 3.5, 2.4], [8.0, 6.0, 3.2])
            self.rt60 = float(rng.uniform(*rt60s))
            try:
                self._absorption, order = pra.inverse_sabine(self.rt60, self.size)
            except ValueError:
                continue
            break
        self._order = min(order, 24)
        self.centre = rng.uniform([1.4, 1.4, 1.0], self.size - [1.4, 1.4, 1.0])
        self._turn = rng.uniform(0, 2 * np.pi)
        self.axis = np.array([np.cos(self._turn), np.sin(self._turn), 0.0])
        across = np.array([-np.sin(self._turn), np.cos(self._turn), 0.0])
        self._place = self.centre[:, None] + np.stack([self.axis, across, [0.0, 0.0, 1.0]], axis=1) @ array.T

    def near(self) -> tuple[Array, float]:
        """A random place near the microphones, and its distance on the floor, m."""
        while True:
            azimuth, distance = self._rng.uniform(0, 2 * np.pi), float(self._rng.uniform(0.5, 1.3))
            step = np.array(
                [np.cos(self._turn + azimuth), np.sin(self._turn + azimuth), self._rng.uniform(-0.15, 0.15)]
            )
            position = self.centre + distance * step
            if np.all(position > _WALL) and np.all(position < self.size - _WALL):
                return position, distance

    def around(self, point: int) -> Array:
        """A random place in the given one of all directions, farther away, at a wall if need be."""
        while True:
            angle = 2 * np.pi * (point + self._rng.uniform()) / POINTS
            reach = self._rng.uniform(1.4, 5.0)
            position = self.centre + reach * np.array([np.cos(angle), np.sin(angle), self._rng.uniform(-0.3, 0.3)])
            position = np.clip(position, _WALL, self.size - _WALL)
            if np.linalg.norm(position - self.centre) >= 1.1:
                return position

    def image(self, position: Array, signal: Array) -> Array:
        """What the microphones hear (I, T) of ten seconds of a sound, which `_LEAD` samples precede."""
        import pyroomacoustics as pra

        room = pra.ShoeBox(self.size, fs=RATE, materials=pra.Material(self._absorption), max_order=self._order)
        room.add_source(position, signal=signal)
        room.add_microphone_array(self._place)
        room.simulate()
        heard = np.asarray(room.mic_array.signals)[:, _LEAD : _LEAD + LENGTH]
        return np.pad(heard, ((0, 0), (0, LENGTH - heard.shape[1])))


def render(
    speech_files: Sequence[str],
    noise_file: str,
    snr: float,
    rng: np.random.Generator,
    *,
    array: Array,
    rt60s: tuple[float, float] = RT60,
    third: Array | None = None,
) -> tuple[Array, dict[str, Any]]:
    """Images (J, I, T) of a talker, of noise from all round and, if it is given, of a third sound from one place.

    Also the room: ``rt60_s``, ``azimuth_deg`` (90: broadside), ``distance_m``, ``room_m``.
    """
    room = Room(array, rt60s, rng)
    mouth, distance = room.near()
    speech = room.image(mouth, np.concatenate([np.zeros(_LEAD), talk(speech_files, rng)]))

    recording = recordings.read(noise_file)
    noise = np.zeros_like(speech)
    for point in range(POINTS):
        position = room.around(point)
        noise += room.image(position, stretch(recording, LENGTH + _LEAD, rng) * 10 ** (rng.uniform(-3, 3) / 20))

    noise *= np.sqrt(np.sum(speech**2) / np.sum(noise**2)) * 10 ** (-snr / 20)
    images = np.stack([speech, noise])
    if third is not None:
        image = room.image(room.near()[0], np.concatenate([np.zeros(_LEAD), third]))
        image *= np.sqrt(np.sum(speech**2) / np.sum(image**2))
        images = np.concatenate([images, image[None]])
    images *= 0.5 / np.abs(images.sum(axis=0)).max()
    towards = mouth - room.centre
    azimuth = np.degrees(np.arccos(np.clip(np.dot(room.axis, towards) / np.linalg.norm(towards), -1, 1)))
    return images, {
        "rt60_s": round(room.rt60, 3),
        "azimuth_deg": round(float(azimuth), 1),
        "distance_m": round(distance, 2),
        "room_m": [round(float(side), 2) for side in room.size],
    }
