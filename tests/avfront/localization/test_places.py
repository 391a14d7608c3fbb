"""Localization on its own, and both commands on a made clip with a system that is written down untrained."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avfront import media
from avfront.cli import run
from avfront.localization import gathered, localize
from avfront.manifest import read_manifest
from avfront.proposals import Proposals, Settings
from avfront.synth.collection import Recipe, make_set, read_truth

torch = pytest.importorskip("torch")
SETTINGS = Settings(boxes=4, components=3, iterations=10)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    made = make_set(folder, Recipe(train=12, validation=12, test=12, seconds=3.0, size=(160, 120), rate=5))
    path: Path = read_manifest(made).of("test")[0].path
    return path


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from avfront.features import audio_network, visual_network
    from avfront.mil.network import Network, Variant
    from avfront.mil.system import System

    folder = tmp_path_factory.mktemp("system") / "trained"
    torch.manual_seed(0)
    audio, visual = audio_network("small"), visual_network("small")
    network = Network(Variant(), 3, {"audio": audio.size, "visual": visual.size})
    classes = ("cat", "dog", "rest")
    System(classes, np.array([9.0, -9.0, 9.0], np.float32), network, audio, visual, SETTINGS).save(folder)
    return folder


def test_boxes_and_segments_follow_the_scores() -> None:
    proposals = Proposals(
        duration=3.0,
        size=(64, 48),
        frames=np.zeros((3, 48, 64, 3), np.uint8),
        frame_times=np.array([0.5, 1.5, 2.5]),
        boxes=np.array([[0, 0, 9, 9], [30, 20, 9, 9]] * 3, np.float32),
        box_frames=np.array([0, 0, 1, 1, 2, 2]),
        tsp=np.zeros((5, 96, 64), np.float32),
        tsp_times=np.stack([np.arange(5) * 0.48, np.arange(5) * 0.48 + 0.96], axis=1),
        ncp=np.zeros((0, 96, 64), np.float32),
        ncp_times=np.zeros((0, 2)),
        ncp_components=np.zeros(0, int),
        patterns=np.zeros((513, 0), np.float32),
        activations=np.zeros((0, 10), np.float32),
    )
    visual = np.array([0.1, 0.4, -0.2, -0.1, 0.8, 0.2])
    found = localize("dog", proposals, visual, np.array([-1.0, 2.0, 1.0, -1.0, 0.5]))
    assert found.best() == (1, 4)  # none in the second picture
    assert found.opacity.max() == 1 == found.opacity[4]
    assert not found.opacity[2:4].any()
    np.testing.assert_allclose(found.segments, [(0.48, 2.88)])
    np.testing.assert_allclose(found.heat, [-0.5, 1.0, 0.5, -0.5, 0.25])
    deaf = localize("dog", proposals, visual, None)
    assert deaf.segments == ()
    assert not deaf.heat.any()


def test_of_boxes_that_say_the_same_the_one_that_looks_like_an_object_counts_most() -> None:
    boxes = np.array([[0, 0, 8, 8], [20, 0, 8, 8], [0, 20, 8, 8], [0, 0, 8, 8]])
    frames = np.array([0, 0, 0, 1])
    found = gathered(np.array([1.0, 1, -1, 1]), boxes, frames)
    assert found[0] == found[3] > found[1] > found[2] == 0  # the best of its picture each, the second, and none


def test_enhance_writes_what_adds_up(clip: Path, system: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["enhance", str(clip), "--system", str(system), "--label", "dog", "-o", str(out), "--quiet"]) == 0
    assert {path.name for path in out.iterdir()} == {
        "dog.wav", "mixture.wav", "rest.wav", "report.json", "spectrogram.png"
    }  # fmt: skip
    dog, rest, mixture = (soundfile.read(out / f"{name}.wav")[0] for name in ("dog", "rest", "mixture"))
    np.testing.assert_allclose(dog + rest, mixture, atol=1e-5)
    stems = read_truth(clip).stems
    whole = np.sum(list(stems.values()), axis=0)
    assert np.corrcoef(mixture[: len(whole)], whole[: len(mixture)])[0, 1] > 0.9
    report = json.loads((out / "report.json").read_text())
    assert (report["label"], report["label_from"], report["said"]) == ("dog", "given", ["dog"])
    assert len(report["components"]) == 3
    kept = [component["gain"] for component in report["components"]]
    assert kept == [float(part["relevance"] >= part["threshold"]) for part in report["components"]]


def test_enhance_finds_the_class_itself_and_takes_a_threshold(clip: Path, system: Path, tmp_path: Path) -> None:
    words = ["enhance", str(clip), "--system", str(system), "--mask", "0.4", "-o", str(tmp_path / "a"), "--quiet"]
    assert run(words) == 0
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert (report["label"], report["label_from"], report["components"][0]["threshold"]) == ("dog", "found", 0.4)
    assert run(words) == 1  # what is there is not overwritten


def test_a_class_may_be_called_like_an_output(clip: Path, system: Path, tmp_path: Path) -> None:
    words = ["enhance", str(clip), "--system", str(system), "--label", "rest", "-o", str(tmp_path / "r"), "--quiet"]
    assert run(words) == 0
    assert (tmp_path / "r" / "rest_class.wav").exists()


def test_localize_writes_a_video_with_sound_and_numbers(clip: Path, system: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["localize", str(clip), "--system", str(system), "--label", "dog", "--label", "cat", "-o", str(out)]
    assert run([*words, "--quiet"]) == 0
    assert {path.name for path in out.iterdir()} == {"overlay.mp4", "localization.png", "report.json"}
    info = media.probe(out / "overlay.mp4")
    video, _ = media.needs(info)
    assert (video.width, video.height) == (160, 120 + 2 * 14)
    frames = list(media.frames(info))
    assert len(frames) == 15
    report = json.loads((out / "report.json").read_text())
    assert [one["label"] for one in report["localized"]] == ["dog", "cat"]
    for one in report["localized"]:
        assert all(0 < box["opacity"] <= 1 and len(box["box"]) == 4 for box in one["boxes"])
        assert all(0 <= begin < end <= 3.1 for begin, end in one["heard"])


@pytest.mark.parametrize("command", ["enhance", "localize"])
def test_a_class_that_is_not_known(command: str, clip: Path, system: Path, tmp_path: Path, capsys) -> None:
    words = [command, str(clip), "--system", str(system), "--label", "bird", "-o", str(tmp_path / "x")]
    assert run(words) == 2
    assert "does not know the class 'bird'; choose among cat, dog, rest" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
def test_sounds_of_every_rate_and_length_are_enhanced(system: Path, tmp_path: Path, rate: int) -> None:
    """Lengths that no whole number of samples at 16 kHz is as long as."""
    rng = np.random.default_rng(rate)
    for length in (2 * rate + 1, 2 * rate + 2):
        clip, out = tmp_path / f"{length}.mp4", tmp_path / f"{length}"
        pictures = rng.integers(0, 255, (10, 48, 64, 3), np.uint8)
        sound = rng.standard_normal((1, length)).astype(np.float32) / 8
        media.write(clip, (media.Frame(k / 5, image) for k, image in enumerate(pictures)), {"sound": sound}, rate)
        assert run(["enhance", str(clip), "--system", str(system), "--label", "dog", "-o", str(out), "--quiet"]) == 0
