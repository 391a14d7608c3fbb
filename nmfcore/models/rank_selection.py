"""How many components: many factorizations at each rank, and what they agree on."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nmfcore.arrays import any_kind
from nmfcore.divergence import as_beta, elementwise
from nmfcore.layout import Matrices
from nmfcore.models.agreement import agree, cophenetic_correlation
from nmfcore.solve import check_counts, nmf

Array = NDArray[Any]


@dataclass(frozen=True)
class RankSelection:
    """What the replicates of each rank say; R replicates of each of the ranks K.

    Attributes:
        ranks: the ranks tried, increasing.
        objective: of every replicate, (ranks, R).
        cophenetic: cophenetic correlation of the consensus of column clusters, at most 1: how much replicates agree
            on which columns belong together (Brunet et al., PNAS 2004).
        silhouette: mean silhouette of the replicates' patterns in K clusters, −1…1: how much they agree on patterns.
        least_silhouette: that of the worst cluster.
        held_out: divergence of held-out entries over that of a constant model; NaN without held-out entries.
        W: consensus patterns of each rank, (F, K) of sum one: the medians of the clusters.
        stable: the suggested rank: the largest whose mean silhouette is at least 0.8 and whose least is at least 0.2,
            as in Alexandrov et al. (Nature 2020); the rank with the best mean where there is none.
        best_held_out: the rank with the least error on held-out entries; None without them.
    """

    ranks: NDArray[np.int64]
    objective: NDArray[np.float64]
    cophenetic: NDArray[np.float64]
    silhouette: NDArray[np.float64]
    least_silhouette: NDArray[np.float64]
    held_out: NDArray[np.float64]
    W: tuple[Array, ...]
    stable: int
    best_held_out: int | None

    def plot(self) -> Any:
        """A matplotlib figure of all curves over the rank; needs matplotlib."""
        _need("matplotlib")
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 3.4), layout="constrained")
        agree, fit, held = figure.subplots(1, 3)
        agree.plot(self.ranks, self.silhouette, "o-", label="silhouette, mean")
        agree.plot(self.ranks, self.least_silhouette, "o--", label="silhouette, worst pattern")
        agree.plot(self.ranks, self.cophenetic, "s-", label="cophenetic correlation")
        agree.axvline(self.stable, color="0.7", zorder=0)
        agree.set(title="agreement of replicates", ylim=(min(0.0, float(self.least_silhouette.min())), 1.05))
        agree.legend()
        fit.plot(self.ranks, np.median(self.objective, axis=1), "o-")
        fit.fill_between(self.ranks, self.objective.min(1), self.objective.max(1), alpha=0.3)
        fit.set(title="divergence (median and range)", yscale="log")
        held.plot(self.ranks, self.held_out, "o-")
        if self.best_held_out is not None:
            held.axvline(self.best_held_out, color="0.7", zorder=0)
        held.set(title="held-out entries: relative error")
        for axis in (agree, fit, held):
            axis.set_xlabel("components")
            axis.set_xticks(self.ranks)
        return figure


@any_kind
def select_rank(
    V: ArrayLike,
    ranks: Sequence[int],
    *,
    n_replicates: int = 50,
    held_out: float = 0.1,
    n_folds: int = 3,
    beta: float | str = 1.0,
    n_iter: int = 500,
    tol: float = 1e-6,
    seed: int | np.random.Generator | None = None,
    device: str = "auto",
    backend: str = "auto",
    dtype: DTypeLike | None = None,
) -> RankSelection:
    """Factorize V many times at each of several ranks, all in one ragged batch, and measure what replicates agree on.

    The consensus of Brunet et al. (PNAS 2004), and clusters of patterns with one pattern of each replicate in each, as
    in cNMF (Kotliar et al., eLife 2019), SigProfiler (Alexandrov et al., Nature 2020) and NMFk. Replicates differ in
    their random start. The held-out error is of entries that the fit did not see (weight 0), for `n_folds` random
    choices.

    Needs SciPy.

    Args:
        V: nonnegative (F, N).
        ranks: numbers of components to try, each at least 2.
        n_replicates: R factorizations of each rank, at least 2.
        held_out: fraction of entries to hold out, 0…0.5; 0 leaves the held-out error out.
        n_folds: random choices of held-out entries.
        beta: divergence.
        n_iter: the most iterations of each.
        tol: as in :func:`nmfcore.nmf`.
        seed: as in :func:`nmfcore.nmf`.
        device: as in :func:`nmfcore.nmf`.
        backend: as in :func:`nmfcore.nmf`.
        dtype: as in :func:`nmfcore.nmf`.

    Raises:
        ValueError: naming the argument, its value and the remedy.
        ImportError: without SciPy.

    >>> rng = np.random.default_rng(0)
    >>> V = (np.kron(np.eye(3), np.ones((6, 1))) + 0.02) @ rng.gamma(0.5, size=(3, 60))
    >>> found = select_rank(V * rng.gamma(100, 0.01, V.shape), [2, 3, 4], n_replicates=10, seed=0)
    >>> found.stable, found.best_held_out
    (3, 3)
    """
    _need("scipy")
    given = Matrices.of(V, "V")
    given.check_nonnegative("V")
    if given.form.leading != ():
        raise ValueError("V must be one matrix (F, N); call select_rank once for each.")
    check_counts(n_replicates=n_replicates, n_folds=n_folds)
    if n_replicates < 2:
        raise ValueError(f"n_replicates={n_replicates} must be at least 2: one replicate has none to agree with.")
    if not 0 <= held_out <= 0.5:
        raise ValueError(f"held_out={held_out!r} must lie in 0…0.5.")
    tried = sorted({int(rank) for rank in ranks})
    if not tried or tried[0] < 2:
        raise ValueError(f"ranks={list(ranks)!r} must name at least one rank, each ≥ 2.")
    beta = as_beta(beta)
    (matrix,) = given.pieces()
    rng = np.random.default_rng(seed)
    common: dict[str, Any] = {"beta": beta, "n_iter": n_iter, "tol": tol, "normalize": True, "seed": rng}
    common |= {"device": device, "backend": backend, "dtype": dtype}
    batch = [matrix] * len(tried)
    fit = nmf(batch, tried, n_restarts=n_replicates, keep="all", **common)
    agreement = [agree(W) for W in fit.W]
    silhouette, least = (np.array([each[part] for each in agreement]) for part in (0, 1))
    errors = np.full(len(tried), np.nan)
    if held_out > 0:
        masks = [rng.random(matrix.shape) >= held_out for _ in range(n_folds)]
        trials = [nmf(batch, tried, weights=[mask.astype(float)] * len(tried), **common) for mask in masks]
        each = [
            [_error(matrix, W @ H, mask, beta) for W, H in zip(trial.W, trial.H, strict=True)]
            for trial, mask in zip(trials, masks, strict=True)
        ]
        errors = np.mean(each, axis=0)
    passed = [k for k, mean, low in zip(tried, silhouette, least, strict=True) if mean >= 0.8 and low >= 0.2]
    return RankSelection(
        ranks=np.array(tried),
        objective=np.array(fit.objective),
        cophenetic=np.array([cophenetic_correlation(H) for H in fit.H]),
        silhouette=silhouette,
        least_silhouette=least,
        held_out=errors,
        W=tuple(each[2] for each in agreement),
        stable=max(passed) if passed else tried[int(silhouette.argmax())],
        best_held_out=tried[int(errors.argmin())] if held_out > 0 else None,
    )


def _error(V: Array, model: Array, mask: NDArray[np.bool_], beta: float) -> float:
    """Divergence of the entries outside the mask, over that of the mean of those inside."""
    low = float(V.max()) * 1e-14 or 1.0
    seen = V[~mask].astype(np.float64)
    if not seen.size:
        return float("nan")
    if beta <= 0:
        seen = np.maximum(seen, low)
    constant = np.full_like(seen, max(float(V[mask].mean(dtype=np.float64)), low))
    error = elementwise(seen, np.maximum(model[~mask], low), beta).sum()
    return float(error / max(elementwise(seen, constant, beta).sum(), np.finfo(float).tiny))


def _need(package: str) -> None:
    if find_spec(package) is None:
        raise ImportError(f"select_rank needs {package}: pip install 'nmfcore[select]'")
