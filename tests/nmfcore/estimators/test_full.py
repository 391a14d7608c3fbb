"""What NMF adds to scikit-learn's: batches, lists, other arrays, missing entries."""

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import nmfcore
from nmfcore import NMF, non_negative_factorization

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SOLVERS = ("cd", "mu")


def data(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
@pytest.mark.parametrize("init", [None, "random"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_batch_is_each_of_its_matrices(solver: str, init: str | None, alpha: float) -> None:
    options: dict[str, Any] = {"n_components": 3, "solver": solver, "init": init, "alpha_W": alpha, "random_state": 1}
    X = data(2, 3, 12, 7)
    model = NMF(batched=True, **options)
    W = model.fit_transform(X)
    assert W.shape == (2, 3, 12, 3)
    assert model.components_.shape == (2, 3, 3, 7)
    assert model.n_iter_.shape == model.reconstruction_err_.shape == (2, 3)
    again = model.transform(X)
    np.testing.assert_allclose(model.inverse_transform(W), W @ model.components_)
    for index in np.ndindex(2, 3):
        alone = NMF(**options)
        np.testing.assert_allclose(W[index], alone.fit_transform(X[index]), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(again[index], alone.transform(X[index]), rtol=1e-6, atol=1e-9)
        assert model.n_iter_[index] == alone.n_iter_
        assert model.reconstruction_err_[index] == pytest.approx(alone.reconstruction_err_)


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_list_of_different_sizes(solver: str, alpha: float) -> None:
    options: dict[str, Any] = {"n_components": 3, "solver": solver, "alpha_W": alpha, "random_state": 1}
    X = [data(12, 7), data(30, 7, seed=1), data(12, 7, seed=2)]
    model = NMF(batched=True, **options)
    W = model.fit_transform(X)
    assert [w.shape for w in W] == [(12, 3), (30, 3), (12, 3)]
    assert isinstance(model.components_, list)
    for x, w, h in zip(X, W, model.components_, strict=True):
        alone = NMF(**options)
        np.testing.assert_allclose(w, alone.fit_transform(x), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(h, alone.components_, rtol=1e-6, atol=1e-9)
    assert [w.shape for w in model.transform(X)] == [w.shape for w in W]
    assert [x.shape for x in model.inverse_transform(W)] == [x.shape for x in X]


def test_a_list_of_sparse_matrices() -> None:
    X = [data(12, 7), data(30, 7, seed=1)]
    options: dict[str, Any] = {"n_components": 3, "solver": "mu", "beta_loss": 1, "batched": True, "random_state": 1}
    dense, W = (NMF(**options).fit_transform(x) for x in (X, [sparse.csr_array(x) for x in X]))
    for one, other in zip(W, dense, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array])
def test_sparse_data(make: Any, solver: str) -> None:
    X = data(30, 12) * (data(30, 12, seed=1) < 0.3)
    dense, thin = (NMF(4, solver=solver, random_state=0, init="random") for _ in range(2))
    np.testing.assert_allclose(thin.fit_transform(make(X)), dense.fit_transform(X), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(thin.transform(make(X)), dense.transform(X), rtol=1e-6, atol=1e-9)
    assert thin.reconstruction_err_ == pytest.approx(dense.reconstruction_err_)


@pytest.mark.parametrize("beta_loss", [0, 1, 2])
def test_missing_entries_are_filled_in(beta_loss: float) -> None:
    """NaN, and weights of zero, say the same; the factors of the rest predict what is missing."""
    rng = np.random.default_rng(0)
    X = rng.gamma(1.0, size=(40, 2)) @ rng.gamma(1.0, size=(2, 30)) + 0.01
    gone = rng.random(X.shape) < 0.15
    options: dict[str, Any] = {"solver": "mu", "beta_loss": beta_loss, "random_state": 0, "max_iter": 3000, "tol": 0}
    model = NMF(2, init="random", **options)
    W = model.fit_transform(np.where(gone, np.nan, X))
    assert np.median(np.abs(W @ model.components_ / X - 1)[gone]) < 0.05
    weighed = NMF(2, init="random", **options).fit_transform(np.where(gone, np.nan, X), weights=np.ones_like(X))
    np.testing.assert_allclose(weighed, W, rtol=1e-6)
    assert np.isfinite(model.transform(np.where(gone, np.nan, X))).all()


def test_weights() -> None:
    X, weights = data(20, 9), data(20, 9, seed=1)
    W, H, _ = non_negative_factorization(X, None, None, 3, solver="mu", beta_loss=1, weights=weights, random_state=0)
    plain, _, _ = non_negative_factorization(X, None, None, 3, solver="mu", beta_loss=1, random_state=0)
    assert np.abs(W - plain).max() > 1e-3
    fit = nmfcore.nmf(X, beta=1, W=W, H=H, weights=weights, n_iter=1)
    assert fit.objective == pytest.approx((weights * nmfcore.divergence.elementwise(X, fit.W @ fit.H, 1)).sum())


@pytest.mark.parametrize("solver", SOLVERS)
def test_transform_finds_what_fit_found(solver: str) -> None:
    """fit(X).transform(X) is fit_transform(X), as exactly as both converge."""
    X = data(20, 9)
    model = NMF(3, solver=solver, beta_loss=2, tol=1e-10, max_iter=20000, random_state=0)
    W = model.fit_transform(X)
    np.testing.assert_allclose(model.transform(X), W, atol=2e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_pickle_and_clone(solver: str) -> None:
    X = data(20, 9)
    model = NMF(3, solver=solver, batched=False, device="cpu", random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "components_")


def test_in_a_pipeline() -> None:
    X = data(20, 9)
    pipeline = make_pipeline(MinMaxScaler(), NMF(3, random_state=0)).fit(X)
    assert pipeline.transform(X).shape == (20, 3)
    assert list(pipeline.get_feature_names_out()) == ["nmf0", "nmf1", "nmf2"]


def test_data_frames_keep_their_names() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(data(10, 4), columns=list("abcd"))
    model = NMF(2, random_state=0).set_output(transform="pandas")
    assert list(model.fit_transform(frame).columns) == ["nmf0", "nmf1"]
    assert list(model.feature_names_in_) == list("abcd")


@pytest.mark.parametrize("make", [nmfcore.NMF, nmfcore.MiniBatchNMF])
def test_tensors_give_tensors(make: Any) -> None:
    torch = pytest.importorskip("torch")
    X = data(20, 9)
    model, plain = make(3, random_state=0), make(3, random_state=0)
    W = model.fit_transform(torch.from_numpy(X))
    for got, want in (
        (W, plain.fit_transform(X)),
        (model.components_, plain.components_),
        (model.transform(torch.from_numpy(X)), plain.transform(X)),
        (model.inverse_transform(W), plain.inverse_transform(plain.transform(X) * 0 + W.numpy())),
    ):
        assert isinstance(got, torch.Tensor)
        np.testing.assert_allclose(got.numpy(), want)
    assert isinstance(model.transform(X), np.ndarray)
    assert isinstance(pickle.loads(pickle.dumps(model)).components_, torch.Tensor)


def test_a_batch_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    X = torch.from_numpy(data(2, 20, 9))
    model = NMF(3, batched=True, random_state=0)
    assert isinstance(model.fit_transform(X), torch.Tensor)
    assert model.components_.shape == (2, 3, 9)
    assert isinstance(model.fit_transform(list(X))[0], torch.Tensor)


def test_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    S = data(65, 40)
    transformer = NMF(4, solver="mu", beta_loss=1, random_state=0)
    components, activations = librosa.decompose.decompose(S, transformer=transformer, sort=True)
    assert components.shape == (65, 4)
    assert activations.shape == (4, 40)
    again = librosa.decompose.decompose(S, transformer=transformer, fit=False)
    assert again[1].shape == (4, 40)


def test_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    NMF(3, solver="mu", verbose=1, max_iter=20, tol=1e-9, random_state=0).fit(data(20, 9))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["10", "20"]
    assert all("error: " in line for line in lines)


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({"batched": True}, data(4, 5), r"^With batched=True X must be .* got shape \(4, 5\)"),
        ({"batched": True}, [], r"^X is empty"),
        ({}, data(2, 4, 5), r"Found array with dim 3"),
        ({}, np.full((4, 5), np.nan), r"NaN"),
        ({"solver": "mu"}, np.full((4, 5), np.inf), r"infinity"),
        ({"device": "tpu"}, data(4, 5), r"^device='tpu'"),
        ({"solver": "mu", "beta_loss": 0}, sparse.csr_array(np.eye(4)), r"When beta_loss <= 0 and X contains zeros"),
        ({"batched": 3}, data(4, 5), r"The 'batched' parameter of NMF must be"),
    ],
)
def test_errors(options: dict[str, Any], X: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NMF(2, **options).fit(X)


def test_coordinate_descent_takes_no_weights() -> None:
    with pytest.raises(ValueError, match=r"^solver='cd' takes no weights="):
        NMF(2).fit(data(4, 5), weights=np.ones((4, 5)))


def test_inputs_are_not_changed() -> None:
    X, W, H = data(12, 7), data(12, 3), data(3, 7)
    kept = [one.copy() for one in (X, W, H)]
    for solver in SOLVERS:
        NMF(3, init="custom", solver=solver).fit(X, W=W, H=H)
    for one, before in zip((X, W, H), kept, strict=True):
        np.testing.assert_array_equal(one, before)
