"""The whole way, on a tiny made set: clips in, a system out, and what it says."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from avfront.cli import app
from avfront.errors import AvfrontError
from avfront.manifest import read_manifest
from avfront.mil import Fusion, Schedule, System, TrainingJob, Variant, train
from avfront.mil.network import Network
from avfront.mil.raw import Raw, Share
from avfront.mil.system import added
from avfront.proposals import Settings, propose_one
from avfront.synth.collection import make_set
from avfront.synth.scenes import Recipe

SETTINGS = Settings(boxes=3, components=3, iterations=10)
FAST = Schedule(steps=4, batch=4, interval=2)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made set, in which one clip is no video."""
    folder = tmp_path_factory.mktemp("set")
    path = make_set(folder, Recipe(train=12, validation=12, test=12, seconds=3.0, size=(160, 120), rate=5))
    (folder / "clips" / "train-0003.mp4").write_bytes(b"no video")
    return path


@pytest.fixture(scope="module")
def job(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    return TrainingJob(
        manifest, tmp_path_factory.mktemp("system"), schedule=FAST, base_schedule=FAST, settings=SETTINGS, device="cpu"
    )


@pytest.fixture(scope="module")
def system(job: TrainingJob) -> System:
    return train(job).system


def test_what_is_written_is_the_system(job: TrainingJob, system: System, manifest: Path) -> None:
    loaded = System.load(job.output)
    assert loaded.classes == system.classes
    assert loaded.settings == SETTINGS
    assert np.array_equal(loaded.thresholds, system.thresholds)
    proposals = propose_one(read_manifest(manifest).of("test")[0].path, SETTINGS)
    one, other = loaded.predict(proposals), system.predict(proposals)
    for name, value in vars(one).items():
        assert np.array_equal(value, getattr(other, name))
    assert [len(part) for part in (one.visual, one.tsp, one.ncp)] == [
        len(part) for part in (proposals.boxes, proposals.tsp, proposals.ncp)
    ]
    assert set(loaded.said(one)) == {
        kind for kind, score, cut in zip(loaded.classes, one.classes, loaded.thresholds, strict=True) if score > cut
    }


def test_only_what_is_used_is_looked_at(system: System, manifest: Path) -> None:
    proposals = propose_one(read_manifest(manifest).of("test")[0].path, SETTINGS)
    network = Network(Variant(modalities="audio"), len(system.classes), {"audio": system.audio.size})
    blind = replace(system, network=network, visual=None)  # type: ignore[arg-type]
    found = blind.predict(proposals)
    assert len(found.visual) == 0
    assert len(found.tsp) == len(proposals.tsp)


def test_memory_does_not_change_what_is_learned(job: TrainingJob, system: System, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "proposals").symlink_to(job.output / "training" / "proposals")
    little = train(replace(job, output=tmp_path, memory=0.0)).system
    assert all(a.equal(b) for a, b in zip(little.network.parameters(), system.network.parameters(), strict=True))
    assert all(a.equal(b) for a, b in zip(little.visual.parameters(), system.visual.parameters(), strict=True))


def test_the_report_tells_scores_and_skipped_clips(job: TrainingJob, system: System) -> None:
    report = json.loads((job.output / "report.json").read_text())
    assert [Path(clip["path"]).name for clip in report["skipped"]] == ["train-0003.mp4"]
    assert "not a readable video" in report["skipped"][0]["reason"]
    assert report["clips"] == {"train": 11, "validation": 12, "test": 12}
    assert 0 <= report["scores"]["test"]["f1"] <= 1
    assert set(report["scores"]["test"]["f1_of_class"]) == set(system.classes)


def test_scores_of_a_system_are_those_it_was_measured_with(job: TrainingJob, system: System, manifest: Path) -> None:
    report = json.loads((job.output / "report.json").read_text())
    clips = read_manifest(manifest).of("test")
    hits = [
        system.classes[system.predict(propose_one(clip.path, SETTINGS)).classes.argmax()] in clip.labels
        for clip in clips
    ]
    assert report["scores"]["test"]["accuracy"] == pytest.approx(np.mean(hits))


def test_a_system_that_is_there_is_not_replaced(job: TrainingJob, system: System) -> None:
    with pytest.raises(AvfrontError, match="already there"):
        train(job)
    again = train(replace(job, force=True)).system  # all stages are done, and taken up
    assert all(a.equal(b) for a, b in zip(again.network.parameters(), system.network.parameters(), strict=True))


def test_base_networks_are_trained_and_can_be_tuned_further(job: TrainingJob, system: System, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    for stage in ("proposals", "audio", "visual"):
        (tmp_path / "training" / stage).symlink_to(job.output / "training" / stage)
    tuned = train(replace(job, output=tmp_path, finetune=True))
    last = torch.load(tmp_path / "training" / "finetuning" / "checkpoint.pt", weights_only=True)["network"]
    for name, base in (("audio", system.audio), ("visual", system.visual)):
        assert any(not value.equal(last[f"bases.{name}.{key}"]) for key, value in base.state_dict().items())
    # Four steps make little difference, and nothing worse is kept.
    before = json.loads((job.output / "report.json").read_text())
    assert tuned.report["scores"]["validation"]["map"] >= before["scores"]["validation"]["map"]
    assert System.load(tmp_path).predict(propose_one(read_manifest(job.manifest).clips[0].path, SETTINGS))


@pytest.mark.parametrize("broken", ["system.json", "weights.safetensors"])
def test_damaged_systems(job: TrainingJob, system: System, tmp_path: Path, broken: str) -> None:
    for name in ("system.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((job.output / name).read_bytes())
    (tmp_path / broken).write_bytes((tmp_path / broken).read_bytes()[:100])
    with pytest.raises(AvfrontError, match="damaged"):
        System.load(tmp_path)
    (tmp_path / broken).unlink()
    with pytest.raises(AvfrontError, match="no trained system"):
        System.load(tmp_path)


@pytest.mark.parametrize(("part", "name", "value"), [("proposals", "boxes", -4), ("thresholds", 0, float("nan"))])
def test_systems_changed_by_hand(
    job: TrainingJob, system: System, tmp_path: Path, part: str, name: Any, value: float
) -> None:
    (tmp_path / "weights.safetensors").symlink_to(job.output / "weights.safetensors")
    about = json.loads((job.output / "system.json").read_text())
    about[part][name] = value
    (tmp_path / "system.json").write_text(json.dumps(about))
    with pytest.raises(AvfrontError, match=f"^{re.escape(str(tmp_path))}: the trained system is damaged"):
        System.load(tmp_path)


def test_scores_of_two_systems_are_added(job: TrainingJob, system: System, manifest: Path) -> None:
    proposals = propose_one(read_manifest(manifest).of("test")[1].path, SETTINGS)
    both, alone = Fusion([system, system]), system.predict(proposals)
    assert both.predict(proposals).classes == pytest.approx(2 * alone.classes)
    assert both.said(both.predict(proposals)) == system.said(alone)
    none = np.zeros((0, len(system.classes)), np.float32)
    assert added([replace(alone, tsp=none), replace(alone, ncp=none)]).tsp == pytest.approx(alone.tsp)
    with pytest.raises(AvfrontError, match="different classes"):
        Fusion([system, replace(system, classes=system.classes[::-1])])


def test_a_split_without_a_usable_clip(job: TrainingJob, manifest: Path, tmp_path: Path) -> None:
    clips = manifest.parent / "clips"
    (tmp_path / "m.csv").write_text(
        f"path,labels,split\n{clips}/train-0000.mp4,dog,train\n{clips}/train-0003.mp4,dog,validation\n"
    )
    with pytest.raises(AvfrontError, match=r"validation can be used .*not a readable video"):
        train(replace(job, manifest=tmp_path / "m.csv", output=tmp_path / "out"))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"networks": {"audio": "large", "visual": "small"}}, "no audio network 'large'"),
        ({"weights": {"visual": Path("none.safetensors")}}, "no such file"),
        ({"manifest": Path("m.csv")}, "no clip is in the split validation"),
    ],
)
def test_what_is_wrong_is_told_before_the_work(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.csv").write_text("path,labels,split\nx.mp4,dog,train\n")
    with pytest.raises(AvfrontError, match=text):
        train(replace(job, output=tmp_path / "out", **wrong))
    assert not (tmp_path / "out").exists()


def test_a_part_of_a_clip_is_drawn(manifest: Path) -> None:
    proposals = propose_one(read_manifest(manifest).of("test")[0].path, SETTINGS)
    raw = Raw(proposals, Variant())
    drawn = raw.instances(Share(pictures=2, segments=2, components=4), np.random.default_rng(0))
    frames, boxes, which = drawn["visual"].inputs
    assert len(frames) == 2
    assert set(which.tolist()) <= {0, 1}
    assert len(boxes) == len(which) == len(drawn["visual"].windows)
    assert len(drawn["audio"].inputs[0]) == 6
    whole = raw.instances(Share(), None)["visual"].inputs
    for box, at in zip(boxes, which, strict=True):
        same = [place for place, other in enumerate(whole[1]) if other.equal(box)]
        assert any(whole[0][whole[2][place]].equal(frames[at]) for place in same)


def test_commands(job: TrainingJob, system: System, manifest: Path, tmp_path: Path) -> None:
    videos = [str(clip.path) for clip in read_manifest(manifest).of("test")[:2]]
    done = CliRunner().invoke(app, ["classify", *videos, "--system", str(job.output), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [clip["path"] for clip in found] == videos
    assert set(found[0]["scores"]) == set(system.classes)
    broken = str(manifest.parent / "clips" / "train-0003.mp4")
    done = CliRunner().invoke(app, ["classify", videos[0], broken, "--system", str(job.output)])
    assert done.exit_code == 1
    assert "not a readable video" in done.output
    done = CliRunner().invoke(app, ["train", str(tmp_path / "none.csv"), "-o", str(tmp_path)])
    assert done.exit_code == 1
    assert "no such file" in done.output
    done = CliRunner().invoke(app, ["train", str(manifest), "-o", str(job.output)])
    assert "already there" in done.output
    done = CliRunner().invoke(app, ["train", str(manifest), "-o", str(tmp_path), "--pooling", "max"])
    assert done.exit_code == 2


def test_the_command_trains(job: TrainingJob, system: System, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "proposals").symlink_to(job.output / "training" / "proposals")
    options = [
        "--steps",
        "2",
        "--base-steps",
        "2",
        "--batch",
        "4",
        "--base-batch",
        "4",
        "--modalities",
        "audio",
        "--sharpness",
        "1",
        "--memory",
        "0.1",
        "--device",
        "cpu",
    ]
    done = CliRunner().invoke(app, ["train", str(job.manifest), "-o", str(tmp_path), *options])
    assert done.exit_code == 0, done.output
    assert "train-0003.mp4" in done.output
    assert System.load(tmp_path).network.variant == Variant(modalities="audio", sharpness=1.0)
