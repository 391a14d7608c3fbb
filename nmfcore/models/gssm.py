"""Separation of one spectrogram by a generic source spectral model, supervised or with an unknown background."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.arrays import any_kind
from nmfcore.models.dictionary import Dictionary
from nmfcore.penalties import GroupSparsity
from nmfcore.solve import Callback, nmf


@dataclass(frozen=True)
class GssmResult:
    """Variances of each source, ready for :func:`nmfcore.masks.wiener`.

    Attributes:
        parts: for each source (and ``"background"``) its model W_j H_j, (F, N).
        W: all patterns (F, K), the background's last.
        H: all activations (K, N).
        objective: divergence plus penalty.
        n_iter: iterations done.
    """

    parts: Mapping[str, NDArray[Any]]
    W: NDArray[Any]
    H: NDArray[Any]
    objective: float
    n_iter: int


@any_kind
def gssm_separate(
    V: ArrayLike,
    dictionary: Dictionary,
    *,
    kind: str = "component",
    gamma: float | str = 1.0,
    lam: float = 1e-6,
    background: int = 0,
    n_iter: int = 100,
    tol: float = 0.0,
    seed: int | np.random.Generator | None = None,
    backend: str = "auto",
    callback: Callback | None = None,
) -> GssmResult:
    """Share a power spectrogram among the sources of a dictionary, using only the patterns that fit.

    Itakura–Saito NMF with fixed patterns and (relative) group sparsity: El Badawy, Duong and Ozerov (TASLP 2017),
    Algorithms 1 and 3; with `background` > 0 Algorithms 2 and 4.

    Args:
        V: power spectrogram of the mixture (F, N).
        dictionary: from :func:`nmfcore.models.learn_dictionary`.
        kind: ``"component"``, ``"block"`` or ``"mixed"`` groups.
        gamma: γ_j of relative sparsity; 0 is plain group sparsity, ``"1/G"`` the papers' adaptive choice.
        lam: λ0; the penalty of source j weighs λ_j = λ0·F·N·P_j, P_j its number of examples. The paper's best: 1e-6
            for components, 1e-4 for blocks; with a background 5e-7 and 4e-4.
        background: number of free, unpenalised patterns for everything that has no example (the paper: 10).
        n_iter: multiplicative updates.
        tol: as in :func:`nmfcore.nmf`.
        seed: as in :func:`nmfcore.nmf`.
        backend: as in :func:`nmfcore.nmf`.
        callback: as in :func:`nmfcore.nmf`.

    >>> rng = np.random.default_rng(0)
    >>> low, high = np.repeat([[4.0, 1, 0.1, 0.1], [0.1, 0.1, 1, 4]], 8, axis=0).reshape(2, 8, 4).transpose(0, 2, 1)
    >>> from nmfcore.models import learn_dictionary
    >>> model = learn_dictionary({"low": [low], "high": [high]}, 2, seed=0)
    >>> parts = gssm_separate(low + high, model, seed=0).parts
    >>> bool(parts["low"][0].mean() > 10 * parts["high"][0].mean())
    True
    """
    V = np.asarray(V)
    if V.ndim != 2 or V.shape[0] != dictionary.W.shape[0]:
        raise ValueError(
            f"V has shape {V.shape}, but the dictionary's patterns have {dictionary.W.shape[0]} bins; "
            "use the same frame length for both."
        )
    if background < 0:
        raise ValueError(f"background={background} must be ≥ 0.")
    rng = np.random.default_rng(seed)
    known = dictionary.W.shape[1]
    counts = [len(dictionary.blocks[source]) for source in dictionary.sources]
    penalty = GroupSparsity(dictionary.groups, [lam * V.size * count for count in counts], gamma, kind)
    # At the level of V, and away from zero, which multiplicative updates could not leave.
    W = np.hstack([dictionary.W, rng.uniform(0.5, 1.5, (V.shape[0], background)) / V.shape[0]])
    level = max(float(V.mean(dtype=np.float64)), np.finfo(np.float32).tiny) * V.shape[0] / W.shape[1]
    H = level * rng.uniform(0.5, 1.5, (W.shape[1], V.shape[1]))
    fit = nmf(
        V,
        beta=0.0,
        W=W,
        H=H,
        free_w=slice(known, None),
        penalties=[penalty] if lam > 0 else [],
        normalize=background > 0,
        n_iter=n_iter,
        tol=tol,
        backend=backend,
        callback=callback,
    )
    rows = {source: dictionary.rows(source) for source in dictionary.sources}
    if background:
        rows["background"] = slice(known, None)
    parts = {source: fit.W[:, span] @ fit.H[span] for source, span in rows.items()}
    return GssmResult(parts, fit.W, fit.H, fit.objective, fit.n_iter)
