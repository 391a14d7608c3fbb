"""What is said where only the camera moves, and where boxes are given."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avfront.media import Frame, MediaInfo, SoundInfo, VideoInfo
from avfront.motion.looking import look
from avfront.motion.regions import Box

cv2 = pytest.importorskip("cv2")

HEIGHT, WIDTH, SIDE, COUNT = 120, 160, 48, 30
INFO = MediaInfo(Path("x.mp4"), "mp4", VideoInfo(WIDTH, HEIGHT, 25, 0, None), SoundInfo(8000, 1, 0, None))


def cloth(height: int, width: int, seed: int) -> np.ndarray:
    spots = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((height, width)), (0, 0), 1.5)
    return np.clip(128 + 45 * spots / spots.std(), 0, 255).astype(np.uint8)


def film(camera: float, square: float) -> Iterator[Frame]:
    """A ground before a camera that goes `camera` pixels per frame, to and fro; a square goes `square` more."""
    ground, near = cloth(HEIGHT, WIDTH + 100, 0), cloth(SIDE, SIDE, 1)
    for k in range(COUNT):
        shift = camera * abs((k + 8) % 16 - 8)
        picture = cv2.warpAffine(ground, np.float32([[1, 0, -shift], [0, 1, 0]]), (WIDTH, HEIGHT))
        at = np.float32([[1, 0, 80 - shift + square * abs((k + 4) % 16 - 8)], [0, 1, 30]])
        cover = cv2.warpAffine(np.full_like(near, 255), at, (WIDTH, HEIGHT))
        picture = np.where(cover > 127, cv2.warpAffine(near, at, (WIDTH, HEIGHT)), picture)
        yield Frame(k / 25, picture)


@pytest.mark.parametrize(("camera", "square", "stands_out"), [(0.0, 2.0, True), (0.7, 2.0, True), (6.0, 1.6, False)])
def test_what_the_camera_explains_does_not_stand_out(camera: float, square: float, stands_out: bool) -> None:
    notes: list[str] = []
    seen = look(film(camera, square), INFO, notes)
    assert seen.stands_out == stands_out
    assert any("Only the camera moves" in note for note in notes) != stands_out


def test_boxes_are_believed() -> None:
    assert look(film(6.0, 1.6), INFO, [], boxes=[Box(0, 0, WIDTH, HEIGHT)]).stands_out
