"""Euclidean updates of one factor while the other stays: WᵀV and WᵀW are made once, and V is not read again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends.base import Around
from nmfcore.layout import H_AT, K0, K1, W_AT, Array, F, Half, K, N, view


class FixedPatterns(Around):
    """Around a backend for β = 2 without weights, whose Wt never changes; see :class:`nmfcore.backends.Backend`.

    The first call has to be with the table of all problems.
    """

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self._neg: Array | None = None
        self._grams: dict[int, Array] = {}  # by W_AT
        self._cross: dict[int, Array] = {}  # by H_AT

    def split_gradient(self, half: Half) -> tuple[Array, Array]:
        if self._neg is None:
            self._neg = self.engine.split_gradient(half)[0]
            for row in half.table.tolist():
                wt = view(half.Wt, row[W_AT], row[K], row[F])
                self._grams[row[W_AT]] = wt[row[K0] : row[K1]] @ wt.T
        pos = np.zeros_like(half.H)
        for row in half.table.tolist():
            h, below = (view(flat, row[H_AT], row[K], row[N]) for flat in (half.H, pos))
            np.matmul(self._grams[row[W_AT]], h, out=below[row[K0] : row[K1]])
        return self._neg.copy(), pos

    def cross_products(self, half: Half) -> list[Array]:
        at = half.table[:, H_AT].tolist()
        if not self._cross:
            self._cross = dict(zip(at, self.engine.cross_products(half), strict=True))
        return [self._cross[each] for each in at]

    def divergence(self, half: Half) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.engine.divergence(half)
        return values
