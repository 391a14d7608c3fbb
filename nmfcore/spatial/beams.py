"""One channel per source: beams steered by the spatial covariances."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.spatial.filtering import as_mixture, wiener

BEAMS = ("mvdr", "rank1")


def beam(
    X: ArrayLike, v: ArrayLike, R: ArrayLike, *, kind: str = "mvdr", reference: int = 0, backend: str = "auto"
) -> NDArray[Any]:
    """Each source as one channel (J, F, N): its sound at the reference microphone.

    The source's relative transfer function d is the principal eigenvector of R_j, scaled to 1 at the reference.

    * ``"mvdr"``: w = R_n⁻¹ d / (dᴴ R_n⁻¹ d), with R_n the mean covariance of the other sources (Capon 1969; the
      source is not distorted, the same filter for all frames).
    * ``"rank1"``: the multichannel Wiener filter with R_j replaced by its rank-1 part, frame by frame: removes more,
      and distorts more.

    Unlike the images of :func:`nmfcore.spatial.wiener`, beams do not add up to the mixture.

    Args:
        X: mixture (I, F, N), complex.
        v: variances (J, F, N) ≥ 0.
        R: spatial covariances (J, F, I, I), Hermitian, positive definite.
        kind: ``"mvdr"`` or ``"rank1"``.
        reference: microphone, 0…I − 1.
        backend: as in :func:`nmfcore.nmf`.

    Raises:
        ValueError: for an unknown kind, a reference that is no microphone, or shapes that do not fit.

    >>> X = np.ones((2, 3, 4), complex)
    >>> R = np.stack([np.full((3, 2, 2), 1.0) + 0.01 * np.eye(2), np.tile(np.eye(2), (3, 1, 1))])
    >>> beam(X, np.ones((2, 3, 4)), R)[0].real.round(6).tolist() == np.ones((3, 4)).tolist()
    True
    """
    if kind not in BEAMS:
        raise ValueError(f"kind={kind!r} is not known; use one of {BEAMS}.")
    mixture, covariance = as_mixture(X), np.asarray(R, np.complex128)
    if not 0 <= reference < len(mixture):
        raise ValueError(f"reference={reference!r} must be one of the {len(mixture)} microphones, from 0.")
    images = wiener(mixture, v, covariance, backend=backend)  # checks v and R too
    if len(mixture) == 1:
        return images[:, 0]
    transfer = np.linalg.eigh(covariance)[1][..., -1]  # (J, F, I)
    at = transfer[..., reference]
    # Where the reference hardly hears a source, the scale is limited instead of exploding.
    relative = transfer * (at.conj() / np.maximum(np.abs(at) ** 2, 1e-2 / len(mixture)))[..., None]
    out = np.empty((len(covariance), *mixture.shape[1:]), mixture.dtype)
    strength: NDArray[np.float64] = np.asarray(v, np.float64).mean(axis=2)  # (J, F)
    for j in range(len(covariance)):
        if kind == "mvdr":
            others = np.delete(np.arange(len(covariance)), j)
            rest = np.einsum("kf,kfab->fab", strength[others], covariance[others])
            out[j] = _distortionless(mixture, relative[j], rest)
        else:
            d = transfer[j]
            narrow = covariance.copy()
            top = np.linalg.eigvalsh(covariance[j])[:, -1, None, None]
            narrow[j] = top * (d[:, :, None] * d[:, None].conj() + 1e-5 * np.eye(len(mixture)))
            out[j] = wiener(mixture, v, narrow, backend=backend)[j, reference]
    return out


def _distortionless(X: NDArray[Any], d: NDArray[Any], rest: NDArray[Any]) -> NDArray[Any]:
    """MVDR output (F, N) for relative transfer functions d (F, I) and covariances of the rest (F, I, I)."""
    channels = len(X)
    power = np.trace(rest, axis1=-2, axis2=-1).real[:, None, None] / channels
    rest = np.where(power > 0, rest / np.where(power > 0, power, 1), 0) + 1e-6 * np.eye(channels)
    solved = np.linalg.solve(rest, d[..., None])[..., 0]  # (F, I)
    gain = np.einsum("fa,fa->f", d.conj(), solved).real
    w = solved / np.maximum(gain, 1e-30)[:, None]
    beamed: NDArray[Any] = np.einsum("fa,afn->fn", w.conj(), X, optimize=True)
    return beamed
