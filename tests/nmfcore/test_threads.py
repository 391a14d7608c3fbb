"""BLAS has one thread inside the loops that alternate with the kernels, and its own number again outside."""

import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from nmfcore import threads
from nmfcore.threads import blas_in_one_thread


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_one_thread_inside_and_as_many_as_before_outside() -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with blas_in_one_thread():
            assert blas_threads() <= {1}
        assert blas_threads() == before


def test_without_threadpoolctl_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    threads._pools.cache_clear()
    with blas_in_one_thread():
        assert threads._pools() is None
    threads._pools.cache_clear()
