"""The motion job end to end, on made-up players whose bows and sounds are known."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from avfront import audio, media, motion_job, page
from avfront.errors import AvfrontError
from avfront.methods.motion import NAMES, ByMotion
from avfront.methods.motion import separate as factorize
from avfront.motion import mocap
from avfront.motion.evidence import Captured, Seen
from avfront.motion.looking import look
from avfront.motion.motions import Motions
from avfront.motion_job import MotionJob, Sound
from avfront.synth import bowing, score, stage, strings
from nmfcore import masks

av = pytest.importorskip("av")
cv2 = pytest.importorskip("cv2")

RATE, SECONDS, SIZE = 16000, 4.0, (320, 180)
PARTS = ("violin", "cello")
QUICK = ByMotion(iterations=30, restarts=1)


@dataclass(frozen=True)
class Film:
    folder: Path
    path: Path
    sounds: np.ndarray  # (J, T)
    scene: stage.Stage
    bows: list[bowing.Bowing]

    @property
    def boxes(self) -> list[str]:
        return [f"{b.x:g},{b.y:g},{b.width:g},{b.height:g}" for b in self.scene.boxes]

    @property
    def tables(self) -> list[str]:
        return [f"{part}={self.folder / part}.csv" for part in PARTS]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    folder = tmp_path_factory.mktemp("film")
    notes = score.compose(PARTS, SECONDS, seed=5)
    bows = [bowing.bow(notes[part], part, SECONDS, seed=k) for k, part in enumerate(PARTS)]
    sounds = np.stack([strings.play(notes[part], part, SECONDS, RATE, seed=k) for k, part in enumerate(PARTS)])
    scene = stage.Stage(bows, size=SIZE, seed=1)
    with media.Writer(folder / "film.mp4", SIZE, {"mixture": sounds.sum(axis=0)[None]}, RATE) as writer:
        for frame in scene.frames():
            writer.write(frame)
    for k, part in enumerate(PARTS):
        bows[k].write(folder / f"{part}.csv", seed=k)
        soundfile.write(folder / f"{part}.wav", sounds[k], RATE, subtype="FLOAT")
    soundfile.write(folder / "mix.wav", sounds.sum(axis=0), RATE, subtype="FLOAT")
    return Film(folder, folder / "film.mp4", sounds, scene, bows)


def read(path: Path) -> np.ndarray:
    return audio.read(audio.probe(path))


@pytest.fixture(scope="module")
def seen(film: Film) -> Seen:
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
def done(film: Film) -> Any:
    """One whole job, with everything that it can write."""
    job = MotionJob(film.path, film.folder / "out", boxes=film.scene.boxes, method=QUICK)
    return motion_job.separate(job)


def test_outputs_add_up_to_the_mixture(done: Any) -> None:
    mixture = read(done.files["report"].parent / "mixture.wav")
    total = sum(read(done.files[f"object{k}"]).astype(np.float64) for k in (1, 2))
    assert total.shape == mixture.shape
    np.testing.assert_allclose(total, mixture, atol=2e-5)


def test_the_bowing_arm_is_found(film: Film, done: Any, seen: Seen) -> None:
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


def test_overlay_has_the_sounds_as_streams(film: Film, done: Any) -> None:
    info = media.probe(done.files["video"])
    assert info.video is not None
    assert (info.video.width, info.video.height) == SIZE
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
def test_every_method_on_a_video(film: Film, seen: Seen, name: str) -> None:
    mixture = film.sounds.sum(axis=0, dtype=np.float32)[None]
    images = factors(mixture, RATE, seen, name)
    assert images.shape == (2, *mixture.shape)
    np.testing.assert_allclose(images.sum(axis=0), mixture, atol=2e-5)


def test_same_seed_same_files(film: Film, tmp_path: Path) -> None:
    tables = {part: film.folder / f"{part}.csv" for part in PARTS}
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


def test_regions_are_found_without_boxes(film: Film, tmp_path: Path) -> None:
    job = MotionJob(film.path, tmp_path, objects=2, method=QUICK, picture=False, video=False)
    report = motion_job.separate(job).report
    assert len(report["sources"]) == 2
    for source, box in zip(report["sources"], film.scene.boxes, strict=True):
        x, y, width, height = source["box"]
        assert box.contains(np.array([x + width / 2, y + height / 2]))


def test_motion_capture_by_the_command_line(film: Film, tmp_path: Path, avfront: Callable[..., Any]) -> None:
    """Motion tells two sources apart: coupled activations do better than no separation, by the scores."""
    truth = [f"{part}={film.folder / part}.wav" for part in PARTS]
    result = avfront(
        "separate", film.folder / "mix.wav", "--mocap", *film.tables, "--reference", *truth, "-o", tmp_path / "out",
        "--restarts", 1, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["method"] == "soft-coupled"
    gain = [report["scores"][part]["separated"]["SDR"] - report["scores"][part]["mixture"]["SDR"] for part in PARTS]
    assert np.mean(gain) > 0.8
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"violin.wav", "cello.wav", "spectrogram.png"}


def test_video_by_the_command_line(film: Film, tmp_path: Path, avfront: Callable[..., Any]) -> None:
    result = avfront(
        "separate", film.path, "--motion", "--boxes", *film.boxes, "-o", tmp_path / "out", "--method", "regression",
        "--estimator", "ls", "--components", 4, "--iterations", 5, "--restarts", 1, "--delay", 0, "--no-picture",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "object2" in result.stdout
    assert (tmp_path / "out" / "overlay.mp4").exists()
    again = avfront("separate", film.path, "--motion", "--boxes", *film.boxes, "-o", tmp_path / "out")
    assert again.exit_code == 1
    assert "--force" in again.stderr


WRONG = [
    (["--motion", "--sources", "a=b"], 2, "--sources has no use"),
    (["--motion", "--background", "3"], 2, "--background has no use"),
    (["--sources", "a=b", "--restarts", "3"], 2, "--restarts has no use"),
    (["--motion", "--boxes", "1,2,3"], 2, "is no box"),
    (["--motion", "--boxes", "1,2,30,40", "--objects", "2"], 2, "--objects has no use"),
    (["--motion", "--mocap-rate", "3"], 2, "--mocap-rate has no use"),
    (["--motion", "--method", "gssm"], 2, "no method 'gssm' for motion"),
    (["--motion", "--estimator", "best"], 2, "no estimator"),
    (["--motion", "--method", "mel", "--estimator", "ls"], 2, "--estimator has no use"),
    (["--motion", "--method", "soft-coupled", "--components", "3"], 2, "its motion decides"),
    (["--motion", "--components", "a=3"], 2, "names sources"),
    (["--motion", "--boxes", "1000,2,30,40"], 1, "outside the picture"),
    (["--motion", "--boxes", "0,0,20,8"], 1, "nothing moves in box 1"),
    (["--motion", "--memory", "0.000001"], 1, "of memory"),
    (["--mocap", "../x=t.csv"], 2, "not fit for a file name"),
    (["--mocap", "x=none.csv"], 1, "cannot be opened"),
    ([], 2, "add --motion"),
    (["--motion", "--boxes", "0,0,160,180", "0,0,160,180"], 1, "given twice"),
    (["--motion", "--boxes", "-40,0,20,20", "-80,0,20,20"], 1, "outside the picture"),
    (["--motion", "--delay", "nan"], 2, "--delay nan"),
    (["--motion", "--blocks", "10"], 2, "--blocks has no use"),
    (["--motion", "--device", "abacus"], 2, "abacus"),
    (["--motion", "--reference", "object1=none.wav"], 1, "no such file"),
]


@pytest.mark.parametrize(("words", "status", "text"), WRONG)
def test_wrong_calls(
    film: Film,
    tmp_path: Path,
    avfront: Callable[..., Any],
    one_sentence: Callable[[Any, int], str],
    words: list[str],
    status: int,
    text: str,
) -> None:
    result = avfront("separate", film.path, *words, "-o", tmp_path / "out")
    assert text in one_sentence(result, status)
    assert not (tmp_path / "out").exists()


def test_sound_and_pictures_that_never_meet(film: Film, tmp_path: Path) -> None:
    path = tmp_path / "apart.mp4"
    with media.Writer(path, SIZE, {"mixture": film.sounds[:1]}, RATE, start=60.0) as writer:
        for k in range(25):
            writer.write(media.Frame(k / 25, film.scene.picture(k)))
    with pytest.raises(AvfrontError, match=r"the motion from 0\.0 to 1\.0 s"):
        motion_job.separate(MotionJob(path, tmp_path / "out", boxes=film.scene.boxes, method=QUICK))


def test_tables_of_another_clock(film: Film, tmp_path: Path, avfront: Callable[..., Any]) -> None:
    late = tmp_path / "late.csv"
    late.write_text("time,velocity\n" + "\n".join(f"{100 + k / 10},{k % 7}" for k in range(40)))
    result = avfront(
        "separate", film.folder / "mix.wav", "--mocap", film.tables[0], f"b={late}", "-o", tmp_path / "out"
    )
    assert result.exit_code == 1
    assert "late.csv: the sound lasts from 0.0 to 4.0 s, and the motion from 100.0 to 103.9 s" in result.stderr


def test_fewer_objects_than_asked_for_are_told(film: Film) -> None:
    info, notes = media.probe(film.path), list[str]()
    found = look(media.frames(info, grey=True), info, notes, objects=5)
    assert any(note.startswith(f"5 objects were asked for, and {len(found.boxes)} were found") for note in notes)


def test_the_page_of_a_film(done: Any, film: Film, tmp_path: Path) -> None:
    text = page.write(film.folder / "out", tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.findall(r'alt="([^"]*)"', text) == ["Before and after", "Where the sounds come from"]
    assert re.findall(r"<th>(\w+)</th>", text) == ["mixture", "object1", "object2"]


def test_still_and_silent_videos(
    tmp_path: Path, avfront: Callable[..., Any], one_sentence: Callable[[Any, int], str], film: Film
) -> None:
    for name, sound, moving in (("still", film.sounds[:1], False), ("silent", np.zeros((1, RATE)), True)):
        path = tmp_path / f"{name}.mp4"
        with media.Writer(path, SIZE, {"mixture": sound}, RATE) as writer:
            for k in range(25):
                writer.write(media.Frame(k / 25, film.scene.picture(k if moving else 0)))
        words = {"still": "nothing moves", "silent": "is silent"}[name]
        assert words in one_sentence(avfront("separate", path, "--motion", "-o", tmp_path / "out"), 1)


def test_a_late_picture_is_made_up_for(film: Film) -> None:
    """Tables that are 100 ms late, beside the same ones in time: the difference is found to about a frame."""
    sound = read(film.folder / "mix.wav")
    recording = Sound(sound, RATE, 0.0, 1486)
    V = np.abs(recording.spectrogram()[0])
    found = []
    for late in (0.0, 0.1):
        tables = {
            part: mocap.Table(bow.times + late, {"inclination": bow.inclination, "velocity": bow.velocity})
            for part, bow in zip(PARTS, film.bows, strict=True)
        }
        motions = Captured(tables).motions(recording.middles(V.shape[1]), 0.093)
        found.append(motion_job.estimate_delay(V, motions, recording.hop / RATE, seed=0))
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


@pytest.mark.parametrize("name", NAMES)
def test_known_components_go_to_their_objects(name: str) -> None:
    """Two sources of two patterns each that sound when their object moves: every method takes them apart."""
    rng = np.random.default_rng(0)
    H = np.repeat(rng.gamma(0.2, size=(4, 60)), 4, axis=1)
    W = np.kron(np.eye(4), np.ones((10, 1))) + 0.01
    W[:, 2:] = W[:, 2:] * np.linspace(3, 1, 40)[:, None]  # timbres for the one that looks at nothing else
    speeds = np.stack([H[:2].sum(axis=0), H[2:].sum(axis=0), 0.2 * rng.random(240)])
    motions = Motions(speeds, np.array([0, 1, 1]), H, np.array([0, 0, 1, 1]))
    components = None if name in ("soft-coupled", "motion-init") else 2
    heard = factorize(W @ H, motions, ByMotion(name, components=components, restarts=3), rate=16000, seed=0)
    parts = np.asarray(heard.factors.parts())
    if name != "mel":
        truth = np.stack([W[:, :2] @ H[:2], W[:, 2:] @ H[2:]])
        truth *= parts.sum() / truth.sum() if name in ("regression", "soft-coupled") else 1
        shares = parts / parts.sum(axis=0)
        expected = truth / truth.sum(axis=0)
        assert np.average(np.abs(shares - expected), weights=np.broadcast_to((W @ H) ** 2, shares.shape)) < 0.12
        assert heard.sounding.tolist() == [0, 1]
    assert set(np.asarray(heard.clusters)) <= {0, 1, 2}
    np.testing.assert_array_equal(motions.sources[heard.clusters], np.asarray(heard.factors.labels))


def test_strongest() -> None:
    speeds = np.array([[1.0, 1], [3, 3], [2, 2], [5, 5]])
    motions = Motions(speeds, np.array([0, 0, 1, 0]), speeds, np.zeros(4, int))
    assert motions.strongest(2).tolist() == [3, 1, 2]
    assert motions.count == 2


def test_settings_are_checked() -> None:
    for wrong in ({"restarts": 0}, {"iterations": 0}, {"components": 0}):
        with pytest.raises(AvfrontError, match="is too few"):
            ByMotion(**wrong)
