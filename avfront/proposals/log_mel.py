"""Log-mel patches as VGGish's own front end makes them (Hershey et al., ICASSP 2017), of many sounds at once."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.proposals.found import PATCH, Array, Times

RATE = 16000  # Hz
FRAME, HOP, POINTS = 400, 160, 512  # samples: 25 ms, 10 ms, and of the Fourier transform
LOWEST, HIGHEST = 125.0, 7500.0  # Hz
OFFSET = np.float32(0.01)  # added before the logarithm
FRAMES, BANDS = PATCH
SECONDS = FRAMES * HOP / RATE  # that a patch stands for: 0.96


def log_mel(sound: npt.ArrayLike) -> Array:
    """Log-mel spectrograms (…, N, 64) of sounds (…, T) at 16 kHz, N = 1 + ⌊(T − 400) / 160⌋.

    Magnitudes of a 512-point transform of 25 ms under a periodic Hann window, every 10 ms; 64 triangles on the HTK mel
    scale between 125 and 7500 Hz (of height 1, not of equal area); log(mel + 0.01).

    >>> log_mel(np.zeros((2, 16000))).shape
    (2, 98, 64)
    """
    import scipy.fft

    sound = np.asarray(sound, np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME, axis=-1)[..., ::HOP, :]
    mel: Array = np.abs(scipy.fft.rfft(frames * _window(), POINTS)) @ mel_matrix()
    return np.log(mel + OFFSET)


def patches(sound: npt.ArrayLike, stride: float = SECONDS) -> tuple[Array, Times]:
    """Windows (…, P, 96, 64) of 0.96 s every `stride` s over sounds (…, T) at 16 kHz, and their begin and end (P, 2).

    A window counts if at least half of it lies within the sound, behind which there is silence: 20 of them with a
    stride of 0.48 s and 10 without overlap in 10 s, as in the papers. Windows that lie within the sound altogether
    are VGGish's own; VGGish itself drops the last, incomplete one.

    >>> sound = np.random.default_rng(0).standard_normal(160000)
    >>> both = [patches(sound, stride)[0].shape for stride in (0.48, 0.96)]
    >>> both
    [(20, 96, 64), (10, 96, 64)]
    """
    sound = np.asarray(sound, np.float32)
    step, length = round(stride * RATE / HOP), sound.shape[-1]
    count = max(1, 1 + (length - FRAMES * HOP // 2) // (step * HOP))
    frames = (count - 1) * step + FRAMES
    missing = max(0, (frames - 1) * HOP + FRAME - length)
    padded = np.pad(sound, [*[(0, 0)] * (sound.ndim - 1), (0, missing)])
    mel = log_mel(padded[..., : (frames - 1) * HOP + FRAME])  # (…, N, 64)
    cut = np.lib.stride_tricks.sliding_window_view(mel, FRAMES, axis=-2)[..., ::step, :, :]
    begin = np.arange(count) * step * HOP / RATE
    end = np.minimum(begin + SECONDS, length / RATE)
    return np.ascontiguousarray(np.swapaxes(cut, -1, -2)), np.stack([begin, end], axis=1)


@cache
def mel_matrix() -> Array:
    """Weights (257, 64) of the Fourier bins in the mel bands; the bin at 0 Hz is in none.

    >>> mel_matrix().shape, float(mel_matrix().max()) <= 1
    ((257, 64), True)
    """
    bins = _mel(np.linspace(0, RATE / 2, POINTS // 2 + 1))[:, None]
    edges = np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    weights[0] = 0
    return weights.astype(np.float32)


def _mel(hertz: Any) -> Any:
    """The mel scale of HTK."""
    return 1127.0 * np.log1p(hertz / 700.0)


@cache
def _window() -> Array:
    """A periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
