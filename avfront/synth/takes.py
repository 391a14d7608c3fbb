"""Which sound every class is heard with in each split: different recordings, so that nothing of the test is learned."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avfront import audio
from avfront.manifest import SPLITS, Split
from avfront.synth import noises
from avfront.synth.kinds import KINDS
from avfront.synth.signals import Array

RATE = 16000  # Hz
_MADE = 8  # takes of a class, or background noises, that are made where there are no recordings
_SHARES = (0.5, 0.25, 0.25)  # of a class's recordings, for train, validation and test
_FRAME = 320  # samples in which activity is told
_RANGE_DB = 40.0  # below its loudest frame a take counts as silent
_PAUSE = 0.4  # s of silence that do not end an event
# ESC-50 names its files FOLD-SOURCE-TAKE-CLASS: two takes of one source are one recording.
_SOURCE = re.compile(r"^\d-(\d+)-[A-Z]")


@dataclass(frozen=True)
class Take:
    """One recording of a class.

    Attributes
    ----------
    name : str
        Of the file, or ``"made …"``.
    samples : array (T,)
        Mono at :data:`RATE`, root mean square 0.1 where it is active.
    active : booleans (T,)
        Where it sounds.
    """

    name: str
    samples: Array
    active: np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Takes:
    """The recordings of each class and the background noises, by split; no recording is in two of them."""

    kinds: Mapping[str, Mapping[Split, Sequence[Take]]]
    noises: Mapping[Split, Sequence[Take]]


def gather(folder: Path | None, seed: int) -> Takes:
    """Recordings from ``folder/clips/CLASS/`` and ``folder/noise/``, shared out among the splits; or made ones.

    A class, or the noise, of which the folder has fewer than four files is made by :mod:`avfront.synth.voices` and
    :mod:`avfront.synth.noises`. Without a folder all of them are.

    >>> found = gather(None, seed=0)
    >>> [len(found.kinds["dog"][split]) for split in SPLITS]
    [4, 2, 2]
    """
    rng = np.random.default_rng([seed, 21])
    kinds = {}
    for number, (name, kind) in enumerate(KINDS.items()):
        takes = _recorded(folder / "clips" / name) if folder is not None else []
        if len(takes) < 4:
            voices = [kind.voice(np.random.default_rng([seed, 22, number, k]), RATE) for k in range(_MADE)]
            takes = [_take(f"made {name} {k}", voice) for k, voice in enumerate(voices)]
        kinds[name] = _shared_out(takes, rng)
    backgrounds = _recorded(folder / "noise") if folder is not None else []
    if len(backgrounds) < 4:
        makers = (noises.rain, noises.traffic, noises.wind)
        backgrounds = [
            _take(f"made noise {k}", makers[k % 3](12.0, RATE, seed + k).astype(float)) for k in range(_MADE + 1)
        ]
    return Takes(kinds, _shared_out(backgrounds, rng, (1 / 3, 1 / 3, 1 / 3)))


def spans(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[float, float]]:
    """Begin and end (s) of each event in samples that are active or not; short pauses do not end one.

    >>> spans(np.repeat([True, False, True, False, True], [1600, 16000, 8000, 1600, 1600]))
    [(0.0, 0.1), (1.1, 1.8)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(int))).reshape(-1, 2) / RATE
    found: list[tuple[float, float]] = []
    for begin, end in edges.tolist():
        if found and begin - found[-1][1] < _PAUSE:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _recorded(folder: Path) -> list[Take]:
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in audio.SUFFIXES)
    takes = []
    for path in files:
        info = audio.probe(path)
        samples = audio.resample(audio.read(info), info.rate, RATE).mean(axis=0)
        takes.append(_take(path.name, samples.astype(float)))
    return takes


def _take(name: str, samples: Array) -> Take:
    samples = np.pad(np.asarray(samples, float), (0, -len(samples) % _FRAME))
    power = np.square(samples).reshape(-1, _FRAME).mean(axis=1)
    active = np.repeat(power > power.max() * 10 ** (-_RANGE_DB / 10), _FRAME)
    level = np.sqrt(np.square(samples[active]).mean()) if active.any() else 1.0
    return Take(name, 0.1 / level * samples, active)


def _shared_out(
    takes: Sequence[Take], rng: np.random.Generator, shares: Sequence[float] = _SHARES
) -> dict[Split, list[Take]]:
    """By source recording, in random order, at least one source for each split."""
    sources: dict[str, list[Take]] = {}
    for take in takes:
        match = _SOURCE.match(take.name)
        sources.setdefault(match[1] if match else take.name, []).append(take)
    order = [list(sources.values())[k] for k in rng.permutation(len(sources))]
    last = [max(1, round(share * len(order))) for share in shares[1:]]
    edges = np.cumsum([len(order) - sum(last), *last])[:-1]
    return {
        split: [take for source in part for take in source]
        for split, part in zip(SPLITS, np.split(np.array(order, dtype=object), edges), strict=True)
    }
