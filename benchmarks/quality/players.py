"""The string players that separation by motion is measured on: their sounds, their bows, and who plays with whom.

Stems with their note lists (`music/` of the recordings) and parts that the project composes and plays itself. All that
was chosen by ear or by figure was chosen on the mixtures marked "development"; the ones "held out" are other passages,
other pairings and other scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avfront import audio
from avfront.synth import bowing, score, strings

from . import recordings

Array = NDArray[Any]
RATE = 22050
LEVEL = 0.05
QUARTET = ("violin1", "violin2", "viola", "cello")
TRIO = ("violin1", "viola", "cello")
SPLITS = ("development", "held out")


class Player(Protocol):
    """Someone who is heard and seen."""

    @property
    def label(self) -> str:
        """What is played."""

    def sound(self, seconds: float) -> Array:
        """Samples (T,) at the level that all parts have."""

    def bow(self, seconds: float, seed: int) -> bowing.Bowing:
        """The bow that plays it."""


@dataclass(frozen=True)
class Recorded:
    """One part of one piece, from a point in time on."""

    piece: Path
    part: str
    start: float  # s

    @property
    def label(self) -> str:
        """What is played."""
        return f"{self.piece.name.split('_')[0]} {self.part} {self.start:g} s"

    def sound(self, seconds: float) -> Array:
        """Samples (T,) at the level that all parts have."""
        header = audio.probe(self.piece / f"{self.part}.flac")
        whole = audio.resample(audio.read(header, seconds=self.start + seconds), header.rate, RATE)[0]
        return _levelled(whole[round(self.start * RATE) :][: round(seconds * RATE)])

    def bow(self, seconds: float, seed: int) -> bowing.Bowing:
        """The bow that plays it."""
        whole = self.start + seconds
        notes = [note for note in score.read(self.piece / "notes.json")[self.part] if note.onset < whole]
        found = bowing.bow(notes, self.part, whole, seed)
        first = round(self.start * bowing.RATE)
        return bowing.Bowing(
            found.times[: len(found.times) - first],
            *(x[first:] for x in (found.inclination, found.velocity, found.position, found.sounding)),
        )


@dataclass(frozen=True)
class Composed:
    """One part of a score that the project makes up, on strings that it makes too."""

    parts: tuple[str, ...]
    which: int
    seed: int

    @property
    def label(self) -> str:
        """What is played."""
        return f"made up {self.seed} {self.parts[self.which]}"

    def sound(self, seconds: float) -> Array:
        """Samples (T,) at the level that all parts have."""
        number = 10 * self.seed + self.which
        return _levelled(strings.play(self._notes(seconds), self.parts[self.which], seconds, RATE, number))

    def bow(self, seconds: float, seed: int) -> bowing.Bowing:
        """The bow that plays it."""
        return bowing.bow(self._notes(seconds), self.parts[self.which], seconds, seed)

    def _notes(self, seconds: float) -> list[score.Note]:
        return score.compose(self.parts, seconds, self.seed)[self.parts[self.which]]


@dataclass(frozen=True)
class Mixture:
    """Players at once, for motion capture."""

    split: str
    kind: str
    players: tuple[Player, ...]


@dataclass(frozen=True)
class Cast:
    """Four players before the camera; who of them is mixed is decided later."""

    split: str
    kind: str
    players: tuple[Player, ...]
    film: str = "plain"
    options: dict[str, Any] = field(default_factory=dict)
    counts: tuple[int, ...] = (2,)  # how many of them play together


@lru_cache
def pieces() -> tuple[Path, Path]:
    """Folders with stems and notes."""
    one, two = sorted(path.parent for path in (recordings.folder() / "music").glob("*/notes.json"))[:2]
    return one, two


def captured() -> list[Mixture]:
    """The mixtures of Tables 3.1 and 4.1: trios, duos of different instruments, duos of the same one."""
    one, two = pieces()
    found = [
        Mixture("development", "trios", tuple(Recorded(p, part, s) for part in TRIO))
        for p in (one, two)
        for s in (0.0, 15.0)
    ]
    found += [Mixture("held out", "trios", _made_up(TRIO, seed)) for seed in (100, 101)]
    for split, start in zip(SPLITS, (0.0, 15.0), strict=True):
        for piece in (one, two):
            found += [
                Mixture(split, "duos, different", tuple(Recorded(piece, part, start) for part in pair))
                for pair in combinations(TRIO, 2)
            ]
        found += [
            Mixture(split, "duos, same", (Recorded(one, part, start), Recorded(two, part, start))) for part in TRIO
        ]
    found += [Mixture("held out", "duos, same", _made_up((f"{p}1", f"{p}2"), 102)) for p in ("violin", "cello")]
    return found


def filmed() -> list[Cast]:
    """The casts of Table 4.2: of one piece, of two pieces, whose bows go their own ways, and of made-up scores."""
    one, two = pieces()
    crossed = [(one, two, one, two), (one, one, two, two)]
    found = []
    for split, start, other, seed, four in zip(SPLITS, (4.0, 20.0), (4.0, 19.0), (0, 200), crossed, strict=True):
        across = tuple(Recorded(p, part, other) for p, part in zip(four, QUARTET, strict=True))
        together = [tuple(Recorded(p, part, start) for part in QUARTET) for p in (one, two)]
        found += [
            Cast(split, "one piece", together[0]),
            Cast(split, "one piece", together[1]),
            Cast(split, "two pieces", across, counts=(2, 3, 4)),
            Cast(split, "made up", _made_up(QUARTET, seed)),
        ]
        if split == "development":
            found += [
                Cast(split, "one piece", together[0], "shaking camera", {"shake": 2.0}),
                Cast(split, "one piece", together[0], "bystander", {"bystander": True}),
                Cast(split, "one piece", together[0], "picture 120 ms late", {"delay": 0.12}),
            ]
        else:
            found += [
                Cast(split, "made up", _made_up(("violin1", "violin2", "cello1", "cello2"), 201)),
                Cast(split, "two pieces", across, "shaking camera", {"shake": 3.0}),
            ]
    return found


def _made_up(parts: tuple[str, ...], seed: int) -> tuple[Player, ...]:
    return tuple(Composed(parts, k, seed) for k in range(len(parts)))


def _levelled(x: Sequence[float] | Array) -> Array:
    x = np.asarray(x, np.float64)
    return np.asarray(LEVEL * x / np.sqrt(np.mean(x**2)))
