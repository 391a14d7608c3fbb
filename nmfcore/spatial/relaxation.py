"""Longer steps than majorisation–minimisation takes by itself, as long as the likelihood rises."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import host, namespace, placed
from nmfcore.spatial.batch import Batch
from nmfcore.spatial.full import FullRank
from nmfcore.spatial.variances import Climbing

Array = NDArray[Any]
LONGEST = 1.9  # near an optimum, steps of up to twice the length still converge
LONGER = 0.03  # from one iteration to the next
PLAIN = 10  # first iterations, of plain length


class Relaxation:
    """Adaptive over-relaxation (Salakhutdinov and Roweis, ICML 2003) of patterns, activations and covariances.

    A step of `reach` times the length, in the logarithm: W ← W ⊙ (W₁ / W)^reach, and along the geodesic from R to R₁.
    It grows slowly, so that the first iterations, which choose the optimum, are those of the plain algorithm. Where
    the likelihood of a recording fell, its step is taken back, and the next is of plain length again: it never falls
    for long.

    Args:
        model: variance model that climbs the likelihood.
        spatial: covariances, by ``"mm"``.
        batch: recordings.
    """

    def __init__(self, model: Climbing, spatial: FullRank, batch: Batch) -> None:
        self.model, self.spatial, self.batch = model, spatial, batch
        self.values, self.count = np.full(batch.size, -np.inf), 0
        self.reach = np.ones(batch.size)
        self.kept: tuple[Array, ...] = ()
        self._stretch()

    def step(self, v: Array, move: bool) -> tuple[Array, Array]:
        """The likelihoods (B,) of the present parameters, or of the last good ones, and the variances (J, B, F, N)."""
        now: tuple[Array, ...] = (self.model.W.copy(), self.model.H.copy(), v, self.spatial.R)
        values = self._move(v, move)
        fell = values < self.values
        if fell.any():
            at = placed(fell[:, None, None], namespace(v))
            of_bins = np.repeat(at, v.shape[-2], axis=0)
            where = (at, at, at, of_bins)
            now = tuple(np.where(back, old, new) for back, old, new in zip(where, self.kept, now, strict=True))
            self.model.W, self.model.H, v, self.spatial.R = now
            self.reach[fell] = 1
            self._stretch()
            values = self._move(v, move)
        self.kept, self.values = now, values
        self.count += 1
        if self.count >= PLAIN:
            self.reach = np.minimum(self.reach + LONGER, LONGEST)
            self._stretch()
        return values, v

    def _move(self, v: Array, move: bool) -> NDArray[np.float64]:
        values: NDArray[np.float64] = host(
            self.batch.total(self.spatial.step(self.batch.rows(v), keep_v=True, move=move))
        )
        return values

    def _stretch(self) -> None:
        if (self.reach == 1).all():
            self.model.reach = self.spatial.reach = 1.0
            return
        H, R = self.model.H, self.spatial.R
        self.model.reach = placed(self.reach[:, None, None].astype(H.dtype), namespace(H))
        of_bins = np.repeat(self.reach, R.shape[1] // self.batch.size)
        self.spatial.reach = placed(of_bins[:, None], namespace(R))
