"""The loops of the Numba backend over dense and sparse V.

A panel of columns of H is updated by one thread, with its own small scratch; nothing of the size of V is written. The
arithmetic is float64 whatever the type of the arrays, so that powers of Λ stay in range.
"""

from typing import Any

import numpy as np
from numba import njit

from nmfcore.divergence import LARGEST
from nmfcore.layout import H_AT, K0, K1, ROW_AT, V_AT, W_AT, Array, F, K, N, Table

PANEL = 64  # columns of H that are updated together
TILE = 32  # rows of Λ that are held at once

# Contraction to fused multiply-adds is allowed; NaN, infinity and the order of sums keep their meaning.
compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract"}, nogil=True)


@compiled
def _load(flat: Array, at: int, stride: int, panel: Array, width: int) -> None:
    """Columns of a problem's H (rows `stride` apart) → panel (K, PANEL)."""
    for k in range(panel.shape[0]):
        for c in range(width):
            panel[k, c] = flat[at + k * stride + c]


@compiled
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


@compiled
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


@compiled
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


@compiled
def sweep(start: int, stop: int, items: Array, table: Table, V: Array, Wt: Array, U: Array,
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


@compiled
def divergences(start: int, stop: int, items: Array, table: Table, V: Array, Wt: Array, U: Array,
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


@compiled
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


@compiled
def descend(start: int, stop: int, starts: Array, H: Array, gram: Array, cross: Array, inverse: Array,
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


@compiled
def sparse_columns(start: int, stop: int, starts: Array, rows: Array, values: Array, W: Array, H: Array,
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


@compiled
def sparse_divergences(start: int, stop: int, starts: Array, rows: Array, values: Array, W: Array, H: Array,
                        low: float, out: Array) -> None:  # fmt: skip
    """Σ V log(V / Λ) of each column into `out`."""
    for n in range(start, stop):
        for at in range(starts[n], starts[n + 1]):
            value = np.float64(values[at])
            out[n] += value * np.log(value / max(_dot(W[rows[at]], H[n]), low))


@compiled
def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for k in range(len(a)):
        total += np.float64(a[k]) * b[k]
    return total
