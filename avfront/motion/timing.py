"""Motion on the frames of the sound: anti-aliased resampling, and the delay between what is seen and heard."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_OVERSAMPLING = 16  # points of the fine grid per window, at least
LARGEST_DELAY = 0.25  # s, either way
_WORTH = 0.01  # that a delay must explain on top, to be believed


def centres(count: int, frame: int, hop: int, rate: int) -> Array:
    """Middle of each of the `count` frames of :func:`nmfcore.stft`, in seconds from the first sample.

    >>> centres(3, 4, 2, 2).tolist()
    [0.0, 1.0, 2.0]
    """
    return ((np.arange(count) + 1) * hop - frame / 2) / rate


def onto_frames(times: Any, values: Any, at: Any, width: float) -> Array:
    """Means of `values` under a Hann window of `width` seconds around each time in `at`.

    The window of the sound's own frames: motion is then smeared in time as the sound is, whatever its rate. Faster
    motion than the frames can show is averaged away rather than folded down, and nothing becomes negative. Between
    two given times the values run straight; before the first and after the last they stay as they are.

    Parameters
    ----------
    times : array (T,)
        Increasing, s; not evenly spaced perhaps.
    values : array (T, C)
        What is to be resampled.
    at : array (N,)
        Evenly spaced, s.
    width : float
        Of the window, s, > 0.

    Returns
    -------
    array (N, C)

    Raises
    ------
    ValueError
        If the times do not increase or do not fit the values.

    >>> t = np.arange(1000) / 240
    >>> fast = onto_frames(t, np.cos(2 * np.pi * 60 * t)[:, None], np.arange(100) / 40, 0.1)
    >>> slow = onto_frames(t, np.cos(2 * np.pi * 0.5 * t)[:, None], np.arange(100) / 40, 0.1)
    >>> bool(np.abs(fast[4:-4]).max() < 0.02), bool(np.abs(slow).max() > 0.98)
    (True, True)
    """
    times, values, at = (np.asarray(x, float) for x in (times, values, at))
    if times.ndim != 1 or values.shape[:1] != times.shape or len(times) == 0 or (np.diff(times) <= 0).any():
        raise ValueError(f"times must increase and number {len(values)}, one per row of values; got {times.shape}.")
    if not width > 0:
        raise ValueError(f"width={width} must be positive, in seconds.")
    # The integral of the straight pieces is exact at any point, so that a fine grid over the window is enough.
    finest = min(width, float(np.median(np.diff(times)))) if len(times) > 1 else width
    points = int(min(max(_OVERSAMPLING, 4 * width / finest), 400))
    offsets = ((np.arange(points) + 0.5) / points - 0.5) * width
    shape = np.cos(np.pi * offsets / width) ** 2
    where = at[:, None] + offsets
    return np.stack(
        [np.interp(where, times, column) @ shape / shape.sum() for column in values.reshape(len(times), -1).T], axis=1
    )


def delay(H: Any, level: Any, motion: Any, hop: float) -> float:
    """Seconds by which the motion is seen later than the sound is heard; negative if the picture is ahead.

    The shift at which the sound explains the motions best: the share of each motion's variation that the activations
    explain by nonnegative least squares, plus the correlation of the sound's level with the motion as a whole. Music
    repeats, so that a beat's length may explain as much as no shift: small shifts are believed more readily.

    Parameters
    ----------
    H : array (K, N)
        Activations of the sound.
    level : array (N,)
        Of the sound, compressed as one likes.
    motion : array (N, C)
        Motion on the same frames.
    hop : float
        Seconds from frame to frame.

    >>> rng = np.random.default_rng(0)
    >>> H = rng.random((3, 400)) ** 4
    >>> round(delay(H, H.sum(axis=0), np.roll(H, 5, axis=1).T, 0.02), 3)
    0.1
    """
    from scipy.optimize import nnls

    H, level, motion = (np.asarray(x, float) for x in (H, level, motion))
    most = min(round(LARGEST_DELAY / hop), H.shape[1] // 4)
    used = motion.std(axis=0) > 0
    if not used.any() or most == 0:
        return 0.0
    # Relative to each cluster's own variation: a fast distractor shall not decide.
    M = (motion[:, used] / motion[:, used].std(axis=0)).T  # (C, N)
    whole = np.sqrt(M).mean(axis=0)
    parts = np.vstack([H / np.maximum(np.linalg.norm(H, axis=1, keepdims=True), 1e-300), np.ones(H.shape[1])])
    heard = slice(most, H.shape[1] - most)
    gram = parts[:, heard] @ parts[:, heard].T
    factor = np.linalg.cholesky(gram + 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram)))
    shifts = np.arange(-most, most + 1)
    found = np.zeros(len(shifts))
    for k in range(len(shifts)):
        seen = slice(k, k + H.shape[1] - 2 * most)
        targets = np.linalg.solve(factor, parts[:, heard] @ M[:, seen].T).T
        for row, target in zip(M[:, seen], targets, strict=True):
            variation = float(np.square(row - row.mean()).sum())
            error = nnls(factor.T, target)[1] ** 2 - float(target @ target) + float(row @ row)
            found[k] += max(0.0, 1 - error / variation) / len(M) if variation > 0 else 0.0
        found[k] += _correlation(level[heard], whole[seen])
    best = int((found * np.exp(-0.5 * np.square(shifts * hop / LARGEST_DELAY))).argmax())
    # The belief has chosen the hill; its top is where it is.
    while 0 < best < 2 * most and found[best - 1 : best + 2].argmax() != 1:
        best += int(found[best - 1 : best + 2].argmax()) - 1
    inside = 0 < best < 2 * most  # at the rim it may be a slope and no peak
    return float(shifts[best]) * hop if inside and found[best] - found[most] > _WORTH else 0.0


def _correlation(a: Array, b: Array) -> float:
    """Of two curves; 0 where one of them does not change."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else 0.0
