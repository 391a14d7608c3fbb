"""Pictures and sound out of a file, in order, with bounded memory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from avfront.errors import AvfrontError
from avfront.extras import extra
from avfront.media.info import MediaInfo, SoundInfo, VideoInfo
from avfront.media.streams import decoded, opened, pictures, upright
from avfront.media.types import Frame, Samples

# A stream that ends earlier than this share of its promised length was cut off.
_COMPLETE = 0.95
# Sound that jumps ahead by more than this is a hole to be filled; less is rounding of time stamps.
_HOLE_SECONDS = 0.02


def frames(info: MediaInfo, *, largest: int | None = None, grey: bool = False) -> Iterator[Frame]:
    """The pictures of a file in order, one at a time.

    Frames that are missing leave a gap in the times; frames whose time does not advance are left out.

    Parameters
    ----------
    info : MediaInfo
        Of the file.
    largest : int, optional
        Pixels of the longer side at most; larger pictures are scaled down.
    grey : bool
        One channel instead of BGR.

    Raises
    ------
    AvfrontError
        If there are no pictures, or the stream is cut off (after its last whole frame was yielded).
    """
    if info.video is None:
        raise AvfrontError("the file has sound but no pictures", file=info.path, remedy="give a video")
    last = -np.inf
    step = 1 / info.video.rate
    with opened(info.path) as container:
        stream = pictures(container)
        stream.thread_type = "AUTO"
        for raw in decoded(container, stream, info.path):
            time = float(raw.time) if raw.time is not None else max(last, info.video.start - step) + step
            if time <= last:
                continue
            last = time
            scale = 1.0 if largest is None else min(1.0, largest / max(raw.width, raw.height))
            size = [max(2, round(side * scale)) for side in (raw.width, raw.height)]
            image = raw.to_ndarray(format="gray" if grey else "bgr24", width=size[0], height=size[1])
            yield Frame(time, np.ascontiguousarray(upright(image, raw)))
    _check_length(info, info.video, last + step - info.video.start)


def sound(info: MediaInfo) -> Iterator[Samples]:
    """The sound of a file from its first sample, as arrays (channels, samples); holes in it become silence.

    Raises
    ------
    AvfrontError
        If there is no sound, it cannot be decoded, or the stream is cut off.
    """
    if info.sound is None:
        raise AvfrontError("the video has no sound", file=info.path, remedy="give the file that holds its sound too")
    av, rate = extra("av"), info.sound.rate
    done = 0  # samples per channel
    with opened(info.path) as container:
        stream = container.streams.audio[0]
        planar = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
        for raw in decoded(container, stream, info.path):
            if raw.time is not None:
                hole = round((float(raw.time) - info.sound.start) * rate) - done
                if hole > _HOLE_SECONDS * rate:
                    done += hole
                    for _ in range(hole // rate):
                        yield np.zeros((info.sound.channels, rate), np.float32)
                    yield np.zeros((info.sound.channels, hole % rate), np.float32)
            try:
                parts = planar.resample(raw)
            except ValueError as error:  # FFmpeg's errors of data are such, too
                raise AvfrontError(
                    f"the sound changes its rate or channels at second {done / rate:.1f}, or is damaged there",
                    file=info.path,
                    remedy="copy or export it again",
                ) from error
            for part in parts:
                samples = part.to_ndarray()
                done += samples.shape[1]
                yield samples
    _check_length(info, info.sound, done / rate)


def read_sound(info: MediaInfo) -> Samples:
    """All of :func:`sound` at once, (channels, samples)."""
    parts = list(sound(info))
    if not parts:
        raise AvfrontError("the sound has no samples", file=info.path, remedy="record or export the video again")
    return np.concatenate(parts, axis=1)


def _check_length(info: MediaInfo, stream: VideoInfo | SoundInfo, found: float) -> None:
    """Raise if a stream, of which so many seconds were found, was cut off."""
    promised = stream.seconds
    if promised is None and _falls_short(stream.start + found, info.seconds):
        # Only the file's own length is known: this stream may be the shorter one, and nothing is missing.
        found, promised = _reach(info.path), info.seconds
    if _falls_short(found, promised):
        raise AvfrontError(
            f"the file is cut off: only {found:.1f} of the {promised:.1f} s that its header promises are there",
            file=info.path,
            remedy="copy it again, or re-save the part that is there",
        )


def _falls_short(found: float, promised: float | None) -> bool:
    return promised is not None and found < _COMPLETE * promised and promised - found > 0.5


def _reach(path: Path) -> float:
    """Seconds at which the last packet of a file ends, of whatever stream."""
    av = extra("av")
    end = 0.0
    with opened(path) as container, contextlib.suppress(av.FFmpegError):  # it ends in the middle of a packet
        for packet in container.demux():
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end
