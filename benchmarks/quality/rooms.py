"""Simulated stereo recordings of a talker in diffuse noise.

Duong et al. (2018) used SiSEC's two-channel mixtures of speech and real-world background noise (10 s, 16 kHz,
microphones 8.6 cm apart). These mixtures are made like them: image-source rooms of random size, one talker at
a random azimuth, and the noise played from many distant points at once, each with its own stretch of the
noise recording, so that it reaches the pair from all around. The dictionary's examples are dry recordings of
*other* talkers and *other* noises.

Mixture `i` of seed `s` depends on `(s, i)` and the recordings only. Rendered mixtures are kept in
`NMFCORE_CACHE` (default: a folder of the system's temporary directory), never in the repository.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import recordings

RATE = recordings.RATE
SECONDS = 10.0
SPACING = 0.086  # m between the two microphones
SNRS = (5.0, 2.5, 0.0, -2.5, -5.0)  # dB, speech image over noise image
POINTS = 10  # places from which the noise is played
LAYOUT = 1  # raise it when rendering changes: part of the cache's key


@dataclass(frozen=True)
class Mixture:
    """One recording with its truth.

    Attributes:
        name: talker, noise and SNR.
        images: (2, 2, T) float64; [speech, noise] at both microphones; the mixture is their sum.
        speech_examples, noise_examples: dry recordings of others, each (T_i,).
        facts: talker, noise, snr_db, rt60_s, azimuth_deg (90: broadside), room_m, distance_m, the examples.
        others: examples of further sources, by name.
    """

    name: str
    images: NDArray[np.float64]
    speech_examples: list[NDArray[np.float64]]
    noise_examples: list[NDArray[np.float64]]
    facts: dict[str, object]
    others: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)

    @property
    def examples(self) -> dict[str, list[NDArray[np.float64]]]:
        """Examples of every source, in the order of the images."""
        return {"speech": self.speech_examples, "noise": self.noise_examples, **self.others}

    @property
    def mix(self) -> NDArray[np.float64]:
        """The recording (2, T)."""
        return self.images.sum(axis=0)

    @property
    def snr(self) -> float:
        return float(str(self.facts["snr_db"]))


def mixtures(
    count: int = 15,
    seed: int = 0,
    *,
    talkers: Sequence[str] | None = None,
    noises: Sequence[str] | None = None,
) -> Iterator[Mixture]:
    """`count` mixtures; talkers, noises, SNRs crossed. `talkers`, `noises` limit who is *in the mixture*."""
    for index in range(count):
        yield mixture(index, seed, talkers=talkers, noises=noises)


def mixture(
    index: int,
    seed: int = 0,
    *,
    talkers: Sequence[str] | None = None,
    noises: Sequence[str] | None = None,
) -> Mixture:
    """Mixture `index` of `seed`: rendered once, then read from the cache."""
    everyone, every_noise = recordings.talkers(), recordings.noises()
    heard = sorted(talkers or everyone)
    loud = sorted(noises or every_noise)
    rng = np.random.default_rng([seed, index])
    # A fresh order of noises each round of talkers crosses them; the order itself depends on the seed alone.
    order = np.random.default_rng([seed, 10**6 + index // len(loud)])
    noise = loud[int(order.permutation(len(loud))[index % len(loud)])]
    talker = heard[(index + seed) % len(heard)]
    snr = SNRS[(index + seed + index // len(SNRS)) % len(SNRS)]

    others = [name for name in everyone if name != talker]
    speech_names = [str(name) for name in rng.choice(others, size=3, replace=False)]
    noise_names = [str(name) for name in rng.choice([n for n in every_noise if n != noise], size=5, replace=False)]
    facts: dict[str, object] = {
        "talker": talker,
        "noise": noise,
        "snr_db": snr,
        "speech_examples": speech_names,
        "noise_examples": noise_names,
    }
    key = hashlib.sha256(json.dumps([LAYOUT, seed, index, SECONDS, POINTS, facts]).encode()).hexdigest()[:16]
    kept = cache() / f"room-{key}.npz"
    if kept.exists():
        with np.load(kept) as stored:
            images = stored["images"].astype(float)
            facts.update(json.loads(str(stored["facts"])))
    else:
        images, room = _render(everyone[talker], every_noise[noise], snr, rng)
        facts.update(room)
        partial = kept.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, images=images.astype(np.float32), facts=json.dumps(room))
        partial.replace(kept)
        images = images.astype(np.float32).astype(float)  # the same numbers whether rendered now or read back

    picks = np.random.default_rng([seed, index, 1])
    speech = [_talk(everyone[name], int(SECONDS * RATE), picks) for name in speech_names]
    noise_examples = [_stretch(recordings.read(every_noise[name]), int(SECONDS * RATE), picks) for name in noise_names]
    return Mixture(f"{index:02d} {talker} in {noise} {snr:+.1f} dB", images, speech, noise_examples, facts)


def array_mixture(
    index: int,
    seed: int,
    *,
    array: NDArray[np.float64],
    channels: int,
    sources: int,
    snr: float,
    rt60: tuple[float, float],
) -> Mixture:
    """A talker in diffuse noise at any array (I, 3).

    With three sources, a clip of a class of sounds comes from one place besides, as loud as the talker.
    """
    everyone, every_noise, classes = recordings.talkers(), recordings.noises(), recordings.classes(0.5)
    rng = np.random.default_rng([seed, index, 2])
    talker = sorted(everyone)[(3 * index + seed) % len(everyone)]
    noise = sorted(every_noise)[(2 * index + seed) % len(every_noise)]
    speech_names = [str(n) for n in rng.choice([n for n in everyone if n != talker], size=3, replace=False)]
    noise_names = [str(n) for n in rng.choice([n for n in every_noise if n != noise], size=5, replace=False)]
    usable = sorted(name for name, clips in classes.items() if len(clips) >= 4)
    thing = usable[(5 * index + seed) % len(usable)]
    clips = list(rng.permutation(classes[thing]))
    facts: dict[str, object] = {
        "talker": talker, "noise": noise, "snr_db": snr, "channels": channels, "sources": sources, "recorded": False,
        "speech_examples": speech_names, "noise_examples": noise_names,
    }  # fmt: skip
    if sources > 2:
        facts["third"] = thing
    key = hashlib.sha256(json.dumps([LAYOUT, seed, index, SECONDS, array.tolist(), rt60, facts]).encode()).hexdigest()
    kept = cache() / f"array-{key[:16]}.npz"
    length = int(SECONDS * RATE)
    if not kept.exists():
        third = _stretch(recordings.read(str(clips[0])), length, rng) if sources > 2 else None
        images, room = _render(everyone[talker], every_noise[noise], snr, rng, array=array, rt60s=rt60, third=third)
        partial = kept.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, images=images.astype(np.float32), facts=json.dumps(room))
        partial.replace(kept)
    with np.load(kept) as stored:
        images = stored["images"].astype(float)
        facts.update(json.loads(str(stored["facts"])))
    picks = np.random.default_rng([seed, index, 3])
    speech = [_talk(everyone[name], length, picks) for name in speech_names]
    noise_examples = [_stretch(recordings.read(every_noise[name]), length, picks) for name in noise_names]
    others = {thing: [recordings.read(str(clip)) for clip in clips[1:5]]} if sources > 2 else {}
    name = f"{index:02d} {talker} in {noise} {snr:+.1f} dB, {channels} microphones, {sources} sources"
    return Mixture(name, images, speech, noise_examples, facts, others)


def recorded_mixture(kind: str, snr: float, index: int, seed: int) -> Mixture:
    """Speech and noise as real microphones heard them, added at an SNR.

    ``"array"``: speech from a direction and diffuse noise at an array of four. ``"head"``: a talker and two noises
    through binaural responses measured in a room.
    """
    from scipy.signal import fftconvolve

    everyone, every_noise = recordings.talkers(), recordings.noises()
    rng = np.random.default_rng([seed, index, 4])
    length = int(SECONDS * RATE)
    talker = "unknown" if kind == "array" else sorted(everyone)[(index + seed) % len(everyone)]
    noises = ["unknown"] * 2 if kind == "array" else [str(n) for n in rng.permutation(sorted(every_noise))[:2]]
    if kind == "array":
        speech, noise = (recordings.array(name)[:, :length] for name in ("speech", "noise"))
    else:
        dry = [_talk(everyone[talker], length, rng)]
        dry += [_stretch(recordings.read(every_noise[name]), length, rng) for name in noises]
        heard = []
        for sound, response in zip(dry, ("az-45", "az+0", "az+60"), strict=True):
            sound = np.pad(sound, (0, length - len(sound)))
            heard.append([fftconvolve(sound, ear)[:length] for ear in recordings.response(response)])
        speech, noise = np.array(heard[0]), np.sum(heard[1:], axis=0)
    noise = noise * np.sqrt(np.sum(speech**2) / np.sum(noise**2)) * 10 ** (-snr / 20)
    images = np.stack([speech, noise])
    images *= 0.5 / np.abs(images.sum(axis=0)).max()
    others = [str(n) for n in rng.permutation([n for n in everyone if n != talker])[:3]]
    loud = [str(n) for n in rng.permutation([n for n in every_noise if n not in noises])[:5]]
    facts: dict[str, object] = {
        "talker": talker, "noise": "+".join(noises), "snr_db": snr, "channels": len(speech), "sources": 2,
        "recorded": True, "speech_examples": others, "noise_examples": loud,
    }  # fmt: skip
    speech_examples = [_talk(everyone[name], length, rng) for name in others]
    noise_examples = [_stretch(recordings.read(every_noise[name]), length, rng) for name in loud]
    return Mixture(f"{kind} {talker} {snr:+.1f} dB, recorded", images, speech_examples, noise_examples, facts)


def cache() -> Path:
    """Where rendered mixtures are kept: `NMFCORE_CACHE`, or a folder of the temporary directory."""
    path = Path(os.environ.get("NMFCORE_CACHE") or Path(tempfile.gettempdir()) / "nmfcore-quality")
    path.mkdir(parents=True, exist_ok=True)
    return path


def microphones() -> NDArray[np.float64]:
    """Positions (2, 3) in metres of the pair, about its centre; azimuth 90 degrees is broadside."""
    return np.array([[SPACING / 2, 0.0, 0.0], [-SPACING / 2, 0.0, 0.0]])


def _talk(files: Sequence[str], length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A talker's sentences in random order with short pauses, at most `length` samples."""
    pieces = []
    for position in rng.permutation(len(files)):
        samples = recordings.read(files[int(position)])
        pieces += [samples / np.sqrt(np.mean(samples**2)), np.zeros(int(rng.uniform(0.15, 0.4) * RATE))]
    return np.concatenate(pieces)[:length]


def _stretch(noise: NDArray[np.float64], length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """`length` samples from a random place of the noise, round its end if need be."""
    start = int(rng.integers(len(noise)))
    return np.take(noise, np.arange(start, start + length), mode="wrap")


def _render(
    speech_files: Sequence[str],
    noise_file: str,
    snr: float,
    rng: np.random.Generator,
    *,
    array: NDArray[np.float64] | None = None,
    rt60s: tuple[float, float] = (0.15, 0.45),
    third: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], dict[str, object]]:
    """Images (J, I, T) of talker, noise and, if it is given, a third sound from one place."""
    import pyroomacoustics as pra

    array = microphones() if array is None else array

    length = int(SECONDS * RATE)
    while True:  # some sizes cannot have some reverberation times: draw again
        size = rng.uniform([4.0, 3.5, 2.4], [8.0, 6.0, 3.2])
        rt60 = float(rng.uniform(*rt60s))
        try:
            absorption, order = pra.inverse_sabine(rt60, size)
        except ValueError:
            continue
        break
    centre = rng.uniform([1.4, 1.4, 1.0], size - [1.4, 1.4, 1.0])
    turn = rng.uniform(0, 2 * np.pi)
    axis = np.array([np.cos(turn), np.sin(turn), 0.0])
    across = np.array([-np.sin(turn), np.cos(turn), 0.0])
    place = centre[:, None] + np.stack([axis, across, [0.0, 0.0, 1.0]], axis=1) @ array.T

    def near() -> tuple[NDArray[np.float64], float]:
        while True:
            azimuth, distance = rng.uniform(0, 2 * np.pi), float(rng.uniform(0.5, 1.3))
            step = np.array([np.cos(turn + azimuth), np.sin(turn + azimuth), rng.uniform(-0.15, 0.15)])
            if np.all(centre + distance * step > 0.2) and np.all(centre + distance * step < size - 0.2):
                return centre + distance * step, distance

    mouth, distance = near()

    def heard(position: NDArray[np.float64], signal: NDArray[np.float64]) -> NDArray[np.float64]:
        room = pra.ShoeBox(size, fs=RATE, materials=pra.Material(absorption), max_order=min(order, 24))
        room.add_source(position, signal=signal)
        room.add_microphone_array(place)
        room.simulate()
        return np.asarray(room.mic_array.signals)

    lead = RATE // 2  # reverberation builds up before the ten seconds begin
    voice = np.concatenate([np.zeros(lead), _talk(speech_files, length, rng)])
    image = heard(mouth, voice)[:, lead : lead + length]
    speech = np.zeros((len(array), length))
    speech[:, : image.shape[1]] = image

    recording = recordings.read(noise_file)
    noise = np.zeros((len(array), length))
    for point in range(POINTS):
        while True:  # all round, at least 1.4 m away
            angle = 2 * np.pi * (point + rng.uniform()) / POINTS
            reach = rng.uniform(1.4, 5.0)
            position = centre + reach * np.array([np.cos(angle), np.sin(angle), rng.uniform(-0.3, 0.3)])
            position[2] = np.clip(position[2], 0.2, size[2] - 0.2)
            outside = np.any(position < 0.2) or np.any(position > size - 0.2)
            if outside:  # pull it back to the wall along its direction
                position = np.clip(position, 0.2, size - 0.2)
            if np.linalg.norm(position - centre) >= 1.1:
                break
        stretch = _stretch(recording, length + lead, rng) * 10 ** (rng.uniform(-3, 3) / 20)
        noise += heard(position, stretch)[:, lead : lead + length]

    noise *= np.sqrt(np.sum(speech**2) / np.sum(noise**2)) * 10 ** (-snr / 20)
    images = np.stack([speech, noise])
    if third is not None:
        image = heard(near()[0], np.concatenate([np.zeros(lead), third]))[:, lead : lead + length]
        image *= np.sqrt(np.sum(speech**2) / np.sum(image**2))
        images = np.concatenate([images, image[None]])
    images *= 0.5 / np.abs(images.sum(axis=0)).max()
    doa = np.degrees(np.arccos(np.clip(np.dot(axis, mouth - centre) / np.linalg.norm(mouth - centre), -1, 1)))
    return images, {
        "rt60_s": round(rt60, 3),
        "azimuth_deg": round(float(doa), 1),
        "distance_m": round(distance, 2),
        "room_m": [round(float(side), 2) for side in size],
    }
