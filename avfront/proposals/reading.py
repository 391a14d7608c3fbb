"""The part of a video that a clip is: a few of its pictures and all of its sound, on one clock."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avfront import audio, media
from avfront.errors import AvfrontError
from avfront.proposals.found import Pictures, Settings, Times
from avfront.proposals.log_mel import RATE

_ROUNDING = 1e-6  # s, of the times of frames
_LISTED = "correct begin and end in the list of clips"
_SILENT = 1e-4  # of full scale (-80 dB): sound that never gets beyond it is none


@dataclass(frozen=True)
class Material:
    """What proposals are made from. Time 0 is the beginning of the clip."""

    size: tuple[int, int]  # (width, height) of the original picture
    frames: Pictures  # (T, h, w, 3), RGB
    times: Times  # (T,), s
    sound: npt.NDArray[np.float32]  # (samples,) at 16 kHz, mono

    @property
    def duration(self) -> float:
        """Length of the sound, s."""
        return len(self.sound) / RATE


def read(path: Path, begin: float | None, end: float | None, settings: Settings) -> Material:
    """Decode a clip, piece by piece; what is kept are `settings.frame_rate` pictures per second and mono sound.

    Parameters
    ----------
    path : Path
        Of the video.
    begin, end : float or None
        Of the clip, s after the first picture; None is the beginning or the end of the file.
    settings : Settings
        `frame_rate`, `side` and `longest` are used.

    Raises
    ------
    AvfrontError
        If the file is damaged, has no pictures or no sound, or the clip is silent, too long or not within it.
    """
    info = media.probe(path)
    video, _ = media.needs(info)
    samples = read_sound(info, begin, end, settings.longest)
    frames, times = _look(info, begin or 0.0, end, settings)
    return Material((video.width, video.height), frames, times, samples)


def read_sound(
    info: media.MediaInfo, begin: float | None, end: float | None, longest: float
) -> npt.NDArray[np.float32]:
    """The mean of a clip's channels at 16 kHz, (samples,); silence where its sound begins later than its pictures.

    Raises
    ------
    AvfrontError
        As :func:`read`.
    """
    video, sound = media.needs(info)
    wanted = np.inf if end is None else end - (begin or 0.0)  # s
    first = round((video.start + (begin or 0.0) - sound.start) * sound.rate)  # the sample at time 0
    last = first + round(min(wanted, longest) * sound.rate)
    parts, done = [np.zeros(max(0, -first), np.float32)], 0
    for block in media.sound(info):
        parts.append(block[:, max(0, first - done) : max(0, last - done)].mean(axis=0, dtype=np.float32))
        done += block.shape[1]
        if done > last:
            break
    if done > last and wanted > longest:
        raise AvfrontError(
            f"the clip lasts longer than {longest:g} s",
            file=info.path,
            remedy="list it in parts with begin and end, or raise the setting longest",
        )
    samples = np.concatenate(parts)
    if done <= first or not len(samples):
        if not begin:
            raise AvfrontError("its sound ends before its pictures begin", file=info.path, remedy="leave it out")
        raise AvfrontError(f"the clip begins at {begin} s, where the sound has ended", file=info.path, remedy=_LISTED)
    if not np.isfinite(samples).all():
        raise AvfrontError("the sound has values that are no numbers", file=info.path, remedy="export it again")
    if np.abs(samples).max() < _SILENT:
        raise AvfrontError("the sound is silent", file=info.path, remedy="leave the clip out")
    return audio.resample(samples[None], sound.rate, RATE)[0]


def _look(info: media.MediaInfo, begin: float, end: float | None, settings: Settings) -> tuple[Pictures, Times]:
    """One picture of each period, from its middle on; that of a shorter clip is its last."""
    assert info.video is not None
    zero, period = info.video.start + begin, 1 / settings.frame_rate
    kept: list[media.Frame] = []
    spare, due = None, period / 2
    for frame in media.frames(info, largest=settings.side):
        time = frame.time - zero
        if time < 0:
            continue
        if (end is not None and time >= end - begin) or time > settings.longest:
            break
        spare = media.Frame(time, frame.image)
        if time + _ROUNDING >= due:
            kept.append(spare)
            due = (np.floor(time / period + _ROUNDING) + 1.5) * period
    if not kept:
        if spare is None:
            raise AvfrontError(f"no picture lies within the clip from {begin} s on", file=info.path, remedy=_LISTED)
        kept.append(spare)
    images = np.stack([frame.image[..., ::-1] for frame in kept])
    return images, np.array([frame.time for frame in kept])
