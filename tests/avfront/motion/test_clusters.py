"""Bodies in made-up tracks: told apart by their motion, held together through gaps, kept to their boxes."""

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.motion import camera, regions
from avfront.motion.clusters import cluster
from avfront.motion.regions import Box
from avfront.motion.tracks import Tracks

pytest.importorskip("scipy")

RATE, FRAMES = 25.0, 60


def made(paths: list[tuple[np.ndarray, int, int]]) -> Tracks:
    """From (positions (T, 2), first frame, number after the last frame) of each point."""
    frame = np.concatenate([np.arange(a, b) for _, a, b in paths])
    position = np.concatenate([path[a:b] for path, a, b in paths])
    lengths = np.array([b - a for _, a, b in paths])
    first = np.cumsum(lengths) - lengths
    motion = np.diff(position, axis=0, prepend=position[:1])
    motion[first] = 0
    times, cameras = np.arange(FRAMES) / RATE, np.tile(camera.IDENTITY, (FRAMES, 1, 1))
    return Tracks(times, first, frame, position, motion, cameras, (320, 240), np.ones(FRAMES, bool))


def body(x: float, y: float, way: np.ndarray, seed: int = 0, side: int = 5) -> list[np.ndarray]:
    """A grid of points that share a way (T, 2), with the flow's errors."""
    rng = np.random.default_rng(seed)
    grid = np.array([(x + 8 * i, y + 8 * j) for i in range(side) for j in range(side)], float)
    return [point + way + 0.1 * rng.standard_normal(way.shape) for point in grid]


def swing(hertz: float, reach: float = 20.0, phase: float = 0.0) -> np.ndarray:
    t = np.arange(FRAMES) / RATE
    return np.stack([reach * np.sin(2 * np.pi * hertz * t + phase), 0 * t], axis=1)


def whole(points: list[np.ndarray]) -> list[tuple[np.ndarray, int, int]]:
    return [(path, 0, FRAMES) for path in points]


def test_two_bodies_that_touch() -> None:
    tracks = made(whole(body(50, 50, swing(1.0)) + body(90, 50, swing(1.5, phase=1.0), seed=1)))
    found = cluster(tracks)
    assert len(found) == 2
    assert len(set(found.labels[:25])) == len(set(found.labels[25:])) == 1
    expected = np.abs(np.diff(swing(1.0)[:, 0], prepend=0)) * RATE
    own = found.speeds()[:, found.labels[0]]
    np.testing.assert_allclose(own[1:], expected[1:], atol=18)
    assert np.corrcoef(own[1:], expected[1:])[0, 1] > 0.99


def test_one_body_stays_one() -> None:
    found = cluster(made(whole(body(50, 50, swing(1.0), side=8))))
    assert len(found) == 1


def test_a_body_that_is_lost_and_found_again() -> None:
    """All tracks break in the middle; what begins there goes on with what ended there."""
    points = body(50, 50, swing(1.0))
    tracks = made([(path, 0, 30) for path in points] + [(path, 31, FRAMES) for path in points])
    assert len(cluster(tracks)) == 1


def test_groups_are_never_mixed() -> None:
    tracks = made(whole(body(50, 50, swing(1.0)) + body(90, 50, swing(1.0), seed=1) + body(200, 50, swing(1.0))))
    groups = np.repeat([0, 1, -1], 25)
    found = cluster(tracks, groups)
    assert sorted(found.groups) == [0, 1]
    assert len(found.tracks) == 50
    np.testing.assert_array_equal(found.groups[found.labels], np.repeat([0, 1], 25))


def test_short_and_still_tracks_take_no_part() -> None:
    still = [(path, 0, FRAMES) for path in body(50, 50, np.zeros((FRAMES, 2)))]
    short = [(path, 0, 3) for path in body(50, 50, swing(1.0))]
    quiet = made(short)
    assert len(cluster(quiet)) == 0
    assert cluster(quiet).speeds().shape == (FRAMES, 0)
    still[0][0][:] = 5.0
    assert still[0][1] == 0


def test_same_seed_same_clusters() -> None:
    tracks = made(whole(body(50, 50, swing(1.0)) + body(90, 50, swing(1.3), seed=1)))
    np.testing.assert_array_equal(cluster(tracks, seed=3).labels, cluster(tracks, seed=3).labels)


def test_regions_are_found() -> None:
    tracks = made(whole(body(40, 40, swing(1.0)) + body(220, 120, swing(1.4), seed=1)))
    boxes = regions.find(tracks)
    assert len(boxes) == 2
    for box, (x, y) in zip(boxes, [(40, 40), (220, 120)], strict=True):
        assert box.contains(np.array([[x, y], [x + 32, y + 32], [x + 16, y + 16]])).all()
        assert box.width < 130
        assert box.height < 80
    assert regions.find(tracks, count=1)[0] in boxes
    np.testing.assert_array_equal(regions.assign(tracks, boxes), np.repeat([0, 1], 25))


def test_assignment_to_given_boxes() -> None:
    tracks = made(whole(body(40, 40, swing(1.0)) + body(220, 120, swing(1.4), seed=1)))
    near = Box(0, 0, 120, 120)
    np.testing.assert_array_equal(regions.assign(tracks, [near]), np.repeat([0, -1], 25))
    # Overlapping boxes: the nearer middle decides.
    np.testing.assert_array_equal(regions.assign(tracks, [Box(0, 0, 320, 240), near])[:25], 1)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1,2,0,4", "1,2,3,-4", "nan,0,1,1", "0,0,inf,1"])
def test_bad_boxes(text: str) -> None:
    with pytest.raises(AvfrontError, match="is no box; write"):
        Box.parse(text)
