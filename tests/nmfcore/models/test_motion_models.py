"""Models that share components out among sources: planted sources, batches, silence, bad arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import models
from nmfcore.masks import wiener
from nmfcore.models.mel_clustering import mel_filters

Array = NDArray[Any]


def scene(seed: int = 0, bins: int = 60, frames: int = 90) -> tuple[Array, Array, Array]:
    """Two sources of two components each, (2, F, N); and the activations behind them (4, N), which move them."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.15, size=(bins, 4)) + 1e-4
    H = rng.gamma(0.5, size=(4, frames)) * (rng.random((4, frames)) < 0.5) + 1e-3
    parts = np.stack([W[:, :2] @ H[:2], W[:, 2:] @ H[2:]])
    return parts, H, W


def error(parts: Array, truth: Array) -> float:
    """Energy of what soft masks assign wrongly, relative to all."""
    images = wiener(truth.sum(0), parts)
    return float(((images - truth) ** 2).sum() / (truth**2).sum())


MODELS: dict[str, Callable[..., Any]] = {
    "soft-coupled": lambda V, H, **o: models.soft_coupled_nmf(V, H, [0, 0, 1, 1], **o),
    "motion-init": lambda V, H, **o: models.motion_init_nmf(V, H, [0, 0, 1, 1], **o),
    "motion-clustering": lambda V, H, **o: models.motion_clustering(V, H.reshape(2, 2, -1).sum(1), **o),
    **{
        f"regression-{name}": lambda V, H, name=name, **o: models.cross_modal_regression(  # type: ignore[misc]
            V,
            H.T * [1, 1, 1, 1.5],
            [0, 0, 1, 1],
            method=name.partition("-")[0],
            start=name.partition("-")[2] or "nmf",
            n_components=6,
            **o,
        )
        for name in ("ls", "sparse", "joint-nmf", "joint-random")
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_recovers_the_sources(name: str, backend: str) -> None:
    truth, H, _ = scene()
    fit = MODELS[name](truth.sum(0), H, seed=0, backend=backend)
    assert fit.n_sources == 2
    assert error(fit.parts(), truth) < 0.05
    assert error(fit.parts()[::-1], truth) > 0.5
    np.testing.assert_allclose(fit.parts().sum(0), fit.W @ fit.H, rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_forms_seeds_and_silence(name: str, backend: str) -> None:
    """A list of different lengths in single precision, one of them silent; a batch; the same twice."""
    truth, H, _ = scene()
    V = truth.sum(0)
    model = MODELS[name]
    options = {"n_iter": 8, "n_restarts": 2, "seed": 3, "backend": backend}
    one, other = (model(V, H, **options) for _ in range(2))
    np.testing.assert_array_equal(one.H, other.H)
    batch = model(np.stack([V, 2 * V]), H, **options)
    assert batch.parts().shape == (2, 2, *V.shape)
    assert batch.labels.shape == batch.W.shape[::2]
    quiet = model([np.zeros_like(V, np.float32), V.astype(np.float32)], H, **options)
    for part, w in zip(quiet.parts(), quiet.W, strict=True):
        assert part.shape == (2, *V.shape)
        assert w.dtype == (np.float64 if backend == "reference" else np.float32)
        assert np.isfinite(part).all()
    assert len(quiet.labels) == 2


def test_soft_coupled_settings(backend: str) -> None:
    truth, H, _ = scene()
    V = truth.sum(0)
    fit = models.soft_coupled_nmf(V, H, n_components=6, seed=0, backend=backend)
    assert fit.labels.tolist() == [0, 1, 2, 3, 4, 4]
    assert fit.n_sources == 5
    np.testing.assert_array_equal(fit.scale[4:], 0)
    assert (fit.scale[:4] > 0).all()
    np.testing.assert_allclose(fit.W.sum(0), 1, rtol=1e-9)
    loose, strict = (
        models.soft_coupled_nmf(V, H, alpha=alpha, smoothness=0.0, seed=0, backend=backend) for alpha in (0.0, 100.0)
    )
    away = [float(np.abs(one.H - one.scale[:, None] * H).sum() / one.H.sum()) for one in (loose, strict)]
    assert away[1] < 1e-3 < away[0]


def test_soft_coupling_never_rises(backend: str) -> None:
    truth, H, _ = scene()
    seen: list[Array] = []
    models.soft_coupled_nmf(
        truth.sum(0), H[::-1], seed=0, tol=1e-12, backend=backend, callback=lambda _, v: seen.append(v.copy())
    )
    assert (np.diff(np.array(seen), axis=0) <= 1e-9 * seen[0]).all()


@pytest.mark.parametrize("method", ["ls", "sparse", "joint"])
def test_the_sounding_motion_is_found(method: str, backend: str) -> None:
    """Each source has one motion that follows its sound, and a distractor that moves by itself."""
    truth, H, _ = scene()
    rng = np.random.default_rng(7)
    own = H.reshape(2, 2, -1).sum(1)
    M = np.stack([rng.gamma(0.5, size=own.shape[1]), own[0], own[1], rng.gamma(0.5, size=own.shape[1])], axis=1)
    fit = models.cross_modal_regression(
        truth.sum(0), M, [0, 0, 1, 1], method=method, n_components=4, seed=0, backend=backend
    )
    assert fit.sounding.tolist() == [1, 2]
    assert fit.A.shape == (4, 4)
    assert fit.clusters.shape == (4,)
    assert error(fit.parts(), truth) < 0.05


def test_least_squares_is_least_squares() -> None:
    truth, H, _ = scene()
    fit = models.cross_modal_regression(truth.sum(0), H.T, method="ls", n_components=4, seed=0)
    slope = fit.H @ (fit.H.T @ fit.A - H.T)  # ≥ 0 where A = 0, else 0
    assert (np.abs(fit.A * slope) < 1e-2 * np.abs(fit.A * (fit.H @ H.T)).max()).all()
    sparse = models.cross_modal_regression(truth.sum(0), H.T, method="sparse", mu=50.0, n_components=4, seed=0)
    assert sparse.A.sum() < fit.A.sum()


def test_mel_clustering(backend: str) -> None:
    """Two instruments: harmonics of different pitches under two envelopes."""
    rng = np.random.default_rng(0)
    rate, bins = 16000, 513
    hertz = np.linspace(0, rate / 2, bins)
    envelopes = [np.exp(-hertz / 600), np.exp(-(((hertz - 3500) / 900) ** 2))]
    patterns = []
    for envelope in envelopes:
        for pitch in (220, 277, 330):
            comb = sum(np.exp(-(((hertz - k * pitch) / 20) ** 2)) for k in range(1, 30))
            patterns.append(envelope * comb)
    W = np.stack(patterns, axis=1)
    H = rng.gamma(0.3, size=(6, 80))
    truth = np.stack([W[:, :3] @ H[:3], W[:, 3:] @ H[3:]])
    fit = models.mel_clustering(truth.sum(0) + 1e-6, 2, rate, n_components=6, seed=0, backend=backend)
    assert min(error(fit.parts(), truth), error(fit.parts()[::-1], truth)) < 0.05
    pair = models.mel_clustering([truth.sum(0), np.zeros((513, 9))], 2, rate, n_iter=5, seed=0, backend=backend)
    assert [one.shape for one in pair.parts()] == [(2, 513, 80), (2, 513, 9)]


@pytest.mark.parametrize("bands", [1, 20, 200])
def test_mel_filters(bands: int) -> None:
    filters = mel_filters(257, 16000, bands)
    assert filters.shape == (bands, 257)
    assert (filters.sum(1) > 0).all()
    assert filters.min() >= 0
    assert filters.max() <= 1
    assert (np.diff(filters.argmax(1)) >= 0).all()


def test_bad_arguments() -> None:
    truth, H, _ = scene()
    V = truth.sum(0)
    with pytest.raises(ValueError, match=r"^motion has 89 frames where V has 90"):
        models.soft_coupled_nmf(V, H[:, 1:])
    with pytest.raises(ValueError, match=r"^motion must hold finite nonnegative"):
        models.motion_init_nmf(V, -H)
    with pytest.raises(ValueError, match=r"^n_components=3 must be at least the 4 rows"):
        models.soft_coupled_nmf(V, H, n_components=3)
    with pytest.raises(ValueError, match=r"^sources must name a source 0, 1, … for each of 4"):
        models.soft_coupled_nmf(V, H, [0, 1])
    with pytest.raises(ValueError, match=r"^sources=\[0, 2, 2, 2\] must use every number"):
        models.motion_init_nmf(V, H, [0, 2, 2, 2])
    with pytest.raises(ValueError, match=r"^motion must be a list of 2 arrays"):
        models.motion_clustering([V, V], [H])
    with pytest.raises(ValueError, match=r"^motion must have as many rows"):
        models.motion_clustering([V, V], [H, H[1:]])
    with pytest.raises(ValueError, match=r"^M has 4 frames where V has 90"):
        models.cross_modal_regression(V, H)
    with pytest.raises(ValueError, match=r"^M must have as many columns"):
        models.cross_modal_regression([V, V], [H.T, H.T[:, 1:]])
    with pytest.raises(ValueError, match=r"^method='nnls'"):
        models.cross_modal_regression(V, H.T, method="nnls")
    with pytest.raises(ValueError, match=r"^start='zero'"):
        models.cross_modal_regression(V, H.T, start="zero")
    with pytest.raises(ValueError, match=r"^mu=1.0 has no place"):
        models.cross_modal_regression(V, H.T, method="ls", mu=1.0)
    with pytest.raises(ValueError, match=r"^rate=0"):
        models.mel_clustering(V, 2, 0)
    with pytest.raises(ValueError, match=r"^n_sources=0"):
        models.mel_clustering(V, 0, 16000)
