"""Variances without a constraint."""

from typing import Any

import numpy as np

from nmfcore.spatial.variances.base import Array, VarianceModel


class Free(VarianceModel):
    """No constraint: every bin and frame has its own variance (Duong, Vincent and Gribonval 2010)."""

    def __init__(self, sources: tuple[str, ...], rng: np.random.Generator) -> None:
        self.sources = sources
        self.rng = rng

    def start(self, power: Array, patterns: Array | None = None) -> Array:
        share = self.rng.uniform(0.5, 1.5, (len(self.sources), 1, *power.shape[-2:]))
        out: Array = (share / share.sum(0) * power).astype(power.dtype)
        return out

    def constrain(self, v: Array) -> Array:
        return v

    def move(self, xp: Any) -> None:
        """There are no patterns to move."""
