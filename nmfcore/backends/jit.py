"""Kernels compiled by Numba at first use, for installs without a C++ compiler.

Panels of columns of all problems run in parallel, each with its own small scratch; nothing of the size of V
is written, and as no two panels share a result, the numbers do not depend on the number of threads. The
arithmetic is float64 whatever the type of the arrays, so that powers of Λ stay in range. See
:mod:`nmfcore.backends.native` for the fast form of the same loops.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray

from nmfcore.backends import composed
from nmfcore.divergence import LARGEST
from nmfcore.layout import H_AT, K0, K1, ROW_AT, V_AT, W_AT, Array, F, Half, K, N, Table

PANEL = 64  # columns of H that are updated together
TILE = 32  # rows of Λ that are held at once
SMALL = 1 << 19  # multiply-adds below which threads cost more than they bring
RIDGE = 1e-12  # added to the new R relative to its trace, before its inversion

# Contraction to fused multiply-adds is allowed; NaN, infinity and the order of sums keep their meaning.
# Threads are Python's, which the kernels let run: Numba's own take several times as long to compile, make
# slower code of these loops, and clash with a fork and with threads of the caller.
_compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract"}, nogil=True)


class Jit:
    """The Numba backend; see :class:`nmfcore.backends.Backend` for what each method computes."""

    name = "jit"
    xp: Any = np

    def split_gradient(
        self,
        table: Table,
        V: Array,
        Wt: Array,
        H: Array,
        beta: float,
        floor: Array,
        weights: Array | None = None,
    ) -> tuple[Array, Array]:
        neg, pos = np.zeros_like(H), np.zeros_like(H)
        nothing = _read_only(_none(H))
        items, *given = _arguments(table, V, Wt, weights, beta, floor)
        H = np.require(H, requirements="W")  # the kernel's type; it is not written here
        _spread(_sweep, len(items), _work(table), items, *given, H, 0.0, nothing, nothing, neg, pos)
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
        added = [_read_only(_none(H) if rows is None else rows) for rows in (add_neg, add_pos)]
        items, *given = _arguments(table, V, Wt, weights, beta, floor)
        nowhere = _none(H)
        _spread(_sweep, len(items), _work(table), items, *given, H, float(exponent), *added, nowhere, nowhere)

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
        self,
        table: Table,
        V: Array,
        Wt: Array,
        H: Array,
        beta: float,
        floor: Array,
        weights: Array | None = None,
    ) -> NDArray[np.float64]:
        items, *given = _arguments(table, V, Wt, weights, beta, floor, every=True)
        parts = np.empty(len(items))
        _spread(_divergences, len(items), _work(table), items, *given, _read_only(H), parts)
        out = np.zeros(len(table))
        np.add.at(out, items[:, 0], parts)
        return out

    def coordinate_sweep(self, H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
        starts = np.arange(0, H.shape[1], PANEL)
        parts = np.empty(len(starts))
        given = [_read_only(one) for one in (gram, cross, inverse, order)]
        _spread(_descend, len(starts), H.size * len(H), _read_only(starts), H, *given, parts)
        return float(parts.sum())

    def coordinate_update(
        self, table: Table, V: Array, Wt: Array, H: Array, orders: list[Any], l1: float, l2: float
    ) -> NDArray[np.float64]:
        cross = composed.products(table, V, Wt, H)
        return composed.coordinate_update(table, cross, Wt, H, orders, l1, l2, self.coordinate_sweep)

    def sparse_gradient(self, v: Any, wt: Array, h: Array, floor: float | None = None) -> Array:
        neg = np.zeros((h.shape[1], len(h)), h.dtype)
        given = _by_rows(v, wt, h)
        low = np.nan if floor is None else float(floor)
        _spread(_sparse_columns, len(neg), v.nnz * len(h), *given, low, neg)
        return np.ascontiguousarray(neg.T)

    def sparse_divergence(self, v: Any, wt: Array, h: Array, floor: float) -> float:
        parts = np.zeros(h.shape[1])
        _spread(_sparse_divergences, len(parts), v.nnz * len(h), *_by_rows(v, wt, h), float(floor), parts)
        return float(parts.sum())

    def spatial_step(
        self,
        X: Array,
        v: Array,
        R: NDArray[np.complex128],
        psi: Array | None = None,
        keep_v: bool = False,
    ) -> tuple[NDArray[np.complex128], float]:
        new, values = np.empty(R.shape, np.complex128), np.empty(X.shape[1])
        given = (_read_only(X), v, _read_only(R), _planes(X, psi), keep_v)
        _spread(_em, len(values), v.size * len(X) ** 3, *given, new, values)
        return new, float(values.sum())

    def spatial_gradient(
        self, X: Array, v: Array, R: NDArray[np.complex128], psi: Array | None = None
    ) -> tuple[Array, Array]:
        neg, pos = np.empty_like(v), np.empty_like(v)
        given = (_read_only(X), _read_only(v), _read_only(R), _planes(X, psi))
        _spread(_gradients, X.shape[1], v.size * len(X) ** 3, *given, neg, pos)
        return neg, pos

    def wiener(self, X: Array, v: Array, R: NDArray[np.complex128]) -> Array:
        out = np.empty((len(v), *X.shape), X.dtype)
        given = (_read_only(X), _read_only(v), _read_only(R))
        _spread(_images, X.shape[1], v.size * len(X) ** 3, *given, out)
        return out


def _read_only(array: Array) -> Array:
    """A view that cannot be written: inputs have one type then, and each kernel is compiled once for it."""
    out = np.ascontiguousarray(array).view()
    out.flags.writeable = False
    return out


def _spread(kernel: Any, count: int, work: int, *arguments: Any) -> None:
    """Call kernel(start, stop, *arguments) on pieces of 0…count, one for each thread."""
    threads = min(count, get_num_threads())
    if threads < 2 or work < SMALL:
        kernel(0, count, *arguments)
        return
    ends = [count * t // threads for t in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(kernel, *piece, *arguments) for piece in pairwise(ends)]:
            done.result()


def _work(table: Table) -> int:
    return int((table[:, F] * table[:, N] * table[:, K]).sum())


def _planes(X: Array, psi: Array | None) -> Array:
    return _read_only(np.zeros((0, 0, 0), X.real.dtype) if psi is None else psi)


def _by_rows(v: Any, wt: Array, h: Array) -> tuple[Array, ...]:
    """Starts, rows and values of a CSC matrix, and the factors with one contiguous row for each row and column of V."""
    given = (v.indptr.astype(np.int64, copy=False), v.indices.astype(np.int32, copy=False), v.data, wt.T, h.T)
    return tuple(_read_only(one) for one in given)


def _none(like: Array) -> Array:
    return np.zeros(0, like.dtype)


def _arguments(
    table: Table, V: Array, Wt: Array, weights: Array | None, beta: float, floor: Array, every: bool = False
) -> tuple[Any, ...]:
    """What all kernels of a batch begin with; first the work list: (problem, first column) of every panel."""
    items = [
        (b, column)
        for b, row in enumerate(table.tolist())
        if every or row[K1] > row[K0]
        for column in range(0, row[N], PANEL)
    ]
    return (
        np.array(items, np.int64).reshape(-1, 2),
        np.ascontiguousarray(table),
        _read_only(V),
        _read_only(Wt),
        _read_only(_none(V) if weights is None else weights),
        float(beta),
        np.asarray(floor, np.float64),
    )


# ---- factorization -----------------------------------------------------------------------------------------


@_compiled
def _load(flat: Array, at: int, stride: int, panel: Array, width: int) -> None:
    """Columns of a problem's H (rows `stride` apart) → panel (K, PANEL)."""
    for k in range(panel.shape[0]):
        for c in range(width):
            panel[k, c] = flat[at + k * stride + c]


@_compiled
def _product(Wt: Array, at: int, stride: int, panel: Array, rows: int, width: int, low: float, lam: Array) -> None:
    """A tile of Λ = WH, no smaller than `low`."""
    lam[:rows, :width] = 0
    for k in range(panel.shape[0]):
        for r in range(rows):
            w = np.float64(Wt[at + k * stride + r])
            for c in range(width):
                lam[r, c] += w * panel[k, c]
    for r in range(rows):
        for c in range(width):
            lam[r, c] = max(lam[r, c], low)


@_compiled
def _ratios(V: Array, U: Array, at: int, stride: int, beta: float, low: float, rows: int, width: int,
            lam: Array, quo: Array) -> None:  # fmt: skip
    """Λ → u Λ^(β−1) in place, and u V Λ^(β−2) into `quo`."""
    least = low if beta <= 0 else 0.0
    for r in range(rows):
        line = at + r * stride
        if beta == 2:
            for c in range(width):
                quo[r, c] = V[line + c]
        elif beta == 1:
            for c in range(width):
                quo[r, c] = V[line + c] / lam[r, c]
                lam[r, c] = 1
        elif beta == 0:
            for c in range(width):
                inverse = 1 / lam[r, c]
                quo[r, c] = max(np.float64(V[line + c]), least) * inverse * inverse
                lam[r, c] = inverse
        else:
            for c in range(width):
                power = min(lam[r, c] ** (beta - 2), LARGEST)
                quo[r, c] = min(max(np.float64(V[line + c]), least) * power, LARGEST)
                lam[r, c] = min(lam[r, c] * power, LARGEST)
        if len(U):
            for c in range(width):
                quo[r, c] *= U[line + c]
                lam[r, c] *= U[line + c]


@_compiled
def _collect(Wt: Array, at: int, stride: int, tile: Array, rows: int, width: int, part: Array, out: Array) -> None:
    """Wᵀ tile is added to out (K1 − K0, PANEL)."""
    for k in range(out.shape[0]):
        part[:width] = 0
        for r in range(rows):
            w = np.float64(Wt[at + k * stride + r])
            for c in range(width):
                part[c] += w * tile[r, c]
        for c in range(width):
            out[k, c] += part[c]


@_compiled
def _sweep(start: int, stop: int, items: Array, table: Table, V: Array, Wt: Array, U: Array,
           beta: float, floor: Array, H: Array, exponent: float, add_neg: Array, add_pos: Array,
           neg: Array, pos: Array) -> None:  # fmt: skip
    """The update of panels of H in place; exponent 0 gives the parts of the gradient instead."""
    largest = np.finfo(H.dtype).max
    for i in range(start, stop):
        b, n0 = items[i]
        f_all, n_all, k0, k1 = table[b, F], table[b, N], table[b, K0], table[b, K1]
        width = min(PANEL, n_all - n0)
        panel = np.empty((table[b, K], PANEL))
        lam, quo, part = np.empty((TILE, PANEL)), np.empty((TILE, PANEL)), np.empty(PANEL)
        above, below = np.zeros((k1 - k0, PANEL)), np.zeros((k1 - k0, PANEL))
        _load(H, table[b, H_AT] + n0, n_all, panel, width)
        for f in range(0, f_all, TILE):
            rows, at = min(TILE, f_all - f), table[b, W_AT] + f
            _product(Wt, at, f_all, panel, rows, width, floor[b], lam)
            _ratios(V, U, table[b, V_AT] + f * n_all + n0, n_all, beta, floor[b], rows, width, lam, quo)
            _collect(Wt, at + k0 * f_all, f_all, quo, rows, width, part, above)
            _collect(Wt, at + k0 * f_all, f_all, lam, rows, width, part, below)
        for k in range(k0, k1):
            at = table[b, H_AT] + k * n_all + n0
            more = np.float64(add_neg[table[b, ROW_AT] + k]) if len(add_neg) else 0.0
            less = np.float64(add_pos[table[b, ROW_AT] + k]) if len(add_pos) else 0.0
            for c in range(width):
                up, down = above[k - k0, c] + more, below[k - k0, c] + less
                if exponent == 0:
                    neg[at + c], pos[at + c] = min(up, largest), min(down, largest)
                elif H[at + c] > 0:
                    ratio = up / down if down > 0 else 0.0
                    if exponent == 0.5:
                        ratio = np.sqrt(ratio)
                    elif exponent != 1:
                        ratio = ratio**exponent
                    H[at + c] = min(H[at + c] * ratio, largest)


@_compiled
def _divergences(start: int, stop: int, items: Array, table: Table, V: Array, Wt: Array, U: Array,
                 beta: float, floor: Array, H: Array, out: Array) -> None:  # fmt: skip
    """The part of D_β that belongs to each panel."""
    for i in range(start, stop):
        b, n0 = items[i]
        f_all, n_all, low = table[b, F], table[b, N], floor[b]
        width = min(PANEL, n_all - n0)
        panel, lam = np.empty((table[b, K], PANEL)), np.empty((TILE, PANEL))
        _load(H, table[b, H_AT] + n0, n_all, panel, width)
        total = 0.0
        for f in range(0, f_all, TILE):
            rows = min(TILE, f_all - f)
            _product(Wt, table[b, W_AT] + f, f_all, panel, rows, width, low, lam)
            for r in range(rows):
                line = table[b, V_AT] + (f + r) * n_all + n0
                for c in range(width):
                    v = np.float64(V[line + c])
                    d = _distance(max(v, low) if beta <= 0 else v, lam[r, c], beta)
                    total += d * U[line + c] if len(U) else d
        out[i] = total


@_compiled
def _distance(v: Any, lam: Any, beta: float) -> Any:
    """d_β(v | λ), as :func:`nmfcore.divergence.elementwise`."""
    if beta == 2:
        return 0.5 * (v - lam) ** 2
    if beta == 1:
        return (v * np.log(v / lam) if v > 0 else 0.0) - v + lam
    if beta == 0:
        return v / lam - np.log(v / lam) - 1
    if beta < 0:
        ratio = min((v / lam) ** beta, LARGEST) + (beta - 1) - beta * v / lam
        return min(max(ratio, 0.0) / (beta * (beta - 1)) * min(lam**beta, LARGEST), LARGEST)
    powers = v**beta + (beta - 1) * lam**beta - beta * v * lam ** (beta - 1)
    return powers / (beta * (beta - 1))


@_compiled
def _descend(start: int, stop: int, starts: Array, H: Array, gram: Array, cross: Array, inverse: Array,
             order: Array, out: Array) -> None:  # fmt: skip
    """Coordinate descent on panels of H; the sum of the projected gradients of each panel into `out`."""
    slope = np.empty(PANEL)
    for i in range(start, stop):
        n0 = starts[i]
        width = min(PANEL, H.shape[1] - n0)
        total = 0.0
        for k in order:
            for c in range(width):
                slope[c] = -cross[k, n0 + c]
            for r in range(len(gram)):
                weight = np.float64(gram[k, r])
                for c in range(width):
                    slope[c] += weight * H[r, n0 + c]
            for c in range(width):
                old = H[k, n0 + c]
                total += abs(slope[c] if old > 0 else min(slope[c], 0.0))
                H[k, n0 + c] = max(old - slope[c] * inverse[k], 0.0)
        out[i] = total


# ---- sparse V ----------------------------------------------------------------------------------------------


@_compiled
def _sparse_columns(start: int, stop: int, starts: Array, rows: Array, values: Array, W: Array, H: Array,
                    low: float, neg: Array) -> None:  # fmt: skip
    """Wᵀ(V / Λ) of columns of V, from W (F, K) and H (N, K) into `neg` (N, K); WᵀV where `low` is NaN."""
    for n in range(start, stop):
        for at in range(starts[n], starts[n + 1]):
            w = W[rows[at]]
            value = np.float64(values[at])
            if not np.isnan(low):
                value /= max(_dot(w, H[n]), low)
            for k in range(len(w)):
                neg[n, k] += value * w[k]


@_compiled
def _sparse_divergences(start: int, stop: int, starts: Array, rows: Array, values: Array, W: Array, H: Array,
                        low: float, out: Array) -> None:  # fmt: skip
    """Σ V log(V / Λ) of each column into `out`."""
    for n in range(start, stop):
        for at in range(starts[n], starts[n + 1]):
            value = np.float64(values[at])
            out[n] += value * np.log(value / max(_dot(W[rows[at]], H[n]), low))


@_compiled
def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for k in range(len(a)):
        total += np.float64(a[k]) * b[k]
    return total


# ---- local Gaussian model ----------------------------------------------------------------------------------


@_compiled
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


@_compiled
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


@_compiled
def _trace_of_product(A: Array, B: Array) -> float:
    """tr(AB) of Hermitian matrices."""
    total = 0.0
    for a in range(A.shape[0]):
        for b in range(A.shape[0]):
            total += A[a, b].real * B[a, b].real + A[a, b].imag * B[a, b].imag
    return total


@_compiled
def _mixture_covariance(v: Array, R: Array, f: int, n: int, unit: float, out: Array) -> None:
    """Σ_j v_j R_j / unit at one bin and frame, into `out`."""
    out[:] = 0
    for j in range(v.shape[0]):
        share = v[j, f, n] / unit
        for a in range(out.shape[0]):
            for b in range(out.shape[0]):
                out[a, b] += share * R[j, f, a, b]


@_compiled
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


@_compiled
def _em(start: int, stop: int, X: Array, v: Array, R: Array, psi: Array, keep_v: bool, new: Array,
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


@_compiled
def _gradients(start: int, stop: int, X: Array, v: Array, R: Array, psi: Array, neg: Array, pos: Array) -> None:
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


@_compiled
def _images(start: int, stop: int, X: Array, v: Array, R: Array, out: Array) -> None:
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


BACKEND: Any = Jit()
