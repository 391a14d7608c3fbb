"""Formulas for any backend's arrays, where no kernel of its own does them faster."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import H_AT, K0, K1, ROW_AT, W_AT, Array, F, Half, K, N, Table, namespace, view


def scale(table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
    """H ← H ⊙ (neg / pos)^exponent on rows K0:K1, in place; an entry without gradient (pos = 0) becomes 0."""
    for row in table.tolist():
        rows = slice(row[K0], row[K1])
        h, above, below = (view(flat, row[H_AT], row[K], row[N])[rows] for flat in (H, neg, pos))
        largest = np.finfo(H.dtype).max
        with np.errstate(over="ignore"):
            if below.min(initial=1) > 0:  # a masked division is several times slower
                ratio = above / below
            else:
                ratio = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
            np.minimum(ratio, largest, out=ratio)  # infinity would turn a zero of H into a NaN
            h *= ratio if exponent == 1 else np.sqrt(ratio) if exponent == 0.5 else ratio**exponent
        np.minimum(h, largest, out=h)


def add_rows(table: Table, flat: Array, rows: Array | None) -> None:
    """Add one value per row of H (flat, at ROW_AT) to a buffer that is laid out like H."""
    if rows is None:
        return
    for row in table.tolist():
        view(flat, row[H_AT], row[K], row[N])[...] += view(rows, row[ROW_AT], row[K], 1)


def euclidean_parts(half: Half) -> tuple[Array, Array]:
    """`split_gradient` for β = 2 without weights: WᵀV and (WᵀW)H need no Λ, and are BLAS's own work."""
    neg, pos = np.zeros_like(half.H), np.zeros_like(half.H)
    for row, (v, wt, h) in zip(half.table.tolist(), half.views(), strict=True):
        rows = slice(row[K0], row[K1])
        np.matmul(wt[rows], v, out=view(neg, row[H_AT], row[K], row[N])[rows])
        np.matmul(wt[rows] @ wt.T, h, out=view(pos, row[H_AT], row[K], row[N])[rows])
    return neg, pos


def extrapolate(half: Half, momentum: Array) -> None:
    """H ← H ⊙ (H / last)^momentum, last ← H of before: a step further the way that each problem came."""
    assert half.last is not None
    limits = np.finfo(half.H.dtype)
    for row, power in zip(half.table.tolist(), momentum.tolist(), strict=True):
        h, last = (view(flat, row[H_AT], row[K], row[N]) for flat in (half.H, half.last))
        some = (h > 0) & (last > 0)
        with np.errstate(over="ignore", under="ignore"):
            step = np.where(some, h / np.where(some, last, 1), 1)
            last[...] = h
            h *= np.clip(step, limits.tiny, limits.max) ** power
        np.minimum(h, limits.max, out=h)


def coordinate_update(
    half: Half, cross: list[Array], orders: list[Array], l1: float, l2: float, sweep: Callable[..., float]
) -> NDArray[np.float64]:
    """`sweep` over the rows of H in the order given, with the two penalties in the Gram matrix and in WᵀV.

    A pattern whose energy is nothing beside a V of level 1 has no minimum to go to, and its row stays.
    """
    least = 1e-30 if half.H.dtype == np.float32 else 1e-200
    moved = np.zeros(len(half.table))
    for b, (row, wtv, order) in enumerate(zip(half.table.tolist(), cross, orders, strict=True)):
        wt, h = view(half.Wt, row[W_AT], row[K], row[F]), view(half.H, row[H_AT], row[K], row[N])
        gram = wt @ wt.T
        if l2:
            gram += l2 * namespace(wt).eye(len(wt), dtype=wt.dtype)
        diagonal = gram.diagonal()
        inverse = (1 / np.where(diagonal > least, diagonal, np.inf)).astype(diagonal.dtype, copy=False)
        if l1:
            wtv = wtv - h.dtype.type(l1)
        moved[b] = sweep(h, gram, wtv, inverse, order)
    return moved


def coordinate_sweep(H: Array, gram: Array, cross: Array, inverse: Array, order: Array) -> float:
    """The sweep of :class:`nmfcore.backends.Backend`, a row at a time."""
    violation = 0.0
    for k in order.tolist():
        slope = gram[k] @ H - cross[k]
        violation += float(np.abs(np.where(H[k] > 0, slope, np.minimum(slope, 0))).sum())
        H[k] = np.maximum(H[k] - slope * inverse[k], 0)
    return violation


def sparse_gradient(v: Any, wt: Array, h: Array, floor: float | None = None) -> Array:
    """Wᵀ(V / Λ) over the non-zeros of V (CSC), or WᵀV without a floor."""
    values = v.data if floor is None else v.data / np.maximum(_at_nonzeros(v, wt, h), floor)
    quotients = type(v)((values, v.indices, v.indptr), shape=v.shape)
    out: Array = (quotients.T @ wt.T).T
    return out


def sparse_divergence(v: Any, wt: Array, h: Array, floor: float) -> float:
    """Σ V log(V / Λ) over the non-zeros of V (CSC)."""
    values = v.data.astype(np.float64)
    return float(values @ np.log(values / np.maximum(_at_nonzeros(v, wt, h), floor)))


def _at_nonzeros(v: Any, wt: Array, h: Array) -> Array:
    """Λ at the non-zeros of V, a piece at a time."""
    rows, columns = v.indices, v.tocoo().col
    out = np.empty_like(v.data)
    step = max(1, (1 << 22) // len(wt))
    for at in range(0, len(out), step):
        piece = slice(at, at + step)
        out[piece] = (wt[:, rows[piece]] * h[:, columns[piece]]).sum(0)
    return out
