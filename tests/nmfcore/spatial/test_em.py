"""Estimation of the local Gaussian model: likelihood, recovery, invariants, awkward recordings, errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import spatial
from nmfcore.models import Dictionary, gssm_separate
from nmfcore.spatial.variances import MODELS

Array = NDArray[Any]


@dataclass(frozen=True)
class Scene:
    """Samples of the model and what they were drawn from."""

    images: Array  # (J, I, F, N)
    v: Array
    R: Array
    dictionary: Dictionary

    @property
    def X(self) -> Array:
        return np.asarray(self.images.sum(0))

    def options(self, variance_model: str) -> dict[str, Any]:
        if variance_model in ("free", "nmf"):
            return {"variance_model": variance_model, "sources": self.dictionary.sources, "n_components": 2}
        return {"variance_model": variance_model, "dictionary": self.dictionary}


def scene(channels: int = 2, bins: int = 6, frames: int = 60, dtype: type = np.complex128, seed: int = 0) -> Scene:
    """Two sources of two patterns each, which are the dictionary."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Array:
        return np.asarray((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * np.sqrt(0.5))

    W = rng.gamma(0.3, size=(bins, 4)) + 1e-3
    W /= W.sum(0)
    H = rng.gamma(0.3, size=(4, frames)) + 1e-4
    v = np.stack([W[:, :2] @ H[:2], W[:, 2:] @ H[2:]])
    A = normal(2, bins, channels, channels)
    R = spatial.regularized(A @ np.conj(np.swapaxes(A, -1, -2)) + 0.05 * np.eye(channels))
    images = np.einsum("jfab,jfnb->jafn", np.linalg.cholesky(R), normal(2, bins, frames, channels))
    dictionary = Dictionary(W, ("a", "b"), {"a": (slice(0, 2),), "b": (slice(2, 4),)})
    return Scene((images * np.sqrt(v)[:, None]).astype(dtype), v, R, dictionary)


def blurred(R: Array) -> Array:
    """A start that knows something, but not all."""
    return (R + np.eye(R.shape[-1])) / 2


def log_likelihood(X: Array, v: Array, R: Array) -> float:
    """Of a mixture, point by point as the formula stands."""
    cov = np.einsum("jfn,jfab->fnab", v, R)
    x = np.moveaxis(X, 0, -1)[..., None]
    terms = (x.conj().swapaxes(-1, -2) @ np.linalg.solve(cov, x)).real[..., 0, 0] + np.linalg.slogdet(np.pi * cov)[1]
    return float(-terms.sum())


def distortion(images: Array, estimates: Array) -> float:
    """SDR of all images together, dB."""
    return float(10 * np.log10(np.sum(np.abs(images) ** 2) / np.sum(np.abs(images - estimates) ** 2)))


# ---- what it computes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("averaging", [(1, 1), (3, 3)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_likelihood_of_the_free_model_never_falls(channels: int, averaging: tuple[int, int], backend: str) -> None:
    """Scale of R fixed in every iteration included."""
    given = scene(channels)
    for start in (blurred(given.R), np.stack([given.R[0], np.tile(np.eye(channels), (6, 1, 1))])):
        model = spatial.fit(
            given.X, R=start, n_iter=15, averaging=averaging, regularization=1e-10, seed=0, backend=backend,
            **given.options("free"),
        )  # fmt: skip
        values = np.array(model.log_likelihood)
        assert len(values) == 15
        assert np.diff(values).min() >= -1e-10 * np.abs(values).max()
        assert values[-1] > values[0] or channels == 1  # one channel without averaging starts at its best


def test_likelihood_of_the_joint_model_never_falls(backend: str) -> None:
    """Majorisation–minimisation of patterns and EM of R, without sparsity, which is no part of the value."""
    given = scene(3)
    model = spatial.fit(
        given.X, R=blurred(given.R), n_iter=30, n_inner=1, lam=0.0, free={"b": 2}, regularization=1e-10,
        seed=0, backend=backend, **given.options("joint"),
    )  # fmt: skip
    values = np.array(model.log_likelihood)
    assert np.diff(values).min() >= -1e-9 * np.abs(values).max()


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("variance_model", MODELS)
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_parameters_keep_their_form(channels: int, variance_model: str, dtype: type, backend: str) -> None:
    given = scene(channels, dtype=dtype)
    model = spatial.fit(
        1e-3 * given.X, R=blurred(given.R), n_iter=4, n_inner=3, seed=0, backend=backend,
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
def test_planted_parameters_are_recovered(channels: int, variance_model: str, backend: str) -> None:
    """Patterns known, samples of the model: R and v come near the planted ones, images near the oracle's."""
    given = scene(channels, frames=400)
    model = spatial.fit(
        given.X, R=blurred(given.R), lam=0.0, n_iter=40, n_inner=1 if variance_model == "joint" else 5,
        seed=0, backend=backend, **given.options(variance_model),
    )  # fmt: skip
    error = np.linalg.norm(model.R - given.R, axis=(-2, -1)) / np.linalg.norm(given.R, axis=(-2, -1))
    before = np.linalg.norm(blurred(given.R) - given.R, axis=(-2, -1)) / np.linalg.norm(given.R, axis=(-2, -1))
    assert np.median(error) < 0.6 * np.median(before)
    assert np.corrcoef(np.log(model.v[0]).ravel(), np.log(given.v[0]).ravel())[0, 1] > 0.5
    oracle = distortion(given.images, spatial.wiener(given.X, given.v, given.R))
    got = distortion(given.images, spatial.wiener(given.X, model.v, model.R))
    assert got > oracle - 3.5
    swapped = distortion(given.images[::-1], spatial.wiener(given.X, model.v, model.R))
    assert got > swapped + 5


def test_unsupervised_patterns_find_the_sources(backend: str) -> None:
    given = scene(2, frames=400)
    model = spatial.fit(
        given.X, R=blurred(given.R), n_iter=40, n_inner=5, seed=0, backend=backend, **given.options("nmf")
    )
    got = distortion(given.images, spatial.wiener(given.X, model.v, model.R))
    nothing = distortion(given.images, np.stack([given.X, given.X]) / 2)
    assert got > nothing + 2


@pytest.mark.parametrize("variance_model", MODELS)
def test_variances_obey_their_model(variance_model: str, backend: str) -> None:
    given = scene(2)
    model = spatial.fit(
        given.X, R=blurred(given.R), lam=0.0 if variance_model == "free" else 0.1, n_iter=3, n_inner=3, seed=0,
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


def test_one_channel_is_the_single_channel_model(backend: str) -> None:
    """With one channel "separation" is Itakura–Saito NMF of the power with the same patterns."""
    given = scene(1, bins=20, frames=50)
    model = spatial.fit(given.X, lam=0.0, n_iter=60, n_inner=20, seed=0, backend=backend, **given.options("separation"))
    power = np.abs(given.X[0]) ** 2
    want = gssm_separate(power, given.dictionary, lam=0.0, n_iter=1200, seed=1, backend=backend).parts
    for j, name in enumerate(("a", "b")):
        np.testing.assert_allclose(model.v[j], want[name], rtol=0.02, atol=1e-4 * float(power.mean()))
    np.testing.assert_array_equal(model.R, np.ones((2, 20, 1, 1)))


def test_free_patterns_take_what_has_no_examples(backend: str) -> None:
    """Source b without examples: two patterns learned from the mixture play its part."""
    given = scene(2, frames=400)
    only = Dictionary(given.dictionary.W[:, :2], ("a",), {"a": (slice(0, 2),)})
    model = spatial.fit(
        given.X, dictionary=only, free={"b": 2}, R=blurred(given.R), lam=0.0, n_iter=40, n_inner=5, seed=0,
        backend=backend,
    )  # fmt: skip
    assert model.sources == ("a", "b")
    estimates = spatial.wiener(given.X, model.v, model.R)
    assert distortion(given.images, estimates) > distortion(given.images[::-1], estimates) + 4


def test_fixed_covariances(backend: str) -> None:
    given = scene(2)
    start = spatial.regularized(blurred(given.R), 1e-5)
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


def test_initial_variances_are_used(backend: str) -> None:
    given = scene(2)
    common = {"R": given.R, "n_iter": 1, "seed": 0, "backend": backend, **given.options("free")}
    planted = spatial.fit(given.X, v=given.v, **common).log_likelihood[0]
    assert planted != spatial.fit(given.X, **common).log_likelihood[0]
    level = np.mean(np.abs(given.X) ** 2)
    expected = log_likelihood(given.X / np.sqrt(level), given.v / level, given.R)
    assert planted == pytest.approx(expected, rel=1e-4)


def test_covariances_may_be_made_from_the_first_variances(backend: str) -> None:
    given = scene(2)
    seen: list[Array] = []

    def make(v: Array) -> Array:
        seen.append(v.copy())
        return blurred(given.R)

    options = {"n_iter": 2, "seed": 0, "backend": backend, **given.options("separation")}
    made = spatial.fit(given.X, R=make, **options)
    np.testing.assert_array_equal(made.R, spatial.fit(given.X, R=blurred(given.R), **options).R)
    assert [v.shape for v in seen] == [given.v.shape]


@pytest.mark.parametrize("variance_model", MODELS)
def test_backends_agree(variance_model: str, backend: str) -> None:
    given = scene(3)
    options = {"R": blurred(given.R), "n_iter": 4, "n_inner": 3, "seed": 0, **given.options(variance_model)}
    for dtype, tolerance in ((np.complex128, 1e-6), (np.complex64, 2e-2)):
        want = spatial.fit(given.X, backend="reference", **options)
        got = spatial.fit(given.X.astype(dtype), backend=backend, **options)
        np.testing.assert_allclose(got.R, want.R, atol=tolerance)
        np.testing.assert_allclose(got.v, want.v, rtol=tolerance, atol=tolerance * float(want.v.mean()))
        np.testing.assert_allclose(got.log_likelihood, want.log_likelihood, rtol=1e-3 * tolerance, atol=tolerance)


@pytest.mark.parametrize("variance_model", MODELS)
def test_the_seed_decides_and_inputs_are_not_changed(variance_model: str, backend: str) -> None:
    given = scene(2)
    X, R, v = given.X, blurred(given.R), given.v.copy()
    for array in (X, R, v, given.dictionary.W):
        array.flags.writeable = False
    options = {"R": R, "n_iter": 2, "n_inner": 2, "backend": backend, **given.options(variance_model)}
    first, second = (spatial.fit(X, v=v, seed=3, **options) for _ in range(2))
    np.testing.assert_array_equal(first.R, second.R)
    np.testing.assert_array_equal(first.v, second.v)
    assert (spatial.fit(X, seed=3, **options).v != spatial.fit(X, seed=4, **options).v).any()


def test_the_callback_watches_and_stops(backend: str) -> None:
    given = scene(2)
    calls: list[tuple[int, float]] = []

    def watch(iteration: int, value: float) -> bool:
        calls.append((iteration, value))
        return iteration == 3

    options = {"R": blurred(given.R), "seed": 0, "backend": backend, **given.options("separation")}
    model = spatial.fit(given.X, n_iter=10, callback=watch, **options)
    assert [i for i, _ in calls] == [1, 2, 3]
    assert tuple(value for _, value in calls) == model.log_likelihood
    np.testing.assert_array_equal(model.R, spatial.fit(given.X, n_iter=3, **options).R)


def test_without_covariances_the_start_is_chosen_and_named(backend: str) -> None:
    """Trained sources start from their direct paths, untrained ones from clusters; either finds them."""
    given = scene(2, frames=400)
    model = spatial.fit(given.X, lam=0.0, n_iter=30, n_inner=1, seed=0, backend=backend, **given.options("joint"))
    assert set(model.start.values()) == {"its direct path as it is heard"}
    got = distortion(given.images, spatial.wiener(given.X, model.v, model.R))
    assert got > distortion(given.images, spatial.wiener(given.X, given.v, given.R)) - 4
    blind = spatial.fit(given.X, variance_model="nmf", sources=("a", "b"), n_iter=2, seed=0, backend=backend)
    assert set(blind.start.values()) == {"a cluster of the mixture"}
    assert spatial.fit(given.X, R=given.R, n_iter=1, **given.options("free")).start == {"a": "given", "b": "given"}


@pytest.mark.parametrize("variance_model", MODELS)
def test_em_goes_on_where_it_ended(variance_model: str, backend: str) -> None:
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


def test_what_was_learned_serves_another_recording(backend: str) -> None:
    """Of another length: R and the free patterns are taken, the activations begin anew."""
    given, other = scene(2, frames=200), scene(2, frames=90)
    options = {"free": {"b": 2}, "lam": 0.0, "n_inner": 1, "seed": 0, "backend": backend, **given.options("joint")}
    first = spatial.fit(given.X, R=blurred(given.R), n_iter=20, **options)
    assert first.W is not None
    second = spatial.fit(other.X, resume=first, prior=np.inf, n_iter=1, n_start=0, **options)
    np.testing.assert_allclose(second.R, first.R, atol=1e-12)
    assert second.W is not None
    assert np.abs(second.W[:, 4:] - first.W[:, 4:]).max() < 0.2 < np.abs(first.W[:, 4:]).max()
    with pytest.raises(ValueError, match=r"^resume has sources"):
        spatial.fit(scene(3).X, resume=first, **options)
    with pytest.raises(ValueError, match=r"^resume has patterns W of shape \(6, 6\) and this fit \(6, 7\)"):
        spatial.fit(other.X, resume=first, **{**options, "free": {"b": 3}})


@pytest.mark.parametrize("variance_model", ["joint", "separation", "denoising"])
def test_a_background_has_patterns_and_covariance_of_its_own(variance_model: str, backend: str) -> None:
    given = scene(2, frames=300)
    only = Dictionary(given.dictionary.W[:, :2], ("a",), {"a": (slice(0, 2),)})
    model = spatial.fit(
        given.X, dictionary=only, free={"background": 2}, variance_model=variance_model, R=blurred(given.R), lam=0.0,
        n_iter=30, n_inner=3, seed=0, backend=backend,
    )  # fmt: skip
    assert model.sources == ("a", "background")
    assert model.H is not None
    assert model.H.shape == (4, 300)
    estimates = spatial.wiener(given.X, model.v, model.R)
    assert distortion(given.images, estimates) > distortion(given.images[::-1], estimates) + 3


@pytest.mark.parametrize("kind", ["block", "component", "mixed"])
@pytest.mark.parametrize("gamma", [0.0, 1.0, "1/G"])
@pytest.mark.parametrize("variance_model", ["joint", "separation", "denoising", "nmf"])
def test_sparsity_leaves_fewer_patterns(variance_model: str, gamma: float | str, kind: str) -> None:
    """A third example that is not in the mixture is used less for it."""
    given = scene(2, frames=80)
    rng = np.random.default_rng(5)
    W = np.hstack([given.dictionary.W, rng.dirichlet(np.ones(6), 2).T])
    dictionary = Dictionary(W, ("a", "b"), {"a": (slice(0, 2),), "b": (slice(2, 4), slice(4, 6))})
    options = {"variance_model": variance_model, "R": blurred(given.R), "n_iter": 8, "n_inner": 5, "seed": 0}
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


def test_joint_patterns_without_a_dictionary_climb_the_likelihood(backend: str) -> None:
    """Multichannel NMF (Sawada et al. 2013)."""
    given = scene(3, frames=100)
    model = spatial.fit(
        given.X, variance_model="joint", sources=("a", "b"), n_components=2, n_iter=40, n_inner=1, R=blurred(given.R),
        regularization=1e-10, seed=0, backend=backend,
    )  # fmt: skip
    assert np.diff(model.log_likelihood).min() >= -1e-9 * abs(model.log_likelihood[0])
    assert model.log_likelihood[-1] > model.log_likelihood[0] + 100


def test_majorisation_of_the_covariances_climbs_higher(backend: str) -> None:
    """Where EM still crawls, the Riccati update has arrived; neither ever falls."""
    given = scene(3, frames=60)
    options = {"lam": 0.0, "n_inner": 1, "n_iter": 25, "regularization": 1e-10, "seed": 0, "backend": backend}
    start = np.stack([np.tile(np.eye(3), (6, 1, 1)), blurred(given.R)[1]])
    em, mm = (
        np.array(spatial.fit(given.X, R=start, update=update, **options, **given.options("joint")).log_likelihood)
        for update in ("em", "mm")
    )
    for values in (em, mm):
        assert np.diff(values).min() >= -1e-9 * np.abs(values).max()
    assert mm[0] == em[0]
    assert mm[8] > em[8]
    assert mm[-1] > em[-1]


def test_longer_steps_arrive_sooner_and_never_fall(backend: str) -> None:
    """Multichannel NMF by over-relaxed steps, beside plain ones: a weak penalty keeps their length."""
    given = scene(3, frames=60)
    options = {"sources": ("a", "b"), "n_components": 3, "n_iter": 60, "seed": 0, "R": blurred(given.R)}
    relaxed, plain = (np.array(spatial.fit(given.X, lam=lam, backend=backend, **options).log_likelihood)
                      for lam in (0.0, 1e-9))  # fmt: skip
    assert np.diff(relaxed).min() >= 0
    assert relaxed[:10] == pytest.approx(plain[:10], rel=1e-6)
    assert relaxed[25] > plain[25]


@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_is_at_least_that_of_another_program(seed: int) -> None:
    """Multichannel NMF by ssspy, from the same start and for as many iterations."""
    mnmf = pytest.importorskip("ssspy.bss.mnmf")
    given = scene(2, frames=80)
    rng = np.random.default_rng(seed)
    W, H = rng.uniform(0.1, 1, (2, 6, 2)), rng.uniform(0.1, 1, (2, 2, 80))
    R = blurred(given.R)
    start = spatial.LocalGaussianModel(v=W @ H, R=R, sources=("a", "b"), log_likelihood=(), W=W, H=H)
    for n_iter in (5, 100):
        theirs = mnmf.GaussMNMF(2, 2, record_loss=False)
        theirs(given.X, n_iter=n_iter, basis=W.copy(), activation=H.copy(), spatial=R.copy())
        ours = spatial.fit(given.X, sources=("a", "b"), n_components=2, resume=start, n_iter=n_iter)
        reached = log_likelihood(given.X, theirs.basis @ theirs.activation, theirs.spatial)
        assert log_likelihood(given.X, ours.v, ours.R) >= reached - 1e-6 * abs(reached)


def test_copies_of_one_channel_survive_multichannel_nmf(backend: str) -> None:
    given = scene(2, frames=60)
    X = np.stack([given.X[0], given.X[0], given.X[1]]).astype(np.complex64)
    X[:, 2] = 0
    model = spatial.fit(X, sources=("a", "b"), n_components=2, n_iter=40, seed=0, backend=backend)
    assert np.isfinite(model.v).all()
    assert np.isfinite(spatial.wiener(X, model.v, model.R)).all()


def test_annealed_noise_ends_near_where_none_does(backend: str) -> None:
    given = scene(2, frames=200)
    options = {"lam": 0.0, "n_inner": 1, "n_iter": 40, "seed": 0, "backend": backend, **given.options("joint")}
    plain = spatial.fit(given.X, R=blurred(given.R), **options)
    annealed = spatial.fit(given.X, R=blurred(given.R), noise=(0.1, 1e-7), **options)
    assert annealed.v.shape == plain.v.shape
    assert annealed.log_likelihood[0] != plain.log_likelihood[0]
    oracle = distortion(given.images, spatial.wiener(given.X, given.v, given.R))
    assert distortion(given.images, spatial.wiener(given.X, annealed.v, annealed.R)) > oracle - 3.5


def test_snr_is_that_of_the_planted_sources() -> None:
    given = scene(2, frames=400)
    model = spatial.fit(given.X, R=given.R, lam=0.0, n_iter=20, n_inner=1, seed=0, **given.options("joint"))
    true = 10 * np.log10(np.sum(np.abs(given.images[0]) ** 2) / np.sum(np.abs(given.images[1]) ** 2))
    assert model.snr()["a"] == pytest.approx(true, abs=1.0)
    assert model.snr()["b"] == pytest.approx(-model.snr()["a"])


# ---- awkward recordings ------------------------------------------------------------------------------------


def awkward(kind: str, channels: int) -> Array:
    X = scene(channels, frames=61, dtype=np.complex64).X
    rng = np.random.default_rng(0)
    if kind == "identical channels":
        X[:] = X[0]
    elif kind == "a zero channel":
        X[1:] = 0
    elif kind == "silent frames and bins":
        X[:, :, 10:30], X[:, 2] = 0, 0
    elif kind == "dependent channels":
        X[-1] = X[:-1].sum(0) if channels > 1 else X[-1]
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
def test_awkward_recordings_survive_in_float32(channels: int, variance_model: str, kind: str, backend: str) -> None:
    given = scene(channels)
    X = awkward(kind, channels)
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
def test_awkward_recordings_survive_the_automatic_start(kind: str, variance_model: str, covariance: str) -> None:
    given = scene(3)
    X = awkward(kind, 3).astype(np.complex64)
    model = spatial.fit(X, n_iter=6, n_inner=1, seed=0, covariance=covariance, **given.options(variance_model))
    assert np.isfinite(model.v).all()
    assert np.isfinite(model.R).all()
    assert np.isfinite(model.log_likelihood).all()
    images = spatial.wiener(X, model.v, model.R)
    np.testing.assert_allclose(images.sum(0), X, atol=1e-5)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_sixteen_channels(covariance: str) -> None:
    given = scene(16, bins=4, frames=150, dtype=np.complex64)
    model = spatial.fit(
        given.X, R=blurred(given.R), lam=0.0, n_iter=10, n_inner=1, seed=0, covariance=covariance,
        **given.options("joint"),
    )  # fmt: skip
    assert model.log_likelihood[-1] > model.log_likelihood[0]
    assert distortion(given.images, spatial.wiener(given.X, model.v, model.R)) > 5


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_single_source_survives_too(kind: str, channels: int, backend: str) -> None:
    """Then Σ̂ = Ψ: whatever the recording lacks, R lacks."""
    X = awkward(kind, channels)
    R = np.tile(np.eye(channels), (1, 6, 1, 1))
    model = spatial.fit(X, R=R, n_iter=8, variance_model="free", sources=("a",), seed=0, backend=backend)
    assert np.isfinite(model.v).all()
    assert np.isfinite(model.R).all()
    assert np.linalg.eigvalsh(model.R).min() > 0
    np.testing.assert_allclose(spatial.wiener(X, model.v, model.R, backend=backend)[0], X, atol=1e-6)


# ---- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": np.ones((2, 6, 9))}, r"^X must be a complex spectrogram"),
        ({"X": np.ones((6, 9), complex)}, r"^X must be a complex spectrogram"),
        ({"X": np.ones((0, 6, 9), complex)}, r"^X must be a complex spectrogram"),
        ({"X": np.full((2, 6, 9), np.inf + 0j)}, r"^X contains NaN or infinity"),
        ({"X": np.zeros((2, 6, 9), complex)}, r"^X is silent"),
        ({"X": np.full((2, 6, 9), 1e-25 + 0j)}, r"^X has a mean power of 1e-50"),
        ({"variance_model": "best"}, r"^variance_model='best'"),
        (
            {"dictionary": None, "variance_model": "separation"},
            r"^variance_model='separation' needs a dictionary",
        ),
        ({"dictionary": None}, r"^variance_model='nmf' needs the names"),
        ({"variance_model": "nmf", "free": {"b": 2}}, r"^n_start, smoothing and free patterns need"),
        ({"variance_model": "denoising", "n_start": 2}, r"^n_start needs variance_model='joint'"),
        ({"variance_model": "free", "lam": 1.0}, r"^lam=1.0 needs patterns"),
        ({"kind": "rows", "lam": 1.0}, r"^kind='rows'"),
        ({"covariance": "round"}, r"^covariance='round'"),
        ({"covariance": "diagonal", "noise": (0.1, 1e-6)}, r"^noise and averaging need covariance='full'"),
        ({"covariance": "diagonal", "averaging": (3, 3)}, r"^noise and averaging need covariance='full'"),
        ({"covariance": "diagonal", "prior": np.inf}, r"^prior=inf needs covariance='full'"),
        ({"update": "sgd"}, r"^update='sgd'"),
        ({"update": "mm", "variance_model": "separation"}, r"^update='mm' must be"),
        ({"noise": (0.1, 0.0)}, r"^noise=\(0.1, 0.0\)"),
        ({"R": spatial.Start(np.ones((3, 6, 9), complex), ("a", "b"))}, r"^R has shape \(2, 6, 3, 3\)"),
        ({"R": np.ones((2, 6, 3, 3))}, r"^R has shape \(2, 6, 3, 3\); it must be .*\(2, 6, 2, 2\)"),
        ({"R": np.full((2, 6, 2, 2), np.nan)}, r"^R contains NaN"),
        ({"v": np.ones((2, 6, 8))}, r"^v must be .*\(2, 6, 9\)"),
        ({"v": -np.ones((2, 6, 9))}, r"^v must be finite, nonnegative"),
        ({"averaging": (2, 2)}, r"^averaging=\(2, 2\)"),
        ({"prior": -1.0}, r"^prior=-1.0"),
        ({"prior": [1.0, 2.0, 3.0]}, r"^prior="),
        ({"smoothing": 2.0}, r"^smoothing=2.0"),
        ({"lam": -1.0}, r"^lam=-1.0"),
        ({"mix": 2.0}, r"^mix=2.0"),
        ({"n_iter": 0}, r"^n_iter=0"),
        ({"n_inner": 0}, r"^n_inner=0"),
        ({"n_components": 0, "variance_model": "nmf"}, r"^n_components=0"),
        ({"free": {"b": -1}}, r"^free="),
        ({"backend": "fortran"}, r"^backend='fortran'"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_named(options: dict[str, Any], message: str) -> None:
    given = scene(2, frames=9)
    call = {"X": given.X, "dictionary": given.dictionary, "R": given.R, "seed": 0, "n_iter": 1, **options}
    with pytest.raises(ValueError, match=message) as caught:
        spatial.fit(call.pop("X"), **call)
    assert "\n" not in str(caught.value)


def test_a_dictionary_of_another_frame_length_is_named() -> None:
    given = scene(2, frames=9)
    other = Dictionary(np.ones((7, 4)), ("a", "b"), given.dictionary.blocks)
    with pytest.raises(ValueError, match=r"^X has 6 bins, but the dictionary's patterns have 7"):
        spatial.fit(given.X, dictionary=other, R=given.R)


# ---- several fits ------------------------------------------------------------------------------------------


def test_the_mean_of_several_fits_beats_them_on_average() -> None:
    """Fits of noisy dictionaries: their errors are their own, the mean's are smaller."""
    given = scene(2, frames=300)
    rng = np.random.default_rng(3)
    models = []
    for turn in range(4):
        W = given.dictionary.W * rng.gamma(4.0, 0.25, given.dictionary.W.shape)
        noisy = Dictionary(W / W.sum(0), given.dictionary.sources, given.dictionary.blocks)
        models.append(
            spatial.fit(
                given.X, dictionary=noisy, variance_model="joint", R=blurred(given.R), lam=0.0, n_iter=30, n_inner=1,
                seed=turn,
            )
        )  # fmt: skip
    each = [distortion(given.images, spatial.wiener(given.X, one.v, one.R)) for one in models]
    joined = spatial.consensus(models)
    assert distortion(given.images, spatial.wiener(given.X, joined.v, joined.R)) > np.mean(each) + 0.1
    assert spatial.consensus(models[:1]) is models[0]
    with pytest.raises(ValueError, match=r"^models must name"):
        spatial.consensus([])
    with pytest.raises(ValueError, match=r"^models must be of one recording"):
        spatial.consensus([models[0], models[0].elsewhere()])
