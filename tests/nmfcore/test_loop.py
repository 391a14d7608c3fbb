"""The loop: when each problem stops, and what is told on the way."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import nmf


def test_each_problem_stops_as_it_would_alone(backend: str) -> None:
    """Easy and hard problems in a batch: numbers, iterations and status of each are those of its own run."""
    rng = np.random.default_rng(0)
    V = [
        np.outer(rng.random(9), rng.random(20)),
        rng.random((17, 33)),
        rng.random((30, 3)) @ rng.random((3, 40)),
        rng.gamma(0.3, size=(8, 70)),
    ]
    begins = [{"W": rng.uniform(0.5, 1.5, (len(v), 3)), "H": rng.uniform(0.5, 1.5, (3, v.shape[1]))} for v in V]
    options: dict[str, Any] = {"beta": 1.0, "tol": 1e-3, "n_iter": 150, "backend": backend}
    together = nmf(V, W=[b["W"] for b in begins], H=[b["H"] for b in begins], **options)
    assert len(set(together.n_iter)) > 2
    assert together.status.count("max_iter") < 4
    for b, begin in enumerate(begins):
        alone = nmf(V[b], **begin, **options)
        assert together.n_iter[b] == alone.n_iter
        assert together.status[b] == alone.status
        assert together.objective[b] == alone.objective
        np.testing.assert_array_equal(together.W[b], alone.W)
        np.testing.assert_array_equal(together.H[b], alone.H)


def test_tolerance_is_a_decrease_relative_to_the_first_objective(backend: str) -> None:
    V = np.random.default_rng(0).random((17, 33))
    fit = nmf(V, 4, tol=1e-3, n_iter=500, check_every=5, seed=0, backend=backend)
    assert fit.status == "converged"
    iterations = [i for i, _ in fit.history]
    values = np.array([value[0] for _, value in fit.history])
    assert iterations == list(range(0, fit.n_iter + 1, 5))
    drops = -np.diff(values) / values[0]
    assert (drops[:-1] > 1e-3).all()
    assert drops[-1] <= 1e-3
    assert values[-1] == fit.objective


def test_a_tolerance_that_is_not_reached(backend: str) -> None:
    fit = nmf(np.random.default_rng(0).random((17, 33)), 4, tol=1e-12, n_iter=20, seed=0, backend=backend)
    assert (fit.n_iter, fit.status) == (20, "max_iter")


def test_the_callback_watches_and_stops(backend: str) -> None:
    calls: list[tuple[int, NDArray[np.float64]]] = []

    def watch(iteration: int, values: NDArray[np.float64]) -> bool:
        calls.append((iteration, values.copy()))
        return iteration >= 6

    V = np.random.default_rng(0).random((2, 9, 11))
    fit = nmf(V, 3, n_iter=50, check_every=3, callback=watch, seed=0, backend=backend)
    assert [i for i, _ in calls] == [3, 6]
    assert all(values.shape == (2,) for _, values in calls)
    assert fit.n_iter.tolist() == [6, 6]
    assert fit.status.tolist() == ["stopped", "stopped"]
    shorter = nmf(V, 3, n_iter=6, seed=0, backend=backend)
    np.testing.assert_array_equal(fit.W, shorter.W)
    np.testing.assert_array_equal(calls[-1][1], shorter.objective)


@pytest.mark.parametrize("level", [1.0, 1e-30])
def test_the_callback_has_the_objectives_for_itself(level: float, backend: str) -> None:
    """At the level of V, whatever the fit computes with; and the fit goes on as if they had not been touched."""
    calls: list[NDArray[np.float64]] = []

    def spoil(iteration: int, values: NDArray[np.float64]) -> None:
        calls.append(values.copy())
        values[:] = 0

    V = level * np.random.default_rng(0).random((2, 9, 11))
    fit = nmf(V, 3, tol=1e-3, callback=spoil, seed=0, backend=backend)
    plain = nmf(V, 3, tol=1e-3, seed=0, backend=backend)
    assert fit.n_iter.tolist() == plain.n_iter.tolist()
    for (_, values), seen in zip(fit.history[1:], calls, strict=True):
        np.testing.assert_array_equal(seen, values)


def test_the_last_iteration_is_checked_whatever_the_interval(backend: str) -> None:
    seen: list[int] = []
    V = np.random.default_rng(0).random((9, 11))
    nmf(V, 3, n_iter=25, check_every=10, callback=lambda i, _: seen.append(i), seed=0, backend=backend)
    assert seen == [10, 20, 25]
