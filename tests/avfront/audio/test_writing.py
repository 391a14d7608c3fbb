"""Float32 wav files."""

import numpy as np
import pytest
import soundfile

from avfront import audio
from avfront.errors import AvfrontError


def wave(channels: int, frames: int, rate: int = 8000) -> np.ndarray:
    t = np.arange(frames) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * 300 * (k + 1) * t) for k in range(channels)]).astype(np.float32)


def test_written_wav_keeps_what_is_beyond_full_scale(tmp_path):
    audio.write(tmp_path / "x.wav", 7.5 * wave(2, 1000), 44100)
    info = soundfile.info(tmp_path / "x.wav")
    assert (info.format, info.subtype, info.samplerate) == ("WAV", "FLOAT", 44100)
    assert np.array_equal(audio.read(audio.probe(tmp_path / "x.wav")), 7.5 * wave(2, 1000))


def test_very_long_files_are_rf64(tmp_path):
    """A wav's header counts to 4 GB; the announced length decides, before the first sample."""
    with audio.Writer(tmp_path / "x.wav", channels=2, rate=48000, frames=600_000_000) as out:
        out.write(wave(2, 10))
    assert (tmp_path / "x.wav").read_bytes()[:4] in (b"RF64", b"RIFF")
    assert np.array_equal(audio.read(audio.probe(tmp_path / "x.wav")), wave(2, 10))


def test_writing_into_no_folder(tmp_path):
    with pytest.raises(AvfrontError, match="cannot be written"):
        audio.write(tmp_path / "none" / "x.wav", wave(1, 10), 8000)
