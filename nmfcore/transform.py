"""Short-time Fourier transform and its inverse, for batches of signals of any length."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.arrays import any_kind
from nmfcore.layout import as_array, namespace

WINDOWS = ("hann", "sine", "hamming", "rect")


def make_window(name: str, frame: int) -> NDArray[np.float64]:
    """A periodic window of `frame` samples; ``"sine"`` is the square root of ``"hann"``.

    >>> make_window("hann", 4).round(12).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    phase = 2 * np.pi * np.arange(frame) / frame
    if name == "hann":
        return 0.5 - 0.5 * np.cos(phase)
    if name == "sine":
        return np.sin(phase / 2 + np.pi / (2 * frame))
    if name == "hamming":
        return 0.54 - 0.46 * np.cos(phase)
    if name == "rect":
        return np.ones(frame)
    raise ValueError(f"window={name!r} is not known; use one of {WINDOWS}.")


@any_kind
def stft(x: ArrayLike, frame: int = 1024, hop: int | None = None, window: str = "sine") -> NDArray[Any]:
    """Short-time Fourier transform X (…, F, N) of real signals x (…, T), F = frame // 2 + 1.

    The signal is extended by zeros so that each sample lies under the same number of frames; therefore
    :func:`istft` gives it back to rounding error, for any length, and any window and hop that leave no sample
    without weight.

    Args:
        x: real signals; float32 gives complex64, everything else complex128.
        frame: samples per frame, ≥ 2.
        hop: samples from frame to frame, 1…frame; None is half a frame.
        window: ``"sine"`` (P1, P2), ``"hann"``, ``"hamming"`` or ``"rect"``.

    Raises:
        ValueError: for an empty or complex signal, or a hop beyond the frame.

    >>> X = stft(np.ones(1000, np.float32), frame=256)
    >>> X.shape, X.dtype
    ((129, 9), dtype('complex64'))
    """
    xp, x = namespace(x), as_array(x)
    hop = _check(frame, hop, window)
    if x.dtype.kind not in "fiu" or x.ndim < 1 or x.shape[-1] == 0:
        raise ValueError(f"x must hold real signals (…, T) with T ≥ 1; got shape {x.shape}, dtype {x.dtype}.")
    x = x if x.dtype == np.float32 else x.astype(np.float64, copy=False)
    before, count = _frames(x.shape[-1], frame, hop)
    padded = xp.zeros((*x.shape[:-1], (count - 1) * hop + frame), x.dtype)
    padded[..., before : before + x.shape[-1]] = x
    frames = xp.lib.stride_tricks.sliding_window_view(padded, frame, axis=-1)[..., ::hop, :]
    shape = xp.asarray(_window(window, frame, hop).astype(x.dtype))
    out: NDArray[Any] = np.swapaxes(np.fft.rfft(frames * shape, axis=-1), -1, -2)
    return out.astype(np.complex64 if x.dtype == np.float32 else np.complex128, order="C")


@any_kind
def istft(
    X: ArrayLike, frame: int | None = None, hop: int | None = None, window: str = "sine", *, length: int
) -> NDArray[Any]:
    """The signals (…, T) whose :func:`stft` comes nearest to X (…, F, N) (least squares, Griffin and Lim 1984).

    Args:
        X: complex, from `stft` with the same frame, hop and window, possibly changed.
        frame: samples per frame; None is 2 (F − 1).
        hop: as in `stft`.
        window: as in `stft`.
        length: T, samples of the signal.

    >>> x = np.sin(np.arange(777.0))
    >>> bool(np.abs(istft(stft(x, 64, 20), 64, 20, length=777) - x).max() < 1e-12)
    True
    """
    xp, X = namespace(X), as_array(X)
    if X.ndim < 2:
        raise ValueError(f"X must have shape (…, F, N); got {X.shape}.")
    frame = 2 * (X.shape[-2] - 1) if frame is None else frame
    hop = _check(frame, hop, window)
    before, count = _frames(length, frame, hop)
    if X.shape[-2:] != (frame // 2 + 1, count):
        raise ValueError(
            f"X has {X.shape[-2]} bins and {X.shape[-1]} frames, but a signal of {length} samples has "
            f"{frame // 2 + 1} and {count}; give the frame, hop and length that stft was called with."
        )
    dtype = np.float32 if X.dtype == np.complex64 else np.float64
    shape = _window(window, frame, hop)
    frames = np.fft.irfft(np.swapaxes(X, -1, -2), frame, axis=-1).astype(dtype, copy=False)
    frames = frames * xp.asarray(shape.astype(dtype))
    pieces = -(-frame // hop)  # each frame is added in pieces of one hop, those of all frames at once
    total = xp.zeros((*X.shape[:-2], count + pieces - 1, hop), dtype)
    weight = np.zeros(total.shape[-2:])
    for n, begin in enumerate(range(0, frame, hop)):
        piece = slice(begin, min(begin + hop, frame))
        total[..., n : n + count, : piece.stop - begin] += frames[..., piece]
        weight[n : n + count, : piece.stop - begin] += shape[piece] ** 2
    total, weight = total.reshape(*X.shape[:-2], -1), weight.reshape(-1)
    used = slice(before, before + length)
    out: NDArray[Any] = total[..., used] / xp.asarray(weight[used].astype(dtype))
    return out


def _check(frame: int, hop: int | None, name: str) -> int:
    hop = frame // 2 if hop is None else hop
    if frame < 2:
        raise ValueError(f"frame={frame} must be at least 2 samples.")
    if not 1 <= hop <= frame:
        raise ValueError(f"hop={hop} must lie in 1…frame = {frame}.")
    _window(name, frame, hop)
    return hop


def _window(name: str, frame: int, hop: int) -> NDArray[np.float64]:
    """The window, after checking that no sample is left without weight at this hop."""
    shape = make_window(name, frame)
    folded = np.zeros(hop)
    for start in range(0, frame, hop):
        piece = shape[start : start + hop]
        folded[: len(piece)] += piece**2
    if folded.min() < 1e-8 * folded.max():
        raise ValueError(
            f"hop={hop} leaves samples without weight under window={name!r} of {frame}; use a smaller hop."
        )
    return shape


def _frames(length: int, frame: int, hop: int) -> tuple[int, int]:
    """Zeros before the signal, and the number of frames: one begins at or before every sample."""
    before = frame - hop
    return before, -(-(before + length) // hop)
