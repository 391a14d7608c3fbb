"""What the solver computes: recovery of planted factors, the updates as the formula has them, weights, penalties."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import Result, nmf
from nmfcore.divergence import elementwise
from nmfcore.init import initial_factors
from nmfcore.penalties import L1, GroupSparsity

BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
Array = NDArray[Any]


def planted() -> tuple[Array, Array, Array]:
    """V = WH of rank 3 whose factors are unique: each pattern has bins of its own, and frames in which it is alone."""
    rng = np.random.default_rng(0)
    W, H = rng.uniform(0.2, 1, (30, 3)), rng.uniform(0.2, 1, (3, 40))
    for k in range(3):
        W[k::6], W[k::6, k] = 0, 1
        H[:, k::6], H[k, k::6] = 0, 1
    return W, H, W @ H


def start(shape: tuple[int, int], rank: int) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    return {"W": rng.uniform(0.5, 1.5, (shape[0], rank)), "H": rng.uniform(0.5, 1.5, (rank, shape[1]))}


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0])
def test_planted_factors_are_recovered(beta: float, backend: str) -> None:
    W, H, V = planted()
    fit = nmf(V, 3, beta=beta, n_iter=1000, n_restarts=2, seed=0, backend=backend)
    np.testing.assert_allclose(fit.W @ fit.H, V, atol=0.01)
    cosine = (W / np.linalg.norm(W, axis=0)).T @ (fit.W / np.linalg.norm(fit.W, axis=0))
    match = cosine.argmax(1)
    assert sorted(match) == [0, 1, 2]
    assert cosine.max(1).min() > 0.999
    got = fit.H[match] / fit.H[match].max(1, keepdims=True)
    np.testing.assert_allclose(got, H / H.max(1, keepdims=True), atol=0.02)


@pytest.mark.parametrize("beta", BETAS)
def test_activations_of_known_patterns_are_recovered(beta: float, backend: str) -> None:
    rng = np.random.default_rng(0)
    W, H = rng.gamma(1.0, size=(40, 3)) + 0.01, rng.gamma(1.0, size=(3, 25)) + 0.01
    fit = nmf(W @ H, W=W, free_w=False, beta=beta, n_iter=2000, seed=0, backend=backend)
    np.testing.assert_allclose(fit.H, H, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("beta", BETAS)
def test_one_component_of_a_matrix_of_rank_one(beta: float, backend: str) -> None:
    V = np.outer(np.arange(1.0, 8), np.arange(1.0, 12))
    fit = nmf(V, 1, beta=beta, n_iter=100, seed=0, backend=backend)
    np.testing.assert_allclose(fit.W @ fit.H, V, rtol=1e-6)
    assert fit.objective == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("beta", BETAS)
def test_updates_are_those_of_the_formula(beta: float, backend: str) -> None:
    """Three iterations written out: H, then W, each with exponent γ(β)."""
    rng = np.random.default_rng(0)
    V = rng.uniform(0.1, 2, (9, 11))
    begin = start((9, 11), 4)
    W, H = begin["W"].copy(), begin["H"].copy()
    gamma = 1 / (2 - beta) if beta < 1 else 1 / (beta - 1) if beta > 2 else 1.0
    for _ in range(3):
        L = W @ H
        H *= ((W.T @ (V * L ** (beta - 2))) / (W.T @ L ** (beta - 1))) ** gamma
        L = W @ H
        W *= (((V * L ** (beta - 2)) @ H.T) / (L ** (beta - 1) @ H.T)) ** gamma
    fit = nmf(V, beta=beta, n_iter=3, backend=backend, **begin)
    np.testing.assert_allclose(fit.W, W, rtol=1e-9)
    np.testing.assert_allclose(fit.H, H, rtol=1e-9)
    assert fit.objective == pytest.approx(elementwise(V, W @ H, beta).sum(), rel=1e-9)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_the_objective_includes_weights_and_penalties(beta: float, backend: str) -> None:
    rng = np.random.default_rng(0)
    V, weights = rng.uniform(0.1, 2, (2, 9, 11))
    sparse = GroupSparsity([[slice(0, 2)], [slice(2, 4)]], 0.3, 1.0)
    fit = nmf(V, 4, beta=beta, weights=weights, penalties=[L1(0.1), sparse], n_iter=5, seed=0, backend=backend)
    D = (weights * elementwise(V, fit.W @ fit.H, beta)).sum()
    assert fit.objective == pytest.approx(D + 0.1 * fit.H.sum() + sparse.value(fit.H), rel=1e-9)


def test_missing_entries_are_filled_in(backend: str) -> None:
    """Entries of weight 0 may hold anything; the factors of the rest predict them."""
    _, _, V = planted()
    seen = np.random.default_rng(0).random(V.shape) < 0.8
    damaged = np.where(seen, V, 1e6)
    fit = nmf(damaged, 3, beta=2, weights=seen.astype(float), n_iter=1500, n_restarts=2, seed=0, backend=backend)
    assert np.abs(fit.W @ fit.H - V)[~seen].max() < 0.05


def test_weights_of_one_are_no_weights(backend: str) -> None:
    V = np.random.default_rng(0).random((9, 11))
    for beta in BETAS:
        plain = nmf(V, 3, beta=beta, n_iter=20, seed=0, backend=backend)
        weighted = nmf(V, 3, beta=beta, n_iter=20, seed=0, weights=np.ones_like(V), backend=backend)
        np.testing.assert_allclose(weighted.H, plain.H, rtol=1e-9)


def test_starts_from_singular_vectors(backend: str) -> None:
    """ "nndsvda" comes near the optimum; the zeros of "nndsvd" stay."""
    V = planted()[2]
    best = nmf(V, 3, n_iter=300, n_restarts=3, seed=0, backend=backend).objective
    assert nmf(V, 3, init="nndsvda", n_iter=300, seed=0, backend=backend).objective < best + 0.5
    W, H = initial_factors(V, 3, "nndsvd", np.random.default_rng(0))
    fit = nmf(V, 3, init="nndsvd", n_iter=10, seed=0, backend=backend)
    assert (W == 0).any()
    assert (fit.W[W == 0] == 0).all()
    assert (fit.H[H == 0] == 0).all()
    assert fit.objective < elementwise(V, np.maximum(W @ H, 1e-20), 1.0).sum()


def test_float32_follows_float64(backend: str) -> None:
    V = np.random.default_rng(0).gamma(1.0, size=(65, 130))
    for beta in BETAS:
        begin = start(V.shape, 5)
        wide = nmf(V, beta=beta, n_iter=20, backend=backend, **begin)
        narrow = nmf(V, beta=beta, n_iter=20, backend=backend, dtype=np.float32, **begin)
        np.testing.assert_allclose(narrow.W @ narrow.H, wide.W @ wide.H, rtol=1e-3)
        assert narrow.objective == pytest.approx(wide.objective, rel=1e-4)


def test_a_result_is_named(backend: str) -> None:
    fit = nmf(np.ones((4, 6)), 2, n_iter=2, seed=0, backend=backend)
    assert isinstance(fit, Result)
    assert fit.history == ()
