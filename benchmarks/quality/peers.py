"""What others do on the same mixtures: pyroomacoustics' blind methods, and the two ends of the scale.

Blind methods return sources in no particular order: `assigned` chooses it by the truth (which flatters
them). All estimates are images at both microphones.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scores import sdr

Array = NDArray[Any]
FRAME = 1024  # 64 ms
DEMIXING = 2048  # methods that invert a matrix per bin take longer frames


def _frames(mix: Array, frame: int, overlap: int = 4) -> Array:
    """STFT (N, F, I) by pyroomacoustics, Hann, with a frame of silence before and after."""
    from pyroomacoustics.transform import stft

    hop = frame // overlap
    padded = np.pad(mix, ((0, 0), (frame, frame + hop))).T
    return np.asarray(stft.analysis(padded, frame, hop, win=_hann(frame)))


def _signals(X: Array, frame: int, length: int, overlap: int = 4) -> Array:
    """Back to samples: X (N, F, C) -> (C, T)."""
    from pyroomacoustics.transform import stft

    hop = frame // overlap
    synthesis = stft.compute_synthesis_window(_hann(frame), hop)
    samples = stft.synthesis(X, frame, hop, win=synthesis)
    # Analysis frame n ends at sample (n+1)·hop of the padded input: the output is late by frame - hop.
    late = frame - hop
    return samples[frame + late : frame + late + length].T


def _hann(frame: int) -> Array:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame))


def _to_images(Y: Array, W: Array) -> Array:
    """Demixed Y (N, F, J) and demixing W (F, J, I) -> images (J, N, F, I) at the microphones."""
    return np.einsum("fij,nfj->jnfi", np.linalg.inv(W), Y)


def auxiva(mix: Array) -> Array:
    """AuxIVA (Ono 2011), projected back: images (I, I, T)."""
    import pyroomacoustics as pra

    Y, W = pra.bss.auxiva(_frames(mix, DEMIXING), n_iter=50, proj_back=False, return_filters=True)
    return np.stack([_signals(image, DEMIXING, mix.shape[1]) for image in _to_images(Y, W)])


def ilrma(mix: Array, seed: int = 0) -> Array:
    """ILRMA (Kitamura et al. 2016), projected back: images (I, I, T)."""
    import pyroomacoustics as pra

    with _seeded(seed):
        Y, W = pra.bss.ilrma(_frames(mix, DEMIXING), n_iter=100, n_components=2, proj_back=False, return_filters=True)
    return np.stack([_signals(image, DEMIXING, mix.shape[1]) for image in _to_images(Y, W)])


def fastmnmf2(
    mix: Array,
    frame: int = FRAME,
    overlap: int = 4,
    n_iter: int = 100,
    seed: int = 0,
    n_src: int = 2,
) -> Array:
    """FastMNMF2 (Sekiguchi et al. 2020): images (J, I, T)."""
    import pyroomacoustics as pra

    X = _frames(mix, frame, overlap)
    with _seeded(seed):
        images = pra.bss.fastmnmf2(X, n_src=n_src, n_iter=n_iter, n_components=8, mic_index="all")  # (I, N, F, J)
    return np.stack([_signals(np.moveaxis(images[..., j], 0, -1), frame, mix.shape[1], overlap) for j in range(n_src)])


def gaussmnmf(mix: Array, seed: int = 0, n_src: int = 2) -> Array:
    """Multichannel NMF with full-rank covariances (Sawada et al. 2013) by ssspy: images (J, I, T)."""
    from ssspy.bss.mnmf import GaussMNMF

    X = _frames(mix, FRAME, 2)  # (N, F, I)
    scale = np.sqrt(np.mean(np.abs(X) ** 2))
    method = GaussMNMF(8, n_src, rng=np.random.default_rng(seed), record_loss=False)
    x = np.transpose(X, (2, 1, 0)) / scale  # (I, F, N)
    method(x, n_iter=30)
    v = method.basis @ method.activation  # (J, F, N)
    parts = v[..., None, None] * method.spatial[:, :, None]  # (J, F, N, I, I)
    gains = parts @ np.linalg.inv(parts.sum(axis=0))
    images = np.einsum("jfnab,bfn->jnfa", gains, x) * scale
    return np.stack([_signals(image, FRAME, mix.shape[1], 2) for image in images])


def mixture(mix: Array, n_src: int = 2) -> Array:
    """The mixture itself as the estimate of every source: where the scale begins."""
    return np.stack([mix] * n_src)


def oracle(images: Array) -> Array:
    """Multichannel Wiener filter with the true variances and covariances: where this model's scale ends.

    `R_j` and `v_j` are fitted to each true image by the model's own alternation (Duong et al. 2010).
    """
    spectra = np.stack([_frames(image, FRAME) for image in images])  # (J, N, F, I)
    channels = spectra.shape[-1]
    outer = spectra[..., :, None] * spectra[..., None, :].conj()  # (J, N, F, I, I)
    floor = 1e-10 * np.mean(np.abs(spectra) ** 2)
    v = np.mean(np.abs(spectra) ** 2, axis=-1) + floor  # (J, N, F)
    for _ in range(10):
        R = np.mean(outer / v[..., None, None], axis=1)  # (J, F, I, I)
        R += 1e-6 * np.eye(channels) * np.trace(R, axis1=-2, axis2=-1).real[..., None, None]
        v = np.einsum("jfab,jnfba->jnf", np.linalg.inv(R), outer).real / channels + floor
    parts = v[..., None, None] * R[:, None]
    gains = parts @ np.linalg.inv(parts.sum(axis=0))
    estimates = np.einsum("jnfab,nfb->jnfa", gains, spectra.sum(axis=0))
    return np.stack([_signals(estimate, FRAME, images.shape[-1]) for estimate in estimates])


def assigned(true: Array, found: Array) -> Array:
    """Of blind estimates (M, I, T) the one nearest to each true image (J, I, T), the rest added to the last."""
    best, chosen = -np.inf, ()
    for order in itertools.permutations(range(len(found)), len(true)):
        value = float(sdr(true, found[list(order)]).mean())
        if value > best:
            best, chosen = value, order
    images = found[list(chosen)].copy()
    images[-1] += found.sum(axis=0) - images.sum(axis=0)
    return images


class _seeded:
    """pyroomacoustics draws from NumPy's global generator: seed it inside, and put it back after."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> None:
        self.state = np.random.get_state()
        np.random.seed(self.seed)

    def __exit__(self, *_: object) -> None:
        np.random.set_state(self.state)
