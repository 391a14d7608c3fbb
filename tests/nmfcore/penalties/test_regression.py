"""Regression on other signals, and the constraints on the scale of patterns."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import backends, nmf
from nmfcore.penalties import Regression, UnitNorm, UnitSum
from nmfcore.penalties.regression import Regressed

Array = NDArray[Any]


def data(seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    H = rng.gamma(0.4, size=(4, 50))
    return rng.gamma(0.3, size=(30, 4)) @ H, (rng.random((2, 4)) @ H).T


def test_gradient(rng: np.random.Generator) -> None:
    H = rng.uniform(0.1, 2, (3, 5))
    M = rng.random((5, 2))
    term = Regression(M, 0.7, 0.3).start(0, 1, np.ones((3, 4)), H, backends.get("reference"))
    neg, pos = term.split(H)
    for index in np.ndindex(H.shape):
        step = np.zeros_like(H)
        step[index] = 1e-6
        wanted = (term.value(H + step) - term.value(H - step)) / 2e-6
        assert (pos - neg)[index] == pytest.approx(wanted, abs=1e-6)


def test_coefficients_reach_the_least_squares_solution(rng: np.random.Generator) -> None:
    H = rng.gamma(0.5, size=(3, 40))
    M = H.T @ rng.random((3, 2))
    term = Regression(M, 2.0, 0.0).start(0, 1, np.ones((3, 4)), H, backends.get("reference"))
    before = [term.value(H)]
    for _ in range(3000):
        term.advance(H)
        before.append(term.value(H))
    assert (np.diff(before) <= 1e-9).all()
    np.testing.assert_allclose(H.T @ term.A, M, atol=1e-3)


@pytest.mark.parametrize("lam", [0.01, 1.0])
def test_algorithm_as_printed(lam: float, backend: str) -> None:
    """Thirty iterations of the printed formulas, line by line."""
    V, M = data()
    rng = np.random.default_rng(1)
    W, H = rng.random((30, 4)), rng.random((4, 50))
    mu = 0.1
    fit = nmf(V, W=W, H=H, penalties=[UnitNorm(), Regression(M, lam, mu)], n_iter=30, backend=backend)
    norm = np.linalg.norm(W, axis=0)
    W, H = W / norm, H * norm[:, None]
    A = np.ones((4, 2))
    A *= lam * (H @ M) / (lam * (H @ H.T @ A) + mu)
    one = np.ones_like(V)
    for _ in range(30):
        H = H * (W.T @ (V / (W @ H)) + lam * A @ M.T) / (W.T @ one + lam * A @ A.T @ H)
        A = A * (lam * H @ M) / (lam * H @ H.T @ A + mu)
        R = V / (W @ H) @ H.T
        P = one @ H.T
        W = W * (R + W * (W * P).sum(0)) / (P + W * (W * R).sum(0))
        W = W / np.linalg.norm(W, axis=0)
    np.testing.assert_allclose(fit.W, W, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(fit.H, H, rtol=1e-6, atol=1e-10)
    (_, term) = fit.penalties[0]
    assert isinstance(term, Regressed)
    np.testing.assert_allclose(term.A, A, rtol=1e-6, atol=1e-10)
    wanted = np.sum(V * np.log(np.maximum(V, 1e-300) / (W @ H)) - V + W @ H)
    wanted += lam / 2 * np.sum((M - H.T @ A) ** 2) + mu * A.sum()
    assert fit.objective == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("lam", [0.01, 0.1, 1.0])
def test_never_rises_in_practice(lam: float, backend: str) -> None:
    V, M = data()
    seen: list[float] = []
    nmf(
        V,
        6,
        penalties=[UnitNorm(), Regression(M, lam, 0.1)],
        n_iter=80,
        check_every=1,
        seed=0,
        backend=backend,
        callback=lambda _, values: seen.append(float(values[0])),
    )
    assert (np.diff(seen) <= 1e-10 * seen[0]).all()


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("constraint", [UnitSum(), UnitNorm()])
def test_constraints_hold(constraint: Any, beta: float, backend: str) -> None:
    V, _ = data()
    fit = nmf(V + 1e-3, 4, beta=beta, penalties=[constraint], n_iter=20, seed=0, backend=backend)
    order = 1 if isinstance(constraint, UnitSum) else 2
    np.testing.assert_allclose(np.linalg.norm(fit.W, ord=order, axis=0), 1, rtol=1e-9)


def test_a_constraint_leaves_fixed_activations_alone(backend: str) -> None:
    V, _ = data()
    H = np.random.default_rng(0).random((4, 50))
    fit = nmf(V, H=H, free_h=False, penalties=[UnitSum()], n_iter=5, seed=0, backend=backend)
    np.testing.assert_array_equal(fit.H, H)
    np.testing.assert_allclose(fit.W.sum(0), 1, rtol=1e-9)


def test_bad_arguments() -> None:
    V, M = data()
    for name in ("lam", "mu"):
        with pytest.raises(ValueError, match=rf"^{name}="):
            Regression(M, **{"lam": 1.0, "mu": 1.0, name: -1.0})
    with pytest.raises(ValueError, match=r"^M has shape \(2, 50\); it needs one row for each of the 50 frames"):
        nmf(V, 4, penalties=[Regression(M.T, 1.0, 0.0)])
    with pytest.raises(ValueError, match=r"^factor='h'"):
        UnitNorm(factor="h")
