"""Momentum: the same objective in fewer iterations, and never a rise from check to check."""

import numpy as np
import pytest

from nmfcore import backends, layout
from nmfcore.backends import Backend
from nmfcore.penalties import GroupSparsity
from nmfcore.solve import nmf


def spectrogram(rng: np.random.Generator, f: int = 40, n: int = 60) -> np.ndarray:
    return (rng.gamma(0.3, size=(f, 6)) @ rng.gamma(0.3, size=(6, n)) + 1e-3) * rng.exponential(size=(f, n))


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_half_the_iterations_reach_a_lower_objective(beta: float) -> None:
    V = spectrogram(np.random.default_rng(0))
    plain = nmf(V, 6, beta=beta, n_iter=200, seed=1)
    fast = nmf(V, 6, beta=beta, n_iter=100, seed=1, acceleration="extrapolation")
    assert fast.objective < plain.objective


@pytest.mark.parametrize("beta", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_the_objective_never_rises(beta: float, rng: np.random.Generator) -> None:
    batch = [spectrogram(rng, n=n) for n in (5, 30, 61)]
    groups = GroupSparsity([[slice(0, 2), slice(2, 4)]], 0.1)
    for penalties in ((), (groups,)):
        fit = nmf(
            batch, 4, beta=beta, n_iter=60, check_every=3, penalties=penalties, acceleration="extrapolation", seed=0
        )
        values = np.array([value for _, value in fit.history])
        assert (np.diff(values, axis=0) <= 1e-12 * np.abs(values[:-1])).all()
        np.testing.assert_allclose(values[-1], fit.objective, rtol=1e-10)
        assert all(np.isfinite(w).all() and np.isfinite(h).all() for w, h in zip(fit.W, fit.H, strict=True))


def test_what_is_fixed_or_zero_stays_so(rng: np.random.Generator) -> None:
    V, W, H = spectrogram(rng), rng.random((40, 5)), rng.random((5, 60))
    H[2, 10:20] = 0
    free = np.array([True, False, True, True, False])
    fit = nmf(V, W=W, H=H, free_w=free, free_h=slice(0, 4), n_iter=30, acceleration="extrapolation")
    np.testing.assert_array_equal(fit.W[:, ~free], W[:, ~free])
    np.testing.assert_array_equal(fit.H[4], H[4])
    assert (fit.H[2, 10:20] == 0).all()


def test_problems_stop_by_themselves(rng: np.random.Generator) -> None:
    fit = nmf([spectrogram(rng)] * 3, 4, tol=1e-4, n_iter=2000, acceleration="extrapolation", seed=0)
    assert fit.status == ["converged"] * 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 20])
def test_momentum_of_every_backend(engine: Backend, count: int, dtype: type, rng: np.random.Generator) -> None:
    table = layout.make_table([(17, 37)] * count, [5] * count)
    V, Wt, H, last = (rng.uniform(0.5, 2, count * size).astype(dtype) for size in (17 * 37, 17 * 5, 37 * 5, 37 * 5))
    H[3], last[7] = 0, 0
    momentum = rng.uniform(0, 0.9, (3, count))
    results = []
    for backend in (engine, backends.get("reference")):
        h, before = (array.astype(dtype if backend is engine else float) for array in (H, last))
        given = (V.astype(h.dtype), Wt.astype(h.dtype), h)
        half = layout.Half(table, *given, 1.0, np.full(count, 1e-12), None, before)
        backend.sweeps(3, [half], 1.0, momentum)
        results.append((h, before))
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4 if dtype == np.float32 else 1e-10)


def test_an_overshooting_problem_goes_back(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """With a hundred times the momentum nearly every check is a rise; the fit is still no worse than its start."""
    monkeypatch.setattr("nmfcore.acceleration.LIMIT", 100.0)
    V = spectrogram(rng)
    fit = nmf(V, 5, n_iter=100, seed=0, acceleration="extrapolation")
    values = np.array([value for _, value in fit.history])[:, 0]
    assert (np.diff(values) <= 0).all()
    assert values[-1] < values[0]


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="acceleration='fast'"):
        nmf(np.ones((3, 4)), 2, acceleration="fast")
    with pytest.raises(ValueError, match="normalize"):
        nmf(np.ones((3, 4)), 2, acceleration="extrapolation", normalize=True)
