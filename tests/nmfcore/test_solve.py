"""The solver: recovery, forms, fixed parts, stopping, restarts, seeds, levels and errors."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

import nmfcore
from nmfcore import Result, nmf
from nmfcore.divergence import elementwise
from nmfcore.init import initial_factors
from nmfcore.penalties import L1, GroupSparsity

BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
Array = NDArray[Any]


def planted(seed: int = 0, shape: tuple[int, int] = (30, 40), rank: int = 3) -> tuple[Array, Array, Array]:
    """V = WH whose factors are unique: each pattern has bins of its own, and frames in which it is alone."""
    rng = np.random.default_rng(seed)
    W, H = rng.uniform(0.2, 1, (shape[0], rank)), rng.uniform(0.2, 1, (rank, shape[1]))
    for k in range(rank):
        W[np.arange(shape[0]) % (2 * rank) == k] = 0
        W[np.arange(shape[0]) % (2 * rank) == k, k] = 1
        H[:, np.arange(shape[1]) % (2 * rank) == k] = 0
        H[k, np.arange(shape[1]) % (2 * rank) == k] = 1
    return W, H, W @ H


def start(shape: tuple[int, int], rank: int, seed: int = 1) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {"W": rng.uniform(0.5, 1.5, (shape[0], rank)), "H": rng.uniform(0.5, 1.5, (rank, shape[1]))}


def same(one: Any, other: Any) -> None:
    """Equal bit for bit, whatever the form."""
    if isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        np.testing.assert_array_equal(one, other)


# ---- what it computes --------------------------------------------------------------------------------------


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


# ---- forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (1,), (3,), (2, 2)])
def test_an_array_comes_back_in_its_form(lead: tuple[int, ...], backend: str) -> None:
    V = np.random.default_rng(0).random((*lead, 7, 9))
    fit = nmf(V, 2, n_iter=3, seed=0, backend=backend)
    assert fit.W.shape == (*lead, 7, 2)
    assert fit.H.shape == (*lead, 2, 9)
    assert np.shape(fit.objective) == np.shape(fit.n_iter) == np.shape(fit.status) == lead
    if lead == ():
        assert isinstance(fit.objective, float)
        assert isinstance(fit.n_iter, int)
        assert isinstance(fit.status, str)
    begin = {"W": fit.W, "H": fit.H}
    again = nmf(V, n_iter=2, backend=backend, **begin)
    for index in np.ndindex(lead):
        alone = nmf(V[index], n_iter=2, backend=backend, W=fit.W[index], H=fit.H[index])
        np.testing.assert_array_equal(again.W[index], alone.W)
        np.testing.assert_array_equal(again.H[index], alone.H)


def test_a_ragged_list_with_a_rank_for_each(backend: str) -> None:
    rng = np.random.default_rng(0)
    V = [rng.random(shape) for shape in ((7, 9), (1, 1), (33, 2), (7, 40))]
    ranks = [2, 1, 5, 3]
    fit = nmf(V, ranks, n_iter=4, seed=0, backend=backend)
    assert [w.shape for w in fit.W] == [(7, 2), (1, 1), (33, 5), (7, 3)]
    assert [h.shape for h in fit.H] == [(2, 9), (1, 1), (5, 2), (3, 40)]
    assert isinstance(fit.objective, list)
    weights = [rng.random(v.shape) for v in V]
    again = nmf(V, beta=0, W=fit.W, H=fit.H, weights=weights, n_iter=3, backend=backend)
    for b in range(4):
        alone = nmf(V[b], beta=0, W=fit.W[b], H=fit.H[b], weights=weights[b], n_iter=3, backend=backend)
        np.testing.assert_array_equal(again.H[b], alone.H)
        np.testing.assert_array_equal(again.W[b], alone.W)
        assert again.objective[b] == alone.objective


def test_ranks_that_differ_within_an_array_come_as_a_list(backend: str) -> None:
    fit = nmf(np.ones((2, 5, 6)), [1, 3], n_iter=2, seed=0, backend=backend)
    assert [w.shape for w in fit.W] == [(5, 1), (5, 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_number_types(dtype: type, backend: str) -> None:
    V = np.random.default_rng(0).random((7, 9)).astype(dtype)
    wanted = np.float64 if backend == "reference" else dtype
    fit = nmf(V, 2, n_iter=3, seed=0, backend=backend)
    assert fit.W.dtype == fit.H.dtype == wanted
    assert nmf(V, 2, n_iter=3, seed=0, backend=backend, dtype="float64").W.dtype == np.float64
    assert nmf((10 * V).astype(int), 2, n_iter=3, seed=0, backend=backend).W.dtype == np.float64


def test_float32_follows_float64(backend: str) -> None:
    V = np.random.default_rng(0).gamma(1.0, size=(65, 130))
    for beta in BETAS:
        begin = start(V.shape, 5)
        wide = nmf(V, beta=beta, n_iter=20, backend=backend, **begin)
        narrow = nmf(V, beta=beta, n_iter=20, backend=backend, dtype=np.float32, **begin)
        np.testing.assert_allclose(narrow.W @ narrow.H, wide.W @ wide.H, rtol=1e-3)
        assert narrow.objective == pytest.approx(wide.objective, rel=1e-4)


def test_inputs_are_not_changed(backend: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((7, 9), (2, 7, 9)):
        given = {
            "V": rng.random(shape),
            "W": rng.random((*shape[:-1], 3)),
            "H": rng.random((*shape[:-2], 3, 9)),
            "weights": rng.random(shape),
        }
        kept = {name: value.copy() for name, value in given.items()}
        for value in given.values():
            value.flags.writeable = False
        fit = nmf(**given, beta=0, n_iter=3, normalize=True, penalties=[L1(0.1)], backend=backend)
        for name, value in given.items():
            np.testing.assert_array_equal(value, kept[name])
        assert not np.shares_memory(fit.W, given["W"])
        assert not np.shares_memory(fit.H, given["H"])


# ---- parts that are fixed ----------------------------------------------------------------------------------

MASKS: tuple[Any, ...] = (
    True,
    False,
    slice(2, None),
    slice(None, 3),
    slice(None, None, 2),
    np.array([True, False, False, True, True]),
    np.array([False, False, True, False, False]),
    np.zeros(5, bool),
)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("penalised", [False, True])
@pytest.mark.parametrize("which", ["W", "H"])
def test_fixed_parts_stay_bit_for_bit(which: str, penalised: bool, normalize: bool, backend: str) -> None:
    rng = np.random.default_rng(0)
    V = rng.random((3, 9, 40))
    begin = {"W": rng.random((3, 9, 5)), "H": rng.random((3, 5, 40))}
    for mask in MASKS:
        free = np.zeros(5, bool)
        free[mask if not isinstance(mask, bool) else slice(None)] = mask if isinstance(mask, bool) else True
        fit = nmf(
            V,
            beta=0,
            free_w=mask if which == "W" else True,
            free_h=mask if which == "H" else True,
            penalties=[GroupSparsity([[slice(0, 2), slice(2, 5)]], 0.1, 1.0)] if penalised else [],
            normalize=normalize,
            n_iter=3,
            backend=backend,
            **begin,
        )
        before, after = (
            (np.swapaxes(begin["W"], 1, 2), np.swapaxes(fit.W, 1, 2)) if which == "W" else (begin["H"], fit.H)
        )
        np.testing.assert_array_equal(after[:, ~free], before[:, ~free])
        assert (after[:, free] != before[:, free]).any(-1).all()


def test_fixed_parts_stay_at_extreme_levels(backend: str) -> None:
    """The solver may rescale V; what is fixed comes back as it was."""
    rng = np.random.default_rng(0)
    V = (1e-25 * rng.random((9, 12))).astype(np.float32)
    W, H = rng.random((9, 3)).astype(np.float32), (1e-25 * rng.random((3, 12))).astype(np.float32)
    fit = nmf(V, W=W, H=H, beta=0, free_w=slice(1, None), free_h=slice(2, None), n_iter=5, backend=backend)
    np.testing.assert_array_equal(fit.W[:, :1], W[:, :1])
    np.testing.assert_array_equal(fit.H[:2], H[:2])


def test_zeros_of_an_activity_mask_stay_zero(backend: str) -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for level in (1e-10, 1.0):
            V = (level * rng.random((9, 40))).astype(dtype)
            H = level * rng.random((3, 40))
            H[rng.random(H.shape) < 0.4] = 0
            H[:, 7] = 0  # a frame in which nothing may sound
            for beta in BETAS:
                fit = nmf(V, beta=beta, H=H, n_iter=20, seed=0, backend=backend)
                assert (fit.H[H == 0] == 0).all()
                assert np.isfinite(fit.W).all()
                assert np.isfinite(fit.H).all()


def test_normalized_patterns_sum_to_one(backend: str) -> None:
    V = np.random.default_rng(0).random((9, 11))
    fit = nmf(V, 4, normalize=True, n_iter=5, seed=0, backend=backend)
    plain = nmf(V, 4, n_iter=5, seed=0, backend=backend)
    np.testing.assert_allclose(fit.W.sum(0), 1, rtol=1e-12)
    np.testing.assert_allclose(fit.W @ fit.H, plain.W @ plain.H, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_patterns_that_stay_are_read_once(dtype: type, backend: str) -> None:
    """For β = 2 the products of fixed patterns are kept; the updates are those of the formula, one problem or more."""
    rng = np.random.default_rng(0)
    V = [rng.random(shape).astype(dtype) for shape in ((9, 12), (20, 7))]
    W = [rng.random((len(v), 4)) for v in V]
    H = [rng.random((4, v.shape[1])) for v in V]
    free = np.array([True, False, True, True])
    fit = nmf(V, W=W, H=H, beta=2, free_w=False, free_h=free, n_iter=6, tol=1e-9, penalties=[L1(0.1)], backend=backend)
    for v, w, h, got in zip(V, W, H, fit.H, strict=True):
        for _ in range(6):
            h[free] *= ((w.T @ v) / (w.T @ w @ h + 0.1))[free]
        np.testing.assert_allclose(got, h, rtol=1e-4 if dtype == np.float32 else 1e-10)


# ---- stopping ----------------------------------------------------------------------------------------------


def test_each_problem_stops_as_it_would_alone(backend: str) -> None:
    """Easy and hard problems in a batch: numbers, iterations and status of each are those of its own run."""
    rng = np.random.default_rng(0)
    V = [
        np.outer(rng.random(9), rng.random(20)),
        rng.random((17, 33)),
        planted()[2],
        rng.gamma(0.3, size=(8, 70)),
    ]
    begins = [start(v.shape, 3, seed) for seed, v in enumerate(V)]
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
    same(fit.W, shorter.W)
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


# ---- restarts and seeds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_restarts_return_the_best(beta: float, backend: str) -> None:
    V = np.random.default_rng(0).gamma(0.3, size=(2, 9, 31))
    options: dict[str, Any] = {"beta": beta, "n_iter": 15, "backend": backend}
    singles = []
    for v in V:
        starts = np.random.default_rng(7)
        singles.append([nmf(v, 4, seed=starts, **options) for _ in range(5)])
    starts = np.random.default_rng(7)
    for v, runs in zip(V, singles, strict=True):
        best = min(runs, key=lambda run: run.objective)
        assert len({run.objective for run in runs}) == 5
        fit = nmf(v, 4, seed=np.random.default_rng(7), n_restarts=5, **options)
        assert fit.objective == best.objective
        same(fit.W, best.W)
        same(fit.H, best.H)
    batch = nmf(V, 4, seed=starts, n_restarts=5, **options)
    assert batch.W.shape == (2, 9, 4)
    assert batch.objective[0] == min(run.objective for run in singles[0])


@pytest.mark.parametrize("init", ["random", "nndsvda"])
def test_the_seed_decides(init: str, backend: str) -> None:
    V = np.random.default_rng(0).random((3, 17, 33))
    first, second = (nmf(V, 4, init=init, n_iter=20, seed=11, backend=backend) for _ in range(2))
    same(first.W, second.W)
    same(first.H, second.H)
    same(first.objective, second.objective)
    generator = nmf(V, 4, init=init, n_iter=20, seed=np.random.default_rng(11), backend=backend)
    same(generator.W, first.W)
    if init == "random":
        assert (nmf(V, 4, n_iter=20, seed=12, backend=backend).W != first.W).any()


@pytest.mark.parametrize("kernels", [name for name in nmfcore.backends.available() if name != "reference"])
def test_the_number_of_threads_changes_no_bit(kernels: str) -> None:
    program = f"""
import hashlib, sys
import numpy as np
from nmfcore import nmf, spatial
rng = np.random.default_rng(0)
answer = hashlib.sha256()
for dtype in (np.float32, np.float64):
    for beta in (0, 1, 2, 0.5):
        for V in (rng.random((130, 203)).astype(dtype), list(rng.random((20, 17, 33)).astype(dtype))):
            fit = nmf(V, 9, beta=beta, n_iter=4, seed=0, backend={kernels!r})
            for part in (fit.W, fit.H, fit.objective):
                answer.update(np.ascontiguousarray(part).tobytes())
    X = (rng.standard_normal((2, 40, 131)) + 1j * rng.standard_normal((2, 40, 131))).astype("c8")
    R = np.stack([np.tile(np.eye(2) + c, (40, 1, 1)) for c in (0, 0.5)])
    options = dict(variance_model="free", sources=("a", "b"), seed=0, backend={kernels!r})
    model = spatial.fit(X, R=R, n_iter=3, **options)
    images = spatial.wiener(X, model.v, model.R, backend={kernels!r})
    for part in (model.R, model.v, model.log_likelihood, images):
        answer.update(np.ascontiguousarray(part).tobytes())
print(answer.hexdigest())
"""
    answers = set()
    for threads in ("1", "2"):
        home = str(Path(nmfcore.__file__).parent.parent)
        # OpenBLAS, which multiplies WH of the variance model, sums in another order with other threads.
        variables = {"OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": home, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers.add(done.stdout)
    assert len(answers) == 1


def test_calls_from_several_threads_do_not_meet(backend: str) -> None:
    rng = np.random.default_rng(0)
    matrices = [rng.random((70, 203)) for _ in range(6)]

    def run(V: Array) -> Array:
        return np.asarray(nmf(V, 40, n_iter=5, seed=0, backend=backend).H)

    alone = [run(V) for V in matrices]
    with ThreadPoolExecutor(3) as pool:
        for got, want in zip(pool.map(run, matrices), alone, strict=True):
            np.testing.assert_array_equal(got, want)


# ---- levels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", BETAS)
def test_any_level_of_the_data(beta: float, dtype: type, backend: str) -> None:
    """Scaling V scales WH: the fit at 1e±30 is the fit at 1."""
    rng = np.random.default_rng(0)
    V = rng.gamma(1.0, size=(17, 33))
    want = nmf(V, 4, beta=beta, n_iter=20, seed=0, backend=backend)
    for level in (1e-30, 1e-12, 1e-6, 1e6, 1e12, 1e30):
        fit = nmf((V * level).astype(dtype), 4, beta=beta, n_iter=20, seed=0, backend=backend)
        np.testing.assert_allclose(fit.W.astype(float) @ fit.H / level, want.W @ want.H, rtol=2e-3)
        assert np.isfinite(fit.W).all()
        assert np.isfinite(fit.H).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", BETAS)
def test_awkward_data_stay_finite(beta: float, dtype: type, backend: str) -> None:
    """Zero rows and columns, single entries, silence, twelve orders of magnitude, all in one batch."""
    rng = np.random.default_rng(0)
    with_zeros = rng.gamma(0.3, size=(9, 20))
    with_zeros[2], with_zeros[:, 5], with_zeros[rng.random((9, 20)) < 0.5] = 0, 0, 0
    single = np.zeros((5, 7))
    single[2, 3] = 1
    cases = [
        with_zeros,
        single,
        np.zeros((4, 6)),
        10 ** rng.uniform(-12, 0, (16, 31)),
        np.ones((1, 1)),
        np.full((3, 4), np.finfo(dtype).tiny),
        np.full((3, 4), np.finfo(dtype).tiny / 64),  # subnormal
    ]
    cases = [case.astype(dtype) for case in cases]
    fit = nmf(cases, 4, beta=beta, n_iter=30, seed=0, backend=backend)
    for W, H, value in zip(fit.W, fit.H, fit.objective, strict=True):
        assert np.isfinite(W).all()
        assert np.isfinite(H).all()
        assert min(W.min(), H.min()) >= 0
        assert np.isfinite(value)


def test_silence_has_a_silent_model(backend: str) -> None:
    fit = nmf(np.zeros((4, 6)), 2, beta=1, n_iter=5, seed=0, backend=backend)
    assert not (fit.W @ fit.H).any()


# ---- errors ------------------------------------------------------------------------------------------------

GOOD = np.ones((4, 6))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"V": np.ones(4)}, r"^V must be a real matrix"),
        ({"V": np.ones((0, 4))}, r"^V is empty"),
        ({"V": [GOOD, np.ones(3)]}, r"^V "),
        ({"V": -GOOD}, r"^V contains negative"),
        ({"V": GOOD * np.nan}, r"^V contains NaN"),
        ({"V": GOOD.astype(complex)}, r"^V must be a real matrix"),
        ({"n_components": None}, r"^n_components is needed"),
        ({"n_components": 0}, r"^n_components=0 "),
        ({"n_components": 2.5}, r"^n_components=2.5 "),
        ({"n_components": [2, 2.5], "V": [GOOD, GOOD]}, r"^n_components=2.5 "),
        ({"n_components": [2, 3]}, r"^n_components has 2 entries for 1 problems"),
        ({"n_components": []}, r"^n_components has 0 entries"),
        ({"beta": "euclid"}, r"^beta='euclid'"),
        ({"beta": np.nan}, r"^beta=nan"),
        ({"exponent": 2.0}, r"^exponent=2.0"),
        ({"n_iter": 0}, r"^n_iter=0 "),
        ({"n_iter": 1.5}, r"^n_iter=1.5 "),
        ({"check_every": 0}, r"^check_every=0 "),
        ({"n_restarts": 0}, r"^n_restarts=0 "),
        ({"tol": -1.0}, r"^tol=-1.0 "),
        ({"tol": np.nan}, r"^tol=nan "),
        ({"tol": None}, r"^tol=None "),
        ({"callback": 3}, r"^callback=3 "),
        ({"seed": -1}, r"^seed=-1 "),
        ({"seed": 0.5}, r"^seed=0.5 "),
        ({"penalties": L1(0.1)}, r"^penalties=L1\(lam=0.1, factor='H'\) must be a list"),
        ({"penalties": [3]}, r"^penalties: 3 is none"),
        ({"W": np.ones((4, 3))}, r"^W has shape \(4, 3\)"),
        ({"W": np.ones((5, 2))}, r"^W has shape \(5, 2\)"),
        ({"W": np.ones(4)}, r"^W "),
        ({"W": -np.ones((4, 2))}, r"^W must be finite and nonnegative"),
        ({"H": np.ones((2, 5))}, r"^H has shape \(2, 5\)"),
        ({"H": np.full((2, 6), np.inf)}, r"^H must be finite"),
        ({"free_w": [True]}, r"^free_w must be"),
        ({"free_h": "all"}, r"^free_h must be"),
        ({"weights": np.ones((4, 5))}, r"^weights must have the shape"),
        ({"weights": -GOOD}, r"^weights contains negative"),
        ({"weights": GOOD * np.nan}, r"^weights contains NaN"),
        ({"init": "best"}, r"^init='best'"),
        ({"init": "nndsvd", "n_components": 5}, r"^init='nndsvd' needs n_components"),
        ({"device": "tpu"}, r"^device='tpu'"),
        ({"backend": "fortran"}, r"^backend='fortran'"),
        ({"dtype": "float16"}, r"^dtype='float16'"),
        ({"dtype": "bfloat16"}, r"^dtype='bfloat16'"),
        ({"V": np.ma.masked_greater(GOOD, 0.5)}, r"^a masked array cannot be used"),
        ({"V": sparse.coo_array(np.ones(4))}, r"^V must be a sparse matrix .* got shape \(4,\)"),
        ({"W": sparse.csc_array(np.ones((4, 2)))}, r"^W must be dense"),
        ({"penalties": [GroupSparsity([[slice(0, 9)]], 1.0)]}, r"^groups name row 8"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str, backend: str) -> None:
    given = {"V": GOOD, "n_components": 2, "seed": 0, "backend": backend, "n_iter": 2, **arguments}
    with pytest.raises(ValueError, match=message) as caught:
        nmf(given.pop("V"), **given)
    assert "\n" not in str(caught.value)


def test_a_result_is_named(backend: str) -> None:
    fit = nmf(GOOD, 2, n_iter=2, seed=0, backend=backend)
    assert isinstance(fit, Result)
    assert fit.history == ()
