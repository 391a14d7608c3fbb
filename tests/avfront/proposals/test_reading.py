"""A clip's pictures and sound: from the right times, on one clock, and every bad file said so."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avfront.errors import AvfrontError
from avfront.proposals import Settings, read

Film = Callable[..., Path]


def test_a_picture_per_second_from_the_middle(film: Film) -> None:
    found = read(film(seconds=3.2), None, None, Settings())
    np.testing.assert_allclose(found.times, [0.5, 1.5, 2.5], atol=1e-6)
    assert found.frames.shape == (3, 120, 160, 3)
    assert found.size == (160, 120)
    assert found.duration == pytest.approx(3.2, abs=0.1)
    for time, picture in zip(found.times, found.frames, strict=True):
        red, blue = picture[60, 30 + round(40 * time)][[0, 2]].astype(int)
        assert red > blue + 100, (time, red, blue)


def test_a_part_of_a_file(film: Film) -> None:
    path = film(seconds=4.0)
    whole, part = read(path, None, None, Settings()), read(path, 1.0, 3.0, Settings())
    np.testing.assert_allclose(part.times, [0.5, 1.5], atol=1e-6)
    np.testing.assert_array_equal(part.frames, whole.frames[1:3])
    assert part.duration == 2.0
    # The resampler sees the ends only.
    np.testing.assert_allclose(part.sound[1000:-1000], whole.sound[17000:47000], atol=1e-3)


def test_more_pictures_and_smaller_ones(film: Film) -> None:
    found = read(film(), None, None, Settings(frame_rate=5.0, side=80))
    np.testing.assert_allclose(found.times, 0.1 + 0.2 * np.arange(10), atol=1e-6)
    assert found.frames.shape[1:3] == (60, 80)


def test_a_very_short_clip_has_its_last_picture(film: Film) -> None:
    found = read(film(seconds=2.0), 0.0, 0.35, Settings())
    np.testing.assert_allclose(found.times, [0.3], atol=1e-6)
    assert found.duration == 0.35


@pytest.mark.parametrize(
    ("begin", "end", "sentence"),
    [
        (5.0, 6.0, "begins at 5.0 s, where the sound has ended; correct begin and end"),
        (None, None, "lasts longer than 1.5 s; list it in parts"),
        (0.0, 1.8, "lasts longer than 1.5 s"),
    ],
)
def test_wrong_parts(film: Film, begin: float | None, end: float | None, sentence: str) -> None:
    with pytest.raises(AvfrontError, match=sentence):
        read(film(), begin, end, Settings(longest=1.5))


def test_exactly_the_longest(film: Film) -> None:
    assert read(film(), 0.0, 1.5, Settings(longest=1.5)).duration == 1.5


def test_silence(film: Film) -> None:
    with pytest.raises(AvfrontError, match=r"clip\.mp4: the sound is silent; leave the clip out"):
        read(film(level=0.0), None, None, Settings())


def test_no_sound_and_no_pictures(film: Film, tmp_path: Path) -> None:
    with pytest.raises(AvfrontError, match="the video has no sound"):
        read(film(tracks={}), None, None, Settings())
    soundfile.write(tmp_path / "only.flac", np.random.default_rng(0).standard_normal(16000), 16000)
    with pytest.raises(AvfrontError, match="sound but no pictures"):
        read(tmp_path / "only.flac", None, None, Settings())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_cut_off(film: Film, share: float) -> None:
    path = film()
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(AvfrontError):
        read(path, None, None, Settings())


def test_noise_instead_of_a_file(film: Film) -> None:
    """Damage anywhere is either said in one sentence or harmless; nothing else escapes."""
    path = film(seconds=1.0)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(20):
        bad = bytearray(whole)
        for at in rng.integers(0, len(whole), 40):
            bad[at] = int(rng.integers(256))
        path.write_bytes(bytes(bad))
        with contextlib.suppress(AvfrontError):
            assert np.isfinite(read(path, None, None, Settings()).sound).all()
