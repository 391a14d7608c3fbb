"""Time-frequency masks that share a mixture among its sources."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.arrays import any_kind
from nmfcore.layout import as_array


@any_kind
def wiener(X: ArrayLike, parts: ArrayLike, power: float = 1.0) -> NDArray[Any]:
    """Source estimates S_j = parts_j^p / Σ_l parts_l^p ⊙ X, which sum to X.

    The soft mask of NMF separation (Parekh 2019, eq. 2.16; El Badawy et al. 2017, eq. 7); with power spectrograms as
    parts and p = 1 the Wiener filter, with p ≠ 1 the generalised (α-)Wiener filter.

    Args:
        X: mixture spectrogram (…, F, N), complex or real.
        parts: nonnegative (J, F, N), one per source; the same for every leading axis of X.
        power: p > 0.

    Returns:
        (J, …, F, N). Where all parts are zero the mixture is shared equally.

    >>> wiener(np.array([[2.0 + 0j]]), np.array([[[3.0]], [[1.0]]])).ravel().tolist()
    [(1.5+0j), (0.5+0j)]
    """
    X, parts = as_array(X), as_array(parts)
    if parts.ndim != 3 or parts.shape[1:] != X.shape[-2:]:
        raise ValueError(f"parts must have shape (J, {X.shape[-2]}, {X.shape[-1]}); got {parts.shape}.")
    if not power > 0:
        raise ValueError(f"power={power!r} must be positive.")
    peak = parts.max(0)
    if not np.isfinite(peak).all() or parts.min() < 0:
        raise ValueError("parts must be finite and nonnegative.")
    share = parts / np.where(peak > 0, peak, 1)  # in 0…1, so that no power overflows or underflows as a whole
    if power != 1:
        share **= power
    share[:, peak == 0] = 1
    share /= share.sum(0)
    spread = share.reshape(len(parts), *(1,) * (X.ndim - 2), *parts.shape[1:])
    out: NDArray[Any] = spread.astype(X.real.dtype) * X
    return out
