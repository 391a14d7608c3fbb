"""Spatial covariances to start from: fields known by geometry, and what a prior separation gives to each source."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.layout import namespace
from nmfcore.spatial.filtering import as_mixture

SPEED_OF_SOUND = 334.0  # m/s, the value of Duong et al.

Array = NDArray[Any]


def positions(microphones: ArrayLike) -> NDArray[np.float64]:
    """Checked microphone positions (I, 3) in metres; (I, 1) and (I, 2) are completed by zeros."""
    place = np.asarray(microphones, np.float64)
    if place.ndim != 2 or not 1 <= place.shape[1] <= 3 or len(place) == 0 or not np.isfinite(place).all():
        raise ValueError(f"microphones must be finite positions (I, 3) in metres; got shape {place.shape}.")
    return np.pad(place, ((0, 0), (0, 3 - place.shape[1])))


def diffuse(frequencies: ArrayLike, microphones: ArrayLike, speed: float = SPEED_OF_SOUND) -> NDArray[np.float64]:
    """Covariance of a spherically diffuse field, sin(2πfd/c) / (2πfd/c), (F, I, I) with unit diagonal.

    Duong et al. (P2, eq. 26).

    Args:
        frequencies: (F,) in Hz.
        microphones: (I, 3) positions in metres.
        speed: of sound, m/s.

    >>> R = diffuse([0.0, 1000.0], [[0.0, 0, 0], [0.086, 0, 0]])
    >>> R.shape, float(R[0, 0, 1]), round(float(R[1, 0, 1]), 3)
    ((2, 2, 2), 1.0, 0.617)
    """
    place = positions(microphones)
    distance = np.linalg.norm(place[:, None] - place, axis=-1)
    frequency = np.asarray(frequencies, np.float64)
    return np.sinc(2 * frequency[:, None, None] * distance / speed)


def steering(
    frequencies: ArrayLike, microphones: ArrayLike, direction: ArrayLike, speed: float = SPEED_OF_SOUND
) -> NDArray[np.complex128]:
    """Plane wave from a direction, (F, I), phases relative to the centre of the array.

    Args:
        frequencies: (F,) in Hz.
        microphones: (I, 3) positions in metres.
        direction: vector from the array towards the source, (3,) or (2,); its length does not matter.
        speed: of sound, m/s.
    """
    place = positions(microphones)
    towards = positions(np.atleast_2d(np.asarray(direction, np.float64)))[0]
    length = np.linalg.norm(towards)
    if length == 0:
        raise ValueError("direction must not be the zero vector.")
    delay = -(place - place.mean(0)) @ towards / length / speed  # s; a nearer microphone hears it earlier
    return np.exp(-2j * np.pi * np.asarray(frequencies, np.float64)[:, None] * delay)


def direct_diffuse(
    frequencies: ArrayLike,
    microphones: ArrayLike,
    direction: ArrayLike,
    *,
    reverberation: float = 0.3,
    speed: float = SPEED_OF_SOUND,
) -> NDArray[np.complex128]:
    """Covariance of a source in a room: its direct path plus a diffuse field, (F, I, I) with trace I.

    d dᴴ + σ Ω, the full-rank direct + diffuse model (Duong, Vincent and Gribonval, TASLP 2010, sec. III-D).

    Args:
        frequencies: (F,) in Hz.
        microphones: (I, 3) positions in metres.
        direction: vector from the array towards the source, (3,) or (2,).
        reverberation: power σ of the diffuse part relative to the direct one, > 0.
        speed: of sound, m/s.

    >>> R = direct_diffuse([0.0, 1000.0], [[0.0, 0, 0], [0.086, 0, 0]], [0, 1, 0])
    >>> bool(np.allclose(np.trace(R, axis1=1, axis2=2), 2))
    True
    """
    if not reverberation > 0:
        raise ValueError(f"reverberation={reverberation!r} must be positive.")
    d = steering(frequencies, microphones, direction, speed)
    direct = d[:, :, None] * d[:, None, :].conj()
    return (direct + reverberation * diffuse(frequencies, microphones, speed)) / (1 + reverberation)


def regularized(R: Array, relative: float = 1e-6) -> NDArray[np.complex128]:
    """Hermitian part of R (…, I, I), trace I, no eigenvalue below `relative` times the largest; 0 becomes identity.

    >>> regularized(np.array([[2.0, 2.0], [2.0, 2.0]]), 1e-3).real.round(4).tolist()
    [[1.0, 0.998], [0.998, 1.0]]
    """
    channels = R.shape[-1]
    R = (R + np.conj(np.swapaxes(R, -1, -2))) / 2
    value, vector = np.linalg.eigh(R)
    top = value[..., -1:]
    value = np.where(top > 0, np.maximum(value, relative * top), 1.0)
    R = (vector * value[..., None, :]) @ np.conj(np.swapaxes(vector, -1, -2))
    trace = np.trace(R, axis1=-2, axis2=-1).real
    out: NDArray[np.complex128] = R * (channels / trace)[..., None, None]
    return out


def loaded(R: NDArray[np.complex128], share: float) -> NDArray[np.complex128]:
    """R (…, I, I) of trace I with a share of the identity: invertible, at a fraction of the cost of `regularized`.

    >>> loaded(np.ones((2, 2), complex), 0.5).real.tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    return (1 - share) * R + share * namespace(R).eye(R.shape[-1])


def unit_trace(R: Array) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """R (J, F, I, I) with trace I, and the scale (J, F, 1, 1) that was taken from it; of nothing, the identity."""
    size = np.trace(R, axis1=-2, axis2=-1).real[..., None, None] / R.shape[-1]
    some = size > 1e-30
    return np.where(some, R / np.where(some, size, 1), namespace(R).eye(R.shape[-1])), np.where(some, size, 1e-30)


def from_weights(X: ArrayLike, weights: ArrayLike) -> NDArray[np.complex128]:
    """Covariances (J, F, I, I), trace I, of what a prior separation gives to each source: Σ_n w_j x xᴴ / ‖x‖².

    Masks, posteriors, or shares of variances may be the weights. Loud frames count no more than soft ones. A bin in
    which a source is never heard gets the identity.

    Args:
        X: mixture (I, F, N), complex.
        weights: (J, F, N) ≥ 0.

    Raises:
        ValueError: for weights of another shape, negative or not finite.

    >>> X = np.array([[[1.0, 2.0]], [[1.0, -2.0]]], complex)  # in phase, then out of phase
    >>> from_weights(X, [[[1.0, 0.0]], [[0.0, 1.0]]]).real.tolist()
    [[[[1.0, 1.0], [1.0, 1.0]]], [[[1.0, -1.0], [-1.0, 1.0]]]]
    """
    mixture = as_mixture(X)
    w = np.asarray(weights, np.float64)
    if w.ndim != 3 or w.shape[1:] != mixture.shape[1:] or not np.isfinite(w).all() or w.min(initial=0) < 0:
        raise ValueError(
            f"weights must be finite, nonnegative and (J, F, N) with (F, N) = {mixture.shape[1:]}; got shape {w.shape}."
        )
    power = np.maximum(np.sum(np.abs(mixture) ** 2, axis=0, dtype=np.float64), 1e-30)  # (F, N)
    x = np.moveaxis(mixture, 0, 1).astype(np.complex128)  # (F, I, N)
    return unit_trace(np.stack([(x * (one / power)[:, None]) @ np.conj(np.swapaxes(x, -1, -2)) for one in w]))[0]


def from_images(images: ArrayLike) -> NDArray[np.complex128]:
    """Covariances (J, F, I, I), trace I, of source images that another method has separated.

    Args:
        images: (J, I, F, N), complex, such as those of AuxIVA or FastMNMF projected back to the microphones.

    >>> images = np.ones((1, 2, 1, 3), complex) * np.array([1.0, -1.0])[:, None, None]
    >>> from_images(images).real.tolist()
    [[[[1.0, -1.0], [-1.0, 1.0]]]]
    """
    given = np.asarray(images)
    if given.ndim != 4:
        raise ValueError(f"images must be complex spectrograms (J, I, F, N); got shape {given.shape}.")
    return np.concatenate([from_weights(image, np.sum(np.abs(image) ** 2, axis=0)[None]) for image in given])
