"""Trained and learned patterns of each source, fitted to its own variance."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nmfcore.models.dictionary import Dictionary
from nmfcore.spatial.variances.base import Array, Sparsity, VarianceModel, fitting
from nmfcore.spatial.variances.separation import Separation, sources_of


class Denoising(VarianceModel):
    """v_j ≈ U_j H_j, each source for itself (P2, eq. 22); patterns, trained or free, as for :class:`Separation`."""

    def __init__(
        self,
        dictionary: Dictionary,
        free: Mapping[str, int],
        sparsity: Sparsity,
        smoothing: float,
        n_inner: int,
        rng: np.random.Generator,
        backend: str,
    ) -> None:
        self.sources = sources_of(dictionary, free)
        self.parts = [
            Separation(
                _only(dictionary, name), {name: free.get(name, 0)}, sparsity, smoothing, 0, n_inner, rng, backend
            )
            for name in self.sources
        ]

    def start(self, power: Array, patterns: Array | None = None) -> Array:
        share = power / len(self.parts)
        return np.concatenate(
            [part.start(share, W) for part, W in zip(self.parts, self._cut(patterns, -1), strict=True)]
        )

    def constrain(self, v: Array) -> Array:
        return np.concatenate([part.constrain(v[j : j + 1]) for j, part in enumerate(self.parts)])

    def factors(self) -> tuple[Array, Array]:
        W, H = zip(*(part.factors() for part in self.parts), strict=True)
        return np.concatenate(W, axis=-1), np.concatenate(H, axis=-2)

    def restore(self, H: Array) -> Array:
        pieces = self._cut(H, -2)
        return np.concatenate([part.restore(piece) for part, piece in zip(self.parts, pieces, strict=True)])

    def move(self, xp: Any) -> None:
        for part in self.parts:
            part.move(xp)

    def _cut(self, factor: Array | None, axis: int) -> list[Any]:
        """The sources' own parts of patterns or activations."""
        if factor is None:
            return [None] * len(self.parts)
        if axis == -1:
            fitting(factor, (factor.shape[-2], sum(part.rank for part in self.parts)))
        return np.split(factor, np.cumsum([part.rank for part in self.parts])[:-1], axis=axis)


def _only(dictionary: Dictionary, source: str) -> Dictionary:
    """The part of a dictionary that belongs to one source; nothing for a source without examples."""
    if source not in dictionary.blocks:
        return Dictionary(dictionary.W[:, :0], (), {})
    rows = dictionary.rows(source)
    blocks = tuple(slice(b.start - rows.start, b.stop - rows.start) for b in dictionary.blocks[source])
    return Dictionary(dictionary.W[:, rows], (source,), {source: blocks})
