"""Notes, bows, sound and picture of made-up players agree with one another."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from avfront.motion import mocap
from avfront.motion.tracks import follow
from avfront.synth import bowing, score, stage, strings

cv2 = pytest.importorskip("cv2")

SECONDS = 4.0
PARTS = ("violin1", "cello")


@pytest.fixture(scope="module")
def notes() -> dict[str, list[score.Note]]:
    return score.compose(PARTS, SECONDS, seed=1)


@pytest.fixture(scope="module")
def bows(notes: dict[str, list[score.Note]]) -> list[bowing.Bowing]:
    return [bowing.bow(notes[part], part, SECONDS, seed=1) for part in PARTS]


def test_composed_notes(notes: dict[str, list[score.Note]]) -> None:
    for part, own in notes.items():
        lowest = score.STRINGS[score.instrument(part)][0]
        assert len(own) > 1
        assert all(later.onset >= note.end - 1e-9 for note, later in pairwise(own))
        assert all(note.pitch >= lowest and note.end <= SECONDS for note in own)
    assert score.compose(PARTS, SECONDS, seed=1) == notes
    with pytest.raises(ValueError, match="part="):
        score.compose(["tuba"], 3.0, 0)


def test_a_bow_moves_while_it_sounds(bows: list[bowing.Bowing]) -> None:
    for bow in bows:
        assert np.abs(bow.position).max() <= 30
        assert set(np.round(bow.inclination[np.abs(np.gradient(bow.inclination)) == 0])) <= {-27.0, -9.0, 9.0, 27.0}
        assert np.abs(bow.velocity[bow.sounding]).mean() > 3 * np.abs(bow.velocity[~bow.sounding]).mean() / 2
        np.testing.assert_allclose(np.diff(bow.position)[10:-10] * bowing.RATE, bow.velocity[11:-10], atol=1e-6)


def test_bows_turn_with_the_strokes() -> None:
    own = [score.Note(0.2 + 0.5 * k, 0.45, 62.0, 90, k) for k in range(6)]
    bow = bowing.bow(own, "violin", 4.0, seed=0)
    direction = [np.sign(bow.velocity[(bow.times > note.onset) & (bow.times < note.end)].mean()) for note in own]
    assert (np.diff(direction) != 0).all()


def test_tables_come_back_with_the_sensors_noise(tmp_path: Path, bows: list[bowing.Bowing]) -> None:
    bows[0].write(tmp_path / "bow.csv", seed=0)
    table = mocap.read(tmp_path / "bow.csv")
    np.testing.assert_allclose(table.times, bows[0].times, atol=1e-4)
    error = table.columns["bow_velocity_cm_s"] - bows[0].velocity
    assert 1.0 < error.std() < 2.0
    at = np.arange(100) / 43 + 0.5
    H = mocap.activations(table, at, 0.09)
    speed = np.interp(at, bows[0].times, np.abs(bows[0].velocity))
    assert np.corrcoef(H.sum(axis=0), speed)[0, 1] > 0.9


def test_sound_follows_the_notes(notes: dict[str, list[score.Note]]) -> None:
    rate = 16000
    for part, own in notes.items():
        sound = strings.play(own, part, SECONDS, rate, seed=1)
        assert 0.2 < np.abs(sound).max() <= 0.31
        note = max(own, key=lambda one: one.duration)
        piece = sound[round((note.onset + 0.07) * rate) : round(note.end * rate)]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 16))
        pitch = 440 * 2 ** ((note.pitch - 69) / 12)
        harmonics = [
            spectrum[int(0.97 * k * pitch * 65536 / rate) : int(1.03 * k * pitch * 65536 / rate)].max() for k in (1, 2)
        ]
        between = spectrum[int(1.3 * pitch * 65536 / rate) : int(1.7 * pitch * 65536 / rate)].max()
        assert min(harmonics) > 5 * between
    assert not strings.play([], "viola", 0.1, rate, seed=0).any()


def test_masks_lie_in_boxes_and_move(bows: list[bowing.Bowing]) -> None:
    scene = stage.Stage(bows, size=(320, 180), seed=1, bystander=True)
    assert len(scene) == 100
    assert len(scene.boxes) == 3
    first, later = scene.masks(0), scene.masks(30)
    assert first.shape == (2, 180, 320)
    for mask, box in zip(later, scene.boxes, strict=False):
        y, x = np.nonzero(mask)
        assert len(x) > 100
        assert box.contains(np.stack([x, y], axis=1)).mean() > 0.95
    assert (first ^ later).sum(axis=(1, 2)).min() > 20
    np.testing.assert_array_equal(
        scene.picture(7), stage.Stage(bows, size=(320, 180), seed=1, bystander=True).picture(7)
    )


@pytest.mark.parametrize("shake", [0.0, 2.0])
def test_the_arm_moves_with_the_bow(bows: list[bowing.Bowing], shake: float) -> None:
    """Tracked speeds within the true masks follow the true velocity of the bow, shaking or not."""
    scene = stage.Stage(bows, size=(320, 180), seed=1, shake=shake)
    pictures = list(scene.frames())
    tracks = follow(type(f)(f.time, cv2.cvtColor(f.image, cv2.COLOR_BGR2GRAY)) for f in pictures)
    x, y = np.clip(tracks.position.round().astype(int), 0, (319, 179)).T
    masks = np.stack([scene.masks(k) for k in range(len(scene))])
    for j, bow in enumerate(bows):
        own = masks[tracks.frame, j, y, x]
        total = np.bincount(tracks.frame[own], tracks.speed[own], len(scene))
        mean = total / np.maximum(np.bincount(tracks.frame[own], minlength=len(scene)), 1)
        truth = np.abs(np.interp(tracks.times - 0.02, bow.times, bow.velocity))
        assert np.corrcoef(mean[1:], truth[1:])[0, 1] > 0.8


def test_delay_and_shake(bows: list[bowing.Bowing]) -> None:
    late, prompt = stage.Stage(bows, size=(320, 180), delay=0.2), stage.Stage(bows, size=(320, 180))
    np.testing.assert_array_equal(late.masks(30), prompt.masks(25))
    shaken = stage.Stage(bows, size=(320, 180), shake=3.0)
    assert (shaken.picture(20) != prompt.picture(20)).mean() > 0.3


def test_notes_of_recordings(data: Path) -> None:
    notes = score.read(data / "music" / "beethoven_op18no4_i" / "notes.json")
    assert set(notes) == {"violin1", "violin2", "viola", "cello"}
    bow = bowing.bow(notes["viola"], "viola", 30.0, seed=0)
    assert bow.sounding.mean() > 0.3
