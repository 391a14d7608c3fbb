"""Pictures and sounds into an mp4."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from avfront.errors import AvfrontError
from avfront.extras import extra
from avfront.media.streams import reason
from avfront.media.types import Frame, Samples

_SOUND_RATE = 48000  # Hz, of written streams: every AAC decoder knows it


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
            f"the video cannot be written ({reason(error)})",
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
