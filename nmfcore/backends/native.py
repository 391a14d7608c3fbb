"""The compiled kernels (nmfcore/native, C++): the whole update of a factor in one pass over V."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore import _native  # type: ignore[attr-defined]  # compiled
from nmfcore.backends import composed
from nmfcore.backends.base import Backend, Covariances
from nmfcore.layout import H_AT, Array, Half, K, N, Table, view
from nmfcore.threads import blas_in_one_thread

BLAS_RANK = 256  # above this many components the (K, K) product of β = 2 is worth sharing among threads


class Native(Backend):
    """Fused C++ kernels, with the instruction set chosen at run time; see :class:`nmfcore.backends.Backend`."""

    name = "native"
    endings = frozenset({"unit sum", "unit norm", "coupling", "regression", "group sparsity"})

    def split_gradient(self, half: Half) -> tuple[Array, Array]:
        if _better_by_blas(half):
            return composed.euclidean_parts(half)
        neg, pos = np.zeros_like(half.H), np.zeros_like(half.H)
        _native.split_gradient(half, neg, pos)
        return neg, pos

    def divergence(self, half: Half) -> NDArray[np.float64]:
        values = np.empty(len(half.table))
        _native.divergence(half, values)
        return values

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        _native.scale(table, H, neg, pos, exponent)

    def update(self, half: Half, exponent: float, add_neg: Array | None = None, add_pos: Array | None = None) -> None:
        if _better_by_blas(half):
            super().update(half, exponent, add_neg, add_pos)
        else:
            _native.update(half, exponent, add_neg, add_pos)

    def sweeps(self, n: int, halves: Sequence[Half], exponent: float, momentum: Array | None = None) -> None:
        if _better_by_blas(halves[0]):
            super().sweeps(n, halves, exponent, momentum)
        else:
            _native.sweeps(n, list(halves), exponent, momentum)

    def cross_products(self, half: Half) -> list[Array]:
        if _better_by_blas(half):
            return super().cross_products(half)
        neg, _ = self.split_gradient(half)  # BLAS is slow at products as thin as these
        return [view(neg, row[H_AT], row[K], row[N]) for row in half.table.tolist()]

    def while_alternating(self, half: Half) -> AbstractContextManager[None]:
        return nullcontext() if _better_by_blas(half) else blas_in_one_thread()

    def coordinate_sweep(self, H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
        return float(_native.coordinate_sweep(H, gram, cross, inverse, order))

    def sparse_gradient(self, v: Any, wt: Array, h: Array, floor: float | None = None) -> Array:
        neg = np.empty(h.shape, h.dtype)
        _native.sparse(*_compressed(v), wt, h, floor or 0.0, floor is not None, neg)
        return neg

    def sparse_divergence(self, v: Any, wt: Array, h: Array, floor: float) -> float:
        return float(_native.sparse(*_compressed(v), wt, h, floor, True, None))

    def spatial_step(
        self, X: Array, v: Array, R: Covariances, psi: Array | None = None, keep_v: bool = False
    ) -> tuple[Covariances, Array]:
        new, values = np.empty_like(R), np.empty(X.shape[1])
        _native.spatial_step(X, v, R, new, psi, values, keep_v)
        return new, values

    def spatial_gradient(self, X: Array, v: Array, R: Covariances, psi: Array | None = None) -> tuple[Array, Array]:
        neg, pos = np.empty_like(v), np.empty_like(v)
        _native.spatial_gradient(X, v, R, neg, pos, psi)
        return neg, pos

    def wiener(self, X: Array, v: Array, R: Covariances) -> Array:
        images = np.empty((len(v), *X.shape), X.dtype)
        _native.wiener(X, v, R, images)
        return images

    def instruction_sets(self) -> list[str]:
        """Names of the variants that this processor runs, the one in use first."""
        used = _native.instruction_set()
        return [used] + [name for name in _native.instruction_sets() if name != used]

    def threads(self) -> int:
        """Threads that the kernels use (set OMP_NUM_THREADS before the first import to change it)."""
        return int(_native.threads())


def _better_by_blas(half: Half) -> bool:
    plain = half.beta == 2 and half.weights is None and half.endings is None
    return plain and int(half.table[:, K].max(initial=0)) > BLAS_RANK


def _compressed(v: Any) -> tuple[Array, Array, Array]:
    """Starts, rows and values of a CSC matrix, in the types of the kernels."""
    return v.indptr.astype(np.int64, copy=False), v.indices.astype(np.int32, copy=False), v.data


BACKEND: Any = Native()
