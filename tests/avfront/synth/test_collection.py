"""The made set: exact truth, no leak, resumable, the same for the same recipe."""

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfront import audio, media
from avfront.errors import AvfrontError
from avfront.manifest import read_manifest
from avfront.synth import scenes, takes
from avfront.synth.collection import Recipe, make_set, read_truth
from avfront.synth.kinds import KINDS

SMALL = Recipe(train=12, validation=12, test=12, seconds=3.0, size=(160, 120), rate=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("made") / "set"
    make_set(folder, SMALL)
    return folder


def test_the_manifest_lists_every_clip_with_what_sounds(made: Path) -> None:
    manifest = read_manifest(made / "manifest.csv")
    assert len(manifest.classes) == len(KINDS) >= 10
    assert [len(manifest.of(split)) for split in ("train", "validation", "test")] == [12, 12, 12]
    for clip in (*manifest.of("validation"), *manifest.of("test")):
        assert clip.labels == read_truth(clip.path).kinds


def test_stems_add_up_to_the_sound_of_the_video(made: Path) -> None:
    clip = read_manifest(made / "manifest.csv").clips[0].path
    info = media.probe(clip)
    assert info.sound is not None
    heard = audio.resample(media.read_sound(info), info.sound.rate, takes.RATE)[0]
    whole = np.sum(list(read_truth(clip).stems.values()), axis=0)
    error = heard[: len(whole)] - whole
    assert 10 * np.log10(np.square(whole).sum() / np.square(error).sum()) > 12  # AAC, no shift


def test_boxes_are_where_the_picture_changes(made: Path) -> None:
    """Beside the boxes nothing moves: the background stands still."""
    clip = read_manifest(made / "manifest.csv").clips[1].path
    truth = read_truth(clip)
    frames = np.stack([frame.image.astype(float) for frame in media.frames(media.probe(clip))])  # (T, h, w, 3)
    assert len(frames) == len(truth.times) == 15
    covered = np.zeros(frames.shape[:3], bool)
    for thing in truth.things:
        for k in np.flatnonzero(np.isfinite(thing.boxes[:, 0])):
            x, y, width, height = thing.boxes[k].astype(int)
            covered[k, max(y - 3, 0) : y + height + 3, max(x - 3, 0) : x + width + 3] = True
    bare = ~covered.all(axis=0)  # pixels where the background is seen at some time
    background = np.nanmedian(np.where(covered[..., None], np.nan, frames)[:, bare], axis=0)  # (pixels, 3)
    change = np.abs(frames[:, bare] - background).max(axis=2)
    assert np.mean(change[~covered[:, bare]] > 40) < 1e-3
    assert np.mean(change[covered[:, bare]] > 40) > 0.2


def test_events_are_when_the_stem_sounds(made: Path) -> None:
    for clip in read_manifest(made / "manifest.csv").of("test"):
        truth = read_truth(clip.path)
        for kind, spans in truth.events.items():
            times = np.arange(len(truth.stems[kind])) / takes.RATE
            on = np.any([(times >= begin) & (times < end) for begin, end in spans], axis=0)
            power = np.square(truth.stems[kind].astype(float))
            assert power[on].sum() > 0.95 * power.sum()
            assert spans[-1][1] <= SMALL.seconds


def test_the_same_recipe_makes_the_same_set_and_goes_on_where_it_ended(made: Path, tmp_path: Path) -> None:
    names = [scene.name for scene in scenes.plan(SMALL)]
    again = tmp_path / "again"
    again.mkdir()
    (again / "recipe.json").write_bytes((made / "recipe.json").read_bytes())
    kept = names[1:]
    for folder, suffixes in (("clips", (".mp4",)), ("truth", (".json", ".flac"))):
        (again / folder).mkdir()
        for name in kept:
            for suffix in suffixes:
                os.link(made / folder / f"{name}{suffix}", again / folder / f"{name}{suffix}")
    make_set(again, SMALL)
    same = [(again / "clips" / f"{name}.mp4").samefile(made / "clips" / f"{name}.mp4") for name in names]
    assert same == [False, *[True] * len(kept)]
    for name in (f"truth/{names[0]}.json", f"truth/{names[0]}.flac", "manifest.csv"):
        assert (again / name).read_bytes() == (made / name).read_bytes()


def test_another_recipe_does_not_mix_with_what_is_there(made: Path) -> None:
    with pytest.raises(AvfrontError, match="another set is in this folder"):
        make_set(made, replace(SMALL, seed=1))


def test_no_recording_is_in_two_splits(made: Path) -> None:
    recordings = json.loads((made / "recipe.json").read_text())["recordings"]
    assert set(recordings) == {*KINDS, "background"}
    for splits in recordings.values():
        names = [name for split in splits.values() for name in split]
        assert len(names) == len(set(names))
        assert all(splits.values())


def test_takes_of_one_source_stay_together(data: Path) -> None:
    found = takes.gather(data, seed=0)
    for splits in found.kinds.values():
        sources = [{take.name.split("-")[1] for take in own} for own in splits.values()]
        assert len(set.union(*sources)) == sum(map(len, sources))


def test_classes_are_as_rare_as_the_recipe_says() -> None:
    planned = scenes.plan(Recipe(train=800, pairs=0.0, label_noise=0.0))
    counts = Counter(kind for scene in planned if scene.split == "train" for kind in scene.kinds)
    assert 17 < max(counts.values()) / min(counts.values()) < 23
    even = Counter(kind for scene in planned if scene.split == "test" for kind in scene.kinds)
    assert max(even.values()) - min(even.values()) <= 1


def test_labels_are_wrong_as_often_as_the_recipe_says() -> None:
    planned = [scene for scene in scenes.plan(Recipe(train=2000)) if scene.split == "train"]
    assert 0.03 < np.mean([scene.labels != scene.kinds for scene in planned]) < 0.07


def test_a_split_that_is_too_small_for_the_classes() -> None:
    with pytest.raises(ValueError, match="give each at least 12"):
        scenes.plan(Recipe(test=5))
