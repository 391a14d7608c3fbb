"""Sound files: looking before reading, reading in blocks, resampling, writing.

Samples are float32 in arrays of shape (channels, samples), full scale is ±1. Reading is by libsndfile (wav,
flac, ogg, opus, mp3, aiff, …), so that any sample format of those containers arrives as float32.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError

Samples = npt.NDArray[np.float32]  # (I, T)

_SUFFIX = "wav wave flac ogg oga opus mp3 aif aiff aifc au snd caf w64 rf64"
SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIX.split())
_KNOWN = "wav, flac, ogg, opus, mp3 and aiff"

# Sizes that programs write into a header when they do not know the length yet (streams): no promise is
# broken.
_UNKNOWN_SIZE = 0x7FFF0000
# libsndfile's own log of the header; these four lines are the size of the samples in wav/rf64, aiff, w64 and
# au.
_SIZE_LINE = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)

_BLOCK_FRAMES = 1 << 17
# Equal samples in a row, at full scale or beyond, count as clipped: true peaks are not flat.
_CLIP_LEVEL = 0.9999


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file's header says."""

    path: Path
    rate: int  # Hz
    channels: int
    frames: int  # samples per channel
    format: str  # "WAV", "FLAC", ...
    subtype: str  # "PCM_16", "FLOAT", ...

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


@dataclass(frozen=True)
class Survey:
    """What one pass over all samples of a file found."""

    frames: int  # samples per channel that could really be read
    peak: tuple[float, ...]  # per channel, largest |sample|
    rms: tuple[float, ...]  # per channel
    clipped: int  # samples, all channels together
    identical: bool  # more than one channel, and all the same

    @property
    def silent_channels(self) -> tuple[int, ...]:
        """Indices of the channels that hold nothing but zeros."""
        return tuple(i for i, peak in enumerate(self.peak) if peak == 0.0)


def probe(path: Path) -> AudioInfo:
    """Read the header of a sound file, and nothing else.

    Raises
    ------
    AvfrontError
        If the file is missing, a folder, empty, no sound file, without samples, or shorter than its header
        says.
    """
    import soundfile

    if not path.exists():
        raise AvfrontError("there is no such file", file=path, remedy="check the path")
    if path.is_dir():
        raise AvfrontError("this is a folder", file=path, remedy="name a sound file in it")
    if not path.is_file():
        raise AvfrontError(
            "this is a pipe or a device, and sound is read several times over", file=path, remedy="save it to a file"
        )
    try:
        with path.open("rb") as raw:
            first = raw.read(1)
    except OSError as error:
        raise AvfrontError(
            f"the file cannot be opened ({_reason(error)})", file=path, remedy="check its permissions"
        ) from error
    if not first:
        raise AvfrontError("the file is empty (0 bytes)", file=path, remedy="record or export it again")
    try:
        info = soundfile.info(_name(path), verbose=True)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise AvfrontError(
            f"this is not a readable sound file ({_reason(error)})",
            file=path,
            remedy=f"avfront reads {_KNOWN}; convert it to one of them",
        ) from error
    if info.channels < 1 or info.samplerate < 1:
        raise AvfrontError(
            f"the header says {info.channels} channels at {info.samplerate} Hz",
            file=path,
            remedy="export the recording again",
        )
    if info.frames < 1:
        raise AvfrontError("the file has no samples", file=path, remedy="record or export it again")
    size = _SIZE_LINE.search(info.extra_info)
    if size is not None:
        promised, present = int(size[1]), int(size[2])
        if present + 64 < promised < _UNKNOWN_SIZE:
            raise _truncated(path, present / promised)
    return AudioInfo(path, info.samplerate, info.channels, info.frames, info.format, info.subtype)


def blocks(info: AudioInfo, frames: int = _BLOCK_FRAMES) -> Iterator[Samples]:
    """The samples of a file from its beginning, as arrays of shape (channels, at most `frames`).

    Raises AvfrontError where the samples cannot be decoded.
    """
    import soundfile

    done = 0
    try:
        with soundfile.SoundFile(_name(info.path)) as file:
            while True:
                block = file.read(frames, dtype="float32", always_2d=True)
                if len(block) == 0:
                    break
                done += len(block)
                yield np.ascontiguousarray(block.T)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise AvfrontError(
            f"the samples cannot be decoded from second {done / info.rate:.1f} on ({_reason(error)}), so"
            " the file is damaged or cut off",
            file=info.path,
            remedy="copy or export it again",
        ) from error
    # mp3 headers estimate the length; only a clear shortfall means that something is missing.
    if done < 0.99 * info.frames and info.frames - done > 0.1 * info.rate:
        raise _truncated(info.path, done / info.frames)


def survey(info: AudioInfo) -> Survey:
    """Look at every sample once, a block at a time, so that any length fits into memory.

    Raises
    ------
    AvfrontError
        If a sample is NaN or infinite, or cannot be decoded.
    """
    peak = np.zeros(info.channels)
    energy = np.zeros(info.channels)
    frames = clipped = 0
    identical = info.channels > 1
    for block in blocks(info):
        finite = np.isfinite(block)
        if not finite.all():
            channel, sample = (int(k) for k in np.argwhere(~finite)[0])
            raise AvfrontError(
                f"sample {frames + sample + 1} of channel {channel + 1} (second"
                f" {(frames + sample) / info.rate:.2f}) is not a finite number",
                file=info.path,
                remedy="repair the recording or export it again",
            )
        magnitude = np.abs(block)
        peak = np.maximum(peak, magnitude.max(axis=1))
        energy += np.square(block, dtype=np.float64).sum(axis=1)
        flat = (magnitude[:, 1:] >= _CLIP_LEVEL) & (block[:, 1:] == block[:, :-1])
        clipped += int(np.count_nonzero(flat))
        identical = identical and bool((block[1:] == block[:1]).all())
        frames += block.shape[1]
    rms = np.sqrt(energy / max(frames, 1))
    return Survey(frames, tuple(peak.tolist()), tuple(rms.tolist()), clipped, identical)


def read(info: AudioInfo, *, seconds: float | None = None) -> Samples:
    """The samples of a file, (channels, samples), or its first `seconds` only."""
    limit = info.frames if seconds is None else min(info.frames, round(seconds * info.rate))
    parts: list[Samples] = []
    have = 0
    for block in blocks(info, min(_BLOCK_FRAMES, limit)):
        parts.append(block[:, : limit - have])
        have += parts[-1].shape[1]
        if have >= limit:
            break
    if not parts:
        raise AvfrontError("the file has no samples", file=info.path, remedy="record or export it again")
    return np.concatenate(parts, axis=1)


def resample(samples: Samples, rate: int, new_rate: int) -> Samples:
    """Samples of shape (channels, samples) at `rate` (Hz), at `new_rate` by soxr's high quality.

    >>> import numpy as np
    >>> resample(np.zeros((2, 48000), np.float32), 48000, 16000).shape
    (2, 16000)
    """
    if rate == new_rate:
        return samples
    import soxr

    converted = soxr.resample(np.ascontiguousarray(samples.T), rate, new_rate, quality="HQ")
    return np.ascontiguousarray(np.asarray(converted, dtype=np.float32).T)


class Writer:
    """A float32 wav that is written a block at a time.

    Nothing is scaled and nothing clips: float wav keeps what goes beyond full scale, so that the sources go
    on adding up to the mixture. Beyond 4 GB the file becomes an RF64 wav.
    """

    def __init__(self, path: Path, *, channels: int, rate: int, frames: int) -> None:
        import soundfile

        self._path = path
        container = "RF64" if 4 * channels * frames > 0xF0000000 else "WAV"
        try:
            self._file: Any = soundfile.SoundFile(
                _name(path), "w", samplerate=rate, channels=channels, format=container, subtype="FLOAT"
            )
        except (soundfile.SoundFileError, OSError, RuntimeError) as error:
            raise self._failed(error) from error

    def write(self, samples: npt.NDArray[np.floating[Any]]) -> None:
        """Append samples of shape (channels, samples)."""
        import soundfile

        try:
            self._file.write(np.ascontiguousarray(samples.T, dtype=np.float32))
        except (soundfile.SoundFileError, OSError, RuntimeError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish the header and close the file."""
        self._file.close()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _failed(self, error: Exception) -> AvfrontError:
        return AvfrontError(
            f"the sound cannot be written ({_reason(error)})",
            file=self._path.parent,
            remedy="check the permissions and the free space there, or choose another output folder",
        )


def write(path: Path, samples: npt.NDArray[np.floating[Any]], rate: int) -> None:
    """Write samples of shape (channels, samples) as float32 wav, in one go."""
    with Writer(path, channels=samples.shape[0], rate=rate, frames=samples.shape[1]) as out:
        out.write(samples)


def _name(path: Path) -> str | bytes:
    """A path as libsndfile takes it: bytes, because names of files may hold what no encoding has."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _truncated(path: Path, share: float) -> AvfrontError:
    return AvfrontError(
        f"the file is cut off: only {share:.0%} of what its header promises is there",
        file=path,
        remedy="copy it again, or re-save the part that is there with a sound editor",
    )


def _reason(error: Exception) -> str:
    """The library's own words, without the path and the full stop that our sentence brings itself."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(getattr(error, "error_string", "")) or str(error)
    return text.strip().rstrip(".")
