"""Every kind of bad recording ends in one sentence and an exit status, and leaves no file."""

import json
import os
import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avfront import audio
from avfront.errors import AvfrontError

RATE = 8000


@pytest.fixture
def refused(separate, one_sentence, tmp_path):
    """The one sentence with which a mixture is refused; nothing is left behind."""

    def check(mix: Path, *words: object) -> str:
        out = tmp_path / "out"
        sentence = one_sentence(separate("-o", out, *words, mix=mix))
        assert str(mix) in sentence
        assert not out.exists()
        return sentence

    return check


def noise(channels: int, frames: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, frames)).astype(np.float32)


def test_missing(refused, tmp_path):
    assert "no such file" in refused(tmp_path / "none.wav")


def test_folder(refused, tmp_path):
    assert "a folder" in refused(tmp_path)


def test_zero_bytes(refused, tmp_path):
    (tmp_path / "empty.wav").touch()
    assert "0 bytes" in refused(tmp_path / "empty.wav")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_pipe(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert "a pipe or a device" in refused(tmp_path / "pipe.wav")


def test_zero_samples(refused, save):
    assert "no samples" in refused(save("nothing.wav", np.zeros((2, 0))))


def test_one_sample(refused, save):
    assert "has 1 sample " in refused(save("click.wav", np.full((2, 1), 0.5)))


def test_shorter_than_a_frame(refused, save):
    assert "shorter than one frame" in refused(save("short.wav", noise(2, 400)))


def test_silent(refused, save):
    assert "silent" in refused(save("silent.wav", np.zeros((2, RATE))))
    assert "silent" in refused(save("next.wav", noise(2, RATE) * 1e-39))


def test_too_slow_for_directions(refused, save):
    assert "--method gssm" in refused(save("earth.wav", noise(2, RATE), rate=100))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(refused, save, value):
    samples = noise(2, RATE)
    samples[1, 4000] = value
    sentence = refused(save("hole.wav", samples))
    assert "sample 4001 of channel 2" in sentence
    assert "0.50" in sentence


def test_not_audio(refused, tmp_path):
    (tmp_path / "text.wav").write_text("This is not a sound. " * 100)
    assert "not a readable sound file" in refused(tmp_path / "text.wav")


def test_no_channels(refused, save, tmp_path):
    header = bytearray(save("mono.wav", noise(1, RATE), subtype="PCM_16").read_bytes())
    header[22:24] = struct.pack("<H", 0)
    (tmp_path / "none.wav").write_bytes(header)
    refused(tmp_path / "none.wav")


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.aiff", "PCM_16")]
)
def test_cut_off(refused, save, tmp_path, name, subtype):
    whole = save(name, noise(2, 4 * RATE), subtype=subtype).read_bytes()
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(whole[: int(0.6 * len(whole))])
    assert "cut off" in refused(cut)


def test_a_header_without_a_length_is_no_damage(separate, save, sounds, tmp_path):
    """Programs that write wav to a pipe put the largest number where the length belongs."""
    data = bytearray(save("pipe.wav", sounds.samples / 4, subtype="PCM_16").read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "pipe.wav").write_bytes(data)
    assert separate("-o", tmp_path / "out", mix=tmp_path / "pipe.wav").exit_code == 0


def test_nine_channels_need_their_places_for_directions_alone(separate, save, tmp_path, one_sentence):
    mix = save("nine.wav", noise(9, RATE))
    assert "9 channels" in one_sentence(separate("-o", tmp_path / "no", "--start", "directions", mix=mix))
    places = tmp_path / "places.json"
    places.write_text(json.dumps([[0.05 * k, 0.02 * (k % 3), 0.01 * (k % 2)] for k in range(9)]))
    for number, words in enumerate((["--array", places], ["--mic-distance", 0.05], ["--method", "gssm"], [])):
        out = tmp_path / f"out{number}"
        result = separate("-o", out, *words, mix=mix)
        assert result.exit_code == 0, result.stderr
        parts = [soundfile.read(out / f"{name}.wav")[0] for name in ("speech", "noise")]
        assert parts[0].shape == (RATE, 9)
        assert np.isfinite(parts).all()
        assert np.abs(sum(parts).T - noise(9, RATE)).max() < 1e-5


def test_clipped_is_a_warning(separate, save, sounds, tmp_path):
    mix = save("loud.wav", np.clip(20 * sounds.samples, -1, 1), subtype="PCM_16")
    result = separate("-o", tmp_path / "out", mix=mix)
    assert result.exit_code == 0
    assert "clipped" in result.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["mixture"]["clipped_samples"] > 100
    assert any("clipped" in warning for warning in report["warnings"])


@pytest.mark.parametrize("method", ["spatial", "gssm"])
@pytest.mark.parametrize("case", ["channel", "copies", "pause", "digital black", "faint", "huge", "offset"])
def test_silence_and_odd_levels_never_make_a_nan(separate, save, sounds, tmp_path, method, case):
    samples = sounds.samples.astype(np.float32)
    match case:
        case "channel":
            samples = samples * np.array([[1], [0]], np.float32)
        case "copies":
            samples = samples[[0, 0]]
        case "pause":
            samples = samples.copy()
            samples[:, 3000:9000] = 0
        case "digital black":
            samples = np.concatenate(
                [np.zeros((2, 6000), np.float32), samples[:, :1000], samples[:, :1000] * 0], axis=1
            )
        case "faint":
            samples = samples * np.float32(1e-15)
        case "huge":
            samples = samples * np.float32(1e12)
        case "offset":
            samples = samples * np.float32(1e-3) + np.float32(0.5)
    result = separate("-o", tmp_path / "out", "--method", method, mix=save("odd.wav", samples))
    assert result.exit_code == 0, result.stderr
    parts = [soundfile.read(tmp_path / "out" / f"{name}.wav", dtype="float32")[0].T for name in ("speech", "noise")]
    assert np.isfinite(parts).all()
    assert np.abs(sum(parts) - samples).max() <= 1e-5 * np.abs(samples).max()
    if case == "channel":
        assert "channel 2 is silent" in result.stderr
        assert not parts[0][1].any()
    if case == "copies":
        assert np.array_equal(parts[0][0], parts[0][1])


def test_examples_at_other_rates_are_resampled(separate, sounds, save, tmp_path):
    t = np.arange(44100) / 44100
    high = save("high.flac", 0.3 * np.sin(2 * np.pi * 440 * t), rate=44100, subtype="PCM_24")
    low = save("low.wav", 0.3 * np.sin(2 * np.pi * 440 * t[:4000]), rate=4000)
    sources = ["--sources", f"tone={high},{low}", f"noise={sounds.noise}"]
    result = separate("-o", tmp_path / "out", sources=sources)
    assert result.exit_code == 0, result.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [example["rate"] for example in report["sources"][0]["examples"]] == [44100, 4000]
    assert "low.wav" in result.stderr
    assert "above 2 kHz" in result.stderr
    assert "high.flac" not in result.stderr


def test_many_examples_at_a_low_rate_are_one_warning(separate, sounds, save, tmp_path):
    for k in range(3):
        save(f"low/{k}.wav", noise(1, 8000, k), rate=4000)
    sources = ["--sources", f"hiss={tmp_path / 'low'}", f"noise={sounds.noise}"]
    result = separate("-o", tmp_path / "out", sources=sources)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("above 2 kHz") == 1
    assert "0.wav and 2 more: these examples of 'hiss' are at 4000 Hz" in result.stderr


def test_unusable_examples_are_left_out_and_named(separate, sounds, save, tmp_path):
    folder = tmp_path / "mixed"
    save("mixed/good.wav", noise(1, RATE))
    save("mixed/silent.wav", np.zeros(RATE))
    save("mixed/short.wav", noise(1, 100))
    bad = noise(1, RATE)
    bad[0, 5] = np.nan
    save("mixed/nan.wav", bad)
    (folder / "broken.flac").write_bytes(b"fLaC and then nothing")
    (folder / "notes.txt").write_text("not even looked at")
    result = separate("-o", tmp_path / "out", sources=["--sources", f"a={folder}", f"noise={sounds.noise}"])
    assert result.exit_code == 0, result.stderr
    source = json.loads((tmp_path / "out" / "report.json").read_text())["sources"][0]
    assert [Path(example["path"]).name for example in source["examples"]] == ["good.wav"]
    skipped = {Path(entry["path"]).name: entry["reason"] for entry in source["skipped"]}
    assert set(skipped) == {"silent.wav", "short.wav", "nan.wav", "broken.flac"}
    assert all(name in result.stderr for name in skipped)


def test_no_usable_example(separate, one_sentence, sounds, save, tmp_path):
    save("bad/silent.wav", np.zeros(RATE))
    sentence = one_sentence(
        separate("-o", tmp_path / "out", sources=["--sources", f"a={tmp_path / 'bad'}", f"noise={sounds.noise}"])
    )
    assert "'a' has no usable example" in sentence
    assert "silent" in sentence
    assert not (tmp_path / "out").exists()


def test_sources_without_files(separate, one_sentence, sounds, tmp_path):
    (tmp_path / "bare").mkdir()
    for path, part in ((tmp_path / "bare", "no sound files"), (tmp_path / "none.wav", "no such file")):
        result = separate("-o", tmp_path / "out", sources=["--sources", f"a={path}", f"noise={sounds.noise}"])
        sentence = one_sentence(result)
        assert part in sentence
        assert str(path) in sentence


def test_the_mixture_as_its_own_example_is_a_warning(separate, sounds, tmp_path):
    result = separate("-o", tmp_path / "out", sources=["--sources", f"a={sounds.mix}", f"noise={sounds.noise}"])
    assert result.exit_code == 0
    assert "the mixture itself" in result.stderr


def test_one_file_for_two_sources_is_a_warning(separate, sounds, tmp_path):
    one = sounds.speech / "voice3.flac"
    result = separate("-o", tmp_path / "out", sources=["--sources", f"a={one}", f"b={sounds.speech}"])
    assert result.exit_code == 0
    assert "an example of 'a' and of 'b'" in result.stderr


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("no json", "not valid JSON"),
        ("[[0, 0, 0]]", "1 microphone positions"),
        ("[[0, 0, 0], [0, 0, 0]]", "in one place"),
        ("[[0, 0, 0], [0, 0, NaN]]", "not a table of numbers"),
        ("[[0, 0, 0], [0, 0]]", "not a table of numbers"),
        ('{"positions": 3}', "not a table of numbers"),
        ("[[0, 0, 0], [86, 0, 500]]", "write metres"),
    ],
)
def test_bad_microphone_positions(separate, one_sentence, tmp_path, content, part):
    (tmp_path / "mics.json").write_text(content)
    sentence = one_sentence(separate("-o", tmp_path / "out", "--array", tmp_path / "mics.json"))
    assert part in sentence
    assert "mics.json" in sentence


@pytest.mark.parametrize("words", [["--array", "none.json"], ["--array", "none.json", "--mic-distance", "0.1"]])
def test_missing_or_double_microphone_positions(separate, one_sentence, tmp_path, words):
    one_sentence(separate("-o", tmp_path / "out", *words), 2 if len(words) > 2 else 1)


@pytest.mark.skipif(find_spec("museval") is None, reason="scores need museval")
def test_references_that_do_not_fit(separate, one_sentence, sounds, save, tmp_path):
    mono = save("mono.wav", sounds.samples[0])
    assert "1 channel " in one_sentence(separate("-o", tmp_path / "out", "--reference", f"speech={mono}"))
    missing = tmp_path / "none.wav"
    assert "no such file" in one_sentence(separate("-o", tmp_path / "out", "--reference", f"speech={missing}"))


def test_memory_is_estimated_before_the_work(refused, sounds, save):
    """A long recording is cut into pieces that fit; where none fits, or it may not be cut, it is refused."""
    long = save("long.wav", np.tile(sounds.samples, 80))
    assert "memory" in refused(long, "--memory", 0.05)
    assert "--blocks 0" in refused(long, "--memory", 0.15, "--segment", 0)


def test_an_hour_is_separated_in_pieces(separate, tmp_path):
    """One hour of stereo, mostly silence, in a file of 4 kHz; the memory for a few seconds is enough."""
    seconds, rate = 3600, 4000
    path = tmp_path / "hour.wav"
    burst = (0.1 * np.random.default_rng(0).standard_normal((3 * rate, 2))).astype(np.float32)
    with soundfile.SoundFile(path, "w", rate, 2, subtype="PCM_16") as file:
        file.write(burst)
        for _ in range(seconds // 60 - 1):
            file.write(np.zeros((60 * rate, 2), np.float32))
        file.write(np.zeros((57 * rate, 2), np.float32))
    result = separate("-o", tmp_path / "out", "--memory", 0.4, "--json", mix=path)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["mixture"]["seconds"] == seconds
    assert len(report["segments"]) >= 60
    parts = [soundfile.info(tmp_path / "out" / f"{name}.wav") for name in ("speech", "noise")]
    assert [part.frames for part in parts] == [seconds * rate] * 2
    head = [soundfile.read(tmp_path / "out" / f"{name}.wav", frames=3 * rate)[0] for name in ("speech", "noise")]
    assert np.abs(sum(head) - soundfile.read(path, frames=3 * rate)[0]).max() < 1e-5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk():
    """The writer's own failure is a sentence too."""
    with pytest.raises(AvfrontError, match="cannot be written"):
        audio.write(Path("/dev/full"), np.ones((2, 1 << 20), np.float32), RATE)
