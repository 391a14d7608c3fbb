"""Containers and their streams: opened, decoded, and every failure told in the words of who gave the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from avfront.errors import AvfrontError
from avfront.extras import extra
from avfront.media.types import Image

# What the sample descriptions of protected MP4 files are called (Common Encryption and FairPlay).
_PROTECTED = frozenset({"encv", "enca", "drmi", "drms", "p608"})


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A media file as PyAV's container.

    Raises
    ------
    AvfrontError
        If the file is missing, a folder, empty, no media, cut off before its index, or protected.
    """
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
            f"this is not a readable video, or it is cut off before its index ({reason(error)})",
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


def pictures(container: Any) -> Any:
    """The first video stream that is not a cover picture; None if there is none."""
    av = extra("av")
    cover = av.stream.Disposition.attached_pic
    return next((stream for stream in container.streams.video if not stream.disposition & cover), None)


def decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
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
            f"the {stream.type} cannot be decoded ({reason(failure)})",
            file=path,
            remedy="copy or export it again",
        ) from failure


def upright(image: Image, raw: Any) -> Image:
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


def reason(error: Exception) -> str:
    """What FFmpeg or the system says of a failure, as a clause."""
    return str(getattr(error, "strerror", "") or error).strip().rstrip(".").lower()
