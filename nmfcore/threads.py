"""One pool of threads at a time.

After a product of matrices the threads of BLAS keep turning for some milliseconds, in case of another one, on the very
cores that the kernels' threads are woken for. A loop that alternates between the two then waits for the scheduler most
of the time: an EM iteration took five times as long. Inside such loops BLAS gets one thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_door = Lock()
_inside = 0  # threads in the context
_limit: Any = None  # what they share


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

    The number is the whole process's: where several threads are inside, it is given back as the last one leaves.

    >>> import numpy as np
    >>> with blas_in_one_thread():
    ...     product = np.ones((2, 3)) @ np.ones((3, 2))
    """
    global _inside, _limit
    with _door:
        if _inside == 0 and (pools := _pools()) is not None:
            _limit = pools.limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _door:
            _inside -= 1
            if _inside == 0 and _limit is not None:
                _limit.restore_original_limits()
                _limit = None
