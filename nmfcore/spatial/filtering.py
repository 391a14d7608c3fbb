"""The multichannel Wiener filter."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore import backends
from nmfcore.arrays import any_kind
from nmfcore.layout import as_array, namespace, placed
from nmfcore.spatial.batch import Batch


@any_kind
def wiener(X: ArrayLike, v: ArrayLike, R: ArrayLike, *, backend: str = "auto") -> NDArray[Any]:
    """Source images ĉ_j = v_j R_j Σ_x⁻¹ x at every channel, (…, J, I, F, N); they sum to X.

    Duong et al. (P2, eq. 9).

    Args:
        X: mixture (I, F, N), complex, or a batch of them, (B, I, F, N).
        v: variances (…, J, F, N) ≥ 0.
        R: spatial covariances (…, J, F, I, I), Hermitian, positive definite.
        backend: as in :func:`nmfcore.nmf`.

    >>> X = np.ones((2, 3, 4), complex)
    >>> images = wiener(X, np.ones((2, 3, 4)), np.tile(np.eye(2), (2, 3, 1, 1)))
    >>> bool(np.allclose(images.sum(0), X)), images.shape
    (True, (2, 2, 3, 4))
    """
    mixture = as_mixture(X, batched=True)
    engine = backends.get(backend, "auto", mixture)
    home, xp = namespace(mixture), engine.xp
    *lead, channels, bins, frames = mixture.shape
    given, covariances = placed(v, xp), placed(R, xp)
    sources = given.shape[len(lead)] if given.ndim == mixture.ndim else 0
    if given.shape != (*lead, sources, bins, frames) or covariances.shape != (*lead, sources, bins, channels, channels):
        raise ValueError(
            f"v {given.shape} and R {covariances.shape} do not fit X {mixture.shape}; they must be (J, F, N) and "
            "(J, F, I, I), behind the batch axis of X if it has one."
        )
    batch = Batch.of(mixture)
    mixture = xp.ascontiguousarray(batch.rows(batch.enter(placed(mixture, xp))))  # (I, B·F, N)
    variance = batch.rows(batch.enter(given)).astype(mixture.real.dtype, order="C")  # a copy: scaled below
    covariances = batch.rows(batch.enter(covariances)).astype(np.complex128, order="C")
    if not np.isfinite(variance).all() or variance.min() < 0:
        raise ValueError("v must be finite and nonnegative.")
    if not np.isfinite(covariances).all():
        raise ValueError("R contains NaN or infinity.")
    # Only ratios matter: with the largest variance at 1, no level overflows or vanishes. Silence is shared.
    peak = variance.max(0)
    variance /= np.where(peak > 0, peak, 1)
    variance[:, peak == 0] = 1
    images = engine.wiener(mixture, variance, covariances)
    # What rounding left over is shared equally, so that the images add up to the mixture.
    images += (mixture - images.sum(0)) / sources
    images = images.reshape(sources, channels, batch.size, bins, frames)
    return placed(batch.leave(images, 2), home)


def as_mixture(X: ArrayLike, *, batched: bool = False) -> NDArray[Any]:
    """A checked mixture (I, F, N), or several (B, I, F, N) where `batched` lets them.

    complex64 stays, everything else becomes complex128.
    """
    X = as_array(X)
    if not (X.ndim == 3 or (X.ndim == 4 and batched)) or X.dtype.kind != "c" or X.size == 0:
        raise ValueError(
            f"X must be a complex spectrogram (I, F, N), channels first; got shape {X.shape}, dtype {X.dtype}."
        )
    X = X.astype(X.dtype if X.dtype == np.complex64 else np.complex128, order="C", copy=False)
    if not np.isfinite(X.real).all() or not np.isfinite(X.imag).all():
        raise ValueError("X contains NaN or infinity; remove those samples before the transform.")
    return X


def unit_power(X: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Mixtures (B, I, F, N), each scaled to a mean power of 1, and the powers (B,) that they had.

    Raises:
        ValueError: if it is silent, or so faint or loud that its power leaves the range of float32.

    >>> X, level = unit_power(np.full((1, 1, 2, 3), 2j))
    >>> X[0, 0, 0, 0].item(), level.tolist()
    (1j, [4.0])
    """
    level: NDArray[np.float64] = np.mean(np.abs(X) ** 2, axis=(1, 2, 3), dtype=np.float64)
    for b, one in enumerate(level.tolist()):
        name = "X" if len(X) == 1 else f"X[{b}]"
        if one == 0:
            raise ValueError(f"{name} is silent (all zeros); there is nothing to separate.")
        if one < 1e-36 or one > 1e36:
            raise ValueError(f"{name} has a mean power of {one:g}; scale the signal to an ordinary level first.")
    return X / np.sqrt(level).astype(X.real.dtype)[:, None, None, None], level
