"""Where the variances of trained and learned patterns begin."""

import numpy as np
import pytest

from nmfcore.models import Dictionary
from nmfcore.spatial.variances import Separation, Sparsity

VOICE, HISS = np.array([[8.0, 4, 1, 1, 1, 1], [1, 1, 1, 1, 1.5, 9]])


@pytest.mark.parametrize("silent", [0, 5])
def test_what_examples_lack_is_sought_in_quiet_frames(silent: int) -> None:
    """Loud speech in a steady noise; digital silence in between is no spectrum to begin from."""
    rng = np.random.default_rng(0)
    level = 100 * (np.arange(200) % 10 < 6) * rng.gamma(2.0, size=200)
    power = VOICE[:, None] * level + HISS[:, None]
    power[:, :silent] = 0
    W = rng.dirichlet(np.ones(6), 4).T
    dictionary = Dictionary(W, ("speech", "noise"), {"speech": (slice(0, 2),), "noise": (slice(2, 4),)})
    model = Separation(dictionary, {"noise": 8, "other": 8}, Sparsity(), 0.0, 0, 1, rng, "reference")
    speech, noise, other = model.start(power[None])[:, 0]
    assert noise.mean(1) @ HISS > 0.8 * np.linalg.norm(noise.mean(1)) * np.linalg.norm(HISS)
    assert other.mean(1) @ VOICE > 0.9 * np.linalg.norm(other.mean(1)) * np.linalg.norm(VOICE)
    assert noise.mean() < 0.1 * speech.mean()
    assert other.mean() == pytest.approx(speech.mean())
