"""A textured square that moves over a textured ground, seen by a still and by a moving camera."""

from collections.abc import Iterator

import numpy as np
import pytest

from avfront.media import Frame
from avfront.motion import camera
from avfront.motion.tracks import Tracks, follow

cv2 = pytest.importorskip("cv2")

HEIGHT, WIDTH, SIDE = 120, 160, 40


def cloth(height: int, width: int, seed: int) -> np.ndarray:
    spots = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((height, width)), (0, 0), 1.5)
    return np.clip(128 + 45 * spots / spots.std(), 0, 255).astype(np.uint8)


def place(k: int) -> tuple[float, float]:
    """Upper left corner of the square in frame k: to the right, and back."""
    return 30 + 2.0 * min(k, 30 - k), 40.0


def frames(count: int = 20, shift: float = 0.0, times: np.ndarray | None = None) -> Iterator[Frame]:
    ground, square = cloth(HEIGHT, WIDTH, 0), cloth(SIDE, SIDE, 1)
    for k in range(count):
        x, y = place(k)
        image = ground.copy()
        patch = np.float32([[1, 0, x], [0, 1, y]])
        moved = cv2.warpAffine(square, patch, (WIDTH, HEIGHT))
        cover = cv2.warpAffine(np.full_like(square, 255), patch, (WIDTH, HEIGHT))
        image = np.where(cover > 127, moved, image)
        view = np.float32([[1, 0, shift * k], [0, 1, -shift * k / 2]])
        image = cv2.warpAffine(image, view, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        yield Frame(k / 25 if times is None else float(times[k]), image)


def inside(tracks: Tracks, margin: float = 4.0) -> np.ndarray:
    """Rows well within the square, in the first frame's coordinates."""
    corner = np.array([place(k) for k in range(len(tracks.times))])[tracks.frame]
    return ((tracks.steadied > corner + margin) & (tracks.steadied < corner + SIDE - margin)).all(axis=1)


@pytest.mark.parametrize("shift", [0.0, 1.3])
def test_speed_and_place(shift: float) -> None:
    """The square goes 2 pixels a frame, whatever the camera does; the ground stands."""
    tracks = follow(frames(shift=shift))
    own = inside(tracks)
    assert own.sum() > 300
    np.testing.assert_allclose(np.median(tracks.speed[own]), 50, rtol=0.06)
    later = own & (tracks.frame > np.repeat(tracks.frame[tracks.first], tracks.lengths)) & (tracks.frame < 15)
    np.testing.assert_allclose(np.median(tracks.motion[later], axis=0), [2, 0], atol=0.15)
    # What stands is not even kept, but for what the square passes by.
    y = tracks.steadied[:, 1]
    assert ((y < 40 - 15) | (y > 40 + SIDE + 15)).sum() < 0.02 * len(y)
    np.testing.assert_allclose(tracks.cameras[-1][:, 2], [-19 * shift, 19 * shift / 2], atol=0.8)
    assert tracks.steady.all()


def test_rows_are_whole_tracks_in_order() -> None:
    tracks = follow(frames())
    assert tracks.lengths.sum() == len(tracks.frame)
    together = np.diff(tracks.owner) == 0
    assert (np.diff(tracks.frame)[together] == 1).all()
    np.testing.assert_allclose(np.diff(tracks.position, axis=0)[together], tracks.motion[1:][together], atol=0.1)
    assert not tracks.motion[tracks.first].any()
    some = tracks.chosen(np.arange(len(tracks)) % 2 == 0)
    assert len(some) == -(-len(tracks) // 2)
    np.testing.assert_array_equal(some.lengths, tracks.lengths[::2])


def test_true_times_give_true_speeds() -> None:
    """The same pictures at uneven times: pixels per second follow the clock."""
    times = np.cumsum(np.where(np.arange(20) % 2, 0.02, 0.1))
    tracks = follow(frames(times=times))
    own = inside(tracks) & (tracks.frame > 0) & (tracks.frame < 15)
    odd = tracks.frame % 2 == 1
    assert np.median(tracks.speed[own & odd]) == pytest.approx(100, rel=0.1)
    assert np.median(tracks.speed[own & ~odd]) == pytest.approx(20, rel=0.1)


def test_what_is_hidden_ends_and_what_appears_begins() -> None:
    """From frame 8 on the square is gone; from frame 14 on it is back."""
    ground = cloth(HEIGHT, WIDTH, 0)
    shown = [frame if not 8 <= k < 14 else Frame(frame.time, ground) for k, frame in enumerate(frames())]
    tracks = follow(shown)
    own = inside(tracks)
    first, last = tracks.frame[tracks.first], tracks.frame[tracks.first + tracks.lengths - 1]
    mostly = np.add.reduceat(own, tracks.first, dtype=float) > 0.8 * tracks.lengths
    across = (first < 8) & (last >= 8)
    assert (first[mostly] < 8).sum() > 10
    assert (first[mostly] >= 14).sum() > 10
    assert across[mostly].mean() < 0.1


def test_a_still_picture_has_no_tracks() -> None:
    tracks = follow(Frame(k / 25, cloth(HEIGHT, WIDTH, 0)) for k in range(5))
    assert len(tracks) == 0
    assert tracks.speed.shape == (0,)


@pytest.mark.parametrize("shade", [0, 255])
def test_nothing_to_see(shade: int) -> None:
    tracks = follow(Frame(k / 25, np.full((HEIGHT, WIDTH), shade, np.uint8)) for k in range(4))
    assert len(tracks) == 0
    assert not tracks.steady[1:].any()


def test_bad_frames() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        follow([])
    with pytest.raises(ValueError, match="one size"):
        follow([Frame(0.0, cloth(48, 64, 0)), Frame(0.1, cloth(64, 64, 0))])


def test_memory_does_not_grow_with_what_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of points that never moved are forgotten while the video runs."""
    from avfront.motion import tracks as module

    monkeypatch.setattr(module, "_WINDOW", 4)
    kept = []
    log = module._Log
    forget = log._forget
    monkeypatch.setattr(
        log, "_forget", lambda self: (forget(self), kept.append(sum(len(row[0]) for row in self._rows)))
    )
    follow(Frame(k / 25, cloth(48, 64, 0)) for k in range(60))
    assert len(kept) > 2
    assert kept[-1] <= kept[0]


def test_camera_turn_and_zoom() -> None:
    rng = np.random.default_rng(0)
    before = rng.random((200, 2)) * 300
    turn = 1.02 * np.array([[np.cos(0.03), -np.sin(0.03)], [np.sin(0.03), np.cos(0.03)]])
    after = before @ turn.T + (4, -2)
    after[:60] += 20 * rng.random((60, 2))  # what moves by itself
    found = camera.estimate(before, after)
    assert found is not None
    np.testing.assert_allclose(found, np.column_stack([turn, (4, -2)]), atol=0.02)
    np.testing.assert_allclose(camera.compose(found, camera.inverse(found)), camera.IDENTITY, atol=1e-9)
    assert camera.estimate(before, rng.random((200, 2)) * 300) is None
    assert camera.estimate(before[:5], after[:5]) is None
