"""Which object each component of the sound belongs to: all decided at once, by motion and by timbre."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]

_BLOCK = 20  # frames, about half a second: what is nearer in time is no evidence of its own
_RESAMPLED = 20  # regressions from which the shares of the weights are taken
_LEAST = 0.02  # share that an object always has of a component
_BANDS = 40
_INDEPENDENT = 3.0  # of the mel bands, as far as evidence goes: neighbours say the same
_SWEEPS = 5  # over the components; fewer where none changes any more


def assign(W: Array, H: Array, M: Array, rate: float, seed: int) -> Integers:
    """The most probable objects z of the components, each with the motion of one object.

    The thesis (Parekh 2019, §4.2) looks at one component after the other, and at its weight alone: close to chance
    where objects move alike. Here the components of an object must explain its motion together, and sound alike as in
    Mel clustering (Spiertz and Gnann, DAFx 2009), whose mel spectra these are. What is maximised is

        Σ_k log π_k(z_k) − B/2 Σ_j log ‖m_j − Σ_{k: z_k = j} a_k h_k‖² − 3K/2 log Σ_k e_k ‖f_k − f̄(z_k)‖²,

    the likelihood of motions and of mel spectra f (mean f̄ of an object, level e of a component) under Gaussian errors
    of unknown size, with a prior π: the share of each object in the component's weights, as the mean over regressions
    on resampled pieces of time (block bootstrap, Carlstein 1986). B is how many pieces there are. The search begins at
    the largest shares, changes one component at a time, and ends in a local maximum.

    Parameters
    ----------
    W : array (F, K)
        Patterns of a magnitude spectrogram.
    H : array (K, N)
        Activations.
    M : array (J, N)
        Motion of each object, ≥ 0; their levels do not matter.
    rate : float
        Of the sound, Hz.
    seed : int
        Of the resampling.

    Returns
    -------
    integers (K,)
        0…J − 1; not every object need have a component.

    >>> rng = np.random.default_rng(0)
    >>> H, W = rng.gamma(0.3, size=(6, 400)), np.kron(np.eye(2), np.ones((30, 3)))
    >>> assign(W, H, np.stack([H[:3].sum(axis=0), H[3:].sum(axis=0)]), 16000, seed=0).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    from nmfcore.models import mel_levels

    heard, seen = _unit(H), _unit(M)
    prior = _shares(heard, seen, seed)
    unexplained = _unexplained(heard, seen)
    blocks = M.shape[1] / _BLOCK
    spectra = mel_levels(W, rate, _BANDS).T  # (K, bands)
    loudness = np.linalg.norm(H, axis=1) * np.linalg.norm(W, axis=0)
    loudness = loudness / max(float(loudness.sum()), 1e-300)

    def probability(labels: Integers) -> float:
        own = labels == np.arange(len(M))[:, None]  # (J, K)
        motion = sum(np.log(unexplained(j, tuple(np.flatnonzero(mine)))) for j, mine in enumerate(own))
        return float(
            np.log(np.take_along_axis(prior, labels[:, None], axis=1)).sum()
            - blocks / 2 * motion
            - _INDEPENDENT * len(labels) / 2 * np.log(max(_spread(spectra, loudness, own), 1e-12))
        )

    return _climb(prior.argmax(axis=1), np.argsort(-loudness), len(M), probability)


def _unit(rows: Array) -> Array:
    norm = np.linalg.norm(rows.astype(float), axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)


def _climb(labels: Integers, order: Integers, objects: int, probability: Callable[[Integers], float]) -> Integers:
    """Change one label after the other while the probability grows."""
    best = probability(labels)
    for _ in range(_SWEEPS):
        before = labels
        for k in order:
            for j in range(objects):
                trial = labels.copy()
                trial[k] = j
                found = probability(trial)
                if found > best + 1e-9:
                    labels, best = trial, found
        if before is labels:
            break
    return labels


def _shares(H: Array, M: Array, seed: int) -> Array:
    """Share of each object in the weights of each component, (K, J): mean over resampled pieces of time."""
    from scipy.optimize import nnls

    rng = np.random.default_rng(seed)
    pieces = np.array_split(np.arange(H.shape[1]), max(round(H.shape[1] / _BLOCK), 1))
    total = np.zeros((len(H), len(M)))
    for _ in range(_RESAMPLED):
        frames = np.concatenate([pieces[i] for i in rng.integers(len(pieces), size=len(pieces))])
        R, targets = _condensed(H[:, frames], M[:, frames])
        weights = np.stack([nnls(R, target)[0] for target in targets], axis=1)
        whole = weights.sum(axis=1, keepdims=True)
        total += np.where(whole > 0, weights / np.where(whole > 0, whole, 1), 1 / len(M))
    return np.maximum(total / _RESAMPLED, _LEAST)


def _unexplained(H: Array, M: Array) -> Callable[[int, tuple[int, ...]], float]:
    """Function (object, its components) → energy of its motion that they leave, by least squares with a ≥ 0."""
    from scipy.optimize import nnls

    R, targets = _condensed(H, M)
    outside = np.square(M).sum(axis=1) - np.square(targets).sum(axis=1)

    @cache
    def energy(j: int, components: tuple[int, ...]) -> float:
        left = nnls(R[:, components], targets[j])[1] if components else np.linalg.norm(targets[j])
        return max(float(left**2 + outside[j]), 1e-12)

    return energy


def _condensed(H: Array, M: Array) -> tuple[Array, Array]:
    """R and t (J, …), so that ‖R a − t_j‖² is ‖Hᵀ a − m_j‖² but for a constant: few rows in place of many frames."""
    Q, R = np.linalg.qr(H.T)
    return R, M @ Q


def _spread(spectra: Array, loudness: Array, own: Array) -> float:
    """Weighted squared distance of mel spectra (K, bands) from the mean of their object."""
    weights = own * loudness  # (J, K)
    weights = weights[weights.any(axis=1)]
    means = weights @ spectra / weights.sum(axis=1, keepdims=True)
    return float(sum(w @ np.square(spectra - mean).sum(axis=1) for w, mean in zip(weights, means, strict=True)))
