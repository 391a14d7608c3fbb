"""solver="cd": each row at its minimum, as the formula says and as scikit-learn does it."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from nmfcore import backends, nmf
from nmfcore.backends import reference
from nmfcore.penalties import L1, L2, GroupSparsity

SHAPE, RANK = (23, 40), 5


def problem(seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    V = rng.random(SHAPE) * (rng.random(SHAPE) < 0.7)
    return V, {"W": rng.random((SHAPE[0], RANK)), "H": rng.random((RANK, SHAPE[1]))}


def test_updates_are_those_of_the_formula(backend: str) -> None:
    V, begin = problem()
    W, H = begin["W"].copy(), begin["H"].copy()
    for _ in range(3):
        for k in range(RANK):
            rest = V - np.delete(W, k, 1) @ np.delete(H, k, 0)
            H[k] = np.maximum((W[:, k] @ rest - 0.1) / (W[:, k] @ W[:, k] + 0.2), 0)
        for k in range(RANK):
            rest = V - np.delete(W, k, 1) @ np.delete(H, k, 0)
            W[:, k] = np.maximum(rest @ H[k] / (H[k] @ H[k] + 0.3), 0)
    penalties = [L1(0.1), L2(0.2), L2(0.3, "W")]
    for v in (V, sparse.csr_array(V)):
        fit = nmf(v, beta=2, solver="cd", penalties=penalties, n_iter=3, backend=backend, **begin)
        np.testing.assert_allclose(fit.W, W, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(fit.H, H, rtol=1e-9, atol=1e-12)


def test_sweeps_follow_the_reference(engine: backends.Backend, rng: np.random.Generator) -> None:
    """Ranks about the tiles' sizes, any order, some rows left out, rows that cannot move."""
    for dtype, rank, columns in ((np.float32, 1, 3), (np.float32, 17, 65), (np.float64, 8, 33), (np.float64, 30, 200)):
        wt = rng.random((rank, 50)).astype(dtype)
        gram, cross = wt @ wt.T, wt @ rng.random((50, columns)).astype(dtype)
        H = (rng.random((rank, columns)) * (rng.random((rank, columns)) < 0.6)).astype(dtype)
        inverse = (1 / gram.diagonal()).astype(dtype)
        inverse[rng.random(rank) < 0.2] = 0
        order = rng.permutation(rank)[: max(1, rank - 2)]
        want, got = H.astype(float), H.copy()
        violation = reference.BACKEND.coordinate_sweep(want, *(a.astype(float) for a in (gram, cross, inverse)), order)
        tolerance = 2e-4 if dtype == np.float32 else 1e-11
        assert engine.coordinate_sweep(got, gram, cross, inverse, order) == pytest.approx(violation, rel=tolerance)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
        left = np.setdiff1d(np.arange(rank), order)
        np.testing.assert_array_equal(got[left], H[left])


def test_the_objective_never_rises(backend: str) -> None:
    V, begin = problem()
    penalties = [L1(0.05), L2(0.1), L1(0.02, "W")]
    fit = nmf(V, beta=2, solver="cd", penalties=penalties, n_iter=30, check_every=1, callback=lambda i, v: False,
              backend=backend, **begin)  # fmt: skip
    values = np.array([value[0] for _, value in fit.history])
    assert (np.diff(values) <= 1e-12 * values[0]).all()


def test_fixed_parts_stay(backend: str) -> None:
    V, begin = problem()
    mask = np.array([True, False, True, False, True])
    fit = nmf(V, beta=2, solver="cd", free_h=mask, free_w=slice(1, 3), n_iter=4, backend=backend, **begin)
    np.testing.assert_array_equal(fit.H[~mask], begin["H"][~mask])
    np.testing.assert_array_equal(fit.W[:, [0, 3, 4]], begin["W"][:, [0, 3, 4]])
    assert (fit.H[mask] != begin["H"][mask]).any(1).all()


def test_each_problem_stops_as_it_would_alone(backend: str) -> None:
    problems = [problem(seed) for seed in range(3)]
    options: dict[str, Any] = {"beta": 2, "solver": "cd", "tol": 1e-2, "n_iter": 100, "backend": backend}
    together = nmf(
        [V for V, _ in problems], W=[b["W"] for _, b in problems], H=[b["H"] for _, b in problems], **options
    )
    assert len(set(together.n_iter)) > 1
    for b, (v, begin) in enumerate(problems):
        alone = nmf(v, **begin, **options)
        assert together.n_iter[b] == alone.n_iter
        assert together.status[b] == alone.status == "converged"
        np.testing.assert_array_equal(together.H[b], alone.H)


def test_the_order_is_the_seeds(backend: str) -> None:
    V, begin = problem()
    runs = [
        nmf(V, beta=2, solver="cd", shuffle=True, n_iter=2, seed=seed, backend=backend, **begin).H for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [1e-30, 1e-12, 1.0, 1e12, 1e30])
def test_awkward_data_stay_finite(level: float, dtype: type, backend: str) -> None:
    rng = np.random.default_rng(0)
    cases = [rng.random((9, 20)), np.zeros((4, 6)), np.ones((1, 1)), np.eye(5, 7)]
    cases[0][2], cases[0][:, 5] = 0, 0
    fit = nmf([(level * v).astype(dtype) for v in cases], 6, beta=2, solver="cd", n_iter=20, seed=0, backend=backend)
    for W, H, value in zip(fit.W, fit.H, fit.objective, strict=True):
        assert np.isfinite(W).all()
        assert np.isfinite(H).all()
        assert min(W.min(), H.min()) >= 0
        assert np.isfinite(value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"solver": "als"}, r"^solver='als' must be 'mu' or 'cd'"),
        ({"beta": 1}, r"^solver='cd' needs beta=2, got 1"),
        ({"weights": np.ones(SHAPE)}, r"^solver='cd' takes no weights="),
        ({"penalties": [GroupSparsity([[slice(0, 2)]], 1.0)]}, r"^solver='cd' knows the penalties L1 and L2 only"),
        ({"tol": lambda first, before, now: now < before}, r"^solver='cd' needs a number for tol="),
    ],
)
def test_errors(arguments: dict[str, Any], message: str) -> None:
    V, begin = problem()
    with pytest.raises(ValueError, match=message):
        nmf(V, **{"beta": 2, "solver": "cd", **begin, **arguments})


@pytest.mark.parametrize("penalties", [[], [L1(0.3), L2(0.2)]])
def test_patterns_that_stay_are_met_anew_in_every_iteration(penalties: list[Any], backend: str) -> None:
    """What is kept of them from iteration to iteration is not used up; a batch shrinks as its problems stop."""
    rng = np.random.default_rng(0)
    V, W, H = rng.random((3, 9, 20)), rng.random((3, 9, 4)), rng.random((3, 4, 20))
    options: dict[str, Any] = {"solver": "cd", "beta": 2, "free_w": False, "penalties": penalties, "backend": backend}
    fit = nmf(V, W=W, H=H, n_iter=40, tol=0.02, **options)
    assert len(set(fit.n_iter.tolist())) > 1
    for v, w, h, got, n_iter in zip(V, W, H, fit.H, fit.n_iter, strict=True):
        for _ in range(n_iter):
            h = nmf(v, W=w, H=h, n_iter=1, **options).H
        np.testing.assert_allclose(got, h, rtol=1e-12, atol=1e-14)
