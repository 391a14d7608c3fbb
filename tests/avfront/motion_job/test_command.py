"""`avfront separate --motion` and `--mocap`: what they write, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avfront import media

pytest.importorskip("av")
pytest.importorskip("cv2")


def test_motion_capture_by_the_command_line(film: Any, tmp_path: Path, avfront: Callable[..., Any]) -> None:
    """Motion tells two sources apart: coupled activations do better than no separation, by the scores."""
    truth = [f"{part}={film.folder / part}.wav" for part in film.PARTS]
    result = avfront(
        "separate", film.folder / "mix.wav", "--mocap", *film.tables, "--reference", *truth, "-o", tmp_path / "out",
        "--restarts", 1, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["method"] == "soft-coupled"
    gain = [
        report["scores"][part]["separated"]["SDR"] - report["scores"][part]["mixture"]["SDR"] for part in film.PARTS
    ]
    assert np.mean(gain) > 0.8
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"violin.wav", "cello.wav", "spectrogram.png"}


def test_video_by_the_command_line(film: Any, tmp_path: Path, avfront: Callable[..., Any]) -> None:
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
    film: Any,
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


def test_tables_of_another_clock(film: Any, tmp_path: Path, avfront: Callable[..., Any]) -> None:
    late = tmp_path / "late.csv"
    late.write_text("time,velocity\n" + "\n".join(f"{100 + k / 10},{k % 7}" for k in range(40)))
    result = avfront(
        "separate", film.folder / "mix.wav", "--mocap", film.tables[0], f"b={late}", "-o", tmp_path / "out"
    )
    assert result.exit_code == 1
    assert "late.csv: the sound lasts from 0.0 to 4.0 s, and the motion from 100.0 to 103.9 s" in result.stderr


def test_still_and_silent_videos(
    tmp_path: Path, avfront: Callable[..., Any], one_sentence: Callable[[Any, int], str], film: Any
) -> None:
    for name, sound, moving in (("still", film.sounds[:1], False), ("silent", np.zeros((1, film.RATE)), True)):
        path = tmp_path / f"{name}.mp4"
        with media.Writer(path, film.SIZE, {"mixture": sound}, film.RATE) as writer:
            for k in range(25):
                writer.write(media.Frame(k / 25, film.scene.picture(k if moving else 0)))
        words = {"still": "nothing moves", "silent": "is silent"}[name]
        assert words in one_sentence(avfront("separate", path, "--motion", "-o", tmp_path / "out"), 1)
