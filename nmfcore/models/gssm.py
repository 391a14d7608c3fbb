"""Separation of spectrograms by a generic source spectral model, supervised or with an unknown background."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.arrays import any_kind
from nmfcore.backends import Backend
from nmfcore.layout import Matrices
from nmfcore.models.dictionary import Dictionary
from nmfcore.penalties import GroupSparsity
from nmfcore.solve import Callback, nmf


@dataclass(frozen=True)
class GssmResult:
    """Variances of each source, ready for :func:`nmfcore.masks.wiener`, in the form in which V was given.

    Attributes:
        parts: for each source (and ``"background"``) its model W_j H_j, (…, F, N).
        W: all patterns (…, F, K), the background's last.
        H: all activations (…, K, N).
        objective: divergence plus penalty, of each spectrogram.
        n_iter: iterations done on each.
    """

    parts: Mapping[str, Any]
    W: Any
    H: Any
    objective: Any
    n_iter: Any


@any_kind
def gssm_separate(
    V: ArrayLike | Sequence[ArrayLike],
    dictionary: Dictionary,
    *,
    kind: str = "block",
    gamma: float | str = "1/G",
    lam: float | None = None,
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
        V: power spectrogram of the mixture (F, N); or a batch (…, F, N), or a list of (F, N_b), which are separated
            together: sources are then found in each by itself.
        dictionary: from :func:`nmfcore.models.learn_dictionary`.
        kind: ``"component"``, ``"block"`` or ``"mixed"`` groups.
        gamma: γ_j of relative sparsity; 0 is plain group sparsity, ``"1/G"`` the papers' adaptive choice. With their
            other one, 1, the objective has no lower bound: where λ0·N·P_j·G_j exceeds about 1 (many examples, long
            mixtures) a frame may grow without end.
        lam: λ0; the penalty of source j weighs λ_j = λ0·F·N·P_j, P_j its number of examples. None is the paper's best
            for the kind of groups: 1e-4 for blocks, 1e-6 for components and mixed; with a background 4e-4 and 5e-7.
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
    if background < 0:
        raise ValueError(f"background={background} must be ≥ 0.")
    if lam is None:
        best = {"block": (1e-4, 4e-4)}.get(kind, (1e-6, 5e-7))
        lam = best[1] if background else best[0]
    mixtures = Matrices.of(V)
    bins, known = dictionary.W.shape
    for shape in mixtures.shapes:
        if shape[0] != bins:
            raise ValueError(
                f"V has shape {shape}, but the dictionary's patterns have {bins} bins; "
                "use the same frame length for both."
            )
    rng = np.random.default_rng(seed)
    # At the level of V, and away from zero, which multiplicative updates could not leave.
    W = np.hstack([dictionary.W, rng.uniform(0.5, 1.5, (bins, background)) / bins])
    H = [
        _level(one) * bins / W.shape[1] * rng.uniform(0.5, 1.5, (W.shape[1], one.shape[1])) for one in mixtures.pieces()
    ]
    counts = [lam * len(dictionary.blocks[source]) for source in dictionary.sources]
    penalty = _BySize(GroupSparsity(dictionary.groups, counts, gamma, kind))
    pack = mixtures.form.pack
    fit = nmf(
        V,
        beta=0.0,
        W=pack([W] * len(H)),
        H=pack(H),
        free_w=slice(known, None),
        penalties=[penalty.alike(mixtures.shapes)] if lam > 0 else [],
        normalize=background > 0,
        n_iter=n_iter,
        tol=tol,
        backend=backend,
        callback=callback,
    )
    rows = {source: dictionary.rows(source) for source in dictionary.sources}
    if background:
        rows["background"] = slice(known, None)
    parts = {source: _product(fit.W, fit.H, span) for source, span in rows.items()}
    return GssmResult(parts, fit.W, fit.H, fit.objective, fit.n_iter)


@dataclass(frozen=True)
class _BySize:
    """Group sparsity that weighs as much as its matrix has entries."""

    of_one: GroupSparsity
    factor: str = field(default="H", init=False)

    def start(self, problem: int, count: int, Wt: NDArray[Any], H: NDArray[Any], engine: Backend) -> GroupSparsity:
        return self._of(Wt.shape[1] * H.shape[1])

    def alike(self, shapes: Sequence[tuple[int, int]]) -> "GroupSparsity | _BySize":
        """One penalty for all, where all matrices have one size."""
        sizes = {f * n for f, n in shapes}
        return self._of(sizes.pop()) if len(sizes) == 1 else self

    def _of(self, size: int) -> GroupSparsity:
        return replace(self.of_one, lam=(np.asarray(self.of_one.lam) * size).tolist())


def _level(V: NDArray[Any]) -> float:
    """The mean of V, at least what float32 can tell from nothing."""
    return max(float(V.mean(dtype=np.float64)), float(np.finfo(np.float32).tiny))


def _product(W: Any, H: Any, rows: slice) -> Any:
    """The model of these components, in the form of the factors."""
    if isinstance(W, list):
        return [_product(w, h, rows) for w, h in zip(W, H, strict=True)]
    return W[..., rows] @ H[..., rows, :]
