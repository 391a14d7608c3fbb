"""Patterns and activations of each source, learned from the variances of the EM."""

import numpy as np

from nmfcore.solve import nmf
from nmfcore.spatial.variances.base import Array, Factored, Sparsity, fitting


class SourceNMF(Factored):
    """v_j ≈ W_j H_j, learned without examples: the baseline of Arberet et al. (2010)."""

    def __init__(
        self,
        sources: tuple[str, ...],
        rank: int,
        sparsity: Sparsity,
        n_inner: int,
        rng: np.random.Generator,
        backend: str,
    ) -> None:
        self.sources = sources
        self.rank, self.n_inner, self.rng, self.backend = rank, n_inner, rng, backend
        self.penalties = sparsity.penalties([(slice(0, rank),)])

    def start(self, power: Array, patterns: Array | None = None) -> Array:
        count, (batch, bins, frames) = len(self.sources), power.shape
        level = power.mean((-2, -1), keepdims=True) / self.rank / count
        drawn = self.rng.uniform(0.5, 1.5, (count, 1, bins, self.rank))
        start = drawn if patterns is None else fitting(patterns, (bins, self.rank))
        self.W = np.broadcast_to(start, (count, batch, bins, self.rank)).astype(power.dtype)
        self.H = (level * self.rng.uniform(0.5, 1.5, (count, 1, self.rank, frames))).astype(power.dtype)
        return self.W @ self.H

    def constrain(self, v: Array) -> Array:
        fit = nmf(
            v, beta=0, W=self.W, H=self.H, penalties=self.penalties, n_iter=self.n_inner, normalize=True,
            backend=self.backend,
        )  # fmt: skip
        self.W, self.H = fit.W, fit.H
        return self.W @ self.H

    def restore(self, H: Array) -> Array:
        self.H = H.astype(self.W.dtype)
        return self.W @ self.H
