"""Full-rank spatial covariances within the EM loop: gradient in the variances, and the step that moves R."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import Backend
from nmfcore.layout import namespace, placed
from nmfcore.spatial.covariances import loaded, unit_trace

Array = NDArray[Any]


class FullRank:
    """R_j(f) of full rank (Duong, Vincent and Gribonval 2010), updated by EM or by MM.

    Args:
        engine: backend.
        X: mixture (I, F, N).
        R: initial covariances (J, F, I, I).
        anchor: covariances that R is drawn to.
        psi: locally averaged covariance of the mixture as planes, or None.
        evidence: (J,) frames for which they count: as if they had been seen in so many.
        regularization: share of the identity in R.
        update: ``"em"``, or ``"mm"``, majorisation–minimisation (Sawada et al. 2013) for fixed v: a Riccati equation
            R P R = R₀ Q R₀ per source and bin, twice the work and fewer iterations.
    """

    def __init__(
        self,
        engine: Backend,
        X: Array,
        R: NDArray[np.complex128],
        anchor: NDArray[np.complex128],
        psi: Array | None,
        evidence: NDArray[np.float64],
        regularization: float,
        update: str,
    ) -> None:
        self.engine, self.X, self.psi = engine, X, psi
        self.R = namespace(R).ascontiguousarray(R)  # an earlier fit may come in another order
        share = np.where(np.isinf(evidence), 1.0, 1 / (1 + X.shape[-1] / np.maximum(evidence, 1e-12)))
        self.drawn = placed(share, namespace(R))[:, None, None, None]
        self.anchor, self.regularization = anchor, regularization
        self.update = update
        # Length of a step by "mm", of all or of each bin, see :class:`nmfcore.spatial.relaxation.Relaxation`.
        self.reach: float | NDArray[np.float64] = 1.0
        self.noise = 0.0  # power of white noise at the microphones, beside the sources

    def gradient(self, v: Array) -> tuple[Array, Array]:
        """The negative and positive parts, (J, F, N), of the gradient of −log-likelihood in v."""
        neg, pos = self.engine.spatial_gradient(self.X, *self._with_noise(v), self.psi)
        return neg[: len(v)], pos[: len(v)]

    def step(self, v: Array, *, keep_v: bool, move: bool) -> Array:
        """One EM iteration; `v` is updated in place unless `keep_v`, R if `move`; log-likelihoods (F,) before it."""
        variances, covariances = self._with_noise(v)
        updated, values = self.engine.spatial_step(self.X, variances, covariances, self.psi, keep_v)
        v[...] = variances[: len(v)]
        if move:
            if self.update == "mm":
                # Of silence EM's R + R (Q − P) R / N keeps R − R P R / N, so that two steps give both parts.
                silent = np.zeros_like(self.X)
                kept, _ = self.engine.spatial_step(silent, variances, covariances, None, True)
                updated = riccati(covariances - kept, updated - kept, covariances, self.reach)
            shape, size = unit_trace(updated[: len(v)])
            self.R = loaded(shape, self.regularization) * (1 - self.drawn) + self.anchor * self.drawn
            # The scale moves into v; but where v = U_j H_j is given by its patterns, R keeps it, bin by bin, as
            # what fits the spectra of the examples to those of the recording.
            if keep_v:
                self.R *= size
            else:
                v *= size[..., 0].astype(v.dtype)
        return values

    def _with_noise(self, v: Array) -> tuple[Array, NDArray[np.complex128]]:
        if self.noise == 0:
            return v, self.R
        xp = namespace(self.R)
        white = xp.broadcast_to(xp.eye(self.R.shape[-1]), (1, *self.R.shape[1:]))
        level = np.full_like(v[:1], self.noise)
        return np.concatenate([v, level]), xp.ascontiguousarray(np.concatenate([self.R, white]))


def riccati(
    P: NDArray[np.complex128],
    Q: NDArray[np.complex128],
    R: NDArray[np.complex128],
    reach: float | NDArray[np.float64] = 1.0,
) -> NDArray[np.complex128]:
    """The R₁ (…, I, I) with R₁ R⁻¹ P R⁻¹ R₁ = Q, for Hermitian P, Q ≥ 0 and R > 0; or on the way there, or beyond.

    Args:
        P, Q, R: (…, I, I).
        reach: how far along the geodesic from R (0) to R₁ (1); of all, or (…, 1).

    >>> P, Q, R = (np.diag(d).astype(complex) for d in ([1.0, 4.0], [4.0, 1.0], [1.0, 2.0]))
    >>> riccati(P, Q, R).real.round(6).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    root = np.linalg.cholesky(R)
    inverse = np.linalg.inv(root)
    adjoint = np.conj(np.swapaxes(inverse, -1, -2))
    P, Q = inverse @ P @ adjoint, inverse @ Q @ adjoint
    half, undone = _power(P, 0.5), _power(P, -0.5)
    solved = undone @ _power(half @ Q @ half, 0.5) @ undone
    if np.any(reach != 1):
        solved = _power(solved, reach)
    solved = root @ solved @ np.conj(np.swapaxes(root, -1, -2))
    out: NDArray[np.complex128] = (solved + np.conj(np.swapaxes(solved, -1, -2))) / 2
    return out


def _power(A: NDArray[np.complex128], exponent: float | NDArray[np.float64]) -> NDArray[np.complex128]:
    """Power of Hermitian A ≥ 0 (…, I, I)."""
    value, vector = np.linalg.eigh((A + np.conj(np.swapaxes(A, -1, -2))) / 2)
    value = np.maximum(value, np.maximum(1e-12 * value[..., -1:], 1e-30)) ** exponent
    return (vector * value[..., None, :]) @ np.conj(np.swapaxes(vector, -1, -2))
