"""Longer steps than majorisation–minimisation takes by itself, as long as the likelihood rises."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    the likelihood fell, the step is taken back, and the next is of plain length again: it never falls for long.

    Args:
        model: variance model that climbs the likelihood.
        spatial: covariances, by ``"mm"``.
    """

    def __init__(self, model: Climbing, spatial: FullRank) -> None:
        self.model, self.spatial = model, spatial
        self.value, self.count = -np.inf, 0
        self.kept: tuple[Array, ...] = ()
        self._reach(1.0)

    def step(self, v: Array, move: bool) -> tuple[float, Array]:
        """The likelihood of the present parameters, or of the last good ones, and the variances that go with it."""
        now = (self.model.W.copy(), self.model.H.copy(), v, self.spatial.R)
        value = self.spatial.step(v, keep_v=True, move=move)
        if value < self.value:
            self.model.W, self.model.H, v, self.spatial.R = self.kept
            self._reach(1.0)
            value = self.spatial.step(v, keep_v=True, move=move)
        else:
            self.kept = now
        self.value = value
        self.count += 1
        if self.count >= PLAIN:
            self._reach(min(self.model.reach + LONGER, LONGEST))
        return value, v

    def _reach(self, reach: float) -> None:
        self.model.reach = self.spatial.reach = reach
