"""The same call gives the same bits: seeds, restarts, numbers of threads, calls beside one another."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nmfcore
from nmfcore import nmf

Array = NDArray[Any]


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
        np.testing.assert_array_equal(fit.W, best.W)
        np.testing.assert_array_equal(fit.H, best.H)
    batch = nmf(V, 4, seed=starts, n_restarts=5, **options)
    assert batch.W.shape == (2, 9, 4)
    assert batch.objective[0] == min(run.objective for run in singles[0])


@pytest.mark.parametrize("init", ["random", "nndsvda"])
def test_the_seed_decides(init: str, backend: str) -> None:
    V = np.random.default_rng(0).random((3, 17, 33))
    first, second = (nmf(V, 4, init=init, n_iter=20, seed=11, backend=backend) for _ in range(2))
    np.testing.assert_array_equal(first.W, second.W)
    np.testing.assert_array_equal(first.H, second.H)
    np.testing.assert_array_equal(first.objective, second.objective)
    generator = nmf(V, 4, init=init, n_iter=20, seed=np.random.default_rng(11), backend=backend)
    np.testing.assert_array_equal(generator.W, first.W)
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
