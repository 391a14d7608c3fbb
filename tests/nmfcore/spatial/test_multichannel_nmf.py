"""Multichannel NMF (Sawada et al. 2013): majorisation, longer steps, and another program beside it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nmfcore import spatial

Scenes = Callable[..., Any]


def test_joint_patterns_without_a_dictionary_climb_the_likelihood(backend: str, scene: Scenes) -> None:
    """Multichannel NMF (Sawada et al. 2013)."""
    given = scene(3, frames=100)
    model = spatial.fit(
        given.X, variance_model="joint", sources=("a", "b"), n_components=2, n_iter=40, n_inner=1, R=given.blurred,
        regularization=1e-10, seed=0, backend=backend,
    )  # fmt: skip
    assert np.diff(model.log_likelihood).min() >= -1e-9 * abs(model.log_likelihood[0])
    assert model.log_likelihood[-1] > model.log_likelihood[0] + 100


def test_majorisation_of_the_covariances_climbs_higher(backend: str, scene: Scenes) -> None:
    """Where EM still crawls, the Riccati update has arrived; neither ever falls."""
    given = scene(3, frames=60)
    options = {"lam": 0.0, "n_inner": 1, "n_iter": 25, "regularization": 1e-10, "seed": 0, "backend": backend}
    start = np.stack([np.tile(np.eye(3), (6, 1, 1)), given.blurred[1]])
    em, mm = (
        np.array(spatial.fit(given.X, R=start, update=update, **options, **given.options("joint")).log_likelihood)
        for update in ("em", "mm")
    )
    for values in (em, mm):
        assert np.diff(values).min() >= -1e-9 * np.abs(values).max()
    assert mm[0] == em[0]
    assert mm[8] > em[8]
    assert mm[-1] > em[-1]


def test_longer_steps_arrive_sooner_and_never_fall(backend: str, scene: Scenes) -> None:
    """Multichannel NMF by over-relaxed steps, beside plain ones: a weak penalty keeps their length."""
    given = scene(3, frames=60)
    options = {"sources": ("a", "b"), "n_components": 3, "n_iter": 60, "seed": 0, "R": given.blurred}
    relaxed, plain = (np.array(spatial.fit(given.X, lam=lam, backend=backend, **options).log_likelihood)
                      for lam in (0.0, 1e-9))  # fmt: skip
    assert np.diff(relaxed).min() >= 0
    assert relaxed[:10] == pytest.approx(plain[:10], rel=1e-6)
    assert relaxed[25] > plain[25]


@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_is_at_least_that_of_another_program(seed: int, scene: Scenes) -> None:
    """Multichannel NMF by ssspy, from the same start and for as many iterations."""
    mnmf = pytest.importorskip("ssspy.bss.mnmf")
    given = scene(2, frames=80)
    rng = np.random.default_rng(seed)
    W, H = rng.uniform(0.1, 1, (2, 6, 2)), rng.uniform(0.1, 1, (2, 2, 80))
    R = given.blurred
    start = spatial.LocalGaussianModel(v=W @ H, R=R, sources=("a", "b"), log_likelihood=(), W=W, H=H)
    for n_iter in (5, 100):
        theirs = mnmf.GaussMNMF(2, 2, record_loss=False)
        theirs(given.X, n_iter=n_iter, basis=W.copy(), activation=H.copy(), spatial=R.copy())
        ours = spatial.fit(given.X, sources=("a", "b"), n_components=2, resume=start, n_iter=n_iter)
        reached = given.log_likelihood(theirs.basis @ theirs.activation, theirs.spatial)
        assert given.log_likelihood(ours.v, ours.R) >= reached - 1e-6 * abs(reached)


def test_copies_of_one_channel_survive_multichannel_nmf(backend: str, scene: Scenes) -> None:
    given = scene(2, frames=60)
    X = np.stack([given.X[0], given.X[0], given.X[1]]).astype(np.complex64)
    X[:, 2] = 0
    model = spatial.fit(X, sources=("a", "b"), n_components=2, n_iter=40, seed=0, backend=backend)
    assert np.isfinite(model.v).all()
    assert np.isfinite(spatial.wiener(X, model.v, model.R)).all()
