"""Recordings of one shape, fitted and filtered together."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import spatial
from nmfcore.models import Dictionary

Array = NDArray[Any]
BINS, FRAMES = 6, 25
W = np.random.default_rng(1).dirichlet(np.full(BINS, 0.3), 4).T
DICTIONARY = Dictionary(W, ("a", "b"), {"a": (slice(0, 2),), "b": (slice(2, 4),)})
BLIND = {"sources": ("a", "b"), "n_components": 2}
MODELS: dict[str, dict[str, Any]] = {
    "separation": {"dictionary": DICTIONARY, "n_start": 3},
    "free patterns": {"dictionary": DICTIONARY, "free": {"b": 1, "else": 2}, "smoothing": 0.3, "lam": 1.0},
    "denoising": {"dictionary": DICTIONARY, "variance_model": "denoising", "free": {"a": 1}},
    "joint": {"dictionary": DICTIONARY, "variance_model": "joint", "free": {"b": 1}, "lam": 1.0},
    "joint, blind": {"variance_model": "joint", **BLIND},
    "nmf by EM": {"variance_model": "nmf", "update": "em", **BLIND},
    "multichannel NMF": {"variance_model": "nmf", "lam": 0.1, **BLIND},
    "free": {"variance_model": "free", "sources": ("a", "b")},
    "diagonal": {"dictionary": DICTIONARY, "covariance": "diagonal", "prior": 3.0},
    "noise, averaged": {"dictionary": DICTIONARY, "noise": (0.1, 0.01), "averaging": (1, 3)},
}


def mixtures(count: int = 3, channels: int = 2) -> Array:
    """Recordings of very different levels."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((count, channels, BINS, FRAMES, 2)) @ [1, 1j]
    X *= np.sqrt(rng.gamma(0.3, size=(count, 1, BINS, FRAMES)))
    return np.asarray(X * 10.0 ** np.arange(count)[:, None, None, None])


@pytest.mark.parametrize("name", MODELS)
def test_each_is_what_it_would_be_alone(name: str, backend: str) -> None:
    X, options = mixtures(), {"n_iter": 4, "seed": 0, "backend": backend, **MODELS[name]}
    together = spatial.fit(X, **options)
    assert together.v.shape == (3, len(together.sources), BINS, FRAMES)
    for b, one in enumerate(X):
        got, alone = together.recording(b), spatial.fit(one, **options)
        for part in ("v", "R", "W", "H", "gain", "level"):
            want = getattr(alone, part)
            if want is not None:
                np.testing.assert_allclose(getattr(got, part), want, rtol=1e-9, atol=1e-12 * np.abs(want).max())
        np.testing.assert_allclose(got.log_likelihood, alone.log_likelihood, rtol=1e-9)
        assert got.start == alone.start


def test_a_longer_step_is_taken_back_where_it_fell_and_only_there(backend: str) -> None:
    """Enough iterations for steps to be stretched, and for some recordings to overshoot."""
    X, options = mixtures(4), {"n_iter": 60, "seed": 3, "backend": backend, **MODELS["multichannel NMF"], "lam": 0.0}
    together = spatial.fit(X, **options)
    for b, one in enumerate(X):
        alone = np.array(spatial.fit(one, **options).log_likelihood)
        np.testing.assert_allclose(together.recording(b).log_likelihood, alone, rtol=1e-6)
        assert (np.diff(alone) > -1e-9 * np.abs(alone[0])).all()


def test_going_on_is_one_longer_fit(backend: str) -> None:
    X, options = mixtures(), {"seed": 0, "backend": backend, **MODELS["joint"]}
    first = spatial.fit(X, n_iter=3, **options)
    rest = spatial.fit(X, n_iter=2, resume=first, **options)
    np.testing.assert_allclose(rest.v, spatial.fit(X, n_iter=5, **options).v, rtol=1e-6)
    assert rest.start["a"] == ("an earlier fit",) * 3
    with pytest.raises(ValueError, match="resume has sources"):
        spatial.fit(X[:2], resume=first, **options)


def test_starts_are_each_recordings_own() -> None:
    X, common = mixtures(), {"n_iter": 1, "seed": 0, **MODELS["separation"]}
    starts = [spatial.Start(one, ("a", "b"), kind="weights") for one in X]
    R = np.stack([spatial.fit(one, R=start, **common).R for one, start in zip(X, starts, strict=True)])
    np.testing.assert_allclose(spatial.fit(X, R=starts, **common).R, R, rtol=1e-9)
    given = np.tile(np.eye(2), (3, 2, BINS, 1, 1)) + np.array([0.0, 0.2, 0.4])[:, None, None, None, None]
    for b in range(3):
        alone = spatial.fit(X[b], R=given[b], **common)
        np.testing.assert_allclose(spatial.fit(X, R=given, **common).R[b], alone.R, rtol=1e-9)
        if b == 0:
            np.testing.assert_allclose(spatial.fit(X, R=given[0], **common).R[0], alone.R, rtol=1e-9)
    with pytest.raises(ValueError, match="R must be a list of functions for a batch"):
        spatial.fit(X, R=starts[0], **common)
    with pytest.raises(ValueError, match="R is for 2 recordings, but X holds 3"):
        spatial.fit(X, R=starts[:2], **common)


def test_filters(backend: str) -> None:
    X = mixtures(channels=3)
    rng = np.random.default_rng(2)
    v = rng.gamma(1.0, size=(3, 2, BINS, FRAMES))
    R = spatial.regularized(np.tile(np.eye(3), (3, 2, BINS, 1, 1)) + rng.random((3, 2, BINS, 1, 1)))
    images = spatial.wiener(X, v, R, backend=backend)
    assert images.shape == (3, 2, 3, BINS, FRAMES)
    for b in range(3):
        np.testing.assert_allclose(images[b], spatial.wiener(X[b], v[b], R[b], backend=backend), rtol=1e-12)
    with pytest.raises(ValueError, match="behind the batch axis of X"):
        spatial.wiener(X, v[0], R[0])


def test_one_silent_recording_is_named_and_a_callback_sees_all() -> None:
    X = mixtures()
    seen: list[Any] = []
    spatial.fit(X, n_iter=3, callback=lambda n, value: seen.append(value) or n == 2, **MODELS["free"])
    assert [value.shape for value in seen] == [(3,), (3,)]
    assert set(spatial.fit(X, n_iter=1, **MODELS["free"]).snr()) == {"a", "b"}
    X[1] = 0
    with pytest.raises(ValueError, match=r"X\[1\] is silent"):
        spatial.fit(X, **MODELS["free"])
    with pytest.raises(ValueError, match="the model of one recording"):
        spatial.fit(X[0], n_iter=1, **MODELS["free"]).recording(0)


def test_one_channel(backend: str) -> None:
    X = mixtures(channels=1)
    together = spatial.fit(X, n_iter=2, seed=0, backend=backend, **MODELS["separation"])
    for b in range(3):
        alone = spatial.fit(X[b], n_iter=2, seed=0, backend=backend, **MODELS["separation"])
        np.testing.assert_allclose(together.v[b], alone.v, rtol=1e-9)
