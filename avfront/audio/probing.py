"""The header of a sound file."""

import re
from dataclasses import dataclass
from pathlib import Path

from avfront.audio.libsndfile import KNOWN, name, reason, truncated
from avfront.errors import AvfrontError

# Sizes that programs write into a header when they do not know the length yet (streams): no promise is
# broken.
_UNKNOWN_SIZE = 0x7FFF0000
# libsndfile's own log of the header; these four lines are the size of the samples in wav/rf64, aiff, w64 and
# au.
_SIZE_LINE = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)


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
            f"the file cannot be opened ({reason(error)})", file=path, remedy="check its permissions"
        ) from error
    if not first:
        raise AvfrontError("the file is empty (0 bytes)", file=path, remedy="record or export it again")
    try:
        info = soundfile.info(name(path), verbose=True)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise AvfrontError(
            f"this is not a readable sound file ({reason(error)})",
            file=path,
            remedy=f"avfront reads {KNOWN}; convert it to one of them",
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
            raise truncated(path, present / promised)
    return AudioInfo(path, info.samplerate, info.channels, info.frames, info.format, info.subtype)
