"""Pairs of clips, with the models of their classes, and their separation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import recordings, scores
from nmfcore import istft, masks, stft
from nmfcore.models import Dictionary, gssm_separate, learn_dictionary

from .penalties import Penalty

Array = NDArray[Any]
FRAME = 752  # 47 ms at 16 kHz
COMPONENTS, BACKGROUND = 32, 10
LEARNING, SEPARATING = 200, 100  # multiplicative updates
LEAST_ACTIVITY = 0.6  # of clips that are mixed, so that both are heard most of the time


@dataclass(frozen=True)
class Pair:
    """Two sources (2, T) of equal power, and the models of their classes."""

    name: str
    sources: Array
    models: tuple[Array, Array]  # W of each class, blocks of COMPONENTS columns

    @cached_property
    def mixed_sir(self) -> list[float]:
        """SIR of the mixture, taken for either source, in dB."""
        mixed = np.stack([self.sources.sum(axis=0)] * 2)
        return scores.images(self.sources[:, None], mixed[:, None])["sir"]


def pairs(seed: int, count: int | None = None) -> list[Pair]:
    """Every class with the next one round a shuffled circle; clips drawn among the class's most active."""
    rng = np.random.default_rng(seed)
    classes = {name: files for name, files in recordings.classes().items() if len(files) >= 4}
    active = recordings.classes(LEAST_ACTIVITY)
    names = [name for name in classes if active.get(name)]
    ring = [names[i] for i in rng.permutation(len(names))]
    learned: dict[str, Array] = {}
    found = []
    for first, second in list(zip(ring, ring[1:] + ring[:1], strict=True))[:count]:
        clips = [str(rng.choice(active[name])) for name in (first, second)]
        found.append(
            Pair(
                f"{first} + {second}",
                _equal_power([_trimmed(recordings.read(clip)) for clip in clips]),
                (
                    np.hstack([_patterns(clip, learned, seed) for clip in classes[first] if clip != clips[0]]),
                    np.hstack([_patterns(clip, learned, seed) for clip in classes[second] if clip != clips[1]]),
                ),
            )
        )
    return found


def _patterns(clip: str, learned: dict[str, Array], seed: int) -> Array:
    """One clip's patterns (F, 32); the examples of a class are independent, so that each is learned once."""
    if clip not in learned:
        V = _power(recordings.read(clip).astype(np.float32))
        learned[clip] = learn_dictionary({"clip": [V]}, COMPONENTS, n_iter=LEARNING, seed=seed).W
    return learned[clip]


def _trimmed(clip: Array) -> Array:
    """Without the silence that the data set puts before and after short sounds."""
    heard = np.flatnonzero(np.abs(clip) > 1e-3 * np.abs(clip).max())
    return clip[heard[0] : heard[-1] + 1]


def _equal_power(clips: Sequence[Array]) -> Array:
    length = min(len(clip) for clip in clips)
    both = np.stack([clip[:length] for clip in clips])
    return np.asarray(0.1 * both / np.sqrt(np.mean(both**2, axis=1, keepdims=True)))


def _power(x: Array) -> Array:
    return np.asarray(np.abs(stft(x, FRAME)) ** 2)


def separate(pair: Pair, known: Sequence[int], penalty: Penalty, lam: float, seed: int) -> Array:
    """Estimates (2, T); `known` names the sources whose class is known, the other is the background."""
    blocks, column = {}, 0
    for source in known:
        count = pair.models[source].shape[1] // COMPONENTS
        blocks[str(source)] = tuple(slice(column + p * COMPONENTS, column + (p + 1) * COMPONENTS) for p in range(count))
        column += count * COMPONENTS
    dictionary = Dictionary(np.hstack([pair.models[s] for s in known]), tuple(blocks), blocks)
    X = stft(pair.sources.sum(axis=0).astype(np.float32), FRAME)
    parts = gssm_separate(
        np.abs(X) ** 2,
        dictionary,
        kind=penalty.kind,
        gamma=penalty.gamma,
        lam=lam,
        background=0 if len(known) == 2 else BACKGROUND,
        n_iter=SEPARATING,
        seed=seed,
    ).parts
    shares = np.stack([parts[str(source) if source in known else "background"] for source in (0, 1)])
    return istft(masks.wiener(X, shares), FRAME, length=pair.sources.shape[1])
