"""What replicates of a factorization agree on: which columns belong together, and which patterns there are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ROUNDS = 100  # of matching patterns to their clusters' centres; it settles within a few


def cophenetic_correlation(H: Array) -> float:
    """How well the consensus of column clusters is a tree (Brunet et al. 2004): H (R, K, N) of R replicates.

    A column belongs to its most active component; the consensus is how often two columns belong together. 1 where all
    replicates agree.

    >>> cophenetic_correlation(np.array([[[1.0, 1, 0], [0, 0, 1]], [[0, 0, 1], [1.0, 1, 0]]]))
    1.0
    """
    from scipy.cluster.hierarchy import average, cophenet
    from scipy.spatial.distance import squareform

    replicates, rank, columns = H.shape
    members = (H.argmax(1)[:, None, :] == np.arange(rank)[:, None]).reshape(-1, columns).astype(np.float32)
    apart = 1 - (members.T @ members).astype(np.float64) / replicates
    np.fill_diagonal(apart, 0)
    distances = squareform(np.round(apart, 6), checks=False)
    if distances.size < 2 or np.ptp(distances) == 0:
        return 1.0
    return float(cophenet(average(distances), distances)[0])


def agree(W: Array) -> tuple[float, float, Array]:
    """Mean and least silhouette of the patterns of R replicates W (R, F, K) in K clusters, and the clusters' medians.

    Every cluster takes one pattern of each replicate: the best assignment to its centre, the mean so far, in turn. The
    distance is one less the cosine.

    >>> W = np.eye(3)[None, :, [0, 1]] + np.array([0.0, 0.01])[:, None, None]
    >>> mean, least, medians = agree(np.stack([W[0], W[1][:, ::-1]]))
    >>> round(mean, 2), medians.shape
    (1.0, (3, 2))
    """
    from scipy.optimize import linear_sum_assignment

    replicates, _, rank = W.shape
    norm = np.linalg.norm(W.astype(np.float64), axis=1, keepdims=True)
    unit = W / np.where(norm > 0, norm, 1)
    centres, order = unit[0], np.tile(np.arange(rank), (replicates, 1))
    for _ in range(ROUNDS):
        before = order
        order = np.stack([linear_sum_assignment(-(centres.T @ each))[1] for each in unit])
        aligned = np.take_along_axis(unit, order[:, None, :], 2)  # (R, F, K)
        centres = aligned.mean(0)
        if (order == before).all():
            break
    # Mean distances to the patterns of each cluster: one less the cosine with its sum, (R, K, K).
    total = np.einsum("rfk,fl->rkl", aligned, aligned.sum(0))
    own = np.arange(rank)
    inside = 1 - (total[:, own, own] - 1) / (replicates - 1)
    outside = 1 - total / replicates
    outside[:, own, own] = np.inf
    nearest = outside.min(2)
    silhouettes = ((nearest - inside) / np.maximum(np.maximum(nearest, inside), 1e-300)).mean(0)
    medians = np.median(aligned, axis=0)
    size = medians.sum(0)
    return float(silhouettes.mean()), float(silhouettes.min()), medians / np.where(size > 0, size, 1)
