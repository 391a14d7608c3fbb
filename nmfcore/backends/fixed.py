"""Euclidean updates of one factor while the other stays: WᵀV and WᵀW are made once, and V is not read again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import composed
from nmfcore.layout import H_AT, K0, K1, W_AT, Array, F, Half, K, N, Table, view


class FixedPatterns:
    """A backend for β = 2 without weights, whose Wt never changes; see :class:`nmfcore.backends.Backend`.

    The first call has to be with the table of all problems.
    """

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.name, self.xp = engine.name, engine.xp
        self._neg: Array | None = None
        self._grams: dict[int, Array] = {}  # by W_AT

    def split_gradient(
        self, table: Table, V: Any, Wt: Array, H: Array, beta: float, floor: Array, weights: None = None
    ) -> tuple[Array, Array]:
        if self._neg is None:
            self._neg = self.engine.split_gradient(table, V, Wt, H, beta, floor)[0]
            for row in table.tolist():
                wt = view(Wt, row[W_AT], row[K], row[F])
                self._grams[row[W_AT]] = wt[row[K0] : row[K1]] @ wt.T
        pos = np.zeros_like(H)
        for row in table.tolist():
            h, below = (view(flat, row[H_AT], row[K], row[N]) for flat in (H, pos))
            np.matmul(self._grams[row[W_AT]], h, out=below[row[K0] : row[K1]])
        return self._neg, pos

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        self.engine.scale(table, H, neg, pos, exponent)

    def update(
        self,
        table: Table,
        V: Any,
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
        if add_neg is not None:
            neg = neg.copy()
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
        self, table: Table, V: Any, Wt: Array, H: Array, beta: float, floor: Array, weights: None = None
    ) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.engine.divergence(table, V, Wt, H, beta, floor)
        return values
