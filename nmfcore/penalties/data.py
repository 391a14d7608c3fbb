"""What a penalty is told about the problems: one matrix for all of them, or one for each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import host


def matrix_of(value: Any, name: str, problem: int, count: int) -> NDArray[np.float64]:
    """The nonnegative matrix of one problem: `value` is one for all, a batch (…, a, b) or a list of one for each.

    >>> matrix_of([np.ones((2, 3)), np.zeros((2, 5))], "target", 1, 2).shape
    (2, 5)
    """
    if isinstance(value, (list, tuple)) and len(value) and np.ndim(value[0]) == 2:
        pieces: Any = value
    else:
        array = host(value, np.float64)
        if array.ndim < 2:
            raise ValueError(f"{name} must be a matrix, a batch or a list of matrices; got shape {array.shape}.")
        pieces = array.reshape(-1, *array.shape[-2:]) if array.ndim > 2 else [array] * count
    if len(pieces) != count:
        raise ValueError(f"{name} holds {len(pieces)} matrices for {count} problems.")
    matrix = host(pieces[problem], np.float64)
    if not (np.isfinite(matrix).all() and matrix.min(initial=0) >= 0):
        raise ValueError(f"{name} must be finite and nonnegative.")
    return matrix
