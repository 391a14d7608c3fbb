"""Jointly diagonalised covariances: likelihood, recovery, agreement with the full-rank model."""

import numpy as np
import pytest

from nmfcore import spatial
from nmfcore.models import Dictionary
from nmfcore.spatial.diagonal import Diagonal, jointly_diagonal
from nmfcore.spatial.variances import MODELS


def diagonalisable(sources: int, channels: int, bins: int, seed: int = 0) -> np.ndarray:
    """Covariances (J, F, I, I) that one transform per bin diagonalises."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((bins, channels, channels)) + 1j * rng.standard_normal((bins, channels, channels))
    g = rng.gamma(0.5, size=(sources, bins, channels)) + 0.02
    return spatial.regularized((A * g[..., None, :]) @ np.conj(np.swapaxes(A, -1, -2)), 1e-9)


def recording(R: np.ndarray, frames: int = 300, seed: int = 0) -> tuple[np.ndarray, Dictionary]:
    """Images (J, I, F, N) of two patterns per source, and the dictionary of them."""
    rng = np.random.default_rng(seed)
    count, bins, channels = R.shape[:3]
    W = rng.gamma(0.3, size=(bins, 2 * count)) + 1e-3
    W /= W.sum(0)
    H = rng.gamma(0.3, size=(2 * count, frames)) + 1e-4
    names = tuple("abcdefgh"[:count])
    rows = {name: slice(2 * j, 2 * j + 2) for j, name in enumerate(names)}
    v = np.stack([W[:, one] @ H[one] for one in rows.values()])
    white = rng.standard_normal((count, bins, frames, channels, 2)) @ [1, 1j] / np.sqrt(2)
    images = np.einsum("jfab,jfnb->jafn", np.linalg.cholesky(R), white) * np.sqrt(v)[:, None]
    return images, Dictionary(W, names, {name: (one,) for name, one in rows.items()})


def distortion(images: np.ndarray, estimates: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(np.abs(images) ** 2) / np.sum(np.abs(images - estimates) ** 2)))


@pytest.mark.parametrize(("sources", "channels"), [(2, 2), (2, 5), (3, 4), (4, 3)])
def test_what_is_jointly_diagonal_is_diagonalised(sources: int, channels: int) -> None:
    R = diagonalisable(sources, channels, 5)
    Q, g = jointly_diagonal(R)
    turned = Q @ R @ np.conj(np.swapaxes(Q, -1, -2))
    off = turned - turned * np.eye(channels)
    if sources == 2:
        assert np.abs(off).max() < 1e-6 * np.abs(turned).max()
    np.testing.assert_allclose(np.einsum("jfii->jfi", turned).real, g, rtol=1e-9, atol=1e-7 * float(g.max()))


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("variance_model", ["joint", "free"])
def test_likelihood_never_falls(variance_model: str, channels: int) -> None:
    R = diagonalisable(2, channels, 6)
    images, dictionary = recording(R, 80)
    options = {"sources": ("a", "b")} if variance_model == "free" else {"dictionary": dictionary, "lam": 0.0}
    model = spatial.fit(
        images.sum(0), variance_model=variance_model, covariance="diagonal", R=(R + np.eye(channels)) / 2,
        regularization=1e-12, n_iter=30, n_inner=1, seed=0, **options,
    )  # fmt: skip
    if channels > 1 or variance_model == "free":
        values = np.array(model.log_likelihood)
        assert np.diff(values).min() >= -1e-9 * np.abs(values).max()


def test_its_likelihood_and_gradient_are_those_of_the_covariances_it_stands_for(backend: str) -> None:
    from nmfcore import backends

    R = diagonalisable(3, 3, 4)
    images, _ = recording(R, 30)
    X = np.ascontiguousarray(images.sum(0))
    v = np.random.default_rng(1).gamma(1.0, size=(3, 4, 30)) + 0.1
    fast = Diagonal(X, R, R, np.zeros(3), 1e-9)
    engine = backends.get(backend)
    same = np.ascontiguousarray(fast.R)
    for got, want in zip(fast.gradient(v), engine.spatial_gradient(X, v, same), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)
    _, value = engine.spatial_step(X, v.copy(), same, None, True)
    assert fast.step(v, keep_v=True, move=False) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(("sources", "channels"), [(2, 4), (3, 5)])
def test_planted_sources_are_recovered(sources: int, channels: int) -> None:
    R = diagonalisable(sources, channels, 8, seed=2)
    images, dictionary = recording(R)
    X = images.sum(0)
    found = []
    for covariance in ("full", "diagonal"):
        model = spatial.fit(
            X, dictionary=dictionary, variance_model="joint", covariance=covariance, R=(R + np.eye(channels)) / 2,
            lam=0.0, n_iter=60, n_inner=1, seed=0,
        )  # fmt: skip
        np.testing.assert_allclose(np.trace(model.R, axis1=-2, axis2=-1), channels)
        found.append(distortion(images, spatial.wiener(X, model.v, model.R)))
    assert found[1] > found[0] - 1.0
    assert found[1] > distortion(images, np.stack([X] * sources) / sources) + 4


@pytest.mark.parametrize("variance_model", MODELS)
def test_every_variance_model_works_with_it_in_float32(variance_model: str) -> None:
    R = diagonalisable(2, 5, 6)
    images, dictionary = recording(R, 90)
    X = images.sum(0)
    options = {"dictionary": dictionary} if variance_model not in ("nmf", "free") else {"sources": ("a", "b")}
    options |= {"variance_model": variance_model, "covariance": "diagonal", "R": R, "n_iter": 10, "n_inner": 2}
    double = spatial.fit(X, seed=0, **options)
    single = spatial.fit(X.astype(np.complex64), seed=0, **options)
    assert single.v.dtype == np.float32
    assert single.log_likelihood[-1] == pytest.approx(double.log_likelihood[-1], rel=1e-3)
    one, other = (spatial.wiener(X, model.v, model.R) for model in (single, double))
    assert distortion(one, other) > 30


def test_evidence_for_the_start_holds_it() -> None:
    R = diagonalisable(2, 3, 6)
    images, dictionary = recording(diagonalisable(2, 3, 6, seed=9), 100)
    moved = []
    for prior in (0.0, 50.0, 1e5):
        model = spatial.fit(
            images.sum(0), dictionary=dictionary, variance_model="joint", covariance="diagonal", R=R, prior=prior,
            n_iter=15, n_inner=1, lam=0.0, seed=0,
        )  # fmt: skip
        moved.append(float(np.linalg.norm(model.R - R)))
    assert moved[0] > moved[1] > moved[2]
    assert moved[2] < 0.1 * moved[0]
