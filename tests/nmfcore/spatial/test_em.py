"""Estimation of the local Gaussian model: likelihood, recovery, invariants, starts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import spatial
from nmfcore.models import gssm_separate
from nmfcore.spatial.variances import MODELS

Array = NDArray[Any]
Scenes = Callable[..., Any]


@pytest.mark.parametrize("averaging", [(1, 1), (3, 3)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_likelihood_of_the_free_model_never_falls(
    channels: int, averaging: tuple[int, int], backend: str, scene: Scenes
) -> None:
    """Scale of R fixed in every iteration included."""
    given = scene(channels)
    for start in (given.blurred, np.stack([given.R[0], np.tile(np.eye(channels), (6, 1, 1))])):
        model = spatial.fit(
            given.X, R=start, n_iter=15, averaging=averaging, regularization=1e-10, seed=0, backend=backend,
            **given.options("free"),
        )  # fmt: skip
        values = np.array(model.log_likelihood)
        assert len(values) == 15
        assert np.diff(values).min() >= -1e-10 * np.abs(values).max()
        assert values[-1] > values[0] or channels == 1  # one channel without averaging starts at its best


def test_likelihood_of_the_joint_model_never_falls(backend: str, scene: Scenes) -> None:
    """Majorisation–minimisation of patterns and EM of R, without sparsity, which is no part of the value."""
    given = scene(3)
    model = spatial.fit(
        given.X, R=given.blurred, n_iter=30, n_inner=1, lam=0.0, free={"b": 2}, regularization=1e-10,
        seed=0, backend=backend, **given.options("joint"),
    )  # fmt: skip
    values = np.array(model.log_likelihood)
    assert np.diff(values).min() >= -1e-9 * np.abs(values).max()


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("variance_model", MODELS)
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_parameters_keep_their_form(
    channels: int, variance_model: str, dtype: type, backend: str, scene: Scenes
) -> None:
    given = scene(channels, dtype=dtype)
    model = spatial.fit(
        1e-3 * given.X, R=given.blurred, n_iter=4, n_inner=3, seed=0, backend=backend,
        **given.options(variance_model),
    )  # fmt: skip
    assert model.sources == ("a", "b")
    assert model.v.shape == given.v.shape
    assert model.R.shape == given.R.shape
    assert model.v.dtype == given.X.real.dtype or backend == "reference"
    assert (model.v > 0).all()
    np.testing.assert_allclose(model.R, np.conj(np.swapaxes(model.R, -1, -2)), atol=1e-12)
    np.testing.assert_allclose(np.trace(model.R, axis1=-2, axis2=-1), channels)
    values = np.linalg.eigvalsh(model.R)
    assert (values[..., 0] >= 0.99e-5 * values[..., -1]).all()
    # Variances are at the scale of the mixture's power.
    assert 0.2 < model.v.sum(0).mean() / np.mean(np.abs(1e-3 * given.X) ** 2) < 5
    images = spatial.wiener(1e-3 * given.X, model.v, model.R, backend=backend)
    np.testing.assert_allclose(images.sum(0), 1e-3 * given.X, atol=1e-8 if dtype == np.complex64 else 1e-16)


@pytest.mark.parametrize("variance_model", ["separation", "denoising", "joint"])
@pytest.mark.parametrize("channels", [2, 3])
def test_planted_parameters_are_recovered(channels: int, variance_model: str, backend: str, scene: Scenes) -> None:
    """Patterns known, samples of the model: R and v come near the planted ones, images near the oracle's."""
    given = scene(channels, frames=400)
    model = spatial.fit(
        given.X, R=given.blurred, lam=0.0, n_iter=40, n_inner=1 if variance_model == "joint" else 5,
        seed=0, backend=backend, **given.options(variance_model),
    )  # fmt: skip
    error = np.linalg.norm(model.R - given.R, axis=(-2, -1)) / np.linalg.norm(given.R, axis=(-2, -1))
    before = np.linalg.norm(given.blurred - given.R, axis=(-2, -1)) / np.linalg.norm(given.R, axis=(-2, -1))
    assert np.median(error) < 0.6 * np.median(before)
    assert np.corrcoef(np.log(model.v[0]).ravel(), np.log(given.v[0]).ravel())[0, 1] > 0.5
    oracle = given.sdr(spatial.wiener(given.X, given.v, given.R))
    got = given.sdr(spatial.wiener(given.X, model.v, model.R))
    assert got > oracle - 3.5
    swapped = given.sdr(spatial.wiener(given.X, model.v, model.R)[::-1])
    assert got > swapped + 5


@pytest.mark.parametrize("variance_model", MODELS)
def test_variances_obey_their_model(variance_model: str, backend: str, scene: Scenes) -> None:
    given = scene(2)
    model = spatial.fit(
        given.X, R=given.blurred, lam=0.0 if variance_model == "free" else 0.1, n_iter=3, n_inner=3, seed=0,
        backend=backend, **given.options(variance_model),
    )  # fmt: skip
    level = np.mean(np.abs(given.X) ** 2)
    for j, rows in enumerate((slice(0, 2), slice(2, 4))):
        rank = np.linalg.matrix_rank(model.v[j], tol=1e-6 * float(model.v[j].max()))
        assert rank == 6 if variance_model == "free" else rank <= 2
        if variance_model in ("separation", "joint"):
            assert model.W is not None
            assert model.H is not None
            np.testing.assert_array_equal(model.W, given.dictionary.W)
        if variance_model == "separation":
            np.testing.assert_allclose(model.v[j], level * model.W[:, rows] @ model.H[rows], rtol=1e-6, atol=1e-11)


def test_one_channel_is_the_single_channel_model(backend: str, scene: Scenes) -> None:
    """With one channel "separation" is Itakura–Saito NMF of the power with the same patterns."""
    given = scene(1, bins=20, frames=50)
    model = spatial.fit(given.X, lam=0.0, n_iter=60, n_inner=20, seed=0, backend=backend, **given.options("separation"))
    power = np.abs(given.X[0]) ** 2
    want = gssm_separate(power, given.dictionary, lam=0.0, n_iter=1200, seed=1, backend=backend).parts
    for j, name in enumerate(("a", "b")):
        np.testing.assert_allclose(model.v[j], want[name], rtol=0.02, atol=1e-4 * float(power.mean()))
    np.testing.assert_array_equal(model.R, np.ones((2, 20, 1, 1)))


def test_fixed_covariances(backend: str, scene: Scenes) -> None:
    given = scene(2)
    start = spatial.regularized(given.blurred, 1e-5)
    options = {
        "R": start,
        "n_iter": 4,
        "n_inner": 2,
        "seed": 0,
        "backend": backend,
        **given.options("separation"),
    }
    np.testing.assert_allclose(spatial.fit(given.X, n_fixed=4, **options).R, start, atol=1e-9)
    np.testing.assert_allclose(spatial.fit(given.X, prior=np.inf, **options).R, start, atol=1e-9)
    moved = np.linalg.norm(spatial.fit(given.X, **options).R - start)
    held = np.linalg.norm(spatial.fit(given.X, prior=[200.0, 200.0], **options).R - start)
    assert 0 < held < 0.7 * moved


def test_initial_variances_are_used(backend: str, scene: Scenes) -> None:
    given = scene(2)
    common = {"R": given.R, "n_iter": 1, "seed": 0, "backend": backend, **given.options("free")}
    planted = spatial.fit(given.X, v=given.v, **common).log_likelihood[0]
    assert planted != spatial.fit(given.X, **common).log_likelihood[0]
    level = np.mean(np.abs(given.X) ** 2)
    expected = replace(given, images=given.images / np.sqrt(level)).log_likelihood(given.v / level, given.R)
    assert planted == pytest.approx(expected, rel=1e-4)


def test_covariances_may_be_made_from_the_first_variances(backend: str, scene: Scenes) -> None:
    given = scene(2)
    seen: list[Array] = []

    def make(v: Array) -> Array:
        seen.append(v.copy())
        return given.blurred

    options = {"n_iter": 2, "seed": 0, "backend": backend, **given.options("separation")}
    made = spatial.fit(given.X, R=make, **options)
    np.testing.assert_array_equal(made.R, spatial.fit(given.X, R=given.blurred, **options).R)
    assert [v.shape for v in seen] == [given.v.shape]


@pytest.mark.parametrize("variance_model", MODELS)
def test_backends_agree(variance_model: str, backend: str, scene: Scenes) -> None:
    given = scene(3)
    options = {"R": given.blurred, "n_iter": 4, "n_inner": 3, "seed": 0, **given.options(variance_model)}
    for dtype, tolerance in ((np.complex128, 1e-6), (np.complex64, 2e-2)):
        want = spatial.fit(given.X, backend="reference", **options)
        got = spatial.fit(given.X.astype(dtype), backend=backend, **options)
        np.testing.assert_allclose(got.R, want.R, atol=tolerance)
        np.testing.assert_allclose(got.v, want.v, rtol=tolerance, atol=tolerance * float(want.v.mean()))
        np.testing.assert_allclose(got.log_likelihood, want.log_likelihood, rtol=1e-3 * tolerance, atol=tolerance)


@pytest.mark.parametrize("variance_model", MODELS)
def test_the_seed_decides_and_inputs_are_not_changed(variance_model: str, backend: str, scene: Scenes) -> None:
    given = scene(2)
    X, R, v = given.X, given.blurred, given.v.copy()
    for array in (X, R, v, given.dictionary.W):
        array.flags.writeable = False
    options = {"R": R, "n_iter": 2, "n_inner": 2, "backend": backend, **given.options(variance_model)}
    first, second = (spatial.fit(X, v=v, seed=3, **options) for _ in range(2))
    np.testing.assert_array_equal(first.R, second.R)
    np.testing.assert_array_equal(first.v, second.v)
    assert (spatial.fit(X, seed=3, **options).v != spatial.fit(X, seed=4, **options).v).any()


def test_the_callback_watches_and_stops(backend: str, scene: Scenes) -> None:
    given = scene(2)
    calls: list[tuple[int, float]] = []

    def watch(iteration: int, value: float) -> bool:
        calls.append((iteration, value))
        return iteration == 3

    options = {"R": given.blurred, "seed": 0, "backend": backend, **given.options("separation")}
    model = spatial.fit(given.X, n_iter=10, callback=watch, **options)
    assert [i for i, _ in calls] == [1, 2, 3]
    assert tuple(value for _, value in calls) == model.log_likelihood
    np.testing.assert_array_equal(model.R, spatial.fit(given.X, n_iter=3, **options).R)


def test_without_covariances_the_start_is_chosen_and_named(backend: str, scene: Scenes) -> None:
    """Trained sources start from their direct paths, untrained ones from clusters; either finds them."""
    given = scene(2, frames=400)
    model = spatial.fit(given.X, lam=0.0, n_iter=30, n_inner=1, seed=0, backend=backend, **given.options("joint"))
    assert set(model.start.values()) == {"its direct path as it is heard"}
    got = given.sdr(spatial.wiener(given.X, model.v, model.R))
    assert got > given.sdr(spatial.wiener(given.X, given.v, given.R)) - 4
    blind = spatial.fit(given.X, variance_model="nmf", sources=("a", "b"), n_iter=2, seed=0, backend=backend)
    assert set(blind.start.values()) == {"a cluster of the mixture"}
    assert spatial.fit(given.X, R=given.R, n_iter=1, **given.options("free")).start == {"a": "given", "b": "given"}


def test_annealed_noise_ends_near_where_none_does(backend: str, scene: Scenes) -> None:
    given = scene(2, frames=200)
    options = {"lam": 0.0, "n_inner": 1, "n_iter": 40, "seed": 0, "backend": backend, **given.options("joint")}
    plain = spatial.fit(given.X, R=given.blurred, **options)
    annealed = spatial.fit(given.X, R=given.blurred, noise=(0.1, 1e-7), **options)
    assert annealed.v.shape == plain.v.shape
    assert annealed.log_likelihood[0] != plain.log_likelihood[0]
    oracle = given.sdr(spatial.wiener(given.X, given.v, given.R))
    assert given.sdr(spatial.wiener(given.X, annealed.v, annealed.R)) > oracle - 3.5


def test_snr_is_that_of_the_planted_sources(scene: Scenes) -> None:
    given = scene(2, frames=400)
    model = spatial.fit(given.X, R=given.R, lam=0.0, n_iter=20, n_inner=1, seed=0, **given.options("joint"))
    true = 10 * np.log10(np.sum(np.abs(given.images[0]) ** 2) / np.sum(np.abs(given.images[1]) ** 2))
    assert model.snr()["a"] == pytest.approx(true, abs=1.0)
    assert model.snr()["b"] == pytest.approx(-model.snr()["a"])


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_sixteen_channels(covariance: str, scene: Scenes) -> None:
    given = scene(16, bins=4, frames=150, dtype=np.complex64)
    model = spatial.fit(
        given.X, R=given.blurred, lam=0.0, n_iter=10, n_inner=1, seed=0, covariance=covariance,
        **given.options("joint"),
    )  # fmt: skip
    assert model.log_likelihood[-1] > model.log_likelihood[0]
    assert given.sdr(spatial.wiener(given.X, model.v, model.R)) > 5
