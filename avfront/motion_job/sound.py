"""The sound that is separated by motion: read, taken to spectrograms and back, and scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import audio, media
from avfront.audio import AudioInfo, Samples
from avfront.errors import AvfrontError
from avfront.media import MediaInfo
from avfront.methods.base import frame_length
from avfront.methods.motion import FRAME_SECONDS, OVERLAP
from avfront.motion import timing

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Sound:
    """A recording and its spectrogram."""

    samples: Samples  # (I, T)
    rate: int
    start: float  # s, on the clock of the frames
    frame: int

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return self.frame // OVERLAP

    def spectrogram(self) -> Array:
        """Complex, (I, F, N)."""
        from nmfcore import stft

        return stft(self.samples, self.frame, self.hop, "hamming")

    def waveforms(self, X: Array) -> Array:
        """Signals (…, T) of spectrograms (…, F, N)."""
        from nmfcore import istft

        return istft(X, self.frame, self.hop, "hamming", length=self.samples.shape[1])

    def middles(self, count: int) -> Array:
        """Of the frames, s on the clock of the frames of the picture."""
        return timing.centres(count, self.frame, self.hop, self.rate) + self.start


def read(path: Path, info: MediaInfo | None, *, seen: bool) -> Sound:
    """The sound of a video, or of a sound file where `info` is None.

    Parameters
    ----------
    path : Path
        Of the file.
    info : MediaInfo, optional
        Of the video.
    seen : bool
        Whether its pictures are needed too.

    Raises
    ------
    AvfrontError
        If it is silent, broken, shorter than a frame, or lacks what is needed.
    """
    if info is None:
        header = audio.probe(path)
        samples, rate, start = audio.read(header), header.rate, 0.0
    else:
        if seen:
            media.needs(info)
        samples = media.read_sound(info)
        assert info.sound is not None
        rate, start = info.sound.rate, info.sound.start
    if not np.isfinite(samples).all():
        raise AvfrontError("a sample is not a finite number", file=path, remedy="repair or export it again")
    if not samples.any():
        raise AvfrontError("the sound is silent (all samples are zero)", file=path, remedy="check how it was recorded")
    frame = frame_length(FRAME_SECONDS, rate)
    if samples.shape[1] < frame:
        raise AvfrontError(
            f"the sound is shorter than one frame of {1000 * frame / rate:.0f} ms",
            file=path,
            remedy="give a longer one",
        )
    return Sound(samples, rate, start, frame)


def score(references: Mapping[str, AudioInfo], sound: Sound, sounds: Mapping[str, Array]) -> dict[str, Any]:
    """Scores of the separated sounds (I, T), by name, against the true ones in the files of those names.

    Raises
    ------
    AvfrontError
        If a name is none of the sounds, or a file does not fit them.
    """
    from avfront import scores

    scores.check()
    true = {}
    length = sound.samples.shape[1]
    for name, header in references.items():
        if name not in sounds:
            raise AvfrontError(
                f"--reference {name} is no object of this job", remedy=f"they are {', '.join(sounds)}", usage=True
            )
        image = audio.resample(audio.read(header), header.rate, sound.rate)[:, :length]
        if len(image) not in (1, len(sound.samples)):
            raise AvfrontError(
                f"the reference has {len(image)} channels and the mixture {len(sound.samples)}",
                file=header.path,
                remedy="give one with as many",
            )
        image = np.pad(image, ((0, 0), (0, length - image.shape[1])))
        true[name] = np.broadcast_to(image, sound.samples.shape)
    return scores.score(true, sounds, sound.samples)
