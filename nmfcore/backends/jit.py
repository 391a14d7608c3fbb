"""Kernels compiled by Numba at first use, for installs without a C++ compiler.

Panels of columns of all problems run in parallel, and as no two panels share a result, the numbers do not depend on the
number of threads. See :mod:`nmfcore.backends.native` for the fast form of the same loops.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from nmfcore.backends import jit_factor, jit_spatial
from nmfcore.backends.base import Backend, Covariances
from nmfcore.backends.jit_factor import PANEL
from nmfcore.layout import K0, K1, Array, F, Half, K, N, Table

SMALL = 1 << 19  # multiply-adds below which threads cost more than they bring


class Jit(Backend):
    """The Numba backend; see :class:`nmfcore.backends.Backend` for what each method computes."""

    name = "jit"

    def split_gradient(self, half: Half) -> tuple[Array, Array]:
        neg, pos = np.zeros_like(half.H), np.zeros_like(half.H)
        nothing = _read_only(_none(half.H))
        H = np.require(half.H, requirements="W")  # the kernel's type; it is not written here
        _panels(half, H, 0.0, nothing, nothing, neg, pos)
        return neg, pos

    def update(self, half: Half, exponent: float, add_neg: Array | None = None, add_pos: Array | None = None) -> None:
        nowhere = _none(half.H)
        added = [_read_only(nowhere if rows is None else rows) for rows in (add_neg, add_pos)]
        _panels(half, half.H, float(exponent), *added, nowhere, nowhere)

    def divergence(self, half: Half) -> NDArray[np.float64]:
        items, *given = _arguments(half, every=True)
        parts = np.empty(len(items))
        _spread(jit_factor.divergences, len(items), _work(half.table), items, *given, _read_only(half.H), parts)
        out = np.zeros(len(half.table))
        np.add.at(out, items[:, 0], parts)
        return out

    def coordinate_sweep(self, H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
        starts = np.arange(0, H.shape[1], PANEL)
        parts = np.empty(len(starts))
        given = [_read_only(one) for one in (gram, cross, inverse, order)]
        _spread(jit_factor.descend, len(starts), H.size * len(H), _read_only(starts), H, *given, parts)
        return float(parts.sum())

    def sparse_gradient(self, v: Any, wt: Array, h: Array, floor: float | None = None) -> Array:
        neg = np.zeros((h.shape[1], len(h)), h.dtype)
        given = _by_rows(v, wt, h)
        low = np.nan if floor is None else float(floor)
        _spread(jit_factor.sparse_columns, len(neg), v.nnz * len(h), *given, low, neg)
        return np.ascontiguousarray(neg.T)

    def sparse_divergence(self, v: Any, wt: Array, h: Array, floor: float) -> float:
        parts = np.zeros(h.shape[1])
        _spread(jit_factor.sparse_divergences, len(parts), v.nnz * len(h), *_by_rows(v, wt, h), float(floor), parts)
        return float(parts.sum())

    def spatial_step(
        self, X: Array, v: Array, R: Covariances, psi: Array | None = None, keep_v: bool = False
    ) -> tuple[Covariances, Array]:
        new, values = np.empty(R.shape, np.complex128), np.empty(X.shape[1])
        given = (_read_only(X), v, _read_only(R), _planes(X, psi), keep_v)
        _spread(jit_spatial.em, len(values), v.size * len(X) ** 3, *given, new, values)
        return new, values

    def spatial_gradient(self, X: Array, v: Array, R: Covariances, psi: Array | None = None) -> tuple[Array, Array]:
        neg, pos = np.empty_like(v), np.empty_like(v)
        given = (_read_only(X), _read_only(v), _read_only(R), _planes(X, psi))
        _spread(jit_spatial.gradients, X.shape[1], v.size * len(X) ** 3, *given, neg, pos)
        return neg, pos

    def wiener(self, X: Array, v: Array, R: Covariances) -> Array:
        out = np.empty((len(v), *X.shape), X.dtype)
        given = (_read_only(X), _read_only(v), _read_only(R))
        _spread(jit_spatial.images, X.shape[1], v.size * len(X) ** 3, *given, out)
        return out


def _read_only(array: Array) -> Array:
    """A view that cannot be written: inputs have one type then, and each kernel is compiled once for it."""
    out = np.ascontiguousarray(array).view()
    out.flags.writeable = False
    return out


def _spread(kernel: Any, count: int, work: int, *arguments: Any) -> None:
    """Call kernel(start, stop, *arguments) on pieces of 0…count, one for each thread.

    Threads are Python's, which the kernels let run: Numba's own take several times as long to compile, make slower code
    of these loops, and clash with a fork and with threads of the caller.
    """
    threads = min(count, get_num_threads())
    if threads < 2 or work < SMALL:
        kernel(0, count, *arguments)
        return
    ends = [count * t // threads for t in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(kernel, *piece, *arguments) for piece in pairwise(ends)]:
            done.result()


def _work(table: Table) -> int:
    return int((table[:, F] * table[:, N] * table[:, K]).sum())


def _planes(X: Array, psi: Array | None) -> Array:
    return _read_only(np.zeros((0, 0, 0), X.real.dtype) if psi is None else psi)


def _by_rows(v: Any, wt: Array, h: Array) -> tuple[Array, ...]:
    """Starts, rows and values of a CSC matrix, and the factors with one contiguous row for each row and column of V."""
    given = (v.indptr.astype(np.int64, copy=False), v.indices.astype(np.int32, copy=False), v.data, wt.T, h.T)
    return tuple(_read_only(one) for one in given)


def _none(like: Array) -> Array:
    return np.zeros(0, like.dtype)


def _arguments(half: Half, every: bool = False) -> tuple[Any, ...]:
    """What all kernels of a batch begin with; first the work list: (problem, first column) of every panel."""
    items = [
        (b, column)
        for b, row in enumerate(half.table.tolist())
        if every or row[K1] > row[K0]
        for column in range(0, row[N], PANEL)
    ]
    return (
        np.array(items, np.int64).reshape(-1, 2),
        np.ascontiguousarray(half.table),
        _read_only(half.V),
        _read_only(half.Wt),
        _read_only(_none(half.V) if half.weights is None else half.weights),
        float(half.beta),
        np.asarray(half.floor, np.float64),
    )


def _panels(half: Half, *result: Any) -> None:
    """Every panel of H: updated, or its two parts of the gradient stored."""
    items, *given = _arguments(half)
    _spread(jit_factor.sweep, len(items), _work(half.table), items, *given, *result)


BACKEND: Any = Jit()
