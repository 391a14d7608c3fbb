"""The seam for sparse V: any backend's own sparse kernels, or its dense ones on a few columns at a time.

For β = 1 and 2 only the non-zeros cost anything: Σ Λ is a product of sums, and (WᵀW)H needs no Λ. For any other β every
entry of Λ counts, so the dense kernels run on blocks of columns; no dense (F, N) is ever made.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends.base import Around
from nmfcore.layout import H_AT, K0, K1, V_AT, W_AT, Array, F, Half, K, N, make_table, view

BLOCK = 1 << 20  # entries of V that are made dense at once


class Sparse(Around):
    """Around a backend, for V that is :class:`nmfcore.compressed.Compressed`; see :class:`nmfcore.backends.Backend`."""

    def split_gradient(self, half: Half) -> tuple[Array, Array]:
        with self.while_alternating(half):
            return self._split_gradient(half)

    def divergence(self, half: Half) -> NDArray[np.float64]:
        with self.while_alternating(half):
            return self._divergence(half)

    def _split_gradient(self, half: Half) -> tuple[Array, Array]:
        neg, pos = np.zeros_like(half.H), np.zeros_like(half.H)
        for row, low in zip(half.table.tolist(), half.floor.tolist(), strict=True):
            v, wt, h = _problem(row, half)
            rows = slice(row[K0], row[K1])
            above, below = (view(flat, row[H_AT], row[K], row[N])[rows] for flat in (neg, pos))
            if half.beta == 2:
                above[...] = self.engine.sparse_gradient(v, wt[rows], h[rows])
                below[...] = (wt[rows] @ wt.T) @ h
            elif half.beta == 1:
                above[...] = self.engine.sparse_gradient(v, wt, h, low)[rows]
                below[...] = wt[rows].sum(1, dtype=np.float64)[:, None]
            else:
                for columns, block in _blocks(half.beta, low, v, wt, h):
                    both = self.engine.split_gradient(block)
                    above[:, columns], below[:, columns] = (flat.reshape(row[K], -1)[rows] for flat in both)
        return neg, pos

    def _divergence(self, half: Half) -> NDArray[np.float64]:
        values = np.zeros(len(half.table))
        for b, (row, low) in enumerate(zip(half.table.tolist(), half.floor.tolist(), strict=True)):
            v, wt, h = _problem(row, half)
            if half.beta == 2:
                # ½‖V − Λ‖² without Λ, in float64: what remains is a difference of large numbers.
                wide, long = wt.astype(np.float64), h.astype(np.float64)
                overlap = (self.engine.sparse_gradient(v.astype(np.float64), wide, long) * long).sum()
                square = ((wide @ wide.T) * (long @ long.T)).sum()
                values[b] = max(float(v.data.astype(np.float64) @ v.data) / 2 - float(overlap) + float(square) / 2, 0.0)
            elif half.beta == 1:
                total = wt.sum(1, dtype=np.float64) @ h.sum(1, dtype=np.float64)
                values[b] = self.engine.sparse_divergence(v, wt, h, low) - float(v.sum(dtype=np.float64)) + float(total)
            else:
                for _, block in _blocks(half.beta, low, v, wt, h):
                    values[b] += self.engine.divergence(block)[0]
        return values

    def cross_products(self, half: Half) -> list[Array]:
        return [self.engine.sparse_gradient(*_problem(row, half)) for row in half.table.tolist()]


def _problem(row: list[int], half: Half) -> tuple[Any, Array, Array]:
    """V (CSC), Wt (K, F) and H (K, N) of one row of the table."""
    return half.V.columns[row[V_AT]], view(half.Wt, row[W_AT], row[K], row[F]), view(half.H, row[H_AT], row[K], row[N])


def _blocks(beta: float, low: float, v: Any, wt: Array, h: Array) -> Iterator[tuple[slice, Half]]:
    """Blocks of columns of one problem, as dense problems of their own."""
    rows, frames = v.shape
    width = max(1, BLOCK // rows)
    for start in range(0, frames, width):
        columns = slice(start, min(start + width, frames))
        dense, part = v[:, columns].toarray(order="C"), h[:, columns].copy()
        table = make_table([dense.shape], [len(wt)])
        yield columns, Half(table, dense.reshape(-1), wt.reshape(-1), part.reshape(-1), beta, np.array([low]))
