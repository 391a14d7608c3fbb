"""What the samples of a sound file are like: level, silence, clipping, channels that say the same."""

from dataclasses import dataclass

import numpy as np

from avfront.audio.probing import AudioInfo
from avfront.audio.reading import blocks
from avfront.errors import AvfrontError

# Equal samples in a row, at full scale or beyond, count as clipped: true peaks are not flat.
_CLIP_LEVEL = 0.9999


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
