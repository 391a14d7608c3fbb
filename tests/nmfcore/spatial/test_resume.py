"""Fits that begin where an earlier one ended."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nmfcore import spatial
from nmfcore.spatial.variances import MODELS

Scenes = Callable[..., Any]


@pytest.mark.parametrize("variance_model", MODELS)
def test_em_goes_on_where_it_ended(variance_model: str, backend: str, scene: Scenes) -> None:
    given = scene(2)
    options = {"n_inner": 2, "seed": 0, "backend": backend, **given.options(variance_model)}
    if variance_model in ("separation", "joint", "denoising"):
        options["free"] = {"b": 2, "rest": 1}
    start = spatial.fit(given.X, n_iter=1, **options).R  # any start of the right size
    whole = spatial.fit(given.X, R=start, n_iter=7, **options)
    first = spatial.fit(given.X, R=start, n_iter=4, **options)
    rest = spatial.fit(given.X, resume=first, n_iter=3, **options)
    np.testing.assert_allclose(first.log_likelihood + rest.log_likelihood, whole.log_likelihood, rtol=1e-6)
    np.testing.assert_allclose(rest.v, whole.v, rtol=1e-4, atol=1e-6 * float(whole.v.mean()))
    np.testing.assert_allclose(rest.R, whole.R, atol=1e-5)
    assert set(rest.start.values()) == {"an earlier fit"}


def test_what_was_learned_serves_another_recording(backend: str, scene: Scenes) -> None:
    """Of another length: R and the free patterns are taken, the activations begin anew."""
    given, other = scene(2, frames=200), scene(2, frames=90)
    options = {"free": {"b": 2}, "lam": 0.0, "n_inner": 1, "seed": 0, "backend": backend, **given.options("joint")}
    first = spatial.fit(given.X, R=given.blurred, n_iter=20, **options)
    assert first.W is not None
    second = spatial.fit(other.X, resume=first, prior=np.inf, n_iter=1, n_start=0, **options)
    np.testing.assert_allclose(second.R, first.R, atol=1e-12)
    assert second.W is not None
    assert np.abs(second.W[:, 4:] - first.W[:, 4:]).max() < 0.2 < np.abs(first.W[:, 4:]).max()
    with pytest.raises(ValueError, match=r"^resume has sources"):
        spatial.fit(scene(3).X, resume=first, **options)
    with pytest.raises(ValueError, match=r"^resume has patterns W of shape \(6, 6\) and this fit \(6, 7\)"):
        spatial.fit(other.X, resume=first, **{**options, "free": {"b": 3}})
