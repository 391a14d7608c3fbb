"""The two multimodal baselines: activations that start from motion, and components grouped by motion."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from nmfcore.arrays import any_kind
from nmfcore.layout import Matrices
from nmfcore.models.components import SourceFactors, rows_for_each, source_labels
from nmfcore.models.options import Options, filled
from nmfcore.solve import nmf


@any_kind
def motion_init_nmf(
    V: ArrayLike | Sequence[ArrayLike],
    motion: ArrayLike | Sequence[ArrayLike],
    sources: ArrayLike | None = None,
    *,
    beta: float | str = 0.0,
    **options: Unpack[Options],
) -> SourceFactors:
    """Factorize a power spectrogram from activations that start as motion: where nothing moves, nothing sounds.

    "MM initialization" of Sedighin et al. (2016), as in Parekh (thesis, 2019), §3.3: the zeros of the motion stay zero,
    all else is free.

    Args:
        V: power spectrogram (F, N), a batch or a list.
        motion: H_m (K, N) ≥ 0, one for all problems, or one for each in the form of V; one component for each row.
        sources: the source 0…J−1 of each row of `motion`; by default each row is its own source.
        beta: divergence; the papers use 0 (Itakura–Saito).
        **options: as in :func:`nmfcore.nmf`; by default 100 iterations and 5 random starts of the
            patterns.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> motion = np.array([[1.0, 2, 0, 0, 1], [0, 0, 1, 3, 1]])
    >>> V = np.array([[4.0, 0.01], [2, 1], [0.01, 5]]) @ motion
    >>> fit = motion_init_nmf(V, motion, seed=0)
    >>> bool(np.abs(fit.parts().sum(0) - V).max() < 0.01), fit.labels.tolist()
    (True, [0, 1])
    """
    given = Matrices.of(V, "V")
    pieces, rank = rows_for_each(motion, "motion", given)
    labels = source_labels(np.arange(rank) if sources is None else sources, "sources", rank)
    starts = []
    for v, piece in zip(given.pieces(), pieces, strict=True):
        level = piece.mean() or 1.0
        starts.append(piece / level * np.sqrt(float(v.mean(dtype=np.float64)) / rank))
    fit = nmf(
        V,
        beta=beta,
        H=given.form.pack(starts),
        **filled(options, n_iter=100, n_restarts=5),
    )
    everywhere = given.form.pack([labels] * len(pieces))
    return SourceFactors(fit.W, fit.H, everywhere, int(labels.max()) + 1, fit.objective, fit.n_iter)


@any_kind
def motion_clustering(
    V: ArrayLike | Sequence[ArrayLike],
    motion: ArrayLike | Sequence[ArrayLike],
    *,
    n_components: int | None = None,
    beta: float | str = 0.0,
    **options: Unpack[Options],
) -> SourceFactors:
    """Factorize a power spectrogram, and give each component to the source that moves when it sounds.

    "MM clustering" of Sedighin et al. (2016): a component belongs to the source j for which the stack [h_k; m_j] is
    closest to rank one. Of two rows of unit norm the singular values are √(1 ± cos), so the largest cosine decides.

    Args:
        V: power spectrogram (F, N), a batch or a list.
        motion: the speed of each source (J, N) ≥ 0, one for all problems, or one for each in the form of V.
        n_components: K; by default 4 per source.
        beta: divergence; the papers use 0 (Itakura–Saito).
        **options: as in :func:`nmfcore.nmf`; by default 100 iterations and 5 random starts.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> rng = np.random.default_rng(0)
    >>> motion = rng.gamma(0.3, size=(2, 60))
    >>> fit = motion_clustering(np.kron(np.eye(2), np.ones((5, 1))) @ motion, motion, n_components=2, seed=0)
    >>> bool(fit.parts()[0][:5].sum() > 100 * fit.parts()[0][5:].sum())
    True
    """
    given = Matrices.of(V, "V")
    pieces, n_sources = rows_for_each(motion, "motion", given)
    fit = nmf(
        V,
        4 * n_sources if n_components is None else n_components,
        beta=beta,
        **filled(options, n_iter=100, n_restarts=5),
    )
    labels = []
    for h, m in zip(given.form.unpack(fit.H, "H", len(pieces)), pieces, strict=True):
        size: Any = np.linalg.norm(m, axis=1, keepdims=True)
        labels.append((np.asarray(m / np.where(size > 0, size, 1), like=h) @ h.T).argmax(0))
    return SourceFactors(fit.W, fit.H, given.form.pack(labels), n_sources, fit.objective, fit.n_iter)
