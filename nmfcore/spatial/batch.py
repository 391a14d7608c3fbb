"""How recordings of one shape lie side by side within a fit.

Outside, a batch is the first axis of everything: X (B, I, F, N), v (B, J, F, N), W (B, F, K). Inside it stands behind
the channels or sources: v (J, B, F, N). To the spatial kernels a bin is a bin, whosever it is, so that the same memory
is one recording of B·F bins to them, (J, B·F, N); the spectral models work on (B, F, N) of each source.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import namespace

Array = NDArray[Any]
FACTOR = -3  # where the batch stands in patterns (…, F, K) and activations (…, K, N)


@dataclass(frozen=True)
class Batch:
    """So many recordings; or one `alone`, whose arrays have no batch axis outside."""

    size: int
    alone: bool

    @staticmethod
    def of(X: Array) -> "Batch":
        """Of mixtures (I, F, N) or (B, I, F, N)."""
        return Batch(1 if X.ndim == 3 else len(X), X.ndim == 3)

    def enter(self, array: Array, axis: int = 1) -> Array:
        """An array from outside, with the batch moved to `axis`."""
        return np.moveaxis(array[None] if self.alone else array, 0, axis)

    def leave(self, array: Array, axis: int = 1) -> Array:
        """An array as it is given outside."""
        out = np.moveaxis(array, axis, 0)
        return out[0] if self.alone else namespace(array).ascontiguousarray(out)

    def rows(self, array: Array) -> Array:
        """(J, B, F, …) as (J, B·F, …)."""
        return array.reshape(len(array), -1, *array.shape[3:])

    def total(self, values: Array) -> Array:
        """The sum (B,) over the bins of each recording of (B·F,)."""
        out: Array = values.reshape(self.size, -1).sum(1)
        return out

    def apart(self, array: Array) -> Array:
        """(J, B·F, …) as (J, B, F, …)."""
        return array.reshape(len(array), self.size, -1, *array.shape[2:])
