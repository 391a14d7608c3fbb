"""What learning from mini-batches is made of: one batch as a problem for a backend, and sums that forget.

Lefèvre, Bach and Févotte, "Online algorithms for nonnegative matrix factorization with the Itakura-Saito divergence",
WASPAA 2011: after each mini-batch the two parts of the gradient in W join two decaying sums A and B, and W = (A / B)^γ
with the exponent γ(β) of majorisation-minimisation. A single mini-batch without memory is the multiplicative update.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore import backends, layout
from nmfcore.backends.sparse import Sparse
from nmfcore.compressed import Compressed, is_sparse
from nmfcore.divergence import level_floor
from nmfcore.layout import Array, Half, Matrices


class MiniBatch:
    """Some columns of V (F, n) ≈ Wtᵀ H, dense or sparse, as the problem of a backend and its transpose.

    Factors that are given have to lie where the backend works.
    """

    def __init__(self, V: Any, beta: float, backend: str = "auto", device: str = "auto") -> None:
        engine: Any = backends.get(backend, device)
        self.engine = Sparse(engine) if is_sparse(V) else engine
        dtype = np.dtype(np.float64) if engine.name == "reference" else None
        given: Any = Compressed.of(V, dtype=dtype) if is_sparse(V) else Matrices.of(V, dtype=dtype)
        self.shape, self.beta, self.dtype = given.shapes[0], beta, given.flat.dtype
        self.floor = level_floor(given.peaks(), beta, self.dtype)
        self.V, self.Vt = given.to(engine.xp).flat, given.transposed().to(engine.xp).flat

    def half(self, Wt: Array, H: Array) -> Half:
        """The update of H (K, n)."""
        table = layout.make_table([self.shape], [len(H)])
        return Half(table, self.V, Wt.reshape(-1), H.reshape(-1), self.beta, self.floor)

    def gradient(self, Wt: Array, H: Array) -> tuple[Array, Array]:
        """Both parts of the gradient in Wt (K, F)."""
        half = self.half(Wt, H)
        other = half._replace(table=layout.transposed(half.table), V=self.Vt, Wt=half.H, H=half.Wt)
        neg, pos = self.engine.split_gradient(other)
        return neg.reshape(Wt.shape), pos.reshape(Wt.shape)

    def divergence(self, Wt: Array, H: Array) -> float:
        return float(self.engine.divergence(self.half(Wt, H))[0])


class DecayingSums:
    """The sums A and B of a factor, and the factor (A / B)^γ that they make."""

    def __init__(self, above: Array, below: Array, gamma: float) -> None:
        self.above, self.below, self.gamma = above, below, gamma

    def join(self, factor: Array, neg: Array, pos: Array, memory: float) -> NDArray[Any]:
        """Forget all but a share `memory`, add the two parts of the gradient at `factor`; the new factor."""
        self.above = memory * self.above + neg * (factor if self.gamma == 1 else factor ** (1 / self.gamma))
        self.below = memory * self.below + pos
        moved: NDArray[Any] = np.divide(self.above, self.below, out=np.zeros_like(self.above), where=self.below > 0)
        return moved if self.gamma == 1 else moved**self.gamma
