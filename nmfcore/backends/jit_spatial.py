"""The loops of the Numba backend over the bins of the local Gaussian model."""

import numpy as np

from nmfcore.backends.jit_factor import compiled
from nmfcore.layout import Array

RIDGE = 1e-12  # added to the new R relative to its trace, before its inversion


@compiled
def _invert(A: Array, L: Array, out: Array) -> float:
    """Inverse of a Hermitian positive definite matrix by its Cholesky factor; returns log det A.

    A pivot that rounding has eaten counts as 1e-15 of the largest diagonal entry, so that a singular matrix
    gives large numbers, not infinite ones.
    """
    size = A.shape[0]
    value, least = 0.0, 1e-290
    for j in range(size):
        least = max(least, 1e-15 * A[j, j].real)
    for j in range(size):
        d = A[j, j].real
        for k in range(j):
            d -= L[j, k].real ** 2 + L[j, k].imag ** 2
        d = max(d, least)
        value += np.log(d)
        root = np.sqrt(d)
        L[j, j] = root
        for i in range(j + 1, size):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * np.conj(L[j, k])
            L[i, j] = s / root
    for j in range(size):  # L ← L⁻¹, column by column
        L[j, j] = 1 / L[j, j].real
        for i in range(j + 1, size):
            s = L[i, j] * L[j, j]
            for k in range(j + 1, i):
                s += L[i, k] * L[k, j]
            L[i, j] = -s / L[i, i].real
    for a in range(size):
        for b in range(a, size):
            s = 0j
            for k in range(b, size):
                s += np.conj(L[k, a]) * L[k, b]
            out[a, b] = s
            out[b, a] = np.conj(s)
    return value


@compiled
def _sandwich(A: Array, B: Array, out: Array) -> None:
    """A B A of Hermitian A and B, into `out`."""
    size = A.shape[0]
    for a in range(size):
        for b in range(a, size):
            s = 0j
            for c in range(size):
                t = 0j
                for d in range(size):
                    t += B[c, d] * A[d, b]
                s += A[a, c] * t
            out[a, b] = s
            out[b, a] = np.conj(s)


@compiled
def _trace_of_product(A: Array, B: Array) -> float:
    """tr(AB) of Hermitian matrices."""
    total = 0.0
    for a in range(A.shape[0]):
        for b in range(A.shape[0]):
            total += A[a, b].real * B[a, b].real + A[a, b].imag * B[a, b].imag
    return total


@compiled
def _mixture_covariance(v: Array, R: Array, f: int, n: int, unit: float, out: Array) -> None:
    """Σ_j v_j R_j / unit at one bin and frame, into `out`."""
    out[:] = 0
    for j in range(v.shape[0]):
        share = v[j, f, n] / unit
        for a in range(out.shape[0]):
            for b in range(out.shape[0]):
                out[a, b] += share * R[j, f, a, b]


@compiled
def _empirical_covariance(X: Array, psi: Array, f: int, n: int, out: Array) -> None:
    """Ψ = x xᴴ, or the averaged one from its I² real planes."""
    size = out.shape[0]
    at = 0
    for a in range(size):
        for b in range(a, size):
            if len(psi) == 0:
                out[a, b] = np.complex128(X[a, f, n]) * np.conj(np.complex128(X[b, f, n]))
            elif a == b:
                out[a, a] = psi[at, f, n]
                at += 1
            else:
                out[a, b] = complex(psi[at, f, n], psi[at + 1, f, n])
                at += 2
            out[b, a] = np.conj(out[a, b])


@compiled
def em(start: int, stop: int, X: Array, v: Array, R: Array, psi: Array, keep_v: bool, new: Array,
        values: Array) -> None:  # fmt: skip
    """New R of each bin, and its log-likelihood; `v` changes in place unless `keep_v`.

    With P = Σ_x⁻¹ and S = PΨP − P the posterior covariance is Σ̂_j = v_j R_j + v_j² R_j S R_j. So
    R_j ← R_j + R_j (mean_n v_j S) R_j and, with this new R'_j,
    v_j ← [v_j tr(R'_j⁻¹ R_j) + v_j² tr(R_j R'_j⁻¹ R_j S)] / I.
    """
    count, _, frames = v.shape
    size = X.shape[0]
    mix, inverse, L = np.empty((3, size, size), np.complex128)
    S = np.empty((frames, size, size), np.complex128)
    mean = np.empty((count, size, size), np.complex128)
    for f in range(start, stop):
        mean[:] = 0
        value = 0.0
        for n in range(frames):
            _mixture_covariance(v, R, f, n, 1.0, mix)
            value -= _invert(mix, L, inverse) + size * np.log(np.pi)
            _empirical_covariance(X, psi, f, n, mix)
            value -= _trace_of_product(inverse, mix)
            _sandwich(inverse, mix, S[n])
            for a in range(size):
                for b in range(size):
                    S[n, a, b] -= inverse[a, b]
                    for j in range(count):
                        mean[j, a, b] += v[j, f, n] / frames * S[n, a, b]
        for j in range(count):
            _sandwich(R[j, f], mean[j], new[j, f])
            for a in range(size):
                for b in range(size):
                    new[j, f, a, b] += R[j, f, a, b]
            trace = before = 0.0
            for a in range(size):
                trace += new[j, f, a, a].real
                before += R[j, f, a, a].real
            for a in range(size):
                new[j, f, a, a] = new[j, f, a, a].real + RIDGE / size * trace
            if keep_v or trace <= RIDGE * before:  # a source that has vanished has no variances to speak of
                continue
            _invert(new[j, f], L, inverse)
            linear = _trace_of_product(inverse, R[j, f])
            _sandwich(R[j, f], inverse, mix)
            for n in range(frames):
                was = np.float64(v[j, f, n])
                now = was * (linear + was * _trace_of_product(mix, S[n])) / size
                # R'_j ≥ Σ̂_j / (N v_j) bounds the growth of v_j: beyond lies rounding only.
                v[j, f, n] = min(max(now, 0.0), frames * was)
        values[f] = value


@compiled
def gradients(start: int, stop: int, X: Array, v: Array, R: Array, psi: Array, neg: Array, pos: Array) -> None:
    """tr(R_j PΨP) and tr(R_j P) of each bin, P = Σ_x⁻¹, into `neg` and `pos`."""
    size = X.shape[0]
    mix, inverse, L = np.empty((3, size, size), np.complex128)
    for f in range(start, stop):
        for n in range(v.shape[2]):
            _mixture_covariance(v, R, f, n, 1.0, mix)
            _invert(mix, L, inverse)
            _empirical_covariance(X, psi, f, n, mix)
            _sandwich(inverse, mix, L)
            for j in range(v.shape[0]):
                neg[j, f, n] = _trace_of_product(R[j, f], L)
                pos[j, f, n] = _trace_of_product(R[j, f], inverse)


@compiled
def images(start: int, stop: int, X: Array, v: Array, R: Array, out: Array) -> None:
    """Images v_j R_j Σ_x⁻¹ x (J, I, F, N) of each bin, into `out`."""
    count, _, frames = v.shape
    size = X.shape[0]
    mix, inverse, L = np.empty((3, size, size), np.complex128)
    y = np.empty(size, np.complex128)
    for f in range(start, stop):
        for n in range(frames):
            level = 1e-300  # the common scale of numerator and denominator, which may be far from 1
            for j in range(count):
                level = max(level, np.float64(v[j, f, n]))
            _mixture_covariance(v, R, f, n, level, mix)
            _invert(mix, L, inverse)
            for a in range(size):
                y[a] = 0
                for b in range(size):
                    y[a] += inverse[a, b] * X[b, f, n]
            for j in range(count):
                share = v[j, f, n] / level
                for a in range(size):
                    s = 0j
                    for b in range(size):
                        s += R[j, f, a, b] * y[b]
                    out[j, a, f, n] = share * s
