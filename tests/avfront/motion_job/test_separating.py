"""The motion job end to end, on made-up players whose bows and sounds are known."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avfront import audio, media, motion_job, page
from avfront.errors import AvfrontError
from avfront.methods.motion import NAMES, ByMotion
from avfront.methods.motion import separate as factorize
from avfront.motion import mocap
from avfront.motion.evidence import Captured, Seen
from avfront.motion.looking import look
from avfront.motion_job import MotionJob, Sound
from nmfcore import masks

av = pytest.importorskip("av")
cv2 = pytest.importorskip("cv2")

QUICK = ByMotion(iterations=30, restarts=1)


def read(path: Path) -> np.ndarray:
    return audio.read(audio.probe(path))


@pytest.fixture(scope="module")
def seen(film: Any) -> Seen:
    """What moves in the film, found once."""
    info = media.probe(film.path)
    return look(media.frames(info, grey=True), info, [], boxes=film.scene.boxes)


def factors(samples: np.ndarray, rate: int, seen: Seen, name: str) -> np.ndarray:
    """The images (J, I, T) that a method gives, in a few iterations."""
    sound = Sound(samples, rate, 0.0, 512)
    X = sound.spectrogram()
    V = np.abs(X).mean(axis=0)
    motions = seen.motions(sound.middles(V.shape[1]), 0.09)
    heard = factorize(V, motions, ByMotion(name, iterations=5, restarts=2), rate=rate, seed=0)
    return sound.waveforms(masks.wiener(X, np.asarray(heard.factors.parts())))


@pytest.fixture(scope="module")
def done(film: Any) -> Any:
    """One whole job, with everything that it can write."""
    job = MotionJob(film.path, film.folder / "out", boxes=film.scene.boxes, method=QUICK)
    return motion_job.separate(job)


def test_outputs_add_up_to_the_mixture(done: Any) -> None:
    mixture = read(done.files["report"].parent / "mixture.wav")
    total = sum(read(done.files[f"object{k}"]).astype(np.float64) for k in (1, 2))
    assert total.shape == mixture.shape
    np.testing.assert_allclose(total, mixture, atol=2e-5)


def test_the_bowing_arm_is_found(film: Any, done: Any, seen: Seen) -> None:
    """Of all that moves in a box, the cluster that makes the sound moves as the bow does."""
    speeds = seen.clusters.speeds()
    assert len(seen.kept) > 2
    for j, source in enumerate(done.report["sources"]):
        cluster = seen.kept[source["sounding_cluster"]]
        truth = np.abs(np.interp(seen.tracks.times, film.bows[j].times, film.bows[j].velocity))
        assert np.corrcoef(speeds[1:, cluster], truth[1:])[0, 1] > 0.7


def test_report(done: Any) -> None:
    report = json.loads(done.files["report"].read_text())
    assert report == done.report
    assert [source["name"] for source in report["sources"]] == ["object1", "object2"]
    assert report["method"] == "regression"
    assert len(report["components"]) == 30
    for k, component in enumerate(report["components"]):
        assert report["motion"]["clusters"][component["cluster"]]["object"] == f"object{component['object'] + 1}"
        assert k in report["sources"][component["object"]]["components"]
    assert report["motion"]["frames"] == 100
    assert abs(report["motion"]["delay_seconds"]) < 0.06


def test_overlay_has_the_sounds_as_streams(film: Any, done: Any) -> None:
    info = media.probe(done.files["video"])
    assert info.video is not None
    assert (info.video.width, info.video.height) == film.SIZE
    with av.open(str(done.files["video"])) as container:
        names = [stream.metadata["handler_name"] for stream in container.streams.audio]
    assert names == ["mixture", "object1", "object2"]
    original, drawn = (list(media.frames(media.probe(path))) for path in (film.path, done.files["video"]))
    assert len(drawn) == len(original)
    np.testing.assert_allclose([f.time for f in drawn], [f.time for f in original], atol=1e-3)
    assert np.abs(drawn[50].image.astype(int) - original[50].image).max() > 100


def test_pictures(done: Any) -> None:
    for key, shape in (("map", (180, 320, 3)), ("picture", None)):
        image = cv2.imread(str(done.files[key]))
        assert image is not None
        assert shape is None or image.shape == shape
        assert image.std() > 5


@pytest.mark.parametrize("name", NAMES)
def test_every_method_on_a_video(film: Any, seen: Seen, name: str) -> None:
    mixture = film.sounds.sum(axis=0, dtype=np.float32)[None]
    images = factors(mixture, film.RATE, seen, name)
    assert images.shape == (2, *mixture.shape)
    np.testing.assert_allclose(images.sum(axis=0), mixture, atol=2e-5)


def test_same_seed_same_files(film: Any, tmp_path: Path) -> None:
    tables = {part: film.folder / f"{part}.csv" for part in film.PARTS}
    first, second = (
        motion_job.separate(
            MotionJob(film.folder / "mix.wav", tmp_path / name, tables=tables, method=QUICK, picture=False)
        ).files["violin"]
        for name in ("a", "b")
    )
    np.testing.assert_array_equal(read(first), read(second))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "cello.wav",
        "mixture.wav",
        "report.json",
        "violin.wav",
    ]


def test_regions_are_found_without_boxes(film: Any, tmp_path: Path) -> None:
    job = MotionJob(film.path, tmp_path, objects=2, method=QUICK, picture=False, video=False)
    report = motion_job.separate(job).report
    assert len(report["sources"]) == 2
    for source, box in zip(report["sources"], film.scene.boxes, strict=True):
        x, y, width, height = source["box"]
        assert box.contains(np.array([x + width / 2, y + height / 2]))


def test_sound_and_pictures_that_never_meet(film: Any, tmp_path: Path) -> None:
    path = tmp_path / "apart.mp4"
    with media.Writer(path, film.SIZE, {"mixture": film.sounds[:1]}, film.RATE, start=60.0) as writer:
        for k in range(25):
            writer.write(media.Frame(k / 25, film.scene.picture(k)))
    with pytest.raises(AvfrontError, match=r"the motion from 0\.0 to 1\.0 s"):
        motion_job.separate(MotionJob(path, tmp_path / "out", boxes=film.scene.boxes, method=QUICK))


def test_fewer_objects_than_asked_for_are_told(film: Any) -> None:
    info, notes = media.probe(film.path), list[str]()
    found = look(media.frames(info, grey=True), info, notes, objects=5)
    assert any(note.startswith(f"5 objects were asked for, and {len(found.boxes)} were found") for note in notes)


def test_the_page_of_a_film(done: Any, film: Any, tmp_path: Path) -> None:
    text = page.write(film.folder / "out", tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.findall(r'alt="([^"]*)"', text) == ["Before and after", "Where the sounds come from"]
    assert re.findall(r"<th>(\w+)</th>", text) == ["mixture", "object1", "object2"]


def test_a_late_picture_is_made_up_for(film: Any) -> None:
    """Tables that are 100 ms late, beside the same ones in time: the difference is found to about a frame."""
    sound = read(film.folder / "mix.wav")
    recording = Sound(sound, film.RATE, 0.0, 1486)
    V = np.abs(recording.spectrogram()[0])
    found = []
    for late in (0.0, 0.1):
        tables = {
            part: mocap.Table(bow.times + late, {"inclination": bow.inclination, "velocity": bow.velocity})
            for part, bow in zip(film.PARTS, film.bows, strict=True)
        }
        motions = Captured(tables).motions(recording.middles(V.shape[1]), 0.093)
        found.append(motion_job.estimate_delay(V, motions, recording.hop / film.RATE, seed=0))
    assert abs(found[0]) < 0.06
    assert found[1] - found[0] == pytest.approx(0.1, abs=0.03)


def test_recordings(data: Path) -> None:
    """A real video goes through every method."""
    path = data / "video" / "grid_bbaf2n.mpg"
    info = media.probe(path)
    found = look(media.frames(info, grey=True), info, [], objects=1)
    samples = media.read_sound(info)
    for name in NAMES:
        np.testing.assert_allclose(factors(samples, 44100, found, name).sum(axis=0), samples, atol=2e-5)
