"""Where the recordings lie, and reading them.

`NMFCORE_DATA` names the folder (the layout is `speech/`, `noise/`, `clips/` with one CSV each); without it,
`../shared/data` beside the repository is tried. Nothing of it is ever copied into the repository.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16000
REPOSITORY = Path(__file__).resolve().parents[2]


class NoRecordings(SystemExit):
    """The folder of recordings is not there: the program ends with a message that says how to name it."""


def folder() -> Path:
    """The folder of recordings.

    Raises:
        NoRecordings: if neither `NMFCORE_DATA` nor `../shared/data` is a folder.
    """
    named = os.environ.get("NMFCORE_DATA")
    path = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not path.is_dir():
        raise NoRecordings(f"no recordings at {path}: set NMFCORE_DATA to a folder with speech/, noise/ and clips/")
    return path


def table(name: str) -> list[dict[str, str]]:
    """Rows of `<name>/<name>.csv` (`speech`, `noise` or `clips`)."""
    with open(folder() / name / f"{name}.csv", newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def read(file: str) -> NDArray[np.float64]:
    """One mono recording at 16 kHz, samples (T,)."""
    samples, rate = soundfile.read(folder() / file, dtype="float64")
    if rate != RATE or samples.ndim != 1:
        raise ValueError(f"{file}: expected one channel at {RATE} Hz, found shape {samples.shape} at {rate} Hz")
    return samples


def array(what: str) -> NDArray[np.float64]:
    """What an array of four microphones recorded (4, T): "speech" from one direction, or diffuse "noise"."""
    (path,) = (folder() / "multichannel" / "array4").glob(f"{what}_*.flac")
    return np.asarray(soundfile.read(path, dtype="float64")[0].T)


def response(azimuth: str) -> NDArray[np.float64]:
    """A measured binaural response (2, T), such as ``"az-45"``."""
    return np.asarray(
        soundfile.read(folder() / "multichannel" / "brir_roomA" / f"{azimuth}.flac", dtype="float64")[0].T
    )


def talkers() -> dict[str, list[str]]:
    """Talker name -> files, of recorded talkers, not of synthetic ones."""
    found: dict[str, list[str]] = {}
    for row in table("speech"):
        if row["synthetic"] == "no":
            found.setdefault(row["speaker"], []).append(row["file"])
    return dict(sorted(found.items()))


def noises() -> dict[str, str]:
    """Noise name (the file's stem) -> file."""
    return {Path(row["file"]).stem: row["file"] for row in sorted(table("noise"), key=lambda row: row["file"])}


def classes(least_activity: float = 0.0) -> dict[str, list[str]]:
    """Sound class -> clips whose active share of 20 ms frames is at least `least_activity` (0..1)."""
    found: dict[str, list[str]] = {}
    for row in table("clips"):
        if float(row["active_fraction"]) >= least_activity:
            found.setdefault(row["class"], []).append(row["file"])
    return dict(sorted(found.items()))
