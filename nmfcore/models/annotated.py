"""NMF with annotations: when each source is active, and which time-frequency points are to be trusted."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from nmfcore.arrays import any_kind
from nmfcore.layout import Matrices
from nmfcore.models.components import SourceFactors, rows_for_each
from nmfcore.models.options import Options, filled
from nmfcore.solve import nmf


@any_kind
def activity_nmf(
    V: ArrayLike | Sequence[ArrayLike],
    activity: ArrayLike | Sequence[ArrayLike],
    *,
    n_components: int = 10,
    weights: ArrayLike | Sequence[ArrayLike] | None = None,
    beta: float | str = 0.0,
    **options: Unpack[Options],
) -> SourceFactors:
    """Factorize a spectrogram of which someone has marked when each source sounds.

    Annotation-guided NMF (Duong, HDR 2018, §1.5.2): components of a source cannot be active where it is not, and learn
    their patterns where it sounds alone. Points of weight 0, or NaN in V, are missing: they count nowhere and the model
    fills them in. Frames in which no source is active count nowhere either.

    Args:
        V: spectrogram (F, N), a batch or a list; NaN marks a missing point.
        activity: how active each source may be, (J, N): 0 where it is silent, else positive (its start); one for all
            problems, or one for each in the form of V.
        n_components: components of each source.
        weights: a nonnegative weight per point of V, in its form.
        beta: divergence; 0 (Itakura–Saito) for power spectrograms.
        **options: as in :func:`nmfcore.nmf`; by default 200 iterations and 5 random starts of W.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> rng = np.random.default_rng(0)
    >>> activity = np.repeat([[1, 0, 1], [0, 1, 1]], 20, axis=1)  # the first alone, the second alone, both
    >>> V = np.kron(np.eye(2), np.ones((4, 1))) @ (activity * rng.gamma(1.0, size=(2, 60))) + 1e-9
    >>> parts = activity_nmf(V, activity, n_components=1, seed=0).parts()
    >>> bool(parts[0][4:].max() < 1e-6 * parts[0].max())
    True
    """
    given = Matrices.of(V, "V")
    masks, n_sources = rows_for_each(activity, "activity", given)
    if weights is None:
        trust = [np.ones(shape) for shape in given.shapes]
    else:
        trust = [one.astype(np.float64) for one in given.form.unpack(weights, "weights", len(given.shapes))]
    rng = np.random.default_rng(options.get("seed"))
    known, counted, starts = [], [], []
    for v, mask, weight in zip(given.pieces(), masks, trust, strict=True):
        if weight.shape != v.shape:
            raise ValueError(f"weights has shape {weight.shape} where V has {v.shape}.")
        missing = np.isnan(v)
        counted.append(np.where(missing | (mask.max(0) == 0), 0, weight))
        known.append(np.where(missing, v.dtype.type(0), v))
        rows = np.repeat(mask / (mask.mean() or 1.0), n_components, axis=0)
        level = np.sqrt(float(known[-1].mean(dtype=np.float64)) / len(rows))
        starts.append(level * rows * rng.uniform(0.5, 1.5, rows.shape))
    pack = given.form.pack
    fit = nmf(
        pack(known),
        beta=beta,
        H=pack(starts),
        weights=pack(counted),
        **filled({**options, "seed": rng}, n_iter=200, n_restarts=5),
    )
    labels = pack([np.repeat(np.arange(n_sources), n_components)] * len(masks))
    return SourceFactors(fit.W, fit.H, labels, n_sources, fit.objective, fit.n_iter)
