"""What every job has: stages whose progress is told, and an outcome."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avfront.errors import AvfrontError

REPORT = "report.json"
PICTURE = "spectrogram.png"
# Of separation by motion: which motion makes which sound, the video with that drawn in, and its sound.
MAP, OVERLAY, MIXTURE = "localisation.png", "overlay.mp4", "mixture.wav"
PAGE = "report.html"  # made of the others by avfront.page, and out of date when they are replaced

# Called with the name of the current stage and the share of it that is done, 0…1.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Outcome:
    """What a job has made.

    Attributes
    ----------
    files : dict of name to Path
        Every file written: the sources' by source name, and "report", "picture" and "model".
    report : dict
        The content of report.json.
    timings : dict
        Seconds per stage, and "total".
    objective : list of list of float
        History of the objective, one list per segment (empty for a silent one).
    warnings : list of str
        What the user should know, one sentence each.
    """

    files: dict[str, Path]
    report: dict[str, Any]
    timings: dict[str, float]
    objective: list[list[float]]
    warnings: list[str]


def take_paths(job: object, *names: str) -> None:
    """Make paths of what a frozen job was given as text, also where it is a mapping of paths."""
    for name in names:
        value = getattr(job, name)
        if isinstance(value, Mapping):
            object.__setattr__(job, name, {key: Path(path) for key, path in value.items()})
        elif value is not None:
            object.__setattr__(job, name, Path(value))


def check_device(device: str) -> None:
    """Raise AvfrontError (usage) if nmfcore cannot compute on the device of that name."""
    from nmfcore import backends

    try:
        backends.get("auto", device)
    except ValueError as error:
        raise AvfrontError(
            str(error).rstrip("."), remedy="see python -m nmfcore for what is here", usage=True
        ) from error


class Stages:
    """Seconds per stage, added up over segments; each begins with a report of progress."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._begin = time.perf_counter()
        self._stage = ""
        self._progress = progress

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time one stage."""
        self._stage = name
        if name not in self.seconds:
            self._progress(name, 0.0)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def share(self, done: float) -> None:
        """Report which share (0…1) of the current stage is done."""
        self._progress(self._stage, min(done, 1.0))

    def timings(self) -> dict[str, float]:
        """Seconds per stage, and ``"total"`` since the job began."""
        total = time.perf_counter() - self._begin
        return {name: round(seconds, 3) for name, seconds in (*self.seconds.items(), ("total", total))}
