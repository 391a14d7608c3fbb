"""Examples of the sources: which of the files given can be learned from, and their power spectrograms."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import audio
from avfront.errors import AvfrontError
from avfront.sources import Source

Array = npt.NDArray[Any]


@dataclass
class Examples:
    """The examples of one source."""

    source: str
    spectrograms: list[Array] = field(default_factory=list)  # (F, N_p) power, mean 1
    used: list[dict[str, Any]] = field(default_factory=list)  # path, rate, channels, seconds, seconds_used
    skipped: list[dict[str, str]] = field(default_factory=list)  # path, reason


def load(
    source: Source,
    *,
    rate: int,
    frame: int,
    seconds: float,
    mixture: Path,
    notes: list[str],
) -> Examples:
    """Read the examples of a source as power spectrograms (F, N) at the rate and frame length of the mixture.

    Parameters
    ----------
    source : Source
        With files only, see :func:`avfront.sources.find`.
    rate : int
        Hz, of the mixture; examples at other rates are resampled.
    frame : int
        Samples per STFT frame.
    seconds : float
        Longer examples are used up to this length.
    mixture : Path
        An example that is the mixture itself is worth a warning.
    notes : list of str
        Warnings are appended.

    Raises
    ------
    AvfrontError
        If not one of the files can be used; the message has the first reason.
    """
    examples = Examples(source.name)
    first: AvfrontError | None = None
    low: dict[int, list[Path]] = {}  # examples by rate, of those below the mixture's
    for path in source.files:
        try:
            info = audio.probe(path)
            power = _power(info, seconds, rate, frame)
        except AvfrontError as error:
            first = first or error
            examples.skipped.append({"path": str(path), "reason": error.what})
            notes.append(f"{path}: this example of '{source.name}' is left out: {error.what}.")
            continue
        # Examples differ in level; what is learned is their shape.
        examples.spectrograms.append(power / power.mean())
        used = {
            "path": str(path),
            "rate": info.rate,
            "channels": info.channels,
            "seconds": round(info.duration, 3),
            "seconds_used": round(min(info.duration, seconds), 3),
        }
        examples.used.append(used)
        if path.resolve() == mixture.resolve():
            notes.append(f"{path}: the mixture itself is an example of '{source.name}', which then explains all of it.")
        if info.rate < rate:
            low.setdefault(info.rate, []).append(path)
    notes.extend(_says_nothing(paths, at, source.name, rate) for at, paths in low.items())
    if first is not None and not examples.used:
        count = len(source.files)
        raise AvfrontError(
            f"the source '{source.name}' has no usable example ({count} tried): {first.what}",
            file=first.file,
            remedy="give it at least one recording of that sound alone",
        )
    return examples


def seconds(source: Source, limit: float) -> float:
    """How much sound the examples of a source have, by their headers; each counts up to `limit` seconds."""
    total = 0.0
    for path in source.files:
        # What cannot be read is told when it is read.
        with contextlib.suppress(AvfrontError):
            total += min(audio.probe(path).duration, limit)
    return total


def _power(info: audio.AudioInfo, seconds: float, rate: int, frame: int) -> Array:
    """Power spectrogram (F, N) at another rate, channels averaged.

    Raises
    ------
    AvfrontError
        If nothing can be learned from it.
    """
    import nmfcore

    samples = audio.resample(_usable(audio.read(info, seconds=seconds), info), info.rate, rate)
    if samples.shape[1] < frame:
        raise AvfrontError(
            f"it is shorter than one frame of {1000 * frame / rate:.0f} ms", file=info.path, remedy="use a longer one"
        )
    return np.asarray(np.square(np.abs(nmfcore.stft(samples, frame))).mean(axis=0))


def _usable(samples: audio.Samples, info: audio.AudioInfo) -> audio.Samples:
    """At full scale."""
    if not np.isfinite(samples).all():
        raise AvfrontError("it has samples that are not finite numbers", file=info.path, remedy="export it again")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak == 0.0:
        raise AvfrontError("it is silent", file=info.path, remedy="use another one")
    return samples / np.float32(peak)


def _says_nothing(paths: list[Path], at: int, name: str, rate: int) -> str:
    several = len(paths) > 1
    whose = (
        f" and {len(paths) - 1} more: these examples of '{name}' are" if several else f": this example of '{name}' is"
    )
    return (
        f"{paths[0]}{whose} at {at} Hz and the mixture at {rate} Hz, so {'they say' if several else 'it says'} nothing"
        f" about sound above {at / 2000:g} kHz."
    )
