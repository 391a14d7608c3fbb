"""Sparse V: the answers of the dense solver, for every divergence that is defined at zeros."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from nmfcore import backends, nmf
from nmfcore.backends import reference
from nmfcore.compressed import Compressed, is_sparse
from nmfcore.penalties import L1, L2, GroupSparsity

FORMATS = (sparse.csr_matrix, sparse.csc_array, sparse.coo_array, sparse.lil_matrix, sparse.dok_array)


def holes(shape: tuple[int, int], density: float = 0.3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.gamma(1.0, size=shape) * (rng.random(shape) < density))


def start(shape: tuple[int, int], rank: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {"W": rng.uniform(0.5, 1.5, (shape[0], rank)), "H": rng.uniform(0.5, 1.5, (rank, shape[1]))}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_sparse_is_dense(beta: float, dtype: type, backend: str) -> None:
    V = holes((33, 50)).astype(dtype)
    V[3], V[:, 7] = 0, 0
    begin = start(V.shape, 5)
    tolerance = 1e-4 if dtype == np.float32 else 1e-9
    dense = nmf(V, beta=beta, n_iter=10, backend=backend, **begin)
    for make in FORMATS:
        fit = nmf(make(V), beta=beta, n_iter=10, backend=backend, **begin)
        assert isinstance(fit.W, np.ndarray)
        assert fit.W.dtype == dense.W.dtype
        np.testing.assert_allclose(fit.W, dense.W, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(fit.H, dense.H, rtol=tolerance, atol=tolerance)
        assert fit.objective == pytest.approx(dense.objective, rel=1e-4 if dtype == np.float32 else 1e-8)


def test_kernels_follow_the_reference(engine: backends.Backend, rng: np.random.Generator) -> None:
    """Every length of a column from none, ranks about the vector's width, both number types."""
    for dtype, rank in ((np.float32, 3), (np.float32, 16), (np.float32, 33), (np.float64, 1), (np.float64, 20)):
        V = holes((70, 41), seed=int(rng.integers(1 << 30)))
        V[:, 0], V[20:, 1], V[13:, 2] = 0, 0, 0
        v = sparse.csc_array(V.astype(dtype))
        wt, h = rng.random((rank, 70)).astype(dtype), rng.random((rank, 41)).astype(dtype)
        wide = (v.astype(float), wt.astype(float), h.astype(float))
        close = {"rtol": 2e-6 if dtype == np.float32 else 1e-13}
        for floor in (None, 0.5):
            want = reference.BACKEND.sparse_gradient(*wide, floor)
            np.testing.assert_allclose(engine.sparse_gradient(v, wt, h, floor), want, **close)
        want = reference.BACKEND.sparse_divergence(*wide, 0.5)
        assert engine.sparse_divergence(v, wt, h, 0.5) == pytest.approx(want, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    rank=st.integers(1, 20),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    beta=st.sampled_from([1.0, 2.0]),
)
def test_any_shape(shape: tuple[int, int], rank: int, density: float, beta: float) -> None:
    V = holes(shape, density)
    begin = start(shape, rank)
    dense, fit = (nmf(v, beta=beta, n_iter=3, **begin) for v in (V, sparse.csr_array(V)))
    np.testing.assert_allclose(fit.W, dense.W, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(fit.H, dense.H, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_options_of_the_solver(beta: float, backend: str) -> None:
    """Fixed parts, penalties, restarts, stopping, lists of different sizes."""
    V = [holes((20, 31)), holes((20, 9), seed=1)]
    options: dict[str, Any] = {"beta": beta, "n_iter": 40, "tol": 1e-3, "n_restarts": 2, "seed": 0, "backend": backend}
    options["penalties"] = [L1(0.01), L2(0.02, "W"), GroupSparsity([[slice(0, 2)], [slice(2, 4)]], 0.01)]
    dense, fit = (nmf(v, 4, **options) for v in (V, [sparse.csr_array(v) for v in V]))
    assert fit.n_iter == dense.n_iter
    for one, other in zip(fit.H, dense.H, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)
    W = np.random.default_rng(0).random((20, 4))
    fixed = nmf(sparse.csc_array(V[0]), W=W, free_w=slice(2, None), beta=beta, n_iter=3, seed=0, backend=backend)
    np.testing.assert_array_equal(fixed.W[:, :2], W[:, :2])


@pytest.mark.parametrize("level", [1e-30, 1e30])
def test_any_level(level: float, backend: str) -> None:
    V = holes((12, 15))
    begin = start(V.shape, 3)
    want = nmf(V, beta=1, n_iter=5, backend=backend, **begin)
    begin["W"] = begin["W"] * level
    fit = nmf(sparse.csr_array((V * level).astype(np.float32)), beta=1, n_iter=5, backend=backend, **begin)
    np.testing.assert_allclose(fit.W.astype(float) @ fit.H / level, want.W @ want.H, rtol=1e-3)


@pytest.mark.parametrize("init", ["random", "nndsvd", "nndsvda", "nndsvdar"])
def test_starts(init: str) -> None:
    V = holes((20, 31))
    dense, fit = (nmf(v, 4, init=init, n_iter=3, seed=0) for v in (V, sparse.csr_array(V)))
    np.testing.assert_allclose(fit.H, dense.H, rtol=1e-6, atol=1e-9)


def test_a_canonical_matrix_is_not_copied() -> None:
    V = sparse.csc_array(holes((9, 20)))
    assert np.shares_memory(Compressed.of(V).columns[0].data, V.data)
    scattered = sparse.csc_array((np.ones(3), np.array([4, 0, 2]), np.array([0, 2, 3])), shape=(9, 2))
    for changed in (V.astype(np.float32), scattered):
        assert not np.shares_memory(Compressed.of(changed, dtype=np.dtype(np.float64)).columns[0].data, changed.data)


def test_inputs_are_not_changed() -> None:
    V = sparse.csr_matrix((np.array([1.0, 0.0, 2.0, 3.0]), np.array([1, 0, 1, 1]), np.array([0, 3, 4])), shape=(2, 3))
    kept = V.copy()
    nmf(V, 2, n_iter=2, seed=0)
    np.testing.assert_array_equal(V.data, kept.data)
    np.testing.assert_array_equal(V.indices, kept.indices)


def test_itakura_saito_needs_every_entry(backend: str) -> None:
    full = holes((9, 11), 1.1)
    begin = start(full.shape, 3)
    fit, dense = (nmf(v, beta=0, n_iter=4, backend=backend, **begin) for v in (sparse.csr_array(full), full))
    np.testing.assert_allclose(fit.W, dense.W, rtol=1e-9)
    with pytest.raises(ValueError, match=r"^beta=0 is infinite at the zeros of a sparse V; use a positive beta"):
        nmf(sparse.csr_array(holes((9, 11))), beta=0, backend=backend, **begin)


def test_nothing_of_the_size_of_v_is_made() -> None:
    """40 000 × 50 000 in float64 would be 16 GB."""
    V = sparse.random_array((40_000, 50_000), density=1e-6, rng=np.random.default_rng(0), format="csr")
    fit = nmf(V, 2, beta=1, n_iter=2, seed=0)
    assert np.isfinite(fit.objective)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([sparse.csr_array(np.eye(2)), np.eye(2)], r"^V must be a list of sparse matrices only"),
        (sparse.csr_array((0, 3)), r"^V is empty"),
        (sparse.csr_array(np.eye(2) * 1j), r"^V must be real"),
        (sparse.csr_array(-np.eye(2)), r"^V contains negative"),
        (sparse.csr_array(np.eye(2) * np.nan), r"^V contains NaN"),
    ],
)
def test_errors(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nmf(value, 1, seed=0)


def test_weights_need_a_dense_matrix() -> None:
    with pytest.raises(ValueError, match=r"^weights= cannot be used with a sparse V"):
        nmf(sparse.csr_array(np.eye(3)), 1, weights=np.ones((3, 3)))


def test_a_batch_keeps_its_form() -> None:
    assert is_sparse([sparse.csr_array(np.eye(2))])
    batch = Compressed.of([sparse.csr_array(np.eye(2)), sparse.coo_array(np.ones((3, 4)))])
    assert batch.shapes == ((2, 2), (3, 4))
    assert batch.transposed().shapes == ((2, 2), (4, 3))
