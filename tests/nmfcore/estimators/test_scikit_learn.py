"""scikit-learn's own checks, and its own results on the same data."""

import itertools
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.decomposition
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import nmfcore

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]

# Tests of scikit-learn's private helpers, which the estimators here do not have.
PRIVATE = {
    "test_initialize_nn_output": "_initialize_nmf",
    "test_initialize_close": "_initialize_nmf",
    "test_initialize_variants": "_initialize_nmf",
    "test_beta_divergence": "_beta_divergence",
    "test_special_sparse_dot": "_special_sparse_dot",
    "test_nmf_underflow": "_beta_divergence",
}

# scikit-learn's common tests set these too: with the defaults its own estimators do not converge far enough for the
# checks that compare fit_transform with fit and transform.
ESTIMATORS = [
    nmfcore.NMF(max_iter=500),
    nmfcore.NMF(2, solver="mu", beta_loss="kullback-leibler", max_iter=500),
    nmfcore.MiniBatchNMF(batch_size=10, max_iter=20, fresh_restarts=True),
]


def test_its_own_tests_pass(tmp_path: Path) -> None:
    paths = [str(Path(nmfcore.__file__).parent.parent), str(Path(__file__).parent)]
    tests = Path(sklearn.decomposition.__file__).parent / "tests" / "test_nmf.py"
    names = [f"not {name}" for name in PRIVATE]
    options = ["-q", "-p", "patched_scikit_learn", "-p", "no:cacheprovider", "-W", "ignore", "-k", " and ".join(names)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tests)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    passed = int(done.stdout.split(" passed")[0].split()[-1])
    assert passed > 250


@parametrize_with_checks(ESTIMATORS)
def test_estimator_checks(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


def counts(shape: tuple[int, int] = (40, 17), seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.random(shape) * (rng.random(shape) < 0.8))


def both(name: str, **options: Any) -> tuple[Any, Any]:
    return getattr(nmfcore, name)(**options), getattr(sklearn.decomposition, name)(**options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("init", [None, "random", "nndsvd", "nndsvdar"])
@pytest.mark.parametrize(("solver", "loss"), [("cd", 2), ("mu", 2), ("mu", 1), ("mu", 0), ("mu", 0.5), ("mu", 3)])
def test_same_results(solver: str, loss: float, init: str | None, dtype: type) -> None:
    """W, H, error and number of iterations, with and without penalties."""
    X = (counts() + (0.01 if loss < 1 else 0)).astype(dtype)
    for alpha, l1_ratio in ((0.0, 0.0), (1e-3, 0.0), (1e-3, 0.5)):
        options = {"solver": solver, "beta_loss": loss, "init": init, "alpha_W": alpha, "l1_ratio": l1_ratio}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # nndsvd's zeros
            ours, theirs = both("NMF", n_components=5, random_state=3, max_iter=40, **options)
            W, want = ours.fit_transform(X), theirs.fit_transform(X)
        close = {"rtol": 1e-2, "atol": 1e-3} if dtype == np.float32 else {"rtol": 1e-6, "atol": 1e-8}
        np.testing.assert_allclose(W, want, **close)
        np.testing.assert_allclose(ours.components_, theirs.components_, **close)
        assert ours.n_iter_ == theirs.n_iter_
        assert ours.reconstruction_err_ == pytest.approx(theirs.reconstruction_err_, rel=1e-4)
        if l1_ratio == 0:  # scikit-learn adds l1 again in every iteration of a Kullback–Leibler transform
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                np.testing.assert_allclose(ours.transform(X), theirs.transform(X), **close)


def test_shuffle_visits_the_components_in_its_order() -> None:
    X = counts()
    ours, theirs = both("NMF", n_components=5, shuffle=True, random_state=3, max_iter=20)
    np.testing.assert_allclose(ours.fit_transform(X), theirs.fit_transform(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("loss", [2, 1, 0, 0.5, 3])
def test_same_results_of_mini_batches(loss: float, fresh: bool) -> None:
    X = counts() + 0.01
    for dtype, alpha, size in itertools.product((np.float32, np.float64), (0.0, 1e-3), (20, 33)):
        options = {"beta_loss": loss, "fresh_restarts": fresh, "alpha_W": alpha, "l1_ratio": 0.5, "batch_size": size}
        ours, theirs = both("MiniBatchNMF", n_components=4, random_state=3, max_iter=8, **options)
        data = X.astype(dtype)
        close = {"rtol": 1e-2, "atol": 1e-3} if dtype == np.float32 else {"rtol": 1e-6, "atol": 1e-8}
        np.testing.assert_allclose(ours.fit_transform(data), theirs.fit_transform(data), **close)
        np.testing.assert_allclose(ours.components_, theirs.components_, **close)
        np.testing.assert_allclose(ours.transform(data), theirs.transform(data), **close)
        assert (ours.n_steps_, ours.n_iter_) == (theirs.n_steps_, theirs.n_iter_)


def test_same_results_of_partial_fits() -> None:
    X = counts((90, 12)) + 0.01
    ours, theirs = both("MiniBatchNMF", n_components=4, random_state=3, beta_loss=1)
    for start in range(0, 90, 30):
        for model in (ours, theirs):
            model.partial_fit(X[start : start + 30])
    np.testing.assert_allclose(ours.components_, theirs.components_, rtol=1e-6, atol=1e-8)
    assert ours.n_steps_ == theirs.n_steps_ == 3


def test_parameters_are_its_own() -> None:
    for name, added in (("NMF", {"device", "batched"}), ("MiniBatchNMF", set())):
        ours, theirs = both(name)
        shared = {key: value for key, value in ours.get_params().items() if key not in added}
        assert shared == theirs.get_params()
        assert set(ours.get_params()) - set(shared) == added


def test_the_warning_is_its_own() -> None:
    with pytest.warns(ConvergenceWarning, match="Maximum number of iterations 2 reached. Increase it to improve"):
        nmfcore.NMF(3, max_iter=2).fit(counts())


@pytest.mark.parametrize("first", [np.float32, np.float64])
def test_partial_fits_on_other_float_types(first: type) -> None:
    """The components keep the type of the first batch."""
    X = counts()
    ours, theirs = both("MiniBatchNMF", n_components=4, random_state=3)
    for dtype in (first, np.float64, np.float32):
        for model in (ours, theirs):
            model.partial_fit(X.astype(dtype))
    assert ours.components_.dtype == theirs.components_.dtype == first
    np.testing.assert_allclose(ours.components_, theirs.components_, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["NMF", "MiniBatchNMF"])
def test_answers_lie_in_memory_as_its_own(name: str) -> None:
    """Sample by sample, as other estimators and compiled code want them."""
    X = counts()
    for options in ({}, {"solver": "mu"}) if name == "NMF" else ({},):
        model = getattr(nmfcore, name)(4, random_state=0, **options)
        assert model.fit_transform(X).flags.c_contiguous
        assert model.transform(X).flags.c_contiguous
        assert model.components_.flags.c_contiguous
        assert isinstance(model.reconstruction_err_, np.floating)


@pytest.mark.parametrize("name", ["NMF", "MiniBatchNMF"])
def test_inverse_transform_of_what_is_no_array(name: str) -> None:
    pandas = pytest.importorskip("pandas")
    X = counts()
    ours, theirs = (model.fit(X) for model in both(name, n_components=4, random_state=3))
    W = theirs.transform(X)
    for given in (W.tolist(), pandas.DataFrame(W, index=range(5, 45)), W.tolist()[0]):
        got, want = ours.inverse_transform(given), theirs.inverse_transform(given)
        assert type(got) is type(want)
        np.testing.assert_allclose(got, want)
        assert list(getattr(got, "index", [])) == list(getattr(want, "index", []))


@pytest.mark.parametrize("name", ["NMF", "MiniBatchNMF"])
def test_starts_that_cannot_be_written_to_or_do_not_fit(name: str) -> None:
    X, rng = counts(), np.random.default_rng(0)
    W, H = np.asfortranarray(rng.random((40, 3))), rng.random((3, 17))
    W.flags.writeable = H.flags.writeable = False  # as a frame's values are
    model = getattr(nmfcore, name)("auto", init="custom")
    assert model.fit_transform(X, W=W, H=H).shape == (40, 3)
    with pytest.raises(ValueError, match=r"wrong second dimension passed to NMF \(input W\). Expected 2, but got 3"):
        model.fit(X, W=W, H=H[:2])


def test_a_model_from_a_memory_map_goes_on(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    X = counts()
    model = nmfcore.MiniBatchNMF(3, random_state=0).fit(X)
    joblib.dump(model, tmp_path / "model")
    again = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(again.partial_fit(X).components_, model.partial_fit(X).components_)


def test_errors_name_the_function() -> None:
    with pytest.raises(ValueError, match=r"^The 'tol' parameter of non_negative_factorization must be"):
        nmfcore.non_negative_factorization(counts(), tol=-1)
    with pytest.raises(TypeError, match=r"^H should have the same dtype as X. Got H.dtype = float32"):
        nmfcore.non_negative_factorization(counts(), None, np.ones((2, 17), np.float32), update_H=False)
