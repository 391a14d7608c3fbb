"""One pool of threads at a time.

After a product of matrices the threads of BLAS keep turning for some milliseconds, in case of another one, on the very
cores that the kernels' threads are woken for. A loop that alternates between the two then waits for the scheduler most
of the time: an EM iteration took five times as long. Inside such loops BLAS gets one thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@cache
def _pools() -> Any:
    """The controller of the process's thread pools; None without threadpoolctl, and the pools stay as they are."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


@contextmanager
def blas_in_one_thread() -> Iterator[None]:
    """A context (or decorator) in which NumPy's matrix products use one thread; afterwards as many as before.

    >>> import numpy as np
    >>> with blas_in_one_thread():
    ...     product = np.ones((2, 3)) @ np.ones((3, 2))
    """
    pools = _pools()
    if pools is None:
        yield
    else:
        with pools.limit(limits=1, user_api="blas"):
            yield
