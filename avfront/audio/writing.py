"""Float32 wav files."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.audio.libsndfile import name, reason
from avfront.errors import AvfrontError


class Writer:
    """A float32 wav that is written a block at a time.

    Nothing is scaled and nothing clips: float wav keeps what goes beyond full scale, so that the sources go
    on adding up to the mixture. Beyond 4 GB the file becomes an RF64 wav.
    """

    def __init__(self, path: Path, *, channels: int, rate: int, frames: int) -> None:
        import soundfile

        self._path = path
        container = "RF64" if 4 * channels * frames > 0xF0000000 else "WAV"
        try:
            self._file: Any = soundfile.SoundFile(
                name(path), "w", samplerate=rate, channels=channels, format=container, subtype="FLOAT"
            )
        except (soundfile.SoundFileError, OSError, RuntimeError) as error:
            raise self._failed(error) from error

    def write(self, samples: npt.NDArray[np.floating[Any]]) -> None:
        """Append samples of shape (channels, samples)."""
        import soundfile

        try:
            self._file.write(np.ascontiguousarray(samples.T, dtype=np.float32))
        except (soundfile.SoundFileError, OSError, RuntimeError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish the header and close the file."""
        self._file.close()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _failed(self, error: Exception) -> AvfrontError:
        return AvfrontError(
            f"the sound cannot be written ({reason(error)})",
            file=self._path.parent,
            remedy="check the permissions and the free space there, or choose another output folder",
        )


def write(path: Path, samples: npt.NDArray[np.floating[Any]], rate: int) -> None:
    """Write samples of shape (channels, samples) as float32 wav, in one go."""
    with Writer(path, channels=samples.shape[0], rate=rate, frames=samples.shape[1]) as out:
        out.write(samples)
