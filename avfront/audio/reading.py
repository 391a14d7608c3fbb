"""The samples of a sound file."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from avfront.audio.libsndfile import name, reason, truncated
from avfront.audio.probing import AudioInfo
from avfront.errors import AvfrontError

Samples = npt.NDArray[np.float32]  # (I, T)

_BLOCK_FRAMES = 1 << 17


def blocks(info: AudioInfo, frames: int = _BLOCK_FRAMES) -> Iterator[Samples]:
    """The samples of a file from its beginning, as arrays of shape (channels, at most `frames`).

    Raises AvfrontError where the samples cannot be decoded.
    """
    import soundfile

    done = 0
    try:
        with soundfile.SoundFile(name(info.path)) as file:
            while True:
                block = file.read(frames, dtype="float32", always_2d=True)
                if len(block) == 0:
                    break
                done += len(block)
                yield np.ascontiguousarray(block.T)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise AvfrontError(
            f"the samples cannot be decoded from second {done / info.rate:.1f} on ({reason(error)}), so"
            " the file is damaged or cut off",
            file=info.path,
            remedy="copy or export it again",
        ) from error
    # mp3 headers estimate the length; only a clear shortfall means that something is missing.
    if done < 0.99 * info.frames and info.frames - done > 0.1 * info.rate:
        raise truncated(info.path, done / info.frames)


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
