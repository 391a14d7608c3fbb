"""Video files: frames with their true times, sound with its offset to them, and writing both, by PyAV.

Every time is in seconds on the file's own clock, which its pictures and its sound share. Streams are decoded as they
are read, so that memory does not grow with their length.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError

Image = npt.NDArray[np.uint8]  # (height, width, 3), BGR as OpenCV has it, or (height, width) in grey
Samples = npt.NDArray[np.float32]  # (I, T)

_EXTRAS = {"av": "video", "mil": "the audio-visual system"}
# What the sample descriptions of protected MP4 files are called (Common Encryption and FairPlay).
_PROTECTED = frozenset({"encv", "enca", "drmi", "drms", "p608"})
# A stream that ends earlier than this share of its promised length was cut off.
_COMPLETE = 0.95
# Sound that jumps ahead by more than this is a hole to be filled; less is rounding of time stamps.
_HOLE_SECONDS = 0.02
_SOUND_RATE = 48000  # Hz, of written streams: every AAC decoder knows it


def extra(module: str, name: str = "av") -> Any:
    """The module, for what the extra ``av`` (or `name`) installs.

    >>> extra("av").__name__
    'av'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise AvfrontError(
            f"{_EXTRAS[name]} needs the package {module}, which is not installed",
            remedy=f"pip install 'nmfcore[{name}]'",
        ) from error


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of its pictures, as they are meant to be seen."""

    width: int  # pixels, after rotation
    height: int
    rate: float  # frames per second, on average
    start: float  # s, of the first frame
    seconds: float | None  # None where the container does not tell


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

    @property
    def offset(self) -> float:
        """Seconds from the first frame to the first sample; 0 where there is only one of them."""
        return 0.0 if self.video is None or self.sound is None else self.sound.start - self.video.start


@dataclass(frozen=True)
class Frame:
    """One picture, the right way up."""

    time: float  # s
    image: Image


def probe(path: Path) -> MediaInfo:
    """Read the header of a media file and one frame of it, for its orientation.

    Raises
    ------
    AvfrontError
        If the file is missing, a folder, empty, no media, cut off before its index, or protected.
    """
    with _opened(path) as container:
        video = sound = None
        stream = _pictures(container)
        if stream is not None:
            first = next(_decoded(container, stream, path), None)
            if first is None:
                raise AvfrontError(
                    "the pictures cannot be decoded, so the file is damaged or cut off",
                    file=path,
                    remedy="copy or export it again",
                )
            height, width = _upright(np.empty((first.height, first.width), np.uint8), first).shape
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            video = VideoInfo(width, height, float(rate), float(first.time or 0.0), _seconds(container, stream))
        if container.streams.audio:
            stream = container.streams.audio[0]
            start = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
            sound = SoundInfo(stream.rate, stream.channels, start, _seconds(container, stream))
        if video is None and sound is None:
            raise AvfrontError("the file has neither pictures nor sound", file=path, remedy="give a video")
        return MediaInfo(path, container.format.name, video, sound)


def needs(info: MediaInfo) -> tuple[VideoInfo, SoundInfo]:
    """Both streams of a file.

    Raises
    ------
    AvfrontError
        If one of them is missing.
    """
    if info.video is None:
        raise AvfrontError(
            "the file has sound but no pictures", file=info.path, remedy="give a video, or motion tables with --mocap"
        )
    if info.sound is None:
        raise AvfrontError("the video has no sound", file=info.path, remedy="give the file that holds its sound too")
    return info.video, info.sound


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
    with _opened(info.path) as container:
        stream = _pictures(container)
        stream.thread_type = "AUTO"
        for raw in _decoded(container, stream, info.path):
            time = float(raw.time) if raw.time is not None else max(last, info.video.start - step) + step
            if time <= last:
                continue
            last = time
            scale = 1.0 if largest is None else min(1.0, largest / max(raw.width, raw.height))
            size = [max(2, round(side * scale)) for side in (raw.width, raw.height)]
            image = raw.to_ndarray(format="gray" if grey else "bgr24", width=size[0], height=size[1])
            yield Frame(time, np.ascontiguousarray(_upright(image, raw)))
    _check_length(info.path, last + step - info.video.start, info.video.seconds)


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
    with _opened(info.path) as container:
        stream = container.streams.audio[0]
        planar = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
        for raw in _decoded(container, stream, info.path):
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
    _check_length(info.path, done / rate, info.sound.seconds)


def read_sound(info: MediaInfo) -> Samples:
    """All of :func:`sound` at once, (channels, samples)."""
    parts = list(sound(info))
    if not parts:
        raise AvfrontError("the sound has no samples", file=info.path, remedy="record or export the video again")
    return np.concatenate(parts, axis=1)


class Writer:
    """An mp4 (H.264 and AAC) with one video stream and any number of named sound streams; a context manager.

    Parameters
    ----------
    path : Path
        Where to write.
    size : (width, height)
        Of the pictures, in pixels; odd sizes lose their last row or column, which H.264 cannot hold.
    tracks : mapping of name to array (I, T)
        Sound streams in order; players show the names, and play the first unless told otherwise.
    rate : int
        Of the sound, in Hz.
    start : float
        Time of the first sample in seconds, on the clock of the frames.
    quality : int
        H.264's constant rate factor: 18 is hardly told from the original, 28 is small and soft.

    Raises
    ------
    AvfrontError
        If the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        tracks: Mapping[str, Samples],
        rate: int,
        *,
        start: float = 0.0,
        quality: int = 23,
    ) -> None:
        av = extra("av")
        self._av, self._path, self._tracks = av, path, tracks
        self._size = (size[0] // 2 * 2, size[1] // 2 * 2)
        self._sound_rate, self._start = rate, start
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self._video = self._container.add_stream(
            "libx264", rate=25, options={"crf": str(quality), "preset": "veryfast"}
        )
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        # True times, whatever the rate: the finest clock that mp4 players agree on.
        self._video.codec_context.time_base = self._video.time_base = Fraction(1, 90000)
        self._streams: list[Any] = []
        for name, samples in tracks.items():
            stream = self._container.add_stream(
                "aac", rate=_SOUND_RATE, layout="mono" if len(samples) == 1 else "stereo"
            )
            stream.metadata["title"] = stream.metadata["handler_name"] = name
            self._streams.append(stream)
        try:
            self._container.start_encoding()
        except OSError as error:
            raise self._failed(error) from error

    def write(self, frame: Frame) -> None:
        """Append a picture of the given size."""
        width, height = self._size
        picture = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.image[:height, :width]), format="bgr24")
        picture.pts, picture.time_base = round(frame.time * 90000), Fraction(1, 90000)
        self._mux(self._video.encode(picture))

    def close(self) -> None:
        """Write the sound and the index."""
        self._mux(self._video.encode())
        for stream, samples in zip(self._streams, self._tracks.values(), strict=True):
            two = samples if len(samples) <= 2 else np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0)
            convert = self._av.AudioResampler(format="fltp", layout=stream.layout, rate=_SOUND_RATE)
            done = 0
            for begin in range(0, two.shape[1], 1 << 16):
                block = np.ascontiguousarray(np.clip(two[:, begin : begin + (1 << 16)], -1, 1), np.float32)
                raw = self._av.AudioFrame.from_ndarray(block, format="fltp", layout=stream.layout.name)
                raw.sample_rate, raw.pts = self._sound_rate, begin
                raw.time_base = Fraction(1, self._sound_rate)
                done = self._encode(stream, convert.resample(raw), done)
            self._encode(stream, convert.resample(None), done)
            self._mux(stream.encode())
        self._container.close()

    def _encode(self, stream: Any, parts: Iterable[Any], done: int) -> int:
        for part in parts:
            part.pts, part.time_base = done + round(self._start * _SOUND_RATE), Fraction(1, _SOUND_RATE)
            done += part.samples
            self._mux(stream.encode(part))
        return done

    def _mux(self, packets: Any) -> None:
        try:
            self._container.mux(packets)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> AvfrontError:
        return AvfrontError(
            f"the video cannot be written ({_reason(error)})",
            file=self._path,
            remedy="check the permissions and the free space there, or choose another output folder",
        )

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._container.close()


def write(path: Path, frames: Iterable[Frame], tracks: Mapping[str, Samples], rate: int, *, start: float = 0.0) -> None:
    """Write pictures, all of the size of the first, and sounds as an mp4; parameters as those of :class:`Writer`."""
    with ExitStack() as stack:
        writer = None
        for frame in frames:
            height, width = frame.image.shape[:2]
            writer = writer or stack.enter_context(Writer(path, (width, height), tracks, rate, start=start))
            writer.write(frame)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    av = extra("av")
    if not path.exists():
        raise AvfrontError("there is no such file", file=path, remedy="check the path")
    if path.is_dir():
        raise AvfrontError("this is a folder", file=path, remedy="name a video in it")
    try:
        if path.stat().st_size == 0:
            raise AvfrontError("the file is empty (0 bytes)", file=path, remedy="record or export it again")
        # Names may hold bytes that are no text: those of the metadata are of no interest here.
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise AvfrontError(
            f"this is not a readable video, or it is cut off before its index ({_reason(error)})",
            file=path,
            remedy="copy or export it again, or convert it to mp4",
        ) from error
    with container:
        for stream in (*container.streams.video, *container.streams.audio):
            if stream.codec_context is None or stream.codec_context.codec_tag in _PROTECTED:
                raise AvfrontError(
                    f"the {stream.type} is protected against copying (DRM), damaged or of an unknown kind",
                    file=path,
                    remedy="give an unprotected, whole copy, as mp4 if in doubt",
                )
        yield container


def _pictures(container: Any) -> Any:
    """The first video stream that is not a cover picture; None if there is none."""
    av = extra("av")
    cover = av.stream.Disposition.attached_pic
    return next((stream for stream in container.streams.video if not stream.disposition & cover), None)


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """Whole frames of a stream; a damaged packet costs its frames and no more, unless nothing can be decoded."""
    av = extra("av")
    found = 0
    failure: Exception | None = None
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:  # the file ends in the middle of a packet
            failure = error
            packet = None
        if packet is None:
            break
        try:
            for frame in packet.decode():
                found += 1
                yield frame
        except av.FFmpegError as error:
            failure = error
    if not found and failure is not None:
        raise AvfrontError(
            f"the {stream.type} cannot be decoded ({_reason(failure)})",
            file=path,
            remedy="copy or export it again",
        ) from failure


def _upright(image: Image, raw: Any) -> Image:
    """The picture turned and mirrored as its display matrix asks, in quarter turns."""
    side = raw.side_data.get("DISPLAYMATRIX")
    if side is None:
        return image
    # A pixel (x, y) is to be shown at (a x + c y, b x + d y).
    a, b, _, c, d = np.sign(np.round(np.frombuffer(bytes(side), np.int32)[:5] / 65536)).astype(int)
    if a == 0 and d == 0:
        image, down, right = np.swapaxes(image, 0, 1), b, c
    else:
        down, right = d, a
    return image[:: down or 1, :: right or 1]


def _seconds(container: Any, stream: Any) -> float | None:
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    # Of the whole file: not exact for one of its streams, and an estimate from the bit rate in raw streams.
    whole = container.duration
    return None if whole is None or container.format.name in {"mpeg", "mpegts", "mp3"} else float(whole) / 1e6


def _check_length(path: Path, found: float, promised: float | None) -> None:
    if promised is not None and found < _COMPLETE * promised and promised - found > 0.5:
        raise AvfrontError(
            f"the file is cut off: only {found:.1f} of the {promised:.1f} s that its header promises are there",
            file=path,
            remedy="copy it again, or re-save the part that is there",
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error).strip().rstrip(".").lower()
