"""The oracle: every primitive as its formula reads, in float64 NumPy. Slow, and meant to be."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.backends import composed
from nmfcore.divergence import LARGEST, elementwise
from nmfcore.layout import H_AT, K0, K1, V_AT, Array, F, Half, K, N, Table, view, views


class Reference:
    """Formulas without any thought of speed; see :class:`nmfcore.backends.Backend`."""

    name = "reference"
    xp: Any = np

    def split_gradient(
        self, table: Table, V: Array, Wt: Array, H: Array, beta: float, floor: Array, weights: Array | None = None
    ) -> tuple[Array, Array]:
        neg, pos = np.zeros(H.shape), np.zeros(H.shape)
        for row, (v, wt, h), low in zip(table.tolist(), views(table, V, Wt, H), floor.tolist(), strict=True):
            lam = np.maximum(wt.T.astype(float) @ h.astype(float), low)
            v = _floored(v, low, beta)
            u = np.ones_like(lam) if weights is None else view(weights, row[V_AT], *lam.shape).astype(float)
            rows = slice(row[K0], row[K1])
            wt = wt[rows].astype(float)
            with np.errstate(over="ignore"):  # at the floor, powers of Λ exceed all numbers where β is far below zero
                parts = (np.minimum(v * lam ** (beta - 2), LARGEST), np.minimum(lam ** (beta - 1), LARGEST))
                for flat, part in zip((neg, pos), parts, strict=True):
                    sums = np.minimum(wt @ (u * part), np.finfo(float).max)
                    view(flat, row[H_AT], row[K], row[N])[rows] = sums
        return neg, pos

    def scale(self, table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
        composed.scale(table, H, neg, pos, exponent)

    def update(
        self,
        table: Table,
        V: Array,
        Wt: Array,
        H: Array,
        beta: float,
        floor: Array,
        exponent: float,
        weights: Array | None = None,
        add_neg: Array | None = None,
        add_pos: Array | None = None,
    ) -> None:
        neg, pos = self.split_gradient(table, V, Wt, H, beta, floor, weights)
        composed.add_rows(table, neg, add_neg)
        composed.add_rows(table, pos, add_pos)
        self.scale(table, H, neg, pos, exponent)

    def sweeps(
        self,
        n: int,
        halves: Sequence[Half],
        beta: float,
        floor: Array,
        exponent: float,
        momentum: Array | None = None,
    ) -> None:
        composed.sweeps(self, n, halves, beta, floor, exponent, momentum)

    def divergence(
        self, table: Table, V: Array, Wt: Array, H: Array, beta: float, floor: Array, weights: Array | None = None
    ) -> NDArray[np.float64]:
        out = np.zeros(len(table))
        for b, (row, (v, wt, h)) in enumerate(zip(table.tolist(), views(table, V, Wt, H), strict=True)):
            lam = np.maximum(wt.T.astype(float) @ h.astype(float), floor[b])
            d = elementwise(_floored(v, floor[b], beta), lam, beta)
            out[b] = np.sum(d if weights is None else d * view(weights, row[V_AT], row[F], row[N]))
        return out

    def coordinate_sweep(self, H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
        return composed.coordinate_sweep(H, gram, cross, inverse, order)

    def coordinate_update(
        self, table: Table, V: Array, Wt: Array, H: Array, orders: list[Any], l1: float, l2: float
    ) -> NDArray[np.float64]:
        cross = composed.products(table, V, Wt, H)
        return composed.coordinate_update(table, cross, Wt, H, orders, l1, l2, self.coordinate_sweep)

    def sparse_gradient(self, v: Any, wt: Array, h: Array, floor: float | None = None) -> Array:
        return composed.sparse_gradient(v, wt, h, floor)

    def sparse_divergence(self, v: Any, wt: Array, h: Array, floor: float) -> float:
        return composed.sparse_divergence(v, wt, h, floor)

    def spatial_step(
        self, X: Array, v: Array, R: NDArray[np.complex128], psi: Array | None = None, keep_v: bool = False
    ) -> tuple[NDArray[np.complex128], float]:
        channels = X.shape[0]
        Psi = _covariance(X, psi)
        source = v.astype(float)[..., None, None] * R[:, :, None]  # Σ_j (J, F, N, I, I)
        mix = source.sum(0)
        inverse = np.linalg.inv(mix)
        value = -np.sum(np.einsum("fnab,fnba->fn", inverse, Psi).real + np.linalg.slogdet(np.pi * mix)[1])
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
        return new, float(value)

    def spatial_gradient(
        self, X: Array, v: Array, R: NDArray[np.complex128], psi: Array | None = None
    ) -> tuple[Array, Array]:
        inverse = np.linalg.inv(np.sum(v.astype(float)[..., None, None] * R[:, :, None], axis=0))
        both = (inverse @ _covariance(X, psi) @ inverse, inverse)
        neg, pos = (np.einsum("jfab,fnba->jfn", R, one).real.astype(v.dtype) for one in both)
        return neg, pos

    def wiener(self, X: Array, v: Array, R: NDArray[np.complex128]) -> Array:
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
