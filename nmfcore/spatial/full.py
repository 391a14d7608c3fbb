"""Full-rank spatial covariances within the EM loop: gradient in the variances, and the step that moves R."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import Backend
from nmfcore.spatial.covariances import loaded, unit_trace

Array = NDArray[Any]


class FullRank:
    """R_j(f) of full rank (Duong, Vincent and Gribonval 2010), updated by EM.

    Args:
        engine: backend.
        X: mixture (I, F, N).
        R: initial covariances (J, F, I, I).
        anchor: covariances that R is drawn to.
        psi: locally averaged covariance of the mixture as planes, or None.
        drawn: (J, 1, 1, 1), how far.
        regularization: share of the identity in R.
    """

    def __init__(
        self,
        engine: Backend,
        X: Array,
        R: NDArray[np.complex128],
        anchor: NDArray[np.complex128],
        psi: Array | None,
        drawn: NDArray[np.float64],
        regularization: float,
    ) -> None:
        self.engine, self.X, self.R, self.psi = engine, X, R, psi
        self.anchor, self.drawn, self.regularization = anchor, drawn, regularization
        self.noise = 0.0  # power of white noise at the microphones, beside the sources

    def gradient(self, v: Array) -> tuple[Array, Array]:
        """The negative and positive parts, (J, F, N), of the gradient of −log-likelihood in v."""
        neg, pos = self.engine.spatial_gradient(self.X, *self._with_noise(v), self.psi)
        return neg[: len(v)], pos[: len(v)]

    def step(self, v: Array, *, keep_v: bool, move: bool) -> float:
        """One EM iteration; `v` is updated in place unless `keep_v`, R if `move`. The value is that before it."""
        variances, covariances = self._with_noise(v)
        updated, value = self.engine.spatial_step(self.X, variances, covariances, self.psi, keep_v)
        v[...] = variances[: len(v)]
        if move:
            shape, size = unit_trace(updated[: len(v)])
            self.R = loaded(shape, self.regularization) * (1 - self.drawn) + self.anchor * self.drawn
            # The scale moves into v; but where v = U_j H_j is given by its patterns, R keeps it, bin by bin, as
            # what fits the spectra of the examples to those of the recording.
            if keep_v:
                self.R *= size
            else:
                v *= size[..., 0].astype(v.dtype)
        return value

    def _with_noise(self, v: Array) -> tuple[Array, NDArray[np.complex128]]:
        if self.noise == 0:
            return v, self.R
        white = np.broadcast_to(np.eye(self.R.shape[-1]), (1, *self.R.shape[1:]))
        level = np.full((1, *v.shape[1:]), self.noise, v.dtype)
        return np.concatenate([v, level]), np.ascontiguousarray(np.concatenate([self.R, white]))
