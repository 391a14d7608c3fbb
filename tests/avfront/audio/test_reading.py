"""The samples of sound files, whole and in blocks."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avfront import audio
from avfront.errors import AvfrontError

FORMATS = [
    ("a.wav", "PCM_U8", 2 / 256),
    ("a.wav", "PCM_16", 1e-4),
    ("a.wav", "PCM_24", 1e-6),
    ("a.wav", "PCM_32", 1e-7),
    ("a.wav", "FLOAT", 0),
    ("a.wav", "DOUBLE", 1e-7),
    ("a.flac", "PCM_16", 1e-4),
    ("a.flac", "PCM_24", 1e-6),
    ("a.ogg", "VORBIS", 0.2),
    ("a.aiff", "PCM_16", 1e-4),
    ("a.caf", "PCM_16", 1e-4),
    ("a.w64", "FLOAT", 0),
]


def wave(channels: int, frames: int, rate: int = 8000) -> np.ndarray:
    t = np.arange(frames) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * 300 * (k + 1) * t) for k in range(channels)]).astype(np.float32)


@pytest.mark.parametrize(("name", "subtype", "error"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_every_sample_format_arrives_as_float32(save, name, subtype, error, channels):
    given_samples = wave(channels, 3000)
    info = audio.probe(save(name, given_samples, subtype=subtype))
    assert (info.rate, info.channels, info.frames, info.subtype) == (8000, channels, 3000, subtype)
    assert info.duration == 3000 / 8000
    got = audio.read(info)
    assert got.dtype == np.float32
    assert got.shape == given_samples.shape
    assert np.abs(got - given_samples).max() <= error


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(frames=st.integers(1, 5000), block=st.integers(1, 1200), channels=st.integers(1, 3))
def test_blocks_are_the_whole(tmp_path, frames, block, channels):
    samples = wave(channels, frames)
    audio.write(tmp_path / "x.wav", samples, 8000)
    info = audio.probe(tmp_path / "x.wav")
    parts = list(audio.blocks(info, block))
    assert max(part.shape[1] for part in parts) <= block
    assert np.array_equal(np.concatenate(parts, axis=1), samples)


def test_only_the_beginning(save):
    info = audio.probe(save("x.wav", wave(2, 8000)))
    assert np.array_equal(audio.read(info, seconds=0.25), wave(2, 8000)[:, :2000])
    assert audio.read(info, seconds=99).shape == (2, 8000)


def test_a_flac_that_ends_early_is_told_while_reading(save, tmp_path):
    data = save("x.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 40000), subtype="PCM_16").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    info = audio.probe(tmp_path / "cut.flac")
    with pytest.raises(AvfrontError, match=r"damaged or cut off"):
        audio.survey(info)
