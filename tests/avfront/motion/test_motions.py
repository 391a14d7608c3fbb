"""What counts as motion, and which clusters move most."""

import numpy as np
import pytest

from avfront.motion.motions import Motions, presence


def test_presence_tells_motion_from_rest_at_any_speed() -> None:
    speed = np.tile([0.0] * 10 + [20.0] * 10 + [100.0] * 10, 2)[None]
    there = presence(speed + 3)[0]  # 3: what the flow is unsure about
    assert there[:10].max() == 0
    assert there[10] > 0.75 * there[20]
    assert np.sqrt(np.square(there).mean()) == pytest.approx(10)
    np.testing.assert_allclose(presence(7 * speed), presence(speed))


def test_presence_of_what_never_changes() -> None:
    np.testing.assert_allclose(presence(np.array([[0.0, 0, 0], [5, 5, 5]])), [[0, 0, 0], [10, 10, 10]])


def test_strongest() -> None:
    speeds = np.array([[1.0, 1], [3, 3], [2, 2], [5, 5]])
    motions = Motions(speeds, np.array([0, 0, 1, 0]), speeds, np.zeros(4, int))
    assert motions.strongest(2).tolist() == [3, 1, 2]
    assert motions.count == 2
