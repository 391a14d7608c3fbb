"""Co-factorization: several views of the same events, factorized together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from nmfcore.arrays import any_kind
from nmfcore.divergence import as_beta
from nmfcore.layout import Matrices, namespace, placed
from nmfcore.models.options import Options, filled
from nmfcore.penalties import CoupledView, UnitSum, View
from nmfcore.penalties.views import CoupledViewed, Viewed
from nmfcore.solve import nmf

COUPLINGS = ("hard", "l1", "l2")


@dataclass(frozen=True)
class CofactorResult:
    """Factorizations V_v ≈ W_v H_v of several views, each in the form in which the views were given.

    Attributes:
        W: patterns of each view, (…, F_v, K_v).
        H: activations of each view, (…, K_v, N); the shared ones are the first.
        scale: S of each view but the first, (…, K), with a soft coupling; else empty.
        objective: the whole objective of each problem.
        n_iter: iterations done on each problem.
    """

    W: tuple[Any, ...]
    H: tuple[Any, ...]
    scale: tuple[Any, ...]
    objective: Any
    n_iter: Any


@any_kind
def cofactorize(
    views: Sequence[Any],
    n_components: int,
    *,
    coupling: str = "hard",
    betas: float | str | Sequence[float | str] = 1.0,
    weights: float | Sequence[float] = 1.0,
    delta: float = 1.0,
    own: Sequence[int] | None = None,
    **options: Unpack[Options],
) -> CofactorResult:
    """Factorize several views of the same N frames with activations that are the same, or similar.

    min Σ_v γ_v D_v(V_v | W_v H_v), plus a coupling (Parekh, thesis 2019, eqs. 2.5–2.7; Seichepine et al. 2014):

    * ``"hard"``: the first `n_components` rows of all H_v are the same; with `own` components besides, partial
      co-factorization (Duong, HDR §1.5.1). The objective never rises, whatever the divergences.
    * ``"l1"``, ``"l2"``: δ Σ_{v>1} ‖H_1 − S_v H_v‖₁ (or squared), columns of W of sum one, S_v diagonal and free. Two
      views: with a β = 1 in both the objective never rises.

    To share patterns instead of activations, give the transposed views.

    Args:
        views: V_v (F_v, N), or batches (…, F_v, N), or lists of matrices; all in the same form.
        n_components: components that the views have in common.
        coupling: ``"hard"``, ``"l1"`` or ``"l2"``.
        betas: the divergence, one or one per view; at most 2 with a soft coupling.
        weights: γ_v > 0, one or one per view.
        delta: δ ≥ 0 of a soft coupling.
        own: how many components each view has to itself, with ``coupling="hard"``.
        **options: as in :func:`nmfcore.nmf`; by default 200 iterations and one random start. The callback sees
            the objective over γ_1.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> rng = np.random.default_rng(0)
    >>> H = rng.gamma(0.5, size=(2, 40))
    >>> sound, motion = rng.random((12, 2)) @ H, rng.random((5, 2)) @ H
    >>> fit = cofactorize([sound, motion], 2, betas=[1, 2], n_iter=2000, seed=0)
    >>> bool(np.abs(fit.W[1] @ fit.H[1] - motion).max() < 0.05), fit.H[0] is fit.H[1]
    (True, True)
    """
    given, beta, gamma, private = _checked(views, coupling, betas, weights, own)
    hard = coupling == "hard"
    rng = np.random.default_rng(options.get("seed"))
    others = range(1, len(views))
    penalties: list[Any] = []
    if hard:
        penalties += [
            View(given[v].pieces(), beta[v], gamma[v] / gamma[0], n_components, private[v], rng) for v in others
        ]
    else:
        pieces = given[1].pieces()
        penalties += [UnitSum(), CoupledView(pieces, delta / gamma[0], beta[1], gamma[1] / gamma[0], coupling, rng)]
    fit = nmf(
        views[0],
        n_components + private[0],
        beta=beta[0],
        penalties=penalties,
        **filled({**options, "seed": rng}, n_iter=200, n_restarts=1),
    )
    pack, home = given[0].form.pack, given[0].home  # the views' own factors lie where the backend works
    W, H, scale = [fit.W], [fit.H], []
    first = given[0].form.unpack(fit.H, "H", len(given[0].shapes))
    for v in others:
        terms = [bound[v - len(views)] for bound in fit.penalties]
        models = [term.model for term in terms if isinstance(term, (Viewed, CoupledViewed))]
        W.append(pack([home.ascontiguousarray(placed(model.Wt, home).T) for model in models]))
        same = hard and not any(private)
        H.append(fit.H if same else pack([placed(model.H, home) for model in models]))
        if not hard:
            soft = [
                placed(term.scale(placed(h, namespace(term.model.H)))[:, 0], home)
                for term, h in zip(terms, first, strict=True)
                if isinstance(term, CoupledViewed)
            ]
            scale.append(pack(soft))
    whole = given[0].form.unpack(fit.objective, "objective", len(given[0].shapes))
    objective = pack([gamma[0] * float(one) for one in whole])
    return CofactorResult(tuple(W), tuple(H), tuple(scale), objective, fit.n_iter)


def _checked(
    views: Sequence[Any], coupling: str, betas: Any, weights: Any, own: Sequence[int] | None
) -> tuple[list[Matrices], list[float], list[float], list[int]]:
    """The views, and of each its divergence, its weight, and how many components it has to itself."""
    if not isinstance(views, (list, tuple)) or len(views) < 2:
        raise ValueError("views must be a list of at least two views, each a matrix, a batch or a list of matrices.")
    if coupling not in COUPLINGS:
        raise ValueError(f"coupling={coupling!r} is not known; use one of {COUPLINGS}.")
    hard = coupling == "hard"
    if own is not None and not hard:
        raise ValueError(f"own={list(own)} needs coupling='hard'.")
    if not hard and len(views) > 2:
        raise ValueError(f"coupling={coupling!r} takes two views, got {len(views)}; use coupling='hard'.")
    beta = [as_beta(one) for one in _each(betas, "betas", len(views))]
    gamma = [float(one) for one in _each(weights, "weights", len(views))]
    if not all(np.isfinite(one) and one > 0 for one in gamma):
        raise ValueError(f"weights={weights!r} must be finite and positive.")
    private = [0] * len(views) if own is None else [int(one) for one in _each(list(own), "own", len(views))]
    if min(private) < 0:
        raise ValueError(f"own={own!r} must be ≥ 0.")
    given = [Matrices.of(view, f"view {v}") for v, view in enumerate(views)]
    if any(one.form != given[0].form or len(one.shapes) != len(given[0].shapes) for one in given):
        raise ValueError("views must all be matrices, batches with the same axes, or lists of the same length.")
    return given, beta, gamma, private


def _each(value: Any, name: str, count: int) -> list[Any]:
    """One value for all views, or one for each."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name} has {len(value)} entries for {count} views.")
    return list(value)
