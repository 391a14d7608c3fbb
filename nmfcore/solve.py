"""β-NMF of one matrix or a batch, with penalties, fixed slices, stopping and restarts: what everything else calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nmfcore import backends
from nmfcore.arrays import any_kind
from nmfcore.backends.sparse import Sparse
from nmfcore.divergence import as_beta, level_floor
from nmfcore.layout import F, K, N
from nmfcore.loop import Loop
from nmfcore.options import Callback, Options, Rule, check_counts, generator, listed
from nmfcore.parts import in_parts
from nmfcore.penalties import Penalty, Started
from nmfcore.problems import Data, Factors, number_type, ranks, rescaling, started
from nmfcore.sides import Side, bind

__all__ = ["Callback", "Result", "Rule", "check_counts", "nmf"]


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
    options = Options(
        beta=as_beta(beta),
        weighted=weights is not None,
        penalties=listed(penalties),
        solver=solver,
        exponent=exponent,
        normalize=normalize,
        acceleration=acceleration,
        n_iter=n_iter,
        tol=tol,
        check_every=check_every,
        n_restarts=n_restarts,
        keep=keep,
        callback=callback,
    )
    engine: Any = backends.get(backend, device, V[0] if isinstance(V, (list, tuple)) and len(V) else V)
    wanted = number_type(dtype)
    data = Data.of(V, weights, options.beta, np.dtype(np.float64) if engine.name == "reference" else wanted)
    start_w, start_h = data.factors(W, "W"), data.factors(H, "H")
    table = data.table(ranks(n_components, start_w, start_h, len(data.V.shapes)), n_restarts)
    if data.sparse:
        engine = Sparse(engine)
    elif backend == "auto" and device == "auto":
        engine = backends.for_job(engine, float(n_iter) * float(table[:, [F, N, K]].astype(float).prod(1).sum()))

    peak = np.repeat(data.V.peaks(), n_restarts)
    scale = rescaling(peak, options.beta, data.V.flat.dtype, options.penalties)
    data = data.times(scale[::n_restarts])
    rng = generator(seed)
    factors = started(data, table, start_w, start_h, init, scale, rng)

    # From here on everything lies where the backend works; what comes back goes where V came from.
    home, form = data.V.home, data.V.form
    data, factors = data.to(engine.xp), factors.to(engine.xp)
    sides = Side(engine, "H", data, free_h, table), Side(engine, "W", data, free_w, table)
    bound = bind(options.penalties, factors, sides, n_restarts)
    floor = level_floor(peak * scale, options.beta, data.V.flat.dtype)
    if callback is not None:
        options = replace(options, callback=_at_users_level(callback, 1 / scale, options.beta))
    loop = Loop(engine, options, data, factors, sides, bound, floor, rng if shuffle else None)
    loop.run()
    return _result(loop, factors.to(home), home, form, 1 / scale)


def _result(loop: Loop, factors: Factors, home: Any, form: Any, unscale: NDArray[np.float64]) -> Result:
    """What the user gets, from the factors in the user's memory, at the level of the user's V."""
    options, final = loop.options, loop.objective(np.arange(len(loop.done)))
    groups = np.arange(len(final)).reshape(-1, options.n_restarts)
    if options.keep == "best":
        groups = groups[np.arange(len(groups)), final[groups].argmin(1)][:, None]

    def pack(of: Callable[[int], Any]) -> Any:
        """What `of` gives for each problem's chosen restart, or for all of them, in the form of V."""
        pieces = [[of(b) for b in group] for group in groups.tolist()]
        return form.pack([piece[0] if options.keep == "best" else np.stack(piece) for piece in pieces])

    chosen, levels = groups.reshape(-1), _at_level(final, unscale, options.beta)
    return Result(
        W=pack(lambda b: home.ascontiguousarray(factors.of(b)[0].T) * factors.Wt.dtype.type(unscale[b])),
        H=pack(lambda b: factors.of(b)[1].copy()),
        objective=pack(lambda b: float(levels[b])),
        n_iter=pack(lambda b: int(loop.done[b])),
        status=pack(lambda b: str(loop.status[b])),
        history=tuple((i, _at_level(value, unscale, options.beta)[chosen]) for i, value in loop.history),
        penalties=tuple(loop.bound[b] for b in chosen),
    )


def _at_users_level(callback: Callback, unscale: NDArray[np.float64], beta: float) -> Callback:
    """The callback with objectives of its own, which it may change."""
    return lambda iteration, value: callback(iteration, _at_level(value, unscale, beta))


def _at_level(value: NDArray[np.float64], unscale: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Objectives at the level of the caller's V; what is beyond float64 counts as its largest number."""
    with np.errstate(over="ignore"):
        return np.minimum(np.minimum(value, np.finfo(float).max) * unscale**beta, np.finfo(float).max)
