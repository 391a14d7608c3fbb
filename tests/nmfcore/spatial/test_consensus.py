"""Several fits of one recording."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nmfcore import spatial
from nmfcore.models import Dictionary

Scenes = Callable[..., Any]


def test_the_mean_of_several_fits_beats_them_on_average(scene: Scenes) -> None:
    """Fits of noisy dictionaries: their errors are their own, the mean's are smaller."""
    given = scene(2, frames=300)
    rng = np.random.default_rng(3)
    models = []
    for turn in range(4):
        W = given.dictionary.W * rng.gamma(4.0, 0.25, given.dictionary.W.shape)
        noisy = Dictionary(W / W.sum(0), given.dictionary.sources, given.dictionary.blocks)
        models.append(
            spatial.fit(
                given.X, dictionary=noisy, variance_model="joint", R=given.blurred, lam=0.0, n_iter=30, n_inner=1,
                seed=turn,
            )
        )  # fmt: skip
    each = [given.sdr(spatial.wiener(given.X, one.v, one.R)) for one in models]
    joined = spatial.consensus(models)
    assert given.sdr(spatial.wiener(given.X, joined.v, joined.R)) > np.mean(each) + 0.1
    assert spatial.consensus(models[:1]) is models[0]
    with pytest.raises(ValueError, match=r"^models must name"):
        spatial.consensus([])
    with pytest.raises(ValueError, match=r"^models must be of one recording"):
        spatial.consensus([models[0], models[0].elsewhere()])
