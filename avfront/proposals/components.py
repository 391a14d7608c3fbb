"""NMF component proposals (W §2.1; A §III-D): what one spectral pattern sounds like, in pieces.

KL-NMF of the magnitude spectrogram of each clip, V ≈ WH; component k gets the share w_k h_k / WH of the complex
spectrogram, goes back to a waveform, and that through the front end of every other sound.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

import nmfcore
from avfront.proposals import log_mel
from avfront.proposals.found import Array, Indices, Settings, Times

POINTS = 1024  # of the Fourier transform, half overlapping: 64 and 32 ms
# Samples of the components of a clip that are worked on at a time: two of 10 s. What is larger neither fits into the
# caches nor is kept by the allocator, and took twice as long.
_AT_ONCE = 2 * 10 * log_mel.RATE

Sound = npt.NDArray[np.float32]
Factors = tuple[Array, Array]  # patterns (513, K) and activations (K, N)
Spectrogram = npt.NDArray[np.complex64]


def spectrogram(sound: npt.ArrayLike) -> Spectrogram:
    """Complex spectrograms (…, 513, N) of sounds (…, T) at 16 kHz, sine windows of 1024 samples.

    >>> spectrogram(np.zeros(160000)).shape
    (513, 314)
    """
    return nmfcore.stft(np.asarray(sound, np.float32), POINTS, POINTS // 2)


def waveform(spectra: Spectrogram, length: int) -> Sound:
    """Sounds (…, length) of (…, 513, N): the inverse of :func:`spectrogram`."""
    return nmfcore.istft(spectra, POINTS, POINTS // 2, length=length)


def factorize(sounds: Sequence[Sound], settings: Settings, *, device: str = "auto") -> list[Factors]:
    """Patterns (513, K) and activations (K, N) of the magnitudes of each sound, all in one ragged call of nmfcore.

    Each sound starts from the same random numbers, so that its result does not depend on what else is in the batch.

    >>> tone = np.sin(np.arange(20000) / 5).astype(np.float32)
    >>> [(W, H), _] = factorize([tone, tone[:9000]], Settings(components=3, iterations=5))
    >>> W.shape, H.shape
    ((513, 3), (3, 41))
    """
    magnitudes = [np.abs(spectrogram(sound)) for sound in sounds]
    starts = [_start(V, settings) for V in magnitudes]
    fit = nmfcore.nmf(
        magnitudes,
        settings.components,
        beta=1,
        W=[W for W, _ in starts],
        H=[H for _, H in starts],
        n_iter=settings.iterations,
        device=device,
    )
    return list(zip(fit.W, fit.H, strict=True))


def propose(sound: Sound, patterns: Array, activations: Array) -> tuple[Array, Times, Indices]:
    """Log-mel patches (Q, 96, 64) of every component of a sound (T,), their begin and end (Q, 2), and its index (Q,).

    Without overlap: K × 10 for 10 s. The components' sounds add up to the mixture.
    """
    K = len(activations)
    X = spectrogram(sound)
    model = patterns @ activations
    # Where nothing is modelled there was nothing.
    ratio = np.divide(X, model, out=np.zeros_like(X), where=model > 0)
    found = []
    block = max(1, _AT_ONCE // len(sound))
    for k in range(0, K, block):
        parts = patterns.T[k : k + block, :, None] * activations[k : k + block, None, :]  # (block, 513, N)
        found.append(log_mel.patches(waveform(parts * ratio, len(sound)))[0])
    times = log_mel.patches(sound)[1]
    ncp = np.concatenate(found)
    return ncp.reshape(-1, *ncp.shape[2:]), np.tile(times, (K, 1)), np.repeat(np.arange(K), len(times))


def _start(V: Array, settings: Settings) -> Factors:
    """|Gaussian| factors with the mean of V."""
    rng = np.random.default_rng(settings.seed)
    scale = np.float32(np.sqrt(V.mean() / settings.components))
    W = rng.standard_normal((V.shape[0], settings.components), np.float32)
    H = rng.standard_normal((settings.components, V.shape[1]), np.float32)
    return scale * np.abs(W), scale * np.abs(H)
