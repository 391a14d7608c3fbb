"""Sources told apart by the mixture alone: hierarchical clustering of its points, bin by bin, then joined up."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.spatial.filtering import as_mixture

Array = NDArray[Any]
MOST_FRAMES = 400  # of a bin that are clustered; the loudest


def clustered(X: ArrayLike, n_sources: int, *, n_clusters: int = 30, n_rounds: int = 10) -> NDArray[np.float64]:
    """Weights (J, F, N), 0 or 1, of sources that nothing but the mixture is known of; made for `from_weights`.

    In each bin the frames x / ‖x‖, whatever their phase, are joined bottom-up by their mean distance until
    `n_clusters` are left, and the largest n_sources of these stand for sources (Duong, Vincent and Gribonval, TASLP
    2010, sec. V-A). Every frame then belongs to the nearest of them. Which cluster of one bin goes with which of
    another is found by when they are active (Sawada, Araki and Makino, TASLP 2011), so that no geometry is needed.

    Args:
        X: mixture (I, F, N), I ≥ 2, complex.
        n_sources: J ≥ 1.
        n_clusters: at which joining ends.
        n_rounds: passes over the bins that put the clusters in order.

    Raises:
        ImportError: without SciPy, which nmfcore[audio] brings.
        ValueError: for one channel, or a wrong n_sources.

    >>> rng = np.random.default_rng(0)
    >>> first, second = np.array([1.0, 1.0]), np.array([1.0, -1.0])
    >>> loud = (np.arange(40) % 10 < 5)[:, None]  # they take turns
    >>> X = np.where(loud, first, second).T[:, None] * rng.standard_normal((1, 6, 40)) * (1 + 0j)
    >>> weights = clustered(X, 2)
    >>> weights.shape, bool(np.all(weights[0] == loud.T) or np.all(weights[1] == loud.T))
    ((2, 6, 40), True)
    """
    mixture = as_mixture(X)
    channels, bins, frames = mixture.shape
    if channels < 2:
        raise ValueError("X has one channel; clusters of directions need at least two.")
    if not isinstance(n_sources, (int, np.integer)) or n_sources < 1:
        raise ValueError(f"n_sources={n_sources!r} must be a whole number ≥ 1.")
    level = np.sqrt(np.sum(np.abs(mixture) ** 2, axis=0, dtype=np.float64))  # (F, N)
    points = np.moveaxis(mixture, 0, -1) / np.maximum(level, 1e-30)[..., None]  # (F, N, I)
    weights = np.zeros((n_sources, bins, frames))
    for f in range(bins):
        owner = _clusters(points[f], level[f], n_sources, max(n_clusters, n_sources))
        weights[owner, f, np.arange(frames)] = 1
    return _aligned(weights, np.log(np.maximum(level, 1e-30)), n_rounds)


def _clusters(points: Array, level: Array, count: int, n_clusters: int) -> NDArray[np.intp]:
    """The cluster (N,) of each point (N, I) of one bin."""
    try:
        from scipy.cluster.hierarchy import fcluster, linkage
    except ImportError as error:
        raise ImportError("clustering needs SciPy; install nmfcore[audio].") from error
    heard = np.argsort(-level, kind="stable")[:MOST_FRAMES]
    heard = heard[level[heard] > 0]
    if len(heard) <= count:
        return np.arange(len(points)) % count
    chosen = points[heard]
    # ‖a − b e^iφ‖² at the best φ is 2 − 2 |aᴴb|.
    distance = np.sqrt(np.maximum(2 - 2 * np.abs(chosen.conj() @ chosen.T), 0))
    label = fcluster(linkage(distance[np.triu_indices(len(heard), 1)], "average"), n_clusters, "maxclust")
    centres = []
    for one in np.argsort(-np.bincount(label)[1:], kind="stable")[:count] + 1:
        member = chosen[label == one]
        _, vector = np.linalg.eigh(member.T @ member.conj())
        centres.append(vector[:, -1])
    nearest: NDArray[np.intp] = np.argmax(np.abs(points.conj() @ np.stack(centres, axis=1)), axis=1)
    return nearest


def _aligned(weights: Array, loudness: Array, n_rounds: int) -> NDArray[np.float64]:
    """Weights (J, F, N) with the clusters of every bin in the order that goes best with those of the others."""
    from scipy.optimize import linear_sum_assignment

    # When a cluster is active: its frames, weighted by how far they stand out in their bin.
    excess = loudness - loudness.mean(1, keepdims=True)
    activity = weights * (excess - excess.min(1, keepdims=True))
    activity = activity - activity.mean(-1, keepdims=True)
    activity = activity / np.maximum(np.linalg.norm(activity, axis=-1, keepdims=True), 1e-12)
    order = np.tile(np.arange(len(weights))[:, None], weights.shape[1])  # (J, F)
    loudest_first = np.argsort(-loudness.max(1), kind="stable")
    centre = activity[:, loudest_first[0]].copy()
    for sweep in range(n_rounds):
        before = order.copy()
        for f in loudest_first:
            order[:, f] = linear_sum_assignment(-(centre @ activity[:, f].T))[1]
            if sweep == 0:
                centre += activity[order[:, f], f]
        centre = np.take_along_axis(activity, order[..., None], axis=0).sum(1)
        if sweep and (order == before).all():
            break
    return np.take_along_axis(weights, order[..., None], axis=0)
