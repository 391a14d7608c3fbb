"""Where a source is: the direction whose plane wave agrees best with the phases between microphones."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.spatial.covariances import SPEED_OF_SOUND, diffuse, positions, steering
from nmfcore.spatial.filtering import as_mixture


def grid(microphones: ArrayLike, step: float = 2.0) -> NDArray[np.float64]:
    """Unit vectors (L, 3) of all directions that an array can tell apart, about `step` degrees from one another.

    A pair or a line of microphones cannot tell directions with the same angle to it apart: half a circle. An array
    in a plane: half a sphere. Any other: the sphere.

    >>> grid([[0.0, 0, 0], [0.1, 0, 0]], step=45).round(2).tolist()
    [[1.0, 0.0, 0.0], [0.71, 0.71, 0.0], [0.0, 1.0, 0.0], [-0.71, 0.71, 0.0], [-1.0, 0.0, 0.0]]
    """
    if not 0 < step <= 90:
        raise ValueError(f"step={step!r} must lie in 0…90 degrees.")
    place = positions(microphones)
    offsets = place - place.mean(0)
    _, extent, axes = np.linalg.svd(offsets, full_matrices=True)
    rank = int(np.sum(extent > 1e-3 * max(float(extent[0]), 1e-12)))
    first = axes[0] * (1 if offsets[-1] @ axes[0] >= 0 else -1)
    if rank <= 1:
        angle = np.radians(np.linspace(0, 180, round(180 / step) + 1))
        beside = axes[1] * (1 if axes[1].sum() >= 0 else -1)
        return np.outer(np.cos(angle), first) + np.outer(np.sin(angle), beside)
    third = axes[2] * (1 if axes[2].sum() >= 0 else -1)
    out = []
    for up in np.radians(np.arange(0 if rank == 2 else -90, 91, step)):
        count = max(1, round(360 / step * float(np.cos(up))))
        angle = 2 * np.pi * np.arange(count) / count
        ring = np.outer(np.cos(angle), axes[0]) + np.outer(np.sin(angle), axes[1])
        out.append(np.cos(up) * ring + np.sin(up) * third)
    return np.concatenate(out)


def resolution(microphones: ArrayLike) -> float:
    """Degrees between directions worth trying: on the half circle of a line fine ones, on a sphere fewer.

    >>> resolution([[0.0, 0, 0], [0.1, 0, 0]]), resolution([[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]])
    (2.0, 10.0)
    """
    place = positions(microphones)
    extent = np.linalg.svd(place - place.mean(axis=0), compute_uv=False)
    return 2.0 if len(extent) < 2 or extent[1] <= 1e-3 * extent[0] else 10.0


def direction_of_arrival(
    X: ArrayLike,
    frequencies: ArrayLike,
    microphones: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    band: tuple[float, float] = (200.0, 7000.0),
    step: float = 2.0,
    speed: float = SPEED_OF_SOUND,
) -> tuple[NDArray[np.float64], float]:
    """The direction (3,) towards a source, and which share of the phases' agreement is due to it, 0…1.

    The mean phases between the microphones, each point of the spectrogram counted with its weight, are explained by a
    plane wave and a diffuse field, in least squares; the direction is that of the best plane wave. Without the
    diffuse field this is the steered response power with phase transform (SRP-PHAT, DiBiase 2000), which ambient
    sound draws towards broadside, where low frequencies of all directions arrive in phase.

    Args:
        X: mixture (I, F, N), I ≥ 2, complex.
        frequencies: (F,) in Hz.
        microphones: (I, 3) positions in metres.
        weights: (F, N) ≥ 0, how much of each point is the source: its share of a first separation, say. None is 1.
        band: lowest and highest frequency used, Hz.
        step: degrees between candidate directions.
        speed: of sound, m/s.

    >>> f, place = np.linspace(0, 8000, 129), np.array([[-0.1, 0, 0], [0.1, 0, 0]])
    >>> towards = np.array([0.5, 3**0.5 / 2, 0])
    >>> X = steering(f, place, towards).T[:, :, None] * np.ones(4)
    >>> found, agreement = direction_of_arrival(X, f, place)
    >>> bool(found @ towards > 0.999), round(agreement, 2)
    (True, 1.0)
    """
    X = as_mixture(X)
    place = positions(microphones)
    frequency = np.asarray(frequencies, np.float64)
    if len(X) != len(place) or len(X) < 2:
        raise ValueError(f"X has {len(X)} channels and there are {len(place)} microphones; both need ≥ 2 and to agree.")
    used = (frequency >= band[0]) & (frequency <= band[1])
    if not used.any():
        raise ValueError(f"band={band} Hz holds none of the {len(frequency)} frequencies.")
    weight = np.ones(X.shape[1:]) if weights is None else np.asarray(weights, np.float64)
    if weight.shape != X.shape[1:]:
        raise ValueError(f"weights have shape {weight.shape}; they must be (F, N) = {X.shape[1:]}.")
    candidates = grid(place, step)
    first, second = np.triu_indices(len(X), 1)  # of each pair
    heard = np.empty((len(first), int(used.sum())), complex)  # (P, F) mean phase between the two
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        cross = X[one, used] * X[other, used].conj()
        heard[pair] = np.sum(weight[used] * cross / np.maximum(np.abs(cross), 1e-30), axis=1)
    heard /= np.maximum(weight[used].sum(axis=1), 1e-30)
    ambient = diffuse(frequency[used], place, speed)[:, first, second].T  # (P, F)
    gain = np.empty((len(candidates), 2))
    for at, towards in enumerate(candidates):  # one at a time: a sphere of them in every bin would fill the memory
        wave = steering(frequency[used], place, towards, speed).T
        gain[at] = _explained(heard, wave[first] * wave[second].conj(), ambient)
    best = int(np.argmax(gain[:, 0]))
    return candidates[best], float(np.clip(gain[best, 1], 0, 1))


def _explained(heard: NDArray[Any], wave: NDArray[Any], ambient: NDArray[Any]) -> tuple[float, float]:
    """How much of `heard` α · wave + β · ambient explains at best, for α, β ≥ 0; and α."""
    wave_wave, ambient_ambient = float(wave.size), float(np.sum(ambient**2))
    wave_ambient = float(np.sum(wave.real * ambient))
    wave_heard, ambient_heard = float(np.vdot(wave, heard).real), float(np.sum(ambient * heard.real))
    determinant = wave_wave * ambient_ambient - wave_ambient**2
    if determinant > 1e-9 * wave_wave * ambient_ambient:
        alpha = (ambient_ambient * wave_heard - wave_ambient * ambient_heard) / determinant
        beta = (wave_wave * ambient_heard - wave_ambient * wave_heard) / determinant
        if alpha > 0 and beta > 0:
            return alpha * wave_heard + beta * ambient_heard, alpha
    alpha = wave_heard / wave_wave
    return alpha * wave_heard * (alpha > 0), alpha


def spatial_spectrum(
    R: ArrayLike,
    frequencies: ArrayLike,
    microphones: ArrayLike,
    directions: ArrayLike,
    *,
    band: tuple[float, float] = (200.0, 7000.0),
    speed: float = SPEED_OF_SOUND,
) -> NDArray[np.float64]:
    """How much of each covariance lies in each direction, (J, L): dᴴ R d / (I tr R), the mean over a band, 0…1.

    A plane wave from a direction has 1 there, white noise 1 / I everywhere.

    Args:
        R: spatial covariances (J, F, I, I).
        frequencies: (F,) in Hz.
        microphones: (I, 3) positions in metres.
        directions: (L, 3) vectors from the array, such as those of :func:`grid`.
        band: lowest and highest frequency used, Hz.
        speed: of sound, m/s.

    >>> f, place = np.linspace(0, 8000, 33), [[-0.1, 0, 0], [0.1, 0, 0]]
    >>> d = steering(f, place, [0, 1, 0])
    >>> spatial_spectrum((d[:, :, None] * d[:, None].conj())[None], f, place, [[0, 1, 0], [1, 0, 0]]).round(1).tolist()
    [[1.0, 0.5]]
    """
    given, place = np.asarray(R), positions(microphones)
    frequency = np.asarray(frequencies, np.float64)
    if given.ndim != 4 or given.shape[1:] != (len(frequency), len(place), len(place)):
        raise ValueError(
            f"R has shape {given.shape}; it must be (J, F, I, I) with F = {len(frequency)} frequencies and "
            f"I = {len(place)} microphones."
        )
    used = (frequency >= band[0]) & (frequency <= band[1])
    if not used.any():
        raise ValueError(f"band={band} Hz holds none of the {len(frequency)} frequencies.")
    given = given[:, used]
    size = len(place) * np.maximum(np.trace(given, axis1=-2, axis2=-1).real, 1e-30)  # (J, F)
    out = np.empty((len(given), len(positions(directions))))
    for at, one in enumerate(positions(directions)):
        wave = steering(frequency[used], place, one, speed)
        power = np.einsum("fa,jfab,fb->jf", wave.conj(), given, wave, optimize=True).real
        out[:, at] = np.mean(power / size, axis=1)
    return out
