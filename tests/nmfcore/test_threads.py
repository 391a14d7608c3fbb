"""The pools of threads: BLAS beside the kernels, child processes, and interrupts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

import nmfcore
from nmfcore import threads
from nmfcore.threads import blas_in_one_thread


def run(program: str) -> None:
    """In a process of its own, with two threads; raises where it fails or hangs."""
    home = str(Path(nmfcore.__file__).parent.parent)
    variables = {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2", "PYTHONPATH": home}
    subprocess.run([sys.executable, "-c", program], env={**os.environ, **variables}, timeout=60, check=True)


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _known_pools() -> None:
    """Libraries that other tests have loaded since bring pools of their own."""
    threads._pools.cache_clear()


def test_one_thread_inside_and_as_many_as_before_outside() -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with blas_in_one_thread():
            assert blas_threads() <= {1}
        assert blas_threads() == before


def test_fits_that_overlap_leave_as_many_as_before() -> None:
    """One thread's fit ends while another one's goes on."""
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        first, second = blas_in_one_thread(), blas_in_one_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() <= {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before


@pytest.mark.skipif("native" not in nmfcore.backends.available(), reason="the compiled kernels have threads")
@pytest.mark.parametrize("options", [{}, {"solver": "cd"}, {"free_w": False, "W": np.ones((5, 2))}])
def test_fits_that_alternate_between_kernels_and_blas_keep_it_to_one_thread(options: dict[str, Any]) -> None:
    V = np.eye(5) + 0.1
    seen: list[set[int]] = []
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        given = V if options else sparse.csc_array(V)
        nmfcore.nmf(given, 2, beta=2, n_iter=10, callback=lambda *_: seen.append(blas_threads()), **options)
        assert seen == [{1}]
        assert blas_threads() == before


def test_without_threadpoolctl_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    threads._pools.cache_clear()
    with blas_in_one_thread():
        assert threads._pools() is None
    threads._pools.cache_clear()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("kernels", [name for name in nmfcore.backends.available() if name != "cuda"])
def test_a_fit_works_after_a_fork(kernels: str) -> None:
    """As the workers of multiprocessing and of torch's loaders do, whose parents have used the kernels before."""
    program = f"""
import os, signal
import numpy as np
import nmfcore
from scipy import sparse

V = np.random.default_rng(0).random((300, 400))

def fits():
    one = nmfcore.nmf(V, 9, n_iter=2, seed=0, backend={kernels!r})
    nmfcore.nmf(V, 9, beta=2, solver="cd", n_iter=2, backend={kernels!r})
    nmfcore.nmf(sparse.csc_array(V), 9, n_iter=2, backend={kernels!r})
    return one.objective

want = fits()
child = os.fork()
if child == 0:
    signal.alarm(30)  # rather than to wait forever
    os._exit(0 if fits() == want else 1)
assert fits() == want
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    run(program)


def test_an_interrupt_is_heard() -> None:
    """Of a fit that takes hours where it is one call of the kernels."""
    run("""
import signal
import numpy as np
import nmfcore

V = np.random.default_rng(0).random((3, 4))
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    nmfcore.nmf(V, 1, beta=0.7, n_iter=10**10)
except KeyboardInterrupt:
    raise SystemExit(0)
raise SystemExit("was not interrupted")
""")
