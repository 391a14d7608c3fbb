"""The seam for sparse V: any backend's own sparse kernels, or its dense ones on a few columns at a time.

For β = 1 and 2 only the non-zeros cost anything: Σ Λ is a product of sums, and (WᵀW)H needs no Λ. For any other β every
entry of Λ counts, so the dense kernels run on blocks of columns; no dense (F, N) is ever made.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import Backend, composed
from nmfcore.compressed import Compressed
from nmfcore.layout import H_AT, K0, K1, V_AT, W_AT, Array, F, Half, K, N, Table, make_table, view

BLOCK = 1 << 20  # entries of V that are made dense at once


class Sparse:
    """A backend that takes a :class:`nmfcore.compressed.Compressed` for V; see :class:`nmfcore.backends.Backend`."""

    def __init__(self, engine: Backend) -> None:
        self.engine = engine
        self.name, self.xp = engine.name, engine.xp

    def split_gradient(
        self, table: Table, V: Compressed, Wt: Array, H: Array, beta: float, floor: Array, weights: None = None
    ) -> tuple[Array, Array]:
        neg, pos = np.zeros_like(H), np.zeros_like(H)
        for row, low in zip(table.tolist(), floor.tolist(), strict=True):
            v, wt, h = _problem(row, V, Wt, H)
            rows = slice(row[K0], row[K1])
            above, below = (view(flat, row[H_AT], row[K], row[N])[rows] for flat in (neg, pos))
            if beta == 2:
                above[...] = self.engine.sparse_gradient(v, wt[rows], h[rows])
                below[...] = (wt[rows] @ wt.T) @ h
            elif beta == 1:
                above[...] = self.engine.sparse_gradient(v, wt, h, low)[rows]
                below[...] = wt[rows].sum(1, dtype=np.float64)[:, None]
            else:
                for columns, one, dense, part in _blocks(row, v, h):
                    both = self.engine.split_gradient(one, dense, wt.reshape(-1), part, beta, np.array([low]))
                    above[:, columns], below[:, columns] = (flat.reshape(row[K], -1)[rows] for flat in both)
        return neg, pos

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        self.engine.scale(table, H, neg, pos, exponent)

    def update(
        self,
        table: Table,
        V: Compressed,
        Wt: Array,
        H: Array,
        beta: float,
        floor: Array,
        exponent: float,
        weights: None = None,
        add_neg: Array | None = None,
        add_pos: Array | None = None,
    ) -> None:
        neg, pos = self.split_gradient(table, V, Wt, H, beta, floor)
        composed.add_rows(table, neg, add_neg)
        composed.add_rows(table, pos, add_pos)
        self.scale(table, H, neg, pos, exponent)

    def sweeps(
        self,
        n: int,
        halves: Sequence[Half],
        beta: float,
        floor: Array,
        exponent: float,
        momentum: Array | None = None,
    ) -> None:
        composed.sweeps(self, n, halves, beta, floor, exponent, momentum)

    def divergence(
        self, table: Table, V: Compressed, Wt: Array, H: Array, beta: float, floor: Array, weights: None = None
    ) -> NDArray[np.float64]:
        values = np.zeros(len(table))
        for b, (row, low) in enumerate(zip(table.tolist(), floor.tolist(), strict=True)):
            v, wt, h = _problem(row, V, Wt, H)
            if beta == 2:
                # ½‖V − Λ‖² without Λ, in float64: what remains is a difference of large numbers.
                wide, long = wt.astype(np.float64), h.astype(np.float64)
                overlap = (self.engine.sparse_gradient(v.astype(np.float64), wide, long) * long).sum()
                square = ((wide @ wide.T) * (long @ long.T)).sum()
                values[b] = max(float(v.data.astype(np.float64) @ v.data) / 2 - float(overlap) + float(square) / 2, 0.0)
            elif beta == 1:
                total = wt.sum(1, dtype=np.float64) @ h.sum(1, dtype=np.float64)
                values[b] = self.engine.sparse_divergence(v, wt, h, low) - float(v.sum(dtype=np.float64)) + float(total)
            else:
                for _, one, dense, part in _blocks(row, v, h):
                    values[b] += self.engine.divergence(one, dense, wt.reshape(-1), part, beta, np.array([low]))[0]
        return values

    def coordinate_update(
        self, table: Table, V: Compressed, Wt: Array, H: Array, orders: list[Any], l1: float, l2: float
    ) -> NDArray[np.float64]:
        problems = [_problem(row, V, Wt, H) for row in table.tolist()]
        cross = [self.engine.sparse_gradient(v, wt, h) for v, wt, h in problems]
        return composed.coordinate_update(table, cross, Wt, H, orders, l1, l2, self.engine.coordinate_sweep)


def _problem(row: list[int], V: Compressed, Wt: Array, H: Array) -> tuple[Any, Array, Array]:
    """V (CSC), Wt (K, F) and H (K, N) of one row of the table."""
    return V.columns[row[V_AT]], view(Wt, row[W_AT], row[K], row[F]), view(H, row[H_AT], row[K], row[N])


def _blocks(row: list[int], v: Any, h: Array) -> Any:
    """Blocks of columns as problems of their own: (columns, table, dense V, H), flat and contiguous."""
    width = max(1, BLOCK // row[F])
    for start in range(0, row[N], width):
        columns = slice(start, min(start + width, row[N]))
        dense = v[:, columns].toarray(order="C")
        yield (
            columns,
            make_table([dense.shape], [row[K]]),
            dense.reshape(-1),
            h[:, columns].copy().reshape(-1),
        )
