"""Single sounds of the made set in other scenes' noise, and how far their source comes out of it.

As in the papers (WASPAA 2019, section 3.1): clean examples, three per class, each with every recording of background
noise of its split, at 0 dB. SDR is BSS Eval's of 2006, equation (6) of TASLP: what a filter of 512 taps can make of
the true source counts as source.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from avfront.enhancement import energies
from avfront.manifest import Manifest, Split
from avfront.proposals import Heard, hear, spectrogram, waveform
from avfront.synth.collection import read_truth
from avfront.synth.takes import Takes

Array = NDArray[Any]
_CHUNK = 24  # mixtures that are factorized at once
_TAPS = 512


@dataclass(frozen=True)
class Mixture:
    """A sound in noise: of which clip, its class, its samples (T,) and those of the noise, and its proposals."""

    key: str  # of the clip
    kind: str
    source: Array
    noise: Array
    heard: Heard

    @property
    def sound(self) -> Array:
        """The mixture, float32."""
        return np.asarray(self.source + self.noise, np.float32)


def mixtures(manifest: Manifest, takes: Takes, split: Split, folder: Path, *, per_class: int) -> Iterator[Mixture]:
    """All mixtures of a split, at 0 dB; their proposals are kept in the folder."""
    pairs = [
        (clip, kind, noise.samples)
        for clip, kind in _clean(manifest, split, per_class)
        for noise in takes.noises[split]
    ]
    for first in range(0, len(pairs), _CHUNK):
        sounds = []
        for clip, kind, noise in pairs[first : first + _CHUNK]:
            source = np.asarray(read_truth(clip.path).stems[kind], float)
            sounds.append((clip, kind, source, at_level(noise, source, 0.0)))
        mixed = [np.asarray(source + noise, np.float32) for _, _, source, noise in sounds]
        for (clip, kind, source, noise), heard in zip(sounds, heard_once(mixed, folder), strict=True):
            yield Mixture(clip.key, kind, source, noise, heard)


def at_level(noise: Array, source: Array, decibels: float) -> Array:
    """Noise as long as the source, so far below it as to give that signal-to-noise ratio."""
    noise = np.resize(noise, len(source))
    return np.asarray(noise * np.sqrt(np.sum(source**2) / np.sum(noise**2)) * 10 ** (-decibels / 20))


def heard_once(sounds: Sequence[Array], folder: Path) -> list[Heard]:
    """The audio proposals of sounds, kept in the folder by what the sounds are."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"{_name(sound)}.npz" for sound in sounds]
    missing = [k for k, place in enumerate(places) if not place.exists()]
    for k, heard in zip(missing, hear([sounds[k] for k in missing]) if missing else [], strict=True):
        with atomic(places[k]) as file:
            np.savez(file, **{name: x.astype(np.float16) if x.ndim == 3 else x for name, x in vars(heard).items()})
    found = []
    for place in places:
        with np.load(place, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        found.append(Heard(**{name: x.astype(np.float32) if x.ndim == 3 else x for name, x in arrays.items()}))
    return found


@dataclass(frozen=True)
class Scale:
    """What it takes to score any choice of components without making its sound.

    With A and B (K, K) the products of the components' sounds after and before projection on the true source, the
    estimate Σ g_k c_k has the target energy gᵀAg and the energy gᵀBg.
    """

    target: Array
    whole: Array
    energies: Array  # (K,) of the mixture's spectrogram that each component takes

    def sdr(self, gains: Array) -> float:
        """SDR (dB) of the estimate with these gains (K,)."""
        target, whole = (float(gains @ part @ gains) for part in (self.target, self.whole))
        return float(10 * np.log10(max(target, 1e-12) / max(whole - target, 1e-12)))


def scale(mixture: Mixture, folder: Path) -> Scale:
    """The scale of a mixture, kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{_name(mixture.sound)}.npz"
    if not place.exists():
        X = spectrogram(mixture.sound)
        W, H = (np.asarray(part, float) for part in (mixture.heard.patterns, mixture.heard.activations))
        ratio = np.divide(X, W @ H, out=np.zeros(X.shape, complex), where=W @ H > 0)
        sounds = [
            waveform((np.outer(w, h) * ratio).astype(np.complex64), len(mixture.source))
            for w, h in zip(W.T, H, strict=True)
        ]
        targets = project(mixture.source, np.stack(sounds))
        padded = np.pad(np.stack(sounds).astype(float), ((0, 0), (0, _TAPS - 1)))
        with atomic(place) as file:
            np.savez(file, target=targets @ targets.T, whole=padded @ padded.T, energies=energies(X, W, H))
    with np.load(place, allow_pickle=False) as kept:
        return Scale(kept["target"], kept["whole"], kept["energies"])


def sdr(true: Array, estimate: Array) -> float:
    """SDR (dB) of BSS Eval version 3 for one source: the part of the estimate that 512 taps make of the true source.

    >>> rng = np.random.default_rng(0)
    >>> s = rng.standard_normal(20000)
    >>> bool(sdr(s, np.convolve(s, [0.0, 0.5, 0.2])[:20000]) > 30), round(sdr(s, s + rng.standard_normal(20000)))
    (True, 0)
    """
    [target] = project(true, np.asarray(estimate)[None])
    error = np.pad(np.asarray(estimate, float), (0, _TAPS - 1)) - target
    return float(10 * np.log10(max(float(np.sum(target**2)), 1e-20) / max(float(np.sum(error**2)), 1e-20)))


def project(true: Array, estimates: Array) -> Array:
    """What a filter of 512 taps can make of the true source (T,) of each of the estimates (J, T): (J, T + 511)."""
    from scipy.linalg import solve_toeplitz

    length = len(true) + _TAPS - 1
    size = 1 << (length - 1).bit_length()
    S, E = np.fft.rfft(true, size), np.fft.rfft(np.asarray(estimates, float), size)
    own = np.fft.irfft(np.abs(S) ** 2, size)[:_TAPS]
    own[0] *= 1 + 1e-10
    cross = np.fft.irfft(np.conj(S) * E, size)[:, :_TAPS]
    filters = solve_toeplitz(own, cross.T).T
    return np.asarray(np.fft.irfft(np.fft.rfft(filters, size) * S, size)[:, :length])


def _name(sound: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(sound).tobytes()).hexdigest()[:16]


@contextmanager
def atomic(place: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is whole."""
    hidden = place.with_suffix(".part")
    with hidden.open("wb") as file:
        yield file
    hidden.replace(place)


def _clean(manifest: Manifest, split: Split, per_class: int) -> Iterator[tuple[Any, str]]:
    """Clips of a split in which one class sounds, at most so many of each."""
    seen: Counter[str] = Counter()
    for clip in manifest.of(split):
        if len(clip.labels) == 1 and seen[clip.labels[0]] < per_class:
            seen[clip.labels[0]] += 1
            yield clip, clip.labels[0]
