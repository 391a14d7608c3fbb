"""The oracle: every primitive as its formula reads, in float64 NumPy. Slow, and meant to be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends.base import Backend, Covariances
from nmfcore.divergence import LARGEST, elementwise
from nmfcore.layout import H_AT, K0, K1, V_AT, Array, F, Half, K, N, view


class Reference(Backend):
    """Formulas without any thought of speed; see :class:`nmfcore.backends.Backend`."""

    name = "reference"

    def split_gradient(self, half: Half) -> tuple[Array, Array]:
        neg, pos = np.zeros(half.H.shape), np.zeros(half.H.shape)
        for row, (v, wt, h), low in zip(half.table.tolist(), half.views(), half.floor.tolist(), strict=True):
            lam = np.maximum(wt.T.astype(float) @ h.astype(float), low)
            v = _floored(v, low, half.beta)
            u = np.ones_like(lam) if half.weights is None else view(half.weights, row[V_AT], *lam.shape).astype(float)
            rows = slice(row[K0], row[K1])
            wt = wt[rows].astype(float)
            with np.errstate(over="ignore"):  # at the floor, powers of Λ exceed all numbers where β is far below zero
                parts = (v * lam ** (half.beta - 2), lam ** (half.beta - 1))
                for flat, part in zip((neg, pos), parts, strict=True):
                    sums = np.minimum(wt @ (u * np.minimum(part, LARGEST)), np.finfo(float).max)
                    view(flat, row[H_AT], row[K], row[N])[rows] = sums
        return neg, pos

    def divergence(self, half: Half) -> NDArray[np.float64]:
        out = np.zeros(len(half.table))
        for b, (row, (v, wt, h)) in enumerate(zip(half.table.tolist(), half.views(), strict=True)):
            lam = np.maximum(wt.T.astype(float) @ h.astype(float), half.floor[b])
            d = elementwise(_floored(v, half.floor[b], half.beta), lam, half.beta)
            out[b] = np.sum(d if half.weights is None else d * view(half.weights, row[V_AT], row[F], row[N]))
        return out

    def spatial_step(
        self, X: Array, v: Array, R: Covariances, psi: Array | None = None, keep_v: bool = False
    ) -> tuple[Covariances, Array]:
        channels = X.shape[0]
        Psi = _covariance(X, psi)
        source = v.astype(float)[..., None, None] * R[:, :, None]  # Σ_j (J, F, N, I, I)
        mix = source.sum(0)
        inverse = np.linalg.inv(mix)
        values = -np.sum(np.einsum("fnab,fnba->fn", inverse, Psi).real + np.linalg.slogdet(np.pi * mix)[1], axis=1)
        gain = source @ inverse
        hat = gain @ Psi @ np.conj(np.swapaxes(gain, -1, -2)) + (np.eye(channels) - gain) @ source
        new = (hat / v[..., None, None]).mean(2)
        new = (new + np.conj(np.swapaxes(new, -1, -2))) / 2
        before, after = (np.trace(one, axis1=-2, axis2=-1).real[..., None, None] for one in (R, new))
        new += 1e-12 / channels * after * np.eye(channels)
        if not keep_v:
            # A source that has vanished has no variances to speak of; none grows by more than R ≥ Σ̂ / (N v) lets it.
            gone = after <= 1e-12 * before
            precision = np.linalg.inv(np.where(gone, np.eye(channels), new))
            grown = np.einsum("jfab,jfnba->jfn", precision, hat).real / channels
            v[...] = np.where(gone[..., 0], v, np.clip(grown, 0, X.shape[2] * v.astype(float)))
        return new, values

    def spatial_gradient(self, X: Array, v: Array, R: Covariances, psi: Array | None = None) -> tuple[Array, Array]:
        inverse = np.linalg.inv(np.sum(v.astype(float)[..., None, None] * R[:, :, None], axis=0))
        both = (inverse @ _covariance(X, psi) @ inverse, inverse)
        neg, pos = (np.einsum("jfab,fnba->jfn", R, one).real.astype(v.dtype) for one in both)
        return neg, pos

    def wiener(self, X: Array, v: Array, R: Covariances) -> Array:
        x = np.moveaxis(X, 0, -1).astype(complex)[..., None]  # (F, N, I, 1)
        source = v.astype(float)[..., None, None] * R[:, :, None]
        images = source @ np.linalg.solve(source.sum(0), x)  # (J, F, N, I, 1)
        out: Array = np.moveaxis(images[..., 0], -1, 1).astype(X.dtype)
        return out


def _floored(v: Array, low: float, beta: float) -> NDArray[np.float64]:
    return np.maximum(v.astype(float), low) if beta <= 0 else v.astype(float)


def _covariance(X: Array, psi: Array | None) -> NDArray[np.complex128]:
    """Ψ (F, N, I, I): given as planes, or x xᴴ."""
    if psi is not None:
        return from_planes(psi)
    x = np.moveaxis(X, 0, -1).astype(complex)
    out: NDArray[np.complex128] = x[..., :, None] * x[..., None, :].conj()
    return out


def from_planes(planes: Array) -> NDArray[np.complex128]:
    """I² real planes (I², F, N) → Hermitian matrices (F, N, I, I); the order is that of :func:`to_planes`."""
    channels = round(planes.shape[0] ** 0.5)
    out = np.zeros((*planes.shape[1:], channels, channels), complex)
    at = 0
    for a in range(channels):
        out[..., a, a] = planes[at]
        at += 1
        for b in range(a + 1, channels):
            out[..., a, b] = planes[at] + 1j * planes[at + 1]
            out[..., b, a] = out[..., a, b].conj()
            at += 2
    return out


BACKEND: Any = Reference()
