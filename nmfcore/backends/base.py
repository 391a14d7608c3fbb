"""The seam: what a backend offers to everything above, and how that follows from a few primitives of its own.

Buffers are flat and C-contiguous, and a table says where each problem lies: :mod:`nmfcore.layout`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import composed
from nmfcore.layout import Array, Half, Table

Covariances = NDArray[np.complex128]


class FactorUpdates(ABC):
    """The primitives of the loop. A subclass gives the first two, and whatever else it does better than they do."""

    name: str
    xp: Any = np  # numpy or cupy: where the arrays lie, and what else is done to them
    endings: frozenset[str] = frozenset()  # the kinds of Half.endings that `sweeps` knows

    @abstractmethod
    def split_gradient(self, half: Half) -> tuple[Array, Array]:
        """The negative and positive parts of ∂D_β/∂H, laid out like H; only rows K0:K1 are set.

        neg = Wᵀ(V ⊙ Λ^(β−2)), pos = Wᵀ Λ^(β−1), Λ = WH. Λ is taken no smaller than the floor and, where β ≤ 0 makes
        the divergence infinite at zero, V too; β = 2 needs no floor and may be computed without Λ.
        """

    @abstractmethod
    def divergence(self, half: Half) -> NDArray[np.float64]:
        """D_β(V | WH) of each problem, accumulated in float64."""

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        """H ← H ⊙ (neg / pos)^exponent in place, rows K0:K1; 0 where pos is 0."""
        composed.scale(table, H, neg, pos, exponent)

    def update(self, half: Half, exponent: float, add_neg: Array | None = None, add_pos: Array | None = None) -> None:
        """`split_gradient`, plus a value per row of H (flat, at ROW_AT) added to each part, then `scale`."""
        neg, pos = self.split_gradient(half)
        composed.add_rows(half.table, neg, add_neg)
        composed.add_rows(half.table, pos, add_pos)
        self.scale(half.table, half.H, neg, pos, exponent)

    def sweeps(self, n: int, halves: Sequence[Half], exponent: float, momentum: Array | None = None) -> None:
        """`n` times `update` of each half in turn, with nothing in between: what is left of a fit without penalties.

        One call, so that a backend can keep a problem in its cache, or on its device, for all of them. With
        `momentum` (n, problems) each update starts from H ⊙ (H / last)^momentum instead of H, and keeps H in `last`.
        """
        for sweep in range(n):
            for half in halves:
                if momentum is not None:
                    composed.extrapolate(half, momentum[sweep])
                self.update(half, exponent)

    def cross_products(self, half: Half) -> list[Array]:
        """WᵀV (K, N) of each problem."""
        return [wt @ v for v, wt, _ in half.views()]

    def while_alternating(self, half: Half) -> AbstractContextManager[None]:
        """What holds while kernels and BLAS take turns: a place to keep pools of threads out of each other's way."""
        return nullcontext()

    def coordinate_sweep(self, H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
        """Move the rows of one H (K, N), in place and in that order, each to its minimum with the others as they are.

        h_k ← max(h_k − (gram_k H − cross_k) · inverse_k, 0); returns Σ |projected gradient| before each move.
        """
        return composed.coordinate_sweep(H, gram, cross, inverse, order)

    def coordinate_update(self, half: Half, orders: list[Any], l1: float, l2: float) -> NDArray[np.float64]:
        """`coordinate_sweep` on each problem for β = 2 with penalties l1‖H‖₁ + (l2/2)‖H‖²; what the sweeps return."""
        return composed.coordinate_update(half, self.cross_products(half), orders, l1, l2, self.coordinate_sweep)


class Backend(FactorUpdates):
    """A whole backend: besides the loop's primitives those of sparse V and of the local Gaussian model."""

    def sparse_gradient(self, v: Any, wt: Array, h: Array, floor: float | None = None) -> Array:
        """Wᵀ(V / Λ) over the non-zeros of one V (CSC), Λ no smaller than `floor`; without a floor WᵀV."""
        return composed.sparse_gradient(v, wt, h, floor)

    def sparse_divergence(self, v: Any, wt: Array, h: Array, floor: float) -> float:
        """Σ V log(V / Λ) over the non-zeros of one V (CSC)."""
        return composed.sparse_divergence(v, wt, h, floor)

    @abstractmethod
    def spatial_step(
        self, X: Array, v: Array, R: Covariances, psi: Array | None = None, keep_v: bool = False
    ) -> tuple[Covariances, Array]:
        """One EM iteration of the local Gaussian model; `v` (J, F, N) is updated in place unless `keep_v`.

        Returns the new R (J, F, I, I) and what each bin adds to the log-likelihood of the parameters that came in,
        (F,), in float64. `psi` holds the locally averaged covariance as I² real planes (I², F, N), or is None for
        Ψ = x xᴴ. A bin knows nothing of the others: those of several recordings of one length may stand in a row.
        """

    @abstractmethod
    def spatial_gradient(self, X: Array, v: Array, R: Covariances, psi: Array | None = None) -> tuple[Array, Array]:
        """The negative and positive parts, (J, F, N), of the gradient of −log-likelihood in v.

        neg = tr(R_j Σ_x⁻¹ Ψ Σ_x⁻¹), pos = tr(R_j Σ_x⁻¹).
        """

    @abstractmethod
    def wiener(self, X: Array, v: Array, R: Covariances) -> Array:
        """The source images v_j R_j Σ_x⁻¹ x, (J, I, F, N)."""


class Around(FactorUpdates):
    """What stands around a whole backend to do some problems in another way, and leaves the rest to it."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.name, self.xp = engine.name, engine.xp

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        self.engine.scale(table, H, neg, pos, exponent)

    def while_alternating(self, half: Half) -> AbstractContextManager[None]:
        held: AbstractContextManager[None] = self.engine.while_alternating(half)
        return held

    def coordinate_sweep(self, H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
        return float(self.engine.coordinate_sweep(H, gram, cross, inverse, order))
