"""Real videos go through every method of separation by motion, by the command line; where the recordings are."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avfront import audio, media

pytest.importorskip("av")
pytest.importorskip("cv2")

START, SECONDS = 1.0, 1.0  # of the cuts
LARGEST = 288  # pixels of their longer side
VIDEOS = ("crystal.mp4", "friday.mp4", "grid_bbaf2n.mpg", "stream-of-water.mp4")
METHODS = {
    "regression, timbre": ("--method", "regression", "--components", 3),
    "regression, ls": ("--method", "regression", "--estimator", "ls", "--components", 3),
    "regression, spls": ("--method", "regression", "--estimator", "spls", "--components", 3),
    "regression, joint": ("--method", "regression", "--estimator", "joint", "--components", 3),
    "soft-coupled": ("--method", "soft-coupled"),
    "mel": ("--method", "mel", "--components", 3),
    "motion-init": ("--method", "motion-init"),
    "motion-cluster": ("--method", "motion-cluster", "--components", 3),
}


@pytest.fixture(scope="module")
def cut(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a short, small piece of a video of that name, made once."""
    folder = tmp_path_factory.mktemp("cuts")

    def make(name: str) -> Path:
        path = folder / f"{Path(name).stem}.mp4"
        if not path.exists():
            info = media.probe(data / "video" / name)
            assert info.sound is not None
            rate = info.sound.rate
            sound = media.read_sound(info)[:, round(START * rate) :][:, : round(SECONDS * rate)]
            frames = list(islice(media.frames(info, largest=LARGEST), round(START * 25), round((START + SECONDS) * 25)))
            size = frames[0].image.shape[1::-1]
            with media.Writer(path, size, {"sound": sound}, rate) as writer:
                for frame in frames:
                    writer.write(frame)
        return path

    return make


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", VIDEOS)
def test_every_video_by_every_method(
    cut: Callable[[str], Path], tmp_path: Path, avfront: Callable[..., Any], name: str, method: str
) -> None:
    path = cut(name)
    result = avfront(
        "separate", path, "--motion", "-o", tmp_path / "out", *METHODS[method], "--iterations", 3, "--restarts", 1,
        "--no-picture", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    sounds = [audio.read(audio.probe(tmp_path / "out" / source["file"])) for source in report["sources"]]
    mixture = audio.read(audio.probe(tmp_path / "out" / "mixture.wav"))
    np.testing.assert_allclose(sum(sounds), mixture, atol=2e-4)
    assert (tmp_path / "out" / "overlay.mp4").stat().st_size > 1000
