"""Awkward recordings: no NaN, and images that add up to the mixture."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import spatial
from nmfcore.spatial.variances import MODELS

Array = NDArray[Any]
Scenes = Callable[..., Any]


def awkward(kind: str, X: Array) -> Array:
    """A good recording spoiled."""
    rng = np.random.default_rng(0)
    if kind == "identical channels":
        X[:] = X[0]
    elif kind == "a zero channel":
        X[1:] = 0
    elif kind == "silent frames and bins":
        X[:, :, 10:30], X[:, 2] = 0, 0
    elif kind == "dependent channels":
        X[-1] = X[:-1].sum(0) if len(X) > 1 else X[-1]
    elif kind == "one sound":
        X[:] = 0
        X[:, 3, 20] = 1
    elif kind == "twelve orders of level":
        X *= np.logspace(-6, 0, X.shape[2], dtype=np.float32)
        X[:, 4] *= np.float32(1e-6)
    elif kind == "one frame":
        X = X[:, :, :1]
    elif kind == "rounding noise between channels":
        X[:] = X[0] * (1 + 1e-7 * rng.standard_normal(X.shape)).astype(np.float32)
    return np.ascontiguousarray(X)


KINDS = (
    "identical channels",
    "a zero channel",
    "dependent channels",
    "silent frames and bins",
    "one sound",
    "twelve orders of level",
    "one frame",
    "rounding noise between channels",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variance_model", MODELS)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.filterwarnings("error")
def test_awkward_recordings_survive_in_float32(
    channels: int, variance_model: str, kind: str, backend: str, scene: Scenes
) -> None:
    given = scene(channels)
    X = awkward(kind, scene(channels, frames=61, dtype=np.complex64).X)
    for gain in (1e-8, 1.0, 1e6):
        louder = (gain * X).astype(np.complex64)
        model = spatial.fit(
            louder, R=given.R, n_iter=15, n_inner=3, seed=0, backend=backend, **given.options(variance_model)
        )
        assert np.isfinite(model.v).all()
        assert np.isfinite(model.R).all()
        assert np.isfinite(model.log_likelihood).all()
        assert np.linalg.eigvalsh(model.R).min() > 0
        images = spatial.wiener(louder, model.v, model.R, backend=backend)
        assert np.isfinite(images).all()
        np.testing.assert_allclose(images.sum(0), louder, atol=1e-5 * gain)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
@pytest.mark.parametrize("variance_model", MODELS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("error")
def test_awkward_recordings_survive_the_automatic_start(
    kind: str, variance_model: str, covariance: str, scene: Scenes
) -> None:
    given = scene(3)
    X = awkward(kind, scene(3, frames=61, dtype=np.complex64).X)
    model = spatial.fit(X, n_iter=6, n_inner=1, seed=0, covariance=covariance, **given.options(variance_model))
    assert np.isfinite(model.v).all()
    assert np.isfinite(model.R).all()
    assert np.isfinite(model.log_likelihood).all()
    images = spatial.wiener(X, model.v, model.R)
    np.testing.assert_allclose(images.sum(0), X, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_single_source_survives_too(kind: str, channels: int, backend: str, scene: Scenes) -> None:
    """Then Σ̂ = Ψ: whatever the recording lacks, R lacks."""
    X = awkward(kind, scene(channels, frames=61, dtype=np.complex64).X)
    R = np.tile(np.eye(channels), (1, 6, 1, 1))
    model = spatial.fit(X, R=R, n_iter=8, variance_model="free", sources=("a",), seed=0, backend=backend)
    assert np.isfinite(model.v).all()
    assert np.isfinite(model.R).all()
    assert np.linalg.eigvalsh(model.R).min() > 0
    np.testing.assert_allclose(spatial.wiener(X, model.v, model.R, backend=backend)[0], X, atol=1e-6)
