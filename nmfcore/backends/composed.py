"""What every backend can build from its own `split_gradient`: the parts of the seam that need no second writing."""

import numpy as np

from nmfcore.layout import H_AT, K0, K1, ROW_AT, Array, K, N, Table, view


def scale(table: Table, H: Array, neg: Array, pos: Array, exponent: float) -> None:
    """H ← H ⊙ (neg / pos)^exponent on rows K0:K1, in place; an entry without gradient (pos = 0) becomes 0."""
    for row in table.tolist():
        rows = slice(row[K0], row[K1])
        h, above, below = (view(flat, row[H_AT], row[K], row[N])[rows] for flat in (H, neg, pos))
        ratio = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
        h *= ratio if exponent == 1 else np.sqrt(ratio) if exponent == 0.5 else ratio**exponent


def add_rows(table: Table, flat: Array, rows: Array | None) -> None:
    """Add one value per row of H (flat, at ROW_AT) to a buffer that is laid out like H."""
    if rows is None:
        return
    for row in table.tolist():
        view(flat, row[H_AT], row[K], row[N])[...] += view(rows, row[ROW_AT], row[K], 1)
