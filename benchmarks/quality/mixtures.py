"""Recordings with their truth: a talker in noise, simulated or recorded, and examples of others.

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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import recordings
from .rooms import LENGTH, POINTS, SECONDS, microphones, render, stretch, talk

Array = NDArray[np.float64]
SNRS = (5.0, 2.5, 0.0, -2.5, -5.0)  # dB, speech image over noise image
LAYOUT = 1  # raise it when rendering changes: part of the cache's key


@dataclass(frozen=True)
class Mixture:
    """One recording with its truth.

    Attributes:
        name: talker, noise and SNR.
        images: (J, I, T) float64 at all microphones, [speech, noise, ...]; the mixture is their sum.
        speech_examples, noise_examples: dry recordings of others, each (T_i,).
        facts: talker, noise, snr_db, rt60_s, azimuth_deg (90: broadside), room_m, distance_m, the examples.
        others: examples of further sources, by name.
    """

    name: str
    images: Array
    speech_examples: list[Array]
    noise_examples: list[Array]
    facts: dict[str, Any]
    others: dict[str, list[Array]] = field(default_factory=dict)

    @property
    def examples(self) -> dict[str, list[Array]]:
        """Examples of every source, in the order of the images."""
        return {"speech": self.speech_examples, "noise": self.noise_examples, **self.others}

    @property
    def mix(self) -> Array:
        """The recording (I, T)."""
        return self.images.sum(axis=0)


def mixtures(count: int = 15, seed: int = 0) -> Iterator[Mixture]:
    """`count` mixtures on two microphones; talkers, noises, SNRs crossed."""
    for index in range(count):
        yield mixture(index, seed)


def mixture(index: int, seed: int) -> Mixture:
    """Mixture `index` of `seed`: rendered once, then read from the cache."""
    talkers, noises = recordings.talkers(), recordings.noises()
    rng = np.random.default_rng([seed, index])
    # A fresh order of noises each round of talkers crosses them; the order itself depends on the seed alone.
    order = np.random.default_rng([seed, 10**6 + index // len(noises)])
    noise = sorted(noises)[int(order.permutation(len(noises))[index % len(noises)])]
    talker = sorted(talkers)[(index + seed) % len(talkers)]
    snr = SNRS[(index + seed + index // len(SNRS)) % len(SNRS)]
    facts: dict[str, Any] = {"talker": talker, "noise": noise, "snr_db": snr, **_others(talker, noise, rng)}
    images, room = _rendered(
        "room",
        [LAYOUT, seed, index, SECONDS, POINTS, facts],
        lambda: render(talkers[talker], noises[noise], snr, rng, array=microphones()),
    )
    examples = _examples(facts, np.random.default_rng([seed, index, 1]))
    return Mixture(f"{index:02d} {talker} in {noise} {snr:+.1f} dB", images, *examples, facts | room)


def array_mixture(
    index: int,
    seed: int,
    *,
    array: Array,
    channels: int,
    sources: int,
    snr: float,
    rt60: tuple[float, float],
) -> Mixture:
    """A talker in diffuse noise at any array (I, 3).

    With three sources, a clip of a class of sounds comes from one place besides, as loud as the talker.
    """
    talkers, noises, classes = recordings.talkers(), recordings.noises(), recordings.classes(0.5)
    rng = np.random.default_rng([seed, index, 2])
    talker = sorted(talkers)[(3 * index + seed) % len(talkers)]
    noise = sorted(noises)[(2 * index + seed) % len(noises)]
    others = _others(talker, noise, rng)
    usable = sorted(name for name, clips in classes.items() if len(clips) >= 4)
    thing = usable[(5 * index + seed) % len(usable)]
    clips = [str(clip) for clip in rng.permutation(classes[thing])]
    facts: dict[str, Any] = {
        "talker": talker, "noise": noise, "snr_db": snr, "channels": channels, "sources": sources, "recorded": False,
        **others,
    }  # fmt: skip
    if sources > 2:
        facts["third"] = thing

    def make() -> tuple[Array, dict[str, Any]]:
        third = stretch(recordings.read(clips[0]), LENGTH, rng) if sources > 2 else None
        return render(talkers[talker], noises[noise], snr, rng, array=array, rt60s=rt60, third=third)

    images, room = _rendered("array", [LAYOUT, seed, index, SECONDS, array.tolist(), rt60, facts], make)
    examples = _examples(facts, np.random.default_rng([seed, index, 3]))
    third = {thing: [recordings.read(clip) for clip in clips[1:5]]} if sources > 2 else {}
    name = f"{index:02d} {talker} in {noise} {snr:+.1f} dB, {channels} microphones, {sources} sources"
    return Mixture(name, images, *examples, facts | room, third)


def recorded_mixture(kind: str, snr: float, index: int, seed: int) -> Mixture:
    """Speech and noise as real microphones heard them, added at an SNR.

    ``"array"``: speech from a direction and diffuse noise at an array of four. ``"head"``: a talker and two noises
    through binaural responses measured in a room.
    """
    talkers, noises = recordings.talkers(), recordings.noises()
    rng = np.random.default_rng([seed, index, 4])
    if kind == "array":
        talker, loud = "unknown", ["unknown"] * 2
        speech, noise = (recordings.array(name)[:, :LENGTH] for name in ("speech", "noise"))
    else:
        talker = sorted(talkers)[(index + seed) % len(talkers)]
        loud = [str(name) for name in rng.permutation(sorted(noises))[:2]]
        dry = [talk(talkers[talker], rng), *(stretch(recordings.read(noises[name]), LENGTH, rng) for name in loud)]
        speech, *heard = (_binaural(*one) for one in zip(dry, ("az-45", "az+0", "az+60"), strict=True))
        noise = np.sum(heard, axis=0)
    noise = noise * np.sqrt(np.sum(speech**2) / np.sum(noise**2)) * 10 ** (-snr / 20)
    images = np.stack([speech, noise])
    images *= 0.5 / np.abs(images.sum(axis=0)).max()
    facts: dict[str, Any] = {
        "talker": talker, "noise": "+".join(loud), "snr_db": snr, "channels": len(speech), "sources": 2,
        "recorded": True,
        "speech_examples": [str(n) for n in rng.permutation([n for n in talkers if n != talker])[:3]],
        "noise_examples": [str(n) for n in rng.permutation([n for n in noises if n not in loud])[:5]],
    }  # fmt: skip
    return Mixture(f"{kind} {talker} {snr:+.1f} dB, recorded", images, *_examples(facts, rng), facts)


def _binaural(sound: Array, response: str) -> Array:
    """A dry sound, at most ten seconds, at both ears (2, T)."""
    from scipy.signal import fftconvolve

    sound = np.pad(sound, (0, LENGTH - len(sound)))
    return np.array([fftconvolve(sound, ear)[:LENGTH] for ear in recordings.response(response)])


def _others(talker: str, noise: str, rng: np.random.Generator) -> dict[str, list[str]]:
    """Names of the talkers and noises that are examples of what they are not."""
    speech = [name for name in recordings.talkers() if name != talker]
    noises = [name for name in recordings.noises() if name != noise]
    return {
        "speech_examples": [str(name) for name in rng.choice(speech, size=3, replace=False)],
        "noise_examples": [str(name) for name in rng.choice(noises, size=5, replace=False)],
    }


def _examples(facts: Mapping[str, Any], rng: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """Dry sounds of the examples that the facts name."""
    talkers, noises = recordings.talkers(), recordings.noises()
    speech = [talk(talkers[name], rng) for name in facts["speech_examples"]]
    return speech, [stretch(recordings.read(noises[name]), LENGTH, rng) for name in facts["noise_examples"]]


def _rendered(
    kind: str, key: list[Any], make: Callable[[], tuple[Array, dict[str, Any]]]
) -> tuple[Array, dict[str, Any]]:
    """Images and facts from the cache, or made and put there: the same numbers either way."""
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    kept = cache() / f"{kind}-{digest}.npz"
    if not kept.exists():
        images, facts = make()
        partial = kept.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, images=images.astype(np.float32), facts=json.dumps(facts))
        partial.replace(kept)
    with np.load(kept) as stored:
        return stored["images"].astype(float), json.loads(str(stored["facts"]))


def cache() -> Path:
    """Where rendered mixtures are kept: `NMFCORE_CACHE`, or a folder of the temporary directory."""
    path = Path(os.environ.get("NMFCORE_CACHE") or Path(tempfile.gettempdir()) / "nmfcore-quality")
    path.mkdir(parents=True, exist_ok=True)
    return path
