"""Spatial covariances to start from: the diffuse field, and a direct path in a diffuse field."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.layout import namespace

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
