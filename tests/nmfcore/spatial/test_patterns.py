"""Spectral patterns: of examples, learned from the mixture, and few of many."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nmfcore import spatial
from nmfcore.models import Dictionary

Scenes = Callable[..., Any]


def test_free_patterns_take_what_has_no_examples(backend: str, scene: Scenes) -> None:
    """Source b without examples: two patterns learned from the mixture play its part."""
    given = scene(2, frames=400)
    only = Dictionary(given.dictionary.W[:, :2], ("a",), {"a": (slice(0, 2),)})
    model = spatial.fit(
        given.X, dictionary=only, free={"b": 2}, R=given.blurred, lam=0.0, n_iter=40, n_inner=5, seed=0,
        backend=backend,
    )  # fmt: skip
    assert model.sources == ("a", "b")
    estimates = spatial.wiener(given.X, model.v, model.R)
    assert given.sdr(estimates) > given.sdr(estimates[::-1]) + 4


@pytest.mark.parametrize("variance_model", ["joint", "separation", "denoising"])
def test_a_background_has_patterns_and_covariance_of_its_own(variance_model: str, backend: str, scene: Scenes) -> None:
    given = scene(2, frames=300)
    only = Dictionary(given.dictionary.W[:, :2], ("a",), {"a": (slice(0, 2),)})
    model = spatial.fit(
        given.X, dictionary=only, free={"background": 2}, variance_model=variance_model, R=given.blurred, lam=0.0,
        n_iter=30, n_inner=3, seed=0, backend=backend,
    )  # fmt: skip
    assert model.sources == ("a", "background")
    assert model.H is not None
    assert model.H.shape == (4, 300)
    estimates = spatial.wiener(given.X, model.v, model.R)
    assert given.sdr(estimates) > given.sdr(estimates[::-1]) + 3


@pytest.mark.parametrize("kind", ["block", "component", "mixed"])
@pytest.mark.parametrize("gamma", [0.0, 1.0, "1/G"])
@pytest.mark.parametrize("variance_model", ["joint", "separation", "denoising", "nmf"])
def test_sparsity_leaves_fewer_patterns(variance_model: str, gamma: float | str, kind: str, scene: Scenes) -> None:
    """A third example that is not in the mixture is used less for it."""
    given = scene(2, frames=80)
    rng = np.random.default_rng(5)
    W = np.hstack([given.dictionary.W, rng.dirichlet(np.ones(6), 2).T])
    dictionary = Dictionary(W, ("a", "b"), {"a": (slice(0, 2),), "b": (slice(2, 4), slice(4, 6))})
    options = {"variance_model": variance_model, "R": given.blurred, "n_iter": 8, "n_inner": 5, "seed": 0}
    if variance_model == "nmf":
        options |= {"sources": ("a", "b"), "n_components": 4}
    else:
        options |= {"dictionary": dictionary}
    plain, sparse = (spatial.fit(given.X, lam=lam, kind=kind, gamma=gamma, **options).H for lam in (0.0, 20.0))
    assert plain is not None
    assert sparse is not None
    assert (plain != sparse).any()
    if gamma == 0.0 and variance_model != "nmf":
        assert sparse[4:].sum() < plain[4:].sum()


def test_unsupervised_patterns_find_the_sources(backend: str, scene: Scenes) -> None:
    given = scene(2, frames=400)
    model = spatial.fit(given.X, R=given.blurred, n_iter=40, n_inner=5, seed=0, backend=backend, **given.options("nmf"))
    got = given.sdr(spatial.wiener(given.X, model.v, model.R))
    nothing = given.sdr(np.stack([given.X, given.X]) / 2)
    assert got > nothing + 2
