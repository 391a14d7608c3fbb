"""Blind separation: components grouped by the mel spectra of their patterns."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.arrays import any_kind
from nmfcore.layout import Matrices
from nmfcore.models.components import SourceFactors
from nmfcore.models.options import Options, filled
from nmfcore.solve import check_counts, nmf

Array = NDArray[Any]
RANGE_DB = 60.0  # of a pattern's mel spectrum that counts


@any_kind
def mel_clustering(
    V: ArrayLike | Sequence[ArrayLike],
    n_sources: int,
    rate: float,
    *,
    n_components: int | None = None,
    n_bands: int = 40,
    beta: float | str = 1.0,
    **options: Unpack[Options],
) -> SourceFactors:
    """Factorize a spectrogram and group its components into sources by timbre, without any knowledge of them.

    Spiertz and Gnann, "Source-filter based clustering for monaural blind source separation", DAFx 2009: the mel spectra
    (in decibels) of the patterns are factorized again, with one pattern per source; a component belongs to the source
    that is most active in it. Components of the same instrument at different pitches share its spectral envelope.

    Args:
        V: magnitude spectrogram (F, N), a batch or a list; F bins from 0 to half the rate.
        n_sources: J.
        rate: sampling rate in Hz.
        n_components: K; by default 15 per source.
        n_bands: mel bands from 0 to half the rate.
        beta: divergence of the factorization of V.
        **options: as in :func:`nmfcore.nmf`; by default 100 iterations and 5 random starts, of both
            factorizations. The callback is of the factorization of V.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> low, high = np.zeros((2, 65))
    >>> low[4:20:4] = high[30:60:6] = 1.0
    >>> H = np.random.default_rng(0).gamma(0.3, size=(4, 50))
    >>> V = np.stack([low, np.roll(low, 2), high, np.roll(high, 3)], axis=1) @ H
    >>> fit = mel_clustering(V, 2, rate=16000, n_components=4, seed=0)
    >>> sorted(fit.labels.tolist())
    [0, 0, 1, 1]
    """
    check_counts(n_sources=n_sources, n_bands=n_bands)
    given = Matrices.of(V, "V")
    rng = np.random.default_rng(options.get("seed"))
    rank = 15 * n_sources if n_components is None else n_components
    common: dict[str, Any] = {**filled(options, n_iter=100, n_restarts=5), "seed": rng}
    fit = nmf(V, rank, beta=beta, **common)
    patterns = given.form.unpack(fit.W, "W", len(given.shapes))
    spectra = [mel_levels(w, rate, n_bands) for w in patterns]  # (n_bands, K) each
    # The level of a component is no property of its source: what is compared is the shape.
    common = {key: common[key] for key in ("n_restarts", "seed", "device", "backend") if key in common}
    envelopes = nmf(spectra, n_sources, beta=1.0, n_iter=200, normalize=True, **common)
    labels = given.form.pack([h.argmax(0) for h in envelopes.H])
    return SourceFactors(fit.W, fit.H, labels, n_sources, fit.objective, fit.n_iter)


def mel_levels(W: Array, rate: float, n_bands: int) -> Array:
    """Mel spectra of patterns (F, K) in decibels above the floor, each with a maximum of 1: (n_bands, K)."""
    power = np.asarray(mel_filters(W.shape[0], rate, n_bands), like=W) @ W.astype(np.float64) ** 2
    peak = power.max(0)
    level = 10 * np.log10(np.maximum(power / np.where(peak > 0, peak, 1), 1e-30))
    return np.maximum(1 + level / RANGE_DB, 0) + 1e-6  # a silent pattern is like no other


def mel_filters(n_bins: int, rate: float, n_bands: int) -> NDArray[np.float64]:
    """Triangular filters of equal width on the mel scale, from 0 to half the rate (Hz): (n_bands, n_bins).

    A band narrower than the bins takes the bin nearest to its centre.

    >>> mel_filters(5, 8000.0, 1)
    array([[0.        , 0.897..., 0.692..., 0.346..., 0.        ]])
    """
    if not rate > 0:
        raise ValueError(f"rate={rate!r} must be positive (Hz).")
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, n_bands + 2) / 2595) - 1)
    bins = np.linspace(0, rate / 2, n_bins)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(np.minimum(rise, fall), 0)
    empty = np.flatnonzero(filters.max(1) == 0)
    filters[empty, np.abs(bins - edges[1:-1][empty, None]).argmin(1)] = 1
    return filters
