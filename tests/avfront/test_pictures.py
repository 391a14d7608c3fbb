"""Spectrogram pictures, and the levels that they show."""

import numpy as np
import pytest

from avfront import audio, pictures


def test_a_tone_is_where_it_belongs(save):
    t = np.arange(32000) / 16000
    tone = save("tone.wav", 0.5 * np.sin(2 * np.pi * 2000 * t), rate=16000)
    power, seconds = pictures.levels(audio.probe(tone))
    assert seconds == pytest.approx(2.0)
    middle = power[:, power.shape[1] // 2]
    assert middle.argmax() / (len(middle) - 1) * 8000 == pytest.approx(2000, abs=32)
    assert middle.max() == pytest.approx(0.25, rel=0.02), "a sine of amplitude a has level a²"


@pytest.mark.parametrize("seconds", [0.05, 1.0, 7.3])
def test_no_sample_is_skipped(save, seconds):
    """However long the recording is, a click shows up in the column of its time."""
    length = round(seconds * 8000)
    samples = np.zeros(length)
    samples[int(0.6 * length)] = 1.0
    power, _ = pictures.levels(audio.probe(save("click.wav", samples)), columns=50)
    assert power.shape[1] <= 50
    heard = power.sum(axis=0)
    assert abs(heard.argmax() / len(heard) - 0.6) < 2 / len(heard) + 0.03
    assert np.isfinite(power).all()


def test_blocks_do_not_show(save, monkeypatch):
    """Read in small blocks or at once, the picture is the same."""
    samples = np.random.default_rng(0).standard_normal((2, 60000)) * 0.1
    info = audio.probe(save("x.wav", samples))
    whole, _ = pictures.levels(info, columns=300)
    monkeypatch.setattr(audio.blocks, "__defaults__", (777,))
    small, _ = pictures.levels(info, columns=300)
    assert np.allclose(whole, small, rtol=1e-4)


def test_pictures_of_anything(save, tmp_path):
    """Silence, one click and noise, mono and of nine channels, become a PNG."""
    files = {
        "silence": save("a.wav", np.zeros(4000)),
        "click": save("b.wav", np.eye(1, 4000)[0]),
        "nine channels": save("c.wav", np.random.default_rng(0).uniform(-1, 1, (9, 4000))),
    }
    for name, path in files.items():
        pictures.spectrograms({"mixture": path, name: path}, tmp_path / "x.png")
        data = (tmp_path / "x.png").read_bytes()
        assert data.startswith(b"\x89PNG")
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        assert width == 1200
        assert 300 < height < 1200
