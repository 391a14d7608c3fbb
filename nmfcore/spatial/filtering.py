"""The multichannel Wiener filter."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore import backends
from nmfcore.arrays import any_kind
from nmfcore.layout import as_array, namespace, placed


@any_kind
def wiener(X: ArrayLike, v: ArrayLike, R: ArrayLike, *, backend: str = "auto") -> NDArray[Any]:
    """Source images ĉ_j = v_j R_j Σ_x⁻¹ x at every channel, (J, I, F, N); they sum to X.

    Duong et al. (P2, eq. 9).

    Args:
        X: mixture (I, F, N), complex.
        v: variances (J, F, N) ≥ 0.
        R: spatial covariances (J, F, I, I), Hermitian, positive definite.
        backend: as in :func:`nmfcore.nmf`.

    >>> X = np.ones((2, 3, 4), complex)
    >>> images = wiener(X, np.ones((2, 3, 4)), np.tile(np.eye(2), (2, 3, 1, 1)))
    >>> bool(np.allclose(images.sum(0), X)), images.shape
    (True, (2, 2, 3, 4))
    """
    X = as_mixture(X)
    engine = backends.get(backend, "auto", X)
    home, xp = namespace(X), engine.xp
    X = placed(X, xp)
    R = placed(R, xp).astype(np.complex128, order="C")
    variance = placed(v, xp).astype(X.real.dtype, order="C")  # a copy: scaled below
    if variance.shape[1:] != X.shape[1:] or R.shape != (len(variance), X.shape[1], len(X), len(X)):
        raise ValueError(
            f"v {variance.shape} and R {R.shape} do not fit X {X.shape}; they must be (J, F, N) and (J, F, I, I)."
        )
    if not np.isfinite(variance).all() or variance.min() < 0:
        raise ValueError("v must be finite and nonnegative.")
    if not np.isfinite(R).all():
        raise ValueError("R contains NaN or infinity.")
    # Only ratios matter: with the largest variance at 1, no level overflows or vanishes. Silence is shared.
    peak = variance.max(0)
    variance /= np.where(peak > 0, peak, 1)
    variance[:, peak == 0] = 1
    images = engine.wiener(X, variance, R)
    # What rounding left over is shared equally, so that the images add up to the mixture.
    images += (X - images.sum(0)) / len(variance)
    return placed(images, home)


def as_mixture(X: ArrayLike) -> NDArray[Any]:
    """A checked mixture (I, F, N); complex64 stays, everything else becomes complex128."""
    X = as_array(X)
    if X.ndim != 3 or X.dtype.kind != "c" or X.size == 0:
        raise ValueError(
            f"X must be a complex spectrogram (I, F, N), channels first; got shape {X.shape}, dtype {X.dtype}."
        )
    X = X.astype(X.dtype if X.dtype == np.complex64 else np.complex128, order="C", copy=False)
    if not np.isfinite(X.real).all() or not np.isfinite(X.imag).all():
        raise ValueError("X contains NaN or infinity; remove those samples before the transform.")
    return X


def unit_power(X: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """A mixture scaled to a mean power of 1, and the power that it had.

    Raises:
        ValueError: if it is silent, or so faint or loud that its power leaves the range of float32.

    >>> X, level = unit_power(np.full((1, 2, 3), 2j))
    >>> X[0, 0, 0].item(), level
    (1j, 4.0)
    """
    level = float(np.mean(np.abs(X) ** 2, dtype=np.float64))
    if level == 0:
        raise ValueError("X is silent (all zeros); there is nothing to separate.")
    if level < 1e-36 or level > 1e36:
        raise ValueError(f"X has a mean power of {level:g}; scale the signal to an ordinary level first.")
    return X / X.real.dtype.type(np.sqrt(level)), level
