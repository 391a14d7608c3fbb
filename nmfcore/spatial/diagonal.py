"""Jointly diagonalised spatial covariances: the fast model for many channels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends.reference import from_planes
from nmfcore.spatial.averaging import local_covariance
from nmfcore.spatial.covariances import loaded, regularized

Array = NDArray[Any]
LEAST = 1e-8  # of a source's largest weight in a bin: no weight falls below
SILENT = 1e-14  # of the mixture's mean power: no modelled power falls below, so that its square stays in float32


class Diagonal:
    """R_j(f) = Q⁻¹ diag(g_j) Q⁻ᴴ with one Q(f) for all sources: FastMNMF (Sekiguchi et al., TASLP 2020).

    In the domain y = Qx the channels are independent, so that an iteration costs products of I × I matrices and no
    inverse for each point. g is updated by majorisation–minimisation, Q by iterative projection. Weights g are free
    in every bin (their FastMNMF1), because what ties the bins together here are the spectral patterns.

    Args:
        X: mixture (I, F, N).
        R: initial covariances (J, F, I, I).
        anchor: covariances that R is drawn to.
        evidence: (J,) frames for which they count: as many of each source alone, with these covariances.
        regularization: share of the identity in the statistics that Q is made from.
    """

    noise = 0.0

    def __init__(
        self,
        X: Array,
        R: NDArray[np.complex128],
        anchor: NDArray[np.complex128],
        evidence: NDArray[np.float64],
        regularization: float,
    ) -> None:
        if np.isinf(evidence).any():
            raise ValueError("prior=inf needs covariance='full'; give a finite number of frames.")
        self.X = np.ascontiguousarray(np.moveaxis(X, 0, 1))  # (F, I, N)
        # x xᴴ as real planes: their weighted sums for all rows of Q are one real product per bin.
        self.planes = np.moveaxis(local_covariance(X, (1, 1)), 0, -1)  # (F, N, I²)
        self.anchor, self.evidence, self.regularization = anchor, evidence, regularization
        self.real = X.real.dtype
        self.Q: NDArray[Any]
        self.g: NDArray[Any]
        self.Q, self.g = jointly_diagonal(R)  # (F, I, I), (J, F, I)
        self._transform()

    @property
    def R(self) -> NDArray[np.complex128]:
        """The covariances that Q and g stand for, (J, F, I, I)."""
        A = np.linalg.inv(self.Q)
        out: NDArray[np.complex128] = (A * self.g[..., None, :]) @ np.conj(np.swapaxes(A, -1, -2))
        return out

    def gradient(self, v: Array) -> tuple[Array, Array]:
        """The negative and positive parts, (J, F, N), of the gradient of −log-likelihood in v."""
        inverse = 1 / self._model(v)  # (F, I, N)
        g = self.g.astype(self.real)[:, :, None]  # (J, F, 1, I)
        return (g @ (self.Y * inverse**2))[:, :, 0], (g @ inverse)[:, :, 0]

    def step(self, v: Array, *, keep_v: bool, move: bool) -> NDArray[np.float64]:
        """One update of v (in place, unless `keep_v`) and, if `move`, of g and Q; log-likelihoods (F,) before it."""
        model = self._model(v)
        determinants = np.linalg.slogdet(self.Q)[1]
        misfit = np.sum(self.Y / model + np.log(np.pi * model), axis=(1, 2), dtype=np.float64)
        values: NDArray[np.float64] = 2 * v.shape[-1] * determinants - misfit
        if not keep_v:
            neg, pos = self.gradient(v)
            v *= np.sqrt(neg / pos)
        if move:
            self._move_weights(v)
            self._move_transform(v)
            if not keep_v:
                size = np.trace(self.R, axis1=-2, axis2=-1).real / self.X.shape[1]  # (J, F)
                self.g /= size[..., None]
                v *= size[..., None].astype(v.dtype)
        return values

    def _model(self, v: Array) -> Array:
        """Σ_j v_j g_j, (F, I, N)."""
        g = np.moveaxis(self.g.astype(self.real), 0, -1)  # (F, I, J)
        return np.maximum(g @ np.moveaxis(v, 0, 1), SILENT)

    def _seen(self) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
        """The evidence for the initial R: its frames (J, 1, 1), and covariances of the present scale (J, F, I, I)."""
        size = np.trace(self.R, axis1=-2, axis2=-1).real / self.X.shape[1]
        return self.evidence[:, None, None], self.anchor * size[..., None, None]

    def _move_weights(self, v: Array) -> None:
        inverse = 1 / self._model(v)
        turned = np.moveaxis(v, 0, -1)  # (F, N, J)
        neg = np.moveaxis((self.Y * inverse**2) @ turned, -1, 0).astype(np.float64)  # (J, F, I)
        pos = np.moveaxis(inverse @ turned, -1, 0).astype(np.float64)
        if self.evidence.any():
            frames, anchor = self._seen()
            power = np.einsum("fia,jfab,fib->jfi", self.Q, anchor, self.Q.conj(), optimize=True).real
            neg += frames * power / self.g**2
            pos += frames / self.g
        self.g *= np.sqrt(neg / np.maximum(pos, np.finfo(float).tiny))
        self.g = np.maximum(self.g, np.maximum(LEAST * self.g.max(-1, keepdims=True), 1e-30))

    def _move_transform(self, v: Array) -> None:
        channels, frames = self.X.shape[1:]
        inverse = 1 / self._model(v)
        sums = np.moveaxis(inverse @ self.planes, -1, 0)  # (I², F, I)
        statistics = from_planes(sums.astype(np.float64))  # (F, I, I, I): of each row of Q
        anchored = self.evidence.any()
        seen, anchor = self._seen() if anchored else (np.zeros(()), self.anchor)
        for m in range(channels):
            V = statistics[:, m]
            if anchored:
                V = V + np.sum((seen[..., None] / self.g[:, :, m, None, None]) * anchor, axis=0)
            V = V / (frames + self.evidence.sum())
            trace = np.maximum(np.trace(V, axis1=-2, axis2=-1).real[:, None, None] / channels, 1e-10)
            V = loaded(V / trace, self.regularization) * trace
            column = np.linalg.solve(self.Q @ V, np.eye(channels)[:, m : m + 1].astype(complex))[..., 0]  # (F, I)
            norm = np.einsum("fa,fab,fb->f", column.conj(), V, column, optimize=True).real
            self.Q[:, m] = (column / np.sqrt(norm)[:, None]).conj()
        self._transform()

    def _transform(self) -> None:
        y = self.Q.astype(self.X.dtype) @ self.X
        self.Y = y.real**2 + y.imag**2  # (F, I, N)


def jointly_diagonal(R: NDArray[np.complex128]) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Q (F, I, I) and g (J, F, I) with Q R_j Qᴴ ≈ diag(g_j): exact for two sources.

    The whitened R_j add up to the identity; what diagonalises a sum of them with different weights diagonalises each
    of them, if anything does.

    >>> R = np.array([[[[2.0, 1], [1, 2]]], [[[1.0, 0], [0, 3]]]], complex)
    >>> Q, g = jointly_diagonal(R)
    >>> A = np.linalg.inv(Q)
    >>> bool(np.allclose((A * g[:, :, None]) @ A.conj().swapaxes(-1, -2), R))
    True
    """
    value, vector = np.linalg.eigh(regularized(R.sum(0), 1e-9))
    white = np.conj(np.swapaxes(vector, -1, -2)) / np.sqrt(value)[..., None]  # (F, I, I)
    adjoint = np.conj(np.swapaxes(white, -1, -2))
    order = np.arange(1, len(R) + 1)[:, None, None, None]
    _, turn = np.linalg.eigh(np.sum(order * (white @ R @ adjoint), axis=0))
    Q = np.conj(np.swapaxes(turn, -1, -2)) @ white
    g = np.einsum("fia,jfab,fib->jfi", Q, R, Q.conj(), optimize=True).real
    return Q, np.maximum(g, np.maximum(LEAST * g.max(-1, keepdims=True), 1e-30))
