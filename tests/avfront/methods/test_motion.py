"""The methods of separation by motion on components that are known, and what their settings refuse."""

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.methods.motion import NAMES, ByMotion, separate
from avfront.motion.motions import Motions


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
    heard = separate(W @ H, motions, ByMotion(name, components=components, restarts=3), rate=16000, seed=0)
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


def test_settings_are_checked() -> None:
    for wrong in ({"restarts": 0}, {"iterations": 0}, {"components": 0}):
        with pytest.raises(AvfrontError, match="is too few"):
            ByMotion(**wrong)
