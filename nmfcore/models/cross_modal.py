"""Cross-modal regression: which sound components explain which motion, and so which source they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.arrays import any_kind
from nmfcore.layout import Matrices
from nmfcore.models.components import SourceFactors, check_frames, one_for_each, source_labels
from nmfcore.models.options import Options, filled
from nmfcore.penalties import L1, Regression, UnitNorm
from nmfcore.penalties.regression import Regressed
from nmfcore.solve import nmf
from nmfcore.threads import blas_in_one_thread

Array = NDArray[Any]
METHODS = ("ls", "sparse", "joint")
NNLS_ITERATIONS = 2000


@dataclass(frozen=True)
class CrossModalResult(SourceFactors):
    """A :class:`SourceFactors` with what ties its components to motion.

    Attributes:
        A: how much each activation explains of each motion signal, (…, K, C).
        clusters: the motion signal that each component explains most of, (…, K).
        sounding: for each source, its motion signal with the most components: the motion that makes its sound, (…, J).
    """

    A: Any
    clusters: Any
    sounding: Any


@any_kind
@blas_in_one_thread()
def cross_modal_regression(
    V: ArrayLike | Sequence[ArrayLike],
    M: ArrayLike | Sequence[ArrayLike],
    sources: ArrayLike | None = None,
    *,
    method: str = "joint",
    start: str = "nmf",
    n_components: int | None = None,
    lam: float = 0.01,
    mu: float | None = None,
    **options: Unpack[Options],
) -> CrossModalResult:
    """Factorize a magnitude spectrogram and explain motion signals by its activations, M ≈ Hᵀ A, A ≥ 0.

    Parekh (thesis, 2019), chapter 4. Component k belongs to the source of the motion signal c with the largest a_kc.

    * ``method="ls"``: NMF, then nonnegative least squares for A (eq. 4.1).
    * ``method="sparse"``: the same with μ ‖A‖₁ (eq. 4.2).
    * ``method="joint"``: D_KL(V | WH) + (λ/2) ‖M − HᵀA‖² + μ ‖A‖₁, columns of W of unit norm (Algorithm 4.1).

    Args:
        V: magnitude spectrogram (F, N), a batch or a list; the thesis: Hamming window of 4096 at 44.1 kHz, hop 1024.
        M: speeds of motion clusters (N, C) ≥ 0, one for all problems, or one for each in the form of V. Signals of very
            different size do not compete fairly: bring them to one level.
        sources: the source 0…J−1 of each column of M, the same in every problem; by default each is its own source.
        method: ``"ls"``, ``"sparse"`` or ``"joint"``.
        start: of ``method="joint"``: ``"nmf"`` (`n_iter` iterations of plain NMF before) or ``"random"``.
        n_components: K; by default 15 per source.
        lam: λ ≥ 0 of the joint estimate.
        mu: μ ≥ 0; by default 0.1 (joint) or 5 (sparse). Least squares has none.
        **options: as in :func:`nmfcore.nmf`; by default 200 iterations and 5 random starts, of which
            the best is kept: by the divergence for a start from NMF. The callback is of the last factorization of V.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> rng = np.random.default_rng(0)
    >>> H = rng.gamma(0.3, size=(4, 80))  # two components for each of two sources
    >>> M = np.stack([H[:2].sum(0), H[2:].sum(0)], axis=1)
    >>> W = np.kron(np.eye(4), np.ones((5, 1)))
    >>> fit = cross_modal_regression(W @ H, M, n_components=4, seed=0)
    >>> parts = fit.parts()
    >>> bool(np.abs(parts[0] - W[:, :2] @ H[:2]).mean() < 0.05 * parts[0].mean())
    True
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not known; use one of {METHODS}.")
    if start not in ("nmf", "random"):
        raise ValueError(f"start={start!r} must be 'nmf' or 'random'.")
    if method == "ls" and mu:
        raise ValueError(f"mu={mu!r} has no place in method='ls'; use method='sparse'.")
    given = Matrices.of(V, "V")
    speeds = one_for_each(M, "M", given)
    check_frames([one.T for one in speeds], "M", given)
    width = speeds[0].shape[1]
    if any(one.shape[1] != width for one in speeds):
        raise ValueError(f"M must have as many columns for every V; got {sorted({one.shape[1] for one in speeds})}.")
    labels = source_labels(np.arange(width) if sources is None else sources, "sources", width)
    n_sources = int(labels.max()) + 1
    rng = np.random.default_rng(options.get("seed"))
    common: dict[str, Any] = {**filled(options, n_iter=200, n_restarts=5), "seed": rng}
    begin: dict[str, Any] = {"n_components": n_components or 15 * n_sources, "n_restarts": common.pop("n_restarts")}
    joint = method == "joint"
    if not joint or start == "nmf":
        fit = nmf(V, **begin, **common | ({"callback": None} if joint else {}))
        begin = {"W": fit.W, "H": fit.H}
    if joint:
        penalties = (UnitNorm(), Regression(speeds, lam, 0.1 if mu is None else mu))
        fit = nmf(V, **begin, **common, penalties=penalties)
    activations = given.form.unpack(fit.H, "H", len(speeds))
    if joint:
        weights = [one.A for _, one in fit.penalties if isinstance(one, Regressed)]
    else:
        sparsity = 0.0 if method == "ls" else 5.0 if mu is None else mu
        weights = _nnls(speeds, activations, sparsity, options.get("backend", "auto"), options.get("device", "auto"))
    clusters = [_clusters(*each) for each in zip(weights, activations, speeds, strict=True)]
    sounding = [_sounding(of, a, labels) for of, a in zip(clusters, weights, strict=True)]
    pack = given.form.pack
    return CrossModalResult(
        fit.W,
        fit.H,
        pack([labels[of] for of in clusters]),
        n_sources,
        fit.objective,
        fit.n_iter,
        pack(weights),
        pack(clusters),
        pack(sounding),
    )


def _nnls(speeds: list[Array], activations: list[Array], mu: float, backend: str, device: str) -> list[Array]:
    """A ≥ 0 of min ½ ‖M − HᵀA‖² + μ ‖A‖₁ in each problem: Euclidean NMF of Mᵀ with H held."""
    fit = nmf(
        [one.T for one in speeds],
        beta=2.0,
        W=[np.ones((m.shape[1], len(h))) for m, h in zip(speeds, activations, strict=True)],
        H=activations,
        free_h=False,
        penalties=[L1(mu, factor="W")] if mu else [],
        n_iter=NNLS_ITERATIONS,
        tol=1e-10,
        backend=backend,
        device=device,
    )
    return [w.T.astype(h.dtype) for w, h in zip(fit.W, activations, strict=True)]


def _clusters(A: Array, H: Array, M: Array) -> NDArray[np.intp]:
    """The motion signal of each component: by A, and where that is all zero by the inner product with the signal."""
    likeness = H @ np.asarray(M, like=H)
    score = np.where(A.max(1, keepdims=True) > 0, A, likeness)
    out: NDArray[np.intp] = score.argmax(1)
    return out


def _sounding(clusters: NDArray[np.intp], A: Array, labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each source its motion signal with the most components; of several such the one with the largest A."""
    count = (clusters[:, None] == np.arange(len(labels))).sum(0)
    size = A.sum(0, dtype=np.float64)
    rank = count + size / (2 * size.max() if size.max() > 0 else 1)
    mine = labels == np.arange(labels.max() + 1)[:, None]  # (J, C)
    out: NDArray[np.intp] = np.where(mine, rank, -1).argmax(1)
    return out
