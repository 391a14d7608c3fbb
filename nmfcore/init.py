"""Initial factors: random, and from a singular value decomposition."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import on_device

Array = NDArray[Any]
METHODS = ("random", "nndsvd", "nndsvda", "nndsvdar")


def initial_factors(
    V: Any, rank: int, method: str, rng: np.random.Generator | np.random.RandomState, singular: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """W (F, K) and H (K, N) ≥ 0 to start from, at the scale of V, which may be sparse.

    `"random"`: the absolute value of Gaussian noise with the mean of V. `"nndsvd"`: the positive parts of the leading
    singular vectors, with exact zeros, which multiplicative updates keep (Boutsidis and Gallopoulos, Pattern
    Recognition 2008); `"nndsvda"` fills those zeros with the mean, `"nndsvdar"` with noise of a hundredth of it.
    `singular` are the leading singular triplets of V where they are known.

    >>> W, H = initial_factors(np.ones((4, 5)), 2, "random", np.random.default_rng(0))
    >>> W.shape, H.shape, bool((W > 0).all())
    ((4, 2), (2, 5), True)
    """
    mean = float(V.mean(dtype=np.float64))
    if method == "random":
        scale = np.sqrt(mean / rank)
        H = scale * np.abs(rng.standard_normal((rank, V.shape[1])))
        W = scale * np.abs(rng.standard_normal((V.shape[0], rank)))
        return W, H
    if method not in METHODS:
        raise ValueError(f"init={method!r} is not known; use one of {METHODS}, or give W and H.")
    if rank > min(V.shape):
        raise ValueError(
            f"init={method!r} needs n_components ≤ min(F, N) = {min(V.shape)}, got {rank}; use init='random'."
        )
    left, values, right = _leading_singular(V.get() if on_device(V) else V, rank, rng) if singular is None else singular
    W, H = np.zeros((V.shape[0], rank)), np.zeros((rank, V.shape[1]))
    for k in range(rank):
        parts = [(np.maximum(s * left[:, k], 0), np.maximum(s * right[k], 0)) for s in (1, -1)]
        norms = [float(np.linalg.norm(u) * np.linalg.norm(w)) for u, w in parts]
        best = int(np.argmax(norms))  # the sign whose positive parts carry more
        u, w = parts[best]
        size = np.sqrt(values[k] * norms[best])
        W[:, k] = size * u / max(float(np.linalg.norm(u)), 1e-300)
        H[k] = size * w / max(float(np.linalg.norm(w)), 1e-300)
    tiny = 1e-6 * mean
    W[tiny > W], H[tiny > H] = 0, 0
    for factor in (W, H):
        zero = factor == 0
        if method == "nndsvda":
            factor[zero] = mean
        elif method == "nndsvdar":
            factor[zero] = np.abs(mean * rng.standard_normal(np.count_nonzero(zero)) / 100)
    return W, H


def _leading_singular(V: Any, rank: int, rng: Any) -> tuple[Array, Array, Array]:
    """The `rank` leading singular triplets, by a randomized range finder (Halko, Martinsson, Tropp 2011)."""
    V = V.astype(np.float64)
    width = min(rank + 10, *V.shape)
    basis = rng.standard_normal((V.shape[1], width))
    for _ in range(5):
        basis = V.T @ np.linalg.qr(V @ basis)[0]
    basis = np.linalg.qr(V @ basis)[0]
    left, values, right = np.linalg.svd(basis.T @ V, full_matrices=False)
    return (basis @ left)[:, :rank], values[:rank], right[:rank]
