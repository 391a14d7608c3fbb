"""Direct paths of sources at microphones in unknown places, measured against everything else that is heard."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.spatial.covariances import from_weights, loaded, unit_trace

LOADING = 1e-3  # share of white noise in what a source is measured against


def direct_paths(
    X: ArrayLike, shares: ArrayLike, *, ambient: Sequence[int] = (), reverberation: float = 0.3
) -> NDArray[np.complex128]:
    """Covariances (J, F, I, I), trace I, of sources that tell apart badly: direct path plus diffuse field.

    Where a source dominates, others are still heard, and the mean covariance there holds theirs too. Whitened by the
    covariance of everything else, its principal direction is the source's own relative transfer function a (covariance
    whitening, Markovich-Golan and Gannot, ICASSP 2015), and R = (a aᴴ + σ Ω) / (1 + σ) as for a known array
    (:func:`nmfcore.spatial.direct_diffuse`). The diffuse field Ω is what the ambient sources sound like, which keep
    their mean covariance; where there are none it is white.

    Args:
        X: mixture (I, F, N), complex.
        shares: (J, F, N) in 0…1, how much of each point belongs to each source.
        ambient: which sources come from all round.
        reverberation: power σ of the diffuse part relative to the direct one, > 0.

    >>> rng = np.random.default_rng(0)
    >>> voice, noise = rng.standard_normal((1, 3, 400)), rng.standard_normal((2, 3, 400)) * [[[1.0]], [[2.0]]]
    >>> talking = np.arange(400) < 200
    >>> X = np.array([2.0, -2.0])[:, None, None] * voice * talking + noise + 0j
    >>> R = direct_paths(X, np.stack([talking, ~talking])[:, None] * np.full((3, 1), 0.8) + 0.1, ambient=[1])
    >>> bool(np.all(R[0, :, 0, 1].real < -0.6)), bool(np.all(np.abs(R[1, :, 0, 1]) < 0.3))
    (True, True)
    """
    share = np.asarray(shares)
    dominated = from_weights(X, share**2)
    rest = loaded(from_weights(X, (1 - share) ** 2), LOADING)
    root = np.linalg.cholesky(rest)
    inverse = np.linalg.inv(root)
    _, vectors = np.linalg.eigh(inverse @ dominated @ _adjoint(inverse))
    path = root @ vectors[..., -1:]  # (J, F, I, 1)
    direct, _ = unit_trace(path @ _adjoint(path))
    around = list(ambient)
    field = dominated[around].mean(axis=0) if around else np.eye(dominated.shape[-1])
    R = ((direct + reverberation * field) / (1 + reverberation)).astype(np.complex128)
    R[around] = dominated[around]
    return R


def _adjoint(A: NDArray[Any]) -> NDArray[Any]:
    return np.conj(np.swapaxes(A, -1, -2))
