"""Notes for string players: read from a file, or made up."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# MIDI pitches of the open strings, the lowest first.
STRINGS = {"violin": (55, 62, 69, 76), "viola": (48, 55, 62, 69), "cello": (36, 43, 50, 57)}


@dataclass(frozen=True)
class Note:
    """One note as performed."""

    onset: float  # s
    duration: float  # s
    pitch: float  # MIDI number
    velocity: int  # MIDI, 1…127
    stroke: int  # number of the bow stroke that it is part of

    @property
    def end(self) -> float:
        """In seconds."""
        return self.onset + self.duration


def instrument(part: str) -> str:
    """The instrument that a part such as ``violin2`` is for.

    >>> instrument("violin2")
    'violin'
    """
    name = part.rstrip("0123456789 _-")
    if name not in STRINGS:
        raise ValueError(f"part={part!r} is for none of {', '.join(STRINGS)}.")
    return name


def read(path: Path) -> dict[str, list[Note]]:
    """Part → notes, from JSON ``{"instruments": {part: [{"onset": s, "duration": s, "pitch": …, …}]}}``."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    keys = ("onset", "duration", "pitch", "velocity", "stroke")
    return {
        part: [Note(*(note[key] for key in keys)) for note in notes] for part, notes in content["instruments"].items()
    }


def compose(parts: Sequence[str], seconds: float, seed: int) -> dict[str, list[Note]]:
    """Made-up notes: each part walks through a scale in its own rhythm, with rests and slurs.

    >>> notes = compose(["violin1", "cello"], 10.0, seed=0)
    >>> list(notes), notes["cello"][0].pitch < 60, all(note.end <= 10 for note in notes["violin1"])
    (['violin1', 'cello'], True, True)
    """
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    found: dict[str, list[Note]] = {}
    for k, part in enumerate(parts):
        rng = np.random.default_rng([seed, k])
        lowest = STRINGS[instrument(part)][0]
        step = int(rng.integers(3, 14))
        beat = rng.uniform(0.32, 0.55)
        notes: list[Note] = []
        time, stroke = float(rng.uniform(0.1, 0.8)), 0
        while True:
            length = beat * float(rng.choice([0.5, 1, 1, 2, 3]))
            if time + length > seconds - 0.1:
                break
            if rng.random() < 0.15 and notes:
                time += length
                continue
            step = int(np.clip(step + rng.integers(-3, 4), 0, 17))
            slurred = bool(notes) and rng.random() < 0.3 and time - notes[-1].end < 0.05 and notes[-1].stroke == stroke
            stroke += 0 if slurred else 1
            pitch = float(lowest + 12 * (step // 7) + scale[step % 7])
            notes.append(Note(time, length * 0.95, pitch, int(rng.integers(45, 110)), stroke))
            time += length
        found[part] = notes
    return found
