"""The one loop: β-NMF of a batch by multiplicative updates, with penalties, fixed slices, stopping and restarts.

Each model of the papers is this loop with other arguments: which slices are free, which penalties act. Stopping,
history, checks and the compaction of finished problems exist here and nowhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nmfcore import backends, layout
from nmfcore.acceleration import Extrapolation
from nmfcore.arrays import any_kind
from nmfcore.backends import composed
from nmfcore.backends.fixed import FixedPatterns
from nmfcore.backends.sparse import Sparse
from nmfcore.compressed import Compressed, is_sparse, number
from nmfcore.divergence import as_beta, as_exponent, level_floor, mm_exponent
from nmfcore.init import initial_factors
from nmfcore.layout import H_AT, K0, K1, ROW_AT, W_AT, F, Half, K, Matrices, N, Table
from nmfcore.parts import in_parts
from nmfcore.penalties import L1, L2, Divergent, Exact, Learning, Penalty, Started

Array = NDArray[Any]
Callback = Callable[[int, NDArray[np.float64]], Any]
Rule = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]


@dataclass(frozen=True)
class Result:
    """A factorization V ≈ W H, in the form in which V was given (matrix, batch or list).

    Attributes:
        W: patterns (…, F, K), ≥ 0.
        H: activations (…, K, N), ≥ 0.
        objective: D_β(V | WH) plus the penalties, of each problem.
        n_iter: iterations done on each problem.
        status: ``"converged"`` (relative decrease below `tol`), ``"max_iter"`` or ``"stopped"`` (by the callback).
        history: (iteration, objectives of all problems) at every check; the loop checks only with a `tol`, a callback
            or an acceleration.
        penalties: those of each problem, in a flat tuple over problems; with what they learned, as a regression's A.
    """

    W: Any
    H: Any
    objective: Any
    n_iter: Any
    status: Any
    history: tuple[tuple[int, NDArray[np.float64]], ...]
    penalties: tuple[tuple[Penalty, ...], ...] = ()


@any_kind
@in_parts
def nmf(
    V: ArrayLike | Sequence[ArrayLike],
    n_components: int | Sequence[int] | None = None,
    *,
    beta: float | str = 1.0,
    W: Any = None,
    H: Any = None,
    free_w: Any = True,
    free_h: Any = True,
    weights: Any = None,
    penalties: Sequence[Penalty | Started] = (),
    init: str = "random",
    solver: str = "mu",
    exponent: float | str = "mm",
    normalize: bool = False,
    acceleration: str | None = None,
    n_iter: int = 200,
    tol: float | Rule = 0.0,
    check_every: int = 10,
    n_restarts: int = 1,
    keep: str = "best",
    shuffle: bool = False,
    seed: int | np.random.Generator | np.random.RandomState | None = None,
    device: str = "auto",
    backend: str = "auto",
    dtype: DTypeLike | None = None,
    callback: Callback | None = None,
) -> Result:
    """Factorize V ≈ W H ≥ 0 under a β-divergence: one matrix, a batch, or a ragged list of matrices.

    Multiplicative updates (Lee and Seung 2001; Févotte and Idier 2011): H, then W, `n_iter` times. With
    ``exponent="mm"`` the objective never increases, for any β, and with the penalties that say so. For β = 2
    ``solver="cd"`` descends coordinate by coordinate instead (fast HALS: Cichocki and Phan, IEICE Transactions 2009).

    Args:
        V: nonnegative (F, N), (…, F, N), or a list of (F_b, N_b). Not changed. NumPy, CuPy, torch or any array that
            speaks DLPack: the answer is of the same kind, on the same device. Or scipy.sparse matrices, one or a list:
            for β = 1 and 2 the work then grows with the non-zeros.
        n_components: K, or one K per problem; may be left out where W or H is given.
        beta: 2 Euclidean, 1 Kullback–Leibler, 0 Itakura–Saito, any other real number, or scikit-learn's name for it.
            For β ≤ 0 the divergence is infinite at V = 0; entries below 1e-14 of the largest are taken as that.
        W: initial (or fixed) patterns, in the form of V: (…, F, K).
        H: initial (or fixed) activations (…, K, N). Exact zeros stay zero: a mask of activity is given so.
        free_w: which columns of W are updated: True, False, a slice, or a boolean mask of length K.
        free_h: which rows of H are updated, likewise.
        weights: a nonnegative weight per entry of V, in its form; 0 marks a missing entry, which may hold NaN.
        penalties: from :mod:`nmfcore.penalties`; they act on every problem of the batch.
        init: ``"random"``, ``"nndsvd"``, ``"nndsvda"`` or ``"nndsvdar"``, for factors that are not given.
        solver: ``"mu"`` (multiplicative updates) or ``"cd"`` (coordinate descent: β = 2 without weights, and no other
            penalties than L1 and L2).
        exponent: ``"mm"``, ``"mu"`` (1: faster, monotone in practice for 0 ≤ β ≤ 2) or a number in (0, 1].
        normalize: keep columns of W at sum 1, their scale moved into H, after every iteration; of the components
            that are free in both factors.
        acceleration: ``"extrapolation"`` gives the updates momentum (:mod:`nmfcore.acceleration`): the same objective
            in about half the iterations. Still monotone from check to check; not with
            `normalize` or ``solver="cd"``.
        n_iter: the most iterations.
        tol: a problem stops by itself once ten iterations (`check_every`) lower its objective by less than
            `tol` times its first one. 0 never stops. A function of the first, the previous and the present
            objectives that tells which problems are settled replaces the rule. With ``solver="cd"`` a problem
            stops once its projected gradients, of every iteration, sum to less than `tol` times those of the first.
        n_restarts: independent random starts of each problem, run as one batch; the best is returned.
        keep: ``"best"``, or ``"all"`` for every restart: what is returned then has an axis (n_restarts, …) first, for
            each problem.
        shuffle: with ``solver="cd"``, visit the components in a random order.
        seed: an integer or Generator; the same seed gives the same result on the same backend.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"``: where V is, but a large job goes to a GPU that is present.
        backend: ``"auto"``, ``"native"``, ``"jit"``, ``"reference"``, ``"cuda"``, or ``"cuda:fp32"``,
            ``"cuda:tf32x3"``, ``"cuda:tf32"``: the GPU with a precision of one's choice.
        dtype: of the computation: float32 or float64. None keeps float32, anything else becomes float64.
        callback: called as ``callback(iteration, objectives)`` at every check; a true answer stops the loop.

    Returns:
        A :class:`Result`; W and H are new arrays in the form of V.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> rng = np.random.default_rng(0)
    >>> V = rng.random((6, 2)) @ rng.random((2, 9))
    >>> fit = nmf(V, 2, beta=1, n_iter=500, seed=0)
    >>> bool(np.abs(V - fit.W @ fit.H).max() < 0.01)
    True
    >>> many = nmf([V, V[:, :5]], 2, seed=0)  # a ragged batch
    >>> [h.shape for h in many.H]
    [(2, 9), (2, 5)]
    """
    beta = as_beta(beta)
    gamma = as_exponent(exponent, beta)
    check_counts(n_iter=n_iter, check_every=check_every, n_restarts=n_restarts)
    if acceleration not in (None, "extrapolation"):
        raise ValueError(f"acceleration={acceleration!r} must be None or 'extrapolation'.")
    if acceleration and normalize:
        raise ValueError("acceleration cannot be combined with normalize=True; normalize W after the fit instead.")
    if acceleration and any(isinstance(one, Started) for one in penalties):
        raise ValueError("acceleration knows no penalties with unknowns or constraints; leave one of them out.")
    if not callable(tol) and not tol >= 0:
        raise ValueError(f"tol={tol!r} must be ≥ 0.")
    if keep not in ("best", "all"):
        raise ValueError(f"keep={keep!r} must be 'best' or 'all'.")
    for penalty in penalties:
        if penalty.factor not in ("W", "H"):
            raise ValueError(f"penalties: factor={penalty.factor!r} of {penalty!r} must be 'W' or 'H'.")
    _check_solver(solver, beta, weights, penalties, tol, acceleration)
    engine: Any = backends.get(backend, device, V[0] if isinstance(V, (list, tuple)) and len(V) else V)
    wanted = _dtype(dtype)
    if engine.name == "reference":
        wanted = np.dtype(np.float64)

    given: Any
    if is_sparse(V):
        given, engine = Compressed.of(V, "V", wanted), Sparse(engine)
        given.check_divergence(beta)
        if weights is not None:
            raise ValueError(
                "weights= cannot be used with a sparse V, whose zeros are observed; give V as a dense array."
            )
    else:
        given = Matrices.of(V, "V", wanted)
    entry_weights = None
    if weights is not None:
        entry_weights = Matrices.of(weights, "weights", given.flat.dtype)
        entry_weights.check_nonnegative("weights")
        if entry_weights.shapes != given.shapes:
            raise ValueError("weights must have the shape of V, entry for entry.")
        given = given.with_missing(entry_weights)
    given.check_nonnegative("V")

    start_w, start_h = (
        None if value is None else given.form.unpack(value, name, len(given.shapes))
        for value, name in ((W, "W"), (H, "H"))
    )
    ranks = _ranks(n_components, start_w, start_h, len(given.shapes))
    table = layout.make_table(given.shapes, ranks, n_restarts)
    if isinstance(given, Compressed):
        number(table, n_restarts)
    elif backend == "auto" and device == "auto":
        engine = backends.for_job(engine, float(n_iter) * float(table[:, [F, N, K]].astype(float).prod(1).sum()))
    peak = np.repeat(given.peaks(), n_restarts)
    scale = _rescaling(peak, beta, given.flat.dtype, penalties)
    if scale is not None:
        given = given.times(scale[::n_restarts])

    rng = seed if isinstance(seed, np.random.RandomState) else np.random.default_rng(seed)
    # The start is made in host memory, unless it was given on the device.
    place = layout.namespace(start_w[0]) if start_w and start_h and layout.on_device(start_h[0]) else np
    state = _State(
        table=table,
        Wt=place.empty(int(np.sum(table[:, K] * table[:, F])), given.flat.dtype),
        H=place.empty(int(np.sum(table[:, K] * table[:, N])), given.flat.dtype),
    )
    pieces = given.pieces()
    for b in range(len(table)):
        source = b // n_restarts
        w, h = state.factors(b)
        w0 = None if start_w is None else layout.placed(start_w[source], place).astype(np.float64)
        h0 = None if start_h is None else layout.placed(start_h[source], place).astype(np.float64)
        if w0 is None or h0 is None:
            drawn_w, drawn_h = initial_factors(pieces[source], w.shape[0], init, rng)
            w0 = drawn_w if w0 is None else w0 * (1 if scale is None else scale[b])
            h0 = drawn_h if h0 is None else h0
        elif scale is not None:
            w0 = w0 * scale[b]
        for name, value, shape in (("W", w0, w.shape[::-1]), ("H", h0, h.shape)):
            if value.shape != shape:
                raise ValueError(f"{name} has shape {value.shape} for a problem that needs {shape}.")
            if not (np.isfinite(value).all() and value.min() >= 0):
                raise ValueError(f"{name} must be finite and nonnegative.")
        w[...], h[...] = w0.T, h0

    # From here on everything lies where the backend works; what comes back goes where V came from.
    home, xp = given.home, engine.xp
    given = given.to(xp)
    entry_weights = None if entry_weights is None else entry_weights.to(xp)
    state = _State(table, layout.placed(state.Wt, xp), layout.placed(state.H, xp))
    floor = level_floor(peak * (1 if scale is None else scale), beta, given.flat.dtype)
    sides = (
        _Side(engine, "H", given, entry_weights, free_h, table),
        _Side(engine, "W", given, entry_weights, free_w, table),
    )
    bound = _start(penalties, state, sides, n_restarts)

    movable = [_as_slice(w & h, xp) for w, h in zip(sides[1].free, sides[0].free, strict=True)]

    def objective(active: NDArray[np.intp]) -> NDArray[np.float64]:
        rows = table[active]
        u = None if entry_weights is None else entry_weights.flat
        value = engine.divergence(rows, given.flat, state.Wt, state.H, beta, floor[active], u)
        for at, b in enumerate(active.tolist()):
            wt, h = state.factors(b)
            value[at] += sum(penalty.value(h if penalty.factor == "H" else wt) for penalty in bound[b])
        return value

    active = np.arange(len(table))
    for side in sides:
        side.select(active, floor)
    done = np.full(len(table), n_iter)
    status = np.full(len(table), "max_iter", dtype=object)
    rule = _rule(tol) if solver == "mu" else None
    permuter = rng if shuffle else None
    speed = Extrapolation(table, state.Wt, state.H) if acceleration else None
    watch = rule is not None or callback is not None or speed is not None
    history: list[tuple[int, NDArray[np.float64]]] = []
    if watch:
        history.append((0, objective(active)))
    busy = [side for side in sides if not side.idle]
    if beta == 2 and solver == "mu" and len(busy) == 1 and weights is None and xp is np:
        engine = busy[0].engine = FixedPatterns(engine)
    iteration = 0
    while iteration < n_iter:
        # Coordinate descent looks at its own pace after every iteration.
        steps = 1 if solver == "cd" else min(check_every - iteration % check_every, n_iter - iteration)
        iteration += steps
        settled = np.zeros(len(active), bool)
        momentum = None if speed is None else speed.momentum(steps, active)
        halves = [side.half(state, speed) for side in busy]
        if solver == "cd":
            pace = np.zeros(len(active))
            for side, half in zip(busy, halves, strict=True):
                pace += side.descend(half, permuter)
            if iteration == 1:
                rest = pace * (0.0 if callable(tol) else tol)
            settled = pace <= rest[active]
            if normalize:
                _normalize(state, movable, active)
        elif busy and not normalize and not any(side.interrupts for side in busy):
            engine.sweeps(steps, halves, beta, floor[active], gamma, momentum)
        else:
            for step in range(steps):
                for side, half in zip(busy, halves, strict=True):
                    if momentum is not None:
                        composed.extrapolate(half, momentum[step])
                    side.update(half, beta, mm_exponent(beta, *side.betas) if exponent == "mm" else gamma)
                if normalize:
                    _normalize(state, movable, active)
        stop = False
        if watch and (iteration % check_every == 0 or iteration == n_iter):
            value = history[-1][1].copy()
            value[active] = objective(active)
            rose = np.zeros(len(active), bool) if speed is None else speed.check(active, value, history[-1][1])
            stop = callback is not None and bool(callback(iteration, value))
            if rule is not None:
                settled = rule(history[0][1], history[-1][1], value)[active] & ~rose
            history.append((iteration, value))
        if settled.any():
            done[active[settled]] = iteration
            status[active[settled]] = "converged"
            active = active[~settled]
            for side in sides:
                side.select(active, floor)
        if stop:
            done[active], status[active] = iteration, "stopped"
        if stop or not len(active):
            break

    final = objective(np.arange(len(table)))
    state = _State(table, layout.placed(state.Wt, home), layout.placed(state.H, home))
    groups = np.arange(len(table)).reshape(-1, n_restarts)
    if keep == "best":
        groups = groups[np.arange(len(groups)), final[groups].argmin(1)][:, None]
    unscale = np.ones(len(table)) if scale is None else 1 / scale

    def pack(of: Callable[[int], Any]) -> Any:
        """What `of` gives for each problem's chosen restart, or for all of them, in the form of V."""
        pieces = [[of(b) for b in group] for group in groups.tolist()]
        return given.form.pack([piece[0] if keep == "best" else np.stack(piece) for piece in pieces])

    chosen, levels = groups.reshape(-1), _at_level(final, unscale, beta)
    return Result(
        W=pack(lambda b: home.ascontiguousarray(state.factors(b)[0].T) * given.flat.dtype.type(unscale[b])),
        H=pack(lambda b: state.factors(b)[1].copy()),
        objective=pack(lambda b: float(levels[b])),
        n_iter=pack(lambda b: int(done[b])),
        status=pack(lambda b: str(status[b])),
        history=tuple((i, _at_level(value, unscale, beta)[chosen]) for i, value in history),
        penalties=tuple(bound[b] for b in chosen),
    )


@dataclass(frozen=True)
class _State:
    """The factors of all problems, in flat buffers."""

    table: Table
    Wt: Array
    H: Array

    def factors(self, b: int) -> tuple[Array, Array]:
        """Wt (K, F) and H (K, N) of problem b, as views."""
        row = self.table[b].tolist()
        return (
            layout.view(self.Wt, row[W_AT], row[K], row[F]),
            layout.view(self.H, row[H_AT], row[K], row[N]),
        )


class _Side:
    """Everything the update of one factor needs: for W, the transposed problems."""

    def __init__(
        self,
        engine: Any,
        factor: str,
        given: Any,
        weights: Matrices | None,
        free: Any,
        table: Table,
    ) -> None:
        self.engine = engine
        self.factor = factor
        self.table = table.copy() if factor == "H" else layout.transposed(table)
        self.free = [_free_mask(free, int(rank), f"free_{factor.lower()}") for rank in table[:, K]]
        self.kept: list[tuple[int, Array]] = []  # fixed rows inside K0:K1 of a problem
        for b, row in enumerate(self.table):
            mask = self.free[b]
            used = np.flatnonzero(mask)
            row[K0], row[K1] = (used[0], used[-1] + 1) if len(used) else (0, 0)
            fixed = ~mask[row[K0] : row[K1]]
            if fixed.any():
                self.kept.append((b, engine.xp.asarray(np.flatnonzero(fixed))))
        self.idle = bool((self.table[:, K0] == self.table[:, K1]).all())
        if factor == "W" and not self.idle:
            # A transposed copy once, instead of strided reads in every iteration.
            given = given.transposed()
            weights = None if weights is None else weights.transposed()
        self.V = given.flat
        self.weights = None if weights is None else weights.flat

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

    @property
    def interrupts(self) -> bool:
        """Whether something has to be done between two updates."""
        return bool(any(self.penalties) or self.kept)

    def half(self, state: _State, speed: Extrapolation | None) -> Half:
        """The update of the factor as half of a sweep."""
        which = 1 if self.factor == "H" else 0
        factors = (state.Wt, state.H)
        last = None if speed is None else speed.last[which]
        return Half(self.active, self.V, factors[1 - which], factors[which], self.weights, last)

    def update(self, half: Half, beta: float, gamma: float) -> None:
        """One multiplicative update of the factor, with its penalties."""
        table, V, Wt, H, weights, _ = half
        saved = [(b, fixed, self._rows(H, b)[fixed].copy()) for b, fixed in self.kept]
        add_neg, add_pos, per_row = self._penalties(H)
        if per_row:
            self.engine.update(table, V, Wt, H, beta, self.floor, gamma, weights, add_neg, add_pos)
        else:
            neg, pos = self.engine.split_gradient(table, V, Wt, H, beta, self.floor, weights)
            neg = neg if add_neg is None else neg + add_neg
            pos = pos if add_pos is None else pos + add_pos
            if any(self.exact):
                for b in self.problems.tolist():
                    h, *parts = (self._rows(flat, b) for flat in (H, neg, pos))
                    self.exact[b][0].update(h, *parts, beta, gamma)
            else:
                self.engine.scale(table, H, neg, pos, gamma)
        for b, fixed, rows in saved:
            self._rows(H, b)[fixed] = rows
        for b in self.problems.tolist() if any(self.learning) else ():
            row = self.table[b].tolist()
            for penalty in self.learning[b]:
                penalty.advance(layout.view(H, row[H_AT], row[K], row[N]))

    def descend(self, half: Half, rng: Any) -> NDArray[np.float64]:
        """One sweep of coordinate descent over the free rows of the factor; how far each problem was from rest."""
        free = [np.flatnonzero(self.free[int(b)]) for b in self.problems]
        orders = free if rng is None else [rng.permutation(rows) for rows in free]
        l1, l2 = (sum(one.lam for one in self.penalties[0] if isinstance(one, kind)) for kind in (L1, L2))
        moved: NDArray[np.float64] = self.engine.coordinate_update(half.table, half.V, half.Wt, half.H, orders, l1, l2)
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


def _start(
    penalties: Sequence[Penalty | Started], state: _State, sides: tuple[_Side, _Side], n_restarts: int
) -> list[tuple[Penalty, ...]]:
    """The penalties of each problem; those on the scale of a factor bring the start to that scale."""
    bound: list[tuple[Penalty, ...]] = []
    count, engine = len(state.table), sides[0].engine
    dense = engine.engine if isinstance(engine, Sparse) else engine
    for b in range(count):
        wt, h = state.factors(b)
        fixed = []
        for side, factor in zip(sides, (h, wt), strict=True):
            rows = engine.xp.asarray(np.flatnonzero(~side.free[b]))
            fixed.append((factor, rows, factor[rows]))
        given = (b // n_restarts, count // n_restarts, wt, h, dense)
        bound.append(tuple(one.start(*given) if isinstance(one, Started) else one for one in penalties))
        for factor, rows, values in fixed:
            factor[rows] = values
    for side in sides:
        side.attach(bound)
    return bound


def _as_slice(mask: NDArray[np.bool_], xp: Any) -> slice | Array:
    """The rows of a mask as a slice where they are neighbours: indexing then copies nothing. Else their numbers."""
    used = np.flatnonzero(mask)
    if len(used) and used[-1] - used[0] + 1 == len(used):
        return slice(int(used[0]), int(used[-1]) + 1)
    return xp.asarray(used)


def _at_level(value: NDArray[np.float64], unscale: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Objectives at the level of the caller's V; what is beyond float64 counts as its largest number."""
    with np.errstate(over="ignore"):
        return np.minimum(np.minimum(value, np.finfo(float).max) * unscale**beta, np.finfo(float).max)


def _normalize(state: _State, movable: list[slice | Array], active: NDArray[np.intp]) -> None:
    """Columns of W to sum 1, their scale into H, where both may move; WH does not change."""
    for b in active.tolist():
        wt, h = state.factors(b)
        rows = movable[b]
        size = wt[rows].sum(1, keepdims=True)
        size[size == 0] = 1
        wt[rows] /= size
        h[rows] *= size


def check_counts(**counts: int) -> None:
    """Raise unless every count is a whole number ≥ 1; the message names it."""
    for name, value in counts.items():
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}={value!r} must be a whole number ≥ 1.")


def _check_solver(
    solver: str, beta: float, weights: Any, penalties: Sequence[Any], tol: float | Rule, acceleration: str | None
) -> None:
    """Raise where coordinate descent cannot do what is asked."""
    if solver not in ("mu", "cd"):
        raise ValueError(f"solver={solver!r} must be 'mu' or 'cd'.")
    if solver == "mu":
        return
    if beta != 2:
        raise ValueError(f"solver='cd' needs beta=2, got {beta:g}; use solver='mu'.")
    if weights is not None:
        raise ValueError("solver='cd' takes no weights=; use solver='mu'.")
    other = [penalty for penalty in penalties if not isinstance(penalty, (L1, L2))]
    if other:
        raise ValueError(f"solver='cd' knows the penalties L1 and L2 only, not {other[0]!r}; use solver='mu'.")
    if acceleration:
        raise ValueError("solver='cd' cannot be accelerated; use solver='mu'.")
    if callable(tol):
        raise ValueError("solver='cd' needs a number for tol=, since it stops by its gradients.")


def _rule(tol: float | Rule) -> Rule | None:
    """Which problems are settled, from the first, the previous and the present objectives; None never looks."""
    if callable(tol):
        return tol
    return (lambda first, before, now: before - now <= tol * np.abs(first)) if tol > 0 else None


def _dtype(dtype: DTypeLike | None) -> np.dtype[Any] | None:
    if dtype is None:
        return None
    out = np.dtype(dtype)
    if out not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype={dtype!r} must be float32 or float64.")
    return out


def _ranks(n_components: Any, W: list[Any] | None, H: list[Any] | None, count: int) -> list[int]:
    if n_components is None:
        if W is not None:
            return [int(np.shape(w)[1]) for w in W]
        if H is not None:
            return [int(np.shape(h)[0]) for h in H]
        raise ValueError("n_components is needed where neither W nor H is given.")
    ranks = [n_components] * count if np.ndim(n_components) == 0 else list(n_components)
    if len(ranks) != count:
        raise ValueError(f"n_components has {len(ranks)} entries for {count} problems.")
    check_counts(n_components=min(ranks))
    return [int(rank) for rank in ranks]


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


def _rescaling(
    peak: NDArray[np.float64], beta: float, dtype: np.dtype[Any], penalties: Sequence[Penalty | Started]
) -> NDArray[np.float64] | None:
    """Powers of two that bring extreme levels within the range of the number type, or None where none is needed.

    Powers of Λ overflow float32 long before V does. Penalties weigh against D, whose size follows that of V as
    V^β; so with penalties only β = 0 may be rescaled.
    """
    if penalties and beta != 0:
        return None
    powers = np.where(peak > 0, -np.frexp(peak)[1], 0)
    limit, most = (40, 120) if dtype == np.float32 else (150, 1000)
    if not 0 <= beta <= 2:
        limit //= int(np.ceil(abs(beta))) + 1
    powers = np.clip(powers, -most, most)  # subnormal levels: the factor itself must not overflow
    powers[np.abs(powers) <= limit] = 0
    return np.ldexp(1.0, powers) if powers.any() else None
