"""The update of one factor of all problems: what is free in it, which penalties act on it, which kernels do it."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nmfcore import layout
from nmfcore.backends.sparse import Sparse
from nmfcore.layout import H_AT, K0, K1, ROW_AT, Array, Half, K, N, Table
from nmfcore.penalties import L1, L2, Divergent, Exact, Fusible, Learning, Penalty, Started
from nmfcore.problems import Data, Factors


class Side:
    """Everything the update of one factor needs: for W, the transposed problems."""

    def __init__(self, engine: Any, factor: str, data: Data, free: Any, table: Table) -> None:
        self.engine = engine
        self.factor = factor
        self.table = table.copy() if factor == "H" else layout.transposed(table)
        ranks = table[:, K].tolist()
        masks = {rank: _free_mask(free, rank, f"free_{factor.lower()}") for rank in sorted(set(ranks))}
        rows = {rank: np.flatnonzero(mask) for rank, mask in masks.items()}
        self.free = [masks[rank] for rank in ranks]
        self.free_rows = [rows[rank] for rank in ranks]
        self.kept: list[tuple[int, Array]] = []  # fixed rows inside K0:K1 of a problem
        for rank, mask in masks.items():
            used, same = rows[rank], table[:, K] == rank
            begin, end = (used[0], used[-1] + 1) if len(used) else (0, 0)
            self.table[same, K0], self.table[same, K1] = begin, end
            fixed = np.flatnonzero(~mask[begin:end])
            if len(fixed):
                self.kept += [(b, engine.xp.asarray(fixed)) for b in np.flatnonzero(same).tolist()]
        self.idle = bool((self.table[:, K0] == self.table[:, K1]).all())
        if factor == "W" and not self.idle:
            data = data.transposed()  # a copy once, instead of strided reads in every iteration
        self.V = data.V.flat
        self.weights = None if data.weights is None else data.weights.flat

    def attach(self, bound: Sequence[tuple[Penalty, ...]]) -> None:
        """Take the penalties of each problem that act on this factor."""
        self.penalties = [[one for one in each if one.factor == self.factor] for each in bound]
        self.exact = [[one for one in each if isinstance(one, Exact)] for each in self.penalties]
        self.betas = {one.beta for each in self.penalties for one in each if isinstance(one, Divergent)}
        self.learning = [[one for one in each if isinstance(one, Learning)] for each in self.penalties]
        if any(len(each) > 1 for each in self.exact):
            names = " and ".join(type(one).__name__ for one in self.exact[0])
            raise ValueError(f"penalties: {names} each make the update of {self.factor} themselves; give one of them.")
        if any(self.exact) and not self.idle:  # which moves all rows
            self.table[:, K0], self.table[:, K1] = 0, self.table[:, K]
            fixed = [np.flatnonzero(~mask) for mask in self.free]
            self.kept = [(b, self.engine.xp.asarray(rows)) for b, rows in enumerate(fixed) if len(rows)]

    def select(self, active: NDArray[np.intp], floor: Array) -> None:
        """Go on with these problems alone."""
        self.problems, self.active = active, self.table[active]
        self.floor = floor[active]

    def half(self, factors: Factors, beta: float, last: tuple[Array, Array] | None) -> Half:
        """The update of the factor as half of a sweep; `last` are both factors of a sweep ago, for momentum."""
        moves, stays = (factors.H, factors.Wt) if self.factor == "H" else (factors.Wt, factors.H)
        before = None if last is None else last[1 if self.factor == "H" else 0]
        return Half(self.active, self.V, stays, moves, beta, self.floor, self.weights, before)

    def fused(self, half: Half, gamma: float) -> Half | None:
        """The half with all that its updates need besides, for sweeps without interruption; None where they need more.

        Penalties are left to the sweeps where each problem has one, the kernels know it, and all rows are free; group
        sparsity only without momentum, which moves H once more after its parts are made.
        """
        if not any(self.penalties):
            return None if self.kept else half
        if not self.engine.endings:
            return None
        single = [(b, self.penalties[b][0]) for b in self.problems.tolist() if len(self.penalties[b]) == 1]
        asked = [one.ending(len(self.free[b]), half.beta, gamma) for b, one in single if isinstance(one, Fusible)]
        known = self.engine.endings - ({"group sparsity"} if half.last is not None else set())
        endings = [one for one in asked if one is not None and one.kind in known]
        free = all(mask.all() for mask in self.free)
        if not free or len(endings) < len(self.problems):
            return None
        return half._replace(endings=endings)

    def update(self, half: Half, gamma: float) -> None:
        """One multiplicative update of the factor, with its penalties."""
        H = half.H
        saved = [(b, fixed, self._rows(H, b)[fixed].copy()) for b, fixed in self.kept]
        add_neg, add_pos, per_row = self._penalties(H)
        if per_row:
            self.engine.update(half, gamma, add_neg, add_pos)
        else:
            neg, pos = self.engine.split_gradient(half)
            neg = neg if add_neg is None else neg + add_neg
            pos = pos if add_pos is None else pos + add_pos
            if any(self.exact):
                for b in self.problems.tolist():
                    h, *parts = (self._rows(flat, b) for flat in (H, neg, pos))
                    self.exact[b][0].update(h, *parts, half.beta, gamma)
            else:
                self.engine.scale(half.table, H, neg, pos, gamma)
        for b, fixed, rows in saved:
            self._rows(H, b)[fixed] = rows
        for b in self.problems.tolist() if any(self.learning) else ():
            row = self.table[b].tolist()
            for penalty in self.learning[b]:
                penalty.advance(layout.view(H, row[H_AT], row[K], row[N]))

    def descend(self, half: Half, rng: Any) -> NDArray[np.float64]:
        """One sweep of coordinate descent over the free rows of the factor; how far each problem was from rest."""
        free = [self.free_rows[b] for b in self.problems.tolist()]
        orders = free if rng is None else [rng.permutation(rows) for rows in free]
        l1, l2 = (sum(one.lam for one in self.penalties[0] if isinstance(one, kind)) for kind in (L1, L2))
        moved: NDArray[np.float64] = self.engine.coordinate_update(half, orders, l1, l2)
        return moved

    def _rows(self, H: Array, b: int) -> Array:
        row = self.table[b].tolist()
        return layout.view(H, row[H_AT], row[K], row[N])[row[K0] : row[K1]]

    def _penalties(self, H: Array) -> tuple[Array | None, Array | None, bool]:
        """What all penalties add to the two parts: one value per row where they can, else one per entry."""
        if not any(self.penalties):
            return None, None, True
        parts = []
        for b, row in zip(self.problems.tolist(), self.active.tolist(), strict=True):
            h = layout.view(H, row[H_AT], row[K], row[N])
            parts += [(row, *penalty.split(h)) for penalty in self.penalties[b]]
        per_row = not any(self.exact) and all(part is None or part.shape[1] == 1 for _, *both in parts for part in both)
        size = int(self.table[:, K].sum()) if per_row else len(H)
        sums: list[Array | None] = []
        for which in (1, 2):
            if all(part[which] is None for part in parts):
                sums.append(None)
                continue
            flat = self.engine.xp.zeros(size, H.dtype)
            for part in parts:
                row, value = part[0], part[which]
                if value is not None:
                    at, width = (row[ROW_AT], 1) if per_row else (row[H_AT], row[N])
                    layout.view(flat, at, row[K], width)[...] += value
            sums.append(flat)
        return sums[0], sums[1], per_row


def bind(
    penalties: Sequence[Penalty | Started], factors: Factors, sides: tuple[Side, Side], n_restarts: int
) -> list[tuple[Penalty, ...]]:
    """Give the sides the penalties of each problem, which are returned.

    Those on the scale of a factor bring the start to that scale.
    """
    problems = range(len(factors.table))
    if any(isinstance(one, Started) for one in penalties):
        bound = [_started(penalties, factors, sides, b, n_restarts) for b in problems]
    else:
        bound = [cast(tuple[Penalty, ...], tuple(penalties))] * len(problems)
    for side in sides:
        side.attach(bound)
    return bound


def _started(
    penalties: Sequence[Penalty | Started], factors: Factors, sides: tuple[Side, Side], b: int, n_restarts: int
) -> tuple[Penalty, ...]:
    """The penalties of problem b; rows of its factors that are fixed keep their scale."""
    engine, (wt, h) = sides[0].engine, factors.of(b)
    fixed = []
    for side, factor in zip(sides, (h, wt), strict=True):
        rows = engine.xp.asarray(np.flatnonzero(~side.free[b]))
        fixed.append((factor, rows, factor[rows]))
    dense = engine.engine if isinstance(engine, Sparse) else engine
    given = (b // n_restarts, len(factors.table) // n_restarts, wt, h, dense)
    found = tuple(one.start(*given) if isinstance(one, Started) else one for one in penalties)
    for factor, rows, values in fixed:
        factor[rows] = values
    return found


def _free_mask(free: Any, rank: int, name: str) -> NDArray[np.bool_]:
    mask = np.zeros(rank, bool)
    if isinstance(free, slice):
        mask[free] = True
    elif isinstance(free, (bool, np.bool_)):
        mask[:] = free
    else:
        given = np.asarray(free)
        if given.dtype != bool or given.shape != (rank,):
            raise ValueError(f"{name} must be True, False, a slice or a boolean mask of length {rank}.")
        mask = given
    return mask
