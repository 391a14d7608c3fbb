"""The demo, from the simulated room to the scores."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile

from avfront.demos import stereo as demo

needs = pytest.mark.skipif(
    find_spec("pyroomacoustics") is None or find_spec("museval") is None,
    reason="the demo's packages are not installed",
)


@needs
@pytest.mark.slow
def test_the_demo_separates_its_recording(avfront, tmp_path):
    result = avfront("demo", "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    for name in ("speech", "noise"):
        before, after = report["scores"][name]["mixture"], report["scores"][name]["separated"]
        assert abs(before["SDR"]) < 0.5, "speech and noise are equally loud"
        assert after["SDR"] > before["SDR"] + 3
        assert after["SIR"] > before["SIR"] + 3
    mix, speech, noise = (soundfile.read(tmp_path / "out" / f"{name}.wav")[0] for name in ("mix", "speech", "noise"))
    assert mix.shape == (160000, 2)
    assert np.abs(speech + noise - mix).max() < 1e-5
    assert (tmp_path / "out" / "spectrogram.png").exists()

    words = demo.again(tmp_path / "out", report)[1:-1]
    assert avfront(*words, tmp_path / "again", "--no-picture").exit_code == 0
    np.testing.assert_array_equal(soundfile.read(tmp_path / "again" / "speech.wav")[0], speech)

    again = avfront("demo", "-o", tmp_path / "out")
    assert again.exit_code == 1
    assert "already there" in again.stderr


@needs
def test_voices_and_noises_of_the_examples_are_not_in_the_recording():
    assert "talker_ada.flac" not in demo.VOICES
    examples = demo._noise_examples(0)
    heard = [demo._noise_of_point(0, point, 6.0) for point in range(demo.NOISE_POINTS)]
    for example in examples.values():
        for point in heard:
            assert abs(np.corrcoef(example, point)[0, 1]) < 0.2


def test_missing_packages_are_named(avfront, one_sentence, tmp_path, monkeypatch):
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: None)
    sentence = one_sentence(avfront("demo", "-o", tmp_path / "out"))
    assert "pyroomacoustics" in sentence
    assert "nmfcore[demo]" in sentence


def test_shipped_sounds_are_small_and_alike():
    folder = demo.resources.files("avfront") / "sounds"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".flac")]
    assert {entry.name for entry in files} == {*demo.VOICES, "talker_ada.flac"}
    assert sum(len(entry.read_bytes()) for entry in files) < 600_000
    for entry in files:
        samples = demo._decode(entry.name)
        assert samples.ndim == 1
        assert 5 < len(samples) / demo.RATE < 12
        assert 0.4 < np.abs(samples).max() <= 0.51
    assert all(entry.name in (folder / "README.md").read_text() for entry in files)
