"""What a media file says of itself."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from avfront.errors import AvfrontError
from avfront.media.streams import decoded, opened, pictures, upright


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of its pictures, as they are meant to be seen."""

    width: int  # pixels, after rotation
    height: int
    rate: float  # frames per second, on average
    start: float  # s, of the first frame
    seconds: float | None  # None where the container does not tell it of this stream


@dataclass(frozen=True)
class SoundInfo:
    """What a file says of its sound."""

    rate: int  # Hz
    channels: int
    start: float  # s, of the first sample
    seconds: float | None


@dataclass(frozen=True)
class MediaInfo:
    """The first video stream and the first sound stream of a file."""

    path: Path
    format: str
    video: VideoInfo | None
    sound: SoundInfo | None
    seconds: float | None = None  # up to the end of its last stream; None where the container does not tell

    @property
    def offset(self) -> float:
        """Seconds from the first frame to the first sample; 0 where there is only one of them."""
        return 0.0 if self.video is None or self.sound is None else self.sound.start - self.video.start


def probe(path: Path) -> MediaInfo:
    """Read the header of a media file and one frame of it, for its orientation.

    Raises
    ------
    AvfrontError
        If the file is missing, a folder, empty, no media, cut off before its index, or protected.
    """
    with opened(path) as container:
        video = sound = None
        stream = pictures(container)
        if stream is not None:
            first = next(decoded(container, stream, path), None)
            if first is None:
                raise AvfrontError(
                    "the pictures cannot be decoded, so the file is damaged or cut off",
                    file=path,
                    remedy="copy or export it again",
                )
            height, width = upright(np.empty((first.height, first.width), np.uint8), first).shape
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            video = VideoInfo(width, height, float(rate), float(first.time or 0.0), _seconds(stream))
        if container.streams.audio:
            stream = container.streams.audio[0]
            start = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
            sound = SoundInfo(stream.rate, stream.channels, start, _seconds(stream))
        if video is None and sound is None:
            raise AvfrontError("the file has neither pictures nor sound", file=path, remedy="give a video")
        return MediaInfo(path, container.format.name, video, sound, _end(container))


def needs(info: MediaInfo) -> tuple[VideoInfo, SoundInfo]:
    """Both streams of a file.

    Raises
    ------
    AvfrontError
        If one of them is missing.
    """
    if info.video is None:
        raise AvfrontError(
            "the file has sound but no pictures", file=info.path, remedy="give the file that holds its pictures too"
        )
    if info.sound is None:
        raise AvfrontError("the video has no sound", file=info.path, remedy="give the file that holds its sound too")
    return info.video, info.sound


def _seconds(stream: Any) -> float | None:
    return None if stream.duration is None else float(stream.duration * stream.time_base)


def _end(container: Any) -> float | None:
    # In raw streams an estimate from the bit rate.
    unknown = container.duration is None or container.format.name in {"mpeg", "mpegts", "mp3"}
    return None if unknown else float(container.duration) / 1e6
